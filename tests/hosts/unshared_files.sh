#!/bin/sh
# SPDX-License-Identifier: MIT
# Hosts that do not share the folder of the results: the run is refused by name of the host, at once, and nothing is
# written to two files.
. "$(dirname "$0")/hosts.sh"
job=$SOURCE/tests/system/small.yaml
cd "$scratch" || exit 1
make_hosts 2
mkdir out
on 2 mount -t tmpfs none out

# refused OUTPUT WHAT [overrides]
refused() {
  file=$1 what=$2
  shift 2
  run_on '1 2' 2 --quiet "$job" output="out/$file" "$@"
  [ "$status" = 3 ] || fail "$what: status $status"
  said 'host host2' "$what"
  said 'shared' "$what"
  echo "refused: $what"
}

refused new.h5 "a folder of the same name on each host"
[ -z "$(on 2 ls out)" ] || fail "host2 was left with $(on 2 ls out)"

# More dangerous: the other host has a file of this job under that name.
run 1 "$job" seeds=0:1 output=begun.h5 || fail "local run: status $?"
cp begun.h5 out/
on 2 cp begun.h5 out/
refused begun.h5 "a file of the same job on each host" seeds=0:1
same begun.h5 out/begun.h5 "host1's file before and after"
on 2 cmp begun.h5 out/begun.h5 || fail "host2's file was changed"
