#!/bin/sh
# Grade one submission in a sandbox that works on this machine. bubblewrap first: it needs no image.
set -eu
cd "$(dirname "$0")/.."
submission=$1

sandbox=auto
if bwrap --unshare-user --unshare-pid --ro-bind / / true 2>/dev/null; then
    sandbox=bubblewrap
fi
.venv/bin/grade "$submission" --sandbox "$sandbox"
echo "The report, to open in a browser: file://$PWD/reports/$(basename "$submission")/report.html"
