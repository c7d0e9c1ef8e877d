/* SPDX-License-Identifier: MIT */
/** What a job will take, as `insilico plan` says it and `insilico submit` asks for it. Private to
 * the room. */
#ifndef INSILICO_APP_PLAN_ESTIMATE_H
#define INSILICO_APP_PLAN_ESTIMATE_H

#include "app.h"

/** Of a stage, or of all of them. */
typedef struct ins_estimate {
  size_t n_tasks, n_batches;
  size_t ranks;                            /* the most worth asking for */
  double bytes, seconds_per_task, seconds; /* a rank; the slowest task; all tasks on one rank */
} ins_estimate;

typedef struct ins_plan {
  const ins_ready *ready;
  ins_stages stages;
  ins_estimate stage[INS_MAX_STAGES], all;
  size_t n_done, done[INS_MAX_STAGES]; /* finished tasks of results that are there: all, a stage */
  size_t n_excess;                     /* finished tasks there, for which this job has no room */
  bool same; /* they are of this very job, so that the numbers are exact */
  double file_bytes;
} ins_plan;

/** Sets the experiment up and measures a task on this machine. `ready` has job, source and model,
 * and must outlive the plan. On failure the plan is clear.
 * @return INS_OK; what setup, cost and ins_store_check return */
ins_status ins_plan_make(const ins_ready *ready, ins_plan *plan) INS_CHECKED;
void ins_plan_clear(ins_plan *plan);

/** Time of all tasks on so many ranks, s. Stages run one after the other, and ranks beyond what a
 * stage can use wait in it. */
double ins_plan_seconds(const ins_plan *plan, size_t ranks);
/** The same for what is left to do. */
double ins_plan_seconds_left(const ins_plan *plan, size_t ranks);
/** Batches left in the stage that has the most: they are what ranks can share. */
size_t ins_plan_batches_left(const ins_plan *plan);

#endif
