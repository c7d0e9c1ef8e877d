/* SPDX-License-Identifier: MIT */
/* Steps as PyTorch computes them, in float32 and in the same order of operations. */
#include "insilico/optimizer.h"

#include <math.h>
#include <string.h>

#include "insilico/memory.h"

typedef struct optimizer_ops {
  size_t (*arrays)(const ins_optimizer *o); /* state arrays of n floats that the settings need */
  void (*step)(ins_optimizer *o, float *x, float *g);
} optimizer_ops;

struct ins_optimizer {
  const optimizer_ops *ops;
  size_t n, n_steps;
  double lr, momentum, dampening, weight_decay, beta1, beta2, eps;
  bool nesterov, amsgrad, decoupled;
  float *state[3];
};

/* ---- SGD ------------------------------------------------------------------------------------- */

static size_t arrays_sgd(const ins_optimizer *o) {
  return o->momentum != 0;
}

static void step_sgd(ins_optimizer *o, float *x, float *g) {
  float lr = (float)o->lr, decay = (float)o->weight_decay, momentum = (float)o->momentum;
  float fresh = (float)(1 - o->dampening), *buffer = o->state[0];
  for (size_t i = 0; decay != 0 && i < o->n; i++) g[i] += decay * x[i];
  for (size_t i = 0; buffer && i < o->n; i++) {
    buffer[i] = o->n_steps == 0 ? g[i] : momentum * buffer[i] + fresh * g[i];
    g[i] = o->nesterov ? g[i] + momentum * buffer[i] : buffer[i];
  }
  for (size_t i = 0; i < o->n; i++) x[i] -= lr * g[i];
}

/* ---- Adam and AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019; amsgrad: Reddi et al. 2018) - */

static size_t arrays_adam(const ins_optimizer *o) {
  return o->amsgrad ? 3 : 2;
}

static void step_adam(ins_optimizer *o, float *x, float *g) {
  float *m = o->state[0], *v = o->state[1], *peak = o->state[2];
  double t = (double)o->n_steps + 1;
  float b1 = (float)(1 - o->beta1), b2 = (float)o->beta2, c2 = (float)(1 - o->beta2);
  float step = (float)(o->lr / (1 - pow(o->beta1, t))), eps = (float)o->eps;
  float root = (float)sqrt(1 - pow(o->beta2, t)), decay = (float)o->weight_decay;
  float shrink = (float)(1 - o->lr * o->weight_decay);
  for (size_t i = 0; i < o->n; i++) {
    if (o->decoupled)
      x[i] *= shrink;
    else if (decay != 0)
      g[i] += decay * x[i];
    m[i] += b1 * (g[i] - m[i]);
    v[i] = b2 * v[i] + c2 * g[i] * g[i];
    float second = v[i];
    if (peak) second = peak[i] = fmaxf(peak[i], v[i]);
    x[i] -= step * m[i] / (sqrtf(second) / root + eps);
  }
}

/* ---- registry -------------------------------------------------------------------------------- */

static const optimizer_ops sgd = {arrays_sgd, step_sgd}, adam = {arrays_adam, step_adam},
                           adamw = {arrays_adam, step_adam};

#define LR                                                                                         \
  {                                                                                                \
    .name = "lr", .type = INS_KEY_REAL, .flags = INS_KEY_REQUIRED, .min = 1e-12, .max = 1e12,      \
    .doc = "learning rate"                                                                         \
  }
#define WEIGHT_DECAY(value)                                                                        \
  {                                                                                                \
    .name = "weight_decay", .type = INS_KEY_REAL, .fallback = value, .min = 0, .max = 1e6,         \
    .doc = "pull towards a stimulus of zero"                                                       \
  }
#define ADAM_KEYS                                                                                  \
  {.name = "beta1",                                                                                \
   .type = INS_KEY_REAL,                                                                           \
   .fallback = "0.9",                                                                              \
   .min = 0,                                                                                       \
   .max = 0.999999999,                                                                             \
   .doc = "decay of the mean gradient"},                                                           \
      {.name = "beta2",                                                                            \
       .type = INS_KEY_REAL,                                                                       \
       .fallback = "0.999",                                                                        \
       .min = 0,                                                                                   \
       .max = 0.999999999,                                                                         \
       .doc = "decay of the mean square"},                                                         \
      {.name = "eps",                                                                              \
       .type = INS_KEY_REAL,                                                                       \
       .fallback = "1.0e-8",                                                                       \
       .min = 0,                                                                                   \
       .max = 1e6,                                                                                 \
       .doc = "added to the root of the mean square"},                                             \
  {                                                                                                \
    .name = "amsgrad", .type = INS_KEY_BOOL, .fallback = "false",                                  \
    .doc = "keep the largest mean square"                                                          \
  }

static const ins_key sgd_keys[] = {
    LR,
    {.name = "momentum",
     .type = INS_KEY_REAL,
     .fallback = "0.0",
     .min = 0,
     .max = 1e6,
     .doc = "share of the last step that is kept"},
    {.name = "dampening",
     .type = INS_KEY_REAL,
     .fallback = "0.0",
     .min = 0,
     .max = 1,
     .doc = "share of the new gradient that is left out of the momentum"},
    {.name = "nesterov", .type = INS_KEY_BOOL, .fallback = "false", .doc = "Nesterov momentum"},
    WEIGHT_DECAY("0.0"),
    {0},
};

static const ins_key adam_keys[] = {LR, ADAM_KEYS, WEIGHT_DECAY("0.0"), {0}};
static const ins_key adamw_keys[] = {LR, ADAM_KEYS, WEIGHT_DECAY("0.01"), {0}};

const ins_variant ins_optimizers[] = {
    {"sgd", "stochastic gradient descent, as torch.optim.SGD", sgd_keys, &sgd},
    {"adam", "Adam, as torch.optim.Adam", adam_keys, &adam},
    {"adamw", "Adam with decoupled weight decay, as torch.optim.AdamW", adamw_keys, &adamw},
    {0},
};

static double number(const ins_value *settings, const char *key) {
  return ins_value_real_or(ins_map_get(settings, key), 0);
}

ins_status ins_optimizer_create(const ins_value *settings, size_t n, ins_optimizer **out) {
  const ins_variant *kind =
      ins_variant_find(ins_optimizers, ins_value_text_or(ins_map_get(settings, "kind"), ""));
  ins_optimizer *o = NULL;
  char place[256];
  *out = NULL;
  if (!kind) return ins_fail(INS_ERR_INTERNAL, "optimizer settings were not validated");
  ins_status status = ins_alloc(1, sizeof *o, &o);
  if (status != INS_OK) return status;
  *o = (ins_optimizer){
      .ops = kind->ops,
      .n = n,
      .lr = number(settings, "lr"),
      .momentum = number(settings, "momentum"),
      .dampening = number(settings, "dampening"),
      .weight_decay = number(settings, "weight_decay"),
      .beta1 = number(settings, "beta1"),
      .beta2 = number(settings, "beta2"),
      .eps = number(settings, "eps"),
      .nesterov = ins_value_bool_or(ins_map_get(settings, "nesterov"), false),
      .amsgrad = ins_value_bool_or(ins_map_get(settings, "amsgrad"), false),
      .decoupled = kind->ops == &adamw,
  };
  if (o->nesterov && (o->momentum <= 0 || o->dampening != 0))
    status =
        ins_fail(INS_ERR_ARGUMENT,
                 "%snesterov needs a momentum above 0 and no dampening; set optimizer.momentum",
                 ins_value_place(settings, place, sizeof place));
  for (size_t k = 0; status == INS_OK && k < o->ops->arrays(o); k++)
    status = ins_alloc(n, sizeof(float), &o->state[k]);
  if (status == INS_OK)
    *out = o;
  else
    ins_optimizer_destroy(&o);
  return status;
}

void ins_optimizer_destroy(ins_optimizer **optimizer) {
  if (!*optimizer) return;
  for (size_t k = 0; k < 3; k++) ins_free(&(*optimizer)->state[k]);
  ins_free(optimizer);
}

void ins_optimizer_reset(ins_optimizer *optimizer) {
  optimizer->n_steps = 0;
  for (size_t k = 0; k < 3; k++)
    if (optimizer->state[k]) memset(optimizer->state[k], 0, optimizer->n * sizeof(float));
}

void ins_optimizer_step(ins_optimizer *optimizer, float *x, float *g) {
  optimizer->ops->step(optimizer, x, g);
  optimizer->n_steps++;
}
