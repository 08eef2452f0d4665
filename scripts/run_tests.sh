#!/bin/sh
# Run every test: most side by side, in two processes; then by itself what looks at every process; then what takes long.
# With arguments: one pytest with them.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

[ $# -eq 0 ] || exec "$python" -m pytest "$@"

alone="tests/kit/test_graded.py tests/test_crash.py"
long="tests/test_hostile.py tests/test_samples.py"
# shellcheck disable=SC2086 # one word a path
others=$(printf -- '--ignore=%s ' $alone $long tests/test_validity.py)
status=0
# shellcheck disable=SC2086
"$python" -m pytest -n 2 --dist loadfile -q $others tests || status=$?
# shellcheck disable=SC2086
"$python" -m pytest $alone || status=$?
# The corpus fills both processors for minutes; attacks spend much of their time waiting for limits.
log=$(mktemp)
"$python" -m pytest tests/test_validity.py >"$log" 2>&1 &
corpus=$!
trap 'kill "$corpus" 2>/dev/null; rm -f "$log"' EXIT
trap 'exit 130' INT TERM
# shellcheck disable=SC2086
"$python" -m pytest $long || status=$?
wait "$corpus" || status=$?
cat "$log"
exit "$status"
