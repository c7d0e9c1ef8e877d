/* SPDX-License-Identifier: MIT */
/** What master and workers say to each other. Private to the room.
 *
 * Every message is one fixed struct below 4 kB, so that it is sent eagerly and nobody blocks.
 *
 *   worker -> master   WANT     give me a deal; answered by exactly one DEAL
 *                      REPORT   a batch is done: counts, first failure, best merit
 *                      LEAVE    I have no work any more (or stopped, or failed); answered by BYE
 *   master -> worker   DEAL     pending batches [first, first + n); n = 0: there is nothing left
 *                      HALT     stop within an iteration; at most one, looked for by the pulse
 *                      BYE      `n` = 1 when a HALT was sent and must be received before going
 *
 * A worker wants its next deal when it starts one, so that it never waits. Numbers of batches are
 * positions in the list of pending batches of the stage, which every rank knows. */
#ifndef INSILICO_SCHEDULE_PROTOCOL_H
#define INSILICO_SCHEDULE_PROTOCOL_H

#include <mpi.h>

#include "insilico/schedule.h"
#include "insilico/store.h"
#include "progress.h"

enum { TAG_TO_MASTER = 1, TAG_DEAL, TAG_HALT, TAG_BYE };

typedef enum message_kind { WANT, REPORT, LEAVE, DEAL, HALT, BYE } message_kind;

typedef struct message {
  int32_t kind, status;
  int64_t first, n;
  int64_t n_done, n_failed, failed_task;
  double seconds, merit; /* NaN: none */
  char text[INS_MESSAGE_MAX];
} message;
_Static_assert(sizeof(message) < 4096, "messages are sent eagerly");

/** A run, as every rank sees it. */
typedef struct run {
  MPI_Comm comm;
  int rank, size;
  const ins_experiment *experiment;
  const ins_experiment_context *context;
  void *state;
  ins_stages stages;
  ins_store *store;
  uint8_t *found[INS_MAX_STAGES]; /* [tasks] ins_task_state of every stage */
  /* Of the stage that is run: */
  size_t stage;
  const ins_layout *layout;
  uint8_t *task_state; /* its found[]; each rank updates what it computes */
  int64_t *pending;    /* numbers of batches that have work left */
  size_t n_pending;
} run;

/** What only rank 0 has. */
typedef struct office {
  struct ins_lock *lock;
  struct ins_journal *journal;
  progress progress;
  size_t n_kept; /* tasks copied from an earlier layout */
} office;

/** The stage that is run, where there are several: " of stage 'NAME'" for messages, else ""; NAME
 * for the journal ("/": the root), else NULL. */
const char *stage_of(const run *r, char *out, size_t size);
const char *stage_name(const run *r);

/** Buffers for one batch. */
typedef struct bench {
  size_t *task;
  ins_status *status;
  double *merit;
  char (*message)[INS_MESSAGE_MAX];
  int n_variables;
  void **rows; /* [n_variables] */
} bench;

ins_status bench_create(const run *r, bench *b) INS_CHECKED;
void bench_clear(bench *b);

/** Computes the tasks of pending[position] that have no result yet, writes them, fills `report`.
 * @return INS_OK; INS_ERR_STOPPED (what was finished is written); another code: the rank must stop
 */
ins_status compute_batch(run *r, bench *b, size_t position, const ins_pulse *pulse,
                         message *report) INS_CHECKED;

/** The run phase of a stage, of a worker; of the master. Neither makes a collective call. */
ins_status worker_loop(run *r) INS_CHECKED;
ins_status master_loop(run *r, const ins_run_options *options, office *o,
                       ins_run_report *report) INS_CHECKED;

/** Lays out the results file or takes up the one that is there. Rank 0 only. */
ins_status prepare_file(const run *r, const ins_value *attributes, bool fresh,
                        office *o) INS_CHECKED;
/** The journal's opening line (collective: every rank names its host) and its closing line. */
ins_status open_journal(const run *r, office *o, const ins_run_report *report) INS_CHECKED;
void close_journal(office *o, ins_status status, const ins_run_report *report);

/** Summaries of the stage. Collective. */
ins_status sum_up(run *r) INS_CHECKED;

/** Sleeps a little, longer the more often in a row it is called: *idle counts, 0 to begin with. */
void rest(unsigned *idle);

#endif
