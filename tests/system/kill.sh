#!/bin/sh
# SPDX-License-Identifier: MIT
# Killed with SIGKILL at random moments, layout and close among them, with another number of ranks at every
# resume: in the end the file is that of an undisturbed run. Usage: kill.sh [KILLS] [SEED] [JOB]
. "$(dirname "$0")/lib.sh"
kills=${1:-20}
seed=${2:-1}
job="$(cd "$(dirname "$0")" && pwd)/${3:-small.yaml}"
cd "$scratch" || exit 1

more=
[ -n "${3:-}" ] || more="neurons=0:8 seeds=0:4 stop.max_iterations=40 stop.patience=null"
start=$(date +%s%N)
# shellcheck disable=SC2086
run 2 "$job" output=whole.h5 $more || fail "undisturbed run"
took=$((($(date +%s%N) - start) / 1000000))
echo "undisturbed: $took ms"

# draw LIMIT: sets $drawn to 0 ... LIMIT-1, repeatable by the seed
draw() {
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  drawn=$((seed / 65536 % $1))
}

# kill_after MILLISECONDS RANKS: starts a run and kills a rank (its launcher ends the others) or, every other
# time, the launcher (the ranks die with it).
kill_after() {
  # shellcheck disable=SC2086
  "$MPIEXEC" -n "$2" "$INSILICO" run --quiet "$job" output=killed.h5 $more >log 2>&1 &
  launcher=$!
  sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
  victim=$launcher
  if [ $((count % 2)) -eq 0 ]; then victim=$(pgrep -P "$launcher" | head -1); fi
  [ -n "$victim" ] && kill -9 "$victim" 2>/dev/null
  wait "$launcher" 2>/dev/null
  echo "kill $count: $2 ranks after $1 ms, status $?"
}

# Most kills fall anywhere in a run, on a file begun anew every third time. The last quarter fall on a file
# that is finished, where a run only verifies, sums up and closes; of the others every fourth falls early,
# where the file is laid out.
count=0
while [ "$count" -lt "$kills" ]; do
  ranks=$((1 + count % 3)) # another number at every resume
  if [ "$count" -eq $((kills * 3 / 4)) ]; then
    # shellcheck disable=SC2086
    run 2 "$job" output=killed.h5 $more || fail "resuming after $count kills"
  fi
  if [ "$count" -ge $((kills * 3 / 4)) ] || [ $((count % 4)) -eq 1 ]; then
    draw 600
    drawn=$((drawn + 200))
  else
    draw "$took"
  fi
  delay=$drawn
  if [ "$count" -lt $((kills * 3 / 4)) ] && [ $((count % 3)) -eq 1 ]; then rm -f killed.h5; fi
  kill_after "$delay" "$ranks"
  count=$((count + 1))
  sleep 0.2
done
# shellcheck disable=SC2086
run 2 "$job" output=killed.h5 $more || fail "final resume"
same whole.h5 killed.h5 "undisturbed and killed $kills times"
