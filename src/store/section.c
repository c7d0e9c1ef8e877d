/* SPDX-License-Identifier: MIT */
#include "section.h"

#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

size_t section_text_width(const ins_value *list) {
  size_t width = 1;
  for (size_t i = 0; i < list->children.n; i++) {
    size_t length = strlen(ins_value_text_or(list->children.items[i], ""));
    if (length > width) width = length;
  }
  return width;
}

static void note_width(section *s, const ins_value *list) {
  if (!list || list->kind != INS_LIST) return;
  size_t width = section_text_width(list);
  for (int i = 0; i < s->n_lengths; i++)
    if (s->length[i] == width) return;
  s->length[s->n_lengths++] = width;
}

static int width_index(const section *s, size_t width) {
  int i = 0;
  while (i < s->n_lengths && s->length[i] != width) i++;
  return i;
}

ins_status section_create(const char *path, const ins_layout *layout, int first, section *out) {
  const size_t most = (size_t)(layout->n_axes + layout->n_variables);
  *out = (section){.path = path, .layout = layout, .group = H5I_INVALID_HID, .first = first};
  for (int i = 0; i < INS_MAX_AXES; i++) out->axis[i].id = H5I_INVALID_HID;
  ins_status status = ins_alloc(most, sizeof *out->length, &out->length);
  if (status == INS_OK) status = ins_alloc(most, sizeof *out->text_axis, &out->text_axis);
  for (size_t i = 0; i < most && status == INS_OK; i++) out->text_axis[i].id = H5I_INVALID_HID;
  if (status != INS_OK) {
    section_clear(out);
    return status;
  }
  for (int i = 0; i < layout->n_axes; i++) note_width(out, layout->axes[i].coordinates);
  for (int v = 0; v < layout->n_variables; v++) note_width(out, layout->variables[v].data);
  return INS_OK;
}

int section_dimensions(const section *s) {
  return s->layout->n_axes + s->n_lengths;
}

void section_links(const section *s, size_t *n, size_t *length) {
  const ins_layout *layout = s->layout;
  size_t total = strlen("status") + strlen("error") + strlen("checksum");
  *n = 3 + (size_t)(layout->n_axes + s->n_lengths + layout->n_variables);
  for (int i = 0; i < layout->n_axes; i++) total += strlen(layout->axes[i].name);
  for (int v = 0; v < layout->n_variables; v++) total += strlen(layout->variables[v].name);
  *length = total / *n + 1;
}

static void close_scale(dimension *scale) {
  if (scale->id >= 0) H5Dclose(scale->id);
  ins_free(&scale->attached);
}

void section_clear(section *s) {
  for (int i = 0; s->layout && i < s->layout->n_axes; i++) close_scale(&s->axis[i]);
  for (int i = 0; i < s->n_lengths && s->text_axis; i++) close_scale(&s->text_axis[i]);
  if (s->group > 0) H5Gclose(s->group);
  ins_free(&s->length);
  ins_free(&s->text_axis);
  *s = (section){0};
}

ins_status section_make_group(section *s, hid_t file) {
  const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  const char *name = s->layout->group;
  if (!name) {
    s->group = H5Gopen2(file, "/", H5P_DEFAULT);
    return s->group >= 0 ? INS_OK : ins_h5_fail(s->path, "its root cannot be opened");
  }
  size_t n, length;
  section_links(s, &n, &length);
  hid_t create = H5Pcreate(H5P_GROUP_CREATE);
  if (H5Pset_est_link_info(create, (unsigned)n, (unsigned)length) >= 0 &&
      H5Pset_link_creation_order(create, order) >= 0 &&
      H5Pset_attr_creation_order(create, order) >= 0 &&
      H5Pset_obj_track_times(create, false) >= 0 &&
      H5Pset_link_phase_change(create, INS_STORE_MAX_IN_HEADER, 0) >= 0 &&
      H5Pset_attr_phase_change(create, INS_STORE_MAX_IN_HEADER, 0) >= 0)
    s->group = H5Gcreate2(file, name, H5P_DEFAULT, create, H5P_DEFAULT);
  if (create >= 0) H5Pclose(create);
  return s->group >= 0
             ? INS_OK
             : ins_within(ins_h5_fail(s->path, "could not be laid out"), "group %s", name);
}

static hid_t make_dataset(const section *s, const char *name, hid_t type, int rank,
                          const hsize_t *dims, const void *fill, H5D_fill_time_t when) {
  hid_t dataset = H5I_INVALID_HID, space = H5I_INVALID_HID, plist = H5Pcreate(H5P_DATASET_CREATE);
  bool ready =
      plist >= 0 && H5Pset_layout(plist, H5D_CONTIGUOUS) >= 0 &&
      H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY) >= 0 && H5Pset_fill_time(plist, when) >= 0 &&
      H5Pset_obj_track_times(plist, false) >= 0 &&
      H5Pset_attr_phase_change(plist, INS_STORE_MAX_IN_HEADER, 0) >= 0 &&
      H5Pset_attr_creation_order(plist, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0 &&
      (!fill || H5Pset_fill_value(plist, type, fill) >= 0);
  space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
  if (ready && space >= 0)
    dataset = H5Dcreate2(s->group, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  if (space >= 0) H5Sclose(space);
  if (plist >= 0) H5Pclose(plist);
  return dataset;
}

bool section_write_texts(hid_t dataset, const ins_value *list, size_t width) {
  size_t n = list->children.n;
  char *block = calloc(n * width + 1, 1);
  if (!block) return false;
  for (size_t i = 0; i < n; i++) {
    const char *text = ins_value_text_or(list->children.items[i], "");
    memcpy(block + i * width, text, strlen(text));
  }
  bool done = H5Dwrite(dataset, H5T_C_S1, H5S_ALL, H5S_ALL, H5P_DEFAULT, block) >= 0;
  free(block);
  return done;
}

/* A dimension without coordinates, in netCDF's way. */
static hid_t make_placeholder(const section *s, const char *name, size_t length) {
  char words[96];
  hsize_t size = length;
  snprintf(words, sizeof words, "%s%10zu", INS_STORE_PLACEHOLDER, length);
  const uint8_t zero = 0;
  hid_t scale = make_dataset(s, name, H5T_STD_U8LE, 1, &size, &zero, H5D_FILL_TIME_NEVER);
  if (scale >= 0 && H5DSset_scale(scale, words) >= 0) return scale;
  if (scale >= 0) H5Dclose(scale);
  return H5I_INVALID_HID;
}

static hid_t make_coordinates(const section *s, const ins_axis *axis) {
  const ins_value *c = axis->coordinates;
  bool texts = c->kind == INS_LIST;
  hsize_t dims[2] = {axis->length, texts ? section_text_width(c) : 0};
  hid_t type = texts ? H5T_C_S1 : ins_h5_type(c->array.dtype);
  hid_t scale = make_dataset(s, axis->name, type, texts ? 2 : 1, dims, NULL, H5D_FILL_TIME_NEVER);
  if (scale < 0) return scale;
  bool done = texts ? section_write_texts(scale, c, dims[1])
                    : H5Dwrite(scale, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, c->array.data) >= 0;
  done = done && H5DSset_scale(scale, axis->name) >= 0;
  if (texts) done = done && ins_h5_put_text(scale, "_Encoding", "utf-8");
  if (done) return scale;
  H5Dclose(scale);
  return H5I_INVALID_HID;
}

/* A scale cannot have scales itself, so netCDF keeps the dimensions of a text coordinate in
 * attributes. */
static bool number_scale(const section *s, hid_t scale, int number, const ins_axis *axis) {
  int32_t own = number;
  if (!ins_h5_put_numbers(scale, "_Netcdf4Dimid", INS_I32, 0, &own)) return false;
  if (!axis || !axis->coordinates || axis->coordinates->kind != INS_LIST) return true;
  int32_t both[2] = {number, s->first + s->layout->n_axes +
                                 width_index(s, section_text_width(axis->coordinates))};
  return ins_h5_put_numbers(scale, "_Netcdf4Coordinates", INS_I32, 2, both);
}

ins_status section_make_axes(section *s) {
  const ins_layout *layout = s->layout;
  for (int i = 0; i < layout->n_axes; i++) {
    const ins_axis *axis = &layout->axes[i];
    hid_t scale = axis->coordinates ? make_coordinates(s, axis)
                                    : make_placeholder(s, axis->name, axis->length);
    s->axis[i].id = scale;
    if (scale < 0 || !number_scale(s, scale, s->first + i, axis) ||
        (axis->units && axis->units[0] && !ins_h5_put_text(scale, "units", axis->units)) ||
        (axis->long_name && axis->long_name[0] &&
         !ins_h5_put_text(scale, "long_name", axis->long_name)))
      return ins_within(ins_h5_fail(s->path, "an axis could not be written"), "axis %s",
                        axis->name);
  }
  for (int i = 0; i < s->n_lengths; i++) {
    char name[32];
    snprintf(name, sizeof name, "string%zu", s->length[i]);
    s->text_axis[i].id = make_placeholder(s, name, s->length[i]);
    if (s->text_axis[i].id < 0 ||
        !number_scale(s, s->text_axis[i].id, s->first + layout->n_axes + i, NULL))
      return ins_h5_fail(s->path, "a text dimension could not be written");
  }
  return INS_OK;
}

/* ---- what lies along an axis -------------------------------------------------------------------
 * H5DSattach_scale writes the list of a scale anew for every dataset, which takes minutes for a
 * thousand variables of neurons; here it is written once. */

static bool note_attached(dimension *scale, hobj_ref_t dataset, int number) {
  if (ins_grow(&scale->attached, &scale->capacity, scale->n + 1, sizeof *scale->attached) != INS_OK)
    return false;
  ins_attached *entry = &scale->attached[scale->n++];
  memset(entry, 0, sizeof *entry); /* padding goes into the file too */
  entry->dataset = dataset;
  entry->dimension = number;
  return true;
}

/* DIMENSION_LIST of a dataset: for each dimension the references of its scales, here one. */
static bool put_dimension_list(hid_t dataset, int rank, hobj_ref_t *scales) {
  hvl_t lists[INS_STORE_MAX_RANK + 1];
  hsize_t size = (hsize_t)rank;
  for (int i = 0; i < rank; i++) lists[i] = (hvl_t){.len = 1, .p = &scales[i]};
  hid_t type = H5Tvlen_create(H5T_STD_REF_OBJ), space = H5Screate_simple(1, &size, NULL);
  hid_t attribute = H5Acreate2(dataset, "DIMENSION_LIST", type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool done = attribute >= 0 && H5Awrite(attribute, type, lists) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return done;
}

static bool put_reference_list(const dimension *scale) {
  hsize_t size = scale->n;
  if (!scale->n) return true;
  hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(ins_attached));
  hid_t space = H5Screate_simple(1, &size, NULL), attribute = H5I_INVALID_HID;
  if (H5Tinsert(type, "dataset", HOFFSET(ins_attached, dataset), H5T_STD_REF_OBJ) >= 0 &&
      H5Tinsert(type, "dimension", HOFFSET(ins_attached, dimension), H5T_NATIVE_INT) >= 0)
    attribute = H5Acreate2(scale->id, "REFERENCE_LIST", type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool done = attribute >= 0 && H5Awrite(attribute, type, scale->attached) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return done;
}

ins_status section_finish_axes(section *s) {
  bool done = true;
  for (int i = 0; i < s->layout->n_axes; i++) done = done && put_reference_list(&s->axis[i]);
  for (int i = 0; i < s->n_lengths; i++) done = done && put_reference_list(&s->text_axis[i]);
  return done ? INS_OK : ins_h5_fail(s->path, "axes could not be written");
}

static bool attach(section *s, hid_t dataset, int n, const int *axes, size_t width) {
  hobj_ref_t own, scales[INS_STORE_MAX_RANK + 1];
  if (H5Rcreate(&own, dataset, ".", H5R_OBJECT, -1) < 0) return false;
  const int rank = n + (width ? 1 : 0);
  for (int i = 0; i < rank; i++) {
    dimension *scale = i < n ? &s->axis[axes[i]] : &s->text_axis[width_index(s, width)];
    if (H5Rcreate(&scales[i], scale->id, ".", H5R_OBJECT, -1) < 0 || !note_attached(scale, own, i))
      return false;
  }
  return !rank || put_dimension_list(dataset, rank, scales);
}

hid_t section_make_dataset(section *s, const char *name, hid_t type, int n, const int *axes,
                           size_t width, const void *fill, H5D_fill_time_t when) {
  hsize_t dims[INS_STORE_MAX_RANK + 1];
  for (int i = 0; i < n; i++) dims[i] = s->layout->axes[axes[i]].length;
  if (width) dims[n] = width;
  hid_t dataset = make_dataset(s, name, type, n + (width ? 1 : 0), dims, fill, when);
  if (dataset < 0 || attach(s, dataset, n, axes, width)) return dataset;
  H5Dclose(dataset);
  return H5I_INVALID_HID;
}
