/* SPDX-License-Identifier: MIT */
/** A dense convolution: each tap is one broadcast weight for an output channel times a run of
 * consecutive pixels. */
#ifndef INSILICO_LANES_DENSE_H
#define INSILICO_LANES_DENSE_H

#include "lanes_vector.h"

/* Vectors of pixels in the widest tile: with INS_DENSE_OUT channels, their accumulators and
 * operands fit into 32 (16) registers. */
#if defined(__AVX512F__)
enum { WIDE_DENSE = 6 };
#else
enum { WIDE_DENSE = 3 };
#endif

/** O channels of Q vectors from pixel q on. */
INLINE void dense_tile(const int O, const int Q, const ins_dense_tile *j, int q) {
  vf acc[INS_DENSE_OUT][WIDE_DENSE];
  UNROLL for (int o = 0; o < O; o++) {
    UNROLL for (int v = 0; v < Q; v++) acc[o][v] = (vf){0};
  }
  for (int i = 0; i < j->n_in; i++) {
    const float *x = j->x + (size_t)i * j->x_in + q, *w = j->w + (size_t)i * j->w_in;
    NO_UNROLL for (int tap = 0; tap < j->n_taps; tap++, w += O) {
      const float *at = x + j->offset[tap];
      vf pixels[WIDE_DENSE];
      UNROLL for (int v = 0; v < Q; v++) pixels[v] = held(load_unaligned(at + v * VL));
      UNROLL for (int o = 0; o < O; o++) {
        const vf weight = splat(w[o]);
        UNROLL for (int v = 0; v < Q; v++) acc[o][v] += weight * pixels[v];
      }
    }
  }
  UNROLL for (int o = 0; o < O; o++) {
    UNROLL for (int v = 0; v < Q; v++) store(j->y + (size_t)o * j->y_out + q + v * VL, acc[o][v]);
  }
}

INLINE void dense_vectors(const int O, const ins_dense_tile *j) {
  for (int v = 0, part; v < j->n_vectors; v += part) {
    part = even_part(j->n_vectors - v, WIDE_DENSE);
    switch (part) {
    case 1:
      dense_tile(O, 1, j, v * VL);
      break;
    case 2:
      dense_tile(O, 2, j, v * VL);
      break;
    case 3:
      dense_tile(O, 3, j, v * VL);
      break;
#if defined(__AVX512F__)
    case 4:
      dense_tile(O, 4, j, v * VL);
      break;
    case 5:
      dense_tile(O, 5, j, v * VL);
      break;
    default:
      dense_tile(O, 6, j, v * VL);
      break;
#endif
    }
  }
}

static void dense(const ins_dense_tile *j) {
  switch (j->n_out) {
  case 1:
    dense_vectors(1, j);
    break;
  case 2:
    dense_vectors(2, j);
    break;
  case 3:
    dense_vectors(3, j);
    break;
  default:
    dense_vectors(INS_DENSE_OUT, j);
    break;
  }
}

#endif
