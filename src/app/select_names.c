/* SPDX-License-Identifier: MIT */
/* What the words of a condition stand for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "select_parts.h"

enum { MOST_LISTED = 300 }; /* letters of names that a message lists */

/* What goes with an index, behind its name. */
static const char *const companions[] = {"q", "p", "valid", "low", "high"};
enum { N_COMPANIONS = sizeof companions / sizeof companions[0] };

size_t ins_names_exact(const ins_columns *columns, const char *name, size_t n) {
  for (size_t i = 0; i < columns->n_names; i++)
    if (strncmp(columns->names[i], name, n) == 0 && !columns->names[i][n]) return i;
  return SIZE_MAX;
}

/* The column called BASE_COMPANION, or SIZE_MAX. */
static size_t with(const ins_columns *columns, const char *base, size_t n, const char *companion) {
  char name[256];
  int length = snprintf(name, sizeof name, "%.*s_%s", (int)n, base, companion);
  return length < (int)sizeof name ? ins_names_exact(columns, name, (size_t)length) : SIZE_MAX;
}

void ins_names_note(ins_names *names, size_t which, ins_column_kind kind) {
  const char *name = names->columns->names[which];
  size_t n = strlen(name);
  for (size_t i = 0; i < N_COMPANIONS; i++) {
    size_t m = strlen(companions[i]);
    if (n < m + 2 || name[n - m - 1] != '_' || strcmp(name + n - m, companions[i]) != 0) continue;
    if (ins_names_exact(names->columns, name, n - m - 1) == SIZE_MAX) continue;
    names->index = name;
    names->index_length = n - m - 1;
    return;
  }
  if (kind != INS_COLUMN_REAL && with(names->columns, name, n, "valid") == SIZE_MAX) return;
  names->index = name;
  names->index_length = n;
}

/* "a, b, c", at most so many letters; of those that begin with prefix[0..n) and an underscore, or
 * end in one and `end`. */
static void list(const ins_columns *columns, const char *prefix, size_t n, const char *end,
                 ins_text *out) {
  for (size_t i = 0; i < columns->n_names; i++) {
    const char *name = columns->names[i];
    size_t length = strlen(name), m = end ? strlen(end) : 0;
    if (prefix && (strncmp(name, prefix, n) != 0 || name[n] != '_')) continue;
    if (end && (length < m + 2 || name[length - m - 1] != '_' || strcmp(name + length - m, end)))
      continue;
    if (out->length > MOST_LISTED) {
      ins_text_add(out, ", ...");
      return;
    }
    ins_text_add(out, "%s%s", out->length ? ", " : "", name);
  }
}

static ins_status no_index(const ins_columns *columns, const char *companion) {
  ins_text all = {0};
  list(columns, NULL, 0, companion, &all);
  ins_status status = ins_fail(
      INS_ERR_ARGUMENT,
      "'%s' alone is that of the index named before it, and none is; write its whole name%s%s",
      companion, all.length ? ": " : "", all.length ? all.data : "");
  ins_text_free(&all);
  return status;
}

static ins_status no_companion(const ins_names *names, const char *companion) {
  ins_text all = {0};
  int n = (int)names->index_length;
  list(names->columns, names->index, names->index_length, NULL, &all);
  ins_status status = ins_fail(INS_ERR_ARGUMENT,
                               "'%s' is that of %.*s, which is named before it, but there is no "
                               "%.*s_%s; there is %s",
                               companion, n, names->index, n, names->index, companion,
                               all.length ? all.data : "nothing else of it");
  ins_text_free(&all);
  return status;
}

/* Columns of groups, GROUP.NAME, that are called so within their group. */
static void list_in_groups(const ins_columns *columns, const char *name, ins_text *out) {
  for (size_t i = 0; i < columns->n_names; i++) {
    const char *dot = strchr(columns->names[i], '.');
    if (!dot || strcmp(dot + 1, name) != 0) continue;
    if (out->length > MOST_LISTED) {
      ins_text_add(out, ", ...");
      return;
    }
    ins_text_add(out, "%s%s", out->length ? ", " : "", columns->names[i]);
  }
}

static ins_status only_in_groups(const char *name, const ins_text *groups) {
  return ins_fail(INS_ERR_ARGUMENT,
                  "variables of a group are written GROUP.NAME; did you mean%s %s instead of '%s'?",
                  strchr(groups->data, ',') ? " one of" : "", groups->data, name);
}

static ins_status unknown(const ins_columns *columns, const char *word, size_t n) {
  char name[128];
  ins_text groups = {0};
  ins_text all = {0};
  snprintf(name, sizeof name, "%.*s", (int)n, word);
  list_in_groups(columns, name, &groups);
  if (groups.length) {
    ins_status only = only_in_groups(name, &groups);
    ins_text_free(&groups);
    return only;
  }
  const char *near = ins_text_nearest(name, columns->names, columns->n_names);
  if (!near) list(columns, NULL, 0, NULL, &all);
  ins_status status =
      near ? ins_fail(INS_ERR_ARGUMENT,
                      "there is no variable '%s' over the neurons; did you mean '%s'?", name, near)
           : ins_fail(INS_ERR_ARGUMENT, "there is no variable '%s' over the neurons; there is %s",
                      name, all.length ? all.data : "none at all");
  ins_text_free(&all);
  return status;
}

ins_status ins_names_find(ins_names *names, const char *word, size_t n, size_t *which) {
  *which = ins_names_exact(names->columns, word, n);
  if (*which != SIZE_MAX) return INS_OK;
  for (size_t i = 0; i < N_COMPANIONS; i++) {
    if (strlen(companions[i]) != n || strncmp(companions[i], word, n) != 0) continue;
    if (!names->index) return no_index(names->columns, companions[i]);
    *which = with(names->columns, names->index, names->index_length, companions[i]);
    return *which == SIZE_MAX ? no_companion(names, companions[i]) : INS_OK;
  }
  return unknown(names->columns, word, n);
}
