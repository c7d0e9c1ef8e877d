/* SPDX-License-Identifier: MIT */
/* openretina's LNPReadout: r = f(sum_{c,p} w[c,p] x[c,p] + bias), a kernel a neuron that covers the
 * whole map. */
#include <string.h>

#include "readout_planar.h"

typedef struct readout {
  ins_planar_shape shape; /* without kernels, frames and n_sums */
  const float **weight;   /* [N] -> [C,H,W] */
  float *bias;            /* [N] */
  ins_nonlinearity nonlinearity;
} readout;

/* ---- making --------------------------------------------------------------------------------- */

static ins_status take_session(ins_builder *b, const ins_session *session, readout *r) {
  const size_t n = session->n_neurons, c = r->shape.n_channels, h = r->shape.map_h,
               w = r->shape.map_w, shape[5] = {n, c, 1, h, w}, bias_shape[1] = {n};
  const ins_value *setting = ins_value_at(b->architecture, "readout.bias");
  const float *weights, *bias;
  ins_status status =
      ins_readout_view(b, session, "inner_product_kernel.weight", true, 5, shape, &weights);
  for (size_t i = 0; i < n && status == INS_OK; i++)
    r->weight[session->first + i] = weights + i * c * h * w;
  if (status != INS_OK || !ins_value_bool_or(setting, false)) return status;
  status = ins_readout_view(b, session, "inner_product_kernel.bias", true, 1, bias_shape, &bias);
  if (status == INS_OK) memcpy(r->bias + session->first, bias, n * sizeof *bias);
  return status;
}

static ins_status create(ins_builder *b, const ins_model_info *info, ins_extent map, void **out) {
  const size_t h = (size_t)map.h, w = (size_t)map.w;
  readout *r;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *r, &r);
  if (status != INS_OK) return status;
  *out = r;
  r->shape = (ins_planar_shape){
      .n_channels = info->n_features, .map_h = h, .map_w = w, .patch = {0, 0, h, w}};
  status = ins_arena_take(b->arena, info->n_neurons, sizeof(const float *), (void *)&r->weight);
  if (status == INS_OK) status = ins_arena_take(b->arena, info->n_neurons, sizeof(float), &r->bias);
  if (status == INS_OK) status = ins_readout_nonlinearity(b, INS_EXP, &r->nonlinearity);
  for (size_t s = 0; s < info->n_sessions && status == INS_OK; s++)
    status = take_session(b, &info->sessions[s], r);
  return status;
}

static void mask(const void *state, size_t neuron, float *out) {
  const readout *r = state;
  memset(out, 0, r->shape.map_h * r->shape.map_w * sizeof *out);
  ins_planar_add_norm(&r->shape, r->weight[neuron], out);
}

/* ---- plan ----------------------------------------------------------------------------------- */

typedef struct slot {
  ins_planar_weights weights;
  float *bias;  /* [n] */
  float *slope; /* d r / d s [n_read,n] */
} slot;

typedef struct plan {
  const readout *of;
  ins_planar planar;
  slot *slots;
} plan;

static ins_status plan_create(const void *state, const ins_readout_request *request,
                              ins_arena *arena, void **out) {
  const readout *r = state;
  ins_planar_shape shape = r->shape;
  plan *p;
  ins_status status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status != INS_OK) return status;
  *out = p;
  p->of = r;
  shape.kernels = request->kernels;
  shape.n_frames = request->n_read;
  shape.n_sums = request->n_neurons;
  shape.gradient = request->gradient;
  status = ins_planar_create(&shape, arena, &p->planar);
  if (status == INS_OK)
    status = ins_arena_take(arena, request->n_slots, sizeof *p->slots, &p->slots);
  for (size_t s = 0; s < request->n_slots && status == INS_OK; s++) {
    slot *at = &p->slots[s];
    status = ins_planar_weights_create(&p->planar, arena, &at->weights);
    if (status == INS_OK)
      status = ins_arena_take(arena, request->n_neurons, sizeof(float), &at->bias);
    if (status == INS_OK && request->gradient)
      status =
          ins_arena_take(arena, request->n_read * request->n_neurons, sizeof(float), &at->slope);
  }
  return status;
}

static void select_neurons(void *state, size_t which, const int64_t *neurons, size_t n) {
  const plan *p = state;
  slot *s = &p->slots[which];
  ins_planar_clear(&p->planar, &s->weights, n);
  for (size_t i = 0; i < n; i++) {
    ins_planar_set(&p->planar, &s->weights, i, p->of->weight[neurons[i]]);
    s->bias[i] = p->of->bias[neurons[i]];
  }
}

static void forward(void *state, size_t which, const ins_features *features, float *out) {
  const plan *p = state;
  const slot *s = &p->slots[which];
  const size_t n = s->weights.n, n_read = p->planar.shape.n_frames;
  ins_planar_forward(&p->planar, &s->weights, &features->maps, out);
  for (size_t t = 0; t < n_read; t++)
    for (size_t i = 0; i < n; i++) out[t * n + i] += s->bias[i];
  ins_nonlinearity_run(p->of->nonlinearity, n_read * n, out, out, s->slope);
}

static void backward(void *state, size_t which, const float *dr, const ins_features *dfeatures) {
  const plan *p = state;
  const slot *s = &p->slots[which];
  for (size_t k = 0; k < p->planar.shape.n_frames * s->weights.n; k++)
    p->planar.run[k] = dr[k] * s->slope[k];
  ins_planar_backward(&p->planar, &s->weights, p->planar.run, &dfeatures->maps);
}

/* ---- reference ------------------------------------------------------------------------------ */

static ins_status reference(const void *state, ins_extent map, const int64_t *neurons, size_t n,
                            const double *features, double *out, const double *dr,
                            double *dfeatures) {
  const readout *r = state;
  const size_t n_t = (size_t)map.t;
  ins_planar_shape shape = r->shape;
  double *s;
  shape.n_frames = n_t;
  ins_status status = ins_alloc(n_t, sizeof *s, &s);
  if (status != INS_OK) return status;
  if (dr)
    memset(dfeatures, 0, shape.n_channels * n_t * shape.map_h * shape.map_w * sizeof *dfeatures);
  for (size_t i = 0; i < n; i++) {
    const float *weight = r->weight[neurons[i]];
    ins_planar_reference(&shape, weight, features, s);
    for (size_t t = 0; t < n_t; t++) {
      const double y = s[t] + (double)r->bias[neurons[i]];
      out[t * n + i] = ins_nonlinearity_of(r->nonlinearity, y);
      if (dr) s[t] = dr[t * n + i] * ins_nonlinearity_slope(r->nonlinearity, y);
    }
    if (dr) ins_planar_reference_backward(&shape, weight, s, dfeatures);
  }
  ins_free(&s);
  return INS_OK;
}

const ins_readout_ops ins_readout_lnp = {
    .kind = "lnp",
    .planar = true,
    .create = create,
    .plan = plan_create,
    .select = select_neurons,
    .forward = forward,
    .backward = backward,
    .mask = mask,
    .reference = reference,
};
