#!/bin/sh
# SPDX-License-Identifier: MIT
# insilico submit without Slurm: what it asks for, what it writes, and what the script does with every end that a run
# can come to. sbatch, srun, scontrol and the program itself are small scripts here; tests/slurm has the real ones.
. "$(dirname "$0")/lib.sh"
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
templates=$SOURCE/slurm
unset INSILICO_SITE
for name in $(env | sed -n 's/^\(SLURM_[A-Z_]*\|SBATCH_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
export HOME="$scratch/home" XDG_CONFIG_HOME=
mkdir "$HOME" "$scratch/bin" "$scratch/work"
cd "$scratch/work" || exit 1
sed 's/^neurons:.*/neurons: [0, 3]/; s/^seeds:.*/seeds: "0:2"/' "$job" >small.yaml

# has FILE TEXT WHAT
has() { grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$3: no '$2' in $1"; }; }
hasnt() { ! grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$3: '$2' in $1"; }; }
# refused STATUS TEXT WORD...
refused() {
  expected=$1 part=$2
  shift 2
  "$INSILICO" submit "$@" >out 2>err
  [ $? = "$expected" ] || fail "submit $*: not status $expected: $(cat err)"
  has err "$part" "submit $*"
}
number() { sed -n "s/.*\"$1\":\\([0-9][0-9]*\\).*/\\1/p" "$2"; } # KEY FILE

# ---- stand-ins -----------------------------------------------------------------------------------

# Each turn of srun takes a line of `acts`: the launcher's status, finished tasks then, whether a run began (starts),
# and the exit status that the journal tells (-: none). "wait": until USR1.
cat >"$scratch/bin/srun" <<'STUB'
#!/bin/sh
case $1 in --mpi=list) echo "MPI plugin types are... pmix none"; exit ;; esac
printf '%s\n' "$@" >arguments
echo turn >>turns
read -r status finished begun closed <acts
sed -i 1d acts
[ "$finished" = same ] || echo "$finished" >finished
[ "$begun" = 0 ] || echo "$(($(cat starts) + 1))" >starts
echo "$closed" >closed
case $status in
wait)
  trap 'kill $nap; exit 75' USR1
  sleep 20 &
  nap=$!
  touch ready
  wait $nap
  exit 99
  ;;
late)
  trap : USR1
  touch ready
  for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done
  exit 75
  ;;
kill) kill -9 $PPID ;;
esac
exit "$status"
STUB
cat >"$scratch/bin/scontrol" <<'STUB'
#!/bin/sh
echo "$*" >>controlled
case $* in
*"show job"*) echo "JobId=7 JobName=x JobState=$(cat job_state) Reason=None PreemptTime=$(cat preempt_time) End" ;;
requeue*)
  [ ! -f no_requeue ] || { cat no_requeue >&2; rm no_requeue; exit 1; }
  ;;
esac
STUB
cat >"$scratch/bin/sbatch" <<'STUB'
#!/bin/sh
printf '%s|' "$@" >>"$SUBMITTED"
echo >>"$SUBMITTED"
echo "$((100 + $(wc -l <"$SUBMITTED")));here"
STUB
cat >"$scratch/bin/insilico" <<'STUB'
#!/bin/sh
[ ! -f absent ] || exit 3
closed=$(cat closed)
[ "$closed" != - ] || closed=null
echo "{\"results\":\"\\\"done\\\":99\",\"state\":\"$(cat state)\",\"tasks\":10,\"done\":$(cat finished),\"failed\":0,\"pending\":1,\"damaged\":0,\"starts\":$(cat starts),\"exit\":$closed,\"stages\":[{\"done\":77}]}"
STUB
chmod +x "$scratch"/bin/*
plain=$PATH
PATH=$scratch/bin:$PATH
export SUBMITTED="$scratch/submitted"

# script OPTION...: the script for small.yaml, with the stand-in for the program
script() {
  "$INSILICO" submit small.yaml --dry-run "$@" >script.raw 2>err || fail "dry run: $(cat err)"
  sed "s|^program=.*|program='$scratch/bin/insilico'|" script.raw >script.sh
  sh -n script.sh || fail "no script: $*"
}

# play STATUS WHAT "ACT" ...: the script ends with that status
play() {
  expected=$1 what=$2
  shift 2
  printf '%s\n' "$@" >acts
  : >turns
  : >controlled
  sh script.sh ${LINK:-} >log 2>&1
  status=$?
  [ $status = "$expected" ] || { cat log >&2; fail "$what: status $status, not $expected"; }
  [ ! -s acts ] || [ "$(cat acts)" = "" ] || { cat log >&2; fail "$what: turns not taken: $(cat acts)"; }
}
fresh() { # a new submission
  echo 0 >finished
  echo 0 >starts
  echo - >closed
  echo stopped >state
  echo RUNNING >job_state
  echo None >preempt_time
  rm -f small.sbatch.state no_requeue ready absent
  unset SLURM_RESTART_COUNT
  export SLURM_JOB_ID=7
}
turns() { [ "$(wc -l <turns)" = "$1" ] || { cat log >&2; fail "$2: $(wc -l <turns) launches, not $1"; }; }
requeued() { has controlled "requeue 7" "$1"; }
not_requeued() { hasnt controlled "requeue" "$1"; }

# ---- what is asked for ---------------------------------------------------------------------------

"$INSILICO" submit small.yaml --dry-run >out 2>err || fail "dry run: $(cat err)"
[ ! -e small.sbatch.sh ] || fail "a dry run wrote a script"
for line in --ntasks=1 --time=00:10:00 --signal=B:USR1@120 --open-mode=append --requeue --job-name=small; do
  has out "#SBATCH $line" "directives"
done
sure="--ntasks=1 --time=00:10:00 --signal=B:USR1@120 --open-mode=append"
has err "would submit: sbatch --parsable $sure --requeue $PWD/small.sbatch.sh" "dry run"
[ "$(head -c 9 out)" = "#!/bin/sh" ] || fail "a script that is printed is none"
has err "asks for            1 rank" "dry run"
has err "left to do          8 of 8 tasks" "dry run"
filled_up() { ! grep '@[A-Z_]*@' "$1" >&2 || fail "$1 has gaps left"; }
filled_up out

"$INSILICO" plan --json small.yaml >plan || fail plan
"$INSILICO" submit --json --dry-run small.yaml >out || fail "dry run for scripts"
[ "$(number tasks out)" = "$(number tasks plan)" ] || fail "submit and plan count other tasks"
least=$(($(number bytes_per_rank plan) / 1048576))
[ "$(number mib_per_rank out)" -gt "$least" ] || fail "less memory than the plan says"

"$INSILICO" submit small.yaml --dry-run -n 6 --time=2:00 --mem=5G -p fast --account=a -- --odd 3 >out 2>err ||
  fail "options: $(cat err)"
for line in --ntasks=6 --time=2:00 --mem=5G --partition=fast --account=a --odd=3 --signal=B:USR1@30 --no-kill; do
  has out "#SBATCH $line" "given options"
done
hasnt out "#SBATCH --mem-per-cpu" "memory is given"
"$INSILICO" submit small.yaml --dry-run --cpus-per-task=2 '--comment=two words' >out 2>err || fail "$(cat err)"
has err "'--comment=two words'" "what #SBATCH lines do not take is an argument"

# ---- the site file -------------------------------------------------------------------------------

mkdir -p "$HOME/.config/insilico"
cat >"$HOME/.config/insilico/site.yaml" <<'SITE'
modules: ["gcc/12", "open mpi"]
before: ["export HERE='x y'", "ulimit -c 0"]
launcher: mpirun
partition: low
ranks_per_node: 16
requeue: chain
max_requeues: 7
sbatch: [--qos=night, --partition=high]
run: [--deadline=60]
SITE
"$INSILICO" submit small.yaml --dry-run >out 2>err || fail "site file: $(cat err)"
for text in "module load 'gcc/12'" "module load 'open mpi'" "export HERE='x y'" "launcher='mpirun'" "mode='chain'" \
  "max_turns=7" "#SBATCH --qos=night" "#SBATCH --partition=high" "#SBATCH --ntasks-per-node=1" \
  "#SBATCH --no-requeue" "set -- '--deadline=60' 'small.yaml'"; do
  has out "$text" "site file"
done
sh -n out || fail "modules and lines before make no script"
echo 'lancher: srun' >bad.yaml
refused 2 "bad.yaml:1:1" --dry-run --site bad.yaml small.yaml
has err "did you mean 'launcher'" "site file"
echo 'max_time: soon' >bad.yaml
export INSILICO_SITE=bad.yaml
refused 2 "max_time is 'soon'" --dry-run small.yaml
unset INSILICO_SITE
rm -r "$HOME/.config"
echo "run: [--fresh]" >bad.yaml
refused 2 "cannot be set for every turn" --dry-run --site bad.yaml small.yaml
echo "sbatch: ['--qos normal']" >bad.yaml
refused 2 "no whole option" --dry-run --site bad.yaml small.yaml
echo "sbatch: [-p, long]" >bad.yaml
refused 2 "no whole option" --dry-run --site bad.yaml small.yaml
# What the site or the environment fixes is known when the rest is sized.
echo "sbatch: [--time=1:00:00, --nodes=2, --ntasks-per-node=3, --no-requeue]" >site.yaml
"$INSILICO" submit --dry-run --site site.yaml small.yaml >out 2>err || fail "sizes of the site: $(cat err)"
for text in "#SBATCH --ntasks=6" "#SBATCH --time=1:00:00" "#SBATCH --no-requeue" "mode='no'"; do
  has out "$text" "sizes of the site"
done
"$INSILICO" submit --dry-run --site site.yaml --requeue small.yaml >out 2>err || fail "what is typed counts: $(cat err)"
has out "mode='requeue'" "what is typed counts"
hasnt out "#SBATCH --no-requeue" "what is typed counts"
SBATCH_TIMELIMIT=1:00 "$INSILICO" submit --json --dry-run small.yaml >out 2>err || fail "SBATCH_TIMELIMIT: $(cat err)"
has out '"seconds":60,"signal_seconds":15' "SBATCH_TIMELIMIT"
"$INSILICO" list site >out || fail "list site"
has out signal_seconds "insilico list site"

# ---- refusals ------------------------------------------------------------------------------------

refused 2 "did you mean '--partition'" small.yaml --partitoin=x
refused 2 "submit does not take --array" small.yaml --array=0-3
refused 2 "one by one" small.yaml small.yaml seeds=0:3
refused 2 "both write" small.yaml ./small.yaml --dry-run
refused 2 "--launcher" small.yaml --launcher=mpiexec
refused 2 "--chain" small.yaml --chain=0
refused 2 "--chain=10" small.yaml --chain 10
refused 2 "submit does not take --fresh" small.yaml --fresh
refused 2 "--deadline is 'soon'" small.yaml --deadline=soon
refused 2 "is an option of sbatch" small.yaml --template "$templates/pbs.sh" --dry-run --mem=1G
refused 2 "submit does not take --array" small.yaml -a 0-3
refused 2 "submit does not take --wait" small.yaml -W
refused 2 "submit does not take --chdir" small.yaml -D /tmp
refused 2 "--ntasks is '1-4'" small.yaml --ntasks=1-4 --dry-run
echo "this is not HDF5" >wrong.h5
refused 2 "is no results file" small.yaml output=wrong.h5 --dry-run
refused 2 "say what to ask for: --ntasks and --mem-per-cpu" small.yaml --no-plan --time=60 --dry-run
refused 2 "--chain=N" small.yaml --no-plan -n 4 --time=60 --mem=1G --chain --dry-run
refused 2 "by its long name" small.yaml --dry-run -- -Z
refused 2 "is no script for Slurm" small.yaml --template "$templates/pbs.sh"
mkdir empty
env PATH="$PWD/empty" "$INSILICO" submit small.yaml >out 2>err
[ $? = 2 ] || fail "without sbatch: $(cat err)"
has err "there is no sbatch here" "without sbatch"
has err "--dry-run" "without sbatch"
[ ! -e small.sbatch.sh ] || fail "a script is left of what was not submitted"

# With nothing to measure the model is not looked at, with --no-plan not even for.
sed 's/^model:.*/model: none.ckpt/' small.yaml >elsewhere.yaml
refused 3 "none.ckpt" elsewhere.yaml -n 4 --time=60 --mem=1G --dry-run
"$INSILICO" submit elsewhere.yaml -n 4 --time=60 --mem=1G --no-plan --json --dry-run >out 2>err ||
  fail "no plan: $(cat err)"
has out '"planned":false,"ranks":4,"mib_per_rank":null,"seconds":3600' "no plan"

# What sbatch refuses is refused; a cluster that does not answer is another matter.
cat >"$scratch/bin/no" <<'STUB'
#!/bin/sh
printf 'sbatch: error: %s\n' "$WHY" "Batch job submission failed: $WHY" >&2
exit 1
STUB
chmod +x "$scratch/bin/no"
mv "$scratch/bin/sbatch" "$scratch/bin/quiet"
mv "$scratch/bin/no" "$scratch/bin/sbatch"
export WHY="Invalid partition name"
refused 2 "error: sbatch refused the job, so it was not submitted: $WHY; Batch job submission failed: $WHY" small.yaml
[ "$(wc -l <err)" = 1 ] || fail "what is refused is said more than once: $(cat err)"
export WHY="Unable to contact slurm controller (connect failure)"
refused 3 "Slurm does not answer, so the job was not submitted: $WHY" small.yaml
for name in sh jobs; do [ ! -e small.sbatch.$name ] || fail "small.sbatch.$name is left of what was refused"; done
mv "$scratch/bin/quiet" "$scratch/bin/sbatch"

# ---- submitting ----------------------------------------------------------------------------------

: >"$SUBMITTED"
"$INSILICO" submit small.yaml >out 2>err || fail "submit: $(cat err)"
sure=$(echo "$sure" | tr ' ' '|')
[ "$(cat "$SUBMITTED")" = "--parsable|$sure|--requeue|$PWD/small.sbatch.sh|" ] || fail "sbatch got $(cat "$SUBMITTED")"
[ -x small.sbatch.sh ] || fail "no script beside the output"
for text in "job 101: small.yaml" "squeue -j 101" "status $PWD/small.h5 --watch" "$PWD/small.sbatch.log" "scancel 101"; do
  has out "$text" "what is told"
done

# Typed once more, while it is in the queue; or from within another job; or with a talking sbatch.
cat >"$scratch/bin/squeue" <<'STUB'
#!/bin/sh
echo "$*" >asked
cat queue
STUB
chmod +x "$scratch/bin/squeue"
echo "101 work small" >queue
: >"$SUBMITTED"
refused 2 "was submitted and is not done: squeue -j 101" small.yaml
has asked "-j 101" "squeue"
[ ! -s "$SUBMITTED" ] || fail "submitted though it is in the queue"
"$INSILICO" submit --again small.yaml >out 2>err || fail "--again: $(cat err)"

# Before there are results, status tells what is known.
"$INSILICO" status small.h5 >out 2>err || fail "status of a job that waits: $(cat err)"
has out "submitted as job 101, no run has begun yet" "status of a job that waits"
"$INSILICO" status --json small.h5 >out 2>err || fail "status of a job that waits: $(cat err)"
has out '"state":"submitted","jobs":"101"' "status of a job that waits"
: >queue
"$INSILICO" status --watch small.h5 >out 2>err
[ $? = 3 ] || fail "status of a job that is gone: $(cat err)"
has err "as job 101, which is not in the queue now" "status of a job that is gone"
"$INSILICO" status never.h5 >out 2>err
[ $? = 3 ] || fail "status of nothing: $(cat err)"
has err "no run has begun that writes it" "status of nothing"
cat >"$scratch/bin/talking" <<'STUB'
#!/bin/sh
env >variables
echo "You have 7 credits"
echo 4711
echo "Thank you"
STUB
cp "$scratch/bin/sbatch" "$scratch/bin/quiet"
chmod +x "$scratch/bin/talking"
mv "$scratch/bin/talking" "$scratch/bin/sbatch"
SLURM_ARRAY_TASK_ID=5 SLURM_MEM_PER_NODE=300 SLURM_CONF=/etc/s.conf PMIX_RANK=0 OMPI_COMM_WORLD_SIZE=2 SBATCH_WAIT=1 \
  "$INSILICO" submit --json small.yaml >out 2>err || fail "from within a job: $(cat err)"
has out '"id":"4711"' "a talking sbatch"
[ "$(grep -E '^(SLURM|PMI|OMPI_COMM|SBATCH_WAIT)' variables)" = SLURM_CONF=/etc/s.conf ] ||
  fail "the environment of another job: $(cat variables)"
printf '#!/bin/sh\necho "Submitted, I think"\n' >"$scratch/bin/sbatch"
refused 3 "it said: 'Submitted, I think" small.yaml
mv "$scratch/bin/quiet" "$scratch/bin/sbatch"

# Half-way: what was submitted is told.
cat >"$scratch/bin/twice" <<'STUB'
#!/bin/sh
echo x >>"$SUBMITTED"
[ "$(wc -l <"$SUBMITTED")" -le 2 ] || { echo "too many jobs" >&2; exit 1; }
echo "$((100 + $(wc -l <"$SUBMITTED")))"
STUB
chmod +x "$scratch/bin/twice"
mv "$scratch/bin/sbatch" "$scratch/bin/quiet"
mv "$scratch/bin/twice" "$scratch/bin/sbatch"
: >"$SUBMITTED"
refused 3 "submitted before this failed: 101 102" --json --chain=3 small.yaml
has out '"ids":["101","102"]' "a chain that fails half-way"
has out '"error":"submitted before' "a chain that fails half-way"
mv "$scratch/bin/quiet" "$scratch/bin/sbatch"

# Nothing left to do, and results that another job has made.
"$INSILICO" run --quiet small.yaml stop.max_iterations=1 output=done.h5 >/dev/null 2>&1
: >"$SUBMITTED"
"$INSILICO" submit small.yaml stop.max_iterations=1 output=done.h5 >out 2>err || fail "nothing left: $(cat err)"
has out "nothing left to do" "nothing left"
[ ! -s "$SUBMITTED" ] || fail "submitted with nothing left to do"
"$INSILICO" submit --json small.yaml stop.max_iterations=1 output=done.h5 >out 2>err || fail "nothing left: $(cat err)"
has out '"id":null' "nothing left"
"$INSILICO" submit small.yaml stop.max_iterations=1 output=done.h5 -n 2 --time=9 --mem=1G --no-plan >out 2>err ||
  fail "nothing left, not measured: $(cat err)"
has out "nothing left to do, 8 of 8 tasks" "nothing left, not measured"
refused 2 "has no place for" --dry-run small.yaml stop.max_iterations=1 output=done.h5 seeds=0:1
refused 2 "results of another job" --dry-run small.yaml stop.max_iterations=2 output=done.h5

# Names that would do harm if a shell looked at them.
nasty="a'b \$(touch pwned) \`touch pwned\` \"c\" ; touch pwned #
#SBATCH --comment=pwned
%j \\"
mkdir "$nasty"
cp small.yaml "$nasty/it's \$(touch pwned).yaml"
override='output="x $(touch pwned) `touch pwned`\n#SBATCH --comment=pwned\n.h5"'
: >"$SUBMITTED"
(cd "$nasty" && "$INSILICO" submit "it's \$(touch pwned).yaml" "$override" >out 2>err) || fail "names: $(cat "$nasty/err")"
written=$(find "$nasty" -name '*.sbatch.sh')
sed '/^[^#]/q; /^#SBATCH --job-name=[A-Za-z0-9_.-]*$/d' "$written" | grep pwned && fail "a name made a directive"
has "$written" "#SBATCH --output=insilico-%j.log" "a log with a name that Slurm takes"
sed "s|^program=.*|program='$scratch/bin/insilico'|" "$written" >"$nasty/script.sh"
(cd "$nasty" && fresh && echo "0 10 1 0" >acts && sh script.sh >log 2>&1) || fail "names: $(cat "$nasty/log")"
printf '%s\n' run --quiet "it's \$(touch pwned).yaml" "$override" >expected
tail -n 4 "$nasty/arguments" | cmp - expected || fail "the program was given other names: $(cat "$nasty/arguments")"
[ -z "$(find . -name pwned)" ] || fail "a name was run as a command"

# ---- several jobs --------------------------------------------------------------------------------

for k in 1 2 3; do sed "s/^output:.*/output: $k.h5/" small.yaml >$k.yaml; done
sed 's/^output:.*/output: reader.h5/; s|^stimulus:.*|stimulus: {frames: 44, init: {file: "./2.h5:best_stimulus"}}|' small.yaml >reader.yaml
: >"$SUBMITTED"
"$INSILICO" submit --json reader.yaml 1.yaml 2.yaml 3.yaml >out 2>err || fail "several jobs: $(cat err)"
has err "sized like 2.yaml" "a job that waits"
[ "$(sed -n 1p "$SUBMITTED")" = "--parsable|$sure|--requeue|--array=0-2|$PWD/1.array.sbatch.sh|" ] || fail "no array: $(cat "$SUBMITTED")"
[ "$(sed -n 2p "$SUBMITTED")" = "--parsable|$sure|--requeue|--dependency=afterok:101_1|--kill-on-invalid-dep=yes|$PWD/reader.sbatch.sh|" ] ||
  fail "no dependency: $(cat "$SUBMITTED")"
[ "$(wc -l <"$SUBMITTED")" = 2 ] || fail "more submissions than there should be"
has 1.array.sbatch.sh "#SBATCH --array=0-2" "an array"
has out '"id":"101_2"' "answer for scripts"
"$INSILICO" submit --dry-run reader.yaml 1.yaml 2.yaml >out 2>err || fail "several scripts: $(cat err)"
grep -A 1 '^# ====' out >heads
cat >expected <<END
# ======== $PWD/1.array.sbatch.sh: 1.yaml, 2.yaml
#!/bin/sh
--
# ======== $PWD/reader.sbatch.sh: reader.yaml
#!/bin/sh
END
cmp expected heads || fail "scripts are not told apart: $(cat heads)"
has err "array               1.yaml, 2.yaml" "several scripts"
has err "job                 reader.yaml" "several scripts"
sed 's|"./2.h5:best_stimulus"|"../work/2.h5:/a/b"|' reader.yaml >deep.yaml
"$INSILICO" submit --json --dry-run deep.yaml 2.yaml >out 2>err || fail "a folder in a file: $(cat err)"
has out '"waits_for":["2.yaml"]' "a folder in a file"
"$INSILICO" submit --json --dry-run 2.yaml -n 2 --time=30 --mem=1G >out 2>err || fail "all is given: $(cat err)"
has out '"planned":false' "nothing is measured where all is given"
(fresh && sed "s|^program=.*|program='$scratch/bin/insilico'|" 1.array.sbatch.sh >script.sh && echo 75 10 1 75 >acts &&
  export SLURM_ARRAY_JOB_ID=101 SLURM_ARRAY_TASK_ID=2 && echo 10:00 >preempt_time && sh script.sh >log 2>&1)
tail -n 1 arguments | grep -qx 3.yaml || fail "element 2 is not the third job"
has controlled "requeue 101_2" "an element requeues itself alone"
sed -i 's|^stimulus:.*|stimulus: {frames: 44, init: {file: reader.h5:best_stimulus}}|' 2.yaml
refused 2 "wait for each other" reader.yaml 2.yaml
echo "array_limit: 2" >site.yaml
"$INSILICO" submit --site site.yaml --dry-run 1.yaml 3.yaml >out 2>err || fail "array limit"
has out "#SBATCH --array=0-1%2" "limit of an array"

: >"$SUBMITTED"
"$INSILICO" submit --chain=3 1.yaml 3.yaml >out 2>err || fail "chains: $(cat err)"
cat >expected <<END
--parsable|$sure|--no-requeue|$PWD/1.sbatch.sh|1|
--parsable|$sure|--no-requeue|--dependency=afterany:101|$PWD/1.sbatch.sh|2|
--parsable|$sure|--no-requeue|--dependency=afterany:102|$PWD/1.sbatch.sh|3|
--parsable|$sure|--no-requeue|$PWD/3.sbatch.sh|1|
--parsable|$sure|--no-requeue|--dependency=afterany:104|$PWD/3.sbatch.sh|2|
--parsable|$sure|--no-requeue|--dependency=afterany:105|$PWD/3.sbatch.sh|3|
END
cmp expected "$SUBMITTED" || fail "chains: $(cat "$SUBMITTED")"
has out "scancel 101 102 103" "a chain is stopped as a whole"

# ---- what the script does ------------------------------------------------------------------------

script
fresh
play 0 "done at once" "0 10 1 0"
has log "all tasks are done" "done"
has log "job 7, turn 1: $PWD/small.h5, 1 ranks by srun" "done"
has log "(0 of 10 tasks are done)" "done"
not_requeued "done"
fresh
touch absent
play 3 "no results yet" "3 0 0 -"
has log "(no results yet)" "no results yet"
fresh
play 1 "failed tasks under mpirun or srun" "1 10 1 1"
not_requeued "failed tasks"
fresh
play 2 "a wrong job" "2 0 0 -"
fresh
play 3 "a disk error" "3 4 1 3"
not_requeued "a disk error"
has log "input or output failed" "a disk error"
fresh
play 127 "no launcher" "127 0 0 -"

# The journal knows better than the launcher how a run ended.
fresh
play 0 "done, though a rank was killed at the end" "137 10 1 0"

# A rank killed: again at once; twice without progress: elsewhere; then never.
fresh
play 0 "killed half-way" "1 4 1 -" "137 7 1 -" "0 10 1 0"
turns 3 "killed half-way"
not_requeued "killed half-way"
fresh
play 4 "killed before anything was finished" "1 0 1 -"
requeued "killed before anything was finished"
export SLURM_RESTART_COUNT=1
play 4 "killed once more" "1 0 1 -"
not_requeued "killed once more"
has log "two runs in a row finished no task" "killed once more"
has log "--mem-per-cpu" "killed once more"
hasnt log "--time" "killed once more"
fresh
play 137 "killed, the launcher says so" "137 0 1 -"
fresh
play 4 "no run begins" "1 0 0 -"
export SLURM_RESTART_COUNT=1
play 4 "no run begins again" "1 0 0 -"
has log "No run began" "no run begins again"

# Turns that never came back, as upon a lost node, are counted by the next.
lost_turn() {
  echo "kill 0 1 -" >acts
  sh script.sh >log 2>&1
  [ $? = 137 ] || fail "a lost turn was none"
}
fresh
lost_turn
export SLURM_RESTART_COUNT=1
lost_turn
export SLURM_RESTART_COUNT=2
play 4 "two turns were lost"
turns 0 "two turns were lost"
has log "the last one was lost" "two turns were lost"
echo 1 >finished
play 0 "two turns were lost, after a task" "0 10 1 0"
fresh
export SLURM_RESTART_COUNT=101
play 75 "requeued by Slurm without an end"
turns 0 "requeued by Slurm without an end"

# Another run has the results: wait in the queue, without counting it against the job.
sed 's/tries=60/tries=0/' script.sh >quick.sh
mv script.sh patient.sh
mv quick.sh script.sh
for SLURM_RESTART_COUNT in 0 1 2; do
  export SLURM_RESTART_COUNT
  [ $SLURM_RESTART_COUNT != 0 ] || fresh
  echo running >state
  play 3 "the results are in use" "3 0 0 -"
  requeued "the results are in use"
  has log "another run is writing" "the results are in use"
done
mv patient.sh script.sh

# What another job's environment says is not believed by a script with one job.
fresh
(export SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_JOB_ID=90 && play 0 "typed inside an array" "0 10 1 0") || exit 1
fresh
play 75 "an abort of the program is a crash, and it goes on" "4 3 1 4" "75 5 1 75"
not_requeued "stopped from outside"

# signalled SIGNAL STATUS WHAT "ACT" ...: the script gets the signal while a run is on, and ends with that status
signalled() {
  signal=$1 expected=$2 what=$3
  shift 3
  printf '%s\n' "$@" >acts
  : >turns
  : >controlled
  rm -f ready
  sh script.sh ${LINK:-} >log 2>&1 &
  pid=$!
  for _ in $(seq 100); do
    [ ! -f ready ] || break
    sleep 0.1
  done
  kill "-$signal" $pid
  [ -z "${again:-}" ] || { sleep 0.3; kill "-$again" $pid; }
  wait $pid
  status=$?
  [ $status = "$expected" ] || { cat log >&2; fail "$what: status $status, not $expected"; }
}
fresh
signalled USR1 75 "the limit" "wait 4 1 75"
requeued "the limit"
export SLURM_RESTART_COUNT=1
signalled USR1 75 "the limit, nothing finished" "wait same 1 75"
requeued "the limit, nothing finished once"
export SLURM_RESTART_COUNT=2
signalled USR1 75 "the limit, nothing finished again" "wait same 1 75"
not_requeued "nothing finished twice"
has log "ask for more: --time" "nothing finished twice"
fresh
export SLURM_RESTART_COUNT=100
signalled USR1 75 "the cap" "wait 9 1 75"
not_requeued "the cap"
has log "given up after 100 turns" "the cap"
fresh
echo "Requested operation is presently disabled for job 7" >no_requeue
signalled USR1 75 "requeueing forbidden" "wait 4 1 75"
has log "submit again to go on" "requeueing forbidden"
fresh
echo "Unable to contact slurm controller (connect failure)" >no_requeue
signalled USR1 75 "a controller that answers late" "wait 4 1 75"
[ "$(grep -c requeue controlled)" = 2 ] || fail "a controller that answers late: asked $(grep -c requeue controlled) times"
hasnt log "submit again" "a controller that answers late"
fresh
signalled TERM 75 "a wish to stop" "wait 4 1 75"
not_requeued "a wish to stop"
fresh
again=USR1
signalled TERM 75 "a wish to stop, and the limit soon after" "late 4 1 75"
again=
not_requeued "a wish to stop, and the limit soon after"
LINK=1
fresh
echo COMPLETING >job_state
signalled TERM 75 "scancel or the end of grace" "wait 4 1 75"
hasnt small.sbatch.state ended "a chain outlives what befalls one link"
LINK=
fresh
echo CANCELLED >job_state
signalled USR1 75 "cancelled" "wait 4 1 75"
not_requeued "cancelled"

# Preemption: in the time of grace the script requeues the job, else Slurm does.
fresh
echo 2024-01-01T00:00:00 >preempt_time
play 75 "preempted with grace" "75 4 1 75"
requeued "preempted with grace"
for SLURM_RESTART_COUNT in 1 2 3; do
  export SLURM_RESTART_COUNT
  play 75 "preempted again and again before a task is finished" "75 same 1 75"
  requeued "preempted again and again"
done
fresh
echo COMPLETING >job_state
echo 2024-01-01T00:00:00 >preempt_time
play 75 "preempted without grace" "75 4 1 75"
not_requeued "preempted without grace"

# Chains.
script --chain=3
fresh
LINK=1
signalled USR1 75 "the first of a chain" "wait 4 1 75"
not_requeued "a chain"
has log "the next job of the chain goes on" "the first of a chain"
LINK=2
play 0 "the second of a chain" "0 10 1 0"
LINK=3
play 0 "nothing left for the third"
turns 0 "nothing left for the third"
fresh
LINK=1
play 3 "the first of a chain fails" "3 0 1 3"
LINK=2
play 3 "the rest of a chain that failed does nothing"
turns 0 "the rest of a chain that failed"
fresh
LINK=3
signalled USR1 75 "the end of a chain" "wait 4 1 75"
has log "submit again to go on" "the end of a chain"
script --chain=200
fresh
LINK=150
signalled USR1 75 "a long chain" "wait 4 1 75"
has log "the next job of the chain goes on" "a long chain"
LINK=
script --no-requeue
fresh
signalled USR1 75 "no requeueing" "wait 4 1 75"
not_requeued "no requeueing"

# ---- other schedulers ----------------------------------------------------------------------------

cat >"$scratch/bin/mpirun" <<'STUB'
#!/bin/sh
exec srun "$@"
STUB
cat >"$scratch/bin/qsub" <<'STUB'
#!/bin/sh
echo "qsub $*" >>controlled
STUB
chmod +x "$scratch"/bin/*
filled() { # SCHEDULER
  "$INSILICO" submit small.yaml --dry-run --template "$templates/$1.sh" >script.raw 2>err || fail "$1: $(cat err)"
  filled_up script.raw
  # To be seen, the log stays where it is.
  sed "s|^program=.*|program='$scratch/bin/insilico'|; /^exec >>/d" script.raw >script.sh
  sh -n script.sh || fail "$1: no script"
}
unset SLURM_JOB_ID
filled pbs
has script.raw "#PBS -l walltime=0:10:00" PBS
fresh
export PBS_JOBID=9.server
signalled USR1 75 "PBS at the limit" "wait 4 1 75"
has controlled "qsub -v INSILICO_CAMPAIGN=9.server script.sh" "PBS at the limit"
export PBS_JOBID=10.server INSILICO_CAMPAIGN=9.server
signalled USR1 75 "PBS, nothing finished" "wait same 1 75"
has controlled qsub "PBS, nothing finished once"
signalled USR1 75 "PBS, nothing finished twice" "wait same 1 75"
hasnt controlled qsub "PBS, nothing finished twice"
filled lsf
has script.raw "#BSUB -W 0:10" LSF
fresh
export LSB_JOBID=11
signalled USR1 75 "LSF at the limit" "wait 4 1 75"
signalled TERM 76 "LSF, a wish to stop" "wait 4 1 75"
play 0 "LSF to the end" "0 10 1 0"
PATH=$plain
echo "what is asked for, written and done at every end: as it should be"
