/* SPDX-License-Identifier: MIT */
#include "tuning/log_gaussian.h"

#include <math.h>

enum { HEIGHT, CENTRE, SIGMA, BASE, N_PARAMETERS, N_STARTS = 5 };
enum { FIT_NEEDS = N_PARAMETERS + 1, PARABOLA_NEEDS = 3 };
/* Parameters this close to the edge of the search, as a share of it, were not found there. */
static const double EDGE = 1e-4;

bool ins_log_takes(const ins_tuning_data *data, size_t i, double *x) {
  *x = data->x[i];
  return *x > 0;
}

static void curve_of(const void *context, const double *p, double *f, double *jacobian) {
  const ins_curve *curve = context;
  for (size_t i = 0; i < curve->n; i++) {
    double z = (log2(curve->x[i]) - p[CENTRE]) / p[SIGMA], g = exp(-z * z / 2);
    if (f) f[i] = p[BASE] + p[HEIGHT] * g;
    if (!jacobian) continue;
    double *row = jacobian + i * N_PARAMETERS;
    row[HEIGHT] = g;
    row[CENTRE] = p[HEIGHT] * g * z / p[SIGMA];
    row[SIGMA] = p[HEIGHT] * g * z * z / p[SIGMA];
    row[BASE] = 1;
  }
}

/* ---- the fit --------------------------------------------------------------------------------- */

typedef struct box {
  double first, last; /* octaves that were tested */
  double low[N_PARAMETERS], high[N_PARAMETERS];
} box;

/* Peaks up to half of the tested range (and an octave) beyond it may show themselves by a slope.
 * A width far below the distance of the conditions cannot be told from any other such width. */
static box make_box(const ins_curve *curve) {
  double first = log2(curve->x[0]), last = log2(curve->x[curve->n - 1]), octaves = last - first;
  double range = curve->high - curve->low, step = octaves / (double)(curve->n_distinct - 1);
  box b = {.first = first, .last = last};
  b.low[BASE] = fmin(curve->low, 0) - range / 4;
  b.high[BASE] = curve->low + range / 2;
  b.low[HEIGHT] = 0;
  b.high[HEIGHT] = 3 * (curve->high - b.low[BASE]);
  b.low[CENTRE] = first - octaves / 2 - 1;
  b.high[CENTRE] = last + octaves / 2 + 1;
  b.low[SIGMA] = step / 5;
  b.high[SIGMA] = 2 * octaves + 1;
  return b;
}

/* Half the octaves over which the response stays above half of its height, as a first sigma. */
static double guess_sigma(const ins_curve *curve, const box *b) {
  double half = (curve->low + curve->high) / 2, left = b->last, right = b->first;
  for (size_t i = 0; i < curve->n; i++) {
    if (curve->y[i] < half) continue;
    left = fmin(left, log2(curve->x[i]));
    right = fmax(right, log2(curve->x[i]));
  }
  double step = (b->last - b->first) / (double)(curve->n_distinct - 1);
  return fmax((right - left) / 2, step / 2) / sqrt(2 * M_LN2);
}

static ins_status fit_curve(const ins_curve *curve, const box *b, const double *warm,
                            ins_fitted *out) {
  double range = curve->high - curve->low, best = log2(curve->x[ins_curve_best(curve)]);
  double octaves = b->last - b->first, sigma = guess_sigma(curve, b);
  const double starts[N_STARTS * N_PARAMETERS] = {
      range,       best,
      sigma,       curve->low, /* at the best condition */
      range,       best,
      octaves / 2, curve->low, /* the same, wide */
      range,       b->first,
      octaves / 3, curve->low, /* low-pass */
      range,       b->last,
      octaves / 3, curve->low, /* high-pass */
      range,       b->first + octaves / 2,
      octaves / 4, curve->low, /* in the middle */
  };
  ins_fit fit = {curve_of, curve, curve->n, N_PARAMETERS, curve->y, b->low, b->high};
  return ins_fit_run(&fit, warm ? 1 : N_STARTS, warm ? warm : starts, out);
}

/* ---- what is read from it -------------------------------------------------------------------- */

static bool between(double x, double low, double high) {
  return x >= low && x <= high;
}

static bool off_edge(const box *b, const double *p, int j) {
  double margin = EDGE * (b->high[j] - b->low[j]);
  return between(p[j], b->low[j] + margin, b->high[j] - margin);
}

static void read_fit(const ins_curve *curve, const box *b, const ins_fitted *fitted, double *value,
                     bool *valid) {
  const double *p = fitted->p, best = curve->x[ins_curve_best(curve)];
  /* A curve that only falls has a fit whose peak lies a little inside; the neuron has none. */
  bool inner = best > curve->x[0] && best < curve->x[curve->n - 1];
  /* The best tested place lies `away` from the peak; the response is half of its, sqrt(away^2 +
   * 2 s^2 ln 2) from the peak. */
  double away = p[CENTRE] - fmin(fmax(p[CENTRE], b->first), b->last);
  double reach = sqrt(away * away + 2 * M_LN2 * p[SIGMA] * p[SIGMA]);
  double low = p[CENTRE] - reach, high = p[CENTRE] + reach;
  bool usable = fitted->converged && p[HEIGHT] + p[BASE] > 0 && off_edge(b, p, HEIGHT) &&
                off_edge(b, p, SIGMA);
  value[INS_LOG_PREFERRED] = exp2(p[CENTRE]);
  value[INS_LOG_BANDWIDTH] = 2 * p[SIGMA] * sqrt(2 * M_LN2);
  value[INS_LOG_R2] = fitted->r2;
  value[INS_LOG_LOW_CUTOFF] = exp2(low);
  value[INS_LOG_HIGH_CUTOFF] = exp2(high);
  valid[INS_LOG_R2] = fitted->converged;
  valid[INS_LOG_LOW_CUTOFF] = usable && between(low, b->first, b->last);
  valid[INS_LOG_HIGH_CUTOFF] = usable && between(high, b->first, b->last);
  valid[INS_LOG_PREFERRED] = usable && inner && between(p[CENTRE], b->first, b->last);
  valid[INS_LOG_BANDWIDTH] =
      valid[INS_LOG_PREFERRED] && (valid[INS_LOG_LOW_CUTOFF] || valid[INS_LOG_HIGH_CUTOFF]);
}

/* Top of the parabola through the best condition and its neighbours, in octaves. */
static void read_parabola(const ins_curve *curve, double *value, bool *valid) {
  size_t k = ins_curve_best(curve);
  if (k == 0 || k + 1 >= curve->n || !(curve->y[k] > 0)) return;
  double left = log2(curve->x[k - 1] / curve->x[k]), right = log2(curve->x[k + 1] / curve->x[k]);
  if (!(left < 0) || !(right > 0)) return;
  double rise = (curve->y[k - 1] - curve->y[k]) / left,
         fall = (curve->y[k + 1] - curve->y[k]) / right;
  double bend = (fall - rise) / (right - left);
  if (!(bend < 0)) return;
  value[INS_LOG_PREFERRED] = curve->x[k] * exp2(-(rise - bend * left) / (2 * bend));
  valid[INS_LOG_PREFERRED] = true;
}

ins_status ins_log_gaussian_measure(const ins_curve *curve, const double *warm, double *p,
                                    double *value, bool *valid) {
  ins_fitted fitted;
  for (int k = 0; k < INS_LOG_VALUES; k++) {
    value[k] = NAN;
    valid[k] = false;
  }
  for (int j = 0; j < INS_FIT_PARAMETERS; j++) p[j] = NAN;
  if (curve->n_distinct < PARABOLA_NEEDS) return INS_OK;
  value[INS_LOG_LOW_PASS] = curve->high > 0 ? curve->y[0] / curve->high : NAN;
  valid[INS_LOG_LOW_PASS] = curve->high > 0;
  if (!ins_curve_varies(curve)) return INS_OK;
  if (curve->n_distinct < FIT_NEEDS) {
    read_parabola(curve, value, valid);
    return INS_OK;
  }
  box b = make_box(curve);
  ins_status status = fit_curve(curve, &b, warm, &fitted);
  if (status != INS_OK) return status;
  for (int j = 0; j < N_PARAMETERS; j++) p[j] = fitted.p[j];
  read_fit(curve, &b, &fitted, value, valid);
  return INS_OK;
}
