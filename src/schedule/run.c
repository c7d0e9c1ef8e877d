/* SPDX-License-Identifier: MIT */
/* The phases of a run. In the collective ones every rank meets at ins_agree before anyone may
 * return; the run phase between them has no collective call. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/comm.h"
#include "insilico/file.h"
#include "insilico/journal.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "protocol.h"

static const double lock_patience_s = 10;

/** What only rank 0 has. */
typedef struct office {
  ins_lock *lock;
  ins_journal *journal;
  size_t n_kept; /* tasks copied from an earlier layout */
} office;

/* ---- lay out or resume ----------------------------------------------------------------------- */

static const char *output_of(const run *r) {
  return ins_value_text_or(ins_map_get(r->context->job->settings, "output"), "");
}

/* Inputs are known by their contents: a moved file is the same, a changed one is not. */
static ins_status check_same_input(const char *path, const char *key, const char *what,
                                   const ins_value *old, const ins_value *new) {
  const char *before = ins_value_text_or(ins_map_get(old, key), "");
  const char *now = ins_value_text_or(ins_map_get(new, key), "");
  if (strcmp(before, now) == 0) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s holds results of another %s (sha256 %.12s..., now %.12s...); choose another "
                  "output, or start over with --fresh",
                  path, what, before, now);
}

/* The path was agreed before the lock was held: another run may have begun the file in between. */
static ins_status check_same_path(const char *path, const ins_store_facts *facts,
                                  const ins_value *attributes) {
  const char *now = ins_value_text_or(ins_map_get(attributes, "instruction_set"), "");
  if (!facts->instruction_set || strcmp(facts->instruction_set, now) == 0) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s was begun with instruction set '%s' by another run just now; run again", path,
                  facts->instruction_set);
}

/* An existing results file: goes on as it is, or is laid out anew for an extended or damaged job.
 */
static ins_status take_up(const run *r, const ins_value *attributes, const ins_store_facts *facts,
                          office *o) {
  const char *path = output_of(r);
  const char *job = ins_value_text_or(ins_map_get(attributes, "job"), "");
  if (facts->opens) {
    if (!facts->job_json)
      return ins_fail(INS_ERR_ARGUMENT,
                      "%s exists and was not written by insilico; choose another output", path);
    ins_status status = ins_job_continues(r->context->job, facts->job_json);
    if (status != INS_OK) return ins_within(status, "%s exists", path);
    status = check_same_input(path, "model_sha256", "model", facts->attributes, attributes);
    if (status == INS_OK)
      status =
          check_same_input(path, "stimulus_sha256", "stimulus file", facts->attributes, attributes);
    if (status == INS_OK) status = check_same_path(path, facts, attributes);
    if (status != INS_OK) return status;
    if (facts->same_axes && strcmp(job, facts->job_json) == 0) return INS_OK;
  }
  ins_status status = ins_store_relayout(path, path, r->layout, attributes, &o->n_kept);
  if (status == INS_OK)
    ins_log(INS_LOG_INFO, "%s: %s, %zu finished tasks kept", path,
            facts->opens ? "laid out anew for the extended job"
                         : "was damaged and is laid out anew",
            o->n_kept);
  return status;
}

static ins_status prepare_file(const run *r, const ins_value *attributes, bool fresh, office *o) {
  const char *path = output_of(r);
  ins_store_facts facts = {0};
  ins_status status = ins_file_make_parents(path);
  if (status == INS_OK) status = ins_lock_take(path, lock_patience_s, &o->lock);
  if (status == INS_OK) status = ins_store_probe(path, r->layout, &facts);
  if (status == INS_OK) {
    if (facts.exists && !fresh)
      status = take_up(r, attributes, &facts, o);
    else
      status = ins_store_create(path, r->layout, attributes);
  }
  if (status == INS_OK) status = ins_journal_open(path, &o->journal);
  ins_store_facts_clear(&facts);
  return status;
}

/* ---- what is there already ------------------------------------------------------------------- */

/* Every rank verifies its share of the tasks and learns the state of all. */
static ins_status survey(run *r) {
  size_t n = ins_layout_tasks(r->layout), share = n / (size_t)r->size + 1;
  size_t first = share * (size_t)r->rank, last = first + share;
  int *counts = NULL, *offsets = NULL;
  if (n > INT_MAX) /* the same on all ranks: nobody waits */
    return ins_fail(INS_ERR_UNSUPPORTED, "%zu tasks are more than one job can have (%d); divide it",
                    n, INT_MAX);
  if (first > n) first = n;
  if (last > n) last = n;
  ins_status status = ins_alloc(n, sizeof *r->task_state, &r->task_state);
  if (status == INS_OK) status = ins_alloc((size_t)r->size, sizeof *counts, &counts);
  if (status == INS_OK) status = ins_alloc((size_t)r->size, sizeof *offsets, &offsets);
  if (status == INS_OK && last > first)
    status = ins_store_verify(r->store, first, last - first, r->task_state + first);
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

/* The batches with work left; failed tasks are tried again. */
static ins_status list_pending(run *r, ins_run_report *report) {
  size_t n = ins_layout_tasks(r->layout), n_batches = ins_layout_batches(r->layout);
  ins_status status = ins_alloc(n_batches, sizeof *r->pending, &r->pending);
  if (status != INS_OK) return status;
  report->n_tasks = n;
  for (size_t k = 0; k < n; k++) {
    report->n_kept += r->task_state[k] == INS_TASK_DONE;
    /* Tried again by one rank only: what the others remember must not outweigh what it finds. */
    if (r->task_state[k] == INS_TASK_FAILED) r->task_state[k] = INS_TASK_PENDING;
  }
  for (size_t b = 0; b < n_batches; b++) {
    bool left = false;
    for (size_t k = b * r->layout->batch; k < (b + 1) * r->layout->batch && k < n; k++)
      left = left || r->task_state[k] != INS_TASK_DONE;
    if (left) r->pending[r->n_pending++] = (int64_t)b;
  }
  return INS_OK;
}

/* ---- summing up ------------------------------------------------------------------------------ */

/** Buffers for one group along the reduced axis. */
typedef struct gathering {
  size_t *task;
  bool *done;
  void *rows[INS_MAX_VARIABLES], *summary[INS_MAX_VARIABLES];
} gathering;

static ins_status gathering_create(const run *r, size_t n, gathering *g) {
  const ins_layout *layout = r->layout;
  ins_status status = ins_alloc(n, sizeof *g->task, &g->task);
  if (status == INS_OK) status = ins_alloc(n, sizeof *g->done, &g->done);
  for (int v = 0; status == INS_OK && v < layout->n_variables; v++) {
    size_t bytes = ins_layout_row_bytes(layout, v);
    if (layout->variables[v].summed) status = ins_alloc(n, bytes, &g->rows[v]);
    if (layout->variables[v].scope == INS_SUMMARY) status = ins_alloc(1, bytes, &g->summary[v]);
  }
  return status;
}

static void gathering_clear(gathering *g) {
  ins_free(&g->task);
  ins_free(&g->done);
  for (int v = 0; v < INS_MAX_VARIABLES; v++) {
    ins_free(&g->rows[v]);
    ins_free(&g->summary[v]);
  }
}

static ins_status sum_up_group(const run *r, gathering *g, size_t n, size_t group) {
  ins_status status = INS_OK;
  ins_layout_group(r->layout, group, g->task);
  for (size_t k = 0; k < n; k++) g->done[k] = r->task_state[g->task[k]] == INS_TASK_DONE;
  for (int v = 0; status == INS_OK && v < r->layout->n_variables; v++)
    if (g->rows[v]) status = ins_store_read(r->store, v, n, g->task, g->rows[v]);
  if (status != INS_OK) return status;
  ins_group view = {
      .n = n, .done = g->done, .rows = (const void *const *)g->rows, .summary = g->summary};
  status = r->experiment->finish(r->state, &view);
  for (int v = 0; status == INS_OK && v < r->layout->n_variables; v++)
    if (g->summary[v]) status = ins_store_write_summary(r->store, v, group, g->summary[v]);
  return status;
}

/* Groups go round the ranks; each task's fate is known to the rank that computed it, so they share
 * it. */
static ins_status sum_up(run *r) {
  gathering g = {0};
  if (!r->experiment->finish || r->layout->reduced < 0) return INS_OK;
  MPI_Allreduce(MPI_IN_PLACE, r->task_state, (int)ins_layout_tasks(r->layout), MPI_UINT8_T, MPI_MAX,
                r->comm);
  size_t n = r->layout->axes[r->layout->reduced].length;
  ins_status status = gathering_create(r, n, &g);
  for (size_t k = (size_t)r->rank; status == INS_OK && k < ins_layout_groups(r->layout);
       k += (size_t)r->size)
    status = sum_up_group(r, &g, n, k);
  gathering_clear(&g);
  return ins_agree(r->comm, status);
}

/* ---- the journal's opening and closing lines ------------------------------------------------- */

static ins_status add_text(ins_value *map, const char *key, const char *text) {
  return text ? ins_map_take(map, key, ins_value_text(text)) : INS_OK;
}

static ins_status start_fields(const run *r, const char *hosts, const ins_run_report *report,
                               ins_value *fields) {
  ins_value *list = ins_value_list();
  ins_status status = list ? INS_OK : INS_ERR_MEMORY;
  for (int k = 0; status == INS_OK && k < r->size; k++)
    status = ins_list_take(list, ins_value_text(hosts + (size_t)k * MPI_MAX_PROCESSOR_NAME));
  if (status == INS_OK)
    status = ins_map_take(fields, "hosts", list);
  else
    ins_value_destroy(&list);
  if (status == INS_OK) status = ins_map_take(fields, "ranks", ins_value_int(r->size));
  if (status == INS_OK)
    status = ins_map_take(fields, "tasks", ins_value_int((int64_t)report->n_tasks));
  if (status == INS_OK)
    status = ins_map_take(fields, "kept", ins_value_int((int64_t)report->n_kept));
  if (status == INS_OK)
    status = add_text(fields, "instruction_set", ins_kernels_name(r->context->kernels));
  if (status == INS_OK) status = add_text(fields, "slurm_job_id", getenv("SLURM_JOB_ID"));
  if (status == INS_OK) status = add_text(fields, "slurm_restarts", getenv("SLURM_RESTART_COUNT"));
  return status;
}

/* Collective: every rank names its host. */
static ins_status open_journal(const run *r, office *o, const ins_run_report *report) {
  char mine[MPI_MAX_PROCESSOR_NAME] = "", *all = NULL;
  int length;
  ins_status status = INS_OK;
  if (r->rank == 0) status = ins_alloc((size_t)r->size, sizeof mine, &all);
  if ((status = ins_agree(r->comm, status)) != INS_OK) return status;
  MPI_Get_processor_name(mine, &length);
  MPI_Gather(mine, sizeof mine, MPI_CHAR, all, sizeof mine, MPI_CHAR, 0, r->comm);
  if (r->rank != 0) return INS_OK;
  ins_value *fields = ins_value_map();
  if (fields && start_fields(r, all, report, fields) != INS_OK) ins_value_destroy(&fields);
  ins_journal_write(o->journal, "start", fields);
  ins_free(&all);
  return INS_OK;
}

static void close_journal(office *o, ins_status status, const ins_run_report *report) {
  ins_value *fields = ins_value_map();
  if (fields &&
      (ins_map_take(fields, "status", ins_value_text(ins_status_name(status))) != INS_OK ||
       ins_map_take(fields, "message", ins_value_text(status == INS_OK ? "" : ins_message())) !=
           INS_OK ||
       ins_map_take(fields, "done", ins_value_int((int64_t)report->n_done)) != INS_OK ||
       ins_map_take(fields, "failed", ins_value_int((int64_t)report->n_failed)) != INS_OK ||
       ins_map_take(fields, "seconds", ins_value_real(report->seconds)) != INS_OK))
    ins_value_destroy(&fields);
  ins_journal_write(o->journal, status == INS_ERR_STOPPED ? "stop" : "end", fields);
  ins_journal_close(&o->journal);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static ins_status compute_all(run *r, const ins_run_options *options, office *o,
                              ins_run_report *report) {
  ins_status status = survey(r);
  if (status == INS_OK) status = ins_agree(r->comm, list_pending(r, report));
  if (status == INS_OK) status = open_journal(r, o, report);
  if (status != INS_OK) return status;
  status = r->rank == 0 ? master_loop(r, options, o->journal, report) : worker_loop(r);
  /* A stopped worker is no news of its own: rank 0 knows why. */
  status = ins_agree(r->comm, r->rank != 0 && status == INS_ERR_STOPPED ? INS_OK : status);
  if (status == INS_OK) status = sum_up(r);
  report->n_pending = report->n_tasks - report->n_kept - report->n_done - report->n_failed;
  if (status == INS_OK && r->rank == 0 && report->n_failed)
    status = ins_fail(INS_ERR_TASKS, "%zu of %zu tasks failed; the first, task %zu: %s",
                      report->n_failed, report->n_tasks, report->first_failed_task,
                      report->first_failure);
  return ins_agree(r->comm, status);
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
  ins_status status = ins_agree(comm, experiment->setup(context, &r.state, &r.layout));
  if (status == INS_OK)
    status =
        ins_agree(comm, r.rank == 0 ? prepare_file(&r, attributes, options->fresh, &o) : INS_OK);
  if (status == INS_OK) status = ins_store_open(comm, output_of(&r), r.layout, &r.store);
  if (status == INS_OK) {
    status = compute_all(&r, options, &o, report);
    strcpy(reason, ins_message());
    ins_status closed = ins_agree(comm, ins_store_close(&r.store));
    if (status == INS_OK)
      status = closed;
    else
      status = ins_fail(status, "%s", reason);
  }
  if (r.rank == 0) close_journal(&o, status, report);
  ins_lock_release(&o.lock);
  ins_free(&r.task_state);
  ins_free(&r.pending);
  if (r.state) experiment->teardown(&r.state);
  ins_layout_destroy(&r.layout);
  return status;
}
