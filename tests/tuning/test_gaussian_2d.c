/* SPDX-License-Identifier: MIT */
/* Gaussians on images, and the bounded fit below them. */
#include "tuning/gaussian_2d.h"

#include <math.h>

#include "cmocka_all.h"
#include "insilico/random.h"
#include "tuning/fit.h"

enum { HEIGHT = 16, WIDTH = 18 };

static void draw(const ins_gaussian_2d *g, size_t height, size_t width, double noise, int64_t seed,
                 double *image) {
  ins_stream stream = ins_stream_at(5, "image", &seed, 1);
  for (size_t i = 0; i < height * width; i++) {
    float z;
    ins_stream_normal(&stream, i, 1, &z);
    image[i] = ins_gaussian_2d_at(g, (double)(i % width), (double)(i / width)) + noise * (double)z;
  }
}

static void expect(double found, double truth, double tolerance, const char *name) {
  if (!(fabs(found - truth) <= tolerance)) fail_msg("%s = %.9g, planted %.9g", name, found, truth);
}

/* Tolerances as shares of the amplitude, in pixels, and in radians for an axis ratio of 2. */
static void expect_gaussian(const ins_gaussian_2d *found, const ins_gaussian_2d *truth,
                            double tolerance) {
  double scale = fabs(truth->amplitude);
  assert_true(found->converged);
  expect(found->amplitude, truth->amplitude, tolerance * scale, "amplitude");
  expect(found->x, truth->x, tolerance, "x");
  expect(found->y, truth->y, tolerance, "y");
  expect(found->sigma_major, truth->sigma_major, tolerance, "sigma_major");
  expect(found->sigma_minor, truth->sigma_minor, tolerance, "sigma_minor");
  expect(found->offset, truth->offset, tolerance * scale, "offset");
  if (truth->sigma_major > 1.2 * truth->sigma_minor)
    expect(remainder(found->angle - truth->angle, M_PI), 0, tolerance, "angle");
  assert_true(found->angle >= 0 && found->angle < M_PI);
}

static void rotated_gaussians_are_found(void **state) {
  (void)state;
  double image[HEIGHT * WIDTH];
  const double amplitudes[] = {1, -1, 3e-7, -2e5};
  for (int k = 0; k < 24; k++) {
    double a = amplitudes[k % 4];
    ins_gaussian_2d found, truth = {.amplitude = a,
                                    .x = 5 + 0.37 * k,
                                    .y = 11.2 - 0.3 * k,
                                    .sigma_major = 2.4,
                                    .sigma_minor = k % 3 ? 1.1 : 2.4,
                                    .angle = k % 3 ? 0.13 * k : 0,
                                    .offset = k % 2 ? 0.3 * a : -0.4 * a};
    truth.angle = fmod(truth.angle, M_PI);
    draw(&truth, HEIGHT, WIDTH, 0, 0, image);
    assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image, INS_GAUSSIAN_OFFSET, &found),
                     INS_OK);
    expect_gaussian(&found, &truth, 1e-4);
    assert_true(found.r2 > 1 - 1e-6);
    truth.offset = 0;
    draw(&truth, HEIGHT, WIDTH, 0, 0, image);
    assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image, 0, &found), INS_OK);
    expect_gaussian(&found, &truth, 1e-4);
  }
}

static void circular_gaussians_are_found(void **state) {
  (void)state;
  double image[HEIGHT * WIDTH];
  for (int k = 0; k < 12; k++) {
    double sigma = 0.5 + 0.3 * k;
    ins_gaussian_2d found, truth = {.amplitude = k % 2 ? 2 : -2,
                                    .x = 9.3,
                                    .y = 6.6,
                                    .sigma_major = sigma,
                                    .sigma_minor = sigma,
                                    .offset = 0.5};
    draw(&truth, HEIGHT, WIDTH, 0, 0, image);
    assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image,
                                         INS_GAUSSIAN_CIRCULAR | INS_GAUSSIAN_OFFSET, &found),
                     INS_OK);
    expect_gaussian(&found, &truth, 1e-4);
    assert_true(found.sigma_major == found.sigma_minor && found.angle == 0);
  }
}

/* Noise of a twentieth of the peak over 288 pixels: standard errors up to 0.06 px. */
static void noise_and_an_offset_are_withstood(void **state) {
  (void)state;
  double image[HEIGHT * WIDTH];
  const ins_gaussian_2d truth = {1, 8.4, 7.1, 2.6, 1.3, 0.9, 0.2, 0, false};
  for (int64_t seed = 0; seed < 40; seed++) {
    ins_gaussian_2d found;
    draw(&truth, HEIGHT, WIDTH, 0.05, seed, image);
    assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image, INS_GAUSSIAN_OFFSET, &found),
                     INS_OK);
    expect_gaussian(&found, &truth, 0.25);
    assert_true(found.r2 > 0.6 && found.r2 < 0.99);
  }
}

static void missing_pixels_are_left_out(void **state) {
  (void)state;
  double image[HEIGHT * WIDTH];
  const ins_gaussian_2d truth = {1, 8.4, 7.1, 2.6, 1.3, 0.9, 0.2, 0, false};
  ins_gaussian_2d found;
  draw(&truth, HEIGHT, WIDTH, 0, 0, image);
  for (size_t i = 0; i < HEIGHT * WIDTH; i += 5) image[i] = i % 2 ? NAN : INFINITY;
  assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image, INS_GAUSSIAN_OFFSET, &found), INS_OK);
  expect_gaussian(&found, &truth, 1e-4);
}

static void images_without_a_gaussian_are_flagged(void **state) {
  (void)state;
  double image[HEIGHT * WIDTH] = {0};
  ins_gaussian_2d found;
  for (unsigned flags = 0; flags < 4; flags++) {
    for (size_t i = 0; i < HEIGHT * WIDTH; i++) image[i] = flags;
    assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image, flags, &found), INS_OK);
    assert_true(!found.converged && isnan(found.x) && isnan(found.r2));
    for (size_t i = 0; i < HEIGHT * WIDTH; i++) image[i] = NAN;
    assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image, flags, &found), INS_OK);
    assert_true(!found.converged && isnan(found.x));
    /* A ramp: the best Gaussian would stand beyond the edge. */
    for (size_t i = 0; i < HEIGHT * WIDTH; i++) image[i] = (double)(i % WIDTH);
    assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image, flags, &found), INS_OK);
    assert_false(found.converged);
    /* One pixel: thinner than can be told. */
    for (size_t i = 0; i < HEIGHT * WIDTH; i++) image[i] = i == 100 ? 1 : 0;
    assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image, flags, &found), INS_OK);
    assert_true(!found.converged || found.sigma_major < 0.6);
    for (size_t i = 0; i < HEIGHT * WIDTH; i++) image[i] = i % 7 ? 1e300 : -1e300;
    assert_int_equal(ins_gaussian_2d_fit(HEIGHT, WIDTH, image, flags, &found), INS_OK);
    assert_int_equal(ins_gaussian_2d_fit(1, WIDTH, image, flags, &found), INS_OK);
    assert_false(found.converged);
    assert_int_equal(ins_gaussian_2d_fit(0, 0, image, flags, &found), INS_OK);
    assert_false(found.converged);
  }
}

/* ---- the fit --------------------------------------------------------------------------------- */

static const double line_x[] = {0, 1, 2, 3, 4};

static void line(const void *context, const double *p, double *f, double *jacobian) {
  (void)context;
  for (size_t i = 0; i < 5; i++) {
    if (f) f[i] = p[0] + p[1] * line_x[i];
    if (jacobian) jacobian[2 * i] = 1, jacobian[2 * i + 1] = line_x[i];
  }
}

/* Known answers of ordinary least squares: slope 1.9, offset 1.2, s^2 = 0.3/3, covariance
 * s^2 [[0.6, -0.2], [-0.2, 0.1]]. */
static void the_covariance_is_that_of_least_squares(void **state) {
  (void)state;
  const double y[] = {1, 3.5, 4.8, 6.9, 8.8}, low[] = {-100, -100}, high[] = {100, 50};
  const double starts[] = {50, -70};
  const ins_fit fit = {line, NULL, 5, 2, y, low, high};
  ins_fitted found;
  assert_int_equal(ins_fit_run(&fit, 1, starts, &found), INS_OK);
  double mean = 5, slope = 0, ss = 0;
  for (size_t i = 0; i < 5; i++) slope += (line_x[i] - 2) * (y[i] - mean) / 10;
  for (size_t i = 0; i < 5; i++) ss += pow(y[i] - mean - slope * (line_x[i] - 2), 2);
  assert_true(found.converged && !found.at_bound);
  expect(found.p[1], slope, 1e-6, "slope");
  expect(found.p[0], mean - 2 * slope, 1e-6, "offset");
  expect(found.ss, ss, 1e-9, "sum of squares");
  expect(found.covariance[0], ss / 3 * 0.6, 1e-9, "variance of the offset");
  expect(found.covariance[1], ss / 3 * -0.2, 1e-9, "covariance");
  expect(found.covariance[2], ss / 3 * -0.2, 1e-9, "covariance");
  expect(found.covariance[3], ss / 3 * 0.1, 1e-9, "variance of the slope");
}

static void bounds_hold_and_are_told(void **state) {
  (void)state;
  const double y[] = {1, 3, 5, 7, 9}, low[] = {0, 0}, high[] = {10, 1};
  const double starts[] = {700, -3, NAN, 0.5};
  const ins_fit fit = {line, NULL, 5, 2, y, low, high};
  ins_fitted found;
  assert_int_equal(ins_fit_run(&fit, 2, starts, &found), INS_OK);
  assert_true(found.converged && found.at_bound);
  expect(found.p[1], 1, 1e-5, "slope");
  expect(found.p[0], 3, 1e-4, "offset"); /* the best one for a slope of 1 */
}

static void unusable_fits_are_flagged(void **state) {
  (void)state;
  const double y[] = {1, 3, 5, 7, 9}, low[] = {0, 0}, high[] = {1, 1}, starts[] = {0.5, 0.5};
  ins_fit fit = {line, NULL, 1, 2, y, low, high};
  ins_fitted found;
  assert_int_equal(ins_fit_run(&fit, 1, starts, &found), INS_OK);
  assert_true(!found.converged && isnan(found.ss) && isnan(found.covariance[0]));
  assert_true(found.p[0] == 0.5);
  fit.m = 5;
  const double endless[] = {1, NAN, 5, 7, 9};
  fit.y = endless;
  assert_int_equal(ins_fit_run(&fit, 1, starts, &found), INS_OK);
  assert_true(!found.converged && isnan(found.ss));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rotated_gaussians_are_found),
      cmocka_unit_test(circular_gaussians_are_found),
      cmocka_unit_test(noise_and_an_offset_are_withstood),
      cmocka_unit_test(missing_pixels_are_left_out),
      cmocka_unit_test(images_without_a_gaussian_are_flagged),
      cmocka_unit_test(the_covariance_is_that_of_least_squares),
      cmocka_unit_test(bounds_hold_and_are_told),
      cmocka_unit_test(unusable_fits_are_flagged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
