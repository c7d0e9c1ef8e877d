/* SPDX-License-Identifier: MIT */
#include "tuning/fitted_curve.h"

#include <math.h>
#include <string.h>

#include "insilico/memory.h"
#include "tuning/resample.h"

/* Differences below this share of the largest response are rounding, not tuning. */
static const double ROUNDING = 1e-12;

bool ins_curve_varies(const ins_curve *curve) {
  return curve->high - curve->low > ROUNDING * fmax(fabs(curve->high), fabs(curve->low));
}

size_t ins_curve_best(const ins_curve *curve) {
  return ins_place_of_largest(curve->n, curve->y);
}

double ins_curve_smallest(const ins_curve *curve) {
  size_t i = 0;
  while (i + 1 < curve->n && !(curve->x[i] > 0)) i++;
  return curve->x[i];
}

double ins_curve_modulation(size_t n, const double *y) {
  double mean = ins_mean_of(n, y), sum = 0;
  for (size_t i = 0; i < n; i++) sum += (y[i] - mean) * (y[i] - mean);
  return sum / (double)n;
}

/* ---- the curve ------------------------------------------------------------------------------- */

/* Puts condition i of the data in, behind all of the same or a smaller x. */
static void insert(ins_curve *curve, size_t i, double x) {
  size_t k = curve->n++;
  for (; k > 0 && curve->x[k - 1] > x; k--) {
    curve->x[k] = curve->x[k - 1];
    curve->condition[k] = curve->condition[k - 1];
  }
  curve->x[k] = x;
  curve->condition[k] = i;
}

static void set_responses(ins_curve *curve, const double *responses) {
  curve->low = INFINITY;
  curve->high = -INFINITY;
  for (size_t k = 0; k < curve->n; k++) {
    double y = curve->y[k] = responses[curve->condition[k]];
    curve->low = fmin(curve->low, y);
    curve->high = fmax(curve->high, y);
  }
}

static ins_status make_curve(const ins_tuning_data *data, ins_curve_takes takes, ins_curve *curve) {
  ins_status status = ins_alloc(2 * data->n, sizeof(double), &curve->x);
  if (status != INS_OK) return status;
  if ((status = ins_alloc(data->n, sizeof(size_t), &curve->condition)) != INS_OK) return status;
  curve->y = curve->x + data->n;
  for (size_t i = 0; i < data->n; i++) {
    double x;
    if (isfinite(data->y[i]) && isfinite(data->x[i]) && takes(data, i, &x)) insert(curve, i, x);
  }
  for (size_t k = 0; k < curve->n; k++)
    curve->n_distinct += k == 0 || curve->x[k] > curve->x[k - 1] ? 1 : 0;
  set_responses(curve, data->y);
  return INS_OK;
}

/* ---- statistics ------------------------------------------------------------------------------ */

static bool has_trials(const ins_tuning_data *data, const ins_curve *curve) {
  if (!data->trials || data->n_trials < 2) return false;
  for (size_t k = 0; k < curve->n; k++)
    if (!ins_all_finite(data->n_trials, data->trials + curve->condition[k] * data->n_trials))
      return false;
  return true;
}

static ins_status find_intervals(const ins_tuning_data *data, const ins_curve_kind *kind,
                                 const ins_index *indices, const double *p, ins_curve *curve,
                                 ins_measure *out) {
  size_t n = data->n, n_trials = data->n_trials, n_resamples = data->statistics.n_resamples;
  double *means = NULL, *found = NULL, refit[INS_FIT_PARAMETERS], value[INS_CURVE_VALUES];
  uint32_t *picks = NULL;
  bool valid[INS_CURVE_VALUES];
  ins_status status = INS_OK;
  if (n_resamples > INS_CURVE_RESAMPLES) n_resamples = INS_CURVE_RESAMPLES;
  if ((status = ins_alloc(n, sizeof *means, &means)) != INS_OK) goto done;
  if ((status = ins_alloc(n * n_trials, sizeof *picks, &picks)) != INS_OK) goto done;
  if ((status = ins_alloc(n_resamples * kind->n_values, sizeof *found, &found)) != INS_OK)
    goto done;
  ins_draws draws = ins_draws_begin(&data->statistics.stream, INS_FOR_RESAMPLES);
  for (size_t b = 0; b < n_resamples; b++) {
    ins_draw_resample(&draws, n, n_trials, picks);
    ins_group_means(n, n_trials, data->trials, picks, means);
    set_responses(curve, means);
    if ((status = kind->measure(curve, p, refit, value, valid)) != INS_OK) goto done;
    /* Also what lies outside of what was tested: leaving it out would pull the interval inside. */
    for (size_t k = 0; k < kind->n_values; k++) found[k * n_resamples + b] = value[k];
  }
  for (size_t k = 0; n_resamples > 0 && k < kind->n_values; k++)
    if (indices[k].interval && out[k].valid)
      ins_interval(n_resamples, found + k * n_resamples, data->statistics.level, &out[k].low,
                   &out[k].high);
done:
  ins_free(&means);
  ins_free(&picks);
  ins_free(&found);
  return status;
}

/* The trials of the curve's conditions, in order of x, change places with each other. */
static ins_status find_p(const ins_tuning_data *data, const ins_curve_kind *kind,
                         const ins_curve *curve, double *p) {
  size_t n = curve->n, n_trials = data->n_trials, count = 0;
  double *values = NULL, *means = NULL;
  uint32_t *order = NULL;
  ins_status status = INS_OK;
  if ((status = ins_alloc(n * n_trials, sizeof *values, &values)) != INS_OK) goto done;
  if ((status = ins_alloc(n * n_trials, sizeof *order, &order)) != INS_OK) goto done;
  if ((status = ins_alloc(n, sizeof *means, &means)) != INS_OK) goto done;
  for (size_t k = 0; k < n; k++)
    memcpy(values + k * n_trials, data->trials + curve->condition[k] * n_trials,
           n_trials * sizeof *values);
  for (size_t i = 0; i < n * n_trials; i++) order[i] = (uint32_t)i;
  ins_group_means(n, n_trials, values, NULL, means);
  double real = kind->statistic(n, means);
  ins_draws draws = ins_draws_begin(&data->statistics.stream, INS_FOR_PERMUTATIONS);
  for (size_t i = 0; i < data->statistics.n_permutations; i++) {
    ins_draw_permutation(&draws, n * n_trials, order);
    ins_group_means(n, n_trials, values, order, means);
    count += ins_reaches(kind->statistic(n, means), real) ? 1 : 0;
  }
  *p = ins_p_value(count, data->statistics.n_permutations);
done:
  ins_free(&values);
  ins_free(&order);
  ins_free(&means);
  return status;
}

/* ---- all together ---------------------------------------------------------------------------- */

static bool wants_test(const ins_curve_kind *kind, const ins_index *indices,
                       const ins_measure *out) {
  for (size_t k = 0; k < kind->n_values; k++)
    if (indices[k].test && out[k].valid) return true;
  return false;
}

static ins_status add_statistics(const ins_tuning_data *data, const ins_curve_kind *kind,
                                 const ins_index *indices, const double *p, ins_curve *curve,
                                 ins_measure *out) {
  double p_value = NAN;
  ins_status status = INS_OK;
  if (!has_trials(data, curve)) return INS_OK;
  if (data->statistics.n_permutations > 0 && wants_test(kind, indices, out))
    status = find_p(data, kind, curve, &p_value);
  for (size_t k = 0; k < kind->n_values; k++)
    if (indices[k].test && out[k].valid) out[k].p = p_value;
  if (status == INS_OK) status = find_intervals(data, kind, indices, p, curve, out);
  return status;
}

ins_status ins_curve_analyse(const ins_tuning_data *data, const ins_curve_kind *kind,
                             const ins_index *indices, ins_measure *out) {
  ins_curve curve = {0};
  double p[INS_FIT_PARAMETERS], value[INS_CURVE_VALUES];
  bool valid[INS_CURVE_VALUES] = {false};
  for (size_t k = 0; k < kind->n_values; k++) out[k] = ins_unknown();
  ins_status status = make_curve(data, kind->takes, &curve);
  if (status != INS_OK || curve.n == 0) goto done;
  if ((status = kind->measure(&curve, NULL, p, value, valid)) != INS_OK) goto done;
  for (size_t k = 0; k < kind->n_values; k++)
    if (valid[k]) out[k] = ins_known(value[k]);
  status = add_statistics(data, kind, indices, p, &curve, out);
done:
  ins_free(&curve.x);
  ins_free(&curve.condition);
  return status;
}
