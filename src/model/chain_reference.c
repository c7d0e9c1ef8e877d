/* SPDX-License-Identifier: MIT */
#include "chain_parts.h"

#include <string.h>

/* What went into each step, and the gradient of it; [n_steps] is the last one's output. */
typedef struct tape {
  ins_size *size;
  double **x, **dx;
  void **steps;   /* their own tapes */
  double *single; /* the gradient that one step gives its input */
} tape;

static size_t count(ins_size s) {
  return (size_t)s.c * (size_t)s.t * (size_t)s.h * (size_t)s.w;
}

static ins_status make_tape(const ins_chain *chain, ins_size in, ins_arena *arena, tape **out) {
  tape *t;
  const size_t n = chain->n_steps + 1;
  size_t largest = 0;
  ins_status status = ins_arena_take(arena, 1, sizeof *t, &t);
  if (status == INS_OK) status = ins_arena_take(arena, n, sizeof *t->size, &t->size);
  if (status == INS_OK) status = ins_arena_take(arena, n, sizeof *t->x, (void *)&t->x);
  if (status == INS_OK) status = ins_arena_take(arena, n, sizeof *t->dx, (void *)&t->dx);
  if (status == INS_OK) status = ins_arena_take(arena, n, sizeof *t->steps, (void *)&t->steps);
  for (size_t k = 0; k < n && status == INS_OK; k++) {
    t->size[k] = ins_chain_size(chain, in, k);
    status = ins_arena_take(arena, count(t->size[k]), sizeof(double), &t->x[k]);
    if (status == INS_OK)
      status = ins_arena_take(arena, count(t->size[k]), sizeof(double), &t->dx[k]);
    if (count(t->size[k]) > largest) largest = count(t->size[k]);
  }
  if (status == INS_OK) status = ins_arena_take(arena, largest, sizeof *t->single, &t->single);
  *out = t;
  return status;
}

/* Copies the frames from `cut` on of all outputs to the features, or adds them back. */
static void cut_frames(const ins_chain *chain, const tape *t, double *features, bool back) {
  for (size_t i = 0; i < ins_chain_n_outputs(chain); i++) {
    const size_t k = ins_chain_output(chain, i);
    const ins_size s = t->size[k];
    const size_t plane = (size_t)(s.h * s.w), rest = (size_t)(s.t - chain->cut) * plane;
    for (size_t c = 0; c < (size_t)s.c; c++, features += rest) {
      const size_t from = (c * (size_t)s.t + (size_t)chain->cut) * plane;
      for (size_t p = 0; p < rest; p++) {
        if (back)
          t->dx[k][from + p] += features[p];
        else
          features[p] = t->x[k][from + p];
      }
    }
  }
}

ins_status ins_chain_reference(const ins_chain *chain, ins_extent in, const double *x,
                               ins_arena *arena, double **features, void **out) {
  const ins_size size = {chain->in_channels, in.t, in.h, in.w};
  tape *t;
  size_t total = 0;
  ins_status status = make_tape(chain, size, arena, &t);
  if (status != INS_OK) return status;
  *out = t;
  memcpy(t->x[0], x, count(size) * sizeof *x);
  for (size_t k = 0; k < chain->n_steps && status == INS_OK; k++)
    status = chain->steps[k].ops->reference(chain->steps[k].weights, t->size[k], t->x[k],
                                            t->x[k + 1], arena, &t->steps[k]);
  for (size_t i = 0; i < ins_chain_n_outputs(chain); i++)
    total += count(t->size[ins_chain_output(chain, i)]);
  if (status == INS_OK) status = ins_arena_take(arena, total, sizeof **features, features);
  if (status == INS_OK) cut_frames(chain, t, *features, false);
  return status;
}

void ins_chain_reference_backward(const ins_chain *chain, void *tape_of_run, double *dfeatures,
                                  double *dx) {
  const tape *t = tape_of_run;
  const size_t n = chain->n_steps;
  for (size_t k = 0; k <= n; k++) memset(t->dx[k], 0, count(t->size[k]) * sizeof *dx);
  cut_frames(chain, t, dfeatures, true);
  for (size_t k = n; k-- > 0;) {
    chain->steps[k].ops->reference_backward(chain->steps[k].weights, t->steps[k], t->dx[k + 1],
                                            t->single);
    for (size_t i = 0; i < count(t->size[k]); i++) t->dx[k][i] += t->single[i];
  }
  memcpy(dx, t->dx[0], count(t->size[0]) * sizeof *dx);
}
