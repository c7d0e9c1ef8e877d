#!/bin/sh
# SPDX-License-Identifier: MIT
# Hosts with different instruction sets in one run: they agree on what both have, the file keeps it, and a host that
# has less than the file was begun with is refused. (One of the hosts is kept from using all that it has.)
. "$(dirname "$0")/hosts.sh"
job=$SOURCE/tests/system/small.yaml
cd "$scratch" || exit 1
widest=$("$INSILICO" --version | sed -n 's/^kernels.*in use: //p')
lesser=$("$INSILICO" --version | sed -n "s/^kernels\\([^;]*\\) ${widest}[ ;].*/\\1/p" | awk '{ print $NF }')
[ -n "$lesser" ] || skip "this processor has one instruction set only"
path_of() { h5dump -a /instruction_set "$1" | sed -n 's/.*(0): "\([a-z0-9]*\).*/\1/p'; }
run 2 "$job" output=widest.h5 || fail "local run: status $?"
export INSILICO_KERNELS="$lesser"
run 2 "$job" output=lesser.h5 || fail "local run with $lesser: status $?"
unset INSILICO_KERNELS
[ "$(path_of widest.h5) $(path_of lesser.h5)" = "$widest $lesser" ] ||
  fail "the files are of $(path_of widest.h5), $(path_of lesser.h5), not $widest, $lesser"
make_hosts 2
echo "INSILICO_KERNELS=$lesser" >host2.environment

start_on '1 2' 1 --quiet "$job" output=mixed.h5
wait_for_tasks 3 mixed.h5
kill -9 "$launcher"
await "a run over unequal hosts"
[ "$(path_of mixed.h5)" = "$lesser" ] || fail "unequal hosts agreed on $(path_of mixed.h5), not on $lesser"
: >host2.environment
run_on '1 2' 1 --quiet "$job" output=mixed.h5
[ "$status" = 0 ] || fail "going on with equal hosts: status $status"
[ "$(kept)" -ge 3 ] || fail "going on with equal hosts found $(kept) tasks"
same lesser.h5 mixed.h5 "$lesser throughout, and begun by unequal hosts, finished by equal ones"

echo "INSILICO_KERNELS=$lesser" >host2.environment
cp widest.h5 before.h5
run_on '1 2' 1 --quiet "$job" output=widest.h5
[ "$status" = 2 ] || fail "a host that lacks the file's instruction set: status $status"
said "was begun with instruction set '$widest', which not all of these processors have"
same before.h5 widest.h5 "before and after being refused"

INSILICO_KERNELS=sse9 "$INSILICO" run "$job" output=none.h5 >log 2>&1
status=$?
[ "$status" = 2 ] || fail "an instruction set that there is not: status $status"
said "INSILICO_KERNELS names no instruction set: 'sse9'"
