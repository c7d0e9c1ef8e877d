/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/override.h"

enum { MOST_VALUES = 1000000, MOST_DECIMALS = 15 };

typedef struct progression {
  double start, stop, step;
  bool whole;   /* all three are whole numbers */
  int decimals; /* that start and step are written with */
} progression;

static ins_status refuse(const char *text, const ins_value *like, const char *why) {
  char place[512];
  return ins_fail(INS_ERR_ARGUMENT, "%s%.80s %s", ins_value_place(like, place, sizeof place), text,
                  why);
}

static int decimals_of(const char *s, size_t n) {
  char piece[64];
  snprintf(piece, sizeof piece, "%.*s", (int)n, s);
  const char *dot = strchr(piece, '.'), *exponent = strpbrk(piece, "eE");
  long decimals = dot ? (long)strspn(dot + 1, "0123456789") : 0;
  if (exponent) decimals -= strtol(exponent + 1, NULL, 10);
  return decimals < 0 ? 0 : decimals > 1000 ? 1000 : (int)decimals;
}

/* One argument, NUMBER or NAME=NUMBER, into what its name or its position says. */
static bool read_argument(const char *s, size_t n, size_t position, progression *p,
                          unsigned *given) {
  static const char *const names[] = {"start", "stop", "step"};
  double *slots[] = {&p->start, &p->stop, &p->step};
  size_t name = strcspn(s, "=");
  if (name < n) {
    for (position = 0; position < 3; position++)
      if (strlen(names[position]) == name && strncmp(s, names[position], name) == 0) break;
    s += name + 1;
    n -= name + 1;
  }
  if (position > 2 || (*given & 1u << position)) return false;
  ins_value *number = ins_yaml_scalar(s, n);
  double x = ins_value_real_or(number, NAN);
  p->whole = p->whole && number && number->kind == INS_INT;
  ins_value_destroy(&number);
  if (!(fabs(x) < 9e15)) return false;
  int decimals = position == 1 ? 0 : decimals_of(s, n);
  if (decimals > p->decimals) p->decimals = decimals;
  *slots[position] = x;
  *given |= 1u << position;
  return true;
}

static bool read_arguments(const char *s, const char *end, progression *p) {
  unsigned given = 0;
  bool named = memchr(s, '=', (size_t)(end - s)) != NULL;
  *p = (progression){.step = 1, .whole = true};
  for (size_t position = 0; s <= end; position++) {
    size_t n = strcspn(s, ",");
    if (n > (size_t)(end - s)) n = (size_t)(end - s);
    const char *next = s + n + 1;
    while (n && *s == ' ') s++, n--;
    while (n && s[n - 1] == ' ') n--;
    if (!read_argument(s, n, position, p, &given)) return false;
    s = next;
  }
  if (given == 1 && !named) { /* range(STOP) */
    p->stop = p->start;
    p->start = 0;
    p->decimals = 0;
    given = 2;
  }
  return given & 2;
}

static ins_value *element(const progression *p, size_t k) {
  char digits[64];
  double x = p->start + (double)k * p->step;
  if (p->whole) return ins_value_int((int64_t)x);
  if (p->decimals <= MOST_DECIMALS) {
    snprintf(digits, sizeof digits, "%.*f", p->decimals, x);
    x = strtod(digits, NULL);
  }
  return ins_value_real(x == 0 ? 0.0 : x);
}

static ins_status append(const progression *p, size_t k, const ins_value *like, ins_value *list) {
  ins_value *item = element(p, k);
  if (item) {
    item->line = like->line;
    item->column = like->column;
    if (like->origin) item->origin = strdup(like->origin);
  }
  return ins_list_take(list, item);
}

ins_status ins_range_values(const char *text, const ins_value *like, ins_value **list) {
  progression p;
  size_t length = strlen(text);
  *list = NULL;
  if (strncmp(text, "range(", 6) != 0 || text[length - 1] != ')') return INS_OK;
  if (!read_arguments(text + 6, text + length - 1, &p))
    return refuse(text, like, "is no range; write range(START,STOP) or range(START,STOP,STEP)");
  if (p.step == 0) return refuse(text, like, "has a step of 0");
  /* The slack keeps rounding from letting the excluded end in. */
  double steps = (p.stop - p.start) / p.step, slack = p.whole ? 0 : 1e-9 * fmax(1, fabs(steps));
  double n = ceil(steps - slack);
  if (!(n >= 1)) return refuse(text, like, "has no values: its end is excluded");
  if (n > MOST_VALUES) return refuse(text, like, "has more than a million values");
  *list = ins_value_list();
  ins_status status = *list ? INS_OK : INS_ERR_MEMORY;
  for (size_t k = 0; status == INS_OK && k < (size_t)n; k++) status = append(&p, k, like, *list);
  if (status != INS_OK) ins_value_destroy(list);
  return status;
}
