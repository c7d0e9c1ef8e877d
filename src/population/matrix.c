/* SPDX-License-Identifier: MIT */
/* Where the elements of a matrix lie, and what each process does with its own. */
#include "matrix.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"
#include "scalapack.h"

enum { DENSE = 1 };

static size_t local_count(size_t n, int block, int process, int n_processes) {
  const int first = 0, whole = (int)n;
  return (size_t)numroc_(&whole, &block, &process, &first, &n_processes);
}

static double local_side(double n, int block, int processes) {
  return fmin(ceil(n / block / processes) * block, n);
}

/* Elements of the largest part: that of process (0, 0). */
static double part_elements(int size, int block, double n_rows, double n_columns) {
  int rows, columns;
  ins_grid_shape(size, &rows, &columns);
  return local_side(n_rows, block, rows) * local_side(n_columns, block, columns);
}

double ins_matrix_bytes(int size, int block, ins_dtype dtype, double n_rows, double n_columns) {
  const double n = part_elements(size, block, n_rows, n_columns);
  return n > INT_MAX ? INFINITY : n * (double)ins_dtype_size(dtype);
}

/* Two of each operand: one that is multiplied and one that is on its way. */
double ins_matrix_product_bytes(int size, int block, ins_dtype dtype, double n_rows,
                                double n_columns) {
  int rows, columns;
  ins_grid_shape(size, &rows, &columns);
  const double sides = local_side(n_rows, block, rows) + local_side(n_columns, block, columns);
  return 2 * sides * INS_GRID_PANEL * (double)ins_dtype_size(dtype);
}

size_t ins_matrix_lines(size_t n, size_t across, size_t most, int size) {
  const size_t all = (n + (size_t)size - 1) / (size_t)size;
  const size_t fit = across < most ? most / across : 1;
  return fit < all ? fit : all;
}

/* Turned into the other order; sorted by where it goes and as it comes; a message to one process of
 * each column of the grid. */
double ins_matrix_move_bytes(int size, ins_dtype dtype, double count) {
  int rows, columns;
  ins_grid_shape(size, &rows, &columns);
  return (3 + (size > 1 ? 1.0 / columns : 0)) * count * (double)ins_dtype_size(dtype);
}

static ins_status check_size(const ins_grid *g, size_t n_rows, size_t n_columns) {
  int size = g->size;
  if (!n_rows || !n_columns || n_rows > INT_MAX || n_columns > INT_MAX)
    return ins_fail(INS_ERR_UNSUPPORTED, "a matrix of %zu x %zu cannot be dealt to ranks", n_rows,
                    n_columns);
  while (part_elements(size, g->block, (double)n_rows, (double)n_columns) > INT_MAX &&
         size <= INT_MAX / 2)
    size *= 2;
  if (size == g->size) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "a matrix of %zu x %zu is too large for %d rank%s: ScaLAPACK counts to 2^31; %d "
                  "ranks would do",
                  n_rows, n_columns, g->size, g->size == 1 ? "" : "s", size);
}

ins_status ins_matrix_create(const ins_grid *grid, ins_dtype dtype, size_t n_rows, size_t n_columns,
                             ins_matrix *out) {
  *out = (ins_matrix){.grid = grid, .dtype = dtype, .n_rows = n_rows, .n_columns = n_columns};
  ins_status status = check_size(grid, n_rows, n_columns);
  if (status != INS_OK) return status;
  out->local_rows = local_count(n_rows, grid->block, grid->row, grid->n_rows);
  out->local_columns = local_count(n_columns, grid->block, grid->column, grid->n_columns);
  out->stride = out->local_rows ? out->local_rows : 1;
  const int d[9] = {DENSE,           grid->context, (int)n_rows, (int)n_columns,
                    grid->block,     grid->block,   0,           0,
                    (int)out->stride};
  memcpy(out->descriptor, d, sizeof d);
  status = ins_alloc(out->stride * (out->local_columns ? out->local_columns : 1),
                     ins_dtype_size(dtype), &out->data);
  status = ins_agree(grid->comm, status);
  if (status != INS_OK) ins_matrix_clear(out);
  return status;
}

void ins_matrix_clear(ins_matrix *m) {
  ins_free(&m->data);
  *m = (ins_matrix){0};
}

static size_t global_index(size_t local, int block, int process, int n_processes) {
  const size_t b = (size_t)block;
  return (local / b * (size_t)n_processes + (size_t)process) * b + local % b;
}

size_t ins_matrix_row(const ins_matrix *m, size_t i) {
  return global_index(i, m->grid->block, m->grid->row, m->grid->n_rows);
}

size_t ins_matrix_column(const ins_matrix *m, size_t j) {
  return global_index(j, m->grid->block, m->grid->column, m->grid->n_columns);
}

/* Local numbers of those rows (columns) that are less than a global one. */
static size_t rows_below(const ins_matrix *m, size_t row) {
  return row ? local_count(row, m->grid->block, m->grid->row, m->grid->n_rows) : 0;
}

static size_t columns_below(const ins_matrix *m, size_t column) {
  return column ? local_count(column, m->grid->block, m->grid->column, m->grid->n_columns) : 0;
}

/* ---- rows and columns as a whole --------------------------------------------------------------
 */

/* In pieces: counts of MPI are ints. */
static void sum_over_ranks(MPI_Comm comm, double *x, size_t n) {
  for (size_t at = 0; at < n; at += INT_MAX / 16) {
    const size_t k = n - at < INT_MAX / 16 ? n - at : INT_MAX / 16;
    MPI_Allreduce(MPI_IN_PLACE, x + at, (int)k, MPI_DOUBLE, MPI_SUM, comm);
  }
}

static ins_status sums(const ins_matrix *m, bool by_rows, const double *around, double *sum,
                       double *squares) {
  const size_t n = by_rows ? m->n_rows : m->n_columns;
  memset(sum, 0, n * sizeof *sum);
  if (squares) memset(squares, 0, n * sizeof *squares);
  for (size_t j = 0; j < m->local_columns; j++)
    for (size_t i = 0; i < m->local_rows; i++) {
      const size_t k = by_rows ? ins_matrix_row(m, i) : ins_matrix_column(m, j);
      const double x = ins_matrix_get(m, i, j), off = x - (around ? around[k] : 0);
      sum[k] += x;
      if (squares) squares[k] += off * off;
    }
  sum_over_ranks(m->grid->comm, sum, n);
  if (squares) sum_over_ranks(m->grid->comm, squares, n);
  return INS_OK;
}

ins_status ins_matrix_row_sums(const ins_matrix *m, const double *around, double *sum,
                               double *squares) {
  return sums(m, true, around, sum, squares);
}

ins_status ins_matrix_column_sums(const ins_matrix *m, const double *around, double *sum,
                                  double *squares) {
  return sums(m, false, around, sum, squares);
}

static void scale(ins_matrix *m, bool by_rows, const double *shift, const double *factor) {
  for (size_t j = 0; j < m->local_columns; j++)
    for (size_t i = 0; i < m->local_rows; i++) {
      const size_t k = by_rows ? ins_matrix_row(m, i) : ins_matrix_column(m, j);
      const double x = ins_matrix_get(m, i, j) - (shift ? shift[k] : 0);
      ins_matrix_set(m, i, j, factor ? x * factor[k] : x);
    }
}

void ins_matrix_scale_rows(ins_matrix *m, const double *shift, const double *factor) {
  scale(m, true, shift, factor);
}

void ins_matrix_scale_columns(ins_matrix *m, const double *shift, const double *factor) {
  scale(m, false, shift, factor);
}

double ins_matrix_sum_squares(const ins_matrix *m) {
  double sum = 0;
  for (size_t j = 0; j < m->local_columns; j++)
    for (size_t i = 0; i < m->local_rows; i++) {
      const double x = ins_matrix_get(m, i, j);
      sum += x * x;
    }
  sum_over_ranks(m->grid->comm, &sum, 1);
  return sum;
}

double ins_matrix_trace(const ins_matrix *m) {
  double sum = 0;
  for (size_t j = 0; j < m->local_columns; j++) {
    const size_t c = ins_matrix_column(m, j), i = rows_below(m, c);
    if (i < m->local_rows && ins_matrix_row(m, i) == c) sum += ins_matrix_get(m, i, j);
  }
  sum_over_ranks(m->grid->comm, &sum, 1);
  return sum;
}

/* ---- moving ------------------------------------------------------------------------------------
 */

void ins_matrix_copy(const ins_matrix *from, ins_matrix *to) {
  const size_t bytes = from->stride * from->local_columns * ins_dtype_size(from->dtype);
  if (from->dtype == to->dtype) {
    memcpy(to->data, from->data, bytes);
    return;
  }
  for (size_t j = 0; j < from->local_columns; j++)
    for (size_t i = 0; i < from->local_rows; i++)
      ins_matrix_set(to, i, j, ins_matrix_get(from, i, j));
}

/* This process's part of the box [row, row + n) x [column, column + k), in local numbers. */
typedef struct part {
  size_t i, i_end, j, j_end;
} part;

static part part_of(const ins_matrix *m, size_t row, size_t n, size_t column, size_t k) {
  return (part){rows_below(m, row), rows_below(m, row + n), columns_below(m, column),
                columns_below(m, column + k)};
}

ins_status ins_matrix_gather(const ins_matrix *m, size_t row, size_t n, size_t column, size_t k,
                             double *out) {
  const part p = part_of(m, row, n, column, k);
  memset(out, 0, n * k * sizeof *out);
  for (size_t j = p.j; j < p.j_end; j++)
    for (size_t i = p.i; i < p.i_end; i++)
      out[(ins_matrix_row(m, i) - row) * k + ins_matrix_column(m, j) - column] =
          ins_matrix_get(m, i, j);
  sum_over_ranks(m->grid->comm, out, n * k);
  return INS_OK;
}

void ins_matrix_scatter(ins_matrix *m, size_t row, size_t n, size_t column, size_t k,
                        const double *in) {
  const part p = part_of(m, row, n, column, k);
  for (size_t j = p.j; j < p.j_end; j++)
    for (size_t i = p.i; i < p.i_end; i++)
      ins_matrix_set(m, i, j,
                     in[(ins_matrix_row(m, i) - row) * k + ins_matrix_column(m, j) - column]);
}

/* A panel of whole rows or columns as contiguous shares, one a rank: to ScaLAPACK, a matrix of one
 * block a process. */
typedef struct panel {
  int descriptor[9];
  ins_share_of share;
} panel;

static panel panel_of(const ins_grid *g, bool of_rows, size_t n, size_t across) {
  const int each = (int)((n + (size_t)g->size - 1) / (size_t)g->size);
  panel p = {.share = ins_grid_share(n, g->size, g->rank)};
  const int rows = of_rows ? (int)n : (int)across, columns = of_rows ? (int)across : (int)n;
  const int leading = of_rows ? (int)p.share.n : (int)across;
  const int d[9] = {DENSE,
                    of_rows ? g->pile : g->line,
                    rows,
                    columns,
                    of_rows ? each : rows,
                    of_rows ? columns : each,
                    0,
                    0,
                    leading > 1 ? leading : 1};
  memcpy(p.descriptor, d, sizeof d);
  return p;
}

static void redistribute(int rows, int columns, ins_dtype dtype, const void *a, int ia, int ja,
                         const int *da, void *b, int ib, int jb, const int *db, int context) {
  if (dtype == INS_F32)
    Cpsgemr2d(rows, columns, a, ia, ja, da, b, ib, jb, db, context);
  else
    Cpdgemr2d(rows, columns, a, ia, ja, da, b, ib, jb, db, context);
}

/* out [columns][rows] = transpose of in [rows][columns]. */
static void turn(ins_dtype dtype, size_t rows, size_t columns, const void *in, void *out) {
  enum { TILE = 32 };
  for (size_t r0 = 0; r0 < rows; r0 += TILE)
    for (size_t c0 = 0; c0 < columns; c0 += TILE)
      for (size_t r = r0; r < rows && r < r0 + TILE; r++)
        for (size_t c = c0; c < columns && c < c0 + TILE; c++)
          if (dtype == INS_F32)
            ((float *)out)[c * rows + r] = ((const float *)in)[r * columns + c];
          else
            ((double *)out)[c * rows + r] = ((const double *)in)[r * columns + c];
}

/* Room for this rank's share of a panel of rows, column by column. */
static ins_status make_buffer(const ins_matrix *m, const panel *p, void **buffer) {
  *buffer = NULL;
  return ins_agree(m->grid->comm,
                   ins_alloc(p->share.n * m->n_columns + 1, ins_dtype_size(m->dtype), buffer));
}

ins_status ins_matrix_take_rows(const ins_matrix *m, size_t row, size_t n, void *out) {
  const panel p = panel_of(m->grid, true, n, m->n_columns);
  void *buffer;
  ins_status status = make_buffer(m, &p, &buffer);
  if (status == INS_OK) {
    redistribute((int)n, (int)m->n_columns, m->dtype, m->data, (int)row + 1, 1, m->descriptor,
                 buffer, 1, 1, p.descriptor, m->grid->context);
    turn(m->dtype, m->n_columns, p.share.n, buffer, out);
  }
  ins_free(&buffer);
  return status;
}

ins_status ins_matrix_put_rows(ins_matrix *m, size_t row, size_t n, const void *in) {
  const panel p = panel_of(m->grid, true, n, m->n_columns);
  void *buffer;
  ins_status status = make_buffer(m, &p, &buffer);
  if (status == INS_OK) {
    turn(m->dtype, p.share.n, m->n_columns, in, buffer);
    redistribute((int)n, (int)m->n_columns, m->dtype, buffer, 1, 1, p.descriptor, m->data,
                 (int)row + 1, 1, m->descriptor, m->grid->context);
  }
  ins_free(&buffer);
  return status;
}

ins_status ins_matrix_take_columns(const ins_matrix *m, size_t column, size_t n, void *out) {
  const panel p = panel_of(m->grid, false, n, m->n_rows);
  redistribute((int)m->n_rows, (int)n, m->dtype, m->data, 1, (int)column + 1, m->descriptor, out, 1,
               1, p.descriptor, m->grid->context);
  return INS_OK;
}

ins_status ins_matrix_put_columns(ins_matrix *m, size_t column, size_t n, const void *in) {
  const panel p = panel_of(m->grid, false, n, m->n_rows);
  redistribute((int)m->n_rows, (int)n, m->dtype, in, 1, 1, p.descriptor, m->data, 1,
               (int)column + 1, m->descriptor, m->grid->context);
  return INS_OK;
}
