#!/bin/sh
# SPDX-License-Identifier: MIT
# Compares one iteration of a stimulus optimisation with openretina: run.sh [--json] [--repeats N]
# [--sizes 18x16 72x64]. One thread each, in turns. Takes about two minutes; wants a quiet machine.
#
#   BUILD   build directory (default: build beside the sources; built here if bench_step is missing)
#   PYTHON  interpreter of an environment with openretina (tests/peer/make_venv.sh makes one)
set -eu
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
SOURCE=$(CDPATH='' cd -- "$HERE/../.." && pwd)
BUILD=${BUILD:-$SOURCE/build}
PYTHON=${PYTHON:-python3}

if [ ! -x "$BUILD/tests/bench/bench_step" ]; then
    cmake -S "$SOURCE" -B "$BUILD" >&2
    cmake --build "$BUILD" --target bench_step >&2
fi
"$PYTHON" -c 'import openretina' 2>/dev/null || {
    echo "run.sh: $PYTHON has no openretina; make an environment with tests/peer/make_venv.sh DIR and set" \
        "PYTHON=DIR/bin/python" >&2
    exit 2
}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$PYTHON" "$HERE/bench_step.py" --program "$BUILD/tests/bench/bench_step" "$@"
