#!/bin/sh
# SPDX-License-Identifier: MIT
# A run over three hosts leaves the bytes of a local one, and nothing but the network connects them.
. "$(dirname "$0")/hosts.sh"
job=$SOURCE/tests/system/small.yaml
model="model=builtin:ground_truth?neurons=1000" # 400 kB of weights
cd "$scratch" || exit 1
run 2 "$job" "$model" output=local.h5 || fail "local run: status $?"
make_hosts 3
received() { on "$1" sed -n 's/^ *eth0: *\([0-9]*\) .*/\1/p' /proc/net/dev; }

run_on '1 2 3' 2 --quiet "$job" "$model" output=across.h5
[ "$status" = 0 ] || fail "the run over three hosts: status $status"
same local.h5 across.h5 "locally and on three hosts"
hosts=$(sed -n 's/.*"event":"start","hosts":\[\([^]]*\)\].*/\1/p' across.journal.jsonl)
[ "$hosts" = '"host1","host1","host2","host2","host3","host3"' ] || fail "it ran on $hosts"
# The model's weights reach each host once, by the network.
for k in 2 3; do
  [ "$(received $k)" -gt 400000 ] || fail "host$k received only $(received $k) bytes"
done
echo "host2 received $(received 2) bytes, host3 $(received 3)"
