/* SPDX-License-Identifier: MIT */
/** The chirp: a filter that is planted is found in the answer to the sweeps. */
#include "cmocka_all.h"

#include <math.h>

#include "insilico/tuning.h"

static const ins_analysis *const ANALYSIS = &ins_chirp_analysis;

enum { ONSET = 6, FRAMES = 900 };
static const double RATE = 30, STEP = 3, PAUSE = 2, SWEEP = 8, LOW = 0.5, HIGH = 8, CONTRAST_HZ = 2;

typedef struct chirp_cell {
  ins_tuning_data data;
  double trace[FRAMES], y, x;
  ins_value *settings;
  ins_measure out[8];
} chirp_cell;

static void put(ins_value *map, const char *key, double x) {
  assert_int_equal(ins_map_take(map, key, ins_value_real(x)), INS_OK);
}

static chirp_cell *setup(void) {
  chirp_cell *c = calloc(1, sizeof *c);
  assert_non_null(c);
  c->settings = ins_value_map();
  put(c->settings, "step_s", STEP);
  put(c->settings, "pause_s", PAUSE);
  put(c->settings, "frequency_s", SWEEP);
  put(c->settings, "frequency_low_hz", LOW);
  put(c->settings, "frequency_high_hz", HIGH);
  put(c->settings, "contrast_s", SWEEP);
  put(c->settings, "contrast_hz", CONTRAST_HZ);
  put(c->settings, "contrast", 0.8);
  c->y = 1;
  c->data = (ins_tuning_data){.n = 1,
                              .x = &c->x,
                              .y = &c->y,
                              .n_frames = FRAMES,
                              .traces = c->trace,
                              .rate_hz = RATE,
                              .onset = ONSET,
                              .offset = ONSET + 840,
                              .settings = c->settings};
  return c;
}

static void teardown(chirp_cell *c) {
  ins_value_destroy(&c->settings);
  free(c);
}

/* What a neuron answers: gain(f) and size(contrast) times the sines of the sweeps, on 10. */
static void sweep(chirp_cell *c, double (*gain)(double), double (*size)(double)) {
  size_t frequency = ONSET + (size_t)((2 * STEP + PAUSE) * RATE);
  size_t contrast = frequency + (size_t)((SWEEP + PAUSE) * RATE), n = (size_t)(SWEEP * RATE);
  for (size_t f = 0; f < FRAMES; f++) c->trace[f] = 10;
  for (size_t i = 0; i < n; i++) {
    double t = ((double)i + 0.5) / RATE, hz = LOW + (HIGH - LOW) * t / SWEEP;
    double phase = 2 * M_PI * (LOW * t + (HIGH - LOW) * t * t / (2 * SWEEP));
    c->trace[frequency + i] += 4 * gain(hz) * sin(phase);
    c->trace[contrast + i] += 4 * size(0.8 * t / SWEEP) * sin(2 * M_PI * CONTRAST_HZ * t);
  }
}

static double band_pass(double hz) {
  double x = log2(hz / 3);
  return exp(-x * x / (2 * 0.4 * 0.4));
}

static double all_pass(double hz) {
  (void)hz;
  return 1;
}

static double linear(double contrast) {
  return contrast;
}

static double saturating(double contrast) {
  return 1 / (1 + exp(-(contrast - 0.3) / 0.02));
}

static double run(chirp_cell *c, const char *name) {
  assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
  for (size_t i = 0; i < ANALYSIS->n_indices; i++) {
    if (strcmp(ANALYSIS->indices[i].name, name) != 0) continue;
    assert_int_equal(c->out[i].valid, !isnan(c->out[i].value));
    return c->out[i].value;
  }
  fail();
  return NAN;
}

static void preferred_and_cut_off_frequency_are_found(void **state) {
  (void)state;
  chirp_cell *c = setup();
  sweep(c, band_pass, linear);
  assert_true(fabs(run(c, "chirp_preferred_frequency_hz") - 3) < 0.3);
  double cutoff = 3 * exp2(0.4 * sqrt(2 * log(2)));
  assert_true(fabs(run(c, "chirp_cutoff_frequency_hz") - cutoff) < 0.3);
  sweep(c, all_pass, linear); /* never falls to half */
  assert_true(isnan(run(c, "chirp_cutoff_frequency_hz")));
  teardown(c);
}

static void half_contrast_is_found(void **state) {
  (void)state;
  chirp_cell *c = setup();
  sweep(c, all_pass, saturating);
  assert_true(fabs(run(c, "chirp_contrast_half") - 0.3) < 0.03);
  sweep(c, all_pass, linear); /* half of what the last whole cycle shows */
  assert_true(fabs(run(c, "chirp_contrast_half") - 0.4) < 0.03);
  teardown(c);
}

static void steps_of_the_chirp_give_polarity(void **state) {
  (void)state;
  chirp_cell *c = setup();
  sweep(c, all_pass, linear);
  size_t dark = ONSET + (size_t)(STEP * RATE);
  for (size_t i = 0; i < 40; i++) {
    c->trace[ONSET + i] += 2 * exp(-(double)i / RATE / 0.4);
    c->trace[dark + i] += 6 * exp(-(double)i / RATE / 0.4);
  }
  assert_true(fabs(run(c, "chirp_on_off_index") + 0.5) < 1e-6);
  assert_true(fabs(run(c, "chirp_transience") - (1 - exp(-1))) < 1e-6);
  put(c->settings, "contrast", -0.8); /* the first step is the dark one */
  assert_true(fabs(run(c, "chirp_on_off_index") - 0.5) < 1e-6);
  teardown(c);
}

static void silent_cells_and_cut_traces_are_not_valid(void **state) {
  (void)state;
  chirp_cell *c = setup();
  for (size_t f = 0; f < FRAMES; f++) c->trace[f] = 10;
  run(c, "chirp_on_off_index");
  for (size_t i = 0; i < ANALYSIS->n_indices; i++) assert_false(c->out[i].valid);
  sweep(c, all_pass, linear);
  c->data.n_frames = 500; /* ends within the sweep of frequency's pause: no contrast */
  assert_true(isnan(run(c, "chirp_contrast_half")));
  assert_false(isnan(run(c, "chirp_preferred_frequency_hz")));
  c->data.n_frames = 20;
  assert_true(isnan(run(c, "chirp_preferred_frequency_hz")));
  c->data.n_frames = 0;
  assert_true(isnan(run(c, "chirp_on_off_index")));
  assert_true(ins_map_remove(c->settings, "step_s"));
  c->data.n_frames = FRAMES;
  assert_true(isnan(run(c, "chirp_on_off_index")));
  teardown(c);
}

/* Jobs refuse a pause below 0; the analysis must not read before the trace either. */
static void sweeps_before_the_trace_are_not_valid(void **state) {
  (void)state;
  chirp_cell *c = setup();
  sweep(c, all_pass, linear);
  put(c->settings, "pause_s", -6.5); /* the sweep of frequency would begin at frame -9 */
  assert_true(isnan(run(c, "chirp_preferred_frequency_hz")));
  assert_true(isnan(run(c, "chirp_cutoff_frequency_hz")));
  put(c->settings, "pause_s", -1e6);
  assert_true(isnan(run(c, "chirp_preferred_frequency_hz")));
  assert_true(isnan(run(c, "chirp_contrast_half")));
  teardown(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(preferred_and_cut_off_frequency_are_found),
      cmocka_unit_test(half_contrast_is_found),
      cmocka_unit_test(steps_of_the_chirp_give_polarity),
      cmocka_unit_test(silent_cells_and_cut_traces_are_not_valid),
      cmocka_unit_test(sweeps_before_the_trace_are_not_valid),
  };
  return cmocka_run_group_tests_name("tuning.chirp", tests, NULL, NULL);
}
