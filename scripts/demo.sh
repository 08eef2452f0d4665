#!/bin/sh
# Grade one submission in a sandbox that works on this machine. bubblewrap first: it needs no image.
set -eu
cd "$(dirname "$0")/.."
submission=$1

sandbox=auto
if bwrap --unshare-user --unshare-pid --ro-bind / / true 2>/dev/null; then
    sandbox=bubblewrap
fi
# A machine without control groups can show the demo too: the sample is the project's own. The report says so in red.
.venv/bin/grade "$submission" --sandbox "$sandbox" --allow-weak-sandbox
echo "The report, to open in a browser: file://$PWD/reports/$(basename "$submission")/report.html"
