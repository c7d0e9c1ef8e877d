/* SPDX-License-Identifier: MIT */
/* Gabors, differences of Gaussians and plaids against their formulas. */
#include "scenes.h"

enum { N = 64 };
static const double pixel_um = 10;

static ins_screen screen(void) {
  return plain_screen(N, N, pixel_um, 60);
}

/* |sum of x exp(-i 2 pi (fx j + fy i))|^2, frequencies in cycles a pixel. */
static double power(const float *x, double fx, double fy) {
  double re = 0, im = 0;
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      const double angle = 2 * M_PI * (fx * (double)j + fy * (double)i);
      re += (double)x[i * N + j] * cos(angle);
      im += (double)x[i * N + j] * sin(angle);
    }
  return re * re + im * im;
}

/* Where the power of an image is largest, by a search over half of the plane of frequencies. */
static void peak(const float *x, double *fx, double *fy) {
  double best = -1;
  for (int v = -32; v <= 32; v++)
    for (int u = 0; u <= 32; u++) {
      const double p = power(x, u / 128.0, v / 128.0);
      if (p <= best) continue;
      best = p;
      *fx = u / 128.0;
      *fy = v / 128.0;
    }
}

/* 12.5 cycles per mm of 10 um pixels are 0.125 cycles a pixel; rows count downwards. */
static void a_gabors_spectrum_peaks_at_its_frequency_and_orientation(void **state) {
  (void)state;
  static const double directions[] = {0, 30, 90, 150};
  const ins_screen s = screen();
  for (size_t k = 0; k < 4; k++) {
    char yaml[200];
    size_t n;
    double fx = 0, fy = 0;
    snprintf(yaml, sizeof yaml,
             "{kind: gabor, direction_deg: %g, spatial_frequency_cpmm: 12.5, sigma_um: 80, "
             "phase_deg: 40}",
             directions[k]);
    float *x = movie_of(yaml, &s, &n);
    peak(x, &fx, &fy);
    const double angle = directions[k] * M_PI / 180;
    double wx = 0.125 * cos(angle), wy = -0.125 * sin(angle);
    if (wx < -1e-9) wx = -wx, wy = -wy;
    if (fabs(wx) < 1e-9) wy = fabs(wy), fy = fabs(fy);
    assert_true(hypot(fx - wx, fy - wy) < 1.0 / 128);
    free(x);
  }
}

static void a_gabor_is_its_formula_where_pixels_are_fine(void **state) {
  (void)state;
  const ins_screen s = screen();
  size_t n;
  float *x = movie_of("{kind: gabor, direction_deg: 0, spatial_frequency_cpmm: 2, sigma_um: 100, "
                      "aspect: 0.5, phase_deg: 90, x_um: 300, y_um: 200}",
                      &s, &n);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      const double u = (double)j * pixel_um - 300, v = ((double)i * pixel_um - 200) * 0.5;
      const double q = exp(-(u * u + v * v) / 2e4) * cos(2 * M_PI * 0.002 * u + M_PI / 2);
      /* The mean over a pixel differs from its middle by curvature: (k a)^2 / 24 of a cycle. */
      assert_true(fabs((double)x[i * N + j] - q) < 2e-3);
    }
  free(x);
}

static void a_gabors_cover_takes_the_place_of_the_background(void **state) {
  (void)state;
  const ins_screen s = plain_screen(65, 65, pixel_um, 60);
  size_t n;
  float *x = movie_of("{kind: gabor, sigma_um: 60, contrast: 0, background: -0.5}", &s, &n);
  assert_true(fabsf(x[32 * 65 + 32]) < 0.01F); /* grey in the middle */
  assert_true(fabsf(x[0] + 0.5F) < 1e-3F);     /* the background beside it */
  free(x);
}

/* The sign of the phase that a frame later matches: bright stripes have moved along. */
static void a_drifting_gabor_moves_in_its_direction(void **state) {
  (void)state;
  static const double directions[] = {0, 45, 90, 180, 270};
  const ins_screen s = screen();
  for (size_t k = 0; k < 5; k++) {
    char yaml[200];
    size_t n;
    snprintf(yaml, sizeof yaml,
             "{kind: gabor, direction_deg: %g, spatial_frequency_cpmm: 5, sigma_um: 120, "
             "temporal_frequency_hz: 3, duration_s: 0.5}",
             directions[k]);
    float *x = movie_of(yaml, &s, &n);
    assert_int_equal(n, 30);
    /* 3 Hz in frames of 1/60 s: a 20th of a cycle a frame, 0.05 / 0.05 = 1 pixel. */
    const double angle = directions[k] * M_PI / 180;
    const double fx = 0.05 * cos(angle), fy = -0.05 * sin(angle);
    double shift[2];
    for (size_t t = 0; t < 2; t++) {
      double re = 0, im = 0;
      for (size_t i = 0; i < N * N; i++) {
        const double a = 2 * M_PI * (fx * (double)(i % N) + fy * (double)(i / N));
        re += (double)x[t * N * N + i] * cos(a);
        im -= (double)x[t * N * N + i] * sin(a);
      }
      shift[t] = atan2(im, re);
    }
    /* The screen's edges, at 2.7 SD, let a little of the opposite frequency through. */
    assert_true(fabs(remainder(shift[1] - shift[0] + 2 * M_PI * 0.05, 2 * M_PI)) < 0.02);
    free(x);
  }
}

static void a_gabor_shows_the_same_at_twice_the_resolution(void **state) {
  (void)state;
  const ins_screen coarse = plain_screen(36, 32, 25, 30), fine = plain_screen(72, 64, 12.5, 30);
  const char *const yaml[] = {
      "{kind: gabor, direction_deg: 25, spatial_frequency_cpmm: 10, sigma_um: 60, aspect: 2}",
      "{kind: plaid, direction_deg: 25, spatial_frequency_cpmm: 10, sigma_um: 60}",
      "{kind: difference_of_gaussians, center_sigma_um: 20, surround_sigma_um: 50}"};
  for (size_t k = 0; k < 3; k++) {
    size_t n;
    float *a = movie_of(yaml[k], &coarse, &n), *b = movie_of(yaml[k], &fine, &n);
    assert_true(coarse_difference(a, b, 36, 32) < 2e-5);
    free(a);
    free(b);
  }
}

static void a_plaid_is_half_the_sum_of_two_gratings(void **state) {
  (void)state;
  const ins_screen s = screen();
  size_t n, m;
  float *plaid = movie_of("{kind: plaid, direction_deg: 20, angle_deg: 100, "
                          "spatial_frequency_cpmm: 6, temporal_frequency_hz: 4, phase_deg: 30, "
                          "diameter_um: 400, duration_s: 1}",
                          &s, &n);
  float *a = movie_of("{kind: grating, direction_deg: -30, spatial_frequency_cpmm: 6, "
                      "temporal_frequency_hz: 4, phase_deg: 30, diameter_um: 400, duration_s: 1}",
                      &s, &m);
  assert_int_equal(n, m);
  float *b = movie_of("{kind: grating, direction_deg: 70, spatial_frequency_cpmm: 6, "
                      "temporal_frequency_hz: 4, phase_deg: 30, diameter_um: 400, duration_s: 1}",
                      &s, &m);
  double largest = 0;
  for (size_t i = 0; i < n * N * N; i++) {
    assert_true(fabsf(plaid[i] - (a[i] + b[i]) / 2) < 1e-5F);
    largest = fmax(largest, fabs((double)plaid[i]));
  }
  assert_true(largest > 0.9 && largest <= 1 + 1e-6);
  free(plaid);
  free(a);
  free(b);
}

static double sum_of(const float *x) {
  double sum = 0;
  for (size_t i = 0; i < N * N; i++) sum += (double)x[i];
  return sum;
}

static void a_balanced_difference_of_gaussians_adds_no_light(void **state) {
  (void)state;
  ins_screen s = plain_screen(N, N, pixel_um, 60);
  size_t n;
  float *balanced = movie_of(
      "{kind: difference_of_gaussians, center_sigma_um: 25, surround_sigma_um: 60}", &s, &n);
  float *center =
      movie_of("{kind: difference_of_gaussians, center_sigma_um: 25, surround_weight: 0}", &s, &n);
  float *half = movie_of("{kind: difference_of_gaussians, center_sigma_um: 25, surround_sigma_um: "
                         "60, surround_weight: 0.5}",
                         &s, &n);
  const double alone = 2 * M_PI * 2.5 * 2.5, k = 0.5 * 625 / 3600;
  assert_true(fabs(sum_of(balanced)) < 1e-3 * alone);
  assert_true(fabs(sum_of(center) / alone - 1) < 1e-4);
  assert_true(fabs(sum_of(half) / (alone * 0.5 / (1 - k)) - 1) < 1e-3);
  free(balanced);
  free(center);
  free(half);
}

static void the_middle_of_a_difference_of_gaussians_is_full_contrast(void **state) {
  (void)state;
  const ins_screen s = plain_screen(65, 65, 1, 60);
  size_t n;
  float *x = movie_of(
      "{kind: difference_of_gaussians, center_sigma_um: 10, surround_sigma_um: 20, contrast: -0.8}",
      &s, &n);
  assert_true(fabsf(x[32 * 65 + 32] + 0.8F) < 2e-3F);
  assert_true(x[32 * 65 + 54] > 0.01F); /* the surround's sign is the other */
  free(x);
}

static void what_cannot_be_shown_is_refused_with_the_limit(void **state) {
  (void)state;
  ins_screen s = plain_screen(36, 32, 25, 30);
  assert_refused("{kind: gabor, spatial_frequency_cpmm: 20}", &s, INS_ERR_ARGUMENT,
                 "20 cycles per mm");
  assert_refused("{kind: plaid, temporal_frequency_hz: 15}", &s, INS_ERR_ARGUMENT, "15 Hz");
  assert_refused("{kind: gabor, sigma_um: 10}", &s, INS_ERR_ARGUMENT, "half a pixel, 12.5 um");
  assert_refused("{kind: gabor, x_um: 5000}", &s, INS_ERR_ARGUMENT, "off the screen");
  assert_refused("{kind: difference_of_gaussians, surround_weight: 9}", &s, INS_ERR_ARGUMENT,
                 "below (surround_sigma_um / center_sigma_um)^2, 9");
  assert_refused("{kind: difference_of_gaussians, surround_sigma_um: 20}", &s, INS_ERR_ARGUMENT,
                 "must be larger than center_sigma_um");
  s.still = true;
  assert_refused("{kind: plaid}", &s, INS_ERR_ARGUMENT, "needs time");
  size_t n;
  float *x = movie_of("{kind: plaid, temporal_frequency_hz: 0}", &s, &n);
  assert_int_equal(n, 1);
  free(x);
  s.pixel_um = NAN;
  assert_refused("{kind: gabor}", &s, INS_ERR_MISSING, "retina_pixel_size_um");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_gabors_spectrum_peaks_at_its_frequency_and_orientation),
      cmocka_unit_test(a_gabor_is_its_formula_where_pixels_are_fine),
      cmocka_unit_test(a_gabors_cover_takes_the_place_of_the_background),
      cmocka_unit_test(a_drifting_gabor_moves_in_its_direction),
      cmocka_unit_test(a_gabor_shows_the_same_at_twice_the_resolution),
      cmocka_unit_test(a_plaid_is_half_the_sum_of_two_gratings),
      cmocka_unit_test(a_balanced_difference_of_gaussians_adds_no_light),
      cmocka_unit_test(the_middle_of_a_difference_of_gaussians_is_full_contrast),
      cmocka_unit_test(what_cannot_be_shown_is_refused_with_the_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
