/* SPDX-License-Identifier: MIT */
/* Axes that results have because their table has them. */
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "table_parts.h"

static bool is_taken(const ins_layout *layout, const char *name) {
  for (int a = 0; a < layout->n_axes; a++)
    if (strcmp(layout->axes[a].name, name) == 0) return true;
  return ins_layout_find(layout, name) >= 0;
}

/* Adds an axis like `from`, under `name`. */
static ins_status add_axis(ins_layout *layout, const ins_axis *from, const char *name, int *axis) {
  ins_value *coordinates = NULL;
  if (from->coordinates && !(coordinates = ins_value_copy(from->coordinates)))
    return INS_ERR_MEMORY;
  return ins_layout_axis(layout, name, from->length, coordinates, from->units, from->long_name,
                         axis);
}

/* ---- constants --------------------------------------------------------------------------------
 */

static bool is_storable(ins_dtype dtype) {
  return dtype == INS_I8 || dtype == INS_I16 || dtype == INS_I32 || dtype == INS_I64 ||
         dtype == INS_F32 || dtype == INS_F64;
}

/* Numbers of types that results do not have become float64. */
static ins_status make_storable(ins_value **values) {
  const ins_value *old = *values;
  if (old->kind == INS_LIST || is_storable(old->array.dtype)) return INS_OK;
  const size_t n = ins_array_count(&old->array);
  ins_value *made = ins_value_array(INS_F64, 1, &n);
  if (!made) return INS_ERR_MEMORY;
  for (size_t i = 0; i < n; i++) ((double *)made->array.data)[i] = ins_array_get(&old->array, i);
  ins_value_destroy(values);
  *values = made;
  return INS_OK;
}

/* Takes `values` over. */
static ins_status add_constant(ins_layout *layout, const char *name, const char *long_name,
                               const char *units, int axis, ins_value *values) {
  int index;
  ins_status status = values ? make_storable(&values) : INS_ERR_MEMORY;
  if (status != INS_OK) {
    ins_value_destroy(&values);
    return status;
  }
  const ins_variable variable = {.name = name,
                                 .long_name = long_name && *long_name ? long_name : NULL,
                                 .units = units,
                                 .scope = INS_CONSTANT,
                                 .dtype = values->kind == INS_LIST ? INS_U8 : values->array.dtype,
                                 .n_axes = 1,
                                 .axes = {axis},
                                 .data = values};
  return ins_layout_variable(layout, &variable, &index);
}

/* Values along item axis a, for every item. */
static ins_status spread(const ins_table *table, const ins_value *values, int a, ins_value **out) {
  size_t inner = 1, *places;
  for (int b = a + 1; b < table->n_item_axes; b++) inner *= table->item_axes[b].length;
  ins_status status = ins_alloc(table->n_items, sizeof *places, &places);
  for (size_t i = 0; i < table->n_items && status == INS_OK; i++)
    places[i] = i / inner % table->item_axes[a].length;
  const ins_table_pick pick = {values, table->n_items, places};
  if (status == INS_OK) status = ins_table_picks_join(1, &pick, out);
  ins_free(&places);
  return status;
}

static bool is_axis_of(const ins_table *table, const char *name) {
  for (int a = 0; a < table->n_item_axes; a++)
    if (strcmp(table->item_axes[a].name, name) == 0) return true;
  for (int a = 0; a < table->n_feature_axes; a++)
    if (strcmp(table->feature_axes[a].name, name) == 0) return true;
  return false;
}

static ins_status add_labels(const ins_table *table, ins_layout *layout, int axis) {
  ins_status status = INS_OK;
  for (int i = 0; i < table->n_labels && status == INS_OK; i++) {
    const ins_label *label = &table->labels[i];
    ins_value *values = NULL;
    if (!table->parts->copied[i] || is_axis_of(table, label->name) || is_taken(layout, label->name))
      continue;
    status = spread(table, label->values, label->axis, &values);
    if (status == INS_OK)
      status = add_constant(layout, label->name, label->long_name, NULL, axis, values);
  }
  return status;
}

/* ---- items ------------------------------------------------------------------------------------
 */

static ins_status add_coordinates(const ins_table *table, ins_layout *layout, int axis) {
  ins_status status = INS_OK;
  for (int a = 0; a < table->n_item_axes && status == INS_OK; a++) {
    const ins_axis *from = &table->item_axes[a];
    ins_value *values = NULL;
    status = spread(table, from->coordinates, a, &values);
    if (status == INS_OK)
      status = add_constant(layout, from->name, from->long_name, from->units, axis, values);
  }
  return status;
}

ins_status ins_table_item_axis(const ins_table *table, ins_layout *layout, int *axis) {
  ins_status status;
  if (table->n_item_axes == 1) {
    status = add_axis(layout, &table->item_axes[0], table->item_axes[0].name, axis);
  } else {
    status = ins_layout_axis(layout, "item", table->n_items, NULL, NULL,
                             "combination of its coordinates", axis);
    if (status == INS_OK) status = add_coordinates(table, layout, *axis);
  }
  return status == INS_OK ? add_labels(table, layout, *axis) : status;
}

ins_status ins_table_item_axis_again(const ins_table *table, ins_layout *layout, int *axis) {
  if (table->n_item_axes > 1)
    return ins_layout_axis(layout, "item_2", table->n_items, NULL, NULL,
                           "combination of its coordinates", axis);
  char *name = ins_format("%s_2", table->item_axes[0].name);
  ins_status status = name ? add_axis(layout, &table->item_axes[0], name, axis) : INS_ERR_MEMORY;
  free(name);
  return status;
}

/* ---- features ---------------------------------------------------------------------------------
 */

/* An axis of the data may be called like one that an analysis has of its own: component. */
static ins_status add_feature_axis(ins_layout *layout, const ins_axis *from, int *axis) {
  char *name = ins_format("%s%s", is_taken(layout, from->name) ? "data_" : "", from->name);
  ins_status status = name ? add_axis(layout, from, name, axis) : INS_ERR_MEMORY;
  free(name);
  return status;
}

static const char *variable_name(const ins_table *table, size_t block) {
  const ins_table_source *s = &table->parts->sources[block];
  return table->parts->n_sources > table->parts->n_variables && !table->parts->below
             ? s->name
             : s->name + strlen(s->path) + 2; /* without "PATH: " */
}

static ins_status name_features(const ins_table *table, ins_value **out) {
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t b = 0; b < table->parts->n_blocks && status == INS_OK; b++)
    status = ins_list_take(*out, ins_value_text(variable_name(table, b)));
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

/* Which variable a feature is of. */
static ins_status number_features(const ins_table *table, ins_layout *layout, int axis) {
  const struct ins_table_parts *p = table->parts;
  ins_text which = {0};
  ins_value *numbers = ins_value_array(INS_I32, 1, &table->n_features);
  if (!numbers) return INS_ERR_MEMORY;
  for (size_t b = 0; b < p->n_blocks; b++) {
    ins_text_add(&which, "%s%zu %s", b ? ", " : "number of its variable: ", b,
                 variable_name(table, b));
    for (size_t f = 0; f < p->blocks[b].n; f++)
      ((int32_t *)numbers->array.data)[p->blocks[b].first + f] = (int32_t)b;
  }
  ins_status status = ins_text_ok(&which);
  if (status == INS_OK)
    status = add_constant(layout, "feature_variable", which.data, NULL, axis, numbers);
  else
    ins_value_destroy(&numbers);
  ins_text_free(&which);
  return status;
}

static ins_status add_features(const ins_table *table, ins_layout *layout, int *axis) {
  const struct ins_table_parts *p = table->parts;
  const bool single = p->n_blocks == table->n_features; /* each variable is one feature */
  ins_value *names = NULL;
  ins_status status = single ? name_features(table, &names) : INS_OK;
  if (status != INS_OK) return status;
  status = ins_layout_axis(layout, "feature", table->n_features, names, NULL,
                           single ? "variable" : "features of variables beside each other", axis);
  return status == INS_OK && !single ? number_features(table, layout, *axis) : status;
}

ins_status ins_table_feature_axes(const ins_table *table, ins_layout *layout, int *axes, int *n) {
  ins_status status = INS_OK;
  *n = 0;
  if (!table->n_feature_axes) {
    *n = 1;
    return add_features(table, layout, &axes[0]);
  }
  for (int a = 0; a < table->n_feature_axes && status == INS_OK; a++)
    status = add_feature_axis(layout, &table->feature_axes[a], &axes[(*n)++]);
  return status;
}
