#!/bin/sh
# SPDX-License-Identifier: MIT
# What measures. All of it wants a quiet machine.
#
#   run.sh [step] [--json] [--repeats N] [--sizes 18x16 72x64]
#                     one iteration of a stimulus optimisation, in turns with openretina, one thread each
#   run.sh forward [--json] [--repeats N] [--models trained large population]
#                     responses of all neurons to 64 stimuli, likewise
#   run.sh overhead [--json] [--repeats N] [key=value]...
#                     of jobs/demo.yaml on one rank: dealing, checksums and writing against computing
#   run.sh scaling [--json] [--repeats N] [key=value]...
#                     jobs/demo.yaml on one rank and on two, in turns
#   run.sh dispatch [RANKS] [--seconds S] [--tasks-ms LIST]
#                     tasks dealt a second to RANKS (default 64) oversubscribed ranks
#   run.sh constants  what messages and decisions take here: the numbers that `simulate` is fed with
#   run.sh population [--neurons N] [--stimuli P] [--block B] [--repeats R] [gram32|gram64|eigen]...
#                     correlations and principal components of N neurons: ScaLAPACK on one rank and on two,
#                     in turns with OpenBLAS
#   run.sh population_job [--neurons N] [--stimuli P] [--folder DIR]
#                     a job of three analyses from file to file, on one rank and on two
#   run.sh simulate [--option value]...
#                     efficiency of the dealing on up to 100,000 simulated ranks (--help: options)
#
#   BUILD   build directory (default: build beside the sources; what is missing is built here)
#   PYTHON  for step and forward an interpreter of an environment with openretina
#           (tests/peer/make_venv.sh makes one)
set -eu
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
SOURCE=$(CDPATH='' cd -- "$HERE/../.." && pwd)
BUILD=${BUILD:-$SOURCE/build}
PYTHON=${PYTHON:-python3}

what=step
case ${1:-} in
step | forward | overhead | scaling | dispatch | constants | simulate | population | population_job)
    what=$1
    shift
    ;;
esac

build() {
    for program in "$@"; do
        [ -x "$BUILD/$program" ] && continue
        [ -f "$BUILD/CMakeCache.txt" ] || cmake -S "$SOURCE" -B "$BUILD" -DCMAKE_BUILD_TYPE=Release >&2
        cmake --build "$BUILD" --target "$(basename "$program")" >&2
    done
}

scratch() {
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT TERM
}

# More ranks than cores: they leave the core to others when they wait.
oversubscribed() {
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
        OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none mpirun "$@"
}

against_peer() {
    build "tests/bench/bench_$what" insilico
    "$PYTHON" -c 'import openretina' 2>/dev/null || {
        echo "run.sh: $PYTHON has no openretina; make an environment with tests/peer/make_venv.sh DIR and" \
            "set PYTHON=DIR/bin/python" >&2
        exit 2
    }
    if [ "$what" = forward ]; then
        set -- --insilico "$BUILD/insilico" "$@"
    fi
    exec "$PYTHON" "$HERE/bench_$what.py" --program "$BUILD/tests/bench/bench_$what" "$@"
}

export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
case $what in
step | forward)
    against_peer "$@"
    ;;
overhead | scaling)
    build tests/bench/bench_overhead insilico
    exec "$PYTHON" "$HERE/bench_run.py" "$what" --program "$BUILD/tests/bench/bench_overhead" \
        --insilico "$BUILD/insilico" "$@"
    ;;
dispatch)
    ranks=64
    case ${1:-} in
    [0-9]*)
        ranks=$1
        shift
        ;;
    esac
    build tests/bench/bench_dispatch
    scratch
    oversubscribed -n "$ranks" "$BUILD/tests/bench/bench_dispatch" "$folder" "$@"
    ;;
constants)
    build tests/bench/bench_dispatch tests/bench/simulate_scale
    scratch
    "$BUILD/tests/bench/simulate_scale" --constants "$folder"
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=0 \
        mpirun -n 2 "$BUILD/tests/bench/bench_dispatch" --constants
    ;;
population)
    build tests/bench/bench_population
    exec "$PYTHON" "$HERE/bench_population.py" --program "$BUILD/tests/bench/bench_population" "$@"
    ;;
population_job)
    build insilico
    exec "$PYTHON" "$HERE/bench_population_job.py" --program "$BUILD/insilico" "$@"
    ;;
simulate)
    build tests/bench/simulate_scale
    exec "$BUILD/tests/bench/simulate_scale" "$@"
    ;;
esac
