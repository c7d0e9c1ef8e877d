/* SPDX-License-Identifier: MIT */
/** What a job will take, as `insilico plan` says it and `insilico submit` asks for it. Private to
 * the room. */
#ifndef INSILICO_APP_PLAN_ESTIMATE_H
#define INSILICO_APP_PLAN_ESTIMATE_H

#include "app.h"

/** Of a stage, or of all of them. */
typedef struct ins_estimate {
  size_t n_tasks, n_batches;
  double bytes, seconds_per_task, seconds; /* a rank; the slowest task; all tasks on one rank */
} ins_estimate;

typedef struct ins_plan {
  const ins_ready *ready;
  ins_stages stages;
  ins_estimate stage[INS_MAX_STAGES], all;
  size_t n_done, done[INS_MAX_STAGES]; /* finished tasks of results that are there: all, a stage */
  size_t n_excess;                     /* finished tasks there, for which this job has no room */
  bool same;     /* they are of this very job, so that the numbers are exact */
  bool together; /* all ranks compute every task together */
  double file_bytes;
} ins_plan;

/** Sets the experiment up and measures a task on this machine. `ready` has job, source and model,
 * and must outlive the plan. On failure the plan is clear.
 * @return INS_OK; what setup, cost and ins_store_check return */
ins_status ins_plan_make(const ins_ready *ready, ins_plan *plan) INS_CHECKED;
void ins_plan_clear(ins_plan *plan);

/** Are these results (the attribute `job` of their file) of this very job? */
bool ins_plan_is_same_job(const ins_job *job, const char *json);

/* plan_ranks.c: from the estimates, `done`, `together` and the number of stages alone */

/** Time of all tasks on so many ranks, s. Stages run one after the other, each as long as the rank
 * that gets the most batches of it takes. */
double ins_plan_seconds(const ins_plan *plan, size_t ranks);
/** The same for what is left to do. */
double ins_plan_seconds_left(const ins_plan *plan, size_t ranks);

/** The most ranks worth asking for: 20 batches and a minute of work for each, and at least one.
 *
 * At the end of a stage ranks wait for about the time of a batch each, so that a share
 * R * sum_k w[k] / W of the time of R ranks is lost, w[k] being the time of a batch of stage k and
 * W that of all work. R is where this share is one in twenty: of a single stage 20 batches a rank
 * (docs/scale.md has the dealing itself simulated: 91 to 96 % of the time is work then). */
size_t ins_plan_ranks(const ins_plan *plan);
/** The same for what is left to do, and for a stage as if it were alone. */
size_t ins_plan_ranks_left(const ins_plan *plan);
size_t ins_plan_stage_ranks(const ins_plan *plan, size_t stage);

#endif
