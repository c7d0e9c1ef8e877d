/* SPDX-License-Identifier: MIT */
#include "insilico/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

static ins_value *make(ins_kind kind) {
  ins_value *value;
  if (ins_alloc(1, sizeof *value, &value) != INS_OK) return NULL;
  value->kind = kind;
  return value;
}

ins_value *ins_value_null(void) {
  return make(INS_NULL);
}

ins_value *ins_value_bool(bool b) {
  ins_value *value = make(INS_BOOL);
  if (value) value->boolean = b;
  return value;
}

ins_value *ins_value_int(int64_t i) {
  ins_value *value = make(INS_INT);
  if (value) value->integer = i;
  return value;
}

ins_value *ins_value_real(double x) {
  ins_value *value = make(INS_REAL);
  if (value) value->real = x;
  return value;
}

ins_value *ins_value_text_n(const char *s, size_t n) {
  ins_value *value = make(INS_TEXT);
  if (!value) return NULL;
  if (ins_alloc(n + 1, 1, &value->text) != INS_OK) {
    ins_free(&value);
    return NULL;
  }
  if (n) memcpy(value->text, s, n);
  return value;
}

ins_value *ins_value_text(const char *s) {
  return ins_value_text_n(s, strlen(s));
}

ins_value *ins_value_list(void) {
  return make(INS_LIST);
}

ins_value *ins_value_map(void) {
  return make(INS_MAP);
}

ins_value *ins_value_array(ins_dtype dtype, int n_dims, const size_t *shape) {
  ins_value *value = make(INS_ARRAY);
  size_t n = 1;
  if (!value) return NULL;
  value->array.dtype = dtype;
  value->array.n_dims = n_dims;
  for (int d = 0; d < n_dims; d++) {
    value->array.shape[d] = shape[d];
    if (!ins_mul(n, shape[d], &n)) n = SIZE_MAX;
  }
  if (ins_alloc(n, ins_dtype_size(dtype), &value->array.data) != INS_OK) ins_free(&value);
  return value;
}

void ins_value_destroy(ins_value **value) {
  ins_value *v = *value;
  if (!v) return;
  if (v->kind == INS_TEXT) ins_free(&v->text);
  if (v->kind == INS_ARRAY && !v->array.borrowed) ins_free(&v->array.data);
  if (v->kind == INS_LIST || v->kind == INS_MAP) {
    for (size_t i = 0; i < v->children.n; i++) {
      ins_value_destroy(&v->children.items[i]);
      if (v->children.keys) ins_free(&v->children.keys[i]);
    }
    ins_free(&v->children.items);
    ins_free(&v->children.keys);
  }
  free(v->origin);
  ins_free(value);
}

/* ---- children ----------------------------------------------------------------------------------
 */

static ins_status room_for_one(ins_value *parent) {
  size_t capacity = parent->children.capacity;
  ins_status status = ins_grow(&parent->children.items, &capacity, parent->children.n + 1,
                               sizeof *parent->children.items);
  if (status == INS_OK && parent->kind == INS_MAP) {
    size_t keys = parent->children.capacity;
    status = ins_grow(&parent->children.keys, &keys, parent->children.n + 1,
                      sizeof *parent->children.keys);
  }
  /* When the keys could not grow the items' extra room is forgotten, which is harmless. */
  if (status == INS_OK) parent->children.capacity = capacity;
  return status;
}

ins_status ins_list_take(ins_value *list, ins_value *item) {
  if (!item) return ins_fail(INS_ERR_MEMORY, "out of memory while building a list");
  ins_status status = room_for_one(list);
  if (status == INS_OK)
    list->children.items[list->children.n++] = item;
  else
    ins_value_destroy(&item);
  return status;
}

static size_t position(const ins_value *map, const char *key, size_t length) {
  for (size_t i = 0; i < map->children.n; i++)
    if (strncmp(map->children.keys[i], key, length) == 0 && !map->children.keys[i][length])
      return i;
  return SIZE_MAX;
}

ins_status ins_map_take(ins_value *map, const char *key, ins_value *item) {
  if (!item) return ins_fail(INS_ERR_MEMORY, "out of memory while building a map");
  size_t i = position(map, key, strlen(key));
  if (i != SIZE_MAX) {
    ins_value_destroy(&map->children.items[i]);
    map->children.items[i] = item;
    return INS_OK;
  }
  char *copy = NULL;
  ins_status status = room_for_one(map);
  if (status == INS_OK) status = ins_alloc(strlen(key) + 1, 1, &copy);
  if (status != INS_OK) {
    ins_value_destroy(&item);
    return status;
  }
  strcpy(copy, key);
  map->children.keys[map->children.n] = copy;
  map->children.items[map->children.n++] = item;
  return INS_OK;
}

bool ins_map_remove(ins_value *map, const char *key) {
  size_t i = position(map, key, strlen(key));
  if (i == SIZE_MAX) return false;
  ins_value_destroy(&map->children.items[i]);
  ins_free(&map->children.keys[i]);
  size_t after = map->children.n - i - 1;
  memmove(&map->children.items[i], &map->children.items[i + 1], after * sizeof(ins_value *));
  memmove(&map->children.keys[i], &map->children.keys[i + 1], after * sizeof(char *));
  map->children.n--;
  return true;
}

size_t ins_value_count(const ins_value *value) {
  return value && (value->kind == INS_LIST || value->kind == INS_MAP) ? value->children.n : 0;
}

static ins_value *child(const ins_value *value, const char *key, size_t length) {
  if (!value) return NULL;
  if (value->kind == INS_MAP) {
    size_t i = position(value, key, length);
    return i == SIZE_MAX ? NULL : value->children.items[i];
  }
  if (value->kind != INS_LIST || length == 0 || length > 9) return NULL;
  size_t i = 0;
  for (size_t k = 0; k < length; k++) {
    if (key[k] < '0' || key[k] > '9') return NULL;
    i = i * 10 + (size_t)(key[k] - '0');
  }
  return i < value->children.n ? value->children.items[i] : NULL;
}

const ins_value *ins_map_get(const ins_value *map, const char *key) {
  return map && map->kind == INS_MAP ? child(map, key, strlen(key)) : NULL;
}

static ins_value *walk(const ins_value *value, const char *path) {
  while (value) {
    size_t length = strcspn(path, ".");
    ins_value *whole = child(value, path, strlen(path));
    if (whole || !path[length]) return whole;
    value = child(value, path, length);
    path += length + 1;
  }
  return NULL;
}

const ins_value *ins_value_at(const ins_value *value, const char *path) {
  return walk(value, path);
}

ins_status ins_value_set(ins_value *map, const char *path, ins_value *item) {
  if (!item) return ins_fail(INS_ERR_MEMORY, "out of memory while setting '%s'", path);
  size_t length = strcspn(path, ".");
  if (map->kind == INS_MAP && !path[length]) return ins_map_take(map, path, item);
  ins_value *next = child(map, path, length);
  if (map->kind == INS_LIST && next && !path[length]) {
    for (size_t i = 0; i < map->children.n; i++)
      if (map->children.items[i] == next) map->children.items[i] = item;
    ins_value_destroy(&next);
    return INS_OK;
  }
  if (map->kind == INS_MAP && !next) {
    char *key = ins_format("%.*s", (int)length, path);
    next = key ? ins_value_map() : NULL;
    ins_status status = key ? ins_map_take(map, key, next) : INS_ERR_MEMORY;
    free(key);
    if (status != INS_OK) {
      ins_value_destroy(&item);
      return status;
    }
  }
  if (!next || !path[length]) {
    ins_value_destroy(&item);
    return ins_fail(INS_ERR_ARGUMENT, "'%s' names nothing that can be set", path);
  }
  return ins_value_set(next, path + length + 1, item);
}

/* ---- copying and comparing ----------------------------------------------------------------------
 */

static ins_status copy_children(const ins_value *from, ins_value *to) {
  for (size_t i = 0; i < from->children.n; i++) {
    ins_value *item = ins_value_copy(from->children.items[i]);
    ins_status status = from->kind == INS_MAP ? ins_map_take(to, from->children.keys[i], item)
                                              : ins_list_take(to, item);
    if (status != INS_OK) return status;
  }
  return INS_OK;
}

ins_value *ins_value_copy(const ins_value *value) {
  ins_value *copy;
  size_t bytes;
  switch (value->kind) {
  case INS_TEXT:
    copy = ins_value_text(value->text);
    break;
  case INS_ARRAY:
    copy = ins_value_array(value->array.dtype, value->array.n_dims, value->array.shape);
    bytes = ins_array_count(&value->array) * ins_dtype_size(value->array.dtype);
    if (copy) memcpy(copy->array.data, value->array.data, bytes);
    break;
  default:
    copy = make(value->kind);
    if (copy && value->kind == INS_BOOL) copy->boolean = value->boolean;
    if (copy && value->kind == INS_INT) copy->integer = value->integer;
    if (copy && value->kind == INS_REAL) copy->real = value->real;
    if (copy && (value->kind == INS_LIST || value->kind == INS_MAP) &&
        copy_children(value, copy) != INS_OK)
      ins_value_destroy(&copy);
  }
  if (!copy) return NULL;
  copy->line = value->line;
  copy->column = value->column;
  bytes = value->origin ? strlen(value->origin) + 1 : 0;
  if (bytes && ins_alloc(bytes, 1, &copy->origin) != INS_OK) ins_value_destroy(&copy);
  if (bytes && copy) memcpy(copy->origin, value->origin, bytes);
  return copy;
}

static bool array_equal(const ins_array *a, const ins_array *b) {
  if (a->dtype != b->dtype || a->n_dims != b->n_dims) return false;
  for (int d = 0; d < a->n_dims; d++)
    if (a->shape[d] != b->shape[d]) return false;
  return memcmp(a->data, b->data, ins_array_count(a) * ins_dtype_size(a->dtype)) == 0;
}

bool ins_value_equal(const ins_value *a, const ins_value *b) {
  if (!a || !b) return a == b;
  if (a->kind != b->kind) return false;
  switch (a->kind) {
  case INS_NULL:
    return true;
  case INS_BOOL:
    return a->boolean == b->boolean;
  case INS_INT:
    return a->integer == b->integer;
  case INS_REAL:
    return memcmp(&a->real, &b->real, sizeof a->real) == 0;
  case INS_TEXT:
    return strcmp(a->text, b->text) == 0;
  case INS_ARRAY:
    return array_equal(&a->array, &b->array);
  case INS_LIST:
  case INS_MAP:
    break;
  }
  if (a->children.n != b->children.n) return false;
  for (size_t i = 0; i < a->children.n; i++) {
    if (a->kind == INS_MAP && strcmp(a->children.keys[i], b->children.keys[i]) != 0) return false;
    if (!ins_value_equal(a->children.items[i], b->children.items[i])) return false;
  }
  return true;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

bool ins_value_is_number(const ins_value *value) {
  return value && (value->kind == INS_INT || value->kind == INS_REAL);
}

double ins_value_real_or(const ins_value *value, double fallback) {
  if (!ins_value_is_number(value)) return fallback;
  return value->kind == INS_INT ? (double)value->integer : value->real;
}

int64_t ins_value_int_or(const ins_value *value, int64_t fallback) {
  if (!ins_value_is_number(value)) return fallback;
  return value->kind == INS_INT ? value->integer : (int64_t)value->real;
}

bool ins_value_bool_or(const ins_value *value, bool fallback) {
  return value && value->kind == INS_BOOL ? value->boolean : fallback;
}

const char *ins_value_text_or(const ins_value *value, const char *fallback) {
  return value && value->kind == INS_TEXT ? value->text : fallback;
}

char *ins_value_place(const ins_value *value, char *out, size_t size) {
  out[0] = '\0';
  if (!value || !value->origin) return out;
  if (value->line)
    snprintf(out, size, "%s:%d:%d: ", value->origin, value->line, value->column);
  else
    snprintf(out, size, "%s: ", value->origin);
  return out;
}
