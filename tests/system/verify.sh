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
for name, scale in [("peer.h5", 1), ("other.h5", 1.001), ("infinite.h5", np.inf), ("nan.h5", np.nan)]:
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

for name in infinite nan; do
  "$INSILICO" verify model.ckpt $name.h5 --json >log 2>&1
  [ $? = 1 ] || fail "$name is no agreement"
  grep -q '"agrees":true' log && fail "$name is no agreement in any session"
done
echo precious >victim
ln -sf victim model.ckpt.verified.json
"$INSILICO" verify model.ckpt peer.h5 >log 2>&1 || fail "verify with a link in the place of its record"
grep -q precious victim || fail "what a link leads to is left alone"

"$INSILICO" convert model.ckpt model.h5 >log 2>&1 || fail "convert"
"$INSILICO" verify model.h5 peer.h5 >log 2>&1 || fail "verify of the native model file"
"$INSILICO" verify model.ckpt model.h5 >log 2>&1
[ $? = 2 ] || fail "a file without responses is refused"

# A checksum is that of the file itself, not of what it says it was made from.
checkpoint=$(sha256sum model.ckpt | cut -d ' ' -f 1)
native=$(sha256sum model.h5 | cut -d ' ' -f 1)
"$INSILICO" inspect model.h5 --sha256 "$native" >log 2>&1 || fail "the checksum of a model file"
"$INSILICO" inspect model.h5 --sha256 "$checkpoint" >log 2>&1 && fail "the checksum of another file"
mkdir folder
cp model.ckpt folder
"$INSILICO" inspect folder --sha256 "$checkpoint" >log 2>&1
[ $? = 2 ] || fail "a folder has no checksum"
"$INSILICO" convert folder folder/all.h5 >log 2>&1
[ $? = 2 ] || fail "a model is not written among the members of an ensemble"
echo "verify: agreement and departure are told"
