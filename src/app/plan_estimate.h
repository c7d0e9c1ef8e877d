/* SPDX-License-Identifier: MIT */
/** What a job will take, as `insilico plan` says it and `insilico submit` asks for it. Private to
 * the room. */
#ifndef INSILICO_APP_PLAN_ESTIMATE_H
#define INSILICO_APP_PLAN_ESTIMATE_H

#include "app.h"
#include "insilico/schedule.h"

/** Of a stage, or of all of them. */
typedef struct ins_estimate {
  size_t n_tasks, n_batches;
  double bytes, seconds_per_task, seconds; /* a rank; the slowest task; all tasks on one rank */
} ins_estimate;

typedef struct ins_forecast {
  const ins_ready *ready;
  ins_experiment_context context; /* that the experiment is set up with */
  ins_stages stages;
  ins_estimate stage[INS_MAX_STAGES], all;
  size_t n_done, done[INS_MAX_STAGES]; /* finished tasks of results that are there: all, a stage */
  size_t n_excess;                     /* finished tasks there, for which this job has no room */
  bool same;                      /* they are of this very job, so that the numbers are exact */
  const ins_collective *together; /* all ranks compute every task together; NULL: each its own */
  void *state;                    /* of the experiment, which `together` asks */
  double file_bytes;
} ins_forecast;

/** Sets the experiment up and measures a task on this machine. `ready` has job, source and model,
 * and must outlive the forecast, which stays where it is. On failure the forecast is clear.
 * @return INS_OK; what setup, cost and ins_store_check return */
ins_status ins_forecast_make(const ins_ready *ready, ins_forecast *forecast) INS_CHECKED;
void ins_forecast_clear(ins_forecast *forecast);

/** Are these results (the attribute `job` of their file) of this very job? */
bool ins_forecast_is_same_job(const ins_job *job, const char *json);

/* plan_ranks.c: from the estimates, `done`, `together` and the number of stages alone */

/** Time of all tasks on so many ranks, s. Stages run one after the other, each as long as the rank
 * that gets the most batches of it takes. */
double ins_forecast_seconds(const ins_forecast *forecast, size_t ranks);
/** The same for what is left to do. */
double ins_forecast_seconds_left(const ins_forecast *forecast, size_t ranks);

/** Memory that each of so many ranks takes, in the stage that takes most. Stages that are done
 * count: a run asks for all of them before it begins. */
double ins_forecast_bytes(const ins_forecast *forecast, size_t ranks);
double ins_forecast_stage_bytes(const ins_forecast *forecast, size_t stage, size_t ranks);
/** How many nodes like this one so many ranks need for their memory; 0: no number of them would do.
 * 1 where ranks do not compute together: this is not looked at then. */
size_t ins_forecast_nodes(const ins_forecast *forecast, size_t ranks);

/** The most ranks worth asking for: 20 batches and a minute of work for each, and at least one.
 *
 * At the end of a stage ranks wait for about the time of a batch each, so that a share
 * R * sum_k w[k] / W of the time of R ranks is lost, w[k] being the time of a batch of stage k and
 * W that of all work. R is where this share is one in twenty: of a single stage 20 batches a rank
 * (docs/scale.md has the dealing itself simulated: 91 to 96 % of the time is work then).
 *
 * Where all ranks compute together there are no batches to wait for, but each rank must have room
 * for its part: there are at least so many that a rank fits on a node like this one, or into what
 * the job lets it take. And they are a number that makes a grid of similar sides: 126, not 127. */
size_t ins_forecast_ranks(const ins_forecast *forecast);
/** The same for what is left to do, and for a stage as if it were alone. */
size_t ins_forecast_ranks_left(const ins_forecast *forecast);
size_t ins_forecast_stage_ranks(const ins_forecast *forecast, size_t stage);
/** Are there so many for their memory, more than time alone would be worth? */
bool ins_forecast_is_large(const ins_forecast *forecast);

#endif
