/* SPDX-License-Identifier: MIT */
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "array_readers.h"
#include "data/h5_types.h"
#include "insilico/memory.h"

/* Datasets that a message lists at most; and how much more than its stored bytes a dataset may
 * hold: deflate, the strongest common filter, stays below 1032 : 1. */
enum { MAX_LISTED = 20, MAX_RATIO = 1100 };
static const size_t spare_bytes = (size_t)1 << 20;

/* ---- which dataset --------------------------------------------------------------------------- */

typedef struct listing {
  ins_text names;
  char *first;
  size_t n;
} listing;

static herr_t list_one(hid_t file, const char *name, const H5O_info_t *info, void *data) {
  listing *l = data;
  (void)file;
  if (info->type != H5O_TYPE_DATASET) return 0;
  if (!l->first) l->first = strdup(name);
  if (l->n < MAX_LISTED) ins_text_add(&l->names, "%s%s", l->n ? ", " : "", name);
  if (l->n == MAX_LISTED) ins_text_add(&l->names, ", ...");
  l->n++;
  return 0;
}

static ins_status list_datasets(const char *path, hid_t file, listing *l) {
  if (H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, list_one, l, H5O_INFO_BASIC) < 0)
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: its datasets cannot be listed", path);
  if (l->n && (!l->first || l->names.failed))
    return ins_fail(INS_ERR_MEMORY, "%s: out of memory", path);
  return INS_OK;
}

static ins_status no_choice(const char *path, const char *name, const listing *l) {
  const char *list = l->n ? l->names.data : "no dataset at all";
  if (name)
    return ins_fail(INS_ERR_MISSING, "%s: there is no dataset '%s'; there is: %s", path, name,
                    list);
  if (l->n == 0) return ins_fail(INS_ERR_MISSING, "%s: it holds no dataset", path);
  return ins_fail(INS_ERR_MISSING, "%s: it holds %zu datasets; name one as FILE:DATASET: %s", path,
                  l->n, list);
}

static ins_status open_dataset(const char *path, hid_t file, const char *name, hid_t *out) {
  listing l = {0};
  ins_status status = INS_OK;
  *out = name && *name ? H5Dopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
  if (*out >= 0) return INS_OK;
  status = list_datasets(path, file, &l);
  if (status == INS_OK && !name && l.n == 1) *out = H5Dopen2(file, l.first, H5P_DEFAULT);
  if (status == INS_OK && *out < 0) status = no_choice(path, name, &l);
  ins_text_free(&l.names);
  free(l.first);
  return status;
}

/* ---- its elements ---------------------------------------------------------------------------- */

/* The enumeration in which h5py keeps truth values. */
static bool is_bool(hid_t type) {
  char name[8];
  signed char value = 1;
  if (H5Tget_class(type) != H5T_ENUM || H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2)
    return false;
  return H5Tenum_nameof(type, &value, name, sizeof name) >= 0 && strcmp(name, "TRUE") == 0;
}

/* IEEE half precision, which HDF5 can describe but has no name for. */
static bool is_half(hid_t type) {
  size_t sign, exponent_at, exponent, fraction_at, fraction;
  return H5Tget_size(type) == 2 &&
         H5Tget_fields(type, &sign, &exponent_at, &exponent, &fraction_at, &fraction) >= 0 &&
         exponent == 5 && fraction == 10;
}

/* Our type for an integer of the file; unsigned ones of 2 and 4 bytes become the next wider signed
 * one. */
static bool integer_of(hid_t type, ins_dtype *out) {
  static const ins_dtype with_sign[] = {[1] = INS_I8, [2] = INS_I16, [4] = INS_I32, [8] = INS_I64};
  static const ins_dtype without[] = {[1] = INS_U8, [2] = INS_I32, [4] = INS_I64, [8] = INS_U64};
  size_t size = H5Tget_size(type);
  if (size != 1 && size != 2 && size != 4 && size != 8) return false;
  *out = H5Tget_sign(type) == H5T_SGN_2 ? with_sign[size] : without[size];
  return true;
}

static bool dtype_of(hid_t type, ins_dtype *out) {
  size_t size = H5Tget_size(type);
  H5T_class_t class = H5Tget_class(type);
  *out = is_bool(type) ? INS_BOOL8 : size == 2 ? INS_F16 : size == 4 ? INS_F32 : INS_F64;
  if (*out == INS_BOOL8) return true;
  if (class == H5T_INTEGER) return integer_of(type, out);
  return class == H5T_FLOAT && (size == 4 || size == 8 || is_half(type));
}

/* The same as an HDF5 type, to which HDF5 converts. Truth values and half precision are read as
 * stored. */
static hid_t memory_type(hid_t type, ins_dtype dtype) {
  hid_t number = ins_h5_number_type(dtype);
  if (number >= 0) return number;
  hid_t copy = H5Tcopy(type);
  if (dtype == INS_F16) H5Tset_order(copy, H5T_ORDER_LE);
  return copy;
}

static ins_status read_shape(const char *path, hid_t set, int *n_dims, size_t shape[INS_MAX_DIMS],
                             size_t *count) {
  hsize_t lengths[H5S_MAX_RANK];
  hid_t space = H5Dget_space(set);
  ins_status status = INS_OK;
  *count = 1;
  *n_dims = space < 0 || H5Sget_simple_extent_type(space) == H5S_NULL
                ? -1
                : H5Sget_simple_extent_ndims(space);
  if (*n_dims < 0 || *n_dims > INS_MAX_DIMS || H5Sget_simple_extent_dims(space, lengths, NULL) < 0)
    status = ins_fail(INS_ERR_FORMAT, "%s: the dataset is empty or has more than %d axes", path,
                      INS_MAX_DIMS);
  for (int d = 0; status == INS_OK && d < *n_dims; d++) {
    shape[d] = (size_t)lengths[d];
    if (!ins_mul(*count, shape[d], count))
      status = ins_fail(INS_ERR_FORMAT, "%s: damaged: the dataset has an impossible shape", path);
  }
  if (space >= 0) H5Sclose(space);
  return status;
}

/* Numbers are read from the file itself, as it says by what: not from others that it names, and not
 * by programs that it asks HDF5 to load. */
static ins_status check_self_contained(const char *path, hid_t set) {
  char name[64] = "";
  hid_t list = H5Dget_create_plist(set);
  ins_status status = INS_OK;
  if (list < 0) return ins_fail(INS_ERR_FORMAT, "%s: damaged: the dataset has no layout", path);
  if (H5Pget_layout(list) == H5D_VIRTUAL || H5Pget_external_count(list) > 0)
    status =
        ins_fail(INS_ERR_UNSUPPORTED,
                 "%s: the dataset keeps its numbers in other files; copy them into this one", path);
  const int n = H5Pget_nfilters(list);
  for (int i = 0; status == INS_OK && i < n; i++) {
    unsigned flags, config;
    size_t n_values = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(list, (unsigned)i, &flags, &n_values, NULL, sizeof name, name, &config);
    if (filter >= 0 && H5Zfilter_avail(filter) > 0) continue;
    name[sizeof name - 1] = '\0';
    status = ins_fail(INS_ERR_UNSUPPORTED,
                      "%s: the dataset is compressed with filter %d%s%.63s, which HDF5 has only as "
                      "a plug-in, and none is loaded here; write it with gzip, as by h5repack -f "
                      "GZIP=4 IN OUT",
                      path, (int)filter, *name ? ", " : "", name);
  }
  H5Pclose(list);
  return status;
}

/* Before anything is allocated: can the bytes in the file be that many elements? */
static ins_status check_stored(const char *path, hid_t set, size_t count, size_t size) {
  size_t bytes, stored = (size_t)H5Dget_storage_size(set);
  size_t most = stored < SIZE_MAX / MAX_RATIO ? stored * MAX_RATIO + spare_bytes : SIZE_MAX;
  if (ins_mul(count, size, &bytes) && bytes <= most) return INS_OK;
  return ins_fail(INS_ERR_FORMAT, "%s: the dataset claims %zu elements but stores only %zu bytes",
                  path, count, stored);
}

/* Item `item` of the first axis as a selection in the file; `shape` is that of the item. */
static hid_t item_in_file(hid_t set, size_t item, int n_dims, const size_t *shape) {
  hsize_t start[H5S_MAX_RANK] = {item}, lengths[H5S_MAX_RANK] = {1};
  for (int d = 0; d < n_dims; d++) lengths[d + 1] = shape[d];
  hid_t space = H5Dget_space(set);
  if (space >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, lengths, NULL) < 0) {
    H5Sclose(space);
    return H5I_INVALID_HID;
  }
  return space;
}

/* All elements of `array`, or item `item` of the first axis (item NULL: the whole dataset). */
static bool read_elements(hid_t set, hid_t native, const size_t *item, const ins_array *array) {
  if (!item) return H5Dread(set, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data) >= 0;
  const hsize_t count = ins_array_count(array);
  hid_t from = item_in_file(set, *item, array->n_dims, array->shape);
  hid_t to = H5Screate_simple(1, &count, NULL);
  const bool read =
      from >= 0 && to >= 0 && H5Dread(set, native, to, from, H5P_DEFAULT, array->data) >= 0;
  if (from >= 0) H5Sclose(from);
  if (to >= 0) H5Sclose(to);
  return read;
}

static ins_status read_dataset(const char *path, hid_t set, ins_array_part *part, ins_value **out) {
  hid_t type = H5Dget_type(set), native = H5I_INVALID_HID;
  int n_dims;
  size_t shape[INS_MAX_DIMS], count;
  ins_dtype dtype = INS_F32;
  bool is_item = false;
  ins_status status = read_shape(path, set, &n_dims, shape, &count);
  if (status == INS_OK && (type < 0 || !dtype_of(type, &dtype)))
    status = ins_fail(INS_ERR_FORMAT, "%s: the dataset holds no plain real numbers", path);
  if (status == INS_OK) status = check_self_contained(path, set);
  if (status == INS_OK) status = check_stored(path, set, count, ins_dtype_size(dtype));
  if (status == INS_OK) status = ins_array_part_cut(path, part, &n_dims, shape, &is_item);
  if (status == INS_OK) {
    *out = ins_value_array(dtype, n_dims, shape);
    if (!*out) status = INS_ERR_MEMORY;
  }
  if (status == INS_OK) native = memory_type(type, dtype);
  if (status == INS_OK && count &&
      !read_elements(set, native, is_item ? &part->item : NULL, &(*out)->array))
    status = ins_fail(INS_ERR_FORMAT, "%s: the dataset cannot be read; it is damaged", path);
  if (status != INS_OK) ins_value_destroy(out);
  if (native >= 0) H5Tclose(native);
  if (type >= 0) H5Tclose(type);
  return status;
}

static ins_status read_open(const char *path, const char *name, ins_array_part *part,
                            ins_value **out) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), set;
  if (file < 0)
    return ins_fail(INS_ERR_FORMAT, "%s: no HDF5 file, damaged, or open for writing elsewhere",
                    path);
  ins_status status = open_dataset(path, file, name, &set);
  if (status == INS_OK) {
    status = ins_within(read_dataset(path, set, part, out), "%s", name ? name : "the only dataset");
    H5Dclose(set);
  }
  H5Fclose(file);
  return status;
}

/* HDF5 prints its error stack by itself unless told not to; what was set before is restored. */
ins_status ins_h5_array_read(const char *path, const char *name, ins_array_part *part,
                             ins_value **out) {
  H5E_auto2_t function;
  void *data;
  H5Eget_auto2(H5E_DEFAULT, &function, &data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  ins_status status = read_open(path, name, part, out);
  H5Eset_auto2(H5E_DEFAULT, function, data);
  return status;
}
