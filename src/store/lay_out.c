/* SPDX-License-Identifier: MIT */
/* Making a results file. One rank does it alone, always in the same order and through the MPI-IO
 * driver, so the bytes depend on layout and attributes only. */
#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/hash.h"
#include "insilico/memory.h"
#include "insilico/store.h"
#include "parts.h"

enum {
  ALIGNMENT = 4096, /* datasets from this size on begin at multiples of it */
  MAX_LENGTHS = INS_MAX_AXES + INS_MAX_VARIABLES,
  MAX_FILLED = INS_MAX_VARIABLES,
  /* Links and attributes stay in object headers, which carry checksums that are looked at when an
   * object is opened. In separate heaps, where HDF5 puts more than eight of them, damage is found
   * only in the middle of going through them, and HDF5 1.10 then frees what it never allocated. */
  MAX_IN_HEADER = 1024
};

/* A dataset that is filled with its fill value once HDF5 has closed the file. */
typedef struct region {
  haddr_t offset;
  size_t bytes;
  ins_dtype dtype;
} region;

typedef struct draft {
  const char *path;
  const ins_layout *layout;
  uint64_t identity, seed;
  hid_t file;
  hid_t axis[INS_MAX_AXES];
  int n_lengths; /* distinct lengths of texts, each a dimension */
  size_t length[MAX_LENGTHS];
  hid_t text_axis[MAX_LENGTHS];
  int n_filled;
  region filled[MAX_FILLED];
} draft;

/* Longest text, at least 1: a dimension of length 0 would be unlimited to netCDF. */
static size_t text_width(const ins_value *list) {
  size_t width = 1;
  for (size_t i = 0; i < list->children.n; i++) {
    size_t length = strlen(ins_value_text_or(list->children.items[i], ""));
    if (length > width) width = length;
  }
  return width;
}

static void note_width(draft *d, const ins_value *list) {
  if (!list || list->kind != INS_LIST) return;
  size_t width = text_width(list);
  for (int i = 0; i < d->n_lengths; i++)
    if (d->length[i] == width) return;
  d->length[d->n_lengths++] = width;
}

static int width_index(const draft *d, size_t width) {
  int i = 0;
  while (i < d->n_lengths && d->length[i] != width) i++;
  return i;
}

static hid_t make_dataset(const draft *d, const char *name, hid_t type, int rank,
                          const hsize_t *dims, const void *fill, H5D_fill_time_t when) {
  hid_t dataset = H5I_INVALID_HID, space = H5I_INVALID_HID, plist = H5Pcreate(H5P_DATASET_CREATE);
  bool ready =
      plist >= 0 && H5Pset_layout(plist, H5D_CONTIGUOUS) >= 0 &&
      H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY) >= 0 && H5Pset_fill_time(plist, when) >= 0 &&
      H5Pset_obj_track_times(plist, false) >= 0 &&
      H5Pset_attr_phase_change(plist, MAX_IN_HEADER, 0) >= 0 &&
      H5Pset_attr_creation_order(plist, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0 &&
      (!fill || H5Pset_fill_value(plist, type, fill) >= 0);
  space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
  if (ready && space >= 0)
    dataset = H5Dcreate2(d->file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  if (space >= 0) H5Sclose(space);
  if (plist >= 0) H5Pclose(plist);
  return dataset;
}

/* Padded texts in one block, as fixed-width rows. */
static bool write_texts(hid_t dataset, const ins_value *list, size_t width) {
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
static hid_t make_placeholder(const draft *d, const char *name, size_t length) {
  char words[96];
  hsize_t size = length;
  snprintf(words, sizeof words, "%s%10zu", INS_STORE_PLACEHOLDER, length);
  const uint8_t zero = 0;
  hid_t scale = make_dataset(d, name, H5T_STD_U8LE, 1, &size, &zero, H5D_FILL_TIME_ALLOC);
  if (scale >= 0 && H5DSset_scale(scale, words) >= 0) return scale;
  if (scale >= 0) H5Dclose(scale);
  return H5I_INVALID_HID;
}

static hid_t make_coordinates(const draft *d, const ins_axis *axis) {
  const ins_value *c = axis->coordinates;
  bool texts = c->kind == INS_LIST;
  hsize_t dims[2] = {axis->length, texts ? text_width(c) : 0};
  hid_t type = texts ? H5T_C_S1 : ins_h5_type(c->array.dtype);
  hid_t scale = make_dataset(d, axis->name, type, texts ? 2 : 1, dims, NULL, H5D_FILL_TIME_NEVER);
  if (scale < 0) return scale;
  bool done = texts ? write_texts(scale, c, dims[1])
                    : H5Dwrite(scale, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, c->array.data) >= 0;
  done = done && H5DSset_scale(scale, axis->name) >= 0;
  if (texts) done = done && ins_h5_put_text(scale, "_Encoding", "utf-8");
  if (done) return scale;
  H5Dclose(scale);
  return H5I_INVALID_HID;
}

/* A scale cannot have scales itself, so netCDF keeps the dimensions of a text coordinate in
 * attributes. */
static bool number_scale(const draft *d, hid_t scale, int number, const ins_axis *axis) {
  int32_t own = number;
  if (!ins_h5_put_numbers(scale, "_Netcdf4Dimid", INS_I32, 0, &own)) return false;
  if (!axis || !axis->coordinates || axis->coordinates->kind != INS_LIST) return true;
  int32_t both[2] = {number, d->layout->n_axes + width_index(d, text_width(axis->coordinates))};
  return ins_h5_put_numbers(scale, "_Netcdf4Coordinates", INS_I32, 2, both);
}

static ins_status make_axes(draft *d) {
  const ins_layout *layout = d->layout;
  for (int i = 0; i < layout->n_axes; i++) {
    const ins_axis *axis = &layout->axes[i];
    hid_t scale = axis->coordinates ? make_coordinates(d, axis)
                                    : make_placeholder(d, axis->name, axis->length);
    d->axis[i] = scale;
    if (scale < 0 || !number_scale(d, scale, i, axis) ||
        (axis->units && axis->units[0] && !ins_h5_put_text(scale, "units", axis->units)) ||
        (axis->long_name && axis->long_name[0] &&
         !ins_h5_put_text(scale, "long_name", axis->long_name)))
      return ins_within(ins_h5_fail(d->path, "an axis could not be written"), "axis %s",
                        axis->name);
  }
  for (int i = 0; i < d->n_lengths; i++) {
    char name[32];
    snprintf(name, sizeof name, "string%zu", d->length[i]);
    d->text_axis[i] = make_placeholder(d, name, d->length[i]);
    if (d->text_axis[i] < 0 || !number_scale(d, d->text_axis[i], layout->n_axes + i, NULL))
      return ins_h5_fail(d->path, "a text dimension could not be written");
  }
  return INS_OK;
}

static bool attach(const draft *d, hid_t dataset, int n, const int *axes, size_t width) {
  for (int i = 0; i < n; i++)
    if (H5DSattach_scale(dataset, d->axis[axes[i]], (unsigned)i) < 0) return false;
  return !width || H5DSattach_scale(dataset, d->text_axis[width_index(d, width)], (unsigned)n) >= 0;
}

static hid_t make_over(const draft *d, const char *name, hid_t type, int n, const int *axes,
                       size_t width, const void *fill, H5D_fill_time_t when) {
  hsize_t dims[INS_STORE_MAX_RANK + 1];
  for (int i = 0; i < n; i++) dims[i] = d->layout->axes[axes[i]].length;
  if (width) dims[n] = width;
  hid_t dataset = make_dataset(d, name, type, n + (width ? 1 : 0), dims, fill, when);
  if (dataset < 0 || attach(d, dataset, n, axes, width)) return dataset;
  H5Dclose(dataset);
  return H5I_INVALID_HID;
}

static ins_status make_bookkeeping(const draft *d) {
  static const uint64_t zero = 0;
  int axes[INS_MAX_TASK_AXES], n = ins_store_task_axes(d->layout, axes);
  static const char *const names[] = {"status", "error", "checksum"};
  const ins_dtype types[] = {INS_I8, INS_I8, INS_U64};
  for (int i = 0; i < 3; i++) {
    hid_t dataset =
        make_over(d, names[i], ins_h5_type(types[i]), n, axes, 0, &zero, H5D_FILL_TIME_ALLOC);
    bool done =
        dataset >= 0 && (i == 0   ? ins_store_describe_status(dataset)
                         : i == 1 ? ins_store_describe_error(dataset)
                                  : ins_store_describe_checksum(d->layout, d->seed, dataset));
    if (dataset >= 0 && H5Dclose(dataset) < 0) done = false;
    if (!done) return ins_within(ins_h5_fail(d->path, "could not be laid out"), "%s", names[i]);
  }
  return INS_OK;
}

static bool write_constant(hid_t dataset, const ins_variable *variable, size_t width) {
  const ins_value *data = variable->data;
  if (width) return write_texts(dataset, data, width);
  return H5Dwrite(dataset, ins_h5_type(variable->dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                  data->array.data) >= 0;
}

/* Summaries have no status of their own, so theirs must read as missing until they are written. */
static void note_filled(draft *d, hid_t dataset, const ins_variable *variable) {
  haddr_t offset = H5Dget_offset(dataset);
  if (variable->scope != INS_SUMMARY || offset == HADDR_UNDEF) return;
  d->filled[d->n_filled++] =
      (region){offset, (size_t)H5Dget_storage_size(dataset), variable->dtype};
}

static ins_status make_variable(draft *d, int v) {
  const ins_variable *variable = &d->layout->variables[v];
  int axes[INS_STORE_MAX_RANK], n = ins_store_axes(d->layout, variable, axes);
  bool constant = variable->scope == INS_CONSTANT;
  size_t width = constant && variable->data->kind == INS_LIST ? text_width(variable->data) : 0;
  uint8_t fill[8];
  ins_h5_fill(variable->dtype, fill);
  hid_t type = width ? H5T_C_S1 : ins_h5_type(variable->dtype);
  hid_t dataset = make_over(d, variable->name, type, n, axes, width, constant ? NULL : fill,
                            H5D_FILL_TIME_NEVER);
  bool done = dataset >= 0 && ins_store_describe(d->layout, v, dataset) &&
              (!constant || write_constant(dataset, variable, width));
  if (done) note_filled(d, dataset, variable);
  if (dataset >= 0 && H5Dclose(dataset) < 0) done = false;
  return done ? INS_OK
              : ins_within(ins_h5_fail(d->path, "could not be laid out"), "variable %s",
                           variable->name);
}

/* Constants first, bulk last. */
static ins_status make_variables(draft *d) {
  ins_status status = INS_OK;
  for (int pass = 0; pass < 2; pass++)
    for (int v = 0; v < d->layout->n_variables && status == INS_OK; v++)
      if ((d->layout->variables[v].scope == INS_CONSTANT) == (pass == 0))
        status = make_variable(d, v);
  return status;
}

static ins_status put_attributes(const draft *d, const ins_value *attributes) {
  char identity[17];
  snprintf(identity, sizeof identity, "%016llx", (unsigned long long)d->identity);
  bool done = ins_h5_put_text(d->file, "Conventions", "CF-1.8") &&
              ins_h5_put_text(d->file, "title", d->layout->title ? d->layout->title : "") &&
              ins_h5_put_text(d->file, "results_format", INS_STORE_FORMAT) &&
              ins_h5_put_text(d->file, "layout_hash", identity);
  for (size_t i = 0; done && i < ins_value_count(attributes); i++)
    if (H5Aexists(d->file, attributes->children.keys[i]) <= 0)
      done = ins_h5_put_value(d->file, attributes->children.keys[i], attributes->children.items[i]);
  return done ? INS_OK : ins_h5_fail(d->path, "the file's attributes could not be written");
}

static hid_t make_file(const char *path, size_t metadata) {
  hid_t file = H5I_INVALID_HID, create = H5Pcreate(H5P_FILE_CREATE),
        access = H5Pcreate(H5P_FILE_ACCESS);
  const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  if (H5Pset_link_creation_order(create, order) >= 0 &&
      H5Pset_attr_creation_order(create, order) >= 0 &&
      H5Pset_obj_track_times(create, false) >= 0 &&
      H5Pset_link_phase_change(create, MAX_IN_HEADER, 0) >= 0 &&
      H5Pset_attr_phase_change(create, MAX_IN_HEADER, 0) >= 0 &&
      H5Pset_fapl_mpio(access, MPI_COMM_SELF, MPI_INFO_NULL) >= 0 &&
      H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
      H5Pset_meta_block_size(access, metadata) >= 0 &&
      H5Pset_alignment(access, ALIGNMENT, ALIGNMENT) >= 0)
    file = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
  if (create >= 0) H5Pclose(create);
  if (access >= 0) H5Pclose(access);
  return file;
}

static ins_status compose(draft *d, const ins_value *attributes) {
  ins_status status = put_attributes(d, attributes);
  if (status == INS_OK) status = make_axes(d);
  if (status == INS_OK) status = make_bookkeeping(d);
  if (status == INS_OK) status = make_variables(d);
  for (int i = 0; i < d->layout->n_axes; i++)
    if (d->axis[i] >= 0) H5Dclose(d->axis[i]);
  for (int i = 0; i < d->n_lengths; i++)
    if (d->text_axis[i] >= 0) H5Dclose(d->text_axis[i]);
  if (H5Fclose(d->file) < 0 && status == INS_OK)
    status = ins_h5_fail(d->path, "could not be closed");
  return status;
}

static ins_status fill_region(const char *path, int fd, const region *r) {
  enum { BLOCK = 1 << 20 };
  uint8_t *block;
  size_t size = ins_dtype_size(r->dtype);
  ins_status status = ins_alloc(BLOCK, 1, &block);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < BLOCK; i += size) ins_h5_fill(r->dtype, block + i);
  for (size_t at = 0; at < r->bytes && status == INS_OK;) {
    size_t n = r->bytes - at < BLOCK ? r->bytes - at : BLOCK;
    ssize_t wrote = pwrite(fd, block, n, (off_t)(r->offset + at));
    if (wrote <= 0 && errno != EINTR)
      status = ins_fail(INS_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    else if (wrote > 0)
      at += (size_t)wrote;
  }
  ins_free(&block);
  return status;
}

static ins_status finish_plain(const draft *d) {
  int fd = open(d->path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return ins_fail(INS_ERR_IO, "%s: %s", d->path, strerror(errno));
  ins_status status = ins_store_reserve(d->path, fd);
  for (int i = 0; i < d->n_filled && status == INS_OK; i++)
    status = fill_region(d->path, fd, &d->filled[i]);
  if (status == INS_OK && fsync(fd))
    status = ins_fail(INS_ERR_IO, "%s: %s", d->path, strerror(errno));
  close(fd);
  return status;
}

/* The system says better than MPI-IO why a file cannot be made. */
static ins_status try_making(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0)
    return ins_fail(INS_ERR_IO, "%s: cannot be created: %s; choose another output", path,
                    strerror(errno));
  close(fd);
  return INS_OK;
}

ins_status ins_store_lay_out(const char *path, const ins_layout *layout,
                             const ins_value *attributes) {
  draft *d;
  ins_h5_quiet();
  ins_status status = ins_store_check(layout);
  if (status == INS_OK) status = ins_alloc(1, sizeof *d, &d);
  if (status != INS_OK) return status;
  d->path = path;
  d->layout = layout;
  for (int i = 0; i < INS_MAX_AXES; i++) d->axis[i] = H5I_INVALID_HID;
  for (int i = 0; i < MAX_LENGTHS; i++) d->text_axis[i] = H5I_INVALID_HID;
  for (int i = 0; i < layout->n_axes; i++) note_width(d, layout->axes[i].coordinates);
  for (int v = 0; v < layout->n_variables; v++) note_width(d, layout->variables[v].data);

  status = ins_store_identity(layout, &d->identity);
  if (status == INS_OK) status = ins_store_seed(layout, attributes, &d->seed);
  if (status == INS_OK) status = try_making(path);
  if (status != INS_OK) goto done;
  size_t metadata = ins_store_metadata(layout, attributes);
  status = ins_store_check_space(path, ins_store_size(layout) + (double)metadata);
  if (status != INS_OK) goto unmake;
  d->file = make_file(path, metadata);
  status = d->file < 0 ? ins_h5_fail(path, "cannot be created") : compose(d, attributes);
  if (status == INS_OK) status = finish_plain(d);
unmake:
  if (status != INS_OK) unlink(path);
done:
  ins_free(&d);
  return status;
}
