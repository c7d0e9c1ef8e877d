/* SPDX-License-Identifier: MIT */
/** Steps: traces of known polarity, transience and latency. */
#include "cmocka_all.h"

#include "cell.h"

static const ins_analysis *const ANALYSIS = &ins_step_analysis;
static cell CELL;

enum { ONSET = 10, OFFSET = 40, FRAMES = 60, RATE = 30 };

static const ins_measure *get(const cell *c, const char *name) {
  return cell_get(ANALYSIS, c, name);
}

static double value(const cell *c, const char *name) {
  assert_true(get(c, name)->valid);
  return get(c, name)->value;
}

/* An answer from frame `first` on: up to `peak` in `rise` frames, then by exp(-t/tau) to
 * `plateau`. */
static void answer(double *trace, size_t first, size_t end, size_t rise, double peak,
                   double plateau, double tau_s) {
  for (size_t f = first; f < end; f++) {
    double since = (double)(f - first) - (double)rise;
    trace[f] += since < 0 ? peak * (double)(f - first) / (double)rise
                          : plateau + (peak - plateau) * exp(-since / RATE / tau_s);
  }
}

static void set(cell *c, size_t n, size_t n_trials, double sd) {
  for (size_t i = 0; i < n; i++) c->y[i] = 1;
  cell_set_traces(c, 1, n, n_trials, FRAMES, RATE, sd);
  c->data.onset = ONSET;
  c->data.offset = OFFSET;
  assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
}

static void clear(cell *c, double baseline) {
  for (size_t k = 0; k < 2 * FRAMES; k++) c->traces[k] = baseline;
  c->x[0] = 1;
  c->x[1] = -1;
}

static void a_sustained_on_cell_is_told(void **state) {
  (void)state;
  cell *c = &CELL;
  clear(c, 2);
  answer(c->traces, ONSET, OFFSET, 4, 8, 8, 1);
  set(c, 2, 0, 0);
  assert_true(value(c, "on_off_index") == 1 && value(c, "polarity") == 1);
  assert_true(fabs(value(c, "transience")) < 1e-12);
  assert_true(fabs(value(c, "plateau_index") - 1) < 1e-12);
  assert_true(fabs(value(c, "response_amplitude") - 8) < 1e-12);
  assert_true(value(c, "baseline") == 2);
  assert_true(fabs(value(c, "latency_s") - 2.0 / RATE) < 1e-12);
  assert_true(fabs(value(c, "response_time_to_peak_s") - 4.0 / RATE) < 1e-12);
  assert_true(isnan(get(c, "response_amplitude")->p));
}

static void a_transient_off_cell_is_told(void **state) {
  (void)state;
  cell *c = &CELL;
  clear(c, 0.5);
  answer(c->traces + FRAMES, ONSET, OFFSET, 3, 6, 0, 0.2);
  set(c, 2, 0, 0);
  assert_true(value(c, "on_off_index") == -1 && value(c, "polarity") == -1);
  assert_true(fabs(value(c, "transience") - (1 - exp(-2))) < 1e-12); /* 0.4 s at 0.2 s */
  assert_true(value(c, "plateau_index") < 0.05);
  /* The same by a bright step alone: the answer comes at its offset, which leaves 0.5 s. */
  clear(c, 0.5);
  answer(c->traces, OFFSET, FRAMES, 3, 6, 0, 0.2);
  set(c, 1, 0, 0);
  assert_true(value(c, "on_off_index") == -1);
  assert_true(fabs(value(c, "transience") - (1 - exp(-2))) < 1e-12);
  assert_true(fabs(value(c, "latency_s") - 1.5 / RATE) < 1e-12);
  /* And of a dark step alone, the end is what brightens. */
  c->x[0] = -1;
  set(c, 1, 0, 0);
  assert_true(value(c, "on_off_index") == 1);
}

static void both_answers_make_neither_polarity(void **state) {
  (void)state;
  cell *c = &CELL;
  clear(c, 0);
  answer(c->traces, ONSET, OFFSET, 2, 4, 1, 0.1);
  answer(c->traces + FRAMES, ONSET, OFFSET, 2, 2, 1, 0.1);
  set(c, 2, 0, 0);
  assert_true(fabs(value(c, "on_off_index") - 1.0 / 3) < 1e-12);
  assert_true(value(c, "polarity") == 0);
  for (size_t f = 0; f < FRAMES; f++) c->traces[FRAMES + f] *= 0.6; /* 1.2 is less than a third */
  set(c, 2, 0, 0);
  assert_true(value(c, "polarity") == 1);
}

static void an_undershoot_is_more_than_transient(void **state) {
  (void)state;
  cell *c = &CELL;
  clear(c, 3);
  answer(c->traces, ONSET, OFFSET, 2, 5, -2, 0.05);
  set(c, 2, 0, 0);
  assert_true(value(c, "transience") > 1.3);
  assert_true(value(c, "plateau_index") < -0.3);
}

static void silent_and_short_steps_are_not_valid(void **state) {
  (void)state;
  cell *c = &CELL;
  clear(c, 5);
  c->traces[ONSET + 3] += 1e-3; /* of 5 */
  set(c, 2, 4, 0.1);
  for (size_t i = 0; i < ANALYSIS->n_indices; i++) {
    assert_false(c->out[i].valid);
    assert_true(isnan(c->out[i].value) && isnan(c->out[i].p));
  }
  clear(c, 0);
  answer(c->traces, ONSET, OFFSET, 4, 8, 8, 1);
  set(c, 2, 0, 0);
  c->data.offset = ONSET + 6; /* 0.2 s: neither 0.4 s after the peak nor a plateau */
  assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
  assert_false(get(c, "transience")->valid);
  assert_false(get(c, "plateau_index")->valid);
  assert_true(get(c, "on_off_index")->valid);
  c->traces[3] = NAN;
  assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
  assert_false(get(c, "on_off_index")->valid);
}

static void single_frames_have_a_polarity_but_no_times(void **state) {
  (void)state;
  cell *c = &CELL;
  c->x[0] = -1, c->x[1] = 1;
  c->y[0] = c->traces[0] = 1;
  c->y[1] = c->traces[1] = 9;
  cell_set_traces(c, 1, 2, 0, 1, NAN, 0);
  c->data.onset = 0;
  c->data.offset = 1;
  assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
  assert_true(value(c, "polarity") == 1);
  assert_false(get(c, "latency_s")->valid);
  assert_false(get(c, "transience")->valid);
  assert_false(get(c, "baseline")->valid);
}

static void trials_test_the_answer(void **state) {
  (void)state;
  enum { N = 200 };
  cell *c = &CELL;
  size_t n_false = 0, n_held = 0, n_found = 0;
  for (uint64_t seed = 0; seed < N; seed++) {
    for (int strong = 0; strong < 2; strong++) {
      clear(c, 2);
      answer(c->traces, ONSET, OFFSET, 3, strong ? 2 : 0.004, 1e-3, 0.2);
      cell_set_traces(c, seed, 2, 10, FRAMES, RATE, 1);
      c->data.onset = ONSET;
      c->data.offset = OFFSET;
      assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
      const ins_measure *m = get(c, "response_amplitude");
      assert_true(m->valid);
      if (strong) {
        n_found += m->p < 0.05;
        n_held += m->low <= m->value && m->value <= m->high;
      } else {
        n_false += m->p < 0.05;
      }
    }
  }
  assert_in_range(n_found, 190, N);
  assert_in_range(n_false, 1, 24);
  assert_in_range(n_held, 165, N);
}

/* Traces of extremes, windows beyond the trace: no value, or a finite one. */
static void nonsense_gives_no_value_or_a_finite_one(void **state) {
  (void)state;
  const double odd[] = {0, 1, -1, 1e-300, 1e300, -1e300, NAN, INFINITY};
  const size_t windows[][2] = {{0, 0}, {0, 60}, {59, 60}, {60, 60}, {70, 90}, {40, 10}};
  cell *c = &CELL;
  for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
    for (size_t k = 0; k < 64; k++) {
      clear(c, odd[k % 8]);
      for (size_t f = 5; f < 2 * FRAMES; f += 3) c->traces[f] = odd[k / 8];
      cell_set_traces(c, k, 2, 3, FRAMES, RATE, 1);
      c->data.onset = windows[w][0];
      c->data.offset = windows[w][1];
      for (c->data.n = 0; c->data.n <= 2; c->data.n++) {
        assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
        for (size_t i = 0; i < ANALYSIS->n_indices; i++) {
          assert_int_equal(c->out[i].valid, isfinite(c->out[i].value));
        }
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_sustained_on_cell_is_told),
      cmocka_unit_test(a_transient_off_cell_is_told),
      cmocka_unit_test(both_answers_make_neither_polarity),
      cmocka_unit_test(an_undershoot_is_more_than_transient),
      cmocka_unit_test(silent_and_short_steps_are_not_valid),
      cmocka_unit_test(single_frames_have_a_polarity_but_no_times),
      cmocka_unit_test(trials_test_the_answer),
      cmocka_unit_test(nonsense_gives_no_value_or_a_finite_one),
  };
  return cmocka_run_group_tests_name("tuning.step", tests, NULL, NULL);
}
