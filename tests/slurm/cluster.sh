# shellcheck shell=sh disable=SC2154 # $scratch is that of tests/system/lib.sh
# SPDX-License-Identifier: MIT
# A throw-away Slurm cluster on this machine, to be sourced. The script that sources it runs in namespaces
# (cluster_enter); each of two nodes has further ones, so that it has a name, an address, processes and
# shared memory of its own and can be cut off like a machine whose plug is pulled. When the script ends,
# however it ends, the kernel ends every process of the cluster; its files lie in $scratch/cluster.
#
#   cluster_enter "$@"     first of all, before lib.sh: starts the script anew inside, or skips the test
#   cluster_start          ready to take jobs
#   cluster_node NAME      switches a node on
#   cluster_cut NAME       all processes of the node die at once, its network with them
#   cluster_stop           at the end: nothing writes into $scratch any more
#
# Partitions: `work`, and `urgent`, which pushes jobs of `work` out to be requeued. Both have both nodes.
PATH=$PATH:/usr/sbin:/sbin
cluster=
CLUSTER_NET=10.77.0
CLUSTER_APART="--pid --fork --kill-child --mount-proc --net --uts --ipc"

cluster_skip() {
  echo "skipped: $*"
  exit 77
}

cluster_enter() {
  [ -z "$CLUSTER_INSIDE" ] || return 0
  [ "$(id -u)" = 0 ] || cluster_skip "a cluster of its own takes root"
  for program in munged slurmctld slurmd srun ip unshare; do
    command -v $program >/dev/null || cluster_skip "$program is not installed (slurm-wlm, munge, iproute2)"
  done
  # shellcheck disable=SC2086
  unshare $CLUSTER_APART true 2>/dev/null || cluster_skip "this kernel gives no namespaces"
  # shellcheck disable=SC2086
  CLUSTER_INSIDE=1 exec unshare $CLUSTER_APART sh "$0" "$@"
}

cluster_configure() {
  export SLURM_CONF="$cluster/slurm.conf"
  cat >"$SLURM_CONF" <<CONF
ClusterName=insilico
SlurmctldHost=control($CLUSTER_NET.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# How long a requeued job waits, among others.
AuthInfo=socket=$cluster/munge.socket,cred_expire=5
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/%n/spool
TmpFS=$cluster/%n/tmp
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/%n/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/%n/slurmd.log
SlurmctldDebug=verbose
SlurmdDebug=verbose
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=pmix
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=4
OverTimeLimit=0
SlurmdTimeout=6
MessageTimeout=5
MinJobAge=600
NodeName=node1 NodeAddr=$CLUSTER_NET.11 CPUs=8 RealMemory=4000
NodeName=node2 NodeAddr=$CLUSTER_NET.12 CPUs=8 RealMemory=4000
PartitionName=work Nodes=node1,node2 Default=YES PriorityTier=1 GraceTime=4 DefaultTime=60
PartitionName=urgent Nodes=node1,node2 PriorityTier=10 DefaultTime=60
CONF
  cat >"$cluster/hosts" <<HOSTS
127.0.0.1 localhost
$CLUSTER_NET.1 control
$CLUSTER_NET.11 node1
$CLUSTER_NET.12 node2
HOSTS
  mount --bind "$cluster/hosts" /etc/hosts
}

# cluster_until SECONDS COMMAND: waits until it succeeds
cluster_until() {
  tries=$(($1 * 5))
  shift
  while ! "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.2
  done
}

cluster_node() { # NAME
  address=$CLUSTER_NET.1${1#node}
  mkdir -p "$cluster/$1/spool" "$cluster/$1/tmp"
  # shellcheck disable=SC2086
  unshare $CLUSTER_APART sh "$cluster_here/node.sh" "$1" "$address" >>"$cluster/$1/out" 2>&1 &
  node_pid=$!
  echo $node_pid >"$cluster/$1/pid"
  cluster_until 5 cluster_own_network $node_pid || fail "$1 has no network of its own"
  ip link add name "to-$1" type veth peer name eth0 netns $node_pid || fail "plugging in $1"
  ip link set "to-$1" master switch up
}

cluster_own_network() { # PID
  [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/$$/ns/net)" ]
}

cluster_cut() { # NAME
  kill -9 "$(cat "$cluster/$1/pid")"
  rm "$cluster/$1/pid"
}

# Daemons first, then what is theirs goes with the namespaces.
cluster_stop() {
  [ -n "$cluster" ] || return 0
  for file in "$cluster"/*/pid "$cluster"/*.pid; do
    [ -f "$file" ] && kill -9 "$(cat "$file")" 2>/dev/null
  done
  wait
}

cluster_idle() { [ "$(sinfo -h -p work -t idle -o %D)" = 2 ]; }

cluster_start() {
  cluster=$scratch/cluster
  cluster_here=$SOURCE/tests/slurm
  mkdir -p "$cluster/state" "$cluster/tmp"
  export TMPDIR="$cluster/tmp" # session directories of jobs, too
  hostname control
  cluster_configure
  ip link set lo up
  ip link add name switch type bridge
  ip address add $CLUSTER_NET.1/24 dev switch
  ip link set switch up
  head -c 128 /dev/urandom >"$cluster/munge.key"
  chmod 600 "$cluster/munge.key"
  munged --force --foreground --socket="$cluster/munge.socket" --key-file="$cluster/munge.key" \
    --pid-file="$cluster/munge.pid" --log-file="$cluster/munge.log" --seed-file="$cluster/munge.seed" \
    >"$cluster/munge.out" 2>&1 &
  cluster_until 10 test -S "$cluster/munge.socket" || fail "munged: $(cat "$cluster/munge.out")"
  slurmctld -D >/dev/null 2>"$cluster/slurmctld.out" &
  cluster_node node1
  cluster_node node2
  cluster_until 20 cluster_idle || fail "the cluster does not start: $(tail -5 "$cluster/slurmctld.log")"
}
