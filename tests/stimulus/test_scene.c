/* SPDX-License-Identifier: MIT */
/* What the engine makes of a pattern: numbers, colours, frames; and what it says of their range. */
#include "scenes.h"

/* A model's two channels, as standardised movies have them. */
static const ins_screen screen = {.n_channels = 2,
                                  .height = 20,
                                  .width = 18,
                                  .pixel_um = 50,
                                  .rate_hz = 30,
                                  .grey = {0.5, -2},
                                  .gain = {3, 4}};
enum { FRAME = 360, MIDDLE = 9 * 18 + 8 };

/* Numbers of both channels in the middle of a spot, and off it, in contrast. */
static void assert_contrasts(const char *settings, double green, double uv, double background) {
  char yaml[200];
  size_t n;
  snprintf(yaml, sizeof yaml, "{kind: spot, diameter_um: 400, %s}", settings);
  float *x = movie_of(yaml, &screen, &n);
  const double inside[2] = {green, uv};
  for (size_t c = 0; c < 2; c++)
    for (size_t k = 0; k < n; k++) {
      const float *frame = x + (c * n + k) * FRAME;
      double in = ((double)frame[MIDDLE] - screen.grey[c]) / screen.gain[c];
      double out = ((double)frame[0] - screen.grey[c]) / screen.gain[c];
      if (fabs(in - inside[c]) > 1e-6 || fabs(out - background) > 1e-6)
        fail_msg("%s: channel %zu has %g in %g", yaml, c, in, out);
    }
  free(x);
}

static void contrast_colour_and_background_add_up_as_documented(void **state) {
  (void)state;
  assert_contrasts("contrast: 0.8", 0.8, 0.8, 0);
  assert_contrasts("contrast: -0.8", -0.8, -0.8, 0);
  assert_contrasts("contrast: 0.8, background: -1", 0.8, 0.8, -1);
  assert_contrasts("contrast: 0, background: -1", 0, 0, -1);
  assert_contrasts("contrast: -1, background: 1", -1, -1, 1);
  assert_contrasts("color: green", 1, 0, 0);
  assert_contrasts("color: uv, contrast: -0.5", 0, -0.5, 0);
  assert_contrasts("color: uv, background: -1", -1, 1, -1);
  assert_contrasts("color: opponent, contrast: 0.7", 0.7, -0.7, 0);
  assert_contrasts("color: opponent, contrast: 0.4, background: 0.1", 0.4, -0.2, 0.1);
  assert_contrasts("color: '0.5, -0.25', contrast: 0.8", 0.4, -0.2, 0);
}

/* The edge of a spot is as much of the one as of the other. */
static void an_edge_blends_stimulus_and_background(void **state) {
  (void)state;
  size_t n;
  float *on_grey = movie_of("{kind: spot, diameter_um: 430}", &screen, &n);
  float *on_dark = movie_of("{kind: spot, diameter_um: 430, background: -0.6}", &screen, &n);
  size_t edges = 0;
  for (size_t i = 0; i < FRAME; i++) {
    double share = ((double)on_grey[i] - 0.5) / 3, blend = share - 0.6 * (1 - share);
    assert_true(fabs(((double)on_dark[i] - 0.5) / 3 - blend) < 1e-6);
    edges += share > 0.01 && share < 0.99;
  }
  assert_true(edges > 20);
  free(on_grey);
  free(on_dark);
}

static void before_and_after_there_is_background(void **state) {
  (void)state;
  enum { ONSET = 4, N = 16 };
  ins_scene *scene = scene_of("{kind: flash, background: -0.5, color: green}", &screen);
  float x[2 * N * FRAME];
  assert_int_equal(ins_scene_frames(scene), 6);
  ins_scene_render(scene, ONSET, N, x);
  for (size_t k = 0; k < N; k++)
    for (size_t i = 0; i < FRAME; i++) {
      bool on = k >= ONSET && k < ONSET + 6;
      assert_true(x[k * FRAME + i] == (on ? 3.5f : -1));
      assert_true(x[(N + k) * FRAME + i] == -4);
    }
  ins_scene_destroy(&scene);
}

/* A clip too short for the stimulus, or that ends before its onset, is filled all the same. */
static void clips_of_any_length_are_filled(void **state) {
  (void)state;
  ins_scene *scene = scene_of("{kind: step}", &screen);
  float x[2 * 3 * FRAME + 1];
  x[2 * 3 * FRAME] = 77;
  ins_scene_render(scene, 2, 3, x);
  assert_true(x[FRAME] == 0.5f && x[2 * FRAME] == 3.5f);
  ins_scene_render(scene, 9, 3, x);
  assert_true(x[2 * FRAME] == 0.5f);
  ins_scene_render(scene, 0, 0, x);
  assert_true(x[2 * 3 * FRAME] == 77);
  ins_scene_destroy(&scene);
}

/* Copies of frames are what painting them again would give, and a clip's place in time does not
 * matter; for every kind that can be shown with its defaults. */
static void every_frame_is_what_its_moment_shows(void **state) {
  (void)state;
  ins_screen plain = screen;
  size_t shown = 0;
  for (size_t c = 0; c < 2; c++) plain.grey[c] = 0, plain.gain[c] = 1;
  for (const ins_variant *v = ins_generators; v->name; v++) {
    bool required = false;
    for (const ins_key *k = v->keys; k->name; k++) required |= (k->flags & INS_KEY_REQUIRED) != 0;
    if (required) continue;
    char yaml[100];
    snprintf(yaml, sizeof yaml, "{kind: %s, background: -0.3, color: '1, 0.5'}", v->name);
    ins_scene *scene = scene_of(yaml, &plain), *again = scene_of(yaml, &plain);
    size_t n = ins_scene_frames(scene), total = n + 5;
    float *x = malloc(2 * total * FRAME * sizeof *x), moment[2 * FRAME];
    ins_scene_render(scene, 3, total, x);
    for (size_t k = total; k-- > 0;) {
      ins_scene_contrast(again, ((double)k - 3 + 0.5) / 30, moment);
      for (size_t c = 0; c < 2; c++)
        if (memcmp(moment + c * FRAME, x + (c * total + k) * FRAME, FRAME * sizeof *x) != 0)
          fail_msg("%s: frame %zu differs", v->name, k);
    }
    free(x);
    ins_scene_destroy(&scene);
    ins_scene_destroy(&again);
    shown++;
  }
  assert_true(shown >= 7);
}

static void every_generator_has_the_common_keys_and_a_measure(void **state) {
  (void)state;
  static const ins_key common[] = {INS_GENERATOR_KEYS};
  for (const ins_variant *v = ins_generators; v->name; v++) {
    const ins_generator *generator = v->ops;
    assert_non_null(v->doc);
    assert_non_null(ins_variant_find(ins_response_measures, generator->measure));
    for (size_t k = 0; k < sizeof common / sizeof common[0]; k++)
      assert_string_equal(v->keys[k].name, common[k].name);
    for (const ins_key *k = v->keys; k->name; k++) assert_non_null(k->doc);
  }
}

static void the_range_is_that_of_the_frames(void **state) {
  (void)state;
  static const char *const kinds[] = {
      "{kind: grating, contrast: 0.9, waveform: square, diameter_um: 300, background: 0.2}",
      "{kind: chirp, color: opponent, step_s: 0}", "{kind: spot, color: green, background: -0.4}"};
  for (size_t k = 0; k < 3; k++) {
    float range[2][2];
    ins_scene *scene = scene_of(kinds[k], &screen);
    size_t n = ins_scene_frames(scene) + 2;
    float *x = malloc(2 * n * FRAME * sizeof *x);
    ins_scene_render(scene, 1, n, x);
    ins_scene_range(scene, range);
    for (size_t c = 0; c < 2; c++) {
      float low = INFINITY, high = -INFINITY;
      for (size_t i = c * n * FRAME; i < (c + 1) * n * FRAME; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
      }
      assert_true(range[c][0] == low && range[c][1] == high);
    }
    free(x);
    ins_scene_destroy(&scene);
  }
}

static void what_the_model_was_not_trained_on_is_said_with_numbers(void **state) {
  (void)state;
  float trained[2][2] = {{-0.654f, 6.269f}, {-0.913f, 6.269f}};
  float within[2][2] = {{-0.654f, 6.269f}, {0, 1}}, beyond[2][2] = {{-0.7f, 1}, {-0.5f, 9.2f}};
  float open[2][2] = {{-INFINITY, INFINITY}, {0.5f, INFINITY}};
  ins_text text = {0};
  assert_false(ins_range_warning(2, within, trained, &text));
  assert_int_equal(text.length, 0);
  assert_true(ins_range_warning(2, beyond, trained, &text));
  assert_string_equal(text.data,
                      "channel green goes down to -0.7, 7% beyond the -0.654 that the model was "
                      "trained on; channel uv reaches 9.2, 47% beyond the 6.27 that the model was "
                      "trained on");
  ins_text_free(&text);
  assert_true(ins_range_warning(2, beyond, open, &text));
  assert_string_equal(text.data, "channel uv goes down to -0.5, beyond the 0.5 that the model was "
                                 "trained on");
  ins_text_free(&text);
}

static void colours_are_names_or_weights(void **state) {
  (void)state;
  double w[3];
  assert_int_equal(ins_color_parse("white", 3, w), INS_OK);
  assert_true(w[0] == 1 && w[1] == 1 && w[2] == 1);
  assert_int_equal(ins_color_parse("opponent", 3, w), INS_OK);
  assert_true(w[0] == 1 && w[1] == -1 && w[2] == 0);
  assert_int_equal(ins_color_parse("uv", 2, w), INS_OK);
  assert_true(w[0] == 0 && w[1] == 1);
  assert_int_equal(ins_color_parse("grey", 1, w), INS_OK);
  assert_true(w[0] == 1);
  assert_int_equal(ins_color_parse(" 1 ,-5e-1", 2, w), INS_OK);
  assert_true(w[0] == 1 && w[1] == -0.5);
  static const char *const wrong[] = {"red", "1", "1, 2, 3", "1, nan", "1, 2x", "1 2", "", "1,"};
  for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
    assert_int_equal(ins_color_parse(wrong[k], 2, w), INS_ERR_ARGUMENT);
    assert_non_null(strstr(ins_message(), "expected white, green, uv, opponent, or a number"));
  }
  assert_int_equal(ins_color_parse("opponent", 1, w), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "expected white, grey, or a number"));
  assert_refused("{kind: step, color: red}", &screen, INS_ERR_ARGUMENT, "step: color 'red'");
}

static void times_become_whole_frames(void **state) {
  (void)state;
  ins_screen other = screen;
  assert_int_equal(ins_screen_frames(&screen, 0.5), 15);
  assert_int_equal(ins_screen_frames(&screen, 0), 0);
  assert_int_equal(ins_screen_frames(&screen, 0.016), 0);
  assert_int_equal(ins_screen_frames(&screen, 0.017), 1);
  other.rate_hz = NAN;
  assert_int_equal(ins_screen_frames(&other, 1), 0);
  other = screen;
  other.still = true;
  assert_int_equal(ins_screen_frames(&other, 1), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contrast_colour_and_background_add_up_as_documented),
      cmocka_unit_test(an_edge_blends_stimulus_and_background),
      cmocka_unit_test(before_and_after_there_is_background),
      cmocka_unit_test(clips_of_any_length_are_filled),
      cmocka_unit_test(every_frame_is_what_its_moment_shows),
      cmocka_unit_test(every_generator_has_the_common_keys_and_a_measure),
      cmocka_unit_test(the_range_is_that_of_the_frames),
      cmocka_unit_test(what_the_model_was_not_trained_on_is_said_with_numbers),
      cmocka_unit_test(colours_are_names_or_weights),
      cmocka_unit_test(times_become_whole_frames),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
