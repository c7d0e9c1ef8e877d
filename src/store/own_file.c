/* SPDX-License-Identifier: MIT */
/* Files that we write are opened under their own names only: a symbolic link in their place could
 * lead to any file of the user. Folders on the way may be links, as scratch folders often are. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"

static ins_status is_link(const char *path) {
  char target[512];
  ssize_t n = readlink(path, target, sizeof target - 1);
  target[n > 0 ? n : 0] = '\0';
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s: is a symbolic link (to '%.200s'), which is not written through; remove it, "
                  "or give the file itself as output",
                  path, target);
}

ins_status ins_own_file_check(const char *path) {
  struct stat file;
  return !lstat(path, &file) && S_ISLNK(file.st_mode) ? is_link(path) : INS_OK;
}

/* O_NONBLOCK: opening a pipe must not wait for who reads it. */
ins_status ins_own_file_open(const char *path, int flags, int *fd) {
  struct stat file;
  *fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
  if (*fd < 0 && errno == ELOOP) {
    ins_status status = ins_own_file_check(path);
    if (status != INS_OK) return status;
    errno = ELOOP; /* links on the way that go round in circles */
  }
  if (*fd < 0) return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  if (!fstat(*fd, &file) && S_ISREG(file.st_mode)) return INS_OK;
  close(*fd);
  *fd = -1;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s: is not a regular file; remove it, or choose another output", path);
}

/* What an interrupted run left there goes first; a link goes too, and what it leads to stays. */
ins_status ins_own_file_make(const char *path, int *fd) {
  *fd = -1;
  if (!unlink(path) || errno == ENOENT)
    *fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (*fd >= 0) return INS_OK;
  return ins_fail(INS_ERR_IO, "%s: cannot be created: %s; choose another output", path,
                  strerror(errno));
}

bool ins_own_file_read(int fd, uint64_t offset, size_t n, void *out) {
  errno = 0; /* stays 0 where the file ends */
  for (size_t at = 0; at < n;) {
    ssize_t got = pread(fd, (char *)out + at, n - at, (off_t)(offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += (size_t)got;
  }
  return true;
}
