#!/bin/sh
# SPDX-License-Identifier: MIT
# Killed with SIGKILL at random moments, layout and close among them, with another number of ranks at every
# resume: in the end the file is that of an undisturbed run. Usage: kill.sh [KILLS] [SEED]
. "$(dirname "$0")/lib.sh"
kills=${1:-20}
seed=${2:-1}
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
cd "$scratch" || exit 1

more="neurons=0:16 seeds=0:4 stop.max_iterations=40 stop.patience=null"
start=$(date +%s%N)
# shellcheck disable=SC2086
run 2 "$job" output=whole.h5 $more || fail "undisturbed run"
took=$((($(date +%s%N) - start) / 1000000))
echo "undisturbed: $took ms"

random() { # random LIMIT: 0 to LIMIT-1, repeatable
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  echo $((seed / 65536 % $1))
}

# Moments cover the whole of a run, its start and its end; the file of an early kill starts over.
done_kills=0
while [ "$done_kills" -lt "$kills" ]; do
  ranks=$((1 + $(random 3)))
  delay=$(random $((took + 200)))
  # shellcheck disable=SC2086
  if [ $((done_kills % 4)) -eq 3 ]; then rm -f killed.h5; fi
  "$MPIEXEC" -n "$ranks" "$INSILICO" run --quiet "$job" output=killed.h5 $more >log 2>&1 &
  launcher=$!
  sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
  if [ $((done_kills % 2)) -eq 0 ]; then
    victims=$(pgrep -P "$launcher" | head -1) # a rank; its launcher ends the others
    [ -n "$victims" ] && kill -9 "$victims" 2>/dev/null
  else
    kill -9 "$launcher" 2>/dev/null # ranks die with their launcher
  fi
  wait "$launcher" 2>/dev/null
  status=$?
  echo "kill $done_kills: $ranks ranks after $delay ms, status $status"
  done_kills=$((done_kills + 1))
  sleep 0.2
done
# shellcheck disable=SC2086
run 2 "$job" output=killed.h5 $more || fail "final resume"
same whole.h5 killed.h5 "undisturbed and killed $kills times"
