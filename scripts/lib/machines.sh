# shellcheck shell=bash
# Containers of one cluster: what is there, making one, its network. Docker itself is the memory: names, labels and
# addresses are read back from it, so there is no state to go stale when a run is aborted.

readonly LABEL=fleet.cluster
readonly API_PORT=49153
readonly FIRST_ETCD=11 FIRST_MACHINE=101 # last byte of the addresses, counted up from here

container() { echo "$CLUSTER-$1"; }

# members [ROLE]: the names of the cluster's machines and etcd members, in order, running or not.
members() {
    docker ps --all --filter "label=$LABEL=$CLUSTER" ${1:+--filter "label=fleet.role=$1"} --format '{{.Names}}' |
        sed "s/^$CLUSTER-//" | sort --version-sort
}

# for_all COMMAND: run it with each name from the input, all at once; fail when one of them failed.
for_all() {
    local pids=() failed=0 name pid
    while read -r name; do
        "$1" "$name" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    return "$failed"
}

member() { docker container inspect "$(container "$1")" >/dev/null 2>&1 || die "no $1 in cluster $CLUSTER; there are: $(members | xargs)"; }

running() { [[ $(docker container inspect --format '{{.State.Running}}' "$(container "$1")") == true ]]; }

paused() { [[ $(docker container inspect --format '{{.State.Paused}}' "$(container "$1")") == true ]]; }

# The folder on this computer that is the data of an etcd member.
disk() { docker container inspect --format '{{range .Mounts}}{{.Source}}{{end}}' "$(container "$1")"; }

address() { docker container inspect --format "{{with index .NetworkSettings.Networks \"$CLUSTER\"}}{{.IPAMConfig.IPv4Address}}{{end}}" "$(container "$1")"; }

setting() { docker network inspect --format "{{index .Labels \"fleet.$1\"}}" "$CLUSTER"; }

# The first /24 of ours that no other network of this engine has.
make_network() {
    local third
    for third in {0..255}; do
        docker network create --label "$LABEL=$CLUSTER" --label "fleet.prefix=10.77.$third" --label "fleet.agent-ttl=$1" \
            --subnet "10.77.$third.0/24" "$CLUSTER" >/dev/null 2>&1 && return
    done
    die "no free network 10.77.x.0/24, or the engine refuses: docker network create --subnet 10.77.0.0/24 $CLUSTER"
}

# Known before the clock of any machine ticks.
declare -A IMAGES
find_images() { for role; do IMAGES[$role]=$(image "$role"); done; }

# create ROLE NAME LAST-BYTE [OPTION…] IMAGE [ARG…]
create() {
    local role=$1 name=$2 last=$3
    shift 3
    docker create --name "$(container "$name")" --hostname "$name" --network-alias "$name" \
        --label "$LABEL=$CLUSTER" --label "fleet.role=$role" \
        --network "$CLUSTER" --ip "$(setting prefix).$last" "$@" >/dev/null
}

create_etcd() {
    local name=$1 count=$2 ip peers=() i
    ip=$(setting prefix).$((FIRST_ETCD + ${name#etcd} - 1))
    for ((i = 1; i <= count; i++)); do
        peers+=("etcd$i=http://$(setting prefix).$((FIRST_ETCD + i - 1)):2380")
    done
    create etcd "$name" "${ip##*.}" "${IMAGES[etcd]}" --name "$name" --data-dir /var/lib/etcd \
        --quota-backend-bytes "$ETCD_QUOTA" --logger zap --log-level warn \
        --listen-client-urls http://0.0.0.0:2379 --advertise-client-urls "http://$ip:2379" \
        --listen-peer-urls "http://$ip:2380" --initial-advertise-peer-urls "http://$ip:2380" \
        --initial-cluster "$(IFS=,; echo "${peers[*]}")"
}

etcd_endpoints() {
    local name urls=()
    for name in $(members etcd); do urls+=("http://$(address "$name"):2379"); done
    (IFS=,; echo "${urls[*]}")
}

# create_machine NAME [METADATA]
create_machine() {
    local name=$1 disk=(hdd ssd) stage
    # --privileged asks for every capability, which fails where the kernel withholds one; these are what systemd and
    # a nested engine need. The engine's own layers cannot lie on an overlay, hence the volume.
    create machine "$name" $((FIRST_MACHINE + ${name#m} - 1)) --cap-add ALL --cap-drop SYS_RESOURCE \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined --cgroupns=private \
        --stop-timeout 60 --tmpfs /run --tmpfs /run/lock --tmpfs /tmp:exec --volume /var/lib/docker "${IMAGES[machine]}"
    stage=$(mktemp -d "$SCRATCH.XXXXXX")
    install -D -m 644 "$SSH_KEY.pub" "$stage/etc/ssh/authorized_keys"
    if [[ $BARE != true ]]; then
        stage_fleet "$stage"
        configure_fleet "$stage" "$name" "machine=$name,${2:-disk=${disk[${name#m} % 2]}}"
    fi
    unload "$stage" "$name"
}

stage_fleet() { make --silent --no-print-directory -C "$ROOT" install DESTDIR="$1" PREFIX=/usr BIN="$BIN"; }

# What an administrator does after installing the package.
configure_fleet() {
    local etc=$1/etc
    mkdir -p "$etc"/systemd/system/{multi-user.target.wants,sockets.target.wants,fleet.socket.d}
    ln -s /usr/lib/systemd/system/fleet.service "$etc/systemd/system/multi-user.target.wants/"
    ln -s /usr/lib/systemd/system/fleet.socket "$etc/systemd/system/sockets.target.wants/"
    # The computer's own fleetctl reaches the API over the cluster's private network.
    printf '[Socket]\nListenStream=%s\n' "$API_PORT" >"$etc/systemd/system/fleet.socket.d/cluster.conf"
    cat >"$etc/fleet/fleet.conf" <<CONF
etcd_servers=$(etcd_endpoints)
public_ip=$(address "$2")
agent_ttl=$(setting agent-ttl)
metadata=$3
CONF
}

# unload DIR NAME: lay the files in DIR over those of the machine, as root's, and forget DIR.
unload() {
    # Entries by name: the mode of DIR itself must not become that of the machine's root directory.
    (cd "$1" && tar --owner=0 --group=0 -c -- *) | docker cp - "$(container "$2"):/"
    rm -r "$1"
}

upgrade() {
    local stage
    stage=$(mktemp -d "$SCRATCH.XXXXXX")
    stage_fleet "$stage"
    rm -r "${stage:?}/etc"
    unload "$stage" "$1"
    docker exec "$(container "$1")" sh -c 'systemctl daemon-reload && systemctl restart fleet'
}

# boot NAME: start it and wait until it can do its work.
boot() {
    docker start "$(container "$1")" >/dev/null
    case $1 in
        etcd*) ;; # members wait for each other; whoever uses them waits for an answer
        *) wait_for 60 "$1 to boot" booted "$1" ;;
    esac
}

booted() { docker exec "$(container "$1")" systemctl is-active --quiet multi-user.target; }

# The removal that an aborted run began may still be under way.
remove() {
    docker rm --force --volumes "$(container "$1")" >/dev/null 2>&1 || wait_for 30 "$1 to be gone" gone "$1"
}

gone() { ! docker container inspect "$(container "$1")"; }

first_process() { docker container inspect --format '{{.State.Pid}}' "$(container "$1")"; }

# The computer's end of a machine's cable: the interface whose index eth0 in the container names as its peer.
cable() {
    local index
    index=$(as_root cat "/proc/$(first_process "$1")/root/sys/class/net/eth0/iflink" 2>/dev/null) || return
    ip -oneline link | sed -n "s/^$index: \([^@:]*\).*/\1/p"
}

bridge() { echo "br-$(docker network inspect --format '{{slice .Id 0 12}}' "$CLUSTER")"; }

# in_network_of NAME COMMAND…: run a program of this computer in a machine's network.
in_network_of() { as_root nsenter --net --target "$(first_process "$1")" "${@:2}"; }

# drop NAME in|out [RULE…]: drop packets that a rule of iptables matches, before anything else in the machine sees them.
drop() {
    local way=(PREROUTING --in-interface)
    [[ $2 == in ]] || way=(OUTPUT --out-interface)
    in_network_of "$1" iptables --table raw --append "${way[@]}" eth0 "${@:3}" --jump DROP
}

plugged_in() { ip -oneline link show "$(cable "$1")" | grep -q " master "; }
