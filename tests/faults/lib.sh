# SPDX-License-Identifier: MIT
# Shared by the fault tests: a tiny job, what may lie there before it, and what must hold after a run that was
# disturbed: it ended soon, by a status of the program's table and with one message; what it left under the name of
# the results is whole; and run again it gives the undisturbed file.
. "$(dirname "$0")/../system/lib.sh"
trap 'exit 143' HUP INT TERM # by way of the trap that removes $scratch
jobs=$(cd "$(dirname "$0")" && pwd)
here=${scratch:?}/here # the directory of the results; nothing else is below it
mkdir "$here" && cd "$here" || exit 1
# One process alone needs no daemon of MPI's, but then a session directory that no other process uses. Memory that is
# new or freed is filled with a pattern.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base="$scratch" MALLOC_PERTURB_=165
export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0:exitcode=99:allocator_may_return_null=1
LONGEST=60 # seconds that a run may take; undisturbed it is less than one

# take_job NAME: tiny (the least that goes everywhere) or tiny_population (what all ranks compute together)
take_job() {
  job=$jobs/$1.yaml
  rm -f ../whole.h5
  [ "$1" = tiny ] || [ -f ../tiny_responses.h5 ] || run 1 "$jobs/tiny_responses.yaml" || fail "the responses"
}
take_job "${JOB:-tiny}"

# begin_from START: makes ../whole.h5, the undisturbed results, and ../before.h5, what lies there before
begin_from() {
  before=$1
  rm -f ../before.h5
  [ -f ../whole.h5 ] || run 1 "$job" output=../whole.h5 || fail "the undisturbed run"
  case $before in
  nothing) ;;
  damaged) # in the last row of the last task
    cp ../whole.h5 ../before.h5
    printf damaged! | dd of=../before.h5 bs=1 seek=$(($(wc -c <../whole.h5) - 8)) conv=notrunc 2>/dev/null
    ;;
  longer) run 1 "$job" output=../before.h5 seeds=0 || fail "the shorter job" ;;
  *) fail "there is no START '$before'" ;;
  esac
}

prepare() {
  rm -rf "${here:?}"/*
  [ ! -f ../before.h5 ] || cp ../before.h5 tiny.h5
}

# disturbed RANKS VARIABLE=VALUE...: runs the job with these in the environment of its ranks (not of the launcher);
# its status in $status, its messages in ../log
disturbed() {
  n_ranks=$1
  shift
  set -- env "$@" "$INSILICO" run --quiet ${deadline:+--deadline "$deadline"} "$job"
  [ "$n_ranks" = 1 ] || set -- "$MPIEXEC" -n "$n_ranks" "$@"
  begun=$(date +%s)
  timeout -k 10 "$LONGEST" "$@" >../log 2>&1
  status=$?
  [ $(($(date +%s) - begun)) -lt "$LONGEST" ] || status=124
}

failures=0
# bad WHAT: the test has failed, in the case that $what describes; the other cases are still tried
bad() {
  failures=$((failures + 1))
  echo "FAILED: $what, status $status: $*"
  sed 's/^/  | /' ../log
}

finish() {
  [ "$failures" = 0 ] && exit 0
  echo "$failures failures"
  exit 1
}

# check_status [MORE]: MORE is a status that is right too
check_status() {
  case $status in
  0 | 1 | 2 | 3 | 4 | 75 | "${1:-0}") ;;
  124) bad "it did not end" ;;
  *) bad "no status of the program" ;;
  esac
}

# check_message [MOST]: how many may speak
check_message() {
  if [ "$status" != 0 ]; then
    said=$(grep -c '^insilico: .*error: .........' ../log)
    [ "$said" -ge 1 ] && [ "$said" -le "${1:-1}" ] || bad "$said messages"
  fi
  ! grep -q 'defect\|ssertion\|Sanitizer\|runtime error' ../log || bad "the message tells of a defect"
}

# Whole, or not under its name (status 3: seen to be damaged). Nothing but a journal: the next run is the undisturbed
# one, which needs no proof.
check_results() {
  [ "$status" != 0 ] || cmp -s ../whole.h5 tiny.h5 || bad "the results differ"
  if [ -f tiny.h5 ]; then
    "$INSILICO" status --verify tiny.h5 >../state 2>&1
    seen=$?
    [ "$seen" = 0 ] || [ "$seen" = 3 ] || bad "insilico status gives $seen: $(cat ../state)"
  elif [ "$status" != 0 ] && ! ls ./*.part ./*.lock >/dev/null 2>&1; then
    return
  fi
  mv ../log ../log.disturbed
  "$INSILICO" run --quiet "$job" >../log 2>&1 || bad "running it again gives $?"
  cmp -s ../whole.h5 tiny.h5 || bad "run again, the results differ"
  ! ls ./*.part ./*.lock >/dev/null 2>&1 || bad "run again, it leaves $(ls)"
  mv ../log.disturbed ../log
}
