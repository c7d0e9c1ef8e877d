/* SPDX-License-Identifier: MIT */
/** Every layer that a core may be made of: the reference against finite differences, the fast path
 * against the reference; pooling by hand. */
#include "against_reference.h"
#include "finite_differences.h"
#include "model/conv_layer.h"

static const char *const convolutions[] = {"custom_separable", "separable", "full",
                                           "time_independent"};
enum { N_CONVOLUTIONS = sizeof convolutions / sizeof *convolutions };

/* Large enough for every combination below to leave something. */
static model_fixture roomy(uint64_t seed, const char *convolution) {
  model_fixture f = fixture_small(seed);
  f.in_shape[1] = 24;
  f.in_shape[2] = 17;
  f.in_shape[3] = 14;
  f.convolution = convolution;
  f.hidden_padding = "false";
  return f;
}

/* ---- reference ------------------------------------------------------------------------------ */

static void the_references_gradient_matches_finite_differences(void **state) {
  (void)state;
  for (int c = 0; c < N_CONVOLUTIONS; c++) {
    model_fixture f = fixture_small((uint64_t)c + 1);
    f.convolution = convolutions[c];
    f.log_speed = c < 2; /* the others have none that counts */
    f.input_padding = "1";
    check_gradient(&f);
  }
}

static void it_does_with_pooling_and_squash(void **state) {
  (void)state;
  for (int c = 0; c < N_CONVOLUTIONS; c++) {
    model_fixture f = roomy((uint64_t)c + 1, convolutions[c]);
    f.in_shape[1] = 20;
    f.maxpool_every = 1 + c % 2;
    f.squash = c % 2 == 0;
    if (c % 2) memcpy(f.downsample, (int[]){2, 1, 2}, sizeof f.downsample);
    f.hidden_padding = "same";
    f.kernel_t[0] = 4;
    check_gradient(&f);
  }
}

static void it_does_for_stacked_layers_and_their_norms(void **state) {
  (void)state;
  for (int variant = 0; variant < 8; variant++) {
    model_fixture f = fixture_small((uint64_t)variant + 1);
    f.core = "stacked";
    f.convolution = convolutions[variant % N_CONVOLUTIONS];
    f.log_speed = variant < 2;
    f.no_scale = variant & 1;
    f.no_bias = variant & 2;
    f.no_batch_norm = variant == 7;
    f.nonlinearity = variant & 4 ? "Softplus" : "Tanh";
    f.no_final_nonlinearity = variant == 4;
    f.stack = "1";
    check_gradient(&f);
  }
}

/* ---- plan ----------------------------------------------------------------------------------- */

static void every_convolution_matches_for_every_padding(void **state) {
  (void)state;
  const char *const paddings[] = {"false", "true", "same", "1", "2,1,3", "0,3,0", "7,0,1"};
  enum { N = sizeof paddings / sizeof *paddings };
  for (int c = 0; c < N_CONVOLUTIONS; c++) {
    for (int i = 0; i < N; i++) {
      model_fixture f = fixture_small((uint64_t)(i + 5 * c));
      f.convolution = convolutions[c];
      f.input_padding = paddings[i];
      f.hidden_padding = paddings[(i + 3) % N];
      f.log_speed = i % 2 && c < 2;
      f.cut = i % 3;
      check_on_all_paths(&f, 1, 3);
    }
  }
}

static void every_convolution_matches_with_pooling(void **state) {
  (void)state;
  const int downsample[][3] = {{0, 0, 0}, {1, 2, 2}, {2, 1, 1}, {2, 2, 3}};
  for (int c = 0; c < N_CONVOLUTIONS; c++) {
    for (int d = 0; d < 4; d++) {
      model_fixture f = roomy((uint64_t)(d + 1), convolutions[c]);
      f.in_shape[1] = d > 1 ? 30 : 24;
      f.hidden_padding = "same";
      f.kernel_s[0] = 3;
      memcpy(f.downsample, downsample[d], sizeof f.downsample);
      f.maxpool_every = d < 3 ? 1 + (c + d) % 2 : 0;
      f.squash = (c + d) % 3 == 0;
      check_on_all_paths(&f, 0, 0);
      check_on_all_paths(&f, 3, 2);
    }
  }
}

static void windows_of_every_convolution_match(void **state) {
  (void)state;
  for (int c = 0; c < N_CONVOLUTIONS; c++) {
    model_fixture f = fixture_small(1);
    f.convolution = convolutions[c];
    for (int padded = 0; padded < 2; padded++) {
      f.input_padding = f.hidden_padding = padded ? "true" : "false";
      const size_t last = padded || c == 3 ? 19 : 11;
      check_on_all_paths(&f, 0, 1);
      check_on_all_paths(&f, last, 1);
      check_on_all_paths(&f, 3, 5);
      check_on_all_paths(&f, last - 3, 4);
    }
  }
}

/* ELU ends the fast layers; everything else is an ordinary convolution. */
static void nonlinearities_and_norms_match(void **state) {
  (void)state;
  static const char *const names[] = {"ELU",  "Softplus",  "ReLU", "Tanh", "Sigmoid",
                                      "GELU", "LeakyReLU", "SiLU", "SELU", "Identity"};
  for (int i = 0; i < 10; i++) {
    model_fixture f = fixture_small((uint64_t)i + 1);
    f.core = "stacked";
    f.stack = "1";
    f.convolution = convolutions[i / 2 % N_CONVOLUTIONS];
    f.nonlinearity = names[i];
    f.no_bias = i % 3 == 0;
    f.no_scale = i % 2;
    f.no_batch_norm = i == 5;
    f.no_final_nonlinearity = i % 4 == 0;
    check_on_all_paths(&f, 2, 5);
  }
}

static void wide_models_match(void **state) {
  (void)state;
  for (int c = 1; c < N_CONVOLUTIONS; c++) {
    model_fixture f = fixture_small(9);
    f.convolution = convolutions[c];
    f.channels[0] = 17;
    f.channels[1] = 33;
    check_on_all_paths(&f, 2, 4);
  }
}

/* ---- pooling by hand ------------------------------------------------------------------------ */

typedef struct run {
  ins_arena arena;
  ins_builder b;
  ins_chain chain;
  ins_chain_plan *plan;
  ins_features y;
} run;

/* One channel, one frame, height x width. */
static void prepare(run *r, long height, long width) {
  const ins_core_request request = {.kernels = ins_kernels_best(),
                                    .n_slots = 1,
                                    .in = {1, height, width},
                                    .n_read = 1,
                                    .gradient = true,
                                    .planar = true};
  assert_int_equal(ins_chain_plan_create(&r->chain, &request, &r->arena, &r->plan), INS_OK);
  r->y.maps.frame = r->y.maps.channel = 64;
  assert_int_equal(ins_arena_take(&r->arena, 64, sizeof(float), &r->y.maps.data), INS_OK);
}

static void a_maximum_is_the_first_of_its_window_and_takes_the_gradient(void **state) {
  (void)state;
  /* windows: equal values; negative ones; a row and a column left over */
  const float x[15] = {1, 1, -4, -2, 9, 1, 0, -3, -5, 9, 9, 9, 9, 9, 9};
  const float expected[15] = {10, 0, 0, 20};
  float dx[15];
  run r = {.chain = {.in_channels = 1}};
  r.b.arena = &r.arena;
  assert_int_equal(ins_chain_add_max_pool(&r.b, &r.chain), INS_OK);
  prepare(&r, 3, 5);
  ins_chain_forward(r.plan, 0, x, &r.y);
  assert_true(r.y.maps.data[0] == 1 && r.y.maps.data[1] == -2);
  r.y.maps.data[0] = 10;
  r.y.maps.data[1] = 20;
  ins_chain_backward(r.plan, 0, &r.y, dx);
  assert_memory_equal(dx, expected, sizeof dx);
  ins_arena_free(&r.arena);
}

static void a_maximum_with_a_value_that_is_no_number_is_none(void **state) {
  (void)state;
  const float x[4] = {3, NAN, 5, 4};
  run r = {.chain = {.in_channels = 1}};
  r.b.arena = &r.arena;
  assert_int_equal(ins_chain_add_max_pool(&r.b, &r.chain), INS_OK);
  prepare(&r, 2, 2);
  ins_chain_forward(r.plan, 0, x, &r.y);
  assert_true(isnan(r.y.maps.data[0]));
  ins_arena_free(&r.arena);
}

static void a_mean_leaves_out_what_fills_no_window(void **state) {
  (void)state;
  const long kernel[3] = {1, 2, 3};
  const float x[12] = {1, 2, 3, 100, 4, 5, 9, 100, 100, 100, 100, 100};
  const float expected[12] = {2, 2, 2, 0, 2, 2, 2, 0};
  float dx[12];
  run r = {.chain = {.in_channels = 1}};
  r.b.arena = &r.arena;
  assert_int_equal(ins_chain_add_mean_pool(&r.b, &r.chain, kernel), INS_OK);
  prepare(&r, 3, 4);
  ins_chain_forward(r.plan, 0, x, &r.y);
  assert_true(r.y.maps.data[0] == 4);
  r.y.maps.data[0] = 12;
  ins_chain_backward(r.plan, 0, &r.y, dx);
  assert_memory_equal(dx, expected, sizeof dx);
  ins_arena_free(&r.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_references_gradient_matches_finite_differences),
      cmocka_unit_test(it_does_with_pooling_and_squash),
      cmocka_unit_test(it_does_for_stacked_layers_and_their_norms),
      cmocka_unit_test(every_convolution_matches_for_every_padding),
      cmocka_unit_test(every_convolution_matches_with_pooling),
      cmocka_unit_test(windows_of_every_convolution_match),
      cmocka_unit_test(nonlinearities_and_norms_match),
      cmocka_unit_test(wide_models_match),
      cmocka_unit_test(a_maximum_is_the_first_of_its_window_and_takes_the_gradient),
      cmocka_unit_test(a_maximum_with_a_value_that_is_no_number_is_none),
      cmocka_unit_test(a_mean_leaves_out_what_fills_no_window),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
