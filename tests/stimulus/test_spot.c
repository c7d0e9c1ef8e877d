/* SPDX-License-Identifier: MIT */
/* Discs and rings keep their area and their place, whatever the pixels. */
#include "scenes.h"
#include "stimulus/generator_parts.h"

static const double pixels_um[] = {50, 12.5, 7.3};
/* Micrometres; the smallest is a thousandth of a large pixel's area. */
static const double diameters_um[] = {1.7, 20, 61, 300};

static float *disc_at(double diameter, double x, double y, const ins_screen *screen) {
  char yaml[160];
  size_t n;
  snprintf(yaml, sizeof yaml, "{kind: spot, diameter_um: %.9g, x_um: %.9g, y_um: %.9g}", diameter,
           x, y);
  return movie_of(yaml, screen, &n);
}

/* Float32 pixels: 1e-6 of the sum. */
static void a_spot_has_its_area_and_place_at_every_pixel_size_and_position(void **state) {
  (void)state;
  for (size_t p = 0; p < 3; p++)
    for (size_t d = 0; d < 4; d++)
      for (size_t k = 0; k < 9; k++) {
        ins_screen screen = plain_screen(70, 60, pixels_um[p], 30);
        double um = screen.pixel_um, middle[2];
        double x = (25 + 0.13 * (double)k) * um, y = (31 - 0.21 * (double)k) * um;
        float *q = disc_at(diameters_um[d], x, y, &screen);
        double area = M_PI / 4 * diameters_um[d] * diameters_um[d] / (um * um);
        double sum = mass_of(q, 70, 60, middle);
        assert_true(fabs(sum - area) < 2e-6 * area);
        /* A pixel's light counts as its middle's; what that is wrong by cancels but for the edge.
         */
        double shift = diameters_um[d] > 4 * um ? 0.02 : 0.5;
        assert_true(fabs(middle[0] - x / um) < shift && fabs(middle[1] - y / um) < shift);
        free(q);
      }
}

/* Counting points of a fine lattice knows nothing of sectors: 1/300 of a pixel's side. */
static void a_disc_covers_as_much_of_a_pixel_as_points_are_within(void **state) {
  (void)state;
  enum { N = 300 };
  double u[3];
  ins_stream stream = ins_stream_at(7, "discs", NULL, 0);
  for (uint64_t k = 0; k < 60; k++) {
    ins_stream_uniform(&stream, 3 * k, 3, u);
    double radius = 0.05 + 2 * u[0] * u[0], angle = 2 * M_PI * u[1];
    double away = fmax(radius + 1.2 * (u[2] - 0.5), 0), within = 0;
    double x = away * cos(angle), y = away * sin(angle);
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < N; j++)
        within += hypot(x + ((double)j + 0.5) / N - 0.5, y + ((double)i + 0.5) / N - 0.5) < radius;
    assert_true(fabs(ins_cover_disc(x, y, radius) - within / (N * N)) < 2.0 / N);
  }
}

static void a_spot_at_double_resolution_is_the_same_spot(void **state) {
  (void)state;
  size_t n;
  for (size_t d = 0; d < 4; d++) {
    char yaml[100];
    snprintf(yaml, sizeof yaml, "{kind: spot, diameter_um: %.9g}", diameters_um[d]);
    ins_screen coarse = plain_screen(15, 18, 50, 30), fine = plain_screen(30, 36, 25, 30);
    float *a = movie_of(yaml, &coarse, &n), *b = movie_of(yaml, &fine, &n);
    assert_true(coarse_difference(a, b, 15, 18) < 1e-6);
    free(a);
    free(b);
  }
}

static void a_ring_is_a_disc_without_the_inner_disc(void **state) {
  (void)state;
  size_t n;
  ins_screen screen = plain_screen(40, 44, 20, 30);
  float *ring =
      movie_of("{kind: annulus, inner_diameter_um: 130, outer_diameter_um: 470}", &screen, &n);
  float *outer = movie_of("{kind: spot, diameter_um: 470}", &screen, &n);
  float *inner = movie_of("{kind: spot, diameter_um: 130}", &screen, &n);
  double middle[2], area = M_PI / 4 * (470 * 470 - 130 * 130) / 400;
  assert_true(fabs(mass_of(ring, 40, 44, middle) - area) < 1e-5 * area);
  for (size_t i = 0; i < 40 * 44; i++) {
    assert_true(fabsf(ring[i] - (outer[i] - inner[i])) < 1e-6f);
    assert_true(ring[i] >= 0 && ring[i] <= 1);
  }
  free(ring);
  free(outer);
  free(inner);
}

static void models_of_single_frames_see_spots_without_a_frame_rate(void **state) {
  (void)state;
  size_t n;
  ins_screen screen = plain_screen(20, 20, 50, (double)NAN);
  screen.still = true;
  float *q = movie_of("{kind: spot, diameter_um: 200, duration_s: 5}", &screen, &n);
  assert_int_equal(n, 1);
  assert_true(q[9 * 20 + 9] == 1);
  free(q);
}

static void what_cannot_be_shown_is_refused(void **state) {
  (void)state;
  ins_screen screen = plain_screen(20, 20, 50, 30), unknown = plain_screen(20, 20, (double)NAN, 30),
             timeless = plain_screen(20, 20, 50, (double)NAN);
  assert_refused("{kind: spot, x_um: 1200, diameter_um: 400}", &screen, INS_ERR_ARGUMENT,
                 "-25 to 975 um wide");
  assert_refused("{kind: spot, y_um: -90, diameter_um: 100}", &screen, INS_ERR_ARGUMENT,
                 "off the screen");
  assert_refused("{kind: annulus, inner_diameter_um: 400, outer_diameter_um: 400}", &screen,
                 INS_ERR_ARGUMENT, "must be below outer_diameter_um, 400");
  assert_refused("{kind: annulus, inner_diameter_um: 2000, outer_diameter_um: 3000}", &screen,
                 INS_ERR_ARGUMENT, "smaller than the screen");
  assert_refused("{kind: spot}", &unknown, INS_ERR_MISSING, "retina_pixel_size_um");
  assert_refused("{kind: spot}", &timeless, INS_ERR_MISSING, "stimulus_rate_hz");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_spot_has_its_area_and_place_at_every_pixel_size_and_position),
      cmocka_unit_test(a_disc_covers_as_much_of_a_pixel_as_points_are_within),
      cmocka_unit_test(a_spot_at_double_resolution_is_the_same_spot),
      cmocka_unit_test(a_ring_is_a_disc_without_the_inner_disc),
      cmocka_unit_test(models_of_single_frames_see_spots_without_a_frame_rate),
      cmocka_unit_test(what_cannot_be_shown_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
