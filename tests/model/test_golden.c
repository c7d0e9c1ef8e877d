/* SPDX-License-Identifier: MIT */
/** Responses and gradients against what openretina computed from the same files. */
#include "golden.h"
#include "insilico/checkpoint.h"
#include "insilico/memory.h"
#include "insilico/plan.h"

/* openretina works in float32 as well, in another order: on the trained model its own gradients are
 * up to 3.4e-6 from those it computes in float64. Against the latter only our rounding is left. */
static const double TOLERANCE = 1e-5, TOLERANCE_F64 = 1e-6;

static ins_model *open_model(const char *name, const ins_value *options) {
  char path[512];
  ins_model_source *source;
  ins_model *model;
  snprintf(path, sizeof path, INS_TEST_DATA "/golden/%s", name);
  if (ins_model_open(path, options, &source) != INS_OK) fail_msg("%s", ins_message());
  if (ins_model_create(source, &model) != INS_OK) fail_msg("%s: %s", name, ins_message());
  ins_model_source_destroy(&source);
  return model;
}

static void expect_close(const char *name, const char *what, const ins_kernels *kernels,
                         const float *is, const float *should, size_t n) {
  const double error = relative_error(is, should, n);
  if (!(error < (strstr(name, "_f64") ? TOLERANCE_F64 : TOLERANCE)))
    fail_msg("%s, %s on %s: relative error %g", name, what, ins_kernels_name(kernels), error);
}

/* ---- runs ----------------------------------------------------------------------------------- */

typedef struct batch {
  ins_plan *plan;
  size_t n_x, n_r, n_neurons, n_read; /* of one sample */
  float *r, *dr, *dx;
} batch;

static float *floats(size_t n) {
  float *out;
  if (ins_alloc(n, sizeof *out, &out) != INS_OK) fail_msg("%s", ins_message());
  return out;
}

/* All neurons and output frames for stimuli x [B,C,T,H,W]. */
static batch prepare(const ins_model *model, const ins_value *x, const ins_kernels *kernels) {
  const size_t *shape = x->array.shape;
  batch run = {.n_neurons = ins_model_describe(model)->n_neurons,
               .n_x = shape[1] * shape[2] * shape[3] * shape[4]};
  int64_t neurons[64];
  assert_true(run.n_neurons <= 64);
  for (size_t i = 0; i < run.n_neurons; i++) neurons[i] = (int64_t)i;
  if (ins_model_output_frames(model, shape[2], &run.n_read) != INS_OK)
    fail_msg("%s", ins_message());
  const ins_plan_spec spec = {.n_slots = 1,
                              .n_frames = shape[2],
                              .height = shape[3],
                              .width = shape[4],
                              .n_read = run.n_read,
                              .n_neurons = run.n_neurons,
                              .gradient = true,
                              .kernels = kernels};
  if (ins_plan_create(model, &spec, &run.plan) != INS_OK) fail_msg("%s", ins_message());
  if (ins_plan_select(run.plan, 0, neurons, run.n_neurons) != INS_OK) fail_msg("%s", ins_message());
  run.n_r = run.n_read * run.n_neurons;
  run.r = floats(run.n_r);
  run.dr = floats(run.n_r);
  run.dx = floats(run.n_x);
  return run;
}

static void finish(batch *run) {
  ins_plan_destroy(&run->plan);
  ins_free(&run->r);
  ins_free(&run->dr);
  ins_free(&run->dx);
}

/* dr of the mean over some neurons and output frames. */
static void mean_over(batch *run, const size_t *neurons, size_t n, size_t first, size_t length,
                      float sign) {
  memset(run->dr, 0, run->n_r * sizeof *run->dr);
  for (size_t t = first; t < first + length; t++) {
    for (size_t i = 0; i < n; i++)
      run->dr[t * run->n_neurons + neurons[i]] = sign / (float)(n * length);
  }
}

/* ---- variants ------------------------------------------------------------------------------- */

static ins_value *in_folder(const char *folder, const char *file) {
  char name[256];
  snprintf(name, sizeof name, "%s/%s", folder, file);
  return golden(name);
}

/* Responses of all samples, and the gradients of their means. */
static void check_variant(const char *name, const ins_model *model, const ins_kernels *kernels) {
  char folder[128];
  snprintf(folder, sizeof folder, "variants/%s", name);
  ins_value *x = in_folder(folder, "stimulus.npy"), *r = in_folder(folder, "responses_all.npy");
  ins_value *dx = in_folder(folder, "gradient.npy");
  batch run = prepare(model, x, kernels);
  assert_int_equal(ins_array_count(&r->array), x->array.shape[0] * run.n_r);
  for (size_t i = 0; i < run.n_r; i++) run.dr[i] = 1.0f / (float)run.n_r;
  for (size_t b = 0; b < x->array.shape[0]; b++) {
    ins_plan_forward(run.plan, 0, golden_data(x) + b * run.n_x, run.r);
    ins_plan_backward(run.plan, 0, run.dr, run.dx);
    expect_close(name, "responses", kernels, run.r, golden_data(r) + b * run.n_r, run.n_r);
    expect_close(name, "gradient", kernels, run.dx, golden_data(dx) + b * run.n_x, run.n_x);
  }
  finish(&run);
  ins_value_destroy(&x);
  ins_value_destroy(&r);
  ins_value_destroy(&dx);
}

static void every_variant_answers_as_the_peer(void **state) {
  (void)state;
  static const char *const names[] = {"one_layer",       "three_layers",   "even_kernels_same",
                                      "int_padding",     "triple_padding", "cut_first_frames",
                                      "one_channel",     "mask_limits",    "fixed_bias",
                                      "dropout",         "plain_dict",     "example_core_readout",
                                      "float64_weights", "float16_weights"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char file[128];
    snprintf(file, sizeof file, "variants/%s/model.ckpt", names[i]);
    ins_model *model = open_model(file, NULL);
    for (const char *const *path = ins_kernels_names(); *path; path++) {
      const ins_kernels *kernels = ins_kernels_find(*path);
      if (kernels) check_variant(names[i], model, kernels);
    }
    ins_model_destroy(&model);
  }
}

static void what_is_not_computed_yet_is_named(void **state) {
  (void)state;
  const char *const cases[][2] = {{"pooling", "max pooling"},
                                  {"colour_squash", "squashing of colours"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char path[512];
    ins_model_source *source;
    ins_model *model;
    snprintf(path, sizeof path, INS_TEST_DATA "/golden/variants/%s/model.ckpt", cases[i][0]);
    if (ins_model_open(path, NULL, &source) != INS_OK) fail_msg("%s", ins_message());
    assert_int_equal(ins_model_create(source, &model), INS_ERR_UNSUPPORTED);
    assert_non_null(strstr(ins_message(), cases[i][1]));
    ins_model_source_destroy(&source);
  }
}

/* ---- the trained model ---------------------------------------------------------------------- */

static void the_trained_model_answers_as_the_peer(void **state) {
  (void)state;
  ins_model *model = open_model("trained/model.ckpt", NULL);
  ins_value *x = golden("trained/stimulus.npy"), *r = golden("trained/responses_all.npy");
  batch run = prepare(model, x, ins_kernels_best());
  for (size_t b = 0; b < x->array.shape[0]; b++) {
    ins_plan_forward(run.plan, 0, golden_data(x) + b * run.n_x, run.r);
    expect_close("trained", "responses", ins_kernels_best(), run.r, golden_data(r) + b * run.n_r,
                 run.n_r);
  }
  finish(&run);
  ins_value_destroy(&x);
  ins_value_destroy(&r);
  ins_model_destroy(&model);
}

typedef struct objective {
  const char *name;
  size_t n, neurons[3], first, length;
  float sign;
} objective;

/* The stimulus gradient of mean responses, for samples 0 and 2. */
static void check_gradient(const objective *o, const ins_model *model, const ins_value *x) {
  char name[128];
  snprintf(name, sizeof name, "trained/gradient_%s.npy", o->name);
  ins_value *dx = golden(name);
  batch run = prepare(model, x, ins_kernels_best());
  mean_over(&run, o->neurons, o->n, o->first, o->length, o->sign);
  for (size_t b = 0; b < 2; b++) {
    ins_plan_forward(run.plan, 0, golden_data(x) + 2 * b * run.n_x, run.r);
    ins_plan_backward(run.plan, 0, run.dr, run.dx);
    expect_close(o->name, "gradient", ins_kernels_best(), run.dx, golden_data(dx) + b * run.n_x,
                 run.n_x);
  }
  finish(&run);
  ins_value_destroy(&dx);
}

static void gradients_of_mean_responses_are_the_peers(void **state) {
  (void)state;
  const objective objectives[] = {
      {"increase_3_mean", 1, {3}, 0, 20, 1},
      {"increase_1_5_17_slice_10_10", 3, {1, 5, 17}, 10, 10, 1},
      {"decrease_30_slice_0_20", 1, {30}, 0, 20, -1},
      {"increase_3_mean_f64", 1, {3}, 0, 20, 1},
      {"increase_1_5_17_slice_10_10_f64", 3, {1, 5, 17}, 10, 10, 1},
      {"decrease_30_slice_0_20_f64", 1, {30}, 0, 20, -1},
  };
  ins_model *model = open_model("trained/model.ckpt", NULL);
  ins_value *x = golden("trained/stimulus.npy");
  for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++)
    check_gradient(&objectives[i], model, x);
  ins_value_destroy(&x);
  ins_model_destroy(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_variant_answers_as_the_peer),
      cmocka_unit_test(what_is_not_computed_yet_is_named),
      cmocka_unit_test(the_trained_model_answers_as_the_peer),
      cmocka_unit_test(gradients_of_mean_responses_are_the_peers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
