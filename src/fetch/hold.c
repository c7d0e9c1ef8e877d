/* SPDX-License-Identifier: MIT */
#include "hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "insilico/clock.h"
#include "insilico/log.h"

static const double slice_s = 0.1;

ins_status fetch_pause(double seconds, const ins_fetch_options *options) {
  double until = ins_clock_s() + seconds;
  for (double left = seconds; left > 0; left = until - ins_clock_s()) {
    double s = left < slice_s ? left : slice_s;
    struct timespec pause = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
    nanosleep(&pause, NULL);
    if (options->stop && options->stop())
      return ins_fail(INS_ERR_STOPPED, "stopped while waiting; run the same command to go on");
  }
  return INS_OK;
}

static void write_holder(int fd) {
  char line[256], host[128] = "unknown";
  gethostname(host, sizeof host - 1);
  int n = snprintf(line, sizeof line, "host %s, process %ld\n", host, (long)getpid());
  /* Who holds it is a help to people only; the lock holds without. */
  if (ftruncate(fd, 0) || pwrite(fd, line, (size_t)n, 0) != n) return;
}

static void say_waiting(const fetch_place *place, int fd) {
  char holder[256];
  ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
  holder[n > 0 ? n : 0] = '\0';
  holder[strcspn(holder, "\n")] = '\0';
  ins_log(INS_LOG_INFO, "%s: another process is fetching it (%s); waiting for it", place->name,
          holder[0] ? holder : "host and process not known");
}

/* A lock on a file that its holder removed in the meantime locks nothing. */
static bool still_there(const fetch_place *place, const char *name, int fd) {
  struct stat ours, named;
  return !fstat(fd, &ours) && !fstatat(place->dir, name, &named, AT_SYMLINK_NOFOLLOW) &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

/* One try: INS_OK with hold->fd held or, where there are no locks, without; INS_ERR_LOCKED. */
static ins_status try_hold(const char *name, bool say, fetch_hold *hold) {
  const fetch_place *place = hold->place;
  hold->fd = openat(place->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (hold->fd < 0)
    return ins_fail(INS_ERR_IO,
                    "%s.lock: cannot be created: %s; name another cache folder in "
                    "OPENRETINA_CACHE_DIRECTORY or with --cache",
                    place->path, strerror(errno));
  if (flock(hold->fd, LOCK_EX | LOCK_NB) == 0) {
    if (still_there(place, name, hold->fd)) return INS_OK;
  } else if (errno != EWOULDBLOCK && errno != EINTR) {
    ins_log(INS_LOG_WARNING,
            "%s.lock: this file system has no locks (%s): do not fetch the same file twice at once",
            place->path, strerror(errno));
    return INS_OK;
  } else if (say) {
    say_waiting(place, hold->fd);
  }
  close(hold->fd);
  hold->fd = -1;
  return INS_ERR_LOCKED;
}

ins_status fetch_hold_take(const fetch_place *place, const ins_fetch_options *options,
                           fetch_hold *out) {
  *out = (fetch_hold){.fd = -1, .place = place};
  char *name = fetch_place_beside(place, "lock");
  ins_status status = name ? try_hold(name, !options->quiet, out) : INS_ERR_MEMORY;
  while (status == INS_ERR_LOCKED) {
    status = fetch_pause(slice_s, options);
    if (status == INS_OK) status = try_hold(name, false, out);
  }
  free(name);
  if (status == INS_OK && out->fd >= 0) write_holder(out->fd);
  return status;
}

void fetch_hold_release(fetch_hold *hold) {
  if (hold->fd < 0) return;
  char *name = fetch_place_beside(hold->place, "lock");
  /* Removed while still held, so that nobody can have taken it in between. */
  if (name && still_there(hold->place, name, hold->fd)) unlinkat(hold->place->dir, name, 0);
  close(hold->fd);
  hold->fd = -1;
  free(name);
}
