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
#include "select_columns.h"

enum { MOST_NEURONS = 100000000, DONE = 1, FAILED = 2 };
#define HIGHEST_NUMBER 9007199254740992.0 /* 2^53: up to here a double holds every whole number */

/* ---- which neurons are done -------------------------------------------------------------------
 */

/* Which of the axes is that of the neurons, or -1. */
static int neuron_axis(const ins_select_place *p, hid_t set, int rank) {
  for (int d = 0; d < rank; d++)
    if (ins_select_is_axis(p, set, (unsigned)d)) return d;
  return -1;
}

static void mark(ins_select_place *p, const int8_t *state, const hsize_t *dims, int rank,
                 int axis) {
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
static ins_status read_whole_status(const ins_select_file *f, ins_select_place *p, hid_t set) {
  int8_t state = 0;
  if (H5Dread(set, H5T_NATIVE_INT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, &state) < 0)
    return ins_select_damaged(f, "status");
  for (size_t i = 0; i < p->n; i++) p->done[i] = state == DONE;
  p->n_failed = state == FAILED ? p->n : 0;
  return INS_OK;
}

static ins_status read_states(const ins_select_file *f, ins_select_place *p, hid_t set) {
  hsize_t dims[INS_SELECT_MOST_AXES];
  int8_t *state = NULL;
  size_t count = 1;
  ins_status status = INS_OK;
  const int rank = ins_select_shape(set, dims), axis = rank < 0 ? -1 : neuron_axis(p, set, rank);
  for (int d = 0; d < rank; d++)
    if (!ins_mul(count, (size_t)dims[d], &count)) status = ins_select_damaged(f, "status");
  if (rank < 0) status = ins_select_damaged(f, "status");
  if (status != INS_OK || rank == 0)
    return status == INS_OK ? read_whole_status(f, p, set) : status;
  if (axis < 0) return INS_OK;
  if (dims[axis] != p->n)
    return ins_fail(INS_ERR_FORMAT,
                    "%s: damaged: `status` is of %llu neurons, the axis `neuron` of %zu", f->path,
                    (unsigned long long)dims[axis], p->n);
  if (count > (size_t)H5Dget_storage_size(set)) return ins_select_damaged(f, "status");
  status = ins_alloc(count, 1, &state);
  if (status == INS_OK && H5Dread(set, H5T_NATIVE_INT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, state) < 0)
    status = ins_select_damaged(f, "status");
  if (status == INS_OK) mark(p, state, dims, rank, axis);
  ins_free(&state);
  return status;
}

/* `status` of the tasks; a neuron with several is done when all of them are. */
static ins_status read_status(const ins_select_file *f, ins_select_place *p) {
  ins_status status = ins_alloc(p->n, sizeof *p->done, &p->done);
  for (size_t i = 0; status == INS_OK && i < p->n; i++) p->done[i] = true;
  if (status != INS_OK || H5Lexists(p->id, "status", H5P_DEFAULT) <= 0) return status;
  hid_t set = H5Dopen2(p->id, "status", H5P_DEFAULT);
  status = set < 0 ? ins_select_damaged(f, "status") : read_states(f, p, set);
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

static ins_status open_file(ins_select_file *f) {
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
  hsize_t dims[INS_SELECT_MOST_AXES] = {0};
  if (H5Lexists(id, "neuron", H5P_DEFAULT) <= 0) return H5I_INVALID_HID;
  hid_t axis = H5Dopen2(id, "neuron", H5P_DEFAULT);
  if (axis >= 0 && (H5DSis_scale(axis) <= 0 || ins_select_shape(axis, dims) != 1)) {
    H5Dclose(axis);
    axis = H5I_INVALID_HID;
  }
  *n = (size_t)dims[0];
  return axis;
}

static ins_status read_place(ins_select_file *f, ins_select_place *p) {
  if (p->n > MOST_NEURONS)
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: it claims %zu neurons", f->path, p->n);
  ins_status status = ins_alloc(p->n, sizeof *p->number, &p->number);
  if (status != INS_OK) return status;
  if (H5Dread(p->axis, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, p->number) < 0)
    return ins_select_damaged(f, "neuron");
  for (size_t i = 0; status == INS_OK && i < p->n; i++)
    status = ins_neuron_check(f->path, "neuron", p->number[i]);
  hsize_t next = 0;
  if (status == INS_OK &&
      H5Literate(p->id, H5_INDEX_NAME, H5_ITER_INC, &next, ins_select_add_column, f) < 0)
    status = ins_select_damaged(f, "the list of variables");
  return status == INS_OK ? read_status(f, p) : status;
}

/* Takes the place over with what it holds, if it is about neurons. */
static ins_status add_place(ins_select_file *f, const char *name, hid_t id) {
  size_t n = 0;
  hid_t axis = open_axis(id, &n);
  ins_status status = axis < 0 ? INS_OK
                               : ins_grow(&f->places, &f->places_capacity, f->n_places + 1,
                                          sizeof(ins_select_place));
  char *copy = axis < 0 || status != INS_OK ? NULL : strdup(name);
  if (!copy) {
    if (axis >= 0) H5Dclose(axis);
    H5Oclose(id);
    return axis >= 0 && status == INS_OK ? INS_ERR_MEMORY : status;
  }
  f->places[f->n_places++] = (ins_select_place){.name = copy, .id = id, .axis = axis, .n = n};
  return read_place(f, &f->places[f->n_places - 1]);
}

/* ---- one list of neurons ----------------------------------------------------------------------
 */

static int by_number(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bool same_neurons(const ins_select_place *a, const ins_select_place *b) {
  return a->n == b->n && memcmp(a->number, b->number, a->n * sizeof *a->number) == 0;
}

/* Those of the first place: the root, or a group where all have the same. Else those of all groups,
 * in ascending order. */
static ins_status list_neurons(ins_select_file *f) {
  bool first_alone = !f->places[0].name[0];
  size_t most = f->places[0].n, n = 0;
  for (size_t k = 1; !first_alone && k < f->n_places; k++)
    if (!same_neurons(&f->places[0], &f->places[k])) most += f->places[k].n;
  first_alone = first_alone || most == f->places[0].n;
  ins_status status = ins_alloc(most, sizeof *f->number, &f->number);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < (first_alone ? 1 : f->n_places); k++) {
    const ins_select_place *p = &f->places[k];
    if (k && same_neurons(&f->places[0], p)) continue;
    memcpy(f->number + n, p->number, p->n * sizeof *p->number);
    n += p->n;
  }
  if (!first_alone) qsort(f->number, n, sizeof *f->number, by_number);
  for (size_t i = 0; i < n; i++)
    if (first_alone || i == 0 || f->number[i] != f->number[i - 1]) f->number[f->n++] = f->number[i];
  return INS_OK;
}

typedef struct numbered {
  double number;
  size_t row;
} numbered;

static ins_status find_rows(const ins_select_file *f, ins_select_place *p) {
  numbered *sorted;
  ins_status status = ins_alloc(p->n, sizeof *sorted, &sorted);
  if (status == INS_OK) status = ins_alloc(f->n, sizeof *p->row, &p->row);
  for (size_t i = 0; status == INS_OK && i < p->n; i++) sorted[i] = (numbered){p->number[i], i};
  if (status == INS_OK) qsort(sorted, p->n, sizeof *sorted, by_number);
  for (size_t i = 0; status == INS_OK && i < f->n; i++) {
    const bool here = i < p->n && p->number[i] == f->number[i];
    const numbered *found =
        here ? NULL : bsearch(&f->number[i], sorted, p->n, sizeof *sorted, by_number);
    p->row[i] = here ? i : found ? found->row : SIZE_MAX;
  }
  ins_free(&sorted);
  return status;
}

static ins_status join_places(ins_select_file *f) {
  ins_status status = list_neurons(f);
  for (size_t k = 0; status == INS_OK && k < f->n_places; k++) status = find_rows(f, &f->places[k]);
  return status == INS_OK ? ins_alloc(f->n_columns, sizeof *f->columns, &f->columns) : status;
}

typedef struct visit {
  ins_select_file *f;
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
  v->status = group < 0 ? ins_select_damaged(v->f, name) : add_place(v->f, name, group);
  return v->status == INS_OK ? 0 : -1;
}

/* The root, and the groups about neurons. */
static ins_status find_places(ins_select_file *f) {
  visit v = {f, INS_OK};
  hsize_t next = 0;
  hid_t root = H5Gopen2(f->id, "/", H5P_DEFAULT);
  ins_status status = root < 0 ? ins_select_damaged(f, "its root") : add_place(f, "", root);
  if (status == INS_OK && H5Literate(f->id, H5_INDEX_NAME, H5_ITER_INC, &next, visit_group, &v) < 0)
    status = v.status != INS_OK ? v.status : ins_select_damaged(f, "the list of groups");
  if (status == INS_OK && !f->n_places)
    status =
        ins_fail(INS_ERR_MISSING,
                 "%s: has no axis `neuron`; select reads the results of tuning, of populations "
                 "and of other experiments on neurons",
                 f->path);
  return status == INS_OK ? join_places(f) : status;
}

ins_status ins_neuron_check(const char *path, const char *name, double number) {
  if (number >= 0 && number <= HIGHEST_NUMBER && number == floor(number)) return INS_OK;
  return ins_fail(INS_ERR_FORMAT,
                  "%s: damaged: `%s` holds %.10g, which is no number of a neuron (0, 1, 2, ...)",
                  path, name, number);
}

static ins_status read_neurons(ins_select_file *f, ins_neurons *out) {
  out->n = f->n;
  out->number = f->number;
  out->columns = (ins_columns){f->names, f->n_columns, ins_select_load, f};
  out->session = session_of(f->id);
  ins_status status = ins_alloc(f->n, sizeof *out->done, &out->done);
  if (status != INS_OK) return status;
  /* Tasks of groups are about what stands there; a neuron is done when the root says so. */
  const bool root = !f->places[0].name[0];
  for (size_t i = 0; i < f->n; i++) out->done[i] = root ? f->places[0].done[i] : true;
  out->n_failed = root ? f->places[0].n_failed : 0;
  return INS_OK;
}

ins_status ins_neurons_open(const char *path, ins_neurons *out) {
  ins_select_file *f;
  *out = (ins_neurons){0};
  ins_status status = ins_alloc(1, sizeof *f, &f);
  if (status != INS_OK) return status;
  *f = (ins_select_file){.path = path, .id = H5I_INVALID_HID};
  out->file = f;
  status = open_file(f);
  if (status == INS_OK) status = find_places(f);
  if (status == INS_OK) status = read_neurons(f, out);
  if (status != INS_OK) ins_neurons_close(out);
  return status;
}

void ins_neurons_close(ins_neurons *neurons) {
  ins_select_file *f = neurons->file;
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
      ins_free(&f->places[k].number);
      ins_free(&f->places[k].done);
      ins_free(&f->places[k].row);
    }
    if (f->id >= 0) H5Fclose(f->id);
    ins_free(&f->places);
    ins_free(&f->number);
    ins_free(&f->place_of);
    ins_free(&f->names);
    ins_free(&f->columns);
  }
  ins_free(&neurons->done);
  free(neurons->session);
  ins_free(&neurons->file);
  *neurons = (ins_neurons){0};
}
