/* SPDX-License-Identifier: MIT */
/** Running an experiment on all ranks: lay out or resume, then stage by stage: deal, compute,
 * write, sum up.
 *
 * Rank 0 deals runs of batches, on many ranks through foremen; a worker asks for its next deal when
 * it starts one, so that nobody waits. On few ranks rank 0 computes too and answers between
 * iterations. The run phase has no collective call: messages below 4 kB and independent writes
 * only, so that nothing can deadlock. A signal (SIGUSR1, SIGTERM, SIGINT) ends it within an
 * iteration, resumable. No rank keeps anything for every task: what is left are runs of batches.
 */
#ifndef INSILICO_SCHEDULE_H
#define INSILICO_SCHEDULE_H

#include <mpi.h>

#include "insilico/experiment.h"
#include "insilico/store.h"

typedef struct ins_run_options {
  bool fresh;           /* start over even if results exist */
  bool quiet;           /* no progress bar */
  int computing_master; /* 1: rank 0 computes too, 0: it only deals, -1: it computes on few ranks */
  bool again;           /* after a loss: the lock of a rank that died may be held for minutes */
  int group;            /* ranks for which a foreman is appointed where there are many; 0: 256 */
  double deadline_s;    /* a rank that is not heard of for so long is silent: its work is dealt
                           again, and if it stays silent the run ends. > 0, may be infinite */
} ins_run_options;

/** Work on a stage in which all ranks take part at once (room population): a stage of one task. */
typedef struct ins_together {
  MPI_Comm comm;
  ins_store *store;
  size_t stage;
  void *self;
  /** Collective: everybody is asked whether to go on, rank 0 shows that a share `done` in [0, 1] of
   * the stage is behind us. INS_ERR_STOPPED on all ranks when any of them got a signal. */
  ins_status (*beat)(void *self, double done);
} ins_together;

/** Of an experiment whose stages are computed by all ranks together: ins_experiment.together. Rows
 * are written by ins_store_write_part; what wrote them is marked as done by the framework. */
typedef struct ins_collective {
  /** Before anything is written: can these ranks do it? Collective; every rank returns the same. */
  ins_status (*check)(void *state, MPI_Comm comm);
  /** Bytes that a stage takes on each of `size` ranks, and seconds: A / size + B, where more ranks
   * do not make B shorter (reading, writing). Local. */
  void (*needs)(void *state, size_t stage, int size, double *bytes, double *seconds);
  /** Bytes that a rank may take where `per_node` of them have a node like this one. Local; for
   * plans, so that they say what `check` will. */
  double (*limit)(void *state, int per_node);
  /** Collective; every rank returns the same. */
  ins_status (*run)(void *state, const ins_together *together);
} ins_collective;

/** What a run came to, on rank 0; numbers are over all stages. */
typedef struct ins_run_report {
  size_t n_tasks, n_kept, n_done, n_failed,
      n_pending; /* kept: finished before; done: by this run */
  double seconds;
  char first_failure[INS_MESSAGE_MAX];
  size_t first_failed_stage, first_failed_task;
} ins_run_report;

/** The instruction-set path of a run: the one that the results file at `output` was begun with,
 * else the widest that every rank's processor has. `output` may be NULL or not exist. Collective.
 * @return INS_OK; INS_ERR_ARGUMENT when a processor cannot run the path of the file */
ins_status ins_agree_kernels(MPI_Comm comm, const char *output, bool fresh,
                             const ins_kernels **kernels) INS_CHECKED;

/** Runs all stages, in order. A stage begins when all tasks of those before it are done: one with
 * failed tasks is the last. Collective over comm; every rank passes equal arguments otherwise.
 * @param attributes  global attributes of the results file (map); rank 0 needs them, the others may
 * pass NULL; borrowed
 * @return INS_OK; INS_ERR_TASKS (some failed; later stages, if there are any, were not begun);
 *         INS_ERR_LOST (ranks were lost, and ins_comm_survives: to be run again, not fresh, on what
 *         ins_comm_shrink makes of comm; every rank that lives has left without a collective call);
 *         INS_ERR_STOPPED (by a signal; resumable); INS_ERR_ARGUMENT (results of another job are in
 *         the way); INS_ERR_LOCKED; INS_ERR_IO */
ins_status ins_run(MPI_Comm comm, const ins_experiment *experiment,
                   const ins_experiment_context *context, const ins_value *attributes,
                   const ins_run_options *options, ins_run_report *report) INS_CHECKED;

/** Catches SIGUSR1, SIGTERM and SIGINT from now on: a second SIGINT ends the process at once. */
void ins_signals_catch(void);
/** Undoes that: they end the process again. */
void ins_signals_release(void);
/** The signal that asked to stop, or 0. */
int ins_signals_caught(void);

#endif
