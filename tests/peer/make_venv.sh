#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the virtual environment in which openretina runs: make_venv.sh DIR
#
# openretina goes in without its dependencies, because those would bring builds for graphics cards
# and packages which only its training uses; requirements.txt lists what its modules import.
# Returns at once when DIR is already complete. PYTHON chooses the interpreter (3.11 or later).
set -eu

TORCH=torch==2.13.0
OPENRETINA=openretina==1.1.1
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
PYTHON=${PYTHON:-python3}

fail() {
    echo "make_venv.sh: $*" >&2
    exit 1
}

[ $# -eq 1 ] && [ -n "$1" ] || fail "usage: make_venv.sh DIR"
DIR=$1
case $DIR in *[[:space:]]*) fail "$DIR: a path with white space does not work" ;; esac
STAMP=$DIR/.complete
LOG=$DIR/make_venv.log

command -v "$PYTHON" >/dev/null || fail "$PYTHON not found; set PYTHON to an interpreter"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or later is needed, $PYTHON is $("$PYTHON" -V 2>&1)"

# The script is part of the sum: it holds the versions of torch and openretina.
WANTED=$(cat "$HERE/requirements.txt" "$HERE/make_venv.sh" | sha256sum)
if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$WANTED" ]; then
    echo "$DIR is complete"
    exit 0
fi

# Never fill a directory that is something else.
if [ -d "$DIR" ] && [ ! -f "$DIR/pyvenv.cfg" ] && [ -n "$(ls -A "$DIR")" ]; then
    fail "$DIR exists and is not a virtual environment"
fi

# step DESCRIPTION COMMAND...: one line on the screen, the rest in the log
step() {
    echo "$1"
    description=$1
    shift
    if ! "$@" >>"$LOG" 2>&1; then
        tail -n 5 "$LOG" >&2
        fail "failed: $description (details in $LOG)"
    fi
}

echo "creating $DIR"
mkdir -p "$DIR"
rm -f "$STAMP"
: >"$LOG"
"$PYTHON" -m venv "$DIR" >>"$LOG" 2>&1 ||
    fail "cannot create a virtual environment (is the venv module installed?), details in $LOG"
PIP="$DIR/bin/python -m pip install --disable-pip-version-check --no-input"
# $PIP unquoted: a command with its options.
step "installing $TORCH" $PIP "$TORCH"
step "installing $OPENRETINA" $PIP --no-deps "$OPENRETINA"
step "installing requirements.txt" $PIP --no-deps -r "$HERE/requirements.txt"
step "importing openretina" "$DIR/bin/python" -c \
    "import openretina.models.core_readout, openretina.insilico, xarray, h5netcdf, netCDF4"
echo "$WANTED" >"$STAMP"
echo "$DIR is complete"
