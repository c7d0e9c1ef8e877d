/* SPDX-License-Identifier: MIT */
/** The fast path against the reference, on every instruction set of this processor. */
#include "against_reference.h"

static void a_small_model_matches_the_reference(void **state) {
  (void)state;
  const model_fixture f = fixture_small(1);
  check_on_all_paths(&f, 0, 0);
}

static void windows_of_output_frames_match_the_reference(void **state) {
  (void)state;
  model_fixture f = fixture_small(1);
  for (int padded = 0; padded < 2; padded++) {
    f.input_padding = f.hidden_padding = padded ? "true" : "false";
    const size_t last = padded ? 19 : 11;
    check_on_all_paths(&f, 0, 1);
    check_on_all_paths(&f, last, 1);
    check_on_all_paths(&f, 3, 5);
    check_on_all_paths(&f, last - 3, 4);
  }
}

static void paddings_and_cuts_match_the_reference(void **state) {
  (void)state;
  const char *const paddings[] = {"false", "true", "same", "1", "2,1,3", "0,3,0", "7,0,1"};
  enum { N = sizeof paddings / sizeof *paddings };
  for (int i = 0; i < N; i++) {
    model_fixture f = fixture_small((uint64_t)i + 5);
    f.input_padding = paddings[i];
    f.hidden_padding = paddings[(i + 3) % N];
    f.cut = i % 3;
    check_on_all_paths(&f, 1, 3);
  }
}

/* Padding beyond the kernel: the first output frames see nothing of the stimulus at all. */
static void frames_that_see_only_padding_have_no_gradient(void **state) {
  (void)state;
  model_fixture f = fixture_small(1);
  f.hidden_padding = "9,0,0";
  ins_model *model = fixture_model(&f);
  for (const char *const *name = ins_kernels_names(); *name; name++) {
    ins_plan_spec spec = whole(&f, model, ins_kernels_find(*name));
    if (!ins_kernels_find(*name)) continue;
    spec.n_read = 3;
    const size_t n_x = stimulus_size(model, &spec);
    ins_plan *plan = plan_of(model, &spec);
    const int64_t neuron = 1;
    float *x = noise(1, n_x), *dx = noise(2, n_x), r[3], dr[3] = {1, 1, 1};
    size_t first, n;
    ins_plan_live_frames(plan, &first, &n);
    assert_int_equal(n, 0);
    select_neurons(plan, 0, &neuron, 1);
    ins_plan_forward(plan, 0, x, r);
    ins_plan_backward(plan, 0, dr, dx);
    assert_true(r[0] > 0 && r[0] == r[1] && r[1] == r[2]);
    for (size_t i = 0; i < n_x; i++) assert_true(dx[i] == 0);
    ins_free(&x);
    ins_free(&dx);
    ins_plan_destroy(&plan);
  }
  ins_model_destroy(&model);
}

static void wide_and_deep_models_match_the_reference(void **state) {
  (void)state;
  model_fixture f = fixture_small(9);
  f.n_layers = 3;
  f.channels[0] = 17;
  f.channels[1] = 33;
  f.channels[2] = 3;
  f.kernel_t[2] = f.kernel_s[2] = 1;
  check_on_all_paths(&f, 2, 4);
  f.n_layers = 1;
  f.in_shape[0] = 12;
  check_on_all_paths(&f, 0, 0);
}

static void the_mouse_model_matches_the_reference(void **state) {
  (void)state;
  model_fixture f = fixture_mouse(18, 16);
  f.in_shape[1] = 50;
  check_on_all_paths(&f, 10, 10);
}

/* ---- what a plan says ----------------------------------------------------------------------- */

static void live_frames_are_those_the_objective_depends_on(void **state) {
  (void)state;
  model_fixture f = fixture_mouse(18, 16);
  f.in_shape[1] = 50;
  ins_model *model = fixture_model(&f);
  ins_plan_spec spec = whole(&f, model, NULL);
  assert_int_equal(spec.n_read, 20);
  spec.first_frame = spec.n_read = 10;
  ins_plan *plan = plan_of(model, &spec);
  size_t first, n;
  ins_plan_live_frames(plan, &first, &n);
  assert_int_equal(first, 10);
  assert_int_equal(n, 40);
  assert_true(ins_plan_bytes(plan) > 100 * 1000);
  ins_plan_destroy(&plan);
  assert_null(plan);
  ins_model_destroy(&model);
}

static void a_plan_that_cannot_be_is_refused(void **state) {
  (void)state;
  const model_fixture f = fixture_small(1);
  ins_model *model = fixture_model(&f);
  const ins_plan_spec good = whole(&f, model, NULL);
  ins_plan *plan;
  ins_plan_spec spec = good;
  spec.height = 10;
  assert_int_equal(ins_plan_create(model, &spec, &plan), INS_ERR_SHAPE);
  assert_non_null(strstr(ins_message(), "10 x 7"));
  assert_non_null(strstr(ins_message(), "9 x 7"));
  assert_null(plan);
  spec = good;
  spec.first_frame = 1;
  assert_int_equal(ins_plan_create(model, &spec, &plan), INS_ERR_SHAPE);
  spec = good;
  spec.n_frames = 3;
  assert_int_equal(ins_plan_create(model, &spec, &plan), INS_ERR_SHAPE);
  assert_non_null(strstr(ins_message(), "at least"));
  ins_model_destroy(&model);
}

static void only_neurons_that_exist_can_be_selected(void **state) {
  (void)state;
  const model_fixture f = fixture_small(1);
  ins_model *model = fixture_model(&f);
  ins_plan_spec spec = whole(&f, model, NULL);
  spec.n_neurons = 2;
  ins_plan *plan = plan_of(model, &spec);
  const int64_t neurons[3] = {4, 5, -1};
  assert_int_equal(ins_plan_select(plan, 0, neurons, 1), INS_OK);
  assert_int_equal(ins_plan_select(plan, 0, neurons + 1, 1), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "neurons 0 to 4"));
  assert_int_equal(ins_plan_select(plan, 0, neurons + 2, 1), INS_ERR_ARGUMENT);
  assert_int_equal(ins_plan_select(plan, 0, neurons, 0), INS_ERR_ARGUMENT);
  assert_int_equal(ins_plan_select(plan, 0, neurons, 3), INS_ERR_ARGUMENT);
  assert_int_equal(ins_plan_select(plan, 1, neurons, 1), INS_ERR_ARGUMENT);
  ins_plan_destroy(&plan);
  ins_model_destroy(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_small_model_matches_the_reference),
      cmocka_unit_test(windows_of_output_frames_match_the_reference),
      cmocka_unit_test(paddings_and_cuts_match_the_reference),
      cmocka_unit_test(frames_that_see_only_padding_have_no_gradient),
      cmocka_unit_test(wide_and_deep_models_match_the_reference),
      cmocka_unit_test(the_mouse_model_matches_the_reference),
      cmocka_unit_test(live_frames_are_those_the_objective_depends_on),
      cmocka_unit_test(a_plan_that_cannot_be_is_refused),
      cmocka_unit_test(only_neurons_that_exist_can_be_selected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
