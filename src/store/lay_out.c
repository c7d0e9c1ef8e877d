/* SPDX-License-Identifier: MIT */
/* Making a results file. One rank does it alone, always in the same order and through the MPI-IO
 * driver, so the bytes depend on layouts and attributes only. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "insilico/fault.h"
#include "insilico/memory.h"
#include "insilico/store.h"
#include "io.h"
#include "section.h"

typedef struct draft {
  const char *path;
  size_t n; /* stages */
  ins_layout *const *stages;
  section *sections;
  uint64_t identity;
  hid_t file;
  size_t n_regions;
  ins_region *regions; /* what runs write, of all stages */
} draft;

static void note_region(draft *d, hid_t dataset, ins_dtype dtype, bool filled) {
  haddr_t offset = H5Dget_offset(dataset);
  if (offset == HADDR_UNDEF) return;
  d->regions[d->n_regions++] =
      (ins_region){offset, (size_t)H5Dget_storage_size(dataset), dtype, filled};
}

/* All tasks pending is all zeros, which a new file reads as where nothing was written: HDF5 gives
 * raw data no space that metadata had before. Not written, books take no time and the twin no
 * memory for them. */
static ins_status make_bookkeeping(draft *d, section *s) {
  static const uint64_t zero = 0;
  int axes[INS_MAX_TASK_AXES], n = ins_store_task_axes(s->layout, axes);
  static const char *const names[] = {"status", "error", "checksum"};
  const ins_dtype types[] = {INS_I8, INS_I8, INS_U64};
  for (int i = 0; i < 3; i++) {
    hid_t dataset = section_make_dataset(s, names[i], ins_h5_type(types[i]), n, axes, 0, &zero,
                                         H5D_FILL_TIME_NEVER);
    bool done =
        dataset >= 0 && (i == 0   ? ins_store_describe_status(dataset)
                         : i == 1 ? ins_store_describe_error(dataset)
                                  : ins_store_describe_checksum(s->layout, s->seed, dataset));
    if (done) note_region(d, dataset, types[i], false);
    if (dataset >= 0 && H5Dclose(dataset) < 0) done = false;
    if (!done) return ins_within(ins_h5_fail(s->path, "could not be laid out"), "%s", names[i]);
  }
  return INS_OK;
}

static bool write_constant(hid_t dataset, const ins_variable *variable, size_t width) {
  const ins_value *data = variable->data;
  if (width) return section_write_texts(dataset, data, width);
  return H5Dwrite(dataset, ins_h5_type(variable->dtype), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                  data->array.data) >= 0;
}

static ins_status make_variable(draft *d, section *s, int v) {
  const ins_variable *variable = &s->layout->variables[v];
  int axes[INS_STORE_MAX_RANK], n = ins_store_axes(s->layout, variable, axes);
  bool constant = variable->scope == INS_CONSTANT;
  size_t width =
      constant && variable->data->kind == INS_LIST ? section_text_width(variable->data) : 0;
  uint8_t fill[8];
  ins_h5_fill(variable->dtype, fill);
  hid_t type = width ? H5T_C_S1 : ins_h5_type(variable->dtype);
  hid_t dataset = section_make_dataset(s, variable->name, type, n, axes, width,
                                       constant ? NULL : fill, H5D_FILL_TIME_NEVER);
  bool done = dataset >= 0 && ins_store_describe(s->layout, v, dataset) &&
              (!constant || write_constant(dataset, variable, width));
  /* Summaries have no status of their own, so theirs must read as missing until they are written.
   */
  if (done && !constant) note_region(d, dataset, variable->dtype, variable->scope == INS_SUMMARY);
  if (dataset >= 0 && H5Dclose(dataset) < 0) done = false;
  return done ? INS_OK
              : ins_within(ins_h5_fail(s->path, "could not be laid out"), "variable %s",
                           variable->name);
}

/* Of every stage what is small, then of every stage what is not. */
static ins_status make_variables(draft *d, section *s, bool constants) {
  ins_status status = INS_OK;
  for (int v = 0; v < s->layout->n_variables && status == INS_OK; v++)
    if ((s->layout->variables[v].scope == INS_CONSTANT) == constants)
      status = make_variable(d, s, v);
  return status;
}

static ins_status make_stages(draft *d) {
  ins_status status = INS_OK;
  for (size_t k = 0; k < d->n && status == INS_OK; k++) {
    section *s = &d->sections[k];
    status = section_make_group(s, d->file);
    if (status == INS_OK) status = section_make_axes(s);
    if (status == INS_OK) status = make_bookkeeping(d, s);
    if (status == INS_OK) status = make_variables(d, s, true);
    if (status != INS_OK && s->layout->group)
      status = ins_within(status, "stage %s", s->layout->group);
  }
  for (size_t k = 0; k < d->n && status == INS_OK; k++) {
    status = make_variables(d, &d->sections[k], false);
    if (status == INS_OK) status = section_finish_axes(&d->sections[k]);
  }
  return status;
}

/* The layout whose title is the file's. */
static const ins_layout *root_of(const draft *d) {
  for (size_t k = 0; k < d->n; k++)
    if (!d->stages[k]->group) return d->stages[k];
  return d->stages[0];
}

/* The order of stages; without it there is one, in the root. */
static bool put_stage_names(const draft *d) {
  ins_text names = {0};
  if (d->n == 1 && !d->stages[0]->group) return true;
  for (size_t k = 0; k < d->n; k++)
    ins_text_add(&names, "%s%s", k ? " " : "", ins_store_stage_name(d->stages[k]));
  bool done = ins_text_ok(&names) == INS_OK && ins_h5_put_text(d->file, "stages", names.data);
  ins_text_free(&names);
  return done;
}

static ins_status put_attributes(const draft *d, const ins_value *attributes) {
  const char *title = root_of(d)->title;
  char identity[17];
  snprintf(identity, sizeof identity, "%016llx", (unsigned long long)d->identity);
  bool done = ins_h5_put_text(d->file, "Conventions", "CF-1.8") &&
              ins_h5_put_text(d->file, "title", title ? title : "") &&
              ins_h5_put_text(d->file, "results_format", INS_STORE_FORMAT) &&
              ins_h5_put_text(d->file, "layout_hash", identity) && put_stage_names(d);
  for (size_t i = 0; done && i < ins_value_count(attributes); i++)
    if (H5Aexists(d->file, attributes->children.keys[i]) <= 0)
      done = ins_h5_put_value(d->file, attributes->children.keys[i], attributes->children.items[i]);
  return done ? INS_OK : ins_h5_fail(d->path, "the file's attributes could not be written");
}

/* Links of the root: names of groups, and what the stage that lies in it has. */
static void root_links(const draft *d, size_t *n, size_t *length) {
  size_t total = 0;
  *n = 0;
  for (size_t k = 0; k < d->n; k++) {
    const char *group = d->stages[k]->group;
    size_t links = 1, mean = group ? strlen(group) : 0;
    if (!group) section_links(&d->sections[k], &links, &mean);
    *n += links;
    total += links * mean;
  }
  *length = total / *n + 1;
}

/* Where HDF5 knows from the beginning how many links there will be, it makes room for all of them;
 * otherwise a header grows link by link, which takes minutes for a thousand. */
static hid_t make_file(const draft *d, size_t metadata) {
  size_t n, length;
  root_links(d, &n, &length);
  hid_t file = H5I_INVALID_HID, create = H5Pcreate(H5P_FILE_CREATE), access = ins_io_access();
  const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  if (access >= 0 && H5Pset_link_creation_order(create, order) >= 0 &&
      H5Pset_attr_creation_order(create, order) >= 0 &&
      H5Pset_obj_track_times(create, false) >= 0 &&
      H5Pset_est_link_info(create, (unsigned)n, (unsigned)length) >= 0 &&
      H5Pset_link_phase_change(create, INS_STORE_MAX_IN_HEADER, 0) >= 0 &&
      H5Pset_attr_phase_change(create, INS_STORE_MAX_IN_HEADER, 0) >= 0 &&
      H5Pset_meta_block_size(access, metadata) >= 0 &&
      H5Pset_alignment(access, ins_io_alignment(), ins_io_alignment()) >= 0)
    file = H5Fcreate(d->path, H5F_ACC_TRUNC, create, access);
  if (create >= 0) H5Pclose(create);
  if (access >= 0) H5Pclose(access);
  return file;
}

static ins_status compose(draft *d, const ins_value *attributes) {
  ins_status status = put_attributes(d, attributes);
  if (status == INS_OK) status = make_stages(d);
  for (size_t k = 0; k < d->n; k++) section_clear(&d->sections[k]);
  if (H5Fclose(d->file) < 0 && status == INS_OK)
    status = ins_h5_fail(d->path, "could not be closed");
  return status;
}

static ins_status fill_region(const char *path, int fd, const ins_region *r) {
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
  int fd;
  ins_status status = ins_own_file_open(d->path, O_RDWR, &fd);
  if (status != INS_OK) return status;
  status = ins_store_reserve(d->path, fd);
  for (size_t i = 0; i < d->n_regions && status == INS_OK; i++)
    if (d->regions[i].filled) status = fill_region(d->path, fd, &d->regions[i]);
  if (status == INS_OK && fsync(fd))
    status = ins_fail(INS_ERR_IO, "%s: %s", d->path, strerror(errno));
  close(fd);
  return status;
}

/* The system says better than MPI-IO why a file cannot be made. */
static ins_status try_making(const char *path) {
  int fd;
  ins_status status = ins_own_file_make(path, &fd);
  if (status != INS_OK) return status;
  close(fd);
  /* Lustre stripes a file when it is made and never again. */
  if (ins_io_striped()) unlink(path);
  return INS_OK;
}

/* Everything but the file. */
static ins_status prepare(draft *d, const ins_value *attributes) {
  size_t n_regions = 0;
  int n_dimensions = 0;
  ins_status status = ins_alloc(d->n, sizeof *d->sections, &d->sections);
  for (size_t k = 0; k < d->n && status == INS_OK; k++) {
    section *s = &d->sections[k];
    status = section_create(d->path, d->stages[k], n_dimensions, s);
    if (status == INS_OK) status = ins_store_seed(d->stages[k], attributes, &s->seed);
    if (status != INS_OK) break;
    n_dimensions += section_dimensions(s);
    n_regions += 3 + (size_t)d->stages[k]->n_variables;
  }
  if (status == INS_OK) status = ins_alloc(n_regions, sizeof *d->regions, &d->regions);
  if (status == INS_OK) status = ins_store_identity(d->n, d->stages, &d->identity);
  return status;
}

static ins_status make(draft *d, const ins_value *attributes) {
  size_t metadata = ins_store_metadata(d->n, d->stages, attributes);
  d->file = make_file(d, metadata);
  return d->file < 0 ? ins_h5_fail(d->path, "cannot be created") : compose(d, attributes);
}

static ins_status make_at_path(draft *d, const ins_value *attributes) {
  size_t metadata = ins_store_metadata(d->n, d->stages, attributes);
  ins_status status = try_making(d->path);
  if (status != INS_OK) return status;
  status = ins_store_check_space(d->path, ins_store_size(d->n, d->stages) + (double)metadata);
  if (status == INS_OK) status = make(d, attributes);
  if (status == INS_OK && ins_fault("store.lay_out", -1))
    status = ins_fail(INS_ERR_IO, "%s: could not be laid out", d->path);
  if (status == INS_OK) status = finish_plain(d);
  if (status != INS_OK) unlink(d->path);
  return status;
}

static void clear(draft *d) {
  for (size_t k = 0; k < d->n && d->sections; k++) section_clear(&d->sections[k]);
  ins_free(&d->sections);
  ins_free(&d->regions);
}

ins_status ins_store_lay_out(const char *path, size_t n_stages, ins_layout *const *stages,
                             const ins_value *attributes) {
  draft d = {.path = path, .n = n_stages, .stages = stages};
  ins_h5_quiet();
  ins_status status = ins_store_check(n_stages, stages);
  if (status == INS_OK) status = prepare(&d, attributes);
  if (status == INS_OK) status = make_at_path(&d, attributes);
  clear(&d);
  return status;
}

/* HDF5's driver for files in memory writes other bytes than that for MPI-IO, but this one can write
 * to memory as well. */
ins_status ins_store_twin(size_t n_stages, ins_layout *const *stages, const ins_value *attributes,
                          int *fd, ins_region **regions, size_t *n_regions) {
  char path[32];
  draft d = {.path = path, .n = n_stages, .stages = stages};
  *regions = NULL;
  *fd = memfd_create("insilico", MFD_CLOEXEC);
  if (*fd < 0) return ins_fail(INS_ERR_IO, "no file in memory can be made: %s", strerror(errno));
  snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
  ins_h5_quiet();
  ins_status status = ins_store_check(n_stages, stages);
  if (status == INS_OK) status = prepare(&d, attributes);
  if (status == INS_OK) status = make(&d, attributes);
  if (status == INS_OK) {
    *regions = d.regions;
    *n_regions = d.n_regions;
    d.regions = NULL;
  } else {
    close(*fd);
    *fd = -1;
  }
  clear(&d);
  return status;
}
