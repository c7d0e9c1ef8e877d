#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # the bodies of stand-ins are expanded when they run
# What cmake/setup.sh decides, seen through stand-ins for the commands it runs: test_setup.sh SOURCE
set -eu
SOURCE=$1
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

fail() {
    echo "FAILED: $*"
    sed 's/^/  | /' "$WORK/out" "$WORK/calls"
    exit 1
}

# A checkout of its own, with a space in its name, and the stand-ins first in PATH.
TREE="$WORK/a checkout"
mkdir -p "$TREE/cmake" "$TREE/jobs" "$TREE/tests/peer" "$WORK/bin"
cp "$SOURCE/cmake/setup.sh" "$TREE/cmake/"
echo "output: results/demo.h5" >"$TREE/jobs/demo.yaml"
echo 'echo "make_venv $*" >>"$CALLS"' >"$TREE/tests/peer/make_venv.sh"
export CALLS="$WORK/calls" STATE="$WORK/state"
export PATH="$WORK/bin:$PATH"

# stand_in NAME BODY: notes the call, then does BODY
stand_in() {
    printf '#!/bin/sh\necho "%s $*" >>"$CALLS"\n%s\n' "$1" "$2" >"$WORK/bin/$1"
    chmod +x "$WORK/bin/$1"
}
# $STATE/missing: packages not installed; $STATE/unknown: not known to apt; $STATE/broken: apt-get fails
stand_in dpkg-query 'for last; do :; done; grep -qx "$last" "$STATE/missing" || echo installed'
stand_in apt-cache 'for last; do :; done; grep -qx "$last" "$STATE/unknown" || echo "$last | 1.0"'
stand_in apt-get '
[ ! -e "$STATE/broken" ] || { echo "E: no route to the archive"; exit 100; }
case "$*" in *install*) for p; do
    grep -vx -e "$p" "$STATE/missing" >"$STATE/rest" || :
    mv "$STATE/rest" "$STATE/missing"
done ;; esac'
stand_in id 'cat "$STATE/uid"'
stand_in sudo '[ -e "$STATE/sudo" ] || exit 1; [ "$1" != -n ] || shift; "$@"'
stand_in nproc 'echo 2'
stand_in ninja ':'
stand_in cmake '[ ! -e "$STATE/cmake_fails" ] || { echo "Not found: fyaml"; exit 1; }'
stand_in ctest '[ ! -e "$STATE/ctest_fails" ]'
stand_in mpirun 'exit "$(cat "$STATE/mpirun")"'

# fresh [MISSING...]: root, apt works, these packages are missing
fresh() {
    rm -rf "$STATE" "$TREE/build" "$CALLS"
    mkdir "$STATE"
    : >"$CALLS"
    for package in "$@"; do echo "$package"; done >"$STATE/missing"
    : >"$STATE/unknown"
    echo 0 >"$STATE/uid"
    echo 0 >"$STATE/mpirun"
}
# setup STATUS ARGUMENT...: runs the script, which must end with the status
setup() {
    want=$1
    shift
    status=0
    (cd / && sh "$TREE/cmake/setup.sh" "$@") >"$WORK/out" 2>&1 </dev/null || status=$?
    [ "$status" -eq "$want" ] || fail "setup.sh $* ended with $status, not $want"
}
called() { grep -q -- "$1" "$CALLS" || fail "not called: $1"; }
not_called() { ! grep -q -- "$1" "$CALLS" || fail "called: $1"; }
says() { grep -q -- "$1" "$WORK/out" || fail "does not say: $1"; }

echo "nothing missing: apt is left alone"
fresh
setup 0 demo
not_called '^apt'
called '^cmake --preset release'
called '^mpirun -n 2 build/.* run jobs/demo.yaml'
says 'results/demo.h5'
says 'xarray.open_dataset'

echo "something missing: lists first, then only what is missing"
fresh libzip-dev
setup 0 build
[ "$(grep -c '^apt-get' "$CALLS")" -eq 2 ] || fail "apt-get was not called twice"
grep '^apt-get' "$CALLS" | head -n 1 | grep -q update || fail "the lists were not updated first"
grep '^apt-get' "$CALLS" | tail -n 1 | grep -q 'libzip-dev$' || fail "not just libzip-dev installed"

echo "the test library is installed for the tests only"
fresh libcmocka-dev
setup 0 demo
not_called 'install.*libcmocka-dev'
called '-DINSILICO_TESTS=OFF'
setup 0 test
called 'install.*libcmocka-dev'

echo "sudo where not root"
fresh libzip-dev
echo 1000 >"$STATE/uid"
touch "$STATE/sudo"
setup 0 build
called '^sudo env .*apt-get .*install'

echo "neither root nor sudo: the line for the administrator, and on"
fresh libzip-dev libfyaml-dev
echo 1000 >"$STATE/uid"
setup 0 build
not_called '^apt-get'
says 'apt-get install libzip-dev libfyaml-dev'
called '^cmake --build'

echo "unknown to apt: named, the others are installed"
fresh libzip-dev libfyaml-dev
echo libfyaml-dev >"$STATE/unknown"
setup 0 build
says 'apt does not know libfyaml-dev'
called 'install.*libzip-dev$'

echo "no network and nothing found: what failed, which packages, what to do"
fresh libzip-dev
touch "$STATE/broken" "$STATE/cmake_fails"
setup 1 build
says 'E: no route to the archive'
says 'could not be installed: libzip-dev'
says 'Not found: fyaml'
says 'failed: configuring'

echo "tests: neither peer nor slow unless asked for, and their failure is the script's"
fresh
setup 0 test
called 'ctest .*-LE peer|slow$'
setup 0 test --peer
called '^make_venv .venv-peer'
called 'cmake .*-DINSILICO_PEER_PYTHON=.*a checkout/.venv-peer/bin/python'
called 'ctest .*-LE slow$'
setup 0 test --asan --werror
called 'cmake --preset asan .*-DINSILICO_WERROR=ON'
called 'ctest --test-dir build/asan .*-L unit'
touch "$STATE/ctest_fails"
setup 1 test

echo "the demo's status is the script's"
fresh
echo 75 >"$STATE/mpirun"
setup 75 demo
says 'goes on where it stopped'

echo "a dry run changes nothing"
fresh libzip-dev
setup 0 demo --dry-run
not_called '^apt-get'
not_called '^cmake'
not_called '^mpirun'
[ ! -e "$TREE/build" ] || fail "a dry run made the build directory"
says 'apt-get .*install .*libzip-dev'

echo "a wrong word is refused"
setup 2 tset
says 'unknown: tset'
setup 2
