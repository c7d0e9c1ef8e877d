/* SPDX-License-Identifier: MIT */
/* Analysis `decoding`: which condition, or which value of a parameter, the population's response is
 * to; ridge regression with cross-validation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoding_parts.h"
#include "insilico/memory.h"
#include "insilico/random.h"
#include "ridge.h"

const ins_key ins_decoding_keys[] = {
    INS_ANALYSIS_KEYS,
    {.name = "target",
     .type = INS_KEY_TEXT,
     .fallback = "identity",
     .flags = INS_KEY_SHAPES,
     .doc = "what is decoded: identity (which condition) or the name of an axis of the features, "
            "whose value is"},
    {.name = "circular",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .max = 1e12,
     .doc = "period of the target, which is decoded as cosine and sine; 0: not circular; null: 360 "
            "for degrees that go all around"},
    {.name = "folds",
     .type = INS_KEY_INT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .min = 2,
     .max = 1000000,
     .doc = "of cross-validation over repeats (without: over conditions); null: each repeat is "
            "left out once (without repeats: 10)"},
    {.name = "lambdas",
     .type = INS_KEY_REAL,
     .fallback = "geomspace(1e-4,1e3,8)",
     .flags = INS_KEY_MANY | INS_KEY_SHAPES,
     .min = 1e-12,
     .max = 1e12,
     .doc = "penalties to choose from within each training set; 1 is as strong as the data"},
    {.name = "neurons_curve",
     .type = INS_KEY_INT,
     .flags = INS_KEY_MANY | INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .min = 1,
     .max = 1e9,
     .doc = "numbers of neurons to decode from as well, drawn at random"},
    {.name = "draws",
     .type = INS_KEY_INT,
     .fallback = "10",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = 10000,
     .doc = "of neurons, for each number of neurons_curve"},
    INS_PRECISION_KEY,
    {0},
};

/* ---- settings ----------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static ins_status read_lists(const ins_analysis_context *c, ins_decoder *s) {
  const ins_value *lambdas = ins_map_get(c->settings, "lambdas"),
                  *sizes = ins_map_get(c->settings, "neurons_curve");
  s->n_lambdas = ins_value_count(lambdas);
  s->n_sizes = ins_value_count(sizes);
  s->n_draws = (size_t)ins_value_int_or(ins_map_get(c->settings, "draws"), 1);
  ins_status status = ins_alloc(s->n_lambdas, sizeof *s->lambdas, &s->lambdas);
  if (status == INS_OK) status = ins_alloc(s->n_sizes, sizeof *s->sizes, &s->sizes);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < s->n_lambdas; i++)
    s->lambdas[i] = ins_value_real_or(lambdas->children.items[i], 1);
  qsort(s->lambdas, s->n_lambdas, sizeof *s->lambdas, by_value);
  for (size_t i = 0; i < s->n_sizes; i++) {
    s->sizes[i] = (size_t)ins_value_int_or(sizes->children.items[i], 1);
    if (s->sizes[i] > c->table->n_items)
      return ins_fail(INS_ERR_ARGUMENT,
                      "neurons_curve: %zu neurons are more than the %zu that '%s' has; leave out "
                      "what is larger",
                      s->sizes[i], c->table->n_items, c->table->name);
  }
  return INS_OK;
}

static ins_status read_target(const ins_analysis_context *c, ins_decoder *s) {
  const char *target = ins_value_text_or(ins_map_get(c->settings, "target"), "identity");
  s->identity = strcmp(target, "identity") == 0;
  if (s->identity && s->n_trials < 2)
    return ins_fail(
        INS_ERR_ARGUMENT,
        "which condition it was cannot be decoded from one response to each: '%s' needs "
        "repeats (keys `repeats`, or `noise` and `draws`, of data), or give an axis as `target`",
        c->table->name);
  if (s->identity && s->n_conditions < 2)
    return ins_fail(INS_ERR_ARGUMENT, "'%s' has one condition: there is nothing to decode",
                    c->table->name);
  if (s->identity) return INS_OK;
  ins_status status =
      ins_parameter_create(c->table, target, ins_map_get(c->settings, "circular"), &s->parameter);
  if (status != INS_OK) return ins_within(status, "target");
  const ins_parameter *p = &s->parameter;
  if (p->n < 2)
    return ins_fail(INS_ERR_ARGUMENT, "axis %s has one value: there is nothing to decode", target);
  for (size_t i = 0; i < p->n; i++) s->centre += p->values[i] / (double)p->n;
  for (size_t i = 0; i < p->n; i++)
    s->spread += (p->values[i] - s->centre) * (p->values[i] - s->centre) / (double)p->n;
  s->spread = sqrt(s->spread);
  return INS_OK;
}

ins_status ins_decoder_shuffle(const ins_decoder *s, const char *what, size_t number, size_t n,
                               size_t *out) {
  char stream[128];
  double *u = NULL;
  ins_status status = ins_alloc(n, sizeof *u, &u);
  if (status != INS_OK) return status;
  snprintf(stream, sizeof stream, "decoding.%s.%s", what, s->name);
  const int64_t at = (int64_t)number;
  const ins_stream random = ins_stream_at(s->seed, stream, &at, 1);
  ins_stream_uniform(&random, 0, n, u);
  for (size_t i = 0; i < n; i++) out[i] = i;
  for (size_t i = 0; i + 1 < n; i++) {
    const size_t j = i + (size_t)(u[i] * (double)(n - i)), k = out[i];
    out[i] = out[j];
    out[j] = k;
  }
  ins_free(&u);
  return INS_OK;
}

/* Folds are repeats, dealt in turn; where there are none they are random conditions. */
static ins_status make_folds(const ins_analysis_context *c, ins_decoder *s) {
  const bool by_trials = s->n_trials > 1;
  const size_t n = by_trials ? s->n_trials : s->n_conditions;
  const int64_t given = ins_value_int_or(ins_map_get(c->settings, "folds"), 0);
  s->n_folds = given ? (size_t)given : by_trials || n < 10 ? n : 10;
  if (s->n_folds > n || n < 2)
    return ins_fail(INS_ERR_ARGUMENT, "%zu folds of %zu %s: at least one each, and two folds",
                    s->n_folds, n, by_trials ? "repeats" : "conditions");
  size_t *order = NULL;
  ins_status status = ins_alloc(s->n_samples, sizeof *s->fold, &s->fold);
  if (status == INS_OK) status = ins_alloc(n, sizeof *order, &order);
  if (status == INS_OK && !by_trials) status = ins_decoder_shuffle(s, "folds", 0, n, order);
  for (size_t i = 0; status == INS_OK && i < s->n_samples; i++)
    if (by_trials)
      s->fold[i] = (int32_t)(i / s->n_conditions % s->n_folds);
    else
      s->fold[order[i]] = (int32_t)(i % s->n_folds);
  ins_free(&order);
  const size_t least = s->n_samples - (n + s->n_folds - 1) / s->n_folds * (s->n_samples / n);
  if (status == INS_OK && least < 2)
    return ins_fail(INS_ERR_ARGUMENT, "'%s' has %zu samples, too few to learn from", c->table->name,
                    s->n_samples);
  return status;
}

/* ---- declaring ---------------------------------------------------------------------------------
 */

#define METHOD                                                                                     \
  "ridge regression on neurons standardised over the training set; penalty chosen within it by "   \
  "the "                                                                                           \
  "closed-form error of samples left out (Hastie, Tibshirani & Friedman 2009; Allen 1974); "       \
  "numbers "                                                                                       \
  "of ranks agree to rounding"

static ins_status declare_axes(const ins_decoder *s, ins_layout *l, int *fold, int *lambda) {
  ins_value *values = ins_value_array(INS_F64, 1, &s->n_lambdas);
  if (!values) return INS_ERR_MEMORY;
  memcpy(values->array.data, s->lambdas, s->n_lambdas * sizeof *s->lambdas);
  ins_status status = ins_layout_axis(l, "lambda", s->n_lambdas, values, "1",
                                      "penalty in units of the mean of those eigenvalues of the "
                                      "standardised responses' Gram matrix "
                                      "that can differ from zero",
                                      lambda);
  if (status == INS_OK)
    status = ins_layout_axis(l, "fold", s->n_folds, NULL, NULL, "fold of cross-validation", fold);
  return status;
}

static ins_status declare_identity(ins_decoder *s, ins_layout *l, int n, const int *features,
                                   int fold) {
  int pair[2];
  ins_status status = INS_OK;
  if (n == 1)
    pair[0] = features[0];
  else
    status = ins_condition_axis(s->table, l, "condition", NULL, s->n_conditions, &pair[0]);
  if (status == INS_OK) status = ins_axis_again(l, pair[0], &pair[1]);
  if (status == INS_OK)
    status = ins_declare(l, "confusion", INS_I32, "1",
                         "trials of the condition shown that were decoded as the second one",
                         METHOD, 2, pair, &s->v_confusion);
  if (status == INS_OK)
    status = ins_declare(l, "accuracy", INS_F64, "1", "share of trials decoded as what was shown",
                         METHOD, 0, NULL, &s->v_accuracy);
  if (status == INS_OK)
    status = ins_declare(l, "fold_accuracy", INS_F64, "1", "accuracy in each fold", METHOD, 1,
                         &fold, &s->v_fold_accuracy);
  if (status == INS_OK)
    status = ins_declare(l, "chance", INS_F64, "1", "accuracy of guessing", "1 / conditions", 0,
                         NULL, &s->v_chance);
  return status;
}

static ins_status declare_parameter(ins_decoder *s, ins_layout *l, const int *features) {
  const bool circular = s->parameter.period > 0;
  ins_status status =
      ins_declare(l, "r_squared", INS_F64, "1", "share of the target's variance that is decoded",
                  circular ? "1 - sum |u - u'|^2 / sum |u - mean u|^2, u = (cos, sin) of the target"
                           : "1 - sum (y - y')^2 / sum (y - mean y)^2",
                  0, NULL, &s->v_r_squared);
  if (status == INS_OK)
    status = ins_declare(l, "mean_absolute_error", INS_F64, s->parameter.units,
                         circular ? "mean error of the decoded value, around the circle"
                                  : "mean error of the decoded value",
                         METHOD, 0, NULL, &s->v_error);
  if (status == INS_OK)
    status = ins_declare(l, "correlation", INS_F64, "1", "of target and decoded value",
                         circular ? "circular correlation, Fisher & Lee 1983" : "Pearson", 0, NULL,
                         &s->v_correlation);
  if (status == INS_OK)
    status = ins_declare(l, "mean_absolute_error_at", INS_F64, s->parameter.units,
                         "mean error at each value of the target", METHOD, 1,
                         &features[s->parameter.axis], &s->v_error_at);
  return status;
}

static ins_status declare_curve(ins_decoder *s, ins_layout *l) {
  const char *what = "decoded from randomly drawn neurons only, each draw of more neurons holding "
                     "those of fewer";
  ins_value *sizes = ins_value_array(INS_I64, 1, &s->n_sizes);
  int axes[2];
  if (!sizes) return INS_ERR_MEMORY;
  for (size_t i = 0; i < s->n_sizes; i++) ((int64_t *)sizes->array.data)[i] = (int64_t)s->sizes[i];
  ins_status status = ins_layout_axis(l, "n_neurons", s->n_sizes, sizes, "1",
                                      "number of neurons decoded from", &axes[0]);
  if (status == INS_OK)
    status = ins_layout_axis(l, "draw", s->n_draws, NULL, NULL, "random draw of neurons", &axes[1]);
  if (status == INS_OK && s->identity)
    return ins_declare(l, "curve_accuracy", INS_F64, "1", what, METHOD, 2, axes, &s->v_curve[0]);
  if (status == INS_OK)
    status = ins_declare(l, "curve_r_squared", INS_F64, "1", what, METHOD, 2, axes, &s->v_curve[0]);
  if (status == INS_OK)
    status = ins_declare(l, "curve_mean_absolute_error", INS_F64, s->parameter.units, what, METHOD,
                         2, axes, &s->v_curve[1]);
  return status;
}

static ins_status declare_decoded(ins_decoder *s, ins_layout *l, int n, const int *features) {
  int axes[INS_TABLE_MAX_AXES + 1], m = 0;
  ins_status status = INS_OK;
  if (n + 1 > INS_MAX_DIMS)
    return ins_fail(INS_ERR_UNSUPPORTED, "'%s' has %d axes of features, more than %d",
                    s->table->name, n, INS_MAX_DIMS - 1);
  if (s->n_trials)
    status = ins_layout_axis(l, "repeat", s->n_trials, NULL, NULL, "trial", &axes[m++]);
  for (int a = 0; a < n; a++) axes[m++] = features[a];
  if (status == INS_OK && s->identity)
    return ins_declare(l, "decoded", INS_I32, NULL,
                       "number of the condition that a trial was "
                       "decoded as, tested in the fold that did not learn from it",
                       METHOD, m, axes, &s->v_decoded);
  if (status == INS_OK)
    status = ins_declare(l, "decoded", INS_F64, s->parameter.units,
                         "decoded value, from the fold that did not learn from it", METHOD, m, axes,
                         &s->v_decoded);
  return status;
}

static ins_status declare_all(ins_decoder *s, ins_layout *l) {
  int item, features[INS_TABLE_MAX_AXES], n, fold, grid[2];
  ins_status status = ins_table_item_axis(s->table, l, &item);
  if (status == INS_OK) status = ins_table_feature_axes(s->table, l, features, &n);
  if (status == INS_OK) status = declare_axes(s, l, &fold, &grid[1]);
  grid[0] = fold;
  if (status == INS_OK) status = ins_declare_flag(l, item, &s->v_flag);
  if (status == INS_OK) status = declare_decoded(s, l, n, features);
  if (status == INS_OK)
    status = ins_declare(l, "chosen_lambda", INS_F64, "1", "penalty chosen in each training set",
                         METHOD, 1, &fold, &s->v_lambda);
  if (status == INS_OK)
    status =
        ins_declare(l, "training_error", INS_F64, "1",
                    "mean squared error of samples of the training set, each left out; missing "
                    "where a sample alone fits itself",
                    "mean over samples and targets of ((y - y') / (1 - h))^2, targets as they are "
                    "regressed on: 0 or 1, cosine and sine, or in standard deviations",
                    2, grid, &s->v_errors);
  if (status == INS_OK)
    status =
        s->identity ? declare_identity(s, l, n, features, fold) : declare_parameter(s, l, features);
  if (status == INS_OK && s->n_sizes) status = declare_curve(s, l);
  return status;
}

static ins_status declare(const ins_analysis_context *c, ins_layout *layout, void **state) {
  ins_decoder *s;
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if ((*state = s) == NULL) return status;
  s->table = c->table;
  s->seed = c->seed;
  s->name = c->name;
  s->precision = ins_precision(c->settings);
  s->n_conditions = c->table->n_features;
  s->n_trials = c->table->n_repeats;
  s->n_samples = s->n_conditions * (s->n_trials ? s->n_trials : 1);
  status = read_lists(c, s);
  if (status == INS_OK) status = read_target(c, s);
  if (status == INS_OK) status = make_folds(c, s);
  return status == INS_OK ? declare_all(s, layout) : status;
}

static void teardown(void **state) {
  ins_decoder *s = *state;
  if (!s) return;
  ins_parameter_clear(&s->parameter);
  ins_free(&s->fold);
  ins_free(&s->lambdas);
  ins_free(&s->sizes);
  ins_free(state);
}

/* All ranks hold what every sample was decoded to. */
static void needs(const void *state, int size, int block, ins_needs *out) {
  const ins_decoder *s = state;
  const double neurons = (double)s->table->n_items, samples = (double)s->n_samples,
               targets = (double)ins_decoder_targets(s), folds = (double)s->n_folds;
  const double train = samples * (1 - 1 / folds);
  const double x = ins_matrix_bytes(size, block, s->precision, neurons, samples),
               one = ins_matrix_bytes(size, block, s->precision, neurons, (double)s->n_conditions);
  const double folding = ins_ridge_bytes(size, block, s->precision, neurons, train, targets) +
                         x / folds + ins_pick_bytes(size, s->precision, neurons, samples) +
                         2 * ins_matrix_bytes(size, block, s->precision, samples / folds, targets);
  out->bytes = x + fmax(2 * one + ins_table_read_bytes(s->table, size, s->precision), folding) +
               (s->n_sizes ? x + ins_pick_bytes(size, s->precision, samples, neurons) : 0) +
               8 * (8 * samples + 8 * neurons) +
               (s->identity ? ins_matrix_bytes(size, block, INS_F32, targets, targets) : 0);
  out->flops = folds * (ins_ridge_flops(neurons, train, targets, (double)s->n_lambdas) +
                        2 * neurons * samples / folds * targets);
  for (size_t i = 0; i < s->n_sizes; i++)
    out->flops += folds * (double)s->n_draws *
                  ins_ridge_flops((double)s->sizes[i], train, targets, (double)s->n_lambdas);
}

const ins_population_analysis ins_decoding = {declare, needs, ins_decoder_run, teardown};
