/* SPDX-License-Identifier: MIT */
/* openretina's GaussianMaskReadout: r = softplus(scale * sum_c feature[c] sum_p mask[p] x[c,p] +
 * bias). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/reference.h"
#include "kernels/separable.h"
#include "model_internal.h"

typedef struct readout {
  size_t n_neurons, n_features;
  ins_extent map;
  float *mean, *log_var;  /* [N,2] row and column, [N]; scales applied */
  float *feature;         /* [N,C] */
  float *scale, *bias;    /* [N] */
  float *grid_h, *grid_w; /* [H], [W] */
} readout;

/* ---- making --------------------------------------------------------------------------------- */

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

static ins_status make_grid(ins_builder *b, const ins_session *session, readout *r) {
  char name[512];
  const double largest = r->map.h > r->map.w ? (double)r->map.h : (double)r->map.w;
  ins_status status = ins_arena_take(b->arena, (size_t)r->map.h, sizeof(float), &r->grid_h);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, (size_t)r->map.w, sizeof(float), &r->grid_w);
  if (status != INS_OK) return status;
  linspace((float)((double)r->map.h / largest), (size_t)r->map.h, r->grid_h);
  linspace((float)((double)r->map.w / largest), (size_t)r->map.w, r->grid_w);
  snprintf(name, sizeof name, "readout.%s.mask_mean", session->name);
  round_grid(ins_builder_dtype(b, name), r->grid_h, (size_t)r->map.h);
  round_grid(ins_builder_dtype(b, name), r->grid_w, (size_t)r->map.w);
  return INS_OK;
}

static double setting(const ins_builder *b, const char *path, double fallback) {
  return ins_value_real_or(ins_value_at(b->architecture, path), fallback);
}

/* scale_param or bias: trained, or a constant that the file may leave out. */
static ins_status take_optional(ins_builder *b, const char *name, const char *path,
                                bool trained_by_default, const size_t shape[1], float constant,
                                float *out) {
  const bool trained = ins_value_bool_or(ins_value_at(b->architecture, path), trained_by_default);
  float *values;
  if (!trained && !ins_builder_has(b, name)) {
    for (size_t i = 0; i < shape[0]; i++) out[i] = constant;
    return INS_OK;
  }
  ins_status status = ins_builder_take(b, name, trained, 1, shape, &values);
  if (status == INS_OK) memcpy(out, values, shape[0] * sizeof *out);
  return status;
}

static ins_status take_masks(ins_builder *b, const ins_session *session, readout *r) {
  char name[512];
  const size_t n = session->n_neurons, mean_shape[2] = {n, 2}, var_shape[1] = {n};
  const float mean_scale = (float)setting(b, "readout.gaussian_mean_scale", 1);
  const float var_scale = (float)setting(b, "readout.gaussian_var_scale", 1);
  float *mean, *log_var;
  snprintf(name, sizeof name, "readout.%s.mask_mean", session->name);
  ins_status status = ins_builder_take(b, name, true, 2, mean_shape, &mean);
  if (status != INS_OK) return status;
  snprintf(name, sizeof name, "readout.%s.mask_log_var", session->name);
  status = ins_builder_take(b, name, true, 1, var_shape, &log_var);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < 2 * n; i++) r->mean[2 * session->first + i] = mean[i] * mean_scale;
  for (size_t i = 0; i < n; i++) r->log_var[session->first + i] = log_var[i] * var_scale;
  return INS_OK;
}

static ins_status take_features(ins_builder *b, const ins_session *session, readout *r) {
  char name[512];
  const size_t n = session->n_neurons, shape[4] = {1, r->n_features, 1, n};
  const bool positive = ins_value_bool_or(ins_value_at(b->architecture, "readout.positive"), false);
  float *values;
  snprintf(name, sizeof name, "readout.%s.features", session->name);
  ins_status status = ins_builder_take(b, name, true, 4, shape, &values);
  if (status != INS_OK) return status;
  for (size_t c = 0; c < r->n_features; c++) {
    for (size_t i = 0; i < n; i++) {
      const float value = values[c * n + i];
      r->feature[(session->first + i) * r->n_features + c] = positive && value < 0 ? 0 : value;
    }
  }
  return INS_OK;
}

static ins_status take_session(ins_builder *b, const ins_session *session, readout *r) {
  char name[512];
  const size_t shape[1] = {session->n_neurons};
  if (strlen(session->name) > 400)
    return ins_fail(INS_ERR_FORMAT, "the name of session '%.60s...' is too long", session->name);
  ins_status status = take_masks(b, session, r);
  if (status == INS_OK) status = take_features(b, session, r);
  snprintf(name, sizeof name, "readout.%s.scale_param", session->name);
  if (status == INS_OK)
    status = take_optional(b, name, "readout.scale", false, shape, 1, r->scale + session->first);
  snprintf(name, sizeof name, "readout.%s.bias", session->name);
  if (status == INS_OK)
    status = take_optional(b, name, "readout.bias", true, shape, 0, r->bias + session->first);
  return status;
}

static ins_status create(ins_builder *b, const ins_model_info *info, ins_extent map, void **out) {
  readout *r;
  const size_t n = info->n_neurons;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *r, &r);
  if (status != INS_OK) return status;
  *out = r;
  r->n_neurons = n;
  r->n_features = info->n_features;
  r->map = map;
  status = ins_arena_take(b->arena, 2 * n, sizeof(float), &r->mean);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof(float), &r->log_var);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, n * r->n_features, sizeof(float), &r->feature);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof(float), &r->scale);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof(float), &r->bias);
  if (status == INS_OK) status = make_grid(b, &info->sessions[0], r);
  for (size_t s = 0; s < info->n_sessions && status == INS_OK; s++)
    status = take_session(b, &info->sessions[s], r);
  return status;
}

/* ---- masks ---------------------------------------------------------------------------------- */

static float clamped(float x, float low, float high) {
  return x < low ? low : x > high ? high : x;
}

/* In openretina's float32 steps: with a small variance the rounding of grid - mean is seen in the
 * mask. Clamping the distance leaves a floor of exp(-10) all over the map. */
static void mask(const void *state, size_t neuron, float *out) {
  const readout *r = state;
  const float variance = expf(clamped(r->log_var[neuron], -20, 20)) + 1e-8f;
  double total = 0;
  for (long h = 0; h < r->map.h; h++) {
    const float dh = r->grid_h[h] - r->mean[2 * neuron];
    for (long w = 0; w < r->map.w; w++) {
      const float dw = r->grid_w[w] - r->mean[2 * neuron + 1];
      const float distance = (dh * dh + dw * dw) / variance;
      const float value = expf(-0.5f * (distance > 20 ? 20 : distance));
      total += (double)(out[h * r->map.w + w] = value);
    }
  }
  for (long p = 0; p < r->map.h * r->map.w; p++) {
    const float value = out[p] / (float)total;
    out[p] = isnan(value) ? 0 : value; /* as the peer's nan_to_num */
  }
}

/* ---- plan ----------------------------------------------------------------------------------- */

typedef struct slot {
  size_t n;
  int64_t *neurons; /* [n] */
  float *mask;      /* [n][mask_stride] */
  float *slope;     /* d r / d (sum under the mask), without the features: [n_read,n] */
} slot;

typedef struct plan {
  const readout *of;
  const ins_kernels *kernels;
  size_t n_read, n_neurons, n_blocks, lanes, pixels, mask_stride;
  slot *slots;
  float *sums; /* [n][block][t][lane] */
} plan;

static ins_status plan_create(const void *state, const ins_readout_request *request,
                              ins_arena *arena, void **out) {
  const readout *r = state;
  plan *p;
  ins_status status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status != INS_OK) return status;
  *out = p;
  *p = (plan){.of = r,
              .kernels = request->kernels,
              .n_read = request->n_read,
              .n_neurons = request->n_neurons,
              .n_blocks = (size_t)ins_blocks(request->kernels, (int)r->n_features),
              .lanes = (size_t)request->kernels->lanes,
              .pixels = (size_t)(r->map.h * r->map.w)};
  p->mask_stride = ins_frame_stride(p->pixels);
  status = ins_arena_take(arena, request->n_slots, sizeof *p->slots, &p->slots);
  for (size_t s = 0; s < request->n_slots && status == INS_OK; s++) {
    slot *at = &p->slots[s];
    status = ins_arena_take(arena, p->n_neurons, sizeof *at->neurons, &at->neurons);
    if (status == INS_OK)
      status = ins_arena_take(arena, p->n_neurons * p->mask_stride, sizeof(float), &at->mask);
    if (status == INS_OK)
      status = ins_arena_take(arena, p->n_neurons * p->n_read, sizeof(float), &at->slope);
  }
  if (status == INS_OK)
    status = ins_arena_take(arena, p->n_neurons * p->n_blocks * p->n_read * p->lanes, sizeof(float),
                            &p->sums);
  return status;
}

static void select_neurons(void *state, size_t which, const int64_t *neurons, size_t n) {
  const plan *p = state;
  slot *s = &p->slots[which];
  s->n = n;
  for (size_t i = 0; i < n; i++) {
    s->neurons[i] = neurons[i];
    mask(p->of, (size_t)neurons[i], s->mask + i * p->mask_stride);
  }
}

/* The kernels' view of one block of features. */
static ins_masked masked(const plan *p, const slot *s, float *features, size_t block) {
  const size_t frame = p->pixels * p->lanes, time = p->n_read * p->lanes;
  return (ins_masked){.n_neurons = (int)s->n,
                      .n_frames = (int)p->n_read,
                      .n_pixels = (int)p->pixels,
                      .mask = s->mask,
                      .mask_neuron = p->mask_stride,
                      .x = features + block * p->n_read * frame,
                      .x_frame = frame,
                      .m = p->sums + block * time,
                      .m_neuron = p->n_blocks * time};
}

/* sums[n,block,t,lane] of one feature: c = block * lanes + lane */
static size_t sum_at(const plan *p, size_t n, size_t t, size_t c) {
  return ((n * p->n_blocks + c / p->lanes) * p->n_read + t) * p->lanes + c % p->lanes;
}

static void forward(void *state, size_t which, const ins_features *features, float *out) {
  const plan *p = state;
  const slot *s = &p->slots[which];
  const readout *r = p->of;
  for (size_t block = 0; block < p->n_blocks; block++) {
    const ins_masked job = masked(p, s, features->lanes, block);
    p->kernels->mask_sum(&job);
  }
  for (size_t i = 0; i < s->n; i++) {
    const size_t neuron = (size_t)s->neurons[i];
    const float *feature = r->feature + neuron * r->n_features;
    const double scale = (double)r->scale[neuron], bias = (double)r->bias[neuron];
    for (size_t t = 0; t < p->n_read; t++) {
      double sum = 0;
      for (size_t c = 0; c < r->n_features; c++)
        sum += (double)feature[c] * (double)p->sums[sum_at(p, i, t, c)];
      out[t * s->n + i] = (float)ins_reference_softplus(scale * sum + bias);
      s->slope[t * s->n + i] = (float)(scale * ins_reference_softplus_slope(scale * sum + bias));
    }
  }
}

static void backward(void *state, size_t which, const float *dr, const ins_features *dfeatures) {
  const plan *p = state;
  const slot *s = &p->slots[which];
  const readout *r = p->of;
  memset(p->sums, 0, s->n * p->n_blocks * p->n_read * p->lanes * sizeof *p->sums);
  for (size_t i = 0; i < s->n; i++) {
    const float *feature = r->feature + (size_t)s->neurons[i] * r->n_features;
    for (size_t t = 0; t < p->n_read; t++) {
      const float g = dr[t * s->n + i] * s->slope[t * s->n + i];
      for (size_t c = 0; c < r->n_features; c++) p->sums[sum_at(p, i, t, c)] = g * feature[c];
    }
  }
  for (size_t block = 0; block < p->n_blocks; block++) {
    const ins_masked job = masked(p, s, dfeatures->lanes, block);
    p->kernels->mask_spread(&job);
  }
}

/* ---- reference ------------------------------------------------------------------------------ */

/* What one neuron's sum over features and pixels weighs: weight[c,p] = feature[c] * mask[p]. */
static void reference_neuron(const readout *r, ins_extent map, size_t neuron, size_t i, size_t n,
                             const float *weight, const double *features, double *out,
                             const double *dr, double *dfeatures) {
  const size_t pixels = (size_t)(map.h * map.w), n_t = (size_t)map.t;
  const double scale = (double)r->scale[neuron], bias = (double)r->bias[neuron];
  const float *feature = r->feature + neuron * r->n_features;
  for (size_t t = 0; t < n_t; t++) {
    double sum = 0;
    for (size_t c = 0; c < r->n_features; c++) {
      const double *x = features + (c * n_t + t) * pixels;
      for (size_t p = 0; p < pixels; p++) sum += (double)feature[c] * (double)weight[p] * x[p];
    }
    out[t * n + i] = ins_reference_softplus(scale * sum + bias);
    if (!dr) continue;
    const double g = dr[t * n + i] * scale * ins_reference_softplus_slope(scale * sum + bias);
    for (size_t c = 0; c < r->n_features; c++) {
      double *dx = dfeatures + (c * n_t + t) * pixels;
      for (size_t p = 0; p < pixels; p++) dx[p] += g * (double)feature[c] * (double)weight[p];
    }
  }
}

static ins_status reference(const void *state, ins_extent map, const int64_t *neurons, size_t n,
                            const double *features, double *out, const double *dr,
                            double *dfeatures) {
  const readout *r = state;
  const size_t pixels = (size_t)(map.h * map.w);
  float *weight;
  ins_status status = ins_alloc(pixels, sizeof *weight, &weight);
  if (status != INS_OK) return status;
  if (dr) memset(dfeatures, 0, r->n_features * (size_t)map.t * pixels * sizeof *dfeatures);
  for (size_t i = 0; i < n; i++) {
    mask(r, (size_t)neurons[i], weight);
    reference_neuron(r, map, (size_t)neurons[i], i, n, weight, features, out, dr, dfeatures);
  }
  ins_free(&weight);
  return INS_OK;
}

const ins_readout_ops ins_readout_gaussian_mask = {
    .kind = "gaussian_mask",
    .create = create,
    .plan = plan_create,
    .select = select_neurons,
    .forward = forward,
    .backward = backward,
    .mask = mask,
    .reference = reference,
};
