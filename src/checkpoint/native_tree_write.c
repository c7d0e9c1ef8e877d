/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/h5_types.h"
#include "insilico/memory.h"
#include "native.h"
#include "native_tree.h"

enum { COMPACT_BYTES = 1024, MAX_TEXT_TABLE = 1 << 20 };

static ins_status failed(const char *name) {
  return ins_fail(INS_ERR_IO, "HDF5 could not write '%s'", name);
}

/* HDF5 has no half precision of its own, but can describe it: h5py knows this as float16. */
static hid_t half_type(void) {
  hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  if (H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 ||
      H5Tset_ebias(type, 15) < 0) {
    H5Tclose(type);
    return H5I_INVALID_HID;
  }
  return type;
}

/* The enumeration that h5py writes and reads as a truth value. */
static hid_t bool_type(void) {
  hid_t type = H5Tenum_create(H5T_STD_I8LE);
  signed char no = 0, yes = 1;
  if (H5Tenum_insert(type, "FALSE", &no) < 0 || H5Tenum_insert(type, "TRUE", &yes) < 0) {
    H5Tclose(type);
    return H5I_INVALID_HID;
  }
  return type;
}

hid_t ins_tree_type(ins_dtype dtype) {
  switch (dtype) {
  case INS_F16:
    return half_type();
  case INS_BF16:
    return H5Tcopy(H5T_STD_U16LE); /* nobody else reads it as a number: its bits */
  case INS_BOOL8:
    return bool_type();
  default:
    return ins_h5_number_type(dtype);
  }
}

hid_t ins_tree_text_type(size_t size) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (H5Tset_size(type, size + 1) < 0 || H5Tset_strpad(type, H5T_STR_NULLTERM) < 0 ||
      H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
    H5Tclose(type);
    return H5I_INVALID_HID;
  }
  return type;
}

/* An attribute that says which of two readings of an object is meant. */
static ins_status mark(hid_t object, const char *attribute, const char *text) {
  hid_t type = ins_tree_text_type(strlen(text)), space = H5Screate(H5S_SCALAR);
  hid_t attr = H5Acreate2(object, attribute, type, space, H5P_DEFAULT, H5P_DEFAULT);
  herr_t written = attr < 0 ? -1 : H5Awrite(attr, type, text);
  if (attr >= 0) H5Aclose(attr);
  H5Sclose(space);
  H5Tclose(type);
  return written < 0 ? failed(attribute) : INS_OK;
}

/* Times of objects are not kept: the same model gives the same bytes. Small data stand in the
 * header. */
static hid_t creation_list(size_t bytes) {
  hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(list, 0);
  H5Pset_layout(list, bytes <= COMPACT_BYTES ? H5D_COMPACT : H5D_CONTIGUOUS);
  H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
  return list;
}

/* Takes type and space. `kind` and `dtype`: attributes, or NULL. */
static ins_status write_dataset(hid_t parent, const char *name, hid_t type, hid_t space,
                                const void *data, const char *kind, const char *dtype) {
  bool has_data = H5Sget_simple_extent_type(space) != H5S_NULL;
  size_t bytes = has_data ? (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type) : 0;
  hid_t list = creation_list(bytes);
  hid_t set = H5Dcreate2(parent, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  ins_status status = set < 0 ? failed(name) : INS_OK;
  if (status == INS_OK && bytes && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    status = failed(name);
  if (status == INS_OK && kind) status = mark(set, "kind", kind);
  if (status == INS_OK && dtype) status = mark(set, "dtype", dtype);
  if (set >= 0) H5Dclose(set);
  H5Pclose(list);
  H5Sclose(space);
  H5Tclose(type);
  return status;
}

static ins_status write_array(hid_t parent, const char *name, const ins_array *array) {
  hsize_t shape[INS_MAX_DIMS];
  for (int d = 0; d < array->n_dims; d++) shape[d] = array->shape[d];
  hid_t space =
      array->n_dims ? H5Screate_simple(array->n_dims, shape, NULL) : H5Screate(H5S_SCALAR);
  return write_dataset(parent, name, ins_tree_type(array->dtype), space, array->data,
                       array->n_dims ? NULL : "array",
                       array->dtype == INS_BF16 ? "bfloat16" : NULL);
}

/* ---- lists of numbers, truth values or texts become one dataset ------------------------------ */

static bool is_uniform(const ins_value *list) {
  ins_kind kind = list->children.n ? list->children.items[0]->kind : INS_NULL;
  for (size_t i = 1; i < list->children.n; i++)
    if (list->children.items[i]->kind != kind) return false;
  return kind == INS_INT || kind == INS_REAL || kind == INS_BOOL || kind == INS_TEXT;
}

static size_t longest(const ins_value *list) {
  size_t most = 0;
  for (size_t i = 0; i < list->children.n; i++) {
    size_t n = strlen(list->children.items[i]->text);
    if (n > most) most = n;
  }
  return most;
}

/* A table of texts is as wide as the longest: one long text among thousands is not made one. */
static bool fits_table(const ins_value *list) {
  size_t bytes;
  if (!is_uniform(list)) return false;
  if (list->children.items[0]->kind != INS_TEXT) return true;
  return ins_mul(list->children.n, longest(list), &bytes) && bytes <= MAX_TEXT_TABLE;
}

static hid_t element_type(const ins_value *list) {
  switch (list->children.items[0]->kind) {
  case INS_INT:
    return ins_tree_type(INS_I64);
  case INS_REAL:
    return ins_tree_type(INS_F64);
  case INS_BOOL:
    return ins_tree_type(INS_BOOL8);
  default:
    return ins_tree_text_type(longest(list));
  }
}

static ins_status write_table(hid_t parent, const char *name, const ins_value *list) {
  hsize_t n = list->children.n;
  hid_t type = element_type(list);
  size_t size = H5Tget_size(type);
  unsigned char *bytes;
  ins_status status = ins_alloc(n, size, &bytes);
  if (status != INS_OK) {
    H5Tclose(type);
    return status;
  }
  for (size_t i = 0; i < n; i++) {
    const ins_value *item = list->children.items[i];
    unsigned char *to = bytes + i * size;
    if (item->kind == INS_INT) memcpy(to, &item->integer, size);
    if (item->kind == INS_REAL) memcpy(to, &item->real, size);
    if (item->kind == INS_BOOL) *to = item->boolean;
    if (item->kind == INS_TEXT) memcpy(to, item->text, strlen(item->text));
  }
  status = write_dataset(parent, name, type, H5Screate_simple(1, &n, NULL), bytes, "list", NULL);
  ins_free(&bytes);
  return status;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* '/' separates groups and "." means the group itself; "%" alone is the empty name. */
static char *escaped(const char *name) {
  ins_text text = {0};
  if (!*name) ins_text_add(&text, "%%");
  for (const char *p = name; *p; p++)
    if (*p == '/' || *p == '%' || strcmp(name, ".") == 0)
      ins_text_add(&text, "%%%02X", (unsigned)*p);
    else
      ins_text_add_bytes(&text, p, 1);
  if (ins_text_ok(&text) != INS_OK) ins_text_free(&text);
  return text.data;
}

static ins_status write_at(hid_t parent, const char *name, const ins_value *value, int depth);

static ins_status write_children(hid_t group, const ins_value *value, int depth) {
  char number[24];
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < value->children.n; i++) {
    char *name;
    snprintf(number, sizeof number, "%zu", i);
    name = escaped(value->kind == INS_MAP ? value->children.keys[i] : number);
    if (!name) return INS_ERR_MEMORY;
    status = write_at(group, name, value->children.items[i], depth + 1);
    free(name);
  }
  return status;
}

static ins_status write_group(hid_t parent, const char *name, const ins_value *value, int depth) {
  hid_t list = H5Pcreate(H5P_GROUP_CREATE);
  H5Pset_obj_track_times(list, 0);
  H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  hid_t group = H5Gcreate2(parent, name, H5P_DEFAULT, list, H5P_DEFAULT);
  ins_status status = group < 0 ? failed(name) : INS_OK;
  if (status == INS_OK && value->kind == INS_LIST) status = mark(group, "kind", "list");
  if (status == INS_OK) status = write_children(group, value, depth);
  if (group >= 0) H5Gclose(group);
  H5Pclose(list);
  return status;
}

static ins_status write_at(hid_t parent, const char *name, const ins_value *value, int depth) {
  if (depth > INS_NATIVE_MAX_DEPTH)
    return ins_fail(INS_ERR_UNSUPPORTED, "'%s' lies more than %d levels deep", name,
                    INS_NATIVE_MAX_DEPTH);
  hid_t scalar;
  switch (value->kind) {
  case INS_NULL:
    return write_dataset(parent, name, ins_tree_type(INS_U8), H5Screate(H5S_NULL), NULL, NULL,
                         NULL);
  case INS_MAP:
    return write_group(parent, name, value, depth);
  case INS_ARRAY:
    return write_array(parent, name, &value->array);
  case INS_LIST:
    return fits_table(value) ? write_table(parent, name, value)
                             : write_group(parent, name, value, depth);
  default:
    scalar = H5Screate(H5S_SCALAR);
  }
  unsigned char truth = value->kind == INS_BOOL && value->boolean;
  if (value->kind == INS_BOOL)
    return write_dataset(parent, name, ins_tree_type(INS_BOOL8), scalar, &truth, NULL, NULL);
  if (value->kind == INS_INT)
    return write_dataset(parent, name, ins_tree_type(INS_I64), scalar, &value->integer, NULL, NULL);
  if (value->kind == INS_REAL)
    return write_dataset(parent, name, ins_tree_type(INS_F64), scalar, &value->real, NULL, NULL);
  return write_dataset(parent, name, ins_tree_text_type(strlen(value->text)), scalar, value->text,
                       NULL, NULL);
}

ins_status ins_tree_write(hid_t parent, const char *name, const ins_value *value) {
  return write_at(parent, name, value, 0);
}
