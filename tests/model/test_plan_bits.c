/* SPDX-License-Identifier: MIT */
/** A task's numbers are the same, bit for bit, alone and in any company. */
#include "plan_problem.h"

enum { N_SLOTS = 3, N_NEURONS = 5 };

typedef struct setting {
  const model_fixture *fixture;
  ins_model *model;
  const ins_kernels *kernels;
} setting;

/* Response and gradient of one neuron, read over [first, first + n) of which dr is zero but in the
 * window [from, from + count); computed in the last slot, among others, when `company`. */
static void run(const setting *s, bool company, size_t first, size_t n, size_t from, size_t count,
                float *r, float *dx) {
  ins_plan_spec spec = whole(s->fixture, s->model, s->kernels);
  const int64_t all[N_NEURONS] = {0, 1, 2, 3, 4}, mine = 2;
  spec.first_frame = first;
  spec.n_read = n;
  spec.n_slots = company ? N_SLOTS : 1;
  ins_plan *plan = plan_of(s->model, &spec);
  const size_t n_x = stimulus_size(s->model, &spec), slot = spec.n_slots - 1,
               k = company ? N_NEURONS : 1;
  float *x = noise(1, n_x), *other = noise(2, n_x), *out = zeros(n * N_NEURONS, sizeof *out);
  float *dr = zeros(n * N_NEURONS, sizeof *dr);
  for (size_t i = 0; i < spec.n_slots; i++) select_neurons(plan, i, company ? all : &mine, k);
  ins_plan_forward(plan, slot, x, out);
  for (size_t t = 0; t < count; t++) {
    r[t] = out[(from - first + t) * k + (company ? (size_t)mine : 0)];
    dr[(from - first + t) * k + (company ? (size_t)mine : 0)] = 0.5f + (float)t;
  }
  for (size_t i = 0; i < slot; i++)
    ins_plan_forward(plan, i, other, out); /* between the two passes */
  ins_plan_backward(plan, slot, dr, dx);
  ins_free(&x);
  ins_free(&other);
  ins_free(&out);
  ins_free(&dr);
  ins_plan_destroy(&plan);
}

static void expect_same(const setting *s, const float *a, const float *b, size_t n,
                        const char *what) {
  for (size_t i = 0; i < n; i++) {
    if (a[i] != b[i])
      fail_msg("%s: %s %zu is %.9g or %.9g", ins_kernels_name(s->kernels), what, i, (double)a[i],
               (double)b[i]);
  }
}

static void check(const setting *s, size_t n_output, size_t n_x) {
  const size_t from = n_output / 3, count = 3;
  float *alone = zeros(n_x, sizeof *alone), *other = zeros(n_x, sizeof *other), r[3], r_other[3];
  run(s, false, from, count, from, count, r, alone);
  run(s, true, from, count, from, count, r_other, other);
  expect_same(s, r, r_other, count, "response in company");
  expect_same(s, alone, other, n_x, "gradient in company");
  run(s, false, 0, n_output, from, count, r_other, other);
  expect_same(s, r, r_other, count, "response in a longer window");
  expect_same(s, alone, other, n_x, "gradient in a longer window");
  ins_free(&alone);
  ins_free(&other);
}

static void bits_do_not_depend_on_company_or_window(void **state) {
  (void)state;
  model_fixture fixtures[3] = {fixture_small(1), fixture_small(2), fixture_mouse(18, 16)};
  fixtures[1].input_padding = "true";
  fixtures[1].channels[0] = 20; /* the second layer works with lanes = inputs, in two blocks */
  fixtures[2].in_shape[1] = 40;
  for (int i = 0; i < 3; i++) {
    setting s = {&fixtures[i], fixture_model(&fixtures[i]), NULL};
    for (const char *const *name = ins_kernels_names(); *name; name++) {
      s.kernels = ins_kernels_find(*name);
      if (!s.kernels) continue;
      const ins_plan_spec spec = whole(s.fixture, s.model, NULL);
      check(&s, spec.n_read, stimulus_size(s.model, &spec));
    }
    ins_model_destroy(&s.model);
  }
}

static void repeating_a_run_repeats_its_bits(void **state) {
  (void)state;
  const model_fixture f = fixture_small(4);
  ins_model *model = fixture_model(&f);
  const ins_plan_spec spec = whole(&f, model, NULL);
  const size_t n_x = stimulus_size(model, &spec), n_r = spec.n_read * N_NEURONS;
  ins_plan *plan = plan_of(model, &spec);
  const int64_t all[N_NEURONS] = {0, 1, 2, 3, 4};
  float *x = noise(1, n_x), *other = noise(7, n_x), *dr = noise(2, n_r);
  float *r = zeros(n_r, sizeof *r), *r2 = zeros(n_r, sizeof *r), *dx = zeros(n_x, sizeof *dx),
        *dx2 = zeros(n_x, sizeof *dx);
  select_neurons(plan, 0, all, N_NEURONS);
  ins_plan_forward(plan, 0, x, r);
  ins_plan_backward(plan, 0, dr, dx);
  ins_plan_forward(plan, 0, other, r2);
  ins_plan_backward(plan, 0, dr, dx2);
  ins_plan_forward(plan, 0, x, r2);
  ins_plan_backward(plan, 0, dr, dx2);
  assert_memory_equal(r, r2, n_r * sizeof *r);
  assert_memory_equal(dx, dx2, n_x * sizeof *dx);
  void *memory[] = {x, other, dr, r, r2, dx, dx2};
  for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) ins_free(&memory[i]);
  ins_plan_destroy(&plan);
  ins_model_destroy(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bits_do_not_depend_on_company_or_window),
      cmocka_unit_test(repeating_a_run_repeats_its_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
