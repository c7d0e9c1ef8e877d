/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "app.h"
#include "insilico/store.h"

/** What a plan says, in numbers. */
typedef struct estimate {
  size_t n_tasks, n_batches, ranks, n_done;
  double bytes, seconds_per_task, file_bytes;
} estimate;

/* With fewer than about eight batches a rank the last ones leave others waiting. */
static size_t useful_ranks(size_t n_batches) {
  return n_batches < 8 ? 1 : n_batches / 8;
}

static void print_people(const ins_ready *ready, const ins_layout *layout, const estimate *e) {
  char text[64];
  size_t cores = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
  size_t here = e->ranks < cores ? e->ranks : cores;
  double total = e->seconds_per_task * (double)e->n_tasks;
  ins_print("experiment", "%s", ready->job->experiment->name);
  printf("%-20s", "tasks");
  for (int d = 0; d < layout->n_task_axes; d++)
    printf("%s%zu %s", d ? " x " : "", layout->axes[d].length, layout->axes[d].name);
  printf(" = %zu\n", e->n_tasks);
  ins_print("batches", "%zu of %zu task%s", e->n_batches, layout->batch,
            layout->batch == 1 ? "" : "s");
  ins_print("time of a task", "%s at most (measured here)",
            ins_text_duration(e->seconds_per_task, text, sizeof text));
  ins_print("time in all", "%s on one rank", ins_text_duration(total, text, sizeof text));
  if (here > 1)
    ins_print("", "%s on %zu ranks of this machine",
              ins_text_duration(total / (double)here, text, sizeof text), here);
  if (e->ranks > here)
    ins_print("", "%s on %zu ranks, the most worth asking for",
              ins_text_duration(total / (double)e->ranks, text, sizeof text), e->ranks);
  if (e->n_done) ins_print("", "%zu tasks are done already", e->n_done);
  ins_print("memory", "%s a rank", ins_text_bytes(e->bytes, text, sizeof text));
  ins_print("results", "%s in %s", ins_text_bytes(e->file_bytes, text, sizeof text),
            ins_value_text_or(ins_map_get(ready->job->settings, "output"), ""));
  for (int v = 0; v < layout->n_variables; v++) {
    const ins_variable *variable = &layout->variables[v];
    if (variable->scope != INS_PER_TASK) continue;
    printf("  %-22s %s [", variable->name, ins_dtype_name(variable->dtype));
    for (int d = 0; d < layout->n_task_axes; d++)
      printf("%s%s", d ? ", " : "", layout->axes[d].name);
    for (int d = 0; d < variable->n_axes; d++)
      printf(", %s %zu", layout->axes[variable->axes[d]].name,
             layout->axes[variable->axes[d]].length);
    printf("]\n");
  }
}

static void print_json(const ins_ready *ready, const ins_layout *layout, const estimate *e) {
  ins_text text = {0};
  ins_text_add(&text, "{\"experiment\":");
  ins_text_add_json(&text, ready->job->experiment->name);
  ins_text_add(&text, ",\"tasks\":%zu,\"axes\":{", e->n_tasks);
  for (int d = 0; d < layout->n_task_axes; d++) {
    if (d) ins_text_add(&text, ",");
    ins_text_add_json(&text, layout->axes[d].name);
    ins_text_add(&text, ":%zu", layout->axes[d].length);
  }
  ins_text_add(&text,
               "},\"done\":%zu,\"batches\":%zu,\"seconds_per_task\":%.6g,\"seconds\":%.6g,\"bytes_"
               "per_rank\":%.0f,"
               "\"result_bytes\":%.0f,\"ranks\":%zu}",
               e->n_done, e->n_batches, e->seconds_per_task,
               e->seconds_per_task * (double)e->n_tasks, e->bytes, e->file_bytes, e->ranks);
  printf("%s\n", text.data);
  ins_text_free(&text);
}

/* Finished tasks of results that are there already; 0 when there are none to go on with. */
static size_t tasks_done(const ins_ready *ready) {
  ins_store_summary summary = {0};
  const char *output = ins_value_text_or(ins_map_get(ready->job->settings, "output"), "");
  size_t n = 0;
  if (ins_store_summarise(output, false, &summary) == INS_OK &&
      ins_job_continues(ready->job,
                        ins_value_text_or(ins_map_get(summary.attributes, "job"), "")) == INS_OK)
    n = summary.n_done;
  ins_store_summary_clear(&summary);
  return n;
}

static ins_status plan(const ins_ready *ready, bool json) {
  const ins_experiment *experiment = ready->job->experiment->ops;
  ins_experiment_context context = {.job = ready->job,
                                    .model = ready->model,
                                    .source = ready->source,
                                    .kernels = ins_kernels_best()};
  void *state = NULL;
  ins_layout *layout = NULL;
  estimate e = {0};
  ins_status status = experiment->setup(&context, &state, &layout);
  if (status == INS_OK) status = experiment->cost(state, &e.bytes, &e.seconds_per_task);
  if (status == INS_OK) {
    e.n_tasks = ins_layout_tasks(layout);
    e.n_batches = ins_layout_batches(layout);
    e.ranks = useful_ranks(e.n_batches);
    e.file_bytes = ins_store_size(layout);
    e.n_done = tasks_done(ready);
    if (json)
      print_json(ready, layout, &e);
    else
      print_people(ready, layout, &e);
  }
  if (state) experiment->teardown(&state);
  ins_layout_destroy(&layout);
  return status;
}

ins_status ins_command_plan(const ins_arguments *arguments) {
  ins_ready ready = {0};
  ins_status status = ins_ready_job(arguments, &ready);
  if (status == INS_OK) status = ins_ready_source(&ready);
  if (status == INS_OK) status = ins_ready_model(&ready);
  if (status == INS_OK) status = plan(&ready, arguments->json);
  ins_ready_clear(&ready);
  return status;
}
