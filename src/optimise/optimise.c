/* SPDX-License-Identifier: MIT */
#include "insilico/optimise.h"

#include <math.h>
#include <string.h>

#include "insilico/memory.h"

struct ins_optimisation {
  ins_shape shape;
  ins_objective *objective;
  ins_optimizer *optimizer;
  ins_penalty **penalties;
  ins_postprocess **postprocess;
  size_t n_penalties, n_postprocess;
  size_t limit, patience; /* patience 0: never stops early */
  double delta;
  float *g;      /* [C,T,H,W] gradient of the loss */
  float *r, *dr; /* [window, N] */
};

/** Early stopping as openretina's EarlyStopper, and what has been seen so far. */
typedef struct progress {
  double least_loss; /* of all iterations, for stopping */
  size_t bad;        /* iterations above it by more than delta */
  double best_loss;  /* of postprocessed stimuli, for `best` */
  bool comparable;   /* x has been through the postprocessors */
} progress;

const ins_key ins_stop_keys[] = {
    {.name = "max_iterations",
     .type = INS_KEY_INT,
     .fallback = "100",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = 10000000,
     .units = "iterations",
     .doc = "most iterations of one optimisation"},
    {.name = "patience",
     .type = INS_KEY_INT,
     .flags = INS_KEY_NULLABLE,
     .min = 1,
     .max = 10000000,
     .units = "iterations",
     .doc = "stop after so many iterations with a loss above the least by more than `delta`"},
    {.name = "delta",
     .type = INS_KEY_REAL,
     .fallback = "0.0",
     .min = 0,
     .max = 1e12,
     .doc = "how far above the least loss an iteration may be without counting"},
    {0},
};

/* ---- making ---------------------------------------------------------------------------------- */

static ins_status create_penalties(ins_optimisation *o, const ins_value *list) {
  o->n_penalties = ins_value_count(list);
  ins_status status = ins_alloc(o->n_penalties, sizeof *o->penalties, &o->penalties);
  for (size_t i = 0; status == INS_OK && i < o->n_penalties; i++)
    status = ins_penalty_create(list->children.items[i], &o->shape, &o->penalties[i]);
  return status;
}

static ins_status create_postprocess(ins_optimisation *o, const ins_value *list) {
  o->n_postprocess = ins_value_count(list);
  ins_status status = ins_alloc(o->n_postprocess, sizeof *o->postprocess, &o->postprocess);
  for (size_t i = 0; status == INS_OK && i < o->n_postprocess; i++)
    status = ins_postprocess_create(list->children.items[i], &o->shape, &o->postprocess[i]);
  return status;
}

static ins_status create_buffers(ins_optimisation *o, size_t n_neurons) {
  size_t first, n;
  ins_objective_window(o->objective, &first, &n);
  ins_status status = ins_alloc(ins_shape_count(&o->shape), sizeof(float), &o->g);
  if (status == INS_OK) status = ins_alloc(n * n_neurons, sizeof(float), &o->r);
  if (status == INS_OK) status = ins_alloc(n * n_neurons, sizeof(float), &o->dr);
  return status;
}

ins_status ins_optimisation_create(const ins_value *settings, const ins_shape *shape,
                                   size_t n_frames, size_t n_neurons, bool compat,
                                   ins_optimisation **out) {
  ins_optimisation *o = NULL;
  *out = NULL;
  ins_status status = ins_alloc(1, sizeof *o, &o);
  if (status != INS_OK) return status;
  o->shape = *shape;
  o->limit = (size_t)ins_value_int_or(ins_value_at(settings, "stop.max_iterations"), 100);
  o->patience = (size_t)ins_value_int_or(ins_value_at(settings, "stop.patience"), 0);
  o->delta = ins_value_real_or(ins_value_at(settings, "stop.delta"), 0);
  status = ins_objective_create(ins_map_get(settings, "objective"), n_frames, n_neurons, compat,
                                &o->objective);
  if (status == INS_OK)
    status = ins_optimizer_create(ins_map_get(settings, "optimizer"), ins_shape_count(shape),
                                  &o->optimizer);
  if (status == INS_OK) status = create_penalties(o, ins_map_get(settings, "penalties"));
  if (status == INS_OK) status = create_postprocess(o, ins_map_get(settings, "postprocess"));
  if (status == INS_OK) status = create_buffers(o, n_neurons);
  if (status == INS_OK)
    *out = o;
  else
    ins_optimisation_destroy(&o);
  return status;
}

void ins_optimisation_destroy(ins_optimisation **optimisation) {
  ins_optimisation *o = *optimisation;
  if (!o) return;
  ins_objective_destroy(&o->objective);
  ins_optimizer_destroy(&o->optimizer);
  for (size_t i = 0; o->penalties && i < o->n_penalties; i++) ins_penalty_destroy(&o->penalties[i]);
  for (size_t i = 0; o->postprocess && i < o->n_postprocess; i++)
    ins_postprocess_destroy(&o->postprocess[i]);
  ins_free(&o->penalties);
  ins_free(&o->postprocess);
  ins_free(&o->g);
  ins_free(&o->r);
  ins_free(&o->dr);
  ins_free(optimisation);
}

void ins_optimisation_window(const ins_optimisation *optimisation, size_t *first, size_t *n) {
  ins_objective_window(optimisation->objective, first, n);
}

size_t ins_optimisation_limit(const ins_optimisation *optimisation) {
  return optimisation->limit;
}

/* ---- running --------------------------------------------------------------------------------- */

static ins_status postprocess(ins_optimisation *o, float *x) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < o->n_postprocess; i++)
    status = ins_postprocess_apply(o->postprocess[i], x);
  return status;
}

/* Objective and loss at x; with `gradient` o->g = d loss / d x. The loss is -objective + penalties,
 * so the model's part of the gradient changes sign before the penalties add theirs. */
static double evaluate(ins_optimisation *o, ins_plan *plan, const float *x, bool gradient,
                       double *loss) {
  size_t n = ins_shape_count(&o->shape);
  ins_plan_forward(plan, 0, x, o->r);
  double objective = ins_objective_evaluate(o->objective, o->r, gradient ? o->dr : NULL);
  *loss = -objective;
  if (gradient) {
    ins_plan_backward(plan, 0, o->dr, o->g);
    for (size_t i = 0; i < n; i++) o->g[i] = -o->g[i];
  }
  for (size_t i = 0; i < o->n_penalties; i++) *loss += ins_penalty_add(o->penalties[i], x, o->g);
  return objective;
}

/* Stimuli from before the first postprocessing may break its bounds, so they do not compete. */
static void keep_best(ins_optimisation *o, progress *seen, size_t iteration, double objective,
                      double loss, const float *x, ins_optimised *result) {
  if (!seen->comparable || !(loss < seen->best_loss)) return;
  seen->best_loss = loss;
  result->objective_best = objective;
  result->iteration_best = iteration;
  memcpy(result->best, x, ins_shape_count(&o->shape) * sizeof *x);
}

/* openretina's EarlyStopper: a loss below the least resets the counter, one above it by more than
 * delta counts, and in between nothing changes. */
static bool out_of_patience(const ins_optimisation *o, progress *seen, double loss) {
  if (o->patience == 0) return false;
  if (loss < seen->least_loss) {
    seen->least_loss = loss;
    seen->bad = 0;
  } else if (loss > seen->least_loss + o->delta) {
    seen->bad++;
  }
  return seen->bad >= o->patience;
}

/* The last stimulus has not been evaluated yet: the loss of an iteration is from before its step.
 */
static void finish(ins_optimisation *o, ins_plan *plan, progress *seen, const float *x,
                   ins_optimised *result) {
  double loss, objective = evaluate(o, plan, x, false, &loss);
  result->objective_last = objective;
  seen->comparable = true;
  keep_best(o, seen, result->n_iterations, objective, loss, x, result);
}

ins_status ins_optimise(ins_optimisation *o, ins_plan *plan, bool postprocess_first, float *x,
                        ins_optimised *result, const ins_pulse *pulse) {
  progress seen = {.least_loss = (double)INFINITY,
                   .best_loss = (double)INFINITY,
                   .comparable = postprocess_first || o->n_postprocess == 0};
  ins_status status = postprocess_first ? postprocess(o, x) : INS_OK;
  ins_optimizer_reset(o->optimizer);
  result->n_iterations = result->iteration_best = 0;
  result->outcome = INS_OUTCOME_LIMIT;
  result->objective_best = (double)NAN;
  for (size_t i = 0; i < o->limit; i++) result->objective_trace[i] = result->loss_trace[i] = NAN;
  for (size_t i = 0; i < ins_shape_count(&o->shape); i++) result->best[i] = NAN;

  for (size_t i = 0; status == INS_OK && i < o->limit; i++) {
    double loss, objective = evaluate(o, plan, x, true, &loss);
    result->objective_trace[i] = (float)objective;
    result->loss_trace[i] = (float)loss;
    if (!isfinite(loss)) {
      result->outcome = INS_OUTCOME_NON_FINITE;
      break;
    }
    keep_best(o, &seen, i, objective, loss, x, result);
    ins_optimizer_step(o->optimizer, x, o->g);
    status = postprocess(o, x);
    seen.comparable = true;
    result->n_iterations = i + 1;
    if (status == INS_OK && out_of_patience(o, &seen, loss)) {
      result->outcome = INS_OUTCOME_PATIENCE;
      break;
    }
    if (status == INS_OK) status = ins_pulse_beat(pulse);
  }
  if (status == INS_OK) finish(o, plan, &seen, x, result);
  return status;
}
