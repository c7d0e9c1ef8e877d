/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "insilico/text.h"
#include "url.h"

static const char *home(void) {
  const char *set = fetch_environment("HOME");
  const struct passwd *user = set ? NULL : getpwuid(getuid());
  return set ? set : user && user->pw_dir ? user->pw_dir : ".";
}

/* As openretina's get_cache_directory(); a path in ~ is meant to be the home directory's. */
static char *cache_path(const char *given) {
  const char *path = given && *given ? given : fetch_environment("OPENRETINA_CACHE_DIRECTORY");
  char *out;
  if (!path)
    out = ins_format("%s/openretina_cache", home());
  else if (path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
    out = ins_format("%s%s", home(), path + 1);
  else
    out = ins_format("%s", path);
  for (size_t n = out ? strlen(out) : 0; n > 1 && out[n - 1] == '/';) out[--n] = '\0';
  return out;
}

static ins_status unusable(const char *folder, int error) {
  return ins_fail(INS_ERR_IO,
                  "%s: the cache folder cannot be used: %s; name another one in "
                  "OPENRETINA_CACHE_DIRECTORY or with --cache",
                  folder, strerror(error));
}

/* The cache's own folder: where it is, and through which links, is its user's choice. */
static ins_status open_cache(char *cache, bool create, int *out) {
  for (char *slash = cache + 1; create; slash++) {
    slash += strcspn(slash, "/");
    char kept = *slash;
    *slash = '\0';
    int failed = mkdir(cache, 0777) != 0 && errno != EEXIST ? errno : 0;
    ins_status status = failed ? unusable(cache, failed) : INS_OK;
    *slash = kept;
    if (status != INS_OK) return status;
    if (!kept) break;
  }
  *out = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (*out < 0 && (create || errno != ENOENT)) return unusable(cache, errno);
  return INS_OK;
}

static ins_status step_refused(const fetch_place *place, const char *part, int error) {
  bool link = error == ELOOP || error == ENOTDIR;
  return ins_fail(INS_ERR_IO, "%s: the folder '%s' on its way %s%s", place->path, part,
                  link ? "is a link or no folder, and nothing is kept outside the cache; remove "
                         "it, or make its target the cache (OPENRETINA_CACHE_DIRECTORY)"
                       : "cannot be used: ",
                  link ? "" : strerror(error));
}

/* Moves place->dir down to the folder `part`. */
static ins_status step_down(fetch_place *place, const char *part, bool create) {
  if (create && mkdirat(place->dir, part, 0777) != 0 && errno != EEXIST)
    return step_refused(place, part, errno);
  int down = openat(place->dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int error = errno;
  close(place->dir);
  place->dir = down;
  if (down < 0 && (create || error != ENOENT)) return step_refused(place, part, error);
  return INS_OK;
}

ins_status fetch_place_open(const char *cache, const char *where, bool create, fetch_place *out) {
  char *parts = NULL, *rest = NULL;
  *out = (fetch_place){.dir = -1};
  out->cache = cache_path(cache);
  out->path = out->cache ? ins_format("%s/%s", out->cache, where) : NULL;
  ins_status status = out->path ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) {
    out->name = strrchr(out->path, '/') + 1;
    parts = ins_format("%s", where);
    status = parts ? open_cache(out->cache, create, &out->dir) : INS_ERR_MEMORY;
  }
  char *part = parts ? strtok_r(parts, "/", &rest) : NULL;
  while (status == INS_OK && out->dir >= 0 && part && *rest) {
    status = step_down(out, part, create);
    part = strtok_r(NULL, "/", &rest);
  }
  free(parts);
  if (status != INS_OK) fetch_place_close(out);
  return status;
}

void fetch_place_close(fetch_place *place) {
  if (place->dir >= 0) close(place->dir);
  free(place->cache);
  free(place->path);
  *place = (fetch_place){.dir = -1};
}

ins_status fetch_place_look(const fetch_place *place, bool *found) {
  struct stat about;
  *found = false;
  if (place->dir < 0) return INS_OK;
  /* A link that the user put in place of a file is followed: reading it harms nothing. */
  if (fstatat(place->dir, place->name, &about, 0) != 0)
    return errno == ENOENT
               ? INS_OK
               : ins_fail(INS_ERR_IO, "%s: cannot be looked at: %s", place->path, strerror(errno));
  if (!S_ISREG(about.st_mode))
    return ins_fail(INS_ERR_IO, "%s: is no file; move it out of the way", place->path);
  *found = about.st_size > 0;
  return INS_OK;
}

char *fetch_place_beside(const fetch_place *place, const char *ending) {
  return ins_format("%s.%s", place->name, ending);
}

void fetch_place_sync(const fetch_place *place) {
  /* Some network file systems cannot sync a folder; the file itself is safe by then. */
  if (fsync(place->dir) != 0) return;
}

void fetch_remembered(const fetch_place *place, char hash[65]) {
  char *name = fetch_place_beside(place, "sha256"), line[65] = "";
  int fd = name && place->dir >= 0 ? openat(place->dir, name, O_RDONLY | O_CLOEXEC) : -1;
  ssize_t n = fd >= 0 ? read(fd, line, 64) : 0;
  if (fd >= 0) close(fd);
  free(name);
  bool whole = n == 64 && strspn(line, "0123456789abcdef") == 64;
  memcpy(hash, whole ? line : "", whole ? 65 : 1);
}

ins_status fetch_remember(const fetch_place *place, const char *hash) {
  char *name = fetch_place_beside(place, "sha256");
  char *line = name ? ins_format("%s  %s\n", hash, place->name) : NULL;
  int fd = -1;
  ins_status status = INS_ERR_MEMORY;
  if (!line) goto done;
  /* Not written over but made anew: a link of this name would lead elsewhere. */
  unlinkat(place->dir, name, 0);
  fd = openat(place->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  status = INS_OK;
  if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line)) {
    status = ins_fail(INS_ERR_IO, "%s.sha256: cannot be written: %s", place->path, strerror(errno));
    unlinkat(place->dir, name, 0);
  }
done:
  if (fd >= 0) close(fd);
  free(line);
  free(name);
  return status;
}
