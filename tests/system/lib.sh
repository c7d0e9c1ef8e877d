# SPDX-License-Identifier: MIT
# Shared by the system tests: a scratch directory, short ways to run, and checks that say what they saw.
# Needs INSILICO (program), MPIEXEC and SOURCE from CTest; run by hand they have defaults.
SOURCE=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
INSILICO=${INSILICO:-$SOURCE/build/insilico}
MPIEXEC=${MPIEXEC:-mpirun}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_orte_abort_on_non_zero_status=1

scratch=$(mktemp -d "${TMPDIR:-/tmp}/insilico-test-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# run RANKS JOB [overrides]: quietly; messages go to $scratch/log
run() {
  ranks=$1
  shift
  if [ "$ranks" = 1 ]; then
    "$INSILICO" run --quiet "$@" >"$scratch/log" 2>&1
  else
    "$MPIEXEC" -n "$ranks" "$INSILICO" run --quiet "$@" >"$scratch/log" 2>&1
  fi
}

fail() {
  echo "FAILED: $*" >&2
  [ -f "$scratch/log" ] && sed 's/^/  | /' "$scratch/log" >&2
  exit 1
}

# same A B WHAT: the two files are identical byte for byte
same() { cmp "$1" "$2" >&2 || fail "$3: files differ"; echo "identical: $3"; }
