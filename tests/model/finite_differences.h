/* SPDX-License-Identifier: MIT */
/** The reference's gradient against central finite differences of its responses. */
#ifndef INSILICO_TESTS_FINITE_DIFFERENCES_H
#define INSILICO_TESTS_FINITE_DIFFERENCES_H

#include <math.h>

#include "cmocka_all.h"
#include "insilico/memory.h"
#include "insilico/plan.h"
#include "model_fixture.h"

typedef struct problem {
  ins_model *model;
  size_t n_frames, n_x, n_r, n;
  int64_t neurons[3];
  double *x, *r, *dr, *dx;
} problem;

static inline double *doubles(size_t n, uint64_t seed) {
  double *out;
  float *noise;
  assert_int_equal(ins_alloc(n, sizeof *out, &out), INS_OK);
  assert_int_equal(ins_alloc(n, sizeof *noise, &noise), INS_OK);
  if (seed) fixture_normal(seed, n, noise);
  for (size_t i = 0; i < n; i++) out[i] = (double)noise[i];
  ins_free(&noise);
  return out;
}

static inline problem pose(const model_fixture *f) {
  problem p = {
      .model = fixture_model(f), .n_frames = (size_t)f->in_shape[1], .n = 3, .neurons = {4, 0, 2}};
  size_t n_output;
  assert_int_equal(ins_model_output_frames(p.model, p.n_frames, &n_output), INS_OK);
  p.n_x = (size_t)f->in_shape[0] * p.n_frames * (size_t)f->in_shape[2] * (size_t)f->in_shape[3];
  p.n_r = n_output * p.n;
  p.x = doubles(p.n_x, 1);
  p.r = doubles(p.n_r, 0);
  p.dr = doubles(p.n_r, 2);
  p.dx = doubles(p.n_x, 0);
  return p;
}

static inline void drop(problem *p) {
  ins_model_destroy(&p->model);
  ins_free(&p->x);
  ins_free(&p->r);
  ins_free(&p->dr);
  ins_free(&p->dx);
}

/* sum of dr * r at x with element i moved by step */
static inline double value_at(const problem *p, size_t i, double step) {
  const double x = p->x[i];
  p->x[i] += step;
  assert_int_equal(
      ins_reference_run(p->model, p->n_frames, p->x, p->neurons, p->n, p->r, NULL, NULL), INS_OK);
  p->x[i] = x;
  double sum = 0;
  for (size_t k = 0; k < p->n_r; k++) sum += p->dr[k] * p->r[k];
  return sum;
}

/* Fourth-order central difference: with this step neither truncation nor rounding reaches 1e-10 of
 * the gradient; where a step crosses the kink in an ELU's slope it is worse, hence 1e-8. */
static inline double difference(const problem *p, size_t i) {
  const double h = 2e-4;
  return (8 * (value_at(p, i, h) - value_at(p, i, -h)) -
          (value_at(p, i, 2 * h) - value_at(p, i, -2 * h))) /
         (12 * h);
}

static inline void check_gradient(const model_fixture *f) {
  enum { N_CHECKED = 60 };
  problem p = pose(f);
  double largest = 0;
  assert_int_equal(ins_reference_run(p.model, p.n_frames, p.x, p.neurons, p.n, p.r, p.dr, p.dx),
                   INS_OK);
  for (size_t i = 0; i < p.n_x; i++) largest = fmax(largest, fabs(p.dx[i]));
  assert_true(largest > 1e-3);
  for (size_t k = 0; k < N_CHECKED; k++) {
    const size_t i = k * 7919 % p.n_x;
    const double d = difference(&p, i);
    if (fabs(d - p.dx[i]) > 1e-8 * largest)
      fail_msg("element %zu: %.12g by differences, %.12g (largest %g)", i, d, p.dx[i], largest);
  }
  drop(&p);
}

#endif
