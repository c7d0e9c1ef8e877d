# SPDX-License-Identifier: MIT
# Shared by the system tests: a scratch directory, short ways to run, and checks that say what they saw.
# Needs INSILICO (program), MPIEXEC and SOURCE from CTest; run by hand they have defaults.
SOURCE=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
INSILICO=${INSILICO:-$SOURCE/build/insilico}
MPIEXEC=${MPIEXEC:-mpirun}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_orte_abort_on_non_zero_status=1

scratch=$(mktemp -d "${TMPDIR:-/tmp}/insilico-test-XXXXXX")
# What a killed MPI leaves in /tmp and /dev/shm goes with the scratch directory.
mkdir "$scratch/mpi"
export OMPI_MCA_orte_tmpdir_base="$scratch/mpi" OMPI_MCA_btl_vader_backing_directory="$scratch/mpi"
export INSILICO_TEST="$scratch" # in the environment of every process that this test starts
trap leave_nothing EXIT
trap 'exit 1' HUP INT TERM

# The runs of this test that still live: launchers and ranks, by process number.
ours() {
  for pid in $(pgrep -x "$(basename "$INSILICO" | cut -c 1-15)"; pgrep -x "$(basename "$MPIEXEC")"); do
    if grep -qz "^INSILICO_TEST=$scratch" "/proc/$pid/environ" 2>/dev/null; then echo "$pid"; fi
  done
}

# At the end, however it comes, nothing is left behind: subshells, runs, what they wait with, mounts, files.
leave_nothing() {
  pkill -9 -P $$
  for pid in $(ours; pgrep -x sleep); do
    if grep -qz "^INSILICO_TEST=$scratch" "/proc/$pid/environ" 2>/dev/null; then kill -9 "$pid"; fi
  done 2>/dev/null
  cd / || exit 1
  for mounted in $(cut -d ' ' -f 2 /proc/self/mounts | grep "^$scratch/" | sort -r); do umount -l "$mounted"; done
  rm -rf "$scratch"
}

# run RANKS JOB [overrides]: quietly; messages go to $scratch/log
run() {
  ranks=$1
  shift
  if [ "$ranks" = 1 ]; then
    "$INSILICO" run --quiet "$@" >"$scratch/log" 2>&1
  else
    "$MPIEXEC" -n "$ranks" "$INSILICO" run --quiet "$@" >"$scratch/log" 2>&1
  fi
}

fail() {
  echo "FAILED: $*" >&2
  [ -f "$scratch/log" ] && sed 's/^/  | /' "$scratch/log" >&2
  exit 1
}

# skip WHY: something that only some machines have is missing; ctest counts it as skipped
skip() {
  echo "skipped: $*"
  exit 77
}

# same A B WHAT: the two files are identical byte for byte
same() { cmp "$1" "$2" >&2 || fail "$3: files differ"; echo "identical: $3"; }

# ---- runs that something happens to ----

# apart NAME: from here on this subshell is like a test of its own, with a directory, a log and processes of its own
apart() {
  scratch=$scratch/$1
  export INSILICO_TEST="$scratch"
  mkdir "$scratch" && cd "$scratch" || exit 1
}

# start RANKS JOB [overrides]: as run, in the background; $launcher is what was started
start() {
  ranks=$1
  shift
  "$MPIEXEC" -n "$ranks" "$INSILICO" run "$@" >"$scratch/log" 2>&1 &
  launcher=$!
}

# start_held FAULT RANKS JOB [overrides]: as start, and returns when a rank stands still at FAULT (a task, a rank) or,
# where it names neither, all do: what happens then happens in the middle of the run. `let_on` lets them go on.
start_held() {
  export INS_FAULT="$1=stop"
  case $1 in *[:@]*) standing=1 ;; *) standing=$2 ;; esac
  shift
  start "$@"
  unset INS_FAULT
  for _ in $(seq 600); do
    [ "$(pgrep -r T -P "$launcher" | wc -l)" = "$standing" ] && return
    kill -0 "$launcher" 2>/dev/null || fail "the run ended before any rank stood still"
    sleep 0.05
  done
  fail "no rank stands still"
}

# shellcheck disable=SC2046
let_on() { kill -CONT $(pgrep -r T -P "$launcher"); }

# tasks_done FILE: how many tasks of it are finished, 0 while there is no file
tasks_done() {
  "$INSILICO" status --json "$1" 2>/dev/null |
    sed -n 's/.*"done":\([0-9]*\).*/\1/p' | grep . || echo 0
}

# wait_for_tasks N FILE: until N of its tasks are finished by the run of $launcher
wait_for_tasks() {
  for _ in $(seq 600); do
    [ "$(tasks_done "$2")" -ge "$1" ] && return
    kill -0 "$launcher" 2>/dev/null || fail "the run ended before $1 tasks were done"
    sleep 0.02
  done
  fail "$1 tasks were not done within the time"
}

# await WHAT: the run of $launcher ends within a minute and leaves no process; sets $status, and $stuck where it had
# to be ended though no rank lived any more: Open MPI's launcher waits for ever for a lock of its own (in
# pmix_rte_finalize) when a rank dies in the moment in which it reports to it.
await() {
  (
    trap 'kill $!; exit 1' TERM
    alone=0
    for _ in $(seq 60); do
      sleep 1 &
      wait $!
      if pgrep -r D,R,S,T -P "$launcher" >/dev/null; then alone=0; else alone=$((alone + 1)); fi
      [ "$alone" = 5 ] && kill -9 "$launcher" && exit 2
    done
    kill -9 "$launcher"
  ) 2>/dev/null &
  watch=$!
  wait "$launcher" 2>/dev/null
  status=$? stuck=
  kill "$watch" 2>/dev/null
  wait "$watch" 2>/dev/null
  case $? in
  0) fail "$1: it did not end" ;;
  2) stuck=yes ;;
  esac
  gone "$1"
}

# ended STATUS WHAT: it ends so, with this status
ended() {
  await "$2"
  [ -z "$stuck" ] || fail "$2: its launcher did not end"
  [ "$status" = "$1" ] || fail "$2: status $status instead of $1"
}

# gone WHAT: no process is left of any run. The launcher's death takes its ranks with it in a moment.
gone() {
  for _ in $(seq 50); do
    [ -z "$(ours)" ] && return
    sleep 0.1
  done
  fail "$1: processes are left: $(ours | xargs ps -o pid,stat,args -p)"
}

# said TEXT [WHAT]: the last run said so
said() { grep -qF -- "$1" "$scratch/log" || fail "${2:-its messages}: '$1' is not said"; }

# kept: how many tasks the last run found finished, as it says at its end
kept() { sed -n 's/.*done: [0-9]* tasks (\([0-9]*\) kept.*/\1/p' "$scratch/log"; }
