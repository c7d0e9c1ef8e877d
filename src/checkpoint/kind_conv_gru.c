/* SPDX-License-Identifier: MIT */
/* The cores ConvGRUCore and ConditionedGRUCore of openretina/modules/core/gru_core.py, with the
 * recurrent module of openretina/modules/layers/gru.py and FiLM of layers/scaling.py. */
#include <stdio.h>

#include "batch_norm.h"
#include "convolution.h"
#include "kind.h"

/* ---- the recurrent part ---------------------------------------------------------------------- */

static const ins_setting gru_settings[] = {
    {.name = "rec_channels", .kind = INS_SETTING_INT},
    {.name = "input_kern", .kind = INS_SETTING_INT},
    {.name = "rec_kern", .kind = INS_SETTING_INT},
    {.name = "groups", .kind = INS_SETTING_INT | INS_SETTING_HARMLESS, .fallback = "1"},
    {.name = "pad_input", .kind = INS_SETTING_TRUTH, .fallback = "true"},
    {.name = NULL}};

/* `gru`: the map gru_kwargs where the core uses them, else null. */
static ins_status make_gru(const ins_settings *s, const ins_setting *setting,
                           const ins_value *state, const ins_value *architecture, ins_value **out) {
  static const char *const unused[] = {NULL};
  const char *part = ins_setting_is_given(s, "core.gru_kwargs") ? "core.gru_kwargs" : "core.gru";
  ins_value *holder = NULL;
  (void)setting;
  if (!ins_value_bool_or(ins_value_at(architecture, "core.use_gru"), false)) {
    *out = ins_value_null();
    return *out ? INS_OK : INS_ERR_MEMORY;
  }
  ins_status status = ins_settings_check_keys(s, part, gru_settings, unused);
  if (status == INS_OK) holder = ins_value_map();
  if (status == INS_OK && !holder) status = INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_settings_read(s, part, gru_settings, state, holder);
  if (status == INS_OK) {
    *out = ins_value_copy(ins_value_at(holder, part));
    if (!*out) status = INS_ERR_MEMORY;
  }
  ins_value_destroy(&holder);
  return status;
}

static int64_t gru(const ins_value *a, const char *key) {
  return ins_value_int_or(ins_map_get(ins_value_at(a, "core.gru"), key), 0);
}

static bool uses_gru(const ins_value *a) {
  return ins_value_at(a, "core.gru")->kind == INS_MAP;
}

static ins_status check(const char *file, const ins_value *a) {
  ins_status status = ins_convolutions_check(file, a);
  if (status != INS_OK || !uses_gru(a)) return status;
  int64_t groups = gru(a, "groups"), channels = gru(a, "rec_channels");
  bool padded = ins_value_bool_or(ins_value_at(a, "core.gru.pad_input"), false);
  if (channels < 1 || groups < 1 || gru(a, "input_kern") < 1 || channels % groups ||
      ins_convolutions_last_channel(a) % (size_t)groups)
    return ins_fail(INS_ERR_SHAPE,
                    "%s: gru_kwargs must have kernels and channels from 1, and both numbers of "
                    "channels must be multiples of groups",
                    file);
  /* half a kernel of padding on either side of an even one adds a row and a column */
  if (gru(a, "rec_kern") % 2 == 0 || (padded && gru(a, "input_kern") % 2 == 0))
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: gru_kwargs has kernels of %lld (input) and %lld (recurrent), with which "
                    "openretina cannot run: the recurrent one, and a padded input one, must be odd",
                    file, (long long)gru(a, "input_kern"), (long long)gru(a, "rec_kern"));
  return INS_OK;
}

/* ---- settings and entries -------------------------------------------------------------------- */

static const char *const told_projections[] = {"features.projection.0.conv.weight", NULL};
static const char *const told_gru[] = {"features.gru.gru.out_gate_input.weight", NULL};

static const ins_setting settings[] = {
    {.name = "convolution",
     .peer = "convolution_type",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "custom_separable",
     .make = ins_make_convolution},
    {.name = "channels",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .make = ins_make_channels},
    {.name = "temporal_kernel_sizes", .fallback = "21", .make = ins_make_kernels},
    {.name = "spatial_kernel_sizes",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "14",
     .make = ins_make_kernels},
    {.name = "input_padding", .kind = INS_SETTING_TRUTH, .fallback = "false"},
    {.name = "hidden_padding", .kind = INS_SETTING_TRUTH, .fallback = "true"},
    INS_BATCH_NORM_SETTINGS("true", "true"),
    {.name = "use_projections",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "false",
     .words = told_projections,
     .make = ins_make_presence_core},
    {.name = "use_gru",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "false",
     .words = told_gru,
     .make = ins_make_presence_core},
    {.name = "gru", .peer = "gru_kwargs", .make = make_gru},
    {.name = NULL}};

#define UNUSED                                                                                     \
  "n_neurons_dict", "batch_norm_momentum", "laplace_padding", "batch_adaptation", "use_avg_reg"
static const char *const unused[] = {UNUSED, NULL};
static const char *const unused_conditioned[] = {UNUSED, "cond_dim", NULL};

/* The speeds of sessions are never asked for: openretina's models call the core without one. */
static const ins_leaf leaves[] = {
    {"log_speed_*", INS_LEAF_IGNORED, NULL, NULL},
    {"features.layer#.conv.log_speed_*", INS_LEAF_IGNORED, NULL, NULL},
    {"features.projection.0.log_speed_*", INS_LEAF_IGNORED, NULL, "use_projections"},
    {"features.projection.0._log_speed_default", INS_LEAF_IGNORED, NULL, "use_projections"},
    {"features.projection.0.conv.weight", INS_LEAF_MODEL, "F F 1 1 1", "use_projections"},
    {"features.projection.1.weight", INS_LEAF_OPTIONAL, "1", "use_projections nonlinearity=PReLU"},
    {"features.gru.gru.reset_gate_input.weight", INS_LEAF_MODEL, "R G a a", "gru"},
    {"features.gru.gru.reset_gate_input.bias", INS_LEAF_MODEL, "R", "gru"},
    {"features.gru.gru.reset_gate_hidden.weight", INS_LEAF_MODEL, "R g b b", "gru"},
    {"features.gru.gru.reset_gate_hidden.bias", INS_LEAF_MODEL, "R", "gru"},
    {"features.gru.gru.update_gate_input.weight", INS_LEAF_MODEL, "R G a a", "gru"},
    {"features.gru.gru.update_gate_input.bias", INS_LEAF_MODEL, "R", "gru"},
    {"features.gru.gru.update_gate_hidden.weight", INS_LEAF_MODEL, "R g b b", "gru"},
    {"features.gru.gru.update_gate_hidden.bias", INS_LEAF_MODEL, "R", "gru"},
    {"features.gru.gru.out_gate_input.weight", INS_LEAF_MODEL, "R G a a", "gru"},
    {"features.gru.gru.out_gate_input.bias", INS_LEAF_MODEL, "R", "gru"},
    {"features.gru.gru.out_gate_hidden.weight", INS_LEAF_MODEL, "R g b b", "gru"},
    {"features.gru.gru.out_gate_hidden.bias", INS_LEAF_MODEL, "R", "gru"},
    {.name = NULL}};

static const ins_leaf *const lists[] = {ins_convolution_leaves, ins_batch_norm_leaves, leaves,
                                        ins_regularizer_leaves, NULL};

/* Scale and shift are linear in a condition, which is 0 because openretina's models hand none on:
 * the weights meet that 0. Numbers count the modules of core.features, with the projection, so that
 * they are not those of layers: check_film. */
static const ins_leaf film_leaves[] = {
    {"film_*.fc_gamma.weight", INS_LEAF_IGNORED, NULL, "batch_norm"},
    {"film_*.fc_beta.weight", INS_LEAF_IGNORED, NULL, "batch_norm"},
    {"film_*.fc_gamma.bias", INS_LEAF_OPTIONAL, "?", "batch_norm"},
    {"film_*.fc_beta.bias", INS_LEAF_OPTIONAL, "?", "batch_norm"},
    {.name = NULL}};

static const ins_leaf *const conditioned_lists[] = {
    ins_convolution_leaves, ins_batch_norm_leaves, leaves,
    ins_regularizer_leaves, film_leaves,           NULL};

/* ---- sizes ----------------------------------------------------------------------------------- */

static size_t n_features(const ins_value *a) {
  return uses_gru(a) ? (size_t)gru(a, "rec_channels") : ins_convolutions_last_channel(a);
}

static void dims(const ins_value *a, size_t layer, ins_dims *out) {
  ins_convolutions_dims(a, layer, out);
  out->of['F'] = (size_t)ins_architecture_int(a, "core.channels", 1);
  if (!uses_gru(a)) return;
  size_t groups = (size_t)gru(a, "groups");
  out->of['R'] = (size_t)gru(a, "rec_channels");
  out->of['G'] = ins_convolutions_last_channel(a) / groups;
  out->of['g'] = out->of['R'] / groups;
  out->of['a'] = (size_t)gru(a, "input_kern");
  out->of['b'] = (size_t)gru(a, "rec_kern");
}

/* openretina makes a list of hidden paddings whose entry 0 is 0, and hidden layer l takes entry
 * l - 1: layer 1 is never padded, and later ones are by half the kernel of the layer before. */
static int64_t padding_of(const ins_value *a, size_t layer, int d) {
  const char *key = layer == 0 ? "core.input_padding" : "core.hidden_padding";
  if (d == 0 || layer == 1 || !ins_value_bool_or(ins_value_at(a, key), false)) return 0;
  return ins_architecture_int(a, "core.spatial_kernel_sizes", layer ? layer - 1 : 0) / 2;
}

static int64_t length_after(const ins_value *a, int d, int64_t length) {
  for (size_t l = 0; l < ins_convolutions_layers(a) && length > 0; l++)
    length = ins_convolution_length(a, l, d, padding_of(a, l, d), length);
  bool shrinks = uses_gru(a) && !ins_value_bool_or(ins_value_at(a, "core.gru.pad_input"), false);
  return d > 0 && shrinks ? length - (gru(a, "input_kern") - 1) : length;
}

/* ---- FiLM ------------------------------------------------------------------------------------ */

static ins_status check_one_film(const char *file, const ins_value *parameters, size_t place,
                                 const char *part, const ins_dims *dims) {
  static const ins_leaf leaf = {.role = INS_LEAF_MODEL, .shape = "O"};
  char name[64];
  snprintf(name, sizeof name, "core.film_%zu.%s.bias", place, part);
  const ins_value *value = ins_map_get(parameters, name);
  if (value) return ins_leaf_check(file, name, &leaf, value, dims);
  return ins_fail(INS_ERR_MISSING,
                  "%s: parameter '%s' is missing; the file is incomplete or its architecture is "
                  "another one",
                  file, name);
}

/* One for each layer with batch norm, and no others. */
static ins_status check_film(const char *file, const ins_value *parameters,
                             ins_value **architecture) {
  const ins_value *a = *architecture;
  bool projects = ins_value_bool_or(ins_value_at(a, "core.use_projections"), false);
  bool norm = ins_value_bool_or(ins_value_at(a, "core.batch_norm"), false);
  size_t n = norm ? ins_convolutions_layers(a) : 0, there = 0;
  ins_status status = INS_OK;
  for (size_t l = 0; l < n && status == INS_OK; l++) {
    const size_t place = l && projects ? l + 1 : l;
    ins_dims of_layer = {{0}};
    dims(a, l, &of_layer);
    status = check_one_film(file, parameters, place, "fc_gamma", &of_layer);
    if (status == INS_OK) status = check_one_film(file, parameters, place, "fc_beta", &of_layer);
  }
  for (size_t i = 0; i < parameters->children.n; i++)
    there += ins_name_after(parameters->children.keys[i], "core.film_") != NULL;
  if (status != INS_OK || there == 2 * n) return status;
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: its core has %zu parameters core.film_*, but its architecture asks for %zu",
                  file, there, 2 * n);
}

/* ---- the kinds ------------------------------------------------------------------------------- */

static const ins_peer_class classes[] = {{"ConvGRUCore", settings, unused}, {.name = NULL}};

const ins_core_kind ins_kind_conv_gru = {.kind = "conv_gru",
                                         .classes = classes,
                                         .leaves = lists,
                                         .check = check,
                                         .n_layers = ins_convolutions_layers,
                                         .n_features = n_features,
                                         .length = length_after,
                                         .dims = dims};

static const ins_peer_class conditioned_classes[] = {
    {"ConditionedGRUCore", settings, unused_conditioned}, {.name = NULL}};

const ins_core_kind ins_kind_conditioned_gru = {.kind = "conditioned_gru",
                                                .classes = conditioned_classes,
                                                .leaves = conditioned_lists,
                                                .check = check,
                                                .n_layers = ins_convolutions_layers,
                                                .n_features = n_features,
                                                .length = length_after,
                                                .dims = dims,
                                                .finish = check_film};
