#!/bin/sh
# SPDX-License-Identifier: MIT
# A host is lost in the middle of a run over three: the run ends in time and says why, nothing is left running on any
# host, and the other two go on with it.
#
# Usage: lost_host.sh HOW [HOST]; mpirun and rank 0 are on host 1.
#   killed   all its processes die, Open MPI's daemon among them; the connections are closed
#   cut_off  its cable is pulled; Open MPI's daemons miss each other, as their keepalive settings say
#   silent   the same, but Open MPI would take half an hour: rank 0 ends the run when its deadline is over
. "$(dirname "$0")/hosts.sh"
how=${1:-killed}
lost=${2:-2}
rest=$(seq 3 | grep -v "$lost" | xargs)
job=$SOURCE/tests/system/small.yaml
cd "$scratch" || exit 1
set -- stop.max_iterations=20 stop.patience=20
run 2 "$job" output=whole.h5 "$@" || fail "local run: status $?"
make_hosts 3
deadline=100
case $how in
cut_off)
  export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
  ;;
silent)
  deadline=5
  # What was sent to the lost host is given up after seconds, not after the kernel's quarter of an hour.
  for k in 1 2 3; do on $k sh -c 'echo 3 >/proc/sys/net/ipv4/tcp_retries2'; done
  ;;
esac

start_on '1 2 3' 2 --quiet --deadline $deadline "$job" output=lost.h5 "$@"
wait_for_tasks 3 lost.h5
before=$(tasks_done lost.h5)
began=$(date +%s)
if [ "$how" = killed ]; then kill_all_on "$lost"; else cut_off "$lost"; fi
await "the run that lost host$lost ($how)"
echo "host$lost $how: status $status after $(($(date +%s) - began)) s"
case $how$lost in
killed1) [ "$status" = 137 ] || fail "status $status of a launcher that was killed" ;; # it can say nothing
killed*) # whichever Open MPI sees first: the launch agent's end or the connection's
  grep -qE 'has lost communication with a remote daemon|unable to reliably start one or more daemons' log ||
    fail "mpirun does not say that it lost a host"
  ;;
cut_off*) said 'lost communication with a remote daemon' ;;
silent*) said "on host$lost was not heard of for 5 s" && said 'run again to go on' ;;
esac
[ "$status" != 0 ] || fail "the run that lost host$lost says that it is done"

run_on "$rest" 2 --quiet "$job" output=lost.h5 "$@"
[ "$status" = 0 ] || fail "going on without host$lost: status $status"
[ "$(kept)" -ge "$before" ] || fail "$before tasks were done, but going on without host$lost found $(kept)"
same whole.h5 lost.h5 "undisturbed and without host$lost ($how)"
