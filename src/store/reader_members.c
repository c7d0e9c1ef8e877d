/* SPDX-License-Identifier: MIT */
/* Datasets of a group of a results file, and the axes that they lie along. */
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "reader_source.h"

/* More links than a group of ours can have: axes, variables, books and lengths of texts. */
enum { MOST_MEMBERS = 2 * (INS_MAX_AXES + INS_MAX_VARIABLES) };

/* ---- what a dataset is ------------------------------------------------------------------------
 */

static bool read_dims(hid_t dataset, ins_extent *out) {
  hsize_t dims[INS_STORE_MAX_RANK + 1];
  hid_t space = H5Dget_space(dataset);
  const int n = space < 0 || H5Sis_simple(space) <= 0 ? -1 : H5Sget_simple_extent_ndims(space);
  bool done = n >= 0 && n <= INS_STORE_MAX_RANK + 1 &&
              (!n || H5Sget_simple_extent_dims(space, dims, NULL) == n);
  if (space >= 0) H5Sclose(space);
  out->n_dims = n;
  out->count = 1;
  for (int d = 0; d < n && done; d++) {
    out->dims[d] = (size_t)dims[d];
    done = ins_mul(out->count, out->dims[d], &out->count);
  }
  return done;
}

/* Types that we write, as they are in the file. */
static bool read_type(hid_t dataset, ins_extent *out) {
  hid_t type = H5Dget_type(dataset);
  bool known = type >= 0;
  out->texts = known && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
  if (out->texts) {
    known = H5Tget_size(type) == 1 && out->n_dims > 0;
    out->dtype = INS_U8;
  } else {
    known = known && ins_h5_dtype(type, &out->dtype) && H5Tequal(type, ins_h5_type(out->dtype)) > 0;
  }
  if (type >= 0) H5Tclose(type);
  return known;
}

static bool look_at(hid_t group, const char *name, hid_t dataset, ins_extent *out) {
  size_t bytes;
  *out = (ins_extent){0};
  if (!read_dims(dataset, out) || !read_type(dataset, out) ||
      !ins_mul(out->count, ins_dtype_size(out->dtype), &bytes) ||
      !ins_rows_offset(group, name, bytes, &out->offset))
    return false;
  out->is_axis = H5Aexists(dataset, "CLASS") > 0;
  out->fills = H5Aexists(dataset, "_FillValue") > 0;
  return true;
}

/* ---- all of a group ----------------------------------------------------------------------------
 */

/* Who fills `members`; what HDF5 calls on the way can say no more than that it failed. */
typedef struct filling {
  ins_members *members;
  ins_status status;
} filling;

static ins_status keep_member(ins_members *members, const struct ins_member *found,
                              const char *name) {
  ins_status status =
      ins_grow(&members->items, &members->capacity, members->n + 1, sizeof *members->items);
  if (status != INS_OK) return status;
  members->items[members->n] = *found;
  members->items[members->n].name = strdup(name);
  if (!members->items[members->n].name)
    return ins_fail(INS_ERR_MEMORY, "out of memory for the name of a variable");
  members->n++;
  return INS_OK;
}

static herr_t add_member(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  filling *f = data;
  struct ins_member found = {0};
  if (info->type != H5L_TYPE_HARD) return 0;
  if (f->members->n == MOST_MEMBERS) return -1;
  hid_t object = H5Oopen(group, name, H5P_DEFAULT);
  if (object < 0) return -1;
  const bool is_dataset = H5Iget_type(object) == H5I_DATASET;
  if (is_dataset) found.whole = look_at(group, name, object, &found.extent);
  H5Oclose(object);
  if (!is_dataset) return 0;
  if (H5Rcreate(&found.reference, group, name, H5R_OBJECT, -1) < 0) return -1;
  f->status = keep_member(f->members, &found, name);
  return f->status == INS_OK ? 0 : -1;
}

ins_status ins_members_read(hid_t file, const char *path, const char *group, ins_members *out) {
  hsize_t next = 0;
  filling f = {.members = out};
  *out = (ins_members){.group = ins_store_open_group(file, group[0] ? group : NULL)};
  if (out->group >= 0 &&
      H5Literate(out->group, H5_INDEX_CRT_ORDER, H5_ITER_INC, &next, add_member, &f) >= 0)
    return INS_OK;
  ins_members_clear(out);
  if (f.status != INS_OK) return f.status;
  return ins_fail(INS_ERR_FORMAT, "%s: damaged: the list of variables of %s cannot be read", path,
                  group[0] ? group : "its root");
}

void ins_members_clear(ins_members *members) {
  for (size_t i = 0; i < members->n; i++) free(members->items[i].name);
  ins_free(&members->items);
  if (members->group > 0) H5Gclose(members->group);
  *members = (ins_members){.group = H5I_INVALID_HID};
}

size_t ins_members_find(const ins_members *members, const char *name) {
  size_t i = 0;
  while (i < members->n && strcmp(members->items[i].name, name) != 0) i++;
  return i;
}

static bool keeps_books(const char *name) {
  return !strcmp(name, "status") || !strcmp(name, "error") || !strcmp(name, "checksum");
}

bool ins_members_is_data(const ins_members *members, size_t i) {
  const struct ins_member *m = &members->items[i];
  return m->whole && !m->extent.texts && !m->extent.is_axis && !keeps_books(m->name);
}

/* ---- axes --------------------------------------------------------------------------------------
 */

/* The first scale of each dimension. The attribute is another's word, so its type and its length
 * are looked at before it is read. */
static bool read_scales(hid_t dataset, int n, hobj_ref_t *out) {
  hvl_t lists[INS_STORE_MAX_RANK + 1] = {{0}};
  bool done = false;
  hid_t attribute = H5Aopen(dataset, "DIMENSION_LIST", H5P_DEFAULT);
  if (attribute < 0) return false;
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  hid_t base = type >= 0 && H5Tget_class(type) == H5T_VLEN ? H5Tget_super(type) : H5I_INVALID_HID;
  hid_t memory = H5Tvlen_create(H5T_STD_REF_OBJ);
  if (base >= 0 && H5Tequal(base, H5T_STD_REF_OBJ) > 0 &&
      H5Sget_simple_extent_npoints(space) == n && H5Aread(attribute, memory, lists) >= 0) {
    done = true;
    for (int d = 0; d < n; d++) {
      done = done && lists[d].len && lists[d].p;
      if (done) memcpy(&out[d], lists[d].p, sizeof out[d]);
    }
    H5Dvlen_reclaim(memory, space, H5P_DEFAULT, lists);
  }
  if (base >= 0) H5Tclose(base);
  if (memory >= 0) H5Tclose(memory);
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  H5Aclose(attribute);
  return done;
}

/* An axis of as many elements, in the same group; texts have a dimension more. */
static size_t find_axis(const ins_members *members, hobj_ref_t scale, size_t length) {
  for (size_t i = 0; i < members->n; i++) {
    const struct ins_member *m = &members->items[i];
    if (!m->whole || !m->extent.is_axis || m->reference != scale) continue;
    return m->extent.n_dims == 1 + m->extent.texts && m->extent.dims[0] == length ? i : members->n;
  }
  return members->n;
}

bool ins_members_axes(const ins_members *members, size_t i, size_t *axis) {
  hobj_ref_t scales[INS_STORE_MAX_RANK + 1];
  const ins_extent *extent = &members->items[i].extent;
  const int n = extent->n_dims;
  if (!n) return true;
  hid_t dataset = H5Dopen2(members->group, members->items[i].name, H5P_DEFAULT);
  bool done = dataset >= 0 && read_scales(dataset, n, scales);
  if (dataset >= 0) H5Dclose(dataset);
  for (int d = 0; d < n - extent->texts && done; d++) {
    axis[d] = find_axis(members, scales[d], extent->dims[d]);
    done = axis[d] < members->n;
  }
  return done;
}
