/* SPDX-License-Identifier: MIT */
/* Indices of receptive fields that were planted. */
#include <math.h>
#include <string.h>

#include "cmocka_all.h"
#include "insilico/memory.h"
#include "insilico/tuning.h"

enum { C = 2, L = 12, H = 24, W = 30, SPACE = H * W, TIME = C * L, SIZE = TIME * SPACE };

/** A field and what is found in it. */
typedef struct bench {
  double w[SIZE], spatial[SPACE], temporal[TIME], image[SPACE];
  ins_measure out[INS_N_FIELD_INDICES];
  bool found;
  ins_field field;
} bench;

static bench *new_bench(void) {
  bench *b;
  assert_int_equal(ins_alloc(1, sizeof *b, &b), INS_OK);
  b->field = (ins_field){.n_channels = C,
                         .n_lags = L,
                         .height = H,
                         .width = W,
                         .w = b->w,
                         .pixel_um = 20,
                         .rate_hz = 30};
  return b;
}

static void analyse(bench *b) {
  assert_int_equal(ins_field_analyse(&b->field, b->spatial, b->temporal, &b->found, b->out),
                   INS_OK);
  for (int k = 0; k < INS_N_FIELD_INDICES; k++) {
    assert_true(b->out[k].valid == (bool)isfinite(b->out[k].value));
    assert_true(isnan(b->out[k].low) && isnan(b->out[k].high) && isnan(b->out[k].p));
  }
}

/* image += amplitude * Gaussian, `angle` counter-clockwise as seen. */
static void add_gaussian(double *image, double amplitude, double x, double y, double major,
                         double minor, double angle_deg) {
  const double a = angle_deg * M_PI / 180;
  for (int i = 0; i < SPACE; i++) {
    const double dx = i % W - x, dy = -(i / W - y); /* upwards */
    const double u = dx * cos(a) + dy * sin(a), v = -dx * sin(a) + dy * cos(a);
    image[i] += amplitude * exp(-(u * u / (major * major) + v * v / (minor * minor)) / 2);
  }
}

/* Lobes at 3 and 7 frames before the last, the second `second` times as strong. */
static double course(int lag, double second) {
  const double before = L - 1 - lag;
  return exp(-(before - 3) * (before - 3) / 2) + second * exp(-(before - 7) * (before - 7) / 2);
}

/* w += image x (green, uv) x course */
static void plant(bench *b, double green, double uv, double second) {
  for (int c = 0; c < C; c++)
    for (int l = 0; l < L; l++)
      for (int i = 0; i < SPACE; i++)
        b->w[(c * L + l) * SPACE + i] += (c ? uv : green) * course(l, second) * b->image[i];
}

static void add_noise(bench *b, double sd) {
  float *noise;
  const ins_stream stream = ins_stream_at(5, "noise", NULL, 0);
  assert_int_equal(ins_alloc(SIZE, sizeof *noise, &noise), INS_OK);
  ins_stream_normal(&stream, 0, SIZE, noise);
  for (int i = 0; i < SIZE; i++) b->w[i] += sd * (double)noise[i];
  ins_free(&noise);
}

static double value(const bench *b, int k) {
  if (!b->out[k].valid) fail_msg("%s is not valid", ins_field_indices[k].name);
  return b->out[k].value;
}

static void near(const bench *b, int k, double expected, double tolerance) {
  const double found = value(b, k);
  if (!(fabs(found - expected) <= tolerance))
    fail_msg("%s is %g, not %g", ins_field_indices[k].name, found, expected);
}

static void a_planted_field_is_found_again(void **state) {
  (void)state;
  bench *b = new_bench();
  add_gaussian(b->image, 1, 11.3, 8.6, 2.5, 2.5, 0);
  plant(b, -0.02, -0.01, -0.4);
  analyse(b);
  assert_true(b->found);
  near(b, INS_FIELD_X_PX, 11.3, 1e-6);
  near(b, INS_FIELD_Y_PX, 8.6, 1e-6);
  near(b, INS_FIELD_SIGMA_PX, 2.5, 1e-6);
  near(b, INS_FIELD_X_UM, 226, 1e-4);
  near(b, INS_FIELD_Y_UM, 172, 1e-4);
  near(b, INS_FIELD_SIGMA_UM, 50, 1e-4);
  near(b, INS_FIELD_SIGMA_MAJOR_UM, 50, 1e-4);
  near(b, INS_FIELD_SIGMA_MINOR_UM, 50, 1e-4);
  near(b, INS_FIELD_AREA_UM2, M_PI * 100 * 100, 1);
  near(b, INS_FIELD_EXPLAINED_VARIANCE, 1, 1e-9);
  near(b, INS_FIELD_SURROUND_INDEX, 0, 1e-9);
  near(b, INS_FIELD_POLARITY, -1, 0);
  near(b, INS_FIELD_COLOR_PREFERENCE, 1 / 3.0, 1e-9); /* (2 - 1) / (2 + 1) */
  near(b, INS_FIELD_TIME_TO_PEAK_S, 3 / 30.0, 1e-12);
  near(b, INS_FIELD_BIPHASIC_INDEX, 0.4, 1e-3);
  near(b, INS_FIELD_SEPARABILITY, 1, 1e-9);
  assert_false(b->out[INS_FIELD_ANGLE_DEG].valid); /* a circle has no direction */
  ins_free(&b);
}

static void image_times_course_is_the_field_and_the_image_carries_the_polarity(void **state) {
  (void)state;
  for (int sign = -1; sign <= 1; sign += 2) {
    bench *b = new_bench();
    double most = 0, main = 0;
    add_gaussian(b->image, 1, 14, 12, 3, 2, 20);
    plant(b, sign * 0.5, sign * 2, -0.7);
    analyse(b);
    for (int i = 0; i < SPACE; i++)
      if (fabs(b->spatial[i]) > fabs(most)) most = b->spatial[i];
    for (int i = 0; i < TIME; i++)
      if (fabs(b->temporal[i]) > fabs(main)) main = b->temporal[i];
    assert_true(most == sign && main > 0);
    near(b, INS_FIELD_POLARITY, sign, 0);
    for (int i = 0; i < SIZE; i++)
      assert_true(fabs(b->temporal[i / SPACE] * b->spatial[i % SPACE] - b->w[i]) < 1e-9);
    ins_free(&b);
  }
}

static void long_axes_are_counted_counter_clockwise_from_the_rows(void **state) {
  (void)state;
  const double angles[] = {0, 20, 45, 90, 135, 170};
  for (size_t k = 0; k < sizeof angles / sizeof *angles; k++) {
    bench *b = new_bench();
    add_gaussian(b->image, 1, 14.2, 11.7, 4, 2, angles[k]);
    plant(b, 1, 1, 0);
    analyse(b);
    const double off = remainder(value(b, INS_FIELD_ANGLE_DEG) - angles[k], 180);
    assert_true(fabs(off) < 1e-4);
    near(b, INS_FIELD_SIGMA_MAJOR_UM, 80, 1e-3);
    near(b, INS_FIELD_SIGMA_MINOR_UM, 40, 1e-3);
    near(b, INS_FIELD_AREA_UM2, M_PI * 160 * 80, 2);
    near(b, INS_FIELD_X_PX, 14.2, 0.01);
    near(b, INS_FIELD_Y_PX, 11.7, 0.01);
    ins_free(&b);
  }
}

static void noise_moves_a_field_a_little(void **state) {
  (void)state;
  bench *b = new_bench();
  add_gaussian(b->image, 1, 11.3, 8.6, 2.5, 2.5, 0);
  plant(b, 1, 0.5, -0.4);
  add_noise(b, 0.1);
  b->field.noise = 0.1;
  analyse(b);
  /* The noise of a pixel of the profile is 0.1 / |course| = 0.06, which moves a fit by 0.05 and its
   * size by 0.035 pixels; four times that. */
  near(b, INS_FIELD_X_PX, 11.3, 0.2);
  near(b, INS_FIELD_Y_PX, 8.6, 0.2);
  near(b, INS_FIELD_SIGMA_PX, 2.5, 0.14);
  near(b, INS_FIELD_POLARITY, 1, 0);
  near(b, INS_FIELD_COLOR_PREFERENCE, 1 / 3.0, 0.1);
  assert_true(value(b, INS_FIELD_SEPARABILITY) < 0.9);
  ins_free(&b);
}

/* Whatever its fit looks like, noise is no field; the same noise with a field in it is one. */
static void a_field_must_stand_out_of_its_noise(void **state) {
  (void)state;
  bench *b = new_bench();
  add_noise(b, 1);
  b->field.noise = 1;
  analyse(b);
  assert_false(b->found);
  for (int k = 0; k < INS_N_FIELD_INDICES; k++) assert_false(b->out[k].valid);
  assert_true(isfinite(b->spatial[0]) && isfinite(b->temporal[0]));
  add_gaussian(b->image, 4, 20, 8, 2.5, 2.5, 0);
  plant(b, 1, 1, 0);
  analyse(b);
  assert_true(b->found);
  near(b, INS_FIELD_X_PX, 20, 0.5);
  ins_free(&b);
}

/* Two products with images and courses at right angles: singular values 3 and 1. */
static void separability_is_the_share_of_the_first_component(void **state) {
  (void)state;
  bench *b = new_bench();
  add_gaussian(b->image, 1, 8, 12, 1.5, 1.5, 0);
  for (int i = 0; i < SPACE; i++) {
    const int mirrored = i / W * W + (W - 1 - i % W); /* 13 pixels away: no overlap to speak of */
    b->w[5 * SPACE + i] += 3 * b->image[i];
    b->w[8 * SPACE + i] += 1 * b->image[mirrored];
  }
  analyse(b);
  near(b, INS_FIELD_SEPARABILITY, 0.9, 1e-6);
  near(b, INS_FIELD_X_PX, 8, 1e-3);
  near(b, INS_FIELD_TIME_TO_PEAK_S, (L - 1 - 5) / 30.0, 1e-12);
  ins_free(&b);
}

static void the_surround_is_weighed_against_the_centre(void **state) {
  (void)state;
  for (int sign = -1; sign <= 1; sign += 2) {
    bench *b = new_bench();
    double positive = 0, negative = 0;
    add_gaussian(b->image, 1, 15, 12, 2, 2, 0);
    add_gaussian(b->image, -0.2, 15, 12, 4, 4, 0);
    for (int i = 0; i < SPACE; i++) *(b->image[i] > 0 ? &positive : &negative) += b->image[i];
    plant(b, sign, sign, 0);
    analyse(b);
    near(b, INS_FIELD_SURROUND_INDEX, -negative / positive, 1e-9);
    near(b, INS_FIELD_POLARITY, sign, 0);
    near(b, INS_FIELD_X_PX, 15, 1e-3);
    assert_true(value(b, INS_FIELD_EXPLAINED_VARIANCE) < 0.999);
    ins_free(&b);
  }
}

static void opponent_colours_prefer_the_stronger_and_one_channel_has_no_preference(void **state) {
  (void)state;
  bench *b = new_bench();
  add_gaussian(b->image, 1, 15, 12, 2, 2, 0);
  plant(b, 0.9, -1, 0); /* the stronger is UV-OFF */
  analyse(b);
  near(b, INS_FIELD_POLARITY, -1, 0);
  near(b, INS_FIELD_COLOR_PREFERENCE, -1, 1e-9);
  memset(b->w, 0, sizeof b->w);
  plant(b, 0, 2, 0);
  analyse(b);
  near(b, INS_FIELD_COLOR_PREFERENCE, -1, 1e-9);
  b->field.n_channels = 1;
  b->field.n_lags = TIME;
  analyse(b);
  assert_true(b->found && !b->out[INS_FIELD_COLOR_PREFERENCE].valid);
  ins_free(&b);
}

static void odd_shapes_are_flagged_and_do_no_harm(void **state) {
  (void)state;
  bench *b = new_bench();
  add_gaussian(b->image, 1, -6, 12, 2.5, 2.5, 0); /* the middle is off the screen */
  plant(b, 1, 1, 0);
  analyse(b);
  assert_true(b->found && !b->out[INS_FIELD_X_PX].valid && !b->out[INS_FIELD_SIGMA_UM].valid);
  near(b, INS_FIELD_POLARITY, 1, 0);
  memset(b->w, 0, sizeof b->w);
  b->w[5 * SPACE + 100] = 1; /* one pixel */
  analyse(b);
  assert_true(b->found && !b->out[INS_FIELD_SIGMA_UM].valid);
  memset(b->w, 0, sizeof b->w);
  memset(b->image, 0, sizeof b->image);
  add_gaussian(b->image, 1, 9, 12, 2, 2, 0); /* two lobes of opposite sign */
  add_gaussian(b->image, -1, 20, 12, 2, 2, 0);
  plant(b, 1, 1, 0);
  analyse(b);
  assert_true(b->found);
  memset(b->w, 0, sizeof b->w);
  memset(b->image, 0, sizeof b->image);
  add_gaussian(b->image, 1, 15, 12, 2, 2, 0); /* more surround than centre */
  add_gaussian(b->image, -0.6, 15, 12, 5, 5, 0);
  plant(b, 1, 1, 0);
  analyse(b);
  assert_true(b->found);
  memset(b->w, 0, sizeof b->w);
  for (int i = 0; i < SIZE; i++) b->w[i] = 1; /* no shape at all */
  analyse(b);
  assert_true(b->found && !b->out[INS_FIELD_X_PX].valid);
  ins_free(&b);
}

static void nothing_is_found_in_silence_and_in_what_is_no_number(void **state) {
  (void)state;
  bench *b = new_bench();
  analyse(b);
  assert_false(b->found);
  for (int k = 0; k < INS_N_FIELD_INDICES; k++) assert_false(b->out[k].valid);
  assert_true(b->spatial[0] == 0 && b->temporal[0] == 0);
  b->w[77] = (double)NAN;
  analyse(b);
  assert_false(b->found);
  for (int k = 0; k < INS_N_FIELD_INDICES; k++) assert_false(b->out[k].valid);
  assert_true(isnan(b->spatial[0]) && isnan(b->temporal[0]));
  b->w[77] = (double)INFINITY;
  analyse(b);
  assert_false(b->found);
  ins_free(&b);
}

static void without_units_pixels_remain(void **state) {
  (void)state;
  bench *b = new_bench();
  add_gaussian(b->image, 1, 11.3, 8.6, 2.5, 2.5, 0);
  plant(b, 1, 1, 0);
  b->field.pixel_um = b->field.rate_hz = (double)NAN;
  analyse(b);
  near(b, INS_FIELD_X_PX, 11.3, 1e-6);
  near(b, INS_FIELD_SIGMA_PX, 2.5, 1e-6);
  near(b, INS_FIELD_BIPHASIC_INDEX, 0, 1e-6);
  assert_false(b->out[INS_FIELD_X_UM].valid || b->out[INS_FIELD_SIGMA_UM].valid ||
               b->out[INS_FIELD_AREA_UM2].valid || b->out[INS_FIELD_TIME_TO_PEAK_S].valid);
  ins_free(&b);
}

static void times_count_from_the_frame_that_is_answered(void **state) {
  (void)state;
  bench *b = new_bench();
  add_gaussian(b->image, 1, 11, 8, 2.5, 2.5, 0);
  plant(b, 1, 1, 0);
  b->field.last_lag = 5; /* the model sees five frames ahead */
  analyse(b);
  near(b, INS_FIELD_TIME_TO_PEAK_S, -2 / 30.0, 1e-12);
  b->field.n_channels = TIME; /* single frames have no time */
  b->field.n_lags = 1;
  analyse(b);
  assert_true(b->found);
  assert_false(b->out[INS_FIELD_TIME_TO_PEAK_S].valid || b->out[INS_FIELD_BIPHASIC_INDEX].valid);
  ins_free(&b);
}

static void every_index_says_what_it_is(void **state) {
  (void)state;
  assert_int_equal(ins_n_field_indices, INS_N_FIELD_INDICES);
  for (size_t k = 0; k < ins_n_field_indices; k++) {
    const ins_index *index = &ins_field_indices[k];
    assert_true(index->name && index->units && index->long_name && index->source);
    for (size_t other = 0; other < k; other++)
      assert_string_not_equal(index->name, ins_field_indices[other].name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_planted_field_is_found_again),
      cmocka_unit_test(image_times_course_is_the_field_and_the_image_carries_the_polarity),
      cmocka_unit_test(long_axes_are_counted_counter_clockwise_from_the_rows),
      cmocka_unit_test(noise_moves_a_field_a_little),
      cmocka_unit_test(a_field_must_stand_out_of_its_noise),
      cmocka_unit_test(separability_is_the_share_of_the_first_component),
      cmocka_unit_test(the_surround_is_weighed_against_the_centre),
      cmocka_unit_test(opponent_colours_prefer_the_stronger_and_one_channel_has_no_preference),
      cmocka_unit_test(odd_shapes_are_flagged_and_do_no_harm),
      cmocka_unit_test(nothing_is_found_in_silence_and_in_what_is_no_number),
      cmocka_unit_test(without_units_pixels_remain),
      cmocka_unit_test(times_count_from_the_frame_that_is_answered),
      cmocka_unit_test(every_index_says_what_it_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
