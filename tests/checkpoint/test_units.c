/* SPDX-License-Identifier: MIT */
/* Units: what files say, what jobs say, what is known of published files, what is never guessed. */
#include "insilico/units.h"

#include <math.h>

#include "insilico/yaml.h"
#include "support.h"

static ins_value *yaml(const char *text) {
  ins_value *value = NULL;
  assert_ok(ins_yaml_parse(text, strlen(text), NULL, NULL, &value));
  return value;
}

/* A source of which only what units go by is there. */
static ins_model_source *source(const char *file, const char *shape, const char *info) {
  ins_model_source *s = calloc(1, sizeof *s);
  ins_text text = {0};
  ins_text_add(&text, "{in_shape: %s}", shape);
  s->architecture = yaml(text.data);
  ins_text_free(&text);
  ins_text_add(&text, "{file: %s}", file);
  s->provenance = yaml(text.data);
  s->parameters = ins_value_map();
  s->data_info = yaml(info);
  ins_text_free(&text);
  return s;
}

static void drop(ins_model_source *s) {
  ins_value_destroy(&s->architecture);
  ins_value_destroy(&s->provenance);
  ins_value_destroy(&s->parameters);
  ins_value_destroy(&s->data_info);
  free(s);
}

static ins_units units_of(const char *info, const char *overrides) {
  ins_units units;
  ins_model_source *s = source("model.ckpt", "[2, 50, 18, 16]", info);
  ins_value *given = overrides ? yaml(overrides) : NULL;
  ins_units_read(s, given, &units);
  ins_value_destroy(&given);
  drop(s);
  return units;
}

static void rates_are_read_in_every_way_that_is_a_number(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } cases[] = {{"30", 30},      {"30.0", 30},      {"'30'", 30},  {"85Hz", 85},
               {"'85 Hz'", 85}, {"75.5 hz", 75.5}, {"null", NAN}, {".nan", NAN},
               {"nan", NAN},    {"None", NAN},     {"''", NAN}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char info[100];
    snprintf(info, sizeof info, "{stimulus_rate_hz: %s}", cases[i].text);
    ins_units units = units_of(info, NULL);
    double is = units.stimulus_rate_hz.value;
    if (is != cases[i].value && !(isnan(is) && isnan(cases[i].value)))
      fail_msg("%s is %g", cases[i].text, is);
    assert_string_equal(units.stimulus_rate_hz.doubt, "");
    if (isnan(is))
      assert_null(units.stimulus_rate_hz.source);
    else
      assert_string_equal(units.stimulus_rate_hz.source, "data_info of the model file");
  }
}

static void what_is_no_plain_number_is_in_doubt(void **state) {
  (void)state;
  static const char *const cases[] = {"7.5 for full resolution, 30 for default subsampled dataset",
                                      "about 50",
                                      "50 um?",
                                      "-3",
                                      "0",
                                      "[50, 50]",
                                      "true",
                                      ".inf",
                                      "30 Hz"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char info[200];
    double x = -1;
    snprintf(info, sizeof info,
             i == 0 ? "{retina_pixel_size_um: '%s'}" : "{retina_pixel_size_um: %s}", cases[i]);
    ins_units units = units_of(info, NULL);
    if (!units.pixel_size_um.doubt[0]) fail_msg("%s is not doubted", cases[i]);
    assert_int_equal(ins_units_need_pixel(&units, &x), INS_ERR_MISSING);
    assert_message("in doubt");
    assert_message("give model.units.retina_pixel_size_um");
    assert_true(x == -1);
  }
}

static void a_job_has_the_last_word(void **state) {
  (void)state;
  double x;
  ins_units units =
      units_of("{stimulus_rate_hz: 30, retina_pixel_size_um: a sentence, response_rate_hz: 15}",
               "{stimulus_rate_hz: 100, retina_pixel_size_um: 25, response_rate_hz: null}");
  assert_ok(ins_units_need_rate(&units, &x));
  assert_true(x == 100);
  assert_string_equal(units.stimulus_rate_hz.source, "model.units of the job");
  assert_ok(ins_units_need_pixel(&units, &x));
  assert_true(x == 25);
  assert_true(units.response_rate_hz.value == 15);
}

static void what_is_missing_is_asked_for_by_its_key(void **state) {
  (void)state;
  double x;
  ins_units units = units_of("{}", NULL);
  assert_int_equal(ins_units_need_rate(&units, &x), INS_ERR_MISSING);
  assert_message("is not known");
  assert_message("give model.units.stimulus_rate_hz");
  assert_int_equal(ins_units_need_pixel(&units, &x), INS_ERR_MISSING);
  assert_message("give model.units.retina_pixel_size_um");
}

/* ---- published files ------------------------------------------------------------------------- */

static void the_low_resolution_mouse_has_pixels_of_50_um(void **state) {
  (void)state;
  static const struct {
    const char *file, *shape, *says;
    double is;
    bool corrected;
  } cases[] = {
      {"hoefling_2024_cnn_low_res.ckpt", "[2, 150, 18, 16]", "12.5", 50, true},
      {"hoefling_2024_base_low_res.ckpt", "[2, 150, 18, 16]", "12.5", 50, true},
      {"hoefling_2024_cnn_low_res.ckpt", "[2, 150, 18, 16]", "50", 50, false}, /* put right */
      {"hoefling_2024_cnn_low_res.ckpt", "[2, 150, 72, 64]", "12.5", 12.5, false},
      {"hoefling_2024_cnn_high_res.ckpt", "[2, 150, 72, 64]", "12.5", 12.5, false},
      {"my_low_res.ckpt", "[2, 150, 18, 16]", "12.5", 12.5, false}, /* nothing is known of it */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char info[100];
    double x;
    ins_units units;
    snprintf(info, sizeof info, "{retina_pixel_size_um: %s}", cases[i].says);
    ins_model_source *s = source(cases[i].file, cases[i].shape, info);
    ins_units_read(s, NULL, &units);
    assert_ok(ins_units_need_pixel(&units, &x));
    assert_true(x == cases[i].is);
    assert_string_equal(units.pixel_size_um.source, cases[i].corrected
                                                        ? "errata of published files"
                                                        : "data_info of the model file");
    drop(s);
  }
}

static void other_claims_of_published_files_are_doubted(void **state) {
  (void)state;
  double x;
  ins_units units;
  ins_model_source *s = source("maheswaranathan_2023.ckpt", "[1, 100, 50, 50]",
                               "{stimulus_rate_hz: 30, retina_pixel_size_um: 50}");
  ins_units_read(s, NULL, &units);
  assert_int_equal(ins_units_need_rate(&units, &x), INS_ERR_MISSING);
  assert_message("says 30, but the recordings were binned at 100 Hz");
  assert_int_equal(ins_units_need_pixel(&units, &x), INS_ERR_MISSING);
  ins_value *given = yaml("{stimulus_rate_hz: 30}");
  ins_units_read(s, given, &units); /* who says so knows */
  assert_ok(ins_units_need_rate(&units, &x));
  assert_true(x == 30);
  ins_value_destroy(&given);
  drop(s);
}

static void an_ensemble_goes_by_its_first_member(void **state) {
  (void)state;
  ins_units units;
  ins_model_source *s = source("folder", "[2, 150, 18, 16]", "{retina_pixel_size_um: 12.5}");
  ins_value_destroy(&s->provenance);
  s->provenance =
      yaml("{file: folder, members: [{file: hoefling_2024_cnn_low_res.ckpt}, {file: b.ckpt}]}");
  ins_units_read(s, NULL, &units);
  assert_true(units.pixel_size_um.value == 50);
  drop(s);
}

/* ---- normalisation --------------------------------------------------------------------------- */

static void a_normalisation_that_is_none_changes_nothing(void **state) {
  (void)state;
  static const struct {
    const char *info;
    double mean, sd;
  } cases[] = {{"{stim_mean: 36.5, stim_std: 28.25}", 36.5, 28.25},
               {"{stim_mean: .nan, stim_std: .nan}", 0, 1},
               {"{stim_mean: null, stim_std: null}", 0, 1},
               {"{stim_mean: 3, stim_std: 0}", 3, 1},
               {"{}", 0, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    double mean, sd;
    ins_model_source *s = source("model.ckpt", "[2, 50, 18, 16]", cases[i].info);
    ins_units_normalisation(s, &mean, &sd);
    assert_true(mean == cases[i].mean && sd == cases[i].sd);
    drop(s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rates_are_read_in_every_way_that_is_a_number),
      cmocka_unit_test(what_is_no_plain_number_is_in_doubt),
      cmocka_unit_test(a_job_has_the_last_word),
      cmocka_unit_test(what_is_missing_is_asked_for_by_its_key),
      cmocka_unit_test(the_low_resolution_mouse_has_pixels_of_50_um),
      cmocka_unit_test(other_claims_of_published_files_are_doubted),
      cmocka_unit_test(an_ensemble_goes_by_its_first_member),
      cmocka_unit_test(a_normalisation_that_is_none_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
