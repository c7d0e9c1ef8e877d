#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs that are stopped, halted or left by their launcher, and ranks that stand still: each ends or goes on as it is
# documented, leaves no process, and goes on to the same file.
. "$(dirname "$0")/lib.sh"
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
cd "$scratch" || exit 1
more="neurons=0:4 seeds=0:3 stop.max_iterations=14 stop.patience=null" # 24 tasks
# shellcheck disable=SC2086
run 2 "$job" output=whole.h5 $more || fail "undisturbed run"

begin() { # begin RANKS [options]: a run that has just finished some tasks of a new file
  n=$1
  shift
  rm -f x.*
  # shellcheck disable=SC2086
  start "$n" --quiet "$@" "$job" output=x.h5 $more
  wait_for_tasks 3 x.h5
}

goes_on() { # goes_on RANKS WHAT: running again keeps what was done
  before=$(tasks_done x.h5)
  # shellcheck disable=SC2086
  run "$1" "$job" output=x.h5 $more || fail "$2: going on, status $?"
  [ "$(kept)" = "$before" ] || fail "$2: $(kept) tasks kept of $before"
  [ "$before" -ge 3 ] || fail "$2: only $before tasks were kept"
  same whole.h5 x.h5 "$2, $before tasks kept"
}

# ---- signals ----

begin 3
kill -9 "$launcher"
ended 137 "the launcher killed"
goes_on 2 "the launcher killed"

begin 2
kill "$launcher"
ended 1 "SIGTERM to the launcher" # mpirun gives 1 whatever its ranks do
goes_on 3 "SIGTERM to the launcher"

# Stopped by SIGUSR1 again and again, as a scheduler does at each time limit.
rm x.*
times=0 status=75 n=1
while [ "$status" = 75 ]; do
  [ "$times" -lt 40 ] || fail "stopped 40 times and not done"
  before=$(tasks_done x.h5)
  n=$((n % 3 + 1))
  # shellcheck disable=SC2086
  start $n --quiet "$job" output=x.h5 $more
  # The last tasks are left in peace: else the signal may find nobody.
  if [ "$before" -lt 16 ]; then
    wait_for_tasks $((before + 3)) x.h5
    kill -USR1 "$launcher"
  fi
  await "SIGUSR1, time $times"
  [ "$status" = 0 ] || [ "$status" = 75 ] || fail "SIGUSR1: status $status instead of 75"
  [ "$status" = 0 ] || said "tasks done; run the same command to go on"
  [ "$(tasks_done x.h5)" -gt "$before" ] || fail "a stopped run lost what was done"
  times=$((times + 1))
done
[ "$times" -ge 3 ] || fail "stopped less than twice"
same whole.h5 x.h5 "stopped $((times - 1)) times by SIGUSR1"

# ---- its journal taken away while it runs ----

begin 2
rm x.journal.jsonl
ended 0 "the journal deleted during the run"
same whole.h5 x.h5 "the journal deleted during the run"
begin 2
: >x.journal.jsonl
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
begin 3 --deadline 1
worker=$(rank 2)
kill -STOP "$worker"
wait_for_word "rank 2 on $(hostname) was not heard of for"
kill -CONT "$worker"
ended 0 "a rank that stood still"
same whole.h5 x.h5 "a rank that stood still and came back"

# It does not come back: the others do its work, then the run ends by itself.
begin 3 --deadline 1
kill -STOP "$(rank 1)"
ended 4 "a rank that stands still"
said "warning: rank 1 on $(hostname) was not heard of for"
said "all ranks end now, run again to go on"
[ "$(tasks_done x.h5)" = 24 ] || fail "the work of a silent rank was not done by others"
goes_on 2 "a rank that stood still for ever"

# Rank 0 itself: the others give it up.
begin 3 --deadline 1
kill -STOP "$(rank 0)"
ended 4 "rank 0 stands still"
goes_on 2 "rank 0 stood still for ever"

# All of them at once, as when a scheduler suspends a job: nobody is blamed.
begin 2 --deadline 2
all=$(pgrep -P "$launcher")
# shellcheck disable=SC2086
kill -STOP $all
sleep 5
# shellcheck disable=SC2086
kill -CONT $all
ended 0 "suspended"
grep -q "not heard of" log && fail "a suspended run blames a rank"
same whole.h5 x.h5 "suspended and continued"
