#!/bin/sh
# SPDX-License-Identifier: MIT
# plugin.sh PLUGIN.so PYTHON: an experiment of one's own runs like those of the program (same bytes on any number of
# ranks, stopped and gone on with), only when the command line allows it, and only the one that the results are of.
. "$(dirname "$0")/lib.sh"
python=$2
mkdir "$scratch/jobs" && cp "$1" "$scratch/jobs/contrast_step.so" && cd "$scratch" || exit 1
cat >jobs/step.yaml <<'END'
experiment: plugin:contrast_step.so
model: builtin:ground_truth?neurons=16
contrasts: [-1.0, -0.5, 0.25, 0.5, 1.0]
after: 12
output: step.h5
END

# refuse STATUS TEXT COMMAND...
refuse() {
  expected=$1 text=$2
  shift 2
  timeout 60 "$@" >out 2>log
  status=$?
  [ "$status" = "$expected" ] || fail "status $status instead of $expected: $*"
  grep -qF -- "$text" log || fail "'$text' is not in the message: $*"
  echo "refused ($status): $(grep -a error: log | cut -c1-150)"
}

# Without the flag, in whatever way it is named.
for how in "run jobs/step.yaml" "plan jobs/step.yaml" "list plugin:jobs/contrast_step.so" \
  "run $SOURCE/tests/system/small.yaml experiment=plugin:$scratch/jobs/contrast_step.so"; do
  # shellcheck disable=SC2086
  refuse 2 "add --allow-plugins" "$INSILICO" $how
done
[ -e step.h5 ] && fail "a job that was refused left results"

"$INSILICO" list --allow-plugins plugin:jobs/contrast_step.so >out || fail "list"
grep -q "contrasts.*(one or several)" out || fail "list does not show the plug-in's keys"
"$INSILICO" plan --allow-plugins jobs/step.yaml >out || fail "plan"
grep -q "5 contrast = 5" out || fail "plan does not count the plug-in's tasks"

for ranks in 1 2 3; do
  run $ranks --allow-plugins jobs/step.yaml output=$ranks.h5 || fail "on $ranks ranks"
done
same 1.h5 2.h5 "plug-in on 1 and 2 ranks"
same 1.h5 3.h5 "plug-in on 1 and 3 ranks"
"$INSILICO" status --verify 1.h5 >out || fail "status needs no plug-in"
grep -q "plugin:contrast_step" out || fail "status does not name the experiment"

# The same numbers by way of another experiment and numpy.
"$python" "$SOURCE/tests/system/plugin_reads.py" stimulus || fail "stimulus"
run 1 "$SOURCE/jobs/response.yaml" model=builtin:ground_truth?neurons=16 stimulus.file=steps.npy output=r.h5 ||
  fail "responses"
"$python" "$SOURCE/tests/system/plugin_reads.py" compare 1.h5 r.h5 jobs/contrast_step.so || fail "numbers differ"

# Stopped in the middle and gone on with, on another number of ranks.
many="contrasts=linspace(-1,1,600)"
run 2 --allow-plugins jobs/step.yaml $many output=whole.h5 || fail "600 contrasts"
"$INSILICO" run --quiet --allow-plugins jobs/step.yaml $many output=part.h5 >log 2>&1 &
pid=$!
for _ in $(seq 200); do
  "$INSILICO" status --json part.h5 2>/dev/null | grep -q '"done":[1-9]' && break
  sleep 0.02
done
kill -USR1 $pid
wait $pid
status=$?
[ $status = 75 ] || fail "a run that is stopped should end with 75, not $status"
# Another plug-in, or the same one changed, does not go on with these results ...
cp jobs/contrast_step.so kept.so
printf 'x' >>jobs/contrast_step.so
refuse 2 "plugin_sha256" "$INSILICO" run --quiet --allow-plugins jobs/step.yaml $many output=part.h5
# ... wherever it lies, the same one does.
mkdir elsewhere && mv kept.so elsewhere/other_name.so && rm jobs/contrast_step.so
ln -s ../elsewhere/other_name.so jobs/link.so
run 2 --allow-plugins jobs/step.yaml $many output=part.h5 experiment=plugin:link.so || fail "going on"
same whole.h5 part.h5 "plug-in stopped and gone on with"

# What is not there is said once, and nobody waits.
refuse 3 "counts from the job file's folder" "$MPIEXEC" -n 2 "$INSILICO" run --allow-plugins jobs/step.yaml
# A name is a path, never looked for where libraries are.
LD_LIBRARY_PATH=$scratch/elsewhere
export LD_LIBRARY_PATH
refuse 3 "jobs/other_name.so" "$INSILICO" run --allow-plugins jobs/step.yaml experiment=plugin:other_name.so
unset LD_LIBRARY_PATH

# As docs/plugins.md has it compiled.
sed -n 's/^\(cc .*contrast_step\.so.*\)$/\1/p' "$SOURCE/docs/plugins.md" >compile
[ "$(wc -l <compile)" = 1 ] || fail "docs/plugins.md does not say how the example is compiled"
cp "$SOURCE/tests/experiment/plugin/contrast_step.c" jobs/
(cd jobs && ln -s "$SOURCE/include" include && sh ../compile) >log 2>&1 || fail "$(cat compile)"
run 1 --allow-plugins jobs/step.yaml output=own.h5 || fail "the plug-in compiled as documented"
echo "compiled as documented: $(cat compile)"
