#!/bin/sh
# Make the sandbox image without pulling anything: a base by debootstrap, the packages by pip download, and a build that
# has no network. Where a registry can be reached none of this is needed: `grade` builds the image on first use.
#
# Keeps: the base as the image grader-base:bookworm, the wheels in the user's cache folder. Both are used from then on.
#
# PYTHON                  an interpreter with the grader installed (.venv/bin/python)
# GRADER_EXTRA_INDEX_URL  an index, beside the configured one, that has torch's build for CPUs
# DEBIAN_MIRROR           where debootstrap finds Debian (its own default)
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
base=grader-base:bookworm
version=3.11 # of bookworm's Python, which the wheels must fit

say() { printf 'image: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

make_base() {
    [ "$(id -u)" = 0 ] || die "debootstrap needs root: sudo make image"
    PATH=$PATH:/usr/sbin command -v debootstrap >/dev/null || die "debootstrap is missing (Debian: apt-get install debootstrap)"
    say "making the base with debootstrap (about a minute)"
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    # shellcheck disable=SC2086 # no mirror, no word
    PATH=$PATH:/usr/sbin debootstrap --variant=minbase --include=python3,python3-venv bookworm "$root/base" ${DEBIAN_MIRROR:-} \
        >"$root/log" 2>&1 || { tail -n 5 "$root/log" >&2; die "debootstrap failed"; }
    # Nothing inside may gain rights: no set-uid programs, and no package lists that only weigh.
    find "$root/base" -xdev -perm /6000 -type f -exec chmod a-s {} +
    rm -rf "$root"/base/var/cache/apt/archives/*.deb "$root"/base/var/lib/apt/lists/*
    tar -C "$root/base" -c . | docker import - "$base" >/dev/null
    rm -rf "$root"
    trap - EXIT
}

# The packages and versions are those of the Dockerfile, and of constraints.txt for what they depend on.
fetch_wheels() {
    wheels=$("$python" -c 'from grader.sandbox.image import wheelhouse; print(wheelhouse())')
    wanted=$(grep -o '[a-z]*==[0-9.]*' Dockerfile | tr '\n' ' ')
    want="$wanted $(cksum <constraints.txt) $version"
    if [ "$(cat "$wheels/made-from" 2>/dev/null)" = "$want" ]; then
        return 0
    fi
    say "fetching the packages: $wanted"
    mkdir -p "$wheels"
    rm -f "$wheels"/*
    # shellcheck disable=SC2086 # one word a package
    "$python" -m pip download -q --disable-pip-version-check --only-binary :all: --python-version "$version" \
        ${GRADER_EXTRA_INDEX_URL:+--extra-index-url "$GRADER_EXTRA_INDEX_URL"} -c constraints.txt -d "$wheels" $wanted
    echo "$want" >"$wheels/made-from"
}

docker version >/dev/null 2>&1 || die "no Docker engine answers; as root: sh scripts/start_engine.sh"
docker image inspect "$base" >/dev/null 2>&1 || make_base
fetch_wheels
"$python" - <<'END'
from grader.sandbox import choose
choose("docker").prepare(print)
END
