/* SPDX-License-Identifier: MIT */
/** Quality, size and selectivity of responses to any stimulus. */
#include "cmocka_all.h"

#include "cell.h"
#include "planted.h"

static const ins_analysis *const ANALYSIS = &ins_response_analysis;
static cell CELL;

static const ins_measure *run(cell *c, const char *name) {
  assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
  return cell_get(ANALYSIS, c, name);
}

static const ins_measure *get(const cell *c, const char *name) {
  return cell_get(ANALYSIS, c, name);
}

static void quality_is_one_for_repeats_that_are_alike(void **state) {
  (void)state;
  cell *c = &CELL;
  for (size_t i = 0; i < 3; i++) {
    c->x[i] = (double)i;
    c->y[i] = 2;
    for (size_t f = 0; f < 40; f++) c->traces[i * 40 + f] = sin(0.3 * (double)(f * (i + 1)));
  }
  cell_set_traces(c, 1, 3, 8, 40, 30, 0);
  assert_true(fabs(run(c, "quality_index")->value - 1) < 1e-12);
  /* conditions that differ but do not vary in time are signal too */
  for (size_t i = 0; i < 3; i++) {
    for (size_t f = 0; f < 40; f++) c->traces[i * 40 + f] = (double)i;
  }
  cell_set_traces(c, 1, 3, 8, 40, 30, 0);
  assert_true(fabs(run(c, "quality_index")->value - 1) < 1e-12);
}

static void quality_of_noise_is_one_over_repeats(void **state) {
  (void)state;
  cell *c = &CELL;
  memset(c->traces, 0, sizeof c->traces);
  for (size_t i = 0; i < 12; i++) c->y[i] = 2;
  for (size_t n_trials = 2; n_trials <= 20; n_trials += 6) {
    cell_set_traces(c, 3, 12, n_trials, 60, 30, 1);
    double quality = run(c, "quality_index")->value;
    assert_true(fabs(quality * (double)n_trials - 1) < 0.12); /* 720 numbers: SD 5 % */
  }
  cell_set_traces(c, 3, 12, 1, 60, 30, 1);
  assert_false(run(c, "quality_index")->valid);
  cell_set_traces(c, 3, 12, 4, 60, 30, 0); /* nothing varies */
  assert_false(run(c, "quality_index")->valid);
}

static void sparseness_runs_from_zero_to_one(void **state) {
  (void)state;
  cell *c = &CELL;
  for (size_t i = 0; i < 6; i++) c->y[i] = 3;
  cell_set(c, 1, 6, 0);
  assert_true(fabs(run(c, "response_sparseness")->value) < 1e-12);
  memset(c->y, 0, sizeof c->y);
  c->y[4] = 9;
  assert_true(fabs(run(c, "response_sparseness")->value - 1) < 1e-12);
  assert_true(fabs(get(c, "modulation_index")->value - 1) < 1e-12);
  for (size_t i = 0; i < 6; i++) c->y[i] = i < 3 ? 2 : 0; /* half the conditions */
  assert_true(fabs(run(c, "response_sparseness")->value - 0.5 / (5.0 / 6)) < 1e-12);
}

static void sizes_and_the_best_condition_are_told(void **state) {
  (void)state;
  cell *c = &CELL;
  const double y[] = {2, 8, -1, 8, 3};
  const char *const labels[] = {"a", "b", "c", "d", "e"};
  memcpy(c->y, y, sizeof y);
  for (size_t i = 0; i < 5; i++) c->x[i] = 10 * (double)(i + 1);
  cell_set(c, 1, 5, 0);
  assert_true(run(c, "best_condition")->value == 20);
  assert_true(get(c, "response_max")->value == 8);
  assert_true(get(c, "response_min")->value == -1);
  assert_true(get(c, "response_mean")->value == 4);
  c->data.labels = labels;
  assert_true(run(c, "best_condition")->value == 1);
  c->y[0] = INFINITY;
  for (size_t i = 0; i < ANALYSIS->n_indices; i++) assert_false(run(c, "best_condition")->valid);
}

static void signal_to_noise_is_a_ratio_of_variances(void **state) {
  (void)state;
  cell *c = &CELL;
  c->x[0] = 0, c->x[1] = 1;
  c->y[0] = 10, c->y[1] = 14; /* variance 4 */
  cell_set(c, 1, 2, 2);
  const double trials[] = {9, 11, 13, 15}; /* variance 2 each */
  memcpy(c->trials, trials, sizeof trials);
  assert_true(fabs(run(c, "response_snr")->value - 2) < 1e-12);
  assert_true(get(c, "response_max")->low >= 13 && get(c, "response_max")->high <= 15);
  for (size_t k = 0; k < 4; k++) c->trials[k] = 1; /* no noise */
  assert_false(run(c, "response_snr")->valid);
}

static void untuned_cells_have_uniform_p_and_tuned_ones_small(void **state) {
  (void)state;
  enum { N = 300 };
  static double p[N];
  cell *c = &CELL;
  double worst = 0;
  size_t n_found = 0;
  for (uint64_t seed = 0; seed < N; seed++) {
    for (size_t i = 0; i < 8; i++) c->y[i] = 4;
    cell_set(c, seed, 8, 6);
    c->data.statistics.n_resamples = 0;
    p[seed] = run(c, "modulation_index")->p;
    for (size_t i = 0; i < 8; i++) c->y[i] = 2 + (double)i;
    cell_set(c, seed, 8, 6);
    c->data.statistics.n_resamples = 0;
    n_found += run(c, "modulation_index")->p < 0.02;
  }
  for (size_t i = 0; i < N; i++) {
    size_t n_below = 0;
    for (size_t j = 0; j < N; j++) n_below += p[j] <= p[i];
    worst = fmax(worst, fabs((double)n_below / N - p[i]));
  }
  assert_true(worst < 1.95 / sqrt(N) + 0.01);
  assert_in_range(n_found, 285, N);
}

static void nonsense_gives_no_value_or_a_finite_one(void **state) {
  (void)state;
  planted_survives_nonsense(ANALYSIS, 1, 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quality_is_one_for_repeats_that_are_alike),
      cmocka_unit_test(quality_of_noise_is_one_over_repeats),
      cmocka_unit_test(sparseness_runs_from_zero_to_one),
      cmocka_unit_test(sizes_and_the_best_condition_are_told),
      cmocka_unit_test(signal_to_noise_is_a_ratio_of_variances),
      cmocka_unit_test(untuned_cells_have_uniform_p_and_tuned_ones_small),
      cmocka_unit_test(nonsense_gives_no_value_or_a_finite_one),
  };
  return cmocka_run_group_tests_name("tuning.response", tests, NULL, NULL);
}
