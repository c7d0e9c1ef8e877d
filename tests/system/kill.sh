#!/bin/sh
# SPDX-License-Identifier: MIT
# Histories: a history is one job that is killed with SIGKILL again and again until it is done, on another
# number of ranks each time. Its file is then that of an undisturbed run. Killed are any rank, the launcher, or
# all at once as when the power fails; at random moments over the whole life of a run, and every other time at a
# chosen step of laying out, opening, writing, summing up or closing.
#
# Usage: kill.sh [HISTORIES] [SEED] [JOB]. History k is drawn from SEED + k alone, so `kill.sh 1 41` tries the
# history again that `kill.sh 30 1` called "seed 41".
. "$(dirname "$0")/lib.sh"
histories=${1:-30}
seed=${2:-1}
job="$(cd "$(dirname "$0")" && pwd)/${3:-small.yaml}"
cd "$scratch" || exit 1
set --
[ "${job##*/}" = small.yaml ] && set -- neurons=0:4 seeds=0:3 stop.max_iterations=2 stop.patience=null

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
took=$(milliseconds)
run 2 "$job" output=whole.h5 "$@" || fail "undisturbed run"
took=$(($(milliseconds) - took))
again=$(milliseconds)
run 2 "$job" output=whole.h5 "$@" || fail "undisturbed run, finished before"
again=$(($(milliseconds) - again))
echo "undisturbed: $took ms, finished before: $again ms"

# draw LIMIT: sets $drawn to 0 ... LIMIT-1, repeatable by the state of the history
draw() {
  state=$(((state * 1103515245 + 12345) % 2147483648))
  drawn=$((state / 65536 % $1))
}

# pick WORD...: sets $picked to one of them
pick() {
  draw $#
  shift "$drawn"
  picked=$1
}

# A step at which a rank kills itself, in INS_FAULT; those of tasks and summaries by a number.
draw_fault() {
  pick store.lay_out store.reserve store.publish store.open begin compute store.write store.write.status \
    store.write.checksum store.sync store.read finish store.write.summary store.close journal.open \
    journal.write store.verify
  site=$picked
  case $site in
  store.write.summary | finish | journal.write) # how often it was passed
    draw 5
    site=$site:$((drawn + 1))
    ;;
  compute | store.write | store.write.* | store.read | store.verify) # a task
    draw 24
    site=$site:$drawn
    ;;
  esac
  draw "$ranks"
  case $site in store.open | store.close | store.sync | begin | finish) site="$site@$drawn" ;; esac
}

# Whom the drawn victim stands for: rank 0, 1, ..., the launcher, or all of them.
kill_victim() {
  children=$(pgrep -P "$launcher")
  if [ "$victim" = launcher ]; then
    kill -9 "$launcher"
  elif [ "$victim" = all ]; then
    # shellcheck disable=SC2086
    kill -9 "$launcher" $children
  else
    # shellcheck disable=SC2086
    set -- $children
    [ $# -gt "$victim" ] && shift "$victim"
    kill -9 "$1"
  fi
} 2>/dev/null

# One run of the job, on another number of ranks than the last, that something happens to.
disturbed_run() { # disturbed_run [overrides]
  draw 3
  ranks=$(((ranks + drawn) % 4 + 1))
  draw 6 # sometimes the launcher first asks the survivors to stop, and gives them a second
  export OMPI_MCA_odls_base_sigkill_timeout=$((drawn == 0))
  draw 2
  if [ "$drawn" = 0 ]; then
    draw_fault
    fate=$site
    export INS_FAULT="$site=kill"
    start "$ranks" --quiet "$job" output=killed.h5 "$@"
    unset INS_FAULT
  else
    draw $((ranks + 2))
    victim=$drawn
    [ "$victim" = "$ranks" ] && victim=launcher
    [ "$victim" = $((ranks + 1)) ] && victim=all
    draw $((status == 0 ? again : took * 4 / 3)) # a finished job is only verified, summed up and closed
    fate="$victim killed after $drawn ms"
    start "$ranks" --quiet "$job" output=killed.h5 "$@"
    sleep "$(printf '%d.%03d' $((drawn / 1000)) $((drawn % 1000)))"
    kill_victim
  fi
  await "$fate"
  story="$story  $ranks ranks, $fate: status $status
"
}

# No kill may make a run refuse the file, find it damaged, or say that anything else is wrong.
nothing_else_said() {
  grep -E '(error|warning):|damaged' log | grep -v '^\[' >&2 || return 0
  echo "$story" >&2
  fail "history of seed $history: said after a kill"
}

history() { # history SEED [overrides]
  history=$1 state=$1 ranks=1 kills=0 runs=0 launchers=0 status=1 story=
  shift
  rm -f killed.*
  draw 1000 # neighbouring seeds begin alike
  while { [ "$status" != 0 ] || [ "$kills" -lt 2 ]; } && [ "$runs" -lt 60 ]; do
    disturbed_run "$@"
    nothing_else_said
    [ "$status" = 0 ] || kills=$((kills + 1))
    runs=$((runs + 1))
    [ -z "$stuck" ] || launchers=$((launchers + 1))
  done
  if ! run $((ranks % 3 + 1)) "$job" output=killed.h5 "$@" || ! cmp ../whole.h5 killed.h5 >&2; then
    echo "$story" >&2
    fail "history of seed $history: the end is not that of an undisturbed run"
  fi
  echo "$runs $kills $launchers" >>../counts
}

# Two at a time, because starting a run is mostly waiting: every other history, in a directory of its own.
share() { # share LANE [overrides]
  k=$1
  apart "$1"
  shift
  while [ "$k" -le "$histories" ]; do
    history $((seed + k - 1)) "$@"
    k=$((k + 2))
  done
}
(share 1 "$@") &
one=$!
(share 2 "$@") &
two=$!
wait $one || failed=yes
wait $two || failed=yes
[ -z "$failed" ] || exit 1
awk '{ runs += $1; kills += $2; launchers += $3 } END {
  print "identical: undisturbed and " NR " histories of " runs " runs, " kills " of them killed"
  if (launchers) print launchers " times the launcher itself did not end and was ended"
}' counts
