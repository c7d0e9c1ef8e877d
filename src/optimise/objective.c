/* SPDX-License-Identifier: MIT */
#include "insilico/objective.h"

#include <string.h>

#include "insilico/log.h"
#include "insilico/memory.h"

/** A reducer turns a trace over output frames into one number. */
typedef struct reducer_ops {
  ins_status (*window)(const ins_value *settings, size_t n_frames, bool compat, size_t *first,
                       size_t *n);
  /** Value for trace m [n], and its gradient dm [n]. */
  double (*reduce)(const double *m, size_t n, double *dm);
} reducer_ops;

typedef struct objective_ops {
  double (*evaluate)(ins_objective *objective, const float *r, float *dr);
} objective_ops;

struct ins_objective {
  const objective_ops *ops;
  const reducer_ops *reducer;
  size_t first, n, n_neurons;
  double *m, *dm; /* [n] the mean over neurons, and the gradient with respect to it */
};

/* ---- reducers -----------------------------------------------------------------------------------
 */

static ins_status window_all(const ins_value *settings, size_t n_frames, bool compat, size_t *first,
                             size_t *n) {
  (void)settings, (void)compat;
  *first = 0;
  *n = n_frames;
  return INS_OK;
}

static ins_status window_slice(const ins_value *settings, size_t n_frames, bool compat,
                               size_t *first, size_t *n) {
  size_t start = (size_t)ins_value_int_or(ins_map_get(settings, "start"), 0);
  size_t length = (size_t)ins_value_int_or(ins_map_get(settings, "length"), 1);
  char place[256];
  if (start >= n_frames && !compat)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%sthe slice starts at output frame %zu, but the response has only %zu frames; "
                    "start earlier, show a longer stimulus (stimulus.frames), or set compat: true "
                    "to read from frame 0 as openretina does",
                    ins_value_place(settings, place, sizeof place), start, n_frames);
  if (start >= n_frames) {
    static bool told; /* every swept value makes an objective; once is enough */
    if (!told)
      ins_log(INS_LOG_WARNING,
              "the slice starts at output frame %zu of %zu; compat: reading from 0", start,
              n_frames);
    told = true;
    start = 0;
  }
  *first = start;
  *n = length < n_frames - start ? length : n_frames - start;
  return INS_OK;
}

static double reduce_mean(const double *m, size_t n, double *dm) {
  double sum = 0;
  for (size_t t = 0; t < n; t++) {
    sum += m[t];
    dm[t] = 1.0 / (double)n;
  }
  return sum / (double)n;
}

static const reducer_ops mean = {window_all, reduce_mean}, slice_mean = {window_slice, reduce_mean};

static const ins_key slice_keys[] = {
    {.name = "start",
     .type = INS_KEY_INT,
     .flags = INS_KEY_REQUIRED,
     .min = 0,
     .max = 1e9,
     .units = "output frames",
     .doc = "first output frame of the slice"},
    {.name = "length",
     .type = INS_KEY_INT,
     .flags = INS_KEY_REQUIRED,
     .min = 1,
     .max = 1e9,
     .units = "output frames",
     .doc = "frames of the slice, cut to what is there"},
    {0},
};

const ins_variant ins_reducers[] = {
    {"mean", "mean over all output frames", NULL, &mean},
    {"slice_mean", "mean over `length` output frames from `start`", slice_keys, &slice_mean},
    {0},
};

/* ---- objectives ---------------------------------------------------------------------------------
 */

/* Mean over the neurons, then over time: value, and sign * gradient. */
static double evaluate_mean(ins_objective *o, const float *r, float *dr, double sign) {
  for (size_t t = 0; t < o->n; t++) {
    double sum = 0;
    for (size_t k = 0; k < o->n_neurons; k++) sum += (double)r[t * o->n_neurons + k];
    o->m[t] = sum / (double)o->n_neurons;
  }
  double value = o->reducer->reduce(o->m, o->n, o->dm);
  for (size_t t = 0; dr && t < o->n; t++)
    for (size_t k = 0; k < o->n_neurons; k++)
      dr[t * o->n_neurons + k] = (float)(sign * o->dm[t] / (double)o->n_neurons);
  return sign * value;
}

static double evaluate_increase(ins_objective *o, const float *r, float *dr) {
  return evaluate_mean(o, r, dr, 1);
}

static double evaluate_decrease(ins_objective *o, const float *r, float *dr) {
  return evaluate_mean(o, r, dr, -1);
}

static const objective_ops increase = {evaluate_increase}, decrease = {evaluate_decrease};

static const ins_key common_keys[] = {
    {.name = "reduce",
     .type = INS_KEY_CHOICE,
     .fallback = "mean",
     .variants = ins_reducers,
     .doc = "how a response over time becomes one number"},
    {0},
};

const ins_variant ins_objectives[] = {
    {"increase", "mean response of the neurons, reduced over time", common_keys, &increase},
    {"decrease", "the negative of `increase`: what silences the neurons", common_keys, &decrease},
    {0},
};

ins_status ins_objective_create(const ins_value *settings, size_t n_frames, size_t n_neurons,
                                bool compat, ins_objective **out) {
  const ins_value *reduce = ins_map_get(settings, "reduce");
  const ins_variant *kind =
      ins_variant_find(ins_objectives, ins_value_text_or(ins_map_get(settings, "kind"), ""));
  const ins_variant *reducer =
      ins_variant_find(ins_reducers, ins_value_text_or(ins_map_get(reduce, "kind"), ""));
  ins_objective *o = NULL;
  *out = NULL;
  if (!kind || !reducer) return ins_fail(INS_ERR_INTERNAL, "objective settings were not validated");
  ins_status status = ins_alloc(1, sizeof *o, &o);
  if (status != INS_OK) return status;
  o->ops = kind->ops;
  o->reducer = reducer->ops;
  o->n_neurons = n_neurons;
  status = o->reducer->window(reduce, n_frames, compat, &o->first, &o->n);
  if (status == INS_OK) status = ins_alloc(o->n, sizeof *o->m, &o->m);
  if (status == INS_OK) status = ins_alloc(o->n, sizeof *o->dm, &o->dm);
  if (status == INS_OK)
    *out = o;
  else
    ins_objective_destroy(&o);
  return status;
}

void ins_objective_destroy(ins_objective **objective) {
  if (!*objective) return;
  ins_free(&(*objective)->m);
  ins_free(&(*objective)->dm);
  ins_free(objective);
}

void ins_objective_window(const ins_objective *objective, size_t *first, size_t *n) {
  *first = objective->first;
  *n = objective->n;
}

double ins_objective_evaluate(ins_objective *objective, const float *r, float *dr) {
  return objective->ops->evaluate(objective, r, dr);
}
