#!/bin/sh
# SPDX-License-Identifier: MIT
# SIGUSR1 to the launcher, or SIGTERM to a rank, stops cleanly with status 75 and loses nothing.
. "$(dirname "$0")/lib.sh"
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
cd "$scratch" || exit 1
more="neurons=0:16 seeds=0:4 stop.max_iterations=60 stop.patience=null"

stop_with() { # stop_with SIGNAL WHOM RANKS OUTPUT
  # shellcheck disable=SC2086
  "$MPIEXEC" -n "$3" "$INSILICO" run --quiet "$job" output="$4" $more >log 2>&1 &
  launcher=$!
  for _ in $(seq 100); do
    [ -f "$4" ] && break
    sleep 0.1
  done
  sleep 1
  case $2 in
  launcher) kill "-$1" "$launcher" ;;
  rank) kill "-$1" "$(pgrep -P "$launcher" | tail -1)" ;;
  esac
  wait "$launcher"
  status=$?
  [ "$status" = 75 ] || fail "$1 to the $2 on $3 ranks: status $status, expected 75"
  grep -q "run the same command to go on" log || fail "no word on how to go on"
  "$INSILICO" status "$4" >state || fail "status of a stopped run"
  grep -q "stopped" state || fail "status does not say that the run was stopped"
  echo "stopped: $1 to the $2 on $3 ranks"
}

stop_with USR1 launcher 2 a.h5
stop_with TERM rank 3 a.h5
"$INSILICO" run --quiet "$job" output=b.h5 neurons=0:16 seeds=0:4 stop.max_iterations=60 \
  stop.patience=null >log 2>&1 &
alone=$!
sleep 1.5
kill -TERM $alone
wait $alone
[ $? = 75 ] || fail "SIGTERM to a run on one rank"
# shellcheck disable=SC2086
run 2 "$job" output=a.h5 $more || fail "going on"
run 2 "$job" output=b.h5 $more || fail "going on after one rank"
same a.h5 b.h5 "stopped thrice and gone on"
