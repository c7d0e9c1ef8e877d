#!/bin/sh
# SPDX-License-Identifier: MIT
# The Nth allocation, write, read or MPI call of a tiny job fails, for N = 1, 2, 3, ... until it runs clean; once,
# and with all that follow. lib.sh says what must hold each time.
# Usage: nth.sh SHIM.so KIND START [EVERY [FIRST]]
#   KIND   alloc, write, read (1 rank); mpi (2 ranks, the fault on one of them, then on the other); see shim.h
#   START  what is there before: nothing, damaged (results with a damaged row), longer (results of a shorter job)
#   EVERY  only every so manieth N, beginning with FIRST (left out: another one every day)
# MODES=once or MODES=persistent: only that. RANKS=2: so many ranks, the fault on each of them in turn; FAIL_ON="1":
# only on these. FROM=N: a FIRST that is left out is later than the Nth. JOB=tiny_population: another job (it has no
# START longer). PRELOAD_TOO=libasan.so for a program with AddressSanitizer.
. "$(dirname "$0")/lib.sh"
shim=$1 kind=$2 start=$3 every=${4:-1}
first=${5:-$((${FROM:-0} + $(date +%s) / 86400 % every + 1))}
begin_from "$start"

# A kind of MPI call that the shim lacks would never fail.
if [ "$kind" = mpi ]; then
  for call in $(nm -D --undefined-only "$INSILICO" | sed -n 's/^ *U \(MPI_[A-Za-z_]*\).*/\1/p'); do
    case $call in MPI_Init* | MPI_Finalized | MPI_Abort | MPI_Get_*version | MPI_Wtime | \
      MPI_Error_* | MPI_Comm_*errhandler | MPI_Query_thread) continue ;; esac
    nm -D --defined-only "$shim" | grep -q " T $call\$" || fail "$shim lacks $call; add it to shim_mpi.c"
  done
fi

campaign() {
  n=$first tried=0
  : >../statuses
  while :; do
    prepare
    rm -f ../count
    what="$kind:$n$onwards on rank $rank, from $before"
    disturbed "$n_ranks" LD_PRELOAD="$shim${PRELOAD_TOO:+:$PRELOAD_TOO}" "SHIM_FAIL=$kind:$n$onwards" \
      "SHIM_RANK=$rank" SHIM_BELOW="$here" SHIM_COUNT_FILE="$scratch/count"
    [ "$(sed 's/^0*//' ../count)" -ge "$n" ] 2>/dev/null || break
    tried=$((tried + 1))
    echo "$status" >>../statuses
    check_status
    check_message "$n_ranks"
    check_results
    [ "$kind" != alloc ] || ! ls ./*.damaged >/dev/null 2>&1 || bad "without memory, results were taken for damaged"
    n=$((n + every))
  done
  [ "$status" = 0 ] || bad "without a fault it does not run"
  [ "$tried" != 0 ] || bad "there are not so many: nothing failed"
  echo "${job##*/}, $kind:$first-$n step $every$onwards, rank $rank, from $before: $tried faults; statuses" \
    "$(sort -n ../statuses | uniq -c | awk '{printf "%s%s (%s times)", sep, $2, $1; sep = ", "}')"
}

case $kind in mpi) n_ranks=${RANKS:-2} ;; *) n_ranks=${RANKS:-1} ;; esac
for rank in ${FAIL_ON:-$(seq 0 $((n_ranks - 1)))}; do
  for mode in ${MODES:-once persistent}; do
    onwards=
    [ "$mode" = once ] || onwards=+
    campaign
  done
done
finish
