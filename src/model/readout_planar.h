/* SPDX-License-Identifier: MIT */
/** Weighted sums of planar feature maps over a patch, and their transpose:
 *
 * s[t,n] = sum_c sum_p w[n,c,p] x[c,t,p], p over the pixels of the patch
 *
 * Forward, a vector holds as many n as there are lanes; backward, as many pixels. Both are the
 * kernels mask_sum and mask_spread with the parts played by others. Every s[t,n] is the sum of
 * chains over runs of pixels in a fixed order: its bits depend neither on the other n nor on the
 * frames. Local.
 */
#ifndef INSILICO_READOUT_PLANAR_H
#define INSILICO_READOUT_PLANAR_H

#include "model_internal.h"
#include "readout_parameters.h"

typedef struct ins_planar_shape {
  const ins_kernels *kernels;
  size_t n_channels, map_h, map_w;
  ins_patch patch;
  size_t n_frames, n_sums; /* t, most n */
  bool gradient;
} ins_planar_shape;

/** What the n of one slot weigh, packed for both directions. */
typedef struct ins_planar_weights {
  size_t n;
  float *lanes;  /* [block of n][c][p][lane] */
  float *planar; /* [n][c][pixel block][lane]; NULL without gradient */
} ins_planar_weights;

/** The workspace, for one slot at a time. */
typedef struct ins_planar {
  ins_planar_shape shape;
  size_t n_lanes, n_blocks, n_pixels, n_pixel_blocks;
  float *run;    /* sums of one run of pixels [t][block][lane] */
  float *factor; /* g [n][t + some] */
  float *spread; /* dx of one channel [pixel block][t][lane] */
} ins_planar;

ins_status ins_planar_create(const ins_planar_shape *shape, ins_arena *arena,
                             ins_planar *out) INS_CHECKED;
ins_status ins_planar_weights_create(const ins_planar *planar, ins_arena *arena,
                                     ins_planar_weights *out) INS_CHECKED;
/** Sets w[i,c,p] for one i < n; w [c,p] contiguous. Lanes beyond n must be cleared before. */
void ins_planar_set(const ins_planar *planar, ins_planar_weights *weights, size_t i,
                    const float *w);
/** Chooses n and clears all weights. */
void ins_planar_clear(const ins_planar *planar, ins_planar_weights *weights, size_t n);

/** s [t,n], contiguous, overwritten. */
void ins_planar_forward(const ins_planar *planar, const ins_planar_weights *weights,
                        const ins_maps *x, float *s);
/** dx[c,t,p] = sum_n g[t,n] w[n,c,p] on the patch, 0 elsewhere; overwritten. */
void ins_planar_backward(const ins_planar *planar, const ins_planar_weights *weights,
                         const float *g, const ins_maps *dx);

/** The same in double precision: x [C,t,H,W], one n. dx is added to; either may be left out. */
void ins_planar_reference(const ins_planar_shape *shape, const float *w, const double *x,
                          double *s);
void ins_planar_reference_backward(const ins_planar_shape *shape, const float *w, const double *g,
                                   double *dx);

/** map[h,w] = sqrt(sum_c w[c,p]^2 + map[h,w]^2) on the patch. */
void ins_planar_add_norm(const ins_planar_shape *shape, const float *w, float *map);

/** Zeros all live frames of all channels of planar maps. */
void ins_planar_zero(const ins_planar_shape *shape, const ins_maps *maps);

#endif
