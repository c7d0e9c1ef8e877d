/* SPDX-License-Identifier: MIT */
/** The neurons of a results file and the variables over them. Private to the room. */
#ifndef INSILICO_APP_SELECT_TABLE_H
#define INSILICO_APP_SELECT_TABLE_H

#include "select_expression.h"

typedef struct ins_neurons {
  size_t n;
  double *number;  /* [n] the neuron's number in the model */
  bool *done;      /* [n] all its tasks in the root of the file are done (true without any) */
  size_t n_failed; /* of those that are not done: neurons with a failed task; others are pending */
  char *session;   /* of the job that made the results; NULL: all sessions, or not known */
  ins_columns columns;
  void *file;
} ins_neurons;

/** Opens the results file PATH, which a run may be writing: plain access, no locks. Numbers are
 * read when they are asked for. Variables are those of the root that have the axis `neuron` and no
 * other (texts have that of their letters too), with missing values as NaN; and as GROUP.NAME those
 * of groups about neurons, NaN where their task is not done and for neurons that they do not have.
 * Neurons are those of the root; where it has none, those of all groups.
 * @return INS_OK; INS_ERR_IO (cannot be opened); INS_ERR_FORMAT (no HDF5 file, damaged, numbers of
 * neurons that are none, a `status` of another number of neurons);
 * INS_ERR_MISSING (has no neurons); INS_ERR_MEMORY */
ins_status ins_neurons_open(const char *path, ins_neurons *out) INS_CHECKED;
void ins_neurons_close(ins_neurons *neurons);

/** INS_ERR_FORMAT when variable `name` calls a neuron by what is no whole number from 0 on. */
ins_status ins_neuron_check(const char *path, const char *name, double number) INS_CHECKED;

#endif
