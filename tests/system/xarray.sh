#!/bin/sh
# SPDX-License-Identifier: MIT
# xarray opens the results: xarray.sh PYTHON
. "$(dirname "$0")/lib.sh"
run 2 "$(cd "$(dirname "$0")" && pwd)/small.yaml" output="$scratch/small.h5" || fail "small job"
"$1" "$(dirname "$0")/xarray_reads.py" "$scratch/small.h5" || fail "xarray does not read what it should"
