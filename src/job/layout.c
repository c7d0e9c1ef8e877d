/* SPDX-License-Identifier: MIT */
#include "insilico/layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

static ins_status copy_text(const char *from, char **to) {
  *to = from ? strdup(from) : NULL;
  return *to || !from ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory while laying out results");
}

ins_status ins_layout_create_in(const char *group, const char *title, ins_layout **out) {
  ins_layout *layout;
  *out = NULL;
  ins_status status = ins_alloc(1, sizeof *layout, &layout);
  if (status != INS_OK) return status;
  layout->batch = 1;
  layout->reduced = -1;
  status = copy_text(title, &layout->title);
  if (status == INS_OK) status = copy_text(group, &layout->group);
  if (status == INS_OK)
    *out = layout;
  else
    ins_layout_destroy(&layout);
  return status;
}

ins_status ins_layout_create(const char *title, ins_layout **out) {
  return ins_layout_create_in(NULL, title, out);
}

static void free_axis(ins_axis *axis) {
  free(axis->name);
  free(axis->units);
  free(axis->long_name);
  ins_value_destroy(&axis->coordinates);
}

/* The layout owns copies behind the const pointers. */
static void free_variable(ins_variable *variable) {
  free((char *)variable->name);
  free((char *)variable->units);
  free((char *)variable->long_name);
  free((char *)variable->source);
  free((char *)variable->flags);
  ins_value_destroy(&variable->data);
}

void ins_layout_destroy(ins_layout **layout) {
  ins_layout *l = *layout;
  if (!l) return;
  for (int i = 0; i < l->n_axes; i++) free_axis(&l->axes[i]);
  for (int i = 0; i < l->n_variables; i++) free_variable(&l->variables[i]);
  free(l->title);
  free(l->group);
  ins_free(layout);
}

/* ---- names --------------------------------------------------------------------------------------
 */

/* Axes and variables become datasets side by side in one group, so they share one set of names. */
static ins_status check_name(const ins_layout *layout, const char *name) {
  if (!name || !*name || strchr(name, '/'))
    return ins_fail(INS_ERR_INTERNAL, "'%s' cannot be the name of an axis or a variable",
                    name ? name : "");
  for (int i = 0; i < layout->n_axes; i++)
    if (strcmp(layout->axes[i].name, name) == 0)
      return ins_fail(INS_ERR_INTERNAL, "there is an axis '%s' already", name);
  if (ins_layout_find(layout, name) >= 0)
    return ins_fail(INS_ERR_INTERNAL, "there is a variable '%s' already", name);
  return INS_OK;
}

/* ---- coordinates --------------------------------------------------------------------------------
 */

static bool is_texts(const ins_value *list, size_t n) {
  if (list->kind != INS_LIST || list->children.n != n) return false;
  for (size_t i = 0; i < n; i++)
    if (list->children.items[i]->kind != INS_TEXT) return false;
  return true;
}

static bool fits_axis(const ins_value *c, size_t length) {
  if (c->kind != INS_ARRAY) return is_texts(c, length);
  return (c->array.dtype == INS_I64 || c->array.dtype == INS_F64) && c->array.n_dims == 1 &&
         c->array.shape[0] == length;
}

static int by_integer(const void *a, const void *b) {
  const int64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static int by_real(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static int by_text(const void *a, const void *b) {
  ins_value *const *x = a, *const *y = b;
  return strcmp((*x)->text, (*y)->text);
}

static bool has_nan(const ins_value *c, size_t length) {
  if (c->kind != INS_ARRAY || c->array.dtype != INS_F64) return false;
  const double *x = c->array.data;
  for (size_t i = 0; i < length; i++)
    if (isnan(x[i])) return true;
  return false;
}

/* A coordinate is part of what a task's random numbers depend on: two tasks must not share it. */
static ins_status check_distinct(const char *name, const ins_value *c, size_t length) {
  bool array = c->kind == INS_ARRAY;
  size_t size = array ? ins_dtype_size(c->array.dtype) : sizeof(ins_value *);
  int (*compare)(const void *, const void *) = !array                      ? by_text
                                               : c->array.dtype == INS_I64 ? by_integer
                                                                           : by_real;
  char *sorted;
  if (has_nan(c, length))
    return ins_fail(INS_ERR_ARGUMENT, "axis %s: a coordinate is no number (NaN)", name);
  ins_status status = ins_alloc(length, size, &sorted);
  if (status != INS_OK) return status;
  memcpy(sorted, array ? c->array.data : (const void *)c->children.items, length * size);
  qsort(sorted, length, size, compare);
  for (size_t i = 1; status == INS_OK && i < length; i++)
    if (compare(sorted + (i - 1) * size, sorted + i * size) == 0)
      status =
          ins_fail(INS_ERR_ARGUMENT,
                   "axis %s: a coordinate is given more than once; list each value once", name);
  ins_free(&sorted);
  return status;
}

/* ---- axes ---------------------------------------------------------------------------------------
 */

static ins_status check_axis(const ins_layout *layout, const char *name, size_t length,
                             const ins_value *coordinates) {
  ins_status status = check_name(layout, name);
  if (status != INS_OK) return status;
  if (layout->n_axes == INS_MAX_AXES)
    return ins_fail(INS_ERR_INTERNAL, "axis %s: more than %d axes", name, INS_MAX_AXES);
  if (length == 0) return ins_fail(INS_ERR_INTERNAL, "axis %s has no element", name);
  if (coordinates && !fits_axis(coordinates, length))
    return ins_fail(INS_ERR_INTERNAL,
                    "axis %s: its coordinates are not %zu numbers (int64, float64) or texts", name,
                    length);
  return INS_OK;
}

static ins_status check_task_axis(const ins_layout *layout, const char *name, size_t length,
                                  const ins_value *coordinates) {
  size_t tasks;
  if (layout->n_axes != layout->n_task_axes)
    return ins_fail(INS_ERR_INTERNAL, "task axis %s comes after other axes", name);
  if (layout->n_task_axes == INS_MAX_TASK_AXES)
    return ins_fail(INS_ERR_INTERNAL, "axis %s: more than %d task axes", name, INS_MAX_TASK_AXES);
  if (!ins_mul(ins_layout_tasks(layout), length, &tasks))
    return ins_fail(INS_ERR_ARGUMENT, "axis %s: the job has more tasks than can be counted", name);
  return coordinates ? check_distinct(name, coordinates, length) : INS_OK;
}

/* Takes the coordinates only on success. */
static ins_status append_axis(ins_layout *layout, const char *name, size_t length,
                              ins_value *coordinates, const char *units, const char *long_name) {
  ins_axis axis = {.length = length};
  ins_status status = copy_text(name, &axis.name);
  if (status == INS_OK) status = copy_text(units, &axis.units);
  if (status == INS_OK) status = copy_text(long_name, &axis.long_name);
  if (status != INS_OK) {
    free_axis(&axis);
    return status;
  }
  axis.coordinates = coordinates;
  layout->axes[layout->n_axes++] = axis;
  return INS_OK;
}

ins_status ins_layout_task_axis(ins_layout *layout, const char *name, size_t length,
                                ins_value *coordinates, const char *units, const char *long_name) {
  ins_status status = check_axis(layout, name, length, coordinates);
  if (status == INS_OK) status = check_task_axis(layout, name, length, coordinates);
  if (status == INS_OK) status = append_axis(layout, name, length, coordinates, units, long_name);
  if (status == INS_OK)
    layout->n_task_axes++;
  else
    ins_value_destroy(&coordinates);
  return status;
}

ins_status ins_layout_axis(ins_layout *layout, const char *name, size_t length,
                           ins_value *coordinates, const char *units, const char *long_name,
                           int *index) {
  ins_status status = check_axis(layout, name, length, coordinates);
  if (status == INS_OK) status = append_axis(layout, name, length, coordinates, units, long_name);
  if (status == INS_OK)
    *index = layout->n_axes - 1;
  else
    ins_value_destroy(&coordinates);
  return status;
}

/* ---- variables ----------------------------------------------------------------------------------
 */

/* The reduced axis is one that a summary lacks as a task axis, so it may have it as its own. */
static bool may_have(const ins_layout *layout, const ins_variable *v, int axis) {
  if (axis < 0 || axis >= layout->n_axes) return false;
  if (v->scope == INS_SUMMARY && axis == layout->reduced) return true;
  return v->scope == INS_CONSTANT || axis >= layout->n_task_axes;
}

static ins_status check_own_axes(const ins_layout *layout, const ins_variable *v) {
  size_t elements = 1;
  if (v->n_axes < 0 || v->n_axes > INS_MAX_DIMS)
    return ins_fail(INS_ERR_INTERNAL, "variable %s: more than %d axes", v->name, INS_MAX_DIMS);
  for (int i = 0; i < v->n_axes; i++) {
    int a = v->axes[i];
    if (!may_have(layout, v, a))
      return ins_fail(INS_ERR_INTERNAL,
                      "variable %s: its axis %d is number %d, which it cannot have", v->name, i, a);
    for (int j = 0; j < i; j++)
      if (v->axes[j] == a)
        return ins_fail(INS_ERR_INTERNAL, "variable %s: axis %s twice", v->name,
                        layout->axes[a].name);
    if (!ins_mul(elements, layout->axes[a].length, &elements) || elements > SIZE_MAX / 8)
      return ins_fail(INS_ERR_INTERNAL, "variable %s: a row larger than can be counted", v->name);
  }
  return INS_OK;
}

static bool fits_constant(const ins_layout *layout, const ins_variable *v) {
  const ins_array *array = &v->data->array;
  size_t elements = 1;
  for (int i = 0; i < v->n_axes; i++) elements *= layout->axes[v->axes[i]].length;
  if (v->dtype == INS_U8) return is_texts(v->data, elements);
  if (v->data->kind != INS_ARRAY || array->dtype != v->dtype || array->n_dims != v->n_axes)
    return false;
  for (int i = 0; i < v->n_axes; i++)
    if (array->shape[i] != layout->axes[v->axes[i]].length) return false;
  return true;
}

static ins_status check_variable(const ins_layout *layout, const ins_variable *v) {
  ins_status status = check_name(layout, v->name);
  if (status == INS_OK) status = check_own_axes(layout, v);
  if (status != INS_OK) return status;
  if (layout->n_variables == INS_MAX_VARIABLES)
    return ins_fail(INS_ERR_INTERNAL, "variable %s: more than %d variables", v->name,
                    INS_MAX_VARIABLES);
  bool number = v->dtype == INS_I8 || v->dtype == INS_I16 || v->dtype == INS_I32 ||
                v->dtype == INS_I64 || v->dtype == INS_F32 || v->dtype == INS_F64;
  if (!number && !(v->dtype == INS_U8 && v->scope == INS_CONSTANT))
    return ins_fail(INS_ERR_INTERNAL, "variable %s: no results of type %s", v->name,
                    ins_dtype_name(v->dtype));
  if ((v->scope == INS_CONSTANT) != (v->data != NULL))
    return ins_fail(INS_ERR_INTERNAL, "variable %s: data belong to constants, and only to them",
                    v->name);
  if (v->data && !fits_constant(layout, v))
    return ins_fail(INS_ERR_INTERNAL, "variable %s: its data do not fit its type and axes",
                    v->name);
  return INS_OK;
}

static ins_status copy_strings(const ins_variable *from, ins_variable *to) {
  const char *const old[] = {from->name, from->units, from->long_name, from->source, from->flags};
  const char **const new[] = {&to->name, &to->units, &to->long_name, &to->source, &to->flags};
  ins_status status = INS_OK;
  for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
    char *copy = NULL;
    if (status == INS_OK) status = copy_text(old[i], &copy);
    *new[i] = copy;
  }
  return status;
}

ins_status ins_layout_variable(ins_layout *layout, const ins_variable *variable, int *index) {
  ins_variable copy = *variable;
  ins_value *data = variable->data;
  ins_status status = check_variable(layout, variable);
  if (status != INS_OK) {
    ins_value_destroy(&data);
    return status;
  }
  status = copy_strings(variable, &copy);
  if (status != INS_OK) {
    free_variable(&copy);
    return status;
  }
  *index = layout->n_variables;
  layout->variables[layout->n_variables++] = copy;
  return INS_OK;
}

/* ---- the grid -----------------------------------------------------------------------------------
 */

size_t ins_layout_tasks(const ins_layout *layout) {
  size_t n = 1;
  for (int i = 0; i < layout->n_task_axes; i++) n *= layout->axes[i].length;
  return n;
}

size_t ins_layout_batches(const ins_layout *layout) {
  size_t tasks = ins_layout_tasks(layout);
  return tasks / layout->batch + (tasks % layout->batch != 0);
}

void ins_layout_coordinates(const ins_layout *layout, size_t task, size_t *index) {
  for (int i = layout->n_task_axes; i-- > 0;) {
    index[i] = task % layout->axes[i].length;
    task /= layout->axes[i].length;
  }
}

size_t ins_layout_task(const ins_layout *layout, const size_t *index) {
  size_t task = 0;
  for (int i = 0; i < layout->n_task_axes; i++) task = task * layout->axes[i].length + index[i];
  return task;
}

size_t ins_layout_groups(const ins_layout *layout) {
  if (layout->reduced < 0) return 0;
  return ins_layout_tasks(layout) / layout->axes[layout->reduced].length;
}

/* Tasks of a group lie `stride` apart; groups count through the axes before and behind the reduced
 * one. */
void ins_layout_group(const ins_layout *layout, size_t group, size_t *task) {
  size_t stride = 1, length = layout->axes[layout->reduced].length;
  for (int i = layout->reduced + 1; i < layout->n_task_axes; i++) stride *= layout->axes[i].length;
  size_t first = group / stride * stride * length + group % stride;
  for (size_t i = 0; i < length; i++) task[i] = first + i * stride;
}

size_t ins_layout_row(const ins_layout *layout, int v) {
  const ins_variable *variable = &layout->variables[v];
  size_t n = 1;
  for (int i = 0; i < variable->n_axes; i++) n *= layout->axes[variable->axes[i]].length;
  return n;
}

size_t ins_layout_row_bytes(const ins_layout *layout, int v) {
  return ins_layout_row(layout, v) * ins_dtype_size(layout->variables[v].dtype);
}

int ins_layout_find(const ins_layout *layout, const char *variable) {
  for (int i = 0; i < layout->n_variables; i++)
    if (strcmp(layout->variables[i].name, variable) == 0) return i;
  return -1;
}
