/* SPDX-License-Identifier: MIT */
/* The jobs of one call: who reads whose results, in which order they go, what each needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/journal.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "insilico/population.h"
#include "insilico/store.h"
#include "plan_estimate.h"
#include "submit.h"

/* ---- who waits for whom ---------------------------------------------------------------------- */

/* Does the text name that file? Arrays in files are written FILE.h5:DATASET, and DATASET may have
 * slashes in it. */
static ins_status names_file(const char *text, const char *output, bool *yes) {
  *yes = false;
  for (size_t n = strcspn(text, ":");; n += 1 + strcspn(text + n + 1, ":")) {
    char *file = strndup(text, n), *path = file ? ins_submit_canonical(file) : NULL;
    const bool failed = !path;
    *yes = path && strcmp(path, output) == 0;
    free(file);
    free(path);
    if (failed) return ins_fail(INS_ERR_MEMORY, "out of memory for paths");
    if (*yes || !text[n]) return INS_OK;
  }
}

/* Any text of the tree that names the output. */
static ins_status reads(const ins_value *tree, const char *output, bool *yes) {
  ins_status status = INS_OK;
  if (tree && tree->kind == INS_TEXT) return names_file(tree->text, output, yes);
  *yes = false;
  for (size_t i = 0; i < ins_value_count(tree) && status == INS_OK && !*yes; i++)
    status = reads(tree->children.items[i], output, yes);
  return status;
}

/* Does it run that job first, so that it finds its results where that has been run before? */
static ins_status runs(const ins_submit_job *job, const ins_submit_job *other, bool *yes) {
  const ins_value *data = ins_map_get(job->ready.job->settings, "data");
  char *path = ins_submit_canonical(other->path);
  ins_status status = path ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory for paths");
  *yes = false;
  for (size_t i = 0; i < ins_value_count(data) && status == INS_OK && !*yes; i++) {
    const ins_value *entry = data->children.items[i];
    if (!ins_value_count(ins_map_get(entry, "overrides")))
      status = reads(ins_map_get(entry, "job"), path, yes);
  }
  free(path);
  return status;
}

static ins_status add_wait(ins_submit_job *job, size_t other) {
  ins_status status = ins_grow(&job->waits_for, &job->capacity, job->n_waits + 1, sizeof other);
  if (status == INS_OK) job->waits_for[job->n_waits++] = other;
  return status;
}

static ins_status find_waits(ins_submit_jobs *jobs, size_t i) {
  ins_submit_job *job = &jobs->at[i];
  const ins_value *model = ins_map_get(job->ready.job->settings, "model");
  ins_value *inputs = NULL;
  ins_status status = ins_job_inputs(job->ready.job, &inputs);
  for (size_t k = 0; k < jobs->n && status == INS_OK; k++) {
    bool yes = false;
    status = reads(inputs, jobs->at[k].output, &yes);
    if (status == INS_OK && !yes) status = runs(job, &jobs->at[k], &yes);
    if (status == INS_OK && !yes) {
      status = reads(model, jobs->at[k].output, &yes);
      job->model_waits = job->model_waits || yes;
    }
    if (status == INS_OK && yes && k == i)
      status = ins_fail(INS_ERR_ARGUMENT, "%s reads its own output, %s", job->path, job->output);
    if (status == INS_OK && yes) status = add_wait(job, k);
  }
  ins_value_destroy(&inputs);
  return status;
}

static ins_status check_outputs(const ins_submit_jobs *jobs) {
  for (size_t i = 0; i < jobs->n; i++)
    for (size_t k = 0; k < i; k++)
      if (strcmp(jobs->at[i].output, jobs->at[k].output) == 0)
        return ins_fail(INS_ERR_ARGUMENT, "%s and %s both write %s; give each an output of its own",
                        jobs->at[k].path, jobs->at[i].path, jobs->at[i].output);
  return INS_OK;
}

static bool all_before(const ins_submit_job *job, const bool *placed) {
  for (size_t k = 0; k < job->n_waits; k++)
    if (!placed[job->waits_for[k]]) return false;
  return true;
}

/* Each job after those it waits for, else as they were given. */
static ins_status sort(ins_submit_jobs *jobs) {
  bool *placed;
  size_t n = 0, before;
  ins_status status = ins_alloc(jobs->n, sizeof *placed, &placed);
  if (status != INS_OK) return status;
  do {
    before = n;
    for (size_t i = 0; i < jobs->n; i++)
      if (!placed[i] && all_before(&jobs->at[i], placed)) {
        placed[i] = true;
        jobs->order[n++] = i;
      }
  } while (n > before);
  for (size_t i = 0; i < jobs->n && n < jobs->n; i++) {
    if (placed[i]) continue;
    status =
        ins_fail(INS_ERR_ARGUMENT,
                 "jobs wait for each other's results, %s among them: it reads the output of %s",
                 jobs->at[i].path, jobs->at[jobs->at[i].waits_for[0]].path);
    break;
  }
  ins_free(&placed);
  return status;
}

/* ---- needs ----------------------------------------------------------------------------------- */

static double seconds_on(const void *plan, size_t ranks) {
  return ins_forecast_seconds_left(plan, ranks);
}

static double bytes_on(const void *plan, size_t ranks) {
  return ins_forecast_bytes(plan, ranks);
}

/* Found now, and not by a job that fails after a night in the queue. */
static ins_status check_output(const ins_submit_job *job) {
  ins_store_facts facts = {0};
  ins_status status = ins_store_probe(job->output, 0, NULL, &facts);
  if (status == INS_OK && facts.exists && !facts.ours)
    status = ins_fail(INS_ERR_ARGUMENT,
                      "%s: is there already and is no results file; choose "
                      "another output",
                      job->output);
  if (status == INS_OK && facts.job_json) {
    status = ins_job_continues(job->ready.job, facts.job_json);
    if (status != INS_OK)
      status = ins_fail(INS_ERR_ARGUMENT,
                        "%s: holds results of another job, so that this one cannot go on with it; "
                        "choose another output, or remove it (`insilico run %s` says what differs)",
                        job->output, job->path);
  }
  ins_store_facts_clear(&facts);
  return status;
}

/* Did its last run come to the end? One that was stopped in summing up is taken up again. */
static bool was_closed(const char *output) {
  ins_value *events = NULL;
  bool closed = false;
  if (ins_journal_read(output, 100000, &events) != INS_OK) return false;
  for (size_t i = 0; i < ins_value_count(events); i++) {
    const ins_value *event = events->children.items[i];
    const char *name = ins_value_text_or(ins_map_get(event, "event"), "");
    if (!strcmp(name, "start") || !strcmp(name, "stop")) closed = false;
    if (!strcmp(name, "end"))
      closed = !strcmp(ins_value_text_or(ins_map_get(event, "status"), ""), "INS_OK");
  }
  ins_value_destroy(&events);
  return closed;
}

static ins_status plan_job(ins_submit_job *job, const ins_submit_order *order,
                           const ins_value *site) {
  ins_forecast plan;
  ins_status status = ins_ready_source(&job->ready);
  if (status == INS_OK) status = ins_ready_model(&job->ready);
  if (status == INS_OK) status = ins_forecast_make(&job->ready, &plan);
  if (status != INS_OK) return status;
  job->finished = plan.same && plan.n_done == plan.all.n_tasks && was_closed(job->output);
  if (plan.n_excess) {
    status =
        ins_fail(INS_ERR_ARGUMENT,
                 "%s: this job has no place for %zu finished tasks of it, which would be lost; "
                 "choose another output, or remove the results and submit again",
                 job->output, plan.n_excess);
    ins_forecast_clear(&plan);
    return status;
  }
  const ins_submit_left left = {.n_tasks = plan.all.n_tasks,
                                .n_done = plan.n_done,
                                .ranks = ins_forecast_ranks_left(&plan),
                                .bytes_on = bytes_on,
                                /* what all compute together gets shorter with more of them */
                                .seconds_per_task = plan.together ? 0 : plan.all.seconds_per_task,
                                .seconds_on = seconds_on,
                                .plan = &plan};
  job->n_tasks = plan.all.n_tasks;
  job->n_done = plan.n_done;
  job->planned = true;
  status = ins_submit_size(&left, &order->given, site, &job->needs);
  ins_forecast_clear(&plan);
  /* Many jobs with large models are planned one by one, on a machine that others work on. */
  ins_model_destroy(&job->ready.model);
  ins_model_source_destroy(&job->ready.source);
  return status;
}

/* All that a plan would say has been said. */
static bool needs_no_plan(const ins_submit_order *order) {
  char missing[80];
  return order->no_plan || !*ins_submit_missing(&order->given, missing, sizeof missing);
}

/* Fetches the model if it is a published one. What reads results files has none: they may be made
 * by the jobs it waits for, or by itself. */
static ins_status look_for_model(ins_submit_job *job) {
  if (!ins_ready_on_model(&job->ready)) return ins_population_check(job->ready.job);
  return job->model_waits ? INS_OK : ins_ready_source(&job->ready);
}

/* Whether all of it is there shows without a model. */
static void look_for_results(ins_submit_job *job) {
  ins_store_summary summary = {0};
  if (ins_store_summarise(job->output, false, &summary) == INS_OK) {
    const char *json = ins_value_text_or(ins_map_get(summary.attributes, "job"), "");
    job->n_tasks = summary.n_tasks;
    job->n_done = summary.n_done;
    job->finished = summary.n_done == summary.n_tasks &&
                    ins_forecast_is_same_job(job->ready.job, json) && was_closed(job->output);
  }
  ins_store_summary_clear(&summary);
}

static ins_status take_given(ins_submit_job *job, const ins_submit_order *order,
                             const ins_value *site) {
  const ins_submit_left left = {.ranks = 1};
  ins_status status = INS_OK;
  if (!order->no_plan) status = look_for_model(job);
  ins_model_source_destroy(&job->ready.source);
  if (status == INS_OK) look_for_results(job);
  return status == INS_OK ? ins_submit_size(&left, &order->given, site, &job->needs) : status;
}

/* What is finished is not waited for. */
static void drop_finished(const ins_submit_jobs *jobs, ins_submit_job *job) {
  size_t n = 0;
  for (size_t k = 0; k < job->n_waits; k++)
    if (!jobs->at[job->waits_for[k]].finished) job->waits_for[n++] = job->waits_for[k];
  job->n_waits = n;
}

/* Are the results of all that it waits for there, so that it can be planned? */
static bool can_plan(const ins_submit_jobs *jobs, const ins_submit_job *job) {
  for (size_t k = 0; k < job->n_waits; k++) {
    const ins_submit_job *other = &jobs->at[job->waits_for[k]];
    if (!other->planned || other->n_done < other->n_tasks) return false;
  }
  return true;
}

/* Most messages say where in the job file it is. */
static ins_status in_job(ins_status status, const ins_submit_job *job) {
  if (status == INS_OK || strncmp(ins_message(), job->path, strlen(job->path)) == 0) return status;
  return ins_within(status, "%s", job->path);
}

static ins_status size_job(ins_submit_jobs *jobs, size_t i, const ins_submit_order *order,
                           const ins_value *site) {
  ins_submit_job *job = &jobs->at[i];
  ins_status status = check_output(job);
  if (status != INS_OK) return status;
  drop_finished(jobs, job);
  if (needs_no_plan(order)) return in_job(take_given(job, order, site), job);
  if (can_plan(jobs, job)) return in_job(plan_job(job, order, site), job);
  status = look_for_model(job);
  ins_model_source_destroy(&job->ready.source);
  if (status != INS_OK) return in_job(status, job);
  job->needs = jobs->at[job->waits_for[0]].needs;
  ins_log(INS_LOG_INFO,
          "%s reads results that are not there yet, so it cannot be planned: it is sized like %s, "
          "unless options say otherwise",
          job->path, jobs->at[job->waits_for[0]].path);
  return INS_OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static ins_status load(const ins_submit_order *order, const ins_arguments *arguments, size_t i,
                       ins_submit_job *job) {
  const char *words[] = {order->jobs[i]};
  ins_arguments one = *arguments;
  const char **all;
  ins_status status = ins_alloc(1 + order->n_overrides, sizeof *all, &all);
  if (status != INS_OK) return status;
  all[0] = words[0];
  for (size_t k = 0; k < order->n_overrides; k++) all[1 + k] = order->overrides[k];
  one.words = all;
  one.n_words = 1 + order->n_overrides;
  job->path = order->jobs[i];
  status = ins_ready_job(&one, &job->ready);
  ins_free(&all);
  if (status != INS_OK) return status;
  job->output =
      ins_submit_canonical(ins_value_text_or(ins_map_get(job->ready.job->settings, "output"), ""));
  return job->output ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory for paths");
}

ins_status ins_submit_jobs_read(const ins_submit_order *order, const ins_arguments *arguments,
                                const ins_value *site, ins_submit_jobs *jobs) {
  *jobs = (ins_submit_jobs){.n = order->n_jobs};
  ins_status status = ins_alloc(jobs->n, sizeof *jobs->at, &jobs->at);
  if (status == INS_OK) status = ins_alloc(jobs->n, sizeof *jobs->order, &jobs->order);
  for (size_t i = 0; i < jobs->n && status == INS_OK; i++)
    status = load(order, arguments, i, &jobs->at[i]);
  if (status == INS_OK) status = check_outputs(jobs);
  for (size_t i = 0; i < jobs->n && status == INS_OK; i++) status = find_waits(jobs, i);
  if (status == INS_OK) status = sort(jobs);
  for (size_t i = 0; i < jobs->n && status == INS_OK; i++)
    status = size_job(jobs, jobs->order[i], order, site);
  return status;
}

void ins_submit_jobs_clear(ins_submit_jobs *jobs) {
  for (size_t i = 0; jobs->at && i < jobs->n; i++) {
    ins_ready_clear(&jobs->at[i].ready);
    free(jobs->at[i].output);
    ins_free(&jobs->at[i].waits_for);
  }
  ins_free(&jobs->at);
  ins_free(&jobs->order);
}
