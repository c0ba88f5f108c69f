# shellcheck shell=bash
# The images that machines and etcd members start from. A tag carries the hash of all that went in, so an image is
# built once and a changed script is never missed.

readonly BASE_IMAGE=fleet-base:bookworm

# A Debian 12 on which apt works. Where no registry can be reached it is made from the computer's own mirrors, and
# then keeps those, since they are what can be reached from here.
base_image() {
    docker image inspect "$BASE_IMAGE" >/dev/null 2>&1 && return
    if docker pull --quiet debian:bookworm-slim >/dev/null 2>&1; then
        docker tag debian:bookworm-slim "$BASE_IMAGE"
        return
    fi
    say "no image to pull: making $BASE_IMAGE with mmdebstrap"
    local sources=() options=() file
    mapfile -t sources < <(grep -lE '(^|\s)bookworm(\s|$)' /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} \
        2>/dev/null | xargs --no-run-if-empty grep -lw main)
    # Proxies and the like.
    for file in /etc/apt/apt.conf.d/*; do
        if grep -q '^Acquire' "$file"; then options+=(--aptopt="$file"); fi
    done
    as_root mmdebstrap --quiet --variant=apt "${options[@]}" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' bookworm - "${sources[@]}" |
        docker import --message "mmdebstrap bookworm" - "$BASE_IMAGE" >/dev/null
}

# image ROLE: print the name of the image for `machine` or `etcd`, built now if need be.
image() {
    local role=$1 inputs=(scripts/provision scripts/machine) hash tag
    base_image
    hash=$({
        docker image inspect --format '{{.Id}}' "$BASE_IMAGE"
        cd "$ROOT" && find "${inputs[@]}" -type f -print0 | sort --zero-terminated | xargs -0 sha256sum
    } | sha256sum | cut -c1-12)
    tag=fleet-$role:$hash
    if ! docker image inspect "$tag" >/dev/null 2>&1; then
        say "building $tag"
        tar -C "$ROOT" -c "${inputs[@]}" | quietly docker build --target "$role" --build-arg BASE="$BASE_IMAGE" \
            --file scripts/machine/Dockerfile --tag "$tag" -
    fi
    echo "$tag"
}
