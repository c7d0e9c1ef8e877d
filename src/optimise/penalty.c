/* SPDX-License-Identifier: MIT */
#include "insilico/penalty.h"

#include <math.h>

#include "insilico/memory.h"

typedef struct penalty_ops {
  double (*add)(const ins_penalty *penalty, const float *x, float *dx);
} penalty_ops;

struct ins_penalty {
  const penalty_ops *ops;
  ins_shape shape;
  double factor;
  double max_norm;    /* infinite: none */
  float (*bounds)[2]; /* [C] */
};

/* factor * (sum relu(min - x) + sum relu(x - max)) of one channel. */
static double add_bounds(const ins_penalty *p, size_t c, const float *x, float *dx) {
  float low = p->bounds[c][0], high = p->bounds[c][1], slope = (float)p->factor;
  double sum = 0;
  for (size_t i = 0; i < ins_shape_channel(&p->shape); i++) {
    if (x[i] < low) {
      sum += (double)(low - x[i]);
      dx[i] -= slope;
    } else if (x[i] > high) {
      sum += (double)(x[i] - high);
      dx[i] += slope;
    }
  }
  return p->factor * sum;
}

/* factor * relu(||x|| - max_norm); the gradient of the norm is x / ||x||. */
static double add_norm(const ins_penalty *p, const float *x, float *dx) {
  size_t n = ins_shape_count(&p->shape);
  double squares = 0;
  if (isinf(p->max_norm)) return 0;
  for (size_t i = 0; i < n; i++) squares += (double)x[i] * (double)x[i];
  double norm = sqrt(squares);
  if (norm <= p->max_norm) return 0;
  double scale = p->factor / norm;
  for (size_t i = 0; i < n; i++) dx[i] += (float)(scale * (double)x[i]);
  return p->factor * (norm - p->max_norm);
}

static double add_range(const ins_penalty *p, const float *x, float *dx) {
  size_t stride = ins_shape_channel(&p->shape);
  double sum = add_norm(p, x, dx);
  for (size_t c = 0; c < p->shape.n_channels; c++)
    sum += add_bounds(p, c, x + c * stride, dx + c * stride);
  return sum;
}

static const penalty_ops range = {add_range};

static const ins_key range_keys[] = {
    {.name = "factor",
     .type = INS_KEY_REAL,
     .fallback = "1.0",
     .min = 0,
     .max = 1e9,
     .doc = "weight of the penalty in the loss"},
    {.name = "range",
     .type = INS_KEY_BOUNDS,
     .flags = INS_KEY_NULLABLE,
     .units = "contrast",
     .doc = "values beyond these bounds are penalised"},
    {.name = "max_norm",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE,
     .min = 0,
     .max = 1e9,
     .doc = "L2 norm beyond which the whole stimulus is penalised"},
    {0},
};

const ins_variant ins_penalties[] = {
    {"range", "factor * (sum of excess over bounds + excess of the norm)", range_keys, &range},
    {0},
};

ins_status ins_penalty_create(const ins_value *settings, const ins_shape *shape,
                              ins_penalty **out) {
  const ins_variant *kind =
      ins_variant_find(ins_penalties, ins_value_text_or(ins_map_get(settings, "kind"), ""));
  ins_penalty *p = NULL;
  *out = NULL;
  if (!kind) return ins_fail(INS_ERR_INTERNAL, "penalty settings were not validated");
  ins_status status = ins_alloc(1, sizeof *p, &p);
  if (status != INS_OK) return status;
  p->ops = kind->ops;
  p->shape = *shape;
  p->factor = ins_value_real_or(ins_map_get(settings, "factor"), 1);
  p->max_norm = ins_value_real_or(ins_map_get(settings, "max_norm"), (double)INFINITY);
  status = ins_alloc(shape->n_channels, sizeof *p->bounds, &p->bounds);
  if (status == INS_OK)
    status = ins_bounds_parse(ins_map_get(settings, "range"), shape->n_channels, p->bounds);
  if (status == INS_OK)
    *out = p;
  else
    ins_penalty_destroy(&p);
  return status;
}

void ins_penalty_destroy(ins_penalty **penalty) {
  if (!*penalty) return;
  ins_free(&(*penalty)->bounds);
  ins_free(penalty);
}

double ins_penalty_add(const ins_penalty *penalty, const float *x, float *dx) {
  return penalty->ops->add(penalty, x, dx);
}
