/* SPDX-License-Identifier: MIT */
/** Every kind of readout and its options: against openretina, against the reference, and the same
 * bits in any company. */
#include "readout_cases.h"

/* openretina and insilico round differently, in single precision; the gradients of an exp of a sum
 * of a hundred terms are the worst. */
static const double TOLERANCE = 1e-5;
/* float32 sums against float64 ones. */
static const double TOLERANCE_REFERENCE = 3e-6;

static double off(const float *is, const double *should, size_t n) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < n; i++) {
    worst = fmax(worst, isfinite(is[i]) ? fabs((double)is[i] - should[i]) : (double)INFINITY);
    largest = fmax(largest, fabs(should[i]));
  }
  return largest > 0 ? worst / largest : worst;
}

static int64_t *numbers_from(int64_t first, int64_t step, size_t n) {
  int64_t *out = zeros(n, sizeof *out);
  for (size_t i = 0; i < n; i++) out[i] = first + step * (int64_t)i;
  return out;
}

/* ---- openretina's numbers ------------------------------------------------------------------- */

static void expect_peer(const readout_case *c, const ins_kernels *kernels) {
  ins_value *x = case_array(c->name, "stimulus"), *r = case_array(c->name, "responses");
  ins_value *dr = case_array(c->name, "dr"), *dx = case_array(c->name, "gradient");
  const ins_plan_spec spec = case_spec(c, kernels);
  ins_plan *plan = plan_of(c->model, &spec);
  int64_t *neurons = numbers_from(0, 1, c->n_neurons);
  float *is_r = zeros(c->n_output * c->n_neurons, sizeof *is_r),
        *is_dx = zeros(c->n_x, sizeof *is_dx);
  assert_int_equal(ins_array_count(&r->array), c->n_output * c->n_neurons);
  assert_int_equal(ins_array_count(&dx->array), c->n_x);
  select_neurons(plan, 0, neurons, c->n_neurons);
  ins_plan_forward(plan, 0, golden_data(x), is_r);
  ins_plan_backward(plan, 0, golden_data(dr), is_dx);
  const double error = relative_error(is_r, golden_data(r), c->n_output * c->n_neurons),
               error_dx = relative_error(is_dx, golden_data(dx), c->n_x);
  if (!(error < TOLERANCE && error_dx < TOLERANCE))
    fail_msg("%s on %s: responses off by %g, gradient by %g", c->name, ins_kernels_name(kernels),
             error, error_dx);
  void *all[] = {neurons, is_r, is_dx};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(&all[i]);
  ins_value_destroy(&x);
  ins_value_destroy(&r);
  ins_value_destroy(&dr);
  ins_value_destroy(&dx);
  ins_plan_destroy(&plan);
}

static void expect_peer_on_all_paths(const readout_case *c) {
  for_each_kernels(c, expect_peer);
}

static void every_readout_answers_as_the_peer(void **state) {
  (void)state;
  for_each_case(expect_peer_on_all_paths);
}

/* ---- the reference -------------------------------------------------------------------------- */

typedef struct doubles {
  int64_t *neurons;
  double *x, *r, *dr, *dx;
} doubles;

static double *random_doubles(uint64_t seed, size_t n) {
  double *out = zeros(n, sizeof *out);
  float *from = noise(seed, n);
  for (size_t i = 0; i < n; i++) out[i] = (double)from[i];
  ins_free(&from);
  return out;
}

static doubles reference_of(const readout_case *c) {
  const size_t n_r = c->n_output * c->n_neurons;
  doubles d = {numbers_from((int64_t)c->n_neurons - 1, -1, c->n_neurons), random_doubles(1, c->n_x),
               zeros(n_r, sizeof(double)), random_doubles(2, n_r), zeros(c->n_x, sizeof(double))};
  assert_int_equal(
      ins_reference_run(c->model, c->n_frames, d.x, d.neurons, c->n_neurons, d.r, d.dr, d.dx),
      INS_OK);
  return d;
}

static void drop(doubles *d) {
  ins_free(&d->neurons);
  ins_free(&d->x);
  ins_free(&d->r);
  ins_free(&d->dr);
  ins_free(&d->dx);
}

static double value_at(const readout_case *c, const doubles *d, size_t i, double step) {
  const double x = d->x[i];
  double sum = 0;
  d->x[i] += step;
  assert_int_equal(
      ins_reference_run(c->model, c->n_frames, d->x, d->neurons, c->n_neurons, d->r, NULL, NULL),
      INS_OK);
  d->x[i] = x;
  for (size_t k = 0; k < c->n_output * c->n_neurons; k++) sum += d->dr[k] * d->r[k];
  return sum;
}

/* Fourth-order central differences: neither truncation nor rounding reaches 1e-8 of the largest
 * gradient. */
static void expect_differences(const readout_case *c) {
  enum { N_CHECKED = 40 };
  const double h = 2e-4;
  doubles d = reference_of(c);
  double largest = 0;
  for (size_t i = 0; i < c->n_x; i++) largest = fmax(largest, fabs(d.dx[i]));
  assert_true(largest > 1e-3);
  for (size_t k = 0; k < N_CHECKED; k++) {
    const size_t i = k * 7919 % c->n_x;
    const double by = (8 * (value_at(c, &d, i, h) - value_at(c, &d, i, -h)) -
                       (value_at(c, &d, i, 2 * h) - value_at(c, &d, i, -2 * h))) /
                      (12 * h);
    if (fabs(by - d.dx[i]) > 1e-8 * largest)
      fail_msg("%s, element %zu: %.12g by differences, %.12g (largest %g)", c->name, i, by, d.dx[i],
               largest);
  }
  drop(&d);
}

static void gradients_match_finite_differences(void **state) {
  (void)state;
  for_each_case(expect_differences);
}

/* Output frames [first, first + n_read) of the last n neurons, from the last to the first. */
static void expect_reference(const readout_case *c, const ins_kernels *kernels, size_t first,
                             size_t n_read, size_t n) {
  doubles d = reference_of(c);
  ins_plan_spec spec = case_spec(c, kernels);
  spec.first_frame = first;
  spec.n_read = n_read;
  spec.n_neurons = n;
  ins_plan *plan = plan_of(c->model, &spec);
  float *x = noise(1, c->n_x), *r = zeros(n_read * n, sizeof *r), *dr = noise(7, n_read * n),
        *dx = noise(3, c->n_x); /* to be overwritten */
  double *should = zeros(n_read * n, sizeof *should);
  memset(d.dr, 0, c->n_output * n * sizeof *d.dr);
  for (size_t k = 0; k < n_read * n; k++) d.dr[first * n + k] = (double)dr[k];
  assert_int_equal(ins_reference_run(c->model, c->n_frames, d.x, d.neurons, n, d.r, d.dr, d.dx),
                   INS_OK);
  memcpy(should, d.r + first * n, n_read * n * sizeof *should);
  select_neurons(plan, 0, d.neurons, n);
  ins_plan_forward(plan, 0, x, r);
  ins_plan_backward(plan, 0, dr, dx);
  const double error = off(r, should, n_read * n), error_dx = off(dx, d.dx, c->n_x);
  if (!(error < TOLERANCE_REFERENCE && error_dx < TOLERANCE_REFERENCE))
    fail_msg("%s on %s, frames %zu to %zu: responses off by %g, gradient by %g", c->name,
             ins_kernels_name(kernels), first, first + n_read, error, error_dx);
  void *all[] = {x, r, dr, dx, should};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(&all[i]);
  ins_plan_destroy(&plan);
  drop(&d);
}

static void expect_reference_in_windows(const readout_case *c, const ins_kernels *kernels) {
  expect_reference(c, kernels, 0, c->n_output, c->n_neurons);
  expect_reference(c, kernels, 0, 1, c->n_neurons);
  expect_reference(c, kernels, c->n_output - 1, 1, c->n_neurons > 1 ? c->n_neurons - 1 : 1);
  expect_reference(c, kernels, 1, c->n_output - 2, 1);
}

static void expect_reference_on_all_paths(const readout_case *c) {
  for_each_kernels(c, expect_reference_in_windows);
}

static void windows_of_frames_and_neurons_match_the_reference(void **state) {
  (void)state;
  for_each_case(expect_reference_on_all_paths);
}

/* ---- bits ----------------------------------------------------------------------------------- */

/* Response and gradient of neuron `mine`, of output frames [from, from + 2), read over [first,
 * first + n): alone, or as one of all neurons and the last of three slots. */
static void run(const readout_case *c, const ins_kernels *kernels, size_t mine, bool company,
                size_t first, size_t n, size_t from, float *r, float *dx) {
  ins_plan_spec spec = case_spec(c, kernels);
  const size_t k = company ? c->n_neurons : 1, place = company ? c->n_neurons - 1 - mine : 0;
  spec.first_frame = first;
  spec.n_read = n;
  spec.n_slots = company ? 3 : 1;
  ins_plan *plan = plan_of(c->model, &spec);
  const size_t slot = spec.n_slots - 1;
  int64_t *neurons =
      company ? numbers_from((int64_t)k - 1, -1, k) : numbers_from((int64_t)mine, 1, 1);
  float *x = noise(1, c->n_x), *other = noise(2, c->n_x), *out = zeros(n * k, sizeof *out),
        *dr = zeros(n * k, sizeof *dr);
  for (size_t s = 0; s < spec.n_slots; s++) select_neurons(plan, s, neurons, k);
  ins_plan_forward(plan, slot, x, out);
  for (size_t t = 0; t < 2; t++) {
    r[t] = out[(from - first + t) * k + place];
    dr[(from - first + t) * k + place] = 0.5f + (float)t;
  }
  for (size_t s = 0; s < slot; s++) ins_plan_forward(plan, s, other, out);
  ins_plan_backward(plan, slot, dr, dx);
  void *all[] = {neurons, x, other, out, dr};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(&all[i]);
  ins_plan_destroy(&plan);
}

static void expect_bits(const readout_case *c, const ins_kernels *kernels) {
  const size_t from = c->n_output / 2 - 1, mine = c->n_neurons / 2;
  float *dx[3], r[3][2];
  for (int i = 0; i < 3; i++) dx[i] = zeros(c->n_x, sizeof(float));
  run(c, kernels, mine, false, from, 2, from, r[0], dx[0]);
  run(c, kernels, mine, true, from, 2, from, r[1], dx[1]);
  run(c, kernels, mine, true, 0, c->n_output, from, r[2], dx[2]);
  for (int i = 1; i < 3; i++) {
    for (size_t k = 0; k < c->n_x; k++)
      if (dx[0][k] != dx[i][k] || (k < 2 && r[0][k] != r[i][k]))
        fail_msg("%s on %s: element %zu is %.9g alone, %.9g %s", c->name, ins_kernels_name(kernels),
                 k, (double)dx[0][k], (double)dx[i][k], i == 1 ? "in company" : "in a window");
  }
  for (int i = 0; i < 3; i++) ins_free(&dx[i]);
}

static void expect_bits_on_all_paths(const readout_case *c) {
  for_each_kernels(c, expect_bits);
}

static void bits_do_not_depend_on_company_or_window(void **state) {
  (void)state;
  for_each_case(expect_bits_on_all_paths);
}

/* ---- many neurons, large maps --------------------------------------------------------------- */

static void draw(ins_value *parameters, const char *name, float mean, float spread, int n_dims,
                 const size_t *shape) {
  ins_value *value = ins_value_array(INS_F32, n_dims, shape);
  float *to = value->array.data;
  const size_t n = ins_array_count(&value->array);
  fixture_normal(n + ins_value_count(parameters), n, to);
  for (size_t i = 0; i < n; i++) to[i] = mean + spread * to[i];
  assert_int_equal(ins_map_take(parameters, name, value), INS_OK);
}

/* n neurons over the stimulus itself, of c channels; readout in YAML. */
static ins_model_source *plain_source(const char *readout, int c, int t, int h, int w, int n) {
  char text[512];
  ins_model_source *source = zeros(1, sizeof *source);
  snprintf(text, sizeof text,
           "{in_shape: [%d, %d, %d, %d], core: {kind: dummy, cut_first_n_frames: 0}, "
           "readout: %s, sessions: [{name: a, n_neurons: %d}]}",
           c, t, h, w, readout, n);
  if (ins_yaml_parse(text, strlen(text), NULL, NULL, &source->architecture) != INS_OK)
    fail_msg("%s", ins_message());
  source->parameters = ins_value_map();
  return source;
}

static void take_large(ins_model_source *source, const char *name) {
  const ins_value *shape = ins_map_get(source->architecture, "in_shape");
  readout_case c = {.name = name, .source = source, .model = model_of(source, name)};
  const ins_model_info *info = ins_model_describe(c.model);
  c.n_frames = (size_t)shape->children.items[1]->integer;
  c.height = info->height;
  c.width = info->width;
  c.n_neurons = info->n_neurons;
  c.n_x = info->n_channels * c.n_frames * c.height * c.width;
  assert_int_equal(ins_model_output_frames(c.model, c.n_frames, &c.n_output), INS_OK);
  expect_reference_on_all_paths(&c);
  expect_bits_on_all_paths(&c);
  close_case(&c);
}

/* More neurons than two vectors hold, and more pixels than one run of a sum. */
static void large_readouts_match_the_reference(void **state) {
  (void)state;
  enum { N = 37, C = 2, H = 27, W = 31, T = 6, TAPS = 3 };
  ins_model_source *lnp =
      plain_source("{kind: lnp, nonlinearity: softplus, bias: true}", C, T, H, W, N);
  const size_t kernel[5] = {N, C, 1, H, W}, each[1] = {N}, space[3] = {N, H, W},
               time[2] = {N, TAPS};
  draw(lnp->parameters, "readout.a.inner_product_kernel.weight", 0, 0.03f, 5, kernel);
  draw(lnp->parameters, "readout.a.inner_product_kernel.bias", 0, 0.3f, 1, each);
  take_large(lnp, "large lnp");

  ins_model_source *contrast = plain_source("{kind: spatial_contrast}", 1, T, H, W, N);
  ins_value *p = contrast->parameters;
  draw(p, "readout.a.spatial_filters", 0.5f, 0.1f, 3, space);
  draw(p, "readout.a.temporal_filters", 0.2f, 0.5f, 2, time);
  draw(p, "readout.a.sf_sums", 0.5f * H * W, 0, 1, each);
  draw(p, "readout.a.w", 0.6f, 0.2f, 1, each);
  draw(p, "readout.a.nl_a", 1, 0.2f, 1, each);
  draw(p, "readout.a.nl_b", 1, 0.2f, 1, each);
  draw(p, "readout.a.nl_c", 0, 0.3f, 1, each);
  take_large(contrast, "large spatial contrast");

  const size_t masks[2] = {H * W, N}, weights[2] = {C, N};
  ins_model_source *free_masks =
      plain_source("{kind: factorized, mask_constraint: abs, bias: true}", C, T, H, W, N);
  draw(free_masks->parameters, "readout.a.mask_weights", 0, 0.02f, 2, masks);
  draw(free_masks->parameters, "readout.a.feature_weights", 0, 0.5f, 2, weights);
  draw(free_masks->parameters, "readout.a.bias", 0, 0.5f, 1, each);
  take_large(free_masks, "large factorized");
}

/* ---- spatial contrast ----------------------------------------------------------------------- */

/* The grey and bright fields have no contrast: the peer's gradient of a single cell is not a number
 * there. Ours is that of the mean alone. */
static void without_contrast_the_gradient_is_finite(void **state) {
  (void)state;
  static const char *const names[] = {"single_spatial_contrast", "single_spatial_contrast_crop",
                                      "spatial_contrast"};
  ins_value *all = read_cases();
  for (size_t k = 0; k < 3; k++) {
    readout_case c = open_case(case_entry(all, names[k]));
    const ins_plan_spec spec = case_spec(&c, NULL);
    ins_plan *plan = plan_of(c.model, &spec);
    const size_t n_r = c.n_output * c.n_neurons;
    int64_t *neurons = numbers_from(0, 1, c.n_neurons);
    float *x = zeros(c.n_x, sizeof *x), *r = zeros(n_r, sizeof *r), *dr = zeros(n_r, sizeof *dr),
          *dx = zeros(c.n_x, sizeof *dx);
    for (size_t i = 0; i < n_r; i++) dr[i] = 1;
    select_neurons(plan, 0, neurons, c.n_neurons);
    for (int grey = 0; grey < 2; grey++) {
      for (size_t i = 0; i < c.n_x; i++) x[i] = grey ? 0 : 3.7f;
      double sum = 0;
      ins_plan_forward(plan, 0, x, r);
      ins_plan_backward(plan, 0, dr, dx);
      for (size_t i = 0; i < c.n_x; i++) {
        assert_true(isfinite(dx[i]));
        sum += fabs((double)dx[i]);
      }
      assert_true(sum > 0.01 && sum < 100);
    }
    void *memory[] = {neurons, x, r, dr, dx};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) ins_free(&memory[i]);
    ins_plan_destroy(&plan);
    close_case(&c);
  }
  ins_value_destroy(&all);
}

/* r of the single cell for the field 100 + contrast * noise, held against the reference. */
static float bright_response(const readout_case *c, float contrast) {
  const ins_plan_spec spec = case_spec(c, NULL);
  ins_plan *plan = plan_of(c->model, &spec);
  const int64_t neuron = 0;
  float *x = noise(5, c->n_x), *r = zeros(c->n_output, sizeof *r);
  double *x64 = zeros(c->n_x, sizeof *x64), *r64 = zeros(c->n_output, sizeof *r64);
  for (size_t i = 0; i < c->n_x; i++) x64[i] = (double)(x[i] = 100 + contrast * x[i]);
  assert_int_equal(ins_reference_run(c->model, c->n_frames, x64, &neuron, 1, r64, NULL, NULL),
                   INS_OK);
  select_neurons(plan, 0, &neuron, 1);
  ins_plan_forward(plan, 0, x, r);
  assert_true(off(r, r64, c->n_output) < 1e-6);
  const float first = r[0];
  void *memory[] = {x, r, x64, r64};
  for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) ins_free(&memory[i]);
  ins_plan_destroy(&plan);
  return first;
}

/* In single precision, a difference of squares would lose a contrast of 0.1 on a field of 100. */
static void a_small_contrast_on_a_bright_field_is_seen(void **state) {
  (void)state;
  ins_value *all = read_cases();
  readout_case c = open_case(case_entry(all, "single_spatial_contrast"));
  const float one = 1, time[5] = {0.2f, 0.2f, 0.2f, 0.2f, 0.2f};
  memcpy(ins_map_get(c.source->parameters, "temporal_filter")->array.data, time, sizeof time);
  memcpy(ins_map_get(c.source->parameters, "nl_b")->array.data, &one, sizeof one);
  memcpy(ins_map_get(c.source->parameters, "w")->array.data, &one, sizeof one);
  ins_model_destroy(&c.model);
  c.model = model_of(c.source, c.name);
  assert_true(fabsf(bright_response(&c, 0.1f) - bright_response(&c, 0)) > 1e-3f);
  close_case(&c);
  ins_value_destroy(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_readout_answers_as_the_peer),
      cmocka_unit_test(gradients_match_finite_differences),
      cmocka_unit_test(windows_of_frames_and_neurons_match_the_reference),
      cmocka_unit_test(bits_do_not_depend_on_company_or_window),
      cmocka_unit_test(large_readouts_match_the_reference),
      cmocka_unit_test(without_contrast_the_gradient_is_finite),
      cmocka_unit_test(a_small_contrast_on_a_bright_field_is_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
