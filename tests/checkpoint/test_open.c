/* SPDX-License-Identifier: MIT */
/* From the files that users have to the source of a model. */
#include <math.h>

#include "support.h"

static ins_model_source *open_golden(const char *name, const ins_value *options) {
  char path[512];
  ins_model_source *source;
  snprintf(path, sizeof path, GOLDEN "%s", name);
  if (ins_model_open(path, options, &source) != INS_OK) fail_msg("%s: %s", name, ins_message());
  return source;
}

static void expect_json(const ins_value *value, const char *path, const char *json) {
  ins_text text = {0};
  const ins_value *at = ins_value_at(value, path);
  if (!at) fail_msg("%s is missing", path);
  ins_value_json(at, 64, &text);
  if (strcmp(text.data, json) != 0) fail_msg("%s is %s, not %s", path, text.data, json);
  ins_text_free(&text);
}

static void a_lightning_checkpoint_becomes_a_source(void **state) {
  (void)state;
  ins_model_source *s = open_golden("trained/model.ckpt", NULL);
  expect_json(s->architecture, "in_shape", "[2,150,18,16]");
  expect_json(
      s->architecture, "core",
      "{\"kind\":\"simple\",\"convolution\":\"custom_separable\",\"channels\":[2,16,16],"
      "\"temporal_kernel_sizes\":[21,11],\"spatial_kernel_sizes\":[11,5],\"input_padding\":0,"
      "\"hidden_padding\":[0,2,2],\"cut_first_n_frames\":0,\"dropout_rate\":0.0,"
      "\"maxpool_every_n_layers\":null,\"downsample_input_kernel_size\":null,"
      "\"color_squashing_weights\":null}");
  expect_json(s->architecture, "readout.gaussian_mean_scale", "6.0");
  /* Sessions are sorted by name, not in the order of the file. */
  expect_json(s->architecture, "sessions",
              "[{\"name\":\"1_ventral1_20200226\",\"n_neurons\":18},"
              "{\"name\":\"2_dorsal1_20200306\",\"n_neurons\":22}]");
  expect_json(s->data_info, "sessions_kwargs.2_dorsal1_20200306.eye", "\"left\"");
  assert_int_equal(ins_value_at(s->data_info, "sessions_kwargs.2_dorsal1_20200306.roi_mask")->kind,
                   INS_ARRAY);
  expect_json(s->data_info, "model_cut_frames", "30");
  expect_json(s->provenance, "file", "\"model.ckpt\"");
  expect_json(s->provenance, "epoch", "40");
  assert_non_null(ins_map_get(s->provenance, "lightning_version"));
  assert_int_equal(strlen(ins_map_get(s->provenance, "sha256")->text), 64);
  /* 8 parameters a layer, 5 a session; what is ignored is listed, and nothing else is gone. */
  assert_int_equal(s->parameters->children.n, 2 * 8 + 2 * 5);
  assert_int_equal(ins_value_count(ins_map_get(s->provenance, "ignored")), 1 + 2 * 2 + 2);
  assert_null(s->truth);
  ins_model_source_destroy(&s);
}

static void variants_of_the_peer_are_read_as_they_were_made(void **state) {
  (void)state;
  static const struct {
    const char *name, *path, *json;
  } cases[] = {
      {"one_layer", "core.channels", "[2,4]"},
      {"one_layer", "readout.positive", "false"},
      {"three_layers", "core.spatial_kernel_sizes", "[5,3,3]"},
      {"even_kernels_same", "core.hidden_padding", "\"same\""},
      {"even_kernels_same", "core.input_padding", "true"},
      {"int_padding", "sessions", NULL},
      {"triple_padding", "core.input_padding", "[1,2,0]"},
      {"cut_first_frames", "core.cut_first_n_frames", "4"},
      {"one_channel", "in_shape", "[1,18,8,7]"},
      {"mask_limits", "readout.gaussian_var_scale", "4.0"},
      {"fixed_bias", "readout.bias", "false"},
      {"pooling", "core.maxpool_every_n_layers", "2"},
      {"pooling", "core.downsample_input_kernel_size", "[2,2,1]"},
      {"colour_squash", "core.color_squashing_weights", "[0.3,0.7]"},
      {"colour_squash", "core.channels", "[1,4,3]"},
      {"dropout", "core.dropout_rate", "0.3"},
      {"plain_dict", "core.channels", "[2,4,5]"},
      {"example_core_readout", "core.hidden_padding", "[0,1,1]"},
      {"float64_weights", "readout.kind", "\"gaussian_mask\""},
      {"float16_weights", "core.kind", "\"simple\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char name[128];
    snprintf(name, sizeof name, "variants/%s/model.ckpt", cases[i].name);
    ins_model_source *s = open_golden(name, NULL);
    if (cases[i].json) expect_json(s->architecture, cases[i].path, cases[i].json);
    ins_model_source_destroy(&s);
  }
}

static void weights_keep_their_type_and_old_names_get_todays(void **state) {
  (void)state;
  const char *name = "core.features.layer0.conv.sin_weights";
  ins_model_source *s = open_golden("variants/float16_weights/model.ckpt", NULL);
  assert_int_equal(ins_map_get(s->parameters, name)->array.dtype, INS_F16);
  ins_model_source_destroy(&s);
  s = open_golden("variants/float64_weights/model.ckpt", NULL);
  assert_int_equal(ins_map_get(s->parameters, name)->array.dtype, INS_F64);
  ins_model_source_destroy(&s);
  s = open_golden("variants/example_core_readout/model.ckpt", NULL);
  assert_non_null(ins_map_get(s->parameters, "readout.a_late.bias"));
  assert_null(ins_map_get(s->parameters, "readout.a_late.bias_param"));
  ins_model_source_destroy(&s);
  /* A stored speed that is not 0 stretches time: it stays a parameter. */
  s = open_golden("variants/nonzero_log_speed/model.ckpt", NULL);
  assert_non_null(ins_map_get(s->parameters, "core.features.layer0.conv._log_speed_default"));
  ins_model_source_destroy(&s);
}

static void a_hostile_core_is_named_and_not_run(void **state) {
  (void)state;
  ins_model_source *s;
  FILE *file;
  assert_int_equal(ins_model_open(DATA "system_core.ckpt", NULL, &s), INS_ERR_UNSUPPORTED);
  assert_message("core is a pickled object of class posix.system");
  file = fopen("/tmp/insilico_test_was_run", "r");
  assert_null(file);
}

/* ---- bare state dicts ------------------------------------------------------------------------ */

static void set(ins_value *map, const char *path, ins_value *item) {
  assert_ok(ins_value_set(map, path, item));
}

static ins_value *ints(int n, const int64_t *values) {
  ins_value *list = ins_value_list();
  for (int i = 0; i < n; i++) assert_ok(ins_list_take(list, ins_value_int(values[i])));
  return list;
}

/* What weights cannot tell. */
static ins_value *bare_options(void) {
  ins_value *options = ins_value_map();
  set(options, "architecture.core.temporal_kernel_sizes", ints(2, (int64_t[]){9, 7}));
  set(options, "architecture.core.input_padding", ins_value_int(0));
  set(options, "architecture.core.hidden_padding", ins_value_bool(true));
  set(options, "architecture.core.cut_first_n_frames", ins_value_int(0));
  set(options, "architecture.readout.gaussian_mean_scale", ins_value_int(6));
  set(options, "architecture.readout.gaussian_var_scale", ins_value_real(4));
  set(options, "architecture.readout.positive", ins_value_bool(true));
  return options;
}

static void a_bare_state_dict_asks_for_its_architecture(void **state) {
  (void)state;
  static const char path[] = GOLDEN "variants/bare_state_dict/model.pth";
  ins_model_source *s;
  assert_int_equal(ins_model_open(path, NULL, &s), INS_ERR_MISSING);
  assert_message("model.architecture");
  assert_message("readout.gaussian_mean_scale");
  static const char *const keys[] = {"core.temporal_kernel_sizes",
                                     "core.input_padding",
                                     "core.hidden_padding",
                                     "core.cut_first_n_frames",
                                     "readout.gaussian_mean_scale",
                                     "readout.gaussian_var_scale",
                                     "readout.positive"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    ins_value *options = bare_options();
    char *part = strdup(keys[i]), *dot = strchr(part, '.'), full[64];
    *dot = '\0';
    snprintf(full, sizeof full, "architecture.%s", part);
    assert_true(ins_map_remove((ins_value *)ins_value_at(options, full), dot + 1));
    assert_int_equal(ins_model_open(path, options, &s), INS_ERR_MISSING);
    assert_message(keys[i]);
    free(part);
    ins_value_destroy(&options);
  }
}

static void a_bare_state_dict_takes_from_shapes_what_they_tell(void **state) {
  (void)state;
  ins_value *options = bare_options();
  ins_model_source *s = open_golden("variants/bare_state_dict/model.pth", options);
  /* 18 frames are nominal in the file; the least that leaves a frame is 9, as hidden padding is
   * "same". */
  expect_json(s->architecture, "in_shape", "[2,9,8,7]");
  expect_json(s->architecture, "core.channels", "[2,4,5]");
  expect_json(s->architecture, "core.spatial_kernel_sizes", "[3,3]");
  expect_json(s->architecture, "readout.gaussian_mean_scale", "6.0");
  expect_json(s->architecture, "sessions",
              "[{\"name\":\"a_late\",\"n_neurons\":3},{\"name\":\"b_early\",\"n_neurons\":2}]");
  expect_json(s->provenance, "format", "\"torch state dict\"");
  ins_model_source_destroy(&s);
  ins_value_destroy(&options);
}

static void a_given_architecture_that_does_not_fit_is_refused(void **state) {
  (void)state;
  static const char path[] = GOLDEN "variants/bare_state_dict/model.pth";
  ins_model_source *s;
  ins_value *options = bare_options();
  set(options, "architecture.core.temporal_kernel_sizes", ints(2, (int64_t[]){21, 7}));
  assert_int_equal(ins_model_open(path, options, &s), INS_ERR_SHAPE);
  assert_message("core.features.layer0.conv.sin_weights");
  set(options, "architecture.core.temporal_kernel_sizes", ints(2, (int64_t[]){9, 7}));
  set(options, "architecture.in_shape", ints(4, (int64_t[]){2, 18, 18, 16}));
  assert_int_equal(ins_model_open(path, options, &s), INS_ERR_SHAPE);
  assert_message("feature maps");
  set(options, "architecture.in_shape", ints(4, (int64_t[]){2, 18, 8, 7}));
  set(options, "architecture.readout.kind", ins_value_text("oracle"));
  assert_int_equal(ins_model_open(path, options, &s), INS_ERR_UNSUPPORTED);
  assert_message("the readout oracle is not known; known are the cores SimpleCoreWrapper");
  ins_value_destroy(&options);
}

static void state_dicts_of_other_models_are_named_as_such(void **state) {
  (void)state;
  ins_model_source *s;
  assert_int_equal(ins_model_open(DATA "tensors.pt", NULL, &s), INS_ERR_UNSUPPORTED);
  assert_message("'f32'");
  assert_int_equal(ins_model_open(DATA "empty.pt", NULL, &s), INS_ERR_MISSING);
  assert_int_equal(ins_model_open(DATA "two_lines.pt", NULL, &s), INS_ERR_UNSUPPORTED);
  assert_message("'a?b?[2J'"); /* a name cannot break or colour the message */
}

/* ---- what is no model ------------------------------------------------------------------------ */

static void other_files_get_one_clear_sentence(void **state) {
  (void)state;
  ins_model_source *s;
  assert_int_equal(ins_model_open(DATA "before_1_6.pt", NULL, &s), INS_ERR_UNSUPPORTED);
  assert_message("'x' is of none of openretina's models"); /* read, and no model */
  assert_int_equal(ins_model_open(DATA "nothing.ckpt", NULL, &s), INS_ERR_IO);
  assert_int_equal(ins_model_open(INS_TEST_DATA, NULL, &s), INS_ERR_MISSING);
  assert_message("a folder without models");
  assert_int_equal(ins_model_open("", NULL, &s), INS_ERR_MISSING);
  assert_int_equal(ins_model_open(DATA "../make_files.py", NULL, &s), INS_ERR_FORMAT);
  assert_message("byte 0");
  assert_int_equal(ins_model_open(GOLDEN "trained/stimulus.npy", NULL, &s), INS_ERR_FORMAT);
}

static void built_in_models_are_named_by_a_query(void **state) {
  (void)state;
  ins_model_source *s;
  assert_ok(ins_model_open("builtin:ground_truth?neurons=5&seed=7", NULL, &s));
  assert_non_null(s->truth);
  ins_model_source_destroy(&s);
  static const char *const wrong[] = {"builtin:retina",
                                      "builtin:ground_truth?cells=5",
                                      "builtin:ground_truth?neurons=x",
                                      "builtin:ground_truth?neurons=0",
                                      "builtin:ground_truth?neurons",
                                      "builtin:"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_int_equal(ins_model_open(wrong[i], NULL, &s), INS_ERR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_lightning_checkpoint_becomes_a_source),
      cmocka_unit_test(variants_of_the_peer_are_read_as_they_were_made),
      cmocka_unit_test(weights_keep_their_type_and_old_names_get_todays),
      cmocka_unit_test(a_hostile_core_is_named_and_not_run),
      cmocka_unit_test(a_bare_state_dict_asks_for_its_architecture),
      cmocka_unit_test(a_bare_state_dict_takes_from_shapes_what_they_tell),
      cmocka_unit_test(a_given_architecture_that_does_not_fit_is_refused),
      cmocka_unit_test(state_dicts_of_other_models_are_named_as_such),
      cmocka_unit_test(other_files_get_one_clear_sentence),
      cmocka_unit_test(built_in_models_are_named_by_a_query),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
