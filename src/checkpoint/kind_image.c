/* SPDX-License-Identifier: MIT */
/* neuralpredictors' core for images, Stacked2dCore (neuralpredictors/layers/cores/conv2d.py), and
 * the SE2dCore that came before it (nndichromacy/models/cores.py), without its blocks that squeeze
 * and excite. Their files are bare state dicts: a job says what these do not tell. */
#include "convolution.h"
#include "kind.h"
#include "state_dict.h"

/* ---- what weights tell ----------------------------------------------------------------------- */

static const char whole[] = "conv.weight";
static const char *const parts[] = {"ds_conv.in_depth_conv.weight", "ds_conv.spatial_conv.weight",
                                    "ds_conv.out_depth_conv.weight"};

/* Channels out and in, and the spatial kernel, of a layer's one convolution or of its three. */
static size_t channels_out(const ins_value *state, size_t layer) {
  size_t n = ins_state_axis(state, layer, whole, 0);
  return n ? n : ins_state_axis(state, layer, parts[0], 0);
}

static size_t channels_in(const ins_value *state, size_t layer) {
  size_t n = ins_state_axis(state, layer, whole, 1);
  return n ? n : ins_state_axis(state, layer, parts[0], 1);
}

static size_t kernel(const ins_value *state, size_t layer) {
  size_t n = ins_state_axis(state, layer, whole, 3);
  return n ? n : ins_state_axis(state, layer, parts[1], 3);
}

/* A layer is one convolution, or the three of a depth-separable one. */
static ins_status accept(const char *file, const ins_value *state) {
  size_t n = ins_state_layers(state);
  for (size_t l = 0; l < n; l++) {
    bool one = ins_state_axis(state, l, whole, 0) > 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
      bool there = ins_state_axis(state, l, parts[i], 0) > 0;
      if (there == !one) continue;
      return ins_fail(one ? INS_ERR_UNSUPPORTED : INS_ERR_MISSING,
                      one ? "%s: parameter 'core.features.layer%zu.%s' is not known: this layer is "
                            "no depth-separable one"
                          : "%s: parameter 'core.features.layer%zu.%s' is missing; the file is "
                            "incomplete",
                      file, l, parts[i]);
    }
  }
  return INS_OK;
}

/* ---- settings that would change the model and leave no trace in it ----------------------------
 */

/* The numbers with which each of them does nothing. */
static ins_status check_plain(const ins_settings *s) {
  static const struct {
    const char *name;
    double least, most;
  } plain[] = {{"stride", 1, 1}, {"hidden_dilation", 1, 1}, {"skip", 0, 1}, {"n_se_blocks", 0, 0}};
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    const ins_setting setting = {.name = plain[i].name};
    const ins_value *value = ins_setting_find(s, "core", &setting);
    double x = ins_value_real_or(value, plain[i].least);
    bool known = !value || value->kind == INS_NULL || ins_value_is_number(value);
    if (known && x >= plain[i].least && x <= plain[i].most) continue;
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: the core has %score.%s other than %g, which is not supported", s->file,
                    s->root, plain[i].name, plain[i].least);
  }
  return INS_OK;
}

/* elu_shift: [x, y] makes ELUs of elu(v - x) + y. */
static ins_status check_shift(const ins_settings *s) {
  static const ins_setting shift = {.name = "elu_shift"};
  const ins_value *value = ins_setting_find(s, "core", &shift);
  bool none = !value || value->kind == INS_NULL || value->kind == INS_LIST;
  for (size_t i = 0; none && i < ins_value_count(value); i++) {
    double x = ins_value_real_or(value->children.items[i], 1);
    none = x >= 0 && x <= 0;
  }
  if (none) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: the core has %score.elu_shift other than [0, 0], which is not supported",
                  s->file, s->root);
}

/* ---- settings -------------------------------------------------------------------------------- */

static ins_status make_list(size_t n, const ins_value *state,
                            size_t (*item)(const ins_value *state, size_t i), ins_value **out) {
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < n; i++)
    status = ins_list_take(*out, ins_value_int((int64_t)item(state, i)));
  return status;
}

static size_t channel(const ins_value *state, size_t i) {
  return i ? channels_out(state, i - 1) : channels_in(state, 0);
}

static size_t one(const ins_value *state, size_t i) {
  (void)state;
  (void)i;
  return 1;
}

static ins_status make_channels(const ins_settings *s, const ins_setting *setting,
                                const ins_value *state, const ins_value *architecture,
                                ins_value **out) {
  (void)setting;
  (void)architecture;
  ins_status status = check_plain(s);
  return status == INS_OK ? make_list(ins_state_layers(state) + 1, state, channel, out) : status;
}

static ins_status make_frames(const ins_settings *s, const ins_setting *setting,
                              const ins_value *state, const ins_value *architecture,
                              ins_value **out) {
  (void)s;
  (void)setting;
  (void)architecture;
  return make_list(ins_state_layers(state), state, one, out);
}

static ins_status make_kernels(const ins_settings *s, const ins_setting *setting,
                               const ins_value *state, const ins_value *architecture,
                               ins_value **out) {
  (void)s;
  (void)setting;
  (void)architecture;
  return make_list(ins_state_layers(state), state, kernel, out);
}

/* What norms and their scales and biases there are shows in the weights, whatever the words of a
 * configuration: with independent_bn_bias, `bias` says nothing of them. */
static ins_status make_told(const ins_settings *s, const ins_setting *setting,
                            const ins_value *state, const ins_value *architecture,
                            ins_value **out) {
  bool there = false;
  (void)s;
  (void)architecture;
  for (const char *const *leaf = setting->words; *leaf && !there; leaf++)
    there = ins_state_has_leaf(state, "core.", *leaf);
  *out = ins_value_bool(there);
  return *out ? INS_OK : INS_ERR_MEMORY;
}

/* neuralpredictors has no other function than the ELU, or none. */
static ins_status make_nonlinearity(const ins_settings *s, const ins_setting *setting,
                                    const ins_value *state, const ins_value *architecture,
                                    ins_value **out) {
  static const ins_setting linear = {.name = "linear"};
  ins_status status = check_shift(s);
  if (status != INS_OK) return status;
  if (!ins_value_bool_or(ins_setting_find(s, "core", &linear), false))
    return ins_make_nonlinearity(s, setting, state, architecture, out);
  *out = ins_value_text("Identity");
  return *out ? INS_OK : INS_ERR_MEMORY;
}

static ins_status bad_stack(const ins_settings *s, size_t n) {
  return ins_fail(INS_ERR_SHAPE,
                  "%s: %score.stack must be null (all layers), the first of the layers that are "
                  "read out (-1: only the last), or a list of layers, of which there are %zu",
                  s->file, s->root, n);
}

/* layers[first:] of Python. */
static ins_status stack_from(const ins_settings *s, int64_t first, size_t n, ins_value *list) {
  ins_status status = INS_OK;
  if (first < 0) first = first < -(int64_t)n ? 0 : first + (int64_t)n;
  if (first >= (int64_t)n) return bad_stack(s, n);
  for (; status == INS_OK && first < (int64_t)n; first++)
    status = ins_list_take(list, ins_value_int(first));
  return status;
}

static ins_status stack_of(const ins_settings *s, const ins_value *given, size_t n,
                           ins_value *list) {
  ins_status status = given->children.n ? INS_OK : bad_stack(s, n);
  for (size_t i = 0; status == INS_OK && i < given->children.n; i++) {
    int64_t layer = ins_value_int_or(given->children.items[i], (int64_t)n);
    if (layer < 0) layer += (int64_t)n;
    status = layer >= 0 && layer < (int64_t)n ? ins_list_take(list, ins_value_int(layer))
                                              : bad_stack(s, n);
  }
  return status;
}

/* A list of layers, so that nobody need know what a number means there; null for all of them. */
static ins_status make_stack(const ins_settings *s, const ins_setting *setting,
                             const ins_value *state, const ins_value *architecture,
                             ins_value **out) {
  const ins_value *value = ins_setting_find(s, "core", setting);
  size_t n = ins_convolutions_layers(architecture);
  (void)state;
  if (!value && s->given)
    return ins_fail(INS_ERR_MISSING,
                    "%s: give %score.stack, which its weights do not tell (-1: only the last layer "
                    "is read out; null: all are)",
                    s->file, s->root);
  bool all = !value || value->kind == INS_NULL;
  *out = all ? ins_value_null() : ins_value_list();
  if (!*out) return INS_ERR_MEMORY;
  if (all) return INS_OK;
  if (value->kind == INS_INT) return stack_from(s, value->integer, n, *out);
  return value->kind == INS_LIST ? stack_of(s, value, n, *out) : bad_stack(s, n);
}

static const char *const told_norm[] = {"features.layer#.norm.running_mean", NULL};
static const char *const told_scale[] = {"features.layer#.norm.weight",
                                         "features.layer#.scale.scale", NULL};
static const char *const told_bias[] = {"features.layer#.norm.weight", "features.layer#.bias.bias",
                                        NULL};

static const ins_setting settings[] = {
    {.name = "channels", .kind = INS_SETTING_HARMLESS, .make = make_channels},
    {.name = "temporal_kernel_sizes", .kind = INS_SETTING_HARMLESS, .make = make_frames},
    {.name = "spatial_kernel_sizes", .kind = INS_SETTING_HARMLESS, .make = make_kernels},
    {.name = "input_padding", .peer = "pad_input", .kind = INS_SETTING_TRUTH, .fallback = "true"},
    {.name = "hidden_padding", .kind = INS_SETTING_INT | INS_SETTING_NULLABLE, .fallback = "null"},
    {.name = "batch_norm", .kind = INS_SETTING_HARMLESS, .words = told_norm, .make = make_told},
    {.name = "batch_norm_scale",
     .kind = INS_SETTING_HARMLESS,
     .words = told_scale,
     .make = make_told},
    {.name = "bias", .kind = INS_SETTING_HARMLESS, .words = told_bias, .make = make_told},
    {.name = "final_nonlinearity", .kind = INS_SETTING_TRUTH, .fallback = "true"},
    {.name = "nonlinearity", .fallback = "ELU", .make = make_nonlinearity},
    {.name = "stack", .make = make_stack},
    {.name = NULL}};

/* Beside what only matters in training: what the weights tell, and what the makers above look at.
 */
static const char *const unused[] = {"input_channels",
                                     "hidden_channels",
                                     "layers",
                                     "input_kern",
                                     "hidden_kern",
                                     "depth_separable",
                                     "attention_conv",
                                     "linear",
                                     "elu_shift",
                                     "stride",
                                     "hidden_dilation",
                                     "skip",
                                     "n_se_blocks",
                                     "se_reduction",
                                     "independent_bn_bias",
                                     "momentum",
                                     "laplace_padding",
                                     "use_avg_reg",
                                     "input_regularizer",
                                     NULL};

/* ---- entries --------------------------------------------------------------------------------- */

/* Biases of convolutions are an argument apart; `accept` sees that each layer is whole. */
static const ins_leaf leaves[] = {
    {"features.layer0.conv.weight", INS_LEAF_MODEL, "O I S S", NULL},
    {"features.layer#.conv.weight", INS_LEAF_OPTIONAL, "O I S S", NULL},
    {"features.layer#.conv.bias", INS_LEAF_OPTIONAL, "O", NULL},
    {"features.layer#.ds_conv.in_depth_conv.weight", INS_LEAF_OPTIONAL, "O I 1 1", NULL},
    {"features.layer#.ds_conv.in_depth_conv.bias", INS_LEAF_OPTIONAL, "O", NULL},
    {"features.layer#.ds_conv.spatial_conv.weight", INS_LEAF_OPTIONAL, "O 1 S S", NULL},
    {"features.layer#.ds_conv.spatial_conv.bias", INS_LEAF_OPTIONAL, "O", NULL},
    {"features.layer#.ds_conv.out_depth_conv.weight", INS_LEAF_OPTIONAL, "O O 1 1", NULL},
    {"features.layer#.ds_conv.out_depth_conv.bias", INS_LEAF_OPTIONAL, "O", NULL},
    {"features.layer#.norm.weight", INS_LEAF_MODEL, "O", "batch_norm bias batch_norm_scale"},
    {"features.layer#.norm.bias", INS_LEAF_MODEL, "O", "batch_norm bias batch_norm_scale"},
    {"features.layer#.norm.running_mean", INS_LEAF_MODEL, "O", "batch_norm"},
    {"features.layer#.norm.running_var", INS_LEAF_MODEL, "O", "batch_norm"},
    {"features.layer#.norm.num_batches_tracked", INS_LEAF_IGNORED, NULL, "batch_norm"},
    {"features.layer#.bias.bias", INS_LEAF_MODEL, "1 O 1 1", "batch_norm bias !batch_norm_scale"},
    {"features.layer#.scale.scale", INS_LEAF_MODEL, "1 O 1 1", "batch_norm !bias batch_norm_scale"},
    {"_input_weights_regularizer.laplace.filter", INS_LEAF_IGNORED, NULL, NULL},
    {.name = NULL}};
static const ins_leaf *const lists[] = {leaves, NULL};

/* ---- sizes ----------------------------------------------------------------------------------- */

static size_t n_features(const ins_value *a) {
  const ins_value *stack = ins_value_at(a, "core.stack");
  bool all = stack->kind == INS_NULL;
  size_t n = all ? ins_convolutions_layers(a) : stack->children.n, sum = 0;
  for (size_t i = 0; i < n; i++) {
    size_t layer = all ? i : (size_t)stack->children.items[i]->integer;
    sum += (size_t)ins_architecture_int(a, "core.channels", layer + 1);
  }
  return sum;
}

/* All hidden layers by the same number of pixels: half the first one's kernel unless it is given.
 */
static int64_t padding_of(const ins_value *a, size_t layer) {
  int64_t half = ins_architecture_int(a, "core.spatial_kernel_sizes", layer > 0) / 2;
  if (layer > 0) return ins_value_int_or(ins_value_at(a, "core.hidden_padding"), half);
  return ins_value_bool_or(ins_value_at(a, "core.input_padding"), false) ? half : 0;
}

/* All layers of the stack have the same size, or the core could not join them. */
static int64_t length_after(const ins_value *a, int d, int64_t length) {
  const ins_value *stack = ins_value_at(a, "core.stack");
  size_t n = stack->kind == INS_LIST ? (size_t)stack->children.items[0]->integer + 1
                                     : ins_convolutions_layers(a);
  for (size_t l = 0; l < n && length > 0; l++)
    length = ins_convolution_length(a, l, d, d > 0 ? padding_of(a, l) : 0, length);
  return length;
}

static const ins_peer_class classes[] = {
    {"Stacked2dCore", settings, unused}, {"SE2dCore", settings, unused}, {.name = NULL}};

const ins_core_kind ins_kind_image = {.kind = "image",
                                      .classes = classes,
                                      .leaves = lists,
                                      .accept = accept,
                                      .check = ins_convolutions_check,
                                      .n_layers = ins_convolutions_layers,
                                      .n_features = n_features,
                                      .length = length_after,
                                      .dims = ins_convolutions_dims};
