/* SPDX-License-Identifier: MIT */
/** First singular pair by repeated squaring of the smaller Gram matrix.
 *
 * Squaring a Gram matrix k times raises its eigenvalues to the power 2^k, which leaves the largest
 * alone after some ten squarings unless the first two nearly agree. That takes no decisions on the
 * way, so it cannot end in another order on another day. */
#include "tuning/first_component.h"

#include <math.h>

#include "insilico/memory.h"

enum { MAX_SQUARINGS = 50 };

/* gram [n,n] of the rows of a, or of its columns when those are fewer */
static void make_gram(size_t rows, size_t columns, const double *a, double *gram) {
  bool of_rows = rows <= columns;
  size_t n = of_rows ? rows : columns, length = of_rows ? columns : rows;
  size_t step = of_rows ? columns : 1, inner = of_rows ? 1 : columns;
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j <= i; j++) {
      double sum = 0;
      const double *p = a + i * step, *q = a + j * step;
      for (size_t k = 0; k < length; k++) sum += p[k * inner] * q[k * inner];
      gram[i * n + j] = gram[j * n + i] = sum;
    }
  }
}

static double trace_of(size_t n, const double *m) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += m[i * n + i];
  return sum;
}

static void scale(size_t n, double by, double *x) {
  for (size_t i = 0; i < n; i++) x[i] *= by;
}

/* out = m m for a symmetric m, row by row so that the inner loop runs along memory */
static void square(size_t n, const double *m, double *out) {
  for (size_t i = 0; i < n * n; i++) out[i] = 0;
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < n; k++) {
      double f = m[i * n + k];
      for (size_t j = 0; j < n; j++) out[i * n + j] += f * m[k * n + j];
    }
  }
}

/* m of trace 1 -> nearly the projector on its first eigenvector; the result is in *m */
static void raise_power(size_t n, double **m, double **other) {
  for (int i = 0; i < MAX_SQUARINGS; i++) {
    square(n, *m, *other);
    double trace = trace_of(n, *other); /* sum of squared eigenvalues: 1 when one is left */
    double *swap = *m;
    *m = *other;
    *other = swap;
    scale(n * n, 1 / trace, *m);
    if (trace >= 1 - 1e-15) break;
  }
}

static double length_of(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

/* out [rows] = a x, or [columns] = x a */
static void multiply(size_t rows, size_t columns, const double *a, const double *x, double *out) {
  for (size_t i = 0; i < rows; i++) {
    double sum = 0;
    for (size_t j = 0; j < columns; j++) sum += a[i * columns + j] * x[j];
    out[i] = sum;
  }
}

static void multiply_transposed(size_t rows, size_t columns, const double *a, const double *x,
                                double *out) {
  for (size_t j = 0; j < columns; j++) out[j] = 0;
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) out[j] += x[i] * a[i * columns + j];
  }
}

/* The column of the projector with the largest diagonal element: the safest to normalise. */
static void take_vector(size_t n, const double *projector, double *out) {
  size_t best = 0;
  for (size_t i = 1; i < n; i++) {
    if (projector[i * n + i] > projector[best * n + best]) best = i;
  }
  for (size_t i = 0; i < n; i++) out[i] = projector[best * n + i];
  scale(n, 1 / length_of(n, out), out);
}

/* Both vectors and the value from the one that was found; its partner first, then itself again,
 * which also polishes it. */
static void complete(size_t rows, size_t columns, const double *a, double *left, double *value,
                     double *right) {
  bool have_left = rows <= columns;
  if (have_left) multiply_transposed(rows, columns, a, left, right);
  if (have_left) scale(columns, 1 / length_of(columns, right), right);
  multiply(rows, columns, a, right, left);
  *value = length_of(rows, left);
  scale(rows, 1 / *value, left);
  if (have_left) return;
  multiply_transposed(rows, columns, a, left, right);
  *value = length_of(columns, right);
  scale(columns, 1 / *value, right);
}

static void fix_sign(size_t rows, size_t columns, double *left, double *right) {
  size_t best = 0;
  for (size_t j = 1; j < columns; j++) {
    if (fabs(right[j]) > fabs(right[best])) best = j;
  }
  if (right[best] >= 0) return;
  scale(rows, -1, left);
  scale(columns, -1, right);
}

static double largest(size_t n, const double *a) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(a[i])) return NAN;
    most = fmax(most, fabs(a[i]));
  }
  return most;
}

ins_status ins_first_component(size_t rows, size_t columns, const double *a, double *left,
                               double *value, double *right, double *explained) {
  size_t n = rows <= columns ? rows : columns, size = rows * columns;
  double most = largest(size, a), total = 0;
  double *scaled = NULL, *m = NULL, *other = NULL;
  *value = 0;
  if (explained) *explained = NAN;
  for (size_t i = 0; i < rows; i++) left[i] = 0;
  for (size_t j = 0; j < columns; j++) right[j] = 0;
  if (!(most > 0)) return INS_OK;

  ins_status status = ins_alloc(size, sizeof *scaled, &scaled);
  if (!status) status = ins_alloc(n * n, sizeof *m, &m);
  if (!status) status = ins_alloc(n * n, sizeof *other, &other);
  if (status) goto done;
  /* Scaled by the largest element, so that squares of tiny numbers do not vanish. */
  for (size_t i = 0; i < size; i++) {
    scaled[i] = a[i] / most;
    total += scaled[i] * scaled[i];
  }
  make_gram(rows, columns, scaled, m);
  scale(n * n, 1 / trace_of(n, m), m);
  raise_power(n, &m, &other);
  take_vector(n, m, rows <= columns ? left : right);
  complete(rows, columns, scaled, left, value, right);
  fix_sign(rows, columns, left, right);
  if (explained) *explained = fmin(*value * *value / total, 1);
  *value *= most;
done:
  ins_free(&scaled);
  ins_free(&m);
  ins_free(&other);
  return status;
}
