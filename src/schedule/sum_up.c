/* SPDX-License-Identifier: MIT */
#include "insilico/comm.h"
#include "insilico/fault.h"
#include "insilico/memory.h"
#include "run.h"

/** Buffers for one group along the reduced axis. */
typedef struct gathering {
  size_t *task;
  uint8_t *state;
  bool *done;
  int n_variables;
  void **rows, **summary; /* [n_variables] */
} gathering;

static ins_status gathering_create(const run *r, size_t n, gathering *g) {
  const ins_layout *layout = r->layout;
  ins_status status = ins_alloc(n, sizeof *g->task, &g->task);
  if (status == INS_OK) status = ins_alloc(n, sizeof *g->state, &g->state);
  if (status == INS_OK) status = ins_alloc(n, sizeof *g->done, &g->done);
  if (status == INS_OK) status = ins_alloc((size_t)layout->n_variables, sizeof *g->rows, &g->rows);
  if (status == INS_OK)
    status = ins_alloc((size_t)layout->n_variables, sizeof *g->summary, &g->summary);
  if (status == INS_OK) g->n_variables = layout->n_variables;
  for (int v = 0; status == INS_OK && v < layout->n_variables; v++) {
    size_t bytes = ins_layout_row_bytes(layout, v);
    if (layout->variables[v].summed) status = ins_alloc(n, bytes, &g->rows[v]);
    if (layout->variables[v].scope == INS_SUMMARY) status = ins_alloc(1, bytes, &g->summary[v]);
  }
  return status;
}

static void gathering_clear(gathering *g) {
  ins_free(&g->task);
  ins_free(&g->state);
  ins_free(&g->done);
  for (int v = 0; v < g->n_variables; v++) {
    ins_free(&g->rows[v]);
    ins_free(&g->summary[v]);
  }
  ins_free(&g->rows);
  ins_free(&g->summary);
}

static ins_status sum_up_group(const run *r, gathering *g, size_t n, size_t group) {
  ins_status status = INS_OK;
  ins_layout_group(r->layout, group, g->task);
  if (ins_fault("finish", -1))
    return ins_fail(INS_ERR_IO, "group %zu cannot be summed up, on purpose (INS_FAULT)", group);
  status = ins_store_states(r->store, r->stage, n, g->task, g->state);
  for (size_t k = 0; k < n; k++) g->done[k] = g->state[k] == INS_TASK_DONE;
  for (int v = 0; status == INS_OK && v < r->layout->n_variables; v++)
    if (g->rows[v])
      status = ins_store_read(r->store, r->stage, v, n, g->task, 0, ins_layout_row(r->layout, v),
                              g->rows[v]);
  if (status != INS_OK) return status;
  ins_group view = {.stage = r->stage,
                    .n = n,
                    .done = g->done,
                    .rows = (const void *const *)g->rows,
                    .summary = g->summary};
  status = r->experiment->finish(r->state, &view);
  for (int v = 0; status == INS_OK && v < r->layout->n_variables; v++)
    if (g->summary[v])
      status = ins_store_write_summary(r->store, r->stage, v, group, g->summary[v]);
  return status;
}

/* Groups go round the ranks; what became of tasks that others computed stands in the file. */
ins_status sum_up(run *r) {
  gathering g = {0};
  if (!r->experiment->finish || r->layout->reduced < 0) return INS_OK;
  size_t n = r->layout->axes[r->layout->reduced].length;
  ins_status status = gathering_create(r, n, &g);
  for (size_t k = (size_t)r->rank; status == INS_OK && k < ins_layout_groups(r->layout);
       k += (size_t)r->size)
    status = sum_up_group(r, &g, n, k);
  gathering_clear(&g);
  return ins_agree(r->comm, status);
}
