/* SPDX-License-Identifier: MIT */
/** Models of images: state dicts of neuralpredictors' Stacked2dCore with FullGaussian2d. */
#include "checkpoint/architecture.h"
#include "golden.h"
#include "insilico/plan.h"
#include "insilico/yaml.h"
#include "support.h"

#define MODEL GOLDEN "image/model.pth"

static const char whole[] =
    "{architecture: {in_shape: [2, 1, 9, 12], core: {input_padding: false, hidden_padding: 2, "
    "final_nonlinearity: true, nonlinearity: ELU, stack: -1}, readout: {align_corners: true, "
    "nonlinearity: elu1, grid_mean_predictor: {final_tanh: true}}}}";

static ins_value *parsed(const char *yaml) {
  ins_value *out;
  assert_ok(ins_yaml_parse(yaml, strlen(yaml), NULL, NULL, &out));
  return out;
}

/* `whole` with one setting of the core or readout changed, or none where yaml is NULL. */
static ins_status open_with(const char *path, const char *yaml, ins_model_source **source) {
  ins_value *options = parsed(whole);
  if (path) assert_ok(ins_value_set(options, path, parsed(yaml)));
  ins_status status = ins_model_open(MODEL, options, source);
  ins_value_destroy(&options);
  return status;
}

static void expect_json(const ins_value *value, const char *path, const char *json) {
  ins_text text = {0};
  ins_value_json(ins_value_at(value, path), 16, &text);
  assert_string_equal(text.data, json);
  ins_text_free(&text);
}

/* ---- settings -------------------------------------------------------------------------------- */

static void a_state_dict_asks_for_what_it_does_not_tell(void **state) {
  (void)state;
  static const char *const keys[] = {"in_shape",
                                     "core.input_padding",
                                     "core.hidden_padding",
                                     "core.stack",
                                     "core.nonlinearity",
                                     "core.final_nonlinearity",
                                     "readout.nonlinearity",
                                     "readout.align_corners",
                                     "readout.grid_mean_predictor.final_tanh"};
  ins_model_source *s;
  assert_int_equal(ins_model_open(MODEL, NULL, &s), INS_ERR_MISSING);
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) assert_message(keys[i]);
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    ins_value *options = parsed(whole);
    char part[96];
    snprintf(part, sizeof part, "architecture.%s", keys[i]);
    char *dot = strrchr(part, '.');
    *dot = '\0';
    assert_true(ins_map_remove((ins_value *)ins_value_at(options, part), dot + 1));
    assert_int_equal(ins_model_open(MODEL, options, &s), INS_ERR_MISSING);
    assert_message(keys[i]);
    ins_value_destroy(&options);
  }
}

static void weights_tell_the_rest(void **state) {
  (void)state;
  ins_model_source *s;
  assert_ok(open_with(NULL, NULL, &s));
  expect_json(s->architecture, "core",
              "{\"kind\":\"image\",\"channels\":[2,6,6,6],\"temporal_kernel_sizes\":[1,1,1],"
              "\"spatial_kernel_sizes\":[5,3,3],\"input_padding\":false,\"hidden_padding\":2,"
              "\"batch_norm\":true,\"batch_norm_scale\":true,\"bias\":true,"
              "\"final_nonlinearity\":true,\"nonlinearity\":\"ELU\",\"stack\":[2]}");
  expect_json(s->architecture, "readout.grid_mean_predictor", "{\"final_tanh\":true}");
  expect_json(s->architecture, "sessions",
              "[{\"name\":\"a\",\"n_neurons\":4},{\"name\":\"b\",\"n_neurons\":3}]");
  expect_json(s->provenance, "ignored.0", "\"core._input_weights_regularizer.laplace.filter\"");
  ins_model_source_destroy(&s);
}

/* The readout reads one layer; how many features another stack would have is told in refusing it.
 */
static void a_stack_is_the_layers_from_a_number_on_or_a_list(void **state) {
  (void)state;
  static const struct {
    const char *yaml, *json, *says; /* json: of what is accepted */
  } cases[] = {{"-1", "[2]", NULL},
               {"2", "[2]", NULL},
               {"[-2]", "[1]", NULL},
               {"-2", NULL, "asks for [1,12,1,"},
               {"1", NULL, "asks for [1,12,1,"},
               {"[2, -2]", NULL, "asks for [1,12,1,"},
               {"0", NULL, "asks for [1,18,1,"},
               {"-7", NULL, "asks for [1,18,1,"},
               {"null", NULL, "asks for [1,18,1,"},
               {"3", NULL, "core.stack"},
               {"[]", NULL, "core.stack"},
               {"[3]", NULL, "core.stack"},
               {"[-4]", NULL, "core.stack"},
               {"last", NULL, "core.stack"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ins_model_source *s;
    ins_status status = open_with("architecture.core.stack", cases[i].yaml, &s);
    assert_int_equal(status, cases[i].json ? INS_OK : INS_ERR_SHAPE);
    if (cases[i].says) assert_message(cases[i].says);
    if (!cases[i].json) continue;
    expect_json(s->architecture, "core.stack", cases[i].json);
    ins_model_source_destroy(&s);
  }
}

static void words_of_neuralpredictors_are_known(void **state) {
  (void)state;
  static const char *const harmless[][2] = {
      {"stride", "1"},
      {"hidden_dilation", "1"},
      {"skip", "0"},
      {"n_se_blocks", "0"},
      {"elu_shift", "[0, 0]"},
      {"linear", "false"},
      {"hidden_kern", "3"},
      {"hidden_channels", "6"},
      {"depth_separable", "true"},
      {"bias", "false"},
      {"gamma_input", "6.3831"},
      {"independent_bn_bias", "true"},
      {"pad_input", "false"},
      {"_target_", "neuralpredictors.layers.cores.Stacked2dCore"}};
  ins_model_source *s, *plain;
  assert_ok(open_with(NULL, NULL, &plain));
  for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++) {
    char path[64];
    snprintf(path, sizeof path, "architecture.core.%s", harmless[i][0]);
    assert_ok(open_with(path, harmless[i][1], &s));
    assert_true(ins_value_equal(s->architecture, plain->architecture));
    ins_model_source_destroy(&s);
  }
  ins_model_source_destroy(&plain);
  assert_ok(open_with("architecture.core.linear", "true", &s));
  expect_json(s->architecture, "core.nonlinearity", "\"Identity\"");
  ins_model_source_destroy(&s);
}

static void what_would_be_another_model_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *path, *yaml;
    ins_status status;
    const char *says;
  } cases[] = {
      {"core.stride", "2", INS_ERR_UNSUPPORTED, "core.stride"},
      {"core.hidden_dilation", "2", INS_ERR_UNSUPPORTED, "core.hidden_dilation"},
      {"core.skip", "2", INS_ERR_UNSUPPORTED, "core.skip"},
      {"core.skip", "many", INS_ERR_UNSUPPORTED, "core.skip"},
      {"core.n_se_blocks", "1", INS_ERR_UNSUPPORTED, "core.n_se_blocks"},
      {"core.elu_shift", "[0, 1]", INS_ERR_UNSUPPORTED, "core.elu_shift"},
      {"core.upsampling", "2", INS_ERR_UNSUPPORTED, "core.upsampling"},
      {"core.hidden_padding", "-1", INS_ERR_FORMAT, "core.hidden_padding"},
      {"core.hidden_padding", "[2, 2]", INS_ERR_FORMAT, "core.hidden_padding"},
      {"in_shape", "[3, 1, 9, 12]", INS_ERR_SHAPE, "in_shape has 3 channels"},
      {"in_shape", "[2, 1, 3, 12]", INS_ERR_SHAPE, "too small"},
      {"readout.grid_mean_predictor.final_tanh", "1", INS_ERR_FORMAT, "final_tanh"},
      {"readout.nonlinearity", "lab.elu1", INS_ERR_UNSUPPORTED, "no plain function of torch"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char path[96];
    ins_model_source *s;
    snprintf(path, sizeof path, "architecture.%s", cases[i].path);
    ins_status status = open_with(path, cases[i].yaml, &s);
    if (status != cases[i].status)
      fail_msg("%s: %s: %s", cases[i].path, ins_status_name(status), ins_message());
    assert_message(cases[i].says);
  }
}

/* ---- damaged files --------------------------------------------------------------------------- */

static ins_value *state_dict(void) {
  ins_torch_file *file;
  ins_value *out;
  assert_ok(ins_torch_open(MODEL, &file));
  assert_ok(ins_torch_value(file, ins_torch_root(file), &out));
  ins_torch_close(&file);
  return out;
}

static ins_status build(ins_value *weights) {
  ins_value *options = parsed(whole), *a = NULL, *ignored = ins_value_list();
  const ins_settings settings = {"file", ins_value_at(options, "architecture"), true, ""};
  ins_status status = ins_architecture_build(&settings, weights, &a);
  if (status == INS_OK) status = ins_architecture_fit("file", weights, ignored, &a);
  ins_value_destroy(&options);
  ins_value_destroy(&a);
  ins_value_destroy(&ignored);
  return status;
}

static void a_layer_that_is_not_whole_is_refused_by_name(void **state) {
  (void)state;
  static const char *const parts[] = {"core.features.layer1.ds_conv.in_depth_conv.weight",
                                      "core.features.layer2.ds_conv.spatial_conv.weight",
                                      "core.features.layer2.ds_conv.out_depth_conv.weight",
                                      "core.features.layer1.norm.running_var",
                                      "readout.a.mu_transform.0.weight"};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    ins_value *weights = state_dict();
    assert_true(ins_map_remove(weights, parts[i]));
    assert_int_equal(build(weights), INS_ERR_MISSING);
    assert_message(parts[i]);
    ins_value_destroy(&weights);
  }
  ins_value *weights = state_dict();
  const ins_value *first = ins_map_get(weights, "core.features.layer0.conv.weight");
  assert_ok(ins_map_take(weights, "core.features.layer1.conv.weight", ins_value_copy(first)));
  assert_int_equal(build(weights), INS_ERR_UNSUPPORTED);
  assert_message("'core.features.layer1.ds_conv.in_depth_conv.weight' is not known");
  ins_value_destroy(&weights);
}

/* ---- answers --------------------------------------------------------------------------------- */

static ins_plan *plan_of(const ins_model *model, size_t n_neurons, const int64_t *neurons,
                         const ins_kernels *kernels) {
  const ins_model_info *info = ins_model_describe(model);
  const ins_plan_spec spec = {.n_slots = 1,
                              .n_frames = 1,
                              .height = info->height,
                              .width = info->width,
                              .n_read = 1,
                              .n_neurons = n_neurons,
                              .gradient = true,
                              .kernels = kernels};
  ins_plan *plan;
  assert_ok(ins_plan_create(model, &spec, &plan));
  assert_ok(ins_plan_select(plan, 0, neurons, n_neurons));
  return plan;
}

/* neuralpredictors in float64; ours in float32. */
static void responses_and_gradients_are_those_of_neuralpredictors(void **state) {
  (void)state;
  enum { N = 7, PIXELS = 2 * 9 * 12 };
  const int64_t neurons[N] = {0, 1, 2, 3, 4, 5, 6};
  const float ones[N] = {1, 1, 1, 1, 1, 1, 1};
  ins_model_source *source;
  ins_model *model;
  ins_value *x = golden("image/stimulus.npy"), *r = golden("image/responses.npy"),
            *dx = golden("image/gradient.npy");
  assert_ok(open_with(NULL, NULL, &source));
  assert_ok(ins_model_create(source, &model));
  for (const char *const *path = ins_kernels_names(); *path; path++) {
    if (!ins_kernels_find(*path)) continue;
    ins_plan *plan = plan_of(model, N, neurons, ins_kernels_find(*path));
    for (size_t b = 0; b < 2; b++) {
      float our_r[N], our_dx[PIXELS];
      ins_plan_forward(plan, 0, golden_data(x) + b * PIXELS, our_r);
      ins_plan_backward(plan, 0, ones, our_dx);
      assert_true(relative_error(our_r, golden_data(r) + b * N, N) < 2e-6);
      assert_true(relative_error(our_dx, golden_data(dx) + b * PIXELS, PIXELS) < 2e-6);
    }
    ins_plan_destroy(&plan);
  }
  ins_value_destroy(&x);
  ins_value_destroy(&r);
  ins_value_destroy(&dx);
  ins_model_destroy(&model);
  ins_model_source_destroy(&source);
}

/* ---- the published model --------------------------------------------------------------------- */

static const char published[] =
    "{architecture: {in_shape: [2, 1, 36, 64], core: {input_padding: false, hidden_padding: null, "
    "final_nonlinearity: true, nonlinearity: ELU, stack: -1}, readout: {align_corners: true, "
    "nonlinearity: elu1, grid_mean_predictor: {final_tanh: false}}}}";

/* The fast path against the double loops; nothing else here knows what the model should say. */
static void check_reference(const ins_model *model) {
  enum { N = 3, PIXELS = 2 * 36 * 64 };
  const int64_t neurons[N] = {0, 700, 1758};
  static float x[PIXELS], dx[PIXELS], dx_as_float[PIXELS];
  static double x_double[PIXELS], dx_double[PIXELS];
  const float ones[N] = {1, 1, 1};
  const double ones_double[N] = {1, 1, 1};
  float r[N], r_as_float[N];
  double r_double[N];
  for (int i = 0; i < PIXELS; i++) x_double[i] = (double)(x[i] = sinf(0.37f * (float)i));
  ins_plan *plan = plan_of(model, N, neurons, NULL);
  ins_plan_forward(plan, 0, x, r);
  ins_plan_backward(plan, 0, ones, dx);
  assert_ok(ins_reference_run(model, 1, x_double, neurons, N, r_double, ones_double, dx_double));
  for (int i = 0; i < N; i++) r_as_float[i] = (float)r_double[i];
  for (int i = 0; i < PIXELS; i++) dx_as_float[i] = (float)dx_double[i];
  assert_true(relative_error(r, r_as_float, N) < 1e-5);
  assert_true(relative_error(dx, dx_as_float, PIXELS) < 1e-5);
  ins_plan_destroy(&plan);
}

static void the_published_model_of_mouse_v1_is_read_where_it_is_there(void **state) {
  (void)state;
  const char *folder = getenv("INSILICO_SHARED_DATA");
  char path[1024];
  ins_model_source *source;
  ins_model *model;
  snprintf(path, sizeof path, "%s/torch/v1_color_1.tar",
           folder ? folder : INS_TEST_DATA "/../../shared/data");
  FILE *file = fopen(path, "rb");
  if (!file) {
    print_message("skipped: there is no v1_color_1.tar (INSILICO_SHARED_DATA/torch)\n");
    skip();
  }
  fclose(file);
  ins_value *options = parsed(published);
  assert_ok(ins_model_open(path, options, &source));
  assert_ok(ins_model_create(source, &model));
  const ins_model_info *info = ins_model_describe(model);
  assert_int_equal(info->n_neurons, 1759);
  assert_int_equal(info->n_features, 64);
  assert_int_equal(info->map_height, 28);
  assert_int_equal(info->map_width, 56);
  assert_string_equal(info->sessions[1].name, "25311-4-6");
  assert_int_equal(info->sessions[1].n_neurons, 478);
  check_reference(model);
  ins_value_destroy(&options);
  ins_model_destroy(&model);
  ins_model_source_destroy(&source);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_state_dict_asks_for_what_it_does_not_tell),
      cmocka_unit_test(weights_tell_the_rest),
      cmocka_unit_test(a_stack_is_the_layers_from_a_number_on_or_a_list),
      cmocka_unit_test(words_of_neuralpredictors_are_known),
      cmocka_unit_test(what_would_be_another_model_is_refused),
      cmocka_unit_test(a_layer_that_is_not_whole_is_refused_by_name),
      cmocka_unit_test(responses_and_gradients_are_those_of_neuralpredictors),
      cmocka_unit_test(the_published_model_of_mouse_v1_is_read_where_it_is_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
