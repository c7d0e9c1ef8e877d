/* SPDX-License-Identifier: MIT */
#include "model_class.h"

#include <stdio.h>
#include <string.h>

#include "insilico/yaml.h"

/* ---- tables ---------------------------------------------------------------------------------- */

typedef struct argument {
  const char *name;     /* of the class; NULL: always the fallback */
  const char *to;       /* in the common form */
  const char *fallback; /* the class's default as YAML; NULL: must be given */
} argument;

struct ins_model_class {
  const char *name;
  const char *const *tell;     /* arguments that it has, ended by NULL, of which ... */
  const char *without;         /* ... none is this path */
  const argument *arguments;   /* ended by a NULL `to`; NULL: the common form is what it stores */
  const char *const *prefixes; /* an unknown argument that starts so may change the model */
};

static const argument example[] = {
    {"in_shape", "in_shape", NULL},
    {"hidden_channels", "hidden_channels", NULL},
    {"n_neurons_dict", "n_neurons_dict", NULL},
    {NULL, "core._target_", "SimpleCoreWrapper"},
    {"temporal_kernel_sizes", "core.temporal_kernel_sizes", NULL},
    {"spatial_kernel_sizes", "core.spatial_kernel_sizes", NULL},
    {"core_input_padding", "core.input_padding", "false"},
    {"core_hidden_padding", "core.hidden_padding", "true"},
    {"cut_first_n_frames_in_core", "core.cut_first_n_frames", "30"},
    {"dropout_rate", "core.dropout_rate", "0.0"},
    {"maxpool_every_n_layers", "core.maxpool_every_n_layers", "null"},
    {"downsample_input_kernel_size", "core.downsample_input_kernel_size", "null"},
    {"convolution_type", "core.convolution_type", "custom_separable"},
    {"color_squashing_weights", "core.color_squashing_weights", "null"},
    {NULL, "readout._target_", "MultiGaussianMaskReadout"},
    {"readout_scale", "readout.scale", "true"},
    {"readout_bias", "readout.bias", "true"},
    {"readout_gaussian_mean_scale", "readout.gaussian_mean_scale", "6.0"},
    {"readout_gaussian_var_scale", "readout.gaussian_var_scale", "4.0"},
    {"readout_positive", "readout.positive", "true"},
    {NULL, NULL, NULL}};

static const argument contrast[] = {{"in_shape", "in_shape", NULL},
                                    {"n_neurons_dict", "n_neurons_dict", NULL},
                                    {NULL, "core._target_", "DummyCore"},
                                    {"cut_first_n_frames", "core.cut_first_n_frames", "0"},
                                    {NULL, "readout._target_", "MultiSpatialContrastReadout"},
                                    {NULL, NULL, NULL}};

static const argument single_contrast[] = {{"in_shape", "in_shape", NULL},
                                           {NULL, "readout._target_", "SingleCellSpatialContrast"},
                                           {NULL, NULL, NULL}};

static const argument legacy[] = {{NULL, "core._target_", "ParametricFactorizedBatchConv3dCore"},
                                  {"hidden_channels", "hidden_channels", "[8]"},
                                  {"temporal_kernel_size", "core.temporal_kernel_size", "[21]"},
                                  {"spatial_kernel_size", "core.spatial_kernel_size", "[11]"},
                                  {"layers", "core.layers", "1"},
                                  {"final_nonlinearity", "core.final_nonlinearity", "true"},
                                  {"core_bias", "core.bias", "false"},
                                  {"input_padding", "core.input_padding", "false"},
                                  {"hidden_padding", "core.hidden_padding", "true"},
                                  {"batch_norm", "core.batch_norm", "true"},
                                  {"batch_norm_scale", "core.batch_norm_scale", "false"},
                                  {"stack", "core.stack", "null"},
                                  {"nonlinearity", "core.nonlinearity", "ELU"},
                                  {"conv_type", "core.conv_type", "custom_separable"},
                                  {NULL, "readout._target_", "SpatialXFeature3dReadout"},
                                  {"gaussian_masks", "readout.gaussian_masks", "false"},
                                  {"gaussian_mean_scale", "readout.gaussian_mean_scale", "1.0"},
                                  {"gaussian_var_scale", "readout.gaussian_var_scale", "1.0"},
                                  {"readout_positive", "readout.positive", "false"},
                                  {"readout_scale", "readout.scale", "false"},
                                  {"readout_bias", "readout.bias", "true"},
                                  {NULL, NULL, NULL}};

static const char *const any[] = {NULL};
static const char *const tell_example[] = {"temporal_kernel_sizes", NULL};
static const char *const tell_contrast[] = {"sta_dir", "n_neurons_dict", NULL};
static const char *const tell_single[] = {"sta_dir", "sta_file_name", NULL};
static const char *const tell_unified[] = {"core", NULL};
static const char *const of_parts[] = {"core_", "readout_", NULL};
static const char *const of_anything[] = {"", NULL};

/* The first that fits counts. The older classes also store their modules, pickled, as core and
 * readout beside the arguments that these come from. */
static const ins_model_class classes[] = {
    {"openretina.models.core_readout.ExampleCoreReadout", tell_example, "core._target_", example,
     of_parts},
    {"openretina.models.spatial_contrast.SpatialContrastCoreReadout", tell_contrast, NULL, contrast,
     any},
    {"openretina.models.spatial_contrast.SingleCellSpatialContrast", tell_single, NULL,
     single_contrast, any},
    {"openretina.models.core_readout.UnifiedCoreReadout", tell_unified, NULL, NULL, any}};

const ins_model_class ins_model_class_legacy = {"openretina.legacy.models.SFB3d_core_SxF3d_readout",
                                                any, NULL, legacy, of_anything};

/* Arguments that only matter in training. */
static const char *const training[] = {
    "core_gamma_input",
    "core_gamma_hidden",
    "core_gamma_in_sparse",
    "core_gamma_temporal",
    "readout_gaussian_masks", /* ExampleCoreReadout has no other */
    "readout_gamma",
    "readout_gamma_masks",
    "readout_reg_avg",
    "gamma_hidden",
    "gamma_input",
    "gamma_temporal",
    "gamma_in_sparse",
    "gamma_readout",
    "gamma_masks",
    "momentum",
    "laplace_padding",
    "batch_adaptation",
    "initialize_from_roi_masks",
    "use_avg_reg",
    "data_info",
    "seed",
    "transfer",
    NULL};

/* ---- telling --------------------------------------------------------------------------------- */

const ins_model_class *ins_model_class_of(const ins_value *hyper) {
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
    const char *const *key = classes[i].tell;
    while (*key && ins_map_get(hyper, *key)) key++;
    if (!*key && !(classes[i].without && ins_value_at(hyper, classes[i].without)))
      return &classes[i];
  }
  return NULL;
}

const char *ins_model_class_name(const ins_model_class *class) {
  return class->name;
}

/* ---- the common form ------------------------------------------------------------------------- */

static bool listed(const char *const *words, const char *word) {
  while (*words && strcmp(*words, word) != 0) words++;
  return *words != NULL;
}

static bool is_argument(const ins_model_class *class, const char *key) {
  for (const argument *a = class->arguments; a->to; a++)
    if (a->name && strcmp(a->name, key) == 0) return true;
  return listed(training, key);
}

static ins_status check_arguments(const ins_model_class *class, const char *file,
                                  const ins_value *arguments) {
  for (size_t i = 0; i < arguments->children.n; i++) {
    const char *key = arguments->children.keys[i];
    const char *const *prefix = class->prefixes;
    while (*prefix && strncmp(key, *prefix, strlen(*prefix)) != 0) prefix++;
    if (*prefix && arguments->children.items[i]->kind != INS_NULL && !is_argument(class, key))
      return ins_fail(INS_ERR_UNSUPPORTED,
                      "%s: the setting %s of %s is not known, and the model may depend on it", file,
                      key, class->name);
  }
  return INS_OK;
}

static ins_status set(const argument *a, const ins_value *arguments, ins_value *out) {
  const ins_value *value = a->name ? ins_map_get(arguments, a->name) : NULL;
  ins_value *copy = NULL;
  if (!value && !a->fallback) return INS_OK; /* whoever needs it will ask */
  ins_status status = INS_OK;
  if (value)
    copy = ins_value_copy(value);
  else
    status = ins_yaml_parse(a->fallback, strlen(a->fallback), NULL, NULL, &copy);
  if (status == INS_OK && !copy) status = INS_ERR_MEMORY;
  return status == INS_OK ? ins_value_set(out, a->to, copy) : status;
}

ins_status ins_model_class_settings(const ins_model_class *class, const char *file,
                                    const ins_value *arguments, ins_value **out) {
  *out = NULL;
  if (!class->arguments) return INS_OK;
  ins_status status = check_arguments(class, file, arguments);
  if (status == INS_OK) *out = ins_value_map();
  if (status == INS_OK && !*out) status = INS_ERR_MEMORY;
  for (const argument *a = class->arguments; status == INS_OK && a->to; a++)
    status = set(a, arguments, *out);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}
