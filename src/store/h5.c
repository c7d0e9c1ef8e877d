/* SPDX-License-Identifier: MIT */
#include "h5.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

/* What HDF5 said about its last failure. Its own stack is emptied by the next call, and closing
 * what was open comes between a failure and its report. */
static _Thread_local char last_words[512];

/* The innermost entry of the error stack is the one that names the cause. */
static herr_t keep_first(unsigned n, const H5E_error2_t *error, void *data) {
  (void)data;
  if (n == 0 && error->desc) snprintf(last_words, sizeof last_words, "%s", error->desc);
  return 0;
}

static herr_t remember(hid_t stack, void *data) {
  return H5Ewalk2(stack, H5E_WALK_UPWARD, keep_first, data);
}

void ins_h5_quiet(void) {
  H5Eset_auto2(H5E_DEFAULT, remember, NULL);
}

void ins_h5_silent(void) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

ins_status ins_h5_fail(const char *path, const char *what) {
  for (char *c = last_words; *c; c++)
    if (*c == '\n') *c = ' ';
  ins_status status = ins_fail(INS_ERR_IO, "%s: %s: HDF5 says: %s", path, what,
                               last_words[0] ? last_words : "nothing more");
  last_words[0] = '\0';
  return status;
}

hid_t ins_h5_type(ins_dtype dtype) {
  switch (dtype) {
  case INS_U8:
  case INS_BOOL8:
    return H5T_STD_U8LE;
  case INS_I8:
    return H5T_STD_I8LE;
  case INS_I16:
    return H5T_STD_I16LE;
  case INS_I32:
    return H5T_STD_I32LE;
  case INS_I64:
    return H5T_STD_I64LE;
  case INS_U64:
    return H5T_STD_U64LE;
  case INS_F32:
    return H5T_IEEE_F32LE;
  case INS_F64:
    return H5T_IEEE_F64LE;
  default:
    return H5I_INVALID_HID;
  }
}

bool ins_h5_dtype(hid_t type, ins_dtype *out) {
  size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
  case H5T_FLOAT:
    *out = size == 8 ? INS_F64 : INS_F32;
    return size == 4 || size == 8;
  case H5T_INTEGER:
    if (H5Tget_sign(type) == H5T_SGN_NONE) {
      *out = size == 1 ? INS_U8 : INS_U64;
      return size == 1 || size == 8;
    }
    *out = size == 1 ? INS_I8 : size == 2 ? INS_I16 : size == 4 ? INS_I32 : INS_I64;
    return size == 1 || size == 2 || size == 4 || size == 8;
  default:
    return false;
  }
}

void ins_h5_fill(ins_dtype dtype, void *out) {
  const int8_t i8 = -127;
  const int16_t i16 = -32767;
  const int32_t i32 = -2147483647;
  const int64_t i64 = -9223372036854775806;
  const uint64_t u64 = 18446744073709551614u;
  const uint8_t u8 = 255;
  const float f32 = NAN;
  const double f64 = NAN;
  const void *from = &u8;
  switch (dtype) {
  case INS_I8:
    from = &i8;
    break;
  case INS_I16:
    from = &i16;
    break;
  case INS_I32:
    from = &i32;
    break;
  case INS_I64:
    from = &i64;
    break;
  case INS_U64:
    from = &u64;
    break;
  case INS_F32:
    from = &f32;
    break;
  case INS_F64:
    from = &f64;
    break;
  default:
    break;
  }
  memcpy(out, from, ins_dtype_size(dtype));
}

hid_t ins_h5_open_plain(const char *path) {
  ins_h5_quiet();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(access, false, true);
#endif
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
  H5Pclose(access);
  return file;
}

static bool put(hid_t object, const char *name, hid_t type, hid_t space, const void *data) {
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute < 0) return false;
  bool written = H5Awrite(attribute, type, data) >= 0;
  return H5Aclose(attribute) >= 0 && written;
}

bool ins_h5_put_text(hid_t object, const char *name, const char *text) {
  size_t length = strlen(text);
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  bool done = H5Tset_size(type, length ? length : 1) >= 0 &&
              H5Tset_cset(type, H5T_CSET_UTF8) >= 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 &&
              put(object, name, type, space, text);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return done;
}

bool ins_h5_put_numbers(hid_t object, const char *name, ins_dtype dtype, size_t n,
                        const void *data) {
  hsize_t size = n;
  hid_t space = n ? H5Screate_simple(1, &size, NULL) : H5Screate(H5S_SCALAR);
  bool done = space >= 0 && put(object, name, ins_h5_type(dtype), space, data);
  if (space >= 0) H5Sclose(space);
  return done;
}

static bool put_json(hid_t object, const char *name, const ins_value *value) {
  ins_text json = {0};
  ins_value_json(value, SIZE_MAX, &json);
  bool done = ins_text_ok(&json) == INS_OK && ins_h5_put_text(object, name, json.data);
  ins_text_free(&json);
  return done;
}

bool ins_h5_put_value(hid_t object, const char *name, const ins_value *value) {
  int8_t truth;
  switch (value->kind) {
  case INS_NULL:
    return true;
  case INS_BOOL:
    truth = value->boolean;
    return ins_h5_put_numbers(object, name, INS_I8, 1, &truth);
  case INS_INT:
    return ins_h5_put_numbers(object, name, INS_I64, 1, &value->integer);
  case INS_REAL:
    return ins_h5_put_numbers(object, name, INS_F64, 1, &value->real);
  case INS_TEXT:
    return ins_h5_put_text(object, name, value->text);
  case INS_ARRAY:
    if (value->array.n_dims == 1 && value->array.shape[0] && ins_h5_type(value->array.dtype) >= 0)
      return ins_h5_put_numbers(object, name, value->array.dtype, value->array.shape[0],
                                value->array.data);
    return put_json(object, name, value);
  default:
    return put_json(object, name, value);
  }
}

/* An attribute that claims more is damaged, not a lack of memory. */
static bool is_sane(size_t n, size_t size) {
  size_t bytes;
  return ins_mul(n, size, &bytes) && bytes <= (size_t)1 << 28;
}

/* Fixed-length text only: it is all that we write. */
static ins_status get_text(hid_t attribute, hid_t type, ins_value **out) {
  const size_t size = H5Tget_size(type);
  char *text = NULL;
  if (H5Tis_variable_str(type) > 0 || !is_sane(1, size)) return INS_OK;
  ins_status status = ins_alloc(size + 1, 1, &text);
  if (status == INS_OK && H5Aread(attribute, type, text) >= 0) {
    *out = ins_value_text(text);
    if (!*out) status = INS_ERR_MEMORY;
  }
  ins_free(&text);
  return status;
}

/* One number as itself, which a list of it is not. */
static ins_value *first_of(const ins_array *array) {
  int64_t whole = 0;
  if (array->dtype == INS_F32 || array->dtype == INS_F64)
    return ins_value_real(ins_array_get(array, 0));
  if (array->dtype == INS_I64 || array->dtype == INS_U64)
    memcpy(&whole, array->data, sizeof whole);
  else
    whole = (int64_t)ins_array_get(array, 0);
  return ins_value_int(whole);
}

static ins_status get_numbers(hid_t attribute, hid_t type, size_t n, ins_value **out) {
  ins_dtype dtype;
  if (!ins_h5_dtype(type, &dtype) || !is_sane(n, ins_dtype_size(dtype))) return INS_OK;
  ins_value *array = ins_value_array(dtype, 1, &n), *first = NULL;
  if (!array) return INS_ERR_MEMORY;
  const bool is_read = H5Aread(attribute, ins_h5_type(dtype), array->array.data) >= 0;
  if (is_read && n > 1) {
    *out = array;
    return INS_OK;
  }
  if (is_read) first = first_of(&array->array);
  ins_value_destroy(&array);
  *out = first;
  return is_read && !first ? INS_ERR_MEMORY : INS_OK;
}

ins_status ins_h5_get_value(hid_t object, const char *name, ins_value **out) {
  ins_status status = INS_OK;
  *out = NULL;
  if (H5Aexists(object, name) <= 0) return INS_OK;
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  if (attribute < 0) return INS_OK;
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  hssize_t n = H5Sget_simple_extent_npoints(space);
  if (type >= 0 && n == 1 && H5Tget_class(type) == H5T_STRING)
    status = get_text(attribute, type, out);
  else if (type >= 0 && n > 0)
    status = get_numbers(attribute, type, (size_t)n, out);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  H5Aclose(attribute);
  return status;
}

typedef struct collection {
  ins_value *map;
  ins_status status;
} collection;

static herr_t collect(hid_t object, const char *name, const H5A_info_t *info, void *data) {
  (void)info;
  collection *all = data;
  ins_value *value;
  all->status = ins_h5_get_value(object, name, &value);
  if (all->status == INS_OK && value) all->status = ins_map_take(all->map, name, value);
  return all->status == INS_OK ? 0 : -1;
}

ins_status ins_h5_get_all(hid_t object, ins_value **out) {
  hsize_t position = 0;
  collection all = {.map = ins_value_map()};
  *out = all.map;
  if (!all.map) return INS_ERR_MEMORY;
  if (H5Aiterate2(object, H5_INDEX_CRT_ORDER, H5_ITER_INC, &position, collect, &all) >= 0)
    return INS_OK;
  ins_value_destroy(out);
  if (all.status != INS_OK) return all.status;
  return ins_fail(INS_ERR_FORMAT, "the file's attributes cannot be read");
}
