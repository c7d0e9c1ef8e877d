/* SPDX-License-Identifier: MIT */
/** A run, and the steps it is made of. Private to the room.
 *
 * Decisions are in dealer, hand and foreman, which know nothing of MPI; this is what surrounds
 * them: messages that travel, batches that are computed, the phases in which all ranks meet. */
#ifndef INSILICO_SCHEDULE_RUN_H
#define INSILICO_SCHEDULE_RUN_H

#include <mpi.h>

#include "hand.h"
#include "insilico/schedule.h"
#include "insilico/store.h"
#include "progress.h"
#include "team.h"

/** Found by simulation with measured constants (docs/scale.md). */
enum {
  INS_DEAL_SHARE = 4, /* a deal is the queue / (this x all who compute) */
  INS_RANKS_A_FOREMAN = 256,
  INS_COMPUTING_MASTER = 128 /* up to so many ranks rank 0 computes too */
};

/** A message on its way. */
typedef struct posted {
  MPI_Request request;
  void *copy;
} posted;

/** A run, as every rank sees it. */
typedef struct run {
  MPI_Comm comm;
  int rank, size;
  team team;
  const ins_run_options *options;
  const ins_experiment *experiment;
  const ins_experiment_context *context;
  void *state;
  ins_stages stages;
  ins_store *store;
  lots todo[INS_MAX_STAGES];     /* rank 0: batches of every stage with tasks left */
  size_t n_kept[INS_MAX_STAGES]; /* rank 0: tasks of every stage that were done before */
  bool stood_still;              /* this rank did, during the batch that it computes */
  bool withdrew;                 /* rank 0: work was dealt twice */
  bool lost;                     /* a rank is: the run phase ends, and the run begins again */
  size_t n_outbox, outbox_capacity;
  posted *outbox;
  /* The stage that is run: */
  size_t stage;
  const ins_layout *layout;
} run;

/** What only rank 0 has. */
typedef struct office {
  struct ins_lock *lock;
  struct ins_journal *journal;
  progress progress;
  size_t n_kept; /* tasks copied from an earlier layout */
  char *hosts;   /* [size][MPI_MAX_PROCESSOR_NAME] */
} office;

/** The stage that is run, where there are several: " of stage 'NAME'" for messages, else ""; NAME
 * for the journal ("/": the root), else NULL. */
const char *stage_of(const run *r, char *out, size_t size);
const char *stage_name(const run *r);

/* ---- messages that travel -------------------------------------------------------------------- */

/** When a rank is lost and the run can go on without it, r->lost is set and nothing travels. */
void wire_send(run *r, int to, const message *m);
/** One message that has arrived; false: there is none. */
bool wire_receive(run *r, int *from, message *m);
/** At the end of a run phase: everything that was sent has left. */
void wire_finish(run *r);
/** Sleeps a little, longer the more often in a row it is called: *idle counts, 0 to begin with. */
void wire_rest(unsigned *idle);

/* ---- computing ------------------------------------------------------------------------------- */

/** Buffers for one batch. */
typedef struct bench {
  size_t *task;
  uint8_t *state;
  ins_status *status;
  double *merit;
  char (*message)[INS_MESSAGE_MAX];
  int n_variables;
  void **rows; /* [n_variables] */
} bench;

ins_status bench_create(const run *r, bench *b) INS_CHECKED;
void bench_clear(bench *b);

/** Computes the tasks of a batch (`check`: those that have no result yet) and writes them.
 * @return INS_OK; INS_ERR_STOPPED (what was finished is written); another code: the rank must stop
 */
ins_status compute_batch(run *r, bench *b, int64_t batch, bool check, const ins_pulse *pulse,
                         outcome *out) INS_CHECKED;

/* ---- the run phase of a stage: no collective call -------------------------------------------- */

ins_status worker_loop(run *r) INS_CHECKED;
ins_status foreman_loop(run *r) INS_CHECKED;
ins_status master_loop(run *r, office *o, ins_run_report *report) INS_CHECKED;

hand_terms terms_of(const run *r);

/** The stage, where all ranks compute it together. Collective. */
ins_status work_together(run *r, office *o, ins_run_report *report) INS_CHECKED;

/* ---- phases in which all ranks meet ---------------------------------------------------------- */

/** What is there already: every rank verifies a share, rank 0 learns what is left, of all stages or
 * of the one that is run, and how many of its tasks are done. */
ins_status survey(run *r, ins_run_report *report) INS_CHECKED;
ins_status survey_stage(run *r, size_t *n_done) INS_CHECKED;

/** Lays out the results file or takes up the one that is there. Rank 0 only. */
ins_status prepare_file(const run *r, const ins_value *attributes, office *o) INS_CHECKED;
/** The journal's opening line (collective: every rank names its host) and its closing line. */
ins_status open_journal(const run *r, office *o, const ins_run_report *report) INS_CHECKED;
void close_journal(office *o, ins_status status, const ins_run_report *report);

/** Summaries of the stage. Collective. */
ins_status sum_up(run *r) INS_CHECKED;

#endif
