/* SPDX-License-Identifier: MIT */
/* White noise: its statistics, and that a number belongs to a place and a time, not to a clip. */
#include "scenes.h"

static const ins_screen two_channels = {
    .n_channels = 2, .height = 36, .width = 32, .pixel_um = 25, .rate_hz = 30, .gain = {1, 1}};

static double correlation(const float *a, const float *b, size_t n) {
  double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
  for (size_t i = 0; i < n; i++) {
    const double x = (double)a[i], y = (double)b[i];
    sa += x, sb += y, saa += x * x, sbb += y * y, sab += x * y;
  }
  const double m = (double)n;
  return (sab - sa * sb / m) / sqrt((saa - sa * sa / m) * (sbb - sb * sb / m));
}

static void moments(const float *x, size_t n, double *mean, double *variance) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i], squares += (double)x[i] * (double)x[i];
  *mean = sum / (double)n;
  *variance = squares / (double)n - *mean * *mean;
}

/* A check is a pixel here, so that n = 36 * 32 * 300 numbers are independent: four standard errors
 * of the mean are 4 / sqrt(n) = 0.007, of the variance of normal numbers 4 sqrt(2 / n) = 0.01. */
static void contrast_is_the_standard_deviation_about_a_mean_of_grey(void **state) {
  (void)state;
  const char *const yaml[] = {
      "{kind: white_noise, check_um: 25, duration_s: 10, contrast: 0.5}",
      "{kind: white_noise, check_um: 25, duration_s: 10, contrast: 0.5, distribution: gaussian}"};
  for (int gaussian = 0; gaussian < 2; gaussian++) {
    size_t n;
    double mean, variance;
    float *x = movie_of(yaml[gaussian], &two_channels, &n);
    assert_int_equal(n, 300);
    moments(x, n * 36 * 32, &mean, &variance);
    assert_true(fabs(mean) < 0.5 * 0.007);
    assert_true(fabs(variance / 0.25 - 1) < 0.01);
    for (size_t i = 0; !gaussian && i < n * 36 * 32; i++)
      assert_true(x[i] == 0.5F || x[i] == -0.5F);
    free(x);
  }
}

static void neighbours_in_space_and_time_are_independent(void **state) {
  (void)state;
  size_t n;
  const size_t frame = 36 * 32;
  float *x = movie_of("{kind: white_noise, check_um: 25, duration_s: 10}", &two_channels, &n);
  const double limit = 4 / sqrt((double)(n * frame - frame));
  assert_true(fabs(correlation(x, x + 1, n * frame - 1)) < limit);
  assert_true(fabs(correlation(x, x + 32, n * frame - 32)) < limit);
  assert_true(fabs(correlation(x, x + frame, n * frame - frame)) < limit);
  free(x);
}

static void channels_share_a_board_unless_they_are_independent(void **state) {
  (void)state;
  size_t n;
  float *x = movie_of("{kind: white_noise, check_um: 25, duration_s: 10}", &two_channels, &n);
  const size_t channel = n * 36 * 32;
  assert_memory_equal(x, x + channel, channel * sizeof *x);
  free(x);
  x = movie_of("{kind: white_noise, check_um: 25, duration_s: 10, independent: true}",
               &two_channels, &n);
  assert_true(fabs(correlation(x, x + channel, channel)) < 4 / sqrt((double)channel));
  free(x);
}

static void seeds_draw_other_boards(void **state) {
  (void)state;
  size_t n;
  float *a = movie_of("{kind: white_noise, check_um: 25, duration_s: 5}", &two_channels, &n);
  float *b =
      movie_of("{kind: white_noise, check_um: 25, duration_s: 5, seed: 1}", &two_channels, &n);
  assert_true(fabs(correlation(a, b, n * 36 * 32)) < 4 / sqrt((double)(n * 36 * 32)));
  free(a);
  free(b);
}

static void a_longer_clip_continues_a_shorter_one(void **state) {
  (void)state;
  const ins_screen screen = plain_screen(36, 32, 25, 30);
  size_t n_short, n_long;
  float *a = movie_of("{kind: white_noise, check_um: 50, duration_s: 1}", &screen, &n_short);
  float *b = movie_of("{kind: white_noise, check_um: 50, duration_s: 3}", &screen, &n_long);
  assert_int_equal(n_short, 30);
  assert_int_equal(n_long, 90);
  assert_memory_equal(a, b, n_short * 36 * 32 * sizeof *a);
  free(a);
  free(b);
}

static void a_place_shows_the_same_at_twice_the_resolution(void **state) {
  (void)state;
  /* An even and an odd number of checks, and one that is no whole number of pixels or checks. */
  const char *const yaml[] = {"{kind: white_noise, check_um: 100, duration_s: 1}",
                              "{kind: white_noise, check_um: 300, duration_s: 1}",
                              "{kind: white_noise, check_um: 70, duration_s: 1}"};
  const ins_screen coarse = plain_screen(36, 32, 25, 30), fine = plain_screen(72, 64, 12.5, 30);
  for (size_t k = 0; k < 3; k++) {
    size_t n;
    float *a = movie_of(yaml[k], &coarse, &n), *b = movie_of(yaml[k], &fine, &n);
    for (size_t t = 0; t < n; t++)
      assert_true(coarse_difference(a + t * 36 * 32, b + t * 72 * 64, 36, 32) < 1e-6);
    free(a);
    free(b);
  }
}

static void whole_checks_fill_the_screen_without_mixing(void **state) {
  (void)state;
  const ins_screen even = plain_screen(8, 8, 25, 30), odd = plain_screen(9, 9, 25, 30);
  size_t n;
  float *x = movie_of("{kind: white_noise, check_um: 50, duration_s: 1}", &even, &n);
  for (size_t t = 0; t < n; t++)
    for (size_t y = 0; y < 8; y++)
      for (size_t j = 0; j < 8; j++)
        assert_true(x[(t * 8 + y) * 8 + j] == x[(t * 8 + y / 2 * 2) * 8 + j / 2 * 2]);
  free(x);
  x = movie_of("{kind: white_noise, check_um: 25, duration_s: 1}", &odd, &n);
  for (size_t i = 0; i < n * 81; i++) assert_true(fabsf(x[i]) == 1);
  free(x);
}

static void a_board_stands_until_the_next_update(void **state) {
  (void)state;
  const ins_screen screen = plain_screen(9, 9, 25, 30);
  size_t n, changes = 0;
  float *x =
      movie_of("{kind: white_noise, check_um: 25, update_hz: 10, duration_s: 2}", &screen, &n);
  assert_int_equal(n, 60);
  for (size_t t = 1; t < n; t++) {
    const bool changed = memcmp(x + t * 81, x + (t - 1) * 81, 81 * sizeof *x) != 0;
    assert_true(changed == (t % 3 == 0));
    changes += changed;
  }
  assert_int_equal(changes, 19);
  free(x);
}

static void what_cannot_be_shown_is_refused_with_the_limit(void **state) {
  (void)state;
  assert_refused("{kind: white_noise, check_um: 10}", &two_channels, INS_ERR_ARGUMENT,
                 "smaller than a pixel, which is 25 um");
  assert_refused("{kind: white_noise, update_hz: 60}", &two_channels, INS_ERR_ARGUMENT,
                 "above the model's 30 frames");
  ins_screen unknown = two_channels;
  unknown.pixel_um = NAN;
  assert_refused("{kind: white_noise}", &unknown, INS_ERR_MISSING, "retina_pixel_size_um");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contrast_is_the_standard_deviation_about_a_mean_of_grey),
      cmocka_unit_test(neighbours_in_space_and_time_are_independent),
      cmocka_unit_test(channels_share_a_board_unless_they_are_independent),
      cmocka_unit_test(seeds_draw_other_boards),
      cmocka_unit_test(a_longer_clip_continues_a_shorter_one),
      cmocka_unit_test(a_place_shows_the_same_at_twice_the_resolution),
      cmocka_unit_test(whole_checks_fill_the_screen_without_mixing),
      cmocka_unit_test(a_board_stands_until_the_next_update),
      cmocka_unit_test(what_cannot_be_shown_is_refused_with_the_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
