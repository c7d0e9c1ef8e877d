/* SPDX-License-Identifier: MIT */
/* openretina's FactorizedReadout: r = softplus(sum_c feature[c] sum_p mask[p] x[c,p] + bias), with
 * a free mask. openretina applies the constraints to the stored weights on every forward pass;
 * "norm" and "absnorm" then move them a little each time. Here they are applied once: this is what
 * the first pass after loading gives. */
#include <math.h>
#include <string.h>

#include "readout_masked.h"
#include "readout_parameters.h"

typedef struct readout {
  ins_masked_readout masked;
  ins_free_mask *masks; /* [N] */
  bool abs_masks;
} readout;

static void mask(const void *state, size_t neuron, float *out) {
  const readout *r = state;
  ins_free_mask_read(&r->masks[neuron], (size_t)(r->masked.map.h * r->masked.map.w), r->abs_masks,
                     out);
}

/* ---- making --------------------------------------------------------------------------------- */

typedef struct constraints {
  bool abs_masks, abs_weights, norm_weights;
} constraints;

static ins_status read_constraint(const ins_builder *b, const char *path,
                                  const char *const *allowed, const char **out) {
  const ins_value *value = ins_value_at(b->architecture, path);
  *out = "";
  if (!value || value->kind == INS_NULL) return INS_OK;
  *out = ins_value_text_or(value, "?");
  for (; *allowed; allowed++)
    if (strcmp(*out, *allowed) == 0) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED, "insilico does not know the constraint '%s' (%s)", *out,
                  path);
}

static ins_status read_constraints(const ins_builder *b, constraints *out) {
  static const char *const of_masks[] = {"abs", NULL}, *const of_weights[] = {"abs", "norm",
                                                                              "absnorm", NULL};
  const char *masks, *weights;
  ins_status status = read_constraint(b, "readout.mask_constraint", of_masks, &masks);
  if (status == INS_OK)
    status = read_constraint(b, "readout.weights_constraint", of_weights, &weights);
  if (status != INS_OK) return status;
  out->abs_masks = strcmp(masks, "abs") == 0;
  out->abs_weights = strncmp(weights, "abs", 3) == 0;
  out->norm_weights = strstr(weights, "norm") != NULL;
  return INS_OK;
}

static void constrain(const constraints *how, float *feature, size_t n) {
  double square = 0;
  for (size_t c = 0; c < n; c++) {
    if (how->abs_weights) feature[c] = fabsf(feature[c]);
    square += (double)feature[c] * (double)feature[c];
  }
  const float norm = sqrtf((float)square + 1e-5f);
  for (size_t c = 0; c < n && how->norm_weights; c++) feature[c] /= norm;
}

static ins_status take_session(ins_builder *b, const ins_session *session, const constraints *how,
                               readout *r) {
  const size_t n = session->n_neurons, n_features = r->masked.n_features;
  const size_t mask_shape[2] = {(size_t)(r->masked.map.h * r->masked.map.w), n},
               feature_shape[2] = {n_features, n};
  const bool with_bias = ins_value_bool_or(ins_value_at(b->architecture, "readout.bias"), false);
  const float *masks, *features;
  ins_status status = ins_readout_view(b, session, "mask_weights", true, 2, mask_shape, &masks);
  if (status == INS_OK)
    status = ins_readout_view(b, session, "feature_weights", true, 2, feature_shape, &features);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < n; i++) {
    float *feature = r->masked.feature + (session->first + i) * n_features;
    r->masks[session->first + i] = (ins_free_mask){masks + i, n};
    for (size_t c = 0; c < n_features; c++) feature[c] = features[c * n + i];
    constrain(how, feature, n_features);
  }
  /* An untrained bias is stored as well, but not added. */
  return with_bias ? ins_readout_each(b, session, "bias", "readout.bias", false, 0, r->masked.bias)
                   : ins_readout_ignore(b, session, "bias", 1);
}

static ins_status create(ins_builder *b, const ins_model_info *info, ins_extent map, void **out) {
  constraints how;
  readout *r;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *r, &r);
  if (status != INS_OK) return status;
  *out = r;
  r->masked.mask = mask;
  r->masked.nonlinearity = INS_SOFTPLUS;
  status = ins_masked_create(b, info, map, &r->masked);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, info->n_neurons, sizeof *r->masks, &r->masks);
  if (status == INS_OK) status = read_constraints(b, &how);
  if (status != INS_OK) return status;
  r->abs_masks = how.abs_masks;
  for (size_t s = 0; s < info->n_sessions && status == INS_OK; s++)
    status = take_session(b, &info->sessions[s], &how, r);
  return status;
}

const ins_readout_ops ins_readout_factorized = {
    .kind = "factorized",
    .create = create,
    .plan = ins_masked_plan,
    .select = ins_masked_select,
    .forward = ins_masked_forward,
    .backward = ins_masked_backward,
    .mask = mask,
    .reference = ins_masked_reference,
};
