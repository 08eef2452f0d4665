#!/bin/sh
# Runs once, when Gradescope builds the autograder's image: root, with a network.
set -eu
here=${AUTOGRADER_SOURCE:-/autograder/source}

if ! command -v bwrap >/dev/null 2>&1 || ! python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bubblewrap python3 python3-venv >/dev/null
fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup: Python 3.11 or later is needed, and this image has $(python3 --version); choose a newer base image" >&2
    exit 1
}
python3 -m venv "$here/venv"
"$here/venv/bin/python" -m pip install -q --disable-pip-version-check -c "$here/constraints.txt" -r "$here/requirements.txt"
