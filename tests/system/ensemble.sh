#!/bin/sh
# SPDX-License-Identifier: MIT
# Ensembles through jobs: ensemble.sh PYTHON. As a list, as a folder, one member alone, all members at once; the
# same bytes on any number of ranks; stimuli optimised for the mean.
. "$(dirname "$0")/lib.sh"
golden=$SOURCE/tests/golden/variants
here=$(cd "$(dirname "$0")" && pwd)
cd "$scratch" || exit 1

cat >list.yaml <<END
experiment: response
model: [$golden/ensemble/member_0.ckpt, $golden/ensemble/member_1.ckpt]
stimulus: $golden/ensemble/stimulus.npy
members: true
output: list.h5
END
run 1 list.yaml || fail "a list of models"
run 3 list.yaml output=ranks.h5 || fail "a list of models on three ranks"
same list.h5 ranks.h5 "an ensemble on 1 and 3 ranks"

mkdir folder
cp "$golden"/ensemble/member_?.ckpt folder
run 2 list.yaml model=folder members=false output=folder.h5 || fail "a folder of models"
run 1 list.yaml model.member=1 members=false output=member.h5 || fail "one member"
run 1 list.yaml members=false output=mean.h5 || fail "the mean alone"
"$1" "$here/ensemble_reads.py" "$golden/ensemble/responses_all.npy" || fail "ensemble responses"

# The same model by another name is the same model.
run 1 list.yaml model=folder || fail "a list, gone on with as a folder"
grep -q "2 kept" log || grep -q "kept from before" log || fail "what was done is kept"
run 1 list.yaml "model={files: [$golden/ensemble/member_1.ckpt, $golden/ensemble/member_0.ckpt]}" &&
  fail "members in another order"

run 1 list.yaml model=folder model.member=0 output=none.h5 && fail "members of a single model"
grep -q "no ensemble" log || fail "the message names the trouble"

cat >mei.yaml <<END
experiment: stimulus_optimization
model: $golden/legacy_ensemble
neurons: [0, 3]
stimulus: {frames: 18}
seeds: 0:2
objective: {kind: increase, reduce: mean}
optimizer: {kind: sgd, lr: 1}
stop: {max_iterations: 3}
output: mei_1.h5
END
run 1 mei.yaml || fail "stimuli for a legacy ensemble"
run 3 mei.yaml output=mei_3.h5 || fail "stimuli for a legacy ensemble on three ranks"
same mei_1.h5 mei_3.h5 "stimuli for a legacy ensemble on 1 and 3 ranks"

sed -i "s|model: .*|model: $golden/gru_core/model.ckpt|" mei.yaml
run 1 mei.yaml neurons=0:3 output=gru_1.h5 || fail "stimuli for a recurrent model"
run 2 mei.yaml neurons=0:3 output=gru_2.h5 || fail "stimuli for a recurrent model on two ranks"
same gru_1.h5 gru_2.h5 "stimuli for a recurrent model on 1 and 2 ranks"
