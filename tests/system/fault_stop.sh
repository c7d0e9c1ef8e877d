#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs that are stopped, halted or left by their launcher, and ranks that stand still: each ends or goes on as it is
# documented, leaves no process, and goes on to the same file.
. "$(dirname "$0")/lib.sh"
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
cd "$scratch" || exit 1
more="neurons=0:4 seeds=0:3 stop.max_iterations=4 stop.patience=null" # 24 tasks
# shellcheck disable=SC2086
run 2 "$job" output=whole.h5 $more || fail "undisturbed run"

begin() { # begin FAULT RANKS [options]: a run that stands still at FAULT and has finished some tasks of a new file
  fault=$1 n=$2
  shift 2
  rm -f x.*
  # shellcheck disable=SC2086
  start_held "$fault" "$n" --quiet "$@" "$job" output=x.h5 $more
  wait_for_tasks 3 x.h5
}

goes_on() { # goes_on RANKS WHAT: running again keeps what was done
  before=$(tasks_done x.h5)
  # shellcheck disable=SC2086
  run "$1" "$job" output=x.h5 $more || fail "$2: going on, status $?"
  [ "$(kept)" = "$before" ] || fail "$2: $(kept) tasks kept of $before"
  same whole.h5 x.h5 "$2, $before tasks kept"
}

# ---- signals ----

begin store.write:13 3
kill -9 "$launcher"
ended 137 "the launcher killed"
goes_on 2 "the launcher killed"

begin store.write:13 2
kill "$launcher"
ended 1 "SIGTERM to the launcher" # mpirun gives 1 whatever its ranks do
goes_on 3 "SIGTERM to the launcher"

# Stopped by SIGUSR1 again and again, as a scheduler does at each time limit; each time some tasks more are done.
rm x.*
n=1 before=0
for times in 1 2 3 4 5; do
  n=$((n % 3 + 1))
  # shellcheck disable=SC2086
  start_held store.write $n --quiet "$job" output=x.h5 $more
  kill -USR1 "$launcher"
  sleep 0.1
  let_on
  ended 75 "SIGUSR1, time $times"
  said "of 24 tasks done; run the same command to go on"
  [ "$(tasks_done x.h5)" -gt "$before" ] || fail "stopped: nothing more was done"
  before=$(tasks_done x.h5)
done
goes_on 2 "stopped 5 times by SIGUSR1"

# ---- its journal taken away while it runs ----

begin store.write:13 2
rm x.journal.jsonl
let_on
ended 0 "the journal deleted during the run"
same whole.h5 x.h5 "the journal deleted during the run"
begin store.write:13 2
: >x.journal.jsonl
let_on
ended 0 "the journal emptied during the run"
tail -1 x.journal.jsonl | grep -q '^{.*"event":"end".*}$' || fail "an emptied journal does not go on"
same whole.h5 x.h5 "the journal emptied during the run"

# ---- standing still ----

wait_for_word() { # wait_for_word TEXT
  for _ in $(seq 300); do
    grep -qF -- "$1" log && return
    sleep 0.1
  done
  fail "'$1' is not said"
}

# A worker stands still for longer than the deadline and comes back: told about, and the run finishes.
begin store.write@2 3 --deadline 2
wait_for_word "rank 2 on $(hostname) was not heard of for"
let_on
ended 0 "a rank that stood still"
same whole.h5 x.h5 "a rank that stood still and came back"

# It does not come back: the others do its work, then the run ends by itself.
begin store.write@1 3 --deadline 1
ended 4 "a rank that stands still"
said "warning: rank 1 on $(hostname) was not heard of for"
said "all ranks end now, run again to go on"
[ "$(tasks_done x.h5)" = 24 ] || fail "the work of a silent rank was not done by others"
goes_on 2 "a rank that stood still for ever"

# Rank 0 itself: the others give it up.
rm x.*
# shellcheck disable=SC2086
start_held store.write@0 3 --quiet --deadline 1 "$job" output=x.h5 $more
ended 4 "rank 0 stands still"
said "the rank that deals the work does not answer any more"
goes_on 2 "rank 0 stood still for ever"

# All of them at once, as when a scheduler suspends a job: nobody is blamed.
rm x.*
# shellcheck disable=SC2086
start_held store.write 2 --quiet --deadline 2 "$job" output=x.h5 $more
sleep 5
let_on
ended 0 "suspended"
grep -q "not heard of" log && fail "a suspended run blames a rank"
same whole.h5 x.h5 "suspended and continued"
