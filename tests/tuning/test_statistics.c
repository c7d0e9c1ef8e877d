/* SPDX-License-Identifier: MIT */
/** False-discovery rates, harmonics, resampling, intervals, the first singular pair. */
#include "cmocka_all.h"

#include <math.h>

#include "insilico/tuning.h"
#include "tuning/first_component.h"
#include "tuning/resample.h"

/* ---- false discovery ----------------------------------------------------------------------------
 */

/* The example of Benjamini & Hochberg (1995), section 3.2: 15 p-values, of which the procedure
 * rejects the first four at 0.05. */
static void benjamini_and_hochbergs_example_is_reproduced(void **state) {
  (void)state;
  const double p[15] = {0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000};
  double q[15];
  assert_int_equal(ins_false_discovery(15, p, q), INS_OK);
  for (size_t i = 0; i < 15; i++) assert_int_equal(q[i] <= 0.05, i < 4);
  assert_true(fabs(q[0] - 0.0015) < 1e-12);
  assert_true(fabs(q[3] - 0.0095 * 15 / 4) < 1e-12);
  assert_true(fabs(q[5] - 0.0298 * 15 / 7) < 1e-12); /* that of the seventh is smaller */
  assert_true(q[14] == 1);
}

static void missing_tests_do_not_count(void **state) {
  (void)state;
  const double p[] = {NAN, 0.04, NAN, 0.01, NAN}, order[] = {0.04, 0.01};
  double q[5], alone[2];
  assert_int_equal(ins_false_discovery(5, p, q), INS_OK);
  assert_int_equal(ins_false_discovery(2, order, alone), INS_OK);
  assert_true(isnan(q[0]) && isnan(q[2]) && isnan(q[4]));
  assert_true(q[1] == alone[0] && q[3] == alone[1]);
  assert_true(q[1] == 0.04 && q[3] == 0.02);
  assert_int_equal(ins_false_discovery(0, p, q), INS_OK);
}

/* ---- harmonics ----------------------------------------------------------------------------------
 */

static void harmonics_are_those_that_were_put_in(void **state) {
  (void)state;
  double trace[90], a[3];
  for (size_t i = 0; i < 90; i++) {
    double phase = 2 * M_PI * 2.5 * (double)i / 30;
    trace[i] = 3 + 2 * cos(phase + 0.4) + 0.7 * sin(2 * phase - 1);
  }
  ins_harmonics(trace, 90, 30, 2.5, a); /* 12 frames a cycle */
  assert_true(fabs(a[0] - 3) < 1e-12 && fabs(a[1] - 2) < 1e-12 && fabs(a[2] - 0.7) < 1e-12);
  ins_harmonics(trace, 85, 30, 2.5, a); /* the last cycle is not whole */
  assert_true(fabs(a[0] - 3) < 1e-12 && fabs(a[1] - 2) < 1e-12 && fabs(a[2] - 0.7) < 1e-12);
}

/* Parseval: over all frequencies of n frames, half the squared amplitudes add up to the variance.
 */
static void harmonics_add_up_to_the_variance(void **state) {
  (void)state;
  enum { N = 25 };
  double trace[N], sum = 0, power = 0, a[3];
  ins_stream stream = ins_stream_at(3, "trace", NULL, 0);
  ins_stream_uniform(&stream, 0, N, trace);
  for (size_t k = 1; k <= N / 2; k++) {
    ins_harmonics(trace, N, 50, 50.0 * (double)k / N, a);
    power += a[1] * a[1] / 2;
  }
  for (size_t i = 0; i < N; i++) sum += (trace[i] - a[0]) * (trace[i] - a[0]) / N;
  assert_true(fabs(power - sum) < 1e-12);
}

static void a_constant_has_no_harmonics_however_cycles_fall(void **state) {
  (void)state;
  double trace[61], a[3];
  for (size_t i = 0; i < 61; i++) trace[i] = 7;
  for (double f = 0.5; f < 7; f += 0.37) {
    ins_harmonics(trace, 61, 30, f, a);
    assert_true(fabs(a[0] - 7) < 1e-12 && a[1] < 1e-12 && a[2] < 1e-12);
  }
}

static void impossible_harmonics_are_nan(void **state) {
  (void)state;
  double trace[30] = {0}, a[3];
  ins_harmonics(trace, 30, 30, 0.9, a); /* less than a cycle */
  assert_true(isnan(a[0]) && isnan(a[1]) && isnan(a[2]));
  ins_harmonics(trace, 30, 30, 10, a); /* 2 f is above the Nyquist frequency */
  assert_true(a[1] == 0 && isnan(a[2]));
  ins_harmonics(trace, 30, 30, 15, a);
  assert_true(a[0] == 0 && isnan(a[1]));
  ins_harmonics(trace, 30, NAN, 2, a);
  assert_true(isnan(a[0]));
}

/* ---- resampling ---------------------------------------------------------------------------------
 */

static void draws_are_even_and_repeat_themselves(void **state) {
  (void)state;
  ins_stream stream = ins_stream_at(1, "draws", NULL, 0);
  for (uint32_t below = 1; below < 40; below += 6) {
    size_t counts[40] = {0}, n = 2000 * below;
    ins_draws a = ins_draws_begin(&stream, INS_FOR_RESAMPLES), b = a;
    for (size_t i = 0; i < n; i++) {
      uint32_t k = ins_draw_below(&a, below);
      assert_true(k < below);
      assert_int_equal(k, ins_draw_below(&b, below));
      counts[k]++;
    }
    for (uint32_t k = 0; k < below; k++) assert_in_range(counts[k], 1800, 2200);
  }
  ins_draws d = ins_draws_begin(&stream, INS_FOR_SIGNS);
  double sum = 0;
  for (size_t i = 0; i < 3000; i++) {
    (void)ins_draw_below(&d, 3); /* halves and whole words in turn */
    uint32_t k = ins_draw_below(&d, 3000000000u);
    assert_true(k < 3000000000u);
    sum += k / 3e9 / 3000;
  }
  assert_true(fabs(sum - 0.5) < 0.03);
}

static void every_permutation_is_equally_likely(void **state) {
  (void)state;
  size_t counts[24] = {0};
  uint32_t order[4] = {0, 1, 2, 3};
  ins_stream stream = ins_stream_at(2, "orders", NULL, 0);
  ins_draws d = ins_draws_begin(&stream, INS_FOR_PERMUTATIONS);
  for (size_t i = 0; i < 24000; i++) {
    ins_draw_permutation(&d, 4, order);
    assert_int_equal((1 << order[0]) + (1 << order[1]) + (1 << order[2]) + (1 << order[3]), 15);
    size_t rank = order[0] * 6, k = 0;
    for (size_t j = 1; j < 4; j++) k += order[j] < order[1];
    rank += k * 2 + (order[2] > order[3]);
    /* the second has three values that are left: k counts the smaller ones behind it */
    counts[rank]++;
  }
  for (size_t i = 0; i < 24; i++) assert_in_range(counts[i], 850, 1150);
}

static void resamples_stay_within_their_condition(void **state) {
  (void)state;
  uint32_t picks[15];
  double values[15], means[3];
  ins_stream stream = ins_stream_at(2, "resamples", NULL, 0);
  ins_draws d = ins_draws_begin(&stream, INS_FOR_RESAMPLES);
  for (size_t k = 0; k < 15; k++) values[k] = (double)(k / 5);
  for (size_t i = 0; i < 100; i++) {
    ins_draw_resample(&d, 3, 5, picks);
    ins_group_means(3, 5, values, picks, means);
    for (size_t k = 0; k < 3; k++) assert_true(means[k] == (double)k);
  }
}

static void intervals_are_percentiles(void **state) {
  (void)state;
  double v[1001], low, high;
  for (size_t i = 0; i < 1001; i++) v[i] = (double)((i * 617) % 1001);
  ins_interval(1001, v, 0.95, &low, &high);
  assert_true(fabs(low - 25) < 1e-9 && fabs(high - 975) < 1e-9);
  double few[] = {5, NAN, 5, 1, NAN, 5, 9};
  ins_interval(7, few, 0.5, &low, &high);
  assert_true(low == 5 && high == 5);
  double lost[] = {1, NAN, NAN};
  ins_interval(3, lost, 0.95, &low, &high);
  assert_true(isnan(low) && isnan(high));
}

static void circular_intervals_are_unwrapped(void **state) {
  (void)state;
  double v[101], low, high;
  for (size_t i = 0; i < 101; i++) v[i] = fmod(350 + (double)i / 5, 360); /* 350 to 10 */
  ins_circular_interval(101, v, 2, 360, 0.9, &low, &high);
  assert_true(fabs(low + 9) < 1e-9 && fabs(high - 9) < 1e-9);
  for (size_t i = 0; i < 101; i++) v[i] = fmod(350 + (double)i / 5, 360);
  ins_circular_interval(101, v, 358, 360, 0.9, &low, &high);
  assert_true(fabs(low - 351) < 1e-9 && fabs(high - 369) < 1e-9);
}

/* ---- the first singular pair --------------------------------------------------------------------
 */

/* a = 5 u v^T + 2 w z^T with orthonormal pairs, tall and wide */
static void the_first_pair_is_found(void **state) {
  (void)state;
  const double u[3] = {1.0 / 3, 2.0 / 3, 2.0 / 3}, w[3] = {2.0 / 3, 1.0 / 3, -2.0 / 3};
  const double v[4] = {0.5, -0.5, 0.5, -0.5}, z[4] = {0.5, 0.5, -0.5, -0.5};
  double a[12], transposed[12], left[4], right[4], value, explained;
  for (size_t i = 0; i < 3; i++) {
    for (size_t j = 0; j < 4; j++) {
      a[i * 4 + j] = transposed[j * 3 + i] = 5 * u[i] * v[j] + 2 * w[i] * z[j];
    }
  }
  assert_int_equal(ins_first_component(3, 4, a, left, &value, right, &explained), INS_OK);
  assert_true(fabs(value - 5) < 1e-12 && fabs(explained - 25.0 / 29) < 1e-12);
  double sign = right[0] > 0 ? 1 : -1;
  for (size_t i = 0; i < 3; i++) assert_true(fabs(left[i] - sign * u[i]) < 1e-12);
  for (size_t j = 0; j < 4; j++) assert_true(fabs(right[j] - sign * v[j]) < 1e-12);
  assert_int_equal(ins_first_component(4, 3, transposed, left, &value, right, &explained), INS_OK);
  assert_true(fabs(value - 5) < 1e-12);
  for (size_t i = 0; i < 3; i++) assert_true(fabs(right[i] - u[i]) < 1e-12); /* largest: positive */
  for (size_t j = 0; j < 4; j++) assert_true(fabs(left[j] - v[j]) < 1e-12);
}

static void the_first_pair_survives_odd_matrices(void **state) {
  (void)state;
  double left[3], right[3], value, explained;
  const double zero[9] = {0}, tie[9] = {2, 0, 0, 0, 2, 0, 0, 0, 1},
               tiny[4] = {0, 3e-200, 0, 4e-200};
  assert_int_equal(ins_first_component(3, 3, zero, left, &value, right, &explained), INS_OK);
  assert_true(value == 0 && left[0] == 0 && right[2] == 0 && isnan(explained));
  assert_int_equal(ins_first_component(3, 3, tie, left, &value, right, NULL), INS_OK);
  assert_true(fabs(value - 2) < 1e-12 && fabs(right[2]) < 1e-6);
  assert_int_equal(ins_first_component(2, 2, tiny, left, &value, right, &explained), INS_OK);
  assert_true(fabs(value - 5e-200) < 1e-212 && fabs(left[0] - 0.6) < 1e-12 && right[1] == 1);
  const double broken[4] = {1, NAN, 0, 1};
  assert_int_equal(ins_first_component(2, 2, broken, left, &value, right, &explained), INS_OK);
  assert_true(value == 0 && isnan(explained));
}

/* Singular values 1 and 1 - 1e-6: squaring still tells them apart. */
static void close_singular_values_are_told_apart(void **state) {
  (void)state;
  double c = cos(0.3), s = sin(0.3), d = 1 - 1e-6, left[2], right[2], value;
  const double a[4] = {c * c + d * s * s, c * s * (1 - d), c * s * (1 - d), s * s + d * c * c};
  assert_int_equal(ins_first_component(2, 2, a, left, &value, right, NULL), INS_OK);
  assert_true(fabs(right[0] - c) < 1e-8 && fabs(right[1] - s) < 1e-8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(benjamini_and_hochbergs_example_is_reproduced),
      cmocka_unit_test(missing_tests_do_not_count),
      cmocka_unit_test(harmonics_are_those_that_were_put_in),
      cmocka_unit_test(harmonics_add_up_to_the_variance),
      cmocka_unit_test(a_constant_has_no_harmonics_however_cycles_fall),
      cmocka_unit_test(impossible_harmonics_are_nan),
      cmocka_unit_test(draws_are_even_and_repeat_themselves),
      cmocka_unit_test(every_permutation_is_equally_likely),
      cmocka_unit_test(resamples_stay_within_their_condition),
      cmocka_unit_test(intervals_are_percentiles),
      cmocka_unit_test(circular_intervals_are_unwrapped),
      cmocka_unit_test(the_first_pair_is_found),
      cmocka_unit_test(the_first_pair_survives_odd_matrices),
      cmocka_unit_test(close_singular_values_are_told_apart),
  };
  return cmocka_run_group_tests_name("tuning.statistics", tests, NULL, NULL);
}
