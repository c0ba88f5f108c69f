//! Units that the machines themselves have. Must not know fleet's.

use crate::unitfile::{UnitName, UnitType};

/// Services of common machines; `*` stands for the rest. No list is complete: who is not on it is
/// only asked about where a start depends on it.
const SERVICES: [&str; 39] = [
    "NetworkManager*",
    "auditd",
    "avahi-daemon",
    "chrony*",
    "cloud-*",
    "containerd*",
    "coreos-*",
    "crio*",
    "cron*",
    "dbus*",
    "docker*",
    "early-docker*",
    "etcd*",
    "firewalld",
    "flanneld*",
    "fleet*",
    "getty@*",
    "iptables*",
    "iscsi*",
    "keepalived",
    "kubelet*",
    "libvirt*",
    "lvm2-*",
    "multipathd",
    "network*",
    "nfs-*",
    "nftables",
    "ntp*",
    "podman*",
    "rpc*",
    "rsyslog",
    "serial-getty@*",
    "ssh*",
    "syslog*",
    "systemd-*",
    "update-engine*",
    "user@*",
    "wg-quick@*",
    "wpa_supplicant*",
];

/// Whether a unit is the machines' own: one of those above, or of a type that stands for a part of
/// the machine or a point of its start.
pub(super) fn is_of_machines(name: &UnitName) -> bool {
    let by_hand = matches!(
        name.unit_type(),
        UnitType::Service | UnitType::Socket | UnitType::Timer | UnitType::Path
    );
    !by_hand
        || SERVICES.iter().any(|known| match known.strip_suffix('*') {
            Some(begin) => name.as_str().starts_with(begin),
            None => name.stem() == *known,
        })
}

/// Services that are known by their whole name, for who writes nearly that.
pub(super) const SPELLED: [&str; 6] = [
    "containerd.service",
    "docker.service",
    "docker.socket",
    "etcd.service",
    "flanneld.service",
    "fleet.service",
];
