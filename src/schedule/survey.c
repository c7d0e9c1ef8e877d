/* SPDX-License-Identifier: MIT */
/* What results there are already. Every rank verifies a share of the tasks and finds runs of
 * batches with work left; only these travel, and only rank 0 keeps them. */
#include <limits.h>

#include "insilico/comm.h"
#include "insilico/memory.h"
#include "run.h"

enum { STEP = 1 << 16 /* tasks that are verified at a time */ };

/* Batches [first, last) of the stage, a step of which is verified into `state`. */
static ins_status look_at_step(const run *r, int64_t first, int64_t last, uint8_t *state,
                               lots *left, int64_t *n_done) {
  const size_t batch = r->layout->batch, n_tasks = ins_layout_tasks(r->layout);
  const size_t begin = (size_t)first * batch, end = (size_t)last * batch;
  const size_t n = (end < n_tasks ? end : n_tasks) - begin;
  ins_status status = ins_store_verify(r->store, r->stage, begin, n, state);
  for (int64_t b = first; status == INS_OK && b < last; b++) {
    const size_t from = (size_t)(b - first) * batch, to = from + batch < n ? from + batch : n;
    size_t done = 0;
    for (size_t k = from; k < to; k++) done += state[k] == INS_TASK_DONE;
    *n_done += (int64_t)done;
    if (done < to - from) status = lots_add(left, (lot){.first = b, .n = 1, .check = done > 0});
  }
  return status;
}

static ins_status look_at_share(const run *r, lots *left, int64_t *n_done) {
  const int64_t n = (int64_t)ins_layout_batches(r->layout), share = n / r->size + 1;
  const int64_t first = share * r->rank, end = first + share < n ? first + share : n;
  const int64_t step = STEP / (int64_t)r->layout->batch + 1;
  uint8_t *state;
  ins_status status = ins_alloc((size_t)step * r->layout->batch, 1, &state);
  for (int64_t b = first; b < end && status == INS_OK; b += step)
    status = look_at_step(r, b, b + step < end ? b + step : end, state, left, n_done);
  ins_free(&state);
  return status;
}

/* Rank 0 gets the lots of all, in the order of ranks, which is that of batches. A lot travels as
 * three numbers. */
static ins_status gather(run *r, const lots *mine) {
  enum { WORDS = 3 };
  int n = (int)mine->n * WORDS, *counts = NULL, *offsets = NULL, total = 0;
  int64_t *out = NULL, *in = NULL;
  ins_status status = ins_alloc(mine->n * WORDS, sizeof *out, &out);
  if (status == INS_OK && r->rank == 0)
    status = ins_alloc(2 * (size_t)r->size, sizeof *counts, &counts);
  if ((status = ins_agree(r->comm, status)) != INS_OK) goto done;
  for (size_t i = 0; i < mine->n; i++) {
    const lot *l = &mine->at[mine->begin + i];
    out[i * WORDS] = l->first;
    out[i * WORDS + 1] = l->n;
    out[i * WORDS + 2] = l->check;
  }
  MPI_Gather(&n, 1, MPI_INT, counts, 1, MPI_INT, 0, r->comm);
  if (r->rank == 0) {
    offsets = counts + r->size;
    for (int k = 0; k < r->size; k++) {
      offsets[k] = total;
      total += counts[k];
    }
    status = ins_alloc((size_t)total, sizeof *in, &in);
  }
  if ((status = ins_agree(r->comm, status)) != INS_OK) goto done;
  MPI_Gatherv(out, n, MPI_INT64_T, in, counts, offsets, MPI_INT64_T, 0, r->comm);
  for (int i = 0; i < total && status == INS_OK; i += WORDS)
    status = lots_add(&r->todo[r->stage],
                      (lot){.first = in[i], .n = in[i + 1], .check = in[i + 2] != 0});
done:
  ins_free(&out);
  ins_free(&in);
  ins_free(&counts);
  return ins_agree(r->comm, status);
}

ins_status survey_stage(run *r, size_t *n_done) {
  lots left = {0};
  int64_t mine = 0, all = 0;
  ins_status status = look_at_share(r, &left, &mine);
  if (status == INS_OK && left.n > INT_MAX / 8 / (size_t)r->size)
    status = ins_fail(INS_ERR_UNSUPPORTED, "the results have more holes than can be told of");
  status = ins_agree(r->comm, status);
  if (status == INS_OK) status = gather(r, &left);
  if (status == INS_OK) MPI_Reduce(&mine, &all, 1, MPI_INT64_T, MPI_SUM, 0, r->comm);
  lots_clear(&left);
  *n_done = (size_t)all;
  return status;
}

/* Of all stages: what is left is known from the beginning. */
ins_status survey(run *r, ins_run_report *report) {
  ins_status status = INS_OK;
  for (size_t k = 0; k < r->stages.n && status == INS_OK; k++) {
    r->stage = k;
    r->layout = r->stages.layout[k];
    status = survey_stage(r, &r->n_kept[k]);
    report->n_tasks += ins_layout_tasks(r->layout);
    report->n_kept += r->n_kept[k];
  }
  return status;
}
