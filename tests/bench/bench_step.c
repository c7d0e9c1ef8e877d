/* SPDX-License-Identifier: MIT */
/* Times one iteration of a stimulus optimisation: forward pass, gradient of slice_mean(10,10) of
 * one neuron with respect to the stimulus, one step of gradient ascent.
 *
 *   bench_step MODEL STIMULUS.npy NEURON ITERATIONS [KERNELS]
 *
 * Prints one line of JSON: median and least milliseconds of an iteration, the objective before the
 * first step, multiply-adds of an iteration, GFLOP/s, and the rate that fused multiply-adds alone
 * reach. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/plan.h"
#include "measure.h"
#include "peak.h"

enum { FIRST = 10, LENGTH = 10 };

/* Multiply-adds of the convolutions, forward and backward, for the frames that are read. */
static double multiply_adds(const ins_model_info *info) {
  double total = 0, h = (double)info->map_height, w = (double)info->map_width, frames = LENGTH;
  for (size_t l = info->n_layers; l-- > 0;) {
    const ins_layer_info *layer = &info->layers[l];
    const double pairs = (double)layer->in_channels * (double)layer->out_channels;
    const double space = h * w * (double)layer->kernel_h * (double)layer->kernel_w;
    h += (double)(layer->kernel_h - 1 - layer->pad_h[0] - layer->pad_h[1]);
    w += (double)(layer->kernel_w - 1 - layer->pad_w[0] - layer->pad_w[1]);
    total += frames * pairs * (space + h * w * (double)layer->kernel_t);
    frames += (double)(layer->kernel_t - 1);
  }
  return 2 * total;
}

typedef struct bench {
  ins_model *model;
  ins_plan *plan;
  float *x, *dx;
  size_t n_x;
} bench;

static bench prepare(char **argv, const ins_kernels *kernels) {
  bench b;
  ins_value *x = bench_array(argv[2]);
  b.model = bench_model(argv[1]);
  const size_t *shape = x->array.shape;
  const ins_plan_spec spec = {.n_slots = 1,
                              .n_frames = shape[1],
                              .height = shape[2],
                              .width = shape[3],
                              .first_frame = FIRST,
                              .n_read = LENGTH,
                              .n_neurons = 1,
                              .gradient = true,
                              .kernels = kernels};
  const int64_t neuron = atoll(argv[3]);
  bench_must(ins_plan_create(b.model, &spec, &b.plan));
  bench_must(ins_plan_select(b.plan, 0, &neuron, 1));
  b.n_x = ins_array_count(&x->array);
  bench_must(ins_alloc(b.n_x, sizeof *b.x, &b.x));
  bench_must(ins_alloc(b.n_x, sizeof *b.dx, &b.dx));
  memcpy(b.x, x->array.data, b.n_x * sizeof *b.x);
  ins_value_destroy(&x);
  return b;
}

/* One iteration; returns the objective before the step. */
static double iterate(bench *b, float rate) {
  float r[LENGTH], dr[LENGTH];
  double objective = 0;
  ins_plan_forward(b->plan, 0, b->x, r);
  for (int t = 0; t < LENGTH; t++) {
    objective += (double)r[t] / LENGTH;
    dr[t] = 1.0f / LENGTH;
  }
  ins_plan_backward(b->plan, 0, dr, b->dx);
  for (size_t i = 0; i < b->n_x; i++) b->x[i] += rate * b->dx[i];
  return objective;
}

int main(int argc, char **argv) {
  const ins_kernels *kernels = argc == 6 ? ins_kernels_find(argv[5]) : ins_kernels_best();
  const int n = argc >= 5 ? atoi(argv[4]) : 0;
  if (argc < 5 || argc > 6 || n < 1 || !kernels) {
    fprintf(stderr, "usage: bench_step MODEL STIMULUS.npy NEURON ITERATIONS [KERNELS]\n");
    return 2;
  }
  bench b = prepare(argv, kernels);
  double *ms;
  bench_must(ins_alloc((size_t)n, sizeof *ms, &ms));
  const double objective = iterate(&b, 0);
  for (int i = 0; i < n; i++) {
    const double start = bench_seconds();
    iterate(&b, 1e-3f);
    ms[i] = 1e3 * (bench_seconds() - start);
  }
  const double macs = multiply_adds(ins_model_describe(b.model));
  const double median = bench_median(ms, (size_t)n);
  printf("{\"kernels\": \"%s\", \"ms\": %.4f, \"least_ms\": %.4f, \"objective\": %.9g, "
         "\"multiply_adds\": %.0f, \"gflops\": %.1f, \"peak_gflops\": %.1f}\n",
         ins_kernels_name(kernels), median, ms[0], objective, macs, 2e-6 * macs / median,
         1e-9 * bench_peak(ins_kernels_name(kernels)));
  ins_free(&ms);
  ins_free(&b.x);
  ins_free(&b.dx);
  ins_plan_destroy(&b.plan);
  ins_model_destroy(&b.model);
  return 0;
}
