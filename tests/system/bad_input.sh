#!/bin/sh
# SPDX-License-Identifier: MIT
# Bad input gives one clear message with place and remedy and the right exit status; nothing is left behind.
. "$(dirname "$0")/lib.sh"
cd "$scratch" || exit 1
cp "$(dirname "$0")/small.yaml" small.yaml 2>/dev/null || cp "$SOURCE/tests/system/small.yaml" .
ckpt=$SOURCE/tests/golden/trained/model.ckpt

# refuse STATUS TEXT COMMAND...: the command ends with STATUS and exactly one error line that has TEXT
refuse() {
  expected=$1 text=$2
  shift 2
  timeout 60 "$@" >out 2>log
  status=$?
  [ "$status" = "$expected" ] || fail "status $status instead of $expected: $*"
  [ "$(grep -c 'error:' log)" = 1 ] || fail "not exactly one error line: $*"
  grep -qF -- "$text" log || fail "'$text' is not in the message: $*"
  for left in *.part small.h5 other.h5; do
    [ -e "$left" ] && [ "$left" != "$keep" ] && fail "$left was left behind: $*"
  done
  echo "refused ($status): $(sed -n 's/^insilico: error: //p' log | cut -c1-150)"
}
keep=none

one="$INSILICO run --quiet small.yaml"
refuse 2 "there is no command 'rnu'" "$INSILICO" rnu small.yaml
refuse 2 "usage" "$INSILICO" run
refuse 3 "nothing.yaml" "$INSILICO" run nothing.yaml
# shellcheck disable=SC2086
{
  refuse 2 "optimizer" $one optimiser.lr=3
  refuse 2 "optimizer.lr" $one optimizer.lr=-1
  refuse 2 "abc" $one optimizer.lr=abc
  refuse 2 "there are 16" $one neurons=0:17
  refuse 2 "no session 'nowhere'" $one session=nowhere
  refuse 2 "only" $one objective.reduce.start=30
  refuse 2 "stimulus.frames" $one stimulus.frames=20
  refuse 2 "channel 'red'" $one "postprocess=[{kind: clip, range: {red: [0, 1]}}]"
  refuse 3 "missing.ckpt" $one model=missing.ckpt
  refuse 3 "missing.npy" $one stimulus.init.file=missing.npy
  : >plain_file
  refuse 3 "plain_file" $one output=plain_file/x/y.h5
}

printf 'experiment: stimulus_optimization\nmodel: [\n' >broken.yaml
refuse 2 "broken.yaml:" "$INSILICO" run broken.yaml

head -c 100000 "$ckpt" >truncated.ckpt
refuse 3 "truncated.ckpt" "$INSILICO" inspect truncated.ckpt
printf 'not a checkpoint at all' >text.ckpt
refuse 3 "text.ckpt" "$INSILICO" inspect text.ckpt
refuse 2 "none of openretina's models" "$INSILICO" inspect "$SOURCE/tests/checkpoint/data/tensors.pt"

# A stimulus that does not fit the model.
# shellcheck disable=SC2086
refuse 2 "shape" "$INSILICO" run --quiet "$SOURCE/jobs/response.yaml" model=builtin:ground_truth \
  stimulus.file="$SOURCE/tests/golden/trained/stimulus.npy" output=other.h5

# Somebody else's file is never overwritten.
echo precious >small.h5
keep=small.h5
# shellcheck disable=SC2086
refuse 2 "small.h5" $one
grep -q precious small.h5 || fail "a stranger's file was overwritten"
rm small.h5

# A second run on the same output waits and refuses; on several ranks nobody hangs.
"$INSILICO" run --quiet small.yaml seeds=0:64 stop.max_iterations=2000 stop.patience=null >first.log 2>&1 &
first=$!
sleep 1.5
# shellcheck disable=SC2086
refuse 3 "another run" "$MPIEXEC" -n 2 $one seeds=0:64 stop.max_iterations=2000 stop.patience=null
kill -TERM $first
wait $first
rm -f small.h5

# Another job's results are not mixed with this one's.
run 2 small.yaml || fail "small job"
# shellcheck disable=SC2086
refuse 2 "stop.max_iterations" $one stop.max_iterations=7
# shellcheck disable=SC2086
refuse 2 "another model" $one "model=builtin:ground_truth?neurons=16&seed=5"
rm -f small.h5

# No space: known before the run, nothing left behind. Needs a small file system of its own.
mkdir small_disk
trap 'umount small_disk 2>/dev/null; rm -rf "$scratch"' EXIT
if mount -t tmpfs -o size=400k tmpfs small_disk 2>/dev/null; then
  # shellcheck disable=SC2086
  refuse 3 "make room" $one output=small_disk/x.h5
  [ -z "$(ls small_disk | grep -v -e lock -e journal)" ] || fail "a file was left on the full disk: $(ls small_disk)"
  umount small_disk
else
  echo "skipped: a full disk (cannot mount a small file system here)"
fi

# Converting overwrites nothing but model files.
cp "$ckpt" own.ckpt
refuse 2 "is the model to convert" "$INSILICO" convert own.ckpt own.ckpt
cmp own.ckpt "$ckpt" || fail "the checkpoint was changed"
echo precious >notes.txt
refuse 2 "left alone" "$INSILICO" convert own.ckpt notes.txt
grep -q precious notes.txt || fail "a stranger's file was overwritten"
