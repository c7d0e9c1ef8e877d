/* SPDX-License-Identifier: MIT */
/* How long so many ranks take, and how many are worth asking for: arithmetic on what was measured.
 */
#include <math.h>

#include "plan_estimate.h"

/* The last batches do not end together, which costs about one batch a rank: one in twenty
 * (docs/scale.md, "Batches a rank"). */
static const double batches_a_rank = 20;
/* A rank with less work than this is not worth the waiting for it in a queue. */
static const double least_work_seconds = 60;

static double share_left(const ins_plan *plan, size_t k) {
  const size_t n = plan->stage[k].n_tasks;
  return n ? (double)(n - plan->done[k]) / (double)n : 0;
}

/* The rank with the most batches is waited for. */
static double on_ranks(double seconds, double batches, size_t ranks) {
  if (batches < 1) return 0;
  return seconds / batches * ceil(batches / (double)ranks);
}

static double stage_on(const ins_plan *plan, size_t k, double share, size_t ranks) {
  const ins_estimate *e = &plan->stage[k];
  if (plan->together) return share * e->seconds / (double)ranks;
  return on_ranks(share * e->seconds, ceil(share * (double)e->n_batches), ranks);
}

double ins_plan_seconds(const ins_plan *plan, size_t ranks) {
  double seconds = 0;
  for (size_t k = 0; k < plan->stages.n; k++) seconds += stage_on(plan, k, 1, ranks);
  return seconds;
}

double ins_plan_seconds_left(const ins_plan *plan, size_t ranks) {
  double seconds = 0;
  for (size_t k = 0; k < plan->stages.n; k++)
    seconds += stage_on(plan, k, share_left(plan, k), ranks);
  return seconds;
}

/* `waits`: how long a batch of each stage takes, summed up; 0 where all share every task. */
static size_t worth(double seconds, double waits) {
  double ranks = floor(seconds / least_work_seconds);
  if (waits > 0) ranks = fmin(ranks, floor(seconds / (batches_a_rank * waits) + 1e-6));
  return ranks >= 1 && ranks < 1e9 ? (size_t)ranks : 1;
}

static double wait_of(const ins_plan *plan, size_t k) {
  const ins_estimate *e = &plan->stage[k];
  return plan->together || !e->n_batches ? 0 : e->seconds / (double)e->n_batches;
}

size_t ins_plan_stage_ranks(const ins_plan *plan, size_t stage) {
  return worth(plan->stage[stage].seconds, wait_of(plan, stage));
}

size_t ins_plan_ranks(const ins_plan *plan) {
  double waits = 0;
  for (size_t k = 0; k < plan->stages.n; k++) waits += wait_of(plan, k);
  return worth(ins_plan_seconds(plan, 1), waits);
}

size_t ins_plan_ranks_left(const ins_plan *plan) {
  double waits = 0;
  for (size_t k = 0; k < plan->stages.n; k++)
    if (share_left(plan, k) > 0) waits += wait_of(plan, k);
  return worth(ins_plan_seconds_left(plan, 1), waits);
}
