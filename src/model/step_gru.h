/* SPDX-License-Identifier: MIT */
/** What the fast and the readable form of the convolutional GRU share.
 *
 * The three gates of a frame stand in one block [group][update, reset, candidate][channel of the
 * group][pixel], so that one convolution fills all three from x for all frames at once, and one
 * fills the first two from the state. A block holds first the sums, then the gates themselves.
 */
#ifndef INSILICO_STEP_GRU_H
#define INSILICO_STEP_GRU_H

#include "core_gru.h"

enum { UPDATE, RESET, CANDIDATE, N_GATES };

typedef struct gru_step {
  ins_gru gru;
  float *w_input; /* [group][gate][channel of the group][i][a][b] */
  float *w_gates; /* [group][update, reset][...] over the state */
  float *w_candidate;
  float *bias; /* of both convolutions, [group][gate][channel of the group] */
} gru_step;

/** Where gate `gate` of channel c is in a block of n_gates gates, in channels. */
static inline size_t ins_gru_place(const ins_gru *gru, size_t n_gates, size_t gate, size_t c) {
  const size_t group = (size_t)(gru->channels / gru->groups);
  return (c / group * n_gates + gate) * group + c % group;
}

ins_size ins_gru_size(const void *step, ins_size in);
/** From n frames of x to all gates. */
ins_conv_shape ins_gru_input_shape(const ins_gru *gru, ins_size in, ins_size out, long n);
/** From the state of one frame to n_gates gates of the next. */
ins_conv_shape ins_gru_state_shape(const ins_gru *gru, ins_size out, int n_gates);

ins_status ins_gru_reference(const void *step, ins_size in, const double *x, double *y,
                             ins_arena *arena, void **tape) INS_CHECKED;
void ins_gru_reference_backward(const void *step, void *tape, const double *dy, double *dx);

#endif
