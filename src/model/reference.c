/* SPDX-License-Identifier: MIT */
#include "model_internal.h"

ins_status ins_reference_run(const ins_model *model, size_t n_frames, const double *x,
                             const int64_t *neurons, size_t n, double *r, const double *dr,
                             double *dx) {
  const ins_model_info *info = &model->info;
  const ins_extent in = {(long)n_frames, (long)info->height, (long)info->width};
  const ins_extent map = model->core_ops->extent(model->core, in);
  ins_arena arena = {0};
  double *features, *dfeatures = NULL;
  void *tape;
  size_t n_output;
  ins_status status = ins_model_output_frames(model, n_frames, &n_output);
  for (size_t i = 0; i < n && status == INS_OK; i++) {
    if (neurons[i] < 0 || (size_t)neurons[i] >= info->n_neurons)
      status =
          ins_fail(INS_ERR_ARGUMENT, "neuron %lld does not exist: the model has neurons 0 to %zu",
                   (long long)neurons[i], info->n_neurons - 1);
  }
  if (status == INS_OK)
    status = model->core_ops->reference(model->core, in, x, &arena, &features, &tape);
  if (status == INS_OK && dr)
    status =
        ins_arena_take(&arena, info->n_features * n_output * info->map_height * info->map_width,
                       sizeof *dfeatures, &dfeatures);
  if (status == INS_OK)
    status =
        model->readout_ops->reference(model->readout, map, neurons, n, features, r, dr, dfeatures);
  if (status == INS_OK && dr) model->core_ops->reference_backward(model->core, tape, dfeatures, dx);
  ins_arena_free(&arena);
  return status;
}
