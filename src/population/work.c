/* SPDX-License-Identifier: MIT */
/* From distributed matrices to variables of the results file: panels of whole rows, of which each
 * rank writes a contiguous share. */
#include <string.h>

#include "analysis.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

enum { PANEL = 4 << 20 }; /* numbers of a rank's share of a panel, at most */

static const ins_variable *variable_of(const ins_work *work, int variable) {
  return &work->layout->variables[variable];
}

static void put(ins_dtype dtype, void *out, size_t i, double x) {
  switch (dtype) {
  case INS_F32:
    ((float *)out)[i] = (float)x;
    break;
  case INS_F64:
    ((double *)out)[i] = x;
    break;
  case INS_I8:
    ((int8_t *)out)[i] = (int8_t)x;
    break;
  case INS_I16:
    ((int16_t *)out)[i] = (int16_t)x;
    break;
  case INS_I32:
    ((int32_t *)out)[i] = (int32_t)x;
    break;
  default:
    ((int64_t *)out)[i] = (int64_t)x;
    break;
  }
}

static void convert(ins_dtype from, const void *in, ins_dtype to, void *out, size_t n) {
  if (from == to) {
    memcpy(out, in, n * ins_dtype_size(to));
    return;
  }
  for (size_t i = 0; i < n; i++)
    put(to, out, i, from == INS_F32 ? (double)((const float *)in)[i] : ((const double *)in)[i]);
}

/* A panel while it is on its way: as it comes from the matrix, and as the variable has it. */
typedef struct passage {
  const ins_work *work;
  int variable;
  const ins_matrix *m;
  bool transposed;       /* the variable's rows are the matrix's columns */
  size_t n_rows, width;  /* of the variable */
  size_t step;           /* its rows that travel at a time, on all ranks */
  void *taken, *written; /* this rank's share */
} passage;

static ins_status passage_create(const ins_work *work, int variable, const ins_matrix *m,
                                 bool transposed, passage *p) {
  *p = (passage){.work = work, .variable = variable, .m = m, .transposed = transposed};
  p->n_rows = transposed ? m->n_columns : m->n_rows;
  p->width = transposed ? m->n_rows : m->n_columns;
  if (p->n_rows * p->width != ins_layout_row(work->layout, variable))
    return ins_fail(INS_ERR_INTERNAL, "%s: a matrix of %zu x %zu does not fit the variable",
                    variable_of(work, variable)->name, p->n_rows, p->width);
  const size_t mine = ins_matrix_lines(p->n_rows, p->width, PANEL, m->grid->size);
  p->step = mine * (size_t)m->grid->size;
  ins_status status = ins_alloc(mine * p->width, ins_dtype_size(m->dtype), &p->taken);
  if (status == INS_OK) status = ins_alloc(mine * p->width, sizeof(double), &p->written);
  return status;
}

double ins_work_write_bytes(int size, ins_dtype dtype, size_t n_rows, size_t width) {
  const double share = (double)width * (double)ins_matrix_lines(n_rows, width, PANEL, size);
  return share * (double)(ins_dtype_size(dtype) + sizeof(double)) +
         ins_matrix_move_bytes(size, dtype, share);
}

static void passage_clear(passage *p) {
  ins_free(&p->taken);
  ins_free(&p->written);
}

/* Rows [row, row + n) of the variable. */
static ins_status pass(const passage *p, size_t row, size_t n) {
  const ins_grid *g = p->m->grid;
  const ins_share_of share = ins_grid_share(n, g->size, g->rank);
  const size_t count = share.n * p->width;
  ins_status status = p->transposed ? ins_matrix_take_columns(p->m, row, n, p->taken)
                                    : ins_matrix_take_rows(p->m, row, n, p->taken);
  if (status != INS_OK) return status;
  convert(p->m->dtype, p->taken, variable_of(p->work, p->variable)->dtype, p->written, count);
  if (count)
    status = ins_store_write_part(p->work->store, p->work->stage, p->variable, 0,
                                  (row + share.first) * p->width, count, p->written);
  return ins_agree(g->comm, status);
}

static ins_status write_all(const ins_work *work, int variable, const ins_matrix *m,
                            bool transposed) {
  passage p;
  ins_status status = passage_create(work, variable, m, transposed, &p);
  status = ins_agree(work->grid->comm, status);
  for (size_t row = 0; status == INS_OK && row < p.n_rows; row += p.step)
    status = pass(&p, row, p.n_rows - row < p.step ? p.n_rows - row : p.step);
  passage_clear(&p);
  return status;
}

ins_status ins_work_write_matrix(const ins_work *work, int variable, const ins_matrix *m) {
  return write_all(work, variable, m, false);
}

ins_status ins_work_write_transposed(const ins_work *work, int variable, const ins_matrix *m) {
  return write_all(work, variable, m, true);
}

ins_status ins_work_write_symmetric(const ins_work *work, int variable, ins_matrix *m) {
  ins_status status = ins_matrix_mirror(m);
  /* Columns are contiguous in memory, and the same as rows. */
  return status == INS_OK ? write_all(work, variable, m, true) : status;
}

ins_status ins_work_write(const ins_work *work, int variable, const void *data) {
  ins_status status = INS_OK;
  if (work->grid->rank == 0)
    status = ins_store_write_part(work->store, work->stage, variable, 0, 0,
                                  ins_layout_row(work->layout, variable), data);
  return ins_agree(work->grid->comm, status);
}

ins_status ins_work_write_numbers(const ins_work *work, int variable, const double *data) {
  const size_t n = ins_layout_row(work->layout, variable);
  void *converted = NULL;
  ins_status status = INS_OK;
  if (work->grid->rank == 0) {
    const ins_dtype dtype = variable_of(work, variable)->dtype;
    status = ins_alloc(n, ins_dtype_size(dtype), &converted);
    if (status == INS_OK) convert(INS_F64, data, dtype, converted, n);
  }
  status = ins_agree(work->grid->comm, status);
  if (status == INS_OK) status = ins_work_write(work, variable, converted);
  ins_free(&converted);
  return status;
}

/* ---- declaring ---------------------------------------------------------------------------------
 */

ins_status ins_declare(ins_layout *layout, const char *name, ins_dtype dtype, const char *units,
                       const char *long_name, const char *source, int n, const int *axes,
                       int *variable) {
  ins_variable v = {.name = name,
                    .units = units,
                    .long_name = long_name,
                    .source = source,
                    .scope = INS_PER_TASK,
                    .dtype = dtype,
                    .n_axes = n};
  for (int d = 0; d < n; d++) v.axes[d] = axes[d];
  return ins_layout_variable(layout, &v, variable);
}

ins_status ins_declare_flag(ins_layout *layout, int item_axis, int *variable) {
  ins_variable v = {.name = "flag",
                    .long_name = "why an item has no part in the analysis",
                    .flags = INS_ITEM_FLAGS,
                    .scope = INS_PER_TASK,
                    .dtype = INS_I8,
                    .n_axes = 1,
                    .axes = {item_axis}};
  return ins_layout_variable(layout, &v, variable);
}
