/* SPDX-License-Identifier: MIT */
/* The core SimpleCoreWrapper of openretina/modules/core/base_core.py. */
#include "convolution.h"
#include "kind.h"

/* The weights of the colour squash are a parameter, so they tell that there is one. */
static ins_status make_squash(const ins_settings *s, const ins_setting *setting,
                              const ins_value *state, const ins_value *architecture,
                              ins_value **out) {
  const ins_value *weights = ins_map_get(state, "core.color_squashing_layer.channel_weights");
  ins_setting read = *setting;
  (void)architecture;
  read.kind = INS_SETTING_REALS | INS_SETTING_NULLABLE | INS_SETTING_HARMLESS;
  ins_status status = ins_setting_read(s, "core", &read, out);
  if (status != INS_OK || (*out)->kind != INS_NULL || !weights || weights->kind != INS_ARRAY ||
      weights->array.n_dims != 1)
    return status;
  ins_value_destroy(out);
  *out = ins_value_list();
  status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < weights->array.shape[0]; i++)
    status = ins_list_take(*out, ins_value_real(ins_array_get(&weights->array, i)));
  return status;
}

static const ins_setting settings[] = {
    {.name = "convolution",
     .peer = "convolution_type",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "custom_separable",
     .make = ins_make_convolution},
    {.name = "channels",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .make = ins_make_channels},
    {.name = "temporal_kernel_sizes", .make = ins_make_kernel_list},
    {.name = "spatial_kernel_sizes",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .make = ins_make_kernel_list},
    {.name = "input_padding", .kind = INS_SETTING_PADDING, .fallback = "false"},
    {.name = "hidden_padding", .kind = INS_SETTING_PADDING, .fallback = "true"},
    {.name = "cut_first_n_frames", .kind = INS_SETTING_INT, .fallback = "30"},
    {.name = "dropout_rate", .kind = INS_SETTING_REAL | INS_SETTING_HARMLESS, .fallback = "0"},
    {.name = "maxpool_every_n_layers",
     .kind = INS_SETTING_INT | INS_SETTING_NULLABLE | INS_SETTING_HARMLESS,
     .fallback = "null"},
    {.name = "downsample_input_kernel_size",
     .kind = INS_SETTING_INTS | INS_SETTING_NULLABLE | INS_SETTING_HARMLESS,
     .fallback = "null"},
    {.name = "color_squashing_weights",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "null",
     .make = make_squash},
    {.name = NULL}};

static const char *const unused[] = {"n_neurons_dict", NULL};

static const ins_leaf leaves[] = {
    {"features.layer#.norm.weight", INS_LEAF_MODEL, "O", NULL},
    {"features.layer#.norm.bias", INS_LEAF_MODEL, "O", NULL},
    {"features.layer#.norm.running_mean", INS_LEAF_MODEL, "O", NULL},
    {"features.layer#.norm.running_var", INS_LEAF_MODEL, "O", NULL},
    {"features.layer#.norm.num_batches_tracked", INS_LEAF_IGNORED, NULL, NULL},
    {"features.layer#.bias.bias", INS_LEAF_MODEL, "1 O 1 1 1", NULL},
    {"color_squashing_layer.channel_weights", INS_LEAF_MODEL, "Q", "color_squashing_weights"},
    {.name = NULL}};

static const ins_leaf *const lists[] = {ins_convolution_leaves, leaves, ins_regularizer_leaves,
                                        NULL};

static ins_status check(const char *file, const ins_value *a) {
  static const char pooling[] = "core.downsample_input_kernel_size";
  const ins_value *pool = ins_value_at(a, pooling);
  ins_status status = ins_convolutions_check(file, a);
  if (status != INS_OK) return status;
  if (ins_value_int_or(ins_value_at(a, "core.maxpool_every_n_layers"), 1) == 0)
    return ins_fail(INS_ERR_SHAPE, "%s: maxpool_every_n_layers must be above 0, or null", file);
  for (size_t d = 0; d < ins_value_count(pool); d++)
    if (pool->children.n != 3 || ins_architecture_int(a, pooling, d) < 1)
      return ins_fail(INS_ERR_SHAPE,
                      "%s: downsample_input_kernel_size must be three numbers above 0", file);
  return INS_OK;
}

static void dims(const ins_value *a, size_t layer, ins_dims *out) {
  ins_convolutions_dims(a, layer, out);
  out->of['Q'] = ins_value_count(ins_value_at(a, "core.color_squashing_weights"));
}

/* Padding of axis d, on either side. */
static int64_t padding_of(const ins_value *padding, int d) {
  if (padding->kind == INS_LIST) return ins_value_int_or(padding->children.items[d], 0);
  if (padding->kind == INS_INT) return padding->integer;
  return padding->kind == INS_TEXT || ins_value_bool_or(padding, false) ? INS_PAD_SAME : 0;
}

static int64_t length_after(const ins_value *a, int d, int64_t length) {
  const ins_value *pool = ins_value_at(a, "core.downsample_input_kernel_size");
  size_t n = ins_convolutions_layers(a);
  int64_t every = ins_value_int_or(ins_value_at(a, "core.maxpool_every_n_layers"), 0);
  if (pool->kind == INS_LIST && pool->children.n == 3)
    length /= ins_architecture_int(a, "core.downsample_input_kernel_size", (size_t)d);
  for (size_t l = 0; l < n && length > 0; l++) {
    const ins_value *padding =
        ins_value_at(a, l == 0 ? "core.input_padding" : "core.hidden_padding");
    length = ins_convolution_length(a, l, d, padding_of(padding, d), length);
    if (d > 0 && every > 0 && l % (size_t)every == 0) length /= 2;
  }
  return d ? length : length - ins_value_int_or(ins_value_at(a, "core.cut_first_n_frames"), 0);
}

static const ins_peer_class classes[] = {{"SimpleCoreWrapper", settings, unused}, {.name = NULL}};

const ins_core_kind ins_kind_simple = {.kind = "simple",
                                       .classes = classes,
                                       .leaves = lists,
                                       .check = check,
                                       .n_layers = ins_convolutions_layers,
                                       .n_features = ins_convolutions_last_channel,
                                       .length = length_after,
                                       .dims = dims};
