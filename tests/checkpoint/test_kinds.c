/* SPDX-License-Identifier: MIT */
/* Every class of core, readout and model that openretina writes, read as it was made. */
#include "checkpoint/torch_function.h"
#include "insilico/yaml.h"
#include "support.h"

#define KINDS GOLDEN "kinds/"

/* Options as YAML, or NULL. */
static ins_status open_with(const char *name, const char *yaml, ins_model_source **out) {
  ins_value *options = NULL;
  char path[512];
  if (yaml) assert_ok(ins_yaml_parse(yaml, strlen(yaml), NULL, NULL, &options));
  snprintf(path, sizeof path, GOLDEN "%s", name);
  ins_status status = ins_model_open(path, options, out);
  ins_value_destroy(&options);
  return status;
}

static ins_model_source *opened(const char *name, const char *yaml) {
  ins_model_source *s;
  if (open_with(name, yaml, &s) != INS_OK) fail_msg("%s: %s", name, ins_message());
  return s;
}

static void expect(const char *name, const ins_value *value, const char *path, const char *json) {
  ins_text text = {0};
  const ins_value *at = ins_value_at(value, path);
  if (!at) fail_msg("%s: %s is missing", name, path);
  ins_value_json(at, 64, &text);
  if (strcmp(text.data, json) != 0) fail_msg("%s: %s is %s, not %s", name, path, text.data, json);
  ins_text_free(&text);
}

static bool ignores(const ins_model_source *s, const char *name) {
  const ins_value *ignored = ins_map_get(s->provenance, "ignored");
  for (size_t i = 0; i < ignored->children.n; i++)
    if (strcmp(ignored->children.items[i]->text, name) == 0) return true;
  return false;
}

/* ---- settings -------------------------------------------------------------------------------- */

static void settings_are_those_of_the_file_or_openretinas_defaults(void **state) {
  (void)state;
  static const struct {
    const char *name, *path, *json;
  } cases[] = {
      {"variants/full_convolution/model.ckpt", "core.convolution", "\"full\""},
      {"variants/separable_convolution/model.ckpt", "core.convolution", "\"separable\""},
      {"variants/time_independent/model.ckpt", "core.convolution", "\"time_independent\""},
      {"variants/gru_core/model.ckpt", "core",
       "{\"kind\":\"conv_gru\",\"convolution\":\"custom_separable\",\"channels\":[2,4,5],"
       "\"temporal_kernel_sizes\":[7,6],\"spatial_kernel_sizes\":[3,3],\"input_padding\":false,"
       "\"hidden_padding\":true,\"batch_norm\":true,\"batch_norm_scale\":true,\"bias\":true,"
       "\"final_nonlinearity\":true,\"nonlinearity\":\"ELU\",\"use_projections\":true,"
       "\"use_gru\":true,\"gru\":{\"rec_channels\":4,\"input_kern\":3,\"rec_kern\":3,\"groups\":1,"
       "\"pad_input\":true}}"},
      {"variants/conditioned_gru_core/model.ckpt", "core",
       "{\"kind\":\"conditioned_gru\",\"convolution\":\"custom_separable\",\"channels\":[2,4,5],"
       "\"temporal_kernel_sizes\":[7,6],\"spatial_kernel_sizes\":[3,3],\"input_padding\":false,"
       "\"hidden_padding\":true,\"batch_norm\":true,\"batch_norm_scale\":true,\"bias\":true,"
       "\"final_nonlinearity\":true,\"nonlinearity\":\"ELU\",\"use_projections\":true,"
       "\"use_gru\":true,\"gru\":{\"rec_channels\":4,\"input_kern\":3,\"rec_kern\":3,\"groups\":1,"
       "\"pad_input\":true}}"},
      {"kinds/gru_scalar_kernels/model.ckpt", "core.temporal_kernel_sizes", "[6,6]"},
      {"kinds/gru_scalar_kernels/model.ckpt", "core.spatial_kernel_sizes", "[3,3]"},
      {"kinds/gru_scalar_kernels/model.ckpt", "core.gru", "null"},
      {"kinds/gru_scalar_kernels/model.ckpt", "core.bias", "false"},
      {"kinds/gru_scalar_kernels/model.ckpt", "core.final_nonlinearity", "false"},
      {"kinds/gru_scalar_kernels/model.ckpt", "core.nonlinearity", "\"Softplus\""},
      {"variants/gru_core_prelu/model.ckpt", "core.nonlinearity", "\"PReLU\""},
      {"kinds/gru_groups/model.ckpt", "core.gru",
       "{\"rec_channels\":6,\"input_kern\":2,\"rec_kern\":3,\"groups\":2,\"pad_input\":false}"},
      {"kinds/gru_groups/model.ckpt", "core.input_padding", "true"},
      {"variants/lnp/model.ckpt", "core", "{\"kind\":\"dummy\",\"cut_first_n_frames\":3}"},
      {"kinds/lnp_defaults/model.ckpt", "core.cut_first_n_frames", "0"},
      {"variants/lnp/model.ckpt", "readout",
       "{\"kind\":\"lnp\",\"nonlinearity\":\"softplus\",\"bias\":true}"},
      {"kinds/lnp_defaults/model.ckpt", "readout",
       "{\"kind\":\"lnp\",\"nonlinearity\":\"exp\",\"bias\":false}"},
      {"variants/factorized_readout/model.ckpt", "readout",
       "{\"kind\":\"factorized\",\"mask_constraint\":\"abs\",\"weights_constraint\":\"absnorm\","
       "\"bias\":true}"},
      {"kinds/base_readout_klindt/model.ckpt", "readout",
       "{\"kind\":\"factorized\",\"mask_constraint\":null,\"weights_constraint\":\"norm\","
       "\"bias\":false}"},
      {"variants/point_gaussian_readout/model.ckpt", "readout",
       "{\"kind\":\"point_gaussian\",\"bias\":true,\"align_corners\":true,\"gauss_type\":\"full\","
       "\"nonlinearity\":\"softplus\"}"},
      {"kinds/point_partial/model.ckpt", "readout",
       "{\"kind\":\"point_gaussian\",\"bias\":false,\"align_corners\":false,"
       "\"gauss_type\":\"isotropic\",\"nonlinearity\":\"relu\"}"},
      {"kinds/point_function/model.ckpt", "readout.nonlinearity", "\"elu\""},
      {"kinds/point_builtin/model.ckpt", "readout.nonlinearity", "\"softplus\""},
      {"kinds/point_torch_exp/model.ckpt", "readout.nonlinearity", "\"exp\""},
      {"kinds/spatial_contrast/model.ckpt", "readout", "{\"kind\":\"spatial_contrast\"}"},
      {"kinds/spatial_contrast/model.ckpt", "core.cut_first_n_frames", "2"},
      {"kinds/spatial_contrast/model.ckpt", "in_shape", "[1,12,8,7]"},
      {"kinds/single_contrast/model.ckpt", "sessions", "[{\"name\":\"cell\",\"n_neurons\":1}]"},
      {"kinds/single_contrast/model.ckpt", "readout.crop", "null"},
      {"kinds/single_contrast/model.ckpt", "core", "{\"kind\":\"dummy\",\"cut_first_n_frames\":0}"},
      {"kinds/image/model.ckpt", "in_shape", "[1,1,8,7]"},
      {"kinds/image/model.ckpt", "core.temporal_kernel_sizes", "[1]"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ins_model_source *s = opened(cases[i].name, NULL);
    expect(cases[i].name, s->architecture, cases[i].path, cases[i].json);
    ins_model_source_destroy(&s);
  }
}

static void classes_of_models_are_told_by_what_they_store(void **state) {
  (void)state;
  static const struct {
    const char *name, *class;
  } cases[] = {
      {"variants/lnp/model.ckpt", "\"openretina.models.core_readout.UnifiedCoreReadout\""},
      {"variants/example_core_readout/model.ckpt",
       "\"openretina.models.core_readout.ExampleCoreReadout\""},
      {"kinds/spatial_contrast/model.ckpt",
       "\"openretina.models.spatial_contrast.SpatialContrastCoreReadout\""},
      {"kinds/single_contrast/model.ckpt",
       "\"openretina.models.spatial_contrast.SingleCellSpatialContrast\""},
      {"kinds/legacy_one_speed", "\"openretina.legacy.models.SFB3d_core_SxF3d_readout\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ins_model_source *s = opened(cases[i].name, NULL);
    expect(cases[i].name, s->provenance, "class", cases[i].class);
    ins_model_source_destroy(&s);
  }
}

/* ---- parameters ------------------------------------------------------------------------------ */

static void what_plays_no_part_is_ignored_by_name(void **state) {
  (void)state;
  static const struct {
    const char *name, *ignored;
  } cases[] = {
      {"variants/full_convolution/model.ckpt", "core.features.layer0.conv._log_speed_default"},
      {"kinds/gru_scalar_kernels/model.ckpt", "core.log_speed_a_late"},
      {"kinds/gru_scalar_kernels/model.ckpt", "core.features.layer1.conv.log_speed_b_early"},
      {"variants/gru_core/model.ckpt", "core.features.projection.0._log_speed_default"},
      {"variants/conditioned_gru_core/model.ckpt", "core.film_2.fc_gamma.weight"},
      {"variants/conditioned_gru_core/model.ckpt", "core.film_0.fc_beta.weight"},
      {"variants/point_gaussian_readout/model.ckpt", "readout.a_late.sigma"},
      {"kinds/base_readout_klindt/model.ckpt", "readout.only.bias"}, /* it is not added */
      {"kinds/spatial_contrast/model.ckpt", "readout.01.bias"},
      {"kinds/lnp_defaults/model.ckpt", "readout.a_late._smooth_reg_fn.laplace.filter"},
      {"kinds/cloned_readout/model.ckpt", "readout.a_late._source.features"},
      {"kinds/legacy_one_speed", "core.log_speed_a_late"}, /* 0 */
      {"kinds/legacy_one_speed", "readout.a_late.grid"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ins_model_source *s = opened(cases[i].name, NULL);
    if (!ignores(s, cases[i].ignored)) fail_msg("%s is not ignored", cases[i].ignored);
    assert_null(ins_map_get(s->parameters, cases[i].ignored));
    ins_model_source_destroy(&s);
  }
}

static void a_cloned_readout_names_its_original(void **state) {
  (void)state;
  ins_model_source *s = opened("kinds/cloned_readout/model.ckpt", NULL);
  /* The first of the file, not the first by name. */
  expect("cloned", s->architecture, "sessions",
         "[{\"name\":\"a_late\",\"n_neurons\":3,\"clone_of\":\"b_early\"},"
         "{\"name\":\"b_early\",\"n_neurons\":3}]");
  /* Defaults of the single readout, which are not those of the multiple one. */
  expect("cloned", s->architecture, "readout",
         "{\"kind\":\"gaussian_mask\",\"gaussian_mean_scale\":1.0,\"gaussian_var_scale\":1.0,"
         "\"positive\":false,\"scale\":false,\"bias\":true}");
  assert_true(ins_array_get(&ins_map_get(s->parameters, "readout.a_late.alpha")->array, 2) == 2);
  assert_true(ins_array_get(&ins_map_get(s->parameters, "readout.a_late.beta")->array, 0) == 0.5);
  ins_model_source_destroy(&s);
}

static void shared_features_and_points_keep_their_indices(void **state) {
  (void)state;
  ins_model_source *s = opened("kinds/point_shared/model.ckpt", NULL);
  const ins_value *features = ins_map_get(s->parameters, "readout.only.feature_sharing_index");
  assert_int_equal(features->array.dtype, INS_I64);
  assert_true(ins_array_get(&features->array, 0) == 1); /* match_ids 7, 2, 7 */
  assert_true(ins_array_get(&features->array, 1) == 0);
  assert_int_equal(ins_map_get(s->parameters, "readout.only._mu")->array.shape[1], 2);
  assert_non_null(ins_map_get(s->parameters, "readout.only.scales"));
  expect("shared", s->architecture, "sessions", "[{\"name\":\"only\",\"n_neurons\":3}]");
  ins_model_source_destroy(&s);
}

/* ---- single cells ---------------------------------------------------------------------------- */

static void a_patch_needs_its_place(void **state) {
  (void)state;
  static const char name[] = "kinds/single_contrast_crop/model.ckpt";
  ins_model_source *s;
  assert_int_equal(open_with(name, NULL, &s), INS_ERR_MISSING);
  assert_message("covers 4 x 3 of 8 x 7 pixels");
  assert_message("model.architecture.readout.crop as [top, left]");
  assert_int_equal(open_with(name, "{architecture: {readout: {crop: [5, 0]}}}", &s), INS_ERR_SHAPE);
  assert_int_equal(open_with(name, "{architecture: {readout: {crop: [4]}}}", &s), INS_ERR_SHAPE);
  /* The shape of the stimulus is still that of the file. */
  s = opened(name, "{architecture: {readout: {crop: [4, 4]}}}");
  expect(name, s->architecture, "readout", "{\"kind\":\"single_spatial_contrast\",\"crop\":[4,4]}");
  expect(name, s->architecture, "in_shape", "[1,12,8,7]");
  expect(name, s->provenance, "architecture", "\"given by the user\"");
  ins_model_source_destroy(&s);
}

static void a_single_lnp_model_asks_for_what_no_file_holds(void **state) {
  (void)state;
  static const char name[] = "kinds/single_lnp/model.ckpt",
                    relu[] = "kinds/single_lnp_relu/model.ckpt";
  ins_model_source *s;
  assert_int_equal(open_with(name, NULL, &s), INS_ERR_MISSING);
  assert_message("its class saves no hyper-parameters");
  assert_message("in_shape, readout.kind: single_lnp, readout.nonlinearity, "
                 "readout.normalize_weights");
  s = opened(name, "{architecture: {in_shape: [2, 6, 8, 7], readout: {kind: single_lnp, "
                   "normalize_weights: true, crop: [0, 1]}}}");
  expect(name, s->architecture, "readout",
         "{\"kind\":\"single_lnp\",\"nonlinearity\":\"parametrized_softplus\","
         "\"normalize_weights\":true,\"crop\":[0,1]}");
  assert_int_equal(s->parameters->children.n, 4);
  ins_model_source_destroy(&s);
  assert_int_equal(
      open_with(relu,
                "{architecture: {in_shape: [2, 6, 4, 3], readout: {normalize_weights: true}}}", &s),
      INS_ERR_MISSING);
  assert_message("model.architecture.readout.nonlinearity");
  s = opened(relu, "{architecture: {in_shape: [2, 6, 4, 3], readout: {normalize_weights: false, "
                   "nonlinearity: relu}}}");
  expect(relu, s->architecture, "readout.crop", "null");
  assert_int_equal(s->parameters->children.n, 2);
  ins_model_source_destroy(&s);
}

/* ---- state dicts without settings ------------------------------------------------------------ */

static void weights_tell_kind_and_sizes_where_a_job_does_not(void **state) {
  (void)state;
  static const struct {
    const char *name, *yaml, *path, *json;
  } cases[] = {
      {"variants/lnp/model.ckpt",
       "{core: {kind: dummy, cut_first_n_frames: 0}, readout: {nonlinearity: softplus}}",
       "readout.kind", "\"lnp\""},
      {"variants/separable_convolution/model.ckpt",
       "{core: {input_padding: 0, hidden_padding: [0, 1, 1], cut_first_n_frames: 0}, readout: "
       "{gaussian_mean_scale: 6, gaussian_var_scale: 4, positive: true}}",
       "core.temporal_kernel_sizes", "[9,7]"},
      {"variants/full_convolution/model.ckpt",
       "{core: {input_padding: 0, hidden_padding: true, cut_first_n_frames: 0}, readout: "
       "{gaussian_mean_scale: 6, gaussian_var_scale: 4, positive: true}}",
       "core.convolution", "\"full\""},
      {"variants/time_independent/model.ckpt",
       "{core: {input_padding: 0, hidden_padding: [0, 1, 1], cut_first_n_frames: 0}, readout: "
       "{gaussian_mean_scale: 6, gaussian_var_scale: 4, positive: true}}",
       "core.convolution", "\"time_independent\""},
      {"variants/gru_core/model.ckpt",
       "{core: {temporal_kernel_sizes: [7, 6], input_padding: false, hidden_padding: true, "
       "final_nonlinearity: true, nonlinearity: ELU, gru: {rec_channels: 4, input_kern: 3, "
       "rec_kern: 3, pad_input: true}}, readout: {gaussian_mean_scale: 6, gaussian_var_scale: 4, "
       "positive: true}}",
       "core.kind", "\"conv_gru\""},
      {"variants/conditioned_gru_core/model.ckpt",
       "{core: {temporal_kernel_sizes: [7, 6], input_padding: false, hidden_padding: true, "
       "final_nonlinearity: true, nonlinearity: ELU, gru: {rec_channels: 4, input_kern: 3, "
       "rec_kern: 3, pad_input: true}}, readout: {gaussian_mean_scale: 6, gaussian_var_scale: 4, "
       "positive: true}}",
       "core.kind", "\"conditioned_gru\""},
      {"variants/point_gaussian_readout/model.ckpt",
       "{core: {temporal_kernel_sizes: [9, 7], input_padding: 0, hidden_padding: true, "
       "cut_first_n_frames: 0}, readout: {align_corners: true, nonlinearity: softplus}}",
       "readout.bias", "true"},
      {"kinds/legacy_one_speed/state_dict_00000.pth.tar",
       "{core: {temporal_kernel_sizes: [6, 6], input_padding: false, hidden_padding: true, "
       "final_nonlinearity: true, nonlinearity: ELU, stack: 1}, readout: {gaussian_mean_scale: 6, "
       "gaussian_var_scale: 4, positive: true, nonlinearity: true}}",
       "readout",
       "{\"kind\":\"spatial_x_feature\",\"gaussian_masks\":true,\"gaussian_mean_scale\":6.0,"
       "\"gaussian_var_scale\":4.0,\"positive\":true,\"scale\":true,\"bias\":true,"
       "\"nonlinearity\":true}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char yaml[600];
    snprintf(yaml, sizeof yaml, "{architecture: %s}", cases[i].yaml);
    ins_model_source *s = opened(cases[i].name, yaml);
    expect(cases[i].name, s->architecture, cases[i].path, cases[i].json);
    if (strstr(cases[i].name, ".ckpt")) { /* the same parameters as with the file's own settings */
      ins_model_source *own = opened(cases[i].name, NULL);
      assert_true(ins_value_equal(s->parameters, own->parameters));
      ins_model_source_destroy(&own);
    }
    ins_model_source_destroy(&s);
  }
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void what_would_be_another_model_is_refused_by_name(void **state) {
  (void)state;
  static const char gru[] = "variants/gru_core/model.ckpt";
  static const char conditioned[] = "variants/conditioned_gru_core/model.ckpt";
  static const char point[] = "variants/point_gaussian_readout/model.ckpt";
  static const char simple[] = "variants/one_layer/model.ckpt";
  static const struct {
    const char *name, *yaml;
    ins_status status;
    const char *says;
  } cases[] = {
      {simple, "{core: {kind: transformer}}", INS_ERR_UNSUPPORTED,
       "the core transformer is not known; known are the cores SimpleCoreWrapper"},
      {simple, "{core: {_target_: lab.cores.Oracle}}", INS_ERR_UNSUPPORTED,
       "the readouts MultiGaussianMaskReadout, "},
      {simple, "{readout: {_target_: lab.readouts.Oracle}}", INS_ERR_UNSUPPORTED,
       "the readout lab.readouts.Oracle is not known"},
      {simple, "{core: {stride: 2}}", INS_ERR_UNSUPPORTED, "model.architecture.core.stride"},
      {simple, "{readout: {sharpness: 2}}", INS_ERR_UNSUPPORTED,
       "model.architecture.readout.sharpness"},
      {simple, "{core: {convolution: fourier}}", INS_ERR_FORMAT,
       "model.architecture.core.convolution must be custom_separable, separable"},
      {simple, "{core: {temporal_kernel_sizes: [2]}}", INS_ERR_MISSING, "core.input_padding"},
      {simple,
       "{core: {temporal_kernel_sizes: [2], input_padding: 0, hidden_padding: 0, "
       "cut_first_n_frames: 0}}",
       INS_ERR_SHAPE, "temporal kernel below 3"},
      {simple,
       "{core: {temporal_kernel_sizes: [8], input_padding: 0, hidden_padding: 0, "
       "cut_first_n_frames: 0}, readout: {nonlinearity_function: relu}}",
       INS_ERR_UNSUPPORTED, "nonlinearity relu; only softplus"},
      {simple, "{readout: {_target_: a.MultiReadoutBase}}", INS_ERR_UNSUPPORTED, "base_readout"},
      {gru,
       "{core: {temporal_kernel_sizes: [7, 6], input_padding: false, hidden_padding: true, "
       "final_nonlinearity: true, nonlinearity: ELU, use_projections: true, use_gru: true, gru: "
       "{rec_channels: 4, input_kern: 4, rec_kern: 4, pad_input: true}}}",
       INS_ERR_UNSUPPORTED, "with which openretina cannot run"},
      {gru,
       "{core: {temporal_kernel_sizes: [7, 6], input_padding: false, hidden_padding: true, "
       "final_nonlinearity: true, nonlinearity: ELU, use_gru: true, gru_kwargs: "
       "{rec_channels: 4, dilation: 2}}}",
       INS_ERR_UNSUPPORTED, "core.gru_kwargs.dilation"},
      {gru,
       "{core: {temporal_kernel_sizes: [7, 6], input_padding: false, hidden_padding: true, "
       "final_nonlinearity: true, nonlinearity: ELU, use_gru: false}, readout: "
       "{gaussian_mean_scale: 6, gaussian_var_scale: 4, positive: true}}",
       INS_ERR_UNSUPPORTED, "'core.features.gru.gru.reset_gate_input.weight' belongs to a"},
      {conditioned,
       "{core: {kind: conv_gru, temporal_kernel_sizes: [7, 6], input_padding: false, "
       "hidden_padding: true, final_nonlinearity: true, nonlinearity: ELU, gru: "
       "{rec_channels: 4, input_kern: 3, rec_kern: 3, pad_input: true}}, readout: "
       "{gaussian_mean_scale: 6, gaussian_var_scale: 4, positive: true}}",
       INS_ERR_UNSUPPORTED,
       "'core.film_0.fc_gamma.weight' is not known: neither the core ConvGRUCore"},
      {conditioned,
       "{core: {kind: conditioned_gru, temporal_kernel_sizes: [7, 6], input_padding: false, "
       "hidden_padding: true, final_nonlinearity: true, nonlinearity: ELU, use_projections: false, "
       "gru: "
       "{rec_channels: 4, input_kern: 3, rec_kern: 3, pad_input: true}}, readout: "
       "{gaussian_mean_scale: 6, gaussian_var_scale: 4, positive: true}}",
       INS_ERR_UNSUPPORTED, "belongs to a ConditionedGRUCore with the settings 'use_projections'"},
      {gru,
       "{core: {kind: conditioned_gru, temporal_kernel_sizes: [7, 6], input_padding: false, "
       "hidden_padding: true, final_nonlinearity: true, nonlinearity: ELU, gru: "
       "{rec_channels: 4, input_kern: 3, rec_kern: 3, pad_input: true}}, readout: "
       "{gaussian_mean_scale: 6, gaussian_var_scale: 4, positive: true}}",
       INS_ERR_MISSING, "'core.film_0.fc_gamma.bias' is missing"},
      {point,
       "{in_shape: [2, 18, 8, 7], core: {temporal_kernel_sizes: [9, 7], input_padding: 0, "
       "hidden_padding: true, cut_first_n_frames: 0}, readout: {bias: true, align_corners: true, "
       "nonlinearity: lab.functions.wiggle}}",
       INS_ERR_UNSUPPORTED, "which is no plain function of torch"},
      {"variants/factorized_readout/model.ckpt", "{readout: {mask_constraint: square}}",
       INS_ERR_MISSING, "core.temporal_kernel_sizes"},
      {"kinds/lnp_defaults/model.ckpt",
       "{core: {kind: dummy, cut_first_n_frames: 0, color_squashing_weights: [1, 1]}}",
       INS_ERR_UNSUPPORTED, "core.color_squashing_weights"},
      {"kinds/spatial_contrast/model.ckpt",
       "{in_shape: [2, 12, 8, 7], core: {kind: dummy, cut_first_n_frames: 2}}", INS_ERR_SHAPE,
       "takes one channel"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char yaml[800];
    ins_model_source *s;
    snprintf(yaml, sizeof yaml, "{architecture: %s}", cases[i].yaml);
    ins_status status = open_with(cases[i].name, yaml, &s);
    if (status != cases[i].status)
      fail_msg("%s: %s: %s", cases[i].yaml, ins_status_name(status), ins_message());
    assert_message(cases[i].says);
  }
}

/* ---- functions ------------------------------------------------------------------------------- */

static void functions_of_torch_are_known_in_every_spelling(void **state) {
  (void)state;
  static const struct {
    const char *yaml, *name; /* NULL: none of torch's, or one with arguments */
  } cases[] = {
      {"softplus", "softplus"},
      {"torch.nn.functional.softplus", "softplus"},
      {"<torch._C._nn.softplus>", "softplus"},
      {"{_target_: torch.nn.functional.relu, _partial_: true}", "relu"},
      {"{_target_: hydra.utils.get_method, path: torch.exp}", "exp"},
      {"{_target_: torch.nn.functional.softplus, _partial_: true, beta: 2}", NULL},
      {"{_target_: torch.nn.functional.softplus, _partial_: true, _args_: [1]}", NULL},
      {"{__class__: functools.partial}", NULL},
      {"{__class__: builtins.getattr, __args__: [<lab.functions>, exp]}", NULL},
      {"numpy.exp", NULL},
      {"<lab.softplus>", NULL},
      {"[softplus]", NULL},
      {"soft plus", NULL},
      {"''", NULL},
      {"3", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ins_value *value = NULL;
    char name[INS_FUNCTION_NAME] = "";
    assert_ok(ins_yaml_parse(cases[i].yaml, strlen(cases[i].yaml), NULL, NULL, &value));
    bool known = ins_torch_function(value, name);
    if (known != (cases[i].name != NULL)) fail_msg("%s", cases[i].yaml);
    if (known) assert_string_equal(name, cases[i].name);
    ins_value_destroy(&value);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(settings_are_those_of_the_file_or_openretinas_defaults),
      cmocka_unit_test(classes_of_models_are_told_by_what_they_store),
      cmocka_unit_test(what_plays_no_part_is_ignored_by_name),
      cmocka_unit_test(a_cloned_readout_names_its_original),
      cmocka_unit_test(shared_features_and_points_keep_their_indices),
      cmocka_unit_test(a_patch_needs_its_place),
      cmocka_unit_test(a_single_lnp_model_asks_for_what_no_file_holds),
      cmocka_unit_test(weights_tell_kind_and_sizes_where_a_job_does_not),
      cmocka_unit_test(what_would_be_another_model_is_refused_by_name),
      cmocka_unit_test(functions_of_torch_are_known_in_every_spelling),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
