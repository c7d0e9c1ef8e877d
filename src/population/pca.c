/* SPDX-License-Identifier: MIT */
#include "pca.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"

/* A row or column whose standard deviation is below this share of its mean is constant but for
 * rounding: numbers that are the same are, in single, where sums are formed in double, apart by the
 * last digit; in double sums over trials add more. */
static double slack_of(const ins_matrix *m) {
  return m->dtype == INS_F32 ? 2 * (double)FLT_EPSILON : 8 * DBL_EPSILON;
}

static double precision_of(const ins_matrix *m) {
  return m->dtype == INS_F32 ? FLT_EPSILON : DBL_EPSILON;
}

/* ---- scaling and centring ----------------------------------------------------------------------
 */

/* A matrix on its way to being decomposed. */
typedef struct preparation {
  ins_matrix *x;
  const int8_t *flag;
  size_t n_used;
  double *sum, *squares, *factor; /* [max(n_items, n_features)] */
} preparation;

static bool used(const preparation *p, size_t item) {
  return !p->flag || !p->flag[item];
}

/* Items that have no part are rows of zeros. */
static void clear_unused(const preparation *p) {
  ins_matrix *x = p->x;
  for (size_t i = 0; i < x->local_rows; i++)
    if (!used(p, ins_matrix_row(x, i)))
      for (size_t j = 0; j < x->local_columns; j++) ins_matrix_set(x, i, j, 0);
}

/* Divides all by a power of two, which takes no digits: then nothing is so large or so small that
 * its square, or the square of that, is beyond what a number can be. */
static void choose_unit(const preparation *p, ins_pca *out) {
  ins_matrix *x = p->x;
  double most = 0;
  int exponent;
  for (size_t j = 0; j < x->local_columns; j++)
    for (size_t i = 0; i < x->local_rows; i++) most = fmax(most, fabs(ins_matrix_get(x, i, j)));
  MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_DOUBLE, MPI_MAX, x->grid->comm);
  out->unit = 1;
  if (!(most > 0 && isfinite(most))) return;
  frexp(most, &exponent);
  out->unit = ldexp(1, exponent - 1);
  for (size_t j = 0; j < x->local_columns; j++)
    for (size_t i = 0; i < x->local_rows; i++)
      ins_matrix_set(x, i, j, ins_matrix_get(x, i, j) / out->unit);
}

/* Sums of each row (column) and, where not NULL, of squares. */
static ins_status sums(const ins_matrix *x, bool rows, double *sum, double *squares) {
  return rows ? ins_matrix_row_sums(x, NULL, sum, squares)
              : ins_matrix_column_sums(x, NULL, sum, squares);
}

/* Adds the mean of each row (column) to p->sum and removes it. */
static ins_status remove_mean(const preparation *p, bool rows) {
  ins_matrix *x = p->x;
  const size_t n = rows ? x->n_rows : x->n_columns, across = rows ? x->n_columns : p->n_used;
  ins_status status = sums(x, rows, p->factor, NULL);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < n; k++) p->factor[k] /= across ? (double)across : 1;
  if (rows)
    ins_matrix_scale_rows(x, p->factor, NULL);
  else
    ins_matrix_scale_columns(x, p->factor, NULL);
  clear_unused(p);
  for (size_t k = 0; k < n; k++) p->sum[k] += p->factor[k];
  return INS_OK;
}

/* Removes the mean of each row (column), which is left in p->sum, and makes its standard deviation
 * 1 where `scaled`. What is constant but for rounding becomes 0. The sum of many equal numbers is
 * off by more than the last digit: what that leaves is the same everywhere, and a second mean takes
 * it away. */
static ins_status standardise(const preparation *p, bool rows, bool scaled) {
  ins_matrix *x = p->x;
  const size_t n = rows ? x->n_rows : x->n_columns, across = rows ? x->n_columns : p->n_used;
  const double slack = slack_of(x);
  memset(p->sum, 0, n * sizeof *p->sum);
  ins_status status = remove_mean(p, rows);
  if (status == INS_OK) status = remove_mean(p, rows);
  if (status == INS_OK) status = sums(x, rows, p->factor, p->squares);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < n; k++) {
    const double sd = sqrt(p->squares[k] / (across ? (double)across : 1));
    p->factor[k] = sd <= slack * fabs(p->sum[k]) ? 0 : scaled ? 1 / sd : 1;
  }
  if (rows)
    ins_matrix_scale_rows(x, NULL, p->factor);
  else
    ins_matrix_scale_columns(x, NULL, p->factor);
  return INS_OK;
}

static ins_status sum_fourth_powers(const ins_matrix *x, double *fourth) {
  *fourth = 0;
  for (size_t j = 0; j < x->local_columns; j++)
    for (size_t i = 0; i < x->local_rows; i++) {
      const double v = ins_matrix_get(x, i, j);
      *fourth += v * v * v * v;
    }
  MPI_Allreduce(MPI_IN_PLACE, fourth, 1, MPI_DOUBLE, MPI_SUM, x->grid->comm);
  return INS_OK;
}

/* Squared lengths of samples and of variables. */
static ins_status sum_up(const preparation *p, bool of_items, ins_pca *out) {
  const ins_matrix *x = p->x;
  double trace = 0, lengths = 0, squares = 0, fourth;
  for (int side = 0; side < 2; side++) {
    const bool rows = side == 0;
    const size_t n = rows ? x->n_rows : x->n_columns;
    ins_status status = sums(x, rows, p->sum, p->squares);
    if (status != INS_OK) return status;
    double *fourths = rows == of_items ? &lengths : &squares;
    for (size_t k = 0; k < n; k++) {
      *fourths += p->squares[k] * p->squares[k];
      if (rows == of_items) trace += p->squares[k];
    }
  }
  ins_status status = sum_fourth_powers(x, &fourth);
  out->total = out->n_samples > 1 ? trace / (double)(out->n_samples - 1) : 0;
  out->sums = ins_spread_equal(out->n_samples, trace, 0, lengths);
  out->diagonal = ins_spread_diagonal(out->n_samples, squares, fourth);
  return status;
}

static ins_status prepare(const preparation *p, const ins_pca_options *options, ins_pca *out) {
  const bool of_items = out->of_items;
  /* Samples' mean is that of each variable: scaling variables removes it. */
  const ins_side variables = of_items ? INS_OF_FEATURES : INS_OF_ITEMS;
  const size_t n = of_items ? p->x->n_columns : p->x->n_rows;
  ins_status status = INS_OK;
  clear_unused(p);
  choose_unit(p, out);
  if (options->scaled != INS_OF_NEITHER && options->scaled != variables) {
    status = standardise(p, of_items, true);
    out->unit = 1;
  }
  if (status == INS_OK) status = standardise(p, !of_items, options->scaled == variables);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < n; k++) out->mean[k] = p->sum[k] * out->unit;
  if (options->scaled == variables) out->unit = 1;
  return sum_up(p, of_items, out);
}

ins_status ins_pca_prepare(ins_matrix *x, const ins_pca_options *options, ins_pca *out) {
  const size_t n = x->n_rows, m = x->n_columns, most = n > m ? n : m;
  preparation p = {.x = x, .flag = options->flag};
  *out = (ins_pca){.n_items = n,
                   .n_features = m,
                   .n_values = n < m ? n : m,
                   .of_items = options->samples != INS_OF_FEATURES};
  for (size_t i = 0; i < n; i++) p.n_used += used(&p, i);
  out->n_used = p.n_used;
  out->n_samples = out->of_items ? p.n_used : m;
  out->n_components = options->n_components < out->n_values ? options->n_components : out->n_values;
  ins_status status = ins_alloc(most, sizeof *p.sum, &p.sum);
  if (status == INS_OK) status = ins_alloc(most, sizeof *p.squares, &p.squares);
  if (status == INS_OK) status = ins_alloc(most, sizeof *p.factor, &p.factor);
  if (status == INS_OK) status = ins_alloc(most, sizeof *out->mean, &out->mean);
  if (status == INS_OK) status = ins_alloc(out->n_values, sizeof *out->values, &out->values);
  status = ins_agree(x->grid->comm, status);
  if (status == INS_OK) status = prepare(&p, options, out);
  ins_free(&p.sum);
  ins_free(&p.squares);
  ins_free(&p.factor);
  if (status != INS_OK) ins_pca_clear(out);
  return status;
}

/* ---- decomposing -------------------------------------------------------------------------------
 */

ins_status ins_pca_first(const ins_matrix *m, size_t k, ins_matrix *out) {
  ins_status status = ins_matrix_create(m->grid, m->dtype, m->n_rows, k, out);
  if (status != INS_OK) return status;
  /* Dealt alike: the first columns of the whole are the first ones of each process. */
  memcpy(out->data, m->data, out->local_columns * m->stride * ins_dtype_size(m->dtype));
  return INS_OK;
}

/* Eigenvalues, and those eigenvectors that are wanted, of the smaller Gram matrix. */
static ins_status decompose(const ins_matrix *x, bool by_features, ins_pca *p,
                            ins_matrix *vectors) {
  ins_matrix gram = {0}, all = {0};
  const double d = p->n_samples > 1 ? (double)(p->n_samples - 1) : 1;
  ins_status status = ins_matrix_create(x->grid, x->dtype, p->n_values, p->n_values, &gram);
  if (status == INS_OK)
    status = ins_matrix_create(x->grid, x->dtype, p->n_values, p->n_values, &all);
  if (status == INS_OK) status = ins_matrix_gram(1 / d, x, by_features, &gram);
  if (status == INS_OK) status = ins_matrix_eigen(&gram, p->values, &all);
  ins_matrix_clear(&gram);
  if (status == INS_OK) status = ins_pca_first(&all, p->n_components, vectors);
  ins_matrix_clear(&all);
  return status;
}

/* Tells the spectrum from rounding. */
static void find_rank(ins_pca *p, double precision) {
  const double d = p->n_samples > 1 ? (double)(p->n_samples - 1) : 1,
               least = (double)p->n_values * precision * p->values[0];
  p->sums.m1m1 = 0;
  for (size_t k = 0; k < p->n_values; k++) p->sums.m1m1 += p->values[k] * p->values[k];
  p->sums.m1m1 *= d * d;
  p->sums.m1m2 = p->sums.m2m2 = p->sums.m1m1;
  while (p->rank < p->n_values && p->values[p->rank] > 0 && p->values[p->rank] > least) p->rank++;
  for (size_t k = p->rank; k < p->n_values; k++) p->values[k] = 0;
}

/* Scales columns of m by factor[k], and those beyond the rank by 0. */
static void scale_columns(const ins_pca *p, ins_matrix *m, double *factor) {
  for (size_t k = p->rank; k < p->n_components; k++) factor[k] = 0;
  ins_matrix_scale_columns(m, NULL, factor);
}

/* scores = x loadings. */
static ins_status project(const ins_matrix *x, ins_pca *p, double *factor) {
  for (size_t k = 0; k < p->n_components; k++) factor[k] = 1;
  scale_columns(p, &p->loadings, factor);
  ins_status status = ins_matrix_create(x->grid, x->dtype, p->n_items, p->n_components, &p->scores);
  if (status != INS_OK) return status;
  return ins_matrix_multiply(1, x, false, &p->loadings, false, 0, &p->scores);
}

/* loadings = x' u / |x' u|, scores = u |x' u|: the length is the singular value, and taken from the
 * product itself it makes loadings of length 1 also where the eigenvalue is imprecise. */
static ins_status project_back(const ins_matrix *x, ins_pca *p, double *factor, double *length) {
  ins_status status =
      ins_matrix_create(x->grid, x->dtype, p->n_features, p->n_components, &p->loadings);
  if (status == INS_OK)
    status = ins_matrix_multiply(1, x, true, &p->scores, false, 0, &p->loadings);
  if (status == INS_OK) status = ins_matrix_column_sums(&p->loadings, NULL, factor, length);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < p->n_components; k++) {
    length[k] = sqrt(length[k]);
    factor[k] = length[k] > 0 ? 1 / length[k] : 0;
  }
  scale_columns(p, &p->loadings, factor);
  status = ins_matrix_fix_signs(&p->loadings, factor);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < p->n_components; k++) factor[k] *= length[k];
  scale_columns(p, &p->scores, factor);
  return INS_OK;
}

ins_status ins_pca_create(ins_matrix *x, const ins_pca_options *options, ins_pca *out) {
  const bool by_features = x->n_columns <= x->n_rows;
  double *work = NULL;
  ins_status status = ins_pca_prepare(x, options, out);
  if (status != INS_OK) return status;
  status = ins_agree(x->grid->comm, ins_alloc(2 * out->n_components, sizeof *work, &work));
  if (status == INS_OK)
    status = decompose(x, by_features, out, by_features ? &out->loadings : &out->scores);
  if (status == INS_OK) {
    find_rank(out, precision_of(x));
    status =
        by_features ? project(x, out, work) : project_back(x, out, work, work + out->n_components);
  }
  ins_free(&work);
  if (status != INS_OK) ins_pca_clear(out);
  return status;
}

ins_status ins_pca_check_units(const ins_pca *pca) {
  const double variance = pca->total * pca->unit * pca->unit;
  if (pca->total == 0 || (isfinite(variance) && variance >= DBL_MIN)) return INS_OK;
  return ins_fail(INS_ERR_NUMERIC,
                  "values as %s as %g have variances that no number can hold; bring them to one "
                  "scale beforehand, by `scale` here or `normalize` of data",
                  pca->unit > 1 ? "large" : "small", pca->unit);
}

void ins_pca_clear(ins_pca *pca) {
  ins_free(&pca->values);
  ins_free(&pca->mean);
  ins_matrix_clear(&pca->scores);
  ins_matrix_clear(&pca->loadings);
  *pca = (ins_pca){0};
}

/* ---- what it takes -----------------------------------------------------------------------------
 */

double ins_pca_bytes(int size, int block, ins_dtype dtype, size_t n_items, size_t n_features,
                     size_t n_components) {
  const double n = (double)n_items, m = (double)n_features, side = fmin(n, m),
               k = fmin((double)n_components, side);
  const double gram = ins_matrix_bytes(size, block, dtype, side, side),
               left = ins_matrix_bytes(size, block, dtype, n, k) +
                      ins_matrix_bytes(size, block, dtype, m, k);
  const double product = fmax(ins_matrix_product_bytes(size, block, dtype, side, side),
                              ins_matrix_product_bytes(size, block, dtype, fmax(n, m), k));
  return left + gram + fmax(gram + ins_matrix_eigen_bytes(size, block, dtype, side), product) +
         8 * (4 * fmax(n, m) + side + 2 * k);
}

/* Gram matrix, tridiagonal form and its eigenvectors (4/3 + about 4/3 + 2 of side^3), the other
 * side. */
double ins_pca_flops(size_t n_items, size_t n_features, size_t n_components) {
  const double n = (double)n_items, m = (double)n_features, side = fmin(n, m);
  return n * m * side + 14. / 3 * side * side * side + 2 * n * m * (double)n_components;
}
