#!/bin/sh
# SPDX-License-Identifier: MIT
# What the program says of population jobs: what they take on how many ranks, what is wrong with them before anything is
# run for them, what may stand in them, what became of them.
. "$(dirname "$0")/lib.sh"
unset INSILICO_SITE
for name in $(env | sed -n 's/^\(SLURM_[A-Z_]*\|SBATCH_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
export XDG_CONFIG_HOME="$scratch"
cd "$scratch" || exit 1

cat >cells.yaml <<'YAML'
experiment: tuning
model: builtin:ground_truth?neurons=64
locate: false
stimuli:
  - {kind: step, name: steps, color: [green, uv], contrast: [-1, 1], duration_s: 1}
output: cells.h5
YAML
cat >job.yaml <<'YAML'
experiment: population
data:
  - {kind: run, name: light, job: cells.yaml, variable: steps/response}
  - {kind: run, name: green, job: cells.yaml, variable: steps/response, where: {color: green}}
analyses:
  - {kind: distances, data: light}
  - {kind: distances, name: colour, data: green}
output: job.h5
YAML
# Every moment of every cell is an item, so that a matrix of all pairs is larger than all else.
cat >large.yaml <<'YAML'
experiment: population
data: [{kind: results, file: cells.h5, variable: steps/response, rows: [neuron, response_frame]}]
analyses: [{kind: distances}]
output: large.h5
YAML

# has FILE TEXT WHAT
has() { grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$3: no '$2' in $1"; }; }
hasnt() { ! grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$3: '$2' in $1"; }; }
# wrong TEXT [overrides of job.yaml]: refused with that message, before any job is run for it
wrong() {
  text=$1
  shift
  run 1 job.yaml output=wrong.h5 "$@"
  [ $? = 2 ] || fail "$*: not status 2"
  said "$text" "$*"
  hasnt log "first:" "$*"
  [ ! -e wrong.h5 ] || fail "$*: leaves a file"
}
number() { sed -n "s/.*\"$1\":\\([0-9][0-9]*\\).*/\\1/p" "$2"; } # KEY FILE

# ---- before anything is run ----

wrong "data.1: data.0 is called 'light' too" data.1.name=light
wrong "data.0: give variable or variables, not both" 'data.0.variables=[steps/response]'
wrong "job.yaml is the job of a population" data.1.job=job.yaml
[ ! -e cells.h5 ] || fail "a job was run for one that is wrong"

# ---- what may stand in a job ----

"$INSILICO" list data >list || fail "list data"
for key in results run file overrides where draws; do has list "$key" "list data"; done
"$INSILICO" list run >list || fail "list run"
has list "a job file, which is run first" "list run"

# ---- a run, and what is said of it ----

run 2 job.yaml || fail "2 ranks"
[ "$(grep -c 'first: cells.yaml' log)" = 1 ] || fail "the job that two entries name is not run once"
"$INSILICO" run --quiet job.yaml output=one.h5 >log 2>&1 || fail "1 rank"
"$INSILICO" status one.h5 >state || fail status
hasnt state "model" "status of what has no model"
has state " 1 rank, 2 tasks" status
grep -aq "decoding of whole populations" one.h5 || fail "the title of the file does not say what it is about"
"$INSILICO" select one.h5 'nearest_distance > 1' >out 2>log && fail "a variable of two groups without their names"
said "colour.nearest_distance, distances.nearest_distance" "a variable of two groups"

run 1 job.yaml output=wrong.h5 'analyses=[{kind: distances}]' \
  'data=[{kind: results, file: one.h5, variable: distances/distance, rows: [neuron], labels: [nearest]}]'
[ $? = 2 ] || fail "a label with the name of a result gives another status than 2"
said "the label 'nearest' has the name of what this analysis leaves itself" "a label with the name of a result"
run 1 job.yaml output=wrong.h5 'analyses=[{kind: fisher_information, along: size_um}]'
said "fisher_information: along: " "an axis that is not there"
hasnt log "fisher_information: fisher_information" "an axis that is not there"

# ---- memory and ranks ----

"$INSILICO" plan large.yaml >plan 2>log || fail plan
has plan "distances/nearest      int64 [item 3264]" "axes of variables without tasks"
"$INSILICO" plan --json large.yaml >one.json 2>log || fail "plan --json"
[ "$(number ranks one.json)" = 1 ] || fail "one rank has room for all of it: $(cat one.json)"
room=$(($(number bytes_of_one_rank one.json) - 30000000)) # the matrix has 85 MB
little=memory=$(awk "BEGIN { printf \"%.9f\", $room / 1073741824 }")
"$INSILICO" plan --json large.yaml "$little" >few.json 2>log || fail "plan --json with $little"
enough=$(number ranks few.json)
[ "$enough" -gt 1 ] || fail "$little is not too little for one rank: $(cat few.json)"
[ "$(number bytes_per_rank few.json)" -le $((room + 1)) ] || fail "more than $room bytes on each rank: $(cat few.json)"
run 1 large.yaml "$little"
[ $? = 2 ] || fail "what does not fit gives another status than 2"
said "it does not fit; $enough ranks with as much each would do" "what does not fit"
for n in "$enough" 32; do
  set -- # the number that is worth asking for, and one that is given
  [ "$n" = "$enough" ] || set -- --ntasks="$n"
  "$INSILICO" submit --dry-run large.yaml "$little" "$@" >script 2>log || fail "submit $*"
  has script "#SBATCH --ntasks=$n" "submit $*"
  sed -n 's/^#SBATCH --mem-per-cpu=\([0-9]*\)M$/\1/p' script >"asked.$n"
  [ -s "asked.$n" ] || fail "submit $* asks for no memory"
done
[ "$(cat asked.32)" -lt "$(cat "asked.$enough")" ] || fail "each of 32 ranks takes as much as each of $enough"

# Both jobs at once: the one whose data the other runs for comes first.
rm cells.h5
"$INSILICO" submit --dry-run job.yaml cells.yaml >script 2>log || fail "submit of two jobs"
has log "--dependency=afterok:" "the population waits for the cells"
