/* SPDX-License-Identifier: MIT */
/* Times the responses of all neurons of a model to all stimuli of a file.
 *
 *   bench_forward MODEL STIMULI.npy RESPONSES.npy PASSES [KERNELS]
 *
 * STIMULI [B,C,T,H,W]; writes RESPONSES [B,T',N] and prints one line of JSON: median and least
 * milliseconds of a pass over all stimuli, and the median with a single neuron, which is nearly
 * what the core takes. */
#include <stdio.h>
#include <stdlib.h>

#include "insilico/array_file.h"
#include "insilico/memory.h"
#include "insilico/plan.h"
#include "measure.h"

typedef struct bench {
  const ins_model *model;
  const ins_kernels *kernels;
  const ins_array *x;
  size_t n_output, n_passes;
} bench;

static ins_plan *make_plan(const bench *b, size_t n_neurons) {
  const size_t *shape = b->x->shape;
  const ins_plan_spec spec = {.n_slots = 1,
                              .n_frames = shape[2],
                              .height = shape[3],
                              .width = shape[4],
                              .n_read = b->n_output,
                              .n_neurons = n_neurons,
                              .kernels = b->kernels};
  ins_plan *plan;
  int64_t *neurons;
  bench_must(ins_plan_create(b->model, &spec, &plan));
  bench_must(ins_alloc(n_neurons, sizeof *neurons, &neurons));
  for (size_t i = 0; i < n_neurons; i++) neurons[i] = (int64_t)i;
  bench_must(ins_plan_select(plan, 0, neurons, n_neurons));
  ins_free(&neurons);
  return plan;
}

/* Milliseconds of the passes, ms [n_passes], after one that warms up; r [B,T',n]. */
static void run(const bench *b, size_t n_neurons, float *r, double *ms) {
  ins_plan *plan = make_plan(b, n_neurons);
  const size_t n_x = ins_array_count(b->x) / b->x->shape[0], n_r = b->n_output * n_neurons;
  for (size_t pass = 0; pass <= b->n_passes; pass++) {
    const double start = bench_seconds();
    for (size_t i = 0; i < b->x->shape[0]; i++)
      ins_plan_forward(plan, 0, (const float *)b->x->data + i * n_x, r + i * n_r);
    if (pass > 0) ms[pass - 1] = 1e3 * (bench_seconds() - start);
  }
  ins_plan_destroy(&plan);
}

int main(int argc, char **argv) {
  const ins_kernels *kernels = argc == 6 ? ins_kernels_find(argv[5]) : ins_kernels_best();
  const int n_passes = argc >= 5 ? atoi(argv[4]) : 0;
  if (argc < 5 || argc > 6 || n_passes < 1 || !kernels) {
    fprintf(stderr, "usage: bench_forward MODEL STIMULI.npy RESPONSES.npy PASSES [KERNELS]\n");
    return 2;
  }
  ins_model *model = bench_model(argv[1]);
  ins_value *x = bench_array(argv[2]);
  const size_t n_neurons = ins_model_describe(model)->n_neurons, *shape = x->array.shape;
  if (x->array.n_dims != 5) {
    fprintf(stderr, "bench_forward: %s is not [B,C,T,H,W]\n", argv[2]);
    return 2;
  }
  bench b = {.model = model, .kernels = kernels, .x = &x->array, .n_passes = (size_t)n_passes};
  bench_must(ins_model_output_frames(model, shape[2], &b.n_output));
  const size_t r_shape[3] = {shape[0], b.n_output, n_neurons};
  ins_value *r = ins_value_array(INS_F32, 3, r_shape);
  double *ms;
  if (!r) bench_must(INS_ERR_MEMORY);
  bench_must(ins_alloc(b.n_passes, sizeof *ms, &ms));
  run(&b, 1, r->array.data, ms);
  const double core = bench_median(ms, b.n_passes);
  run(&b, n_neurons, r->array.data, ms);
  const double median = bench_median(ms, b.n_passes);
  bench_must(ins_npy_write(argv[3], &r->array));
  printf("{\"kernels\": \"%s\", \"ms\": %.3f, \"least_ms\": %.3f, \"one_neuron_ms\": %.3f}\n",
         ins_kernels_name(kernels), median, ms[0], core);
  ins_free(&ms);
  ins_value_destroy(&r);
  ins_value_destroy(&x);
  ins_model_destroy(&model);
  return 0;
}
