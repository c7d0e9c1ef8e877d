/* SPDX-License-Identifier: MIT */
#include "insilico/keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

/* Even "0:1000000000" must not fill the memory before somebody notices. */
enum { MOST_NUMBERS = 100000000 };

const ins_variant *ins_variant_find(const ins_variant *variants, const char *name) {
  for (const ins_variant *v = variants; v && v->name; v++)
    if (strcmp(v->name, name) == 0) return v;
  return NULL;
}

/* ---- ranges -------------------------------------------------------------------------------------
 */

typedef struct numbers {
  const ins_value *value; /* the whole range, for complaints */
  const char *what;
  size_t total;
  int64_t *at;
  size_t n, capacity;
} numbers;

static ins_status refuse(const numbers *range, const ins_value *value, const char *why) {
  char place[512];
  ins_text text = {0};
  ins_value_json(value, 8, &text);
  if (!value->origin) value = range->value;
  ins_status status =
      ins_fail(INS_ERR_ARGUMENT, "%s%s: %.80s %s", ins_value_place(value, place, sizeof place),
               range->what, text.data ? text.data : "", why);
  ins_text_free(&text);
  return status;
}

static ins_status refuse_form(const numbers *range, const ins_value *value) {
  return refuse(range, value,
                "is no list of whole numbers; expected 5, [1, 4, 9], \"0:50\" (end excluded), "
                "\"0:50:5\" or all");
}

static ins_status append(numbers *range, const ins_value *value, int64_t first, int64_t end,
                         int64_t step) {
  char why[160];
  size_t n = first < end ? (size_t)((end - 1 - first) / step) + 1 : 0;
  if (range->total == 0) return refuse(range, value, "is out of range: there are none");
  if (n == 0) return refuse(range, value, "names no number: its end is excluded");
  int64_t last = first + (int64_t)(n - 1) * step;
  if (first < 0) return refuse(range, value, "is negative; numbers count from 0");
  if (range->total != SIZE_MAX && (uint64_t)last >= range->total) {
    snprintf(why, sizeof why, "is out of range: there are %zu, 0 to %zu", range->total,
             range->total - 1);
    return refuse(range, value, why);
  }
  if (n > MOST_NUMBERS - range->n)
    return refuse(range, value, "names more than 100 million numbers");
  ins_status status = ins_grow(&range->at, &range->capacity, range->n + n, sizeof *range->at);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < n; i++) range->at[range->n++] = first + (int64_t)i * step;
  return INS_OK;
}

/* A whole number at *s, which moves behind it; at most 18 digits, so that sums cannot overflow. */
static bool read_number(const char **s, int64_t *out) {
  bool negative = **s == '-';
  *s += negative;
  size_t n = strspn(*s, "0123456789");
  if (n == 0 || n > 18) return false;
  *out = 0;
  for (; n > 0; n--, (*s)++) *out = *out * 10 + (**s - '0');
  if (negative) *out = -*out;
  return true;
}

/* "5", "0:50" or "0:50:5" */
static ins_status append_text(numbers *range, const ins_value *value) {
  const char *s = value->text;
  int64_t first, end, step = 1;
  if (!read_number(&s, &first)) return refuse_form(range, value);
  end = first + 1;
  if (*s == ':' && (s++, !read_number(&s, &end))) return refuse_form(range, value);
  if (*s == ':' && (s++, !read_number(&s, &step))) return refuse_form(range, value);
  if (*s) return refuse_form(range, value);
  if (step < 1) return refuse(range, value, "has a step below 1");
  return append(range, value, first, end, step);
}

static ins_status append_value(numbers *range, const ins_value *value) {
  if (value->kind == INS_INT && value->integer < INT64_MAX)
    return append(range, value, value->integer, value->integer + 1, 1);
  if (value->kind == INS_TEXT) return append_text(range, value);
  return refuse_form(range, value);
}

static ins_status append_all(numbers *range, const ins_value *value) {
  if (value->kind == INS_TEXT && strcmp(value->text, "all") == 0) {
    if (range->total == SIZE_MAX)
      return refuse(range, value, "has no meaning here: list the numbers");
    return append(range, value, 0, (int64_t)range->total, 1);
  }
  if (value->kind != INS_LIST) return append_value(range, value);
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < value->children.n; i++)
    status = append_value(range, value->children.items[i]);
  if (status == INS_OK && range->n == 0) return refuse(range, value, "names no number");
  return status;
}

static int by_value(const void *a, const void *b) {
  int64_t x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static ins_status check_distinct(const numbers *range) {
  int64_t *sorted;
  char why[80];
  ins_status status = ins_alloc(range->n, sizeof *sorted, &sorted);
  if (status != INS_OK) return status;
  memcpy(sorted, range->at, range->n * sizeof *sorted);
  qsort(sorted, range->n, sizeof *sorted, by_value);
  for (size_t i = 1; status == INS_OK && i < range->n; i++) {
    if (sorted[i] != sorted[i - 1]) continue;
    snprintf(why, sizeof why, "names %lld more than once", (long long)sorted[i]);
    status = refuse(range, range->value, why);
  }
  ins_free(&sorted);
  return status;
}

ins_status ins_range_parse(const ins_value *value, size_t total, const char *what, int64_t **out,
                           size_t *n) {
  numbers range = {.value = value, .what = what, .total = total};
  *out = NULL;
  *n = 0;
  ins_status status = value ? append_all(&range, value)
                            : ins_fail(INS_ERR_ARGUMENT, "%s: no numbers are given", what);
  if (status == INS_OK && value->kind == INS_LIST) status = check_distinct(&range);
  if (status != INS_OK) {
    ins_free(&range.at);
    return status;
  }
  *out = range.at;
  *n = range.n;
  return INS_OK;
}

/* ---- references ---------------------------------------------------------------------------------
 */

/* A word of lower-case letters, digits and underscores that does not begin with a digit; its
 * length, or 0. */
static size_t word_length(const char *s) {
  if (*s >= '0' && *s <= '9') return 0;
  return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

static bool is_reference_name(const char *s) {
  size_t n = word_length(s);
  if (n && s[n] == '.') {
    size_t m = word_length(s + n + 1);
    n = m ? n + 1 + m : 0;
  }
  return n && !s[n];
}

/* FACTOR * in front of a name, which *text moves to; strtod alone would take "inf" and "0x1p3". */
static bool read_factor(const char **text, double *factor) {
  const char *s = *text;
  char *end;
  size_t n = strspn(s, "0123456789.eE+-");
  *factor = strtod(s, &end);
  if (n == 0 || end != s + n || !isfinite(*factor) || !(*factor > 0)) return false;
  end += strspn(end, " ");
  if (*end != '*') return false;
  *text = end + 1 + strspn(end + 1, " ");
  return true;
}

bool ins_reference_parse(const ins_value *value, double *factor, char *name, size_t size) {
  const char *rest = ins_value_text_or(value, "");
  double number = 1;
  if (strchr(rest, '*') && !read_factor(&rest, &number)) return false;
  if (!is_reference_name(rest) || strlen(rest) >= size) return false;
  *factor = number;
  strcpy(name, rest);
  return true;
}
