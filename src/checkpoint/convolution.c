/* SPDX-License-Identifier: MIT */
#include "convolution.h"

#include <stdio.h>
#include <string.h>

#include "state_dict.h"

enum { MOST_LAYERS = 1000 };

const char *const ins_convolution_types[] = {"custom_separable", "separable", "full",
                                             "time_independent", NULL};

/* TorchFullConv3D has a default log speed, of which it makes nothing. */
const ins_leaf ins_convolution_leaves[] = {
    {"features.layer#.conv.sin_weights", INS_LEAF_MODEL, "O I K", "convolution=custom_separable"},
    {"features.layer#.conv.cos_weights", INS_LEAF_MODEL, "O I K", "convolution=custom_separable"},
    {"features.layer#.conv.weight_spatial", INS_LEAF_MODEL, "O I 1 S S",
     "convolution=custom_separable"},
    {"features.layer#.conv.space_conv.weight", INS_LEAF_MODEL, "O I 1 S S",
     "convolution=separable"},
    {"features.layer#.conv.time_conv.weight", INS_LEAF_MODEL, "O O L 1 1", "convolution=separable"},
    {"features.layer#.conv.conv.weight", INS_LEAF_MODEL, "O I L S S", "convolution=full"},
    {"features.layer#.conv.conv.weight", INS_LEAF_MODEL, "O I 1 S S",
     "convolution=time_independent"},
    {"features.layer#.conv._log_speed_default", INS_LEAF_SPEED, "1",
     "convolution=custom_separable"},
    {"features.layer#.conv._log_speed_default", INS_LEAF_SPEED, "1", "convolution=separable"},
    {"features.layer#.conv._log_speed_default", INS_LEAF_IGNORED, NULL, "convolution=full"},
    {.name = NULL}};

const ins_leaf ins_regularizer_leaves[] = {
    {"_input_weights_regularizer_spatial.laplace.filter", INS_LEAF_IGNORED, NULL, NULL},
    {"_input_weights_regularizer_temporal.laplace.filter", INS_LEAF_IGNORED, NULL, NULL},
    {"_input_weights_regularizer_temporal.filter", INS_LEAF_IGNORED, NULL, NULL},
    {.name = NULL}};

/* ---- what weights tell ----------------------------------------------------------------------- */

/* The leaf of each type that shows channels and the spatial kernel: [o,i,.,h,w]. */
static const char *const spatial_leaves[] = {"conv.weight_spatial", "conv.space_conv.weight",
                                             "conv.conv.weight"};

static size_t weight_axis(const ins_value *state, size_t layer, int axis) {
  size_t size = 0;
  for (size_t i = 0; size == 0 && i < 3; i++)
    size = ins_state_axis(state, layer, spatial_leaves[i], axis);
  return size;
}

static const char *type_of_weights(const ins_value *state) {
  if (ins_state_axis(state, 0, spatial_leaves[1], 0)) return "separable";
  if (!ins_state_axis(state, 0, spatial_leaves[2], 0)) return "custom_separable";
  /* only a full convolution carries a log speed */
  return ins_state_axis(state, 0, "conv._log_speed_default", 0) ? "full" : "time_independent";
}

ins_status ins_make_convolution(const ins_settings *s, const ins_setting *setting,
                                const ins_value *state, const ins_value *architecture,
                                ins_value **out) {
  ins_setting read = *setting;
  (void)architecture;
  read.kind = INS_SETTING_WORD;
  read.words = ins_convolution_types;
  if (ins_setting_find(s, "core", &read) || !s->given)
    return ins_setting_read(s, "core", &read, out);
  *out = ins_value_text(type_of_weights(state));
  return *out ? INS_OK : INS_ERR_MEMORY;
}

/* ---- channels -------------------------------------------------------------------------------- */

static ins_status channels_from_shapes(const ins_value *state, ins_value *list) {
  size_t n = ins_state_layers(state);
  ins_status status = INS_OK;
  for (size_t l = 0; status == INS_OK && l < n; l++) {
    if (l == 0) status = ins_list_take(list, ins_value_int((int64_t)weight_axis(state, 0, 1)));
    if (status == INS_OK)
      status = ins_list_take(list, ins_value_int((int64_t)weight_axis(state, l, 0)));
  }
  return status;
}

static ins_status append(ins_value *list, const ins_value *numbers, size_t most) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < ins_value_count(numbers) && i < most; i++)
    status = ins_list_take(list, ins_value_int(ins_value_int_or(numbers->children.items[i], 0)));
  return status;
}

/* UnifiedCoreReadout sets core.channels from in_shape and hidden_channels, if it has the latter. */
ins_status ins_make_channels(const ins_settings *s, const ins_setting *setting,
                             const ins_value *state, const ins_value *architecture,
                             ins_value **out) {
  static const ins_setting in_shape = {.name = "in_shape", .kind = INS_SETTING_INTS};
  static const ins_setting hidden = {.name = "hidden_channels", .kind = INS_SETTING_INTS};
  bool is_hidden = ins_setting_is_given(s, "hidden_channels");
  ins_setting own = *setting;
  ins_value *numbers = NULL;
  (void)architecture;
  own.kind = INS_SETTING_INTS;
  *out = ins_value_list();
  if (!*out) return INS_ERR_MEMORY;
  if (s->given && !is_hidden && !ins_setting_is_given(s, "core.channels"))
    return channels_from_shapes(state, *out);
  ins_status status = INS_OK;
  if (is_hidden) {
    status = ins_setting_read(s, "", &in_shape, &numbers);
    if (status == INS_OK) status = append(*out, numbers, 1);
    ins_value_destroy(&numbers);
  }
  if (status == INS_OK)
    status = is_hidden ? ins_setting_read(s, "", &hidden, &numbers)
                       : ins_setting_read(s, "core", &own, &numbers);
  if (status == INS_OK) status = append(*out, numbers, SIZE_MAX);
  ins_value_destroy(&numbers);
  return status;
}

/* ---- kernels --------------------------------------------------------------------------------- */

/* The temporal kernel of a layer as far as its weights show it; 0: they do not. */
static size_t temporal_kernel(const ins_value *state, const char *convolution, size_t layer) {
  if (strcmp(convolution, "separable") == 0)
    return ins_state_axis(state, layer, "conv.time_conv.weight", 2);
  if (strcmp(convolution, "custom_separable") == 0) return 0; /* of L only L//3 shows */
  return ins_state_axis(state, layer, "conv.conv.weight", 2);
}

static ins_status kernels_from_shapes(const ins_setting *setting, const ins_value *state,
                                      const ins_value *architecture, ins_value **out) {
  const char *convolution = ins_value_text_or(ins_value_at(architecture, "core.convolution"), "");
  size_t n = ins_state_layers(state);
  bool spatial = setting->name[0] == 's';
  if (!spatial && (n == 0 || !temporal_kernel(state, convolution, 0))) return INS_OK;
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t l = 0; status == INS_OK && l < n; l++) {
    size_t k = spatial ? weight_axis(state, l, 3) : temporal_kernel(state, convolution, l);
    status = ins_list_take(*out, ins_value_int((int64_t)k));
  }
  return status;
}

static ins_status read_list(const ins_settings *s, const ins_setting *setting,
                            const ins_value *state, const ins_value *architecture,
                            ins_value **out) {
  ins_setting read = *setting;
  ins_status status = INS_OK;
  read.kind = INS_SETTING_INTS;
  if (s->given && !ins_setting_find(s, "core", &read))
    status = kernels_from_shapes(setting, state, architecture, out);
  if (status != INS_OK || *out) return status;
  return ins_setting_read(s, "core", &read, out);
}

ins_status ins_make_kernel_list(const ins_settings *s, const ins_setting *setting,
                                const ins_value *state, const ins_value *architecture,
                                ins_value **out) {
  return read_list(s, setting, state, architecture, out);
}

/* One number, or a list of at least as many as there are layers, of which the rest plays no part.
 */
ins_status ins_make_kernels(const ins_settings *s, const ins_setting *setting,
                            const ins_value *state, const ins_value *architecture,
                            ins_value **out) {
  ins_setting one = *setting;
  ins_value *numbers = NULL;
  const ins_value *value = ins_setting_find(s, "core", setting);
  size_t n = ins_convolutions_layers(architecture);
  bool scalar = value ? ins_value_is_number(value) : !s->given && setting->fallback != NULL;
  one.kind = INS_SETTING_INT;
  ins_status status = scalar ? ins_setting_read(s, "core", &one, &numbers)
                             : read_list(s, setting, state, architecture, &numbers);
  if (status == INS_OK) *out = ins_value_list();
  if (status == INS_OK && !*out) status = INS_ERR_MEMORY;
  for (size_t l = 0; status == INS_OK && scalar && l < n && l < MOST_LAYERS; l++)
    status = ins_list_take(*out, ins_value_int(numbers->integer));
  if (status == INS_OK && !scalar) status = append(*out, numbers, n);
  ins_value_destroy(&numbers);
  return status;
}

ins_status ins_make_nonlinearity(const ins_settings *s, const ins_setting *setting,
                                 const ins_value *state, const ins_value *architecture,
                                 ins_value **out) {
  ins_setting read = *setting;
  (void)state;
  (void)architecture;
  read.kind = INS_SETTING_FUNCTION;
  return ins_setting_read(s, "core", &read, out);
}

/* ---- an architecture of convolutions --------------------------------------------------------- */

size_t ins_convolutions_layers(const ins_value *a) {
  size_t n = ins_value_count(ins_value_at(a, "core.channels"));
  return n ? n - 1 : 0;
}

size_t ins_convolutions_last_channel(const ins_value *a) {
  return (size_t)ins_architecture_int(a, "core.channels", ins_convolutions_layers(a));
}

static bool is_type(const ins_value *a, const char *type) {
  return strcmp(ins_value_text_or(ins_value_at(a, "core.convolution"), ""), type) == 0;
}

/* A core without layers, or of lists that do not fit one another, must not reach the arithmetic. */
ins_status ins_convolutions_check(const char *file, const ins_value *a) {
  size_t n = ins_convolutions_layers(a);
  int64_t shortest = is_type(a, "custom_separable") ? 3 : 1; /* one sine takes three frames */
  if (n < 1 || n > MOST_LAYERS)
    return ins_fail(INS_ERR_SHAPE, "%s: its core has no layers, or more than %d", file,
                    MOST_LAYERS);
  if (ins_value_count(ins_value_at(a, "core.temporal_kernel_sizes")) != n ||
      ins_value_count(ins_value_at(a, "core.spatial_kernel_sizes")) != n)
    return ins_fail(INS_ERR_SHAPE,
                    "%s: its core has %zu layers, but not as many temporal and spatial kernel "
                    "sizes",
                    file, n);
  for (size_t l = 0; l < n; l++)
    if (ins_architecture_int(a, "core.channels", l) < 1 ||
        ins_architecture_int(a, "core.channels", l + 1) < 1 ||
        ins_architecture_int(a, "core.temporal_kernel_sizes", l) < shortest ||
        ins_architecture_int(a, "core.spatial_kernel_sizes", l) < 1)
      return ins_fail(INS_ERR_SHAPE,
                      "%s: layer %zu of its core has no channels, or a temporal kernel below %d "
                      "or a spatial kernel below 1",
                      file, l, (int)shortest);
  return INS_OK;
}

void ins_convolutions_dims(const ins_value *a, size_t layer, ins_dims *out) {
  size_t frames = (size_t)ins_architecture_int(a, "core.temporal_kernel_sizes", layer);
  out->of['I'] = (size_t)ins_architecture_int(a, "core.channels", layer);
  out->of['O'] = (size_t)ins_architecture_int(a, "core.channels", layer + 1);
  out->of['S'] = (size_t)ins_architecture_int(a, "core.spatial_kernel_sizes", layer);
  out->of['L'] = frames;
  out->of['K'] = frames / 3; /* sines up to a third of the frame rate */
}

int64_t ins_convolution_length(const ins_value *a, size_t layer, int d, int64_t pad,
                               int64_t length) {
  bool in_time = d == 0 && !is_type(a, "time_independent");
  int64_t kernel = 1;
  if (in_time) kernel = ins_architecture_int(a, "core.temporal_kernel_sizes", layer);
  if (d > 0) kernel = ins_architecture_int(a, "core.spatial_kernel_sizes", layer);
  if (pad == INS_PAD_SAME) return length;
  /* space and time are two convolutions there, and both are padded on all axes */
  if (is_type(a, "separable")) pad *= 2;
  return length + 2 * pad - (kernel - 1);
}
