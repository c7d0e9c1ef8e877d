/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plan_estimate.h"

static void print_tasks(const ins_layout *layout, size_t n_tasks) {
  for (int d = 0; d < layout->n_task_axes; d++)
    printf("%s%zu %s", d ? " x " : "", layout->axes[d].length, layout->axes[d].name);
  if (layout->n_task_axes)
    printf(" = %zu\n", n_tasks);
  else
    printf("1\n");
}

static const char *name_of(const ins_layout *layout) {
  return layout->group ? layout->group : "(root)";
}

static void print_stages(const ins_forecast *o) {
  char text[64];
  int width = 0;
  if (o->stages.n == 1) {
    printf("%-20s", "tasks");
    print_tasks(o->stages.layout[0], o->all.n_tasks);
    ins_print("batches", "%zu of %zu task%s", o->all.n_batches, o->stages.layout[0]->batch,
              o->stages.layout[0]->batch == 1 ? "" : "s");
    ins_print("time of a task", "%s at most (measured here)",
              ins_text_duration(o->all.seconds_per_task, text, sizeof text));
    return;
  }
  ins_print("stages", "%zu, one after the other; times measured here", o->stages.n);
  for (size_t k = 0; k < o->stages.n; k++) {
    const int n = (int)strlen(name_of(o->stages.layout[k]));
    width = n > width ? n : width;
  }
  for (size_t k = 0; k < o->stages.n; k++) {
    printf("  %-*s  %12s   ", width, name_of(o->stages.layout[k]),
           ins_text_duration(o->stage[k].seconds, text, sizeof text));
    print_tasks(o->stages.layout[k], o->stage[k].n_tasks);
  }
  ins_print("tasks", "%zu", o->all.n_tasks);
}

static void print_variables(const ins_layout *layout) {
  for (int v = 0; v < layout->n_variables; v++) {
    const ins_variable *variable = &layout->variables[v];
    if (variable->scope != INS_PER_TASK) continue;
    char name[160];
    snprintf(name, sizeof name, "%s%s%s", layout->group ? layout->group : "",
             layout->group ? "/" : "", variable->name);
    printf("  %-22s %s [", name, ins_dtype_name(variable->dtype));
    for (int d = 0; d < layout->n_task_axes; d++)
      printf("%s%s", d ? ", " : "", layout->axes[d].name);
    for (int d = 0; d < variable->n_axes; d++)
      printf("%s%s %zu", d || layout->n_task_axes ? ", " : "", layout->axes[variable->axes[d]].name,
             layout->axes[variable->axes[d]].length);
    printf("]\n");
  }
}

static void print_worth(const ins_forecast *o, size_t worth) {
  char text[64];
  const char *why = ins_forecast_is_large(o) ? "fewer do not have the memory for it"
                    : o->together            ? "with more, each has less than a minute of work"
                                  : "with more, each has less than a minute of work or 20 batches";
  ins_print("worth asking for", "%zu rank%s, %s; %s", worth, worth == 1 ? "" : "s",
            ins_text_duration(ins_forecast_seconds(o, worth), text, sizeof text), why);
}

/* What ranks take that work together depends on their number. */
static void print_memory(const ins_forecast *o, size_t worth) {
  char one[64], each[64];
  const size_t nodes = ins_forecast_nodes(o, worth);
  const double alone = ins_forecast_bytes(o, 1);
  if (isinf(alone))
    snprintf(one, sizeof one, "more numbers than ScaLAPACK counts");
  else
    ins_text_bytes(alone, one, sizeof one);
  ins_text_bytes(ins_forecast_bytes(o, worth), each, sizeof each);
  if (!o->together)
    ins_print("memory", "%s a rank", one);
  else if (worth == 1)
    ins_print("memory", "%s on one rank", one);
  else
    ins_print("memory", "%s on one rank, %s on each of %zu", one, each, worth);
  if (nodes > 1)
    ins_print("", "as much as is free here would do for %zu rank%s on each of %zu nodes",
              (worth + nodes - 1) / nodes, worth + nodes - 1 < 2 * nodes ? "" : "s", nodes);
  if (!nodes)
    ins_print("", "more than a rank can have here, on any number of ranks: %s",
              "it wants nodes with more memory, or a larger `memory` in the job");
}

static void print_people(const ins_forecast *o) {
  char text[64];
  const ins_estimate *e = &o->all;
  const size_t cores = (size_t)sysconf(_SC_NPROCESSORS_ONLN), worth = ins_forecast_ranks(o);
  const size_t here = o->together || e->n_batches > cores ? cores : e->n_batches;
  ins_print("experiment", "%s", o->ready->job->experiment->name);
  print_stages(o);
  ins_print("time in all", "%s on one rank", ins_text_duration(e->seconds, text, sizeof text));
  if (here > 1)
    ins_print("", "%s on %zu ranks of this machine",
              ins_text_duration(ins_forecast_seconds(o, here), text, sizeof text), here);
  print_worth(o, worth);
  if (o->n_done) ins_print("", "%zu tasks are done already", o->n_done);
  print_memory(o, worth);
  ins_print("results", "%s in %s", ins_text_bytes(o->file_bytes, text, sizeof text),
            ins_value_text_or(ins_map_get(o->ready->job->settings, "output"), ""));
  if (o->stages.n == 1) print_variables(o->stages.layout[0]); /* of a battery, hundreds */
}

static void add_axes(ins_text *text, const ins_layout *layout) {
  ins_text_add(text, "\"axes\":{");
  for (int d = 0; d < layout->n_task_axes; d++) {
    if (d) ins_text_add(text, ",");
    ins_text_add_json(text, layout->axes[d].name);
    ins_text_add(text, ":%zu", layout->axes[d].length);
  }
  ins_text_add(text, "}");
}

/* Infinite: more than can be on so few ranks. */
static void add_bytes(ins_text *text, const char *key, double bytes) {
  if (isinf(bytes))
    ins_text_add(text, ",\"%s\":null", key);
  else
    ins_text_add(text, ",\"%s\":%.0f", key, bytes);
}

static void add_stages(ins_text *text, const ins_forecast *o) {
  ins_text_add(text, "\"stages\":[");
  for (size_t k = 0; k < o->stages.n; k++) {
    const ins_layout *layout = o->stages.layout[k];
    const ins_estimate *e = &o->stage[k];
    ins_text_add(text, k ? ",{\"stage\":" : "{\"stage\":");
    ins_text_add_json(text, layout->group ? layout->group : "/");
    ins_text_add(text, ",\"tasks\":%zu,", e->n_tasks);
    add_axes(text, layout);
    ins_text_add(text, ",\"batches\":%zu,\"seconds_per_task\":%.6g,\"seconds\":%.6g", e->n_batches,
                 e->seconds_per_task, e->seconds);
    add_bytes(text, "bytes_per_rank",
              ins_forecast_stage_bytes(o, k, ins_forecast_stage_ranks(o, k)));
    ins_text_add(text, ",\"ranks\":%zu}", ins_forecast_stage_ranks(o, k));
  }
  ins_text_add(text, "]");
}

/* A single stage lies flat, the axes of several are their own. */
static void print_json(const ins_forecast *o) {
  ins_text text = {0};
  const size_t worth = ins_forecast_ranks(o);
  ins_text_add(&text, "{\"experiment\":");
  ins_text_add_json(&text, o->ready->job->experiment->name);
  ins_text_add(&text, ",\"tasks\":%zu,", o->all.n_tasks);
  if (o->stages.n == 1) {
    add_axes(&text, o->stages.layout[0]);
    ins_text_add(&text, ",");
  }
  add_stages(&text, o);
  ins_text_add(&text, ",\"done\":%zu,\"batches\":%zu,\"seconds_per_task\":%.6g,\"seconds\":%.6g",
               o->n_done, o->all.n_batches, o->all.seconds_per_task, o->all.seconds);
  add_bytes(&text, "bytes_per_rank", ins_forecast_bytes(o, worth));
  add_bytes(&text, "bytes_of_one_rank", ins_forecast_bytes(o, 1));
  ins_text_add(&text, ",\"result_bytes\":%.0f,\"ranks\":%zu,\"nodes\":%zu}", o->file_bytes, worth,
               ins_forecast_nodes(o, worth));
  printf("%s\n", text.data);
  ins_text_free(&text);
}

static ins_status plan(const ins_ready *ready, bool json) {
  ins_forecast o;
  ins_status status = ins_forecast_make(ready, &o);
  if (status != INS_OK) return status;
  if (json)
    print_json(&o);
  else
    print_people(&o);
  ins_forecast_clear(&o);
  return INS_OK;
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
