#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, and runs the demo or the tests; `sh cmake/setup.sh help` says how.
set -eu

ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$ROOT"

# All that is ever installed, by the names of Debian 12 (bookworm).
PACKAGES_BUILD="gcc libc6-dev cmake ninja-build pkg-config openmpi-bin libopenmpi-dev libhdf5-openmpi-dev
    libzip-dev libfyaml-dev librandom123-dev libxxhash-dev libssl-dev libcurl4-openssl-dev libpng-dev
    libcminpack-dev libscalapack-openmpi-dev libopenblas-dev"
PACKAGES_DEMO="hdf5-tools"
PACKAGES_TEST="libcmocka-dev btrfs-progs hdf5-tools openssl strace python3 python3-xarray python3-h5netcdf iproute2 slurm-wlm munge"
PACKAGES_PEER="python3-venv"
PACKAGES_FUZZ="clang libclang-rt-14-dev"

help() {
    cat <<'END'
sh cmake/setup.sh VERB [options]

  demo     install what is missing, build, run jobs/demo.yaml on 2 ranks, say how to look at it
  test     install what is missing, build, run the tests
  build    install what is missing, build
  help     this text

  --peer        test: also compare with openretina (makes a Python environment in .venv-peer)
  --slow        test: also the slow tests
  --asan        build with AddressSanitizer and UBSan in build/asan; test then runs the unit tests
  --fuzz        test: run the fuzz targets for 10 seconds each, built by clang in build/fuzz
  --werror      warnings of the compiler are errors
  --fresh       demo: start over even if there are results
  --no-install  install nothing, take what CMake finds
  --dry-run     say what would be done, do nothing
  -j N          compile and test N at a time (default: the number of cores)
  -DNAME=VALUE  passed on to CMake

Libraries in a prefix of your own: CMAKE_PREFIX_PATH=DIR sh cmake/setup.sh build --no-install
(docs/installing.md). The program is built in build/.
END
}

say() { printf 'setup: %s\n' "$*"; }
die() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}
usage() {
    printf 'setup: %s; see sh cmake/setup.sh help\n' "$*" >&2
    exit 2
}

# run COMMAND...: what it prints is for the reader
run() {
    if $DRY; then echo "+ $*"; else "$@"; fi
}
# quietly COMMAND...: what it prints goes to the log
quietly() {
    if $DRY; then
        echo "+ $*"
    else
        echo "+ $*" >>"$LOG"
        "$@" >>"$LOG" 2>&1 </dev/null
    fi
}
# step WHAT COMMAND...: a line, and the end of the log when it fails
step() {
    say "$1"
    what=$1
    shift
    : >"$LOG"
    quietly "$@" && return
    tail -n 40 "$LOG" >&2
    [ -z "$MISSING" ] || advise
    die "failed: $what (all of it in $LOG)"
}

# --- packages -------------------------------------------------------------------------------------

# Those of the packages that are not installed.
missing_of() {
    for package in "$@"; do
        case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || :)" in
        installed*) ;;
        *) echo "$package" ;;
        esac
    done | paste -s -d ' ' -
}

# Sets SUDO to what gives root's rights: nothing, or sudo when it works or can ask for a password.
find_root() {
    SUDO=
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || return 1
    SUDO=sudo
    [ -t 0 ] || sudo -n true 2>/dev/null
}

advise() {
    say "to install by an administrator: apt-get update && apt-get install $MISSING"
}

# apt_get ARGUMENT...: as root, without questions, waiting for another apt to end
apt_get() {
    quietly $SUDO env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a \
        apt-get -o DPkg::Lock::Timeout=300 "$@"
}

# Installs $MISSING as far as possible. apt refuses a whole list for one name it does not know, so such
# names are told and left out first.
apt_install() {
    known=
    apt_get update || say "packages: not all lists could be updated, going on with what is known"
    for package in $MISSING; do
        if $DRY || [ -n "$(apt-cache madison "$package" 2>/dev/null)" ]; then
            known="$known $package"
        else
            say "packages: apt does not know $package (no network, or not Debian 12?)"
        fi
    done
    # shellcheck disable=SC2086 # a list of words
    [ -z "$known" ] || apt_get install -y --no-install-recommends $known || :
}

# Nothing here ends the script: what apt has not, CMake may find elsewhere.
install_packages() {
    MISSING=
    if ! command -v dpkg-query >/dev/null; then
        say "packages: this is not Debian; CMake looks for the libraries by itself"
        return 0
    fi
    MISSING=$(missing_of "$@")
    if [ -z "$MISSING" ]; then
        say "packages: all $# are installed"
        return 0
    fi
    if ! $INSTALL; then
        say "packages: not installed, as asked: $MISSING"
        return 0
    fi
    if ! find_root; then
        say "packages: neither root nor sudo, so these stay missing: $MISSING"
        advise
        return 0
    fi
    say "packages: installing $MISSING"
    : >"$LOG"
    apt_install
    $DRY || MISSING=$(missing_of "$@")
    [ -n "$MISSING" ] || return 0
    $DRY && return 0
    grep '^E: ' "$LOG" >&2 || :
    say "packages: could not be installed: $MISSING"
    advise
}

# --- build ----------------------------------------------------------------------------------------

need() {
    $DRY || command -v "$1" >/dev/null || {
        [ -z "$MISSING" ] || advise
        die "$1 is missing (Debian: $2)"
    }
}

# from_cache NAME: a value CMake has settled in the build directory
from_cache() {
    sed -n "s/^$1:[A-Z]*=//p" "$BUILD/CMakeCache.txt" 2>/dev/null || :
}

# A build directory keeps the generator it was made with, and Ninja need not be there in a prefix build.
generator() {
    settled=$(from_cache CMAKE_GENERATOR)
    if [ -n "$settled" ]; then
        echo "$settled"
    elif $DRY || command -v ninja >/dev/null; then
        echo Ninja
    else
        echo "Unix Makefiles"
    fi
}

# build TARGET
build() {
    need cmake cmake
    # Who only wants the program needs no test library; later the directory stays as it is.
    if [ "$VERB" = test ]; then
        set -- "$1" -DINSILICO_TESTS=ON
    elif [ ! -f "$BUILD/CMakeCache.txt" ]; then
        set -- "$1" -DINSILICO_TESTS=OFF
    fi
    target=$1
    shift
    [ -z "$PEER_PYTHON" ] || set -- "$@" "-DINSILICO_PEER_PYTHON=$PEER_PYTHON"
    # shellcheck disable=SC2086 # a list of words
    step "configuring $BUILD ($PRESET)" \
        cmake --preset "$PRESET" -G "$(generator)" -DINSILICO_WERROR=$WERROR "$@" $DEFINITIONS
    step "building (on $JOBS cores; progress in $LOG)" \
        cmake --build "$BUILD" --target "$target" -j "$JOBS"
}

# --- the verbs ------------------------------------------------------------------------------------

# Ranks may outnumber cores, and a container's user is root: both Open MPI refuses unless told.
mpi_environment() {
    export OPENBLAS_NUM_THREADS=1 OMPI_MCA_rmaps_base_oversubscribe=1
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    if [ "$CORES" -lt 2 ]; then
        export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
    fi
}

say_how_to_look() {
    cat <<END

The results are in $ROOT/$1. To look at them, in $ROOT:

  $PROGRAM status $1

  h5dump -H $1                       # what is in it
  h5dump -d objective_max $1         # one variable

  python3                            # Debian: python3-xarray python3-h5netcdf; pip: xarray h5netcdf
  >>> import xarray
  >>> results = xarray.open_dataset("$1", engine="h5netcdf")
  >>> print(results.objective.max("seed"))
END
}

demo() {
    # shellcheck disable=SC2086
    install_packages $PACKAGES_BUILD $PACKAGES_DEMO
    build insilico
    mpi_environment
    launcher=$(from_cache MPIEXEC_EXECUTABLE)
    results=$(sed -n 's/^output: *//p' jobs/demo.yaml)
    run mkdir -p "$(dirname -- "$results")"
    say "running jobs/demo.yaml on 2 ranks"
    status=0
    # shellcheck disable=SC2086
    run "${launcher:-mpirun}" -n 2 "$PROGRAM" run jobs/demo.yaml $FRESH || status=$?
    case $status in
    0) say_how_to_look "$results" ;;
    75) say "stopped; sh cmake/setup.sh demo goes on where it stopped" ;;
    *) say "the demo failed with status $status (--fresh starts over)" ;;
    esac
    exit "$status"
}

# The first interpreter that can make the environment.
peer_python() {
    for python in ${PYTHON:-} /usr/bin/python3 python3 python3.11 python3.12 python3.13; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
        then
            echo "$python"
            return 0
        fi
    done
    return 1
}

make_peer() {
    # Somebody may have one already.
    case $DEFINITIONS in *INSILICO_PEER_PYTHON=*) return 0 ;; esac
    say "environment of openretina: .venv-peer"
    python=$(peer_python) || $DRY ||
        die "no Python 3.11 or later with venv was found (Debian: python3 python3-venv), or set PYTHON"
    run env PYTHON="$python" sh tests/peer/make_venv.sh .venv-peer ||
        die "openretina could not be installed (needs the Python package index); leave out --peer"
    PEER_PYTHON=$ROOT/.venv-peer/bin/python
}

run_tests() {
    packages="$PACKAGES_BUILD $PACKAGES_TEST"
    if $PEER; then packages="$packages $PACKAGES_PEER"; fi
    if [ "$PRESET" = fuzz ]; then packages="$packages $PACKAGES_FUZZ"; fi
    # shellcheck disable=SC2086
    install_packages $packages
    if $PEER; then make_peer; fi
    if [ "$PRESET" = fuzz ]; then build fuzz; else build all; fi
    mpi_environment
    left_out=
    $PEER || left_out=peer
    $SLOW || left_out="${left_out:+$left_out|}slow"
    set --
    if [ "$PRESET" = asan ]; then
        # Under a launcher MPI's own findings would drown ours.
        set -- -L unit
        left_out="${left_out:+$left_out|}mpi"
        export ASAN_OPTIONS=fast_unwind_on_malloc=0
        export LSAN_OPTIONS="suppressions=$ROOT/tests/support/lsan.supp:print_suppressions=0"
        export UBSAN_OPTIONS=print_stacktrace=1
    fi
    [ "$PRESET" != fuzz ] || set -- -L fuzz
    [ -z "$left_out" ] || set -- "$@" -LE "$left_out"
    say "testing"
    run ctest --test-dir "$BUILD" -j "$JOBS" --output-on-failure --no-tests=error "$@" ||
        die "tests failed; one again: ctest --test-dir $BUILD -R NAME --output-on-failure"
    $DRY || say "all tests passed"
}

# --- the command line -----------------------------------------------------------------------------

CORES=$(nproc 2>/dev/null || echo 1)
VERB='' JOBS=$CORES DEFINITIONS='' FRESH='' MISSING='' PEER_PYTHON='' WERROR=OFF PRESET=release
DRY=false INSTALL=true PEER=false SLOW=false
while [ $# -gt 0 ]; do
    case $1 in
    demo | test | build | help) VERB=$1 ;;
    -h | --help) VERB=help ;;
    --peer) PEER=true ;;
    --slow) SLOW=true ;;
    --asan) PRESET=asan ;;
    --fuzz) PRESET=fuzz ;;
    --werror) WERROR=ON ;;
    --fresh) FRESH=--fresh ;;
    --no-install) INSTALL=false ;;
    --dry-run) DRY=true ;;
    -j)
        JOBS=${2:-}
        if [ $# -gt 1 ]; then shift; fi
        ;;
    -j?*) JOBS=${1#-j} ;;
    -D?*=*[[:space:]]*) usage "$1: values with spaces go to CMake directly, not through this script" ;;
    -D?*=*) DEFINITIONS="$DEFINITIONS $1" ;;
    *) usage "unknown: $1" ;;
    esac
    shift
done
case $JOBS in '' | *[!0-9]* | 0) usage "-j wants a number" ;; esac

BUILD=build
[ "$PRESET" = release ] || BUILD=build/$PRESET
PROGRAM=$BUILD/insilico
if $DRY || [ "$VERB" = help ] || [ -z "$VERB" ]; then
    LOG=/dev/null
else
    LOG=$BUILD/setup.log
    mkdir -p "$BUILD"
fi
case $VERB in
demo) demo ;;
test) run_tests ;;
build)
    # shellcheck disable=SC2086
    install_packages $PACKAGES_BUILD
    build all
    say "the program is $ROOT/$PROGRAM"
    ;;
help) help ;;
*) usage "say what to do: demo, test, build or help" ;;
esac
