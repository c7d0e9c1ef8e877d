/* SPDX-License-Identifier: MIT */
/* Ridge regression on distributed matrices. */
#include "ridge.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "conditions.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

/* ---- fitting ------------------------------------------------------------------------------------
 */

/* Standard deviations below this share of the mean are rounding: of single precision the last
 * digit, which is all that sums in double leave. */
static double least_variation(ins_dtype dtype) {
  return dtype == INS_F32 ? 2 * (double)FLT_EPSILON : 1e-13;
}

/* Differences below this share are rounding. */
static double slack_of(ins_dtype dtype) {
  return dtype == INS_F32 ? 1e-6 : 1e-13;
}

/* Adds the mean of what is left of each neuron to r->mean and removes it. */
static ins_status remove_mean(ins_ridge *r, ins_matrix *x) {
  ins_status status = ins_matrix_row_sums(x, NULL, r->scale, NULL);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < r->n_neurons; i++) r->scale[i] /= (double)r->n_samples;
  ins_matrix_scale_rows(x, r->scale, NULL);
  for (size_t i = 0; i < r->n_neurons; i++) r->mean[i] += r->scale[i];
  return INS_OK;
}

/* The sum of many equal numbers is off by more than the last digit: a second mean takes away what
 * that leaves, which would pass for variation of a neuron that has none. */
static ins_status standardise(ins_ridge *r, ins_matrix *x) {
  const double n = (double)r->n_samples, slack = least_variation(x->dtype);
  double *squares = r->scale, *sum = NULL;
  ins_status status = ins_agree(x->grid->comm, ins_alloc(r->n_neurons, sizeof *sum, &sum));
  if (status == INS_OK) status = remove_mean(r, x);
  if (status == INS_OK) status = remove_mean(r, x);
  if (status == INS_OK) status = ins_matrix_row_sums(x, NULL, sum, squares);
  if (status == INS_OK) {
    for (size_t i = 0; i < r->n_neurons; i++) {
      const double sd = sqrt(squares[i] / n);
      r->scale[i] = sd > slack * fabs(r->mean[i]) ? 1 / sd : 0;
    }
    ins_matrix_scale_rows(x, NULL, r->scale);
  }
  ins_free(&sum);
  return status;
}

/* Eigenvalues that are zero but for rounding say nothing about directions. */
static void clean_values(ins_ridge *r, size_t n, ins_dtype dtype) {
  const double least = 10 * slack_of(dtype) * (n ? fmax(r->d[0], 0) : 0);
  double sum = 0;
  for (size_t j = 0; j < n; j++) {
    if (!(r->d[j] > least)) r->d[j] = 0;
    sum += r->d[j];
  }
  size_t able = 0;
  for (size_t i = 0; i < r->n_neurons; i++) able += r->scale[i] > 0;
  if (able > r->n_samples) able = r->n_samples;
  r->unit = able ? sum / (double)able : 0;
}

static ins_status decompose(ins_ridge *r, const ins_matrix *z) {
  const size_t n = r->dual ? r->n_samples : r->n_neurons;
  ins_matrix gram = {0};
  ins_status status = ins_matrix_create(z->grid, z->dtype, n, n, &gram);
  if (status == INS_OK) status = ins_matrix_create(z->grid, z->dtype, n, n, &r->vectors);
  if (status == INS_OK) status = ins_matrix_gram(1, z, r->dual, &gram);
  if (status == INS_OK) status = ins_matrix_eigen(&gram, r->d, &r->vectors);
  if (status == INS_OK) clean_values(r, n, z->dtype);
  ins_matrix_clear(&gram);
  return status;
}

static ins_status centre_targets(ins_ridge *r, const ins_matrix *y, ins_matrix *centred) {
  ins_status status = ins_matrix_create(y->grid, y->dtype, y->n_rows, y->n_columns, centred);
  if (status != INS_OK) return status;
  ins_matrix_copy(y, centred);
  status = ins_matrix_column_sums(y, NULL, r->intercept, NULL);
  for (size_t c = 0; c < r->n_targets; c++) r->intercept[c] /= (double)r->n_samples;
  if (status == INS_OK) ins_matrix_scale_columns(centred, r->intercept, NULL);
  return status;
}

static ins_status project(ins_ridge *r, const ins_matrix *y, const ins_matrix *z) {
  const size_t n = r->dual ? r->n_samples : r->n_neurons;
  ins_status status = centre_targets(r, y, &r->y);
  if (status == INS_OK && !r->dual)
    status = ins_matrix_create(z->grid, z->dtype, r->n_samples, n, &r->scores);
  if (status == INS_OK && !r->dual)
    status = ins_matrix_multiply(1, z, true, &r->vectors, false, 0, &r->scores);
  if (status == INS_OK)
    status = ins_matrix_create(z->grid, z->dtype, n, r->n_targets, &r->projected);
  if (status == INS_OK)
    status = ins_matrix_multiply(1, r->dual ? &r->vectors : &r->scores, true, &r->y, false, 0,
                                 &r->projected);
  if (r->dual) ins_matrix_clear(&r->y);
  return status;
}

static ins_status make_room(const ins_matrix *x, const ins_matrix *y, ins_ridge **out) {
  ins_ridge *r;
  ins_status status = ins_alloc(1, sizeof *r, &r);
  if ((*out = r) == NULL) return status;
  r->n_neurons = x->n_rows;
  r->n_samples = x->n_columns;
  r->n_targets = y->n_columns;
  r->dual = r->n_samples < r->n_neurons;
  status = ins_alloc(r->n_neurons, sizeof *r->mean, &r->mean);
  if (status == INS_OK) status = ins_alloc(r->n_neurons, sizeof *r->scale, &r->scale);
  if (status == INS_OK) status = ins_alloc(r->n_targets, sizeof *r->intercept, &r->intercept);
  if (status == INS_OK)
    status = ins_alloc(r->dual ? r->n_samples : r->n_neurons, sizeof *r->d, &r->d);
  return status;
}

ins_status ins_ridge_create(ins_matrix *x, const ins_matrix *y, ins_ridge **out) {
  ins_status status = ins_agree(x->grid->comm, make_room(x, y, out));
  if (status == INS_OK) status = standardise(*out, x);
  if (status == INS_OK) status = decompose(*out, x);
  if (status == INS_OK) status = project(*out, y, x);
  if (status == INS_OK && (*out)->dual) {
    (*out)->z = *x;
    *x = (ins_matrix){0};
  }
  ins_matrix_clear(x);
  if (status != INS_OK) ins_ridge_destroy(out);
  return status;
}

void ins_ridge_destroy(ins_ridge **ridge) {
  ins_ridge *r = *ridge;
  if (!r) return;
  ins_matrix_clear(&r->z);
  ins_matrix_clear(&r->vectors);
  ins_matrix_clear(&r->scores);
  ins_matrix_clear(&r->projected);
  ins_matrix_clear(&r->y);
  ins_free(&r->mean);
  ins_free(&r->scale);
  ins_free(&r->d);
  ins_free(&r->intercept);
  ins_free(ridge);
}

/* ---- one sample left out
 * ------------------------------------------------------------------------- y - b - y' = (1 - H) (y
 * - b): where dual, H = Q diag(d / (d + l)) Q^T with all n vectors Q, so that 1 - H = Q diag(l / (d
 * + l)) Q^T without a difference; where primal, H = S diag(1 / (d + l)) S^T. */

/* Weight of direction j: in 1 - H where dual, in H where primal. */
static double weight_of(const ins_ridge *r, size_t j, double l) {
  if (r->dual) return r->d[j] > 0 ? l / (r->d[j] + l) : 1;
  return r->d[j] > 0 ? 1 / (r->d[j] + l) : 0;
}

/* own[s] = 1 - h, the part of its error that a sample does not take away itself. */
static void find_own(const ins_ridge *r, const double *weight, double *own) {
  const ins_matrix *q = r->dual ? &r->vectors : &r->scores;
  memset(own, 0, r->n_samples * sizeof *own);
  for (size_t j = 0; j < q->local_columns; j++) {
    const double w = weight[ins_matrix_column(q, j)];
    for (size_t i = 0; i < q->local_rows; i++) {
      const double x = ins_matrix_get(q, i, j);
      own[ins_matrix_row(q, i)] += w * x * x;
    }
  }
  ins_sum_over_ranks(q->grid, own, r->n_samples);
  for (size_t s = 0; s < r->n_samples; s++)
    own[s] = (r->dual ? own[s] : 1 - own[s]) - 1 / (double)r->n_samples;
}

/* residual[n, p] = (1 - H)(y - b). */
static ins_status find_residuals(const ins_ridge *r, const double *weight, ins_matrix *residual) {
  ins_matrix t = {0};
  ins_status status = ins_matrix_create(r->projected.grid, r->projected.dtype, r->projected.n_rows,
                                        r->n_targets, &t);
  if (status == INS_OK) {
    ins_matrix_copy(&r->projected, &t);
    ins_matrix_scale_rows(&t, NULL, weight);
    if (!r->dual) ins_matrix_copy(&r->y, residual);
    status = ins_matrix_multiply(r->dual ? 1 : -1, r->dual ? &r->vectors : &r->scores, false, &t,
                                 false, r->dual ? 0 : 1, residual);
  }
  ins_matrix_clear(&t);
  return status;
}

static double error_of(const ins_ridge *r, const double *own, ins_matrix *residual) {
  const double least = residual->dtype == INS_F32 ? 1e-6 : 1e-12;
  double error = 0;
  bool alone = false;
  for (size_t s = 0; s < r->n_samples; s++) alone |= !(own[s] > least);
  for (size_t j = 0; j < residual->local_columns; j++)
    for (size_t i = 0; i < residual->local_rows && !alone; i++) {
      const double e = ins_matrix_get(residual, i, j) / own[ins_matrix_row(residual, i)];
      error += e * e;
    }
  ins_sum_over_ranks(residual->grid, &error, 1);
  return alone ? INFINITY : error / (double)r->n_samples / (double)r->n_targets;
}

ins_status ins_ridge_leave_one_out(const ins_ridge *r, double lambda, double *error) {
  const ins_grid *g = r->projected.grid;
  const size_t n = r->projected.n_rows;
  double *weight = NULL, *own = NULL;
  ins_matrix residual = {0};
  ins_status status = ins_alloc(n, sizeof *weight, &weight);
  if (status == INS_OK) status = ins_alloc(r->n_samples, sizeof *own, &own);
  if ((status = ins_agree(g->comm, status)) == INS_OK)
    status = ins_matrix_create(g, r->projected.dtype, r->n_samples, r->n_targets, &residual);
  if (status == INS_OK) {
    for (size_t j = 0; j < n; j++) weight[j] = weight_of(r, j, lambda * r->unit);
    find_own(r, weight, own);
    status = find_residuals(r, weight, &residual);
  }
  if (status == INS_OK) *error = error_of(r, own, &residual);
  ins_matrix_clear(&residual);
  ins_free(&weight);
  ins_free(&own);
  return status;
}

/* ---- prediction ---------------------------------------------------------------------------------
 */

/* t = diag(1 / (d + l)) projected: what a sample's place along the vectors is multiplied by. */
static ins_status weights_along(const ins_ridge *r, double l, ins_matrix *t) {
  const size_t n = r->projected.n_rows;
  double *weight = NULL;
  ins_status status = ins_agree(r->projected.grid->comm, ins_alloc(n, sizeof *weight, &weight));
  if (status != INS_OK) goto done;
  for (size_t j = 0; j < n; j++) weight[j] = r->d[j] > 0 ? 1 / (r->d[j] + l) : 0;
  ins_matrix_copy(&r->projected, t);
  ins_matrix_scale_rows(t, NULL, weight);
done:
  ins_free(&weight);
  return status;
}

/* Where dual, W = z Q t: formed as z (Q t), which is p columns; so are the predictions x^T W. */
static ins_status weights_of_neurons(const ins_ridge *r, const ins_matrix *t, ins_matrix *w) {
  if (!r->dual) return ins_matrix_multiply(1, &r->vectors, false, t, false, 0, w);
  ins_matrix a = {0};
  ins_status status = ins_matrix_create(t->grid, t->dtype, r->n_samples, r->n_targets, &a);
  if (status == INS_OK) status = ins_matrix_multiply(1, &r->vectors, false, t, false, 0, &a);
  if (status == INS_OK) status = ins_matrix_multiply(1, &r->z, false, &a, false, 0, w);
  ins_matrix_clear(&a);
  return status;
}

static void add_intercept(const ins_ridge *r, ins_matrix *y) {
  for (size_t j = 0; j < y->local_columns; j++)
    for (size_t i = 0; i < y->local_rows; i++)
      ins_matrix_set(y, i, j, ins_matrix_get(y, i, j) + r->intercept[ins_matrix_column(y, j)]);
}

ins_status ins_ridge_predict(const ins_ridge *r, double lambda, ins_matrix *x, ins_matrix *y) {
  const ins_grid *g = x->grid;
  ins_matrix t = {0}, w = {0};
  ins_status status = ins_matrix_create(g, x->dtype, r->projected.n_rows, r->n_targets, &t);
  if (status == INS_OK) status = ins_matrix_create(g, x->dtype, r->n_neurons, r->n_targets, &w);
  if (status == INS_OK) status = weights_along(r, lambda * r->unit, &t);
  if (status == INS_OK) status = weights_of_neurons(r, &t, &w);
  if (status == INS_OK) {
    ins_matrix_scale_rows(x, r->mean, r->scale);
    status = ins_matrix_multiply(1, x, true, &w, false, 0, y);
  }
  if (status == INS_OK) add_intercept(r, y);
  ins_matrix_clear(&t);
  ins_matrix_clear(&w);
  return status;
}

/* ---- what it takes ------------------------------------------------------------------------------
 */

double ins_ridge_bytes(int size, int block, ins_dtype dtype, double n_neurons, double n_samples,
                       double n_targets) {
  const double n = fmin(n_neurons, n_samples);
  const double x = ins_matrix_bytes(size, block, dtype, n_neurons, n_samples),
               gram = ins_matrix_bytes(size, block, dtype, n, n),
               targets = ins_matrix_bytes(size, block, dtype, n_samples, n_targets),
               weights = ins_matrix_bytes(size, block, dtype, n_neurons, n_targets);
  const double beside = n_neurons > n_samples ? 0 : x; /* scores */
  const double product = ins_matrix_product_bytes(size, block, dtype, n_neurons, n_samples);
  return x + 2 * gram + fmax(ins_matrix_eigen_bytes(size, block, dtype, n), beside + product) +
         5 * targets + 2 * weights + 8 * (4 * n_neurons + 2 * n_samples);
}

double ins_ridge_flops(double n_neurons, double n_samples, double n_targets, double n_lambdas) {
  const double n = fmin(n_neurons, n_samples), most = fmax(n_neurons, n_samples);
  return n * n * most + 9 * n * n * n + (n_samples > n_neurons ? 2 * most * n * n : 0) +
         2 * n_samples * n * n_targets * (n_lambdas + 2) + 2 * n_neurons * n_samples * n_targets;
}
