/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "conv_layer.h"

/* openretina's SimpleCoreWrapper: perhaps a squash of colours to grey and a mean over windows of
 * the stimulus; layers of convolution, batch norm, bias, ELU, perhaps a maximum over windows; then
 * frames are cut. Dropout does nothing after training. */

enum { MOST_KERNEL = 1024 };

static bool is_null(const ins_value *value) {
  return !value || value->kind == INS_NULL;
}

/* ---- padding -------------------------------------------------------------------------------- */

static ins_status read_padding(const ins_builder *b, const char *path, bool fallback,
                               ins_padding *out) {
  const ins_value *value = ins_value_at(b->architecture, path);
  *out = (ins_padding){0};
  if (!value || value->kind == INS_BOOL) {
    out->same = ins_value_bool_or(value, fallback);
    return INS_OK;
  }
  if (value->kind == INS_TEXT) {
    out->same = strcmp(value->text, "same") == 0;
    if (out->same || strcmp(value->text, "valid") == 0) return INS_OK;
    return ins_fail(INS_ERR_FORMAT,
                    "%s of the architecture is '%s', but must be 'same', 'valid', true, "
                    "false, a number, or three numbers",
                    path, value->text);
  }
  if (value->kind == INS_LIST) return ins_builder_ints(b, path, 3, 0, MOST_KERNEL, out->by);
  ins_status status = ins_builder_int(b, path, 0, MOST_KERNEL, out->by);
  out->by[1] = out->by[2] = out->by[0];
  return status;
}

/* ---- what comes before the layers ----------------------------------------------------------- */

/* y = sum_c weight[c] x[c]; a stimulus of one channel stays as it is. The weights that count are
 * the parameter; one weight alone is for all channels. */
static ins_status add_squash(ins_builder *b, ins_chain *chain) {
  const char *const name = "core.color_squashing_layer.channel_weights";
  const size_t n = (size_t)b->in[0];
  const ins_layer_info info = {
      .in_channels = (int)n, .out_channels = 1, .kernel_t = 1, .kernel_h = 1, .kernel_w = 1};
  size_t shape[1];
  float *given, *weights;
  ins_status status = ins_builder_shape(b, name, 1, shape);
  if (status == INS_OK && n > 1 && shape[0] != 1) shape[0] = n;
  if (status == INS_OK) status = ins_builder_take(b, name, false, 1, shape, &given);
  if (status != INS_OK || n == 1) return status;
  status = ins_arena_take(b->arena, n, sizeof *weights, &weights);
  if (status != INS_OK) return status;
  for (size_t c = 0; c < n; c++) weights[c] = given[shape[0] == 1 ? 0 : c];
  return ins_chain_add_dense(b, chain, &info, weights);
}

static ins_status add_downsampling(ins_builder *b, ins_chain *chain) {
  const char *const path = "core.downsample_input_kernel_size";
  const size_t n = ins_value_count(ins_value_at(b->architecture, path)) == 1 ? 1 : 3;
  long kernel[3];
  ins_status status = ins_builder_ints(b, path, n, 1, MOST_KERNEL, kernel);
  if (n == 1) kernel[1] = kernel[2] = kernel[0];
  return status == INS_OK ? ins_chain_add_mean_pool(b, chain, kernel) : status;
}

static ins_status add_input_steps(ins_builder *b, ins_chain *chain, const ins_conv_layer *first) {
  ins_status status = INS_OK;
  if (is_null(ins_value_at(b->architecture, "core.color_squashing_weights")))
    status = ins_conv_layers_check_channels(b, first->in_channels);
  else if (first->in_channels == 1)
    status = add_squash(b, chain);
  else
    status = ins_fail(INS_ERR_SHAPE,
                      "the core squashes colours to one channel (core.color_squashing_weights), "
                      "but its first layer takes %ld (core.channels)",
                      first->in_channels);
  if (status == INS_OK &&
      !is_null(ins_value_at(b->architecture, "core.downsample_input_kernel_size")))
    status = add_downsampling(b, chain);
  return status;
}

/* ---- the core ------------------------------------------------------------------------------- */

static ins_status read_layers(ins_builder *b, ins_conv_layer **out, size_t *n) {
  ins_status status = ins_conv_layers_read(b, out, n);
  for (size_t l = 0; l < *n && status == INS_OK; l++) {
    ins_conv_layer *layer = &(*out)[l];
    layer->norm = (ins_norm){.batch_norm = true, .affine = true, .bias = true};
    layer->nonlinearity = INS_ELU;
    /* openretina's defaults: no padding of the input layer, "same" of the others */
    status =
        read_padding(b, l ? "core.hidden_padding" : "core.input_padding", l > 0, &layer->padding);
  }
  return status;
}

static ins_status create(ins_builder *b, ins_chain *chain) {
  const char *const pooling = "core.maxpool_every_n_layers";
  ins_conv_layer *layers;
  size_t n;
  long every = 0; /* never */
  chain->in_channels = b->in[0];
  ins_status status = read_layers(b, &layers, &n);
  if (status == INS_OK)
    status = ins_builder_int(b, "core.cut_first_n_frames", 0, 1 << 20, &chain->cut);
  if (status == INS_OK && !is_null(ins_value_at(b->architecture, pooling)))
    status = ins_builder_int(b, pooling, 1, 1 << 20, &every);
  if (status == INS_OK) status = add_input_steps(b, chain, &layers[0]);
  for (size_t l = 0; l < n && status == INS_OK; l++) {
    status = ins_chain_add_layer(b, chain, &layers[l], false);
    if (status == INS_OK && every && l % (size_t)every == 0)
      status = ins_chain_add_max_pool(b, chain);
  }
  return status;
}

const ins_core_kind ins_core_simple = {"simple", create};
