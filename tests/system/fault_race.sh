#!/bin/sh
# SPDX-License-Identifier: MIT
# Two runs of the same results, a rank that dies between the parts of a row, a clock that is set back.
# Usage: fault_race.sh [LIBRARY]: the library that shifts the clock (tests/faults)
. "$(dirname "$0")/lib.sh"
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
shim=${1:-}
cd "$scratch" || exit 1
more="neurons=0:4 seeds=0:3 stop.max_iterations=4 stop.patience=null" # 24 tasks
# shellcheck disable=SC2086
run 2 "$job" output=whole.h5 $more || fail "undisturbed run"

# ---- two runs on the same output, meanwhile what is below ----

# The first is held up while the second waits for it, then goes on as if nothing had been.
two_runs() {
  apart two
  # shellcheck disable=SC2086
  start_held store.write 2 --quiet "$job" output=x.h5 $more
  sed 's/\(process [0-9]*\).*/\1/' x.lock >holder
  mv log first.log
  # shellcheck disable=SC2086
  run 3 "$job" output=x.h5 $more
  [ $? = 3 ] || fail "the second run: status not 3"
  said "x.h5: another run is writing it ($(cat holder)); wait for it or choose another output"
  pgrep -P "$launcher" | grep -qx "$(sed 's/.*process //' holder)" || fail "the holder is not a rank of the first run"
  grep -q "^host $(hostname), process" holder || fail "the holder's host is not told"
  [ "$(grep -c 'error:' log)" = 1 ] || fail "not one error line"
  "$INSILICO" status x.h5 | grep -q "running" || fail "status does not say that it is being written"
  let_on
  ended 0 "the first of two runs"
  same ../whole.h5 x.h5 "the first of two runs, the second was refused"
  # Begun in the same moment: one works while the other waits for it, then finds all done.
  rm x.*
  # shellcheck disable=SC2086
  run 2 "$job" output=x.h5 $more &
  other=$!
  # shellcheck disable=SC2086
  "$MPIEXEC" -n 1 "$INSILICO" run --quiet "$job" output=x.h5 $more >second.log 2>&1 || fail "one of two at once"
  wait $other || fail "the other of two at once"
  cat log second.log | sed -n 's/.*done: 24 tasks (\([0-9]*\) kept.*/\1/p' | sort -n | tr '\n' ' ' >counts
  [ "$(cat counts)" = "0 24 " ] || fail "two at once kept $(cat counts)tasks"
  same ../whole.h5 x.h5 "two runs begun at once"
}
# ---- killed between the data of a row and its status, between its status and its checksum ----

killed_at() { # killed_at FAULT RANKS [MOST]: at most so many tasks were whole
  rm -f x.*
  export INS_FAULT="$1=kill"
  # shellcheck disable=SC2086
  start "$2" --quiet "$job" output=x.h5 $more
  unset INS_FAULT
  ended 137 "$1"
  "$INSILICO" status --verify x.h5 >state || fail "status after $1"
  # shellcheck disable=SC2086
  run $(($2 % 3 + 1)) "$job" output=x.h5 $more || fail "$1: going on"
  [ "$(kept)" -le "${3:-23}" ] || fail "$1: the row that was not whole is kept"
  same ../whole.h5 x.h5 "killed at $1, $(kept) tasks kept"
}

killed_within_rows() {
  apart rows
  for site in store.write store.write.status store.write.checksum; do
    killed_at "$site:0@0" 1
    killed_at "$site:13" 3
  done
  killed_at store.write.checksum:23 2
  for site in finish store.write.summary store.close; do killed_at "$site@0" 2 24; done
}

# ---- the clock set back ----

# clock_shifted SECONDS: in the middle of a run, for all ranks
clock_shifted() {
  rm -f x.*
  # shellcheck disable=SC2086
  "$MPIEXEC" -n 2 env LD_PRELOAD="$shim" SHIM_CLOCK="$1:2" "$INSILICO" run --quiet "$job" output=x.h5 $more \
    >log 2>&1 || fail "the clock shifted by $1 s: status $?"
  said "done: 24 tasks (0 kept from before) in "
  grep -qE "in ([0-9.]+ ms|[0-9]{1,2}(\.[0-9]+)? s);" log || fail "the time that a run takes is that of the clock"
  first=$(sed -n '1s/.*"time":"\([^"]*\)".*/\1/p' x.journal.jsonl)
  last=$(sed -n '$s/.*"time":"\([^"]*\)".*/\1/p' x.journal.jsonl)
  [ $((($(date -d "$last" +%s) - $(date -d "$first" +%s)) / 3000)) = $(($1 / 3600)) ] ||
    fail "the clock was not shifted: $first to $last"
  grep -q '"seconds":-' x.journal.jsonl && fail "something took a negative time"
  "$INSILICO" status x.h5 | grep -q "end .*24 done in" || fail "status after the clock was shifted"
  same ../whole.h5 x.h5 "the clock shifted by $1 s"
}

clock() {
  apart clock
  [ -f "$shim" ] || return
  clock_shifted -3600
  clock_shifted 3600
}

(two_runs) &
two=$!
(killed_within_rows) && (clock) || failed=yes
wait $two || failed=yes
[ -z "$failed" ] || exit 1
[ -f "$shim" ] || skip "the clock set back, without the library that shifts it"
