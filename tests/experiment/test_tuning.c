/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "golden.h"
#include "insilico/noise.h"
#include "serial_run.h"

#define JOB     "experiment: tuning\noutput: x.h5\nmodel: 'builtin:ground_truth?neurons=32'\n"
#define REPEATS "repeats: 10\nnoise: {kind: poisson, gain: 1.0}\n"
#define BARS                                                                                       \
  "  - {kind: moving_bar, place: cell, direction_deg: 'range(5,365,30)', speed_um_s: 400,"         \
  " width_um: 100, travel_um: 600, measure: mean}\n"

static double index_of(const serial_run *r, const char *name, size_t neuron) {
  return *(const double *)serial_stage_row(r, r->stages.n - 1, name, neuron);
}

static bool is_valid(const serial_run *r, const char *name, size_t neuron) {
  char valid[128];
  snprintf(valid, sizeof valid, "%s_valid", name);
  return *(const int8_t *)serial_stage_row(r, r->stages.n - 1, valid, neuron) == 1;
}

static double truth_of(const serial_run *r, const char *name, size_t neuron) {
  return ins_array_get(&ins_map_get(r->source->truth, name)->array, neuron);
}

static double angle_between(double a, double b) {
  return fabs(remainder(a - b, 360));
}

/* ---- what was planted ------------------------------------------------------------------------ */

static void bars_find_the_planted_directions(void **state) {
  (void)state;
  serial_run r = serial_run_job(JOB REPEATS "stimuli:\n" BARS);
  const double *q = serial_summary(&r, r.stages.n - 1, "dsi_vector_sum_q", 0);
  size_t n_selective = 0, n_held = 0;
  for (size_t n = 0; n < 32; n++) {
    const double planted = truth_of(&r, "preferred_direction_deg", n);
    const double dsi = index_of(&r, "dsi_vector_sum", n);
    const bool selective = dsi > 0.2 && q[n] < 0.05;
    assert_true(selective == !isnan(planted));
    assert_true(is_valid(&r, "dsi_vector_sum", n));
    if (!selective) continue;
    assert_true(angle_between(index_of(&r, "preferred_direction_deg", n), planted) < 2);
    n_selective++;
    n_held +=
        index_of(&r, "dsi_vector_sum_low", n) < dsi && index_of(&r, "dsi_vector_sum_high", n) > dsi;
  }
  assert_int_equal(n_selective, 16);
  assert_true(n_held >= 12); /* of 16, at 95 % each */
  serial_clear(&r);
}

static void steps_and_colours_tell_the_types_apart(void **state) {
  (void)state;
  serial_run r = serial_run_job(
      JOB "stimuli:\n"
          "  - {kind: spot, name: steps, place: cell, diameter_um: 400, contrast: [-1, 1],"
          " duration_s: 1, measure: peak}\n"
          "  - {kind: spot, name: colours, place: cell, diameter_um: 400, color: [green, uv],"
          " contrast: [-1, 1], duration_s: 1, measure: evoked}\n");
  for (size_t n = 0; n < 32; n++) {
    const double colour = truth_of(&r, "colour_preference", n);
    const double found = index_of(&r, "colour_preference", n);
    assert_true(index_of(&r, "polarity", n) == truth_of(&r, "polarity", n));
    if (fabs(colour) < 0.05)
      assert_true(fabs(found) < 0.05);
    else
      assert_true(found * colour > 0);
    assert_true((index_of(&r, "transience", n) > 0.5) == (truth_of(&r, "transient", n) == 1));
    assert_true(fabs(index_of(&r, "x_px", n) - truth_of(&r, "x_px", n)) < 0.5);
    assert_true(fabs(index_of(&r, "y_px", n) - truth_of(&r, "y_px", n)) < 0.5);
    assert_true(fabs(index_of(&r, "sigma_um", n) / truth_of(&r, "sigma_um", n) - 1) < 0.1);
  }
  serial_clear(&r);
}

/* ---- places, references ---------------------------------------------------------------------- */

static float used(const serial_run *r, const char *group, const char *name, size_t task) {
  return *(const float *)serial_stage_row(r, serial_find_stage(r, group), name, task);
}

static void cells_see_stimuli_at_their_fields_and_in_their_sizes(void **state) {
  (void)state;
  serial_run r = serial_run_job(
      JOB "neurons: [0, 1, 2]\nstimuli:\n"
          "  - {kind: spot, name: area, place: cell, diameter_um: 'linspace(50,600,12)',"
          " duration_s: 0.3, contrast: [-1, 1]}\n"
          "  - {kind: spot, name: own, place: cell, diameter_um: 2.5 * sigma_um, duration_s: 0.3}\n"
          "  - {kind: spot, name: best, place: cell, diameter_um: preferred_diameter_um,"
          " duration_s: 0.3, contrast: [0.5, 1]}\n");
  for (size_t n = 0; n < 3; n++) {
    assert_true(used(&r, "own", "used_x_um", n) == (float)index_of(&r, "x_um", n));
    assert_true(used(&r, "own", "used_y_um", n) == (float)index_of(&r, "y_um", n));
    assert_true(used(&r, "own", "used_diameter_um", n) ==
                (float)(2.5 * index_of(&r, "sigma_um", n)));
    assert_true(is_valid(&r, "preferred_diameter_um", n));
    for (size_t k = 0; k < 2; k++)
      assert_true(used(&r, "best", "used_diameter_um", 2 * n + k) ==
                  (float)index_of(&r, "preferred_diameter_um", n));
  }
  serial_clear(&r);
}

/* A bar at the cell's own speed, slower than the key's default, still arrives. */
static void clips_last_as_long_as_the_slowest_reference(void **state) {
  (void)state;
  serial_run r = serial_run_job(
      JOB "neurons: [1]\nstimuli:\n"
          "  - {kind: moving_bar, name: speeds, place: cell, width_um: 100, travel_um: 500,"
          " speed_um_s: [200, 300, 400, 600, 800, 1000]}\n"
          "  - {kind: moving_bar, name: own, place: cell, width_um: 100, travel_um: 500,"
          " speed_um_s: preferred_speed_um_s}\n");
  const double speed = index_of(&r, "preferred_speed_um_s", 0);
  assert_true(is_valid(&r, "preferred_speed_um_s", 0) && speed < 800);
  assert_true(used(&r, "own", "used_speed_um_s", 0) == (float)speed);
  assert_true(used(&r, "own", "tuning_curve", 0) > 0.9 * index_of(&r, "speeds_response_max", 0));
  serial_clear(&r);
}

/* A spot that a cell prefers, shown to all at one place, moves nobody but that cell's neighbours.
 */
static void a_place_is_where_it_says(void **state) {
  (void)state;
  serial_run r = serial_run_job(
      JOB
      "neurons: [0]\nstimuli:\n"
      "  - {kind: spot, name: here, place: cell, diameter_um: 150, duration_s: 0.3}\n"
      "  - {kind: spot, name: there, x_um: 100, y_um: 100, diameter_um: 150, duration_s: 0.3}\n");
  assert_true(used(&r, "here", "tuning_curve", 0) > 2 * used(&r, "there", "tuning_curve", 0));
  serial_clear(&r);
}

/* Padded models see beyond the present: what is kept must not see the end of the clip. */
static void nothing_shown_gives_a_flat_response(void **state) {
  (void)state;
  static const char *const models[] = {"three_layers", "triple_padding", "float64_weights",
                                       "gru_core"};
  for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
    char yaml[1024];
    snprintf(yaml, sizeof yaml,
             "experiment: tuning\noutput: x.h5\nlocate: false\nmodel: {file: " INS_TEST_DATA
             "/golden/variants/%s/model.ckpt, units: {stimulus_rate_hz: 30}}\n"
             "stimuli: [{kind: flash, contrast: 0, after_s: 0.1}]\n",
             models[m]);
    serial_run r = serial_run_job(yaml);
    const ins_layout *layout = r.stages.layout[0];
    const size_t n_frames = layout->axes[1].length;
    const float *row = serial_stage_row(&r, 0, "response", 0);
    assert_string_equal(layout->axes[1].name, "response_frame");
    for (size_t n = 0; n < layout->axes[0].length; n++)
      for (size_t t = 0; t < n_frames; t++) {
        const double middle = row[n * n_frames + n_frames / 2], x = row[n * n_frames + t];
        if (fabs(x - middle) > 1e-3 * fabs(middle) + 1e-6)
          fail_msg("%s: neuron %zu frame %zu is %g, not %g", models[m], n, t, x, middle);
      }
    serial_clear(&r);
  }
}

/* ---- bits ------------------------------------------------------------------------------------ */

#define BOTH_PLACES                                                                                \
  "stimuli:\n" BARS "  - {kind: flash, contrast: [-1, 1]}\n"                                       \
  "statistics: {permutations: 50, resamples: 20}\n"

static void a_neuron_is_tuned_alone_as_among_all(void **state) {
  (void)state;
  serial_run all = serial_run_job(JOB REPEATS "neurons: [2, 1, 9]\n" BOTH_PLACES);
  serial_run one = serial_run_job(JOB REPEATS "neurons: [1]\n" BOTH_PLACES);
  const ins_layout *root = one.stages.layout[one.stages.n - 1];
  size_t n_compared = 0;
  for (int v = 0; v < root->n_variables; v++) {
    const ins_variable *variable = &root->variables[v];
    if (variable->scope != INS_PER_TASK || variable->dtype != INS_F64) continue;
    const double a = index_of(&all, variable->name, 1), b = index_of(&one, variable->name, 0);
    assert_true(a == b || (isnan(a) && isnan(b)));
    n_compared += !isnan(a);
  }
  assert_true(n_compared > 40);
  const float *many = serial_stage_row(&all, serial_find_stage(&all, "flash"), "trial_response", 1);
  const float *few = serial_stage_row(&one, serial_find_stage(&one, "flash"), "trial_response", 1);
  assert_memory_equal(many + 10, few, 10 * sizeof *few);
  serial_clear(&all);
  serial_clear(&one);
}

/* ---- statistics, and what moves -------------------------------------------------------------- */

static void time_courses_of_repeats_reach_the_analyses_that_need_them(void **state) {
  (void)state;
  serial_run r = serial_run_job(
      JOB REPEATS "neurons: [1, 2]\nstimuli:\n" BARS
                  "  - {kind: grating, temporal_frequency_hz: [1, 2, 4], duration_s: 2}\n");
  assert_true(isfinite(index_of(&r, "f1_f0_low", 0)));
  assert_true(isfinite(index_of(&r, "moving_bar_quality_index", 0)));
  assert_true(index_of(&r, "dsi_low", 0) != index_of(&r, "dsi_vector_sum_low", 0));
  serial_clear(&r);
}

/* The onset of a grating is a flash, at another phase in every direction; the answer to it must not
 * pass for a preference. */
static void gratings_agree_with_bars(void **state) {
  (void)state;
  serial_run r = serial_run_job(
      JOB "stimuli: [{kind: grating, direction_deg: 'range(5,365,30)', spatial_frequency_cpmm: 2,"
          " duration_s: 3}]\n");
  for (size_t n = 1; n < 32; n += 2) {
    const double planted = truth_of(&r, "preferred_direction_deg", n);
    assert_true(angle_between(index_of(&r, "preferred_direction_deg", n), planted) < 5);
    assert_true(index_of(&r, "dsi_vector_sum", n) > 0.4);
  }
  serial_clear(&r);
}

/* A grating that stands drives some cells more, but has no direction. */
static void directions_are_measured_of_what_moves(void **state) {
  (void)state;
  static const char *const more[] = {"temporal_frequency_hz: 2",
                                     "motion: [static, drifting, counterphase]",
                                     "temporal_frequency_hz: [0, 2]"};
  double first[2] = {0};
  for (size_t k = 0; k < 3; k++) {
    char yaml[1024];
    snprintf(yaml, sizeof yaml,
             JOB "neurons: [0, 1]\nstimuli: [{kind: grating, direction_deg: [0, 90, 180, 270], "
                 "duration_s: 1, %s}]\n",
             more[k]);
    serial_run r = serial_run_job(yaml);
    for (size_t n = 0; n < 2; n++) {
      const double dsi = index_of(&r, "dsi_vector_sum", n);
      if (k == 0) first[n] = dsi;
      assert_true(is_valid(&r, "dsi_vector_sum", n) && dsi == first[n]);
    }
    serial_clear(&r);
  }
}

/* ---- families -------------------------------------------------------------------------------- */

static double refined(const serial_run *r, const char *name, size_t task) {
  return *(const double *)serial_stage_row(r, serial_find_stage(r, "spot_refined"), name, task);
}

/* Cells with a surround like a spot of some 150 um best, which the list does not have. */
static void refining_finds_what_lies_between_the_listed_values(void **state) {
  (void)state;
  serial_run r = serial_run_job(
      JOB "neurons: [0, 2]\nstimuli:\n"
          "  - {kind: spot, place: cell, contrast: [-0.5, 0.5], diameter_um: [60, 300],"
          " duration_s: 0.3, refine: 30}\n");
  for (size_t n = 0; n < 2; n++) {
    const double diameter = refined(&r, "diameter_um", n), contrast = refined(&r, "contrast", n);
    const int32_t tried = *(const int32_t *)serial_stage_row(
        &r, serial_find_stage(&r, "spot_refined"), "presentations", n);
    assert_true(refined(&r, "response", n) > 1.2 * refined(&r, "grid_response", n));
    assert_true(diameter > 90 && diameter < 250);
    assert_true(fabs(contrast) <= 0.5 && contrast * truth_of(&r, "polarity", n == 0 ? 0 : 2) > 0);
    assert_true(tried > 5 && tried <= 30);
  }
  serial_clear(&r);
}

/* ---- ensembles, single frames ---------------------------------------------------------------- */

static void members_of_an_ensemble_are_tuned_each(void **state) {
  (void)state;
  static const char yaml[] =
      "experiment: tuning\noutput: x.h5\nneurons: [0, 1]\nlocate: false\nmembers: true\n"
      "model: {file: " INS_TEST_DATA "/golden/variants/ensemble, units: {stimulus_rate_hz: 30}}\n"
      "stimuli:\n  - {kind: flash, contrast: [-0.5, 0.5]}\n";
  serial_run r = serial_run_job(yaml);
  const size_t n_members = ins_model_describe(r.model)->n_members;
  const double *each = serial_stage_row(&r, r.stages.n - 1, "flash_response_max_by_member", 0);
  double mean = 0, squares = 0;
  for (size_t m = 0; m < n_members; m++) mean += each[m] / (double)n_members;
  for (size_t m = 0; m < n_members; m++) squares += (each[m] - mean) * (each[m] - mean);
  assert_true(n_members > 1 && squares > 0);
  assert_float_equal(index_of(&r, "flash_response_max_member_sd", 0),
                     sqrt(squares / (double)(n_members - 1)), 1e-12);
  serial_clear(&r);
}

#define IMAGE_MODEL                                                                                \
  "experiment: tuning\noutput: x.h5\nneurons: '0:4'\nmodel: {file: " INS_TEST_DATA                 \
  "/golden/image/model.pth, units: {retina_pixel_size_um: 50}, architecture: {in_shape: [2, 1, "   \
  "9, 12], core: {input_padding: false, hidden_padding: 2, final_nonlinearity: true, "             \
  "nonlinearity: ELU, stack: -1}, readout: {align_corners: true, nonlinearity: elu1, "             \
  "grid_mean_predictor: {final_tanh: true}}}}\n"

static void models_of_single_frames_are_shown_stills(void **state) {
  (void)state;
  serial_run r =
      serial_run_job(IMAGE_MODEL "stimuli:\n"
                                 "  - {kind: spot, diameter_um: 'linspace(50, 400, 6)'}\n"
                                 "  - {kind: grating, motion: static, spatial_frequency_cpmm: 2,"
                                 " direction_deg: 'range(0,180,30)'}\n");
  const ins_layout *spots = r.stages.layout[serial_find_stage(&r, "spot")];
  assert_int_equal(ins_layout_row(spots, ins_layout_find(spots, "response")), 4);
  for (size_t n = 0; n < 4; n++) assert_true(isfinite(index_of(&r, "osi_vector_sum", n)));
  serial_clear(&r);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuse(const char *yaml, const char *word) {
  serial_run r;
  if (serial_setup(&r, yaml) == INS_OK) fail_msg("not refused: %s", yaml);
  if (!strstr(ins_message(), word)) fail_msg("'%s' is not in: %s", word, ins_message());
  serial_clear(&r);
}

static void what_cannot_be_shown_is_refused_with_its_limit(void **state) {
  (void)state;
  refuse(JOB "stimuli: [{kind: grating, spatial_frequency_cpmm: 25}]\n", "20");
  refuse(JOB "stimuli: [{kind: grating, temporal_frequency_hz: [2, 16]}]\n", "15");
  refuse(JOB "stimuli: [{kind: moving_bar, width_um: 500, travel_um: 300}]\n", "300");
  refuse(IMAGE_MODEL "stimuli: [{kind: spot}, {kind: chirp}]\n", "chirp");
  refuse(IMAGE_MODEL "stimuli: [{kind: grating}]\n", "drifting");
}

static void what_makes_no_sense_is_refused(void **state) {
  (void)state;
  refuse(JOB "repeats: 5\nstimuli: [flash]\n", "noise");
  refuse(JOB "noise: poisson\nstimuli: [flash]\n", "repeats");
  refuse(JOB "stimuli: []\n", "empty");
  refuse(JOB "stimuli: [flash, flash]\n", "name");
  refuse(JOB "stimuli: [{kind: flash, name: 'a b'}]\n", "letters");
  refuse(JOB "locate: false\nstimuli: [{kind: spot, place: cell}]\n", "locate");
  refuse(JOB "stimuli: [{kind: spot, diameter_um: sigma_um}]\n", "place: cell");
  refuse(JOB "stimuli: [{kind: spot, place: cell, diameter_um: sigma_umm}]\n", "sigma_um");
  refuse(JOB "stimuli: [{kind: spot, place: cell, x_um: 100}]\n", "x_um");
  refuse(JOB "stimuli: [{kind: spot, refine: 10}]\n", "refine");
  refuse(JOB "stimuli: [{kind: spot, measure: f1}]\n", "f1");
  refuse(JOB "stimuli: [{kind: grating, measure: f1, temporal_frequency_hz: 0.5, duration_s: 1}]\n",
         "whole cycle");
  refuse(JOB "members: true\nstimuli: [flash]\n", "ensemble");
}

/* ---- noise ----------------------------------------------------------------------------------- */

static void poisson_noise_has_its_mean_and_variance(void **state) {
  (void)state;
  const double means[] = {0.1, 1, 5, 9.9, 10.1, 40, 1000};
  enum { N = 20000 };
  for (size_t m = 0; m < sizeof means / sizeof *means; m++) {
    const int64_t at[] = {(int64_t)m};
    const ins_stream stream = ins_stream_at(1, "test", at, 1);
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < N; i++) {
      const double k = ins_poisson(&stream, i, means[m]);
      sum += k;
      squares += (k - means[m]) * (k - means[m]);
    }
    /* Five standard errors; that of the variance from the fourth moment, m + 3 m^2. */
    assert_true(fabs(sum / N - means[m]) < 5 * sqrt(means[m] / N));
    assert_true(fabs(squares / N - means[m]) < 5 * sqrt((means[m] + 2 * means[m] * means[m]) / N));
  }
}

static void noise_of_a_frame_is_its_own(void **state) {
  (void)state;
  const int64_t at[] = {3};
  const ins_stream stream = ins_stream_at(1, "test", at, 1);
  const float flat[4] = {2, 2, 2, 2}, other[4] = {9, 2, 0, 2};
  const ins_noise kinds[] = {{INS_NOISE_POISSON, 3, 0}, {INS_NOISE_GAUSSIAN, 1, 0.5}};
  double a[4], b[4];
  for (int k = 0; k < 2; k++) {
    ins_noise_add(&kinds[k], &stream, 4, flat, a);
    ins_noise_add(&kinds[k], &stream, 4, other, b);
    assert_true(a[1] == b[1] && a[3] == b[3]);
    assert_true(a[1] != a[3] || a[0] != a[1]);
  }
  ins_noise_add(&kinds[0], &stream, 4, other, b);
  assert_true(b[2] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bars_find_the_planted_directions),
      cmocka_unit_test(steps_and_colours_tell_the_types_apart),
      cmocka_unit_test(cells_see_stimuli_at_their_fields_and_in_their_sizes),
      cmocka_unit_test(clips_last_as_long_as_the_slowest_reference),
      cmocka_unit_test(a_place_is_where_it_says),
      cmocka_unit_test(nothing_shown_gives_a_flat_response),
      cmocka_unit_test(a_neuron_is_tuned_alone_as_among_all),
      cmocka_unit_test(time_courses_of_repeats_reach_the_analyses_that_need_them),
      cmocka_unit_test(gratings_agree_with_bars),
      cmocka_unit_test(directions_are_measured_of_what_moves),
      cmocka_unit_test(refining_finds_what_lies_between_the_listed_values),
      cmocka_unit_test(members_of_an_ensemble_are_tuned_each),
      cmocka_unit_test(models_of_single_frames_are_shown_stills),
      cmocka_unit_test(what_cannot_be_shown_is_refused_with_its_limit),
      cmocka_unit_test(what_makes_no_sense_is_refused),
      cmocka_unit_test(poisson_noise_has_its_mean_and_variance),
      cmocka_unit_test(noise_of_a_frame_is_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
