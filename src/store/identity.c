/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "insilico/hash.h"
#include "parts.h"

int ins_store_task_axes(const ins_layout *layout, int *axes) {
  for (int i = 0; i < layout->n_task_axes; i++) axes[i] = i;
  return layout->n_task_axes;
}

int ins_store_axes(const ins_layout *layout, const ins_variable *variable, int *axes) {
  int n = 0;
  if (variable->scope != INS_CONSTANT)
    for (int i = 0; i < layout->n_task_axes; i++)
      if (variable->scope == INS_PER_TASK || i != layout->reduced) axes[n++] = i;
  for (int i = 0; i < variable->n_axes; i++) axes[n++] = variable->axes[i];
  return n;
}

static void add_text(ins_xxh *hash, const char *text) {
  ins_xxh_add(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void add_number(ins_xxh *hash, int64_t number) {
  ins_xxh_add(hash, &number, sizeof number);
}

/* Kinds and lengths first, so that different data cannot give the same bytes. */
static void add_data(ins_xxh *hash, const ins_value *value) {
  add_number(hash, value ? (int64_t)value->kind : -1);
  if (value && value->kind == INS_LIST) {
    add_number(hash, (int64_t)value->children.n);
    for (size_t i = 0; i < value->children.n; i++)
      add_text(hash, ins_value_text_or(value->children.items[i], ""));
  } else if (value && value->kind == INS_ARRAY) {
    size_t n = ins_array_count(&value->array);
    add_number(hash, (int64_t)value->array.dtype);
    add_number(hash, (int64_t)n);
    ins_xxh_add(hash, value->array.data, n * ins_dtype_size(value->array.dtype));
  }
}

ins_status ins_store_identity(const ins_layout *layout, uint64_t *out) {
  ins_xxh hash;
  ins_status status = ins_xxh_create(&hash);
  if (status != INS_OK) return status;
  add_text(&hash, INS_STORE_FORMAT);
  add_number(&hash, layout->n_axes);
  add_number(&hash, layout->n_task_axes);
  add_number(&hash, layout->reduced);
  for (int i = 0; i < layout->n_axes; i++) {
    const ins_axis *axis = &layout->axes[i];
    add_text(&hash, axis->name);
    add_text(&hash, axis->units);
    add_number(&hash, (int64_t)axis->length);
    add_data(&hash, axis->coordinates);
  }
  for (int v = 0; v < layout->n_variables; v++) {
    const ins_variable *variable = &layout->variables[v];
    add_text(&hash, variable->name);
    add_text(&hash, variable->units);
    add_number(&hash, (int64_t)variable->scope);
    add_number(&hash, (int64_t)variable->dtype);
    add_number(&hash, variable->n_axes);
    for (int i = 0; i < variable->n_axes; i++) add_number(&hash, variable->axes[i]);
    add_data(&hash, variable->data);
  }
  *out = ins_xxh_end(&hash);
  ins_xxh_destroy(&hash);
  return INS_OK;
}

ins_status ins_store_seed(const ins_layout *layout, const ins_value *attributes, uint64_t *out) {
  uint64_t identity;
  ins_text json = {0};
  ins_status status = ins_store_identity(layout, &identity);
  if (status != INS_OK) return status;
  if (attributes) ins_value_json(attributes, SIZE_MAX, &json);
  status = ins_text_ok(&json);
  if (status == INS_OK) *out = ins_xxh3(json.data ? json.data : "", json.length, identity);
  ins_text_free(&json);
  return status;
}

static ins_status check_name(const char *name) {
  if (!name[0] || strchr(name, '/') || strchr(name, ' ') || !strcmp(name, ".") ||
      !strcmp(name, "status") || !strcmp(name, "error") || !strcmp(name, "checksum"))
    return ins_fail(INS_ERR_INTERNAL, "'%s' cannot name an axis or variable of a results file",
                    name);
  return INS_OK;
}

static ins_status check_variable(const ins_variable *variable) {
  ins_status status = check_name(variable->name);
  if (status != INS_OK) return status;
  bool texts = variable->data && variable->data->kind == INS_LIST;
  if (variable->scope == INS_CONSTANT && !variable->data)
    return ins_fail(INS_ERR_INTERNAL, "constant '%s' has no data", variable->name);
  if (!texts && ins_h5_type(variable->dtype) < 0)
    return ins_fail(INS_ERR_INTERNAL, "variable '%s': results files have no type %s",
                    variable->name, ins_dtype_name(variable->dtype));
  return INS_OK;
}

/* Constants come with their data, which must be as long as their axes say. */
static ins_status check_constant(const ins_layout *layout, const ins_variable *variable) {
  size_t n = 1;
  const ins_value *data = variable->data;
  for (int i = 0; i < variable->n_axes; i++) n *= layout->axes[variable->axes[i]].length;
  size_t have = data->kind == INS_LIST ? data->children.n : ins_array_count(&data->array);
  if (have != n || (data->kind == INS_ARRAY && data->array.dtype != variable->dtype))
    return ins_fail(INS_ERR_INTERNAL, "constant '%s': %zu %s values do not fit its axes (%zu)",
                    variable->name, have, data->kind == INS_LIST ? "text" : "number", n);
  return INS_OK;
}

static ins_status check_axis(const ins_axis *axis) {
  const ins_value *c = axis->coordinates;
  ins_status status = check_name(axis->name);
  if (status != INS_OK || !c) return status;
  size_t n = c->kind == INS_LIST    ? c->children.n
             : c->kind == INS_ARRAY ? ins_array_count(&c->array)
                                    : 0;
  if (n != axis->length)
    return ins_fail(INS_ERR_INTERNAL, "axis '%s' has %zu coordinates for a length of %zu",
                    axis->name, n, axis->length);
  return INS_OK;
}

ins_status ins_store_check(const ins_layout *layout) {
  ins_status status = INS_OK;
  for (int i = 0; i < layout->n_axes && status == INS_OK; i++)
    status = check_axis(&layout->axes[i]);
  for (int v = 0; v < layout->n_variables && status == INS_OK; v++) {
    const ins_variable *variable = &layout->variables[v];
    for (int i = 0; i < layout->n_axes; i++)
      if (!strcmp(layout->axes[i].name, variable->name))
        return ins_fail(INS_ERR_INTERNAL, "'%s' is both an axis and a variable", variable->name);
    status = check_variable(variable);
    if (status == INS_OK && variable->scope == INS_CONSTANT)
      status = check_constant(layout, variable);
  }
  return status;
}
