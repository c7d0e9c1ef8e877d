#!/bin/sh
# SPDX-License-Identifier: MIT
# One job of insilico under PBS (PBS Pro, OpenPBS, Torque with `nodes` for `select`). Fill it, submit it:
#
#     insilico submit --template slurm/pbs.sh --dry-run JOB >job.pbs
#     qsub job.pbs
#
# Behind the time limit it goes on by `qrerun` where users may, else by submitting itself once more.
# `qdel` stops it in order if the site's kill_delay is long enough for an iteration.
#PBS -N @NAME@
#PBS -l select=@RANKS@:ncpus=1:mpiprocs=1:mem=@MEMORY_MB@mb
#PBS -l walltime=@TIME@
#PBS -r y
#PBS -j oe

asked='' launched='' interrupted=no timer=''
hand_on() { interrupted=yes && [ -n "$launched" ] && kill -USR1 "$launched" 2>/dev/null; }
trap '[ "$asked" = stop ] || asked=limit; hand_on' USR1 # by the timer below, before the limit
trap 'asked=stop; hand_on' TERM  # by qdel
trap '[ -z "$timer" ] || kill "$timer" 2>/dev/null' EXIT

program=@PROGRAM@
ranks=@RANKS@
mode=@REQUEUE@
max_turns=@MAX_REQUEUES@

@MODULES@
@BEFORE@
cd -- @DIRECTORY@ || exit 3
exec >>@LOG@ 2>&1
element=0
case $element in
@JOBS@
esac

# A turn that was submitted by the one before knows by whose number they all go.
campaign=${INSILICO_CAMPAIGN:-${PBS_JOBID:-0}}
first=yes turns=0
if [ "$(sed -n 's/^campaign //p' "$state" 2>/dev/null)" = "$campaign" ]; then
    first=no
    turns=$(sed -n 's/^turns //p' "$state")
fi

# PBS has no signal before the limit that every site allows.
(
    trap 'kill "$nap"' TERM
    sleep $((@SECONDS@ - @SIGNAL_SECONDS@)) &
    nap=$!
    wait "$nap" && kill -USR1 $$
) &
timer=$!

still_ours() { :; }
preempted() { false; } # PBS runs a preempted job again by itself
use_nodes_left() { :; }
another_turn() { # STATUS
    trap '' TERM USR1
    say "goes on in another turn ($((turns + 1)) of at most $max_turns)"
    qrerun "$PBS_JOBID" 2>/dev/null && exit "$1"
    # PBS runs a copy of the script, which is there as long as the job
    qsub -v INSILICO_CAMPAIGN="$campaign" "$0" && exit "$1"
    say "PBS takes no further turn from here"
}
start() { exec mpirun -n "$ranks" "$program" run "$@"; }

@RUNNER@
