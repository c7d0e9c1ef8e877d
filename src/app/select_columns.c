/* SPDX-License-Identifier: MIT */
/* Variables over the neurons of a results file: which there are, and what they hold. */
#include "select_columns.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

enum { LONGEST_TEXT = 4096 };

const char *ins_select_name(const ins_select_file *f, size_t column) {
  const size_t n = strlen(f->places[f->place_of[column]].name);
  return f->names[column] + (n ? n + 1 : 0);
}

ins_status ins_select_damaged(const ins_select_file *f, const char *name) {
  return ins_fail(INS_ERR_FORMAT, "%s: damaged: %s cannot be read", f->path, name);
}

/* ---- finding variables ------------------------------------------------------------------------
 */

int ins_select_shape(hid_t set, hsize_t dims[INS_SELECT_MOST_AXES]) {
  hid_t space = H5Dget_space(set);
  int rank = space < 0 || H5Sis_simple(space) <= 0 ? -1 : H5Sget_simple_extent_ndims(space);
  if (rank > INS_SELECT_MOST_AXES || (rank > 0 && H5Sget_simple_extent_dims(space, dims, NULL) < 0))
    rank = -1;
  if (space >= 0) H5Sclose(space);
  return rank;
}

bool ins_select_is_axis(const ins_select_place *p, hid_t set, unsigned dimension) {
  return H5DSis_attached(set, p->axis, dimension) > 0;
}

/* Single letters, as netCDF keeps texts. */
static bool is_letters(hid_t type) {
  return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
         H5Tget_size(type) == 1;
}

static bool is_column(const ins_select_place *p, const char *name, hid_t set) {
  hsize_t dims[INS_SELECT_MOST_AXES] = {0};
  hid_t type = H5Dget_type(set);
  const int rank = ins_select_shape(set, dims);
  const H5T_class_t class = H5Tget_class(type);
  const bool letters = is_letters(type);
  H5Tclose(type);
  if (rank < 1 || dims[0] != p->n || strcmp(name, "checksum") == 0) return false;
  if (strcmp(name, "neuron") != 0 && !ins_select_is_axis(p, set, 0)) return false;
  if (rank == 2) return letters && dims[1] >= 1 && dims[1] <= LONGEST_TEXT;
  return rank == 1 && (class == H5T_INTEGER || class == H5T_FLOAT);
}

herr_t ins_select_add_column(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  ins_select_file *f = data;
  const size_t where = f->n_places - 1;
  const ins_select_place *p = &f->places[where];
  H5O_info_t about;
  if (info->type != H5L_TYPE_HARD ||
      H5Oget_info_by_name2(group, name, &about, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
      about.type != H5O_TYPE_DATASET)
    return 0;
  hid_t set = H5Dopen2(group, name, H5P_DEFAULT);
  if (set < 0) return 0;
  const bool wanted = is_column(p, name, set);
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

/* What is not done yet is missing, and so is what is not there. */
static ins_status read_numbers(const ins_select_file *f, const ins_select_place *p,
                               const char *name, hid_t set, ins_column *column) {
  double *x, *here = NULL;
  ins_status status = ins_alloc(f->n, sizeof *x, &x);
  if (status == INS_OK) status = ins_alloc(p->n, sizeof *here, &here);
  if (status == INS_OK && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, here) < 0)
    status = ins_select_damaged(f, name);
  const double fill = fill_of(set);
  const bool masked = p->name[0] && H5DSis_scale(set) <= 0;
  for (size_t i = 0; status == INS_OK && i < f->n; i++) {
    const size_t row = p->row[i];
    const bool missing = row == SIZE_MAX || here[row] == fill || (masked && !p->done[row]);
    x[i] = missing ? NAN : here[row];
  }
  if (status == INS_OK)
    column->numbers = x;
  else
    ins_free(&x);
  ins_free(&here);
  return status;
}

/* Rows of letters, padded with zeros. */
static ins_status read_texts(const ins_select_file *f, const ins_select_place *p, const char *name,
                             hid_t set, hid_t type, size_t width, ins_column *column) {
  char *letters = NULL, *rows = NULL;
  size_t bytes = 0, there = 0;
  if (!ins_mul(f->n, width + 1, &bytes) || !ins_mul(p->n, width, &there))
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: %s has an impossible shape", f->path, name);
  ins_status status = ins_alloc(f->n, sizeof *column->texts, &column->texts);
  if (status == INS_OK) status = ins_alloc(bytes, 1, &rows);
  if (status == INS_OK) status = ins_alloc(there, 1, &letters);
  if (status == INS_OK && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, letters) < 0)
    status = ins_select_damaged(f, name);
  for (size_t i = 0; status == INS_OK && i < f->n; i++) {
    column->texts[i] = rows + i * (width + 1);
    if (p->row[i] != SIZE_MAX) memcpy(column->texts[i], letters + p->row[i] * width, width);
  }
  if (status != INS_OK) ins_free(&column->texts);
  if (status != INS_OK) ins_free(&rows);
  ins_free(&letters);
  return status;
}

ins_status ins_select_load(void *self, size_t which, const ins_column **out) {
  ins_select_file *f = self;
  ins_column *column = &f->columns[which];
  const char *name = f->names[which];
  const ins_select_place *p = &f->places[f->place_of[which]];
  hsize_t dims[INS_SELECT_MOST_AXES] = {0};
  *out = column;
  if (column->numbers || column->texts) return INS_OK;
  hid_t set = H5Dopen2(p->id, ins_select_name(f, which), H5P_DEFAULT);
  if (set < 0) return ins_select_damaged(f, name);
  hid_t type = H5Dget_type(set);
  column->kind = is_letters(type)                    ? INS_COLUMN_TEXT
                 : H5Tget_class(type) == H5T_INTEGER ? INS_COLUMN_WHOLE
                                                     : INS_COLUMN_REAL;
  ins_status status = ins_select_shape(set, dims) < 1 ? ins_select_damaged(f, name) : INS_OK;
  if (status == INS_OK)
    status = column->kind == INS_COLUMN_TEXT
                 ? read_texts(f, p, name, set, type, (size_t)dims[1], column)
                 : read_numbers(f, p, name, set, column);
  H5Tclose(type);
  H5Dclose(set);
  return status;
}
