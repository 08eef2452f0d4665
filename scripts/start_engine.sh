#!/bin/sh
# Start a Docker engine where none answers and we are root. It gets no network, which the sandbox never needs.
# Its number is kept, so that stop_engine.sh stops this engine and no other. Safe to run when one answers already.
set -eu
state=${GRADER_ENGINE_STATE:-/run/grader-engine}

say() { printf 'engine: %s\n' "$*" >&2; }

answers() { timeout 10 docker version >/dev/null 2>&1; }

if answers; then
    exit 0
fi
if [ -n "${DOCKER_HOST:-}" ]; then
    say "the engine that DOCKER_HOST names does not answer: $DOCKER_HOST"
    exit 1
fi
if [ "$(id -u)" != 0 ] || ! command -v dockerd >/dev/null 2>&1; then
    say "none answers, and only root with dockerd installed can start one (Debian: apt-get install docker.io)"
    exit 1
fi
mkdir -p "$state"
# Left by an engine that was killed, these keep the next one from starting.
for file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
    if [ -f "$file" ] && ! kill -0 "$(cat "$file")" 2>/dev/null; then
        rm -f "$file"
    fi
done
setsid dockerd --iptables=false --ip6tables=false --bridge=none </dev/null >"$state/log" 2>&1 &
pid=$!
echo "$pid" >"$state/pid"
tries=0
until answers; do
    tries=$((tries + 1))
    if [ "$tries" -gt 120 ] || ! kill -0 "$pid" 2>/dev/null; then
        say "dockerd did not come up; the end of $state/log:"
        tail -n 5 "$state/log" >&2
        kill "$pid" 2>/dev/null || true
        rm -f "$state/pid"
        exit 1
    fi
    sleep 0.5
done
say "started dockerd ($pid), log in $state/log; sh scripts/stop_engine.sh stops it"
