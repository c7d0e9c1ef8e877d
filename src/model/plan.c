/* SPDX-License-Identifier: MIT */
#include "insilico/plan.h"

#include "kernels/separable.h"
#include "model_internal.h"

struct ins_plan {
  ins_arena arena;
  const ins_model *model;
  size_t n_slots, n_neurons;
  void *core, *readout;
  float *features; /* [slot-free] lanes, of the slot computed last */
  float *dfeatures;
};

static ins_status check(const ins_model *model, const ins_plan_spec *spec) {
  size_t n_output;
  ins_status status = ins_model_check_shape(model, spec->height, spec->width);
  if (status == INS_OK) status = ins_model_output_frames(model, spec->n_frames, &n_output);
  if (status != INS_OK) return status;
  if (spec->n_read < 1 || spec->first_frame >= n_output ||
      spec->n_read > n_output - spec->first_frame)
    return ins_fail(INS_ERR_SHAPE,
                    "output frames %zu to %zu are asked for, but a stimulus of %zu frames "
                    "gives %zu (numbered from 0)",
                    spec->first_frame, spec->first_frame + spec->n_read - (spec->n_read > 0),
                    spec->n_frames, n_output);
  if (spec->n_slots < 1 || spec->n_neurons < 1)
    return ins_fail(INS_ERR_ARGUMENT, "a plan needs at least one slot and one neuron");
  return INS_OK;
}

static ins_status build(ins_plan *plan, const ins_plan_spec *spec, const ins_kernels *kernels) {
  const ins_model *model = plan->model;
  const ins_core_request core = {
      .kernels = kernels,
      .n_slots = spec->n_slots,
      .in = {(long)spec->n_frames, (long)spec->height, (long)spec->width},
      .first = (long)spec->first_frame,
      .n_read = (long)spec->n_read,
      .gradient = spec->gradient};
  const ins_readout_request readout = {.kernels = kernels,
                                       .n_slots = spec->n_slots,
                                       .n_neurons = spec->n_neurons,
                                       .n_read = spec->n_read};
  const size_t blocks = (size_t)ins_blocks(kernels, (int)model->info.n_features);
  const size_t floats = blocks * spec->n_read * model->info.map_height * model->info.map_width *
                        (size_t)kernels->lanes;
  ins_status status = model->core_ops->plan(model->core, &core, &plan->arena, &plan->core);
  if (status == INS_OK)
    status = model->readout_ops->plan(model->readout, &readout, &plan->arena, &plan->readout);
  if (status == INS_OK)
    status = ins_arena_take(&plan->arena, floats, sizeof(float), &plan->features);
  if (status == INS_OK && spec->gradient)
    status = ins_arena_take(&plan->arena, floats, sizeof(float), &plan->dfeatures);
  return status;
}

ins_status ins_plan_create(const ins_model *model, const ins_plan_spec *spec, ins_plan **out) {
  ins_plan *plan = NULL;
  *out = NULL;
  ins_status status = check(model, spec);
  if (status == INS_OK) status = ins_alloc(1, sizeof *plan, &plan);
  if (status != INS_OK) return status;
  plan->model = model;
  plan->n_slots = spec->n_slots;
  plan->n_neurons = spec->n_neurons;
  status = build(plan, spec, spec->kernels ? spec->kernels : ins_kernels_best());
  if (status == INS_OK)
    *out = plan;
  else
    ins_plan_destroy(&plan);
  return status;
}

void ins_plan_destroy(ins_plan **plan) {
  if (!*plan) return;
  ins_arena_free(&(*plan)->arena);
  ins_free(plan);
}

size_t ins_plan_bytes(const ins_plan *plan) {
  return sizeof *plan + plan->arena.bytes;
}

void ins_plan_live_frames(const ins_plan *plan, size_t *first, size_t *n) {
  plan->model->core_ops->live(plan->core, first, n);
}

ins_status ins_plan_select(ins_plan *plan, size_t slot, const int64_t *neurons, size_t n) {
  const size_t n_neurons = plan->model->info.n_neurons;
  if (slot >= plan->n_slots)
    return ins_fail(INS_ERR_ARGUMENT, "slot %zu does not exist: the plan has %zu", slot,
                    plan->n_slots);
  if (n < 1 || n > plan->n_neurons)
    return ins_fail(INS_ERR_ARGUMENT, "%zu neurons are chosen, but the plan has room for 1 to %zu",
                    n, plan->n_neurons);
  for (size_t i = 0; i < n; i++) {
    if (neurons[i] < 0 || (size_t)neurons[i] >= n_neurons)
      return ins_fail(INS_ERR_ARGUMENT,
                      "neuron %lld does not exist: the model has neurons 0 to %zu",
                      (long long)neurons[i], n_neurons - 1);
  }
  plan->model->readout_ops->select(plan->readout, slot, neurons, n);
  return INS_OK;
}

void ins_plan_forward(ins_plan *plan, size_t slot, const float *x, float *r) {
  plan->model->core_ops->forward(plan->core, slot, x, plan->features);
  plan->model->readout_ops->forward(plan->readout, slot, plan->features, r);
}

void ins_plan_backward(ins_plan *plan, size_t slot, const float *dr, float *dx) {
  plan->model->readout_ops->backward(plan->readout, slot, dr, plan->dfeatures);
  plan->model->core_ops->backward(plan->core, slot, plan->dfeatures, dx);
}
