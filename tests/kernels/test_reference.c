/* SPDX-License-Identifier: MIT */
/* The reference itself: a convolution worked out by hand, and transposes by their definition. */
#include <math.h>

#include "kernels/reference.h"
#include "kernels_paths.h"

static void a_small_convolution_is_the_one_worked_out_by_hand(void **state) {
  (void)state;
  /* two frames of one row of three pixels; y[0,w] = sum_k wt[k] sum_b ws[b] x[k, w + b - 1] */
  const ins_conv_shape s = {1, 1, 2, 1, 3, 0, 0, 1, 2, 1, 3, 1, 1, 3};
  const float wt[2] = {10, 1}, ws[3] = {1, 2, 3};
  const double x[6] = {1, 2, 3, 4, 5, 6};
  double plane[3], y[3];
  ins_reference_separable(&s, wt, ws, x, plane, y);
  assert_true(y[0] == 10 * (2 * 1 + 3 * 2) + (2 * 4 + 3 * 5));
  assert_true(y[1] == 10 * (1 * 1 + 2 * 2 + 3 * 3) + (1 * 4 + 2 * 5 + 3 * 6));
  assert_true(y[2] == 10 * (1 * 2 + 2 * 3) + (1 * 5 + 2 * 6));
}

static void frames_outside_the_clip_are_zero(void **state) {
  (void)state;
  const ins_conv_shape s = {1, 1, 3, 1, 1, 1, 0, 0, 2, 1, 1, 2, 1, 1};
  const float wt[3] = {100, 10, 1}, ws[1] = {1};
  const double x[2] = {1, 2};
  double plane[1], y[2];
  ins_reference_separable(&s, wt, ws, x, plane, y);
  assert_true(y[0] == 12);  /* frames -1, 0, 1 */
  assert_true(y[1] == 120); /* frames 0, 1, 2 */
}

static void backward_is_the_transpose_of_forward(void **state) {
  (void)state;
  const ins_conv_shape s = {3, 2, 4, 3, 2, 1, 1, 0, 5, 6, 7, 4, 5, 6};
  enum { N_X = 3 * 5 * 6 * 7, N_Y = 2 * 4 * 5 * 6 };
  static float wt[3 * 2 * 4], ws[3 * 2 * 6], noise[N_X + N_Y];
  static double x[N_X], y[N_Y], dx[N_X], dy[N_Y], plane[42];
  normal(1, 24, wt);
  normal(2, 36, ws);
  normal(3, N_X + N_Y, noise);
  for (int i = 0; i < N_X; i++) x[i] = (double)noise[i];
  for (int i = 0; i < N_Y; i++) dy[i] = (double)noise[N_X + i];
  ins_reference_separable(&s, wt, ws, x, plane, y);
  ins_reference_separable_backward(&s, wt, ws, dy, plane, dx);
  double forward = 0, backward = 0;
  for (int i = 0; i < N_Y; i++) forward += dy[i] * y[i];
  for (int i = 0; i < N_X; i++) backward += dx[i] * x[i];
  assert_true(fabs(forward - backward) < 1e-12 * fabs(forward));
}

static void nonlinearities_have_their_known_values(void **state) {
  (void)state;
  assert_true(ins_reference_elu(2) == 2 &&
              fabs(ins_reference_elu(-1) + 0.6321205588285577) < 1e-15);
  assert_true(ins_reference_elu_slope(3) == 1 &&
              fabs(ins_reference_elu_slope(-1) - 0.36787944117144233) < 1e-15);
  assert_true(fabs(ins_reference_softplus(0) - 0.6931471805599453) < 1e-15);
  assert_true(ins_reference_softplus(20.5) == 20.5 && ins_reference_softplus_slope(20.5) == 1);
  assert_true(ins_reference_softplus_slope(0) == 0.5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_small_convolution_is_the_one_worked_out_by_hand),
      cmocka_unit_test(frames_outside_the_clip_are_zero),
      cmocka_unit_test(backward_is_the_transpose_of_forward),
      cmocka_unit_test(nonlinearities_have_their_known_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
