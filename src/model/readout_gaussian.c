/* SPDX-License-Identifier: MIT */
/* openretina's GaussianMaskReadout: r = softplus(scale * sum_c feature[c] sum_p mask[p] x[c,p] +
 * bias). */
#include "readout_gaussian.h"

#include <math.h>

#include "readout_masked.h"
#include "readout_parameters.h"

/* ---- masks ---------------------------------------------------------------------------------- */

/* n values from -limit to limit in float32, from both ends as torch.linspace does. */
static void linspace(float limit, size_t n, float *out) {
  const float step = n > 1 ? (limit + limit) / (float)(n - 1) : 0;
  for (size_t i = 0; i < n; i++)
    out[i] = i < n / 2 || n == 1 ? -limit + step * (float)i : limit - step * (float)(n - 1 - i);
}

/* x rounded to `bits` binary digits, and to a multiple of 2^lowest. */
static float rounded(float x, int bits, int lowest) {
  int exponent;
  frexpf(x, &exponent);
  const int unit = exponent - bits > lowest ? exponent - bits : lowest;
  return ldexpf(rintf(ldexpf(x, -unit)), unit);
}

/* openretina stores the grid beside the weights and reads it from there, so a file of half
 * precision makes the grid coarse as well. */
static void round_grid(ins_dtype dtype, float *grid, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (dtype == INS_F16) grid[i] = rounded(grid[i], 11, -24);
    if (dtype == INS_BF16) grid[i] = rounded(grid[i], 8, -133);
  }
}

static ins_status make_grid(ins_builder *b, const ins_session *session, ins_gaussian_masks *m) {
  const double largest = m->map.h > m->map.w ? (double)m->map.h : (double)m->map.w;
  ins_status status = ins_arena_take(b->arena, (size_t)m->map.h, sizeof(float), &m->grid_h);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, (size_t)m->map.w, sizeof(float), &m->grid_w);
  if (status != INS_OK) return status;
  linspace((float)((double)m->map.h / largest), (size_t)m->map.h, m->grid_h);
  linspace((float)((double)m->map.w / largest), (size_t)m->map.w, m->grid_w);
  const ins_dtype dtype = ins_readout_dtype(b, session, "mask_mean");
  round_grid(dtype, m->grid_h, (size_t)m->map.h);
  round_grid(dtype, m->grid_w, (size_t)m->map.w);
  return INS_OK;
}

static float setting(const ins_builder *b, const char *path) {
  return (float)ins_value_real_or(ins_value_at(b->architecture, path), 1);
}

static ins_status take_masks(ins_builder *b, const ins_session *session, ins_gaussian_masks *m) {
  const size_t n = session->n_neurons, mean_shape[2] = {n, 2}, var_shape[1] = {n};
  const float mean_scale = setting(b, "readout.gaussian_mean_scale");
  const float var_scale = setting(b, "readout.gaussian_var_scale");
  float *mean, *log_var;
  ins_status status = ins_readout_take(b, session, "mask_mean", true, 2, mean_shape, &mean);
  if (status == INS_OK)
    status = ins_readout_take(b, session, "mask_log_var", true, 1, var_shape, &log_var);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < 2 * n; i++) m->mean[2 * session->first + i] = mean[i] * mean_scale;
  for (size_t i = 0; i < n; i++) m->log_var[session->first + i] = log_var[i] * var_scale;
  return INS_OK;
}

ins_status ins_gaussian_masks_create(ins_builder *b, const ins_model_info *info, ins_extent map,
                                     ins_gaussian_masks *out) {
  out->map = map;
  ins_status status = ins_arena_take(b->arena, 2 * info->n_neurons, sizeof(float), &out->mean);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, info->n_neurons, sizeof(float), &out->log_var);
  if (status == INS_OK) status = make_grid(b, &info->sessions[0], out);
  for (size_t s = 0; s < info->n_sessions && status == INS_OK; s++)
    status = take_masks(b, &info->sessions[s], out);
  return status;
}

static float clamped(float x, float low, float high) {
  return x < low ? low : x > high ? high : x;
}

/* In openretina's float32 steps: with a small variance the rounding of grid - mean is seen in the
 * mask. Clamping the distance leaves a floor of exp(-10) all over the map. */
void ins_gaussian_mask(const ins_gaussian_masks *m, size_t neuron, float *out) {
  const float variance = expf(clamped(m->log_var[neuron], -20, 20)) + 1e-8f;
  double total = 0;
  for (long h = 0; h < m->map.h; h++) {
    const float dh = m->grid_h[h] - m->mean[2 * neuron];
    for (long w = 0; w < m->map.w; w++) {
      const float dw = m->grid_w[w] - m->mean[2 * neuron + 1];
      const float distance = (dh * dh + dw * dw) / variance;
      const float value = expf(-0.5f * (distance > 20 ? 20 : distance));
      total += (double)(out[h * m->map.w + w] = value);
    }
  }
  for (long p = 0; p < m->map.h * m->map.w; p++) {
    const float value = out[p] / (float)total;
    out[p] = isnan(value) ? 0 : value; /* as the peer's nan_to_num */
  }
}

/* ---- the readout ---------------------------------------------------------------------------- */

typedef struct readout {
  ins_masked_readout masked;
  ins_gaussian_masks masks;
} readout;

static void mask(const void *state, size_t neuron, float *out) {
  const readout *r = state;
  ins_gaussian_mask(&r->masks, neuron, out);
}

static ins_status take_session(ins_builder *b, const ins_session *session, readout *r) {
  ins_status status = ins_masked_take_features(b, session, &r->masked);
  if (status == INS_OK)
    status =
        ins_readout_each(b, session, "scale_param", "readout.scale", false, 1, r->masked.scale);
  if (status == INS_OK)
    status = ins_readout_each(b, session, "bias", "readout.bias", true, 0, r->masked.bias);
  return status;
}

static ins_status create(ins_builder *b, const ins_model_info *info, ins_extent map, void **out) {
  readout *r;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *r, &r);
  if (status != INS_OK) return status;
  *out = r;
  r->masked.mask = mask;
  r->masked.nonlinearity = INS_SOFTPLUS;
  status = ins_masked_create(b, info, map, &r->masked);
  if (status == INS_OK) status = ins_gaussian_masks_create(b, info, map, &r->masks);
  for (size_t s = 0; s < info->n_sessions && status == INS_OK; s++)
    status = take_session(b, &info->sessions[s], r);
  return status;
}

const ins_readout_ops ins_readout_gaussian_mask = {
    .kind = "gaussian_mask",
    .create = create,
    .plan = ins_masked_plan,
    .select = ins_masked_select,
    .forward = ins_masked_forward,
    .backward = ins_masked_backward,
    .mask = mask,
    .reference = ins_masked_reference,
};
