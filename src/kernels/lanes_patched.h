/* SPDX-License-Identifier: MIT */
/** Sums of feature maps under masks of which only a patch differs from a constant. As of all
 * kernels, the order of summation of a number is its own: that of the pixels of its patch. */
#ifndef INSILICO_LANES_PATCHED_H
#define INSILICO_LANES_PATCHED_H

#include "lanes_vector.h"

/* Frames of a tile: as many chains of multiply-adds as hide their latency. */
enum { PATCH_FRAMES = 8 };

INLINE void patch_total_tile(const int T, const ins_patched *j, int frame) {
  const float *x = j->x + frame * j->x_frame;
  vf acc[PATCH_FRAMES];
  UNROLL for (int t = 0; t < T; t++) acc[t] = (vf){0};
  for (int p = 0; p < j->n_pixels; p++) {
    UNROLL for (int t = 0; t < T; t++) acc[t] += load(x + t * j->x_frame + p * VL);
  }
  UNROLL for (int t = 0; t < T; t++) store(j->total + (frame + t) * VL, acc[t]);
}

INLINE void patch_sum_tile(const int T, const ins_patched *j, int neuron, int frame) {
  const ins_mask_patch *patch = &j->patch[neuron];
  const float *weight = j->weight + neuron * j->weight_neuron;
  const size_t line = (size_t)j->map_w * VL;
  const float *row = j->x + frame * j->x_frame + patch->top * line + (size_t)patch->left * VL;
  float *m = j->m + neuron * j->m_neuron + frame * VL;
  vf acc[PATCH_FRAMES], background = splat(patch->background);
  UNROLL for (int t = 0; t < T; t++) acc[t] = background * load(j->total + (frame + t) * VL);
  for (int h = 0; h < patch->height; h++, row += line, weight += patch->width) {
    NO_UNROLL for (int w = 0; w < patch->width; w++) {
      const float *x = row + w * VL;
      vf v = splat(weight[w]);
      UNROLL for (int t = 0; t < T; t++) acc[t] += v * load(x + t * j->x_frame);
    }
  }
  UNROLL for (int t = 0; t < T; t++) store(m + t * VL, acc[t]);
}

INLINE void patch_sum_frames(const int T, const ins_patched *j, int frame) {
  patch_total_tile(T, j, frame);
  for (int n = 0; n < j->n_neurons; n++) patch_sum_tile(T, j, n, frame);
}

static void patch_sum(const ins_patched *j) {
  for (int t = 0, part; t < j->n_frames; t += part) {
    part = even_part(j->n_frames - t, PATCH_FRAMES);
    switch (part) {
    case 1:
      patch_sum_frames(1, j, t);
      break;
    case 2:
      patch_sum_frames(2, j, t);
      break;
    case 3:
      patch_sum_frames(3, j, t);
      break;
    case 4:
      patch_sum_frames(4, j, t);
      break;
    case 5:
      patch_sum_frames(5, j, t);
      break;
    case 6:
      patch_sum_frames(6, j, t);
      break;
    case 7:
      patch_sum_frames(7, j, t);
      break;
    default:
      patch_sum_frames(8, j, t);
      break;
    }
  }
}

#endif
