/* SPDX-License-Identifier: MIT */
/* The lock beside a results file. HDF5 does not stop two writers; flock does, also over NFS, and
 * the kernel lets go of it however a run ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "insilico/clock.h"
#include "insilico/fault.h"
#include "insilico/journal.h"
#include "insilico/log.h"
#include "parts.h"
#include "shared.h"

enum { POLL_MS = 50 };

struct ins_lock {
  int fd;
  char *path;
};

static const char token_mark[] = ", run ";

/* Who holds it, for people; and a token, by which other nodes know that they see this very file. On
 * disk at once, because they look from elsewhere. The lock holds without. */
static void write_holder(int fd) {
  char line[256], host[128] = "unknown";
  uint64_t token[2] = {0};
  gethostname(host, sizeof host - 1);
  if (getrandom(token, sizeof token, 0) != (ssize_t)sizeof token) token[0] = (uint64_t)getpid();
  int n =
      snprintf(line, sizeof line, "host %s, process %ld%s%016llx%016llx\n", host, (long)getpid(),
               token_mark, (unsigned long long)token[0], (unsigned long long)token[1]);
  if (ftruncate(fd, 0) || pwrite(fd, line, (size_t)n, 0) != n || fsync(fd)) return;
}

/* The line of a lock file without its end; "" when there is none. */
static void read_holder(int fd, char *line, size_t size) {
  ssize_t n = pread(fd, line, size - 1, 0);
  line[n > 0 ? n : 0] = '\0';
  line[strcspn(line, "\n")] = '\0';
}

void ins_lock_token(const char *results, char token[INS_TOKEN_MAX]) {
  char line[256] = "";
  char *path = ins_beside(results, "lock");
  int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
  if (fd >= 0) {
    read_holder(fd, line, sizeof line);
    close(fd);
  }
  free(path);
  const char *mark = strstr(line, token_mark);
  snprintf(token, INS_TOKEN_MAX, "%.32s", mark ? mark + strlen(token_mark) : "");
}

static ins_status held_by(const char *results, int fd) {
  char holder[256];
  read_holder(fd, holder, sizeof holder);
  char *mark = strstr(holder, token_mark);
  if (mark) *mark = '\0';
  return ins_fail(INS_ERR_LOCKED,
                  "%s: another run is writing it (%s); wait for it or choose another output",
                  results, holder[0] ? holder : "its host and process are not known");
}

/* A lock on a file that its holder removed in the meantime locks nothing. */
static bool still_there(int fd, const char *path) {
  struct stat ours, named;
  return !fstat(fd, &ours) && !lstat(path, &named) && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

static void wait_a_little(void) {
  struct timespec pause = {0, POLL_MS * 1000000L};
  nanosleep(&pause, NULL);
}

/* One try: INS_OK with lock->fd held; INS_ERR_LOCKED: somebody else has it. */
static ins_status try_lock(const char *results, ins_lock *lock) {
  if (ins_fault("lock", -1)) return ins_fail(INS_ERR_IO, "%s: cannot be opened", lock->path);
  ins_status status = ins_own_file_open(lock->path, O_RDWR | O_CREAT, &lock->fd);
  if (status != INS_OK) return status;
  if (flock(lock->fd, LOCK_EX | LOCK_NB) == 0) {
    if (still_there(lock->fd, lock->path)) return INS_OK;
  } else if (errno != EWOULDBLOCK && errno != EINTR) {
    ins_log(INS_LOG_WARNING,
            "%s: this file system has no locks (%s): nothing stops a second run from writing "
            "the same results",
            lock->path, strerror(errno));
    return INS_OK;
  }
  status = held_by(results, lock->fd);
  close(lock->fd);
  lock->fd = -1;
  return status;
}

ins_status ins_lock_take(const char *results, double seconds, ins_lock **out) {
  double until = ins_clock_s() + seconds;
  *out = NULL;
  ins_lock *lock = calloc(1, sizeof *lock);
  if (!lock) return ins_fail(INS_ERR_MEMORY, "out of memory for a lock");
  lock->fd = -1;
  lock->path = ins_beside(results, "lock");
  ins_status status = lock->path ? try_lock(results, lock) : INS_ERR_MEMORY;
  while (status == INS_ERR_LOCKED && ins_clock_s() < until) {
    wait_a_little();
    status = try_lock(results, lock);
  }
  if (status == INS_OK) {
    write_holder(lock->fd);
    *out = lock;
    return INS_OK;
  }
  free(lock->path);
  free(lock);
  return status;
}

void ins_lock_release(ins_lock **lock) {
  if (!lock || !*lock) return;
  /* Removed while still held, so that nobody can have taken it in between. */
  if (still_there((*lock)->fd, (*lock)->path)) unlink((*lock)->path);
  close((*lock)->fd);
  free((*lock)->path);
  free(*lock);
  *lock = NULL;
}

bool ins_lock_held(const char *results) {
  char *path = ins_beside(results, "lock");
  int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
  bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (fd >= 0) close(fd);
  free(path);
  return held;
}
