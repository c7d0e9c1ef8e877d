/* SPDX-License-Identifier: MIT */
#include "job/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/yaml.h"

enum { MOST_VALUES = 1000000, MOST_DECIMALS = 15, MOST_ARGUMENTS = 3 };

/* Whole numbers below it are reals exactly. */
static const double exact_limit = 9007199254740992.0; /* 2^53 */

/* The arguments of a series: numbers and the decimals they were written with. */
typedef struct arguments {
  double start, stop, third; /* third: step, or number of values */
  bool whole;                /* all are whole numbers */
  int decimals[MOST_ARGUMENTS];
} arguments;

typedef struct form {
  const char *name;  /* with its bracket */
  const char *third; /* what its last argument is called */
  const char *usage;
  ins_status (*make)(const char *text, const arguments *a, const ins_value *like, ins_value *list);
} form;

static ins_status refuse(const char *text, const ins_value *like, const char *why) {
  char place[512];
  return ins_fail(INS_ERR_ARGUMENT, "%s%.80s %s", ins_value_place(like, place, sizeof place), text,
                  why);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static int decimals_of(const char *s, size_t n) {
  char piece[64];
  snprintf(piece, sizeof piece, "%.*s", (int)n, s);
  const char *dot = strchr(piece, '.'), *exponent = strpbrk(piece, "eE");
  long decimals = dot ? (long)strspn(dot + 1, "0123456789") : 0;
  if (exponent) decimals -= strtol(exponent + 1, NULL, 10);
  return decimals < 0 ? 0 : decimals > 1000 ? 1000 : (int)decimals;
}

/* One argument, NUMBER or NAME=NUMBER, into what its name or its position says. */
static bool read_argument(const form *f, const char *s, size_t n, size_t position, arguments *a,
                          unsigned *given) {
  const char *const names[MOST_ARGUMENTS] = {"start", "stop", f->third};
  double *slots[MOST_ARGUMENTS] = {&a->start, &a->stop, &a->third};
  size_t name = strcspn(s, "=");
  if (name < n) {
    for (position = 0; position < MOST_ARGUMENTS; position++)
      if (strlen(names[position]) == name && strncmp(s, names[position], name) == 0) break;
    s += name + 1;
    n -= name + 1;
  }
  if (position >= MOST_ARGUMENTS || (*given & 1u << position)) return false;
  ins_value *number = ins_yaml_scalar(s, n);
  double x = ins_value_real_or(number, NAN);
  a->whole = a->whole && number && number->kind == INS_INT;
  ins_value_destroy(&number);
  if (!(fabs(x) < 9e15)) return false;
  a->decimals[position] = decimals_of(s, n);
  *slots[position] = x;
  *given |= 1u << position;
  return true;
}

/* Which arguments there are, as bits; 0: they cannot be read. */
static unsigned read_arguments(const form *f, const char *s, const char *end, arguments *a) {
  unsigned given = 0;
  *a = (arguments){.third = 1, .whole = true};
  for (size_t position = 0; s <= end; position++) {
    size_t n = strcspn(s, ",");
    if (n > (size_t)(end - s)) n = (size_t)(end - s);
    const char *next = s + n + 1;
    while (n && *s == ' ') s++, n--;
    while (n && s[n - 1] == ' ') n--;
    if (!read_argument(f, s, n, position, a, &given)) return 0;
    s = next;
  }
  return given;
}

/* ---- making -------------------------------------------------------------------------------------
 */

static ins_status append(ins_value *item, const ins_value *like, ins_value *list) {
  if (item) {
    item->line = like->line;
    item->column = like->column;
    if (like->origin) item->origin = strdup(like->origin);
  }
  return ins_list_take(list, item);
}

static ins_value *range_element(const arguments *a, int decimals, size_t k) {
  char digits[64];
  double x = a->start + (double)k * a->third;
  if (a->whole) return ins_value_int((int64_t)x);
  if (decimals <= MOST_DECIMALS) {
    snprintf(digits, sizeof digits, "%.*f", decimals, x);
    x = strtod(digits, NULL);
  }
  return ins_value_real(x == 0 ? 0.0 : x);
}

static ins_status make_range(const char *text, const arguments *a, const ins_value *like,
                             ins_value *list) {
  ins_status status = INS_OK;
  int decimals = a->decimals[0] > a->decimals[2] ? a->decimals[0] : a->decimals[2];
  if (a->third == 0) return refuse(text, like, "has a step of 0");
  /* The slack keeps rounding from letting the excluded end in. */
  double steps = (a->stop - a->start) / a->third,
         slack = a->whole ? 0 : 1e-9 * fmax(1, fabs(steps));
  double n = ceil(steps - slack);
  if (!(n >= 1)) return refuse(text, like, "has no values: its end is excluded");
  if (n > MOST_VALUES) return refuse(text, like, "has more than a million values");
  for (size_t k = 0; status == INS_OK && k < (size_t)n; k++)
    status = append(range_element(a, decimals, k), like, list);
  return status;
}

/* The number of values that linspace and geomspace ask for. */
static ins_status count_of(const char *text, const arguments *a, const ins_value *like, size_t *n) {
  if (!(a->third >= 1) || a->third != trunc(a->third))
    return refuse(text, like,
                  "has no number of values: its last argument is a whole number from 1");
  if (a->third > MOST_VALUES) return refuse(text, like, "has more than a million values");
  *n = (size_t)a->third;
  return INS_OK;
}

/* The ends times 10^d as whole numbers, from which every value comes with one rounding. */
static bool scale_up(const arguments *a, double count, double *start, double *stop, double *scale) {
  int decimals = a->decimals[0] > a->decimals[1] ? a->decimals[0] : a->decimals[1];
  *scale = 1;
  if (decimals > MOST_DECIMALS) return false;
  for (int d = 0; d < decimals; d++) *scale *= 10;
  *start = nearbyint(a->start * *scale);
  *stop = nearbyint(a->stop * *scale);
  return fmax(fabs(*start), fabs(*stop)) * count < exact_limit / 2 && *scale * count < exact_limit;
}

static ins_status make_linspace(const char *text, const arguments *a, const ins_value *like,
                                ins_value *list) {
  double start, stop, scale;
  size_t n = 0;
  ins_status status = count_of(text, a, like, &n);
  if (status != INS_OK) return status;
  const double steps = n > 1 ? (double)(n - 1) : 1;
  if (!scale_up(a, steps, &start, &stop, &scale)) {
    start = a->start;
    stop = a->stop;
    scale = 1;
  }
  for (size_t k = 0; status == INS_OK && k < n; k++) {
    double x = (start * (steps - (double)k) + stop * (double)k) / (steps * scale);
    if (k == 0) x = a->start;
    if (k > 0 && k == n - 1) x = a->stop;
    status = append(ins_value_real(x == 0 ? 0.0 : x), like, list);
  }
  return status;
}

static ins_status make_geomspace(const char *text, const arguments *a, const ins_value *like,
                                 ins_value *list) {
  size_t n = 0;
  ins_status status = count_of(text, a, like, &n);
  if (status != INS_OK) return status;
  if (!(a->start * a->stop > 0))
    return refuse(text, like, "has no equal ratios: both ends are above 0, or both below");
  /* The wider type leaves 10 where 1000 has its third root, and equal bits on all machines that
   * have one. */
  const long double ratio = (long double)a->stop / (long double)a->start;
  for (size_t k = 0; status == INS_OK && k < n; k++) {
    long double x = (long double)a->start;
    if (k > 0) x *= powl(ratio, (long double)k / (long double)(n - 1));
    if (k > 0 && k == n - 1) x = (long double)a->stop;
    status = append(ins_value_real((double)x), like, list);
  }
  return status;
}

/* ---- forms --------------------------------------------------------------------------------------
 */

static const form forms[] = {
    {"range(", "step", "range(START,STOP) or range(START,STOP,STEP)", make_range},
    {"linspace(", "num", "linspace(START,STOP,N)", make_linspace},
    {"geomspace(", "num", "geomspace(START,STOP,N)", make_geomspace},
};
enum { N_FORMS = sizeof forms / sizeof forms[0] };

static const form *form_of(const char *text) {
  for (size_t i = 0; i < N_FORMS; i++)
    if (strncmp(text, forms[i].name, strlen(forms[i].name)) == 0) return &forms[i];
  return NULL;
}

bool ins_series_begins(const char *text) {
  return form_of(text) != NULL;
}

/* range(STOP) begins at 0, and one argument says nothing else. */
static bool complete(const form *f, unsigned given, bool named, arguments *a) {
  if (f->make != make_range) return given == 7;
  if (given == 1 && !named) {
    a->stop = a->start;
    a->start = 0;
    a->decimals[0] = 0;
    return true;
  }
  return given & 2;
}

ins_status ins_series_values(const char *text, const ins_value *like, ins_value **list) {
  char why[120];
  arguments a;
  const form *f = form_of(text);
  size_t length = strlen(text);
  *list = NULL;
  if (!f || text[length - 1] != ')') return INS_OK;
  const char *inside = text + strlen(f->name), *end = text + length - 1;
  bool named = memchr(inside, '=', (size_t)(end - inside)) != NULL;
  unsigned given = read_arguments(f, inside, end, &a);
  if (!complete(f, given, named, &a)) {
    snprintf(why, sizeof why, "is no %.*s; write %s", (int)strlen(f->name) - 1, f->name, f->usage);
    return refuse(text, like, why);
  }
  *list = ins_value_list();
  ins_status status = *list ? f->make(text, &a, like, *list) : INS_ERR_MEMORY;
  if (status != INS_OK) ins_value_destroy(list);
  return status;
}
