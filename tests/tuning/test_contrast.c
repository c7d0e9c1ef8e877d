/* SPDX-License-Identifier: MIT */
#include "planted.h"

static const ins_analysis *const contrast = &ins_contrast_analysis;

static double naka_rushton(double c, double r_max, double c50, double n, double b) {
  return b + r_max / (1 + pow(c50 / c, n));
}

static void plant(planted *p, size_t n_conditions, double r_max, double c50, double n, double b) {
  planted_axis(p, n_conditions, 0.02, 1, true);
  for (size_t i = 0; i < n_conditions; i++) p->y[i] = naka_rushton(p->x[i], r_max, c50, n, b);
}

static void expect_planted(const planted *p, double r_max, double c50, double n, double b) {
  planted_expect(p, contrast, "contrast_r_max", r_max, 1e-4);
  planted_expect(p, contrast, "contrast_c50", c50, 1e-4);
  planted_expect(p, contrast, "contrast_exponent", n, 1e-4);
  planted_expect(p, contrast, "contrast_baseline", b, 1e-4);
  planted_expect(p, contrast, "contrast_fit_r2", 1, 1e-6);
  planted_expect(p, contrast, "contrast_gain", r_max * n / (4 * c50), 1e-4);
}

static void planted_parameters_are_found(void **state) {
  (void)state;
  const double r[] = {1, 30, 2e-4, 5e6, -12}, c50[] = {0.05, 0.2, 0.6}, n[] = {0.8, 1.7, 4};
  planted p;
  for (size_t i = 0; i < 45; i++) {
    double r_max = r[i % 5], half = c50[i / 5 % 3], steep = n[i / 15];
    plant(&p, 10, r_max, half, steep, 0.3 * fabs(r_max));
    planted_run(&p, contrast);
    expect_planted(&p, r_max, half, steep, 0.3 * fabs(r_max));
    planted_expect(&p, contrast, "saturation_index", 0, 0);
  }
}

static void order_and_polarity_of_the_conditions_do_not_matter(void **state) {
  (void)state;
  planted p;
  plant(&p, 8, 10, 0.2, 2, 1);
  for (size_t i = 0; i < 4; i++) {
    double x = p.x[i], y = p.y[i];
    p.x[i] = p.x[7 - i];
    p.y[i] = p.y[7 - i];
    p.x[7 - i] = x;
    p.y[7 - i] = y;
  }
  for (size_t i = 0; i < 8; i++) p.x[i] = -p.x[i];
  planted_run(&p, contrast);
  expect_planted(&p, 10, 0.2, 2, 1);
  /* The sign that the neuron answers most to counts, the other does not; contrast 0 does. */
  for (size_t i = 0; i < 8; i++) p.x[i] = -p.x[i];
  p.data.n = 11;
  p.x[8] = -0.5;
  p.y[8] = 3;
  p.x[9] = 0;
  p.y[9] = 1;
  p.x[10] = 0.3;
  p.y[10] = NAN;
  planted_run(&p, contrast);
  expect_planted(&p, 10, 0.2, 2, 1);
}

static void a_neuron_that_never_saturates_has_no_c50(void **state) {
  (void)state;
  planted p;
  planted_axis(&p, 8, 0.02, 1, true);
  for (size_t i = 0; i < 8; i++) p.y[i] = 4 * p.x[i] * p.x[i];
  planted_run(&p, contrast);
  planted_expect_unknown(&p, contrast, "contrast_c50");
  planted_expect_unknown(&p, contrast, "contrast_r_max");
  planted_expect_unknown(&p, contrast, "contrast_gain");
  assert_true(planted_find(&p, contrast, "contrast_fit_r2")->value > 0.99);
}

static void a_response_that_falls_back_is_supersaturating(void **state) {
  (void)state;
  planted p;
  planted_axis(&p, 6, 0, 1, false);
  const double y[] = {2, 6, 12, 10, 8, 7};
  memcpy(p.y, y, sizeof y);
  planted_run(&p, contrast);
  planted_expect(&p, contrast, "saturation_index", 0.5, 1e-12);
}

static void a_flat_or_too_short_curve_has_no_fit(void **state) {
  (void)state;
  planted p;
  plant(&p, 10, 0, 0.2, 2, 3);
  planted_run(&p, contrast);
  for (size_t k = 0; k < contrast->n_indices; k++) assert_false(p.out[k].valid);
  plant(&p, 4, 10, 0.2, 2, 3);
  planted_run(&p, contrast);
  for (size_t k = 0; k < contrast->n_indices; k++) assert_false(p.out[k].valid);
}

static void nonsense_is_a_flag(void **state) {
  (void)state;
  planted_survives_nonsense(contrast, 0.02, 1);
}

/* 95 % intervals of 60 neurons; the percentile bootstrap of 20 repeats is known to be a little too
 * narrow, and 48 of 60 has a chance below 1e-4 even at a true rate of 0.91. */
static void intervals_cover_the_truth(void **state) {
  (void)state;
  int covered = 0, baseline = 0;
  planted p;
  for (int64_t neuron = 0; neuron < 60; neuron++) {
    plant(&p, 10, 25, 0.15, 2, 4);
    planted_noise(&p, neuron);
    planted_run(&p, contrast);
    covered += planted_covers(&p, contrast, "contrast_c50", 0.15);
    baseline += planted_covers(&p, contrast, "contrast_baseline", 4);
    assert_float_equal(planted_find(&p, contrast, "contrast_r_max")->p, 1.0 / 200, 1e-12);
  }
  print_message("c50 %d, baseline %d of 60\n", covered, baseline);
  assert_in_range(covered, 48, 60);
  assert_in_range(baseline, 48, 60);
}

static void equal_arguments_give_equal_bits(void **state) {
  (void)state;
  planted a, b;
  plant(&a, 10, 25, 0.15, 2, 4);
  planted_noise(&a, 3);
  planted_run(&a, contrast);
  plant(&b, 10, 25, 0.15, 2, 4);
  planted_noise(&b, 3);
  planted_run(&b, contrast);
  assert_memory_equal(a.out, b.out, contrast->n_indices * sizeof *a.out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(planted_parameters_are_found),
      cmocka_unit_test(order_and_polarity_of_the_conditions_do_not_matter),
      cmocka_unit_test(a_neuron_that_never_saturates_has_no_c50),
      cmocka_unit_test(a_response_that_falls_back_is_supersaturating),
      cmocka_unit_test(a_flat_or_too_short_curve_has_no_fit),
      cmocka_unit_test(nonsense_is_a_flag),
      cmocka_unit_test(intervals_cover_the_truth),
      cmocka_unit_test(equal_arguments_give_equal_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
