/* SPDX-License-Identifier: MIT */
#include "core_gru.h"

#include <stdio.h>

/* openretina's ConvGRUCore: layers of convolution, batch norm, nonlinearity; perhaps a projection
 * of channels after the first; perhaps a GRU over frames after the last. ConditionedGRUCore scales
 * and shifts the channels of each layer as well (FiLM, Perez et al. 2018). */

enum { MOST_KERNEL = 1024, MOST_CHANNELS = 1 << 14 };

static bool truth(const ins_builder *b, const char *path, bool fallback) {
  return ins_value_bool_or(ins_value_at(b->architecture, path), fallback);
}

/* ---- layers --------------------------------------------------------------------------------- */

/* Half of a kernel in space. openretina takes entry l - 1 of a list whose entry 0 is always 0: the
 * second layer is never padded, later ones by the kernel of the layer before. */
static ins_padding padding_of(const ins_builder *b, const ins_conv_layer *layers, size_t l) {
  const bool padded =
      l ? l > 1 && truth(b, "core.hidden_padding", true) : truth(b, "core.input_padding", false);
  const long half = layers[l ? l - 1 : 0].kernel_h / 2;
  return padded ? (ins_padding){.by = {0, half, half}} : (ins_padding){0};
}

static void set_layers(const ins_builder *b, ins_nonlinearity f, ins_conv_layer *layers, size_t n) {
  const bool last_too = truth(b, "core.final_nonlinearity", true);
  for (size_t l = 0; l < n; l++) {
    layers[l].norm = ins_norm_read(b);
    layers[l].padding = padding_of(b, layers, l);
    /* The first layer goes by the setting even when it is not the last. */
    layers[l].nonlinearity = last_too || (l > 0 && l + 1 < n) ? f : INS_IDENTITY;
  }
}

/* A scale of four axes for several channels scales frames: see step_frame_scale.c. */
static bool scales_frames(const ins_builder *b, const ins_conv_layer *layer, char name[96]) {
  size_t shape[4];
  snprintf(name, 96, "%s.scale.scale", layer->name);
  return layer->norm.scale && ins_builder_has(b, name) &&
         ins_builder_shape(b, name, 4, shape) == INS_OK && shape[1] > 1;
}

static ins_status add_layer(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer) {
  char name[96], weight[96];
  float *scale;
  if (!scales_frames(b, layer, name)) return ins_chain_add_layer(b, chain, layer, false);
  const size_t shape[4] = {1, (size_t)layer->out_channels, 1, 1};
  ins_conv_layer linear = *layer;
  linear.norm.scale = false;
  linear.nonlinearity = INS_IDENTITY;
  ins_status status = ins_builder_take(b, name, true, 4, shape, &scale);
  if (status == INS_OK) status = ins_chain_add_layer(b, chain, &linear, true);
  if (status == INS_OK)
    status = ins_chain_add_frame_scale(b, chain, layer->out_channels, scale, name);
  snprintf(weight, sizeof weight, "%s.nonlin.weight", layer->name);
  if (status == INS_OK)
    status = ins_chain_add_nonlinear(b, chain, NULL, NULL, layer->nonlinearity, weight);
  return status;
}

/* The scale and the shift are linear in a condition that openretina's models never hand on, and
 * that is 0 then: what is left of them are their biases. `place` counts the modules of
 * core.features. A layer without batch norm has none. */
static ins_status add_film(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer,
                           size_t place) {
  char name[64];
  float *scale, *shift;
  const size_t shape[1] = {(size_t)layer->out_channels};
  if (!layer->norm.batch_norm) return INS_OK;
  snprintf(name, sizeof name, "core.film_%zu.fc_gamma.bias", place);
  ins_status status = ins_builder_take(b, name, true, 1, shape, &scale);
  snprintf(name, sizeof name, "core.film_%zu.fc_beta.bias", place);
  if (status == INS_OK) status = ins_builder_take(b, name, true, 1, shape, &shift);
  return status == INS_OK ? ins_chain_add_affine(b, chain, scale, shift, INS_IDENTITY) : status;
}

/* Always with the nonlinearity, whatever final_nonlinearity says. */
static ins_status add_projection(ins_builder *b, ins_chain *chain, long channels,
                                 ins_nonlinearity f) {
  const char *const speed = "core.features.projection.0._log_speed_default";
  const ins_layer_info info = {.in_channels = (int)channels,
                               .out_channels = (int)channels,
                               .kernel_t = 1,
                               .kernel_h = 1,
                               .kernel_w = 1};
  const size_t shape[5] = {(size_t)channels, (size_t)channels, 1, 1, 1}, one[1] = {1};
  float *w, *unused; /* a full convolution has a speed and does not use it */
  ins_status status =
      ins_builder_take(b, "core.features.projection.0.conv.weight", true, 5, shape, &w);
  if (status == INS_OK && ins_builder_has(b, speed))
    status = ins_builder_take(b, speed, false, 1, one, &unused);
  if (status == INS_OK) status = ins_chain_add_dense(b, chain, &info, w);
  if (status == INS_OK)
    status = ins_chain_add_nonlinear(b, chain, NULL, NULL, f, "core.features.projection.1.weight");
  return status;
}

/* ---- the GRU -------------------------------------------------------------------------------- */

static ins_status add_gru(ins_builder *b, ins_chain *chain, long in_channels) {
  const ins_value *groups = ins_value_at(b->architecture, "core.gru.groups");
  ins_gru gru = {.in_channels = in_channels, .groups = 1};
  gru.pad_input = truth(b, "core.gru.pad_input", true);
  ins_status status = ins_builder_int(b, "core.gru.rec_channels", 1, MOST_CHANNELS, &gru.channels);
  if (status == INS_OK)
    status = ins_builder_int(b, "core.gru.input_kern", 1, MOST_KERNEL, &gru.input_kernel);
  if (status == INS_OK)
    status = ins_builder_int(b, "core.gru.rec_kern", 1, MOST_KERNEL, &gru.kernel);
  if (status == INS_OK && groups && groups->kind != INS_NULL)
    status = ins_builder_int(b, "core.gru.groups", 1, MOST_CHANNELS, &gru.groups);
  return status == INS_OK ? ins_chain_add_gru(b, chain, &gru) : status;
}

/* ---- the core ------------------------------------------------------------------------------- */

static ins_status add_layers(ins_builder *b, ins_chain *chain, ins_nonlinearity f,
                             const ins_conv_layer *layers, size_t n, bool conditioned) {
  const bool projects = truth(b, "core.use_projections", false);
  ins_status status = INS_OK;
  for (size_t l = 0; l < n && status == INS_OK; l++) {
    status = add_layer(b, chain, &layers[l]);
    if (status == INS_OK && conditioned)
      status = add_film(b, chain, &layers[l], l && projects ? l + 1 : l);
    if (status == INS_OK && l == 0 && projects)
      status = add_projection(b, chain, layers[0].out_channels, f);
  }
  return status;
}

static ins_status create_any(ins_builder *b, bool conditioned, ins_chain *chain) {
  ins_conv_layer *layers;
  ins_nonlinearity f = INS_ELU;
  size_t n;
  chain->in_channels = b->in[0];
  ins_status status = ins_conv_layers_read(b, &layers, &n);
  if (status == INS_OK) status = ins_conv_layers_check_channels(b, layers[0].in_channels);
  if (status == INS_OK) status = ins_nonlinearity_read(b, &f);
  if (status != INS_OK) return status;
  set_layers(b, f, layers, n);
  status = add_layers(b, chain, f, layers, n, conditioned);
  if (status == INS_OK && truth(b, "core.use_gru", false))
    status = add_gru(b, chain, layers[n - 1].out_channels);
  return status;
}

static ins_status create(ins_builder *b, ins_chain *chain) {
  return create_any(b, false, chain);
}

static ins_status create_conditioned(ins_builder *b, ins_chain *chain) {
  return create_any(b, true, chain);
}

const ins_core_kind ins_core_conv_gru = {"conv_gru", create};

const ins_core_kind ins_core_conditioned_gru = {"conditioned_gru", create_conditioned};
