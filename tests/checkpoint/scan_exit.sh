#!/bin/sh
# SPDX-License-Identifier: MIT
# The exit status of inspect --scan says what the file would do, and inspect lists what it cannot run.
set -u
data=$SOURCE/tests/checkpoint/data
golden=$SOURCE/tests/golden
failed=0

expect() { # STATUS TEXT ARGUMENT...
    status=$1 text=$2
    shift 2
    out=$("$INSILICO" "$@" 2>&1)
    got=$?
    if [ "$got" -ne "$status" ]; then
        echo "insilico $*: status $got in place of $status"
        failed=1
    fi
    case $out in
    *"$text"*) ;;
    *)
        echo "insilico $*: does not say '$text'"
        failed=1
        ;;
    esac
}

expect 0 harmless inspect --scan "$golden/trained/model.ckpt"
expect 0 '"verdict":"harmless"' inspect --scan --json "$data/before_1_6.pt"
expect 1 'not known to be safe' inspect --scan "$data/values_5.pt"
expect 6 "posix.system('touch" inspect --scan "$data/system.pt"
expect 6 '"arguments":' inspect --scan --json "$data/second.pkl"
expect 3 damaged inspect --scan "$data/overlapping.pt"
expect 2 'nothing to scan' inspect --scan "$data/one_layer.h5"
expect 2 '6 x 4                transposed' inspect "$data/tensors.pt"
expect 2 'state_dict.a.w' inspect --json "$data/nested.pt"
exit $failed
