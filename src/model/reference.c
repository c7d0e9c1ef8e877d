/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "chain.h"

/* ---- one core and one readout --------------------------------------------------------------- */

static double clone_scale(const ins_model *model, int64_t neuron) {
  return model->clone_scale ? (double)model->clone_scale[neuron] : 1;
}

static ins_status run_single(const ins_model *model, size_t n_frames, const double *x,
                             const int64_t *neurons, size_t n, double *r, const double *dr,
                             double *dx) {
  const ins_model_info *info = &model->info;
  const ins_extent in = {(long)n_frames, (long)info->height, (long)info->width};
  const ins_extent map = ins_chain_extent(model->core, in);
  const size_t n_output = (size_t)(map.t - ins_model_lag(model));
  ins_arena arena = {0};
  double *features, *dfeatures = NULL, *scaled = NULL;
  void *tape;
  ins_status status = ins_chain_reference(model->core, in, x, &arena, &features, &tape);
  if (status == INS_OK && dr)
    status = ins_arena_take(&arena,
                            info->n_features * (size_t)map.t * info->map_height * info->map_width,
                            sizeof *dfeatures, &dfeatures);
  if (status == INS_OK && dr)
    status = ins_arena_take(&arena, n_output * n, sizeof *scaled, &scaled);
  for (size_t k = 0; k < n_output * n && status == INS_OK && dr; k++)
    scaled[k] = dr[k] * clone_scale(model, neurons[k % n]);
  if (status == INS_OK)
    status = model->readout_ops->reference(model->readout, map, neurons, n, features, r, scaled,
                                           dfeatures);
  for (size_t k = 0; k < n_output * n && status == INS_OK && model->clone_scale; k++)
    r[k] = clone_scale(model, neurons[k % n]) * r[k] + (double)model->clone_shift[neurons[k % n]];
  if (status == INS_OK && dr) ins_chain_reference_backward(model->core, tape, dfeatures, dx);
  ins_arena_free(&arena);
  return status;
}

/* ---- a composite ---------------------------------------------------------------------------- */

typedef struct part {
  int64_t *neurons; /* [n], by their numbers in the member */
  size_t *at;       /* [n], where they stand among the chosen ones */
  size_t n;
  double *r, *dr, *dx;
} part;

static ins_status make_part(const ins_member *member, const int64_t *neurons, size_t n,
                            size_t n_output, size_t n_x, ins_arena *arena, part *out) {
  *out = (part){0};
  ins_status status = ins_arena_take(arena, n, sizeof *out->neurons, &out->neurons);
  if (status == INS_OK) status = ins_arena_take(arena, n, sizeof *out->at, &out->at);
  if (status == INS_OK) status = ins_arena_take(arena, n * n_output, sizeof(double), &out->r);
  if (status == INS_OK) status = ins_arena_take(arena, n * n_output, sizeof(double), &out->dr);
  if (status == INS_OK) status = ins_arena_take(arena, n_x, sizeof(double), &out->dx);
  for (size_t i = 0; i < n && status == INS_OK; i++) {
    const size_t neuron = (size_t)neurons[i];
    if (neuron < member->first || neuron - member->first >= member->model->info.n_neurons) continue;
    out->at[out->n] = i;
    out->neurons[out->n++] = (int64_t)(neuron - member->first);
  }
  return status;
}

static ins_status run_member(const ins_model *model, size_t m, size_t n_frames, size_t n_output,
                             const double *x, const int64_t *neurons, size_t n, double *r,
                             const double *dr, double *dx) {
  const ins_model_info *info = &model->info;
  const size_t n_x = info->n_channels * n_frames * info->height * info->width;
  const double weight = 1.0 / (double)model->n_averaged;
  ins_arena arena = {0};
  part p;
  ins_status status = make_part(&model->members[m], neurons, n, n_output, n_x, &arena, &p);
  for (size_t t = 0; t < n_output && status == INS_OK && dr; t++)
    for (size_t i = 0; i < p.n; i++) p.dr[t * p.n + i] = weight * dr[t * n + p.at[i]];
  if (status == INS_OK && p.n)
    status = ins_reference_run(model->members[m].model, n_frames, x, p.neurons, p.n, p.r,
                               dr ? p.dr : NULL, p.dx);
  for (size_t t = 0; t < n_output && status == INS_OK; t++)
    for (size_t i = 0; i < p.n; i++) r[t * n + p.at[i]] += weight * p.r[t * p.n + i];
  for (size_t k = 0; k < n_x && status == INS_OK && dr && p.n; k++) dx[k] += p.dx[k];
  ins_arena_free(&arena);
  return status;
}

ins_status ins_reference_run(const ins_model *model, size_t n_frames, const double *x,
                             const int64_t *neurons, size_t n, double *r, const double *dr,
                             double *dx) {
  const ins_model_info *info = &model->info;
  size_t n_output;
  ins_status status = ins_model_output_frames(model, n_frames, &n_output);
  for (size_t i = 0; i < n && status == INS_OK; i++) {
    if (neurons[i] < 0 || (size_t)neurons[i] >= info->n_neurons)
      status =
          ins_fail(INS_ERR_ARGUMENT, "neuron %lld does not exist: the model has neurons 0 to %zu",
                   (long long)neurons[i], info->n_neurons - 1);
  }
  if (status != INS_OK) return status;
  if (!model->n_members) return run_single(model, n_frames, x, neurons, n, r, dr, dx);
  memset(r, 0, n_output * n * sizeof *r);
  if (dr) memset(dx, 0, info->n_channels * n_frames * info->height * info->width * sizeof *dx);
  for (size_t m = 0; m < model->n_members && status == INS_OK; m++)
    status = run_member(model, m, n_frames, n_output, x, neurons, n, r, dr, dx);
  return status;
}
