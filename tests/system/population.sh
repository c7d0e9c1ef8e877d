#!/bin/sh
# SPDX-License-Identifier: MIT
# Analyses of a whole population find what was planted, agree between numbers of ranks and give the same bytes on the
# same number, also after a stop and a kill; every command reads the file: population.sh PYTHON
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
cp "$here/population.yaml" "$here/population_types.yaml" "$scratch" && cd "$scratch" || exit 1

# Those of the population's job, which ends last.
analyses_kept() { kept | tail -1; }

# Those that are finished in a file, of all its stages.
analyses_done() { "$INSILICO" status --json "$1" | sed -n 's/^[^[]*"done":\([0-9]*\).*/\1/p'; }

# The job that the data come from is run first, once. Then several numbers of ranks.
run 2 population.yaml output=2.h5 || fail "2 ranks"
said "first: population_types.yaml" "the job that is run first"
[ -s types.h5 ] || fail "the job that is run first leaves no results"
cp types.h5 before.h5
run 1 population.yaml output=1.h5 || fail "1 rank"
run 3 population.yaml output=3.h5 || fail "3 ranks"
run 2 population.yaml output=again.h5 || fail "2 ranks again"
same types.h5 before.h5 "responses before and after they were analysed"
same 2.h5 again.h5 "2 ranks and 2 ranks"
"$1" "$here/population_reads.py" truth 1.h5 || fail "what was planted is not found"
"$1" "$here/population_reads.py" agree 1.h5 2.h5 3.h5 || fail "numbers of ranks disagree"

# A finished job is not computed again.
run 2 population.yaml output=again.h5 || fail "a finished job"
[ "$(analyses_kept)" = "$(analyses_done 2.h5)" ] || fail "of a finished job $(analyses_kept) analyses are kept"

# Stopped, and killed, after the second of its analyses: two are kept, and the end is that of an undisturbed run.
start_held together.seal:2 2 population.yaml output=stopped.h5
[ "$(analyses_done stopped.h5)" = 2 ] || fail "$(analyses_done stopped.h5) analyses were done when the third was held"
kill -USR1 "$launcher"
sleep 0.5
let_on
ended 75 "SIGUSR1 to the launcher"
said "run the same command to go on" "a stopped run"
"$INSILICO" status stopped.h5 >state || fail "status of a stopped run"
grep -q stopped state || fail "status does not say that the run was stopped: $(cat state)"
stopped=$(analyses_done stopped.h5)
run 2 population.yaml output=stopped.h5 || fail "going on after a stop"
[ "$(analyses_kept)" = "$stopped" ] || fail "after a stop $(analyses_kept) of $stopped analyses were kept"
same 2.h5 stopped.h5 "stopped and gone on ($stopped analyses kept)"

INS_FAULT=together.seal:2=kill
export INS_FAULT
start 2 population.yaml output=killed.h5
unset INS_FAULT
await "a killed run"
[ "$status" != 0 ] || fail "a killed run ended with status 0"
[ "$(analyses_done killed.h5)" = 2 ] || fail "$(analyses_done killed.h5) analyses were done before the kill"
run 2 population.yaml output=killed.h5 || fail "going on after a kill"
[ "$(analyses_kept)" = 2 ] || fail "after a kill $(analyses_kept) analyses were kept"
same 2.h5 killed.h5 "killed and gone on (2 analyses kept)"

# Damage in a result is found, and that analysis alone is computed again.
cp 2.h5 damaged.h5
"$1" - damaged.h5 <<'END' || fail "damaging a file"
import sys
import h5py

with h5py.File(sys.argv[1]) as file:
    place = file["types/bic"].id.get_offset()
with open(sys.argv[1], "r+b") as file:
    file.seek(place + 9)
    byte = file.read(1)
    file.seek(place + 9)
    file.write(bytes([byte[0] ^ 0x10]))
END
INS_FAULT=together.seal:3=kill # `types`, computed and not yet sealed: what was damaged may not count as done again
export INS_FAULT
start 2 population.yaml output=damaged.h5
unset INS_FAULT
await "a run on a damaged file that is killed"
[ "$(analyses_done damaged.h5)" = $(($(analyses_done 2.h5) - 1)) ] || fail "a damaged analysis counts as done"
run 2 population.yaml output=damaged.h5 || fail "a damaged file"
[ "$(analyses_kept)" = $(($(analyses_done 2.h5) - 1)) ] || fail "of a damaged file $(analyses_kept) analyses were kept"
same 2.h5 damaged.h5 "damaged and computed again"

# What a person asks of the file: its state, what the job takes, the cells of a type.
"$INSILICO" status 2.h5 >state || fail status
grep -q "finished" state && grep -q "types .*1 of 1 done" state || fail "status: $(cat state)"
"$INSILICO" plan population.yaml >plan 2>log || fail plan
for analysis in signal_correlation components types fisher_information memory; do
  grep -q "$analysis" plan || fail "plan does not name $analysis: $(cat plan)"
done
"$INSILICO" select 2.h5 'types.cluster == 0' >found 2>log || fail select
"$INSILICO" select types.h5 'truth_preferred_direction_deg >= 0' >planted 2>log || fail "select of the truth"
same found planted "cells of the largest cluster and direction-selective cells"
"$INSILICO" select 2.h5 'directions.cluster >= 0 & types.cluster >= 0' >found 2>log || fail "select of an analysis of few cells"
same found planted "cells of the analysis of direction-selective cells"
"$INSILICO" run --quiet population.yaml output=not.h5 data.4.where.neuron=900 >log 2>&1
[ $? = 2 ] || fail "a neuron that is not there gives another status than 2"
said "where.neuron" "a neuron that is not there"
[ ! -e not.h5 ] || fail "a job that is refused leaves a file"
