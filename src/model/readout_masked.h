/* SPDX-License-Identifier: MIT */
/** What the readouts share that sum each feature map under one mask a neuron:
 *
 * r[t,n] = f(scale[n] * sum_c feature[n,c] sum_p mask_n[p] x[c,t,p] + bias[n])
 *
 * A kind of readout is a struct that begins with an ins_masked_readout, a `create` that fills it,
 * and a mask. Features come in lanes (kernels_table.h). Local.
 */
#ifndef INSILICO_READOUT_MASKED_H
#define INSILICO_READOUT_MASKED_H

#include "kernels/nonlinearity.h"
#include "model_internal.h"

typedef struct ins_masked_readout {
  size_t n_neurons, n_features;
  ins_extent map;
  float *feature;      /* [N,C] */
  float *scale, *bias; /* [N] */
  ins_nonlinearity nonlinearity;
  void (*mask)(const void *readout, size_t neuron, float *out); /* [h,w] */
} ins_masked_readout;

/** Sizes, and memory for feature, scale (1) and bias (0). */
ins_status ins_masked_create(ins_builder *b, const ins_model_info *info, ins_extent map,
                             ins_masked_readout *out) INS_CHECKED;
/** Session's parameter "features" [1,C,1,N]; negative ones become 0 when the setting
 * "readout.positive" is true. */
ins_status ins_masked_take_features(ins_builder *b, const ins_session *session,
                                    ins_masked_readout *out) INS_CHECKED;

/** A mask that is stored as it is: pixel p at values[p * stride]. */
typedef struct ins_free_mask {
  const float *values;
  size_t stride;
} ins_free_mask;

/** out[p] of n_pixels, or their absolute values. */
void ins_free_mask_read(const ins_free_mask *mask, size_t n_pixels, bool absolute, float *out);

/* The operations of every such kind, over an ins_masked_readout. */
ins_status ins_masked_plan(const void *readout, const ins_readout_request *request,
                           ins_arena *arena, void **plan) INS_CHECKED;
void ins_masked_select(void *plan, size_t slot, const int64_t *neurons, size_t n);
void ins_masked_forward(void *plan, size_t slot, const ins_features *features, float *r);
void ins_masked_backward(void *plan, size_t slot, const float *dr, const ins_features *dfeatures);
ins_status ins_masked_reference(const void *readout, ins_extent map, const int64_t *neurons,
                                size_t n, const double *features, double *r, const double *dr,
                                double *dfeatures) INS_CHECKED;

#endif
