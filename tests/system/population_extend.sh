#!/bin/sh
# SPDX-License-Identifier: MIT
# Analyses added to a finished population job, and stimuli to a finished tuning job: what is there is kept, what is new
# is computed, also after a kill in between, and the file is that of the longer job from the start. An entry that was
# changed or left out is refused by its name.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
mkdir "$scratch/work" && cd "$scratch/work" || exit 1 # the jobs' data lie beside it

# Those that are finished in a file, of all its stages.
analyses_done() { "$INSILICO" status --json "$1" | sed -n 's/^[^[]*"done":\([0-9]*\).*/\1/p'; }

# ---- analyses ----
tiny=$here/../faults/tiny_population.yaml
mkdir jobs
cp "$here/../faults/tiny_responses.yaml" "$tiny" jobs
sed -i 's|output:.*|output: ../tiny_responses.h5|' jobs/tiny_responses.yaml
grep -v -e "kind: signal_correlation" -e "kind: clusters" -e "kind: fisher_information" "$tiny" >jobs/short.yaml
run 2 jobs/tiny_responses.yaml || fail "responses"
run 2 jobs/tiny_population.yaml output=fresh.h5 || fail "all seven analyses"
run 2 jobs/short.yaml output=short.h5 || fail "four analyses"

# At the beginning, in the middle and at the end of the list.
cp short.h5 grown.h5
run 2 jobs/tiny_population.yaml output=grown.h5 || fail "three analyses more"
said "laid out anew for the extended job, 4 finished tasks kept"
same fresh.h5 grown.h5 "seven analyses at once, and four and then three more"
[ "$(analyses_done grown.h5)" = 7 ] || fail "$(analyses_done grown.h5) of seven analyses are done"

# The new file is filled beside the old one, which is whole until then.
cp short.h5 killed.h5
INS_FAULT=store.relayout:3=kill
export INS_FAULT
start 2 jobs/tiny_population.yaml output=killed.h5
unset INS_FAULT
await "a run that is killed while it lays the file out anew"
[ "$status" != 0 ] || fail "a killed run ended with status 0"
cmp short.h5 killed.h5 || fail "the file changed under a run that was killed while laying out the new one"
[ -e killed.h5.part ] || fail "the run was not killed while it laid the file out anew"
INS_FAULT=together.seal:3=kill
export INS_FAULT
start 2 jobs/tiny_population.yaml output=killed.h5
unset INS_FAULT
await "a run that is killed while it computes what was added"
[ "$status" != 0 ] || fail "a killed run ended with status 0"
[ "$(analyses_done killed.h5)" = 5 ] || fail "$(analyses_done killed.h5) analyses are done after the kill"
run 2 jobs/tiny_population.yaml output=killed.h5 || fail "going on after two kills"
same fresh.h5 killed.h5 "seven analyses at once, and extended in three runs, two of them killed"

# refused JOB WHAT: the job is not gone on with in seven.h5, which stays as it is; the message names what differs
refused() {
  run 1 "$1" output=seven.h5 && fail "$2: accepted"
  cmp fresh.h5 seven.h5 || fail "$2: the file was changed"
  said "choose another output" "$2"
}
cp fresh.h5 seven.h5
refused jobs/short.yaml "fewer analyses"
said "'signal_correlation' of analyses, whose results are there, is no longer listed"
sed 's/k: "1:3"/k: "1:4"/' "$tiny" >jobs/changed.yaml
refused jobs/changed.yaml "a changed analysis"
said "'clusters' of analyses: jobs/changed.yaml:12:"
said "analyses.3.k is "
sed '/kind: distances/{h;d}; /kind: components/G' "$tiny" >jobs/turned.yaml
refused jobs/turned.yaml "analyses in another order"
said "'components' of analyses, whose results are there, has moved ahead of others"
sed '/^analyses/i\  - {kind: results, name: more, file: ../tiny_responses.h5, variable: bars/response}' "$tiny" >jobs/data.yaml
refused jobs/data.yaml "more data"
said "data has 4 entries, but the results there were made with 3"

# ---- labels that are not all there ----
# Indices of tuning are of a later stage than the responses, which may be whole without them.
sed "s|output:.*|output: cells_of_types.h5|" jobs/tiny_responses.yaml >jobs/types.yaml
INS_FAULT=compute:10 run 2 jobs/types.yaml && fail "a run in which one cell gets no indices ended with status 0"
unset INS_FAULT
"$INSILICO" status cells_of_types.h5 >state
grep -q "bars  *4 of 4 done" state || fail "not all responses are there"
grep -q "(root)  *15 of 16 done" state || fail "not all indices but one are there"
cat >jobs/types_of.yaml <<'YAML'
experiment: population
data: [{kind: results, file: cells_of_types.h5, variable: bars/tuning_curve}]
analyses: [{kind: distances}, {kind: signal_correlation, name: by_type, labels: truth_cell_type}]
output: types_of.h5
YAML
by_index='analyses=[{kind: distances}, {kind: signal_correlation, name: by_type, labels: truth_cell_type}, '\
'{kind: signal_correlation, name: by_index, labels: dsi_vector_sum_valid}]'
run 1 jobs/types_of.yaml || fail "labels of the truth, before there are indices"
cp types_of.h5 before.h5
for asked in "$by_index" 'data.0.labels=[dsi_vector_sum_valid]'; do
  run 1 jobs/types_of.yaml "$asked" && fail "a label that some neurons do not have yet: $asked"
  said "the label 'dsi_vector_sum_valid' comes of are not done; run its job again" "$asked"
  same before.h5 types_of.h5 "before and after a label was refused"
done
run 2 jobs/types.yaml || fail "indices of all neurons"
run 1 jobs/types_of.yaml "$by_index" || fail "one more analysis, by indices that are all there now"
run 1 jobs/types_of.yaml "$by_index" output=fresh_types.h5 || fail "three analyses"
same fresh_types.h5 types_of.h5 "three analyses at once, and one more after the indices were there"

# ---- what is not part of the results ----
cp fresh.h5 roomy.h5
run 1 jobs/tiny_population.yaml output=roomy.h5 memory=8 || fail "another memory"
same fresh.h5 roomy.h5 "before and after memory was changed"
run 2 jobs/tiny_population.yaml output=large.h5 memory=9 || fail "with memory from the start"
same fresh.h5 large.h5 "without memory, and with it"

# ---- stimuli ----
# Those of small_tuning.yaml: one for all cells, one that is searched on from, one with the diameter that the first list
# of diameters measures. Two that are added come before it and change that: `early`, and a film, which shifts another's.
"$1" -c '
import numpy as np
for name in "ab":
    np.save(name + ".npy", np.random.default_rng(ord(name)).normal(size=(2, 30, 18, 16)).astype("f4"))
' || fail "stimulus files"
sed -e "s/^neurons:.*/neurons: [0, 3]/" -e "s/refine: 12/refine: 3/" \
  -e "/kind: spot/i\  - {kind: movie, name: film, file: a.npy, scale: model}" "$here/small_tuning.yaml" >short.yaml
sed -e "/^stimuli/a\  - {kind: spot, name: early, place: cell, diameter_um: [100, 200, 400], duration_s: 0.3}" \
  -e "/kind: movie/i\  - {kind: movie, name: other, file: b.npy, scale: model}" \
  -e "/^output/i\  - {kind: step, duration_s: 0.5}" short.yaml >long.yaml
run 2 short.yaml output=cells.h5 || fail "four stimuli"
run 2 long.yaml output=fresh_cells.h5 || fail "seven stimuli"
run 2 long.yaml output=cells.h5 || fail "three stimuli more"
same fresh_cells.h5 cells.h5 "seven stimuli at once, and four and then three more"
for stage in root moving_bar; do said "stage '$stage' is computed again"; done
[ "$(grep -c "is computed again" "$scratch/log")" = 2 ] || fail "more is computed again than depends on what was added"

cp b.npy a.npy
run 1 long.yaml output=cells.h5 && fail "another film was accepted"
said "another stimulus file" "another film"
same fresh_cells.h5 cells.h5 "before and after another film was refused"
run 1 short.yaml output=cells.h5 && fail "fewer stimuli were accepted"
said "'early' of stimuli, whose results are there, is no longer listed"
