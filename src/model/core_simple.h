/* SPDX-License-Identifier: MIT */
/** openretina's SimpleCoreWrapper: layers of convolution, batch norm, bias, ELU; then frames are
 * cut. */
#ifndef INSILICO_CORE_SIMPLE_H
#define INSILICO_CORE_SIMPLE_H

#include "model_internal.h"

/** a[o] = elu(scale[o] * y[o] + shift[o]), y the convolution of wt [o,i,k] and ws [o,i,h,w]. */
typedef struct ins_simple_layer {
  float *wt, *ws, *scale, *shift;
} ins_simple_layer;

typedef struct ins_simple_core {
  int n_layers;
  ins_layer_info *info;
  ins_simple_layer *layers;
  long cut;
} ins_simple_core;

/** Frames, rows and columns after one layer. */
ins_extent ins_simple_after(const ins_layer_info *layer, ins_extent in);
/** The convolution of one layer for all its frames. */
ins_conv_shape ins_simple_shape(const ins_layer_info *layer, ins_extent in);

ins_status ins_simple_plan(const void *core, const ins_core_request *request, ins_arena *arena,
                           void **plan) INS_CHECKED;
void ins_simple_live(const void *plan, size_t *first, size_t *n);
void ins_simple_forward(void *plan, size_t slot, const float *x, const ins_features *features);
void ins_simple_backward(void *plan, size_t slot, const ins_features *dfeatures, float *dx);

ins_status ins_simple_reference(const void *core, ins_extent in, const double *x, ins_arena *arena,
                                double **features, void **tape) INS_CHECKED;
void ins_simple_reference_backward(const void *core, void *tape, double *dfeatures, double *dx);

#endif
