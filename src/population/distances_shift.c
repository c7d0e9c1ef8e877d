/* SPDX-License-Identifier: MIT */
/* Analysis `distances`: products of items at their best shift. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distances.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

/* Bytes of a rank's share of rows that travel to be shifted. */
enum { PANEL = 16 << 20 };
enum { MAX_SHIFTS = 1000000 };

const char *const ins_shift_names[INS_SHIFT_DIRECTIONS] = {"y", "x", "frame"};

/* ---- which there are ---------------------------------------------------------------------------
 */

static ins_status refuse_axis(const ins_table *table, int direction) {
  ins_text names = {0};
  for (int k = 0; k < table->n_feature_axes; k++)
    ins_text_add(&names, "%s%s", k ? ", " : "", table->feature_axes[k].name);
  ins_status status =
      ins_fail(INS_ERR_ARGUMENT,
               "shift: the features of '%s' have no axis '%s' to be shifted along, they have %s",
               table->name, ins_shift_names[direction], names.data ? names.data : "none");
  ins_text_free(&names);
  return status;
}

static ins_status find_axis(const ins_table *table, int direction, ins_shifts *s) {
  s->axis[direction] = -1;
  for (int k = 0; k < s->n_axes; k++)
    if (strcmp(table->feature_axes[k].name, ins_shift_names[direction]) == 0)
      s->axis[direction] = k;
  if (s->most[direction] == 0) return INS_OK;
  if (s->axis[direction] < 0) return refuse_axis(table, direction);
  const size_t length = s->length[s->axis[direction]];
  if ((size_t)s->most[direction] < length) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "shift: by up to %d along '%s', which is only %zu long; at most %zu",
                  s->most[direction], ins_shift_names[direction], length, length - 1);
}

static int compare(const void *a, const void *b) {
  const int16_t *p = a, *q = b;
  int size = 0, order = 0;
  for (int d = 0; d < INS_SHIFT_DIRECTIONS; d++) {
    size += p[d] * p[d] - q[d] * q[d];
    if (!order) order = p[d] - q[d];
  }
  return size ? size : order;
}

/* Of s and -s the one whose first number that is not 0 is positive. */
static bool is_first(int y, int x, int frame) {
  return y ? y > 0 : x ? x > 0 : frame >= 0;
}

static ins_status list(ins_shifts *s) {
  const int y = s->most[0], x = s->most[1], f = s->most[2];
  const double n = ((2.0 * y + 1) * (2.0 * x + 1) * (2.0 * f + 1) + 1) / 2;
  if (n > MAX_SHIFTS)
    return ins_fail(INS_ERR_ARGUMENT, "shift: %.0f shifts are too many (at most %d); allow fewer",
                    2 * n - 1, 2 * MAX_SHIFTS);
  ins_status status = ins_alloc((size_t)n, sizeof *s->shift, &s->shift);
  if (status != INS_OK) return status;
  for (int a = -y; a <= y; a++)
    for (int b = -x; b <= x; b++)
      for (int c = -f; c <= f; c++)
        if (is_first(a, b, c)) {
          s->shift[s->n][INS_SHIFT_Y] = (int16_t)a;
          s->shift[s->n][INS_SHIFT_X] = (int16_t)b;
          s->shift[s->n++][INS_SHIFT_FRAME] = (int16_t)c;
        }
  qsort(s->shift, s->n, sizeof *s->shift, compare);
  return INS_OK;
}

ins_status ins_shifts_create(const int most[INS_SHIFT_DIRECTIONS], const ins_table *table,
                             ins_shifts *out) {
  *out = (ins_shifts){.n_axes = table->n_feature_axes};
  ins_status status = INS_OK;
  for (int k = 0; k < out->n_axes; k++) out->length[k] = table->feature_axes[k].length;
  for (int d = 0; d < INS_SHIFT_DIRECTIONS && status == INS_OK; d++) {
    out->most[d] = most[d];
    status = find_axis(table, d, out);
  }
  return status == INS_OK ? list(out) : status;
}

void ins_shifts_clear(ins_shifts *s) {
  ins_free(&s->shift);
  *s = (ins_shifts){0};
}

/* ---- shifting ----------------------------------------------------------------------------------
 */

/* Axes from `axis` on; by[n_axes] are the shifts, `size` the bytes of what is one step along the
 * axis before. */
static void shift_axes(const ins_shifts *s, const int *by, int axis, int last, size_t size,
                       const char *in, char *out) {
  if (axis > last) {
    memcpy(out, in, size);
    return;
  }
  const int n = (int)s->length[axis];
  const size_t step = size / s->length[axis];
  for (int p = 0; p < n; p++) {
    const int from = p - by[axis];
    if (from < 0 || from >= n)
      memset(out + (size_t)p * step, 0, step);
    else
      shift_axes(s, by, axis + 1, last, step, in + (size_t)from * step, out + (size_t)p * step);
  }
}

void ins_shift_row(const ins_shifts *s, const int16_t shift[INS_SHIFT_DIRECTIONS], ins_dtype dtype,
                   const void *in, void *out) {
  int by[INS_TABLE_MAX_AXES] = {0}, last = -1;
  size_t size = ins_dtype_size(dtype);
  for (int k = 0; k < s->n_axes; k++) size *= s->length[k];
  for (int d = 0; d < INS_SHIFT_DIRECTIONS; d++)
    if (shift[d]) {
      by[s->axis[d]] = shift[d];
      if (s->axis[d] > last) last = s->axis[d];
    }
  shift_axes(s, by, 0, last, size, in, out);
}

/* Rows on their way: in one piece each, which those of a matrix in blocks are not. */
typedef struct passage {
  size_t step; /* rows that travel at a time, on all ranks */
  void *rows, *shifted;
} passage;

static ins_status passage_create(const ins_matrix *x, passage *p) {
  const size_t size = (size_t)x->grid->size, bytes = x->n_columns * ins_dtype_size(x->dtype);
  const size_t share = bytes < PANEL ? PANEL / bytes : 1, all = (x->n_rows + size - 1) / size;
  const size_t mine = share < all ? share : all;
  *p = (passage){.step = mine * size};
  ins_status status = ins_alloc(mine, bytes, &p->rows);
  if (status == INS_OK) status = ins_alloc(mine, bytes, &p->shifted);
  return ins_agree(x->grid->comm, status);
}

static void passage_clear(passage *p) {
  ins_free(&p->rows);
  ins_free(&p->shifted);
}

/* y = x, every row shifted. */
static ins_status shift_rows(const ins_shifts *s, const int16_t *shift, const ins_matrix *x,
                             const passage *p, ins_matrix *y) {
  const size_t bytes = x->n_columns * ins_dtype_size(x->dtype);
  ins_status status = INS_OK;
  for (size_t row = 0; row < x->n_rows && status == INS_OK; row += p->step) {
    const size_t n = x->n_rows - row < p->step ? x->n_rows - row : p->step;
    const ins_share_of share = ins_grid_share(n, x->grid->size, x->grid->rank);
    status = ins_matrix_take_rows(x, row, n, p->rows);
    if (status != INS_OK) break;
    for (size_t i = 0; i < share.n; i++)
      ins_shift_row(s, shift, x->dtype, (const char *)p->rows + i * bytes,
                    (char *)p->shifted + i * bytes);
    status = ins_matrix_put_rows(y, row, n, p->shifted);
  }
  return status;
}

/* ---- the best ----------------------------------------------------------------------------------
 */

/* Takes products at shift k (its negative: -k) where they are larger than all before. Rounding,
 * which depends on the number of ranks, does not decide between shifts that are equally good. */
static void keep_best(const ins_matrix *c, int32_t k, const double *norm, ins_matrix *best,
                      int32_t *which) {
  const double slack = c->dtype == INS_F32 ? 1e-5 : 1e-10;
  for (size_t j = 0; j < c->local_columns; j++)
    for (size_t i = 0; i < c->local_rows; i++) {
      const size_t row = ins_matrix_row(c, i), column = ins_matrix_column(c, j);
      const double x = ins_matrix_get(c, i, j);
      if (row <= column || !(x > ins_matrix_get(best, i, j) + slack * norm[row] * norm[column]))
        continue;
      ins_matrix_set(best, i, j, x);
      which[j * c->local_rows + i] = k;
    }
}

static ins_status try_shifts(const ins_shifts *s, const ins_work *work, const ins_matrix *x,
                             const double *norm, ins_matrix *y, ins_matrix *c, ins_matrix *turned,
                             const passage *p, ins_matrix *best, int32_t *which) {
  ins_status status = INS_OK;
  for (size_t k = 1; k < s->n && status == INS_OK; k++) {
    status = shift_rows(s, s->shift[k], x, p, y);
    if (status == INS_OK) status = ins_matrix_multiply(1, x, false, y, true, 0, c);
    if (status == INS_OK) status = ins_matrix_transpose(c, turned);
    if (status != INS_OK) break;
    keep_best(c, (int32_t)k, norm, best, which);
    keep_best(turned, -(int32_t)k, norm, best, which);
    status = ins_work_beat(work, (double)k / (double)s->n);
  }
  return status;
}

ins_status ins_shifts_best(const ins_shifts *s, const ins_work *work, const ins_matrix *x,
                           const double *norm, ins_matrix *best, int32_t *which) {
  ins_matrix y = {0}, c = {0}, turned = {0};
  passage p = {0};
  ins_status status = ins_matrix_gram(1, x, false, best);
  memset(which, 0, best->local_rows * best->local_columns * sizeof *which);
  if (status == INS_OK) status = ins_matrix_create(x->grid, x->dtype, x->n_rows, x->n_columns, &y);
  if (status == INS_OK) status = ins_matrix_create(x->grid, x->dtype, x->n_rows, x->n_rows, &c);
  if (status == INS_OK)
    status = ins_matrix_create(x->grid, x->dtype, x->n_rows, x->n_rows, &turned);
  if (status == INS_OK) status = passage_create(x, &p);
  if (status == INS_OK) status = try_shifts(s, work, x, norm, &y, &c, &turned, &p, best, which);
  passage_clear(&p);
  ins_matrix_clear(&y);
  ins_matrix_clear(&c);
  ins_matrix_clear(&turned);
  return status;
}

/* m = m - m^T, of what is 0 outside the lower triangle. */
static ins_status make_skew(ins_matrix *m) {
  ins_matrix turned;
  ins_status status = ins_matrix_create(m->grid, m->dtype, m->n_rows, m->n_rows, &turned);
  if (status == INS_OK) status = ins_matrix_transpose(m, &turned);
  for (size_t j = 0; j < m->local_columns && status == INS_OK; j++)
    for (size_t i = 0; i < m->local_rows; i++)
      ins_matrix_set(m, i, j, ins_matrix_get(m, i, j) - ins_matrix_get(&turned, i, j));
  ins_matrix_clear(&turned);
  return status;
}

ins_status ins_shifts_component(const ins_shifts *s, int direction, const int32_t *which,
                                ins_matrix *m) {
  for (size_t j = 0; j < m->local_columns; j++)
    for (size_t i = 0; i < m->local_rows; i++) {
      const int32_t k = which[j * m->local_rows + i];
      const bool below = ins_matrix_row(m, i) > ins_matrix_column(m, j);
      const int by = s->shift[k < 0 ? -k : k][direction];
      ins_matrix_set(m, i, j, !below ? 0 : k < 0 ? -by : by);
    }
  return make_skew(m);
}

double ins_shifts_bytes(const ins_shifts *s, int size, int block, ins_dtype dtype, double n,
                        double k) {
  if (s->n == 1) return 0;
  const double which = ins_matrix_bytes(size, block, INS_F32, n, n);
  const size_t each = ins_dtype_size(dtype);
  const double share = k * (double)ins_matrix_lines((size_t)n, (size_t)k, PANEL / each, size);
  return ins_matrix_bytes(size, block, dtype, n, k) +
         2 * ins_matrix_bytes(size, block, dtype, n, n) + which + 2 * share * (double)each +
         ins_matrix_move_bytes(size, dtype, share);
}
