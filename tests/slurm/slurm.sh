#!/bin/sh
# SPDX-License-Identifier: MIT
# Jobs submitted with `insilico submit` to a real Slurm, and what becomes of jobs there: the time limit,
# scancel, a drained node, a lost node, preemption, arrays, dependencies, chains. Every time the results
# are in the end those of an undisturbed run outside Slurm, to the byte. One cluster serves all cases,
# side by side where they can be.
# Usage: slurm.sh [CASE...], one after the other then
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/slurm/cluster.sh
. "$here/cluster.sh"
cluster_enter "$@"
SOURCE=${SOURCE:-$(cd "$here/../.." && pwd)}
# shellcheck source=tests/system/lib.sh
. "$SOURCE/tests/system/lib.sh"
trap 'cluster_stop; leave_nothing' EXIT
export INSILICO_LOCK_PAUSE=1
job=$SOURCE/tests/system/small.yaml
steps=20
more="neurons=0:8 seeds=0:4 stop.max_iterations=$steps stop.patience=null"
n_tasks=64

# ---- what Slurm and the results say ----

about() { scontrol -o show job "$1" | sed -n "s/.*[ ^]$2=\([^ ]*\).*/\1/p" | head -1; } # ID FIELD
in_state() { [ "$(about "$1" JobState)" = "$2" ]; }
started_again() { [ "$(about "$1" Restarts)" -ge "$2" ] && in_state "$1" RUNNING; }
ended() {
  case $(about "$1" JobState) in
  COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL | PREEMPTED) ;;
  *) return 1 ;;
  esac
}
n_done() { # OUTPUT
  "$INSILICO" status --json "$1" 2>/dev/null | sed -n 's/,"stages":.*//; s/.*"done":\([0-9]*\).*/\1/p'
}
more_done() { [ "$(n_done "$1")" -gt "$2" ]; } # OUTPUT N
warned() { grep -q "job_signal: 10 of running JobId=$1 " "$cluster/slurmctld.log"; }

# wait_for SECONDS WHAT COMMAND
wait_for() {
  limit=$1 what=$2
  shift 2
  cluster_until "$limit" "$@" || lose "waited $limit s for $what"
}

# lose WHAT: says all that is known
lose() {
  scontrol -o show job >&2
  tail -n 40 ./*.log >&2
  fail "$*"
}

# unfinished OUTPUT: the disturbance met it half-way
unfinished() { [ "$(n_done "$1")" -lt $n_tasks ] || lose "$1 was finished before anything happened to it"; }

# ends_well ID OUTPUT WHAT
ends_well() {
  wait_for 120 "the end of job $1" ended "$1"
  in_state "$1" COMPLETED || lose "job $1 ended as $(about "$1" JobState)"
  same "$scratch/whole.h5" "$2" "$3"
}

# ---- what is done to jobs ----

# submit SITE WORD...: sets $ids, and $id to the first of them. SITE: lines of a site file
submit() {
  echo "$1" >site.yaml
  shift
  INSILICO_SITE=$PWD/site.yaml "$INSILICO" submit --json "$@" >said 2>&1 || lose "submit: $(cat said)"
  ids=$(grep -o '"ids":\[[^]]*\]' said | tr -c '0-9\n' ' ')
  # shellcheck disable=SC2086
  set -- $ids
  id=${1:-}
  [ -n "$id" ] || lose "submit names no job: $(cat said)"
}

# submit_small SITE [sbatch options]: the job of which $scratch/whole.h5 has the results; it is under way
# on return
submit_small() {
  site=$1
  shift
  # shellcheck disable=SC2086
  submit "$site" "$@" --ntasks=2 "$job" output="$PWD/small.h5" $more
  wait_for 90 "the first task" more_done small.h5 0
}

# signal_ranks SIGNAL DIRECTORY: to the ranks that write there, wherever they are
signal_ranks() {
  for pid in $(pgrep -f "^[^ ]*insilico run .*$2/"); do kill "-$1" "$pid"; done
}

warn() { scancel --batch --signal=USR1 "$1"; } # as Slurm does before the limit

# ---- cases ----

# Slurm looks at limits every half minute. The ranks stand still until then, so that they do not finish.
limit() { # LAUNCHER NODES
  submit_small "launcher: $1" --time=1 --nodes="$2"
  signal_ranks STOP "$PWD"
  wait_for 90 "the warning before the time limit" warned "$id"
  signal_ranks CONT "$PWD"
  wait_for 90 "another turn" started_again "$id" 1
  ends_well "$id" small.h5 "stopped at the time limit under $1, nodes: $2, requeued by itself"
}
case_limit_srun() { limit srun 1; }
case_limit_mpirun() { limit mpirun 2; }

case_scancel() {
  submit_small "launcher: srun"
  scancel "$id"
  wait_for 90 "the end of a cancelled job" ended "$id"
  in_state "$id" CANCELLED || lose "a cancelled job is $(about "$id" JobState)"
  unfinished small.h5
  cancelled=$id
  submit_small "launcher: mpirun"
  ends_well "$id" small.h5 "cancelled, submitted again"
  in_state "$cancelled" CANCELLED || lose "the cancelled job came back"
}

case_cap() {
  submit_small "max_requeues: 1"
  warn "$id"
  wait_for 90 "another turn" started_again "$id" 1
  unfinished small.h5
  wait_for 90 "its first task" more_done small.h5 "$(n_done small.h5)"
  warn "$id"
  wait_for 90 "the last turn's end" ended "$id"
  [ "$(about "$id" ExitCode)" = 75:0 ] || lose "a job that gives up ends with $(about "$id" ExitCode)"
  unfinished small.h5
  submit_small "max_requeues: 1"
  ends_well "$id" small.h5 "given up after as many turns as the site allows, submitted again"
}

case_chain() {
  submit_small "requeue: chain" --chain=3
  next=$(echo "$ids" | awk '{ print $2 }')
  warn "$id"
  wait_for 90 "the end of the first job of a chain" ended "$id"
  [ "$(about "$id" ExitCode)" = 75:0 ] || lose "the first of a chain ends with $(about "$id" ExitCode)"
  unfinished small.h5
  ends_well "$next" small.h5 "gone on by the next job of a chain"
}

case_array() {
  cp "$job" 1.yaml
  sed "s|^neurons:.*|neurons: '0:8'|; s|^seeds:.*|seeds: '0:4'|; s|^output:.*|output: 2.h5|
    s|^stop:.*|stop: {max_iterations: $steps, patience: null}|" "$job" >2.yaml
  run 1 1.yaml output=alone.h5 || lose "the first job alone"
  submit "" --ntasks=2 1.yaml 2.yaml
  wait_for 90 "the second job of an array" more_done 2.h5 0
  warn "${id}_1"
  wait_for 90 "its next turn" started_again "${id}_1" 1
  unfinished 2.h5
  wait_for 120 "the first job of an array" ended "${id}_0"
  same alone.h5 small.h5 "a job of an array"
  ends_well "${id}_1" 2.h5 "a job of an array that was stopped on its way and requeued"
}

case_dependency() {
  cp "$here/first.yaml" "$here/second.yaml" .
  submit "" second.yaml first.yaml
  for k in $ids; do
    wait_for 120 "the end of job $k" ended "$k"
    in_state "$k" COMPLETED || lose "job $k ended as $(about "$k" JobState)"
  done
  mkdir alone
  run 1 first.yaml output=alone/first.h5 || lose "the first job alone"
  run 1 second.yaml output=alone/second.h5 || lose "the second job alone"
  same alone/first.h5 first.h5 "results that another job reads"
  same alone/second.h5 second.h5 "results that were made of them"
}

blocked() { in_state "$1" PENDING && [ "$(about "$1" Reason)" != BeginTime ]; }

case_drain() {
  submit_small "launcher: srun" --nodelist=node1
  scontrol update nodename=node1 state=drain reason=test
  wait_for 90 "work on a draining node" more_done small.h5 "$(n_done small.h5)"
  warn "$id"
  wait_for 90 "the requeued job to be held up by the drained node" blocked "$id"
  unfinished small.h5
  scontrol update nodename=node1 state=resume
  ends_well "$id" small.h5 "went on upon a draining node, waited for it when requeued"
}

# A job that is all on the lost node starts again elsewhere; one that has another node too goes on there
# at once.
case_lost() {
  mkdir half whole
  cd half || exit 1
  submit_small "launcher: srun" --nodes=2
  signal_ranks STOP "$PWD"
  half=$id kept=$(about "$id" BatchHost)
  if [ "$kept" = node1 ]; then lost=node2; else lost=node1; fi
  cd ../whole || exit 1
  scontrol update nodename="$kept" state=drain reason=test
  submit_small "launcher: srun"
  scontrol update nodename="$kept" state=resume
  signal_ranks STOP "$PWD"
  unfinished small.h5
  unfinished ../half/small.h5 # which may end before the other has another turn
  cluster_cut $lost
  wait_for 90 "another turn elsewhere" started_again "$id" 1
  ends_well "$id" small.h5 "its node was lost, went on upon another"
  cd ../half || exit 1
  ends_well "$half" small.h5 "one of its two nodes was lost, went on upon the other"
  [ "$(about "$half" Restarts)" = 0 ] || lose "it was requeued although it had a node left"
  cluster_node $lost
  wait_for 90 "$lost to be back" cluster_idle
}

preempt() { # LAUNCHER NODE
  submit_small "launcher: $1" --nodelist="$2"
  signal_ranks STOP "$PWD"
  sbatch --partition=urgent --nodelist="$2" --exclusive --output=/dev/null --wrap="sleep 1" >/dev/null
  wait_for 90 "another turn after preemption" started_again "$id" 1
  unfinished small.h5
  ends_well "$id" small.h5 "pushed out under $1 by an urgent job, requeued"
}
case_preempt_srun() { preempt srun node1; }
case_preempt_mpirun() { preempt mpirun node2; }

# together CASE...: side by side, each in a directory of its own
together() {
  pids=
  for name in "$@"; do
    mkdir "$scratch/$name"
    (cd "$scratch/$name" && case_"$name") >"$scratch/$name.out" 2>&1 &
    pids="$pids $name:$!"
  done
  bad=
  for pid in $pids; do
    wait "${pid#*:}" || bad="$bad ${pid%:*}"
    echo "-- ${pid%:*}"
    cat "$scratch/${pid%:*}.out"
  done
  rm -f "$scratch/log"
  [ -z "$bad" ] || fail "cases:$bad"
}

cluster_start
cd "$scratch" || exit 1
# shellcheck disable=SC2086
run 2 "$job" output=whole.h5 $more || fail "undisturbed run"
if [ $# -gt 0 ]; then
  for name in "$@"; do together "$name"; done
else
  together limit_srun limit_mpirun scancel cap chain array dependency drain
  together lost
  together preempt_srun preempt_mpirun
fi
