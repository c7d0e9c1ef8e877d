/* SPDX-License-Identifier: MIT */
/** A dense convolution made ready for one instruction set: packed weights, offsets, workspace, and
 * the loops over the kernel `dense` of kernels_table.h. Private to the rooms `kernels` and `model`.
 * Local.
 *
 * y[o,t,h,w] = sum_{i,k,a,b} w[o,i,k,a,b] x[g(o) + i, t + k - shift_t, h + a - pad_h, w + b -
 * pad_w], with i over the in_channels / groups channels of o's group, whose first channel is g(o),
 * and x zero outside its frame and outside its live frames. Everything is planar: channel c of
 * frame t at data[c * channel + t * frame], rows one after the other.
 *
 * Every y is one chain of multiply-adds in the order i, k, a, b, and the order of a gradient's sum
 * depends only on the shape of the layer: no number depends on which frames are computed together.
 * The padding may exceed the kernel (openretina pads 1x1 kernels).
 */
#ifndef INSILICO_DENSE_H
#define INSILICO_DENSE_H

#include "kernels_table.h"

/** Floats of memory that ins_dense_init needs (aligned to 64 bytes). */
size_t ins_dense_floats(const ins_conv_shape *shape, int groups, const ins_kernels *kernels,
                        bool gradient);

typedef struct ins_dense {
  ins_conv_shape shape;
  int groups;
  const ins_kernels *kernels;
  void *state; /* in the memory given: offsets, packed weights, padded copies */
} ins_dense;

/** Packs w [o, i / groups, k, a, b] and lays the workspace out in `memory` (zeroed, aligned to 64
 * bytes, ins_dense_floats long; must outlive *out). */
void ins_dense_init(ins_dense *out, const ins_conv_shape *shape, int groups,
                    const ins_kernels *kernels, bool gradient, const float *w, float *memory);

/** y is overwritten. */
void ins_dense_forward(const ins_dense *conv, const float *x, size_t x_channel, size_t x_frame,
                       float *y, size_t y_channel, size_t y_frame);
/** dx[i,t,h,w] = sum over y of dy * d y / d x, overwritten. */
void ins_dense_backward(const ins_dense *conv, const float *dy, size_t dy_channel, size_t dy_frame,
                        float *dx, size_t dx_channel, size_t dx_frame);

#endif
