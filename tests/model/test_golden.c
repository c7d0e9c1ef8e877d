/* SPDX-License-Identifier: MIT */
/** Responses and gradients against what openretina computed from the same files. */
#include <stdlib.h>
#include <unistd.h>

#include "golden.h"
#include "insilico/checkpoint.h"
#include "insilico/memory.h"
#include "insilico/plan.h"
#include "insilico/text.h"
#include "insilico/yaml.h"

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

static void expect_close(const char *name, const char *what, const char *by, const float *is,
                         const float *should, size_t n) {
  const double error = relative_error(is, should, n);
  if (!(error < (strstr(name, "_f64") ? TOLERANCE_F64 : TOLERANCE)))
    fail_msg("%s, %s by %s: relative error %g", name, what, by, error);
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

/* A case of variants.json, whose files are in the folder of its name. */
typedef struct variant {
  const ins_value *description;
  const char *name;
} variant;

static char *path_of(const variant *v, const char *file) {
  char *path = strcmp(file, ".") == 0
                   ? ins_format(INS_TEST_DATA "/golden/variants/%s", v->name)
                   : ins_format(INS_TEST_DATA "/golden/variants/%s/%s", v->name, file);
  assert_non_null(path);
  return path;
}

static ins_value *full_text(const variant *v, const ins_value *file) {
  char *path = path_of(v, file->text);
  ins_value *text = ins_value_text(path);
  free(path);
  return text;
}

/* The `model` section of a job, with paths from here. */
static ins_value *model_section(const variant *v) {
  ins_value *section = ins_value_copy(ins_map_get(v->description, "model"));
  const ins_value *file = ins_map_get(section, "file"), *files = ins_map_get(section, "files");
  assert_non_null(section);
  if (file) assert_int_equal(ins_value_set(section, "file", full_text(v, file)), INS_OK);
  if (!files) return section;
  ins_value *list = ins_value_list();
  for (size_t i = 0; i < ins_value_count(files); i++)
    assert_int_equal(ins_list_take(list, full_text(v, files->children.items[i])), INS_OK);
  assert_int_equal(ins_value_set(section, "files", list), INS_OK);
  return section;
}

static ins_status open_variant(const variant *v, ins_model_source **source) {
  ins_value *section = model_section(v);
  ins_status status =
      ins_model_open(ins_value_text_or(ins_map_get(section, "file"), ""), section, source);
  ins_value_destroy(&section);
  return status;
}

static ins_value *array_of(const variant *v, const char *file) {
  char name[256];
  snprintf(name, sizeof name, "variants/%s/%s", v->name, file);
  return golden(name);
}

/* What openretina computed: gradients are those of sum(r * dr). */
typedef struct answers {
  ins_value *x, *r, *dr, *dx;
} answers;

static answers read_answers(const variant *v) {
  return (answers){array_of(v, "stimulus.npy"), array_of(v, "responses_all.npy"),
                   array_of(v, "dr.npy"), array_of(v, "gradient.npy")};
}

static void answers_destroy(answers *a) {
  ins_value_destroy(&a->x);
  ins_value_destroy(&a->r);
  ins_value_destroy(&a->dr);
  ins_value_destroy(&a->dx);
}

/* All stimuli on one instruction set, forward and backward. */
static void check_plan(const char *name, const ins_model *model, const answers *a,
                       const ins_kernels *kernels) {
  batch run = prepare(model, a->x, kernels);
  assert_int_equal(ins_array_count(&a->r->array), a->x->array.shape[0] * run.n_r);
  for (size_t b = 0; b < a->x->array.shape[0]; b++) {
    ins_plan_forward(run.plan, 0, golden_data(a->x) + b * run.n_x, run.r);
    ins_plan_backward(run.plan, 0, golden_data(a->dr) + b * run.n_r, run.dx);
    expect_close(name, "responses", ins_kernels_name(kernels), run.r,
                 golden_data(a->r) + b * run.n_r, run.n_r);
    expect_close(name, "gradient", ins_kernels_name(kernels), run.dx,
                 golden_data(a->dx) + b * run.n_x, run.n_x);
  }
  finish(&run);
}

static double *doubles(const float *from, size_t n) {
  double *out;
  if (ins_alloc(n, sizeof *out, &out) != INS_OK) fail_msg("%s", ins_message());
  for (size_t i = 0; from && i < n; i++) out[i] = (double)from[i];
  return out;
}

static void narrow(const double *from, size_t n, float *to) {
  for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}

/* The same by the float64 loops that `verify` tells rounding from errors with. */
static void check_reference(const char *name, const ins_model *model, const answers *a) {
  batch run = prepare(model, a->x, NULL);
  int64_t neurons[64];
  for (size_t i = 0; i < run.n_neurons; i++) neurons[i] = (int64_t)i;
  for (size_t b = 0; b < a->x->array.shape[0]; b++) {
    double *x = doubles(golden_data(a->x) + b * run.n_x, run.n_x), *dx = doubles(NULL, run.n_x);
    double *dr = doubles(golden_data(a->dr) + b * run.n_r, run.n_r), *r = doubles(NULL, run.n_r);
    if (ins_reference_run(model, a->x->array.shape[2], x, neurons, run.n_neurons, r, dr, dx) !=
        INS_OK)
      fail_msg("%s: %s", name, ins_message());
    narrow(r, run.n_r, run.r);
    narrow(dx, run.n_x, run.dx);
    expect_close(name, "responses", "float64", run.r, golden_data(a->r) + b * run.n_r, run.n_r);
    expect_close(name, "gradient", "float64", run.dx, golden_data(a->dx) + b * run.n_x, run.n_x);
    ins_free(&x);
    ins_free(&dx);
    ins_free(&dr);
    ins_free(&r);
  }
  finish(&run);
}

/* A native model file holds the model, and the model read from it answers with the same bits. */
static void check_native(const ins_model_source *source, const ins_model *model, const answers *a) {
  char path[] = "/tmp/insilico_golden_XXXXXX";
  ins_model_source *again = NULL;
  ins_model *second = NULL;
  int file = mkstemp(path);
  assert_true(file >= 0 && close(file) == 0);
  if (ins_native_write(path, source) != INS_OK) fail_msg("%s", ins_message());
  if (ins_model_open(path, NULL, &again) != INS_OK) fail_msg("%s", ins_message());
  unlink(path);
  assert_true(ins_value_equal(again->architecture, source->architecture));
  assert_true(ins_value_equal(again->parameters, source->parameters));
  assert_true(ins_value_equal(again->data_info, source->data_info));
  if (ins_model_create(again, &second) != INS_OK) fail_msg("%s", ins_message());
  batch one = prepare(model, a->x, ins_kernels_best());
  batch two = prepare(second, a->x, ins_kernels_best());
  assert_int_equal(one.n_r, two.n_r);
  ins_plan_forward(one.plan, 0, golden_data(a->x), one.r);
  ins_plan_forward(two.plan, 0, golden_data(a->x), two.r);
  assert_memory_equal(one.r, two.r, one.n_r * sizeof *one.r);
  finish(&one);
  finish(&two);
  ins_model_destroy(&second);
  ins_model_source_destroy(&again);
}

static void it_answers_as_the_peer(void **state) {
  const variant *v = *state;
  ins_model_source *source = NULL;
  ins_model *model = NULL;
  if (open_variant(v, &source) != INS_OK) fail_msg("%s", ins_message());
  if (ins_model_create(source, &model) != INS_OK) fail_msg("%s", ins_message());
  answers a = read_answers(v);
  for (const char *const *path = ins_kernels_names(); *path; path++) {
    const ins_kernels *kernels = ins_kernels_find(*path);
    if (kernels) check_plan(v->name, model, &a, kernels);
  }
  check_reference(v->name, model, &a);
  check_native(source, model, &a);
  answers_destroy(&a);
  ins_model_destroy(&model);
  ins_model_source_destroy(&source);
}

/* One test for each case, so that a report names those that fail. */
static int run_variants(void) {
  enum { MOST = 128 };
  static variant variants[MOST];
  struct CMUnitTest tests[MOST] = {0};
  ins_value *read = NULL;
  if (ins_yaml_read(INS_TEST_DATA "/golden/variants/variants.json", NULL, &read) != INS_OK) {
    fprintf(stderr, "%s\n", ins_message());
    return 1;
  }
  const ins_value *list = ins_map_get(read, "variants");
  const size_t n = ins_value_count(list);
  if (n == 0 || n > MOST) return 1;
  for (size_t i = 0; i < n; i++) {
    const ins_value *one = list->children.items[i];
    variants[i] = (variant){one, ins_map_get(one, "name")->text};
    tests[i] =
        (struct CMUnitTest){variants[i].name, it_answers_as_the_peer, NULL, NULL, &variants[i]};
  }
  int failed = _cmocka_run_group_tests("variants", tests, n, NULL, NULL);
  ins_value_destroy(&read);
  return failed;
}

/* ---- the trained model ---------------------------------------------------------------------- */

static void the_trained_model_answers_as_the_peer(void **state) {
  (void)state;
  ins_model *model = open_model("trained/model.ckpt", NULL);
  ins_value *x = golden("trained/stimulus.npy"), *r = golden("trained/responses_all.npy");
  batch run = prepare(model, x, ins_kernels_best());
  for (size_t b = 0; b < x->array.shape[0]; b++) {
    ins_plan_forward(run.plan, 0, golden_data(x) + b * run.n_x, run.r);
    expect_close("trained", "responses", "plan", run.r, golden_data(r) + b * run.n_r, run.n_r);
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
    expect_close(o->name, "gradient", "plan", run.dx, golden_data(dx) + b * run.n_x, run.n_x);
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
      cmocka_unit_test(the_trained_model_answers_as_the_peer),
      cmocka_unit_test(gradients_of_mean_responses_are_the_peers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL) + run_variants();
}
