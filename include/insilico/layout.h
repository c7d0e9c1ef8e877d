/* SPDX-License-Identifier: MIT */
/** What a stage of a job leaves behind: axes and variables; and the grid of its tasks.
 *
 * The first n_task_axes axes span the tasks, in row-major order: task k <-> one index an axis. A
 * task's row of a variable is contiguous: task axes first, then the variable's own.
 */
#ifndef INSILICO_LAYOUT_H
#define INSILICO_LAYOUT_H

#include "insilico/value.h"

enum { INS_MAX_AXES = 64, INS_MAX_VARIABLES = 2048, INS_MAX_TASK_AXES = 16 };

/** An axis; `coordinates` is an INS_ARRAY of int64 or float64 [length], a list of texts, or NULL
 * for an axis that is only a length. Coordinates of a task axis are distinct. */
typedef struct ins_axis {
  char *name, *units, *long_name; /* units and long_name may be NULL */
  size_t length;
  ins_value *coordinates;
} ins_axis;

typedef enum ins_scope {
  INS_PER_TASK, /* [task axes..., own axes...]: written by the task */
  INS_SUMMARY,  /* [task axes without `reduced`..., own axes...]: written by the experiment's
                   finish; `reduced` itself may be one of the own axes (a q-value of each neuron,
                   which needs all neurons) */
  INS_CONSTANT  /* [own axes...]: known when the file is laid out (`data`) */
} ins_scope;

typedef struct ins_variable {
  const char *name, *units, *long_name;
  const char *source; /* formula and citation */
  const char
      *flags; /* for int8 codes: "0 converged, 1 patience"; written as flag_values/flag_meanings */
  ins_scope scope;
  ins_dtype dtype; /* I8, I16, I32, I64, F32, F64; texts (INS_CONSTANT only): U8 with data a list */
  int n_axes;
  int axes[INS_MAX_DIMS]; /* own axes: indices into the layout's axes, beyond the task axes for
                             tasks */
  bool summed;            /* PER_TASK: the experiment's finish reads it */
  ins_value *data; /* INS_CONSTANT: array, or list of texts; owned by the layout once added */
} ins_variable;

typedef struct ins_layout {
  char *title; /* of the file: only the root's counts */
  char *group; /* group of the file that it lies in, a name; NULL: the root. Its axes lie in the
                  same group, also those that other groups have */
  int n_axes, n_task_axes;
  ins_axis axes[INS_MAX_AXES];
  int n_variables;
  ins_variable variables[INS_MAX_VARIABLES]; /* strings copied, freed with the layout */
  size_t batch;    /* tasks that compute together: [k*batch, (k+1)*batch); at least 1 */
  int reduced;     /* task axis that summaries run over, or -1: no summaries; set before variables
                      that have it as their own are added */
  uint64_t unread; /* bit k: no row depends on stage k of the job, so they stay when its tasks
                      become others; rows of a stage behind others are otherwise computed again
                      then. (An axis that both have, as `neuron`, may grow: rows are taken to depend
                      on those with their own coordinate) */
} ins_layout;

ins_status ins_layout_create(const char *title, ins_layout **out) INS_CHECKED;
/** One that lies in `group` (NULL: the root). */
ins_status ins_layout_create_in(const char *group, const char *title, ins_layout **out) INS_CHECKED;
void ins_layout_destroy(ins_layout **layout);

/** Adds an axis, *index = its number. Takes `coordinates` (NULL: none), also on failure. Task axes
 * are added before all others.
 * @return INS_OK; INS_ERR_INTERNAL: the name is not new, no element, coordinates of another length
 * or type, too many axes, a task axis after others; INS_ERR_ARGUMENT: coordinates of a task axis
 *         repeat or are NaN, more tasks than can be counted; INS_ERR_MEMORY. On failure the layout
 * is unchanged */
ins_status ins_layout_task_axis(ins_layout *layout, const char *name, size_t length,
                                ins_value *coordinates, const char *units,
                                const char *long_name) INS_CHECKED;
ins_status ins_layout_axis(ins_layout *layout, const char *name, size_t length,
                           ins_value *coordinates, const char *units, const char *long_name,
                           int *index) INS_CHECKED;
/** Adds a variable; copies strings, takes variable->data, also on failure. *index = its number.
 * @return INS_OK; INS_ERR_INTERNAL: the name is not new (axes count), an axis that its scope cannot
 *         have, data of another type or shape; INS_ERR_MEMORY. On failure the layout is unchanged
 */
ins_status ins_layout_variable(ins_layout *layout, const ins_variable *variable,
                               int *index) INS_CHECKED;

/* ---- the grid: pure index arithmetic --------------------------------------------------------- */
size_t ins_layout_tasks(const ins_layout *layout);
size_t ins_layout_batches(const ins_layout *layout);
void ins_layout_coordinates(const ins_layout *layout, size_t task, size_t *index);
size_t ins_layout_task(const ins_layout *layout, const size_t *index);
/** Groups of tasks that differ only in the reduced axis: their number (0: no axis is reduced), and
 * the tasks of group g along that axis, written to task[length of the reduced axis]. */
size_t ins_layout_groups(const ins_layout *layout);
void ins_layout_group(const ins_layout *layout, size_t group, size_t *task);
/** Elements of one row of variable v (own axes), and its bytes. */
size_t ins_layout_row(const ins_layout *layout, int v);
size_t ins_layout_row_bytes(const ins_layout *layout, int v);
int ins_layout_find(const ins_layout *layout, const char *variable); /* or -1 */

#endif
