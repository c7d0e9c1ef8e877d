/* SPDX-License-Identifier: MIT */
#include "plan_estimate.h"

#include <math.h>
#include <string.h>

#include "insilico/store.h"

bool ins_plan_is_same_job(const ins_job *job, const char *json) {
  ins_text text = {0};
  const bool same = ins_job_json(job, &text) == INS_OK && strcmp(text.data, json) == 0;
  ins_text_free(&text);
  return same;
}

/* Results of a job that asked for other neurons or seeds count as far as this one has room: which
 * of them are its own shows when it runs. */
static void count_done(ins_plan *plan, const ins_store_summary *summary) {
  for (size_t i = 0; i < summary->n_stages; i++)
    for (size_t k = 0; k < plan->stages.n; k++) {
      const char *group = plan->stages.layout[k]->group;
      const size_t n = summary->stages[i].n_done, room = plan->stage[k].n_tasks;
      if (strcmp(summary->stages[i].name, group ? group : "/") != 0) continue;
      plan->done[k] = n < room ? n : room;
      plan->n_excess += n - plan->done[k];
      plan->n_done += plan->done[k];
    }
}

static void find_done(ins_plan *plan) {
  ins_store_summary summary = {0};
  const ins_job *job = plan->ready->job;
  const char *output = ins_value_text_or(ins_map_get(job->settings, "output"), "");
  if (ins_store_summarise(output, false, &summary) == INS_OK) {
    const char *json = ins_value_text_or(ins_map_get(summary.attributes, "job"), "");
    if (ins_job_continues(job, json) == INS_OK) count_done(plan, &summary);
    plan->same = ins_plan_is_same_job(job, json);
  }
  ins_store_summary_clear(&summary);
}

static ins_status estimate_stage(const ins_experiment *experiment, void *state, ins_plan *plan,
                                 size_t k) {
  ins_estimate *e = &plan->stage[k], *all = &plan->all;
  ins_status status = experiment->cost(state, k, &e->bytes, &e->seconds_per_task);
  if (status != INS_OK) return status;
  e->n_tasks = ins_layout_tasks(plan->stages.layout[k]);
  e->n_batches = ins_layout_batches(plan->stages.layout[k]);
  e->seconds = e->seconds_per_task * (double)e->n_tasks;
  all->n_tasks += e->n_tasks;
  all->n_batches += e->n_batches;
  all->seconds += e->seconds;
  all->bytes = fmax(all->bytes, e->bytes);
  all->seconds_per_task = fmax(all->seconds_per_task, e->seconds_per_task);
  return INS_OK;
}

ins_status ins_plan_make(const ins_ready *ready, ins_plan *plan) {
  const ins_experiment *experiment = ready->job->experiment->ops;
  ins_experiment_context context = {.job = ready->job,
                                    .model = ready->model,
                                    .source = ready->source,
                                    .sources = ready->sources,
                                    .kernels = ins_kernels_best(),
                                    .speaks = true};
  void *state = NULL;
  *plan = (ins_plan){.ready = ready, .together = experiment->together != NULL};
  ins_status status = experiment->setup(&context, &state, &plan->stages);
  if (status == INS_OK) status = ins_store_check(plan->stages.n, plan->stages.layout);
  for (size_t k = 0; k < plan->stages.n && status == INS_OK; k++)
    status = estimate_stage(experiment, state, plan, k);
  if (status == INS_OK) {
    plan->file_bytes = ins_store_size(plan->stages.n, plan->stages.layout);
    find_done(plan);
  }
  if (state) experiment->teardown(&state);
  if (status != INS_OK) ins_plan_clear(plan);
  return status;
}

void ins_plan_clear(ins_plan *plan) {
  ins_stages_clear(&plan->stages);
}
