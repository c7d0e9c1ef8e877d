/* SPDX-License-Identifier: MIT */
/* Shifts and scales the features of each item, variable by variable.
 *
 * Rows lie over the processes of a row of the grid, columns over those of a column: sums of rows
 * are formed among the former, and each process keeps those of its own rows. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"
#include "table_parts.h"

static void reduce(double *x, size_t n, MPI_Op op, MPI_Comm comm) {
  for (size_t at = 0; at < n; at += INT_MAX / 16) {
    const size_t k = n - at < INT_MAX / 16 ? n - at : INT_MAX / 16;
    MPI_Allreduce(MPI_IN_PLACE, x + at, (int)k, MPI_DOUBLE, op, comm);
  }
}

static bool is_asked(const struct ins_table_parts *p) {
  return strcmp(p->normalize, "none") != 0;
}

bool ins_table_normalization_asked(const ins_table *table) {
  return is_asked(table->parts) || table->parts->balance;
}

bool ins_table_normalization_fits(const ins_table *table, const ins_matrix *m) {
  const ins_table_normalization *z = &table->parts->normalization;
  const ins_grid *g = m->grid;
  return z->known && z->rank == g->rank && z->size == g->size && z->block == g->block &&
         z->dtype == m->dtype;
}

void ins_table_normalization_clear(ins_table_normalization *z) {
  ins_free(&z->shift);
  ins_free(&z->factor);
  ins_free(&z->weight);
  *z = (ins_table_normalization){0};
}

/* Block that column c is in; columns are asked for in ascending order, from *b on. */
static size_t block_of(const struct ins_table_parts *p, size_t c, size_t *b) {
  while (c >= p->blocks[*b].first + p->blocks[*b].n) ++*b;
  return *b;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* What is known of the rows of every block: arrays [n_blocks][local_rows]. */
typedef struct statistics {
  double *sum, *squares, *least, *greatest;
} statistics;

static void statistics_clear(statistics *s) {
  ins_free(&s->sum);
  ins_free(&s->squares);
  ins_free(&s->least);
  ins_free(&s->greatest);
}

static ins_status statistics_create(size_t n, statistics *s) {
  *s = (statistics){0};
  ins_status status = ins_alloc(n, sizeof(double), &s->sum);
  if (status == INS_OK) status = ins_alloc(n, sizeof(double), &s->squares);
  if (status == INS_OK) status = ins_alloc(n, sizeof(double), &s->least);
  if (status == INS_OK) status = ins_alloc(n, sizeof(double), &s->greatest);
  for (size_t i = 0; i < n && status == INS_OK; i++) {
    s->least[i] = INFINITY;
    s->greatest[i] = -INFINITY;
  }
  return status;
}

static void find_extremes(const struct ins_table_parts *p, const ins_matrix *m, statistics *s) {
  const size_t rows = m->local_rows, n = p->n_blocks * rows;
  for (size_t j = 0, b = 0; j < m->local_columns; j++) {
    const size_t at = block_of(p, ins_matrix_column(m, j), &b) * rows;
    for (size_t i = 0; i < rows; i++) {
      const double x = ins_matrix_get(m, i, j);
      s->sum[at + i] += x;
      if (x < s->least[at + i]) s->least[at + i] = x;
      if (x > s->greatest[at + i]) s->greatest[at + i] = x;
    }
  }
  reduce(s->sum, n, MPI_SUM, m->grid->row_comm);
  reduce(s->least, n, MPI_MIN, m->grid->row_comm);
  reduce(s->greatest, n, MPI_MAX, m->grid->row_comm);
}

/* Sums of squares around shift. */
static void find_squares(const struct ins_table_parts *p, const ins_matrix *m, const double *shift,
                         statistics *s) {
  const size_t rows = m->local_rows;
  for (size_t j = 0, b = 0; j < m->local_columns; j++) {
    const size_t at = block_of(p, ins_matrix_column(m, j), &b) * rows;
    for (size_t i = 0; i < rows; i++) {
      const double x = ins_matrix_get(m, i, j) - shift[at + i];
      s->squares[at + i] += x * x;
    }
  }
  reduce(s->squares, p->n_blocks * rows, MPI_SUM, m->grid->row_comm);
}

/* Rows without variation, or that are 0, become 0. A variable with one feature is left as it is: it
 * would become 0 or 1. */
static void find_factors(const struct ins_table_parts *p, const ins_matrix *m, statistics *s,
                         const int8_t *missing, ins_table_normalization *z) {
  const bool zscore = strcmp(p->normalize, "zscore") == 0, peak = strcmp(p->normalize, "peak") == 0;
  const size_t rows = m->local_rows;
  find_extremes(p, m, s);
  for (size_t k = 0; k < p->n_blocks * rows; k++)
    z->shift[k] =
        zscore && p->blocks[k / rows].n > 1 ? s->sum[k] / (double)p->blocks[k / rows].n : 0;
  if (!peak) find_squares(p, m, z->shift, s);
  for (size_t k = 0; k < p->n_blocks * rows; k++) {
    const double n = (double)p->blocks[k / rows].n;
    const double size = peak     ? fmax(fabs(s->least[k]), fabs(s->greatest[k]))
                        : zscore ? sqrt(s->squares[k] / n)
                                 : sqrt(s->squares[k]);
    const bool flat = zscore && s->least[k] == s->greatest[k];
    z->factor[k] = size > 0 && !flat ? 1 / size : 0;
    if (p->blocks[k / rows].n == 1) z->factor[k] = 1;
    if (missing[ins_matrix_row(m, k % rows)]) z->factor[k] = 0;
  }
}

static ins_status find_rows(const struct ins_table_parts *p, const ins_matrix *m,
                            const int8_t *missing, ins_table_normalization *z) {
  const size_t n = p->n_blocks * m->local_rows;
  statistics s;
  ins_status status = statistics_create(n, &s);
  if (status == INS_OK) status = ins_alloc(n, sizeof(double), &z->shift);
  if (status == INS_OK) status = ins_alloc(n, sizeof(double), &z->factor);
  status = ins_agree(m->grid->comm, status);
  if (status == INS_OK) find_factors(p, m, &s, missing, z);
  statistics_clear(&s);
  return status;
}

/* ---- variances of columns ---------------------------------------------------------------------
 */

/* x[j] = sum over rows that are not missing of (element - around[j])^power. */
static void sum_columns(const ins_matrix *m, const int8_t *missing, const double *around,
                        double *x) {
  for (size_t j = 0; j < m->local_columns; j++) {
    x[j] = 0;
    for (size_t i = 0; i < m->local_rows; i++) {
      const double value = ins_matrix_get(m, i, j), off = around ? value - around[j] : 0;
      if (!missing[ins_matrix_row(m, i)]) x[j] += around ? off * off : value;
    }
  }
  reduce(x, m->local_columns, MPI_SUM, m->grid->column_comm);
}

/* Weight 1 / sqrt(total variance) of every block; 1 where there is none. */
static void weigh(const ins_table *table, const ins_matrix *m, const int8_t *missing, double *mean,
                  double *squares, double *weight) {
  const struct ins_table_parts *p = table->parts;
  size_t n = 0;
  for (size_t i = 0; i < table->n_items; i++) n += !missing[i];
  sum_columns(m, missing, NULL, mean);
  for (size_t j = 0; j < m->local_columns; j++) mean[j] /= n ? (double)n : 1;
  sum_columns(m, missing, mean, squares);
  memset(weight, 0, p->n_blocks * sizeof *weight);
  for (size_t j = 0, b = 0; j < m->local_columns && m->grid->row == 0; j++)
    weight[block_of(p, ins_matrix_column(m, j), &b)] += squares[j];
  reduce(weight, p->n_blocks, MPI_SUM, m->grid->comm);
  for (size_t b = 0; b < p->n_blocks; b++)
    weight[b] = weight[b] > 0 && n > 1 ? sqrt((double)(n - 1) / weight[b]) : 1;
}

static ins_status find_weights(const ins_table *table, const ins_matrix *m, const int8_t *missing,
                               ins_table_normalization *z) {
  double *mean, *squares = NULL, *weight = NULL;
  ins_status status = ins_alloc(m->local_columns, sizeof *mean, &mean);
  if (status == INS_OK) status = ins_alloc(m->local_columns, sizeof *squares, &squares);
  if (status == INS_OK) status = ins_alloc(table->parts->n_blocks, sizeof *weight, &weight);
  status = ins_agree(m->grid->comm, status);
  if (status == INS_OK) weigh(table, m, missing, mean, squares, weight);
  ins_free(&mean);
  ins_free(&squares);
  if (status == INS_OK)
    z->weight = weight;
  else
    ins_free(&weight);
  return status;
}

/* ---- both -------------------------------------------------------------------------------------
 */

static void apply_rows(const struct ins_table_parts *p, ins_matrix *m) {
  const ins_table_normalization *z = &p->normalization;
  if (!z->factor) return;
  for (size_t j = 0, b = 0; j < m->local_columns; j++) {
    const size_t at = block_of(p, ins_matrix_column(m, j), &b) * m->local_rows;
    for (size_t i = 0; i < m->local_rows; i++)
      ins_matrix_set(m, i, j, (ins_matrix_get(m, i, j) - z->shift[at + i]) * z->factor[at + i]);
  }
}

static void apply_weights(const struct ins_table_parts *p, ins_matrix *m) {
  const ins_table_normalization *z = &p->normalization;
  if (!z->weight) return;
  for (size_t j = 0, b = 0; j < m->local_columns; j++) {
    const double weight = z->weight[block_of(p, ins_matrix_column(m, j), &b)];
    for (size_t i = 0; i < m->local_rows; i++)
      ins_matrix_set(m, i, j, ins_matrix_get(m, i, j) * weight);
  }
}

ins_status ins_table_normalization_find(const ins_table *table, ins_matrix *m,
                                        const int8_t *missing) {
  struct ins_table_parts *p = table->parts;
  ins_table_normalization *z = &p->normalization;
  ins_table_normalization_clear(z);
  ins_status status = is_asked(p) ? find_rows(p, m, missing, z) : INS_OK;
  z->rank = m->grid->rank;
  z->size = m->grid->size;
  z->block = m->grid->block;
  z->dtype = m->dtype;
  z->local_rows = m->local_rows;
  if (status == INS_OK) apply_rows(p, m);
  if (status == INS_OK && p->balance) {
    status = find_weights(table, m, missing, z);
    if (status == INS_OK) apply_weights(p, m);
  }
  z->known = status == INS_OK;
  if (status != INS_OK) ins_table_normalization_clear(z);
  return status;
}

void ins_table_normalization_apply(const ins_table *table, ins_matrix *m) {
  apply_rows(table->parts, m);
  apply_weights(table->parts, m);
}
