/* SPDX-License-Identifier: MIT */
/* Features as conditions: parameters, trials, picking rows and columns. */
#include "conditions.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"

/* ---- an axis as a parameter --------------------------------------------------------------------
 */

static ins_status no_such_axis(const ins_table *table, const char *name) {
  ins_text names = {0};
  for (int a = 0; a < table->n_feature_axes; a++)
    ins_text_add(&names, "%s%s", a ? ", " : "", table->feature_axes[a].name);
  ins_status status =
      !table->n_feature_axes
          ? ins_fail(INS_ERR_ARGUMENT,
                     "the features of '%s' are several variables or files and have no axis of a "
                     "parameter",
                     table->name)
      : name
          ? ins_fail(INS_ERR_ARGUMENT, "'%s' has no axis %s of features; it has %s", table->name,
                     name, names.data)
          : ins_fail(INS_ERR_ARGUMENT, "the features of '%s' have several axes (%s): say which one",
                     table->name, names.data);
  ins_text_free(&names);
  return status;
}

static int find_axis(const ins_table *table, const char *name) {
  if (!name) return table->n_feature_axes == 1 ? 0 : -1;
  for (int a = 0; a < table->n_feature_axes; a++)
    if (strcmp(table->feature_axes[a].name, name) == 0) return a;
  return -1;
}

static void sort_places(const double *values, size_t n, size_t *order) {
  for (size_t i = 0; i < n; i++) {
    size_t at = i;
    for (; at > 0 && values[order[at - 1]] > values[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
}

static bool in_degrees(const char *units) {
  return strcmp(units, "degree") == 0 || strcmp(units, "degrees") == 0 || strcmp(units, "deg") == 0;
}

static bool goes_around(const ins_parameter *p) {
  double largest = 0;
  for (size_t i = 1; i < p->n; i++)
    largest = fmax(largest, p->values[p->order[i]] - p->values[p->order[i - 1]]);
  const double across = p->values[p->order[0]] + 360 - p->values[p->order[p->n - 1]];
  return p->n >= 3 && across > 1e-6 && across <= 1.5 * largest;
}

static ins_status find_period(const ins_axis *axis, const ins_value *period, ins_parameter *p) {
  if (ins_value_is_number(period))
    p->period = ins_value_real_or(period, 0);
  else
    p->period = in_degrees(p->units) && goes_around(p) ? 360 : 0;
  for (size_t i = 1; i < p->n; i++)
    if (!(p->values[p->order[i]] > p->values[p->order[i - 1]]))
      return ins_fail(INS_ERR_ARGUMENT, "axis %s has the value %g twice: it is no parameter",
                      axis->name, p->values[p->order[i]]);
  const double range = p->values[p->order[p->n - 1]] - p->values[p->order[0]];
  if (p->period > 0 && range >= p->period * (1 - 1e-9))
    return ins_fail(INS_ERR_ARGUMENT,
                    "axis %s goes from %g to %g, once around and more with a period of %g; leave "
                    "values out by `where`",
                    axis->name, p->values[p->order[0]], p->values[p->order[p->n - 1]], p->period);
  return INS_OK;
}

static ins_status read_values(const ins_axis *axis, ins_parameter *p) {
  const ins_value *c = axis->coordinates;
  if (c && c->kind != INS_ARRAY)
    return ins_fail(INS_ERR_ARGUMENT, "axis %s has texts as coordinates: it is no parameter",
                    axis->name);
  for (size_t i = 0; i < p->n; i++) {
    p->values[i] = c ? ins_array_get(&c->array, i) : (double)i;
    if (!isfinite(p->values[i]))
      return ins_fail(INS_ERR_ARGUMENT,
                      "coordinate %zu of axis %s is no number: leave it out by "
                      "`where`",
                      i, axis->name);
  }
  sort_places(p->values, p->n, p->order);
  return INS_OK;
}

ins_status ins_parameter_create(const ins_table *table, const char *name, const ins_value *period,
                                ins_parameter *out) {
  *out = (ins_parameter){.axis = find_axis(table, name), .stride = 1};
  if (out->axis < 0) return no_such_axis(table, name);
  const ins_axis *axis = &table->feature_axes[out->axis];
  out->n = axis->length;
  out->units = axis->units ? axis->units : "";
  for (int a = out->axis + 1; a < table->n_feature_axes; a++)
    out->stride *= table->feature_axes[a].length;
  ins_status status = ins_alloc(out->n, sizeof *out->values, &out->values);
  if (status == INS_OK) status = ins_alloc(out->n, sizeof *out->order, &out->order);
  if (status == INS_OK) status = read_values(axis, out);
  if (status == INS_OK) status = find_period(axis, period, out);
  if (status != INS_OK) ins_parameter_clear(out);
  return status;
}

void ins_parameter_clear(ins_parameter *p) {
  ins_free(&p->values);
  ins_free(&p->order);
  *p = (ins_parameter){0};
}

double ins_parameter_difference(const ins_parameter *p, double a, double b) {
  return p->period > 0 ? remainder(b - a, p->period) : b - a;
}

/* ---- an axis of conditions ---------------------------------------------------------------------
 */

/* The coordinates along feature axis `a` of each of the conditions. */
static ins_value *coordinates_of(const ins_axis *axis, size_t stride, const size_t *features,
                                 size_t n) {
  const ins_value *c = axis->coordinates;
  const bool texts = c && c->kind == INS_LIST;
  const ins_dtype dtype = c && !texts ? c->array.dtype : INS_I64;
  ins_value *out = texts ? ins_value_list() : ins_value_array(dtype, 1, &n);
  for (size_t i = 0; out && i < n; i++) {
    const size_t place = (features ? features[i] : i) / stride % axis->length;
    if (texts && ins_list_take(out, ins_value_copy(c->children.items[place])) != INS_OK)
      ins_value_destroy(&out);
    else if (!texts && dtype == INS_F64)
      ((double *)out->array.data)[i] = ins_array_get(&c->array, place);
    else if (!texts)
      ((int64_t *)out->array.data)[i] =
          c ? ((const int64_t *)c->array.data)[place] : (int64_t)place;
  }
  return out;
}

static ins_status add_coordinates(const ins_axis *axis, size_t stride, ins_layout *layout,
                                  const char *name, const size_t *features, size_t n, int along) {
  char *full = ins_format("%s_%s", name, axis->name);
  ins_value *data = full ? coordinates_of(axis, stride, features, n) : NULL;
  ins_status status = data ? INS_OK : INS_ERR_MEMORY;
  int index;
  if (status == INS_OK) {
    const ins_variable v = {.name = full,
                            .units = axis->units,
                            .long_name = axis->long_name,
                            .scope = INS_CONSTANT,
                            .dtype = data->kind == INS_LIST ? INS_U8 : data->array.dtype,
                            .n_axes = 1,
                            .axes = {along},
                            .data = data};
    status = ins_layout_variable(layout, &v, &index);
  }
  free(full);
  return status;
}

ins_status ins_condition_axis(const ins_table *table, ins_layout *layout, const char *name,
                              const size_t *features, size_t n, int *axis) {
  ins_value *numbers = ins_value_array(INS_I64, 1, &n);
  if (!numbers) return INS_ERR_MEMORY;
  for (size_t i = 0; i < n; i++)
    ((int64_t *)numbers->array.data)[i] = (int64_t)(features ? features[i] : i);
  ins_status status = ins_layout_axis(layout, name, n, numbers, NULL,
                                      "number of the condition among the features", axis);
  size_t stride = table->n_features;
  for (int a = 0; status == INS_OK && a < table->n_feature_axes; a++) {
    stride /= table->feature_axes[a].length;
    status = add_coordinates(&table->feature_axes[a], stride, layout, name, features, n, *axis);
  }
  return status;
}

ins_status ins_axis_again(ins_layout *layout, int axis, int *again) {
  const ins_axis *a = &layout->axes[axis];
  char *name = ins_format("%s_2", a->name);
  ins_value *coordinates = a->coordinates ? ins_value_copy(a->coordinates) : NULL;
  ins_status status = name && (coordinates || !a->coordinates) ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK)
    status = ins_layout_axis(layout, name, a->length, coordinates, a->units, a->long_name, again);
  else
    ins_value_destroy(&coordinates);
  free(name);
  return status;
}

/* ---- trials ------------------------------------------------------------------------------------
 */

void ins_matrix_add(ins_matrix *to, double factor, const ins_matrix *from) {
  for (size_t j = 0; j < to->local_columns; j++)
    for (size_t i = 0; i < to->local_rows; i++)
      ins_matrix_set(to, i, j, ins_matrix_get(to, i, j) + factor * ins_matrix_get(from, i, j));
}

void ins_sum_over_ranks(const ins_grid *grid, double *x, size_t n) {
  for (size_t at = 0; at < n; at += INT_MAX / 16) {
    const size_t k = n - at < INT_MAX / 16 ? n - at : INT_MAX / 16;
    MPI_Allreduce(MPI_IN_PLACE, x + at, (int)k, MPI_DOUBLE, MPI_SUM, grid->comm);
  }
}

/* An item is silent when it is in every trial, at the same value: the value of its first one. */
typedef struct watch {
  double *first, *value; /* [n_items]: row means of the first trial, and of the one at hand */
  int8_t *now;
} watch;

static ins_status watch_create(size_t n, watch *w) {
  ins_status status = ins_alloc(n, sizeof *w->first, &w->first);
  if (status == INS_OK) status = ins_alloc(n, sizeof *w->value, &w->value);
  if (status == INS_OK) status = ins_alloc(n, sizeof *w->now, &w->now);
  return status;
}

static void watch_clear(watch *w) {
  ins_free(&w->first);
  ins_free(&w->value);
  ins_free(&w->now);
}

static ins_status watch_trial(watch *w, size_t trial, const ins_matrix *m, int8_t *flag) {
  double *sum = trial ? w->value : w->first;
  ins_status status = ins_matrix_row_sums(m, NULL, sum, NULL);
  for (size_t n = 0; status == INS_OK && n < m->n_rows; n++) {
    if (trial == 0) flag[n] = w->now[n];
    if (w->now[n] == INS_ITEM_MISSING) flag[n] = INS_ITEM_MISSING;
    if (flag[n] == INS_ITEM_SILENT && (w->now[n] != INS_ITEM_SILENT || sum[n] != w->first[n]))
      flag[n] = INS_ITEM_USED;
  }
  return status;
}

/* Where trial `trial` goes: added to all, or beside the others. */
static ins_status keep_trial(const ins_matrix *one, size_t trial, bool add, void *buffer,
                             ins_matrix *out) {
  if (add) {
    ins_matrix_add(out, 1, one);
    return INS_OK;
  }
  ins_status status = ins_matrix_take_columns(one, 0, one->n_columns, buffer);
  if (status != INS_OK) return status;
  return ins_matrix_put_columns(out, trial * one->n_columns, one->n_columns, buffer);
}

static ins_status read_trials(const ins_table *table, const ins_grid *grid, bool add,
                              ins_matrix *out, int8_t *flag, double *weight) {
  const size_t n = table->n_items, trials = table->n_repeats ? table->n_repeats : 1;
  const ins_share_of share = ins_grid_share(table->n_features, grid->size, grid->rank);
  ins_matrix one = {0};
  watch w = {0};
  void *buffer = NULL;
  ins_status status = watch_create(n, &w);
  if (status == INS_OK && !add)
    status = ins_alloc(share.n * n + 1, ins_dtype_size(out->dtype), &buffer);
  status = ins_agree(grid->comm, status);
  if (status == INS_OK) status = ins_matrix_create(grid, out->dtype, n, table->n_features, &one);
  for (size_t r = 0; status == INS_OK && r < trials; r++) {
    status =
        ins_table_read(table, grid, table->n_repeats ? (int)r : INS_MEAN_OF_REPEATS, &one, w.now);
    if (status == INS_OK) status = watch_trial(&w, r, &one, flag);
    if (status == INS_OK) status = keep_trial(&one, r, add, buffer, out);
  }
  for (size_t i = 0; i < n; i++) weight[i] = flag[i] == INS_ITEM_USED;
  ins_free(&buffer);
  ins_matrix_clear(&one);
  watch_clear(&w);
  return status;
}

static double inverse_of(size_t n) {
  return n > 1 ? 1 / (double)n : 1;
}

ins_status ins_conditions_mean(const ins_table *table, const ins_grid *grid, ins_matrix *m,
                               int8_t *flag, double *weight) {
  ins_status status = read_trials(table, grid, true, m, flag, weight);
  const double factor = inverse_of(table->n_repeats);
  for (size_t j = 0; status == INS_OK && j < m->local_columns; j++)
    for (size_t i = 0; i < m->local_rows; i++)
      ins_matrix_set(m, i, j, ins_matrix_get(m, i, j) * factor);
  return status;
}

ins_status ins_conditions_trials(const ins_table *table, const ins_grid *grid, ins_matrix *x,
                                 int8_t *flag, double *weight) {
  return read_trials(table, grid, false, x, flag, weight);
}

/* ---- picking -----------------------------------------------------------------------------------
 * Whole rows (columns) come to each rank as a share, which picks columns (rows) from them. */

enum { PICK_BYTES = 32 << 20 }; /* of a rank's share of a panel, at most; one row at least */

static size_t panel_height(const ins_matrix *from, size_t n, size_t across) {
  const size_t most = PICK_BYTES / ins_dtype_size(from->dtype), size = (size_t)from->grid->size;
  const size_t height = ins_matrix_lines(n, across, most, from->grid->size) * size;
  return height < n ? height : n;
}

double ins_pick_bytes(int size, ins_dtype dtype, double n, double across) {
  const size_t most = PICK_BYTES / ins_dtype_size(dtype);
  const double share = across * (double)ins_matrix_lines((size_t)n, (size_t)across, most, size);
  return 2 * share * (double)ins_dtype_size(dtype) + ins_matrix_move_bytes(size, dtype, share);
}

static void pick_within(const char *in, size_t n_in, const size_t *places, size_t n_out, size_t n,
                        size_t size, char *out) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n_out; j++)
      memcpy(out + (i * n_out + j) * size, in + (i * n_in + places[j]) * size, size);
}

static ins_status pick(const ins_matrix *from, bool columns, const size_t *places, ins_matrix *to) {
  const ins_grid *g = from->grid;
  const size_t n = columns ? from->n_rows : from->n_columns, size = ins_dtype_size(from->dtype);
  const size_t n_in = columns ? from->n_columns : from->n_rows,
               n_out = columns ? to->n_columns : to->n_rows;
  const size_t height = panel_height(from, n, n_in), share = ins_grid_share(height, g->size, 0).n;
  void *in = NULL, *out = NULL;
  ins_status status = ins_alloc(share * n_in, size, &in);
  if (status == INS_OK) status = ins_alloc(share * n_out, size, &out);
  status = ins_agree(g->comm, status);
  for (size_t at = 0; status == INS_OK && at < n; at += height) {
    const size_t k = n - at < height ? n - at : height, own = ins_grid_share(k, g->size, g->rank).n;
    status =
        columns ? ins_matrix_take_rows(from, at, k, in) : ins_matrix_take_columns(from, at, k, in);
    if (status != INS_OK) break;
    pick_within(in, n_in, places, n_out, own, size, out);
    status = columns ? ins_matrix_put_rows(to, at, k, out) : ins_matrix_put_columns(to, at, k, out);
  }
  ins_free(&in);
  ins_free(&out);
  return status;
}

ins_status ins_pick_columns(const ins_matrix *from, const size_t *columns, ins_matrix *to) {
  return pick(from, true, columns, to);
}

ins_status ins_pick_rows(const ins_matrix *from, const size_t *rows, ins_matrix *to) {
  return pick(from, false, rows, to);
}

/* ---- one curve after the other ------------------------------------------------------------------
 */

static void visit_panel(const ins_matrix *m, const double *weight, size_t first, size_t n,
                        const void *panel, double *curve, ins_curve_visit visit, void *self) {
  const size_t across = m->n_columns;
  for (size_t i = 0; i < n; i++) {
    if (!(weight[first + i] > 0)) continue;
    for (size_t k = 0; k < across; k++)
      curve[k] = m->dtype == INS_F32 ? (double)((const float *)panel)[i * across + k]
                                     : ((const double *)panel)[i * across + k];
    visit(self, first + i, curve);
  }
}

ins_status ins_conditions_visit(const ins_matrix *m, const double *weight, const ins_work *work,
                                ins_curve_visit visit, void *self) {
  const ins_grid *g = m->grid;
  const size_t n = m->n_rows, height = panel_height(m, n, m->n_columns);
  void *panel = NULL;
  double *curve = NULL;
  ins_status status = ins_alloc(ins_grid_share(height, g->size, 0).n * m->n_columns,
                                ins_dtype_size(m->dtype), &panel);
  if (status == INS_OK) status = ins_alloc(m->n_columns, sizeof *curve, &curve);
  status = ins_agree(g->comm, status);
  for (size_t at = 0; status == INS_OK && at < n; at += height) {
    const size_t k = n - at < height ? n - at : height;
    const ins_share_of share = ins_grid_share(k, g->size, g->rank);
    status = ins_matrix_take_rows(m, at, k, panel);
    if (status != INS_OK) break;
    visit_panel(m, weight, at + share.first, share.n, panel, curve, visit, self);
    status = ins_work_beat(work, (double)(at + k) / (double)n);
  }
  ins_free(&panel);
  ins_free(&curve);
  return status;
}
