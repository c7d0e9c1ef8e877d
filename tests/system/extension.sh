#!/bin/sh
# SPDX-License-Identifier: MIT
# More seeds, neurons or swept values than before: finished tasks are kept, and the file is that of a fresh
# run of the extended job. A task run alone has the same values.
. "$(dirname "$0")/lib.sh"
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
cd "$scratch" || exit 1

# The numbers of one column of one task, one a line: dump FILE VARIABLE START COUNT
dump() {
  h5dump -d "/$2" -s "$3" -c "$4" -y -w 0 -m '%.9g' "$1" | sed -n '/DATA {/,/}/p' |
    grep -oE -- '-?[0-9][0-9.e+-]*,?$'
}

run 2 "$job" output=grown.h5 || fail "first run"
run 2 "$job" output=grown.h5 seeds=0:4 || fail "one more seed"
grep -q "36 finished tasks kept" log || fail "the 36 tasks of the first run were not kept"
run 2 "$job" output=fresh.h5 seeds=0:4 || fail "fresh run with four seeds"
same grown.h5 fresh.h5 "grown by one seed and fresh"

run 3 "$job" output=grown.h5 seeds=0:4 neurons=0,1,3,5,8,11,15 optimizer.lr=1,3,10 || fail "growing again"
grep -q "48 finished tasks kept" log || fail "the 48 tasks were not kept"
run 1 "$job" output=fresh.h5 --fresh seeds=0:4 neurons=0,1,3,5,8,11,15 optimizer.lr=1,3,10 || fail "fresh"
same grown.h5 fresh.h5 "grown by a neuron and a learning rate and fresh"

run 1 "$job" output=alone.h5 neurons=5 seeds=2 "sweep={optimizer.lr: [10.0]}" || fail "one task alone"
run 1 "$job" output=all.h5 || fail "all tasks"
for variable in best_stimulus last_stimulus; do
  dump alone.h5 $variable "0,0,0,0,0,0,0" "1,1,1,2,44,1,1" >a
  dump all.h5 $variable "2,2,1,0,0,0,0" "1,1,1,2,44,1,1" >b
  [ "$(wc -l <a)" = 88 ] || fail "$variable of the task alone has not 2 x 44 numbers"
  same a b "$variable alone and among others"
done

run 1 "$job" output=all.h5 seeds=0:2 && fail "fewer seeds than before were accepted"
grep -q "no place for 12 finished tasks" log || fail "the message does not say what would be lost"
echo "refused: fewer seeds than before"
