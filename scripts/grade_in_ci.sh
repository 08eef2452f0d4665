#!/bin/sh
# Grade as a step of a pipeline: reports in $OUT, the Markdown summary appended to $GITHUB_STEP_SUMMARY, and status, score
# and one line about it appended to $GITHUB_OUTPUT. Always ends with 0: a later step fails the job, after the reports were kept.
#
# SUBMISSION, RUBRIC, KIT, KEYS, SANDBOX, SEED, MIN_SCORE, OUT: as the inputs of action.yml; an empty one is left away
set -eu
grader=$(cd "$(dirname "$0")/.." && pwd)
out=${OUT:-reports}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $SUBMISSION in -*) SUBMISSION=./$SUBMISSION ;; esac # a name is no option
set -- "$SUBMISSION" --out "$out" --sandbox "${SANDBOX:-auto}" --summary "$work/summary.md" --junit "$out/junit.xml" --json
[ -z "${RUBRIC:-}" ] || set -- "$@" --rubric "$RUBRIC"
[ -z "${KIT:-}" ] || set -- "$@" --kit "$KIT"
[ -z "${SEED:-}" ] || set -- "$@" --seed "$SEED"
[ -z "${MIN_SCORE:-}" ] || set -- "$@" --min-score "$MIN_SCORE"
if [ -n "${KEYS:-}" ]; then
    (umask 077 && printf '%s\n' "$KEYS" >"$work/kits.toml")
    export GRADER_KEYS="$work/kits.toml"
fi
unset KEYS

"$grader/.venv/bin/grade" "$@" >"$work/scorecards" && status=0 || status=$?
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then exec 3>>"$GITHUB_STEP_SUMMARY"; else exec 3>&2; fi
[ ! -f "$work/summary.md" ] || cat "$work/summary.md" >&3
[ -z "${GITHUB_OUTPUT:-}" ] || exec >>"$GITHUB_OUTPUT"
"$grader/.venv/bin/python" -I "$grader/scripts/ci_line.py" "$status" "$work/scorecards"
