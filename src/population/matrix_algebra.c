/* SPDX-License-Identifier: MIT */
/* What PBLAS and ScaLAPACK do with matrices. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"
#include "matrix.h"
#include "scalapack.h"

static const int one = 1;

ins_status ins_matrix_multiply(double alpha, const ins_matrix *a, bool ta, const ins_matrix *b,
                               bool tb, double beta, ins_matrix *c) {
  const int m = (int)c->n_rows, n = (int)c->n_columns, k = (int)(ta ? a->n_rows : a->n_columns);
  const char *oa = ta ? "T" : "N", *ob = tb ? "T" : "N";
  const float alpha_f = (float)alpha, beta_f = (float)beta;
  if (c->dtype == INS_F32)
    psgemm_(oa, ob, &m, &n, &k, &alpha_f, a->data, &one, &one, a->descriptor, b->data, &one, &one,
            b->descriptor, &beta_f, c->data, &one, &one, c->descriptor);
  else
    pdgemm_(oa, ob, &m, &n, &k, &alpha, a->data, &one, &one, a->descriptor, b->data, &one, &one,
            b->descriptor, &beta, c->data, &one, &one, c->descriptor);
  return INS_OK;
}

ins_status ins_matrix_gram(double alpha, const ins_matrix *a, bool by_columns, ins_matrix *c) {
  const int n = (int)c->n_rows, k = (int)(by_columns ? a->n_rows : a->n_columns);
  const char *trans = by_columns ? "T" : "N";
  const float alpha_f = (float)alpha, zero_f = 0;
  const double zero = 0;
  if (c->dtype == INS_F32)
    pssyrk_("L", trans, &n, &k, &alpha_f, a->data, &one, &one, a->descriptor, &zero_f, c->data,
            &one, &one, c->descriptor);
  else
    pdsyrk_("L", trans, &n, &k, &alpha, a->data, &one, &one, a->descriptor, &zero, c->data, &one,
            &one, c->descriptor);
  return INS_OK;
}

static void transpose_box(const ins_matrix *from, size_t row, size_t column, size_t n, size_t k,
                          ins_matrix *to, size_t to_row, size_t to_column) {
  const int rows = (int)n, columns = (int)k, ia = (int)row + 1, ja = (int)column + 1,
            ic = (int)to_row + 1, jc = (int)to_column + 1;
  const float one_f = 1, zero_f = 0;
  const double one_d = 1, zero_d = 0;
  if (from->dtype == INS_F32)
    pstran_(&rows, &columns, &one_f, from->data, &ia, &ja, from->descriptor, &zero_f, to->data, &ic,
            &jc, to->descriptor);
  else
    pdtran_(&rows, &columns, &one_d, from->data, &ia, &ja, from->descriptor, &zero_d, to->data, &ic,
            &jc, to->descriptor);
}

ins_status ins_matrix_transpose(const ins_matrix *from, ins_matrix *to) {
  transpose_box(from, 0, 0, to->n_rows, to->n_columns, to, 0, 0);
  return INS_OK;
}

/* Blocks on the diagonal lie in one process each. */
static void mirror_diagonal_block(ins_matrix *m, size_t i, size_t j, size_t n) {
  for (size_t c = 1; c < n; c++)
    for (size_t r = 0; r < c; r++) ins_matrix_set(m, i + r, j + c, ins_matrix_get(m, i + c, j + r));
}

ins_status ins_matrix_mirror(ins_matrix *m) {
  const ins_grid *g = m->grid;
  const size_t b = (size_t)g->block;
  for (size_t at = 0, k = 0; at < m->n_rows; at += b, k++) {
    const size_t n = m->n_rows - at < b ? m->n_rows - at : b;
    if (k % (size_t)g->n_rows == (size_t)g->row && k % (size_t)g->n_columns == (size_t)g->column)
      mirror_diagonal_block(m, k / (size_t)g->n_rows * b, k / (size_t)g->n_columns * b, n);
    if (at) transpose_box(m, at, 0, at, n, m, 0, at); /* rows left of the block, above it */
  }
  return INS_OK;
}

/* ---- eigenvalues -------------------------------------------------------------------------------
 */

/* p?syevd asks for less than what it calls wants of it, when matrices are small or blocks large:
 * p?lasrt, which sorts, and p?ormtr, which turns eigenvectors back (Reference-ScaLAPACK issue 74).
 * The first 2 n numbers they do not get. And where it asks for more than 2^31 it says so in an
 * integer that has wrapped around. */
static double least_room(const ins_matrix *v) {
  const double b = v->grid->block, n = (double)v->n_rows, rows = (double)v->local_rows,
               columns = (double)v->local_columns;
  const double solving = 1 + 6 * n + 2 * rows * columns, sorting = 3 * n + rows * (b + columns),
               turning = fmax(b * b / 2, (rows + columns) * b) + b * b;
  return 2 * n + fmax(solving, fmax(sorting, turning));
}

/* What p?syevd asks for: numbers and integers. */
static ins_status ask_room(const ins_matrix *a, const ins_matrix *v, int *lwork, int *liwork) {
  const int n = (int)a->n_rows, query = -1;
  int info = 0, integers[2] = {0};
  double w[2], room[2] = {0};
  float w_f[2], room_f[2] = {0};
  if (a->dtype == INS_F32)
    pssyevd_("V", "L", &n, a->data, &one, &one, a->descriptor, w_f, v->data, &one, &one,
             v->descriptor, room_f, &query, integers, &query, &info);
  else
    pdsyevd_("V", "L", &n, a->data, &one, &one, a->descriptor, w, v->data, &one, &one,
             v->descriptor, room, &query, integers, &query, &info);
  const double told = a->dtype == INS_F32 ? ceil((double)room_f[0] * (1 + 1e-6)) : room[0],
               asked = fmax(told, least_room(v));
  if (info != 0) return ins_fail(INS_ERR_INTERNAL, "p?syevd: argument %d is wrong", -info);
  if (asked > INT_MAX - 64)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "eigenvectors of a matrix of %d x %d need more room on a rank than ScaLAPACK "
                    "counts; use more ranks",
                    n, n);
  *lwork = (int)asked + 64;
  *liwork = integers[0] + 64;
  return INS_OK;
}

/* -a, whose ascending eigenvalues are those of a from the largest on. */
static void negate(ins_matrix *a) {
  const size_t n = a->stride * a->local_columns;
  for (size_t i = 0; i < n; i++)
    if (a->dtype == INS_F32)
      ((float *)a->data)[i] *= -1;
    else
      ((double *)a->data)[i] *= -1;
}

static ins_status solve_eigen(ins_matrix *a, double *values, ins_matrix *v) {
  const int n = (int)a->n_rows;
  int info = 0, lwork = 0, liwork = 0;
  void *work = NULL, *w = NULL;
  int *integers = NULL;
  const size_t size = ins_dtype_size(a->dtype);
  ins_status status = ask_room(a, v, &lwork, &liwork);
  if (status == INS_OK) status = ins_alloc((size_t)lwork, size, &work);
  if (status == INS_OK) status = ins_alloc((size_t)n, size, &w);
  if (status == INS_OK) status = ins_alloc((size_t)liwork, sizeof *integers, &integers);
  if ((status = ins_agree(a->grid->comm, status)) != INS_OK) goto done;
  if (a->dtype == INS_F32)
    pssyevd_("V", "L", &n, a->data, &one, &one, a->descriptor, w, v->data, &one, &one,
             v->descriptor, work, &lwork, integers, &liwork, &info);
  else
    pdsyevd_("V", "L", &n, a->data, &one, &one, a->descriptor, w, v->data, &one, &one,
             v->descriptor, work, &lwork, integers, &liwork, &info);
  if (info != 0)
    status = ins_fail(INS_ERR_NUMERIC, "eigenvalues of a matrix of %d x %d did not converge", n, n);
  /* Of a matrix of one block only the process that has it learns the eigenvalues. */
  MPI_Bcast(w, n, a->dtype == INS_F32 ? MPI_FLOAT : MPI_DOUBLE, 0, a->grid->comm);
  for (int i = 0; i < n; i++)
    values[i] = a->dtype == INS_F32 ? -(double)((float *)w)[i] : -((double *)w)[i];
  status = ins_agree(a->grid->comm, status);
done:
  ins_free(&work);
  ins_free(&w);
  ins_free(&integers);
  return status;
}

/* ---- signs -------------------------------------------------------------------------------------
 * Vectors are as good as their negatives; the one whose largest entry is positive is kept. Of
 * entries that are equal but for rounding the first counts, so that rounding decides nothing. */

typedef struct signs {
  double *largest, *first, *sign; /* of each local column */
} signs;

static void find_first(const ins_matrix *v, signs *s) {
  const double slack = v->dtype == INS_F32 ? 1e-4 : 1e-8;
  for (size_t j = 0; j < v->local_columns; j++) {
    s->first[j] = INFINITY;
    for (size_t i = v->local_rows; i-- > 0;)
      if (fabs(ins_matrix_get(v, i, j)) >= s->largest[j] * (1 - slack))
        s->first[j] = (double)ins_matrix_row(v, i);
  }
}

static void find_signs(const ins_matrix *v, signs *s) {
  MPI_Comm comm = v->grid->column_comm;
  const int n = (int)v->local_columns;
  for (size_t j = 0; j < v->local_columns; j++)
    for (size_t i = 0; i < v->local_rows; i++)
      s->largest[j] = fmax(s->largest[j], fabs(ins_matrix_get(v, i, j)));
  MPI_Allreduce(MPI_IN_PLACE, s->largest, n, MPI_DOUBLE, MPI_MAX, comm);
  find_first(v, s);
  MPI_Allreduce(MPI_IN_PLACE, s->first, n, MPI_DOUBLE, MPI_MIN, comm);
  for (size_t j = 0; j < v->local_columns; j++)
    for (size_t i = 0; i < v->local_rows; i++)
      if ((double)ins_matrix_row(v, i) == s->first[j])
        s->sign[j] = ins_matrix_get(v, i, j) < 0 ? -1 : 1;
  MPI_Allreduce(MPI_IN_PLACE, s->sign, n, MPI_DOUBLE, MPI_SUM, comm);
}

/* Of all columns, on every rank; processes of the first row know one each. */
static void share_signs(const ins_matrix *v, const signs *s, double *sign) {
  memset(sign, 0, v->n_columns * sizeof *sign);
  for (size_t j = 0; j < v->local_columns && v->grid->row == 0; j++)
    sign[ins_matrix_column(v, j)] = s->sign[j] < 0 ? -1 : 1;
  MPI_Allreduce(MPI_IN_PLACE, sign, (int)v->n_columns, MPI_DOUBLE, MPI_SUM, v->grid->comm);
}

ins_status ins_matrix_fix_signs(ins_matrix *v, double *sign) {
  signs s = {0};
  ins_status status = ins_alloc(v->local_columns, sizeof *s.largest, &s.largest);
  if (status == INS_OK) status = ins_alloc(v->local_columns, sizeof *s.first, &s.first);
  if (status == INS_OK) status = ins_alloc(v->local_columns, sizeof *s.sign, &s.sign);
  if ((status = ins_agree(v->grid->comm, status)) == INS_OK) {
    find_signs(v, &s);
    for (size_t j = 0; j < v->local_columns; j++)
      for (size_t i = 0; i < v->local_rows && s.sign[j] < 0; i++)
        ins_matrix_set(v, i, j, -ins_matrix_get(v, i, j));
    if (sign) share_signs(v, &s, sign);
  }
  ins_free(&s.largest);
  ins_free(&s.first);
  ins_free(&s.sign);
  return status;
}

/* Only the lower triangle means anything. */
static ins_status check_finite(const ins_matrix *a) {
  int bad = 0;
  for (size_t j = 0; j < a->local_columns; j++)
    for (size_t i = 0; i < a->local_rows; i++)
      bad |= ins_matrix_row(a, i) >= ins_matrix_column(a, j) && !isfinite(ins_matrix_get(a, i, j));
  MPI_Allreduce(MPI_IN_PLACE, &bad, 1, MPI_INT, MPI_MAX, a->grid->comm);
  return bad ? ins_fail(INS_ERR_NUMERIC, "a matrix of %zu x %zu holds numbers that are not finite",
                        a->n_rows, a->n_columns)
             : INS_OK;
}

ins_status ins_matrix_eigen(ins_matrix *a, double *values, ins_matrix *v) {
  ins_matrix own = {0};
  ins_status status = check_finite(a);
  if (status == INS_OK && !v)
    status = ins_matrix_create(a->grid, a->dtype, a->n_rows, a->n_rows, &own);
  if (status == INS_OK) {
    negate(a);
    status = solve_eigen(a, values, v ? v : &own);
  }
  if (status == INS_OK && v) status = ins_matrix_fix_signs(v, NULL);
  ins_matrix_clear(&own);
  return status;
}

/* The formula of p?syevd's room: max(1 + 6 n + 2 np nq, trilwmin) + 2 n. */
double ins_matrix_eigen_bytes(int size, int block, ins_dtype dtype, double n) {
  const double part = ins_matrix_bytes(size, block, dtype, n, n);
  const double numbers = 8 * n + 3 * n * block + 1.5 * block * block;
  if (2 * part / (double)ins_dtype_size(dtype) + numbers > INT_MAX) return INFINITY; /* ask_room */
  return 2 * part + numbers * (double)ins_dtype_size(dtype) + 4 * (7 * n + 8 * size + 2);
}

ins_status ins_matrix_solve(ins_matrix *a, ins_matrix *b) {
  const int n = (int)a->n_rows, k = (int)b->n_columns;
  int info = 0, wrong = 0;
  if (a->dtype == INS_F32)
    pspotrf_("L", &n, a->data, &one, &one, a->descriptor, &info);
  else
    pdpotrf_("L", &n, a->data, &one, &one, a->descriptor, &info);
  if (info == 0 && a->dtype == INS_F32)
    pspotrs_("L", &n, &k, a->data, &one, &one, a->descriptor, b->data, &one, &one, b->descriptor,
             &wrong);
  else if (info == 0)
    pdpotrs_("L", &n, &k, a->data, &one, &one, a->descriptor, b->data, &one, &one, b->descriptor,
             &wrong);
  return ins_agree(a->grid->comm,
                   info ? ins_fail(INS_ERR_NUMERIC,
                                   "a matrix of %d x %d is not positive definite (row %d)", n, n,
                                   info)
                        : INS_OK);
}
