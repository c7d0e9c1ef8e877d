/* SPDX-License-Identifier: MIT */
#include "insilico/plan.h"

#include <string.h>

#include "chain.h"
#include "kernels/separable.h"

/* Of a model of one core and one readout, or of a composite of models (members). */
struct ins_plan {
  ins_arena arena;
  const ins_model *model;
  size_t n_slots, n_neurons, n_read;
  ins_chain_plan *core;
  void *readout;
  ins_features features, dfeatures; /* of the slot computed last */
  float *scaled;                    /* [n_read,n] of cloned readouts, or of a composite */
  int64_t **selected;               /* [slot][n] */
  size_t *n_selected;               /* [slot] */
  ins_plan **members;
  float *dx; /* [n_x], of a member */
  size_t n_x;
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
  size_t n_x = model->info.n_channels;
  if (!ins_mul(n_x, spec->n_frames, &n_x) || !ins_mul(n_x, spec->height * spec->width, &n_x) ||
      n_x > (size_t)1 << 40)
    return ins_fail(INS_ERR_SHAPE, "a stimulus of %zu frames is too large: more than 2^40 numbers",
                    spec->n_frames);
  if (spec->n_slots < 1 || spec->n_neurons < 1)
    return ins_fail(INS_ERR_ARGUMENT, "a plan needs at least one slot and one neuron");
  return INS_OK;
}

/* ---- making --------------------------------------------------------------------------------- */

static ins_status make_features(const ins_model *model, const ins_kernels *kernels, size_t n_frames,
                                ins_arena *arena, ins_features *out) {
  const size_t pixels = model->info.map_height * model->info.map_width;
  if (!model->readout_ops->planar) {
    const size_t blocks = (size_t)ins_blocks(kernels, (int)model->info.n_features);
    return ins_arena_take(arena, blocks * n_frames * pixels * (size_t)kernels->lanes,
                          sizeof *out->lanes, &out->lanes);
  }
  out->maps.frame = ins_frame_stride(pixels + INS_TILE_PIXELS);
  out->maps.channel = out->maps.frame * n_frames;
  return ins_arena_take(arena, out->maps.channel * model->info.n_features, sizeof(float),
                        &out->maps.data);
}

static ins_status build_single(ins_plan *plan, const ins_plan_spec *spec,
                               const ins_kernels *kernels) {
  const ins_model *model = plan->model;
  const size_t n_frames = spec->n_read + (size_t)ins_model_lag(model);
  const ins_core_request core = {
      .kernels = kernels,
      .n_slots = spec->n_slots,
      .in = {(long)spec->n_frames, (long)spec->height, (long)spec->width},
      .first = (long)spec->first_frame,
      .n_read = (long)n_frames,
      .gradient = spec->gradient,
      .planar = model->readout_ops->planar};
  const ins_readout_request readout = {.kernels = kernels,
                                       .n_slots = spec->n_slots,
                                       .n_neurons = spec->n_neurons,
                                       .n_read = spec->n_read,
                                       .gradient = spec->gradient};
  ins_status status = ins_chain_plan_create(model->core, &core, &plan->arena, &plan->core);
  if (status == INS_OK)
    status = model->readout_ops->plan(model->readout, &readout, &plan->arena, &plan->readout);
  if (status == INS_OK)
    status = make_features(model, kernels, n_frames, &plan->arena, &plan->features);
  if (status == INS_OK && spec->gradient)
    status = make_features(model, kernels, n_frames, &plan->arena, &plan->dfeatures);
  return status;
}

static ins_status build_members(ins_plan *plan, const ins_plan_spec *spec) {
  const size_t n = plan->model->n_members;
  ins_status status = ins_arena_take(&plan->arena, n, sizeof(ins_plan *), (void **)&plan->members);
  for (size_t m = 0; m < n && status == INS_OK; m++)
    status = ins_plan_create(plan->model->members[m].model, spec, &plan->members[m]);
  plan->n_x = plan->model->info.n_channels * spec->n_frames * spec->height * spec->width;
  if (status == INS_OK && spec->gradient)
    status = ins_arena_take(&plan->arena, plan->n_x, sizeof *plan->dx, &plan->dx);
  return status;
}

static ins_status build_selection(ins_plan *plan) {
  ins_status status =
      ins_arena_take(&plan->arena, plan->n_slots, sizeof(int64_t *), (void **)&plan->selected);
  if (status == INS_OK)
    status =
        ins_arena_take(&plan->arena, plan->n_slots, sizeof *plan->n_selected, &plan->n_selected);
  for (size_t s = 0; s < plan->n_slots && status == INS_OK; s++)
    status = ins_arena_take(&plan->arena, plan->n_neurons, sizeof(int64_t), &plan->selected[s]);
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
  plan->n_read = spec->n_read;
  if (model->n_members || model->clone_scale) {
    status = build_selection(plan);
    if (status == INS_OK)
      status = ins_arena_take(&plan->arena, spec->n_read * spec->n_neurons, sizeof(float),
                              &plan->scaled);
  }
  if (status == INS_OK)
    status = model->n_members
                 ? build_members(plan, spec)
                 : build_single(plan, spec, spec->kernels ? spec->kernels : ins_kernels_best());
  if (status == INS_OK)
    *out = plan;
  else
    ins_plan_destroy(&plan);
  return status;
}

void ins_plan_destroy(ins_plan **plan) {
  ins_plan *p = *plan;
  if (!p) return;
  for (size_t m = 0; p->members && m < p->model->n_members; m++) ins_plan_destroy(&p->members[m]);
  ins_arena_free(&p->arena);
  ins_free(plan);
}

/* ---- asking --------------------------------------------------------------------------------- */

size_t ins_plan_bytes(const ins_plan *plan) {
  size_t bytes = sizeof *plan + plan->arena.bytes;
  for (size_t m = 0; m < plan->model->n_members; m++) bytes += ins_plan_bytes(plan->members[m]);
  return bytes;
}

void ins_plan_live_frames(const ins_plan *plan, size_t *first, size_t *n) {
  if (!plan->model->n_members) {
    ins_chain_live(plan->core, first, n);
    return;
  }
  size_t end = 0;
  *first = SIZE_MAX;
  for (size_t m = 0; m < plan->model->n_members; m++) {
    size_t from, count;
    ins_plan_live_frames(plan->members[m], &from, &count);
    if (from < *first) *first = from;
    if (from + count > end) end = from + count;
  }
  *n = end - *first;
}

/* ---- neurons -------------------------------------------------------------------------------- */

static bool is_of(const ins_member *member, int64_t neuron) {
  return (size_t)neuron >= member->first &&
         (size_t)neuron - member->first < member->model->info.n_neurons;
}

/* The neurons of a slot that a member has, by their numbers there. */
static ins_status select_of_member(ins_plan *plan, size_t m, size_t slot, const int64_t *neurons,
                                   size_t n) {
  const ins_member *member = &plan->model->members[m];
  int64_t *theirs;
  size_t n_theirs = 0;
  ins_status status = ins_alloc(n, sizeof *theirs, &theirs);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < n; i++)
    if (is_of(member, neurons[i])) theirs[n_theirs++] = neurons[i] - (int64_t)member->first;
  if (n_theirs) status = ins_plan_select(plan->members[m], slot, theirs, n_theirs);
  ins_free(&theirs);
  return status;
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
  if (plan->selected) {
    memcpy(plan->selected[slot], neurons, n * sizeof *neurons);
    plan->n_selected[slot] = n;
  }
  ins_status status = INS_OK;
  for (size_t m = 0; m < plan->model->n_members && status == INS_OK; m++)
    status = select_of_member(plan, m, slot, neurons, n);
  if (!plan->model->n_members) plan->model->readout_ops->select(plan->readout, slot, neurons, n);
  return status;
}

/* ---- running: a single model ---------------------------------------------------------------- */

/* r = alpha * r + beta, for cloned readouts. */
static void forward_single(ins_plan *plan, size_t slot, const float *x, float *r) {
  const ins_model *model = plan->model;
  ins_chain_forward(plan->core, slot, x, &plan->features);
  model->readout_ops->forward(plan->readout, slot, &plan->features, r);
  if (!model->clone_scale) return;
  const size_t n = plan->n_selected[slot];
  for (size_t i = 0; i < n; i++) {
    const size_t neuron = (size_t)plan->selected[slot][i];
    for (size_t t = 0; t < plan->n_read; t++)
      r[t * n + i] = model->clone_scale[neuron] * r[t * n + i] + model->clone_shift[neuron];
  }
}

static void backward_single(ins_plan *plan, size_t slot, const float *dr, float *dx) {
  const ins_model *model = plan->model;
  if (model->clone_scale) {
    const size_t n = plan->n_selected[slot];
    for (size_t k = 0; k < plan->n_read * n; k++)
      plan->scaled[k] = model->clone_scale[plan->selected[slot][k % n]] * dr[k];
    dr = plan->scaled;
  }
  model->readout_ops->backward(plan->readout, slot, dr, &plan->dfeatures);
  ins_chain_backward(plan->core, slot, &plan->dfeatures, dx);
}

/* ---- running: a composite ------------------------------------------------------------------- */

/* Members are added in their order, in single precision, as torch's mean over a stack does. */
void ins_plan_forward(ins_plan *plan, size_t slot, const float *x, float *r) {
  const ins_model *model = plan->model;
  if (!model->n_members) {
    forward_single(plan, slot, x, r);
    return;
  }
  const size_t n = plan->n_selected[slot];
  const int64_t *neurons = plan->selected[slot];
  memset(r, 0, plan->n_read * n * sizeof *r);
  for (size_t m = 0; m < model->n_members; m++) {
    const ins_member *member = &model->members[m];
    size_t n_theirs = 0, at = 0;
    for (size_t i = 0; i < n; i++) n_theirs += is_of(member, neurons[i]);
    if (!n_theirs) continue;
    ins_plan_forward(plan->members[m], slot, x, plan->scaled);
    for (size_t i = 0; i < n; i++) {
      if (!is_of(member, neurons[i])) continue;
      for (size_t t = 0; t < plan->n_read; t++) r[t * n + i] += plan->scaled[t * n_theirs + at];
      at++;
    }
  }
  for (size_t k = 0; k < plan->n_read * n; k++) r[k] /= (float)model->n_averaged;
}

void ins_plan_forward_members(ins_plan *plan, size_t slot, const float *x, float *each, float *r) {
  const size_t n_members = plan->model->info.n_members,
               count = plan->n_read * plan->n_selected[slot];
  for (size_t m = 0; m < n_members; m++)
    ins_plan_forward(plan->members[m], slot, x, each + m * count);
  for (size_t k = 0; k < count; k++) {
    r[k] = 0;
    for (size_t m = 0; m < n_members; m++) r[k] += each[m * count + k];
    r[k] /= (float)n_members;
  }
}

void ins_plan_backward(ins_plan *plan, size_t slot, const float *dr, float *dx) {
  const ins_model *model = plan->model;
  if (!model->n_members) {
    backward_single(plan, slot, dr, dx);
    return;
  }
  const size_t n = plan->n_selected[slot];
  const int64_t *neurons = plan->selected[slot];
  memset(dx, 0, plan->n_x * sizeof *dx);
  for (size_t m = 0; m < model->n_members; m++) {
    const ins_member *member = &model->members[m];
    size_t n_theirs = 0;
    for (size_t i = 0; i < n; i++) n_theirs += is_of(member, neurons[i]);
    if (!n_theirs) continue;
    for (size_t t = 0, k = 0; t < plan->n_read; t++)
      for (size_t i = 0; i < n; i++)
        if (is_of(member, neurons[i])) plan->scaled[k++] = dr[t * n + i] / (float)model->n_averaged;
    ins_plan_backward(plan->members[m], slot, plan->scaled, plan->dx);
    for (size_t k = 0; k < plan->n_x; k++) dx[k] += plan->dx[k];
  }
}
