/* SPDX-License-Identifier: MIT */
/* The core ParametricFactorizedBatchConv3dCore of openretina/legacy/models.py, whose output may be
 * that of several layers, and which has a speed for each session. */
#include <stdlib.h>
#include <string.h>

#include "batch_norm.h"
#include "convolution.h"
#include "kind.h"
#include "sessions.h"

/* ---- settings -------------------------------------------------------------------------------- */

static ins_status bad_stack(const ins_settings *s, size_t n) {
  return ins_fail(INS_ERR_SHAPE,
                  "%s: stack must be null, a layer, or a list of layers, of which there are %zu "
                  "(negative numbers count from the last)",
                  s->file, n);
}

static bool layer_of(const ins_value *value, size_t n, ins_value **out) {
  int64_t layer = value->kind == INS_INT ? value->integer : INT64_MAX;
  if (layer < 0 && layer >= -(int64_t)n) layer += (int64_t)n;
  if (layer < 0 || layer >= (int64_t)n) return false;
  *out = ins_value_int(layer);
  return true;
}

/* `stack`: null, a layer, or a list of layers; layers counted from the first. */
static ins_status make_stack(const ins_settings *s, const ins_setting *setting,
                             const ins_value *state, const ins_value *architecture,
                             ins_value **out) {
  const ins_value *value = ins_setting_find(s, "core", setting);
  size_t n = ins_convolutions_layers(architecture);
  ins_status status = INS_OK;
  (void)state;
  if (!value || value->kind == INS_NULL) {
    *out = ins_value_null();
  } else if (value->kind == INS_LIST && value->children.n > 0) {
    *out = ins_value_list();
    for (size_t i = 0; *out && status == INS_OK && i < value->children.n; i++) {
      ins_value *layer = NULL;
      status = layer_of(value->children.items[i], n, &layer) ? ins_list_take(*out, layer)
                                                             : bad_stack(s, n);
    }
  } else if (!layer_of(value, n, out)) {
    return bad_stack(s, n);
  }
  return *out ? status : INS_ERR_MEMORY;
}

/* Known only once the weights are read. */
static ins_status make_log_speed(const ins_settings *s, const ins_setting *setting,
                                 const ins_value *state, const ins_value *architecture,
                                 ins_value **out) {
  (void)s;
  (void)setting;
  (void)state;
  (void)architecture;
  *out = ins_value_null();
  return *out ? INS_OK : INS_ERR_MEMORY;
}

static const ins_setting settings[] = {
    {.name = "convolution",
     .peer = "conv_type",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "custom_separable",
     .make = ins_make_convolution},
    {.name = "channels",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .make = ins_make_channels},
    {.name = "temporal_kernel_sizes",
     .peer = "temporal_kernel_size",
     .fallback = "21",
     .make = ins_make_kernels},
    {.name = "spatial_kernel_sizes",
     .peer = "spatial_kernel_size",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "11",
     .make = ins_make_kernels},
    {.name = "input_padding", .kind = INS_SETTING_TRUTH, .fallback = "false"},
    {.name = "hidden_padding", .kind = INS_SETTING_TRUTH, .fallback = "true"},
    INS_BATCH_NORM_SETTINGS("false", "false"),
    {.name = "stack", .make = make_stack},
    {.name = "log_speed", .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS, .make = make_log_speed},
    {.name = NULL}};

static const char *const unused[] = {
    "n_neurons_dict",  "num_scans",        "layers",      "momentum",
    "laplace_padding", "batch_adaptation", "use_avg_reg", NULL};

/* The speeds of the sessions stand in the core, and once more in each of its convolutions. */
static const ins_leaf leaves[] = {{"log_speed_*", INS_LEAF_SPEED, "1", NULL},
                                  {"features.layer#.conv.log_speed_*", INS_LEAF_IGNORED, "1", NULL},
                                  {.name = NULL}};

static const ins_leaf *const lists[] = {ins_convolution_leaves, ins_batch_norm_leaves, leaves,
                                        ins_regularizer_leaves, NULL};

/* ---- sizes ----------------------------------------------------------------------------------- */

static size_t n_features(const ins_value *a) {
  const ins_value *stack = ins_value_at(a, "core.stack");
  size_t n = 0, layers = ins_convolutions_layers(a);
  if (stack->kind == INS_INT)
    return (size_t)ins_architecture_int(a, "core.channels", (size_t)stack->integer + 1);
  if (stack->kind == INS_LIST)
    for (size_t i = 0; i < stack->children.n; i++)
      n += (size_t)ins_architecture_int(a, "core.channels",
                                        (size_t)stack->children.items[i]->integer + 1);
  else
    for (size_t l = 0; l < layers; l++)
      n += (size_t)ins_architecture_int(a, "core.channels", l + 1);
  return n;
}

static int64_t after_layers(const ins_value *a, size_t n, int d, int64_t length) {
  for (size_t l = 0; l < n && length > 0; l++) {
    bool padded = ins_value_bool_or(
        ins_value_at(a, l == 0 ? "core.input_padding" : "core.hidden_padding"), false);
    int64_t pad = ins_architecture_int(a, "core.spatial_kernel_sizes", l) / 2;
    length = ins_convolution_length(a, l, d, padded && d > 0 ? pad : 0, length);
  }
  return length;
}

/* All layers of the stack have the same size, or the core could not join them. */
static int64_t length_after(const ins_value *a, int d, int64_t length) {
  const ins_value *stack = ins_value_at(a, "core.stack");
  size_t last = ins_convolutions_layers(a);
  if (stack->kind == INS_INT) last = (size_t)stack->integer + 1;
  if (stack->kind == INS_LIST) last = (size_t)stack->children.items[0]->integer + 1;
  return after_layers(a, last, d, length);
}

/* ---- speeds ---------------------------------------------------------------------------------- */

static const char prefix[] = "core.log_speed_";

/* The core and its convolutions share the speeds; entries that differ, or that the core lacks,
 * would leave it open which one counts. */
static ins_status accept(const char *file, const ins_value *state) {
  static const ins_leaf repeated[] = {
      {"features.layer#.conv.log_speed_*", INS_LEAF_MODEL, NULL, NULL}, {.name = NULL}};
  static const ins_leaf *const repeated_lists[] = {repeated, NULL};
  size_t layer;
  for (size_t i = 0; i < state->children.n; i++) {
    const char *name = state->children.keys[i], *rest = ins_name_after(name, "core.");
    if (!rest || !ins_leaf_find(repeated_lists, rest, NULL, &layer)) continue;
    char *twin = ins_format("core.%s", strstr(name, "log_speed_"));
    if (!twin) return INS_ERR_MEMORY;
    bool same = ins_value_equal(ins_map_get(state, twin), state->children.items[i]);
    free(twin);
    if (!same)
      return ins_fail(INS_ERR_UNSUPPORTED,
                      "%s: parameter '%s' is not the speed that the core has for this session",
                      file, name);
  }
  return INS_OK;
}

/* The session of each speed that is left is one of the model's. */
static ins_status check_speeds(const char *file, const ins_value *parameters,
                               const ins_value *sessions, size_t *n) {
  *n = 0;
  for (size_t i = 0; i < parameters->children.n; i++) {
    const char *session = ins_name_after(parameters->children.keys[i], prefix);
    if (!session) continue;
    if (!ins_session_named(sessions, session))
      return ins_fail(INS_ERR_UNSUPPORTED,
                      "%s: parameter '%s' is the speed of a session without a readout", file,
                      parameters->children.keys[i]);
    ++*n;
  }
  return INS_OK;
}

static ins_status set_speed(ins_value *architecture, const ins_value *parameters,
                            const char *session) {
  char *name = ins_format("%s%s", prefix, session);
  ins_status status = name ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK && ins_map_get(parameters, name))
    status = ins_value_set(architecture, "core.log_speed", ins_value_text(name));
  free(name);
  return status;
}

/* The whole for one session alone, at its speed. */
static ins_status make_member(const ins_value *whole, const ins_value *parameters,
                              const ins_value *session, ins_value *members) {
  ins_value *member = ins_value_copy(whole), *list = ins_value_list();
  ins_status status = member && list ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_list_take(list, ins_value_copy(session));
  if (status == INS_OK) {
    status = ins_map_take(member, "sessions", list);
    list = NULL;
  }
  if (status == INS_OK) status = set_speed(member, parameters, ins_map_get(session, "name")->text);
  if (status == INS_OK) {
    status = ins_list_take(members, member);
    member = NULL;
  }
  ins_value_destroy(&list);
  ins_value_destroy(&member);
  return status;
}

/* Sessions with speeds of their own become members that share all other weights. */
static ins_status finish(const char *file, const ins_value *parameters, ins_value **architecture) {
  ins_value *whole = *architecture, *out = NULL, *members = NULL;
  const ins_value *sessions = ins_map_get(whole, "sessions");
  size_t n = 0;
  ins_status status = check_speeds(file, parameters, sessions, &n);
  if (status != INS_OK || n == 0) return status;
  if (sessions->children.n == 1)
    return set_speed(whole, parameters, ins_map_get(sessions->children.items[0], "name")->text);
  out = ins_value_map();
  members = ins_value_list();
  if (!out || !members) status = INS_ERR_MEMORY;
  if (status == INS_OK)
    status = ins_map_take(out, "in_shape", ins_value_copy(ins_map_get(whole, "in_shape")));
  if (status == INS_OK) status = ins_map_take(out, "combine", ins_value_text("sessions"));
  for (size_t i = 0; status == INS_OK && i < sessions->children.n; i++)
    status = make_member(whole, parameters, sessions->children.items[i], members);
  if (status == INS_OK) {
    status = ins_map_take(out, "members", members);
    members = NULL;
  }
  if (status == INS_OK) status = ins_map_take(out, "sessions", ins_value_copy(sessions));
  if (status == INS_OK) {
    *architecture = out;
    out = whole;
  }
  ins_value_destroy(&members);
  ins_value_destroy(&out);
  return status;
}

static const ins_peer_class classes[] = {{"ParametricFactorizedBatchConv3dCore", settings, unused},
                                         {.name = NULL}};

const ins_core_kind ins_kind_stacked = {.kind = "stacked",
                                        .classes = classes,
                                        .leaves = lists,
                                        .accept = accept,
                                        .check = ins_convolutions_check,
                                        .n_layers = ins_convolutions_layers,
                                        .n_features = n_features,
                                        .length = length_after,
                                        .dims = ins_convolutions_dims,
                                        .finish = finish};
