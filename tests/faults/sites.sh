#!/bin/sh
# SPDX-License-Identifier: MIT
# INS_FAULT at every site that include/insilico/fault.h lists: lib.sh says what must hold each time.
# Usage: sites.sh ACTION RANKS [SITE...]
#   ACTION  fail (once, and on results that were there whenever passed), kill (one rank; also shows that every site is passed), or
#           stop (one rank, where the deadline watches: while tasks are computed and written)
. "$(dirname "$0")/lib.sh"
action=$1 n_ranks=$2
shift 2
sites=${*:-$(sed -n 's/^ *X("\([a-z_.]*\)", .*/\1/p' "$SOURCE/include/insilico/fault.h")}
[ -n "$sites" ] || fail "fault.h lists no sites"

# A site that is not in the list could never fail.
for site in $(sed -n 's/.*ins_fault("\([^"]*\)".*/\1/p' "$SOURCE"/src/*/*.c | sort -u); do
  grep -q "X(\"$site\"," "$SOURCE/include/insilico/fault.h" || fail "site '$site' is not in fault.h"
done

try() {
  what="INS_FAULT=$1 on $n_ranks ranks, from $before"
  prepare
  disturbed "$n_ranks" "INS_FAULT=$1"
}

# Whoever gets there first; the launcher ends the others.
kill_at() {
  try "$1=kill"
  case $status in
  0) return 1 ;;
  137) ;;
  *) bad "it was not killed" ;;
  esac
  check_results
}

fail_at() {
  try "$1"
  check_status
  check_message
  check_results
  statuses="$statuses $status"
}

# The rank that is stopped is given up and all end, to be run again.
stop_at() {
  for rank in $(seq 0 $((n_ranks - 1))); do
    try "$1@$rank=stop"
    [ "$status" = 0 ] || [ "$status" = 4 ] || bad "it should end with status 4"
    check_results
    statuses="$statuses $status"
  done
}

watched() { case $1 in compute | store.write* | message) return 0 ;; *) return 1 ;; esac }

for site in $sites; do
  statuses=
  case $site in
  together.*) take_job tiny_population && starts="nothing damaged" ;;
  *) take_job tiny && starts="nothing damaged longer" ;;
  esac
  case $action in
  kill)
    for start in $starts; do
      begin_from "$start"
      kill_at "$site" && statuses="$statuses $start" && break
    done
    [ -n "$statuses" ] || bad "the site is not passed"
    ;;
  fail)
    begin_from nothing
    fail_at "$site"
    begin_from "${starts##* }"
    fail_at "$site+"
    ;;
  stop)
    watched "$site" || continue
    deadline=2
    begin_from nothing
    stop_at "$site"
    ;;
  *) fail "there is no ACTION '$action'" ;;
  esac
  echo "$site, $action:$statuses"
done
finish
