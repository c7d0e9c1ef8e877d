/* SPDX-License-Identifier: MIT */
/* The phases of a run. In the collective ones every rank meets at ins_agree before anyone may
 * return; the run phase of each stage between them has no collective call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/comm.h"
#include "insilico/fault.h"
#include "insilico/journal.h"
#include "insilico/memory.h"
#include "run.h"

/* A file is copied faster than that anywhere, bytes a second. */
static const double SLOW_DISK = 5e6;

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
  if (status == INS_OK && ins_fault("begin", -1))
    status = ins_fail(INS_ERR_MEMORY, "the stage cannot begin, on purpose (INS_FAULT)");
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

static ins_status do_my_part(run *r, office *o, ins_run_report *report) {
  if (r->rank == 0) return master_loop(r, o, report);
  return team_is_foreman(&r->team) ? foreman_loop(r) : worker_loop(r);
}

/* The run phase; it ends with everybody's best knowledge of who is still there. */
static ins_status work(run *r, office *o, ins_run_report *report) {
  if (ins_comm_survives()) MPI_Comm_set_errhandler(r->comm, MPI_ERRORS_RETURN);
  ins_status status = do_my_part(r, o, report);
  wire_finish(r);
  r->lost = !ins_comm_all_there(r->comm, r->lost);
  if (r->lost) return ins_fail(INS_ERR_LOST, "ranks were lost");
  if (ins_comm_survives()) ins_comm_guard(r->comm);
  /* A stopped worker is no news of its own: rank 0 knows why. */
  return ins_agree(r->comm, r->rank != 0 && status == INS_ERR_STOPPED ? INS_OK : status);
}

/* What the file says counts. */
static void recount(const run *r, size_t done, size_t done_before, size_t failed_before, office *o,
                    ins_run_report *report) {
  report->n_done = o->progress.n_done = done_before + done - r->n_kept[r->stage];
  report->n_failed = o->progress.n_failed = failed_before;
}

/* A rank that was silent and came back may have written over what others had done meanwhile: a task
 * can fail on one rank alone. So where work was dealt twice the rows are verified, now that
 * everybody has left, and what is not done is done again. */
static ins_status work_until_sure(run *r, office *o, ins_run_report *report) {
  enum { ROUNDS = 3 };
  const size_t done_before = o->progress.n_done, failed_before = o->progress.n_failed;
  ins_status status = work(r, o, report);
  for (int round = 0; round < ROUNDS && status == INS_OK; round++) {
    int64_t again = r->withdrew;
    size_t done;
    MPI_Bcast(&again, 1, MPI_INT64_T, 0, r->comm);
    if (!again) break;
    status = ins_store_sync(r->store);
    if (status == INS_OK) status = survey_stage(r, &done);
    if (status != INS_OK) break;
    if (r->rank == 0) recount(r, done, done_before, failed_before, o, report);
    again = r->todo[r->stage].n_batches;
    MPI_Bcast(&again, 1, MPI_INT64_T, 0, r->comm);
    if (!again) break;
    status = work(r, o, report);
  }
  return status;
}

static ins_status run_stage(run *r, const ins_results *results, office *o, ins_run_report *report) {
  ins_status status = begin(r, results);
  if (status != INS_OK) return status;
  status = r->experiment->together ? work_together(r, o, report) : work_until_sure(r, o, report);
  if (r->lost) return status;
  /* From here on everybody may read what anybody wrote. */
  if (status == INS_OK && !r->experiment->together &&
      (r->layout->reduced >= 0 || r->stage + 1 < r->stages.n))
    status = ins_store_sync(r->store);
  if (status == INS_OK) status = sum_up(r);
  if (status == INS_OK && r->rank == 0) status = tell_failures(r, report);
  return ins_agree(r->comm, status);
}

static ins_status run_stages(run *r, office *o, ins_run_report *report) {
  const ins_results results = {r, read_rows};
  ins_status status = survey(r, report);
  if (status == INS_OK) status = open_journal(r, o, report);
  if (status != INS_OK) return status;
  if (r->rank == 0)
    progress_start(&o->progress, report->n_tasks, report->n_kept, r->experiment->merit,
                   r->options->quiet);
  for (size_t k = 0; k < r->stages.n && status == INS_OK; k++) {
    enter(r, k);
    if (r->rank == 0) progress_enter(&o->progress, stage_name(r));
    status = run_stage(r, &results, o, report);
  }
  if (r->rank == 0) {
    report->n_pending = report->n_tasks - report->n_kept - report->n_done - report->n_failed;
    report->seconds = progress_seconds(&o->progress);
    progress_end(&o->progress);
  }
  return status;
}

static void run_clear(run *r) {
  for (size_t k = 0; k < r->stages.n; k++) lots_clear(&r->todo[k]);
  ins_free(&r->outbox);
  if (r->state) r->experiment->teardown(&r->state);
  ins_stages_clear(&r->stages);
}

static ins_status set_up(run *r) {
  ins_status status = r->experiment->setup(r->context, &r->state, &r->stages);
  if (status == INS_OK) status = ins_store_set_io(ins_map_get(r->context->job->settings, "io"));
  return status;
}

/* The first thing that went wrong is the one to tell. */
static ins_status close_store(run *r, ins_status status) {
  char reason[INS_MESSAGE_MAX];
  snprintf(reason, sizeof reason, "%s", ins_message());
  if (r->lost) {
    ins_store_abandon(&r->store);
    return ins_fail(status, "%s", reason);
  }
  ins_status closed = ins_agree(r->comm, ins_store_close(&r->store));
  return status == INS_OK ? closed : ins_fail(status, "%s", reason);
}

ins_status ins_run(MPI_Comm comm, const ins_experiment *experiment,
                   const ins_experiment_context *context, const ins_value *attributes,
                   const ins_run_options *options, ins_run_report *report) {
  run r = {.comm = comm, .options = options, .experiment = experiment, .context = context};
  office o = {0};
  *report = (ins_run_report){0};
  MPI_Comm_rank(comm, &r.rank);
  MPI_Comm_size(comm, &r.size);
  ins_agree_patience(2 * PATIENCE * options->deadline_s);
  r.team = team_of(r.size, r.rank, options->group > 0 ? options->group : INS_RANKS_A_FOREMAN);
  ins_status status = ins_agree(comm, set_up(&r));
  if (status == INS_OK && experiment->together) {
    const ins_collective *collective = experiment->together;
    status = collective->check(r.state, comm);
  }
  if (status == INS_OK) {
    const double patience = 2 * PATIENCE * options->deadline_s;
    const double bytes = ins_store_size(r.stages.n, r.stages.layout);
    ins_agree_patience(patience + bytes / SLOW_DISK); /* rank 0 may copy all of it */
    status = ins_agree(comm, r.rank == 0 ? prepare_file(&r, attributes, &o) : INS_OK);
    ins_agree_patience(patience);
  }
  if (status == INS_OK)
    status = ins_store_open(comm, output_of(&r), r.stages.n, r.stages.layout, &r.store);
  if (status == INS_OK) {
    status = run_stages(&r, &o, report);
    status = close_store(&r, status);
  }
  if (r.rank == 0) close_journal(&o, status, report);
  ins_lock_release(&o.lock);
  ins_free(&o.hosts);
  run_clear(&r);
  return status;
}
