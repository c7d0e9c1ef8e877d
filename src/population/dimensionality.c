/* SPDX-License-Identifier: MIT */
#include "dimensionality.h"

#include <math.h>
#include <stdlib.h>

ins_spread_sums ins_spread_equal(size_t n, double trace, double square, double fourth) {
  const double k = (double)n;
  return (ins_spread_sums){.s = {k, k, k, k},
                           .q1 = trace,
                           .q2 = trace,
                           .r2 = fourth,
                           .m1m1 = square,
                           .m1m2 = square,
                           .m2m2 = square};
}

ins_spread ins_spread_naive(const ins_spread_sums *t) {
  const double d = t->s[0] - 1;
  if (d <= 0) return (ins_spread){0};
  return (ins_spread){t->q1 * t->q1 / (d * d), t->m1m1 / (d * d)};
}

/* Sum over distinct i, j, k, l of w_i w_j w_k w_l: n (n - 1) (n - 2) (n - 3) for equal weights. */
static double distinct(const double s[4]) {
  return s[0] * s[0] * (s[0] * s[0] - 6 * s[1]) + 3 * s[1] * s[1] + 8 * s[0] * s[2] - 6 * s[3];
}

/* Sums over distinct i, j, k, l by inclusion and exclusion: sums over all of them, minus those
 * where some are equal. As sum w y = 0, whatever has an index alone in an inner product is gone; of
 * the products |y_i|^2 |y_j|^2, (y_i'y_j)^2, |y_i|^2 y_j'y_k, y_i'y_j y_j'y_k and y_i'y_j y_k'y_l
 * that the two kernels consist of, this is left. */
ins_spread ins_spread_unbiased(const ins_spread_sums *t) {
  const double *s = t->s, n4 = distinct(s);
  /* Weights are whole numbers: what three samples leave is rounding. */
  if (!(n4 > 1e-9 * s[0] * s[0] * s[0] * s[0])) return (ins_spread){(double)NAN, (double)NAN};
  const double pairs = s[0] * s[0] - s[1],
               both = t->q2 * t->q2 + 2 * t->m2m2 - 4 * t->v2q2 - pairs * t->r2;
  return (ins_spread){(pairs * t->q1 * t->q1 - 2 * s[0] * t->q1 * t->q2 + both) / n4,
                      (pairs * t->m1m1 - 2 * s[0] * t->m1m2 + both) / n4};
}

/* The same for one variable, where (tr C)^2 = tr(C^2), summed over variables. */
double ins_spread_diagonal(size_t n, double squares, double fourth) {
  const ins_spread_sums one = {.s = {(double)n, (double)n, (double)n, (double)n}};
  const double k = (double)n;
  if (n < 4) return (double)NAN;
  return ((k * k - 3 * k + 3) * squares - k * (k - 1) * fourth) / distinct(one.s);
}

ins_spread ins_spread_shared(const ins_cross_sums *t) {
  const double n = (double)t->n, s[4] = {n, n, n, n}, pairs = n * (n - 1), n4 = distinct(s);
  if (t->n < 4) return (ins_spread){(double)NAN, (double)NAN};
  return (ins_spread){
      (pairs * (t->ab * t->ab - t->abab) - (2 * n - 1) * t->ab * t->ab + t->across + t->crossed) /
          n4,
      (pairs * (t->within - t->aabb) - (2 * n - 2) * t->within + t->aa * t->bb) / n4};
}

double ins_participation(ins_spread c) {
  if (c.trace_squared == 0 && c.squares_trace == 0) return 0;
  if (!(c.trace_squared > 0) || !(c.squares_trace > 0)) return (double)NAN;
  return c.trace_squared / c.squares_trace;
}

double ins_quantile_sorted(const double *x, size_t n, double share) {
  const double at = share * (double)(n - 1);
  const size_t i = at >= (double)(n - 1) ? n - 1 : (size_t)at, j = i + 1 < n ? i + 1 : i;
  return x[i] + (at - (double)i) * (x[j] - x[i]);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void ins_spread_interval(double estimate, double *resampled, size_t n, double level, double out[2]) {
  size_t k = 0;
  double mean = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(resampled[i])) resampled[k++] = resampled[i];
  out[0] = out[1] = (double)NAN;
  if (k < 2 || isnan(estimate)) return;
  qsort(resampled, k, sizeof *resampled, ascending);
  for (size_t i = 0; i < k; i++) mean += resampled[i] / (double)k;
  out[0] = ins_quantile_sorted(resampled, k, (1 - level) / 2) - mean + estimate;
  out[1] = ins_quantile_sorted(resampled, k, (1 + level) / 2) - mean + estimate;
}
