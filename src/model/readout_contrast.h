/* SPDX-License-Identifier: MIT */
/** What the two spatial contrast readouts share (Sridhar et al. 2025): each pixel is filtered in
 * time, y[t,p] = sum_k f_t[k] x[t+k,p], and with the weights f[p] of the spatial filter
 *
 * I = sum_p f y / S,  L = their weighted standard deviation,  r = a softplus(b (I + w L) + c)
 *
 * where S is the stored sum of the filter + 1e-8. Two forms of L are in use: the one of many cells,
 * sqrt(max(sum_p f y^2 / S - I^2, 1e-6)), and the one of single cells, sqrt(sum_p f (y - I)^2 / S).
 * At zero contrast the latter's slope is not defined (openretina's gradient is NaN there); here it
 * is 0. Both are summed in double precision around the mean: openretina's difference of squares in
 * single precision loses what a small contrast on a bright field is. One channel only. Local.
 */
#ifndef INSILICO_READOUT_CONTRAST_H
#define INSILICO_READOUT_CONTRAST_H

#include "model_internal.h"
#include "readout_parameters.h"

typedef struct ins_contrast_cell {
  const float *space, *time; /* [h,w] of the patch, [t] */
  double sum;                /* S */
  double total;              /* what the spatial filter really sums to */
  double w, a, b, c;
} ins_contrast_cell;

typedef struct ins_contrast_readout {
  size_t map_h, map_w, n_taps;
  ins_patch patch;
  bool floored;             /* L as of many cells */
  ins_contrast_cell *cells; /* [N] */
} ins_contrast_readout;

/** INS_ERR_UNSUPPORTED for more than one channel. */
ins_status ins_contrast_create(ins_builder *b, const ins_model_info *info, ins_extent map,
                               ins_contrast_readout **out) INS_CHECKED;
/** Sets sum and total of a cell from its filter and the stored sum. */
void ins_contrast_set_sums(const ins_contrast_readout *readout, float stored,
                           ins_contrast_cell *cell);

/* The operations of both kinds. */
long ins_contrast_lag(const void *readout);
void ins_contrast_mask(const void *readout, size_t neuron, float *out);
ins_status ins_contrast_plan(const void *readout, const ins_readout_request *request,
                             ins_arena *arena, void **plan) INS_CHECKED;
void ins_contrast_select(void *plan, size_t slot, const int64_t *neurons, size_t n);
void ins_contrast_forward(void *plan, size_t slot, const ins_features *features, float *r);
void ins_contrast_backward(void *plan, size_t slot, const float *dr, const ins_features *dfeatures);
ins_status ins_contrast_reference(const void *readout, ins_extent map, const int64_t *neurons,
                                  size_t n, const double *features, double *r, const double *dr,
                                  double *dfeatures) INS_CHECKED;

/** The weighted mean and deviations of a frame: r = a softplus(...), and
 * d r / d y[p] = f[p] (slope + contrast_slope (y[p] - centre)). */
typedef struct ins_contrast_point {
  double r, centre, slope, contrast_slope;
} ins_contrast_point;

/** mean = sum_p f y / S, square = sum_p f (y - mean)^2 / S. */
ins_contrast_point ins_contrast_at(const ins_contrast_readout *readout,
                                   const ins_contrast_cell *cell, double mean, double square);

#endif
