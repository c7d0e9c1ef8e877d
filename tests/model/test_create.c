/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"
#include "insilico/plan.h"
#include "model_fixture.h"

static void describes_what_it_was_made_from(void **state) {
  (void)state;
  const model_fixture f = fixture_small(1);
  ins_model *model = fixture_model(&f);
  const ins_model_info *info = ins_model_describe(model);
  assert_string_equal(info->core, "simple");
  assert_string_equal(info->readout, "gaussian_mask");
  assert_int_equal(info->n_channels, 2);
  assert_int_equal(info->height, 9);
  assert_int_equal(info->width, 7);
  assert_int_equal(info->n_layers, 2);
  assert_int_equal(info->n_features, 4);
  assert_int_equal(info->map_height, 6); /* 9 - 4 + 1, then "same" */
  assert_int_equal(info->map_width, 4);
  assert_int_equal(info->n_neurons, 5);
  /* sines, cosines, space, norm and bias of two layers; five numbers and four features a neuron */
  const size_t first = 5 * 2 * (2 + 2 + 16) + 3 * 5, second = 4 * 5 * (1 + 1 + 9) + 3 * 4;
  assert_int_equal(info->n_parameters, first + second + 5 * (5 + 4));
  ins_model_destroy(&model);
  assert_null(model);
}

static void sessions_number_the_neurons_one_after_the_other(void **state) {
  (void)state;
  const model_fixture f = fixture_small(1);
  ins_model *model = fixture_model(&f);
  const ins_session *b = ins_model_session(model, "b");
  assert_non_null(b);
  assert_int_equal(b->first, 3);
  assert_int_equal(b->n_neurons, 2);
  assert_null(ins_model_session(model, "c"));
  ins_model_destroy(&model);
}

static void even_kernels_with_same_padding_have_the_extra_zero_after(void **state) {
  (void)state;
  model_fixture f = fixture_small(1);
  f.input_padding = "same";
  ins_model *model = fixture_model(&f);
  const ins_layer_info *layer = &ins_model_describe(model)->layers[0];
  assert_int_equal(layer->pad_t[0], 2);
  assert_int_equal(layer->pad_t[1], 3);
  assert_int_equal(layer->pad_h[0], 1);
  assert_int_equal(layer->pad_h[1], 2);
  ins_model_destroy(&model);
}

static void output_frames_and_window_follow_from_kernels_padding_and_cut(void **state) {
  (void)state;
  const struct {
    const char *input, *hidden;
    int cut;
    size_t frames; /* of 20 */
    long first, last;
  } cases[] = {
      {"false", "false", 0, 12, 0, 8}, /* 20 - 5 - 3 */
      {"true", "true", 0, 20, -3, 5},  /* zeros before: 2 + 1 */
      {"true", "true", 4, 16, 1, 9},
      {"1,0,0", "2", 3, 15, 0, 8},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    model_fixture f = fixture_small(1);
    f.input_padding = cases[i].input;
    f.hidden_padding = cases[i].hidden;
    f.cut = cases[i].cut;
    ins_model *model = fixture_model(&f);
    size_t frames;
    long first, last;
    assert_int_equal(ins_model_output_frames(model, 20, &frames), INS_OK);
    assert_int_equal(frames, cases[i].frames);
    ins_model_window(model, 0, &first, &last);
    assert_int_equal(first, cases[i].first);
    assert_int_equal(last, cases[i].last);
    ins_model_destroy(&model);
  }
}

static void a_stimulus_that_is_too_short_is_refused_with_the_least_length(void **state) {
  (void)state;
  model_fixture f = fixture_small(1);
  f.hidden_padding = "false";
  ins_model *model = fixture_model(&f);
  size_t frames = 99;
  assert_int_equal(ins_model_output_frames(model, 8, &frames), INS_ERR_SHAPE);
  assert_non_null(strstr(ins_message(), "at least 9 frames"));
  assert_int_equal(ins_model_output_frames(model, 0, &frames), INS_ERR_SHAPE);
  assert_int_equal(frames, 99);
  assert_int_equal(ins_model_output_frames(model, 9, &frames), INS_OK);
  assert_int_equal(frames, 1);
  ins_model_destroy(&model);
}

/* ---- refusals ------------------------------------------------------------------------------- */

/* The source of a small model with architecture[path] = value (taken; NULL: left as it is). */
static ins_model_source *changed(const char *path, ins_value *value) {
  const model_fixture f = fixture_small(1);
  ins_model_source *source = fixture_source(&f);
  if (path) assert_int_equal(ins_value_set(source->architecture, path, value), INS_OK);
  return source;
}

static void expect_refusal(ins_model_source *source, ins_status code, const char *word) {
  ins_model *model = (ins_model *)source;
  assert_int_equal(ins_model_create(source, &model), code);
  assert_null(model);
  if (!strstr(ins_message(), word)) fail_msg("'%s' does not name %s", ins_message(), word);
  ins_model_source_destroy(&source);
}

static void what_cannot_be_computed_is_named(void **state) {
  (void)state;
  expect_refusal(changed("core.kind", ins_value_text("gru")), INS_ERR_UNSUPPORTED, "'gru'");
  expect_refusal(changed("readout.kind", ins_value_text("point")), INS_ERR_UNSUPPORTED, "'point'");
  expect_refusal(changed("core.convolution", ins_value_text("sparse")), INS_ERR_UNSUPPORTED,
                 "'sparse'");
}

static void a_parameter_without_a_place_is_refused(void **state) {
  (void)state;
  ins_model_source *source = changed(NULL, NULL);
  const size_t shape[1] = {5};
  assert_int_equal(ins_map_take(source->parameters, "core.features.layer0.conv.bias",
                                ins_value_array(INS_F32, 1, shape)),
                   INS_OK);
  expect_refusal(source, INS_ERR_UNSUPPORTED, "core.features.layer0.conv.bias");
}

static void a_missing_parameter_is_asked_for(void **state) {
  (void)state;
  const char *const names[] = {"core.features.layer1.conv.sin_weights",
                               "core.features.layer0.norm.running_var",
                               "core.features.layer1.bias.bias",
                               "readout.b.features",
                               "readout.a.mask_mean",
                               "readout.a.scale_param"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    ins_model_source *source = changed(NULL, NULL);
    assert_true(ins_map_remove(source->parameters, names[i]));
    expect_refusal(source, INS_ERR_MISSING, names[i]);
  }
}

static void a_parameter_of_the_wrong_shape_is_named_with_both_shapes(void **state) {
  (void)state;
  ins_model_source *source = changed(NULL, NULL);
  const size_t shape[1] = {4};
  assert_int_equal(ins_map_take(source->parameters, "core.features.layer0.norm.weight",
                                ins_value_array(INS_F32, 1, shape)),
                   INS_OK);
  expect_refusal(source, INS_ERR_SHAPE,
                 "core.features.layer0.norm.weight is [4], but the architecture needs [5]");
}

static void a_damaged_architecture_is_refused(void **state) {
  (void)state;
  expect_refusal(changed("core.cut_first_n_frames", ins_value_int(-1)), INS_ERR_FORMAT,
                 "cut_first_n_frames");
  expect_refusal(changed("core.channels", ins_value_text("two")), INS_ERR_FORMAT, "core.channels");
  expect_refusal(changed("core.temporal_kernel_sizes", ins_value_list()), INS_ERR_FORMAT,
                 "temporal_kernel_sizes");
  expect_refusal(changed("core.hidden_padding", ins_value_text("reflect")), INS_ERR_FORMAT,
                 "reflect");
  expect_refusal(changed("in_shape", ins_value_null()), INS_ERR_FORMAT, "in_shape");
  expect_refusal(changed("sessions", ins_value_list()), INS_ERR_MISSING, "sessions");
}

static void a_stimulus_smaller_than_the_kernels_is_refused(void **state) {
  (void)state;
  model_fixture f = fixture_small(1);
  f.in_shape[2] = 3;
  expect_refusal(fixture_source(&f), INS_ERR_SHAPE, "3 x 7");
}

static void sessions_out_of_order_are_refused(void **state) {
  (void)state;
  ins_model_source *source = changed(NULL, NULL);
  ins_value *sessions = (ins_value *)(uintptr_t)ins_map_get(source->architecture, "sessions");
  ins_value *first = sessions->children.items[0];
  sessions->children.items[0] = sessions->children.items[1];
  sessions->children.items[1] = first;
  expect_refusal(source, INS_ERR_FORMAT, "sorted");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(describes_what_it_was_made_from),
      cmocka_unit_test(sessions_number_the_neurons_one_after_the_other),
      cmocka_unit_test(even_kernels_with_same_padding_have_the_extra_zero_after),
      cmocka_unit_test(output_frames_and_window_follow_from_kernels_padding_and_cut),
      cmocka_unit_test(a_stimulus_that_is_too_short_is_refused_with_the_least_length),
      cmocka_unit_test(what_cannot_be_computed_is_named),
      cmocka_unit_test(a_parameter_without_a_place_is_refused),
      cmocka_unit_test(a_missing_parameter_is_asked_for),
      cmocka_unit_test(a_parameter_of_the_wrong_shape_is_named_with_both_shapes),
      cmocka_unit_test(a_damaged_architecture_is_refused),
      cmocka_unit_test(a_stimulus_smaller_than_the_kernels_is_refused),
      cmocka_unit_test(sessions_out_of_order_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
