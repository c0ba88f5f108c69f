# shellcheck shell=bash
# What every script here needs: words on stderr, root when it must be, Docker, bounded waits.

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# The engine's socket belongs to root and the group docker; ask sudo only when this user is neither.
docker() {
    if [[ -n ${DOCKER_HOST-} || -w /var/run/docker.sock ]]; then
        command docker "$@"
    else
        as_root docker "$@"
    fi
}

engine_answers() { docker version >/dev/null 2>&1; }

# wait_for SECONDS WHAT COMMAND…: try until the command succeeds; past the deadline say what was awaited and fail.
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || { say "gave up waiting for $what"; return 1; }
        sleep 0.1
    done
}

# quietly COMMAND…: show what it wrote only when it fails.
quietly() {
    local output
    output=$("$@" 2>&1) || { say "$output"; return 1; }
}
