#!/bin/sh
# SPDX-License-Identifier: MIT
# The disk of a run gets full, is held by a quota, turns read-only, loses space that it had promised, vanishes. A run
# ends with a message or goes on with a warning; what it left goes on where there is space again.
# Everything is mounted in a namespace of its own and vanishes with the test.
if [ -z "$OWN_MOUNTS" ]; then
  unshare --mount true 2>/dev/null || { echo "skipped: no right to mount" && exit 77; }
  OWN_MOUNTS=yes exec unshare --mount --propagation private sh "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
job="$(cd "$(dirname "$0")" && pwd)/small.yaml"
for tool in mkfs.ext4 mkfs.btrfs e2fsck; do command -v $tool >/dev/null || skip "$tool is missing"; done
cd "$scratch" || exit 1
more="neurons=0:4 seeds=0:3 stop.max_iterations=4 stop.patience=null" # 24 tasks, 20 MB
# shellcheck disable=SC2086
run 2 "$job" output=whole.h5 $more || fail "undisturbed run"

# ---- runs on a disk that something happens to ----

make_disk() { # make_disk NAME SIZE TYPE: a file system in a file, mounted at NAME
  truncate -s "$2" "$1.image"
  "mkfs.$3" -q "$1.image" >/dev/null 2>&1 || fail "mkfs.$3"
  mkdir -p "$1"
  mount -o loop "$1.image" "$1" || skip "this kernel mounts no $3 in a file"
}

begin() { # begin DISK: a run on 2 ranks that has finished some tasks and stands still, about to write
  # shellcheck disable=SC2086
  start_held store.write:13 2 --quiet "$job" output="$1/x.h5" $more
  wait_for_tasks 4 "$1/x.h5"
}

refused() { # refused DISK TEXT: a run there ends with status 3, this message, and no file
  # shellcheck disable=SC2086
  run 2 "$job" output="$1/x.h5" $more
  [ $? = 3 ] || fail "$1: not refused with status 3"
  said "$2" "$1"
  [ "$(grep -c 'error:' log)" = 1 ] || fail "$1: not one error line"
  for left in "$1"/x.h5 "$1"/x.h5.part; do
    [ ! -e "$left" ] || fail "$left was left behind"
  done
  echo "refused: $(sed -n 's/^insilico: error: //p' log)"
}

broken_off() { # broken_off WHAT TEXT: let on, the run of $launcher ends with status 3 and this message
  let_on
  ended 3 "$1"
  said "$2" "$1"
  [ "$(grep -c 'error:' log)" = 1 ] || fail "$1: not one error line"
  echo "ended: $1: $(sed -n 's/^insilico: error: //p' log)"
}

goes_on() { # goes_on FILE LEAST WHAT: running again finishes it and has not lost what was done
  # shellcheck disable=SC2086
  run 3 "$job" output="$1" $more || fail "$3: going on, status $?"
  [ "$(kept)" -ge "$2" ] || fail "$3: only $(kept) tasks kept"
  gone "$3"
  same whole.h5 "$1" "$3, $(kept) tasks kept"
}

# ---- full ----

mkdir small
mount -t tmpfs -o size=4m tmpfs small
refused small "the results need 19.7 MB and the disk has 4.2 MB free; make room or choose another output"
mount -o remount,size=50m small
begin small
# The rows have their place. The journal has not, once the block is full that it ends in.
dd if=/dev/zero of=small/filler bs=4k 2>/dev/null && fail "the disk is not full"
yes '' | dd bs=1 count=4096 oflag=append conv=notrunc of=small/x.journal.jsonl 2>/dev/null &&
  fail "the journal has room on a full disk"
let_on
ended 0 "a disk full during the run"
said "small/x.journal.jsonl: cannot be written: " "a disk full during the run"
said "results are not affected"
[ "$(grep -c warning: log)" = 1 ] || fail "a full disk is not warned of once"
same whole.h5 small/x.h5 "on a disk that became full"
"$INSILICO" status small/x.h5 | grep -q "24 of 24 done" || fail "status on a full disk"
# Longer axes need twice the space for a moment: refused, and nothing is lost.
cp small/x.h5 before.h5
# shellcheck disable=SC2086
run 2 "$job" output=small/x.h5 $more seeds=0:4
[ $? = 3 ] || fail "no room for longer axes: not refused"
said "small/x.h5.part: the results need"
same before.h5 small/x.h5 "no room for longer axes"
[ ! -e small/x.h5.part ] || fail "a part was left behind"
rm small/filler
goes_on small/x.h5 24 "with room again"

# A file system that promises space it has not: rows that are written are not there.
mkdir thin
mount -t tmpfs -o size=24m tmpfs thin
make_disk thin/disk 64m ext4
begin thin/disk
dd if=/dev/zero of=thin/filler bs=4k 2>/dev/null && fail "the disk below is not full"
let_on
await "a disk with less space than it promised"
[ "$status" = 3 ] || fail "lost writes are not told: status $status"
rm thin/filler
mount -o remount,size=100m thin
umount thin/disk
e2fsck -fy thin/disk.image >/dev/null 2>&1
mount -o loop thin/disk.image thin/disk
goes_on thin/disk/x.h5 0 "the promised space came back"

# ---- quota ----

make_disk pool 200m btrfs
if btrfs quota enable pool && btrfs subvolume create pool/lab >/dev/null; then
  btrfs qgroup limit 10M pool/lab
  refused pool/lab "quota"
  btrfs qgroup limit 40M pool/lab
  begin pool/lab
  btrfs qgroup limit 12M pool/lab
  broken_off "a quota lowered during the run" "pool/lab/x.h5: cannot be written"
  lab=$(btrfs subvolume list pool | sed -n 's/^ID \([0-9]*\) .*lab$/\1/p')
  btrfs qgroup limit none "0/$lab" pool || fail "lifting the quota"
  goes_on pool/lab/x.h5 4 "a quota lifted"
fi

# ---- read-only ----

make_disk disk 64m ext4
mount -o remount,ro disk
refused disk "Read-only file system"
mount -o remount,rw disk
begin disk
mount -o remount,abort disk # what the kernel does with a disk that fails
broken_off "a disk turned read-only" "disk/x.h5: cannot be written"
# shellcheck disable=SC2086
run 2 "$job" output=disk/x.h5 $more && fail "a read-only disk is not refused"
said "Read-only file system"
umount disk
e2fsck -fy disk.image >/dev/null 2>&1
mount -o loop disk.image disk
goes_on disk/x.h5 0 "a disk repaired"

# ---- gone ----

rm -r disk/x.*
begin disk
umount -l disk
broken_off "unmounted" "disk/x.h5: "
[ -z "$(ls disk)" ] || fail "something was written where the disk had been"
mount -o loop disk.image disk
goes_on disk/x.h5 4 "mounted again"

mkdir folder
begin folder
rm -r folder
broken_off "its folder deleted" "folder/x.h5: "
goes_on folder/x.h5 0 "its folder deleted"
