/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "conv_layer.h"
#include "stacking.h"

/* neuralpredictors' Stacked2dCore for images: convolution in space, batch norm, ELU; the channels
 * of some layers one below the other. Layers above the first may be depth-separable: channels are
 * mixed, each is filtered in space, channels are mixed again. A movie is answered frame by frame.
 */

enum { NAME = 128, MOST_KERNEL = 1024 };

static bool truth(const ins_builder *b, const char *path, bool fallback) {
  return ins_value_bool_or(ins_value_at(b->architecture, path), fallback);
}

/* ---- settings ------------------------------------------------------------------------------- */

/* The input by half its kernel or not at all; the others all by the same number of pixels, half the
 * second layer's kernel unless it is given. */
static ins_status read_padding(const ins_builder *b, ins_conv_layer *layers, size_t n) {
  const char *const path = "core.hidden_padding";
  const ins_value *given = ins_value_at(b->architecture, path);
  long hidden = n > 1 ? layers[1].kernel_h / 2 : 0;
  ins_status status = INS_OK;
  if (given && given->kind != INS_NULL) status = ins_builder_int(b, path, 0, MOST_KERNEL, &hidden);
  for (size_t l = 0; l < n; l++) {
    const long input = truth(b, "core.input_padding", true) ? layers[0].kernel_h / 2 : 0;
    layers[l].padding.by[1] = layers[l].padding.by[2] = l ? hidden : input;
  }
  return status;
}

static ins_status read_layers(ins_builder *b, ins_conv_layer **out, size_t *n) {
  const bool last_too = truth(b, "core.final_nonlinearity", true);
  ins_nonlinearity f = INS_ELU;
  ins_status status = ins_conv_layers_read(b, out, n);
  if (status == INS_OK) status = ins_nonlinearity_read(b, &f);
  for (size_t l = 0; l < *n && status == INS_OK; l++) {
    (*out)[l].norm = ins_norm_read(b);
    (*out)[l].nonlinearity = last_too || l + 1 < *n ? f : INS_IDENTITY;
  }
  return status == INS_OK ? read_padding(b, *out, *n) : status;
}

/* ---- layers --------------------------------------------------------------------------------- */

/* The convolution LAYER.leaf with weight [o,i,h,w], and bias [o] where it has one, in `groups`
 * groups of channels. */
static ins_status add_convolution(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer,
                                  const char *leaf, const ins_layer_info *info, int groups) {
  char name[NAME];
  const size_t shape[4] = {(size_t)info->out_channels, (size_t)(info->in_channels / groups),
                           (size_t)info->kernel_h, (size_t)info->kernel_w};
  float *w, *bias;
  snprintf(name, sizeof name, "%s.%s.weight", layer->name, leaf);
  ins_status status = ins_builder_take(b, name, true, 4, shape, &w);
  if (status == INS_OK) status = ins_chain_add_grouped(b, chain, info, groups, w);
  snprintf(name, sizeof name, "%s.%s.bias", layer->name, leaf);
  if (status != INS_OK || !ins_builder_has(b, name)) return status;
  status = ins_builder_take(b, name, true, 1, shape, &bias);
  return status == INS_OK ? ins_chain_add_affine(b, chain, NULL, bias, INS_IDENTITY) : status;
}

/* A scale or a bias beside the batch norm is [1,C,1,1] here, in all layers. */
static ins_status add_norm(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer) {
  const size_t shape[4] = {1, (size_t)layer->out_channels, 1, 1};
  const ins_norm *norm = &layer->norm;
  ins_conv_layer plain = *layer;
  char name[NAME];
  float *scale = NULL, *bias = NULL;
  if (!norm->bias && !norm->scale) return ins_chain_add_norm(b, chain, layer);
  plain.norm.bias = plain.norm.scale = false;
  plain.nonlinearity = INS_IDENTITY;
  ins_status status = ins_chain_add_norm(b, chain, &plain);
  snprintf(name, sizeof name, "%s.%s", layer->name, norm->bias ? "bias.bias" : "scale.scale");
  if (status == INS_OK)
    status = ins_builder_take(b, name, true, 4, shape, norm->bias ? &bias : &scale);
  snprintf(name, sizeof name, "%s.nonlin.weight", layer->name);
  return status == INS_OK
             ? ins_chain_add_nonlinear(b, chain, scale, bias, layer->nonlinearity, name)
             : status;
}

static ins_status add_layer(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer) {
  const ins_padding none = {0};
  const long in = layer->in_channels, out = layer->out_channels, k = layer->kernel_h;
  const ins_layer_info mix_in = ins_layer_padded(&none, in, out, 1, 1, 1),
                       mix_out = ins_layer_padded(&none, out, out, 1, 1, 1),
                       each = ins_layer_padded(&layer->padding, out, out, 1, k, k),
                       whole = ins_layer_padded(&layer->padding, in, out, 1, k, k);
  char name[NAME];
  snprintf(name, sizeof name, "%s.ds_conv.in_depth_conv.weight", layer->name);
  ins_status status = ins_chain_note(b, chain, &whole);
  if (status == INS_OK && !ins_builder_has(b, name)) {
    status = add_convolution(b, chain, layer, "conv", &whole, 1);
  } else {
    if (status == INS_OK)
      status = add_convolution(b, chain, layer, "ds_conv.in_depth_conv", &mix_in, 1);
    if (status == INS_OK)
      status = add_convolution(b, chain, layer, "ds_conv.spatial_conv", &each, (int)out);
    if (status == INS_OK)
      status = add_convolution(b, chain, layer, "ds_conv.out_depth_conv", &mix_out, 1);
  }
  return status == INS_OK ? add_norm(b, chain, layer) : status;
}

static ins_status create(ins_builder *b, ins_chain *chain) {
  ins_conv_layer *layers;
  ins_stacking stacking;
  size_t n;
  chain->in_channels = b->in[0];
  ins_status status = read_layers(b, &layers, &n);
  if (status == INS_OK) status = ins_conv_layers_check_channels(b, layers[0].in_channels);
  if (status == INS_OK) status = ins_stacking_read(b, n, &stacking);
  for (size_t l = 0; l < n && status == INS_OK; l++) {
    status = add_layer(b, chain, &layers[l]);
    if (status == INS_OK) ins_stacking_note(&stacking, l, chain);
  }
  return status == INS_OK ? ins_stacking_finish(b, &stacking, chain) : status;
}

const ins_core_kind ins_core_image = {"image", create};
