/* SPDX-License-Identifier: MIT */
/** A separable convolution made ready for one instruction set: packed weights, workspace, and the
 * loops over the kernels of kernels_table.h. Private to the rooms `kernels` and `model`. Local.
 *
 * Forward: for each live output frame and input channel the temporal filter comes first (into a
 * plane z, in lanes), then the spatial one; so only frames that are read are filtered in space.
 * Backward: space first, then time, for the same reason. Its lanes are the output channels when
 * there are few input channels (then a sum over lanes ends the work), else the input channels.
 */
#ifndef INSILICO_SEPARABLE_H
#define INSILICO_SEPARABLE_H

#include "kernels_table.h"

typedef struct ins_separable {
  ins_conv_shape shape;
  const ins_kernels *kernels;
  int in_blocks, out_blocks;
  bool lanes_are_inputs; /* of the backward pass */
  int dy_left, dy_row;   /* of planar dy: margin before a row and length of a row */
  int part,
      group; /* of the backward pass with lanes = inputs: columns, output channels at a time */
  /* Packed weights. */
  float *wt, *ws; /* [out block][in channel][k][lane], [..][a][b][lane] */
  float *wt_back,
      *ws_back; /* lanes are inputs: [in block][out channel][..][lane], columns reversed */
  /* Workspace. */
  float *z, *y, *u, *d;
  size_t z_row, z_frame, u_row, d_row;
} ins_separable;

/** Frames and rows of lanes are this many pixels apart when they hold n: never near a power of two,
 * since addresses 4 kB apart share a set of the nearest cache. */
size_t ins_row_stride(size_t n_pixels);
/** The same for planar frames, in floats. */
size_t ins_frame_stride(size_t n_floats);

/** Channels rounded up to whole blocks, in blocks. */
int ins_blocks(const ins_kernels *kernels, int n_channels);

/** Floats of memory that ins_separable_init needs. */
size_t ins_separable_floats(const ins_conv_shape *shape, const ins_kernels *kernels, bool gradient);

/** Packs wt [o,i,k] and ws [o,i,a,b] and lays the workspace out in `memory` (zeroed, aligned to 64
 * bytes, ins_separable_floats long; must outlive *out). */
void ins_separable_init(ins_separable *out, const ins_conv_shape *shape, const ins_kernels *kernels,
                        bool gradient, const float *wt, const float *ws, float *memory);

/** Where the activation of each live output frame goes: a = elu(scale * y + shift). */
typedef struct ins_activation {
  const float *scale, *shift; /* [out block][lane] */
  float *lanes;               /* a [out block][t][pixel][lane], or NULL */
  float *planar;              /* a [channel][t][pixel], strides below, or NULL */
  size_t planar_channel, planar_frame;
  float *slope; /* d a / d y [out block][t][pixel][lane], or NULL */
} ins_activation;

/** x planar: channel c of live frame t at x[c * x_channel + t * x_frame]. */
void ins_separable_forward(const ins_separable *conv, const float *x, size_t x_channel,
                           size_t x_frame, const ins_activation *activation);

/** Floats of the dy that the backward pass reads: lanes [out block][t][pixel][lane], or, when
 * lanes_are_inputs, planar [out channel][t][h][dy_row] with zero margins (`dy_left` before each
 * row). */
size_t ins_separable_dy_floats(const ins_separable *conv);
/** Fills it from lanes g [out block][t][pixel][lane], multiplied by `slope` of the same layout
 * unless NULL. dy must be zero in its margins. */
void ins_separable_set_dy(const ins_separable *conv, const float *g, const float *slope, float *dy);

/** Gradient of the input: planar dx[c * dx_channel + t * dx_frame + pixel], or in lanes
 * dx [in block][t][pixel][lane], multiplied by `slope` of that layout unless NULL. */
void ins_separable_backward_planar(const ins_separable *conv, const float *dy, float *dx,
                                   size_t dx_channel, size_t dx_frame);
void ins_separable_backward_lanes(const ins_separable *conv, const float *dy, const float *slope,
                                  float *dx);

#endif
