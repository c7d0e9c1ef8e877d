/* SPDX-License-Identifier: MIT */
/** Models with the cores `conv_gru` and `conditioned_gru`: layers, and the recurrent unit over
 * frames. */
#include <math.h>

#include "plan_problem.h"

/* ---- models --------------------------------------------------------------------------------- */

typedef struct gru_case {
  const char *name;
  model_fixture layers;
  bool projection, gru, no_pad_input, frame_scale, conditioned;
  int input_kern, rec_kern, groups;
} gru_case;

/* Two layers, 4 channels at the end; 5x5 pixels and 8 frames reach the unit. */
static gru_case small_case(const char *name, uint64_t seed) {
  gru_case c = {.name = name, .gru = true, .input_kern = 3, .rec_kern = 3, .groups = 1};
  c.layers = (model_fixture){.core = "stacked",
                             .stack = "1",
                             .seed = seed,
                             .in_shape = {2, 14, 9, 8},
                             .n_layers = 2,
                             .channels = {6, 4},
                             .kernel_t = {4, 4},
                             .kernel_s = {4, 2},
                             .hidden_padding = "true",
                             .n_sessions = 2,
                             .n_neurons = {3, 2}};
  return c;
}

enum { N_CASES = 13 };

static void make_cases(gru_case out[N_CASES]) {
  out[0] = small_case("plain", 1);
  out[1] = small_case("groups", 2);
  out[1].groups = 2;
  out[1].rec_kern = 1;
  out[2] = small_case("a group a channel", 3);
  out[2].groups = 4;
  out[2].input_kern = 5;
  out[3] = small_case("even input kernel without padding", 4);
  out[3].no_pad_input = true;
  out[3].input_kern = 2;
  out[3].groups = 2;
  out[4] = small_case("projection, recurrent kernel beyond the map", 5);
  out[4].projection = true;
  out[4].rec_kern = 11;
  out[5] = small_case("no unit, padded input, no final nonlinearity", 6);
  out[5].gru = false;
  out[5].projection = true;
  out[5].layers.input_padding = "true";
  out[5].layers.no_final_nonlinearity = true;
  out[5].layers.no_batch_norm = true;
  out[6] = small_case("three layers, bias without scale", 7);
  out[6].layers.n_layers = 3;
  out[6].layers.stack = "2";
  out[6].layers.channels[2] = 4;
  out[6].layers.kernel_t[2] = 2;
  out[6].layers.kernel_s[2] = 3;
  out[6].layers.no_scale = true;
  out[7] = small_case("scale of frames", 8);
  out[7].layers.no_bias = true;
  out[7].layers.in_shape[1] = 10; /* 4 frames reach the second layer's scale of 4 channels */
  out[7].frame_scale = true;
  out[8] = small_case("full convolutions, tanh", 9);
  out[8].layers.convolution = "full";
  out[8].layers.nonlinearity = "Tanh";
  out[9] = small_case("conditioned, with a projection", 10);
  out[9].conditioned = out[9].projection = true;
  out[10] = small_case("conditioned without a projection or a unit", 11);
  out[10].conditioned = true;
  out[10].gru = false;
  out[10].layers.nonlinearity = "Mish";
  out[11] = small_case("PReLU, with a projection", 12);
  out[11].projection = true;
  out[11].layers.nonlinearity = "PReLU";
  out[12] = small_case("PReLU but not after the last layer, scale of frames", 13);
  out[12].layers.nonlinearity = "PReLU";
  out[12].layers.no_bias = true;
  out[12].layers.no_final_nonlinearity = true;
  out[12].layers.n_layers = 3;
  out[12].layers.stack = "2";
  out[12].layers.channels[2] = 1;
  out[12].layers.kernel_t[2] = 2;
  out[12].layers.kernel_s[2] = 3;
  out[12].layers.in_shape[1] = 10;
  out[12].frame_scale = true;
}

static void set(ins_value *map, const char *path, ins_value *value) {
  assert_int_equal(ins_value_set(map, path, value), INS_OK);
}

static void draw(ins_model_source *source, uint64_t seed, const char *name, int n_dims,
                 const size_t *shape, float spread) {
  ins_value *value = ins_value_array(INS_F32, n_dims, shape);
  float *to = value->array.data;
  const size_t n = ins_array_count(&value->array);
  fixture_normal(seed, n, to);
  for (size_t i = 0; i < n; i++) to[i] *= spread;
  assert_int_equal(ins_map_take(source->parameters, name, value), INS_OK);
}

static void add_unit(ins_model_source *source, const gru_case *c) {
  static const char *const gates[] = {"update", "reset", "out"};
  const model_fixture *f = &c->layers;
  const size_t n = (size_t)f->channels[f->n_layers - 1], in = n / (size_t)c->groups;
  for (int k = 0; k < 6; k++) {
    const size_t kernel = (size_t)(k % 2 ? c->rec_kern : c->input_kern);
    const size_t shape[4] = {n, in, kernel, kernel};
    char name[96];
    snprintf(name, sizeof name, "core.features.gru.gru.%s_gate_%s.weight", gates[k / 2],
             k % 2 ? "hidden" : "input");
    draw(source, 100 * f->seed + (uint64_t)k, name, 4, shape,
         2 / sqrtf((float)(in * kernel * kernel)));
    memcpy(strrchr(name, '.'), ".bias", sizeof ".bias");
    draw(source, 100 * f->seed + 10 + (uint64_t)k, name, 1, shape, 0.3f);
  }
}

/* Module `place` of core.features is layer l. */
static void add_film(ins_model_source *source, const model_fixture *f, int place, int l) {
  static const char *const parts[] = {"gamma", "beta"};
  const size_t shape[1] = {(size_t)f->channels[l]};
  char name[64];
  for (int k = 0; k < 2; k++) {
    snprintf(name, sizeof name, "core.film_%d.fc_%s.bias", place, parts[k]);
    draw(source, 200 * f->seed + 10 * (uint64_t)l + (uint64_t)k, name, 1, shape, 1);
  }
}

static void add_slope(ins_model_source *source, const char *name, float slope) {
  const size_t one[1] = {1};
  ins_value *value = ins_value_array(INS_F32, 1, one);
  *(float *)value->array.data = slope;
  assert_int_equal(ins_map_take(source->parameters, name, value), INS_OK);
}

static bool is_prelu(const gru_case *c) {
  return c->layers.nonlinearity && strcmp(c->layers.nonlinearity, "PReLU") == 0;
}

static void add_extras(ins_model_source *source, const gru_case *c) {
  const model_fixture *f = &c->layers;
  const bool prelu = is_prelu(c);
  char name[96];
  if (c->conditioned) set(source->architecture, "core.kind", ins_value_text("conditioned_gru"));
  for (int l = 0; c->conditioned && l < f->n_layers; l++)
    add_film(source, f, l && c->projection ? l + 1 : l, l);
  for (int l = 0; prelu && l < f->n_layers; l++) {
    const bool ends = f->no_final_nonlinearity && (l == 0 || l + 1 == f->n_layers);
    snprintf(name, sizeof name, "core.features.layer%d.nonlin.weight", l);
    if (!ends) add_slope(source, name, 0.2f + 0.3f * (float)l);
  }
  if (prelu && c->projection) add_slope(source, "core.features.projection.1.weight", -0.4f);
}

static ins_model_source *source_of(const gru_case *c) {
  const model_fixture *f = &c->layers;
  ins_model_source *source = fixture_source(f);
  ins_value *a = source->architecture;
  assert_true(ins_map_remove((ins_value *)(uintptr_t)ins_map_get(a, "core"), "stack"));
  assert_true(ins_map_remove((ins_value *)(uintptr_t)ins_map_get(a, "core"), "log_speed"));
  set(a, "core.kind", ins_value_text("conv_gru"));
  set(a, "core.use_projections", ins_value_bool(c->projection));
  set(a, "core.use_gru", ins_value_bool(c->gru));
  set(a, "core.gru", ins_value_null());
  if (c->gru) {
    set(a, "core.gru", ins_value_map());
    set(a, "core.gru.rec_channels", ins_value_int(f->channels[f->n_layers - 1]));
    set(a, "core.gru.input_kern", ins_value_int(c->input_kern));
    set(a, "core.gru.rec_kern", ins_value_int(c->rec_kern));
    if (c->groups > 1) set(a, "core.gru.groups", ins_value_int(c->groups));
    if (c->no_pad_input) set(a, "core.gru.pad_input", ins_value_bool(false));
    add_unit(source, c);
  }
  const size_t first = (size_t)f->channels[0], square[5] = {first, first, 1, 1, 1};
  if (c->projection) draw(source, 77, "core.features.projection.0.conv.weight", 5, square, 0.5f);
  if (c->frame_scale) {
    const size_t flat[4] = {1, (size_t)f->channels[1], 1, 1};
    ins_map_remove(source->parameters, "core.features.layer1.scale.scale");
    draw(source, 78, "core.features.layer1.scale.scale", 4, flat, 1);
  }
  add_extras(source, c);
  return source;
}

static ins_model *model_of(const gru_case *c) {
  ins_model_source *source = source_of(c);
  ins_model *model;
  if (ins_model_create(source, &model) != INS_OK) fail_msg("%s: %s", c->name, ins_message());
  ins_model_source_destroy(&source);
  return model;
}

static void for_each_case(void (*test)(const gru_case *c, const ins_model *model)) {
  gru_case cases[N_CASES];
  make_cases(cases);
  for (int i = 0; i < N_CASES; i++) {
    ins_model *model = model_of(&cases[i]);
    test(&cases[i], model);
    ins_model_destroy(&model);
  }
}

/* ---- the reference -------------------------------------------------------------------------- */

enum { N_NEURONS = 5 };
static const int64_t neurons[N_NEURONS] = {3, 0, 4, 1, 2};

typedef struct truth {
  size_t n_frames, n_read, n_x, n_r;
  double *x, *r, *dr, *dx;
} truth;

static double *doubles(const float *from, size_t n) {
  double *out = zeros(n, sizeof *out);
  for (size_t i = 0; i < n; i++) out[i] = (double)from[i];
  return out;
}

static void run_reference(const ins_model *model, truth *t, bool gradient) {
  if (ins_reference_run(model, t->n_frames, t->x, neurons, N_NEURONS, t->r, gradient ? t->dr : NULL,
                        gradient ? t->dx : NULL) != INS_OK)
    fail_msg("%s", ins_message());
}

/* For the trained shape. dr is zero outside output frames [first, first + n). */
static truth truth_of(const gru_case *c, const ins_model *model, size_t first, size_t n) {
  const ins_plan_spec spec = whole(&c->layers, model, NULL);
  truth t = {.n_frames = spec.n_frames,
             .n_read = spec.n_read,
             .n_x = stimulus_size(model, &spec),
             .n_r = spec.n_read * N_NEURONS};
  float *x = noise(5, t.n_x), *dr = noise(6, t.n_r);
  for (size_t i = 0; i < t.n_r; i++) {
    if (i / N_NEURONS < first || i / N_NEURONS >= first + n) dr[i] = 0;
  }
  t.x = doubles(x, t.n_x);
  t.dr = doubles(dr, t.n_r);
  t.r = zeros(t.n_r, sizeof *t.r);
  t.dx = zeros(t.n_x, sizeof *t.dx);
  ins_free(&x);
  ins_free(&dr);
  run_reference(model, &t, true);
  return t;
}

static void truth_destroy(truth *t) {
  ins_free(&t->x);
  ins_free(&t->r);
  ins_free(&t->dr);
  ins_free(&t->dx);
}

static double value_at(const ins_model *model, truth *t, size_t i, double step) {
  const double x = t->x[i];
  double sum = 0;
  t->x[i] += step;
  run_reference(model, t, false);
  t->x[i] = x;
  for (size_t k = 0; k < t->n_r; k++) sum += t->dr[k] * t->r[k];
  return sum;
}

/* Fourth-order central differences. A step across the kink in an ELU's slope costs some digits, one
 * across a PReLU's all of them: then steps are small, and rounding costs digits. */
static void check_differences(const gru_case *c, const ins_model *model) {
  truth t = truth_of(c, model, 0, 1000);
  const double h = is_prelu(c) ? 1e-5 : 2e-4;
  double largest = 0;
  for (size_t i = 0; i < t.n_x; i++) largest = fmax(largest, fabs(t.dx[i]));
  assert_true(largest > 1e-3);
  for (size_t k = 0; k < 40; k++) {
    const size_t i = k * 7919 % t.n_x;
    const double d = (8 * (value_at(model, &t, i, h) - value_at(model, &t, i, -h)) -
                      (value_at(model, &t, i, 2 * h) - value_at(model, &t, i, -2 * h))) /
                     (12 * h);
    if (fabs(d - t.dx[i]) > 1e-7 * largest)
      fail_msg("%s: gradient %zu is %g, by differences %g", c->name, i, t.dx[i], d);
  }
  truth_destroy(&t);
}

static void gradient_of_the_reference_is_its_slope(void **state) {
  (void)state;
  for_each_case(check_differences);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static double relative(const float *is, const double *should, size_t n) {
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < n; i++) {
    worst = fmax(worst, isfinite(is[i]) ? fabs((double)is[i] - should[i]) : (double)INFINITY);
    largest = fmax(largest, fabs(should[i]));
  }
  return worst / largest;
}

/* Output frames [first, first + n) by a plan that reads just these; in slot 1 of 2, the other one
 * runs in between. */
static void run_plan(const gru_case *c, const ins_model *model, const ins_kernels *kernels,
                     const truth *t, size_t first, size_t n, float *r, float *dx) {
  ins_plan_spec spec = whole(&c->layers, model, kernels);
  spec.first_frame = first;
  spec.n_read = n;
  spec.n_slots = 2;
  ins_plan *plan = plan_of(model, &spec);
  float *x = zeros(t->n_x, sizeof *x), *dr = zeros(t->n_r, sizeof *dr), *other = noise(9, t->n_x),
        *out = zeros(t->n_r, sizeof *out);
  for (size_t i = 0; i < t->n_x; i++) x[i] = (float)t->x[i];
  for (size_t i = 0; i < n * N_NEURONS; i++) dr[i] = (float)t->dr[first * N_NEURONS + i];
  select_neurons(plan, 0, neurons, N_NEURONS);
  select_neurons(plan, 1, neurons, N_NEURONS);
  ins_plan_forward(plan, 1, x, r);
  ins_plan_forward(plan, 0, other, out);
  ins_plan_backward(plan, 0, dr, dx);
  ins_plan_backward(plan, 1, dr, dx);
  ins_free(&x);
  ins_free(&dr);
  ins_free(&other);
  ins_free(&out);
  ins_plan_destroy(&plan);
}

static void for_each_kernels(void (*test)(const gru_case *, const ins_model *, const ins_kernels *),
                             const gru_case *c, const ins_model *model) {
  for (const char *const *name = ins_kernels_names(); *name; name++) {
    const ins_kernels *kernels = ins_kernels_find(*name);
    if (kernels) test(c, model, kernels);
  }
}

static void check_windows(const gru_case *c, const ins_model *model, const ins_kernels *kernels) {
  const size_t n_read = whole(&c->layers, model, NULL).n_read;
  const size_t windows[][2] = {{0, n_read}, {n_read - 1, 1}, {0, 1}, {n_read / 2, 2}};
  for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
    const size_t first = windows[w][0], n = windows[w][1];
    truth t = truth_of(c, model, first, n);
    float *r = zeros(t.n_r, sizeof *r), *dx = zeros(t.n_x, sizeof *dx);
    run_plan(c, model, kernels, &t, first, n, r, dx);
    const double off_r = relative(r, t.r + first * N_NEURONS, n * N_NEURONS);
    const double off_dx = relative(dx, t.dx, t.n_x);
    /* Layers of float32 sums of some hundred products, handed on through a few frames. */
    if (off_r > 5e-6 || off_dx > 5e-6)
      fail_msg("%s, %s, frames %zu + %zu: responses off by %g, gradient by %g", c->name,
               ins_kernels_name(kernels), first, n, off_r, off_dx);
    ins_free(&r);
    ins_free(&dx);
    truth_destroy(&t);
  }
}

static void check_all_windows(const gru_case *c, const ins_model *model) {
  for_each_kernels(check_windows, c, model);
}

static void plans_match_the_reference_for_every_window(void **state) {
  (void)state;
  for_each_case(check_all_windows);
}

/* The same output frames, read alone or among all. */
static void check_bits(const gru_case *c, const ins_model *model, const ins_kernels *kernels) {
  const size_t n_read = whole(&c->layers, model, NULL).n_read, first = n_read / 2, n = 2;
  truth t = truth_of(c, model, first, n);
  float *r = zeros(t.n_r, sizeof *r), *dx = zeros(t.n_x, sizeof *dx),
        *all = zeros(t.n_r, sizeof *all), *dx_all = zeros(t.n_x, sizeof *dx_all);
  run_plan(c, model, kernels, &t, first, n, r, dx);
  run_plan(c, model, kernels, &t, 0, n_read, all, dx_all);
  for (size_t i = 0; i < n * N_NEURONS; i++) assert_true(r[i] == all[first * N_NEURONS + i]);
  for (size_t i = 0; i < t.n_x; i++) assert_true(dx[i] == dx_all[i]);
  ins_free(&r);
  ins_free(&dx);
  ins_free(&all);
  ins_free(&dx_all);
  truth_destroy(&t);
}

static void check_all_bits(const gru_case *c, const ins_model *model) {
  for_each_kernels(check_bits, c, model);
}

static void bits_do_not_depend_on_the_frames_that_are_read(void **state) {
  (void)state;
  for_each_case(check_all_bits);
}

/* ---- what it says of itself ----------------------------------------------------------------- */

static void the_unit_remembers_every_frame_from_the_first(void **state) {
  (void)state;
  gru_case c = small_case("window", 1);
  ins_model *model = model_of(&c);
  ins_plan_spec spec = whole(&c.layers, model, NULL);
  spec.first_frame = spec.n_read - 1;
  spec.n_read = 1;
  ins_plan *plan = plan_of(model, &spec);
  size_t first, n;
  long from, to;
  ins_plan_live_frames(plan, &first, &n);
  assert_int_equal(first, 0);
  assert_int_equal(n, spec.n_frames);
  ins_model_window(model, 5, &from, &to);
  assert_int_equal(from, -5);
  assert_int_equal(to, 6); /* kernels of 4 and 4 frames */
  ins_plan_destroy(&plan);
  ins_model_destroy(&model);
}

static void layers_are_padded_by_the_kernel_before_them_but_the_second_never(void **state) {
  (void)state;
  gru_case c = small_case("padding", 1);
  c.layers.n_layers = 3;
  c.layers.stack = "2";
  c.layers.channels[2] = 4;
  c.layers.kernel_t[2] = 1;
  c.layers.kernel_s[2] = 1;
  c.layers.input_padding = "true";
  ins_model *model = model_of(&c);
  const ins_model_info *info = ins_model_describe(model);
  const int pads[3] = {2, 0, 1}; /* kernels 4, 2, 1 */
  assert_int_equal(info->n_layers, 3);
  for (int l = 0; l < 3; l++) {
    for (int side = 0; side < 2; side++) {
      assert_int_equal(info->layers[l].pad_t[side], 0);
      assert_int_equal(info->layers[l].pad_h[side], pads[l]);
      assert_int_equal(info->layers[l].pad_w[side], pads[l]);
    }
  }
  ins_model_destroy(&model);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void expect_refusal(const gru_case *c, ins_status status, const char *says) {
  ins_model_source *source = source_of(c);
  ins_model *model = NULL;
  assert_int_equal(ins_model_create(source, &model), status);
  assert_null(model);
  if (!strstr(ins_message(), says)) fail_msg("'%s' does not say '%s'", ins_message(), says);
  ins_model_source_destroy(&source);
}

static void kernels_that_change_the_state_are_refused(void **state) {
  (void)state;
  gru_case c = small_case("even", 1);
  c.rec_kern = 4;
  expect_refusal(&c, INS_ERR_SHAPE, "core.gru.rec_kern");
  c = small_case("even", 1);
  c.input_kern = 4;
  expect_refusal(&c, INS_ERR_SHAPE, "core.gru.input_kern");
  c = small_case("groups", 1);
  c.groups = 3;
  expect_refusal(&c, INS_ERR_SHAPE, "core.gru.groups");
}

static void expect_missing(const gru_case *c, const char *gone) {
  ins_model_source *source = source_of(c);
  ins_model *model = NULL;
  assert_true(ins_map_remove(source->parameters, gone));
  assert_int_equal(ins_model_create(source, &model), INS_ERR_MISSING);
  assert_non_null(strstr(ins_message(), gone));
  ins_model_source_destroy(&source);
}

static void a_missing_gate_is_named(void **state) {
  (void)state;
  gru_case c = small_case("missing", 1);
  expect_missing(&c, "core.features.gru.gru.reset_gate_hidden.bias");
}

static void scales_shifts_and_slopes_that_are_missing_are_named(void **state) {
  (void)state;
  gru_case cases[N_CASES];
  make_cases(cases);
  expect_missing(&cases[9], "core.film_0.fc_gamma.bias");
  expect_missing(&cases[9], "core.film_2.fc_beta.bias");
  expect_missing(&cases[10], "core.film_1.fc_beta.bias");
  expect_missing(&cases[11], "core.features.layer1.nonlin.weight");
  expect_missing(&cases[11], "core.features.projection.1.weight");
  expect_missing(&cases[12], "core.features.layer1.nonlin.weight");
}

static void what_the_layers_do_not_use_is_refused(void **state) {
  (void)state;
  gru_case cases[N_CASES];
  make_cases(cases);
  cases[9].layers.no_batch_norm = true; /* then there is no FiLM */
  expect_refusal(&cases[9], INS_ERR_UNSUPPORTED, "core.film_");
  cases[11].layers.nonlinearity = "PReLU6";
  expect_refusal(&cases[11], INS_ERR_UNSUPPORTED, "'PReLU6' (core.nonlinearity)");
}

static void a_scale_of_frames_wants_their_number(void **state) {
  (void)state;
  gru_case cases[N_CASES];
  make_cases(cases);
  ins_model *model = model_of(&cases[7]);
  cases[7].layers.in_shape[1] = 12;
  const ins_plan_spec spec = whole(&cases[7].layers, model, NULL);
  ins_plan *plan = NULL;
  assert_int_equal(ins_plan_create(model, &spec, &plan), INS_ERR_SHAPE);
  assert_non_null(strstr(ins_message(), "core.features.layer1.scale.scale"));
  assert_non_null(strstr(ins_message(), "2 frames shorter"));
  ins_model_destroy(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradient_of_the_reference_is_its_slope),
      cmocka_unit_test(plans_match_the_reference_for_every_window),
      cmocka_unit_test(bits_do_not_depend_on_the_frames_that_are_read),
      cmocka_unit_test(the_unit_remembers_every_frame_from_the_first),
      cmocka_unit_test(layers_are_padded_by_the_kernel_before_them_but_the_second_never),
      cmocka_unit_test(kernels_that_change_the_state_are_refused),
      cmocka_unit_test(a_missing_gate_is_named),
      cmocka_unit_test(scales_shifts_and_slopes_that_are_missing_are_named),
      cmocka_unit_test(what_the_layers_do_not_use_is_refused),
      cmocka_unit_test(a_scale_of_frames_wants_their_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
