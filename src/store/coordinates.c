/* SPDX-License-Identifier: MIT */
#include "coordinates.h"

#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/hash.h"
#include "insilico/memory.h"
#include "parts.h"
#include "rows.h"

/* *out stays NULL where HDF5 cannot read them. */
static ins_status read_texts(hid_t dataset, const hsize_t *dims, ins_value **out) {
  const size_t n = dims[0], width = dims[1];
  char *block = NULL;
  ins_status status = ins_alloc(n, width, &block); /* there is so much in the file: is_there */
  if (status == INS_OK && H5Dread(dataset, H5T_C_S1, H5S_ALL, H5S_ALL, H5P_DEFAULT, block) >= 0) {
    *out = ins_value_list();
    if (!*out) status = INS_ERR_MEMORY;
  }
  for (size_t i = 0; i < n && *out && status == INS_OK; i++) {
    const char *text = block + i * width;
    status = ins_list_take(*out, ins_value_text_n(text, strnlen(text, width)));
  }
  ins_free(&block);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

static ins_status read_numbers(hid_t dataset, hid_t type, size_t n, ins_value **out) {
  ins_dtype dtype;
  if (!ins_h5_dtype(type, &dtype)) return INS_OK;
  *out = ins_value_array(dtype, 1, &n);
  if (!*out) return INS_ERR_MEMORY;
  if (H5Dread(dataset, ins_h5_type(dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT, (*out)->array.data) < 0)
    ins_value_destroy(out);
  return INS_OK;
}

static bool is_placeholder(hid_t dataset) {
  char name[128] = "";
  return H5DSget_scale_name(dataset, name, sizeof name) > 0 &&
         !strncmp(name, INS_STORE_PLACEHOLDER, strlen(INS_STORE_PLACEHOLDER));
}

/* Whoever wrote the file, no more is read than there is in it. */
static bool is_there(hid_t file, const char *name, hid_t type, const hsize_t *dims, int rank) {
  uint64_t offset;
  size_t bytes = H5Tget_size(type);
  for (int d = 0; d < rank; d++)
    if (!ins_mul(bytes, (size_t)dims[d], &bytes)) return false;
  return ins_rows_offset(file, name, bytes, &offset);
}

ins_status ins_coordinates_read(hid_t file, const char *name, size_t *length, ins_value **out) {
  hsize_t dims[2] = {0, 0};
  bool done = false;
  ins_status status = INS_OK;
  *out = NULL;
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  if (dataset < 0) return ins_fail(INS_ERR_FORMAT, "it has no axis '%s'", name);
  hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  int rank = H5Sget_simple_extent_ndims(space);
  if (rank == 1 || rank == 2) {
    H5Sget_simple_extent_dims(space, dims, NULL);
    if (!is_there(file, name, type, dims, rank)) rank = 0;
    bool texts = rank == 2 && H5Tget_class(type) == H5T_STRING && H5Tget_size(type) == 1;
    bool placeholder = rank == 1 && is_placeholder(dataset);
    if (texts)
      status = read_texts(dataset, dims, out);
    else if (rank == 1 && !placeholder)
      status = read_numbers(dataset, type, dims[0], out);
    done = placeholder || *out;
  }
  *length = dims[0];
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Dclose(dataset);
  if (status != INS_OK || done) return status;
  return ins_fail(INS_ERR_FORMAT, "its axis '%s' cannot be read", name);
}

/* A coordinate's bytes: of a text, or of a number of its type. */
static const void *bytes_of(const ins_value *c, size_t i, size_t *n) {
  if (c->kind == INS_LIST) {
    const char *text = ins_value_text_or(c->children.items[i], "");
    *n = strlen(text);
    return text;
  }
  *n = ins_dtype_size(c->array.dtype);
  return (const char *)c->array.data + i * *n;
}

typedef struct entry {
  uint64_t hash;
  size_t index;
} entry;

static int by_hash(const void *a, const void *b) {
  const entry *x = a, *y = b;
  return (x->hash > y->hash) - (x->hash < y->hash);
}

static size_t find(const entry *table, size_t n, const ins_value *new, const void *bytes,
                   size_t size) {
  uint64_t hash = ins_xxh3(bytes, size, 0);
  size_t low = 0, high = n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (table[middle].hash < hash)
      low = middle + 1;
    else
      high = middle;
  }
  for (; low < n && table[low].hash == hash; low++) {
    size_t theirs;
    const void *other = bytes_of(new, table[low].index, &theirs);
    if (theirs == size && !memcmp(other, bytes, size)) return table[low].index;
  }
  return SIZE_MAX;
}

ins_status ins_coordinates_match(const ins_value *old, size_t length, const ins_axis *axis,
                                 size_t **map) {
  const ins_value *new = axis->coordinates;
  entry *table = NULL;
  ins_status status = ins_alloc(length, sizeof **map, map);
  if (status != INS_OK) return status;
  bool same_kind = old && new && old->kind == new->kind &&
                   (old->kind == INS_LIST || old->array.dtype == new->array.dtype);
  for (size_t i = 0; i < length; i++) (*map)[i] = !old && !new &&i < axis->length ? i : SIZE_MAX;
  if (!same_kind) return INS_OK;
  status = ins_alloc(axis->length, sizeof *table, &table);
  for (size_t i = 0; i < axis->length && status == INS_OK; i++) {
    size_t n;
    const void *bytes = bytes_of(new, i, &n);
    table[i] = (entry){ins_xxh3(bytes, n, 0), i};
  }
  if (status == INS_OK) {
    qsort(table, axis->length, sizeof *table, by_hash);
    for (size_t i = 0; i < length; i++) {
      size_t n;
      const void *bytes = bytes_of(old, i, &n);
      (*map)[i] = find(table, axis->length, new, bytes, n);
    }
  } else {
    ins_free(map);
  }
  ins_free(&table);
  return status;
}
