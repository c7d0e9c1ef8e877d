/* SPDX-License-Identifier: MIT */
/** A whole job in memory, on one process without MPI: what an experiment computes, without the
 * framework.
 *
 * A job of one stage: serial_run_job(), then serial_row(). Of several: all are run in order, each
 * may read the rows of those before it; serial_stage_row() and serial_summary() say what they left
 * behind. */
#ifndef INSILICO_TESTS_SERIAL_RUN_H
#define INSILICO_TESTS_SERIAL_RUN_H

#include <math.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "insilico/checkpoint.h"
#include "insilico/experiment.h"
#include "insilico/memory.h"

/** Tasks of one stage and all that they leave behind. */
typedef struct serial_stage {
  ins_layout *layout;
  size_t n_tasks;
  ins_status *status; /* [n_tasks] */
  char (*message)[INS_MESSAGE_MAX];
  double *merit;
  void **rows;    /* [n_variables]: PER_TASK [n_tasks][row], else NULL */
  void **summary; /* [n_variables]: SUMMARY [groups][row], else NULL */
} serial_stage;

/** What an experiment's state points to: stays where it is when a serial_run is copied. */
typedef struct serial_memory {
  ins_experiment_context context;
  serial_stage stage[INS_MAX_STAGES];
  size_t n_done; /* stages that are done */
} serial_memory;

typedef struct serial_run {
  const ins_experiment *experiment;
  ins_job *job;
  ins_model_source *source;
  ins_model *model;
  void *state;
  ins_stages stages;
  ins_results results;
  serial_memory *memory;
  serial_stage *stage; /* [stages.n] */
  /* Of the first stage, for jobs that have no other. */
  ins_layout *layout;
  size_t n_tasks;
  ins_status *status;
  char (*message)[INS_MESSAGE_MAX];
  double *merit;
  void **rows;
} serial_run;

#define MUST(call)                                                                                 \
  do {                                                                                             \
    if ((call) != INS_OK) fail_msg("%s: %s", #call, ins_message());                                \
  } while (0)

static inline ins_job *job_of(const char *yaml) {
  char path[] = "/tmp/insilico-job-XXXXXX";
  int fd = mkstemp(path);
  ins_job *job = NULL;
  assert_true(fd >= 0 && write(fd, yaml, strlen(yaml)) == (ssize_t)strlen(yaml));
  close(fd);
  ins_status status = ins_job_load(path, NULL, 0, ins_experiments, &job);
  unlink(path);
  if (status != INS_OK) fail_msg("%s", ins_message());
  return job;
}

static inline ins_status serial_read(void *self, size_t stage, int variable, size_t n,
                                     const size_t *task, size_t first, size_t count, void *out) {
  const serial_memory *memory = self;
  if (stage >= memory->n_done) return ins_fail(INS_ERR_INTERNAL, "stage %zu is not done", stage);
  const serial_stage *s = &memory->stage[stage];
  size_t size = ins_dtype_size(s->layout->variables[variable].dtype);
  size_t row = ins_layout_row(s->layout, variable);
  assert_true(first + count <= row && s->rows[variable]);
  for (size_t k = 0; k < n; k++)
    memcpy((char *)out + k * count * size,
           (const char *)s->rows[variable] + (task[k] * row + first) * size, count * size);
  return INS_OK;
}

/** Everything up to set-up; the status of set-up is returned. */
static inline ins_status serial_setup(serial_run *r, const char *yaml) {
  *r = (serial_run){.job = job_of(yaml)};
  const ins_value *model = ins_map_get(r->job->settings, "model");
  MUST(ins_model_open(ins_value_text_or(ins_map_get(model, "file"), ""), model, &r->source));
  MUST(ins_model_create(r->source, &r->model));
  MUST(ins_alloc(1, sizeof *r->memory, &r->memory));
  r->experiment = r->job->experiment->ops;
  r->results = (ins_results){r->memory, serial_read};
  r->stage = r->memory->stage;
  r->memory->context = (ins_experiment_context){
      .job = r->job, .model = r->model, .source = r->source, .kernels = ins_kernels_best()};
  ins_status status = r->experiment->setup(&r->memory->context, &r->state, &r->stages);
  if (status == INS_OK) r->layout = r->stages.layout[0];
  return status;
}

/** Computes tasks [first, first + n) of a stage as one batch into its rows. */
static inline ins_status serial_stage_batch(serial_run *r, size_t stage, size_t first, size_t n,
                                            const ins_pulse *pulse) {
  serial_stage *s = &r->stage[stage];
  const int n_variables = s->layout->n_variables;
  void **rows = calloc((size_t)n_variables + 1, sizeof *rows);
  size_t *task = calloc(n, sizeof *task);
  for (size_t k = 0; k < n; k++) {
    task[k] = first + k;
    s->status[first + k] = INS_ERR_STOPPED;
    s->merit[first + k] = (double)NAN;
  }
  for (int v = 0; v < n_variables; v++)
    if (s->rows[v]) rows[v] = (char *)s->rows[v] + first * ins_layout_row_bytes(s->layout, v);
  ins_batch batch = {.stage = stage,
                     .n = n,
                     .task = task,
                     .rows = rows,
                     .status = s->status + first,
                     .message = s->message + first,
                     .merit = s->merit + first};
  ins_status status = r->experiment->compute(r->state, &batch, pulse);
  free(task);
  free(rows);
  return status;
}

static inline ins_status serial_batch(serial_run *r, size_t first, size_t n,
                                      const ins_pulse *pulse) {
  return serial_stage_batch(r, 0, first, n, pulse);
}

/** Makes room for what all stages leave behind. */
static inline void serial_buffers(serial_run *r) {
  for (size_t i = 0; i < r->stages.n; i++) {
    serial_stage *s = &r->stage[i];
    const ins_layout *layout = s->layout = r->stages.layout[i];
    const size_t n_variables = (size_t)layout->n_variables;
    s->n_tasks = ins_layout_tasks(layout);
    MUST(ins_alloc(s->n_tasks, sizeof *s->status, &s->status));
    MUST(ins_alloc(s->n_tasks, sizeof *s->message, &s->message));
    MUST(ins_alloc(s->n_tasks, sizeof *s->merit, &s->merit));
    MUST(ins_alloc(n_variables, sizeof *s->rows, &s->rows));
    MUST(ins_alloc(n_variables, sizeof *s->summary, &s->summary));
    for (int v = 0; v < layout->n_variables; v++) {
      const size_t bytes = ins_layout_row_bytes(layout, v);
      if (layout->variables[v].scope == INS_PER_TASK)
        MUST(ins_alloc(s->n_tasks, bytes, &s->rows[v]));
      if (layout->variables[v].scope == INS_SUMMARY)
        MUST(ins_alloc(ins_layout_groups(layout), bytes, &s->summary[v]));
    }
  }
  r->n_tasks = r->stage[0].n_tasks;
  r->status = r->stage[0].status;
  r->message = r->stage[0].message;
  r->merit = r->stage[0].merit;
  r->rows = r->stage[0].rows;
}

/** Sums up group `g` of a stage from the rows in memory. */
static inline void serial_sum_up(serial_run *r, size_t stage, size_t g) {
  serial_stage *s = &r->stage[stage];
  const ins_layout *layout = s->layout;
  const size_t n = layout->axes[layout->reduced].length;
  void **rows = calloc((size_t)layout->n_variables, sizeof *rows);
  void **summary = calloc((size_t)layout->n_variables, sizeof *summary);
  size_t *task = calloc(n, sizeof *task);
  bool *done = calloc(n, sizeof *done);
  ins_layout_group(layout, g, task);
  for (size_t k = 0; k < n; k++) done[k] = s->status[task[k]] == INS_OK;
  for (int v = 0; v < layout->n_variables; v++) {
    const size_t bytes = ins_layout_row_bytes(layout, v);
    if (s->summary[v]) summary[v] = (char *)s->summary[v] + g * bytes;
    if (!layout->variables[v].summed) continue;
    rows[v] = malloc(n * bytes + 1);
    for (size_t k = 0; k < n; k++)
      memcpy((char *)rows[v] + k * bytes, (const char *)s->rows[v] + task[k] * bytes, bytes);
  }
  ins_group group = {
      .stage = stage, .n = n, .done = done, .rows = (const void *const *)rows, .summary = summary};
  MUST(r->experiment->finish(r->state, &group));
  for (int v = 0; v < layout->n_variables; v++) free(rows[v]);
  free(rows);
  free(summary);
  free(task);
  free(done);
}

/** Begins, computes and sums up one stage, in batches of its layout; true: no task failed. */
static inline bool serial_run_stage(serial_run *r, size_t stage) {
  serial_stage *s = &r->stage[stage];
  bool whole = true;
  if (r->experiment->begin) MUST(r->experiment->begin(r->state, stage, &r->results));
  for (size_t first = 0; first < s->n_tasks; first += s->layout->batch) {
    size_t left = s->n_tasks - first;
    size_t n = left < s->layout->batch ? left : s->layout->batch;
    MUST(serial_stage_batch(r, stage, first, n, NULL));
  }
  if (r->experiment->finish)
    for (size_t g = 0; g < ins_layout_groups(s->layout); g++) serial_sum_up(r, stage, g);
  for (size_t k = 0; k < s->n_tasks; k++) whole = whole && s->status[k] == INS_OK;
  r->memory->n_done = stage + 1;
  return whole;
}

/** Sets up and runs the stages of a job in order; as in the framework none begins behind one with
 * failed tasks. */
static inline serial_run serial_run_job(const char *yaml) {
  serial_run r;
  MUST(serial_setup(&r, yaml));
  serial_buffers(&r);
  for (size_t i = 0; i < r.stages.n && serial_run_stage(&r, i); i++) continue;
  return r;
}

/** Number of the stage in a group (NULL: the root). */
static inline size_t serial_find_stage(const serial_run *r, const char *group) {
  for (size_t i = 0; i < r->stages.n; i++) {
    const char *have = r->stages.layout[i]->group;
    if (group && have ? strcmp(group, have) == 0 : group == have) return i;
  }
  fail_msg("there is no stage %s", group ? group : "in the root");
  return 0;
}

/** Row of variable NAME of a stage for a task. */
static inline void *serial_stage_row(const serial_run *r, size_t stage, const char *name,
                                     size_t task) {
  const serial_stage *s = &r->stage[stage];
  int v = ins_layout_find(s->layout, name);
  if (v < 0 || !s->rows[v]) fail_msg("there is no variable %s of tasks", name);
  return (char *)s->rows[v] + task * ins_layout_row_bytes(s->layout, v);
}

static inline void *serial_row(const serial_run *r, const char *name, size_t task) {
  return serial_stage_row(r, 0, name, task);
}

/** Row of summary NAME of a stage for a group of tasks. */
static inline void *serial_summary(const serial_run *r, size_t stage, const char *name,
                                   size_t group) {
  const serial_stage *s = &r->stage[stage];
  int v = ins_layout_find(s->layout, name);
  if (v < 0 || !s->summary[v]) fail_msg("there is no summary %s", name);
  return (char *)s->summary[v] + group * ins_layout_row_bytes(s->layout, v);
}

static inline void serial_clear(serial_run *r) {
  for (size_t i = 0; i < r->stages.n && r->memory; i++) {
    serial_stage *s = &r->stage[i];
    for (int v = 0; s->layout && v < s->layout->n_variables; v++) {
      ins_free(&s->rows[v]);
      ins_free(&s->summary[v]);
    }
    ins_free(&s->rows);
    ins_free(&s->summary);
    ins_free(&s->status);
    ins_free(&s->message);
    ins_free(&s->merit);
  }
  if (r->state) r->experiment->teardown(&r->state);
  ins_stages_clear(&r->stages);
  ins_free(&r->memory);
  ins_model_destroy(&r->model);
  ins_model_source_destroy(&r->source);
  ins_job_destroy(&r->job);
}

#endif
