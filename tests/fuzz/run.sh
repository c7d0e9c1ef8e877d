#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# run.sh [--build DIR] [--jobs N] [--only TARGET] [--corpus DIR] SECONDS
# Replays the seeds of every fuzz target and then looks for new paths for SECONDS, one target after the
# other or N at a time. One line each: executions, paths, new paths, crashes. Non-zero after a crash; its
# input is kept in DIR/fuzz/crash-... for
#   DIR/tests/fuzz/fuzz_TARGET FILE
# The corpus that grows is kept in DIR/fuzz/corpus, so that a later run goes on from there.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
build=$source/build/fuzz jobs=1 only='' corpus='' seconds=''
while [ $# -gt 0 ]; do
  case $1 in
  --build) build=$2; shift ;;
  --jobs) jobs=$2; shift ;;
  --only) only=$2; shift ;;
  --corpus) corpus=$2; shift ;;
  *[!0-9]* | '') sed -n 's/^# \(run.sh .*\)/usage: \1/p' "$0" >&2; exit 2 ;;
  *) seconds=$1 ;;
  esac
  shift
done
[ -n "$seconds" ] || { sed -n 's/^# \(run.sh .*\)/usage: \1/p' "$0" >&2; exit 2; }
build=$(cd "$build" && pwd) || exit 2
work=$build/fuzz
corpus=${corpus:-$work/corpus}
mkdir -p "$work"

# One allocation may take as much as docs/safety.md says a small file may in all; the resident bound is
# wider, because the sanitizer keeps freed memory for a while.
malloc_mb=400 rss_mb=2048
asan=detect_leaks=1:allocator_may_return_null=1:handle_abort=1
export LSAN_OPTIONS=suppressions=$source/tests/support/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OPENBLAS_NUM_THREADS=1

# seeds TARGET DIR: links to what the tests have of that kind
seeds() {
  mkdir -p "$2"
  case $1 in
  zip | torch) set -- "$2" "$source"/tests/checkpoint/data/*.pt "$source"/tests/checkpoint/data/*.ckpt \
    "$source"/tests/checkpoint/data/*.zip "$source"/tests/golden/*/*/model.ckpt ;;
  pickle) set -- "$2" "$source"/tests/checkpoint/data/*.pkl ;;
  native) set -- "$2" "$source"/tests/checkpoint/data/*.h5 "$work"/native/*.h5 ;;
  npy) set -- "$2" "$source"/tests/data/arrays/*.npy "$source"/tests/checkpoint/data/*.npy ;;
  yaml | job) set -- "$2" "$source"/jobs/*.yaml "$source"/tests/system/*.yaml "$source"/tests/fuzz/seeds/yaml/* ;;
  esac
  into=$1
  shift
  for file in "$@"; do
    # Where paths are many their folders name them; a megabyte is more than any path needs.
    [ -f "$file" ] && [ "$(stat -c %s "$file")" -le 1000000 ] &&
      ln -sf "$file" "$into/$(echo "${file#"$source"/}" | tr / _)"
  done
  return 0
}

fuzz_one() {
  target=$1
  program=$build/tests/fuzz/fuzz_$target
  [ -x "$program" ] || { echo "$target: not built: cmake --build $build --target fuzz"; return 1; }
  seeds "$target" "$work/seeds/$target"
  mkdir -p "$corpus/$target"
  dict=$here/$target.dict
  case $target in torch) dict=$here/pickle.dict ;; job) dict=$here/yaml.dict ;; esac
  # Full stacks cost most of the time; only what libfyaml and HDF5 leak is told by them.
  case $target in native | yaml | job) full=0 ;; *) full=1 ;; esac
  export ASAN_OPTIONS=$asan:fast_unwind_on_malloc=$full
  log=$work/$target.log
  # libFuzzer measures new paths from what the seeds reach, which it runs first.
  (cd "$work" && "$program" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=$rss_mb \
    -malloc_limit_mb=$malloc_mb -dict="$dict" -artifact_prefix="$work/$target-" -print_final_stats=1 \
    -close_fd_mask=1 "$corpus/$target" "$work/seeds/$target") >"$log" 2>&1
  status=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  new=$(sed -n 's/^stat::new_units_added: *//p' "$log" | tail -n 1)
  paths=$(sed -n 's/.* ft: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
  rss=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log" | tail -n 1)
  printf '%-7s %9s executions, %6s features, %5s new inputs, %4s MB, %s crashes\n' "$target" \
    "${executions:-0}" "${paths:-0}" "${new:-0}" "${rss:-?}" "$([ $status -eq 0 ] && echo 0 || echo 1)"
  [ $status -eq 0 ] && return 0
  grep -E 'ERROR|SUMMARY|Test unit written' "$log" | head -n 4
  return 1
}

failed=0
for target in ${only:-zip pickle torch native npy yaml job}; do
  fuzz_one "$target" &
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || failed=1; done
done
while [ -n "$(jobs -rp)" ]; do wait -n || failed=1; done
wait
exit $failed
