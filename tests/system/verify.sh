#!/bin/sh
# SPDX-License-Identifier: MIT
# insilico verify, with responses that openretina wrote: verify.sh PYTHON
. "$(dirname "$0")/lib.sh"
cd "$scratch" || exit 1
cp "$SOURCE/tests/golden/trained/model.ckpt" .
"$1" - "$SOURCE/tests/golden/trained" <<'END' || fail "writing responses"
import sys

import h5py
import numpy as np

folder = sys.argv[1]
sessions = ["1_ventral1_20200226", "2_dorsal1_20200306"]
for name, scale in [("peer.h5", 1), ("other.h5", 1.001)]:
    with h5py.File(name, "w") as file:
        file["stimulus"] = np.load(f"{folder}/stimulus.npy")[1]
        for session in sessions:
            responses = np.load(f"{folder}/responses_{session}.npy")[1]
            responses[3:, 2] *= scale
            file[f"responses/{session}"] = responses
END

"$INSILICO" verify model.ckpt peer.h5 >log 2>&1 || fail "verify of equal responses"
grep -q "2_dorsal1_20200306 *22 *20" log || fail "every session is told"
"$INSILICO" inspect model.ckpt --card >log 2>&1 || fail "the card"
grep -q "2 of 2 sessions agree with peer.h5" log || fail "the card says that it was verified"

"$INSILICO" verify model.ckpt other.h5 >log 2>&1
[ $? = 1 ] || fail "verify of other responses gives 1"
grep -q "departs first at output frame 3, neuron 2" log || fail "it says where it departs"
"$INSILICO" inspect model.ckpt --card --json >log 2>&1 || fail "the card as JSON"
grep -q '"agrees":false' log || fail "the card says that it was not verified"

"$INSILICO" convert model.ckpt model.h5 >log 2>&1 || fail "convert"
"$INSILICO" verify model.h5 peer.h5 >log 2>&1 || fail "verify of the native model file"
"$INSILICO" verify model.ckpt model.h5 >log 2>&1
[ $? = 2 ] || fail "a file without responses is refused"
echo "verify: agreement and departure are told"
