/* SPDX-License-Identifier: MIT */
#include "plan_estimate.h"

#include <math.h>
#include <string.h>

#include "insilico/store.h"

bool ins_forecast_is_same_job(const ins_job *job, const char *json) {
  ins_text text = {0};
  const bool same = ins_job_json(job, &text) == INS_OK && strcmp(text.data, json) == 0;
  ins_text_free(&text);
  return same;
}

/* Results of a job that asked for other neurons or seeds count as far as this one has room: which
 * of them are its own shows when it runs. */
static void count_done(ins_forecast *f, const ins_store_summary *summary) {
  for (size_t i = 0; i < summary->n_stages; i++)
    for (size_t k = 0; k < f->stages.n; k++) {
      const char *group = f->stages.layout[k]->group;
      const size_t n = summary->stages[i].n_done, room = f->stage[k].n_tasks;
      if (strcmp(summary->stages[i].name, group ? group : "/") != 0) continue;
      f->done[k] = n < room ? n : room;
      f->n_excess += n - f->done[k];
      f->n_done += f->done[k];
    }
}

static void find_done(ins_forecast *f) {
  ins_store_summary summary = {0};
  const ins_job *job = f->ready->job;
  const char *output = ins_value_text_or(ins_map_get(job->settings, "output"), "");
  if (ins_store_summarise(output, false, &summary) == INS_OK) {
    const char *json = ins_value_text_or(ins_map_get(summary.attributes, "job"), "");
    if (ins_job_continues(job, json) == INS_OK) count_done(f, &summary);
    f->same = ins_forecast_is_same_job(job, json);
  }
  ins_store_summary_clear(&summary);
}

static ins_status estimate_stage(const ins_experiment *experiment, ins_forecast *f, size_t k) {
  ins_estimate *e = &f->stage[k], *all = &f->all;
  ins_status status = experiment->cost(f->state, k, &e->bytes, &e->seconds_per_task);
  if (status != INS_OK) return status;
  e->n_tasks = ins_layout_tasks(f->stages.layout[k]);
  e->n_batches = ins_layout_batches(f->stages.layout[k]);
  e->seconds = e->seconds_per_task * (double)e->n_tasks;
  all->n_tasks += e->n_tasks;
  all->n_batches += e->n_batches;
  all->seconds += e->seconds;
  all->bytes = fmax(all->bytes, e->bytes);
  all->seconds_per_task = fmax(all->seconds_per_task, e->seconds_per_task);
  return INS_OK;
}

ins_status ins_forecast_make(const ins_ready *ready, ins_forecast *f) {
  const ins_experiment *experiment = ready->job->experiment->ops;
  *f = (ins_forecast){.ready = ready,
                      .context = {.job = ready->job,
                                  .model = ready->model,
                                  .source = ready->source,
                                  .sources = ready->sources,
                                  .kernels = ins_kernels_best(),
                                  .speaks = true},
                      .together = experiment->together};
  ins_status status = experiment->setup(&f->context, &f->state, &f->stages);
  if (status == INS_OK) status = ins_store_check(f->stages.n, f->stages.layout);
  for (size_t k = 0; k < f->stages.n && status == INS_OK; k++)
    status = estimate_stage(experiment, f, k);
  if (status == INS_OK) {
    f->file_bytes = ins_store_size(f->stages.n, f->stages.layout);
    find_done(f);
  }
  if (status != INS_OK) ins_forecast_clear(f);
  return status;
}

void ins_forecast_clear(ins_forecast *f) {
  const ins_experiment *experiment = f->ready->job->experiment->ops;
  if (f->state) experiment->teardown(&f->state);
  ins_stages_clear(&f->stages);
}
