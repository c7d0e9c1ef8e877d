#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo job leaves the same bytes on 1, 2, 3 and 5 ranks.
. "$(dirname "$0")/lib.sh"
cd "$SOURCE" || exit 1
for ranks in 1 2 3 5; do
  run "$ranks" jobs/demo.yaml output="$scratch/$ranks.h5" || fail "demo on $ranks ranks: status $?"
done
for ranks in 2 3 5; do
  same "$scratch/1.h5" "$scratch/$ranks.h5" "demo on 1 and $ranks ranks"
done
