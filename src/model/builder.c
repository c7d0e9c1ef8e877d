/* SPDX-License-Identifier: MIT */
#include "builder.h"

#include <string.h>

/* ---- settings ------------------------------------------------------------------------------- */

static ins_status integer(const ins_value *value, const char *path, long low, long high,
                          long *out) {
  if (!value || value->kind == INS_NULL)
    return ins_fail(INS_ERR_MISSING, "the architecture says nothing about %s", path);
  if (value->kind != INS_INT)
    return ins_fail(INS_ERR_FORMAT, "%s of the architecture must be a whole number", path);
  if (value->integer < low || value->integer > high)
    return ins_fail(INS_ERR_FORMAT, "%s of the architecture is %lld, but must be from %ld to %ld",
                    path, (long long)value->integer, low, high);
  *out = (long)value->integer;
  return INS_OK;
}

ins_status ins_builder_int(const ins_builder *b, const char *path, long low, long high, long *out) {
  return integer(ins_value_at(b->architecture, path), path, low, high, out);
}

ins_status ins_builder_ints(const ins_builder *b, const char *path, size_t n, long low, long high,
                            long *out) {
  const ins_value *list = ins_value_at(b->architecture, path);
  if (!list) return ins_fail(INS_ERR_MISSING, "the architecture says nothing about %s", path);
  if (list->kind != INS_LIST || list->children.n != n)
    return ins_fail(INS_ERR_FORMAT, "%s of the architecture must be a list of %zu whole numbers",
                    path, n);
  ins_status status = INS_OK;
  for (size_t i = 0; i < n && status == INS_OK; i++)
    status = integer(list->children.items[i], path, low, high, &out[i]);
  return status;
}

/* ---- parameters ----------------------------------------------------------------------------- */

static bool find(const ins_builder *b, const char *name, size_t *at) {
  const ins_value *map = b->parameters;
  const char *prefix = b->prefix ? b->prefix : "";
  const size_t n = strlen(prefix);
  for (size_t i = 0; map && map->kind == INS_MAP && i < map->children.n; i++) {
    const char *key = map->children.keys[i];
    if (strncmp(key, prefix, n) == 0 && strcmp(key + n, name) == 0) {
      *at = i;
      return true;
    }
  }
  return false;
}

bool ins_builder_has(const ins_builder *b, const char *name) {
  size_t at;
  return find(b, name, &at);
}

/* "[2,3]" */
static const char *shape_text(int n_dims, const size_t *shape, ins_text *text) {
  ins_text_add(text, "[");
  for (int d = 0; d < n_dims; d++) ins_text_add(text, "%s%zu", d ? "," : "", shape[d]);
  ins_text_add(text, "]");
  return text->data ? text->data : "[?]";
}

static ins_status array_of(const ins_builder *b, const char *name, size_t *at,
                           const ins_array **out) {
  *at = 0;
  *out = NULL;
  if (!find(b, name, at)) return ins_fail(INS_ERR_MISSING, "the model has no parameter %s", name);
  const ins_value *value = b->parameters->children.items[*at];
  if (value->kind != INS_ARRAY)
    return ins_fail(INS_ERR_FORMAT, "the parameter %s is no array of numbers", name);
  *out = &value->array;
  return INS_OK;
}

ins_status ins_builder_shape(const ins_builder *b, const char *name, int n_dims, size_t *shape) {
  const ins_array *array;
  size_t at;
  ins_status status = array_of(b, name, &at, &array);
  if (status != INS_OK) return status;
  if (array->n_dims != n_dims)
    return ins_fail(INS_ERR_SHAPE, "the parameter %s has %d axes, but needs %d", name,
                    array->n_dims, n_dims);
  memcpy(shape, array->shape, (size_t)n_dims * sizeof *shape);
  return INS_OK;
}

ins_dtype ins_builder_dtype(const ins_builder *b, const char *name) {
  size_t at;
  if (!find(b, name, &at) || b->parameters->children.items[at]->kind != INS_ARRAY) return INS_F32;
  return b->parameters->children.items[at]->array.dtype;
}

/* The array of this shape called `name`; from now on it counts as used. */
static ins_status claim(ins_builder *b, const char *name, bool trained, int n_dims,
                        const size_t *shape, const ins_array **out) {
  const ins_array *array;
  size_t at;
  ins_status status = array_of(b, name, &at, &array);
  if (status != INS_OK) return status;
  if (array->n_dims != n_dims || memcmp(array->shape, shape, (size_t)n_dims * sizeof *shape) != 0) {
    ins_text has = {0}, needs = {0};
    status =
        ins_fail(INS_ERR_SHAPE, "the parameter %s is %s, but the architecture needs %s", name,
                 shape_text(array->n_dims, array->shape, &has), shape_text(n_dims, shape, &needs));
    ins_text_free(&has);
    ins_text_free(&needs);
    return status;
  }
  b->used[at] = true;
  if (trained) b->n_trained += ins_array_count(array);
  *out = array;
  return INS_OK;
}

ins_status ins_builder_take(ins_builder *b, const char *name, bool trained, int n_dims,
                            const size_t *shape, float **out) {
  const ins_array *array;
  ins_status status = claim(b, name, trained, n_dims, shape, &array);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, ins_array_count(array), sizeof **out, out);
  if (status == INS_OK) ins_array_to_f32(array, *out);
  return status;
}

ins_status ins_builder_view(ins_builder *b, const char *name, bool trained, int n_dims,
                            const size_t *shape, const float **out) {
  const ins_array *array;
  float *copy;
  ins_status status = claim(b, name, trained, n_dims, shape, &array);
  if (status != INS_OK) return status;
  if (b->lasting && array->dtype == INS_F32) {
    *out = array->data;
    return INS_OK;
  }
  status = ins_arena_take(b->arena, ins_array_count(array), sizeof *copy, &copy);
  if (status == INS_OK) ins_array_to_f32(array, copy);
  *out = copy;
  return status;
}

const char *ins_builder_weights_of(const ins_builder *b, const char *name) {
  const ins_value *list = ins_value_at(b->architecture, "sessions");
  for (size_t i = 0; i < ins_value_count(list); i++) {
    const ins_value *session = list->children.items[i];
    if (strcmp(ins_value_text_or(ins_map_get(session, "name"), ""), name) == 0)
      return ins_value_text_or(ins_map_get(session, "clone_of"), name);
  }
  return name;
}

/* Stored beside the weights by openretina, but computed or counted rather than trained. */
static bool plays_no_part(const char *name) {
  static const char *const leaves[] = {".num_batches_tracked", ".grid"};
  const size_t n = strlen(name);
  for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
    const size_t m = strlen(leaves[i]);
    if (n >= m && strcmp(name + n - m, leaves[i]) == 0) return true;
  }
  return false;
}

ins_status ins_builder_finish(const ins_builder *b) {
  for (size_t i = 0; i < ins_value_count(b->parameters); i++) {
    const char *name = b->parameters->children.keys[i];
    if (!b->used[i] && !plays_no_part(name))
      return ins_fail(INS_ERR_UNSUPPORTED,
                      "the model has a parameter %s, which the architecture has no place for",
                      name);
  }
  return INS_OK;
}
