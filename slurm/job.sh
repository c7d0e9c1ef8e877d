#!/bin/sh
# SPDX-License-Identifier: MIT
# Written by `insilico submit`; the same command submits the job again, to go on.
@DIRECTIVES@

# 75 is the program's "stopped, run again to go on". What happens when is told in docs/cluster.md.
# Both are handed to the launcher as USR1, which it passes on to the ranks.
asked='' launched='' interrupted=no
hand_on() { interrupted=yes && [ -n "$launched" ] && kill -USR1 "$launched" 2>/dev/null; }
trap '[ "$asked" = stop ] || asked=limit; hand_on' USR1 # by Slurm, before the time limit
trap 'asked=stop; hand_on' TERM                           # by scancel --batch --signal=TERM

link=${1:-1} # which one of a chain of jobs
links=@LINKS@
program=@PROGRAM@
launcher=@LAUNCHER@
mpi=@MPI@
ranks=${SLURM_NTASKS:-@RANKS@}
mode=@REQUEUE@
max_turns=@MAX_REQUEUES@
patience=@SIGNAL_SECONDS@ # with a controller that does not answer
jobs=@N_JOBS@
export SLURM_EXPORT_ENV=ALL # whatever sbatch was told: the ranks need what is loaded here

me=${SLURM_JOB_ID:-0} element=0
if [ "$jobs" -gt 1 ] && [ -n "${SLURM_ARRAY_JOB_ID:-}" ]; then
    element=${SLURM_ARRAY_TASK_ID:-none}
    me=${SLURM_ARRAY_JOB_ID}_$element
fi
turns=${SLURM_RESTART_COUNT:-0}
if [ "$mode" = chain ]; then # the links are its turns, and there are no more of these
    turns=$((turns + link - 1))
    max_turns=$((max_turns + links))
fi
if [ "$turns" -eq 0 ]; then first=yes; else first=no; fi

@MODULES@
@BEFORE@
cd -- @DIRECTORY@ || exit 3
case $element in
@JOBS@
*)
    echo "insilico submit: this script has no job for array element $element" >&2
    exit 2
    ;;
esac

# What the controller says of this job. Where it cannot be asked, the job is taken to be running.
ask() { about=" $(scontrol -o show job "$me" 2>/dev/null) "; }
# Slurm is not ending the job by itself (scancel, a preemption that requeues, the limit).
still_ours() {
    ask
    case $about in
    *" JobState=RUNNING "*) return 0 ;;
    *" JobState="*) return 1 ;;
    esac
}
# In its time of grace: who ends in it is not requeued by Slurm.
preempted() {
    ask
    case $about in *" PreemptTime="[0-9]*) return 0 ;; *) return 1 ;; esac
}

# Leaves the rest to another turn; only comes back when there can be none.
another_turn() { # STATUS
    if [ "$mode" = chain ]; then
        [ "$link" -lt "$links" ] || return 1
        say "the next job of the chain goes on (this was $link of $links)"
        exit "$1"
    fi
    trap '' TERM USR1 # requeueing ends this script
    say "requeued (time $((turns + 1)) of at most $max_turns)"
    while :; do
        answer=$(scontrol requeue "$me" 2>&1) && exit "$1"
        case $answer in
        *isabled* | *enied* | *nvalid* | *ermi* | *"ot support"*)
            say "Slurm does not let this job be requeued (site file: requeue: chain): $answer"
            break
            ;;
        esac
        if [ "$patience" -le 0 ]; then
            say "Slurm does not answer, so the job cannot be requeued: $answer"
            break
        fi
        patience=$((patience - 5))
        sleep 5
    done
    trap 'asked=stop' TERM
    return 1
}

# answering NODE ...: those that start a process, 32 asked at a time. One that fell silent is only known to
# Slurm minutes later, but mpirun stumbles over it at once.
answering() {
    asking=0
    for node in "$@"; do
        (timeout 20 srun --overlap --nodes=1 --ntasks=1 --nodelist="$node" true >/dev/null 2>&1 && echo "$node") &
        asking=$((asking + 1))
        [ $((asking % 32)) -ne 0 ] || wait
    done
    wait
}

# Sets `where` to the launcher's options for the nodes that are left, and `ranks` to what fits there.
# With --no-kill a lost node leaves the job, and the job goes on.
where='' all_ranks=$ranks
use_nodes_left() {
    [ "${SLURM_JOB_NUM_NODES:-1}" -gt 1 ] || return 0
    list=$(squeue -h -j "$me" -o %N 2>/dev/null)
    list=$(scontrol show hostnames "${list:-$SLURM_JOB_NODELIST}" 2>/dev/null)
    # shellcheck disable=SC2086 # a list of words
    good=$(answering $list | sort -u)
    n=$(printf '%s\n' "$good" | grep -c .)
    { [ "$n" -gt 0 ] && [ "$n" -lt "$SLURM_JOB_NUM_NODES" ]; } || return 0
    ranks=$((all_ranks * n / SLURM_JOB_NUM_NODES))
    [ "$ranks" -gt 0 ] || ranks=1
    say "$n of $SLURM_JOB_NUM_NODES nodes answer: going on with $ranks ranks"
    good=$(printf '%s' "$good" | tr '\n' ',')
    slots=$(((ranks + n - 1) / n))
    case $launcher in
    srun) where="--nodes=$n --nodelist=$good" ;;
    mpirun) where="--host $(printf '%s' "$good" | sed "s/,/:$slots,/g"):$slots" ;;
    esac
}

if [ "$launcher" = auto ]; then
    launcher=mpirun
    if srun --mpi=list 2>&1 | grep -q "$mpi"; then launcher=srun; fi
fi
# srun passes USR1 on to the ranks, and so does mpirun.
# shellcheck disable=SC2086 # $where is a list of words
start() {
    case $launcher in
    srun) exec srun --mpi="$mpi" --kill-on-bad-exit=1 --ntasks="$ranks" $where "$program" run "$@" ;;
    mpirun) exec mpirun -n "$ranks" $where "$program" run "$@" ;;
    esac
}

@RUNNER@
