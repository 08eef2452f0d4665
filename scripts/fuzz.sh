#!/bin/sh
# Fuzz the wire and the door: sh scripts/fuzz.sh [seconds for each target] [target...]. What is found ends as a test.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ "$#" -eq 0 ] || shift
[ "$#" -gt 0 ] || set -- wire_judge wire_worker door_zip door_tree
python=${PYTHON:-.venv/bin/python}
found=build/fuzz/findings

"$python" -c 'import atheris' 2>/dev/null || {
    echo "fuzz: atheris is not installed; it has builds for Linux on x86-64 and Python up to 3.13" >&2
    exit 2
}
mkdir -p "$found"
status=0
for target; do
    echo "fuzz: $target for $seconds s, log in build/fuzz/$target.log"
    mkdir -p "build/fuzz/corpus/$target"
    nice "$python" tests/fuzz/drive.py "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -max_len=16384 -dict=tests/fuzz/words.dict -print_final_stats=1 -artifact_prefix="$found/$target-" \
        "build/fuzz/corpus/$target" "tests/fuzz/seeds/$target" >"build/fuzz/$target.log" 2>&1 || status=1
    grep -E '^stat::number_of_executed_units|^INFO: seed corpus' "build/fuzz/$target.log" || tail -n 5 "build/fuzz/$target.log"
done
for finding in "$found"/*; do
    [ -f "$finding" ] || continue
    target=$(basename "$finding" | sed 's/-.*//')
    echo "fuzz: found $finding; keep it as a test: cp $finding tests/fuzz/seeds/$target/found-NAME, then mend what it breaks"
done
exit "$status"
