/* SPDX-License-Identifier: MIT */
/** What cores are built of: adds steps to a chain, above all those of one of openretina's
 * convolutional layers: convolution, batch norm with its variants, nonlinearity.
 *
 * A core's create function takes a chain from the builder's arena, reads the geometry of its layers
 * (ins_conv_layers_read), sets what differs between kinds of cores (padding, norm, nonlinearity),
 * and adds one layer after the other.
 */
#ifndef INSILICO_CONV_LAYER_H
#define INSILICO_CONV_LAYER_H

#include "chain.h"
#include "kernels/nonlinearity.h"

typedef enum ins_convolution {
  INS_CUSTOM_SEPARABLE, /* sines and cosines in time, times a plane */
  INS_SEPARABLE,        /* space, then time across channels */
  INS_FULL,
  INS_TIME_INDEPENDENT /* space only */
} ins_convolution;

/** Zeros around the input of each convolution: as many as keep the size ("same"; of an even
 * kernel's, one more after than before), or so many frames, rows and columns on either side. A
 * separable layer pads both of its convolutions by this rule. */
typedef struct ins_padding {
  bool same;
  long by[3]; /* t, h, w */
} ins_padding;

/** What stands between convolution and nonlinearity. */
typedef struct ins_norm {
  bool batch_norm; /* NAME.norm: running statistics */
  bool affine;     /* NAME.norm.weight, .bias */
  bool bias;       /* NAME.bias.bias [1,C,1,1,1] */
  bool scale;      /* NAME.scale.scale [1,C,1,1,1] */
} ins_norm;

typedef struct ins_conv_layer {
  char name[64]; /* "core.features.layer1": what its parameters' names begin with */
  ins_convolution convolution;
  long in_channels, out_channels;
  long kernel_t, kernel_h, kernel_w; /* kernel_t of time_independent plays no part */
  ins_padding padding;
  ins_norm norm;
  ins_nonlinearity nonlinearity; /* INS_IDENTITY: none */
  const char *log_speed; /* parameter [1] whose exp() stretches time; NULL: what NAME.conv says */
} ins_conv_layer;

/** Reads core.convolution, core.channels [n + 1], core.temporal_kernel_sizes and
 * core.spatial_kernel_sizes [n] into an array of n layers from the builder's arena, named
 * "core.features.layerL"; the rest of each is zero. The first layer's in_channels is not checked
 * against in_shape. INS_ERR_MISSING, INS_ERR_FORMAT, INS_ERR_UNSUPPORTED, INS_ERR_MEMORY. */
ins_status ins_conv_layers_read(ins_builder *b, ins_conv_layer **out, size_t *n) INS_CHECKED;
/** INS_ERR_SHAPE unless the stimulus (in_shape) has this many channels. */
ins_status ins_conv_layers_check_channels(const ins_builder *b, long channels) INS_CHECKED;
/** Reads core.batch_norm, core.batch_norm_scale and core.bias (all true by default), as ConvGRUCore
 * and the legacy core mean them. */
ins_norm ins_norm_read(const ins_builder *b);
/** Reads core.nonlinearity (ELU by default); a PReLU is INS_LEAKY_RELU until it is added
 * (ins_chain_add_nonlinear). INS_ERR_UNSUPPORTED names what is not known. */
ins_status ins_nonlinearity_read(const ins_builder *b, ins_nonlinearity *out) INS_CHECKED;

/* ---- one step ------------------------------------------------------------------------------- */

/** Adds a step; `weights` must live as long as the model. */
ins_status ins_chain_add(ins_builder *b, ins_chain *chain, const ins_step_ops *ops,
                         const void *weights) INS_CHECKED;

/** y = w * x, a dense convolution of `info`'s shape and padding, w
 * [o,i,kernel_t,kernel_h,kernel_w] in the model's arena. Notes nothing in chain->info. */
ins_status ins_chain_add_dense(ins_builder *b, ins_chain *chain, const ins_layer_info *info,
                               const float *w) INS_CHECKED;
/** The same in groups of channels, each with its own inputs: w [o,i / groups,...]; `groups` divides
 * both numbers of channels. */
ins_status ins_chain_add_grouped(ins_builder *b, ins_chain *chain, const ins_layer_info *info,
                                 int groups, const float *w) INS_CHECKED;

/** y[c] = f(scale[c] x[c] + shift[c]), scale and shift [c] in the model's arena; NULL: 1, 0. Adds
 * nothing where y = x. */
ins_status ins_chain_add_affine(ins_builder *b, ins_chain *chain, const float *scale,
                                const float *shift, ins_nonlinearity f) INS_CHECKED;

/** The same with y[c] = z above 0 and below[0] z elsewhere: torch's PReLU. */
ins_status ins_chain_add_prelu(ins_builder *b, ins_chain *chain, const float *scale,
                               const float *shift, const float *below) INS_CHECKED;
/** ins_chain_add_affine, or, where the core's nonlinearity is PReLU and f is not INS_IDENTITY,
 * ins_chain_add_prelu with the parameter `weight` [1]. INS_ERR_MISSING, INS_ERR_SHAPE. */
ins_status ins_chain_add_nonlinear(ins_builder *b, ins_chain *chain, const float *scale,
                                   const float *shift, ins_nonlinearity f,
                                   const char *weight) INS_CHECKED;

/** y[o] = elu(scale[o] z[o] + shift[o]), z the convolution of wt [o,i,k] and ws [o,i,a,b]; all in
 * the model's arena. */
typedef struct ins_separable_weights {
  const float *wt, *ws, *scale, *shift;
} ins_separable_weights;
/** Consecutive ones become one step, until one `ends` it. */
ins_status ins_chain_add_separable(ins_builder *b, ins_chain *chain, const ins_layer_info *info,
                                   const ins_separable_weights *weights, bool ends) INS_CHECKED;

/** Maximum over windows of 2 x 2 pixels; an odd row or column at the end is left out. */
ins_status ins_chain_add_max_pool(ins_builder *b, ins_chain *chain) INS_CHECKED;
/** Mean over windows of kernel frames, rows and columns. */
ins_status ins_chain_add_mean_pool(ins_builder *b, ins_chain *chain,
                                   const long kernel[3]) INS_CHECKED;

/* ---- one layer of openretina ---------------------------------------------------------------- */

/** Adds a convolutional layer, parameters taken from the builder, and notes it in chain->info.
 * `ends`: its output is the last step's, though another layer may follow (because it is stacked);
 * else later layers may join the same step. INS_ERR_MISSING, INS_ERR_SHAPE, INS_ERR_UNSUPPORTED,
 * INS_ERR_MEMORY. */
ins_status ins_chain_add_layer(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer,
                               bool ends) INS_CHECKED;

/** The norm and the nonlinearity of a layer alone. */
ins_status ins_chain_add_norm(ins_builder *b, ins_chain *chain,
                              const ins_conv_layer *layer) INS_CHECKED;
/** A convolution whose input is padded by this rule. */
ins_layer_info ins_layer_padded(const ins_padding *padding, long in_channels, long out_channels,
                                long kernel_t, long kernel_h, long kernel_w);
/** Adds a layer to chain->info. */
ins_status ins_chain_note(ins_builder *b, ins_chain *chain, const ins_layer_info *info) INS_CHECKED;

/* ---- for steps ------------------------------------------------------------------------------ */

/** Frames of an input of in_t frames that output frames of a convolution depend on. */
ins_frames ins_layer_needs(const ins_layer_info *layer, long in_t, ins_frames out);
/** The convolution of one layer for all its frames, and between live frames. */
ins_conv_shape ins_layer_shape(const ins_layer_info *layer, ins_size in);
ins_conv_shape ins_layer_live_shape(const ins_layer_info *layer, ins_size in, ins_frames live_in,
                                    ins_frames live_out);

#endif
