/* SPDX-License-Identifier: MIT */
/* openretina's legacy SpatialXFeature3d: r = f(scale * sum_c feature[c] sum_p mask[p] x[c,p] +
 * bias), with Gaussian masks or the absolute values of free ones, and f softplus or nothing. */
#include "readout_gaussian.h"
#include "readout_masked.h"
#include "readout_parameters.h"

typedef struct readout {
  ins_masked_readout masked;
  ins_gaussian_masks gaussian;
  ins_free_mask *masks; /* [N]; NULL: Gaussian masks */
} readout;

static void mask(const void *state, size_t neuron, float *out) {
  const readout *r = state;
  if (r->masks)
    ins_free_mask_read(&r->masks[neuron], (size_t)(r->masked.map.h * r->masked.map.w), true, out);
  else
    ins_gaussian_mask(&r->gaussian, neuron, out);
}

static ins_status take_free_masks(ins_builder *b, const ins_session *session, readout *r) {
  const size_t shape[3] = {(size_t)r->masked.map.h, (size_t)r->masked.map.w, session->n_neurons};
  const float *values;
  ins_status status = ins_readout_view(b, session, "masks", true, 3, shape, &values);
  for (size_t i = 0; i < session->n_neurons && status == INS_OK; i++)
    r->masks[session->first + i] = (ins_free_mask){values + i, session->n_neurons};
  return status;
}

static ins_status take_session(ins_builder *b, const ins_session *session, readout *r) {
  ins_status status = ins_masked_take_features(b, session, &r->masked);
  if (status == INS_OK && r->masks) status = take_free_masks(b, session, r);
  if (status == INS_OK)
    status = ins_readout_each(b, session, "scale", "readout.scale", false, 1, r->masked.scale);
  if (status == INS_OK)
    status = ins_readout_each(b, session, "bias", "readout.bias", true, 0, r->masked.bias);
  return status;
}

static ins_status create(ins_builder *b, const ins_model_info *info, ins_extent map, void **out) {
  const ins_value *setting = ins_value_at(b->architecture, "readout");
  readout *r;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *r, &r);
  if (status != INS_OK) return status;
  *out = r;
  r->masked.mask = mask;
  r->masked.nonlinearity =
      ins_value_bool_or(ins_map_get(setting, "nonlinearity"), true) ? INS_SOFTPLUS : INS_IDENTITY;
  status = ins_masked_create(b, info, map, &r->masked);
  if (status != INS_OK) return status;
  status = ins_value_bool_or(ins_map_get(setting, "gaussian_masks"), false)
               ? ins_gaussian_masks_create(b, info, map, &r->gaussian)
               : ins_arena_take(b->arena, info->n_neurons, sizeof *r->masks, &r->masks);
  for (size_t s = 0; s < info->n_sessions && status == INS_OK; s++)
    status = take_session(b, &info->sessions[s], r);
  return status;
}

const ins_readout_ops ins_readout_spatial_x_feature = {
    .kind = "spatial_x_feature",
    .create = create,
    .plan = ins_masked_plan,
    .select = ins_masked_select,
    .forward = ins_masked_forward,
    .backward = ins_masked_backward,
    .mask = mask,
    .reference = ins_masked_reference,
};
