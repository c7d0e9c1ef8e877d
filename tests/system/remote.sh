#!/bin/sh
# SPDX-License-Identifier: MIT
# A run whose model is an address: rank 0 fetches it once, all ranks have it: remote.sh PYTHON
. "$(dirname "$0")/lib.sh"
cd "$scratch" || exit 1
mkdir served
cp "$SOURCE/tests/golden/trained/model.ckpt" served
(cd served && exec "$1" -u -m http.server --bind 127.0.0.1 0) >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$scratch"' EXIT
for _ in $(seq 100); do
  port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' server.log)
  [ -n "$port" ] && break
  sleep 0.1
done
[ -n "$port" ] || fail "the server does not start"
export OPENRETINA_CACHE_DIRECTORY=$scratch/cache
sum=$(sha256sum served/model.ckpt | cut -d ' ' -f 1)
address=http://127.0.0.1:$port/model.ckpt

cat >job.yaml <<END
experiment: response
model: {file: "$address", sha256: $sum}
stimulus: $SOURCE/tests/golden/trained/stimulus.npy
output: remote.h5
END
run 3 job.yaml || fail "a model by its address"
[ "$(grep -c '"GET /model.ckpt' server.log)" = 1 ] || fail "three ranks fetch once"
run 2 job.yaml output=again.h5 || fail "again, from the cache"
[ "$(grep -c '"GET /model.ckpt' server.log)" = 1 ] || fail "what is in the cache is not fetched again"
run 1 job.yaml model=served/model.ckpt output=local.h5 || fail "the same file here"
same remote.h5 again.h5 "a fetched model, and the same from the cache"
"$INSILICO" inspect "$address" --card >log 2>&1 || fail "inspect of an address"

wrong=$(echo "$sum" | tr 0-9a-f 1-9a-f0)
run 2 job.yaml model.sha256="$wrong" output=wrong.h5
[ $? = 3 ] || fail "another SHA-256 is refused on all ranks"
[ ! -e wrong.h5 ] || fail "nothing is written"
INSILICO_OFFLINE=1 run 2 job.yaml model.file="http://127.0.0.1:$port/other.ckpt" model.sha256=null output=off.h5
[ $? = 2 ] || fail "offline, what is not in the cache is refused"
echo "remote: one rank fetches, all ranks have it"
