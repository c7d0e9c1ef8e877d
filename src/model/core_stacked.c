/* SPDX-License-Identifier: MIT */
#include "conv_layer.h"
#include "stacking.h"

/* openretina's legacy ParametricFactorizedBatchConv3dCore: convolution, batch norm, nonlinearity;
 * the channels of all layers, or of some, one below the other. */

static bool truth(const ins_builder *b, const char *path, bool fallback) {
  return ins_value_bool_or(ins_value_at(b->architecture, path), fallback);
}

/* Padding in space by half the layer's own kernel. */
static ins_padding pad_by_half(bool padded, long kernel) {
  return padded ? (ins_padding){.by = {0, kernel / 2, kernel / 2}} : (ins_padding){0};
}

static ins_status read_layers(ins_builder *b, ins_conv_layer **out, size_t *n) {
  const bool last_too = truth(b, "core.final_nonlinearity", true);
  const char *speed = ins_value_text_or(ins_value_at(b->architecture, "core.log_speed"), NULL);
  ins_nonlinearity f = INS_ELU;
  ins_status status = ins_conv_layers_read(b, out, n);
  if (status == INS_OK) status = ins_nonlinearity_read(b, &f);
  for (size_t l = 0; l < *n && status == INS_OK; l++) {
    ins_conv_layer *layer = &(*out)[l];
    layer->norm = ins_norm_read(b);
    /* openretina's first layer always takes its cue from the last one's setting */
    layer->nonlinearity = last_too || (l > 0 && l + 1 < *n) ? f : INS_IDENTITY;
    layer->log_speed = speed;
    layer->padding = pad_by_half(l ? truth(b, "core.hidden_padding", true)
                                   : truth(b, "core.input_padding", false),
                                 layer->kernel_h);
  }
  return status;
}

/* ---- the core ------------------------------------------------------------------------------- */

static ins_status create(ins_builder *b, ins_chain *chain) {
  ins_conv_layer *layers;
  ins_stacking stacking;
  size_t n;
  chain->in_channels = b->in[0];
  ins_status status = read_layers(b, &layers, &n);
  if (status == INS_OK) status = ins_conv_layers_check_channels(b, layers[0].in_channels);
  if (status == INS_OK) status = ins_stacking_read(b, n, &stacking);
  for (size_t l = 0; l < n && status == INS_OK; l++) {
    status = ins_chain_add_layer(b, chain, &layers[l], ins_stacking_has(&stacking, l));
    if (status == INS_OK) ins_stacking_note(&stacking, l, chain);
  }
  return status == INS_OK ? ins_stacking_finish(b, &stacking, chain) : status;
}

const ins_core_kind ins_core_stacked = {"stacked", create};
