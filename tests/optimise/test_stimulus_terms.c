/* SPDX-License-Identifier: MIT */
/* Postprocessors and penalties against the peer's own classes, and what they refuse. */
#include "golden.h"
#include "insilico/penalty.h"
#include "insilico/postprocess.h"
#include "settings.h"

#define BOUNDS "range: {green: [-0.654, 6.269], uv: [-0.913, 6.269]}"

static const ins_shape shape = {2, 12, 6, 5};

static ins_postprocess *make_postprocess(const char *yaml) {
  ins_value *settings = settings_of(ins_postprocessors, yaml);
  ins_postprocess *out = NULL;
  if (ins_postprocess_create(settings, &shape, &out) != INS_OK) fail_msg("%s", ins_message());
  ins_value_destroy(&settings);
  return out;
}

static ins_penalty *make_penalty(const char *yaml) {
  ins_value *settings = settings_of(ins_penalties, yaml);
  ins_penalty *out = NULL;
  if (ins_penalty_create(settings, &shape, &out) != INS_OK) fail_msg("%s", ins_message());
  ins_value_destroy(&settings);
  return out;
}

/* Norms are summed in another order than torch does: a unit or two in the last place. */
static void postprocessors_agree_with_the_peer(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"{kind: norm_clip, norm: 60, " BOUNDS "}", "norm_clip_up"},
      {"{kind: norm_clip, norm: 5, " BOUNDS "}", "norm_clip_down"},
      {"{kind: norm_clip, norm: 30, range: {uv: [-0.9, null]}}", "norm_open_bounds"},
      {"{kind: clip, " BOUNDS "}", "clip"},
      {"{kind: clip, range: {green: [null, 0.5], uv: [-0.25, null]}}", "clip_open_bounds"},
      {"{kind: temporal_gaussian, sigma: 0.5, size: 5}", "temporal_gaussian_odd"},
      {"{kind: temporal_gaussian, sigma: 2, size: 9}", "temporal_gaussian_wide"},
      {"{kind: temporal_gaussian, sigma: 1, size: 4}", "temporal_gaussian_even"},
  };
  size_t n = ins_shape_count(&shape);
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    char file[128];
    snprintf(file, sizeof file, "postprocess/%s_output.npy", cases[k][1]);
    ins_value *x = golden("postprocess/input.npy"), *y = golden(file);
    ins_postprocess *p = make_postprocess(cases[k][0]);
    for (size_t sample = 0; sample < 2; sample++) {
      assert_int_equal(ins_postprocess_apply(p, golden_data(x) + sample * n), INS_OK);
      double error = relative_error(golden_data(x) + sample * n, golden_data(y) + sample * n, n);
      if (error > 5e-7) fail_msg("%s: relative error %g", cases[k][0], error);
    }
    ins_postprocess_destroy(&p);
    ins_value_destroy(&x);
    ins_value_destroy(&y);
  }
}

/* The peer's norm is over all samples of a batch, ours is of one stimulus: the two agree where the
 * norm is not exceeded, and the norm's own gradient is tested by finite differences below. */
static void penalties_agree_with_the_peer(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"{kind: range, " BOUNDS "}", "range"},
      {"{kind: range, factor: 2, range: {green: [null, 0.5], uv: [-0.25, null]}, max_norm: 1e4}",
       "range_open_bounds"},
  };
  size_t n = ins_shape_count(&shape);
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    char file[128];
    double value = 0;
    snprintf(file, sizeof file, "postprocess/%s_gradient.npy", cases[k][1]);
    ins_value *x = golden("postprocess/input.npy"), *dy = golden(file);
    snprintf(file, sizeof file, "postprocess/%s_value.npy", cases[k][1]);
    ins_value *y = golden(file);
    float *dx = calloc(2 * n, sizeof *dx);
    ins_penalty *p = make_penalty(cases[k][0]);
    for (size_t sample = 0; sample < 2; sample++)
      value += ins_penalty_add(p, golden_data(x) + sample * n, dx + sample * n);
    assert_true(fabs(value - (double)golden_data(y)[0]) < 1e-5 * fabs(value));
    assert_true(relative_error(dx, golden_data(dy), 2 * n) < 1e-6);
    free(dx);
    ins_penalty_destroy(&p);
    ins_value_destroy(&x);
    ins_value_destroy(&y);
    ins_value_destroy(&dy);
  }
}

/* Away from the corners at the bounds; float32 values of up to 60 leave about 1e-3. */
static void penalty_gradients_agree_with_finite_differences(void **state) {
  (void)state;
  const float h = 1e-2f;
  size_t n = ins_shape_count(&shape);
  ins_value *x = golden("postprocess/input.npy");
  ins_penalty *p = make_penalty("{kind: range, factor: 0.5, max_norm: 10, " BOUNDS "}");
  float *dx = calloc(n, sizeof *dx), *unused = calloc(n, sizeof *dx), *v = golden_data(x);
  ins_penalty_add(p, v, dx);
  for (size_t i = 0; i < n; i += 7) {
    float kept = v[i];
    v[i] = kept + h;
    double up = ins_penalty_add(p, v, unused);
    v[i] = kept - h;
    double down = ins_penalty_add(p, v, unused);
    v[i] = kept;
    bool corner = fabsf(kept + 0.654f) < h || fabsf(kept + 0.913f) < h || fabsf(kept - 6.269f) < h;
    if (!corner) assert_true(fabs((up - down) / (2 * (double)h) - (double)dx[i]) < 1e-3);
  }
  free(dx);
  free(unused);
  ins_penalty_destroy(&p);
  ins_value_destroy(&x);
}

static void a_zero_stimulus_has_no_norm_to_scale(void **state) {
  (void)state;
  float *x = calloc(ins_shape_count(&shape), sizeof *x);
  ins_postprocess *p = make_postprocess("{kind: norm_clip, norm: 5}");
  assert_int_equal(ins_postprocess_apply(p, x), INS_ERR_NUMERIC);
  assert_non_null(strstr(ins_message(), "zero"));
  ins_postprocess_destroy(&p);
  free(x);
}

static void bounds_of_an_unknown_channel_are_refused(void **state) {
  (void)state;
  ins_value *settings = settings_of(ins_postprocessors, "{kind: clip, range: {red: [0, 1]}}");
  ins_postprocess *p = NULL;
  assert_int_equal(ins_postprocess_create(settings, &shape, &p), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "no channel 'red'; it has green, uv"));
  ins_value_destroy(&settings);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(postprocessors_agree_with_the_peer),
      cmocka_unit_test(penalties_agree_with_the_peer),
      cmocka_unit_test(penalty_gradients_agree_with_finite_differences),
      cmocka_unit_test(a_zero_stimulus_has_no_norm_to_scale),
      cmocka_unit_test(bounds_of_an_unknown_channel_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
