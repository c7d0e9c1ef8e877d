# SPDX-License-Identifier: MIT
# Several hosts on one machine, for tests of runs that span them. A host is a network, mount, UTS and IPC
# namespace: host1, host2, ... with an address, a name and a /dev/shm of its own. A bridge connects them, and Open
# MPI enters them by a launch agent in place of ssh. Files are shared, except what a test takes away.
#
# A test sources this first. It then runs in a process and mount namespace of its own: whatever happens to
# it, the kernel ends its processes and takes its networks and mounts away.
if [ -z "${INSILICO_HOSTS:-}" ]; then
  for need in unshare nsenter setpriv ip; do
    command -v $need >/dev/null || { echo "skipped: there is no $need (Debian: util-linux, iproute2)" && exit 77; }
  done
  unshare --net --uts --ipc --pid --mount --mount-proc --fork ip link add x type veth peer name y 2>/dev/null ||
    { echo "skipped: no permission to make network namespaces (they need root)" && exit 77; }
  INSILICO_HOSTS=yes
  TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/insilico-hosts-XXXXXX")
  export INSILICO_HOSTS TMPDIR
  trap 'rm -rf "$TMPDIR"' EXIT
  setpriv --pdeathsig KILL unshare --net --uts --ipc --pid --mount --mount-proc --propagation private \
    --kill-child sh "$0" "$@" &
  trap 'kill -9 $!; wait $!; exit 1' HUP INT TERM
  wait $!
  exit
fi
. "$(dirname "$0")/../system/lib.sh"

# Nothing but this test is in its process namespace, on whichever host.
ours() {
  for name in "$(basename "$INSILICO" | cut -c 1-15)" "$(basename "$MPIEXEC")" orted; do
    pgrep -r R,S,D,T -x "$name"
  done
}

ip link set lo up
ip link add bridge type bridge
ip link set bridge up
echo "127.0.0.1 localhost" >"$scratch/names"
cat >"$scratch/enter" <<END
#!/bin/sh
# enter HOST COMMAND...: the words, joined by blanks, for a shell on that host; nothing of our environment goes there,
# and while that host is cut off nothing is heard of it.
host=\$1
shift
nsenter --target "\$(cat "$scratch/\$host.pid")" --net --uts --ipc --mount -- \
  env -i PATH="$PATH" HOME="$HOME" \$(cat "$scratch/\$host.environment") sh -c "\$*" && exit
while [ -e "$scratch/\$host.cut" ]; do sleep 1; done
exit 255
END
chmod +x "$scratch/enter"
unset OMPI_MCA_btl_vader_backing_directory # each host has its own /dev/shm
export OMPI_MCA_plm_rsh_agent="$scratch/enter" OMPI_MCA_plm=rsh OMPI_MCA_pml=ob1

# make_hosts N: host1 to hostN
make_hosts() {
  for k in $(seq "$1"); do
    echo "10.77.0.$k host$k" >>"$scratch/names"
    : >"$scratch/host$k.environment"
    unshare --net --uts --ipc --mount --propagation private sh -c "
      echo host$k >/proc/sys/kernel/hostname
      mount -t tmpfs -o size=64m none /dev/shm
      mount --bind '$scratch/names' /etc/hosts
      : >'$scratch/host$k.ready'
      exec sleep infinity" &
    echo $! >"$scratch/host$k.pid"
    until [ -e "$scratch/host$k.ready" ]; do sleep 0.02; done
    ip link add "port$k" type veth peer name eth0 netns "$(cat "$scratch/host$k.pid")"
    ip link set "port$k" master bridge up
    on "$k" ip link set lo up
    on "$k" ip address add "10.77.0.$k/24" dev eth0
    on "$k" ip link set eth0 up
  done
}

# on K COMMAND...: on host K, here (directory) and with this environment
on() { (become_on "$@"); }
become_on() {
  at=$(cat "$scratch/host$1.pid")
  shift
  # shellcheck disable=SC2016
  exec nsenter --target "$at" --net --uts --ipc --mount -- sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
}

# start_on 'K ...' RANKS JOB [overrides]: a run with so many ranks on each of these hosts, in the background; mpirun
# runs on the first of them, $launcher is its process
start_on() {
  hosts='' first=${1%% *} ranks=0
  for k in $1; do
    hosts=$hosts,host$k:$2
    ranks=$((ranks + $2))
  done
  shift 2
  (become_on "$first" "$MPIEXEC" --host "${hosts#,}" -n "$ranks" "$INSILICO" run "$@") >"$scratch/log" 2>&1 &
  launcher=$!
}

# run_on: as start_on, until it ends; sets $status
run_on() {
  start_on "$@"
  await "the run on hosts $1"
}

# cut_off K: pulls its cable
cut_off() {
  : >"$scratch/host$1.cut"
  ip link set "port$1" down
}

# processes_of K: what runs on the host
processes_of() {
  holder=$(cat "$scratch/host$1.pid")
  for pid in $(pgrep -r R,S,D,T .); do
    if [ "$pid" != "$holder" ] &&
      [ "$(readlink "/proc/$pid/ns/net")" = "$(readlink "/proc/$holder/ns/net")" ]; then echo "$pid"; fi
  done
}

# kill_all_on K: everything on that host, at once
# shellcheck disable=SC2046
kill_all_on() { kill -9 $(processes_of "$1"); }
