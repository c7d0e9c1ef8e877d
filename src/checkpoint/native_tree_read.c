/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "native.h"
#include "native_tree.h"

enum { MAX_NAME = 4096, MAX_VALUES = 8 << 20 };

typedef struct reader {
  size_t file_size, n_values;
} reader;

typedef enum reading { READ_PLAIN, READ_LIST, READ_ARRAY } reading;

static ins_status damaged(const char *name, const char *why) {
  return ins_fail(INS_ERR_FORMAT, "damaged: '%s' %s", name, why);
}

/* What the attributes `kind` and `dtype` say; NULL-terminated, "" when absent. */
static void read_mark(hid_t object, const char *attribute, char out[16]) {
  memset(out, 0, 16);
  if (H5Aexists(object, attribute) <= 0) return;
  hid_t attr = H5Aopen(object, attribute, H5P_DEFAULT), type = H5Aget_type(attr);
  if (type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
      H5Tget_size(type) < 16 && H5Aread(attr, type, out) < 0)
    out[0] = '\0';
  if (type >= 0) H5Tclose(type);
  if (attr >= 0) H5Aclose(attr);
}

static bool find_dtype(hid_t type, const char *mark, ins_dtype *out) {
  for (int d = INS_U8; d <= INS_BOOL8; d++) {
    hid_t ours = ins_tree_type((ins_dtype)d);
    bool same = H5Tequal(type, ours) > 0;
    H5Tclose(ours);
    if (!same || (d == INS_BF16 && strcmp(mark, "bfloat16") != 0)) continue;
    *out = (ins_dtype)d;
    return true;
  }
  return false;
}

/* ---- datasets -------------------------------------------------------------------------------- */

/* The data must lie in this file: other layouts can name other files, which a model has no reason
 * to. */
static bool is_self_contained(hid_t set) {
  hid_t list = H5Dget_create_plist(set);
  H5D_layout_t layout = list < 0 ? H5D_LAYOUT_ERROR : H5Pget_layout(list);
  bool fine = (layout == H5D_COMPACT || layout == H5D_CONTIGUOUS) &&
              H5Pget_external_count(list) == 0 && H5Pget_nfilters(list) == 0;
  if (list >= 0) H5Pclose(list);
  return fine;
}

typedef struct dataset {
  const char *name;
  hid_t set, type;
  int n_dims;
  size_t shape[INS_MAX_DIMS], count, size;
  bool is_null, is_text;
  ins_dtype dtype;
  reading how;
} dataset;

static ins_status describe_space(dataset *d) {
  hsize_t shape[H5S_MAX_RANK];
  hid_t space = H5Dget_space(d->set);
  ins_status status = INS_OK;
  d->count = 1;
  d->is_null = space >= 0 && H5Sget_simple_extent_type(space) == H5S_NULL;
  int n = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
  if (!d->is_null &&
      (n < 0 || n > INS_MAX_DIMS || H5Sget_simple_extent_dims(space, shape, NULL) < 0))
    status = damaged(d->name, "has no shape, or more than 8 axes");
  d->n_dims = d->is_null || status != INS_OK ? 0 : n;
  for (int i = 0; status == INS_OK && i < d->n_dims; i++) {
    d->shape[i] = (size_t)shape[i];
    if (!ins_mul(d->count, d->shape[i], &d->count))
      status = damaged(d->name, "has an impossible shape");
  }
  if (space >= 0) H5Sclose(space);
  return status;
}

static ins_status describe(const reader *in, dataset *d) {
  char kind[16], dtype[16];
  size_t bytes;
  ins_status status = describe_space(d);
  if (status != INS_OK || d->is_null) return status;
  read_mark(d->set, "kind", kind);
  read_mark(d->set, "dtype", dtype);
  d->how = strcmp(kind, "list") == 0    ? READ_LIST
           : strcmp(kind, "array") == 0 ? READ_ARRAY
                                        : READ_PLAIN;
  d->size = H5Tget_size(d->type);
  d->is_text = H5Tget_class(d->type) == H5T_STRING;
  if (d->is_text ? H5Tis_variable_str(d->type) != 0 : !find_dtype(d->type, dtype, &d->dtype))
    return damaged(d->name, "is of a type that model files do not use");
  if (!is_self_contained(d->set) || !ins_mul(d->count, d->size, &bytes) || bytes > in->file_size)
    return damaged(d->name, "is larger than the file, or stored in an unknown way");
  return INS_OK;
}

static ins_value *element(const dataset *d, const unsigned char *bytes) {
  double real;
  int64_t integer;
  if (d->is_text)
    return ins_value_text_n((const char *)bytes, strnlen((const char *)bytes, d->size));
  switch (d->dtype) {
  case INS_BOOL8:
    return ins_value_bool(*bytes != 0);
  case INS_I64:
    memcpy(&integer, bytes, sizeof integer);
    return ins_value_int(integer);
  case INS_F64:
    memcpy(&real, bytes, sizeof real);
    return ins_value_real(real);
  default:
    return NULL;
  }
}

static bool is_scalar_type(const dataset *d) {
  return d->is_text || d->dtype == INS_BOOL8 || d->dtype == INS_I64 || d->dtype == INS_F64;
}

static ins_status make_table(const dataset *d, const unsigned char *bytes, ins_value **out) {
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < d->count; i++)
    status = ins_list_take(*out, element(d, bytes + i * d->size));
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

/* Numbers, texts and lists of them go by way of a buffer; arrays straight into their own memory. */
static ins_status read_contents(reader *in, const dataset *d, ins_value **out) {
  bool is_array = d->how == READ_ARRAY || (d->how == READ_PLAIN && d->n_dims > 0);
  unsigned char *bytes = NULL;
  if (is_array) {
    if (d->is_text) return damaged(d->name, "is an array of texts");
    *out = ins_value_array(d->dtype, d->n_dims, d->shape);
    if (!*out) return INS_ERR_MEMORY;
    if (d->count == 0 ||
        H5Dread(d->set, d->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, (*out)->array.data) >= 0)
      return INS_OK;
    ins_value_destroy(out);
    return damaged(d->name, "cannot be read");
  }
  if (!is_scalar_type(d) || (d->how == READ_LIST) != (d->n_dims == 1))
    return damaged(d->name, "is of a type that model files do not use");
  in->n_values += d->count;
  ins_status status = in->n_values > MAX_VALUES ? damaged(d->name, "makes too many values")
                                                : ins_alloc(d->count, d->size, &bytes);
  if (status == INS_OK && d->count &&
      H5Dread(d->set, d->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0)
    status = damaged(d->name, "cannot be read");
  if (status == INS_OK && d->how == READ_LIST) {
    status = make_table(d, bytes, out);
  } else if (status == INS_OK) {
    *out = element(d, bytes);
    if (!*out) status = INS_ERR_MEMORY;
  }
  ins_free(&bytes);
  return status;
}

static ins_status read_dataset(reader *in, hid_t set, const char *name, ins_value **out) {
  dataset d = {.name = name, .set = set, .type = H5Dget_type(set)};
  if (d.type < 0) return damaged(name, "has no type");
  ins_status status = describe(in, &d);
  if (status == INS_OK && d.is_null) {
    *out = ins_value_null();
    if (!*out) status = INS_ERR_MEMORY;
  } else if (status == INS_OK) {
    status = read_contents(in, &d, out);
  }
  H5Tclose(d.type);
  return status;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Undoes the writer's escapes, in place. */
static void unescape(char *name) {
  char *to = name;
  if (strcmp(name, "%") == 0) name[0] = '\0';
  for (const char *p = name; *p;) {
    char code[3] = {0};
    if (*p == '%' && p[1] && p[2]) {
      memcpy(code, p + 1, 2);
      *to++ = (char)strtoul(code, NULL, 16);
      p += 3;
    } else {
      *to++ = *p++;
    }
  }
  *to = '\0';
}

static ins_status read_at(reader *in, hid_t parent, const char *name, int depth, ins_value **out);

/* Links in the order in which they were made, which is the order of the keys. */
static ins_status read_child(reader *in, hid_t group, const char *group_name, hsize_t i, int depth,
                             ins_value *value) {
  char name[MAX_NAME];
  ins_value *item = NULL;
  ssize_t n = H5Lget_name_by_idx(group, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, name, sizeof name,
                                 H5P_DEFAULT);
  if (n < 0 || (size_t)n >= sizeof name)
    return damaged(group_name, "has an entry that cannot be read");
  ins_status status = read_at(in, group, name, depth + 1, &item);
  if (status != INS_OK) return status;
  if (value->kind == INS_LIST) return ins_list_take(value, item);
  unescape(name);
  return ins_map_take(value, name, item);
}

static ins_status read_group(reader *in, hid_t group, const char *name, int depth,
                             ins_value **out) {
  H5G_info_t info;
  char kind[16];
  read_mark(group, "kind", kind);
  if (H5Gget_info(group, &info) < 0) return damaged(name, "cannot be read");
  *out = strcmp(kind, "list") == 0 ? ins_value_list() : ins_value_map();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (hsize_t i = 0; status == INS_OK && i < info.nlinks; i++)
    status = read_child(in, group, name, i, depth, *out);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

static ins_status read_at(reader *in, hid_t parent, const char *name, int depth, ins_value **out) {
  H5L_info_t link;
  *out = NULL;
  if (depth > INS_NATIVE_MAX_DEPTH) return damaged(name, "lies too deep");
  if (++in->n_values > MAX_VALUES) return damaged(name, "is one of too many values");
  if (H5Lget_info(parent, name, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD)
    return damaged(name, "is missing, or a link to elsewhere");
  hid_t object = H5Oopen(parent, name, H5P_DEFAULT);
  if (object < 0) return damaged(name, "cannot be opened");
  H5I_type_t what = H5Iget_type(object);
  ins_status status = what == H5I_GROUP     ? read_group(in, object, name, depth, out)
                      : what == H5I_DATASET ? read_dataset(in, object, name, out)
                                            : damaged(name, "is neither a group nor a dataset");
  H5Oclose(object);
  return status;
}

ins_status ins_tree_read(hid_t parent, const char *name, size_t file_size, ins_value **out) {
  reader in = {.file_size = file_size};
  return read_at(&in, parent, name, 0, out);
}
