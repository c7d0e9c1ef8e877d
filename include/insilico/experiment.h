/* SPDX-License-Identifier: MIT */
/** An experiment is a value: what its job keys are, which axes and variables it leaves, how a batch
 * of tasks is computed, how it is summed up. Nothing of MPI, results files or resuming is in sight;
 * the framework around it is written once (rooms store and schedule) and knows nothing of retinas.
 *
 * Most experiments are one grid of tasks. Work whose later part depends on the earlier is a list of
 * stages, each a grid with a group of its own in the results file; a stage begins when all tasks of
 * those before it are done, and may read their rows.
 *
 * Adding an experiment is adding one file with one such struct and one line in registry.c.
 */
#ifndef INSILICO_EXPERIMENT_H
#define INSILICO_EXPERIMENT_H

#include "insilico/job.h"
#include "insilico/layout.h"
#include "insilico/model.h"
#include "insilico/plan.h"
#include "insilico/pulse.h"

/** What an experiment is set up with; all borrowed and outliving its state. */
typedef struct ins_experiment_context {
  const ins_job *job;
  const ins_model *model;         /* NULL where the job has none */
  const ins_model_source *source; /* data_info and truth; likewise */
  const ins_kernels *kernels;     /* the path all ranks agreed on */
  const ins_value *sources;       /* what is known of the results files that are read; else NULL */
  bool speaks;                    /* this process warns people: rank 0 */
} ins_experiment_context;

/** Stages in the order they run. Layouts with `group` NULL lie in the root of the file, others in
 * the group of that name; names are distinct. At least one stage. */
enum { INS_MAX_STAGES = 64 };
typedef struct ins_stages {
  size_t n;
  ins_layout *layout[INS_MAX_STAGES];
} ins_stages;
void ins_stages_clear(ins_stages *stages);

/** Rows that earlier stages left behind. Valid until teardown; used by one thread. */
typedef struct ins_results {
  void *self;
  /** Elements [first, first + count) of the rows of a PER_TASK variable of `stage`, for n tasks:
   * out [n][count], of the variable's type. INS_ERR_IO; INS_ERR_INTERNAL for a stage that is not
   * done. */
  ins_status (*read)(void *self, size_t stage, int variable, size_t n, const size_t *task,
                     size_t first, size_t count, void *out);
} ins_results;

/** A batch of tasks to compute, and where its rows go. */
typedef struct ins_batch {
  size_t stage;
  size_t n;
  const size_t *task; /* [n] task numbers; indices by ins_layout_coordinates */
  void *const *rows;  /* [n_variables]: PER_TASK variables' rows, buffer [n][row]; else NULL */
  ins_status *status; /* [n] out: INS_OK or the task's error; INS_ERR_STOPPED: not computed */
  char (*message)[INS_MESSAGE_MAX]; /* [n] out: what went wrong */
  double *merit; /* [n] out: a number worth showing while the run goes on; NaN to begin with */
} ins_batch;

/** Finished tasks along the reduced axis, and where their summary goes. */
typedef struct ins_group {
  size_t stage;
  size_t n;                /* length of the reduced axis */
  const bool *done;        /* [n] false: failed; its rows are NaN */
  const void *const *rows; /* [n_variables]: PER_TASK variables marked `summed`, [n][row] */
  void *const *summary;    /* [n_variables]: SUMMARY variables, [row] */
} ins_group;

typedef struct ins_experiment {
  const char *merit; /* what ins_batch.merit is, for people ("objective"); NULL: not set */
  /** Resolves the job against the model and declares axes and variables of every stage.
   * Deterministic, the same on every rank. What is wrong is refused here, before anything is
   * written. On failure nothing is left in `stages`. */
  ins_status (*setup)(const ins_experiment_context *context, void **state, ins_stages *stages);
  /** Called on every rank when `stage` is about to begin and all earlier ones are done and summed
   * up; `results` reads them. Not called for stages that are not run (`insilico plan`). May be
   * NULL.
   */
  ins_status (*begin)(void *state, size_t stage, const ins_results *results);
  /** Computes batch->n tasks. Per-task trouble goes to batch->status; a return other than INS_OK or
   * INS_ERR_STOPPED is a rank error. A task's rows do not depend on the batch it is in. */
  ins_status (*compute)(void *state, const ins_batch *batch, const ins_pulse *pulse);
  /** Sums up one group of tasks; NULL when there are no SUMMARY variables. */
  ins_status (*finish)(void *state, const ins_group *group);
  void (*teardown)(void **state);
  /** Instead of `compute`: stages, of one task each, that all ranks compute together (an
   * ins_collective of insilico/schedule.h); NULL for all others. */
  const void *together;
  /** For `insilico plan`: bytes of memory that computing a stage takes on a rank, and seconds of an
   * average task at most, measured by running a little of one here. */
  ins_status (*cost)(void *state, size_t stage, double *bytes, double *seconds);
} ins_experiment;

/** All experiments; `ops` is an ins_experiment. Ends with name == NULL. */
extern const ins_variant ins_experiments[];

#endif
