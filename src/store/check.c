/* SPDX-License-Identifier: MIT */
/* What cannot be laid out, found before anything is written. */
#include <string.h>

#include "insilico/store.h"
#include "parts.h"

/* What the file itself needs names for: the books, and dimensions of texts. */
static bool is_reserved(const char *name) {
  if (!strcmp(name, "status") || !strcmp(name, "error") || !strcmp(name, "checksum")) return true;
  return !strncmp(name, "string", 6) && name[6] && name[6 + strspn(name + 6, "0123456789")] == '\0';
}

static bool can_be_name(const char *name) {
  return name[0] && !strchr(name, '/') && !strchr(name, ' ') && strcmp(name, ".") != 0;
}

static ins_status check_name(const char *name) {
  if (!can_be_name(name) || is_reserved(name))
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

static ins_status check_stage(const ins_layout *layout) {
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

static bool has_name(const ins_layout *layout, const char *name) {
  for (int i = 0; i < layout->n_axes; i++)
    if (!strcmp(layout->axes[i].name, name)) return true;
  return ins_layout_find(layout, name) >= 0;
}

/* Names of groups come from the job, so a clash is its author's to mend. */
static ins_status check_group(const ins_layout *layout, const ins_layout *other) {
  if (!other->group && has_name(other, layout->group))
    return ins_fail(
        INS_ERR_ARGUMENT,
        "'%s' cannot name a part of the results: a variable or an axis of them has that "
        "name; choose another",
        layout->group);
  if (other->group && !strcmp(layout->group, other->group))
    return ins_fail(INS_ERR_ARGUMENT,
                    "two parts of the results are both named '%s'; choose different names",
                    layout->group);
  return INS_OK;
}

ins_status ins_store_check(size_t n_stages, ins_layout *const *stages) {
  size_t n_roots = 0;
  ins_status status = n_stages ? INS_OK : ins_fail(INS_ERR_INTERNAL, "results without a stage");
  for (size_t k = 0; k < n_stages && status == INS_OK; k++) {
    const char *group = stages[k]->group;
    status = check_stage(stages[k]);
    n_roots += !group;
    if (status == INS_OK && group && (!can_be_name(group) || is_reserved(group)))
      status = ins_fail(INS_ERR_ARGUMENT,
                        "'%s' cannot name a part of the results; choose another name", group);
    for (size_t j = 0; j < n_stages && group && status == INS_OK; j++)
      if (j != k) status = check_group(stages[k], stages[j]);
  }
  if (status == INS_OK && n_roots > 1)
    status = ins_fail(INS_ERR_INTERNAL, "%zu stages lie in the root of the results", n_roots);
  return status;
}
