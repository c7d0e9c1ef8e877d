/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "insilico/clock.h"
#include "insilico/fault.h"
#include "insilico/memory.h"
#include "run.h"

ins_status bench_create(const run *r, bench *b) {
  size_t n = r->layout->batch;
  *b = (bench){0};
  ins_status status = ins_alloc(n, sizeof *b->task, &b->task);
  if (status == INS_OK) status = ins_alloc(n, sizeof *b->state, &b->state);
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
  ins_free(&b->state);
  ins_free(&b->status);
  ins_free(&b->merit);
  ins_free(&b->message);
  for (int v = 0; v < b->n_variables; v++) ins_free(&b->rows[v]);
  ins_free(&b->rows);
  b->n_variables = 0;
}

/* The tasks of a batch; where some may have results, those that have none. Failed ones are tried
 * again. */
static ins_status list_tasks(const run *r, bench *b, int64_t batch, bool check, size_t *n) {
  const size_t first = (size_t)batch * r->layout->batch, n_tasks = ins_layout_tasks(r->layout);
  const size_t left = n_tasks - first, length = left < r->layout->batch ? left : r->layout->batch;
  *n = 0;
  if (check) {
    ins_status status = ins_store_verify(r->store, r->stage, first, length, b->state);
    if (status != INS_OK) return status;
  }
  for (size_t k = 0; k < length; k++)
    if (!check || b->state[k] != INS_TASK_DONE) b->task[(*n)++] = first + k;
  return INS_OK;
}

static void count(const bench *b, size_t n, outcome *out) {
  for (size_t k = 0; k < n; k++) {
    if (b->status[k] == INS_ERR_STOPPED) continue;
    const bool ok = b->status[k] == INS_OK;
    out->n_done += ok;
    if (ok && !isnan(b->merit[k]) && !(out->merit >= b->merit[k])) out->merit = b->merit[k];
    if (ok || out->n_failed++) continue;
    out->failed_task = (int64_t)b->task[k];
    snprintf(out->text, sizeof out->text, "%s", b->message[k]);
  }
}

static void fail_on_purpose(bench *b, size_t n) {
  for (size_t k = 0; k < n; k++)
    if (ins_fault("compute", (long)b->task[k])) {
      b->status[k] = INS_ERR_NUMERIC;
      snprintf(b->message[k], INS_MESSAGE_MAX, "it failed on purpose (INS_FAULT)");
    }
}

/* Who stood still while computing may have been given up: what others did meanwhile stays. */
static ins_status leave_to_others(const run *r, bench *b, size_t n) {
  ins_status status = INS_OK;
  for (size_t k = 0; k < n && status == INS_OK; k++) {
    status = ins_store_verify(r->store, r->stage, b->task[k], 1, b->state);
    if (status == INS_OK && b->state[0] == INS_TASK_DONE) b->status[k] = INS_ERR_STOPPED;
  }
  return status;
}

/* A batch that ends in order leaves no task without an answer. */
static ins_status check_answered(const run *r, const bench *b, size_t n) {
  for (size_t k = 0; k < n; k++)
    if (b->status[k] == INS_ERR_STOPPED)
      return ins_fail(INS_ERR_INTERNAL, "experiment %s gave no status to task %zu",
                      r->context->job->experiment->name, b->task[k]);
  return INS_OK;
}

ins_status compute_batch(run *r, bench *b, int64_t number, bool check, const ins_pulse *pulse,
                         outcome *out) {
  const double start = ins_clock_s();
  size_t n;
  *out = (outcome){.failed_task = -1, .merit = (double)NAN};
  ins_status status = list_tasks(r, b, number, check, &n);
  if (status != INS_OK || !n) return status;
  r->stood_still = false;
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
  fail_on_purpose(b, n);
  if (computed == INS_OK) status = check_answered(r, b, n);
  if (status == INS_OK && r->stood_still) status = leave_to_others(r, b, n);
  if (status != INS_OK) return status;
  status = ins_store_write(r->store, r->stage, n, b->task, b->rows, b->status);
  if (status != INS_OK) return status;
  count(b, n, out);
  out->seconds = ins_clock_s() - start;
  return computed;
}
