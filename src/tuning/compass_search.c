/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/tuning.h"

/* Steps are halved down to 1/64 of the first. */
enum { HALVINGS = 6 };

typedef struct search {
  ins_search_value f;
  void *context;
  size_t n, n_most, n_used;
  const double *low, *high, *period;
  double *x, *trial;
  double best;
} search;

static bool is_circular(const search *s, size_t i) {
  return s->period && s->period[i] > 0;
}

/* Back onto the circle [0, period), or into the box. */
static double allowed(const search *s, size_t i, double x) {
  if (!is_circular(s, i)) return fmin(fmax(x, s->low[i]), s->high[i]);
  double turned = fmod(x, s->period[i]);
  if (turned < 0) turned += s->period[i];
  return turned < s->period[i] ? turned : 0;
}

static ins_status evaluate(search *s, const double *x, double *value) {
  s->n_used++;
  ins_status status = s->f(s->context, x, value);
  /* A response that is no number is never the best. */
  if (status == INS_OK && isnan(*value)) *value = -INFINITY;
  return status;
}

/* Tries one step of parameter i; moves there when that is better. */
static ins_status try_step(search *s, size_t i, double step, bool *moved) {
  double value, x = allowed(s, i, s->x[i] + step);
  if (x == s->x[i] || s->n_used >= s->n_most) return INS_OK;
  memcpy(s->trial, s->x, s->n * sizeof *s->x);
  s->trial[i] = x;
  ins_status status = evaluate(s, s->trial, &value);
  if (status != INS_OK || !(value > s->best)) return status;
  s->x[i] = x;
  s->best = value;
  *moved = true;
  return INS_OK;
}

/* One round over all parameters, up and then down, with steps of `share` of the first. A parameter
 * that went up need not be tried downwards: it came from there. */
static ins_status poll(search *s, const double *step, double share, bool *moved) {
  for (size_t i = 0; i < s->n; i++) {
    bool up = false, down = false;
    ins_status status = try_step(s, i, step[i] * share, &up);
    if (status == INS_OK && !up) status = try_step(s, i, -step[i] * share, &down);
    if (status != INS_OK) return status;
    *moved |= up || down;
  }
  return INS_OK;
}

ins_status ins_compass_search(ins_search_value f, void *context, size_t n, const double *low,
                              const double *high, const double *period, const double *step,
                              size_t n_most, double *x, double *best, size_t *n_used) {
  search s = {f, context, n, n_most, 0, low, high, period, x, NULL, -INFINITY};
  double share = 1;
  *best = NAN;
  *n_used = 0;
  if (n_most == 0) return INS_OK;
  ins_status status = ins_alloc(n, sizeof *s.trial, &s.trial);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < n; i++) x[i] = allowed(&s, i, x[i]);
  status = evaluate(&s, x, &s.best);
  for (int halvings = 0; status == INS_OK && halvings <= HALVINGS && s.n_used < n_most;) {
    bool moved = false;
    status = poll(&s, step, share, &moved);
    if (moved) continue;
    share /= 2;
    halvings++;
  }
  *best = s.best > -INFINITY ? s.best : NAN;
  *n_used = s.n_used;
  ins_free(&s.trial);
  return status;
}
