#!/bin/sh
# SPDX-License-Identifier: MIT
# insilico select: from results to the `neurons` of the next job: select.sh PYTHON
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
cd "$scratch" || exit 1
"$1" "$here/select_file.py" tuning.h5 || fail "writing a results file"
"$1" "$here/select_file.py" session.h5 --session || fail "writing a results file of one session"

# selects EXPECTED [options] CONDITION: what is printed for it
selects() {
  expected=$1
  shift
  found=$("$INSILICO" select tuning.h5 "$@" 2>log) || fail "select $*"
  [ "$found" = "$expected" ] || fail "select $*: '$found' instead of '$expected'"
}

# refused STATUS MESSAGE ARGUMENTS...: the exit status and what is said
refused() {
  status=$1 message=$2
  shift 2
  "$INSILICO" select "$@" >out 2>log
  [ $? = "$status" ] || fail "select $*: another status than $status"
  grep -q -- "$message" log || fail "select $* does not say '$message'"
  [ ! -s out ] || fail "select $* prints something"
}

selects 3,17,20:25 'dsi > 0.5'
selects 3,17,20:24 'dsi > 0.5 & dsi_q < 0.01'
selects 3,17,20:24 'dsi > 0.5 & q < 0.01'
selects 30,31 'session == "b_right" & osi < 0.42'
selects 17,21,23,30,40 "polarity == -1"
selects 3,22,24,31 "polarity > 0"
selects 40 '!dsi_valid'
selects 3 'abs(dsi - 0.9) < 1e-9'
selects 20:25 --in-session '20 <= neuron < 30'
selects 0,1,10 --in-session "session == 'b_right'"
"$INSILICO" select tuning.h5 'dsi > 0.5' >out 2>log
grep -q "2 of 12 neurons are left out: 1 failed, 1 still pending" log || fail "what is left out is told"

refused 1 "none of 10 neurons fulfils the condition" tuning.h5 'dsi > 2'
refused 2 "no variable 'dssi' over the neurons; did you mean 'dsi'?" tuning.h5 'dssi > 0.5'
refused 2 "no variable 'curves' over the neurons" tuning.h5 'curves > 0.5'
refused 2 "no variable 'tuning_width' over the neurons" tuning.h5 'tuning_width > 0.5'
refused 2 "expected a number, a variable or '(', found '>', at character 6" tuning.h5 'dsi >> 1'
refused 2 "'q' alone is that of the index named before it, and none is" tuning.h5 'q < 0.01'
refused 2 "of several sessions, such as a_left and b_right" tuning.h5 --in-session 'neuron > 20'
refused 3 "gone.h5: cannot be opened" gone.h5 'dsi > 0.5'
refused 3 "HDF5 cannot open it" "$here/small.yaml" 'dsi > 0.5'
refused 2 "usage: insilico select RESULTS CONDITION" tuning.h5

# In another form
"$INSILICO" select tuning.h5 --table 'neuron < 30 & dsi > 0.75 & q < 1 & session == "a_left"' >out 2>log || fail "--table"
cat >expected <<'END'
neuron  dsi  dsi_q  session
     3  0.9  0.001  a_left 
    17  0.8  0.001  a_left 
END
cmp out expected >&2 || fail "the table: $(cat out)"
"$INSILICO" select tuning.h5 --json 'neuron > 23 & (dsi < 0.8 | !(dsi > 0))' >out 2>log || fail "--json"
"$1" - <<'END' || fail "the answer as JSON: $(cat out)"
import json

answer = json.load(open("out"))
assert answer["neurons"] == [24, 30, 31, 40], answer
assert answer["n"] == 4 and answer["of"] == 10, answer
assert answer["expression"] == "neuron > 23 & (dsi < 0.8 | !(dsi > 0))", answer
assert answer["values"]["dsi"] == [0.7, 0.1, None, None], answer
END
"$INSILICO" select tuning.h5 --json 'dsi > 2' >out 2>log
[ $? = 1 ] || fail "no neuron as JSON gives 1"
grep -q '"neurons":\[\],"n":0,"of":10' out || fail "no neuron as JSON"

# Numbers within the session of the job
"$INSILICO" select session.h5 'dsi > 0.75' >out 2>log || fail "results of one session"
grep -q -- "with \`session: a_left\`.*--in-session" log || fail "how numbers count is told"
"$INSILICO" select session.h5 --in-session 'dsi > 0.75' 2>log | grep -qx 3,17 || fail "--in-session"
grep -q -- "--in-session" log && fail "what was followed is not told"

# A damaged file is refused; nothing hangs or crashes.
size=$(wc -c <tuning.h5)
for cut in 100 2000 $((size / 2)) $((size - 600)); do
  head -c $cut tuning.h5 >cut.h5
  "$INSILICO" select cut.h5 'dsi > 0.5' >out 2>log
  status=$?
  [ $status -le 3 ] || fail "a file cut at $cut gives $status"
done

# Neurons that are called by what is no number of a neuron, and tasks of other neurons
for number in 3.5 nan inf -1 1e300; do
  "$1" "$here/select_file.py" wrong.h5 --numbers $number || fail "writing a wrong file"
  refused 3 "\`neuron\` holds .*no number of a neuron" wrong.h5 'dsi > 0.5'
  "$1" "$here/select_file.py" wrong.h5 --session --in-session $number || fail "writing a wrong file"
  refused 3 "\`neuron_in_session\` holds .*no number of a neuron" wrong.h5 --in-session 'dsi > 0.75'
done
"$1" "$here/select_file.py" wrong.h5 --status 7 || fail "writing a wrong file"
refused 3 "\`status\` is of 7 neurons, the axis \`neuron\` of 12" wrong.h5 'dsi > 0.5'

# From a job's results to the next job
run 1 "$here/small.yaml" output=first.h5 || fail "the first job"
numbers=$("$INSILICO" select first.h5 'neuron != 1' 2>log) || fail "select of real results"
run 1 "$here/small.yaml" "neurons=$numbers" output=next.h5 || fail "the next job"
"$INSILICO" select next.h5 'neuron >= 0' 2>log | grep -qx "$numbers" || fail "the next job has them"
