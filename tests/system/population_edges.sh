#!/bin/sh
# SPDX-License-Identifier: MIT
# Populations at the edge: with silent neurons, with neurons that are the same, with more neurons than stimuli; smaller
# than the number of ranks, and too large for it: population_edges.sh PYTHON
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
python=$1 reads=$here/population_edges.py
mkdir "$scratch/here" && cp "$here/population_edges.yaml" "$scratch/here" && cd "$scratch/here" || exit 1

cat >responses.yaml <<'END'
experiment: tuning
model: builtin:ground_truth?neurons=40
locate: false
repeats: 3
noise: {kind: poisson, gain: 1.0}
stimuli:
  - {kind: moving_bar, name: bars, direction_deg: "range(0, 360, 45)", speed_um_s: 800, width_um: 100, measure: mean}
output: responses.h5
END
run 1 responses.yaml || fail "the responses"
"$python" "$reads" plant responses.h5 planted.h5 || fail "planting"

# refused RANKS JOB [overrides]: with status 2 and one message, and it leaves nothing
refused() {
  ls >../before
  run "$@"
  [ $? = 2 ] || fail "$*: another status than 2"
  [ "$(grep -c '^insilico:' ../log)" = 1 ] || fail "$*: more than one message"
  ls >../after
  cmp -s ../before ../after || fail "$*: leaves $(diff ../before ../after)"
}

# Silent neurons, neurons that are the same, few stimuli, many stimuli; on one rank and dealt in blocks.
run 1 population_edges.yaml || fail "1 rank"
"$python" "$reads" check planted.h5 edges.h5 || fail "1 rank: what was planted is not found"
run 4 population_edges.yaml output=four.h5 || fail "4 ranks"
"$python" "$reads" check planted.h5 four.h5 || fail "4 ranks: what was planted is not found"
"$python" "$reads" rounding edges.h5 four.h5 || fail "1 rank and 4 ranks disagree"

# Cells of a cluster, by their numbers: of all neurons, and of every second one.
run 2 population_edges.yaml output=odd.h5 \
  'analyses=[{kind: clusters, name: some, data: odd, method: kmeans, k: "2:4", components: 4}]' || fail "odd neurons"
for group in edges.types odd.some; do
  file=${group%.*}.h5 group=${group#*.}
  "$INSILICO" select "$file" "$group.cluster == 0" >found 2>../log || fail "select $group.cluster"
  [ -s found ] || fail "no cells are in cluster 0 of $group"
  tr ',' '\n' <found | awk -F: 'NF == 2 { for (i = $1; i < $2; i++) print i; next } { print }' | xargs >listed
  "$python" "$reads" cells "$file" "$group" >members || fail "reading cluster 0 of $group"
  same listed members "cells of $group by select and by h5py"
done

# Three neurons, so that most ranks have none.
three() {
  run "$1" population_edges.yaml output="$2" 'data.0.where={neuron: [5, 11, 30]}' 'data.1.where={neuron: [5, 11, 30]}' \
    'data.2.where={neuron: [5, 11, 30]}' 'data.3.where={neuron: [5, 11, 31]}' 'analyses.7.k="1:3"' block=1
}
three 1 three1.h5 || fail "three neurons on 1 rank"
three 6 three6.h5 || fail "three neurons on 6 ranks"
"$python" "$reads" rounding three1.h5 three6.h5 || fail "three neurons: 1 and 6 ranks disagree"

# Too large: refused before anything is written, with the number of ranks that do it. What one rank would take is told
# too; a little less than that is given to each of several.
for _ in $(seq 80); do printf ', responses.h5'; done | cut -c 3- >files
cat >large.yaml <<END
experiment: population
data:
  - {kind: results, files: [$(cat files)], join: items, variable: bars/tuning_curve}
analyses:
  - {kind: distances}
output: large.h5
END
refused 3 large.yaml memory=0.001
said "it does not fit; more ranks would not do" "no memory at all"
refused 1 large.yaml memory=0.001
takes=$(sed -n 's/.*distances takes \([0-9.]*\) MB on 1 rank.*/\1/p' ../log)
[ -n "$takes" ] || fail "it does not say what it would take"
memory=$(echo "$takes" | awk '{ printf "%.4f", 0.85 * $1 * 1e6 / 2 ^ 30 }')
refused 1 large.yaml memory="$memory"
said "distances takes $takes MB" "a job that does not fit"
enough=$(sed -n 's/.*does not fit; \([0-9]*\) ranks .* would do.*/\1/p' ../log)
[ "${enough:-0}" -gt 1 ] && [ "$enough" -le 6 ] || fail "it names no number of ranks that would do"
run "$enough" large.yaml memory="$memory" || fail "it does not run on the $enough ranks that would do"
echo "refused on 1 rank with $memory GiB, done on $enough"

# More neurons are asked for than there are.
refused 1 population_edges.yaml output=not.h5 'analyses.10.neurons_curve=[4, 64, 128]'
said "neurons_curve: 64 neurons are more than the 40 that 'trials' has" "more neurons than there are"
