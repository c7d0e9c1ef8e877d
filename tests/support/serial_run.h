/* SPDX-License-Identifier: MIT */
/** A whole job in memory, on one process without MPI: what an experiment computes, without the
 * framework. */
#ifndef INSILICO_TESTS_SERIAL_RUN_H
#define INSILICO_TESTS_SERIAL_RUN_H

#include <unistd.h>

#include "cmocka_all.h"
#include "insilico/checkpoint.h"
#include "insilico/experiment.h"
#include "insilico/memory.h"

typedef struct serial_run {
  ins_experiment_context context;
  const ins_experiment *experiment;
  ins_job *job;
  ins_model_source *source;
  ins_model *model;
  void *state;
  ins_layout *layout;
  size_t n_tasks;
  ins_status *status; /* [n_tasks] */
  char (*message)[INS_MESSAGE_MAX];
  double *merit;
  void *rows[INS_MAX_VARIABLES]; /* [n_tasks][row] */
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

/** Everything up to set-up; the status of set-up is returned. */
static inline ins_status serial_setup(serial_run *r, const char *yaml) {
  *r = (serial_run){.job = job_of(yaml)};
  const ins_value *model = ins_map_get(r->job->settings, "model");
  MUST(ins_model_open(ins_value_text_or(ins_map_get(model, "file"), ""), model, &r->source));
  MUST(ins_model_create(r->source, &r->model));
  r->experiment = r->job->experiment->ops;
  r->context = (ins_experiment_context){
      .job = r->job, .model = r->model, .source = r->source, .kernels = ins_kernels_best()};
  return r->experiment->setup(&r->context, &r->state, &r->layout);
}

/** Computes tasks [first, first + n) as one batch into the run's rows. */
static inline ins_status serial_batch(serial_run *r, size_t first, size_t n,
                                      const ins_pulse *pulse) {
  void *rows[INS_MAX_VARIABLES] = {0};
  size_t *task = calloc(n, sizeof *task);
  for (size_t k = 0; k < n; k++) {
    task[k] = first + k;
    r->status[first + k] = INS_ERR_STOPPED;
  }
  for (int v = 0; v < r->layout->n_variables; v++)
    if (r->rows[v]) rows[v] = (char *)r->rows[v] + first * ins_layout_row_bytes(r->layout, v);
  ins_batch batch = {.n = n,
                     .task = task,
                     .rows = rows,
                     .status = r->status + first,
                     .message = r->message + first,
                     .merit = r->merit + first};
  ins_status status = r->experiment->compute(r->state, &batch, pulse);
  free(task);
  return status;
}

static inline void serial_buffers(serial_run *r) {
  r->n_tasks = ins_layout_tasks(r->layout);
  r->status = calloc(r->n_tasks, sizeof *r->status);
  r->message = calloc(r->n_tasks, sizeof *r->message);
  r->merit = calloc(r->n_tasks, sizeof *r->merit);
  for (int v = 0; v < r->layout->n_variables; v++)
    if (r->layout->variables[v].scope == INS_PER_TASK)
      MUST(ins_alloc(r->n_tasks, ins_layout_row_bytes(r->layout, v), &r->rows[v]));
}

/** Sets up and computes all tasks of a job, in batches of the layout. */
static inline serial_run serial_run_job(const char *yaml) {
  serial_run r;
  MUST(serial_setup(&r, yaml));
  serial_buffers(&r);
  for (size_t first = 0; first < r.n_tasks; first += r.layout->batch) {
    size_t left = r.n_tasks - first;
    MUST(serial_batch(&r, first, left < r.layout->batch ? left : r.layout->batch, NULL));
  }
  return r;
}

/** Row of variable NAME for a task. */
static inline void *serial_row(const serial_run *r, const char *name, size_t task) {
  int v = ins_layout_find(r->layout, name);
  if (v < 0) fail_msg("there is no variable %s", name);
  return (char *)r->rows[v] + task * ins_layout_row_bytes(r->layout, v);
}

static inline void serial_clear(serial_run *r) {
  for (int v = 0; v < INS_MAX_VARIABLES; v++) ins_free(&r->rows[v]);
  free(r->status);
  free(r->message);
  free(r->merit);
  if (r->state) r->experiment->teardown(&r->state);
  ins_layout_destroy(&r->layout);
  ins_model_destroy(&r->model);
  ins_model_source_destroy(&r->source);
  ins_job_destroy(&r->job);
}

#endif
