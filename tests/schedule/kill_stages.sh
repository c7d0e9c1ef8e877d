#!/bin/sh
# SPDX-License-Identifier: MIT
# A rank is killed in the middle of each stage, on 1, 2 and 3 ranks, and the run is gone on with on another
# number of them: the file is that of an undisturbed run. kill_stages.sh PROGRAM
program=$1
. "$(dirname "$0")/../system/lib.sh"

staged() { # staged RANKS OUTPUT
  "$MPIEXEC" -n "$1" "$program" run "$scratch" "$2" >"$scratch/log" 2>&1
}

staged 2 whole.h5 || fail "undisturbed run"
for ranks in 1 2 3; do
  for where in 0:13 1:77 2:21; do
    rm -f "$scratch/killed.h5"
    TROUBLE=kill:$where staged "$ranks" killed.h5 && fail "the run of $ranks ranks survived $where"
    sleep 0.2
    staged $((ranks % 3 + 1)) killed.h5 || fail "going on after $where"
    same "$scratch/whole.h5" "$scratch/killed.h5" "undisturbed and killed at task $where of $ranks ranks"
  done
done

# Once in every stage, one after the other.
rm -f "$scratch/killed.h5"
for where in 0:13 1:77 2:21; do
  TROUBLE=kill:$where staged 2 killed.h5 && fail "survived $where"
  sleep 0.2
done
staged 3 killed.h5 || fail "going on after three kills"
same "$scratch/whole.h5" "$scratch/killed.h5" "undisturbed and killed in every stage"
