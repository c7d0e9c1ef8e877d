/* SPDX-License-Identifier: MIT */
/** The reference's gradient against central finite differences of its responses. */
#include "finite_differences.h"

static void gradient_matches_finite_differences(void **state) {
  (void)state;
  const model_fixture f = fixture_small(1);
  check_gradient(&f);
}

static void gradient_matches_with_padding_cut_and_three_layers(void **state) {
  (void)state;
  model_fixture f = fixture_small(2);
  f.n_layers = 3;
  f.channels[2] = 3;
  f.kernel_t[2] = 3;
  f.kernel_s[2] = 2;
  f.input_padding = "2,1,3";
  f.cut = 3;
  check_gradient(&f);
}

static void responses_of_a_neuron_do_not_depend_on_the_others(void **state) {
  (void)state;
  const model_fixture f = fixture_small(1);
  problem p = pose(&f);
  double *alone = doubles(p.n_r, 0);
  assert_int_equal(ins_reference_run(p.model, p.n_frames, p.x, p.neurons, 3, p.r, NULL, NULL),
                   INS_OK);
  assert_int_equal(ins_reference_run(p.model, p.n_frames, p.x, &p.neurons[2], 1, alone, NULL, NULL),
                   INS_OK);
  for (size_t t = 0; t < p.n_r / 3; t++) assert_true(alone[t] == p.r[3 * t + 2]);
  ins_free(&alone);
  drop(&p);
}

static void neurons_that_do_not_exist_are_refused(void **state) {
  (void)state;
  const model_fixture f = fixture_small(1);
  problem p = pose(&f);
  const int64_t bad[2] = {0, 5};
  assert_int_equal(ins_reference_run(p.model, p.n_frames, p.x, bad, 2, p.r, NULL, NULL),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "neuron 5"));
  drop(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradient_matches_finite_differences),
      cmocka_unit_test(gradient_matches_with_padding_cut_and_three_layers),
      cmocka_unit_test(responses_of_a_neuron_do_not_depend_on_the_others),
      cmocka_unit_test(neurons_that_do_not_exist_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
