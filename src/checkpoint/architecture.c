/* SPDX-License-Identifier: MIT */
#include "architecture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "in_shape.h"
#include "settings.h"
#include "state_dict.h"

/* ---- which classes --------------------------------------------------------------------------- */

static const char *const supported = "supported are the core SimpleCoreWrapper with "
                                     "convolution_type custom_separable and the readout "
                                     "MultiGaussianMaskReadout";

/* The last part of "a.b.Class". */
static const char *class_of(const char *target) {
  const char *dot = strrchr(target, '.');
  return dot ? dot + 1 : target;
}

/* `part` is "core" or "readout"; both our own word for the kind and the peer's class are
 * understood. */
static ins_status check_class(const ins_settings *s, const char *part, const char *class,
                              const char *kind) {
  const ins_value *settings = ins_map_get(s->map, part);
  const ins_value *target = ins_map_get(settings, "_target_");
  const char *pickled = ins_value_text_or(ins_map_get(settings, "__class__"), NULL);
  const char *name =
      ins_value_text_or(target, ins_value_text_or(ins_map_get(settings, "kind"), kind));
  char place[256];
  if (pickled)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: its %s is a pickled object of class %s, whose settings "
                    "cannot be read without running it; give model.architecture",
                    s->file, part, pickled);
  if (strcmp(class_of(name), class) == 0 || strcmp(name, kind) == 0) return INS_OK;
  ins_value_place(settings, place, sizeof place);
  return ins_fail(INS_ERR_UNSUPPORTED, "%s%s: the %s %s is not supported; %s", place, s->file, part,
                  name, supported);
}

static ins_status check_convolution(const ins_settings *s) {
  const char *type = ins_setting_text(s, "core.convolution_type", "convolution_type");
  if (!type) type = ins_setting_text(s, "core.convolution", NULL);
  if (!type || strcmp(type, "custom_separable") == 0) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED, "%s: the convolution '%s' of the core is not supported; %s",
                  s->file, type, supported);
}

ins_status ins_settings_recognise(const char *file, const ins_value *hyper, ins_settings *out) {
  const ins_value *core = ins_map_get(hyper, "core");
  *out = (ins_settings){file, hyper, INS_STYLE_UNIFIED};
  /* ExampleCoreReadout also stores its modules, pickled, beside the arguments they come from. */
  if (ins_map_get(hyper, "temporal_kernel_sizes") && !ins_map_get(core, "_target_")) {
    out->style = INS_STYLE_EXAMPLE;
    return INS_OK;
  }
  if (!core || core->kind != INS_MAP)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: its hyper_parameters name no core, so it is no "
                    "UnifiedCoreReadout or ExampleCoreReadout; %s",
                    file, supported);
  return INS_OK;
}

/* ---- settings that would change the model and are not known ---------------------------------- */

static bool listed(const char *const *words, const char *word) {
  while (*words && strcmp(*words, word) != 0) words++;
  return *words != NULL;
}

/* Strengths of regularization play no part once a model is trained. */
static bool only_for_training(const char *key) {
  size_t n = strlen(key);
  return strncmp(key, "gamma_", 6) == 0 || strncmp(key, "_", 1) == 0 ||
         (n > 4 && strcmp(key + n - 4, "_reg") == 0) || strcmp(key, "readout_reg_avg") == 0;
}

static ins_status check_keys(const ins_settings *s, const char *part, const char *const *known) {
  const ins_value *map = ins_map_get(s->map, part);
  for (size_t i = 0; i < ins_value_count(map); i++) {
    const char *key = map->kind == INS_MAP ? map->children.keys[i] : "";
    if (listed(known, key) || only_for_training(key)) continue;
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: the setting %s.%s is not known, and the model may depend "
                    "on it",
                    s->file, part, key);
  }
  return INS_OK;
}

static ins_status check_known(const ins_settings *s) {
  static const char *const core[] = {"channels",
                                     "temporal_kernel_sizes",
                                     "spatial_kernel_sizes",
                                     "dropout_rate",
                                     "cut_first_n_frames",
                                     "maxpool_every_n_layers",
                                     "downsample_input_kernel_size",
                                     "input_padding",
                                     "hidden_padding",
                                     "color_squashing_weights",
                                     "convolution_type",
                                     "n_neurons_dict",
                                     "kind",
                                     "convolution",
                                     NULL};
  static const char *const readout[] = {"in_shape", "n_neurons_dict",      "scale",
                                        "bias",     "gaussian_mean_scale", "gaussian_var_scale",
                                        "positive", "mean_activity_dict",  "kind",
                                        NULL};
  ins_status status = check_keys(s, "core", core);
  return status == INS_OK ? check_keys(s, "readout", readout) : status;
}

/* ---- channels, kernels and sessions, with the shapes of the weights -------------------------- */

static ins_status append_ints(ins_value *list, const ins_value *numbers) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < ins_value_count(numbers); i++)
    status = ins_list_take(list, ins_value_int(ins_value_int_or(numbers->children.items[i], 0)));
  return status;
}

static ins_status channels_from_shapes(const ins_value *state, ins_value *list) {
  size_t n = ins_state_layers(state);
  ins_status status = INS_OK;
  for (size_t l = 0; status == INS_OK && l < n; l++) {
    const char *leaf = "conv.weight_spatial";
    if (l == 0)
      status = ins_list_take(list, ins_value_int((int64_t)ins_state_axis(state, 0, leaf, 1)));
    if (status == INS_OK)
      status = ins_list_take(list, ins_value_int((int64_t)ins_state_axis(state, l, leaf, 0)));
  }
  return status;
}

/* UnifiedCoreReadout sets core.channels from in_shape and hidden_channels, if it has the latter. */
static ins_status make_channels(const ins_settings *s, const ins_value *state, ins_value **out) {
  ins_value *list = *out = ins_value_list(), *numbers = NULL;
  bool hidden = ins_setting_is_given(s, "hidden_channels", "hidden_channels");
  const ins_setting in_shape = {"in_shape", "in_shape", INS_SETTING_INTS, NULL};
  const ins_setting rest = {hidden ? "hidden_channels" : "core.channels", "hidden_channels",
                            INS_SETTING_INTS, NULL};
  if (!list) return INS_ERR_MEMORY;
  if (s->style == INS_STYLE_GIVEN && !hidden && !ins_setting_is_given(s, "core.channels", NULL))
    return channels_from_shapes(state, list);
  ins_status status = INS_OK;
  if (hidden) {
    status = ins_setting_read(s, &in_shape, &numbers);
    if (status == INS_OK)
      status = ins_list_take(list, ins_value_int(ins_value_int_or(ins_value_at(numbers, "0"), 0)));
    ins_value_destroy(&numbers);
  }
  if (status == INS_OK) status = ins_setting_read(s, &rest, &numbers);
  if (status == INS_OK) status = append_ints(list, numbers);
  ins_value_destroy(&numbers);
  return status;
}

static ins_status make_spatial_kernels(const ins_settings *s, const ins_value *state,
                                       ins_value **out) {
  const ins_setting setting = {"core.spatial_kernel_sizes", "spatial_kernel_sizes",
                               INS_SETTING_INTS, NULL};
  if (s->style != INS_STYLE_GIVEN || ins_setting_is_given(s, setting.path, NULL))
    return ins_setting_read(s, &setting, out);
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t l = 0; status == INS_OK && l < ins_state_layers(state); l++)
    status = ins_list_take(
        *out, ins_value_int((int64_t)ins_state_axis(state, l, "conv.weight_spatial", 3)));
  return status;
}

/* The numbers of neurons that the file states must be those of the weights, session by session. */
static ins_status check_sessions(const ins_settings *s, const ins_value *sessions) {
  const ins_value *stated = ins_map_get(s->map, "n_neurons_dict");
  size_t n = ins_value_count(sessions);
  if (n == 0)
    return ins_fail(INS_ERR_MISSING,
                    "%s: parameter 'readout.SESSION.mask_mean' is missing: it has no "
                    "readout; %s",
                    s->file, supported);
  for (size_t i = 0; stated && stated->kind == INS_MAP && i < stated->children.n; i++) {
    const char *name = stated->children.keys[i];
    int64_t neurons = ins_value_int_or(stated->children.items[i], -1);
    size_t k = 0;
    while (k < n && strcmp(ins_map_get(sessions->children.items[k], "name")->text, name) != 0) k++;
    if (k == n)
      return ins_fail(INS_ERR_MISSING,
                      "%s: parameter 'readout.%s.mask_mean' is missing, but "
                      "n_neurons_dict names this session",
                      s->file, name);
    int64_t in_weights = ins_map_get(sessions->children.items[k], "n_neurons")->integer;
    if (neurons != in_weights)
      return ins_fail(INS_ERR_SHAPE,
                      "%s: session '%s' has %lld neurons in n_neurons_dict but %lld in "
                      "its weights",
                      s->file, name, (long long)neurons, (long long)in_weights);
  }
  if (stated && stated->kind == INS_MAP && stated->children.n != n)
    return ins_fail(INS_ERR_SHAPE,
                    "%s: it has weights of %zu sessions, but n_neurons_dict names %zu", s->file, n,
                    stated->children.n);
  return INS_OK;
}

/* ---- putting it together --------------------------------------------------------------------- */

static const ins_setting core_settings[] = {
    {"core.temporal_kernel_sizes", "temporal_kernel_sizes", INS_SETTING_INTS, NULL},
    {"core.spatial_kernel_sizes", NULL, INS_SETTING_MADE, NULL},
    {"core.input_padding", "core_input_padding", INS_SETTING_PADDING, "false"},
    {"core.hidden_padding", "core_hidden_padding", INS_SETTING_PADDING, "true"},
    {"core.cut_first_n_frames", "cut_first_n_frames_in_core", INS_SETTING_INT, "30"},
    {"core.dropout_rate", "dropout_rate", INS_SETTING_REAL | INS_SETTING_HARMLESS, "0"},
    {"core.maxpool_every_n_layers", "maxpool_every_n_layers",
     INS_SETTING_INT | INS_SETTING_NULLABLE | INS_SETTING_HARMLESS, "null"},
    {"core.downsample_input_kernel_size", "downsample_input_kernel_size",
     INS_SETTING_INTS | INS_SETTING_NULLABLE | INS_SETTING_HARMLESS, "null"},
    {"core.color_squashing_weights", "color_squashing_weights",
     INS_SETTING_REALS | INS_SETTING_NULLABLE | INS_SETTING_HARMLESS, "null"},
};

/* MultiGaussianMaskReadout has no defaults for these; the ones here are ExampleCoreReadout's. */
static const ins_setting readout_settings[] = {
    {"readout.gaussian_mean_scale", "readout_gaussian_mean_scale", INS_SETTING_REAL, "6"},
    {"readout.gaussian_var_scale", "readout_gaussian_var_scale", INS_SETTING_REAL, "4"},
    {"readout.positive", "readout_positive", INS_SETTING_BOOL, "true"},
    {"readout.scale", "readout_scale", INS_SETTING_BOOL | INS_SETTING_HARMLESS, "true"},
    {"readout.bias", "readout_bias", INS_SETTING_BOOL | INS_SETTING_HARMLESS, "true"},
};

/* Only the example class, and the core of either, has defaults for what a file leaves out; what a
 * user leaves out is only taken for granted where it cannot matter or the weights would tell. */
static ins_status read_part(const ins_settings *s, const ins_value *state,
                            const ins_setting *settings, size_t n, bool defaults, ins_value *a) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < n; i++) {
    ins_setting setting = settings[i];
    ins_value *value = NULL;
    bool harmless = setting.kind & INS_SETTING_HARMLESS;
    if (s->style == INS_STYLE_GIVEN ? !harmless : !defaults) setting.fallback = NULL;
    status = setting.kind == INS_SETTING_MADE ? make_spatial_kernels(s, state, &value)
                                              : ins_setting_read(s, &setting, &value);
    if (status == INS_OK)
      status = ins_value_set(a, setting.path, value);
    else
      ins_value_destroy(&value);
  }
  return status;
}

static ins_status set_text(ins_value *a, const char *path, const char *text) {
  return ins_value_set(a, path, ins_value_text(text));
}

/* The weights of the colour squash are a parameter, so they tell that there is one. */
static ins_status squash_from_weights(const ins_value *state, ins_value *a) {
  const ins_value *weights = ins_map_get(state, "core.color_squashing_layer.channel_weights");
  if (!weights || weights->kind != INS_ARRAY || weights->array.n_dims != 1 ||
      ins_value_at(a, "core.color_squashing_weights")->kind != INS_NULL)
    return INS_OK;
  ins_value *list = ins_value_list();
  ins_status status = list ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < weights->array.shape[0]; i++)
    status = ins_list_take(list, ins_value_real(ins_array_get(&weights->array, i)));
  if (status == INS_OK) return ins_value_set(a, "core.color_squashing_weights", list);
  ins_value_destroy(&list);
  return status;
}

static ins_status make_core(const ins_settings *s, const ins_value *state, ins_value *a) {
  ins_value *channels = NULL;
  ins_status status = set_text(a, "core.kind", "simple");
  if (status == INS_OK) status = set_text(a, "core.convolution", "custom_separable");
  if (status == INS_OK) status = make_channels(s, state, &channels);
  if (status != INS_OK) {
    ins_value_destroy(&channels);
    return status;
  }
  status = ins_value_set(a, "core.channels", channels);
  if (status == INS_OK)
    status =
        read_part(s, state, core_settings, sizeof core_settings / sizeof core_settings[0], true, a);
  return status == INS_OK ? squash_from_weights(state, a) : status;
}

static ins_status make_readout(const ins_settings *s, ins_value *a) {
  ins_status status = set_text(a, "readout.kind", "gaussian_mask");
  if (status != INS_OK) return status;
  return read_part(s, NULL, readout_settings, sizeof readout_settings / sizeof readout_settings[0],
                   s->style == INS_STYLE_EXAMPLE, a);
}

static ins_status make_in_shape(const ins_settings *s, const ins_value *state, ins_value *a) {
  const ins_setting setting = {"in_shape", "in_shape", INS_SETTING_INTS, NULL};
  ins_value *shape = NULL;
  ins_status status = s->style == INS_STYLE_GIVEN && !ins_setting_is_given(s, "in_shape", NULL)
                          ? ins_in_shape_derive(s, state, a, &shape)
                          : ins_setting_read(s, &setting, &shape);
  if (status == INS_OK)
    status = ins_value_set(a, "in_shape", shape);
  else
    ins_value_destroy(&shape);
  return status == INS_OK ? ins_in_shape_check(s, state, a) : status;
}

static ins_status make_sessions(const ins_settings *s, const ins_value *state, ins_value *a) {
  ins_value *sessions = NULL;
  ins_status status = ins_state_sessions(state, &sessions);
  if (status == INS_OK) status = check_sessions(s, sessions);
  if (status == INS_OK) return ins_value_set(a, "sessions", sessions);
  ins_value_destroy(&sessions);
  return status;
}

/* A core without layers, or of lists that do not fit one another, must not reach the arithmetic. */
static ins_status check_core(const ins_settings *s, const ins_value *a) {
  enum { MOST_LAYERS = 1000 };
  size_t n = ins_value_count(ins_value_at(a, "core.channels"));
  if (n < 2 || n > MOST_LAYERS)
    return ins_fail(INS_ERR_SHAPE, "%s: its core has no layers, or more than %d", s->file,
                    MOST_LAYERS);
  if (ins_value_count(ins_value_at(a, "core.temporal_kernel_sizes")) != n - 1 ||
      ins_value_count(ins_value_at(a, "core.spatial_kernel_sizes")) != n - 1)
    return ins_fail(INS_ERR_SHAPE,
                    "%s: its core has %zu layers, but not as many temporal and spatial "
                    "kernel sizes",
                    s->file, n - 1);
  for (size_t l = 0; l + 1 < n; l++)
    if (ins_architecture_int(a, "core.channels", l) < 1 ||
        ins_architecture_int(a, "core.channels", l + 1) < 1 ||
        ins_architecture_int(a, "core.temporal_kernel_sizes", l) < 3 ||
        ins_architecture_int(a, "core.spatial_kernel_sizes", l) < 1)
      return ins_fail(INS_ERR_SHAPE,
                      "%s: layer %zu of its core has no channels, or a temporal kernel "
                      "below 3 or a spatial kernel below 1",
                      s->file, l);
  const ins_value *pool = ins_value_at(a, "core.downsample_input_kernel_size");
  const ins_value *every = ins_value_at(a, "core.maxpool_every_n_layers");
  if (every->kind == INS_INT && every->integer == 0)
    return ins_fail(INS_ERR_SHAPE, "%s: maxpool_every_n_layers must be above 0, or null", s->file);
  for (size_t d = 0; d < ins_value_count(pool); d++)
    if (pool->children.n != 3 ||
        ins_architecture_int(a, "core.downsample_input_kernel_size", d) < 1)
      return ins_fail(INS_ERR_SHAPE,
                      "%s: downsample_input_kernel_size must be three numbers above 0", s->file);
  return INS_OK;
}

ins_status ins_architecture_build(const ins_settings *s, const ins_value *state, ins_value **out) {
  ins_value *a = ins_value_map();
  *out = NULL;
  if (!a) return INS_ERR_MEMORY;
  ins_status status = INS_OK;
  if (s->style != INS_STYLE_EXAMPLE) {
    status = check_class(s, "core", "SimpleCoreWrapper", "simple");
    if (status == INS_OK)
      status = check_class(s, "readout", "MultiGaussianMaskReadout", "gaussian_mask");
  }
  if (status == INS_OK) status = check_convolution(s);
  if (status == INS_OK && s->style != INS_STYLE_EXAMPLE) status = check_known(s);
  if (status == INS_OK) status = ins_map_take(a, "in_shape", ins_value_list()); /* stands first */
  if (status == INS_OK) status = make_core(s, state, a);
  if (status == INS_OK) status = check_core(s, a);
  if (status == INS_OK) status = make_readout(s, a);
  if (status == INS_OK) status = make_in_shape(s, state, a);
  if (status == INS_OK) status = make_sessions(s, state, a);
  if (status != INS_OK) ins_value_destroy(&a);
  *out = a;
  return status;
}
