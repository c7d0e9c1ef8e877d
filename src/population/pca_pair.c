/* SPDX-License-Identifier: MIT */
/* Two measurements of the same: what they share, which is free of noise. */
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"
#include "pca.h"

/* Sum over rows of a[i,k] b[i,k] for each column k. */
static void column_products(const ins_matrix *a, const ins_matrix *b, double *out) {
  memset(out, 0, a->n_columns * sizeof *out);
  for (size_t j = 0; j < a->local_columns; j++) {
    double *sum = &out[ins_matrix_column(a, j)];
    for (size_t i = 0; i < a->local_rows; i++)
      *sum += ins_matrix_get(a, i, j) * ins_matrix_get(b, i, j);
  }
  MPI_Allreduce(MPI_IN_PLACE, out, (int)a->n_columns, MPI_DOUBLE, MPI_SUM, a->grid->comm);
}

/* Sum over i, j of a[i,j] b[i,j]; of symmetric matrices that have a lower triangle only. */
static double product(const ins_matrix *a, const ins_matrix *b, bool triangle) {
  double sum = 0;
  for (size_t j = 0; j < a->local_columns; j++) {
    const size_t column = ins_matrix_column(a, j);
    for (size_t i = 0; i < a->local_rows; i++) {
      const size_t row = ins_matrix_row(a, i);
      const double weight = !triangle ? 1 : row > column ? 2 : row == column;
      if (weight > 0) sum += weight * ins_matrix_get(a, i, j) * ins_matrix_get(b, i, j);
    }
  }
  MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, a->grid->comm);
  return sum;
}

/* Sum over samples of (a u) (b u) is scores'(b loadings), whichever of the two the samples are. */
ins_status ins_pca_shared(const ins_pca *pca, const ins_matrix *a, const ins_matrix *b,
                          double *shared, double *total) {
  const double d = pca->n_samples > 1 ? (double)(pca->n_samples - 1) : 1;
  ins_matrix projected = {0};
  ins_status status =
      ins_matrix_create(b->grid, b->dtype, pca->n_items, pca->n_components, &projected);
  if (status == INS_OK)
    status = ins_matrix_multiply(1, b, false, &pca->loadings, false, 0, &projected);
  if (status == INS_OK) {
    column_products(&pca->scores, &projected, shared);
    for (size_t k = 0; k < pca->n_components; k++) shared[k] /= d;
    *total = product(a, b, false) / d;
  }
  ins_matrix_clear(&projected);
  return status;
}

/* Products of the two measurements of one sample each. */
static ins_status sum_each(const ins_matrix *a, const ins_matrix *b, bool of_items,
                           ins_cross_sums *t) {
  const size_t n = of_items ? a->n_rows : a->n_columns;
  double *each = NULL;
  ins_status status = ins_agree(a->grid->comm, ins_alloc(3 * n, sizeof *each, &each));
  for (size_t j = 0; j < a->local_columns && status == INS_OK; j++)
    for (size_t i = 0; i < a->local_rows; i++) {
      const double x = ins_matrix_get(a, i, j), y = ins_matrix_get(b, i, j);
      double *sums = each + 3 * (of_items ? ins_matrix_row(a, i) : ins_matrix_column(a, j));
      sums[0] += x * x;
      sums[1] += y * y;
      sums[2] += x * y;
    }
  if (status == INS_OK) {
    MPI_Allreduce(MPI_IN_PLACE, each, (int)(3 * n), MPI_DOUBLE, MPI_SUM, a->grid->comm);
    for (size_t i = 0; i < n; i++) {
      const double *sums = each + 3 * i;
      t->aa += sums[0];
      t->bb += sums[1];
      t->ab += sums[2];
      t->aabb += sums[0] * sums[1];
      t->abab += sums[2] * sums[2];
    }
  }
  ins_free(&each);
  return status;
}

/* The smaller of the two kinds of Gram matrices: of samples, products of pairs of samples; of
 * variables, where the roles of a'a b'b and of (a'b)^2 are exchanged. */
ins_status ins_pca_cross(const ins_matrix *a, const ins_matrix *b, const ins_pca *of_a,
                         const ins_pca *of_b, ins_cross_sums *out) {
  const bool by_features = a->n_columns <= a->n_rows;
  const size_t side = by_features ? a->n_columns : a->n_rows;
  ins_matrix aa = {0}, bb = {0}, ab = {0};
  *out =
      (ins_cross_sums){.n = of_a->n_samples < of_b->n_samples ? of_a->n_samples : of_b->n_samples};
  ins_status status = sum_each(a, b, of_a->of_items, out);
  if (status == INS_OK) status = ins_matrix_create(a->grid, a->dtype, side, side, &aa);
  if (status == INS_OK) status = ins_matrix_create(a->grid, a->dtype, side, side, &bb);
  if (status == INS_OK) status = ins_matrix_create(a->grid, a->dtype, side, side, &ab);
  if (status == INS_OK) status = ins_matrix_gram(1, a, by_features, &aa);
  if (status == INS_OK) status = ins_matrix_gram(1, b, by_features, &bb);
  if (status == INS_OK) status = ins_matrix_multiply(1, a, by_features, b, !by_features, 0, &ab);
  if (status == INS_OK) {
    const double grams = product(&aa, &bb, true), squares = ins_matrix_sum_squares(&ab);
    const bool of_samples = by_features != of_a->of_items;
    out->within = of_samples ? grams : squares;
    out->across = of_samples ? squares : grams;
    status = ins_matrix_transpose(&ab, &aa);
  }
  if (status == INS_OK) out->crossed = product(&ab, &aa, false);
  ins_matrix_clear(&aa);
  ins_matrix_clear(&bb);
  ins_matrix_clear(&ab);
  return status;
}

double ins_pca_cross_bytes(int size, int block, ins_dtype dtype, size_t n_items,
                           size_t n_features) {
  const double n = (double)n_items, m = (double)n_features, side = n < m ? n : m;
  return 3 * ins_matrix_bytes(size, block, dtype, side, side) +
         ins_matrix_product_bytes(size, block, dtype, side, side) + 24 * (n > m ? n : m);
}
