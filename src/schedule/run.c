/* SPDX-License-Identifier: MIT */
/* The phases of a run. In the collective ones every rank meets at ins_agree before anyone may
 * return; the run phase of each stage between them has no collective call. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/comm.h"
#include "insilico/journal.h"
#include "insilico/memory.h"
#include "protocol.h"

static const char *output_of(const run *r) {
  return ins_value_text_or(ins_map_get(r->context->job->settings, "output"), "");
}

/* ---- stages ---------------------------------------------------------------------------------- */

const char *stage_name(const run *r) {
  if (r->stages.n < 2) return NULL;
  return r->layout->group ? r->layout->group : "/";
}

const char *stage_of(const run *r, char *out, size_t size) {
  const char *name = stage_name(r);
  out[0] = '\0';
  if (name) snprintf(out, size, " of stage '%s'", strcmp(name, "/") ? name : "root");
  return out;
}

static void enter(run *r, size_t stage) {
  r->stage = stage;
  r->layout = r->stages.layout[stage];
  r->task_state = r->found[stage];
}

/* ---- what is there already ------------------------------------------------------------------- */

/* Every rank verifies its share of the tasks and learns the state of all. */
static ins_status survey_stage(run *r, size_t stage) {
  enter(r, stage);
  size_t n = ins_layout_tasks(r->layout), share = n / (size_t)r->size + 1;
  size_t first = share * (size_t)r->rank, last = first + share;
  int *counts = NULL, *offsets = NULL;
  if (n > INT_MAX) /* the same on all ranks: nobody waits */
    return ins_fail(INS_ERR_UNSUPPORTED, "%zu tasks are more than one job can have (%d); divide it",
                    n, INT_MAX);
  if (first > n) first = n;
  if (last > n) last = n;
  ins_status status = ins_alloc(n, sizeof *r->task_state, &r->found[stage]);
  r->task_state = r->found[stage];
  if (status == INS_OK) status = ins_alloc((size_t)r->size, sizeof *counts, &counts);
  if (status == INS_OK) status = ins_alloc((size_t)r->size, sizeof *offsets, &offsets);
  if (status == INS_OK && last > first)
    status = ins_store_verify(r->store, stage, first, last - first, r->task_state + first);
  if ((status = ins_agree(r->comm, status)) != INS_OK) goto done;
  for (int k = 0; k < r->size; k++) {
    size_t begin = share * (size_t)k, end = begin + share;
    offsets[k] = (int)(begin < n ? begin : n);
    counts[k] = (int)(end < n ? end : n) - offsets[k];
  }
  MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, r->task_state, counts, offsets, MPI_UINT8_T,
                 r->comm);
done:
  ins_free(&counts);
  ins_free(&offsets);
  return status;
}

/* Of all stages: what is left is known from the beginning. */
static ins_status survey(run *r, ins_run_report *report) {
  for (size_t k = 0; k < r->stages.n; k++) {
    ins_status status = survey_stage(r, k);
    if (status != INS_OK) return status;
    size_t n = ins_layout_tasks(r->layout);
    report->n_tasks += n;
    for (size_t i = 0; i < n; i++) report->n_kept += r->task_state[i] == INS_TASK_DONE;
  }
  return INS_OK;
}

/* The batches with work left; failed tasks are tried again. */
static ins_status list_pending(run *r) {
  size_t n = ins_layout_tasks(r->layout), n_batches = ins_layout_batches(r->layout);
  ins_free(&r->pending);
  r->n_pending = 0;
  ins_status status = ins_alloc(n_batches, sizeof *r->pending, &r->pending);
  if (status != INS_OK) return status;
  /* Tried again by one rank only: what the others remember must not outweigh what it finds. */
  for (size_t k = 0; k < n; k++)
    if (r->task_state[k] == INS_TASK_FAILED) r->task_state[k] = INS_TASK_PENDING;
  for (size_t b = 0; b < n_batches; b++) {
    bool left = false;
    for (size_t k = b * r->layout->batch; k < (b + 1) * r->layout->batch && k < n; k++)
      left = left || r->task_state[k] != INS_TASK_DONE;
    if (left) r->pending[r->n_pending++] = (int64_t)b;
  }
  return INS_OK;
}

/* ---- rows of earlier stages --------------------------------------------------------------------
 */

static ins_status read_rows(void *self, size_t stage, int variable, size_t n, const size_t *task,
                            size_t first, size_t count, void *out) {
  const run *r = self;
  if (stage >= r->stage)
    return ins_fail(INS_ERR_INTERNAL, "rows of stage %zu are asked for in stage %zu", stage,
                    r->stage);
  return ins_store_read(r->store, stage, variable, n, task, first, count, out);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* A signal meanwhile would otherwise wait for a task that this rank may never get. */
static ins_status begin(run *r, const ins_results *results) {
  ins_status status =
      r->experiment->begin ? r->experiment->begin(r->state, r->stage, results) : INS_OK;
  if (status == INS_OK && ins_signals_caught())
    status = ins_fail(INS_ERR_STOPPED, "stopped on request");
  if (status == INS_OK) status = list_pending(r);
  return ins_agree(r->comm, status);
}

/* Later stages read the rows of this one: nothing is computed from rows that are missing. */
static ins_status tell_failures(const run *r, const ins_run_report *report) {
  char stage[160];
  const char *rest = r->stage + 1 < r->stages.n
                         ? ", so the stages after it were not begun; run again to try them"
                         : "";
  if (!report->n_failed) return INS_OK;
  stage_of(r, stage, sizeof stage);
  return ins_fail(INS_ERR_TASKS, "%zu of %zu tasks%s failed%s; the first, task %zu: %s",
                  report->n_failed, ins_layout_tasks(r->layout), stage, rest,
                  report->first_failed_task, report->first_failure);
}

static ins_status run_stage(run *r, const ins_results *results, const ins_run_options *options,
                            office *o, ins_run_report *report) {
  ins_status status = begin(r, results);
  if (status != INS_OK) return status;
  status = r->rank == 0 ? master_loop(r, options, o, report) : worker_loop(r);
  /* A stopped worker is no news of its own: rank 0 knows why. */
  status = ins_agree(r->comm, r->rank != 0 && status == INS_ERR_STOPPED ? INS_OK : status);
  /* From here on everybody may read what anybody wrote. */
  if (status == INS_OK && (r->layout->reduced >= 0 || r->stage + 1 < r->stages.n))
    status = ins_store_sync(r->store);
  if (status == INS_OK) status = sum_up(r);
  if (status == INS_OK && r->rank == 0) status = tell_failures(r, report);
  return ins_agree(r->comm, status);
}

static ins_status run_stages(run *r, const ins_run_options *options, office *o,
                             ins_run_report *report) {
  const ins_results results = {r, read_rows};
  ins_status status = survey(r, report);
  if (status == INS_OK) status = open_journal(r, o, report);
  if (status != INS_OK) return status;
  if (r->rank == 0)
    progress_start(&o->progress, report->n_tasks, report->n_kept, r->experiment->merit,
                   options->quiet);
  for (size_t k = 0; k < r->stages.n && status == INS_OK; k++) {
    enter(r, k);
    if (r->rank == 0) progress_enter(&o->progress, stage_name(r));
    status = run_stage(r, &results, options, o, report);
  }
  if (r->rank == 0) {
    report->n_pending = report->n_tasks - report->n_kept - report->n_done - report->n_failed;
    report->seconds = progress_seconds(&o->progress);
    progress_end(&o->progress);
  }
  return status;
}

static void run_clear(run *r) {
  for (size_t k = 0; k < r->stages.n; k++) ins_free(&r->found[k]);
  ins_free(&r->pending);
  if (r->state) r->experiment->teardown(&r->state);
  ins_stages_clear(&r->stages);
}

ins_status ins_run(MPI_Comm comm, const ins_experiment *experiment,
                   const ins_experiment_context *context, const ins_value *attributes,
                   const ins_run_options *options, ins_run_report *report) {
  run r = {.comm = comm, .experiment = experiment, .context = context};
  office o = {0};
  char reason[INS_MESSAGE_MAX];
  *report = (ins_run_report){0};
  MPI_Comm_rank(comm, &r.rank);
  MPI_Comm_size(comm, &r.size);
  ins_status status = ins_agree(comm, experiment->setup(context, &r.state, &r.stages));
  if (status == INS_OK)
    status =
        ins_agree(comm, r.rank == 0 ? prepare_file(&r, attributes, options->fresh, &o) : INS_OK);
  if (status == INS_OK)
    status = ins_store_open(comm, output_of(&r), r.stages.n, r.stages.layout, &r.store);
  if (status == INS_OK) {
    status = run_stages(&r, options, &o, report);
    strcpy(reason, ins_message());
    ins_status closed = ins_agree(comm, ins_store_close(&r.store));
    if (status == INS_OK)
      status = closed;
    else
      status = ins_fail(status, "%s", reason);
  }
  if (r.rank == 0) close_journal(&o, status, report);
  ins_lock_release(&o.lock);
  run_clear(&r);
  return status;
}
