/* SPDX-License-Identifier: MIT */
/** A plan with stimuli and gradients to run it on. */
#ifndef INSILICO_TESTS_PLAN_PROBLEM_H
#define INSILICO_TESTS_PLAN_PROBLEM_H

#include <math.h>

#include "cmocka_all.h"
#include "insilico/memory.h"
#include "insilico/plan.h"
#include "model_fixture.h"

static inline void *zeros(size_t n, size_t size) {
  void *memory;
  if (ins_alloc(n, size, &memory) != INS_OK) fail_msg("%s", ins_message());
  return memory;
}

static inline float *noise(uint64_t seed, size_t n) {
  float *out = zeros(n, sizeof *out);
  fixture_normal(seed, n, out);
  return out;
}

static inline ins_plan *plan_of(const ins_model *model, const ins_plan_spec *spec) {
  ins_plan *plan;
  if (ins_plan_create(model, spec, &plan) != INS_OK) fail_msg("%s", ins_message());
  return plan;
}

static inline void select_neurons(ins_plan *plan, size_t slot, const int64_t *neurons, size_t n) {
  if (ins_plan_select(plan, slot, neurons, n) != INS_OK) fail_msg("%s", ins_message());
}

/** Numbers in a stimulus of `spec`. */
static inline size_t stimulus_size(const ins_model *model, const ins_plan_spec *spec) {
  return ins_model_describe(model)->n_channels * spec->n_frames * spec->height * spec->width;
}

/** The spec that reads everything of a fixture's trained stimulus. */
static inline ins_plan_spec whole(const model_fixture *f, const ins_model *model,
                                  const ins_kernels *kernels) {
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = (size_t)f->in_shape[1],
                        .height = (size_t)f->in_shape[2],
                        .width = (size_t)f->in_shape[3],
                        .n_neurons = ins_model_describe(model)->n_neurons,
                        .gradient = true,
                        .kernels = kernels};
  if (ins_model_output_frames(model, spec.n_frames, &spec.n_read) != INS_OK)
    fail_msg("%s", ins_message());
  return spec;
}

#endif
