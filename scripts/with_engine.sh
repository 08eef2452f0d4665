#!/bin/sh
# Run a command with a Docker engine: one that answers, else one that is started for it and stopped after it.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'engine: %s\n' "$*" >&2; }
answers() { timeout 10 docker version >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

stop() {
    status=$?
    trap - EXIT
    [ -z "${ours:-}" ] || as_root sh scripts/stop_engine.sh
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ours=""
if ! answers; then
    # Whether root's engine answers decides; that we may not speak to it is another matter, seen below.
    if ! as_root timeout 10 docker version >/dev/null 2>&1; then
        ours=yes
        as_root sh scripts/start_engine.sh
    fi
fi
if answers; then
    "$@"
elif sudo -g docker docker version >/dev/null 2>&1; then
    # The engine is for root and the group docker; be of that group for this one command.
    sudo -g docker env HOME="$HOME" PATH="$PATH" CI="${CI:-}" "$@"
else
    say "the engine answers root but not $(id -un); join the group docker (usermod -aG docker $(id -un)) and log in again"
    exit 1
fi
