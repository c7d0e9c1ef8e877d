/* SPDX-License-Identifier: MIT */
/* Intervals by a bootstrap over samples. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "components.h"
#include "insilico/agree.h"
#include "insilico/memory.h"
#include "insilico/random.h"
#include "lapack.h"

/* Samples that enter a product at a time. */
enum { PIECE = 256 };

/* What one rank computes a resample with. */
typedef struct bench {
  size_t n, m, k;  /* samples, components of the span, leading components that are asked for */
  double *y;       /* [n][m] coordinates of samples */
  int *weight;     /* [n] times that each was drawn */
  double *uniform; /* [n] */
  double *mean, *v2, *v2q; /* [m] */
  double *once, *twice;    /* [PIECE][m]: sqrt(w) y, w y */
  double *m1, *m2;         /* [m][m], lower triangles of Fortran */
  double *values, *room;   /* of dsyevd_ */
  int *integers, n_room, n_integers;
  /* Of the data: what lies outside the span, and what makes the estimate of all of it from that in
   * the span. */
  double rest_trace, rest_square;
  ins_spread rest;
  double least; /* variance of a resample; below it is rounding, of samples that are all the same */
} bench;

/* Numbers that a resample leaves: shares of variance [k], then 1 / PR of both kinds. */
static size_t n_left(const bench *b) {
  return b->k + 2;
}

static void clear(bench *b) {
  double **all[] = {&b->y,     &b->uniform, &b->mean, &b->v2,     &b->v2q, &b->once,
                    &b->twice, &b->m1,      &b->m2,   &b->values, &b->room};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(all[i]);
  ins_free(&b->weight);
  ins_free(&b->integers);
}

static ins_status create(size_t n, size_t m, size_t k, bench *b) {
  const size_t n_room = 1 + 6 * m + 2 * m * m;
  *b = (bench){.n = n, .m = m, .k = k, .n_room = (int)n_room, .n_integers = (int)(3 + 5 * m)};
  const struct {
    double **at;
    size_t n;
  } all[] = {{&b->y, n * m},  {&b->uniform, n},      {&b->mean, m},          {&b->v2, m},
             {&b->v2q, m},    {&b->once, PIECE * m}, {&b->twice, PIECE * m}, {&b->m1, m * m},
             {&b->m2, m * m}, {&b->values, m},       {&b->room, n_room}};
  ins_status status = ins_alloc(n, sizeof *b->weight, &b->weight);
  for (size_t i = 0; i < sizeof all / sizeof *all && status == INS_OK; i++)
    status = ins_alloc(all[i].n, sizeof(double), all[i].at);
  if (status == INS_OK)
    status = ins_alloc((size_t)b->n_integers, sizeof *b->integers, &b->integers);
  return status;
}

/* ---- coordinates -------------------------------------------------------------------------------
 */

/* Of items: their scores; of features: their loadings, as long as the singular values. */
static ins_status gather(const ins_pca *pca, const size_t *used, bench *b) {
  const ins_matrix *from = pca->of_items ? &pca->scores : &pca->loadings;
  double *all = b->y;
  ins_status status = INS_OK;
  if (pca->of_items && pca->n_used < pca->n_items)
    status = ins_alloc(from->n_rows * b->m, sizeof *all, &all);
  status = ins_agree(from->grid->comm, status);
  if (status == INS_OK) status = ins_matrix_gather(from, 0, from->n_rows, 0, b->m, all);
  for (size_t i = 0; i < b->n && status == INS_OK; i++)
    for (size_t j = 0; j < b->m; j++)
      b->y[i * b->m + j] =
          pca->of_items ? all[used[i] * b->m + j]
                        : all[i * b->m + j] * sqrt(pca->values[j] * (double)(pca->n_samples - 1));
  if (all != b->y) ins_free(&all);
  return status;
}

/* ---- a resample --------------------------------------------------------------------------------
 */

static void draw(const ins_component_analysis *s, int64_t resample, bench *b) {
  const ins_stream stream = ins_stream_at(s->seed, "components bootstrap", &resample, 1);
  memset(b->weight, 0, b->n * sizeof *b->weight);
  ins_stream_uniform(&stream, 0, b->n, b->uniform);
  for (size_t i = 0; i < b->n; i++) {
    const size_t at = (size_t)(b->uniform[i] * (double)b->n);
    b->weight[at < b->n ? at : b->n - 1]++;
  }
}

static void find_mean(bench *b) {
  memset(b->mean, 0, b->m * sizeof *b->mean);
  for (size_t i = 0; i < b->n; i++)
    for (size_t j = 0; j < b->m && b->weight[i]; j++)
      b->mean[j] += b->weight[i] * b->y[i * b->m + j] / (double)b->n;
}

/* Adds a sample to all sums but those of products, and its rows to the piece. */
static void add_sample(bench *b, size_t i, size_t at, ins_spread_sums *t) {
  const double w = b->weight[i], root = sqrt(w), *y = b->y + i * b->m;
  double *once = b->once + at * b->m, *twice = b->twice + at * b->m, q = 0, power = 1;
  for (size_t j = 0; j < b->m; j++) {
    const double z = y[j] - b->mean[j];
    once[j] = root * z;
    twice[j] = w * z;
    q += z * z;
  }
  for (size_t j = 0; j < b->m; j++) {
    b->v2[j] += w * twice[j];
    b->v2q[j] += w * q * twice[j];
  }
  for (int k = 0; k < 4; k++) t->s[k] += power *= w;
  t->q1 += w * q;
  t->q2 += w * w * q;
  t->r2 += w * w * q * q;
}

/* Adds the products of the samples of a piece. */
static void add_piece(bench *b, size_t n_rows) {
  const int m = (int)b->m, n = (int)n_rows;
  const double one = 1;
  dsyrk_("L", "N", &m, &n, &one, b->once, &m, &one, b->m1, &m);
  dsyrk_("L", "N", &m, &n, &one, b->twice, &m, &one, b->m2, &m);
}

/* tr(a b) of symmetric matrices in lower triangles. */
static double product(size_t m, const double *a, const double *b) {
  double diagonal = 0, off = 0;
  for (size_t j = 0; j < m; j++) {
    diagonal += a[j * m + j] * b[j * m + j];
    for (size_t i = j + 1; i < m; i++) off += a[j * m + i] * b[j * m + i];
  }
  return diagonal + 2 * off;
}

static ins_spread_sums sum_up(bench *b) {
  ins_spread_sums t = {0};
  size_t in_piece = 0;
  find_mean(b);
  memset(b->v2, 0, b->m * sizeof *b->v2);
  memset(b->v2q, 0, b->m * sizeof *b->v2q);
  memset(b->m1, 0, b->m * b->m * sizeof *b->m1);
  memset(b->m2, 0, b->m * b->m * sizeof *b->m2);
  for (size_t i = 0; i < b->n; i++) {
    if (!b->weight[i]) continue;
    add_sample(b, i, in_piece++, &t);
    if (in_piece == PIECE) add_piece(b, in_piece);
    in_piece %= PIECE;
  }
  if (in_piece) add_piece(b, in_piece);
  t.m1m1 = product(b->m, b->m1, b->m1);
  t.m1m2 = product(b->m, b->m1, b->m2);
  t.m2m2 = product(b->m, b->m2, b->m2);
  for (size_t j = 0; j < b->m; j++) t.v2q2 += b->v2[j] * b->v2q[j];
  return t;
}

/* From the largest on, into values[0..k). */
static ins_status find_values(bench *b) {
  const int m = (int)b->m;
  int info = 0;
  dsyevd_("N", "L", &m, b->m1, &m, b->values, b->room, &b->n_room, b->integers, &b->n_integers,
          &info);
  if (info) return ins_fail(INS_ERR_NUMERIC, "eigenvalues of a bootstrap sample did not converge");
  for (size_t i = 0; i < b->m / 2; i++) {
    const double last = b->values[b->m - 1 - i];
    b->values[b->m - 1 - i] = b->values[i];
    b->values[i] = last;
  }
  return INS_OK;
}

/* 1 / PR of a resample, with what the data have outside the span; NaN where there is no variance.
 */
static double inverse(ins_spread c) {
  return c.trace_squared > 0 ? c.squares_trace / c.trace_squared : (double)NAN;
}

static ins_status compute(bench *b, double *out) {
  const double d = (double)b->n - 1;
  const ins_spread_sums t = sum_up(b);
  ins_status status = find_values(b);
  if (status != INS_OK) return status;
  const double trace = t.q1 / d, all = trace + b->rest_trace;
  if (all <= b->least && b->least > 0) {
    for (size_t j = 0; j < n_left(b); j++) out[j] = (double)NAN;
    return INS_OK;
  }
  for (size_t j = 0; j < b->k; j++) out[j] = all > 0 ? fmax(b->values[j], 0) / d / all : 0;
  const ins_spread naive = {all * all, t.m1m1 / (d * d) + b->rest_square};
  ins_spread unbiased = ins_spread_unbiased(&t);
  unbiased.trace_squared += 2 * trace * b->rest_trace + b->rest.trace_squared;
  unbiased.squares_trace += b->rest.squares_trace;
  out[b->k] = inverse(naive);
  out[b->k + 1] = inverse(unbiased);
  return INS_OK;
}

/* What the data, as a resample of every sample once, have in the span is known now; the rest is
 * what the whole has more. */
static void find_rest(const ins_pca *pca, bench *b) {
  const double d = (double)b->n - 1, one = pca->scores.dtype == INS_F32 ? FLT_EPSILON : DBL_EPSILON;
  double inside = 0;
  b->least = pca->total * (100 * one) * (100 * one);
  for (size_t j = 0; j < b->m; j++) inside += pca->values[j];
  b->rest_trace = b->m < pca->n_values ? fmax(pca->total - inside, 0) : 0;
  for (size_t j = b->m; j < pca->n_values; j++) b->rest_square += pca->values[j] * pca->values[j];
  for (size_t i = 0; i < b->n; i++) b->weight[i] = 1;
  const ins_spread_sums t = sum_up(b);
  const ins_spread span = ins_spread_unbiased(&t), whole = ins_spread_unbiased(&pca->sums);
  b->rest.trace_squared = whole.trace_squared - span.trace_squared - 2 * t.q1 / d * b->rest_trace;
  b->rest.squares_trace = whole.squares_trace - span.squares_trace;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

/* Every rank computes each n_ranks-th resample: left [n_resamples][n_left], the others' are 0. */
static ins_status compute_all(const ins_component_analysis *s, const ins_work *work, bench *b,
                              double *left) {
  const size_t size = (size_t)work->grid->size, rank = (size_t)work->grid->rank;
  ins_status status = INS_OK;
  for (size_t first = 0; first < s->n_resamples && status == INS_OK; first += size) {
    const size_t r = first + rank;
    if (r < s->n_resamples) {
      draw(s, (int64_t)r, b);
      status = compute(b, left + r * n_left(b));
    }
    status = ins_agree(work->grid->comm, status);
    if (status == INS_OK)
      status = ins_work_beat(work, 0.5 + 0.3 * (double)first / (double)s->n_resamples);
  }
  if (status != INS_OK) return status;
  MPI_Allreduce(MPI_IN_PLACE, left, (int)(s->n_resamples * n_left(b)), MPI_DOUBLE, MPI_SUM,
                work->grid->comm);
  return INS_OK;
}

/* Interval of 1 / PR to one of PR; no end where 1 / PR may be 0. */
static void invert(const double in[2], double out[2]) {
  out[0] = in[1] > 0 ? 1 / in[1] : isnan(in[1]) ? (double)NAN : (double)INFINITY;
  out[1] = in[0] > 0 ? 1 / in[0] : isnan(in[0]) ? (double)NAN : (double)INFINITY;
}

static void find_intervals(const ins_component_analysis *s, const ins_pca *pca, const bench *b,
                           const double *left, double *column, ins_components_intervals *out) {
  double ends[2];
  for (size_t j = 0; j < n_left(b); j++) {
    for (size_t r = 0; r < s->n_resamples; r++) column[r] = left[r * n_left(b) + j];
    const double estimate = j < b->k    ? (pca->total > 0 ? pca->values[j] / pca->total : 0)
                            : j == b->k ? inverse(ins_spread_naive(&pca->sums))
                                        : inverse(ins_spread_unbiased(&pca->sums));
    ins_spread_interval(estimate, column, s->n_resamples, s->level, ends);
    if (j < b->k) {
      for (int e = 0; e < 2; e++)
        out->ratio[2 * j + (size_t)e] = isnan(ends[e]) ? ends[e] : fmin(fmax(ends[e], 0), 1);
    } else {
      invert(ends, j == b->k ? out->participation : out->corrected);
    }
  }
}

static void leave_unknown(const ins_component_analysis *s, ins_components_intervals *out) {
  for (size_t j = 0; j < 2 * s->n_components; j++) out->ratio[j] = (double)NAN;
  for (size_t e = 0; e < 2; e++) out->participation[e] = out->corrected[e] = (double)NAN;
}

ins_status ins_components_bootstrap(const ins_component_analysis *s, const ins_work *work,
                                    const ins_pca *pca, const size_t *used,
                                    ins_components_intervals *out) {
  bench b = {0};
  double *left = NULL, *column = NULL;
  leave_unknown(s, out);
  if (pca->n_samples < 2) return INS_OK;
  ins_status status = create(pca->n_samples, pca->n_components, s->n_components, &b);
  if (status == INS_OK) status = ins_alloc(s->n_resamples * n_left(&b), sizeof *left, &left);
  if (status == INS_OK) status = ins_alloc(s->n_resamples, sizeof *column, &column);
  status = ins_agree(work->grid->comm, status);
  if (status == INS_OK) status = gather(pca, used, &b);
  if (status == INS_OK) {
    find_rest(pca, &b);
    status = compute_all(s, work, &b, left);
  }
  if (status == INS_OK) find_intervals(s, pca, &b, left, column, out);
  clear(&b);
  ins_free(&left);
  ins_free(&column);
  return status;
}

static size_t n_samples(const ins_component_analysis *s) {
  return s->samples == INS_OF_FEATURES ? s->table->n_features : s->table->n_items;
}

double ins_components_bootstrap_bytes(const ins_component_analysis *s) {
  const double n = (double)n_samples(s), m = (double)s->n_span;
  if (!s->n_resamples) return 0;
  return 8 * (2 * n * m + 2 * n + 2 * PIECE * m + 4 * m * m + 20 * m +
              (double)s->n_resamples * ((double)s->n_components + 3));
}

/* Two products of the samples that were drawn, 63 in 100, and a tridiagonal form. */
double ins_components_bootstrap_flops(const ins_component_analysis *s) {
  const double n = (double)n_samples(s), m = (double)s->n_span;
  return (double)s->n_resamples * (2 * 0.632 * n * m * m + 4. / 3 * m * m * m);
}
