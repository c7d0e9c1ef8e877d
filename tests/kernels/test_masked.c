/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "kernels_paths.h"

typedef struct size {
  int neurons, frames, pixels;
} size;

/* 150 products of order one, in float32 */
static const double TOLERANCE = 1e-5;

typedef struct masked {
  ins_masked job;
  size_t lanes;
} masked;

static masked make(const ins_kernels *kernels, const size *s) {
  masked m = {.lanes = (size_t)kernels->lanes};
  const size_t frame = (size_t)s->pixels * m.lanes + m.lanes, row = (size_t)s->frames * m.lanes;
  m.job = (ins_masked){.n_neurons = s->neurons,
                       .n_frames = s->frames,
                       .n_pixels = s->pixels,
                       .mask_neuron = (size_t)s->pixels + 5,
                       .x_frame = frame,
                       .m_neuron = row};
  float *mask = zeros((size_t)s->neurons * m.job.mask_neuron, sizeof *mask);
  normal(1, (size_t)s->neurons * m.job.mask_neuron, mask);
  m.job.mask = mask;
  m.job.x = zeros((size_t)s->frames * frame, sizeof(float));
  m.job.m = zeros((size_t)s->neurons * row, sizeof(float));
  return m;
}

static void unmake(masked *m) {
  ins_free(&m->job.mask);
  ins_free(&m->job.x);
  ins_free(&m->job.m);
}

static void check_sum(const ins_kernels *kernels, void *arg) {
  const size *s = arg;
  masked m = make(kernels, s);
  normal(2, (size_t)s->frames * m.job.x_frame, m.job.x);
  kernels->mask_sum(&m.job);
  for (int n = 0; n < s->neurons; n++) {
    for (size_t i = 0; i < (size_t)s->frames * m.lanes; i++) {
      const size_t t = i / m.lanes, lane = i % m.lanes;
      double sum = 0;
      for (size_t p = 0; p < (size_t)s->pixels; p++)
        sum += (double)m.job.mask[(size_t)n * m.job.mask_neuron + p] *
               (double)m.job.x[t * m.job.x_frame + p * m.lanes + lane];
      assert_true(fabs((double)m.job.m[(size_t)n * m.job.m_neuron + i] - sum) <
                  TOLERANCE * (1 + fabs(sum)));
    }
  }
  unmake(&m);
}

static void check_spread(const ins_kernels *kernels, void *arg) {
  const size *s = arg;
  masked m = make(kernels, s);
  normal(2, (size_t)s->neurons * m.job.m_neuron, m.job.m);
  kernels->mask_spread(&m.job);
  for (size_t t = 0; t < (size_t)s->frames; t++) {
    for (size_t i = 0; i < (size_t)s->pixels * m.lanes; i++) {
      double sum = 0;
      for (size_t n = 0; n < (size_t)s->neurons; n++)
        sum += (double)m.job.mask[n * m.job.mask_neuron + i / m.lanes] *
               (double)m.job.m[n * m.job.m_neuron + t * m.lanes + i % m.lanes];
      assert_true(fabs((double)m.job.x[t * m.job.x_frame + i] - sum) < TOLERANCE * (1 + fabs(sum)));
    }
  }
  unmake(&m);
}

static void sums_under_masks_and_their_transpose_are_matrix_products(void **state) {
  (void)state;
  const size sizes[] = {{1, 1, 1},    {1, 10, 48}, {2, 3, 5}, {7, 5, 150},
                        {40, 11, 64}, {5, 2, 65},  {3, 9, 7}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for_each_path(check_sum, (void *)(uintptr_t)&sizes[i]);
    for_each_path(check_spread, (void *)(uintptr_t)&sizes[i]);
  }
}

/* Every neuron and frame alone, against all together. */
static void check_alone(const ins_kernels *kernels, void *arg) {
  const size *s = arg;
  masked all = make(kernels, s);
  normal(2, (size_t)s->frames * all.job.x_frame, all.job.x);
  kernels->mask_sum(&all.job);
  float alone[INS_MOST_LANES] __attribute__((aligned(64)));
  for (size_t n = 0; n < (size_t)s->neurons; n++) {
    for (size_t t = 0; t < (size_t)s->frames; t++) {
      ins_masked one = all.job;
      one.n_neurons = one.n_frames = 1;
      one.mask += n * one.mask_neuron;
      one.x += t * one.x_frame;
      one.m = alone;
      kernels->mask_sum(&one);
      assert_memory_equal(alone, all.job.m + n * all.job.m_neuron + t * all.lanes,
                          all.lanes * sizeof(float));
    }
  }
  unmake(&all);
}

static void bits_of_a_neuron_do_not_depend_on_its_company(void **state) {
  (void)state;
  size s = {11, 10, 150};
  for_each_path(check_alone, &s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_under_masks_and_their_transpose_are_matrix_products),
      cmocka_unit_test(bits_of_a_neuron_do_not_depend_on_its_company),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
