#!/bin/sh
# SPDX-License-Identifier: MIT
# A node of the throw-away cluster, run by cluster.sh in namespaces of its own: name, address, processes
# and shared memory are its own, files are everyone's. Usage: node.sh NAME ADDRESS
set -e
hostname "$1"
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done # cluster.sh plugs it in
ip address add "$2/24" dev eth0
ip link set eth0 up
mount -t tmpfs tmpfs /dev/shm
slurmd -D &
wait # not exec: this shell is the node's first process and has to reap the others
