#!/bin/sh
# Run every test: most side by side, in two processes, then what fills both processors by itself or looks at every process.
# With arguments: one pytest with them.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

[ $# -eq 0 ] || exec "$python" -m pytest "$@"

alone="tests/kit/test_graded.py tests/test_crash.py tests/test_hostile.py tests/test_samples.py tests/test_validity.py"
# shellcheck disable=SC2086 # one word a path
others=$(printf -- '--ignore=%s ' $alone)
status=0
# shellcheck disable=SC2086
"$python" -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q $others tests || status=$?
# shellcheck disable=SC2086
"$python" -m pytest $alone || status=$?
exit "$status"
