/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "tuning/fitted_curve.h"
#include "tuning/resample.h"

enum { PREFERRED, SUPPRESSION, CENTER_SIGMA, SURROUND_SIGMA, SURROUND_STRENGTH, R2, N_INDICES };

/* Share of the maximum at which a spot is large enough (Cavanaugh, Bair & Movshon 2002). */
static const double ENOUGH = 0.95;
/* A weaker surround has no size that could be measured. */
static const double WEAKEST_SURROUND = 0.05;

static const ins_index indices[N_INDICES] = {
    {.name = "preferred_diameter_um",
     .units = "um",
     .long_name = "smallest spot that reaches 95 % of the maximum of the fit; valid inside the "
                  "tested diameters",
     .source =
         "smallest d with R(d) - b = 0.95 max (R - b) (the summation field of Cavanaugh, Bair "
         "& Movshon 2002), R the fit of area_center_sigma_um; with 3 to 5 diameters straight "
         "lines between the responses, b = 0",
     .interval = true},
    {.name = "suppression_index",
     .units = "1",
     .long_name = "how much less the largest spot gives than the best: 0 none, 1 all",
     .source = "(R_opt - R_large) / R_opt of the responses as measured (Sceniak et al. 1999; "
               "Cavanaugh, Bair & Movshon 2002); p: permutation of trials over diameters, R_opt - "
               "R_large of the mean responses",
     .interval = true,
     .test = true},
    {.name = "area_center_sigma_um",
     .units = "um",
     .long_name = "standard deviation of the centre; valid where the spot that fills half of it "
                  "lies inside the tested diameters",
     .source = "sigma_c of R(d) = b + K (1 - exp(-d^2/(8 sigma_c^2)) - k (1 - exp(-d^2/(8 "
               "sigma_s^2)))), least squares: Gaussians integrated over a disc of diameter d; "
               "Sceniak et al. 1999 integrate along one axis, for gratings; discs as Einevoll & "
               "Heggelund 2000",
     .interval = true},
    {.name = "area_surround_sigma_um",
     .units = "um",
     .long_name = "standard deviation of the surround; valid where its strength is at least 0.05 "
                  "and the spot that fills half of it lies inside the tested diameters",
     .source = "sigma_s of the fit of area_center_sigma_um",
     .interval = true},
    {.name = "area_surround_strength",
     .units = "1",
     .long_name = "weight of the whole surround over that of the whole centre",
     .source = "k of the fit of area_center_sigma_um (K_s / K_c of Sceniak et al. 1999)",
     .interval = true},
    {.name = "area_fit_r2",
     .units = "1",
     .long_name = "share of the variance over diameters that the fit explains",
     .source = "1 - SS(residuals) / SS(about the mean)"},
};

/* ---- the curve ------------------------------------------------------------------------------- */

/* Sizes as logarithms; the surround's as its ratio to the centre's, which keeps it the wider. */
enum { K, LOG_CENTER, LOG_RATIO, STRENGTH, BASE, N_PARAMETERS, N_STARTS = 6 };
static const double RATIO_LOW = 1.1, RATIO_HIGH = 20, STRENGTH_HIGH = 3, GOOD_R2 = 0.9;

/* Share of a round Gaussian of standard deviation exp(log_sigma) that a disc covers. */
static double covered(double diameter, double log_sigma) {
  double t = diameter * exp(-log_sigma);
  return -expm1(-t * t / 8);
}

/* Derivative of covered() by log_sigma. */
static double covered_slope(double diameter, double log_sigma) {
  double t = diameter * exp(-log_sigma), u = t * t / 8;
  return u < 700 ? -2 * u * exp(-u) : 0;
}

static double response(const double *p, double d) {
  return p[BASE] + p[K] * (covered(d, p[LOG_CENTER]) -
                           p[STRENGTH] * covered(d, p[LOG_CENTER] + p[LOG_RATIO]));
}

static void curve_of(const void *context, const double *p, double *f, double *jacobian) {
  const ins_curve *curve = context;
  for (size_t i = 0; i < curve->n; i++) {
    double d = curve->x[i], surround = p[LOG_CENTER] + p[LOG_RATIO];
    if (f) f[i] = response(p, d);
    if (!jacobian) continue;
    double *row = jacobian + i * N_PARAMETERS, slope = p[STRENGTH] * covered_slope(d, surround);
    row[K] = covered(d, p[LOG_CENTER]) - p[STRENGTH] * covered(d, surround);
    row[LOG_CENTER] = p[K] * (covered_slope(d, p[LOG_CENTER]) - slope);
    row[LOG_RATIO] = -p[K] * slope;
    row[STRENGTH] = -p[K] * covered(d, surround);
    row[BASE] = 1;
  }
}

/* ---- the fit --------------------------------------------------------------------------------- */

static ins_status fit_curve(const ins_curve *curve, const double *warm, ins_fitted *out) {
  double range = curve->high - curve->low, best = curve->x[ins_curve_best(curve)];
  double small = log(ins_curve_smallest(curve)), large = log(curve->x[curve->n - 1]);
  /* A Gaussian is full, to 95 %, at a diameter of 4.9 sigma. */
  double near = fmax(log(best > 0 ? best : exp(small)), small) - log(4.9);
  double middle = (small + large) / 2 - log(4.9), base = fmin(curve->y[0], curve->low + range / 2);
  double wide = log(3), close = log(1.6);
  double lowest_base = fmin(curve->low, 0) - range / 4;
  const double low[N_PARAMETERS] = {0, small - log(10), log(RATIO_LOW), 0, lowest_base};
  const double high[N_PARAMETERS] = {20 * (curve->high - lowest_base), large, log(RATIO_HIGH),
                                     STRENGTH_HIGH, curve->high};
  const double starts[N_STARTS * N_PARAMETERS] = {
      range,     near,
      wide,      0.2,
      base, /* nearly no surround */
      2 * range, near,
      wide,      0.7,
      base, /* a strong one */
      4 * range, near,
      close,     0.8,
      base, /* one hardly wider than the centre */
      range,     middle,
      wide,      0.2,
      base, /* with noise, the best may be anywhere */
      2 * range, middle,
      wide,      0.7,
      base, /* ... */
      2 * range, near - log(1.6),
      wide,      0.5,
      base, /* a centre smaller than the best spot says */
  };
  ins_fit fit = {curve_of, curve, curve->n, N_PARAMETERS, curve->y, low, high};
  return ins_fit_run(&fit, warm ? 1 : N_STARTS, warm ? warm : starts, out);
}

/* ---- what is read from it -------------------------------------------------------------------- */

/* Where the curve, which rises from 0, is greatest: both Gaussians' edges weigh the same there.
 * Infinite without (enough) surround; 0 when it never rises. */
static double peak_diameter(const double *p) {
  double ratio2 = exp(2 * p[LOG_RATIO]), center = exp(p[LOG_CENTER]);
  double height = log(ratio2 / p[STRENGTH]);
  return height > 0 ? sqrt(8 * height / (1 - 1 / ratio2)) * center : 0;
}

/* The smallest d at which the fit has come up to 95 % of its maximum; NaN when it never rises. */
static double summation_diameter(const double *p) {
  double low = 0, high = peak_diameter(p), full = exp(p[LOG_CENTER] + p[LOG_RATIO]) * 30;
  high = fmin(high, full); /* from here on there is nothing left to cover */
  double wanted = ENOUGH * (response(p, high) - p[BASE]);
  if (!(high > 0) || !(wanted > 0)) return NAN;
  for (int i = 0; i < 60; i++) {
    double middle = (low + high) / 2;
    *(response(p, middle) - p[BASE] < wanted ? &low : &high) = middle;
  }
  return high;
}

static bool tested(const ins_curve *curve, double diameter) {
  return diameter >= ins_curve_smallest(curve) && diameter <= curve->x[curve->n - 1];
}

static void read_fit(const ins_curve *curve, const ins_fitted *fitted, double *value, bool *valid) {
  const double *p = fitted->p,
               half = sqrt(8 * M_LN2); /* diameter / sigma of a half full Gaussian */
  double peak = fmin(peak_diameter(p), curve->x[curve->n - 1]);
  bool usable = fitted->converged && !fitted->at_bound;
  /* At the lower edge of its strength the surround is absent, which is an answer. */
  usable |= fitted->converged && p[STRENGTH] < 1e-5 * STRENGTH_HIGH;
  bool rises = p[K] > 1e-6 * (curve->high - curve->low) && response(p, peak) > 0;
  usable &= rises;
  /* Several pairs of Gaussians may make the same curve; where it peaks is known all the same. */
  bool follows = fitted->converged && rises && fitted->r2 >= GOOD_R2;
  value[CENTER_SIGMA] = exp(p[LOG_CENTER]);
  value[SURROUND_SIGMA] = exp(p[LOG_CENTER] + p[LOG_RATIO]);
  value[SURROUND_STRENGTH] = p[STRENGTH];
  value[R2] = fitted->r2;
  value[PREFERRED] = summation_diameter(p);
  valid[R2] = fitted->converged;
  valid[PREFERRED] = (usable || follows) && tested(curve, value[PREFERRED]);
  valid[CENTER_SIGMA] = usable && tested(curve, half * value[CENTER_SIGMA]);
  valid[SURROUND_STRENGTH] = valid[CENTER_SIGMA];
  valid[SURROUND_SIGMA] = valid[CENTER_SIGMA] && p[STRENGTH] >= WEAKEST_SURROUND &&
                          tested(curve, half * value[SURROUND_SIGMA]);
}

/* Straight lines between the responses: where they first come up to 95 % of the greatest. */
static void read_lines(const ins_curve *curve, double *value, bool *valid) {
  double wanted = ENOUGH * curve->high;
  if (!(curve->high > 0) || curve->y[0] >= wanted) return;
  size_t i = 1;
  while (curve->y[i] < wanted) i++;
  double share = (wanted - curve->y[i - 1]) / (curve->y[i] - curve->y[i - 1]);
  value[PREFERRED] = curve->x[i - 1] + share * (curve->x[i] - curve->x[i - 1]);
  valid[PREFERRED] = true;
}

static ins_status measure(const ins_curve *curve, const double *warm, double *p, double *value,
                          bool *valid) {
  ins_fitted fitted;
  for (int k = 0; k < N_INDICES; k++) {
    value[k] = NAN;
    valid[k] = false;
  }
  for (int j = 0; j < INS_FIT_PARAMETERS; j++) p[j] = NAN;
  if (curve->n_distinct < 3) return INS_OK;
  if (curve->high > 0) {
    value[SUPPRESSION] = (curve->high - curve->y[curve->n - 1]) / curve->high;
    valid[SUPPRESSION] = true;
  }
  if (!ins_curve_varies(curve)) return INS_OK;
  if (curve->n_distinct <= N_PARAMETERS) {
    read_lines(curve, value, valid);
    return INS_OK;
  }
  ins_status status = fit_curve(curve, warm, &fitted);
  if (status != INS_OK) return status;
  for (int j = 0; j < N_PARAMETERS; j++) p[j] = fitted.p[j];
  read_fit(curve, &fitted, value, valid);
  return INS_OK;
}

/* ---- the analysis ---------------------------------------------------------------------------- */

/* How much the best diameter gives above the largest. */
static double suppression(size_t n, const double *y) {
  return y[ins_place_of_largest(n, y)] - y[n - 1];
}

static bool takes(const ins_tuning_data *data, size_t i, double *x) {
  *x = data->x[i];
  return *x >= 0;
}

static ins_status run(const ins_tuning_data *data, ins_measure *out) {
  static const ins_curve_kind kind = {takes, measure, suppression, N_INDICES};
  return ins_curve_analyse(data, &kind, indices, out);
}

const ins_analysis ins_area_analysis = {
    .name = "area",
    .doc = "preferred spot and surround, by a difference of Gaussians integrated over discs; needs "
           "six diameters",
    .indices = indices,
    .n_indices = N_INDICES,
    .run = run,
};
