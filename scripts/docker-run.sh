#!/usr/bin/env bash
# Runs a container as a systemd service.
#
#   docker-run.sh [OPTION…] --name NAME [OPTION…] IMAGE [COMMAND…]    the arguments of `docker run`
#   docker-run.sh --cleanup NAME    for ExecStopPost=: when systemd has to kill the client, the container is still there
#
# A container NAME of the same arguments and image is started again, or joined when it runs; another one is replaced.
# Stays attached whatever -d says, since for systemd the service is this process; ends with the container's exit code.
set -euo pipefail

readonly LABEL=fleet.docker-run     # holds the digest of the arguments
readonly TRIES=50 PAUSE_SECONDS=0.2 # for an old container of this name to be gone
readonly START_SECONDS=30           # that a start takes on a loaded machine, and then some

# `docker run` takes these without a value. All its other options have one, in the same word or in the next.
readonly SWITCHES=' --disable-content-trust --help --init --interactive --no-healthcheck --oom-kill-disable
    --privileged --publish-all --quiet --read-only --rm --tty --use-api-socket '

die() {
    echo "docker-run.sh: $*" >&2
    exit 125 # what `docker run` itself exits with when there is no container to speak of
}

# Splits the arguments: `name`, `image`, what `docker create` and what `docker start` get. Options end at the image;
# what looks like one behind it belongs to the container's command.
parse() {
    local detached=false interactive=false takes_next
    name='' image='' create=() start=(--attach)
    while (($#)); do
        case $1 in
            --detach | --detach=*) detached=true ;;
            --sig-proxy | --sig-proxy=* | --detach-keys=*) ;;
            --detach-keys) shift ;;
            --name=*) name=${1#*=} && create+=("$1") ;;
            --name) name=${2-} && create+=("${@:1:2}") && shift ;;
            --) create+=(--) && shift && break ;;
            --*=*) create+=("$1") ;;
            --*)
                create+=("$1")
                if [[ $1 == --interactive ]]; then interactive=true; fi
                if [[ $SWITCHES != *[[:space:]]"$1"[[:space:]]* && $# -gt 1 ]]; then create+=("$2") && shift; fi
                ;;
            -?*)
                letters "${1#-}"
                if [[ $takes_next == true && $# -gt 1 ]]; then create+=("$2") && shift; fi
                ;;
            *) break ;;
        esac
        if (($#)); then shift; fi
    done
    image=${1-}
    create+=("$@")
    # -di means an input that stays open with nobody at it; the end of /dev/null must not reach the container.
    if [[ $interactive == true && $detached == false ]]; then start+=(--interactive); fi
}

# Short options in one word, as -dit or -p80:80: the first that is no switch has the rest of the word as its value.
letters() {
    local left=$1 kept=''
    takes_next=false
    while [[ -n $left ]]; do
        case $left in
            d=*) detached=true && break ;;
            d*) detached=true ;;
            [itPq]=*) kept+=$left && break ;;
            [itPq]*)
                kept+=${left:0:1}
                if [[ $left == i* ]]; then interactive=true; fi
                ;;
            ?) kept+=$left takes_next=true ;;
            *) kept+=$left && break ;;
        esac
        left=${left:1}
    done
    if [[ -n $kept ]]; then create+=("-$kept"); fi
}

# The container of exactly this name; to Docker the beginning of an id is a name as well.
find_container() {
    local answer
    if ! answer=$(docker container inspect --format \
        "{{.Name}} {{.Id}} {{.Image}} {{.State.Status}} {{.HostConfig.AutoRemove}} {{index .Config.Labels \"$LABEL\"}}" \
        "$1" 2>&1); then
        [[ ${answer,,} == *'no such container'* ]] || die "$answer"
        return 1
    fi
    read -r found id its_image status auto_remove its_digest <<<"$answer"
    [[ $found == "/$1" ]]
}

# Volumes without a name go with the container that they were made for: nobody could find them again.
remove() { docker container rm --force --volumes "$1" >/dev/null; }

# The name was taken: start what has it, or make room.
take_over() {
    find_container "$name" || return 0
    if [[ $status == removing || $status == dead || ($auto_remove == true && $status == exited) ]]; then
        sleep "$PAUSE_SECONDS" # the engine is about to remove it
    elif [[ $its_digest == "$digest" && $its_image == "$(image_id || echo "$its_image")" ]]; then
        attach
    else
        remove "$id" || sleep "$PAUSE_SECONDS"
    fi
}

# The same tag can name another image by now. When it names none, the container still has its own.
image_id() { docker image inspect --format '{{.Id}}' "$image" 2>/dev/null; }

# The client takes the script's place: one process, to which systemd's signals go and whose exit code is the container's.
attach() {
    mind_the_start </dev/null >/dev/null 2>&1 &
    exec docker start "${start[@]}" "$name"
}

# The client passes signals on, but one that comes while the container is still being started finds nobody, and a stop
# would then last until its timeout. systemd signals the whole control group, so this process hears it too.
mind_the_start() {
    local client=$$ begun heard='' signal started running
    trap 'signal=TERM heard=$(now)' TERM
    trap 'signal=INT heard=$(now)' INT
    begun=$(now)
    sleep "$START_SECONDS" &
    wait $! || true
    kill $! 2>/dev/null || true
    [[ -n $heard ]] || return 0
    # Answers only when a start under way is over.
    read -r running started < <(docker container inspect --format '{{.State.Running}} {{.State.StartedAt}}' "$name")
    if [[ $running == true && $started > $heard ]]; then
        docker container kill --signal "$signal" "$name" >/dev/null
    elif [[ $running == false && $started < $begun ]]; then
        kill -KILL "$client" # before it asks for the start
    fi
}

# As the engine writes it, so that the two compare as text.
now() { date --utc +%FT%T.%NZ; }

if [[ ${1-} == --cleanup ]]; then
    [[ -n ${2-} ]] || die "--cleanup needs the container's name"
    if find_container "$2"; then remove "$id"; fi
    exit
fi

parse "$@"
[[ -n $name ]] || die "needs --name, to find the container again"
digest=$(printf '%s\0' "$@" | sha256sum | cut -d' ' -f1)

# Created first and asked questions later: most often the name is free. Two steps instead of `docker run`, because
# only what cannot fail for the name any more can take the script's place.
for ((try = 0; try < TRIES; try++)); do
    if error=$(docker create --label "$LABEL=$digest" "${create[@]}" 2>&1 >/dev/null); then attach; fi
    [[ $error == *'is already in use by container'* ]] || die "$error"
    take_over
done
die "$error"
