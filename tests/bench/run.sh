#!/bin/sh
# SPDX-License-Identifier: MIT
# Compares with openretina, one thread each, in turns; wants a quiet machine. Each takes a few minutes.
#
#   run.sh [step] [--json] [--repeats N] [--sizes 18x16 72x64]      one iteration of a stimulus optimisation
#   run.sh forward [--json] [--repeats N] [--models trained large population]
#                                                                   responses of all neurons to 64 stimuli
#
#   BUILD   build directory (default: build beside the sources; what is missing is built here)
#   PYTHON  interpreter of an environment with openretina (tests/peer/make_venv.sh makes one)
set -eu
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
SOURCE=$(CDPATH='' cd -- "$HERE/../.." && pwd)
BUILD=${BUILD:-$SOURCE/build}
PYTHON=${PYTHON:-python3}

what=step
case ${1:-} in
step | forward)
    what=$1
    shift
    ;;
esac
if [ ! -x "$BUILD/tests/bench/bench_$what" ] || [ ! -x "$BUILD/insilico" ]; then
    cmake -S "$SOURCE" -B "$BUILD" >&2
    cmake --build "$BUILD" --target "bench_$what" insilico >&2
fi
"$PYTHON" -c 'import openretina' 2>/dev/null || {
    echo "run.sh: $PYTHON has no openretina; make an environment with tests/peer/make_venv.sh DIR and set" \
        "PYTHON=DIR/bin/python" >&2
    exit 2
}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
if [ "$what" = forward ]; then
    set -- --insilico "$BUILD/insilico" "$@"
fi
exec "$PYTHON" "$HERE/bench_$what.py" --program "$BUILD/tests/bench/bench_$what" "$@"
