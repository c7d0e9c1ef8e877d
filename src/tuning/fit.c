/* SPDX-License-Identifier: MIT */
#include "tuning/fit.h"

#include <cminpack-1/cminpack.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "insilico/memory.h"

enum { EVALUATIONS = 200 };
/* Relative changes of the sum of squares and of the parameters at which a fit is at rest. */
static const double TOLERANCE = 1e-10;
/* A start on a bound would stay there: the map is flat. So starts keep this share of the range. */
static const double START_MARGIN = 0.01, AT_BOUND = 1e-6;

typedef struct work {
  const ins_fit *fit;
  double *rows;                      /* [m,n] derivatives as the curve gives them */
  double *residuals, *columns, *wa4; /* of lmder */
  size_t n_curves;
} work;

/* p = low + (high - low) (1 + sin u) / 2, as MINUIT does (James & Roos 1975): smooth, and every u
 * is allowed. */
static double inside(const ins_fit *fit, size_t j, double u) {
  return fit->low[j] + (fit->high[j] - fit->low[j]) * (1 + sin(u)) / 2;
}

static double slope(const ins_fit *fit, size_t j, double u) {
  return (fit->high[j] - fit->low[j]) * cos(u) / 2;
}

static double outside(const ins_fit *fit, size_t j, double p) {
  double share = (p - fit->low[j]) / (fit->high[j] - fit->low[j]);
  share = isfinite(share) ? fmin(fmax(share, START_MARGIN), 1 - START_MARGIN) : 0.5;
  return asin(2 * share - 1);
}

static void map_inside(const ins_fit *fit, const double *u, double *p) {
  for (size_t j = 0; j < fit->n; j++) p[j] = inside(fit, j, u[j]);
}

static int evaluate(void *context, int m, int n, const double *u, double *f, double *columns,
                    int stride, int what) {
  work *w = context;
  const ins_fit *fit = w->fit;
  double p[INS_FIT_PARAMETERS];
  map_inside(fit, u, p);
  if (what == 1) {
    w->n_curves++;
    fit->curve(fit->context, p, f, NULL);
    for (int i = 0; i < m; i++) {
      f[i] -= fit->y[i];
      if (!isfinite(f[i])) return -1;
    }
    return 0;
  }
  fit->curve(fit->context, p, NULL, w->rows);
  for (int j = 0; j < n; j++) {
    double chain = slope(fit, (size_t)j, u[j]);
    for (int i = 0; i < m; i++) {
      double d = w->rows[(size_t)i * fit->n + (size_t)j] * chain;
      if (!isfinite(d)) return -1;
      columns[(size_t)j * (size_t)stride + (size_t)i] = d;
    }
  }
  return 0;
}

static double sum_of_squares(const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sum;
}

/* One start; true when it ends at finite numbers. u [n] holds the end. */
static bool descend(work *w, const double *start, double *u, double *ss, bool *at_rest) {
  const ins_fit *fit = w->fit;
  enum { N = INS_FIT_PARAMETERS };
  double diagonal[N], qtf[N], wa1[N], wa2[N], wa3[N];
  int pivots[N], n_f = 0, n_j = 0, m = (int)fit->m, n = (int)fit->n;
  for (size_t j = 0; j < fit->n; j++) u[j] = outside(fit, j, start[j]);
  int info = lmder(evaluate, w, m, n, u, w->residuals, w->columns, m, TOLERANCE, TOLERANCE, 0,
                   EVALUATIONS, diagonal, 1, 1, 0, &n_f, &n_j, pivots, qtf, wa1, wa2, wa3, w->wa4);
  *ss = sum_of_squares(w->residuals, fit->m);
  /* 1 to 4: at rest; 6 to 8: nothing more to gain in double precision; 5: evaluations used up. */
  *at_rest = info >= 1 && info != 5;
  return info >= 1 && isfinite(*ss);
}

/* Inverse of the symmetric positive matrix a[n,n] by Cholesky's method, after scaling to a unit
 * diagonal so that parameters of different units do not look like a loss of rank. */
static bool invert(size_t n, double *a, double *inverse) {
  enum { N = INS_FIT_PARAMETERS };
  double scale[N], l[N * N] = {0};
  for (size_t i = 0; i < n; i++) {
    scale[i] = 1 / sqrt(a[i * n + i]);
    if (!isfinite(scale[i])) return false;
  }
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j <= i; j++) {
      double sum = a[i * n + j] * scale[i] * scale[j];
      for (size_t k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      if (i == j && !(sum > 1e-12)) return false;
      l[i * n + j] = i == j ? sqrt(sum) : sum / l[j * n + j];
    }
  }
  for (size_t c = 0; c < n; c++) {
    double x[N];
    for (size_t i = 0; i < n; i++) {
      x[i] = i == c ? 1 : 0;
      for (size_t k = 0; k < i; k++) x[i] -= l[i * n + k] * x[k];
      x[i] /= l[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
      for (size_t k = i + 1; k < n; k++) x[i] -= l[k * n + i] * x[k];
      x[i] /= l[i * n + i];
    }
    for (size_t i = 0; i < n; i++) inverse[i * n + c] = x[i] * scale[i] * scale[c];
  }
  return true;
}

static void find_covariance(work *w, ins_fitted *out) {
  const ins_fit *fit = w->fit;
  size_t n = fit->n, m = fit->m;
  double normal[INS_FIT_PARAMETERS * INS_FIT_PARAMETERS];
  fit->curve(fit->context, out->p, NULL, w->rows);
  for (size_t a = 0; a < n; a++) {
    for (size_t b = 0; b < n; b++) {
      normal[a * n + b] = 0;
      for (size_t i = 0; i < m; i++) normal[a * n + b] += w->rows[i * n + a] * w->rows[i * n + b];
    }
  }
  bool known = m > n && invert(n, normal, out->covariance);
  double variance = known ? out->ss / (double)(m - n) : NAN;
  for (size_t i = 0; i < n * n; i++)
    out->covariance[i] = known ? out->covariance[i] * variance : NAN;
}

static double explained(const ins_fit *fit, double ss) {
  double mean = 0, about_mean = 0;
  for (size_t i = 0; i < fit->m; i++) mean += fit->y[i] / (double)fit->m;
  for (size_t i = 0; i < fit->m; i++) about_mean += (fit->y[i] - mean) * (fit->y[i] - mean);
  return about_mean > 0 ? 1 - ss / about_mean : NAN;
}

static bool touches_bound(const ins_fit *fit, const double *p) {
  for (size_t j = 0; j < fit->n; j++) {
    double share = (p[j] - fit->low[j]) / (fit->high[j] - fit->low[j]);
    if (share < AT_BOUND || share > 1 - AT_BOUND) return true;
  }
  return false;
}

static void run_starts(work *w, size_t n_starts, const double *starts, ins_fitted *out) {
  const ins_fit *fit = w->fit;
  double best[INS_FIT_PARAMETERS], u[INS_FIT_PARAMETERS], ss;
  bool found = false, at_rest;
  for (size_t s = 0; s < n_starts; s++) {
    if (!descend(w, starts + s * fit->n, u, &ss, &at_rest) || (found && !(ss < out->ss))) continue;
    memcpy(best, u, fit->n * sizeof *best);
    out->ss = ss;
    out->converged = at_rest;
    found = true;
  }
  out->n_curves = w->n_curves;
  if (!found) return;
  map_inside(fit, best, out->p);
  out->at_bound = touches_bound(fit, out->p);
  out->r2 = explained(fit, out->ss);
  find_covariance(w, out);
}

ins_status ins_fit_run(const ins_fit *fit, size_t n_starts, const double *starts, ins_fitted *out) {
  size_t m = fit->m, n = fit->n, n_rows;
  work w = {.fit = fit};
  ins_status status = INS_OK;
  *out = (ins_fitted){.ss = NAN, .r2 = NAN};
  for (size_t i = 0; i < n * n; i++) out->covariance[i] = NAN;
  memcpy(out->p, starts, n * sizeof *starts);
  if (m < n || m > INT_MAX / INS_FIT_PARAMETERS) return INS_OK;
  if (!ins_mul(m, n, &n_rows)) return ins_fail(INS_ERR_MEMORY, "too many points to fit");
  if ((status = ins_alloc(n_rows, sizeof(double), &w.rows)) != INS_OK) goto done;
  if ((status = ins_alloc(n_rows, sizeof(double), &w.columns)) != INS_OK) goto done;
  if ((status = ins_alloc(m, sizeof(double), &w.residuals)) != INS_OK) goto done;
  if ((status = ins_alloc(m, sizeof(double), &w.wa4)) != INS_OK) goto done;
  run_starts(&w, n_starts, starts, out);
done:
  ins_free(&w.rows);
  ins_free(&w.columns);
  ins_free(&w.residuals);
  ins_free(&w.wa4);
  return status;
}
