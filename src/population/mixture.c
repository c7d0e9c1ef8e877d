/* SPDX-License-Identifier: MIT */
#include "mixture.h"

#include <math.h>
#include <string.h>

#include "insilico/memory.h"

void dgemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k,
            const double *alpha, const double *a, const int *lda, const double *b, const int *ldb,
            const double *beta, double *c, const int *ldc);

/* Points that are worked on together: their products and densities stay in the cache. */
enum { TILE = 256 };
/* A density that is smaller than the largest of its point by exp of this is 2e-22 of it: beside
 * that it is nothing, and of all points together too little to keep a component alive. */
static const double NOTHING = -50;
/* Components of less than this many points are over: their sums say nothing. */
static const double LEAST = 1e-8;

/* A density as a linear function of the features of a point: products x_a x_b (a <= b; diagonal
 * kinds: a = b), then x_a. */
typedef struct engine {
  ins_covariance kind;
  const double *x; /* [n,d] */
  size_t n, d, k, n_features;
  bool products;    /* of different coordinates */
  double ridge;     /* r: what is added to variances */
  double *center;   /* [d] mean of x, around which all is computed */
  double *shifted;  /* [d,n] */
  double *features; /* [n_features,TILE] */
  double *density;  /* [k,TILE] logarithms, then shares */
  double *total;    /* [TILE] log p(x_i), the largest density before it is known */
  double *slope;    /* [k,n_features] */
  double *offset;   /* [k] */
  double *sum;      /* [k,n_features] of the shares times the features */
  double *count;    /* [k] N_j */
  double *factor;   /* [d,d] */
  double *inverse;  /* [d,d] */
  double *pooled;   /* [d,d] */
} engine;

size_t ins_mixture_size(size_t k, size_t d) {
  return k * (1 + d + d * d);
}

ins_mixture ins_mixture_in(double *numbers, size_t k, size_t d) {
  return (ins_mixture){
      .k = k, .d = d, .weight = numbers, .mean = numbers + k, .covariance = numbers + k + k * d};
}

double ins_mixture_freedom(ins_covariance kind, size_t k, size_t d) {
  const double means = (double)k - 1 + (double)k * (double)d,
               matrix = (double)d * ((double)d + 1) / 2;
  switch (kind) {
  case INS_COVARIANCE_FULL:
    return means + (double)k * matrix;
  case INS_COVARIANCE_DIAGONAL:
    return means + (double)k * (double)d;
  case INS_COVARIANCE_SPHERICAL:
    return means + (double)k;
  case INS_COVARIANCE_TIED:
    return means + matrix;
  }
  return NAN;
}

double ins_mixture_bic(ins_covariance kind, size_t k, size_t d, size_t n, double log_likelihood) {
  return -2 * log_likelihood + ins_mixture_freedom(kind, k, d) * log((double)n);
}

/* ---- memory ------------------------------------------------------------------------------------
 */

static void clear(engine *e) {
  ins_free(&e->center);
  ins_free(&e->shifted);
  ins_free(&e->features);
  ins_free(&e->density);
  ins_free(&e->total);
  ins_free(&e->slope);
  ins_free(&e->offset);
  ins_free(&e->sum);
  ins_free(&e->count);
  ins_free(&e->factor);
  ins_free(&e->inverse);
  ins_free(&e->pooled);
}

static ins_status allocate(engine *e) {
  const size_t d = e->d, k = e->k, size = sizeof(double);
  ins_status status = ins_alloc(d, size, &e->center);
  if (status == INS_OK) status = ins_alloc(e->n, d * size, &e->shifted);
  if (status == INS_OK) status = ins_alloc(e->n_features, TILE * size, &e->features);
  if (status == INS_OK) status = ins_alloc(k, TILE * size, &e->density);
  if (status == INS_OK) status = ins_alloc(TILE, size, &e->total);
  if (status == INS_OK) status = ins_alloc(k, e->n_features * size, &e->slope);
  if (status == INS_OK) status = ins_alloc(k, size, &e->offset);
  if (status == INS_OK) status = ins_alloc(k, e->n_features * size, &e->sum);
  if (status == INS_OK) status = ins_alloc(k, size, &e->count);
  if (status == INS_OK) status = ins_alloc(d, d * size, &e->factor);
  if (status == INS_OK) status = ins_alloc(d, d * size, &e->inverse);
  if (status == INS_OK) status = ins_alloc(d, d * size, &e->pooled);
  return status;
}

/* Moves x around its mean; returns the mean variance of its coordinates. */
static double shift(engine *e) {
  const size_t n = e->n, d = e->d;
  double variance = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t a = 0; a < d; a++) e->center[a] += e->x[i * d + a];
  for (size_t a = 0; a < d; a++) e->center[a] /= (double)n;
  for (size_t a = 0; a < d; a++) {
    double *to = e->shifted + a * n;
    for (size_t i = 0; i < n; i++) {
      to[i] = e->x[i * d + a] - e->center[a];
      variance += to[i] * to[i];
    }
  }
  return variance / (double)n / (double)d;
}

static ins_status start(engine *e, double regularization) {
  e->products = e->kind == INS_COVARIANCE_FULL || e->kind == INS_COVARIANCE_TIED;
  e->n_features = e->d + (e->products ? e->d * (e->d + 1) / 2 : e->d);
  ins_status status = allocate(e);
  if (status != INS_OK) return status;
  const double variance = shift(e);
  if (!isfinite(variance))
    return ins_fail(INS_ERR_NUMERIC, "mixture: points are not finite, or too large to be squared");
  e->ridge = regularization * (variance > 0 ? variance : 1);
  return INS_OK;
}

/* ---- densities ---------------------------------------------------------------------------------
 */

/* Features of points [at, at + m). */
static void find_features(engine *e, size_t at, size_t m) {
  double *restrict to = e->features;
  for (size_t a = 0; a < e->d; a++) {
    const double *restrict x = e->shifted + a * e->n + at;
    for (size_t b = a; b < (e->products ? e->d : a + 1); b++, to += TILE) {
      const double *restrict y = e->shifted + b * e->n + at;
      for (size_t i = 0; i < m; i++) to[i] = x[i] * y[i];
    }
  }
  for (size_t a = 0; a < e->d; a++, to += TILE)
    memcpy(to, e->shifted + a * e->n + at, m * sizeof *to);
}

/* Lower Cholesky factor of c [d,d]; false where there is none. */
static bool cholesky(size_t d, const double *c, double *l) {
  memset(l, 0, d * d * sizeof *l);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = c[i * d + j];
      for (size_t q = 0; q < j; q++) sum -= l[i * d + q] * l[j * d + q];
      if (i == j && !(sum > 0 && isfinite(sum))) return false;
      l[i * d + j] = i == j ? sqrt(sum) : sum / l[j * d + j];
    }
  return true;
}

/* Inverse of l l^T, column by column: l y = unit, l^T p = y. */
static void invert(size_t d, const double *l, double *p) {
  for (size_t c = 0; c < d; c++) {
    double *y = p + c * d; /* p is symmetric: a row is a column */
    for (size_t i = 0; i < d; i++) {
      y[i] = i == c ? 1 : 0;
      for (size_t q = c; q < i; q++) y[i] -= l[i * d + q] * y[q];
      y[i] /= l[i * d + i];
    }
    for (size_t i = d; i-- > 0;) {
      for (size_t q = i + 1; q < d; q++) y[i] -= l[q * d + i] * y[q];
      y[i] /= l[i * d + i];
    }
  }
}

/* Component j as a linear function of features: log w - (d log 2 pi + log |C| + (x - m)^T P (x -
 * m)) / 2, P the inverse of C. */
static ins_status find_slope(engine *e, const ins_mixture *m, size_t j) {
  const size_t d = e->d;
  double *slope = e->slope + j * e->n_features, *linear = slope + (e->n_features - d);
  double constant = (double)d * log(2 * M_PI);
  if (!cholesky(d, m->covariance + j * d * d, e->factor))
    return ins_fail(
        INS_ERR_NUMERIC,
        "mixture: the covariance of component %zu of %zu is singular in %zu dimensions; "
        "a larger regularization helps, or fewer components",
        j, e->k, d);
  invert(d, e->factor, e->inverse);
  for (size_t a = 0; a < d; a++) {
    const double *p = e->inverse + a * d, mean = m->mean[j * d + a] - e->center[a];
    linear[a] = 0;
    for (size_t b = 0; b < d; b++) linear[a] += p[b] * (m->mean[j * d + b] - e->center[b]);
    constant += 2 * log(e->factor[a * d + a]) + mean * linear[a];
    *slope++ = -p[a] / 2;
    for (size_t b = a + 1; e->products && b < d; b++) *slope++ = -p[b];
  }
  e->offset[j] = m->weight[j] > 0 ? log(m->weight[j]) - constant / 2 : -INFINITY;
  return INS_OK;
}

static ins_status find_slopes(engine *e, const ins_mixture *m) {
  ins_status status = INS_OK;
  for (size_t j = 0; j < e->k && status == INS_OK; j++) status = find_slope(e, m, j);
  return status;
}

/* density[j,i] = log w_j N(x_i; m_j, C_j) for the points of a tile, total[i] the largest of them.
 */
static void find_densities(engine *e, size_t m) {
  const int points = (int)m, k = (int)e->k, f = (int)e->n_features, stride = TILE;
  const double one = 1;
  for (size_t j = 0; j < e->k; j++)
    for (size_t i = 0; i < m; i++) e->density[j * TILE + i] = e->offset[j];
  dgemm_("N", "N", &points, &k, &f, &one, e->features, &stride, e->slope, &f, &one, e->density,
         &stride);
  for (size_t i = 0; i < m; i++) e->total[i] = e->density[i];
  for (size_t j = 1; j < e->k; j++) {
    const double *restrict density = e->density + j * TILE;
    for (size_t i = 0; i < m; i++)
      e->total[i] = density[i] > e->total[i] ? density[i] : e->total[i];
  }
}

/* Densities become shares p_ij, total becomes log p(x_i), whose sum is returned. */
static double share_out(engine *e, size_t m) {
  double sum[TILE] = {0}, log_likelihood = 0;
  for (size_t j = 0; j < e->k; j++) {
    double *density = e->density + j * TILE;
    for (size_t i = 0; i < m; i++) {
      const double below = density[i] - e->total[i];
      density[i] = below > NOTHING ? exp(below) : 0;
      sum[i] += density[i];
    }
  }
  for (size_t i = 0; i < m; i++) {
    log_likelihood += e->total[i] += log(sum[i]);
    sum[i] = 1 / sum[i];
  }
  for (size_t j = 0; j < e->k; j++)
    for (size_t i = 0; i < m; i++) e->density[j * TILE + i] *= sum[i];
  return log_likelihood;
}

/* ---- an iteration ------------------------------------------------------------------------------
 */

static void forget_sums(engine *e) {
  memset(e->sum, 0, e->k * e->n_features * sizeof *e->sum);
  memset(e->count, 0, e->k * sizeof *e->count);
}

/* Adds the features of a tile, weighted by the shares in `density`. */
static void add_tile(engine *e, size_t m) {
  const int points = (int)m, k = (int)e->k, f = (int)e->n_features, stride = TILE;
  const double one = 1;
  dgemm_("T", "N", &f, &k, &points, &one, e->features, &stride, e->density, &stride, &one, e->sum,
         &f);
  for (size_t j = 0; j < e->k; j++)
    for (size_t i = 0; i < m; i++) e->count[j] += e->density[j * TILE + i];
}

/* Expectation: sums of the features under the mixture, and its log-likelihood. */
static ins_status expect(engine *e, const ins_mixture *m, double *log_likelihood) {
  ins_status status = find_slopes(e, m);
  if (status != INS_OK) return status;
  forget_sums(e);
  *log_likelihood = 0;
  for (size_t at = 0; at < e->n; at += TILE) {
    const size_t n = e->n - at < TILE ? e->n - at : TILE;
    find_features(e, at, n);
    find_densities(e, n);
    *log_likelihood += share_out(e, n);
    add_tile(e, n);
  }
  return INS_OK;
}

/* Mean and covariance of component j, from its sums. */
static void find_moments(engine *e, ins_mixture *m, size_t j) {
  const size_t d = e->d;
  const double count = e->count[j], *second = e->sum + j * e->n_features,
               *first = second + (e->n_features - d);
  double *mean = m->mean + j * d, *c = m->covariance + j * d * d, mean_variance = 0;
  for (size_t a = 0; a < d; a++) mean[a] = first[a] / count;
  for (size_t a = 0; a < d; a++)
    for (size_t b = a; b < d; b++) {
      const double x = e->products || a == b ? *second++ / count - mean[a] * mean[b] : 0;
      c[a * d + b] = c[b * d + a] = a == b ? fmax(x, 0) : x;
      if (a == b) mean_variance += c[a * d + b] / (double)d;
    }
  for (size_t a = 0; a < d; a++) {
    if (e->kind == INS_COVARIANCE_SPHERICAL) c[a * d + a] = mean_variance;
    if (e->kind != INS_COVARIANCE_TIED) c[a * d + a] += e->ridge;
    mean[a] += e->center[a];
  }
}

static void tie(engine *e, ins_mixture *m) {
  const size_t area = e->d * e->d;
  memset(e->pooled, 0, area * sizeof *e->pooled);
  for (size_t j = 0; j < e->k; j++)
    for (size_t q = 0; q < area; q++) e->pooled[q] += m->weight[j] * m->covariance[j * area + q];
  for (size_t a = 0; a < e->d; a++) e->pooled[a * e->d + a] += e->ridge;
  for (size_t j = 0; j < e->k; j++)
    memcpy(m->covariance + j * area, e->pooled, area * sizeof *e->pooled);
}

/* A component that no point is left for has no weight from now on; a unit sphere is as good as any
 * other covariance then. */
static void bury(engine *e, ins_mixture *m, size_t j) {
  const size_t d = e->d;
  m->weight[j] = 0;
  memcpy(m->mean + j * d, e->center, d * sizeof(double));
  memset(m->covariance + j * d * d, 0, d * d * sizeof(double));
  for (size_t a = 0; a < d; a++) m->covariance[j * d * d + a * d + a] = 1;
}

/* Maximisation. */
static void maximise(engine *e, ins_mixture *m) {
  double total = 0;
  for (size_t j = 0; j < e->k; j++) {
    if (e->count[j] < LEAST) e->count[j] = 0;
    total += e->count[j];
  }
  for (size_t j = 0; j < e->k; j++) {
    m->weight[j] = e->count[j] / total;
    if (e->count[j] > 0)
      find_moments(e, m, j);
    else
      bury(e, m, j);
  }
  if (e->kind == INS_COVARIANCE_TIED) tie(e, m);
}

/* ---- what others see ---------------------------------------------------------------------------
 */

ins_status ins_mixture_of_labels(const double *x, size_t n, size_t d, const int32_t *label,
                                 const ins_mixture_options *options, ins_mixture *m) {
  engine e = {.kind = options->kind, .x = x, .n = n, .d = d, .k = m->k};
  ins_status status = start(&e, options->regularization);
  if (status != INS_OK) goto done;
  for (size_t at = 0; at < n; at += TILE) {
    const size_t points = n - at < TILE ? n - at : TILE;
    find_features(&e, at, points);
    memset(e.density, 0, e.k * TILE * sizeof *e.density);
    for (size_t i = 0; i < points; i++) e.density[(size_t)label[at + i] * TILE + i] = 1;
    add_tile(&e, points);
  }
  maximise(&e, m);
done:
  clear(&e);
  return status;
}

ins_status ins_mixture_fit_to(const double *x, size_t n, size_t d,
                              const ins_mixture_options *options, ins_mixture *m,
                              ins_mixture_fit *out) {
  engine e = {.kind = options->kind, .x = x, .n = n, .d = d, .k = m->k};
  double before = -INFINITY;
  *out = (ins_mixture_fit){0};
  ins_status status = start(&e, options->regularization);
  if (status == INS_OK) status = expect(&e, m, &out->log_likelihood);
  while (status == INS_OK && !out->converged && out->n_iterations < options->max_iterations) {
    before = out->log_likelihood;
    maximise(&e, m);
    status = expect(&e, m, &out->log_likelihood);
    out->n_iterations++;
    out->converged = fabs(out->log_likelihood - before) <= options->tolerance * (double)n;
  }
  if (status == INS_OK && !isfinite(out->log_likelihood))
    status =
        ins_fail(INS_ERR_NUMERIC, "mixture: the likelihood of %zu components is not finite", m->k);
  clear(&e);
  return status;
}

ins_status ins_mixture_assign(const double *x, size_t n, const ins_mixture *m, int32_t *label,
                              double *probability, double *log_likelihood) {
  engine e = {.kind = INS_COVARIANCE_FULL, .x = x, .n = n, .d = m->d, .k = m->k};
  double total = 0;
  ins_status status = start(&e, 0);
  if (status == INS_OK) status = find_slopes(&e, m);
  for (size_t at = 0; status == INS_OK && at < n; at += TILE) {
    const size_t points = n - at < TILE ? n - at : TILE;
    find_features(&e, at, points);
    find_densities(&e, points);
    total += share_out(&e, points);
    for (size_t i = 0; i < points; i++) {
      size_t best = 0;
      for (size_t j = 1; j < e.k; j++)
        if (e.density[j * TILE + i] > e.density[best * TILE + i]) best = j;
      label[at + i] = (int32_t)best;
      if (probability) probability[at + i] = e.density[best * TILE + i];
    }
  }
  if (status == INS_OK && log_likelihood) *log_likelihood = total;
  clear(&e);
  return status;
}
