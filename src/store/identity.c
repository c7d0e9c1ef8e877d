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

static ins_status identify(const ins_layout *layout, uint64_t *out) {
  ins_xxh hash;
  ins_status status = ins_xxh_create(&hash);
  if (status != INS_OK) return status;
  add_text(&hash, INS_STORE_FORMAT);
  if (layout->group) add_text(&hash, layout->group);
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

ins_status ins_store_identity(size_t n_stages, ins_layout *const *stages, uint64_t *out) {
  ins_xxh hash;
  uint64_t one;
  if (n_stages == 1) return identify(stages[0], out);
  ins_status status = ins_xxh_create(&hash);
  if (status != INS_OK) return status;
  add_text(&hash, INS_STORE_FORMAT);
  add_number(&hash, (int64_t)n_stages);
  for (size_t k = 0; k < n_stages && status == INS_OK; k++) {
    status = identify(stages[k], &one);
    ins_xxh_add(&hash, &one, sizeof one);
  }
  *out = ins_xxh_end(&hash);
  ins_xxh_destroy(&hash);
  return status;
}

ins_status ins_store_seed(const ins_layout *layout, const ins_value *attributes, uint64_t *out) {
  uint64_t identity;
  ins_text json = {0};
  ins_status status = identify(layout, &identity);
  if (status != INS_OK) return status;
  if (attributes) ins_value_json(attributes, SIZE_MAX, &json);
  status = ins_text_ok(&json);
  if (status == INS_OK) *out = ins_xxh3(json.data ? json.data : "", json.length, identity);
  ins_text_free(&json);
  return status;
}
