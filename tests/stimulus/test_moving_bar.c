/* SPDX-License-Identifier: MIT */
/* Bars are where physics says, at every resolution and frame rate. */
#include "scenes.h"
#include "stimulus/generator_parts.h"

static const double directions[] = {0, 35, 90, 135, 200, 270, 333};

/* The middle of mass of every frame in which all of a bar of 120 x 260 um is on the screen lies on
 * the line through the screen's middle, at speed times time. */
static void check_path(double direction, double pixel_um, double rate_hz) {
  char yaml[160];
  size_t n, side = (size_t)(1000 / pixel_um), whole = 0;
  ins_screen screen = plain_screen(side, side, pixel_um, rate_hz);
  snprintf(yaml, sizeof yaml,
           "{kind: moving_bar, direction_deg: %g, speed_um_s: 700, width_um: 120, length_um: 260, "
           "travel_um: 600}",
           direction);
  float *x = movie_of(yaml, &screen, &n);
  assert_int_equal(n, (size_t)lround(600.0 / 700 * rate_hz));
  double area = 120 * 260 / (pixel_um * pixel_um), angle = direction * M_PI / 180;
  for (size_t k = 0; k < n; k++) {
    double middle[2], way = ((double)k + 0.5) / rate_hz * 700 - 300;
    assert_true(fabs(mass_of(x + k * side * side, side, side, middle) - area) < 1e-5 * area);
    double right = (middle[0] - ((double)side - 1) / 2) * pixel_um;
    double up = (((double)side - 1) / 2 - middle[1]) * pixel_um;
    /* What a pixel's middle says of its light is wrong by a few hundredths of a pixel at edges. */
    assert_true(fabs(right - way * cos(angle)) < 0.05 * pixel_um);
    assert_true(fabs(up - way * sin(angle)) < 0.05 * pixel_um);
    whole++;
  }
  assert_true(whole > 20);
  free(x);
}

static void a_bar_moves_at_its_speed_in_its_direction(void **state) {
  (void)state;
  for (size_t d = 0; d < sizeof directions / sizeof directions[0]; d++)
    for (int k = 0; k < 4; k++) check_path(directions[d], k & 1 ? 25 : 10, k & 2 ? 30 : 77);
}

static void direction_90_moves_towards_row_0(void **state) {
  (void)state;
  size_t n;
  ins_screen screen = plain_screen(30, 20, 25, 30);
  float *x = movie_of("{kind: moving_bar, direction_deg: 90, width_um: 100}", &screen, &n);
  double before = 30, middle[2];
  size_t seen = 0;
  for (size_t k = 0; k < n; k++) {
    if (mass_of(x + k * 600, 30, 20, middle) == 0) continue;
    assert_true(middle[1] < before);
    assert_true(fabs(middle[0] - 9.5) < 1e-6);
    before = middle[1];
    seen++;
  }
  assert_true(seen > 15 && before < 1);
  free(x);
}

/* The middle of a frame is also that of the second of three frames in the same time. */
static void frames_at_three_times_the_rate_pass_the_same_places(void **state) {
  (void)state;
  size_t n, m;
  ins_screen slow = plain_screen(24, 24, 25, 30), fast = plain_screen(24, 24, 25, 90);
  const char *yaml = "{kind: moving_bar, direction_deg: 50, length_um: 300}";
  float *a = movie_of(yaml, &slow, &n), *b = movie_of(yaml, &fast, &m);
  assert_true(m >= 3 * n - 2 && m <= 3 * n + 2);
  for (size_t k = 0; 3 * k + 1 < m && k < n; k++)
    for (size_t i = 0; i < 576; i++)
      assert_true(fabsf(a[k * 576 + i] - b[(3 * k + 1) * 576 + i]) < 1e-6f);
  free(a);
  free(b);
}

/* Corners of the bar included: 24 directions, a bar thinner than a pixel among them. */
static void a_bar_at_double_resolution_is_the_same_bar(void **state) {
  (void)state;
  for (int k = 0; k < 24; k++) {
    char yaml[160];
    size_t n, m;
    snprintf(yaml, sizeof yaml,
             "{kind: moving_bar, direction_deg: %d, width_um: %g, length_um: %g, speed_um_s: 400}",
             15 * k + k % 5, k % 3 ? 130.0 : 20.0, k % 2 ? 333.0 : 70.0);
    ins_screen coarse = plain_screen(15, 18, 50, 30), fine = plain_screen(30, 36, 25, 30);
    float *a = movie_of(yaml, &coarse, &n), *b = movie_of(yaml, &fine, &m);
    assert_int_equal(n, m);
    for (size_t t = 0; t < n; t++)
      assert_true(coarse_difference(a + t * 270, b + t * 1080, 15, 18) < 1e-6);
    free(a);
    free(b);
  }
}

static void a_bar_comes_from_off_the_screen_and_leaves_it_in_the_same_time_everywhere(
    void **state) {
  (void)state;
  size_t frames = 0;
  double middle[2];
  ins_screen screen = plain_screen(20, 30, 25, 50);
  for (int k = 0; k < 12; k++) {
    char yaml[160];
    size_t n;
    snprintf(yaml, sizeof yaml,
             "{kind: moving_bar, direction_deg: %d, x_um: 100, y_um: 400, speed_um_s: 500}",
             7 + 30 * k);
    float *x = movie_of(yaml, &screen, &n);
    /* A frame shows the middle of its time: by then the bar has moved 5 um, a fifth of a pixel. */
    assert_true(mass_of(x, 20, 30, middle) < 0.2 * 30);
    assert_true(mass_of(x + (n - 1) * 600, 20, 30, middle) < 0.2 * 30);
    assert_true(mass_of(x + n / 2 * 600, 20, 30, middle) > 50);
    assert_true(frames == 0 || frames == n);
    frames = n;
    free(x);
  }
}

static void half_planes_cover_as_much_of_a_pixel_as_points_are_within(void **state) {
  (void)state;
  enum { N = 200 };
  double u[2], normal[2];
  ins_stream stream = ins_stream_at(3, "edges", NULL, 0);
  for (uint64_t k = 0; k < 100; k++) {
    ins_stream_uniform(&stream, 2 * k, 2, u);
    ins_direction_vector(k % 10 ? 360 * u[0] : 90 * floor(4 * u[0]), normal);
    double inside = 1.6 * (u[1] - 0.5), within = 0;
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < N; j++)
        within += inside + normal[0] * (((double)j + 0.5) / N - 0.5) +
                      normal[1] * (((double)i + 0.5) / N - 0.5) >
                  0;
    assert_true(fabs(ins_cover_edge(inside, normal) - within / (N * N)) < 1.0 / N);
  }
}

static void directions_are_exact_on_the_axes(void **state) {
  (void)state;
  static const double expected[4][2] = {{1, 0}, {0, -1}, {-1, 0}, {0, 1}};
  double v[2];
  for (int k = -8; k < 12; k++) {
    ins_direction_vector(90 * k, v);
    assert_true(v[0] == expected[k & 3][0] && v[1] == expected[k & 3][1]);
  }
  ins_direction_vector(-330, v);
  assert_true(fabs(v[0] - sqrt(3) / 2) < 1e-15 && fabs(v[1] + 0.5) < 1e-15);
}

static void what_cannot_be_shown_is_refused(void **state) {
  (void)state;
  ins_screen screen = plain_screen(20, 20, 50, 30), still = screen,
             unknown = plain_screen(20, 20, (double)NAN, 30);
  still.still = true;
  assert_refused("{kind: moving_bar, width_um: 600, travel_um: 500}", &screen, INS_ERR_ARGUMENT,
                 "it may be travel_um, 500, at most");
  assert_refused("{kind: moving_bar, width_um: 100, speed_um_s: 5000}", &screen, INS_ERR_ARGUMENT,
                 "may be 4500 at most");
  assert_refused("{kind: moving_bar, y_um: 3000, length_um: 100, travel_um: 800}", &screen,
                 INS_ERR_ARGUMENT, "never comes onto the screen");
  assert_refused("{kind: moving_bar}", &still, INS_ERR_ARGUMENT,
                 "kind moving_bar needs time, but the model sees single frames");
  assert_refused("{kind: moving_bar}", &unknown, INS_ERR_MISSING, "retina_pixel_size_um");
  assert_refused("{kind: moving_bar, speed_um_s: 0.001}", &screen, INS_ERR_ARGUMENT,
                 "1000000 at most");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bar_moves_at_its_speed_in_its_direction),
      cmocka_unit_test(direction_90_moves_towards_row_0),
      cmocka_unit_test(frames_at_three_times_the_rate_pass_the_same_places),
      cmocka_unit_test(a_bar_at_double_resolution_is_the_same_bar),
      cmocka_unit_test(a_bar_comes_from_off_the_screen_and_leaves_it_in_the_same_time_everywhere),
      cmocka_unit_test(half_planes_cover_as_much_of_a_pixel_as_points_are_within),
      cmocka_unit_test(directions_are_exact_on_the_axes),
      cmocka_unit_test(what_cannot_be_shown_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
