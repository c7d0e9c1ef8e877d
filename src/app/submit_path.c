/* SPDX-License-Identifier: MIT */
/* One name for a file, however it was written, also before it is there. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "submit.h"

static char *absolute(const char *path) {
  char here[PATH_MAX];
  if (path[0] == '/' || !getcwd(here, sizeof here)) return strdup(path);
  while (path[0] == '.' && path[1] == '/') path += 2;
  return ins_format("%s/%s", here, path);
}

char *ins_submit_canonical(const char *path) {
  char real[PATH_MAX], *folder, *out;
  if (realpath(path, real)) return strdup(real);
  const char *slash = strrchr(path, '/');
  folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
  if (folder && realpath(folder, real))
    out = ins_format("%s/%s", strcmp(real, "/") ? real : "", slash ? slash + 1 : path);
  else
    out = absolute(path);
  free(folder);
  return out;
}
