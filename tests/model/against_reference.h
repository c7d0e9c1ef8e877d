/* SPDX-License-Identifier: MIT */
/** The fast path against the readable one, on every instruction set of this processor. */
#ifndef INSILICO_TESTS_AGAINST_REFERENCE_H
#define INSILICO_TESTS_AGAINST_REFERENCE_H

#include "plan_problem.h"

/* float32 sums against float64 ones: a few hundred to some thousand terms a number, through two or
 * three layers. */
static const double TOLERANCE = 3e-6;

static inline void expect_close(const char *what, const ins_kernels *kernels, const float *is,
                                const double *should, size_t n) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < n; i++) {
    worst = fmax(worst, isfinite(is[i]) ? fabs((double)is[i] - should[i]) : (double)INFINITY);
    largest = fmax(largest, fabs(should[i]));
  }
  if (worst > TOLERANCE * largest)
    fail_msg("%s on %s: off by %g of %g", what, ins_kernels_name(kernels), worst, largest);
}

/* Reads output frames [first, first + n_read) of all neurons and compares both passes. */
static inline void check_window(const model_fixture *f, const ins_kernels *kernels, size_t first,
                                size_t n_read) {
  ins_model *model = fixture_model(f);
  ins_plan_spec spec = whole(f, model, kernels);
  const size_t n = spec.n_neurons, n_output = spec.n_read, n_x = stimulus_size(model, &spec);
  spec.first_frame = first;
  spec.n_read = n_read ? n_read : n_output - first;
  ins_plan *plan = plan_of(model, &spec);
  int64_t *neurons = zeros(n, sizeof *neurons);
  for (size_t i = 0; i < n; i++) neurons[i] = (int64_t)(n - 1 - i);
  float *x = noise(1, n_x), *r = zeros(spec.n_read * n, sizeof *r), *dr = noise(2, spec.n_read * n);
  float *dx = noise(3, n_x); /* to be overwritten */
  double *x64 = zeros(n_x, sizeof *x64), *r64 = zeros(n_output * n, sizeof *r64);
  double *dr64 = zeros(n_output * n, sizeof *dr64), *dx64 = zeros(n_x, sizeof *dx64);
  for (size_t i = 0; i < n_x; i++) x64[i] = (double)x[i];
  for (size_t i = 0; i < spec.n_read * n; i++) dr64[first * n + i] = (double)dr[i];
  assert_int_equal(ins_reference_run(model, spec.n_frames, x64, neurons, n, r64, dr64, dx64),
                   INS_OK);
  select_neurons(plan, 0, neurons, n);
  ins_plan_forward(plan, 0, x, r);
  ins_plan_backward(plan, 0, dr, dx);
  expect_close("responses", kernels, r, r64 + first * n, spec.n_read * n);
  expect_close("gradient", kernels, dx, dx64, n_x);
  void *all[] = {neurons, x, r, dr, dx, x64, r64, dr64, dx64};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(&all[i]);
  ins_plan_destroy(&plan);
  ins_model_destroy(&model);
}

static inline void check_on_all_paths(const model_fixture *f, size_t first, size_t n_read) {
  for (const char *const *name = ins_kernels_names(); *name; name++) {
    const ins_kernels *kernels = ins_kernels_find(*name);
    if (kernels) check_window(f, kernels, first, n_read);
  }
}

#endif
