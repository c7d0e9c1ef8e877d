/* SPDX-License-Identifier: MIT */
#include "readout_masked.h"

#include <math.h>
#include <string.h>

#include "kernels/reference.h"
#include "kernels/separable.h"
#include "readout_parameters.h"

/* ---- making --------------------------------------------------------------------------------- */

ins_status ins_masked_create(ins_builder *b, const ins_model_info *info, ins_extent map,
                             ins_masked_readout *out) {
  const size_t n = info->n_neurons;
  out->n_neurons = n;
  out->n_features = info->n_features;
  out->map = map;
  ins_status status = ins_arena_take(b->arena, n * info->n_features, sizeof(float), &out->feature);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof(float), &out->scale);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof(float), &out->bias);
  for (size_t i = 0; i < n && status == INS_OK; i++) out->scale[i] = 1;
  return status;
}

ins_status ins_masked_take_features(ins_builder *b, const ins_session *session,
                                    ins_masked_readout *out) {
  const size_t n = session->n_neurons, n_features = out->n_features;
  const size_t shape[4] = {1, n_features, 1, n};
  const bool positive = ins_value_bool_or(ins_value_at(b->architecture, "readout.positive"), false);
  const float *values;
  ins_status status = ins_readout_view(b, session, "features", true, 4, shape, &values);
  if (status != INS_OK) return status;
  for (size_t c = 0; c < n_features; c++) {
    for (size_t i = 0; i < n; i++) {
      const float value = values[c * n + i];
      out->feature[(session->first + i) * n_features + c] = positive && value < 0 ? 0 : value;
    }
  }
  return INS_OK;
}

void ins_free_mask_read(const ins_free_mask *mask, size_t n_pixels, bool absolute, float *out) {
  for (size_t p = 0; p < n_pixels; p++) {
    const float value = mask->values[p * mask->stride];
    out[p] = absolute ? fabsf(value) : value;
  }
}

/* ---- plan ----------------------------------------------------------------------------------- */

typedef struct slot {
  size_t n;
  int64_t *neurons;      /* [n] */
  ins_mask_patch *patch; /* [n] */
  float *weight;         /* [n][mask_stride], of the patch */
  float *mask;           /* [n][mask_stride], for the gradient */
  float *slope; /* d r / d (sum under the mask), without the features: [n_read,n]; likewise */
} slot;

typedef struct plan {
  const ins_masked_readout *of;
  const ins_kernels *kernels;
  size_t n_read, n_neurons, n_blocks, lanes, pixels, mask_stride;
  slot *slots;
  float *sums;  /* [n][block][t][lane] */
  float *total; /* [t][lane] */
  float *whole; /* [mask_stride] */
} plan;

static ins_status take_slot(const plan *p, bool gradient, ins_arena *arena, slot *s) {
  const size_t n = p->n_neurons;
  ins_status status = ins_arena_take(arena, n, sizeof *s->neurons, &s->neurons);
  if (status == INS_OK) status = ins_arena_take(arena, n, sizeof *s->patch, &s->patch);
  if (status == INS_OK)
    status = ins_arena_take(arena, n * p->mask_stride, sizeof(float), &s->weight);
  if (status != INS_OK || !gradient) return status;
  status = ins_arena_take(arena, n * p->mask_stride, sizeof(float), &s->mask);
  return status == INS_OK ? ins_arena_take(arena, n * p->n_read, sizeof(float), &s->slope) : status;
}

ins_status ins_masked_plan(const void *readout, const ins_readout_request *request,
                           ins_arena *arena, void **out) {
  const ins_masked_readout *r = readout;
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
  for (size_t s = 0; s < request->n_slots && status == INS_OK; s++)
    status = take_slot(p, request->gradient, arena, &p->slots[s]);
  if (status == INS_OK)
    status = ins_arena_take(arena, p->n_neurons * p->n_blocks * p->n_read * p->lanes, sizeof(float),
                            &p->sums);
  if (status == INS_OK)
    status = ins_arena_take(arena, p->n_read * p->lanes, sizeof(float), &p->total);
  if (status == INS_OK) status = ins_arena_take(arena, p->mask_stride, sizeof(float), &p->whole);
  return status;
}

/* The smallest rectangle outside of which `mask` is what it is at its least. Gaussian masks have
 * such a floor, free ones are often zero. */
static ins_mask_patch find_patch(const float *mask, size_t h, size_t w) {
  size_t top = h, left = w, bottom = 0, right = 0; /* ends excluded */
  float least = mask[0];
  for (size_t p = 1; p < h * w; p++)
    if (mask[p] < least) least = mask[p];
  for (size_t p = 0; p < h * w; p++) {
    if (mask[p] == least) continue;
    const size_t y = p / w, x = p % w;
    if (y < top) top = y;
    if (y + 1 > bottom) bottom = y + 1;
    if (x < left) left = x;
    if (x + 1 > right) right = x + 1;
  }
  if (bottom == 0) return (ins_mask_patch){.background = least};
  const size_t height = bottom - top, width = right - left;
  return (ins_mask_patch){.top = (int)top,
                          .left = (int)left,
                          .height = (int)height,
                          .width = (int)width,
                          .background = height * width < h * w ? least : 0};
}

/* weight[h,w] of a patch. */
static void cut_patch(const ins_mask_patch *patch, const float *mask, size_t map_w, float *weight) {
  for (int h = 0; h < patch->height; h++) {
    const float *row = mask + (size_t)(patch->top + h) * map_w + patch->left;
    for (int w = 0; w < patch->width; w++) *weight++ = row[w] - patch->background;
  }
}

void ins_masked_select(void *state, size_t which, const int64_t *neurons, size_t n) {
  const plan *p = state;
  slot *s = &p->slots[which];
  s->n = n;
  for (size_t i = 0; i < n; i++) {
    const size_t map_w = (size_t)p->of->map.w;
    float *mask = s->mask ? s->mask + i * p->mask_stride : p->whole;
    s->neurons[i] = neurons[i];
    p->of->mask(p->of, (size_t)neurons[i], mask);
    s->patch[i] = find_patch(mask, (size_t)p->of->map.h, map_w);
    cut_patch(&s->patch[i], mask, map_w, s->weight + i * p->mask_stride);
  }
}

/* Softplus keeps the steps that it has always had here, and so do its results their bits. */
static double response(const ins_masked_readout *r, double x) {
  return r->nonlinearity == INS_SOFTPLUS ? ins_reference_softplus(x)
                                         : ins_nonlinearity_of(r->nonlinearity, x);
}

static double response_slope(const ins_masked_readout *r, double x) {
  return r->nonlinearity == INS_SOFTPLUS ? ins_reference_softplus_slope(x)
                                         : ins_nonlinearity_slope(r->nonlinearity, x);
}

/* sums[n,block,t,lane] of one feature: c = block * lanes + lane */
static size_t sum_at(const plan *p, size_t n, size_t t, size_t c) {
  return ((n * p->n_blocks + c / p->lanes) * p->n_read + t) * p->lanes + c % p->lanes;
}

/* Frames computed at a time: chains of additions that do not wait for each other. */
enum { FRAMES = 8 };

/* r[t] of neuron i for n (at most FRAMES) frames from t. */
static void respond(const plan *p, slot *s, size_t i, size_t t, size_t n, float *out) {
  const ins_masked_readout *r = p->of;
  const size_t neuron = (size_t)s->neurons[i];
  const float *feature = r->feature + neuron * r->n_features;
  const double scale = (double)r->scale[neuron], bias = (double)r->bias[neuron];
  double sum[FRAMES] = {0};
  for (size_t c = 0; c < r->n_features; c++) {
    const float *sums = p->sums + sum_at(p, i, t, c);
    for (size_t k = 0; k < n; k++) sum[k] += (double)feature[c] * (double)sums[k * p->lanes];
  }
  for (size_t k = 0; k < n; k++) {
    const double y = scale * sum[k] + bias;
    out[(t + k) * s->n + i] = (float)response(r, y);
    if (s->slope) s->slope[(t + k) * s->n + i] = (float)(scale * response_slope(r, y));
  }
}

void ins_masked_forward(void *state, size_t which, const ins_features *features, float *out) {
  const plan *p = state;
  slot *s = &p->slots[which];
  const size_t frame = p->pixels * p->lanes, time = p->n_read * p->lanes;
  for (size_t block = 0; block < p->n_blocks; block++) {
    const ins_patched job = {.n_neurons = (int)s->n,
                             .n_frames = (int)p->n_read,
                             .n_pixels = (int)p->pixels,
                             .map_w = (int)p->of->map.w,
                             .patch = s->patch,
                             .weight = s->weight,
                             .weight_neuron = p->mask_stride,
                             .x = features->lanes + block * p->n_read * frame,
                             .x_frame = frame,
                             .total = p->total,
                             .m = p->sums + block * time,
                             .m_neuron = p->n_blocks * time};
    p->kernels->patch_sum(&job);
  }
  for (size_t i = 0; i < s->n; i++)
    for (size_t t = 0; t < p->n_read; t += FRAMES)
      respond(p, s, i, t, p->n_read - t < FRAMES ? p->n_read - t : FRAMES, out);
}

void ins_masked_backward(void *state, size_t which, const float *dr,
                         const ins_features *dfeatures) {
  const plan *p = state;
  const slot *s = &p->slots[which];
  const ins_masked_readout *r = p->of;
  const size_t frame = p->pixels * p->lanes, time = p->n_read * p->lanes;
  memset(p->sums, 0, s->n * p->n_blocks * time * sizeof *p->sums);
  for (size_t i = 0; i < s->n; i++) {
    const float *feature = r->feature + (size_t)s->neurons[i] * r->n_features;
    for (size_t t = 0; t < p->n_read; t++) {
      const float g = dr[t * s->n + i] * s->slope[t * s->n + i];
      for (size_t c = 0; c < r->n_features; c++) p->sums[sum_at(p, i, t, c)] = g * feature[c];
    }
  }
  for (size_t block = 0; block < p->n_blocks; block++) {
    const ins_masked job = {.n_neurons = (int)s->n,
                            .n_frames = (int)p->n_read,
                            .n_pixels = (int)p->pixels,
                            .mask = s->mask,
                            .mask_neuron = p->mask_stride,
                            .x = dfeatures->lanes + block * p->n_read * frame,
                            .x_frame = frame,
                            .m = p->sums + block * time,
                            .m_neuron = p->n_blocks * time};
    p->kernels->mask_spread(&job);
  }
}

/* ---- reference ------------------------------------------------------------------------------ */

/* What one neuron's sum over features and pixels weighs: weight[c,p] = feature[c] * mask[p]. */
static void reference_neuron(const ins_masked_readout *r, ins_extent map, size_t neuron, size_t i,
                             size_t n, const float *weight, const double *features, double *out,
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
    out[t * n + i] = response(r, scale * sum + bias);
    if (!dr) continue;
    const double g = dr[t * n + i] * scale * response_slope(r, scale * sum + bias);
    for (size_t c = 0; c < r->n_features; c++) {
      double *dx = dfeatures + (c * n_t + t) * pixels;
      for (size_t p = 0; p < pixels; p++) dx[p] += g * (double)feature[c] * (double)weight[p];
    }
  }
}

ins_status ins_masked_reference(const void *readout, ins_extent map, const int64_t *neurons,
                                size_t n, const double *features, double *out, const double *dr,
                                double *dfeatures) {
  const ins_masked_readout *r = readout;
  const size_t pixels = (size_t)(map.h * map.w);
  float *weight;
  ins_status status = ins_alloc(pixels, sizeof *weight, &weight);
  if (status != INS_OK) return status;
  if (dr) memset(dfeatures, 0, r->n_features * (size_t)map.t * pixels * sizeof *dfeatures);
  for (size_t i = 0; i < n; i++) {
    r->mask(r, (size_t)neurons[i], weight);
    reference_neuron(r, map, (size_t)neurons[i], i, n, weight, features, out, dr, dfeatures);
  }
  ins_free(&weight);
  return INS_OK;
}
