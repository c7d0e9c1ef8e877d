/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#include <time.h>

#include "insilico/clock.h"
#include "insilico/memory.h"
#include "protocol.h"

ins_status bench_create(const run *r, bench *b) {
  size_t n = r->layout->batch;
  *b = (bench){0};
  ins_status status = ins_alloc(n, sizeof *b->task, &b->task);
  if (status == INS_OK) status = ins_alloc(n, sizeof *b->status, &b->status);
  if (status == INS_OK) status = ins_alloc(n, sizeof *b->merit, &b->merit);
  if (status == INS_OK) status = ins_alloc(n, sizeof *b->message, &b->message);
  if (status == INS_OK)
    status = ins_alloc((size_t)r->layout->n_variables, sizeof *b->rows, &b->rows);
  if (status == INS_OK) b->n_variables = r->layout->n_variables;
  for (int v = 0; status == INS_OK && v < r->layout->n_variables; v++)
    if (r->layout->variables[v].scope == INS_PER_TASK)
      status = ins_alloc(n, ins_layout_row_bytes(r->layout, v), &b->rows[v]);
  if (status != INS_OK) bench_clear(b);
  return status;
}

void bench_clear(bench *b) {
  ins_free(&b->task);
  ins_free(&b->status);
  ins_free(&b->merit);
  ins_free(&b->message);
  for (int v = 0; v < b->n_variables; v++) ins_free(&b->rows[v]);
  ins_free(&b->rows);
}

/* The tasks of a batch that have no result yet. */
static size_t tasks_left(const run *r, size_t batch, size_t *task) {
  size_t first = batch * r->layout->batch, n_tasks = ins_layout_tasks(r->layout), n = 0;
  for (size_t k = first; k < first + r->layout->batch && k < n_tasks; k++)
    if (r->task_state[k] != INS_TASK_DONE) task[n++] = k;
  return n;
}

static void account(run *r, const bench *b, size_t n, message *report) {
  for (size_t k = 0; k < n; k++) {
    if (b->status[k] == INS_ERR_STOPPED) continue;
    bool ok = b->status[k] == INS_OK;
    r->task_state[b->task[k]] = ok ? INS_TASK_DONE : INS_TASK_FAILED;
    report->n_done += ok;
    if (ok && !isnan(b->merit[k]) && !(report->merit >= b->merit[k])) report->merit = b->merit[k];
    if (ok) continue;
    if (report->n_failed++ == 0) {
      report->failed_task = (int64_t)b->task[k];
      strcpy(report->text, b->message[k]);
    }
  }
}

ins_status compute_batch(run *r, bench *b, size_t position, const ins_pulse *pulse,
                         message *report) {
  double start = ins_clock_s();
  *report = (message){.kind = REPORT, .first = (int64_t)position, .n = 1, .merit = (double)NAN};
  size_t n = tasks_left(r, (size_t)r->pending[position], b->task);
  for (size_t k = 0; k < n; k++) {
    b->status[k] = INS_ERR_STOPPED;
    b->merit[k] = (double)NAN;
    b->message[k][0] = '\0';
  }
  ins_batch batch = {.stage = r->stage,
                     .n = n,
                     .task = b->task,
                     .rows = b->rows,
                     .status = b->status,
                     .message = b->message,
                     .merit = b->merit};
  ins_status computed = r->experiment->compute(r->state, &batch, pulse);
  if (computed != INS_OK && computed != INS_ERR_STOPPED) return computed;
  ins_status written = ins_store_write(r->store, r->stage, n, b->task, b->rows, b->status);
  if (written != INS_OK) return written;
  account(r, b, n, report);
  report->seconds = ins_clock_s() - start;
  return computed;
}

/* Spinning answers fastest, but where ranks outnumber cores it takes the time of those who work. */
void rest(unsigned *idle) {
  if (++*idle < 64) return;
  struct timespec pause = {.tv_nsec = *idle < 512 ? 20000 : 200000};
  nanosleep(&pause, NULL);
}
