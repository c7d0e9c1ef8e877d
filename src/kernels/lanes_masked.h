/* SPDX-License-Identifier: MIT */
/** Sums of feature maps under one mask a neuron, and the transpose: small matrix products whose
 * order of summation is fixed for each number, so that a neuron's bits do not depend on its
 * company. */
#ifndef INSILICO_LANES_MASKED_H
#define INSILICO_LANES_MASKED_H

#include "lanes_vector.h"

enum { MASK_BLOCK = 64, MASK_NEURONS = 3, MASK_FRAMES = 4, MASK_PIXELS = 6 };

/* ---- m[n,t] = sum over p of mask[n,p] x[t,p] ------------------------------------------------ */

/** N neurons and T frames, continued over the pixels [first, end). */
INLINE void mask_sum_tile(const int N, const int T, const ins_masked *j, int first, int end,
                          int neuron, int frame) {
  const float *mask = j->mask + neuron * j->mask_neuron, *x = j->x + frame * j->x_frame;
  float *m = j->m + neuron * j->m_neuron + frame * VL;
  vf acc[MASK_NEURONS][MASK_FRAMES];
  UNROLL for (int n = 0; n < N; n++) {
    UNROLL for (int t = 0; t < T; t++) acc[n][t] =
        first ? load(m + n * j->m_neuron + t * VL) : (vf){0};
  }
  for (int p = first; p < end; p++) {
    vf v[MASK_FRAMES];
    UNROLL for (int t = 0; t < T; t++) v[t] = load(x + t * j->x_frame + p * VL);
    UNROLL for (int n = 0; n < N; n++) {
      vf w = splat(mask[n * j->mask_neuron + p]);
      UNROLL for (int t = 0; t < T; t++) acc[n][t] += w * v[t];
    }
  }
  UNROLL for (int n = 0; n < N; n++) {
    UNROLL for (int t = 0; t < T; t++) store(m + n * j->m_neuron + t * VL, acc[n][t]);
  }
}

INLINE void mask_sum_neurons(const int T, const ins_masked *j, int first, int end, int frame) {
  for (int n = 0, part; n < j->n_neurons; n += part) {
    part = even_part(j->n_neurons - n, MASK_NEURONS);
    switch (part) {
    case 1:
      mask_sum_tile(1, T, j, first, end, n, frame);
      break;
    case 2:
      mask_sum_tile(2, T, j, first, end, n, frame);
      break;
    default:
      mask_sum_tile(3, T, j, first, end, n, frame);
      break;
    }
  }
}

static void mask_sum(const ins_masked *j) {
  /* The features of one block of pixels stay in the nearest cache while all neurons pass. */
  for (int first = 0; first < j->n_pixels; first += MASK_BLOCK) {
    const int end = least(first + MASK_BLOCK, j->n_pixels);
    for (int t = 0, part; t < j->n_frames; t += part) {
      part = even_part(j->n_frames - t, MASK_FRAMES);
      switch (part) {
      case 1:
        mask_sum_neurons(1, j, first, end, t);
        break;
      case 2:
        mask_sum_neurons(2, j, first, end, t);
        break;
      case 3:
        mask_sum_neurons(3, j, first, end, t);
        break;
      default:
        mask_sum_neurons(4, j, first, end, t);
        break;
      }
    }
  }
}

/* ---- x[t,p] = sum over n of mask[n,p] m[n,t] ------------------------------------------------ */

INLINE void mask_spread_tile(const int P, const int T, const ins_masked *j, int pixel, int frame) {
  const float *mask = j->mask + pixel, *m = j->m + frame * VL;
  float *x = j->x + frame * j->x_frame + pixel * VL;
  vf acc[2][MASK_PIXELS];
  UNROLL for (int t = 0; t < T; t++) {
    UNROLL for (int p = 0; p < P; p++) acc[t][p] = (vf){0};
  }
  for (int n = 0; n < j->n_neurons; n++, mask += j->mask_neuron, m += j->m_neuron) {
    vf v[2];
    UNROLL for (int t = 0; t < T; t++) v[t] = load(m + t * VL);
    UNROLL for (int p = 0; p < P; p++) {
      vf w = splat(mask[p]);
      UNROLL for (int t = 0; t < T; t++) acc[t][p] += w * v[t];
    }
  }
  UNROLL for (int t = 0; t < T; t++) {
    UNROLL for (int p = 0; p < P; p++) store(x + t * j->x_frame + p * VL, acc[t][p]);
  }
}

INLINE void mask_spread_pixels(const int T, const ins_masked *j, int frame) {
  int p = 0;
  for (; p + MASK_PIXELS <= j->n_pixels; p += MASK_PIXELS)
    mask_spread_tile(MASK_PIXELS, T, j, p, frame);
  for (; p < j->n_pixels; p++) mask_spread_tile(1, T, j, p, frame);
}

static void mask_spread(const ins_masked *j) {
  int t = 0;
  for (; t + 2 <= j->n_frames; t += 2) mask_spread_pixels(2, j, t);
  if (t < j->n_frames) mask_spread_pixels(1, j, t);
}

#endif
