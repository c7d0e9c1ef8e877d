/* SPDX-License-Identifier: MIT */
/* How long so many ranks take, and how many are worth asking for: arithmetic on what was measured.
 */
#include <limits.h>
#include <math.h>

#include "plan_estimate.h"

/* The last batches do not end together, which costs about one batch a rank: one in twenty
 * (docs/scale.md, "Batches a rank"). */
static const double batches_a_rank = 20;
/* A rank with less work than this is not worth the waiting for it in a queue. */
static const double least_work_seconds = 60;

static double share_left(const ins_forecast *f, size_t k) {
  const size_t n = f->stage[k].n_tasks;
  return n ? (double)(n - f->done[k]) / (double)n : 0;
}

/* ---- time -------------------------------------------------------------------------------------
 */

/* The rank with the most batches is waited for. */
static double on_ranks(double seconds, double batches, size_t ranks) {
  if (batches < 1) return 0;
  return seconds / batches * ceil(batches / (double)ranks);
}

/* Of a stage that all ranks compute together. */
static void together_needs(const ins_forecast *f, size_t k, size_t ranks, double *bytes,
                           double *seconds) {
  f->together->needs(f->state, k, ranks < INT_MAX ? (int)ranks : INT_MAX, bytes, seconds);
}

static double stage_on(const ins_forecast *f, size_t k, double share, size_t ranks) {
  const ins_estimate *e = &f->stage[k];
  double bytes, seconds;
  if (!f->together) return on_ranks(share * e->seconds, ceil(share * (double)e->n_batches), ranks);
  together_needs(f, k, ranks, &bytes, &seconds);
  return share * seconds;
}

double ins_forecast_seconds(const ins_forecast *f, size_t ranks) {
  double seconds = 0;
  for (size_t k = 0; k < f->stages.n; k++) seconds += stage_on(f, k, 1, ranks);
  return seconds;
}

double ins_forecast_seconds_left(const ins_forecast *f, size_t ranks) {
  double seconds = 0;
  for (size_t k = 0; k < f->stages.n; k++) seconds += stage_on(f, k, share_left(f, k), ranks);
  return seconds;
}

/* ---- memory -----------------------------------------------------------------------------------
 */

double ins_forecast_stage_bytes(const ins_forecast *f, size_t k, size_t ranks) {
  double bytes = f->stage[k].bytes, seconds;
  if (f->together) together_needs(f, k, ranks, &bytes, &seconds);
  return bytes;
}

double ins_forecast_bytes(const ins_forecast *f, size_t ranks) {
  double bytes = 0;
  for (size_t k = 0; k < f->stages.n; k++)
    bytes = fmax(bytes, ins_forecast_stage_bytes(f, k, ranks));
  return bytes;
}

static bool fits(const ins_forecast *f, double bytes, size_t per_node) {
  return bytes <= f->together->limit(f->state, per_node < INT_MAX ? (int)per_node : INT_MAX);
}

size_t ins_forecast_nodes(const ins_forecast *f, size_t ranks) {
  size_t least = 1, most = ranks;
  if (!f->together) return 1;
  const double bytes = ins_forecast_bytes(f, ranks);
  if (!fits(f, bytes, 1)) return 0;
  while (least < most) {
    const size_t nodes = least + (most - least) / 2;
    if (fits(f, bytes, (ranks + nodes - 1) / nodes))
      most = nodes;
    else
      least = nodes + 1;
  }
  return least;
}

/* Ranks that compute together form a grid, which should not be long and narrow: those of a row and
 * of a column send each other their parts. */
static bool is_square(size_t ranks) {
  size_t side = (size_t)sqrt((double)ranks);
  while (ranks % side) side--;
  return ranks / side <= 3 * side;
}

/* The least number of ranks, at least `ranks`, that each fit on a node alone; `ranks`: none do. */
static size_t with_room(const ins_forecast *f, size_t first, size_t n, size_t ranks) {
  enum { MOST = 1000000 };
  if (!f->together) return ranks;
  for (size_t r = ranks; r <= MOST; r += r < 64 ? 1 : r / 16) {
    double bytes = 0;
    while (!is_square(r)) r++;
    for (size_t k = first; k < first + n; k++)
      bytes = fmax(bytes, ins_forecast_stage_bytes(f, k, r));
    if (fits(f, bytes, 1)) return r;
  }
  return ranks;
}

/* ---- how many are worth asking for ------------------------------------------------------------
 */

/* Work of a stage that ranks share, and, where each task is one rank's, how long a batch of it is
 * waited for. What does not get shorter with more ranks (files) is no reason to ask for more. */
static void add_work(const ins_forecast *f, size_t k, double share, double *seconds,
                     double *waits) {
  const ins_estimate *e = &f->stage[k];
  if (f->together) {
    *seconds += 2 * (stage_on(f, k, share, 1) - stage_on(f, k, share, 2));
  } else {
    *seconds += stage_on(f, k, share, 1);
    *waits += e->n_batches && share > 0 ? e->seconds / (double)e->n_batches : 0;
  }
}

/* `waits` is 0 where all share every task. */
static size_t worth(const ins_forecast *f, double seconds, double waits) {
  double most = floor(seconds / least_work_seconds + 1e-9);
  if (waits > 0) most = fmin(most, floor(seconds / (batches_a_rank * waits) + 1e-6));
  size_t ranks = most >= 1 && most < 1e9 ? (size_t)most : 1;
  while (f->together && !is_square(ranks)) ranks--;
  return ranks;
}

static size_t worth_of_all(const ins_forecast *f, bool left) {
  double seconds = 0, waits = 0;
  for (size_t k = 0; k < f->stages.n; k++)
    add_work(f, k, left ? share_left(f, k) : 1, &seconds, &waits);
  return worth(f, seconds, waits);
}

size_t ins_forecast_stage_ranks(const ins_forecast *f, size_t stage) {
  double seconds = 0, waits = 0;
  add_work(f, stage, 1, &seconds, &waits);
  return with_room(f, stage, 1, worth(f, seconds, waits));
}

size_t ins_forecast_ranks(const ins_forecast *f) {
  return with_room(f, 0, f->stages.n, worth_of_all(f, false));
}

size_t ins_forecast_ranks_left(const ins_forecast *f) {
  return with_room(f, 0, f->stages.n, worth_of_all(f, true));
}

bool ins_forecast_is_large(const ins_forecast *f) {
  return ins_forecast_ranks(f) > worth_of_all(f, false);
}
