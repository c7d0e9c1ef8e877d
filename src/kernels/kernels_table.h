/* SPDX-License-Identifier: MIT */
/** The table of vector kernels of one instruction set. Private to the rooms `kernels` and `model`.
 *
 * Data come in two layouts. *Planar*: [C,T,H,W] with strides, one channel after the other. *Lanes*:
 * [block][...][lane], where a block is `lanes` consecutive channels (the last block is filled up
 * with channels of zero weight): one vector register holds one pixel of one block. All pointers of
 * the lanes layout are aligned to a vector. Strides are counted in floats.
 *
 * Every number is the end of one chain of multiply-adds whose order depends only on the shape of
 * the layer, never on which frames, neurons or slots are computed together with it.
 */
#ifndef INSILICO_KERNELS_TABLE_H
#define INSILICO_KERNELS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "insilico/kernels.h"
#include "nonlinearity.h"

enum {
  INS_MOST_LANES = 16,
  /* Floats that must be readable (and, for rows of lanes, writable) beyond the end of a row, since
   * tiles are as wide as the register file allows: in pixels. */
  INS_TILE_PIXELS = 8,
  INS_DENSE_OUT = 4 /* most output channels of an ins_dense_tile */
};

/** One convolution, separable in time and space for each pair of output and input channel:
 * y[o,t,h,w] = sum_{i,k,a,b} wt[o,i,k] ws[o,i,a,b] x[i, t + k - shift_t, h + a - pad_h, w + b -
 * pad_w], where x is zero outside its frame. Sizes of time count live frames only; `shift_t`
 * relates the first live output frame to the first live input frame. */
typedef struct ins_conv_shape {
  int in_channels, out_channels;
  int kernel_t, kernel_h, kernel_w;
  int shift_t, pad_h, pad_w;
  int in_t, in_h, in_w;
  int out_t, out_h, out_w;
} ins_conv_shape;

/** z[f,h,w,lane] = sum_k wt[k,lane] x[start + f + k, h, w] for n_frames (1 or 2) frames f; frames
 * of x outside [0, in_t) are zero. */
typedef struct ins_temporal {
  int n_frames, start, in_t, kernel_t, height, width;
  const float *x;
  size_t x_frame; /* rows of x are `width` apart */
  const float *wt;
  float *z;
  size_t z_frame, z_row;
} ins_temporal;

/** y[h,w,lane] (+)= sum_{a,b} ws[a,b,lane] z[h + a - pad_h, w + b, lane]; rows of z outside [0,
 * in_h) are zero, its columns include the margins. */
typedef struct ins_spatial {
  int kernel_h, kernel_w, pad_h, in_h, out_h, out_w;
  bool accumulate;
  const float *ws, *z;
  size_t z_row;
  float *y;
} ins_spatial;

/** a = elu(scale * y + shift), slope = d a / d y, for n pixels of one block; `act` and `slope` may
 * be NULL, as may `planar`: channel c of the block then goes to planar[c * planar_channel + pixel].
 */
typedef struct ins_activate {
  int n, n_channels;
  const float *y, *scale, *shift;
  float *act, *slope, *planar;
  size_t planar_channel;
} ins_activate;

/** The transposed spatial step for one input row, lanes = output channels:
 * u[t,v,lane] = sum_{a,b} ws[row - a, b, lane] dy[t, a, v - b, lane], v over out_w + kernel_w - 1
 * columns and `row` counted with the padding. */
typedef struct ins_spread {
  int n_frames, row, kernel_h, kernel_w, out_h, out_w;
  const float *ws, *dy;
  size_t dy_frame;
  float *u;
  size_t u_frame;
} ins_spread;

/** The same with lanes = input channels, for columns [0, width): dy is planar with zero margins in
 * each row and `ws` has its columns reversed: u[t,v,lane] = sum_{a,b} ws[row - a, b, lane] dy[t, a,
 * v + b]. */
typedef struct ins_gather {
  int n_frames, row, kernel_h, kernel_w, out_h, width;
  int first_valid,
      end_valid; /* columns of dy that are not margin, counted from dy's first column */
  const float *ws, *dy;
  size_t dy_frame, dy_row;
  float *u;
  size_t u_frame;
} ins_gather;

/** The transposed temporal step: d[s,v,lane] = sum_g sum_k wt[g,k,lane] u[g, s + shift_t - k, v,
 * lane]; frames of u outside [0, out_t) are zero. */
typedef struct ins_gather_time {
  int n_groups, kernel_t, shift_t, in_t, out_t, width;
  const float *wt;
  size_t wt_group;
  const float *u;
  size_t u_group, u_frame;
  float *
      d; /* d_frame apart: lanes (accumulated if `accumulate`), or sums over lanes (width floats) */
  size_t d_frame;
  bool accumulate;
} ins_gather_time;

/** m[n,t,lane] = sum_p mask[n,p] x[t,p,lane]; and transposed d[t,p,lane] = sum_n mask[n,p]
 * m[n,t,lane]. */
typedef struct ins_masked {
  int n_neurons, n_frames, n_pixels;
  const float *mask;
  size_t mask_neuron;
  float *x; /* read by mask_sum, written by mask_spread */
  size_t x_frame;
  float *m;
  size_t m_neuron; /* frames of m are one vector apart */
} ins_masked;

/** A mask that is `background` everywhere but in a rectangle of the map (which may be empty). */
typedef struct ins_mask_patch {
  int top, left, height, width;
  float background;
} ins_mask_patch;

/** m[n,t,lane] = background[n] * total[t,lane] + sum over the patch of weight[n,h,w]
 * x[t, (top + h) * map_w + left + w, lane], where total[t,lane] = sum_p x[t,p,lane] over all
 * n_pixels is a by-product: what mask_sum gives for masks `background + weight`, at the price of
 * the patch. */
typedef struct ins_patched {
  int n_neurons, n_frames, n_pixels, map_w;
  const ins_mask_patch *patch; /* [n] */
  const float *weight;         /* [h,w] of a patch, without gaps */
  size_t weight_neuron;
  const float *x;
  size_t x_frame;
  float *total; /* [t][lane] */
  float *m;
  size_t m_neuron; /* frames of m are one vector apart */
} ins_patched;

/** y[o,q] = sum_i sum_tap w[i,tap,o] x[i, q + offset[tap]] for n_out channels o (at most
 * INS_DENSE_OUT) and n_vectors vectors of pixels q; x need not be aligned. */
typedef struct ins_dense_tile {
  int n_out, n_in, n_taps, n_vectors;
  const float *w, *x;
  size_t w_in, x_in;
  const size_t *offset;
  float *y;
  size_t y_out;
} ins_dense_tile;

struct ins_kernels {
  const char *name;
  int lanes;
  void (*temporal)(const ins_temporal *job);
  void (*spatial)(const ins_spatial *job);
  void (*activate)(const ins_activate *job);
  void (*spread)(const ins_spread *job);
  void (*gather)(const ins_gather *job);
  void (*gather_time)(const ins_gather_time *job);     /* d in lanes */
  void (*gather_time_sum)(const ins_gather_time *job); /* d summed over lanes */
  void (*mask_sum)(const ins_masked *job);
  void (*patch_sum)(const ins_patched *job);
  void (*mask_spread)(const ins_masked *job);
  void (*dense)(const ins_dense_tile *job);
  /** ins_nonlinearity_run on this instruction set; nothing need be aligned. */
  void (*nonlinear)(ins_nonlinearity kind, size_t n, const float *x, float *y, float *slope);
  /** out[i] = a[i] * b[i] over n vectors; out may be a. */
  void (*multiply)(float *out, const float *a, const float *b, size_t n);
  /** planar[c * planar_channel + p] = a[p,lane c] (* b[p,lane c] unless NULL), c < n_channels. */
  void (*to_planar)(int n_pixels, int n_channels, const float *a, const float *b, float *planar,
                    size_t planar_channel);
  /** a[p,lane c] = planar[c * planar_channel + p], 0 in the lanes from n_channels on. */
  void (*to_lanes)(int n_pixels, int n_channels, const float *planar, size_t planar_channel,
                   float *a);
};

/* The tables that were built (lanes.c, compiled once for each). */
extern const ins_kernels ins_kernels_generic;
extern const ins_kernels ins_kernels_avx2;
extern const ins_kernels ins_kernels_avx512;

#endif
