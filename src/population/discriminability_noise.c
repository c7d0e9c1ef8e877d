/* SPDX-License-Identifier: MIT */
/* Covariance of noise, pooled over conditions, and its inverse. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "discriminability_parts.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

/* ---- residuals ----------------------------------------------------------------------------------
 */

/* Trial r minus the mean, into `one`. */
static ins_status read_residual(const ins_dprime *s, const ins_matrix *mean, size_t r,
                                ins_matrix *one) {
  ins_status status = ins_table_read(s->table, mean->grid, (int)r, one, NULL);
  if (status == INS_OK) ins_matrix_add(one, -1, mean);
  return status;
}

/* Standard deviations. One that is rounding beside the responses themselves is none. */
static ins_status find_deviations(const ins_dprime *s, const ins_work *work, const ins_matrix *mean,
                                  ins_matrix *one, double *sd) {
  const size_t n = s->table->n_items;
  const double slack = s->precision == INS_F32 ? 1e-6 : 1e-13;
  double *sum = NULL, *squares = NULL;
  ins_status status = ins_alloc(n, sizeof *sum, &sum);
  if (status == INS_OK) status = ins_alloc(n, sizeof *squares, &squares);
  status = ins_agree(work->grid->comm, status);
  if (status != INS_OK) goto done;
  memset(sd, 0, n * sizeof *sd);
  for (size_t r = 0; status == INS_OK && r < s->n_trials; r++) {
    status = read_residual(s, mean, r, one);
    if (status == INS_OK) status = ins_matrix_row_sums(one, NULL, sum, squares);
    for (size_t i = 0; i < n; i++) sd[i] += squares[i];
  }
  if (status == INS_OK) status = ins_matrix_row_sums(mean, NULL, sum, squares);
  for (size_t i = 0; i < n; i++) {
    sd[i] = sqrt(sd[i] / s->freedom);
    if (!(sd[i] > slack * sqrt(squares[i] / (double)s->table->n_features))) sd[i] = 0;
  }
done:
  ins_free(&sum);
  ins_free(&squares);
  return status;
}

static void weigh(size_t n, const double *sd, int8_t *flag, double *weight,
                  ins_noise_covariance *c) {
  for (size_t i = 0; i < n; i++) {
    if (weight[i] > 0 && !(sd[i] > 0)) {
      flag[i] = INS_ITEM_NOISELESS;
      weight[i] = 0;
    }
    c->scale[i] = weight[i] > 0 ? 1 / sd[i] : 0;
    c->n_used += weight[i] > 0;
  }
}

/* ---- the matrix --------------------------------------------------------------------------------
 */

/* Adds the squares of squared lengths of this trial's residuals, for the estimate of shrinkage. */
static ins_status add_fourth(const ins_dprime *s, const ins_matrix *one, double *sum,
                             ins_noise_covariance *c) {
  const double unbiased = (double)s->n_trials / (double)(s->n_trials - 1);
  double *squares = sum + s->table->n_features;
  ins_status status = ins_matrix_column_sums(one, NULL, sum, squares);
  for (size_t k = 0; k < s->table->n_features; k++)
    c->fourth += unbiased * unbiased * squares[k] * squares[k] /
                 (double)(s->table->n_features * s->n_trials);
  return status;
}

/* Beside the others, or into the sum of products. */
static ins_status keep_residual(const ins_dprime *s, const ins_matrix *one, size_t r, void *buffer,
                                ins_matrix *product, ins_noise_covariance *c) {
  const size_t k = s->table->n_features;
  if (!c->dual) {
    ins_status status = ins_matrix_gram(1 / s->freedom, one, false, product);
    if (status == INS_OK) ins_matrix_add(&c->gram, 1, product);
    return status;
  }
  ins_status status = ins_matrix_take_columns(one, 0, k, buffer);
  return status == INS_OK ? ins_matrix_put_columns(&c->e, r * k, k, buffer) : status;
}

static ins_status collect(const ins_dprime *s, const ins_work *work, const ins_matrix *mean,
                          ins_matrix *one, ins_noise_covariance *c) {
  const ins_grid *g = work->grid;
  const size_t n = s->table->n_items, k = s->table->n_features;
  ins_matrix product = {0};
  double *sum = NULL;
  void *buffer = NULL;
  ins_status status = ins_alloc(2 * k, sizeof *sum, &sum);
  if (status == INS_OK && c->dual)
    status = ins_alloc(ins_grid_share(k, g->size, g->rank).n * n + 1, ins_dtype_size(s->precision),
                       &buffer);
  status = ins_agree(g->comm, status);
  if (status == INS_OK && !c->dual) status = ins_matrix_create(g, s->precision, n, n, &product);
  for (size_t r = 0; status == INS_OK && r < s->n_trials; r++) {
    status = read_residual(s, mean, r, one);
    if (status != INS_OK) break;
    ins_matrix_scale_rows(one, NULL, c->scale);
    status = add_fourth(s, one, sum, c);
    if (status == INS_OK) status = keep_residual(s, one, r, buffer, &product, c);
    if (status == INS_OK) status = ins_work_beat(work, 0.5 * (double)(r + 1) / (double)s->n_trials);
  }
  if (status == INS_OK && c->dual) status = ins_matrix_gram(1, &c->e, true, &c->gram);
  ins_matrix_clear(&product);
  ins_free(&sum);
  ins_free(&buffer);
  return status;
}

/* Sum of squares of a symmetric matrix of which the lower triangle is there. */
static double lower_squares(const ins_matrix *m) {
  double sum = 0;
  for (size_t j = 0; j < m->local_columns; j++)
    for (size_t i = 0; i < m->local_rows; i++) {
      const size_t row = ins_matrix_row(m, i), column = ins_matrix_column(m, j);
      const double x = ins_matrix_get(m, i, j);
      if (row >= column) sum += (row > column ? 2 : 1) * x * x;
    }
  ins_sum_over_ranks(m->grid, &sum, 1);
  return sum;
}

/* Ledoit & Wolf 2004 with the target 1, which here is the diagonal of the covariance; p cancels:
 * |mean error|^2 / |C - 1|^2. Their mean over n samples of |x x^T - C|^2 / n has the degrees of
 * freedom in the place of n, which is what the variance of a covariance goes by when each
 * condition's mean was taken from the same trials. */
static double estimate_shrinkage(const ins_dprime *s, const ins_noise_covariance *c) {
  const double scale = c->dual ? s->freedom * s->freedom : 1,
               squares = lower_squares(&c->gram) / scale;
  const double apart = squares - (double)c->n_used, wrong = (c->fourth - squares) / s->freedom;
  if (!(apart > 1e-6 * (double)c->n_used)) return 1; /* it is the target */
  return fmin(fmax(wrong / apart, c->dual ? 1e-6 : 0), 1);
}

ins_status ins_noise_covariance_create(const ins_dprime *s, const ins_work *work,
                                       const ins_matrix *mean, int8_t *flag, double *weight,
                                       double *sd, ins_noise_covariance *out) {
  const ins_grid *g = work->grid;
  const size_t n = s->table->n_items, samples = s->table->n_features * s->n_trials;
  ins_matrix one = {0};
  *out = (ins_noise_covariance){.dual = samples < n};
  const size_t side = out->dual ? samples : n;
  ins_status status = ins_agree(g->comm, ins_alloc(n, sizeof *out->scale, &out->scale));
  if (status == INS_OK) status = ins_matrix_create(g, s->precision, n, s->table->n_features, &one);
  if (status == INS_OK) status = find_deviations(s, work, mean, &one, sd);
  if (status == INS_OK) weigh(n, sd, flag, weight, out);
  if (status == INS_OK && out->dual)
    status = ins_matrix_create(g, s->precision, n, samples, &out->e);
  if (status == INS_OK) status = ins_matrix_create(g, s->precision, side, side, &out->gram);
  if (status == INS_OK) status = collect(s, work, mean, &one, out);
  if (status == INS_OK)
    out->shrinkage = isnan(s->shrinkage) ? estimate_shrinkage(s, out) : s->shrinkage;
  ins_matrix_clear(&one);
  return status;
}

void ins_noise_covariance_clear(ins_noise_covariance *c) {
  ins_free(&c->scale);
  ins_matrix_clear(&c->e);
  ins_matrix_clear(&c->gram);
}

/* ---- the inverse --------------------------------------------------------------------------------
 */

/* a = off a + diagonal: where `unit`, the diagonal becomes 1, as that of correlations is. */
static void shift(ins_matrix *a, double off, double diagonal, bool unit) {
  for (size_t j = 0; j < a->local_columns; j++)
    for (size_t i = 0; i < a->local_rows; i++) {
      const double x = off * ins_matrix_get(a, i, j);
      const bool on = ins_matrix_row(a, i) == ins_matrix_column(a, j);
      ins_matrix_set(a, i, j, !on ? x : unit ? 1 : x + diagonal);
    }
}

/* a becomes z, or a copy of gram that solving may overwrite. */
static ins_status working_copy(ins_noise_covariance *c, bool keep, ins_matrix *a) {
  if (!keep) {
    *a = c->gram;
    c->gram = (ins_matrix){0};
    return INS_OK;
  }
  ins_status status =
      ins_matrix_create(c->gram.grid, c->gram.dtype, c->gram.n_rows, c->gram.n_columns, a);
  if (status == INS_OK) ins_matrix_copy(&c->gram, a);
  return status;
}

/* (f E E^T + l 1)^-1 x = (x - E ((l / f) 1 + E^T E)^-1 E^T x) / l, f = (1 - l) / freedom: the
 * identity of Woodbury, of the trials' side. */
static ins_status solve_dual(ins_noise_covariance *c, const ins_dprime *s, double l, ins_matrix *a,
                             const ins_matrix *x, ins_matrix *z) {
  ins_matrix t = {0};
  ins_status status = ins_matrix_create(x->grid, x->dtype, a->n_rows, x->n_columns, &t);
  if (status == INS_OK) status = ins_matrix_multiply(1, &c->e, true, x, false, 0, &t);
  shift(a, 1, l * s->freedom / (1 - l), false);
  if (status == INS_OK) status = ins_matrix_solve(a, &t);
  ins_matrix_copy(x, z);
  if (status == INS_OK) status = ins_matrix_multiply(-1 / l, &c->e, false, &t, false, 1 / l, z);
  ins_matrix_clear(&t);
  return status;
}

/* Of correlations, a square on the diagonal of the Cholesky factor is the share of a neuron's noise
 * that those before it do not have. Where that is rounding, so is what the factor solves, and
 * whether it could be made at all. */
static ins_status check_factor(const ins_matrix *a) {
  const double eps = a->dtype == INS_F32 ? FLT_EPSILON : DBL_EPSILON;
  const double least = 8 * sqrt((double)a->n_rows) * eps;
  double n_small = 0;
  for (size_t j = 0; j < a->local_columns; j++)
    for (size_t i = 0; i < a->local_rows; i++) {
      const double x = ins_matrix_get(a, i, j);
      if (ins_matrix_row(a, i) == ins_matrix_column(a, j)) n_small += !(x * x > least);
    }
  ins_sum_over_ranks(a->grid, &n_small, 1);
  if (n_small == 0) return INS_OK;
  return ins_fail(INS_ERR_NUMERIC, "the noise of %.0f neurons is a sum of that of others", n_small);
}

ins_status ins_noise_covariance_solve(ins_noise_covariance *c, const ins_dprime *s,
                                      double shrinkage, bool keep, const ins_matrix *x,
                                      ins_matrix *z) {
  if (shrinkage >= 1) {
    ins_matrix_copy(x, z);
    return INS_OK;
  }
  ins_matrix a = {0};
  ins_status status = working_copy(c, keep, &a);
  if (status == INS_OK && c->dual)
    status = solve_dual(c, s, shrinkage, &a, x, z);
  else if (status == INS_OK) {
    shift(&a, 1 - shrinkage, 0, true);
    ins_matrix_copy(x, z);
    status = ins_matrix_solve(&a, z);
    if (status == INS_OK && shrinkage <= 0) status = check_factor(&a);
  }
  ins_matrix_clear(&a);
  return status;
}
