#!/bin/sh
# SPDX-License-Identifier: MIT
# Tasks that fail do not stop the run: the others finish, the status is 1, and trying again changes nothing.
. "$(dirname "$0")/lib.sh"
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
cd "$scratch" || exit 1

# A start of zeros cannot be scaled to a norm, so half of the tasks fail.
zeros="stimulus.init.std=0.0,0.1"
for ranks in 1 3; do
  run "$ranks" "$job" output=$ranks.h5 $zeros
  [ $? = 1 ] || fail "failed tasks on $ranks ranks should give status 1"
  grep -q "36 of 72 tasks failed" log || fail "the summary does not count the failed tasks"
  grep -q "norm_clip" log || fail "the reason is not named"
done
same 1.h5 3.h5 "failed tasks on 1 and 3 ranks"
"$INSILICO" status --verify 1.h5 >state || fail "status"
grep -q "36 of 72 done" state || fail "status does not count what is done"
grep -q "36 failed" state || fail "status does not count what failed"
run 2 "$job" output=3.h5 $zeros
[ $? = 1 ] || fail "trying again should fail again"
same 1.h5 3.h5 "failed tasks tried again"
