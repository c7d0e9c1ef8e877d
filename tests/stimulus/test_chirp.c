/* SPDX-License-Identifier: MIT */
/* The chirp's course in time, measured from what is shown. */
#include "scenes.h"

enum { RATE = 1000 };

static float *course(const char *yaml, size_t *n) {
  ins_screen screen = plain_screen(1, 1, (double)NAN, RATE);
  return movie_of(yaml, &screen, n);
}

static ins_chirp_parts parts_of(const char *yaml) {
  ins_value *settings = condition_of(yaml);
  ins_chirp_parts parts;
  ins_chirp_times(settings, &parts);
  ins_value_destroy(&settings);
  return parts;
}

static size_t frame(double t_s) {
  return (size_t)lround(t_s * RATE);
}

static void assert_level(const float *x, double from_s, double to_s, float level) {
  for (size_t k = frame(from_s); k < frame(to_s); k++) assert_true(x[k] == level);
}

static void it_lasts_as_long_as_published(void **state) {
  (void)state;
  ins_chirp_parts at = parts_of("chirp");
  assert_true(at.dark_s == 3 && at.first_pause_s == 6 && at.frequency_s == 8);
  assert_true(at.second_pause_s == 16 && at.contrast_s == 18 && at.last_pause_s == 26);
  assert_true(at.end_s == 28);
}

static void it_begins_bright_then_dark_then_grey(void **state) {
  (void)state;
  size_t n;
  ins_chirp_parts at = parts_of("{kind: chirp, step_s: 2, pause_s: 1, contrast_s: 4}");
  float *x = course("{kind: chirp, step_s: 2, pause_s: 1, contrast_s: 4}", &n);
  assert_int_equal(n, frame(at.end_s));
  assert_level(x, 0, 2, 1);
  assert_level(x, 2, 4, -1);
  assert_level(x, 4, 5, 0);
  assert_level(x, at.second_pause_s, at.contrast_s, 0);
  assert_level(x, at.last_pause_s, at.end_s, 0);
  free(x);
}

/* Times between rising zero crossings are the periods at their middle. */
static void the_sweep_has_the_frequency_of_its_time(void **state) {
  (void)state;
  size_t n, crossings = 0;
  float *x = course("{kind: chirp, frequency_low_hz: 1, frequency_high_hz: 6}", &n);
  double last = NAN, largest = 0;
  for (size_t k = frame(8) + 1; k < frame(16); k++) {
    largest = fmax(largest, fabs((double)x[k]));
    if (!(x[k - 1] < 0 && x[k] >= 0)) continue;
    double part = (double)x[k - 1] / (double)(x[k - 1] - x[k]);
    double now = ((double)k - 0.5 + part) / RATE - 8;
    if (!isnan(last)) {
      double expected = 1 + 5 * ((now + last) / 2) / 8;
      assert_true(fabs(1 / (now - last) - expected) < 0.01 * expected);
      crossings++;
    }
    last = now;
  }
  assert_int_equal(crossings, 26); /* (1 + 6) / 2 Hz for 8 s are 28 cycles, 27 crossings within */
  assert_true(largest > 0.999);
  free(x);
}

static void the_contrast_sweep_grows_evenly_at_its_frequency(void **state) {
  (void)state;
  size_t n, peaks = 0;
  float *x = course("{kind: chirp, contrast_hz: 2.5}", &n);
  for (size_t k = frame(18) + 1; k + 1 < frame(26); k++) {
    if (!(x[k] > x[k - 1] && x[k] >= x[k + 1])) continue;
    double t = ((double)k + 0.5) / RATE - 18;
    assert_true(fabs((double)x[k] - t / 8) < 0.01);
    /* Crests stand a quarter of a cycle after the crossings; the growth puts them off, the first
     * by most: where tan(wt) = -wt, 0.32 of a cycle. */
    assert_true(fabs(remainder(t * 2.5 - 0.25, 1)) < 0.08);
    peaks++;
  }
  assert_int_equal(peaks, 20);
  free(x);
}

static void negative_contrast_begins_dark(void **state) {
  (void)state;
  size_t n;
  float *a = course("{kind: chirp}", &n), *b = course("{kind: chirp, contrast: -0.5}", &n);
  for (size_t k = 0; k < n; k++) assert_true(b[k] == -0.5f * a[k]);
  free(a);
  free(b);
}

static void pauses_are_grey_on_a_dark_screen_too(void **state) {
  (void)state;
  size_t n;
  ins_screen screen = plain_screen(20, 20, 50, 60);
  float *x = movie_of("{kind: chirp, background: -1, diameter_um: 500}", &screen, &n);
  const float *pause = x + 60 * 7 * 400;
  assert_true(pause[0] == -1);
  assert_true(pause[9 * 20 + 9] == 0);
  assert_true(x[9 * 20 + 9] == 1);
  free(x);
}

static void what_cannot_be_shown_is_refused(void **state) {
  (void)state;
  ins_screen slow = plain_screen(4, 4, 50, 15), still = plain_screen(4, 4, 50, 30);
  still.still = true;
  assert_refused("chirp", &slow, INS_ERR_ARGUMENT,
                 "frequency_high_hz 8 is too fast for 15 frames a second; it must be below their "
                 "Nyquist frequency, 7.5 Hz");
  assert_refused("chirp", &still, INS_ERR_ARGUMENT,
                 "kind chirp needs time, but the model sees single frames");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_lasts_as_long_as_published),
      cmocka_unit_test(it_begins_bright_then_dark_then_grey),
      cmocka_unit_test(the_sweep_has_the_frequency_of_its_time),
      cmocka_unit_test(the_contrast_sweep_grows_evenly_at_its_frequency),
      cmocka_unit_test(negative_contrast_begins_dark),
      cmocka_unit_test(pauses_are_grey_on_a_dark_screen_too),
      cmocka_unit_test(what_cannot_be_shown_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
