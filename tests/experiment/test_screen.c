/* SPDX-License-Identifier: MIT */
/* What stimuli are shown on: a model's units, numbers and trained range. */
#include <math.h>

#include "cmocka_all.h"
#include "experiment/screen.h"
#include "insilico/checkpoint.h"
#include "insilico/yaml.h"

static ins_model_source *source;
static ins_model *model;

static int open_model(void **state) {
  (void)state;
  if (ins_model_open("builtin:ground_truth?neurons=2", NULL, &source) != INS_OK) return -1;
  return ins_model_create(source, &model) == INS_OK ? 0 : -1;
}

static int close_model(void **state) {
  (void)state;
  ins_model_destroy(&model);
  ins_model_source_destroy(&source);
  return 0;
}

static ins_status screen_of(const char *yaml, ins_screen *screen) {
  ins_value *settings = NULL;
  if (yaml && ins_yaml_parse(yaml, strlen(yaml), "job.yaml", NULL, &settings) != INS_OK)
    fail_msg("%s", ins_message());
  ins_status status = ins_screen_of(model, source, settings, screen);
  ins_value_destroy(&settings);
  return status;
}

static void units_and_normalisation_of_the_model_count(void **state) {
  (void)state;
  ins_screen screen;
  assert_int_equal(screen_of(NULL, &screen), INS_OK);
  assert_int_equal(screen.n_channels, 2);
  assert_int_equal(screen.height, 36);
  assert_int_equal(screen.width, 32);
  assert_true(screen.pixel_um == 25 && screen.rate_hz == 30 && !screen.still);
  /* (luminance - 127.5) / 51: twice the mean luminance is 127.5 / 51 more. */
  for (size_t c = 0; c < 2; c++) assert_true(screen.grey[c] == 0 && screen.gain[c] == 2.5);
}

static void a_job_has_the_last_word(void **state) {
  (void)state;
  ins_screen screen;
  assert_int_equal(screen_of("{model: {units: {stimulus_rate_hz: 60, retina_pixel_size_um: 50}}, "
                             "intensity: {grey: [0.5, -1], contrast: {uv: 3}}}",
                             &screen),
                   INS_OK);
  assert_true(screen.pixel_um == 50 && screen.rate_hz == 60);
  assert_true(screen.grey[0] == 0.5 && screen.grey[1] == -1);
  assert_true(screen.gain[0] == 2.5 && screen.gain[1] == 3);
  assert_int_equal(screen_of("{intensity: {contrast: 0.7}}", &screen), INS_OK);
  assert_true(screen.gain[0] == 0.7 && screen.gain[1] == 0.7);
}

static void intensities_that_do_not_fit_are_refused_with_the_channels(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "{intensity: {grey: [1, 2, 3]}}", "{intensity: {contrast: {red: 1}}}",
      "{intensity: {contrast: high}}", "{intensity: {grey: [1, .nan]}}", "{intensity: {grey: []}}"};
  ins_screen screen;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_int_equal(screen_of(wrong[i], &screen), INS_ERR_ARGUMENT);
    assert_non_null(strstr(ins_message(), "green, uv"));
  }
}

/* Puts `value` into data_info for the time of a test. */
static ins_value *swap(const char *key, ins_value *value) {
  ins_value *old = ins_value_copy(ins_map_get(source->data_info, key));
  assert_int_equal(ins_map_take(source->data_info, key, value), INS_OK);
  return old;
}

static void put_back(const char *key, ins_value *old) {
  assert_int_equal(ins_map_take(source->data_info, key, old), INS_OK);
}

static void doubtful_units_are_unknown_and_the_refusal_says_why(void **state) {
  (void)state;
  ins_screen screen;
  ins_value *old = swap("retina_pixel_size_um", ins_value_text("50 or maybe 25"));
  assert_int_equal(screen_of(NULL, &screen), INS_OK);
  assert_true(isnan(screen.pixel_um) && screen.rate_hz == 30);
  ins_status status = ins_fail(INS_ERR_MISSING, "spot: no pixel size");
  assert_int_equal(ins_screen_explain(status, source, NULL), INS_ERR_MISSING);
  assert_non_null(strstr(ins_message(), "spot: no pixel size"));
  assert_non_null(strstr(ins_message(), "50 or maybe 25"));
  status = ins_fail(INS_ERR_ARGUMENT, "too fine");
  assert_int_equal(ins_screen_explain(status, source, NULL), INS_ERR_ARGUMENT);
  assert_string_equal(ins_message(), "too fine");
  put_back("retina_pixel_size_um", old);
}

static void a_model_without_normalisation_has_contrast_one(void **state) {
  (void)state;
  ins_screen screen;
  ins_value *old = swap("stim_mean", ins_value_real(NAN));
  assert_int_equal(screen_of(NULL, &screen), INS_OK);
  assert_true(screen.gain[0] == 1);
  put_back("stim_mean", old);
}

static void the_trained_range_is_given_or_that_of_mouse_movies_or_unknown(void **state) {
  (void)state;
  float bounds[2][2];
  ins_value *settings = NULL;
  assert_int_equal(ins_screen_range(model, source, NULL, bounds), INS_OK);
  assert_true(isinf(bounds[0][0]) && isinf(bounds[1][1]));
  ins_value *old = swap("animal_species", ins_value_text("Mouse"));
  assert_int_equal(ins_screen_range(model, source, NULL, bounds), INS_OK);
  assert_true(bounds[0][0] == -0.654F && bounds[1][0] == -0.913F && bounds[1][1] == 6.269F);
  const char *yaml = "{intensity: {range: {uv: [-1.0, 2.0]}}}";
  assert_int_equal(ins_yaml_parse(yaml, strlen(yaml), NULL, NULL, &settings), INS_OK);
  assert_int_equal(ins_screen_range(model, source, settings, bounds), INS_OK);
  assert_true(isinf(bounds[0][0]) && bounds[1][0] == -1 && bounds[1][1] == 2);
  ins_value_destroy(&settings);
  put_back("animal_species", old);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(units_and_normalisation_of_the_model_count),
      cmocka_unit_test(a_job_has_the_last_word),
      cmocka_unit_test(intensities_that_do_not_fit_are_refused_with_the_channels),
      cmocka_unit_test(doubtful_units_are_unknown_and_the_refusal_says_why),
      cmocka_unit_test(a_model_without_normalisation_has_contrast_one),
      cmocka_unit_test(the_trained_range_is_given_or_that_of_mouse_movies_or_unknown),
  };
  return cmocka_run_group_tests(tests, open_model, close_model);
}
