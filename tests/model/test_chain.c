/* SPDX-License-Identifier: MIT */
/** Cores as chains of steps: stacked layers, cut frames, layouts, windows, what is refused. */
#include "against_reference.h"
#include "finite_differences.h"
#include "model/conv_layer.h"

/* Two layers whose outputs have the same size. */
static model_fixture stackable(uint64_t seed, const char *stack) {
  model_fixture f = fixture_small(seed);
  f.core = "stacked";
  f.stack = stack;
  f.hidden_padding = "true";
  f.kernel_t[1] = 1;
  f.kernel_s[1] = 3;
  return f;
}

/* ---- stacked layers ------------------------------------------------------------------------- */

static void stacked_layers_match_the_reference(void **state) {
  (void)state;
  static const char *const stacks[] = {NULL, "0", "1", "0,1", "1,0", "0,0", "1,0,1"};
  static const char *const convolutions[] = {"custom_separable", "full", "separable"};
  for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
    model_fixture f = stackable(i + 1, stacks[i]);
    f.convolution = convolutions[i % 3];
    check_on_all_paths(&f, 0, 0);
    check_on_all_paths(&f, 4, 2);
    f.channels[0] = 19;
    check_on_all_paths(&f, 14, 1);
  }
}

static void three_layers_match_with_the_middle_one_left_out(void **state) {
  (void)state;
  model_fixture f = stackable(3, NULL);
  f.n_layers = 3;
  f.channels[2] = 3;
  f.kernel_t[2] = 1;
  f.kernel_s[2] = 1;
  check_on_all_paths(&f, 3, 4);
  check_gradient(&f);
  f.stack = "0,2";
  f.nonlinearity = "Tanh";
  check_on_all_paths(&f, 3, 4);
  check_gradient(&f);
}

/* A step that looks around in time makes more frames of the one below it live than are read. */
static void a_stacked_step_below_one_that_looks_around_in_time_matches(void **state) {
  (void)state;
  enum { T = 9, C = 2, FIRST = 3, N = 2, LEVEL = 4 };
  const ins_layer_info same = {.in_channels = C,
                               .out_channels = C,
                               .kernel_t = 3,
                               .kernel_h = 1,
                               .kernel_w = 1,
                               .pad_t = {1, 1}};
  const size_t stack[2] = {0, 1};
  ins_arena arena = {0};
  ins_builder b = {.arena = &arena};
  ins_chain chain = {.in_channels = C, .stack = stack, .n_stack = 2};
  float *w = noise(1, 3 * C * C), *x = noise(2, C * T), *dy = noise(3, LEVEL * N), dx[C * T];
  double x64[C * T], dy64[LEVEL * T] = {0}, dx64[C * T], *y64;
  ins_chain_plan *plan;
  void *tape;
  for (int l = 0; l < 2; l++) assert_int_equal(ins_chain_add_dense(&b, &chain, &same, w), INS_OK);
  const ins_core_request request = {.kernels = ins_kernels_best(),
                                    .n_slots = 1,
                                    .in = {T, 1, 1},
                                    .first = FIRST,
                                    .n_read = N,
                                    .gradient = true,
                                    .planar = true};
  float y_data[LEVEL * N * 16], dy_data[LEVEL * N * 16];
  const ins_features y = {.maps = {y_data, N * 16, 16}}, g = {.maps = {dy_data, N * 16, 16}};
  for (int i = 0; i < C * T; i++) x64[i] = (double)x[i];
  for (int i = 0; i < LEVEL * N; i++) {
    dy_data[i * 16] = dy[i];
    dy64[i / N * T + FIRST + i % N] = (double)dy[i];
  }
  assert_int_equal(ins_chain_plan_create(&chain, &request, &arena, &plan), INS_OK);
  ins_chain_forward(plan, 0, x, &y);
  ins_chain_backward(plan, 0, &g, dx);
  assert_int_equal(ins_chain_reference(&chain, (ins_extent){T, 1, 1}, x64, &arena, &y64, &tape),
                   INS_OK);
  ins_chain_reference_backward(&chain, tape, dy64, dx64);
  for (int i = 0; i < LEVEL * N; i++)
    assert_true(fabs((double)y_data[i * 16] - y64[i / N * T + FIRST + i % N]) < 1e-5);
  for (int i = 0; i < C * T; i++) assert_true(fabs((double)dx[i] - dx64[i]) < 1e-5);
  ins_arena_free(&arena);
  ins_free(&w);
  ins_free(&x);
  ins_free(&dy);
}

static void the_channels_of_all_stacked_layers_are_features(void **state) {
  (void)state;
  const char *const stacks[] = {NULL, "0", "1,0,1"};
  const size_t n_features[] = {9, 5, 13};
  for (int i = 0; i < 3; i++) {
    const model_fixture f = stackable(1, stacks[i]);
    ins_model *model = fixture_model(&f);
    assert_int_equal(ins_model_describe(model)->n_features, n_features[i]);
    assert_int_equal(ins_model_describe(model)->n_layers, 2);
    ins_model_destroy(&model);
  }
}

static void a_negative_layer_is_counted_from_the_last(void **state) {
  (void)state;
  const model_fixture f = stackable(1, "1");
  ins_model_source *source = fixture_source(&f);
  ins_model *model;
  assert_int_equal(ins_value_set(source->architecture, "core.stack", ins_value_int(-1)), INS_OK);
  assert_int_equal(ins_model_create(source, &model), INS_OK);
  assert_int_equal(ins_model_describe(model)->n_features, 4);
  ins_model_source_destroy(&source);
  ins_model_destroy(&model);
}

static void expect_refusal(ins_model_source *source, ins_status code, const char *words) {
  ins_model *model;
  assert_int_equal(ins_model_create(source, &model), code);
  if (!strstr(ins_message(), words)) fail_msg("'%s' does not say %s", ins_message(), words);
  ins_model_source_destroy(&source);
}

static void layers_that_cannot_be_stacked_are_refused(void **state) {
  (void)state;
  model_fixture f = stackable(1, NULL);
  ins_model_source *source = fixture_source(&f);
  assert_int_equal(ins_value_set(source->architecture, "core.stack", ins_value_int(2)), INS_OK);
  expect_refusal(source, INS_ERR_FORMAT, "layers 0 to 1");
  f.kernel_t[1] = 4;
  expect_refusal(fixture_source(&f), INS_ERR_SHAPE, "differ by -3 frames");
  f.kernel_t[1] = 1;
  f.kernel_s[1] = 2;
  expect_refusal(fixture_source(&f), INS_ERR_SHAPE, "0 frames, 1 rows and 1 columns");
}

/* ---- images --------------------------------------------------------------------------------- */

static void cores_for_images_match_the_reference(void **state) {
  (void)state;
  static const char *const stacks[] = {"1", NULL, "0,1"};
  for (int i = 0; i < 3; i++) {
    model_fixture f = fixture_small((uint64_t)i + 1);
    f.core = "image";
    f.in_shape[1] = 3;
    f.kernel_s[0] = 3 + i % 2;
    f.depth_separable = i < 2;
    f.stack = stacks[i];
    f.no_final_nonlinearity = i == 2;
    f.input_padding = i ? "true" : "false";
    check_on_all_paths(&f, 0, 0);
    check_on_all_paths(&f, 1, 1);
    f.nonlinearity = "Tanh"; /* smooth: a step across the kink of an ELU's slope shows */
    check_gradient(&f);
  }
}

/* ---- the stimulus itself -------------------------------------------------------------------- */

static void a_dummy_core_passes_the_stimulus_on(void **state) {
  (void)state;
  model_fixture f = fixture_small(2);
  f.core = "dummy";
  for (f.cut = 0; f.cut < 6; f.cut += 5) {
    check_on_all_paths(&f, 0, 0);
    check_on_all_paths(&f, 4, 3);
    check_gradient(&f);
  }
  ins_model *model = fixture_model(&f);
  assert_int_equal(ins_model_describe(model)->n_features, 2);
  assert_int_equal(ins_model_describe(model)->n_layers, 0);
  ins_model_destroy(&model);
}

/* ---- layouts -------------------------------------------------------------------------------- */

typedef struct core_run {
  ins_arena arena;
  ins_chain_plan *plan;
  ins_features y, dy;
  float *dx;
} core_run;

static float *taken(core_run *r, size_t n) {
  float *out;
  assert_int_equal(ins_arena_take(&r->arena, n, sizeof *out, &out), INS_OK);
  return out;
}

/* Runs a core of few channels forward, and backward with dy[c,t,p] = sin(c + 3 t + p). */
static void run_core(const ins_model *model, const model_fixture *f, bool planar, const float *x,
                     core_run *r) {
  const ins_kernels *kernels = ins_kernels_best();
  const ins_model_info *info = &model->info;
  const size_t lanes = (size_t)kernels->lanes, n_t = 3, n_p = info->map_height * info->map_width;
  const ins_core_request request = {.kernels = kernels,
                                    .n_slots = 1,
                                    .in = {f->in_shape[1], f->in_shape[2], f->in_shape[3]},
                                    .first = 1,
                                    .n_read = (long)n_t,
                                    .gradient = true,
                                    .planar = planar};
  assert_true(info->n_features <= lanes);
  *r = (core_run){.dx = NULL};
  assert_int_equal(ins_chain_plan_create(model->core, &request, &r->arena, &r->plan), INS_OK);
  r->dx = taken(r, (size_t)(f->in_shape[0] * f->in_shape[1] * f->in_shape[2] * f->in_shape[3]));
  r->y.maps = r->dy.maps = (ins_maps){NULL, n_t * (n_p + INS_TILE_PIXELS), n_p + INS_TILE_PIXELS};
  if (planar) {
    r->y.maps.data = taken(r, info->n_features * r->y.maps.channel);
    r->dy.maps.data = taken(r, info->n_features * r->y.maps.channel);
  } else {
    r->y.lanes = taken(r, n_t * n_p * lanes);
    r->dy.lanes = taken(r, n_t * n_p * lanes);
  }
  for (size_t i = 0; i < info->n_features * n_t * n_p; i++) {
    const size_t p = i % n_p, t = i / n_p % n_t, c = i / n_p / n_t;
    const float value = sinf((float)(c + 3 * t + p));
    if (planar)
      r->dy.maps.data[c * r->dy.maps.channel + t * r->dy.maps.frame + p] = value;
    else
      r->dy.lanes[(t * n_p + p) * lanes + c] = value;
  }
  ins_chain_forward(r->plan, 0, x, &r->y);
  ins_chain_backward(r->plan, 0, &r->dy, r->dx);
}

static void expect_same_in_both_layouts(const model_fixture *f) {
  ins_model *model = fixture_model(f);
  const ins_model_info *info = &model->info;
  const size_t lanes = (size_t)ins_kernels_best()->lanes, n_t = 3;
  const size_t n_p = info->map_height * info->map_width;
  const size_t n_x = (size_t)(f->in_shape[0] * f->in_shape[1] * f->in_shape[2] * f->in_shape[3]);
  float *x = noise(1, n_x);
  core_run planar, in_lanes;
  run_core(model, f, true, x, &planar);
  run_core(model, f, false, x, &in_lanes);
  for (size_t i = 0; i < info->n_features * n_t * n_p; i++) {
    const size_t p = i % n_p, t = i / n_p % n_t, c = i / n_p / n_t;
    const ins_maps *maps = &planar.y.maps;
    assert_true(maps->data[c * maps->channel + t * maps->frame + p] ==
                in_lanes.y.lanes[(t * n_p + p) * lanes + c]);
  }
  assert_memory_equal(planar.dx, in_lanes.dx, n_x * sizeof *x);
  ins_arena_free(&planar.arena);
  ins_arena_free(&in_lanes.arena);
  ins_free(&x);
  ins_model_destroy(&model);
}

static void features_are_the_same_in_both_layouts(void **state) {
  (void)state;
  model_fixture f = fixture_small(4);
  f.channels[0] = 3;
  if (ins_kernels_best()->lanes < 5) f.channels[0] = f.channels[1] = 2;
  f.cut = 2;
  expect_same_in_both_layouts(&f);
  f.convolution = "full";
  expect_same_in_both_layouts(&f);
  f.maxpool_every = 1;
  expect_same_in_both_layouts(&f);
  f = stackable(5, "1,0");
  f.channels[0] = f.channels[1] = 2;
  expect_same_in_both_layouts(&f);
  f = fixture_small(6);
  f.core = "dummy";
  expect_same_in_both_layouts(&f);
}

/* ---- windows -------------------------------------------------------------------------------- */

static void expect_window(const model_fixture *f, size_t frame, long first, long last) {
  ins_model *model = fixture_model(f);
  long is_first, is_last;
  ins_model_window(model, frame, &is_first, &is_last);
  assert_int_equal(is_first, first);
  assert_int_equal(is_last, last);
  ins_model_destroy(&model);
}

static void windows_follow_from_kernels_padding_and_cut(void **state) {
  (void)state;
  model_fixture f = fixture_small(1); /* kernels of 6 and 4 frames */
  f.hidden_padding = "false";
  expect_window(&f, 0, 0, 8);
  expect_window(&f, 7, 0, 8);
  f.input_padding = "same";
  expect_window(&f, 0, -2, 6);
  f.cut = 3;
  expect_window(&f, 5, 1, 9);
  f.convolution = "time_independent";
  f.input_padding = "2,0,0";
  expect_window(&f, 0, 1, 1);
  f.core = "dummy";
  expect_window(&f, 9, 3, 3);
}

/* Output frame f begins at stimulus frame 2 f. */
static void windows_move_faster_where_time_is_downsampled(void **state) {
  (void)state;
  model_fixture f = fixture_small(1);
  f.hidden_padding = "false";
  f.kernel_s[0] = 1;
  memcpy(f.downsample, (int[]){2, 1, 1}, sizeof f.downsample);
  f.in_shape[1] = 30;
  expect_window(&f, 0, 0, 17);
  expect_window(&f, 5, 5, 22);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void settings_that_contradict_each_other_are_refused(void **state) {
  (void)state;
  model_fixture f = fixture_small(1);
  f.squash = true;
  ins_model_source *source = fixture_source(&f);
  assert_int_equal(
      ins_value_set(source->architecture, "core.color_squashing_weights", ins_value_null()),
      INS_OK);
  expect_refusal(source, INS_ERR_SHAPE, "takes 1 channels");
  f.squash = false;
  source = fixture_source(&f);
  assert_int_equal(
      ins_value_set(source->architecture, "core.maxpool_every_n_layers", ins_value_int(0)), INS_OK);
  expect_refusal(source, INS_ERR_FORMAT, "maxpool_every_n_layers");
  f.maxpool_every = 1;
  f.in_shape[2] = 5;
  f.hidden_padding = "false";
  expect_refusal(fixture_source(&f), INS_ERR_SHAPE, "5 x 7 pixels");
}

static void a_nonlinearity_that_is_not_known_is_named(void **state) {
  (void)state;
  model_fixture f = stackable(1, "1");
  f.nonlinearity = "Softmax";
  expect_refusal(fixture_source(&f), INS_ERR_UNSUPPORTED, "'Softmax'");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stacked_layers_match_the_reference),
      cmocka_unit_test(three_layers_match_with_the_middle_one_left_out),
      cmocka_unit_test(a_stacked_step_below_one_that_looks_around_in_time_matches),
      cmocka_unit_test(a_negative_layer_is_counted_from_the_last),
      cmocka_unit_test(the_channels_of_all_stacked_layers_are_features),
      cmocka_unit_test(layers_that_cannot_be_stacked_are_refused),
      cmocka_unit_test(cores_for_images_match_the_reference),
      cmocka_unit_test(a_dummy_core_passes_the_stimulus_on),
      cmocka_unit_test(features_are_the_same_in_both_layouts),
      cmocka_unit_test(windows_follow_from_kernels_padding_and_cut),
      cmocka_unit_test(windows_move_faster_where_time_is_downsampled),
      cmocka_unit_test(settings_that_contradict_each_other_are_refused),
      cmocka_unit_test(a_nonlinearity_that_is_not_known_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
