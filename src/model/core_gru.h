/* SPDX-License-Identifier: MIT */
/** Steps that only openretina's ConvGRUCore has. Private to the room `model`. */
#ifndef INSILICO_CORE_GRU_H
#define INSILICO_CORE_GRU_H

#include "conv_layer.h"

/** A convolutional gated recurrent unit over frames (Ballas et al. 2016, as openretina's
 * ConvGRUCell):
 *   u[t] = sigmoid(Wu x[t] + Vu s[t-1] + bu)
 *   r[t] = sigmoid(Wr x[t] + Vr s[t-1] + br)
 *   c[t] = tanh(Wc x[t] + Vc (r[t] s[t-1]) + bc)
 *   s[t] = (1 - u[t]) s[t-1] + u[t] c[t],  s[-1] = 0,  y = s
 * W and V are convolutions of frames. */
typedef struct ins_gru {
  long in_channels, channels; /* of x, of s */
  long input_kernel, kernel;  /* width and height of W, of V */
  long groups;
  bool pad_input; /* half of W's kernel; else y loses input_kernel - 1 rows and columns */
} ins_gru;

/** Takes the parameters
 * "core.features.gru.gru.{update,reset,out}_gate_{input,hidden}.{weight,bias}". INS_ERR_SHAPE when
 * the state would change its size from frame to frame (an even kernel), or when groups do not
 * divide the channels; INS_ERR_MISSING, INS_ERR_MEMORY. */
ins_status ins_chain_add_gru(ins_builder *b, ins_chain *chain, const ins_gru *gru) INS_CHECKED;

/** y[c,t] = scale[t] x[c,t], scale [n] in the model's arena: what openretina's 2-D scale layer does
 * to a clip. It only runs where exactly n frames reach it: a plan for others fails with
 * INS_ERR_SHAPE, naming `layer`. */
ins_status ins_chain_add_frame_scale(ins_builder *b, ins_chain *chain, long n, const float *scale,
                                     const char *layer) INS_CHECKED;

#endif
