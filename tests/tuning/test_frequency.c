/* SPDX-License-Identifier: MIT */
/* Spatial and temporal frequency, and speed: one curve, three analyses. */
#include "planted.h"

static const ins_analysis *const spatial = &ins_spatial_frequency_analysis;
static const ins_analysis *const temporal = &ins_temporal_frequency_analysis;
static const ins_analysis *const speed = &ins_speed_analysis;

static double log_gaussian(double x, double a, double x0, double s, double b) {
  return b + a * exp(-pow(log2(x / x0) / s, 2) / 2);
}

static void plant(planted *p, size_t n, double low, double high, double a, double x0, double s,
                  double b) {
  planted_axis(p, n, low, high, true);
  for (size_t i = 0; i < n; i++) p->y[i] = log_gaussian(p->x[i], a, x0, s, b);
}

static void planted_parameters_are_found(void **state) {
  (void)state;
  const double a[] = {1, 20, 3e-5, 4e6}, x0[] = {0.5, 1.3, 4}, s[] = {0.5, 1, 1.8};
  planted p;
  for (size_t i = 0; i < 36; i++) {
    double height = a[i % 4], peak = x0[i / 4 % 3], width = s[i / 12], base = (double)(i % 3) / 4;
    double half = width * sqrt(2 * log(2));
    plant(&p, 12, 0.1, 10, height, peak, width, base * height);
    planted_run(&p, spatial);
    planted_expect(&p, spatial, "preferred_spatial_frequency_cpmm", peak, 1e-4);
    planted_expect(&p, spatial, "spatial_frequency_bandwidth_octaves", 2 * half, 1e-4);
    planted_expect(&p, spatial, "spatial_frequency_fit_r2", 1, 1e-6);
    double greatest = 0;
    for (size_t k = 0; k < 12; k++) greatest = fmax(greatest, p.y[k]);
    planted_expect(&p, spatial, "spatial_frequency_low_pass_index", p.y[0] / greatest, 1e-12);
    if (peak * exp2(half) < 10)
      planted_expect(&p, spatial, "spatial_frequency_high_cutoff_cpmm", peak * exp2(half), 1e-4);
    else
      planted_expect_unknown(&p, spatial, "spatial_frequency_high_cutoff_cpmm");
    if (peak * exp2(-half) > 0.1)
      planted_expect(&p, spatial, "spatial_frequency_low_cutoff_cpmm", peak * exp2(-half), 1e-4);
    else
      planted_expect_unknown(&p, spatial, "spatial_frequency_low_cutoff_cpmm");
  }
}

static void a_low_pass_neuron_has_an_upper_cutoff_only(void **state) {
  (void)state;
  planted p;
  plant(&p, 10, 0.1, 6.4, 8, 0.05, 2, 1);
  planted_run(&p, spatial);
  planted_expect_unknown(&p, spatial, "preferred_spatial_frequency_cpmm");
  planted_expect_unknown(&p, spatial, "spatial_frequency_bandwidth_octaves");
  planted_expect_unknown(&p, spatial, "spatial_frequency_low_cutoff_cpmm");
  planted_expect(&p, spatial, "spatial_frequency_low_pass_index", 1, 0);
  /* Half of the height at the lowest tested frequency, which is one octave above the peak. */
  planted_expect(&p, spatial, "spatial_frequency_high_cutoff_cpmm",
                 0.05 * exp2(sqrt(1 + 8 * log(2))), 1e-3);
}

static void monotone_curves_have_no_peak(void **state) {
  (void)state;
  planted p;
  for (int falls = 0; falls < 2; falls++) {
    planted_axis(&p, 8, 1, 128, true);
    for (size_t i = 0; i < 8; i++) p.y[i] = falls ? 8 - (double)i : (double)i * (double)i;
    planted_run(&p, speed);
    planted_expect_unknown(&p, speed, "preferred_speed_um_s");
    planted_expect_unknown(&p, speed, "speed_bandwidth_octaves");
  }
}

static void few_conditions_give_the_top_of_a_parabola(void **state) {
  (void)state;
  planted p;
  for (size_t n = 3; n <= 4; n++) {
    planted_axis(&p, n, 100, 100 * exp2((double)n - 1), true);
    for (size_t i = 0; i < n; i++) p.y[i] = 10 - pow(log2(p.x[i] / 230), 2);
    planted_run(&p, speed);
    planted_expect(&p, speed, "preferred_speed_um_s", 230, 1e-9);
    planted_expect_unknown(&p, speed, "speed_bandwidth_octaves");
    planted_expect_unknown(&p, speed, "speed_fit_r2");
  }
  planted_axis(&p, 3, 100, 400, true);
  for (size_t i = 0; i < 3; i++) p.y[i] = (double)i;
  planted_run(&p, speed);
  planted_expect_unknown(&p, speed, "preferred_speed_um_s");
}

static void a_neuron_that_is_only_suppressed_prefers_nothing(void **state) {
  (void)state;
  planted p;
  plant(&p, 12, 0.1, 10, 3, 1, 1, -5);
  planted_run(&p, spatial);
  planted_expect_unknown(&p, spatial, "preferred_spatial_frequency_cpmm");
  planted_expect_unknown(&p, spatial, "spatial_frequency_low_pass_index");
  /* Below 0 away from the peak only: still a peak. */
  plant(&p, 12, 0.1, 10, 3, 1, 1, -1);
  planted_run(&p, spatial);
  planted_expect(&p, spatial, "preferred_spatial_frequency_cpmm", 1, 1e-4);
  planted_expect(&p, spatial, "spatial_frequency_bandwidth_octaves", 2.354820045, 1e-4);
}

static void conditions_that_are_no_stimulus_do_not_count(void **state) {
  (void)state;
  planted p;
  plant(&p, 12, 0.1, 10, 3, 1, 1, 0.5);
  p.data.n = 15;
  p.x[12] = 0; /* a standing grating says nothing about a logarithmic axis */
  p.y[12] = 50;
  p.x[13] = 2;
  p.y[13] = NAN;
  p.x[14] = NAN;
  p.y[14] = 70;
  planted_run(&p, speed);
  planted_expect(&p, speed, "preferred_speed_um_s", 1, 1e-4);
}

static void flat_curves_have_no_fit(void **state) {
  (void)state;
  planted p;
  plant(&p, 12, 0.1, 10, 0, 1, 1, 0.3);
  planted_run(&p, spatial);
  for (size_t k = 0; k + 1 < spatial->n_indices; k++) assert_false(p.out[k].valid);
  planted_expect(&p, spatial, "spatial_frequency_low_pass_index", 1, 0);
}

static void nonsense_is_a_flag(void **state) {
  (void)state;
  planted_survives_nonsense(spatial, 0.1, 10);
  planted_survives_nonsense(temporal, 0.1, 10);
  planted_survives_nonsense(speed, 10, 1000);
}

/* As in test_contrast.c: 48 of 60 is far below the rate of a sound 95 % interval. */
static void intervals_cover_the_truth(void **state) {
  (void)state;
  int peak = 0, width = 0;
  planted p;
  for (int64_t neuron = 0; neuron < 60; neuron++) {
    plant(&p, 12, 0.1, 10, 20, 1.2, 1, 3);
    planted_noise(&p, neuron);
    planted_run(&p, spatial);
    peak += planted_covers(&p, spatial, "preferred_spatial_frequency_cpmm", 1.2);
    width += planted_covers(&p, spatial, "spatial_frequency_bandwidth_octaves", 2.354820045);
    assert_float_equal(p.out[0].p, 1.0 / 200, 1e-12);
  }
  print_message("peak %d, width %d of 60\n", peak, width);
  assert_in_range(peak, 48, 60);
  assert_in_range(width, 48, 60);
}

/* p is small for no more than its share of neurons whose trials are all alike. */
static void untuned_trials_are_not_significant(void **state) {
  (void)state;
  int small = 0;
  planted p;
  for (int64_t neuron = 0; neuron < 200; neuron++) {
    plant(&p, 8, 0.1, 10, 0, 1, 1, 5);
    planted_noise(&p, neuron);
    /* Something to be valid, though the trials know nothing of it. */
    for (size_t i = 0; i < 8; i++) p.y[i] = log_gaussian(p.x[i], 1, 1, 1, 5);
    planted_run(&p, speed);
    assert_true(p.out[0].valid);
    small += p.out[0].p < 0.05;
  }
  print_message("p < 0.05: %d of 200\n", small);
  assert_in_range(small, 1, 20);
}

/* ---- harmonics ------------------------------------------------------------------------------- */

enum { FRAMES = 300, ONSET = 30 };

/* A response of mean 4 above 1 before onset; F1 = 3, F2 = 1.5, and a transient in the first cycle.
 */
static void plant_traces(planted *p, double *traces, double rate_hz) {
  plant(p, 6, 0.5, 16, 8, 4, 1, 1);
  for (size_t i = 0; i < 6; i++) {
    double cycle = rate_hz / p->x[i];
    for (size_t t = 0; t < FRAMES; t++) {
      double phase = 2 * M_PI * ((double)t - ONSET) / cycle;
      double shown = 5 + 3 * sin(phase + 0.4) + 1.5 * cos(2 * phase);
      if ((double)t < ONSET + cycle) shown += 20;
      traces[i * FRAMES + t] = t < ONSET ? 1 : shown;
    }
  }
  p->data.traces = traces;
  p->data.n_frames = FRAMES;
  p->data.rate_hz = rate_hz;
  p->data.onset = ONSET;
  p->data.offset = 270;
}

static void harmonics_are_those_of_the_best_condition(void **state) {
  (void)state;
  static double traces[6 * FRAMES];
  planted p;
  plant_traces(&p, traces, 40);
  planted_run(&p, temporal);
  planted_expect(&p, temporal, "preferred_temporal_frequency_hz", 4, 1e-4);
  /* 24 cycles of 10 frames: whole, so that only the sampling within a frame is left. */
  planted_expect(&p, temporal, "f1_f0", 0.75, 1e-6);
  planted_expect(&p, temporal, "f2_f1", 0.5, 1e-6);
}

static void less_than_a_cycle_has_no_harmonics(void **state) {
  (void)state;
  static double traces[6 * FRAMES];
  planted p;
  plant_traces(&p, traces, 40);
  p.data.offset = ONSET + 9;
  planted_run(&p, temporal);
  planted_expect_unknown(&p, temporal, "f1_f0");
  planted_expect_unknown(&p, temporal, "f2_f1");
  planted_expect(&p, temporal, "preferred_temporal_frequency_hz", 4, 1e-4);
  p.data.offset = ONSET + 10;
  planted_run(&p, temporal);
  assert_true(planted_find(&p, temporal, "f1_f0")->valid);
  p.data.offset = 5; /* before onset */
  planted_run(&p, temporal);
  planted_expect_unknown(&p, temporal, "f1_f0");
  p.data.offset = 100 * FRAMES; /* beyond the trace: to its end */
  planted_run(&p, temporal);
  planted_expect(&p, temporal, "f1_f0", 0.75, 1e-6);
  p.data.rate_hz = NAN; /* single frames */
  planted_run(&p, temporal);
  planted_expect_unknown(&p, temporal, "f1_f0");
}

static void harmonics_have_intervals_from_the_trial_traces(void **state) {
  (void)state;
  static double traces[6 * FRAMES], trials[6 * PLANTED_REPEATS * FRAMES];
  float noise[FRAMES];
  int64_t zero = 0;
  ins_stream stream = ins_stream_at(1, "noise", &zero, 1);
  planted p;
  plant_traces(&p, traces, 40);
  planted_noise(&p, 0);
  for (size_t k = 0; k < 6 * PLANTED_REPEATS; k++) {
    ins_stream_normal(&stream, k * FRAMES, FRAMES, noise);
    for (size_t t = 0; t < FRAMES; t++)
      trials[k * FRAMES + t] = traces[k / PLANTED_REPEATS * FRAMES + t] + (double)noise[t];
  }
  p.data.trial_traces = trials;
  planted_run(&p, temporal);
  const ins_measure *m = planted_find(&p, temporal, "f1_f0");
  assert_true(m->low < 0.75 && 0.75 < m->high && m->high - m->low < 0.1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(planted_parameters_are_found),
      cmocka_unit_test(a_low_pass_neuron_has_an_upper_cutoff_only),
      cmocka_unit_test(monotone_curves_have_no_peak),
      cmocka_unit_test(few_conditions_give_the_top_of_a_parabola),
      cmocka_unit_test(a_neuron_that_is_only_suppressed_prefers_nothing),
      cmocka_unit_test(conditions_that_are_no_stimulus_do_not_count),
      cmocka_unit_test(flat_curves_have_no_fit),
      cmocka_unit_test(nonsense_is_a_flag),
      cmocka_unit_test(intervals_cover_the_truth),
      cmocka_unit_test(untuned_trials_are_not_significant),
      cmocka_unit_test(harmonics_are_those_of_the_best_condition),
      cmocka_unit_test(less_than_a_cycle_has_no_harmonics),
      cmocka_unit_test(harmonics_have_intervals_from_the_trial_traces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
