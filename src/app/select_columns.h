/* SPDX-License-Identifier: MIT */
/** Inside of select_table.h: the groups of an open results file that are about neurons, and the
 * variables in them. */
#ifndef INSILICO_APP_SELECT_COLUMNS_H
#define INSILICO_APP_SELECT_COLUMNS_H

#include <hdf5.h>

#include "select_expression.h"

enum { INS_SELECT_MOST_AXES = 32 };

/* The root of the file, or a group of it: a stage. */
typedef struct ins_select_place {
  char *name;     /* "" for the root */
  hid_t id, axis; /* the scale `neuron` in it */
  size_t n;       /* its neurons */
  double *number; /* [n] */
  bool *done;     /* [n] all tasks of the neuron there are */
  size_t n_failed;
  size_t *row; /* [n of the file] where a neuron of the file is among them; SIZE_MAX: it is not */
} ins_select_place;

typedef struct ins_select_file {
  const char *path; /* of whoever opened it: for messages while it is open */
  hid_t id;
  size_t n;
  double *number;           /* [n] all neurons: of the root, or of all groups */
  ins_select_place *places; /* [n_places]: the root first, where it has neurons */
  size_t n_places, places_capacity;
  const char **names; /* [n_columns]: NAME of the root, GROUP.NAME */
  size_t *place_of;   /* [n_columns] */
  size_t n_columns, names_capacity, place_capacity;
  ins_column *columns; /* unread ones are all zero */
} ins_select_file;

/** For H5Literate over the place that was found last: notes a variable over its neurons. `data` is
 * the ins_select_file. */
herr_t ins_select_add_column(hid_t group, const char *name, const H5L_info_t *info, void *data);
/** What a column is called in its place. */
const char *ins_select_name(const ins_select_file *f, size_t column);
/** Reads a column, once; as `load` of ins_columns, `self` is the ins_select_file. */
ins_status ins_select_load(void *self, size_t which, const ins_column **out) INS_CHECKED;

/** Axes of a dataset, or -1. */
int ins_select_shape(hid_t set, hsize_t dims[INS_SELECT_MOST_AXES]);
/** Is this dimension of the dataset that of the place's neurons? */
bool ins_select_is_axis(const ins_select_place *p, hid_t set, unsigned dimension);
ins_status ins_select_damaged(const ins_select_file *f, const char *name) INS_CHECKED;

#endif
