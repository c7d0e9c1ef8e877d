/* SPDX-License-Identifier: MIT */
#include "insilico/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ins_status ins_file_make_parents(const char *path) {
  char *copy = strdup(path);
  ins_status status = copy ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory for a path");
  for (char *slash = copy && *copy ? strchr(copy + 1, '/') : NULL; slash && status == INS_OK;
       slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(copy, 0777) != 0 && errno != EEXIST)
      status =
          ins_fail(INS_ERR_IO, "%s: the directory %s cannot be made: %s; choose another output",
                   path, copy, strerror(errno));
    *slash = '/';
  }
  free(copy);
  return status;
}

ins_status ins_file_make_new(const char *path, int *fd) {
  *fd = -1;
  if (unlink(path) == 0 || errno == ENOENT)
    *fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (*fd >= 0) return INS_OK;
  return ins_fail(INS_ERR_IO, "%s: cannot be created: %s", path, strerror(errno));
}

bool ins_file_exists(const char *path) {
  struct stat found;
  return stat(path, &found) == 0;
}

bool ins_file_same(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
