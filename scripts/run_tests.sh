#!/bin/sh
# Run every test: those that only compute side by side, then those that grade, measure or count what is left behind.
# With arguments: one pytest with them.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

[ $# -eq 0 ] || exec "$python" -m pytest "$@"

alone="tests/kit/test_graded.py tests/report/test_browser.py"
ignored=$(printf -- '--ignore=%s ' $alone)
status=0
# shellcheck disable=SC2086 # one word a path
"$python" -m pytest -n 2 --dist load -q tests/kit tests/report tests/fuzz $ignored || status=$?
# shellcheck disable=SC2086
"$python" -m pytest $alone tests/sandbox tests/test_*.py || status=$?
exit "$status"
