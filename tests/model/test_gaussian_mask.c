/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "cmocka_all.h"
#include "insilico/plan.h"
#include "model_fixture.h"

/* A model of one neuron whose mask has the given parameters. */
static ins_model *with_mask(float row, float column, float log_var, int height, int width) {
  model_fixture f = fixture_small(1);
  f.n_sessions = f.n_neurons[0] = 1;
  f.in_shape[2] = height + 3; /* the kernel takes 3 */
  f.in_shape[3] = width + 3;
  ins_model_source *source = fixture_source(&f);
  const ins_value *mean = ins_map_get(source->parameters, "readout.a.mask_mean");
  const ins_value *var = ins_map_get(source->parameters, "readout.a.mask_log_var");
  ((float *)mean->array.data)[0] = row;
  ((float *)mean->array.data)[1] = column;
  ((float *)var->array.data)[0] = log_var;
  ins_model *model;
  assert_int_equal(ins_model_create(source, &model), INS_OK);
  ins_model_source_destroy(&source);
  return model;
}

static double sum(const float *mask, int n) {
  double total = 0;
  for (int i = 0; i < n; i++) total += (double)mask[i];
  return total;
}

static void a_mask_is_a_gaussian_on_a_grid_of_square_pixels(void **state) {
  (void)state;
  enum { H = 9, W = 5 };
  /* mean (0.05, -0.02) * 6, variance exp(-0.3 * 4) */
  ins_model *model = with_mask(0.05f, -0.02f, -0.3f, H, W);
  float mask[H * W];
  double expected[H * W], total = 0;
  ins_model_mask(model, 0, mask);
  for (int h = 0; h < H; h++) {
    for (int w = 0; w < W; w++) {
      const double y = -1 + 2.0 * h / (H - 1) - 0.3, x = (-1 + 2.0 * w / (W - 1)) * W / H + 0.12;
      total += expected[h * W + w] = exp(-0.5 * fmin((x * x + y * y) / (exp(-1.2) + 1e-8), 20));
    }
  }
  for (int i = 0; i < H * W; i++)
    assert_true(fabs((double)mask[i] - expected[i] / total) < 1e-6 * expected[i] / total + 1e-9);
  assert_true(fabs(sum(mask, H * W) - 1) < 1e-6);
  ins_model_destroy(&model);
}

static void far_from_its_centre_a_mask_keeps_a_floor(void **state) {
  (void)state;
  enum { H = 9, W = 9 };
  ins_model *model = with_mask(0, 0, -2, H, W); /* variance exp(-8): narrower than a pixel */
  float mask[H * W];
  ins_model_mask(model, 0, mask);
  assert_true(mask[0] > 0);
  assert_true(mask[0] == mask[H * W - 1]);
  assert_true(fabs((double)mask[0] / (double)mask[H * W / 2] - exp(-10)) < 1e-6 * exp(-10));
  ins_model_destroy(&model);
}

static void an_endless_variance_gives_a_flat_mask(void **state) {
  (void)state;
  enum { H = 4, W = 3 };
  ins_model *model = with_mask(0, 0, 1000, H, W); /* clamped to exp(20) */
  float mask[H * W];
  ins_model_mask(model, 0, mask);
  for (int i = 0; i < H * W; i++) assert_true(fabs((double)mask[i] - 1.0 / (H * W)) < 1e-7);
  ins_model_destroy(&model);
}

static void a_mask_that_is_not_a_number_is_zero_as_in_the_peer(void **state) {
  (void)state;
  ins_model *model = with_mask(NAN, 0, 0, 3, 3);
  float mask[9];
  ins_model_mask(model, 0, mask);
  for (int i = 0; i < 9; i++) assert_true(mask[i] == 0);
  ins_model_destroy(&model);
}

/* Both models have features of both signs; `positive` must be as if the negative ones were zero. */
static void positive_readouts_ignore_negative_features(void **state) {
  (void)state;
  enum { T = 20, X = 2 * T * 9 * 7 };
  static float noise[X];
  static double x[X], r[2][13];
  model_fixture f = fixture_small(3);
  fixture_normal(1, X, noise);
  for (int i = 0; i < X; i++) x[i] = (double)noise[i];
  for (int positive = 0; positive < 2; positive++) {
    f.positive = positive;
    ins_model_source *source = fixture_source(&f);
    float *features = ins_map_get(source->parameters, "readout.a.features")->array.data;
    int n_negative = 0;
    for (int i = 0; i < 4 * 3; i++) {
      n_negative += features[i] < 0;
      if (!positive && features[i] < 0) features[i] = 0;
    }
    assert_true(n_negative > 0);
    ins_model *model;
    assert_int_equal(ins_model_create(source, &model), INS_OK);
    size_t n;
    assert_int_equal(ins_model_output_frames(model, T, &n), INS_OK);
    assert_true(n <= 15);
    double out[15];
    assert_int_equal(ins_reference_run(model, T, x, (int64_t[]){1}, 1, out, NULL, NULL), INS_OK);
    memcpy(r[positive], out, sizeof r[positive]);
    ins_model_destroy(&model);
    ins_model_source_destroy(&source);
  }
  assert_memory_equal(r[0], r[1], sizeof r[0]);
}

/* Narrow masks are summed over the patch where they rise above their floor: that must be as if over
 * the whole map, whether the patch lies inside, across an edge, off the map, or everywhere. */
static void responses_under_narrow_masks_count_the_floor(void **state) {
  (void)state;
  enum { T = 20, H = 12, W = 10, N_MASKS = 6, X = 2 * T * (H + 3) * (W + 3) };
  const float masks[N_MASKS][3] = {{0.02f, 0.03f, -1},  {-0.16f, 0.1f, -0.8f}, {0.05f, 0, -2},
                                   {0.4f, 0.4f, -1.2f}, {0, 0, 0.5f},          {NAN, 0, 0}};
  static float x[X];
  static double exact[X];
  fixture_normal(5, X, x);
  for (int i = 0; i < X; i++) exact[i] = (double)x[i];
  for (int k = 0; k < N_MASKS; k++) {
    ins_model *model = with_mask(masks[k][0], masks[k][1], masks[k][2], H, W);
    ins_plan *plan;
    size_t n;
    float r[T];
    double expected[T];
    assert_int_equal(ins_model_output_frames(model, T, &n), INS_OK);
    const ins_plan_spec spec = {
        .n_slots = 1, .n_frames = T, .height = H + 3, .width = W + 3, .n_read = n, .n_neurons = 1};
    assert_int_equal(ins_plan_create(model, &spec, &plan), INS_OK);
    assert_int_equal(ins_plan_select(plan, 0, (int64_t[]){0}, 1), INS_OK);
    ins_plan_forward(plan, 0, x, r);
    assert_int_equal(ins_reference_run(model, T, exact, (int64_t[]){0}, 1, expected, NULL, NULL),
                     INS_OK);
    for (size_t t = 0; t < n; t++)
      assert_true(fabs((double)r[t] - expected[t]) < 2e-6 * (1 + expected[t]));
    ins_plan_destroy(&plan);
    ins_model_destroy(&model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_mask_is_a_gaussian_on_a_grid_of_square_pixels),
      cmocka_unit_test(far_from_its_centre_a_mask_keeps_a_floor),
      cmocka_unit_test(an_endless_variance_gives_a_flat_mask),
      cmocka_unit_test(a_mask_that_is_not_a_number_is_zero_as_in_the_peer),
      cmocka_unit_test(positive_readouts_ignore_negative_features),
      cmocka_unit_test(responses_under_narrow_masks_count_the_floor),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
