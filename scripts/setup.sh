#!/bin/sh
# Install what this machine lacks, then make .venv. Safe to run again: with nothing missing it only looks.
#
#   sh scripts/setup.sh demo    what `make demo` needs: make, Python 3.11 or later with venv, bubblewrap
#   sh scripts/setup.sh test    also what `make test` needs: a Docker engine, debootstrap, Chromium
#
# PYTHON                   the interpreter to use, instead of the first python3 that is new enough
# GRADER_EXTRA_INDEX_URL   where pip finds torch's build for CPUs (docs/pipelines.md, "The torch build")
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-demo}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# Print the first interpreter that is new enough and can make a virtual environment.
python() {
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if has "$name" && "$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return 0
        fi
    done
    return 1
}

missing_packages() {
    has make || echo make
    python >/dev/null || echo "python3 python3-venv"
    [ "$(uname)" != Linux ] || has bwrap || echo bubblewrap
    if [ "$purpose" = test ] && [ "$(uname)" = Linux ]; then
        has dockerd || docker version >/dev/null 2>&1 || echo docker.io
        [ -x /usr/sbin/debootstrap ] || has debootstrap || echo debootstrap
        has chromium || echo chromium
    fi
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# `sudo -n` fails where a password is needed; a person at a terminal can still type it.
may_be_root() { [ "$(id -u)" = 0 ] || { has sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; }

install_packages() {
    if ! has apt-get; then
        die "missing: $* (Debian's names). Install them with this system's package manager, then run again."
    elif ! may_be_root; then
        die "missing: $*. Neither root nor sudo here; ask for: apt-get install $*"
    fi
    say "installing $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

make_venv() {
    want="$(cat pyproject.toml constraints.txt | cksum) $("$1" --version)"
    if [ -x .venv/bin/grade ] && .venv/bin/python -c '' 2>/dev/null && [ "$(cat .venv/made-from 2>/dev/null)" = "$want" ]; then
        return 0
    fi
    .venv/bin/python -c '' 2>/dev/null || { rm -rf .venv && "$1" -m venv .venv; }
    say "installing the Python packages into .venv (a few minutes)"
    # torch by itself first, so that no other package is looked up in its index; 2.13.0+cpu ranks above 2.13.0.
    torch=$(sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
    .venv/bin/python -m pip install -qq -c constraints.txt ${GRADER_EXTRA_INDEX_URL:+--extra-index-url "$GRADER_EXTRA_INDEX_URL"} "$torch"
    .venv/bin/python -m pip install -qq -c constraints.txt -e '.[dev,cluster,server]'
    echo "$want" >.venv/made-from
}

missing=$(missing_packages)
# shellcheck disable=SC2086 # one word a package
[ -z "$missing" ] || install_packages $missing
interpreter=$(python) || die "no Python 3.11 or later with venv and ensurepip here; install one, or name it: PYTHON=/path/to/python3.12 make $purpose"
make_venv "$interpreter"
