#!/bin/sh
# Turns a fresh box into machine NUMBER of the cluster: provision.sh NUMBER ITS-ADDRESS ETCD'S-ADDRESS
set -eu
number=$1 address=$2 etcd=$3

# What every machine needs is the same as in the containers of scripts/cluster.
roles=machine
if [ "$number" = 1 ]; then roles="machine etcd"; fi
# shellcheck disable=SC2086 # one role a word
/fleet/scripts/provision $roles

if [ "$number" = 1 ]; then
    cat >/etc/default/etcd <<ETCD
ETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:2379
ETCD_ADVERTISE_CLIENT_URLS=http://$etcd:2379
ETCD
    systemctl enable --quiet etcd
    systemctl restart etcd
fi

command -v make >/dev/null || apt-get install -qq -y --no-install-recommends make
make --silent -C /fleet install
cat >/etc/fleet/fleet.conf <<CONF
etcd_servers=http://$etcd:2379
public_ip=$address
metadata=machine=m$number
CONF
systemd-sysusers fleet.conf
systemd-tmpfiles --create fleet.conf
usermod --append --groups fleet vagrant
systemctl daemon-reload
systemctl enable --quiet fleet.socket fleet.service
systemctl restart fleet.socket fleet.service
