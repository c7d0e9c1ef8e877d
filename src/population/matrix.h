/* SPDX-License-Identifier: MIT */
/** Matrices that lie in blocks over all processes of a grid, and what ScaLAPACK does with them.
 *
 * Everything here is collective over the grid, except what says that it is local. Storage is
 * column-major, as Fortran has it. Private to the room.
 */
#ifndef INSILICO_POPULATION_MATRIX_H
#define INSILICO_POPULATION_MATRIX_H

#include "grid.h"
#include "insilico/value.h"

typedef struct ins_matrix {
  const ins_grid *grid;
  ins_dtype dtype;          /* INS_F32 or INS_F64 */
  size_t n_rows, n_columns; /* of the whole */
  int descriptor[9];        /* ScaLAPACK's */
  /* This process's part [local_columns][stride], of which local_rows are used: */
  size_t local_rows, local_columns, stride;
  void *data;
} ins_matrix;

/** Zeros. INS_ERR_MEMORY on all ranks when one has too little; INS_ERR_UNSUPPORTED when a rank's
 * part has more elements than ScaLAPACK counts (2^31 - 1): names the number of ranks that would do.
 */
ins_status ins_matrix_create(const ins_grid *grid, ins_dtype dtype, size_t n_rows, size_t n_columns,
                             ins_matrix *out) INS_CHECKED;
/** Local. */
void ins_matrix_clear(ins_matrix *m);
/** Bytes of a rank's part at most, on a grid of `size` ranks; infinite: more numbers than ScaLAPACK
 * counts, 2^31. Local. */
double ins_matrix_bytes(int size, int block, ins_dtype dtype, double n_rows, double n_columns);
/** Bytes that forming a product of that shape takes on a rank beside the matrices: the panels of
 * operands that PBLAS has under way. Local. */
double ins_matrix_product_bytes(int size, int block, ins_dtype dtype, double n_rows,
                                double n_columns);
/** Rows (columns) of a panel on each rank, of n of `across` numbers in all, where a share may have
 * `most` numbers: at least 1. Local. */
size_t ins_matrix_lines(size_t n, size_t across, size_t most, int size);
/** Bytes that moving a panel between a matrix and shares of `count` numbers (ins_matrix_take_rows
 * and its like) takes on a rank beside both. Local. */
double ins_matrix_move_bytes(int size, ins_dtype dtype, double count);

/* ---- elements of this process (local) ---------------------------------------------------------
 */
/** Global number of local row i (column j). Ascending in i. */
size_t ins_matrix_row(const ins_matrix *m, size_t i);
size_t ins_matrix_column(const ins_matrix *m, size_t j);
static inline float *ins_matrix_f32(const ins_matrix *m, size_t i, size_t j) {
  return (float *)m->data + j * m->stride + i;
}
static inline double *ins_matrix_f64(const ins_matrix *m, size_t i, size_t j) {
  return (double *)m->data + j * m->stride + i;
}
/** Element (i, j) of this process's part, whatever the type. */
static inline double ins_matrix_get(const ins_matrix *m, size_t i, size_t j) {
  return m->dtype == INS_F32 ? (double)*ins_matrix_f32(m, i, j) : *ins_matrix_f64(m, i, j);
}
static inline void ins_matrix_set(ins_matrix *m, size_t i, size_t j, double x) {
  if (m->dtype == INS_F32)
    *ins_matrix_f32(m, i, j) = (float)x;
  else
    *ins_matrix_f64(m, i, j) = x;
}

/* ---- rows and columns as a whole --------------------------------------------------------------
 */
/** sum[r] and, where `squares` is not NULL, squares[r] = sum over columns of x and of (x -
 * around[r])^2, around NULL: 0. Arrays [n_rows], the same on every rank, in double. */
ins_status ins_matrix_row_sums(const ins_matrix *m, const double *around, double *sum,
                               double *squares) INS_CHECKED;
/** Likewise over rows: arrays [n_columns]. */
ins_status ins_matrix_column_sums(const ins_matrix *m, const double *around, double *sum,
                                  double *squares) INS_CHECKED;
/** x[r,c] = (x[r,c] - shift[r]) * scale[r]; NULL: 0 and 1. Likewise by columns. Local. */
void ins_matrix_scale_rows(ins_matrix *m, const double *shift, const double *scale);
void ins_matrix_scale_columns(ins_matrix *m, const double *shift, const double *scale);
/** Sum of all elements' squares, and of the diagonal; the same on every rank. */
double ins_matrix_sum_squares(const ins_matrix *m);
double ins_matrix_trace(const ins_matrix *m);

/* ---- moving ------------------------------------------------------------------------------------
 */
/** A copy of `from`, in another type where `to` says so; same shape. Local. */
void ins_matrix_copy(const ins_matrix *from, ins_matrix *to);
/** to[row.., column..] = transpose of `from` as a whole. Same type. */
ins_status ins_matrix_transpose(const ins_matrix *from, ins_matrix *to) INS_CHECKED;
/** The box [row, row + n) x [column, column + k) on every rank, row-major, in double: out [n][k].
 */
ins_status ins_matrix_gather(const ins_matrix *m, size_t row, size_t n, size_t column, size_t k,
                             double *out) INS_CHECKED;
/** The reverse: every rank has `in` [n][k], row-major, and each takes its part. Local. */
void ins_matrix_scatter(ins_matrix *m, size_t row, size_t n, size_t column, size_t k,
                        const double *in);

/** Rows [row, row + n) of m, as contiguous shares: this rank gets those of ins_grid_share(n), all
 * columns, row-major: out [share.n][n_columns], of the type of m. */
ins_status ins_matrix_take_rows(const ins_matrix *m, size_t row, size_t n, void *out) INS_CHECKED;
/** The reverse: this rank brings its share of rows [row, row + n). */
ins_status ins_matrix_put_rows(ins_matrix *m, size_t row, size_t n, const void *in) INS_CHECKED;
/** Columns likewise: [share.n][n_rows], one column after the other. */
ins_status ins_matrix_take_columns(const ins_matrix *m, size_t column, size_t n,
                                   void *out) INS_CHECKED;
ins_status ins_matrix_put_columns(ins_matrix *m, size_t column, size_t n,
                                  const void *in) INS_CHECKED;

/* ---- algebra (PBLAS, ScaLAPACK) ---------------------------------------------------------------
 * All matrices of one call have one type. */
/** c = alpha op(a) op(b) + beta c; op: transposed where `ta`, `tb` say so. */
ins_status ins_matrix_multiply(double alpha, const ins_matrix *a, bool ta, const ins_matrix *b,
                               bool tb, double beta, ins_matrix *c) INS_CHECKED;
/** Lower triangle of c = alpha a a^T (by_columns: a^T a); the upper one is left as it is. */
ins_status ins_matrix_gram(double alpha, const ins_matrix *a, bool by_columns,
                           ins_matrix *c) INS_CHECKED;
/** Copies the lower triangle to the upper one. */
ins_status ins_matrix_mirror(ins_matrix *m) INS_CHECKED;
/** Eigenvalues, DESCENDING, [n] on every rank, and eigenvectors as columns of v in that order (v
 * NULL: none), of the symmetric matrix in the lower triangle of a, which is lost. Signs: the entry
 * of each vector that is largest in magnitude is positive (the first of equals). INS_ERR_NUMERIC:
 * no convergence, numbers that are not finite. */
ins_status ins_matrix_eigen(ins_matrix *a, double *values, ins_matrix *v) INS_CHECKED;
/** That rule of signs, for columns of any matrix. sign[n_columns], the same on every rank: what
 * each was multiplied by, 1 or -1; may be NULL. */
ins_status ins_matrix_fix_signs(ins_matrix *m, double *sign) INS_CHECKED;
/** Bytes a rank needs on top of a and v. Local. */
double ins_matrix_eigen_bytes(int size, int block, ins_dtype dtype, double n);
/** Solves a x = b for symmetric positive definite a (lower triangle, which is lost), x in b.
 * INS_ERR_NUMERIC: not positive definite. */
ins_status ins_matrix_solve(ins_matrix *a, ins_matrix *b) INS_CHECKED;

#endif
