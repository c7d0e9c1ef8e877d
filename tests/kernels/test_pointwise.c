/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "kernels/reference.h"
#include "kernels_paths.h"

enum { N = 4096 };

/* ELU of one number after another, in lane 0, with scale 1 and shift 0. */
static void run_elu(const ins_kernels *kernels, const float *x, float *act, float *slope) {
  const size_t lanes = (size_t)kernels->lanes;
  float *y = zeros(N * lanes, sizeof *y), *a = zeros(N * lanes, sizeof *a),
        *s = zeros(N * lanes, sizeof *s);
  float *one = zeros(lanes, sizeof *one), *none = zeros(lanes, sizeof *none);
  one[0] = 1;
  for (size_t i = 0; i < N; i++) y[i * lanes] = x[i];
  const ins_activate job = {
      .n = N, .n_channels = 1, .y = y, .scale = one, .shift = none, .act = a, .slope = s};
  kernels->activate(&job);
  for (size_t i = 0; i < N; i++) {
    act[i] = a[i * lanes];
    slope[i] = s[i * lanes];
  }
  ins_free(&y);
  ins_free(&a);
  ins_free(&s);
  ins_free(&one);
  ins_free(&none);
}

static void check_elu(const ins_kernels *kernels, void *arg) {
  const float *x = arg;
  static float act[N], slope[N];
  run_elu(kernels, x, act, slope);
  for (size_t i = 0; i < N; i++) {
    const double z = (double)x[i], elu = ins_reference_elu(z), d = ins_reference_elu_slope(z);
    /* two units in the last place */
    if (fabs((double)act[i] - elu) > 2.4e-7 * fabs(elu))
      fail_msg("%s: elu(%g) = %g", kernels->name, z, (double)act[i]);
    if (fabs((double)slope[i] - d) > 2.4e-7 * d)
      fail_msg("%s: slope(%g) = %g", kernels->name, z, (double)slope[i]);
  }
}

static void elu_is_exact_to_two_units_of_the_last_place(void **state) {
  (void)state;
  static float x[N];
  for (int i = 0; i < N; i++) x[i] = -86.0f * (float)i / N;
  for_each_path(check_elu, x);
  for (int i = 0; i < N; i++)
    x[i] = -ldexpf(1.0f + (float)(i % 64) / 64, -i / 64); /* down to 2^-63 */
  for_each_path(check_elu, x);
  for (int i = 0; i < N; i++) x[i] = 0.25f * (float)i;
  for_each_path(check_elu, x);
}

static void check_extremes(const ins_kernels *kernels, void *arg) {
  (void)arg;
  static float x[N], act[N], slope[N];
  x[0] = -1e30f;
  x[1] = -INFINITY;
  x[2] = INFINITY;
  x[3] = NAN;
  x[4] = -0.0f;
  run_elu(kernels, x, act, slope);
  assert_true(act[0] == -1 && act[1] == -1);
  assert_true(slope[0] >= 0 && slope[0] < 1e-37f && slope[1] < 1e-37f);
  assert_true(isinf(act[2]) && act[2] > 0 && slope[2] == 1);
  assert_true(isnan(act[3]));
  assert_true(act[4] == 0 && slope[4] == 1);
}

static void elu_of_extremes_is_its_limit(void **state) {
  (void)state;
  for_each_path(check_extremes, NULL);
}

static void check_planar(const ins_kernels *kernels, void *arg) {
  const int n = *(const int *)arg, lanes = kernels->lanes;
  const size_t total = (size_t)n * (size_t)lanes, row = (size_t)n + 3;
  float *a = zeros(total, sizeof *a), *b = zeros(total, sizeof *b);
  normal(1, total, a);
  normal(2, total, b);
  for (int channels = 1; channels <= lanes; channels++) {
    float *out = zeros((size_t)lanes * row, sizeof *out);
    kernels->to_planar(n, channels, a, b, out, row);
    for (int c = 0; c < lanes; c++) {
      for (size_t p = 0; p < row; p++) {
        const size_t i = p * (size_t)lanes + (size_t)c;
        const float should = c < channels && p < (size_t)n ? a[i] * b[i] : 0;
        assert_true(out[(size_t)c * row + p] == should);
      }
    }
    ins_free(&out);
  }
  ins_free(&a);
  ins_free(&b);
}

static void to_planar_writes_its_channels_and_nothing_else(void **state) {
  (void)state;
  const int sizes[] = {1, 3, 4, 15, 16, 17, 50};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for_each_path(check_planar, (void *)(uintptr_t)&sizes[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(elu_is_exact_to_two_units_of_the_last_place),
      cmocka_unit_test(elu_of_extremes_is_its_limit),
      cmocka_unit_test(to_planar_writes_its_channels_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
