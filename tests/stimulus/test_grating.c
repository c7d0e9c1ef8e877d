/* SPDX-License-Identifier: MIT */
/* Gratings have the frequencies, the direction and the phase that were asked for. */
#include <complex.h>

#include "scenes.h"

enum { SIDE = 32, FRAMES = 30 };
#define PIXEL_UM 25.0

/* Amplitude of cos(2 pi (kx x + ky y + kt t)) in a movie, in cycles of the whole extent. */
static double amplitude(const float *x, int kx, int ky, int kt) {
  double complex sum = 0;
  for (int t = 0; t < FRAMES; t++)
    for (int i = 0; i < SIDE; i++)
      for (int j = 0; j < SIDE; j++, x++)
        sum += (double)*x *
               cexp(-2 * M_PI * I * ((double)(kx * j + ky * i) / SIDE + (double)(kt * t) / FRAMES));
  return 2 * cabs(sum) / (FRAMES * SIDE * SIDE);
}

static double power(const float *x) {
  double sum = 0;
  for (size_t i = 0; i < FRAMES * SIDE * SIDE; i++) sum += (double)x[i] * (double)x[i];
  return sum / (FRAMES * SIDE * SIDE);
}

/* What remains of a sine of k cycles over the side in pixels that take its mean. */
static double seen(int k) {
  double x = M_PI * k / SIDE;
  return k ? sin(x) / x : 1;
}

/* A second of a grating with `right` and `up` cycles over the side of the screen. */
static float *grating(int right, int up, int hz, const char *more) {
  char yaml[256];
  size_t n;
  ins_screen screen = plain_screen(SIDE, SIDE, PIXEL_UM, FRAMES);
  snprintf(yaml, sizeof yaml,
           "{kind: grating, duration_s: 1, direction_deg: %.12g, spatial_frequency_cpmm: %.12g, "
           "temporal_frequency_hz: %d%s}",
           atan2(up, right) * 180 / M_PI, hypot(right, up) / (SIDE * PIXEL_UM / 1000), hz, more);
  float *x = movie_of(yaml, &screen, &n);
  assert_int_equal(n, FRAMES);
  return x;
}

static void a_drifting_sine_has_its_frequencies_and_direction_and_no_other(void **state) {
  (void)state;
  static const int cases[][3] = {{3, 0, 2}, {0, 4, 5}, {3, 2, 3}, {-5, 1, 7}, {-2, -9, 1}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    int right = cases[k][0], up = cases[k][1], hz = cases[k][2];
    float *x = grating(right, up, hz, "");
    double expected = seen(right) * seen(up);
    /* Its crests move towards (right, up): phase falls with time; rows count downwards. */
    assert_true(fabs(amplitude(x, right, -up, -hz) - expected) < 1e-6);
    assert_true(amplitude(x, right, -up, hz) < 1e-6);
    assert_true(fabs(power(x) - expected * expected / 2) < 1e-6);
    free(x);
  }
}

/* A square wave's fundamental is 4 / pi; its mean square is at most 1, and less only by edges. */
static void a_square_grating_has_the_fundamental_of_a_square_wave(void **state) {
  (void)state;
  float *x = grating(2, 1, 3, ", waveform: square");
  double expected = 4 / M_PI * seen(2) * seen(1);
  assert_true(fabs(amplitude(x, 2, -1, -3) - expected) < 0.01);
  assert_true(amplitude(x, 2, -1, 3) < 0.01);
  assert_true(power(x) < 1 && power(x) > 0.85);
  for (size_t i = 0; i < FRAMES * SIDE * SIDE; i++) assert_true(fabsf(x[i]) <= 1);
  free(x);
}

static void a_counterphase_grating_goes_both_ways_alike(void **state) {
  (void)state;
  float *x = grating(3, 2, 4, ", motion: counterphase");
  double expected = seen(3) * seen(2) / 2;
  assert_true(fabs(amplitude(x, 3, -2, 4) - expected) < 1e-6);
  assert_true(fabs(amplitude(x, 3, -2, -4) - expected) < 1e-6);
  free(x);
  x = grating(3, 0, 5, ", motion: counterphase, waveform: square");
  for (size_t i = 0; i < SIDE * SIDE; i++) {
    assert_true(x[i] == x[SIDE * SIDE + i]);      /* 5 Hz: the first tenth of a second, */
    assert_true(x[i] == -x[4 * SIDE * SIDE + i]); /* and half a cycle on */
  }
  free(x);
}

/* Sampled at 200 x 200 points of a pixel, which knows nothing of edges. */
static void a_square_grating_shows_its_mean_over_each_pixel(void **state) {
  (void)state;
  enum { N = 200 };
  for (int k = 0; k < 12; k++) {
    char yaml[200];
    size_t n;
    ins_screen screen = plain_screen(4, 5, 50, 30);
    double angle = (17 + 31 * k) * M_PI / 180, cpmm = 0.8 + 0.83 * k;
    if (k % 4 == 0) angle = k * M_PI / 8;
    snprintf(yaml, sizeof yaml,
             "{kind: grating, motion: static, waveform: square, direction_deg: %.12g, phase_deg: "
             "%d, spatial_frequency_cpmm: %.12g}",
             angle * 180 / M_PI, 40 * k, cpmm);
    float *x = movie_of(yaml, &screen, &n);
    for (size_t i = 0; i < 20; i++) {
      double sum = 0;
      for (size_t s = 0; s < N * N; s++) {
        double right = ((double)(i % 5) - 2 + ((double)(s % N) + 0.5) / N - 0.5) * 0.05;
        double down = ((double)(i / 5) - 1.5 + ((double)(s / N) + 0.5) / N - 0.5) * 0.05;
        double cycles = cpmm * (right * cos(angle) - down * sin(angle)) + k / 9.0;
        sum += cos(2 * M_PI * cycles) > 0 ? 1 : -1;
      }
      assert_true(fabs((double)x[i] - sum / (N * N)) < 6.0 / N);
    }
    free(x);
  }
}

static void a_grating_at_double_resolution_is_the_same_grating(void **state) {
  (void)state;
  static const char *const forms[] = {"", ", waveform: square",
                                      ", waveform: square, motion: counterphase"};
  for (int k = 0; k < 12; k++) {
    char yaml[256];
    size_t n;
    snprintf(yaml, sizeof yaml,
             "{kind: grating, duration_s: 0.5, direction_deg: %d, spatial_frequency_cpmm: %g%s}",
             31 * k - k % 4, 0.7 + 0.8 * k, forms[k % 3]);
    ins_screen coarse = plain_screen(15, 18, 50, 30), fine = plain_screen(30, 36, 25, 30);
    float *a = movie_of(yaml, &coarse, &n), *b = movie_of(yaml, &fine, &n);
    for (size_t t = 0; t < n; t++)
      assert_true(coarse_difference(a + t * 270, b + t * 1080, 15, 18) < 1e-6);
    free(a);
    free(b);
  }
}

static void frames_at_three_times_the_rate_show_the_same_phases(void **state) {
  (void)state;
  size_t n, m;
  const char *yaml = "{kind: grating, direction_deg: 50, waveform: square, diameter_um: 400}";
  ins_screen slow = plain_screen(24, 24, 25, 30), fast = plain_screen(24, 24, 25, 90);
  float *a = movie_of(yaml, &slow, &n), *b = movie_of(yaml, &fast, &m);
  assert_int_equal(3 * n, m);
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; i < 576; i++)
      assert_true(fabsf(a[k * 576 + i] - b[(3 * k + 1) * 576 + i]) < 1e-5f);
  free(a);
  free(b);
}

static void phase_is_counted_from_the_brightest_at_its_middle(void **state) {
  (void)state;
  ins_screen screen = plain_screen(9, 11, 10, (double)NAN);
  screen.still = true;
  for (int phase = 0; phase <= 360; phase += 45) {
    char yaml[200];
    size_t n;
    snprintf(
        yaml, sizeof yaml,
        "{kind: grating, motion: static, direction_deg: 20, phase_deg: %d, x_um: 30, y_um: 60}",
        phase);
    float *x = movie_of(yaml, &screen, &n);
    /* A period of 50 pixels loses less than a thousandth of its contrast. */
    assert_true(fabs((double)x[6 * 11 + 3] - cos(phase * M_PI / 180)) < 1e-3);
    free(x);
  }
}

/* The turn from pixel to pixel is exact enough for a screen of any width. */
static void a_wide_sine_keeps_its_phase(void **state) {
  (void)state;
  size_t n, width = 2000;
  ins_screen screen = plain_screen(1, width, 10, 30);
  float *x = movie_of("{kind: grating, motion: static, spatial_frequency_cpmm: 13.7}", &screen, &n);
  double most = sin(M_PI * 0.137) / (M_PI * 0.137);
  for (size_t j = 0; j < width; j++)
    assert_true(fabs((double)x[j] - most * cos(2 * M_PI * 0.137 * ((double)j - 999.5))) < 1e-6);
  free(x);
}

static void an_aperture_shows_a_disc_of_it(void **state) {
  (void)state;
  size_t n;
  ins_screen screen = plain_screen(30, 30, 20, 30);
  float *x = movie_of("{kind: grating, duration_s: 0.5, diameter_um: 300}", &screen, &n);
  float *whole = movie_of("{kind: grating, duration_s: 0.5}", &screen, &n);
  for (size_t k = 0; k < n * 900; k++) {
    double away = hypot((double)(k % 30) - 14.5, (double)(k / 30 % 30) - 14.5);
    if (away < 6.7) assert_true(x[k] == whole[k]);
    if (away > 8.3) assert_true(x[k] == 0);
  }
  free(x);
  free(whole);
}

static void what_cannot_be_shown_is_refused(void **state) {
  (void)state;
  ins_screen screen = plain_screen(20, 20, 50, 30), still = screen,
             unknown = plain_screen(20, 20, (double)NAN, 30);
  still.still = true;
  assert_refused("{kind: grating, spatial_frequency_cpmm: 10}", &screen, INS_ERR_ARGUMENT,
                 "must be below their Nyquist frequency, 10 cycles per mm");
  assert_refused("{kind: grating, temporal_frequency_hz: 15}", &screen, INS_ERR_ARGUMENT,
                 "must be below their Nyquist frequency, 15 Hz");
  assert_refused("{kind: grating}", &still, INS_ERR_ARGUMENT,
                 "motion drifting needs time, but the model sees single frames");
  assert_refused("{kind: grating, motion: counterphase}", &still, INS_ERR_ARGUMENT,
                 "motion counterphase needs time");
  assert_refused("{kind: grating}", &unknown, INS_ERR_MISSING, "retina_pixel_size_um");
  assert_refused("{kind: grating, diameter_um: 100, x_um: 2000}", &screen, INS_ERR_ARGUMENT,
                 "off the screen");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_drifting_sine_has_its_frequencies_and_direction_and_no_other),
      cmocka_unit_test(a_square_grating_has_the_fundamental_of_a_square_wave),
      cmocka_unit_test(a_counterphase_grating_goes_both_ways_alike),
      cmocka_unit_test(a_square_grating_shows_its_mean_over_each_pixel),
      cmocka_unit_test(a_grating_at_double_resolution_is_the_same_grating),
      cmocka_unit_test(frames_at_three_times_the_rate_show_the_same_phases),
      cmocka_unit_test(phase_is_counted_from_the_brightest_at_its_middle),
      cmocka_unit_test(a_wide_sine_keeps_its_phase),
      cmocka_unit_test(an_aperture_shows_a_disc_of_it),
      cmocka_unit_test(what_cannot_be_shown_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
