/* SPDX-License-Identifier: MIT */
/** Sums under masks of which only a patch differs from a constant. */
#include <math.h>

#include "kernels_paths.h"

enum { MAP_H = 9, MAP_W = 7, PIXELS = MAP_H * MAP_W, N = 6 };

/* 63 products of order one, in float32 */
static const double TOLERANCE = 1e-5;

/* Inside, at the edges, a row, a pixel, nothing, everything. */
static const ins_mask_patch patches[N] = {{2, 1, 4, 3, 0.125f}, {5, 0, 4, 7, 0},
                                          {0, 2, 1, 5, -0.5f},  {8, 6, 1, 1, 0.01f},
                                          {0, 0, 0, 0, 0.25f},  {0, 0, MAP_H, MAP_W, 0}};

typedef struct patched {
  ins_patched job;
  float *weight, *x;
  size_t lanes;
} patched;

static patched make(const ins_kernels *kernels, int n_frames) {
  patched m = {.lanes = (size_t)kernels->lanes};
  m.job = (ins_patched){.n_neurons = N,
                        .n_frames = n_frames,
                        .n_pixels = PIXELS,
                        .map_w = MAP_W,
                        .patch = patches,
                        .weight_neuron = PIXELS + 1,
                        .x_frame = (PIXELS + 1) * m.lanes,
                        .m_neuron = (size_t)n_frames * m.lanes};
  m.job.weight = m.weight = zeros(N * m.job.weight_neuron, sizeof *m.weight);
  m.job.x = m.x = zeros((size_t)n_frames * m.job.x_frame, sizeof *m.x);
  m.job.total = zeros((size_t)n_frames * m.lanes, sizeof(float));
  m.job.m = zeros(N * m.job.m_neuron, sizeof(float));
  normal(1, N * m.job.weight_neuron, m.weight);
  normal(2, (size_t)n_frames * m.job.x_frame, m.x);
  return m;
}

static void unmake(patched *m) {
  ins_free(&m->weight);
  ins_free(&m->x);
  ins_free(&m->job.total);
  ins_free(&m->job.m);
}

/* What the mask of neuron n is at (h, w). */
static double mask_at(const patched *m, size_t n, int h, int w) {
  const ins_mask_patch *p = &patches[n];
  const int y = h - p->top, x = w - p->left;
  const bool inside = y >= 0 && x >= 0 && y < p->height && x < p->width;
  return (double)p->background +
         (inside ? (double)m->weight[n * m->job.weight_neuron + (size_t)(y * p->width + x)] : 0);
}

static void check_sum(const ins_kernels *kernels, void *arg) {
  const int n_frames = *(int *)arg;
  patched m = make(kernels, n_frames);
  kernels->patch_sum(&m.job);
  for (size_t n = 0; n < N; n++) {
    for (size_t i = 0; i < (size_t)n_frames * m.lanes; i++) {
      const float *x = m.x + i / m.lanes * m.job.x_frame + i % m.lanes;
      double sum = 0;
      for (int p = 0; p < PIXELS; p++)
        sum += mask_at(&m, n, p / MAP_W, p % MAP_W) * (double)x[(size_t)p * m.lanes];
      assert_true(fabs((double)m.job.m[n * m.job.m_neuron + i] - sum) <
                  TOLERANCE * (1 + fabs(sum)));
    }
  }
  unmake(&m);
}

static void sums_are_those_under_the_whole_masks(void **state) {
  (void)state;
  for (int n_frames = 1; n_frames <= 19; n_frames++) for_each_path(check_sum, &n_frames);
}

/* Every neuron and frame alone, against all together. */
static void check_alone(const ins_kernels *kernels, void *arg) {
  (void)arg;
  patched all = make(kernels, 13);
  kernels->patch_sum(&all.job);
  float alone[INS_MOST_LANES] __attribute__((aligned(64)));
  for (size_t n = 0; n < N; n++) {
    for (size_t t = 0; t < 13; t++) {
      ins_patched one = all.job;
      one.n_neurons = one.n_frames = 1;
      one.patch += n;
      one.weight += n * one.weight_neuron;
      one.x += t * one.x_frame;
      one.m = alone;
      kernels->patch_sum(&one);
      assert_memory_equal(alone, all.job.m + n * all.job.m_neuron + t * all.lanes,
                          all.lanes * sizeof(float));
    }
  }
  unmake(&all);
}

static void bits_of_a_neuron_do_not_depend_on_its_company(void **state) {
  (void)state;
  for_each_path(check_alone, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_are_those_under_the_whole_masks),
      cmocka_unit_test(bits_of_a_neuron_do_not_depend_on_its_company),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
