#!/bin/sh
# SPDX-License-Identifier: MIT
# What is damaged between two runs is computed again and nothing else: a results file cut short or with a flipped
# byte, a journal that is lost or torn.
. "$(dirname "$0")/lib.sh"
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
command -v h5dump >/dev/null || skip "h5dump is missing"
cd "$scratch" || exit 1
more="neurons=0:4 seeds=0:2 stop.max_iterations=2 stop.patience=null" # 16 tasks

# shellcheck disable=SC2086
run 2 "$job" output=whole.h5 $more || fail "undisturbed run"
size=$(stat -c %s whole.h5)

# place NAME: sets $offset and $bytes of a dataset of whole.h5
place() {
  h5dump -p -H -d "/$1" whole.h5 >about 2>/dev/null || fail "there is no $1"
  offset=$(sed -n 's/.*OFFSET \([0-9]*\).*/\1/p' about)
  bytes=$(sed -n 's/^ *SIZE \([0-9]*\).*/\1/p' about | tail -1)
}

# resumed KEPT WHAT: x.h5 is run again, on another number of ranks each time; that many of its tasks were kept
ranks=1
resumed() {
  ranks=$((ranks % 3 + 1))
  # shellcheck disable=SC2086
  run $ranks "$job" output=x.h5 $more || fail "$2: status $?"
  [ "$(kept)" = "$1" ] || fail "$2: $(kept) tasks kept instead of $1"
  gone "$2"
  same whole.h5 x.h5 "$2, $1 of 16 tasks kept"
}

# ---- cut short ----

cut_at() { # cut_at LENGTH KEPT WHERE
  cp whole.h5 x.h5
  truncate -s "$1" x.h5
  resumed "$2" "cut $3"
  said "it is made anew with the rows that are still whole" "cut $3"
  if [ "$2" = 0 ]; then # it may be another job's
    said "no finished task of this job was found in it: it is now x.h5.damaged" "cut $3"
    rm x.h5.damaged || fail "cut $3: what it was is not kept"
  else
    said "was damaged and is laid out anew, $2 finished tasks kept" "cut $3"
  fi
}

cut_at $((size - 1)) 15 "by a byte"
place last_stimulus
for row in 13 6; do cut_at $((offset + row * bytes / 16)) $row "after row $row of the last variable"; done
cut_at $((offset + 10 * bytes / 16 + 1)) 10 "one byte into row 10"
place best_stimulus
cut_at $((offset + bytes / 2)) 0 "before the last variable"
place status
cut_at $((offset + 5)) 0 "in the books"
cut_at 4096 0 "in the headers"

# Too short to tell whose it is: left alone, because it may be anything.
for length in 0 7; do
  head -c $length whole.h5 >x.h5
  # shellcheck disable=SC2086
  run 2 "$job" output=x.h5 $more
  [ $? = 2 ] || fail "a file of $length bytes is not refused"
  said "is not an insilico results file, so it is left alone; move it away or choose another output"
  [ "$(stat -c %s x.h5)" = $length ] || fail "a file of $length bytes was changed"
done
rm x.h5
resumed 0 "moved away"

# ---- a byte flipped ----

flip() { # flip OFFSET: a bit of that byte of x.h5
  old=$(od -An -tu1 -j "$1" -N 1 x.h5)
  # shellcheck disable=SC2059
  printf "\\$(printf %o $((old ^ 4)))" | dd of=x.h5 bs=1 seek="$1" conv=notrunc 2>/dev/null
}

# In rows: each of these flips is in the row of another task, and only those tasks run again.
cp whole.h5 x.h5
row=0
for name in best_stimulus last_stimulus objective n_iterations outcome loss_trace status error checksum; do
  place $name
  flip $((offset + row * bytes / 16))
  row=$((row + 1))
done
"$INSILICO" status --verify x.h5 >state || fail "status"
grep -q "7 of 16 done" state || fail "status --verify does not count the rows with a flipped byte: $(cat state)"
resumed 7 "a byte flipped in rows of 9 tasks"
grep -q anew log && fail "a flipped byte in a row needs no new file"
for name in objective_mean objective_sd best_seed stimulus_similarity; do
  place $name
  flip $((offset + bytes / 2))
done
resumed 16 "a byte flipped in summaries"
flips() { # flips WHAT OFFSET...: as damaged as a file that was cut, but every row is whole
  what=$1
  shift
  for at in "$@"; do
    cp whole.h5 x.h5
    flip "$at"
    resumed 16 "a byte flipped in $what, at $at"
    said "was damaged and is laid out anew, 16 finished tasks kept" "a byte flipped in $what"
  done
}
flips "the signature" 20
flips "headers" 3715 12302
for name in neuron optimizer.lr channel truth_x_um; do
  place $name
  flips "$name" $((offset + bytes / 2))
done
flips "an unused place" 60000

# ---- the journal ----

cp whole.h5 x.h5
: >x.journal.jsonl # empty
resumed 16 "an empty journal"
rm -f x.journal.jsonl
resumed 16 "a lost journal"
grep -q '"event":"start"' x.journal.jsonl || fail "a lost journal is not begun anew"
length=$(stat -c %s x.journal.jsonl)
for cut in 1 $((length / 2)); do
  truncate -s $((length - cut)) x.journal.jsonl
  "$INSILICO" status x.h5 >state || fail "status with a torn journal"
  resumed 16 "a journal cut by $cut bytes"
  grep -c '^{"time":.*}$' x.journal.jsonl >whole_lines
  [ "$(cat whole_lines)" -ge 2 ] || fail "a torn line swallowed those after it"
  "$INSILICO" status x.h5 | tail -1 | grep -q "end .*0 done" || fail "status does not tell the last run"
done
head -c 100000 /dev/urandom >x.journal.jsonl
resumed 16 "a journal of noise"
"$INSILICO" status x.h5 | tail -1 | grep -q "end .*0 done" || fail "status with a journal of noise"
