/* SPDX-License-Identifier: MIT */
/* Filling gaps in a script, and quoting what goes into them. */
#include <string.h>

#include "submit.h"

void ins_text_add_quoted(ins_text *text, const char *s) {
  ins_text_add(text, "'");
  for (; *s; s++) {
    if (*s == '\'')
      ins_text_add(text, "'\\''");
    else
      ins_text_add_bytes(text, s, 1);
  }
  ins_text_add(text, "'");
}

/* Length of "@NAME@" at s; 0: there is none. */
static size_t gap_length(const char *s) {
  if (*s != '@') return 0;
  const size_t n = strspn(s + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
  return n && s[1 + n] == '@' ? n + 2 : 0;
}

static ins_status refuse_gap(const char *gap, size_t n, const char *what, const char *const *names,
                             size_t n_names) {
  ins_text list = {0};
  for (size_t i = 0; i < n_names; i++) ins_text_add(&list, "%s%s", i ? ", " : "", names[i]);
  ins_status status = ins_fail(INS_ERR_ARGUMENT, "%s: nothing is called %.*s; there are %s", what,
                               (int)(n < 60 ? n : 60), gap, list.data ? list.data : "");
  ins_text_free(&list);
  return status;
}

ins_status ins_template_fill(const char *template, const char *what, const char *const *names,
                             const char *const *values, size_t n, ins_text *out) {
  for (const char *s = template; *s;) {
    const size_t gap = gap_length(s);
    size_t i = gap ? 0 : n;
    while (i < n && (strlen(names[i]) != gap - 2 || strncmp(names[i], s + 1, gap - 2) != 0)) i++;
    if (gap && i == n) return refuse_gap(s, gap, what, names, n);
    if (gap)
      ins_text_add(out, "%s", values[i]);
    else
      ins_text_add_bytes(out, s, 1);
    s += gap ? gap : 1;
  }
  return ins_text_ok(out);
}
