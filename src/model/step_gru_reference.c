/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/reference.h"
#include "step_gru.h"

/* The GRU as plain loops in double precision, frame by frame. */

typedef struct tape {
  ins_size in;
  double *frame;                     /* [C,H,W] of x or dx */
  double *blocks, *states;           /* [t][group][gate][...]; [t][channel][pixel] */
  double *sums, *more, *reset_state; /* [3 gates], [2 gates], [state] */
} tape;

static size_t count(ins_size s) {
  return (size_t)s.c * (size_t)s.t * (size_t)s.h * (size_t)s.w;
}

/* Frame t of [C,T,H,W] to [C,H,W], or back. */
static void move_frame(ins_size s, long t, double *all, double *frame, bool back) {
  const size_t plane = (size_t)s.h * (size_t)s.w;
  for (long c = 0; c < s.c; c++, frame += plane) {
    double *at = all + ((size_t)c * (size_t)s.t + (size_t)t) * plane;
    memcpy(back ? at : frame, back ? frame : at, plane * sizeof *frame);
  }
}

static void reference_frame(const gru_step *step, tape *t, double *block, const double *before,
                            double *state) {
  const ins_gru *gru = &step->gru;
  const ins_size out = ins_gru_size(step, t->in);
  const ins_conv_shape input = ins_gru_input_shape(gru, t->in, out, 1),
                       gates = ins_gru_state_shape(gru, out, 2),
                       candidate = ins_gru_state_shape(gru, out, 1);
  const size_t plane = (size_t)out.h * (size_t)out.w, n = (size_t)gru->channels * plane;
  ins_reference_dense(&input, (int)gru->groups, step->w_input, t->frame, block);
  ins_reference_dense(&gates, (int)gru->groups, step->w_gates, before, t->more);
  for (size_t i = 0; i < n; i++) {
    const size_t c = i / plane, p = i % plane;
    for (size_t gate = UPDATE; gate <= RESET; gate++) {
      const size_t at = ins_gru_place(gru, N_GATES, gate, c);
      block[at * plane + p] = ins_nonlinearity_of(
          INS_SIGMOID, block[at * plane + p] + t->more[ins_gru_place(gru, 2, gate, c) * plane + p] +
                           (double)step->bias[at]);
    }
    t->reset_state[i] = before[i] * block[ins_gru_place(gru, N_GATES, RESET, c) * plane + p];
  }
  ins_reference_dense(&candidate, (int)gru->groups, step->w_candidate, t->reset_state, t->more);
  for (size_t i = 0; i < n; i++) {
    const size_t c = i / plane, p = i % plane, at = ins_gru_place(gru, N_GATES, CANDIDATE, c);
    const double u = block[ins_gru_place(gru, N_GATES, UPDATE, c) * plane + p];
    block[at * plane + p] =
        ins_nonlinearity_of(INS_TANH, block[at * plane + p] + t->more[i] + (double)step->bias[at]);
    state[i] = before[i] * (1 - u) + block[at * plane + p] * u;
  }
}

static ins_status take_tape(const gru_step *step, ins_size in, ins_arena *arena, tape **out) {
  const ins_size y = ins_gru_size(step, in);
  const size_t state = count(y) / (size_t)y.t;
  ins_status status = ins_arena_take(arena, 1, sizeof **out, out);
  if (status != INS_OK) return status;
  tape *t = *out;
  const struct {
    double **at;
    size_t n;
  } items[] = {{&t->frame, count(in) / (size_t)in.t},
               {&t->blocks, N_GATES * count(y)},
               {&t->states, count(y) + state}, /* the first is the zeros before frame 0 */
               {&t->sums, N_GATES * state},
               {&t->more, 2 * state},
               {&t->reset_state, state}};
  t->in = in;
  for (size_t i = 0; i < sizeof items / sizeof *items && status == INS_OK; i++)
    status = ins_arena_take(arena, items[i].n, sizeof(double), items[i].at);
  return status;
}

ins_status ins_gru_reference(const void *weights, ins_size in, const double *x, double *y,
                             ins_arena *arena, void **out) {
  const gru_step *step = weights;
  const ins_size size_y = ins_gru_size(step, in);
  const size_t state = count(size_y) / (size_t)size_y.t;
  tape *t;
  ins_status status = take_tape(step, in, arena, &t);
  if (status != INS_OK) return status;
  for (long k = 0; k < in.t; k++) {
    double *before = t->states + (size_t)k * state;
    move_frame(in, k, (double *)(uintptr_t)x, t->frame, false);
    reference_frame(step, t, t->blocks + (size_t)k * N_GATES * state, before, before + state);
    move_frame(size_y, k, y, before + state, true);
  }
  *out = t;
  return INS_OK;
}

/* dstate [channel][pixel], the gradient of the frame's state, becomes that of the state before;
 * t->frame that of its x. */
static void reference_frame_backward(const gru_step *step, tape *t, const double *block,
                                     const double *before, double *dstate) {
  const ins_gru *gru = &step->gru;
  const ins_size out = ins_gru_size(step, t->in);
  const ins_conv_shape input = ins_gru_input_shape(gru, t->in, out, 1),
                       gates = ins_gru_state_shape(gru, out, 2),
                       candidate = ins_gru_state_shape(gru, out, 1);
  const size_t plane = (size_t)out.h * (size_t)out.w, n = (size_t)gru->channels * plane;
  double *dblock = t->sums, *dcandidate = t->more;
  for (size_t i = 0; i < n; i++) {
    const size_t c = i / plane, p = i % plane;
    const size_t at_u = ins_gru_place(gru, N_GATES, UPDATE, c) * plane + p,
                 at_c = ins_gru_place(gru, N_GATES, CANDIDATE, c) * plane + p;
    const double u = block[at_u], h = block[at_c];
    dblock[at_u] = dstate[i] * (h - before[i]) * u * (1 - u);
    dblock[at_c] = dcandidate[i] = dstate[i] * u * (1 - h * h);
    dstate[i] *= 1 - u;
  }
  ins_reference_dense_backward(&candidate, (int)gru->groups, step->w_candidate, dcandidate,
                               t->reset_state);
  for (size_t i = 0; i < n; i++) {
    const size_t c = i / plane, p = i % plane,
                 at_r = ins_gru_place(gru, N_GATES, RESET, c) * plane + p;
    const double r = block[at_r];
    dblock[at_r] = t->reset_state[i] * before[i] * r * (1 - r);
    dstate[i] += t->reset_state[i] * r;
  }
  for (size_t i = 0; i < n; i++) {
    const size_t c = i / plane, p = i % plane;
    for (size_t gate = UPDATE; gate <= RESET; gate++)
      t->more[ins_gru_place(gru, 2, gate, c) * plane + p] =
          dblock[ins_gru_place(gru, N_GATES, gate, c) * plane + p];
  }
  ins_reference_dense_backward(&gates, (int)gru->groups, step->w_gates, t->more, t->reset_state);
  for (size_t i = 0; i < n; i++) dstate[i] += t->reset_state[i];
  ins_reference_dense_backward(&input, (int)gru->groups, step->w_input, dblock, t->frame);
}

void ins_gru_reference_backward(const void *weights, void *tape_of, const double *dy, double *dx) {
  const gru_step *step = weights;
  tape *t = tape_of;
  const ins_size out = ins_gru_size(step, t->in);
  const size_t plane = (size_t)out.h * (size_t)out.w, state = (size_t)out.c * plane;
  /* The last state is nobody's before: its place holds the gradient that is handed down. */
  double *dstate = t->states + (size_t)out.t * state;
  memset(dstate, 0, state * sizeof *dstate);
  for (long k = out.t; k-- > 0;) {
    for (size_t i = 0; i < state; i++)
      dstate[i] += dy[(i / plane * (size_t)out.t + (size_t)k) * plane + i % plane];
    reference_frame_backward(step, t, t->blocks + (size_t)k * N_GATES * state,
                             t->states + (size_t)k * state, dstate);
    move_frame(t->in, k, dx, t->frame, true);
  }
}
