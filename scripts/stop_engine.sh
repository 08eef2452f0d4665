#!/bin/sh
# Stop the engine that start_engine.sh started, and no other.
set -eu
state=${GRADER_ENGINE_STATE:-/run/grader-engine}

if [ ! -f "$state/pid" ]; then
    exit 0
fi
pid=$(cat "$state/pid")
# Numbers are used again: make sure that this one is still a dockerd.
if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
    kill "$pid"
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.2
    done
fi
rm -f "$state/pid"
