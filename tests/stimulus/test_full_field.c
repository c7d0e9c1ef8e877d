/* SPDX-License-Identifier: MIT */
/* Steps and flashes: the whole screen, for as long as asked. */
#include "scenes.h"

static void a_step_fills_the_screen_for_its_time(void **state) {
  (void)state;
  static const double rates[] = {7.8, 30, 60, 100};
  for (size_t r = 0; r < 4; r++) {
    size_t n;
    ins_screen screen = plain_screen(3, 4, (double)NAN, rates[r]);
    float *x = movie_of("{kind: step, contrast: -0.75}", &screen, &n);
    assert_true(fabs((double)n / rates[r] - 2) <= 0.5 / rates[r]);
    for (size_t i = 0; i < 12 * n; i++) assert_true(x[i] == -0.75f);
    free(x);
  }
}

static void a_flash_is_brief_unless_told_otherwise(void **state) {
  (void)state;
  size_t n;
  ins_screen screen = plain_screen(3, 4, (double)NAN, 30);
  free(movie_of("{kind: flash}", &screen, &n));
  assert_int_equal(n, 6);
  free(movie_of("{kind: flash, duration_s: 0.05}", &screen, &n));
  assert_int_equal(n, 2);
}

static void single_frames_need_no_units_at_all(void **state) {
  (void)state;
  static const char *const kinds[] = {"{kind: step}", "{kind: flash, duration_s: 0.001}"};
  ins_screen screen = plain_screen(3, 4, (double)NAN, (double)NAN);
  screen.still = true;
  for (size_t k = 0; k < 2; k++) {
    size_t n;
    float *x = movie_of(kinds[k], &screen, &n);
    assert_int_equal(n, 1);
    for (size_t i = 0; i < 12; i++) assert_true(x[i] == 1);
    free(x);
  }
}

static void what_cannot_be_shown_is_refused(void **state) {
  (void)state;
  ins_screen screen = plain_screen(3, 4, 50, 30), unknown = plain_screen(3, 4, 50, (double)NAN);
  assert_refused("{kind: flash, duration_s: 0.01}", &screen, INS_ERR_ARGUMENT,
                 "at 30 frames a second the shortest that can be shown is 0.01667 s");
  assert_refused("{kind: step}", &unknown, INS_ERR_MISSING, "give model.units.stimulus_rate_hz");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_fills_the_screen_for_its_time),
      cmocka_unit_test(a_flash_is_brief_unless_told_otherwise),
      cmocka_unit_test(single_frames_need_no_units_at_all),
      cmocka_unit_test(what_cannot_be_shown_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
