/* SPDX-License-Identifier: MIT */
#include "select_table.h"

#include <errno.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/memory.h"
#include "insilico/yaml.h"

enum { MOST_NEURONS = 100000000, LONGEST_TEXT = 4096, MOST_AXES = 32, DONE = 1, FAILED = 2 };
#define HIGHEST_NUMBER 9007199254740992.0 /* 2^53: up to here a double holds every whole number */

/* The root of the file, or a group of it: a stage. */
typedef struct place {
  char *name;     /* "" for the root */
  hid_t id, axis; /* the scale `neuron` in it */
  bool *done;     /* [n] all tasks of the neuron there are */
  size_t n_failed;
} place;

typedef struct file {
  const char *path; /* of whoever opened it: for messages while it is open */
  hid_t id;
  size_t n;
  place *places; /* [n_places]: the root first, where it has neurons */
  size_t n_places, places_capacity;
  const char **names; /* [n_columns]: NAME of the root, GROUP.NAME */
  size_t *place_of;   /* [n_columns] */
  size_t n_columns, names_capacity, place_capacity;
  ins_column *columns; /* unread ones are all zero */
} file;

/* What a column is called in its place. */
static const char *name_within(const file *f, size_t column) {
  const size_t n = strlen(f->places[f->place_of[column]].name);
  return f->names[column] + (n ? n + 1 : 0);
}

static ins_status damaged(const file *f, const char *name) {
  return ins_fail(INS_ERR_FORMAT, "%s: damaged: %s cannot be read", f->path, name);
}

/* ---- finding variables ------------------------------------------------------------------------
 */

/* Axes of a dataset, or -1. */
static int shape_of(hid_t set, hsize_t dims[MOST_AXES]) {
  hid_t space = H5Dget_space(set);
  int rank = space < 0 || H5Sis_simple(space) <= 0 ? -1 : H5Sget_simple_extent_ndims(space);
  if (rank > MOST_AXES || (rank > 0 && H5Sget_simple_extent_dims(space, dims, NULL) < 0)) rank = -1;
  if (space >= 0) H5Sclose(space);
  return rank;
}

static bool is_axis_of(const place *p, hid_t set, unsigned dimension) {
  return H5DSis_attached(set, p->axis, dimension) > 0;
}

/* Single letters, as netCDF keeps texts. */
static bool is_letters(hid_t type) {
  return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
         H5Tget_size(type) == 1;
}

static bool is_column(const file *f, const place *p, const char *name, hid_t set) {
  hsize_t dims[MOST_AXES] = {0};
  hid_t type = H5Dget_type(set);
  const int rank = shape_of(set, dims);
  const H5T_class_t class = H5Tget_class(type);
  const bool letters = is_letters(type);
  H5Tclose(type);
  if (rank < 1 || dims[0] != f->n || strcmp(name, "checksum") == 0) return false;
  if (strcmp(name, "neuron") != 0 && !is_axis_of(p, set, 0)) return false;
  if (rank == 2) return letters && dims[1] >= 1 && dims[1] <= LONGEST_TEXT;
  return rank == 1 && (class == H5T_INTEGER || class == H5T_FLOAT);
}

/* Of the place that was found last. */
static herr_t add_column(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  file *f = data;
  const size_t where = f->n_places - 1;
  const place *p = &f->places[where];
  H5O_info_t about;
  if (info->type != H5L_TYPE_HARD ||
      H5Oget_info_by_name2(group, name, &about, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
      about.type != H5O_TYPE_DATASET)
    return 0;
  hid_t set = H5Dopen2(group, name, H5P_DEFAULT);
  if (set < 0) return 0;
  const bool wanted = is_column(f, p, name, set);
  H5Dclose(set);
  if (!wanted) return 0;
  const size_t n = f->n_columns;
  if (ins_grow(&f->names, &f->names_capacity, n + 1, sizeof *f->names) != INS_OK ||
      ins_grow(&f->place_of, &f->place_capacity, n + 1, sizeof *f->place_of) != INS_OK)
    return -1;
  f->place_of[n] = where;
  f->names[n] = p->name[0] ? ins_format("%s.%s", p->name, name) : strdup(name);
  if (!f->names[n]) return -1;
  f->n_columns++;
  return 0;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* The value that stands for a missing one; NaN: none does. */
static double fill_of(hid_t set) {
  double fill = NAN;
  if (H5Aexists(set, "_FillValue") <= 0) return NAN;
  hid_t attribute = H5Aopen(set, "_FillValue", H5P_DEFAULT), space = H5Aget_space(attribute);
  if (space < 0 || H5Sget_simple_extent_npoints(space) != 1 ||
      H5Aread(attribute, H5T_NATIVE_DOUBLE, &fill) < 0)
    fill = NAN;
  if (space >= 0) H5Sclose(space);
  if (attribute >= 0) H5Aclose(attribute);
  return fill;
}

/* What is not done yet is missing. */
static ins_status read_numbers(const file *f, const place *p, const char *name, hid_t set,
                               ins_column *column) {
  double *x;
  ins_status status = ins_alloc(f->n, sizeof *x, &x);
  if (status != INS_OK) return status;
  if (H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) < 0) {
    ins_free(&x);
    return damaged(f, name);
  }
  const double fill = fill_of(set);
  const bool masked = p->name[0] && H5DSis_scale(set) <= 0;
  for (size_t i = 0; i < f->n; i++)
    if (x[i] == fill || (masked && !p->done[i])) x[i] = NAN;
  column->numbers = x;
  return INS_OK;
}

/* Rows of letters, padded with zeros. */
static ins_status read_texts(const file *f, const char *name, hid_t set, hid_t type, size_t width,
                             ins_column *column) {
  char *letters = NULL, *rows = NULL;
  size_t bytes = 0;
  if (!ins_mul(f->n, width + 1, &bytes))
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: %s has an impossible shape", f->path, name);
  ins_status status = ins_alloc(f->n, sizeof *column->texts, &column->texts);
  if (status == INS_OK) status = ins_alloc(bytes, 1, &rows);
  if (status == INS_OK) status = ins_alloc(bytes, 1, &letters);
  if (status == INS_OK && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, letters) < 0)
    status = damaged(f, name);
  for (size_t i = 0; status == INS_OK && i < f->n; i++) {
    column->texts[i] = rows + i * (width + 1);
    memcpy(column->texts[i], letters + i * width, width);
  }
  if (status != INS_OK) ins_free(&column->texts);
  if (status != INS_OK) ins_free(&rows);
  ins_free(&letters);
  return status;
}

static ins_status load(void *self, size_t which, const ins_column **out) {
  file *f = self;
  ins_column *column = &f->columns[which];
  const char *name = f->names[which];
  const place *p = &f->places[f->place_of[which]];
  hsize_t dims[MOST_AXES] = {0};
  *out = column;
  if (column->numbers || column->texts) return INS_OK;
  hid_t set = H5Dopen2(p->id, name_within(f, which), H5P_DEFAULT);
  if (set < 0) return damaged(f, name);
  hid_t type = H5Dget_type(set);
  column->kind = is_letters(type)                    ? INS_COLUMN_TEXT
                 : H5Tget_class(type) == H5T_INTEGER ? INS_COLUMN_WHOLE
                                                     : INS_COLUMN_REAL;
  ins_status status = shape_of(set, dims) < 1 ? damaged(f, name) : INS_OK;
  if (status == INS_OK)
    status = column->kind == INS_COLUMN_TEXT
                 ? read_texts(f, name, set, type, (size_t)dims[1], column)
                 : read_numbers(f, p, name, set, column);
  H5Tclose(type);
  H5Dclose(set);
  return status;
}

/* ---- which neurons are done -------------------------------------------------------------------
 */

/* Which of the axes is that of the neurons, or -1. */
static int neuron_axis(const place *p, hid_t set, int rank) {
  for (int d = 0; d < rank; d++)
    if (is_axis_of(p, set, (unsigned)d)) return d;
  return -1;
}

static void mark(place *p, const int8_t *state, const hsize_t *dims, int rank, int axis) {
  size_t before = 1, after = 1, n = (size_t)dims[axis];
  for (int d = 0; d < axis; d++) before *= (size_t)dims[d];
  for (int d = axis + 1; d < rank; d++) after *= (size_t)dims[d];
  for (size_t i = 0; i < n; i++) {
    bool failed = false;
    for (size_t b = 0; b < before; b++)
      for (size_t a = 0; a < after; a++) {
        int8_t s = state[(b * n + i) * after + a];
        if (s != DONE) p->done[i] = false;
        if (s == FAILED) failed = true;
      }
    p->n_failed += failed;
  }
}

/* Of a stage that is one task about all neurons. */
static ins_status read_whole_status(const file *f, place *p, hid_t set) {
  int8_t state = 0;
  if (H5Dread(set, H5T_NATIVE_INT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, &state) < 0)
    return damaged(f, "status");
  for (size_t i = 0; i < f->n; i++) p->done[i] = state == DONE;
  p->n_failed = state == FAILED ? f->n : 0;
  return INS_OK;
}

static ins_status read_states(const file *f, place *p, hid_t set) {
  hsize_t dims[MOST_AXES];
  int8_t *state = NULL;
  size_t count = 1;
  ins_status status = INS_OK;
  const int rank = shape_of(set, dims), axis = rank < 0 ? -1 : neuron_axis(p, set, rank);
  for (int d = 0; d < rank; d++)
    if (!ins_mul(count, (size_t)dims[d], &count)) status = damaged(f, "status");
  if (rank < 0) status = damaged(f, "status");
  if (status != INS_OK || rank == 0)
    return status == INS_OK ? read_whole_status(f, p, set) : status;
  if (axis < 0) return INS_OK;
  if (dims[axis] != f->n)
    return ins_fail(INS_ERR_FORMAT,
                    "%s: damaged: `status` is of %llu neurons, the axis `neuron` of %zu", f->path,
                    (unsigned long long)dims[axis], f->n);
  if (count > (size_t)H5Dget_storage_size(set)) return damaged(f, "status");
  status = ins_alloc(count, 1, &state);
  if (status == INS_OK && H5Dread(set, H5T_NATIVE_INT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, state) < 0)
    status = damaged(f, "status");
  if (status == INS_OK) mark(p, state, dims, rank, axis);
  ins_free(&state);
  return status;
}

/* `status` of the tasks; a neuron with several is done when all of them are. */
static ins_status read_status(const file *f, place *p) {
  ins_status status = ins_alloc(f->n, sizeof *p->done, &p->done);
  for (size_t i = 0; status == INS_OK && i < f->n; i++) p->done[i] = true;
  if (status != INS_OK || H5Lexists(p->id, "status", H5P_DEFAULT) <= 0) return status;
  hid_t set = H5Dopen2(p->id, "status", H5P_DEFAULT);
  status = set < 0 ? damaged(f, "status") : read_states(f, p, set);
  if (set >= 0) H5Dclose(set);
  return status;
}

/* ---- the job ----------------------------------------------------------------------------------
 */

/* A text attribute of fixed length, or NULL. */
static char *text_attribute(hid_t id, const char *name) {
  if (H5Aexists(id, name) <= 0) return NULL;
  hid_t attribute = H5Aopen(id, name, H5P_DEFAULT), type = H5Aget_type(attribute);
  char *text = NULL;
  if (type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0)
    text = calloc(H5Tget_size(type) + 1, 1);
  if (text && H5Aread(attribute, type, text) < 0) text[0] = '\0';
  if (type >= 0) H5Tclose(type);
  if (attribute >= 0) H5Aclose(attribute);
  return text;
}

/* The session that the job was about. A file without a record says nothing of it. */
static char *session_of(hid_t id) {
  char *json = text_attribute(id, "job"), *session = NULL;
  ins_value *job = NULL;
  if (json && ins_yaml_parse(json, strlen(json), NULL, NULL, &job) == INS_OK) {
    const char *name = ins_value_text_or(ins_map_get(job, "session"), NULL);
    if (name) session = strdup(name);
  }
  ins_value_destroy(&job);
  free(json);
  return session;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static ins_status open_file(file *f) {
  if (access(f->path, R_OK) != 0)
    return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", f->path, strerror(errno));
  hid_t plain = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(plain, false, true);
#endif
  f->id = H5Fopen(f->path, H5F_ACC_RDONLY, plain);
  H5Pclose(plain);
  if (f->id >= 0) return INS_OK;
  return ins_fail(INS_ERR_FORMAT, "%s: no results file: HDF5 cannot open it", f->path);
}

/* The scale `neuron` of a place, its length in *n; negative where there is none. */
static hid_t open_axis(hid_t id, size_t *n) {
  hsize_t dims[MOST_AXES] = {0};
  if (H5Lexists(id, "neuron", H5P_DEFAULT) <= 0) return H5I_INVALID_HID;
  hid_t axis = H5Dopen2(id, "neuron", H5P_DEFAULT);
  if (axis >= 0 && (H5DSis_scale(axis) <= 0 || shape_of(axis, dims) != 1)) {
    H5Dclose(axis);
    axis = H5I_INVALID_HID;
  }
  *n = (size_t)dims[0];
  return axis;
}

/* Are its neurons those of the first place? */
static bool same_neurons(const file *f, hid_t axis) {
  double *a, *b = NULL;
  if (ins_alloc(f->n, sizeof *a, &a) != INS_OK) return false;
  bool same =
      ins_alloc(f->n, sizeof *b, &b) == INS_OK &&
      H5Dread(f->places[0].axis, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, a) >= 0 &&
      H5Dread(axis, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, b) >= 0 &&
      memcmp(a, b, f->n * sizeof *a) == 0;
  ins_free(&a);
  ins_free(&b);
  return same;
}

/* Takes the place over with what it holds, if it has the neurons that the others have. */
static ins_status add_place(file *f, const char *name, hid_t id) {
  size_t n = 0;
  hid_t axis = open_axis(id, &n);
  if (axis >= 0 && f->n_places && (n != f->n || !same_neurons(f, axis))) {
    H5Dclose(axis);
    axis = H5I_INVALID_HID;
  }
  ins_status status =
      axis < 0 ? INS_OK : ins_grow(&f->places, &f->places_capacity, f->n_places + 1, sizeof(place));
  char *copy = axis < 0 || status != INS_OK ? NULL : strdup(name);
  if (!copy) {
    if (axis >= 0) H5Dclose(axis);
    H5Oclose(id);
    return axis >= 0 && status == INS_OK ? INS_ERR_MEMORY : status;
  }
  f->n = n;
  f->places[f->n_places++] = (place){.name = copy, .id = id, .axis = axis};
  if (n > MOST_NEURONS)
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: it claims %zu neurons", f->path, n);
  hsize_t next = 0;
  if (H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, &next, add_column, f) < 0)
    return damaged(f, "the list of variables");
  return read_status(f, &f->places[f->n_places - 1]);
}

typedef struct visit {
  file *f;
  ins_status status;
} visit;

static herr_t visit_group(hid_t root, const char *name, const H5L_info_t *info, void *data) {
  visit *v = data;
  H5O_info_t about;
  if (info->type != H5L_TYPE_HARD ||
      H5Oget_info_by_name2(root, name, &about, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
      about.type != H5O_TYPE_GROUP)
    return 0;
  hid_t group = H5Gopen2(root, name, H5P_DEFAULT);
  v->status = group < 0 ? damaged(v->f, name) : add_place(v->f, name, group);
  return v->status == INS_OK ? 0 : -1;
}

/* The root, and the groups with the same neurons. */
static ins_status find_places(file *f) {
  visit v = {f, INS_OK};
  hsize_t next = 0;
  hid_t root = H5Gopen2(f->id, "/", H5P_DEFAULT);
  ins_status status = root < 0 ? damaged(f, "its root") : add_place(f, "", root);
  if (status == INS_OK && H5Literate(f->id, H5_INDEX_NAME, H5_ITER_INC, &next, visit_group, &v) < 0)
    status = v.status != INS_OK ? v.status : damaged(f, "the list of groups");
  if (status == INS_OK && !f->n_places)
    status =
        ins_fail(INS_ERR_MISSING,
                 "%s: has no axis `neuron`; select reads the results of tuning, of populations "
                 "and of other experiments on neurons",
                 f->path);
  return status == INS_OK ? ins_alloc(f->n_columns, sizeof *f->columns, &f->columns) : status;
}

ins_status ins_neuron_check(const char *path, const char *name, double number) {
  if (number >= 0 && number <= HIGHEST_NUMBER && number == floor(number)) return INS_OK;
  return ins_fail(INS_ERR_FORMAT,
                  "%s: damaged: `%s` holds %.10g, which is no number of a neuron (0, 1, 2, ...)",
                  path, name, number);
}

static ins_status read_neurons(file *f, ins_neurons *out) {
  const ins_column *column;
  size_t which = 0;
  while (which < f->n_columns && strcmp(name_within(f, which), "neuron") != 0) which++;
  if (which == f->n_columns) return damaged(f, "neuron");
  ins_status status = load(f, which, &column);
  for (size_t i = 0; status == INS_OK && i < f->n; i++)
    status = ins_neuron_check(f->path, "neuron", column->numbers[i]);
  if (status != INS_OK) return status;
  out->n = f->n;
  out->number = column->numbers;
  out->columns = (ins_columns){f->names, f->n_columns, load, f};
  out->session = session_of(f->id);
  status = ins_alloc(f->n, sizeof *out->done, &out->done);
  if (status != INS_OK) return status;
  /* Tasks of groups are about what stands there; a neuron is done when the root says so. */
  const bool root = !f->places[0].name[0];
  for (size_t i = 0; i < f->n; i++) out->done[i] = root ? f->places[0].done[i] : true;
  out->n_failed = root ? f->places[0].n_failed : 0;
  return INS_OK;
}

ins_status ins_neurons_open(const char *path, ins_neurons *out) {
  file *f;
  *out = (ins_neurons){0};
  ins_status status = ins_alloc(1, sizeof *f, &f);
  if (status != INS_OK) return status;
  *f = (file){.path = path, .id = H5I_INVALID_HID};
  out->file = f;
  status = open_file(f);
  if (status == INS_OK) status = find_places(f);
  if (status == INS_OK) status = read_neurons(f, out);
  if (status != INS_OK) ins_neurons_close(out);
  return status;
}

void ins_neurons_close(ins_neurons *neurons) {
  file *f = neurons->file;
  for (size_t i = 0; f && i < f->n_columns; i++) {
    free((char *)f->names[i]);
    if (!f->columns) continue;
    if (f->columns[i].texts && f->n) ins_free(&f->columns[i].texts[0]);
    ins_free(&f->columns[i].texts);
    ins_free(&f->columns[i].numbers);
  }
  if (f) {
    for (size_t k = 0; k < f->n_places; k++) {
      H5Dclose(f->places[k].axis);
      H5Oclose(f->places[k].id);
      free(f->places[k].name);
      ins_free(&f->places[k].done);
    }
    if (f->id >= 0) H5Fclose(f->id);
    ins_free(&f->places);
    ins_free(&f->place_of);
    ins_free(&f->names);
    ins_free(&f->columns);
  }
  ins_free(&neurons->done);
  free(neurons->session);
  ins_free(&neurons->file);
  *neurons = (ins_neurons){0};
}
