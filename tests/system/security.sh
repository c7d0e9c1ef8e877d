#!/bin/sh
# SPDX-License-Identifier: MIT
# security.sh PYTHON [PART ...]: that no job, model or results file runs a command or loads a library, that output does
# not go through links, that plug-ins wait for the flag, that terminals get text. Watched from outside, by strace.
# Parts: imports environment texts files submit links plugins (all).
. "$(dirname "$0")/lib.sh"
python=$1
shift
parts=${*:-imports environment texts files submit links plugins}
here=$SOURCE/tests/system
[ -x "$INSILICO" ] || fail "there is no program $INSILICO"
cd "$scratch" || exit 1
mkdir out
umask 022
# No proxy answers there: nothing is fetched from anywhere, and nothing lands in anybody's cache.
export https_proxy=http://127.0.0.1:9 http_proxy=http://127.0.0.1:9 OPENRETINA_CACHE_DIRECTORY="$scratch/cache"

strace -qq -f -e trace=execve -o trace true 2>/dev/null || { echo "needs strace and the right to trace"; exit 77; }
grep -q execve trace || { echo "needs a strace that sees execve"; exit 77; }

# ---- what is watched ----------------------------------------------------------------------------

# What a trace shows to have been executed, and which libraries were looked for, one a line.
seen() {
  sed -n -e 's/^[0-9]* *execve\(at\)\{0,1\}(\([0-9A-Z_]*, \)\{0,1\}"\([^"]*\)".*/executes \3/p' \
    -e 's/^[0-9]* *openat(AT_FDCWD, "\([^"]*\.so[0-9.]*\)".*/opens \1/p' "$1" | sort -u
}

# trace COMMAND...: the exit status is in $status, output in out.txt, what was seen in seen.txt
trace() {
  timeout 120 strace -qq -f -s 400 --seccomp-bpf -e trace=execve,execveat,openat -o trace -- "$@" >out.txt 2>&1 </dev/null
  status=$?
  seen trace >seen.txt
}

# What is usual: the same commands on files that nobody has tampered with.
usual() {
  trace "$@"
  [ $status = 0 ] || { cp out.txt log; fail "status $status: $*"; }
  cat seen.txt >>usual.txt
  sort -u -o usual.txt usual.txt
}

# watch COMMAND...: whatever comes of it, nothing is executed or loaded that is not usual, nothing of what was to be
# run did run, what is printed is text, it is no crash, and it ends.
watch() {
  trace "$@"
  comm -13 usual.txt seen.txt >unusual.txt
  cp out.txt log
  [ -s unusual.txt ] && fail "$(head -3 unusual.txt): $*"
  [ $status -lt 124 ] || fail "status $status: $*"
  clean "$*"
  n_watched=$((n_watched + 1))
}
n_watched=0

# clean WHAT: no mark was made, and out.txt holds nothing that a terminal obeys
clean() {
  marks=$(find "$scratch" -name 'mark*' -not -path '*/controls/*')
  [ -z "$marks" ] || fail "$marks was made: $1"
  if LC_ALL=C grep -qaP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' out.txt; then
    cat -v out.txt | cut -c1-500 >log
    fail "control characters are printed: $1"
  fi
}

small="$here/small.yaml neurons=0 seeds=0 sweep=null"
learn_what_is_usual() {
  [ -s usual.txt ] && return
  : >usual.txt
  # shellcheck disable=SC2086
  {
    usual "$INSILICO" run --quiet $small output=usual.h5
    usual "$INSILICO" plan $small
  }
  usual "$INSILICO" status usual.h5
  usual "$INSILICO" inspect "$SOURCE/tests/golden/trained/model.ckpt"
  usual "$INSILICO" convert "$SOURCE/tests/golden/trained/model.ckpt" usual_model.h5
}

# ---- parts --------------------------------------------------------------------------------------

# The program cannot do what it does not import. Each name is allowed in one object of the build.
imports() {
  runs='system|popen|wordexp|fork|vfork|clone|execve?at?|execl[ep]?|execlp|execvp?e?|fexecve|posix_spawnp?|MPI_Comm_spawn(_multiple)?'
  loads='dlopen|dlmopen'
  nm -D --undefined-only "$INSILICO" | sed 's/.* U //; s/@.*//' | grep -Ex "$runs|$loads" | sort >found
  for name in $(cat found); do
    case $name in
    dlopen | posix_spawnp | posix_spawn) ;;
    *) fail "the program imports $name" ;;
    esac
  done
  objects=$(dirname "$INSILICO")/src
  [ -d "$objects" ] || { echo "no object files beside $INSILICO: only the program was looked at"; return; }
  find "$objects" -name '*.o' >objects
  [ "$(wc -l <objects)" -gt 100 ] || fail "the object files of the program cannot be found"
  xargs nm -A -u <objects | sed -nE "s/.*\/([^/:]*):.* U ($runs|$loads)\$/\1 \2/p" | sort >found
  cat found
  grep -vx -e 'plugin.c.o dlopen' -e 'submit_[a-z]*.c.o posix_spawnp*' found && fail "others than these may not"
  [ "$(grep -c dlopen found)" = 1 ] || fail "dlopen is called in one place"
  [ "$(grep -c posix_spawn found)" -le 1 ] || fail "commands are started in one place"
  echo "imports: $(cut -d' ' -f2 found | tr '\n' ' ')and nothing else that runs or loads"
}

# What the program reads of its surroundings is told (docs/safety.md, docs/fetch.md, docs/cluster.md).
environment() {
  grep -rohE '(getenv|fetch_environment(_on)?)\("[A-Z_0-9]+"' "$SOURCE/src" | sed 's/.*"\(.*\)"/\1/' | sort -u >names
  [ -s names ] || fail "no environment variable is read"
  while read -r name; do
    grep -rqF -e "$name" -e "\`${name%%_*}_*\`" "$SOURCE/docs" || fail "the environment variable $name is not documented"
  done <names
  echo "environment: $(wc -l <names) variables, all documented"
}

# Every text of a job.
texts() {
  learn_what_is_usual
  "$python" "$here/security_files.py" jobs "$SOURCE" || fail "hostile jobs"
  for job in jobs/*.yaml; do
    watch "$INSILICO" plan "$job"
  done
  for job in jobs/good*.yaml; do
    watch "$INSILICO" run "$job"
    [ $status = 0 ] || fail "a name with unusual letters should be a name: $job"
  done
  [ "$(find out -name '*.h5' | wc -l)" -ge 6 ] || fail "results under unusual names"
  find out -name '*.h5' | sed '/^out\/.*h5$/!d' >names
  while read -r name; do
    watch "$INSILICO" status "$name"
    [ $status = 0 ] || fail "status of $name"
    watch "$INSILICO" select "$name" "neuron >= 0"
  done <names
  # shellcheck disable=SC2086
  watch "$INSILICO" run $small output=out/hints.h5 "io={hints: {cb_nodes: \$(touch mark), '|touch mark': a}}"
  watch "$INSILICO" "\$(touch mark)" "|touch mark"
  watch "$INSILICO" plan "$(printf 'no\033[2Jjob\ntouch mark')"
  watch "$INSILICO" plan jobs/000.yaml "output=\$(touch mark)" "+a=\`touch mark\`"
  watch "$INSILICO" stimulus show flash "name=\$(touch mark)" --sheet "\$(touch mark).png"
  echo "texts: $n_watched commands ran nothing"
}

# Models, arrays and results.
files() {
  learn_what_is_usual
  "$python" "$here/security_files.py" checkpoint "$SOURCE" || fail "hostile checkpoint"
  for option in "" --card --json --scan; do
    # shellcheck disable=SC2086
    watch "$INSILICO" inspect $option names.ckpt
  done
  "$INSILICO" inspect --json names.ckpt >names.json || fail "inspect --json"
  "$python" -c 'import json; print(json.load(open("names.json"))["sessions"][1]["name"] ==
    "\x1b]0;`touch mark`\x07\x9b")' | grep -q True || fail "JSON should keep a name as it is"
  watch "$INSILICO" convert names.ckpt names.h5
  watch "$INSILICO" inspect names.h5
  watch "$INSILICO" run "$SOURCE/jobs/response.yaml" model=names.ckpt output=names_r.h5 \
    stimulus.file="$SOURCE/tests/golden/trained/stimulus.npy"
  [ $status = 0 ] || fail "a session may be called anything"
  watch "$INSILICO" run "$SOURCE/jobs/response.yaml" model=names.ckpt session=none output=q.h5
  watch "$INSILICO" select names_r.h5 "neuron < 9"
  watch "$INSILICO" select --table names_r.h5 "neuron < 9"

  # shellcheck disable=SC2086
  "$INSILICO" run --quiet $small output=changed.h5 2>log || fail "results to be changed"
  "$python" "$here/security_files.py" results changed.h5 || fail "changed attributes"
  printf '{"event":"start","time":"\\u001b[2J","message":"$(touch mark)\\nfinished"}\n' >>changed.journal.jsonl
  watch "$INSILICO" status changed.h5
  grep -q "plugin:./evil.module" out.txt || fail "the attributes were not changed"
  watch "$INSILICO" status --verify --json changed.h5
  watch "$INSILICO" select changed.h5 "neuron >= 0"
  watch "$INSILICO" inspect changed.h5
  # shellcheck disable=SC2086
  watch "$INSILICO" plan $small output=changed.h5
  # shellcheck disable=SC2086
  watch "$INSILICO" run $small output=changed.h5
  [ $status = 2 ] || [ $status = 3 ] || fail "results of another job should be refused"

  # A filter that HDF5 would load from a folder in the environment; h5dump does so, which shows that it works.
  mkdir filters controls
  cat >filter.c <<'END'
#include <fcntl.h>
#include <hdf5.h>
#include <stdlib.h>
static void __attribute__((constructor)) loaded(void) { creat(getenv("MARK"), 0600); }
static size_t pass(unsigned flags, size_t n, const unsigned *values, size_t bytes, size_t *size, void **data) {
  return bytes;
}
static const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, 32999, 1, 1, "evil", NULL, NULL, pass};
int H5PLget_plugin_type(void) { return 2; }
const void *H5PLget_plugin_info(void) { return &filter; }
END
  # shellcheck disable=SC2046
  cc -w -shared -fPIC filter.c -o filters/libevil.so $(pkg-config --cflags hdf5-openmpi) >log 2>&1 || fail "a filter"
  "$python" "$here/security_files.py" arrays 32999 || fail "hostile arrays"
  HDF5_PLUGIN_PATH=$scratch/filters
  export HDF5_PLUGIN_PATH
  MARK=$scratch/controls/mark h5dump -d x filter.h5 >log 2>&1 || :
  [ -e controls/mark ] || fail "h5dump should have loaded the filter"
  MARK=$scratch/mark
  export MARK
  for file in filter raw virtual link; do
    watch "$INSILICO" run "$SOURCE/jobs/response.yaml" "model=builtin:ground_truth?neurons=16" stimulus.file=$file.h5:x \
      output=q.h5
    [ $status != 0 ] || fail "$file.h5 should be refused"
    echo "refused: $(grep error: out.txt | cut -c1-150)"
    watch "$INSILICO" inspect $file.h5
  done
  unset HDF5_PLUGIN_PATH MARK
  echo "files: nothing executed, no library loaded, only text printed"
}

# What is written for a scheduler is read by a shell: there every text must be a word.
submit() {
  "$INSILICO" -h | grep -q '^  submit' || fail "there is no insilico submit"
  mkdir fake sandbox
  for command in sbatch srun mpirun scontrol squeue sinfo; do
    printf '#!/bin/sh\nprintf "%%s\\n" "$@" >>%s/calls\nexit 2\n' "$scratch" >fake/$command
    chmod +x fake/$command
  done
  [ -d jobs ] || "$python" "$here/security_files.py" jobs "$SOURCE" || fail "hostile jobs"
  n=0
  for job in jobs/good*.yaml; do
    "$INSILICO" submit --again --dry-run "$job" >script 2>log || fail "submit --dry-run $job"
    sh -n script || fail "the script of $job is no script"
    # Directives are comments to the shell, and one line each.
    : >calls
    (cd sandbox && PATH=$scratch/fake:$PATH timeout 60 sh ../script) >out.txt 2>&1
    clean "the script of $job"
    if ! grep -qF "$(printf '%s' "$job" | tail -n 1)" calls; then
      cp out.txt log
      fail "the script does not start $job"
    fi
    n=$((n + 1))
  done
  echo "submit: $n scripts ran nothing but their job"
}

# Output stays where it was asked for. The victim lies in another folder; links to it lie where results are written.
links() {
  mkdir target
  ln -s "$scratch/target" to_folder
  for name in r.h5 r.h5.part r.h5.lock r.journal.jsonl; do
    for kind in there absent; do
      rm -rf out && mkdir out
      rm -f target/victim
      [ $kind = there ] && echo precious >target/victim
      ln -s "$scratch/target/victim" "out/$name"
      # shellcheck disable=SC2086
      timeout 120 "$INSILICO" run --quiet $small output=out/r.h5 >log 2>&1
      status=$?
      [ $status -lt 124 ] || fail "status $status with a link at $name"
      if [ $kind = there ]; then
        [ "$(cat target/victim)" = precious ] || fail "a link at $name was followed: the file behind it is changed"
      else
        [ ! -e target/victim ] || fail "a link at $name was followed: a file was made behind it"
      fi
      echo "link at $name, file $kind: status $status, not followed"
    done
  done
  rm -rf out && mkdir out
  for name in m.h5 m.h5.part; do
    echo precious >target/victim
    ln -sf "$scratch/target/victim" "out/$name"
    "$INSILICO" convert "$SOURCE/tests/golden/trained/model.ckpt" out/m.h5 >log 2>&1
    [ "$(cat target/victim)" = precious ] || fail "convert: a link at $name was followed"
    rm -f out/*
  done
  ln -sf "$scratch/target/victim" out/s.png.part
  "$INSILICO" stimulus show flash --sheet out/s.png >log 2>&1 || fail "a contact sheet"
  [ "$(cat target/victim)" = precious ] || fail "stimulus show: a link at s.png.part was followed"
  # A folder that is a link is where somebody keeps results, and fine.
  # shellcheck disable=SC2086
  run 1 $small output=to_folder/deep/er/r.h5 || fail "a folder may be a link"
  [ -e target/deep/er/r.h5 ] || fail "results are not where the folder leads to"
  modes=$(find target/deep target/deep/er -type d -perm /022)
  [ -z "$modes" ] || fail "folders that others may write to: $modes"
  (umask 077 && run 1 "$here/small.yaml" neurons=0 seeds=0 sweep=null output=private/r.h5) || fail "umask 077"
  modes=$(find private -perm /077)
  [ -z "$modes" ] || fail "readable by others in spite of umask 077: $modes"
  modes=$(find target/deep -type f -perm /133)
  [ -z "$modes" ] || fail "files that others may write to, or that are executable: $modes"
  echo "links: output is followed nowhere"
}

# A plug-in's own start-up code runs as soon as it is loaded: so it shows whether it was.
plugins() {
  cat >evil.c <<'END'
#include <fcntl.h>
#include <stdlib.h>
static void __attribute__((constructor)) loaded(void) { creat(getenv("MARK"), 0600); }
END
  cc -shared -fPIC evil.c -o evil.module >log 2>&1 || fail "a shared object"
  mkdir -p controls && rm -f controls/*
  sed "s/^experiment:.*/experiment: plugin:evil.module/" "$here/small.yaml" >evil.yaml
  MARK=$scratch/controls/mark "$INSILICO" plan --allow-plugins evil.yaml >log 2>&1 &&
    fail "what is no plug-in should be refused"
  [ -e controls/mark ] || fail "with the flag it should have been loaded"
  MARK=$scratch/mark
  export MARK
  learn_what_is_usual
  for words in "run evil.yaml" "plan evil.yaml" "list plugin:./evil.module" "list plugin:evil.module" \
    "stimulus show evil.yaml" "inspect evil.module" "inspect plugin:evil.module" "status evil.module" \
    "run $here/small.yaml experiment=plugin:evil.module" "run $here/small.yaml +experiment=plugin:./evil.module" \
    "plan $here/small.yaml model=evil.module" "plan $here/small.yaml model=plugin:evil.module" \
    "run $here/small.yaml sweep.experiment=[plugin:evil.module]" "convert evil.module m.h5" \
    "run evil.yaml allow_plugins=true" "run evil.yaml +allow-plugins=true"; do
    # shellcheck disable=SC2086
    watch "$INSILICO" $words
    [ $status = 2 ] || [ $status = 3 ] || fail "status $status: $words"
  done
  timeout 60 "$MPIEXEC" -n 2 "$INSILICO" run evil.yaml >log 2>&1 && fail "on two ranks"
  [ -e mark ] && fail "loaded on two ranks without the flag"
  unset MARK
  echo "plugins: not loaded without --allow-plugins"
}

for part in $parts; do
  $part
done
