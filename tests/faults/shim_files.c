/* SPDX-License-Identifier: MIT */
/* The C library has a second name for most of these, for large files; both are one here. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim.h"

/* ---- which file a call is about -------------------------------------------------------------- */

static bool is_below(int fd) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return false;
  path[n] = '\0';
  return shim_below(path);
}

/* The name itself need not exist, its directory does. `at` may be AT_FDCWD. */
static bool is_name_below(int at, const char *name) {
  char path[2 * PATH_MAX], real[PATH_MAX];
  int n = 0;
  if (name[0] != '/' && at != AT_FDCWD) n = snprintf(path, PATH_MAX, "/proc/self/fd/%d/", at);
  snprintf(path + n, sizeof path - (size_t)n, "%s", name);
  char *slash = strrchr(path, '/');
  if (slash)
    slash[1] = '\0';
  else
    strcpy(path, ".");
  return realpath(path, real) && shim_below(real);
}

static bool fails(shim_kind kind, int fd) {
  if (!shim_asks_for(kind)) return false;
  int before = errno;
  bool now = is_below(fd) && shim_fails(kind);
  errno = before;
  return now;
}

static bool fails_at(int at, const char *name) {
  if (!shim_asks_for(SHIM_WRITE)) return false;
  int before = errno;
  bool now = is_name_below(at, name) && shim_fails(SHIM_WRITE);
  errno = before;
  return now;
}

/* ---- writing --------------------------------------------------------------------------------- */

ssize_t write(int fd, const void *from, size_t n) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(write)(fd, from, n);
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t offset) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(pwrite)(fd, from, n, offset);
}

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t offset) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(pwrite64)(fd, from, n, offset);
}

ssize_t writev(int fd, const struct iovec *from, int n) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(writev)(fd, from, n);
}

ssize_t pwritev(int fd, const struct iovec *from, int n, off_t offset) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(pwritev)(fd, from, n, offset);
}

ssize_t pwritev64(int fd, const struct iovec *from, int n, off64_t offset) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(pwritev64)(fd, from, n, offset);
}

int ftruncate(int fd, off_t length) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(ftruncate64)(fd, length);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(fallocate)(fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(fallocate64)(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  return fails(SHIM_WRITE, fd) ? shim_errno() : SHIM_NEXT(posix_fallocate)(fd, offset, length);
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  return fails(SHIM_WRITE, fd) ? shim_errno() : SHIM_NEXT(posix_fallocate64)(fd, offset, length);
}

int fsync(int fd) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(fsync)(fd);
}

int fdatasync(int fd) {
  return fails(SHIM_WRITE, fd) ? shim_error() : SHIM_NEXT(fdatasync)(fd);
}

/* Network file systems tell of a full quota only here; the descriptor is closed all the same. */
int close(int fd) {
  bool fail = shim_asks_for(SHIM_WRITE) && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY &&
              fails(SHIM_WRITE, fd);
  int result = SHIM_NEXT(close)(fd);
  return fail ? shim_error() : result;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool changes(int flags) {
  return (flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE) != O_RDONLY;
}

/* O_TMPFILE, the other flag with a mode, includes O_DIRECTORY: its bits alone do not tell it. */
#define MODE(flags)                                                                                \
  __extension__({                                                                                  \
    mode_t mode_ = 0;                                                                              \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {                                   \
      va_list args_;                                                                               \
      va_start(args_, flags);                                                                      \
      mode_ = va_arg(args_, mode_t);                                                               \
      va_end(args_);                                                                               \
    }                                                                                              \
    mode_;                                                                                         \
  })

int open(const char *name, int flags, ...) {
  mode_t mode = MODE(flags);
  if (changes(flags) && fails_at(AT_FDCWD, name)) return shim_error();
  return SHIM_NEXT(open)(name, flags, mode);
}

int open64(const char *name, int flags, ...) {
  mode_t mode = MODE(flags);
  if (changes(flags) && fails_at(AT_FDCWD, name)) return shim_error();
  return SHIM_NEXT(open64)(name, flags, mode);
}

int openat(int at, const char *name, int flags, ...) {
  mode_t mode = MODE(flags);
  if (changes(flags) && fails_at(at, name)) return shim_error();
  return SHIM_NEXT(openat)(at, name, flags, mode);
}

int openat64(int at, const char *name, int flags, ...) {
  mode_t mode = MODE(flags);
  if (changes(flags) && fails_at(at, name)) return shim_error();
  return SHIM_NEXT(openat64)(at, name, flags, mode);
}

int creat(const char *name, mode_t mode) {
  return fails_at(AT_FDCWD, name) ? shim_error() : SHIM_NEXT(creat)(name, mode);
}

int mkstemp(char *name) {
  return fails_at(AT_FDCWD, name) ? shim_error() : SHIM_NEXT(mkstemp)(name);
}

FILE *fopen(const char *name, const char *how) {
  if (strpbrk(how, "wa+") && fails_at(AT_FDCWD, name)) return shim_error(), NULL;
  return SHIM_NEXT(fopen)(name, how);
}

FILE *fopen64(const char *name, const char *how) {
  if (strpbrk(how, "wa+") && fails_at(AT_FDCWD, name)) return shim_error(), NULL;
  return SHIM_NEXT(fopen64)(name, how);
}

int rename(const char *old, const char *new) {
  return fails_at(AT_FDCWD, new) ? shim_error() : SHIM_NEXT(rename)(old, new);
}

int renameat(int from, const char *old, int to, const char *new) {
  return fails_at(to, new) ? shim_error() : SHIM_NEXT(renameat)(from, old, to, new);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
  return fails_at(to, new) ? shim_error() : SHIM_NEXT(renameat2)(from, old, to, new, flags);
}

int link(const char *old, const char *new) {
  return fails_at(AT_FDCWD, new) ? shim_error() : SHIM_NEXT(link)(old, new);
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
  return fails_at(to, new) ? shim_error() : SHIM_NEXT(linkat)(from, old, to, new, flags);
}

int unlink(const char *name) {
  return fails_at(AT_FDCWD, name) ? shim_error() : SHIM_NEXT(unlink)(name);
}

int unlinkat(int at, const char *name, int flags) {
  return fails_at(at, name) ? shim_error() : SHIM_NEXT(unlinkat)(at, name, flags);
}

int mkdir(const char *name, mode_t mode) {
  return fails_at(AT_FDCWD, name) ? shim_error() : SHIM_NEXT(mkdir)(name, mode);
}

int mkdirat(int at, const char *name, mode_t mode) {
  return fails_at(at, name) ? shim_error() : SHIM_NEXT(mkdirat)(at, name, mode);
}

/* ---- reading --------------------------------------------------------------------------------- */

ssize_t read(int fd, void *to, size_t n) {
  return fails(SHIM_READ, fd) ? shim_error() : SHIM_NEXT(read)(fd, to, n);
}

ssize_t pread(int fd, void *to, size_t n, off_t offset) {
  return fails(SHIM_READ, fd) ? shim_error() : SHIM_NEXT(pread)(fd, to, n, offset);
}

ssize_t pread64(int fd, void *to, size_t n, off64_t offset) {
  return fails(SHIM_READ, fd) ? shim_error() : SHIM_NEXT(pread64)(fd, to, n, offset);
}

ssize_t readv(int fd, const struct iovec *to, int n) {
  return fails(SHIM_READ, fd) ? shim_error() : SHIM_NEXT(readv)(fd, to, n);
}

ssize_t preadv(int fd, const struct iovec *to, int n, off_t offset) {
  return fails(SHIM_READ, fd) ? shim_error() : SHIM_NEXT(preadv)(fd, to, n, offset);
}

ssize_t preadv64(int fd, const struct iovec *to, int n, off64_t offset) {
  return fails(SHIM_READ, fd) ? shim_error() : SHIM_NEXT(preadv64)(fd, to, n, offset);
}
