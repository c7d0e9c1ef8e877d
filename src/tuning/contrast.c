/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "tuning/fitted_curve.h"

enum { R_MAX, C50, EXPONENT, BASELINE, R2, GAIN, SATURATION, N_INDICES };

static const ins_index indices[N_INDICES] = {
    {.name = "contrast_r_max",
     .units = "response",
     .long_name = "response at saturation above the baseline; negative for a neuron that contrast "
                  "suppresses",
     .source = "R_max of R(c) = b + R_max c^n / (c^n + c50^n), least squares (Naka & Rushton 1966; "
               "Albrecht & Hamilton 1982); valid where c50 is; p: permutation of trials over "
               "contrasts, variance of the mean responses",
     .interval = true,
     .test = true},
    {.name = "contrast_c50",
     .units = "contrast",
     .long_name = "contrast of the half-maximal response; valid inside the tested contrasts",
     .source = "c50 of R(c) = b + R_max c^n / (c^n + c50^n) (Naka & Rushton 1966)",
     .interval = true},
    {.name = "contrast_exponent",
     .units = "1",
     .long_name = "steepness of the contrast response; valid where c50 is and between 0.2 and 10",
     .source = "n of R(c) = b + R_max c^n / (c^n + c50^n) (Naka & Rushton 1966)",
     .interval = true},
    {.name = "contrast_baseline",
     .units = "response",
     .long_name = "response at contrast 0 by the fit",
     .source = "b of R(c) = b + R_max c^n / (c^n + c50^n) (Naka & Rushton 1966)",
     .interval = true},
    {.name = "contrast_fit_r2",
     .units = "1",
     .long_name = "share of the variance over contrasts that the fit explains",
     .source = "1 - SS(residuals) / SS(about the mean)"},
    {.name = "contrast_gain",
     .units = "response/contrast",
     .long_name = "slope of the fitted contrast response at c50; valid where c50 is",
     .source = "dR/dc at c50 = R_max n / (4 c50)",
     .interval = true},
    {.name = "saturation_index",
     .units = "1",
     .long_name = "how far the response has come back at the highest contrast: 0 none "
                  "(saturating or growing), 1 to the baseline (supersaturating)",
     .source = "(R_x - R(highest c)) / (R_x - R(0)) of the responses as measured, R_x the one "
               "farthest from R(0); R(0) by the fit where contrast 0 was not shown (the "
               "monotonicity index of Peirce 2007)",
     .interval = true},
};

/* ---- the curve ------------------------------------------------------------------------------- */

/* In logarithms of c50 and n, both become scales that a search walks evenly. */
enum { P_R_MAX, P_LOG_C50, P_LOG_N, P_BASE, N_PARAMETERS, N_STARTS = 7 };
static const double N_LOW = 0.2, N_HIGH = 10;
/* c50 is searched this far beyond the tested contrasts: it shows itself by the bend. */
static const double BEYOND = 8;

/* c^n/(c^n + c50^n) = 1/(1 + exp(-n ln(c/c50))), which never overflows into NaN. */
static void curve_of(const void *context, const double *p, double *f, double *jacobian) {
  const ins_curve *curve = context;
  double n = exp(p[P_LOG_N]);
  for (size_t i = 0; i < curve->n; i++) {
    double log_ratio = curve->x[i] > 0 ? log(curve->x[i]) - p[P_LOG_C50] : 0;
    double share = curve->x[i] > 0 ? 1 / (1 + exp(-n * log_ratio)) : 0;
    double bend = p[P_R_MAX] * share * (1 - share);
    if (f) f[i] = p[P_BASE] + p[P_R_MAX] * share;
    if (!jacobian) continue;
    double *row = jacobian + i * N_PARAMETERS;
    row[P_R_MAX] = share;
    row[P_LOG_C50] = -n * bend;
    row[P_LOG_N] = n * log_ratio * bend;
    row[P_BASE] = 1;
  }
}

/* ---- the fit --------------------------------------------------------------------------------- */

static ins_status fit_curve(const ins_curve *curve, const double *warm, ins_fitted *out) {
  double first = log(ins_curve_smallest(curve)), last = log(curve->x[curve->n - 1]);
  double range = curve->high - curve->low;
  double r = curve->y[curve->n - 1] < curve->y[0] ? -range : range;
  double base = r > 0 ? curve->low : curve->high, other = r > 0 ? curve->high : curve->low;
  double quarter = (last - first) / 4, soft = log(1.5), steep = log(4);
  const double low[N_PARAMETERS] = {-10 * range, first - log(BEYOND), log(N_LOW),
                                    curve->low - range};
  const double high[N_PARAMETERS] = {10 * range, last + log(BEYOND), log(N_HIGH),
                                     curve->high + range};
  const double starts[N_STARTS * N_PARAMETERS] = {
      r,  first + 2 * quarter, soft,  base,  /* half-way in the middle of what was tested */
      r,  first + 2 * quarter, steep, base,  /* the same, steeper */
      r,  first + quarter,     soft,  base,  /* low */
      r,  first + quarter,     steep, base,  /* ... */
      r,  first + 3 * quarter, soft,  base,  /* high */
      r,  first + 3 * quarter, steep, base,  /* ... */
      -r, first + 2 * quarter, soft,  other, /* the ends mislead about the sign */
  };
  ins_fit fit = {curve_of, curve, curve->n, N_PARAMETERS, curve->y, low, high};
  return ins_fit_run(&fit, warm ? 1 : N_STARTS, warm ? warm : starts, out);
}

static void read_fit(const ins_curve *curve, const ins_fitted *fitted, double *value, bool *valid) {
  const double *p = fitted->p;
  double n = exp(p[P_LOG_N]), c50 = exp(p[P_LOG_C50]), range = curve->high - curve->low;
  bool inside =
      fitted->converged && c50 >= ins_curve_smallest(curve) && c50 <= curve->x[curve->n - 1];
  value[R_MAX] = p[P_R_MAX];
  value[C50] = c50;
  value[EXPONENT] = n;
  value[BASELINE] = p[P_BASE];
  value[R2] = fitted->r2;
  value[GAIN] = p[P_R_MAX] * n / (4 * c50);
  valid[R2] = fitted->converged;
  valid[BASELINE] = fitted->converged && p[P_BASE] > curve->low - 0.99 * range &&
                    p[P_BASE] < curve->high + 0.99 * range;
  valid[C50] = valid[R_MAX] = inside && fabs(p[P_R_MAX]) < 9.9 * range;
  valid[EXPONENT] = valid[GAIN] = valid[C50] && n > N_LOW * 1.01 && n < N_HIGH / 1.01;
}

static void read_saturation(const ins_curve *curve, double *value, bool *valid) {
  bool shown = curve->x[0] == 0;
  double zero = shown ? curve->y[0] : value[BASELINE], last = curve->y[curve->n - 1];
  double farthest = fabs(curve->high - zero) >= fabs(curve->low - zero) ? curve->high : curve->low;
  if (!shown && !valid[BASELINE]) return;
  value[SATURATION] = (farthest - last) / (farthest - zero);
  valid[SATURATION] = isfinite(value[SATURATION]);
}

static ins_status measure(const ins_curve *curve, const double *warm, double *p, double *value,
                          bool *valid) {
  ins_fitted fitted;
  for (int k = 0; k < N_INDICES; k++) {
    value[k] = NAN;
    valid[k] = false;
  }
  for (int j = 0; j < INS_FIT_PARAMETERS; j++) p[j] = NAN;
  if (!ins_curve_varies(curve)) return INS_OK;
  if (curve->n_distinct > N_PARAMETERS) {
    ins_status status = fit_curve(curve, warm, &fitted);
    if (status != INS_OK) return status;
    for (int j = 0; j < N_PARAMETERS; j++) p[j] = fitted.p[j];
    read_fit(curve, &fitted, value, valid);
  }
  read_saturation(curve, value, valid);
  return INS_OK;
}

/* ---- the analysis ---------------------------------------------------------------------------- */

/* Bright and dark stimuli drive different pathways: the contrasts of the sign that the neuron
 * answers most to, the dark ones by their sizes. Contrast 0 belongs to both. */
static bool takes(const ins_tuning_data *data, size_t i, double *x) {
  size_t best = data->n;
  for (size_t k = 0; k < data->n; k++)
    if (data->x[k] != 0 && !isnan(data->y[k]) && (best == data->n || data->y[k] > data->y[best]))
      best = k;
  *x = fabs(data->x[i]);
  return best < data->n && data->x[i] * data->x[best] >= 0;
}

static ins_status run(const ins_tuning_data *data, ins_measure *out) {
  static const ins_curve_kind kind = {takes, measure, ins_curve_modulation, N_INDICES};
  return ins_curve_analyse(data, &kind, indices, out);
}

const ins_analysis ins_contrast_analysis = {
    .name = "contrast",
    .doc = "contrast response by a Naka-Rushton fit; needs five contrasts of one sign (0 counts)",
    .indices = indices,
    .n_indices = N_INDICES,
    .run = run,
};
