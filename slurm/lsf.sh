#!/bin/sh
# SPDX-License-Identifier: MIT
# One job of insilico under LSF. Fill it, submit it:
#
#     insilico submit --template slurm/lsf.sh --dry-run JOB >job.lsf
#     bsub <job.lsf
#
# Status 75 makes LSF put the job back into the queue (-Q), and so does a lost host (-r). One that is
# stopped for good ends with 76. `bkill -s TERM` stops it in order.
# Where LSF counts memory by host and not by slot, the site changes the line with rusage.
#BSUB -J @NAME@
#BSUB -n @RANKS@
#BSUB -W @HOURS_MINUTES@
#BSUB -R "rusage[mem=@MEMORY_MB@MB]"
#BSUB -r
#BSUB -Q "75"

asked='' launched='' interrupted=no timer=''
hand_on() { interrupted=yes && [ -n "$launched" ] && kill -USR1 "$launched" 2>/dev/null; }
trap '[ "$asked" = stop ] || asked=limit; hand_on' USR1 # by the timer below, before the limit
trap 'asked=stop; hand_on' TERM  # by bkill
trap '[ -z "$timer" ] || kill "$timer" 2>/dev/null' EXIT

program=@PROGRAM@
ranks=@RANKS@
mode=@REQUEUE@
max_turns=@MAX_REQUEUES@
stopped=76 # 75 would be requeued

@MODULES@
@BEFORE@
cd -- @DIRECTORY@ || exit 3
exec >>@LOG@ 2>&1
element=0
case $element in
@JOBS@
esac

campaign=${LSB_JOBID:-0}
first=yes turns=0
if [ "$(sed -n 's/^campaign //p' "$state" 2>/dev/null)" = "$campaign" ]; then
    first=no
    turns=$(sed -n 's/^turns //p' "$state")
fi

# The signal before the limit (-wa) goes to every process at once; the launcher should get one.
(
    trap 'kill "$nap"' TERM
    sleep $((@SECONDS@ - @SIGNAL_SECONDS@)) &
    nap=$!
    wait "$nap" && kill -USR1 $$
) &
timer=$!

still_ours() { :; }
preempted() { false; } # LSF runs a preempted job again by itself
use_nodes_left() { :; }
another_turn() { # STATUS
    say "goes on in another turn ($((turns + 1)) of at most $max_turns)"
    exit 75
}
start() { exec mpirun -n "$ranks" "$program" run "$@"; }

@RUNNER@
