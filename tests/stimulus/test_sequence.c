/* SPDX-License-Identifier: MIT */
/* Sequences: parts in their order, pauses between, each as if it were alone. */
#include "scenes.h"

static const char *const yaml =
    "{kind: sequence, pause_s: 0.2, background: -0.1, parts: ["
    "{kind: step, contrast: 0.5, duration_s: 0.5}, "
    "{kind: moving_bar, direction_deg: 90, speed_um_s: 800, contrast: -1, background: 0.3}, "
    "{kind: white_noise, check_um: 50, duration_s: 0.3, seed: 7}]}";

static void expect_level(const float *x, size_t from, size_t to, size_t frame, float level) {
  for (size_t i = from * frame; i < to * frame; i++) assert_true(fabsf(x[i] - level) < 1e-6F);
}

static void parts_come_in_order_with_pauses_between(void **state) {
  (void)state;
  const ins_screen screen = plain_screen(16, 16, 25, 30);
  const size_t frame = 16 * 16;
  size_t n, n_bar, n_noise;
  float *x = movie_of(yaml, &screen, &n);
  float *bar = movie_of(
      "{kind: moving_bar, direction_deg: 90, speed_um_s: 800, contrast: -1, background: 0.3}",
      &screen, &n_bar);
  float *noise =
      movie_of("{kind: white_noise, check_um: 50, duration_s: 0.3, seed: 7}", &screen, &n_noise);
  assert_int_equal(n, 15 + 6 + n_bar + 6 + n_noise);
  expect_level(x, 0, 15, frame, 0.5F);
  expect_level(x, 15, 21, frame, -0.1F);
  for (size_t i = 0; i < n_bar * frame; i++) assert_true(fabsf(x[21 * frame + i] - bar[i]) < 1e-6F);
  expect_level(x, 21 + n_bar, 27 + n_bar, frame, -0.1F);
  for (size_t i = 0; i < n_noise * frame; i++)
    assert_true(fabsf(x[(27 + n_bar) * frame + i] - noise[i]) < 1e-6F);
  free(x);
  free(bar);
  free(noise);
}

static void colours_of_parts_hold(void **state) {
  (void)state;
  ins_screen screen = plain_screen(4, 4, 25, 30);
  screen.n_channels = 2;
  screen.gain[0] = 2;
  screen.gain[1] = 3;
  screen.grey[1] = 1;
  size_t n;
  float *x = movie_of("{kind: sequence, parts: [{kind: step, color: green, duration_s: 0.1}, "
                      "{kind: step, color: uv, contrast: -1, duration_s: 0.1}]}",
                      &screen, &n);
  assert_int_equal(n, 6);
  const float *green = x, *uv = x + 6 * 16;
  assert_true(green[0] == 2 && uv[0] == 1);
  assert_true(green[5 * 16] == 0 && uv[5 * 16] == -2);
  free(x);
}

static void parts_stand_where_the_sequence_is_placed(void **state) {
  (void)state;
  const ins_screen screen = plain_screen(20, 20, 10, 30);
  size_t n;
  double middle[2];
  float *x = movie_of("{kind: sequence, x_um: 50, y_um: 120, parts: [{kind: spot, diameter_um: 40, "
                      "duration_s: 0.1}]}",
                      &screen, &n);
  mass_of(x, 20, 20, middle);
  assert_true(fabs(middle[0] - 5) < 1e-4 && fabs(middle[1] - 12) < 1e-4);
  free(x);
}

static void sequences_can_hold_sequences(void **state) {
  (void)state;
  const ins_screen screen = plain_screen(4, 4, 25, 30);
  size_t n;
  float *x =
      movie_of("{kind: sequence, parts: [{kind: sequence, pause_s: 0.1, parts: [{kind: step, "
               "duration_s: 0.1}, {kind: step, contrast: -1, duration_s: 0.1}]}, "
               "{kind: step, contrast: 0.5, duration_s: 0.1}]}",
               &screen, &n);
  assert_int_equal(n, 12);
  expect_level(x, 0, 3, 16, 1);
  expect_level(x, 3, 6, 16, 0);
  expect_level(x, 6, 9, 16, -1);
  expect_level(x, 9, 12, 16, 0.5F);
  free(x);
}

static void parts_that_cannot_be_shown_are_named(void **state) {
  (void)state;
  ins_screen screen = plain_screen(16, 16, 25, 30);
  assert_refused("{kind: sequence, parts: [{kind: step}, {kind: grating, direction_deg: [0, 90]}]}",
                 &screen, INS_ERR_ARGUMENT, "parts.1.direction_deg has 2 values");
  assert_refused("{kind: sequence, parts: [{kind: spot, diameter_um: '2 * sigma_um'}]}", &screen,
                 INS_ERR_ARGUMENT, "parts.0.diameter_um is '2 * sigma_um'");
  assert_refused("{kind: sequence, parts: [{kind: plaid, spatial_frequency_cpmm: 20}]}", &screen,
                 INS_ERR_ARGUMENT, "parts.0 of a sequence");
  assert_refused("{kind: sequence, parts: []}", &screen, INS_ERR_ARGUMENT, "parts is empty");
  screen.still = true;
  assert_refused("{kind: sequence, parts: [{kind: spot}]}", &screen, INS_ERR_ARGUMENT,
                 "needs time");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_come_in_order_with_pauses_between),
      cmocka_unit_test(colours_of_parts_hold),
      cmocka_unit_test(parts_stand_where_the_sequence_is_placed),
      cmocka_unit_test(sequences_can_hold_sequences),
      cmocka_unit_test(parts_that_cannot_be_shown_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
