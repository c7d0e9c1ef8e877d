/* SPDX-License-Identifier: MIT */
/* One name for a file, however it was written, also before it is there. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "submit.h"

/* Takes "", "." and ".." out of REST, which names nothing that is there, behind BASE. */
static char *behind(const char *base, const char *rest) {
  ins_text text = {0};
  ins_text_add(&text, "%s", strcmp(base, "/") ? base : "");
  while (*rest) {
    const size_t n = strcspn(rest, "/");
    if (n == 2 && strncmp(rest, "..", 2) == 0) {
      while (text.length && text.data[--text.length] != '/') continue;
      if (text.data) text.data[text.length] = '\0';
    } else if (n && !(n == 1 && rest[0] == '.')) {
      ins_text_add(&text, "/%.*s", (int)n, rest);
    }
    rest += n + (rest[n] == '/');
  }
  char *out = ins_text_ok(&text) == INS_OK ? strdup(text.length ? text.data : "/") : NULL;
  ins_text_free(&text);
  return out;
}

/* The longest beginning that is there, as the system names it, and the rest. */
char *ins_submit_canonical(const char *path) {
  char real[PATH_MAX];
  for (size_t n = strlen(path);; n--) {
    while (n && n < strlen(path) && path[n - 1] != '/') n--;
    char *begin = n ? strndup(path, n) : strdup(".");
    if (!begin) return NULL;
    const bool there = realpath(begin, real) != NULL;
    free(begin);
    if (there) return behind(real, path + n);
    if (!n) return strdup(path); /* there is no working directory */
  }
}
