/* SPDX-License-Identifier: MIT */
/* openretina's SingleCellSeparatedLNP: one neuron with a filter of rank R,
 *
 * u[t] = sum_{r,k} wt[r,k] sum_{c,p} ws[r,c,p] x[c,t+k,p]
 *
 * and r[t] = w softplus(a u[t] + b), or a function by name. Its kernels have no session in their
 * names. openretina crops the stimulus while it trains but not when it is run; here the patch may
 * lie on a larger stimulus. */
#include <math.h>
#include <string.h>

#include "readout_planar.h"

typedef struct readout {
  ins_planar_shape shape; /* without kernels, frames and n_sums */
  size_t rank, n_taps;
  float *space, *time; /* [R,C,h,w], [R,t] */
  bool parametrized;   /* w softplus(a u + b), else the function of u */
  ins_nonlinearity nonlinearity;
  double a, b, w;
} readout;

/* ---- making --------------------------------------------------------------------------------- */

/* openretina divides by the norm on every pass; once is enough. */
static ins_status normalize(const char *name, float *values, size_t n) {
  double square = 0;
  for (size_t i = 0; i < n; i++) square += (double)values[i] * (double)values[i];
  const float norm = (float)sqrt(square);
  if (!(norm > 0))
    return ins_fail(INS_ERR_FORMAT,
                    "the parameter %s is zero or not a number, so it cannot be scaled to unit norm",
                    name);
  for (size_t i = 0; i < n; i++) values[i] /= norm;
  return INS_OK;
}

static ins_status take_nonlinearity(ins_builder *b, readout *r) {
  const char *name =
      ins_value_text_or(ins_value_at(b->architecture, "readout.nonlinearity"), "exp");
  r->parametrized = strcmp(name, "parametrized_softplus") == 0;
  r->a = r->w = 1;
  if (!r->parametrized) return ins_readout_nonlinearity(b, INS_EXP, &r->nonlinearity);
  r->nonlinearity = INS_SOFTPLUS;
  ins_status status = ins_builder_has(b, "nonlinearity.a") /* only where it was trained */
                          ? ins_readout_scalar(b, "nonlinearity.a", true, &r->a)
                          : INS_OK;
  if (status == INS_OK) status = ins_readout_scalar(b, "nonlinearity.b", true, &r->b);
  if (status == INS_OK) status = ins_readout_scalar(b, "nonlinearity.w", true, &r->w);
  return status;
}

static ins_status take_kernels(ins_builder *b, ins_extent map, readout *r) {
  static const char space_name[] = "space_conv.weight", time_name[] = "time_conv.weight";
  const bool unit =
      ins_value_bool_or(ins_value_at(b->architecture, "readout.normalize_weights"), true);
  size_t space[5], time[5];
  ins_status status = ins_builder_shape(b, space_name, 5, space);
  if (status == INS_OK) status = ins_builder_shape(b, time_name, 5, time);
  if (status != INS_OK) return status;
  if (space[0] < 1) return ins_fail(INS_ERR_SHAPE, "the parameter %s has rank 0", space_name);
  r->rank = space[0];
  r->n_taps = time[2];
  space[1] = r->shape.n_channels;
  space[2] = time[0] = time[3] = time[4] = 1;
  time[1] = r->rank;
  status = ins_readout_check_filter(r->n_taps, space[3], space[4]);
  if (status == INS_OK)
    status = ins_readout_crop(b, (size_t)map.h, (size_t)map.w, space[3], space[4], &r->shape.patch);
  if (status == INS_OK) status = ins_builder_take(b, space_name, true, 5, space, &r->space);
  if (status == INS_OK) status = ins_builder_take(b, time_name, true, 5, time, &r->time);
  if (status == INS_OK && unit)
    status = normalize(space_name, r->space, r->rank * space[1] * space[3] * space[4]);
  if (status == INS_OK && unit) status = normalize(time_name, r->time, r->rank * r->n_taps);
  return status;
}

static ins_status create(ins_builder *b, const ins_model_info *info, ins_extent map, void **out) {
  readout *r;
  if (info->n_neurons != 1)
    return ins_fail(INS_ERR_SHAPE, "a readout of kind single_lnp has one neuron, not %zu",
                    info->n_neurons);
  ins_status status = ins_arena_take(b->arena, 1, sizeof *r, &r);
  if (status != INS_OK) return status;
  *out = r;
  r->shape = (ins_planar_shape){
      .n_channels = info->n_features, .map_h = (size_t)map.h, .map_w = (size_t)map.w};
  status = take_kernels(b, map, r);
  if (status == INS_OK) status = take_nonlinearity(b, r);
  return status;
}

static long lag(const void *state) {
  const readout *r = state;
  return (long)r->n_taps - 1;
}

/* For each pixel the norm of the whole filter over channels and time: the square root of
 * sum_{c,k} (sum_r ws[r,c,p] wt[r,k])^2. */
static void mask(const void *state, size_t neuron, float *out) {
  (void)neuron;
  const readout *r = state;
  const ins_planar_shape *s = &r->shape;
  const size_t pixels = s->patch.h * s->patch.w;
  memset(out, 0, s->map_h * s->map_w * sizeof *out);
  for (size_t p = 0; p < pixels; p++) {
    double square = 0;
    for (size_t c = 0; c < s->n_channels; c++) {
      for (size_t k = 0; k < r->n_taps; k++) {
        double at = 0;
        for (size_t q = 0; q < r->rank; q++)
          at += (double)r->space[(q * s->n_channels + c) * pixels + p] *
                (double)r->time[q * r->n_taps + k];
        square += at * at;
      }
    }
    out[ins_patch_at(&s->patch, s->map_w, p)] = (float)sqrt(square);
  }
}

static double response(const readout *r, double u) {
  return r->w * ins_nonlinearity_of(r->nonlinearity, r->a * u + r->b);
}

static double response_slope(const readout *r, double u) {
  return r->w * r->a * ins_nonlinearity_slope(r->nonlinearity, r->a * u + r->b);
}

/* ---- plan ----------------------------------------------------------------------------------- */

typedef struct slot {
  size_t n;     /* how often the neuron is selected */
  float *slope; /* d r / d u [n_read] */
} slot;

typedef struct plan {
  const readout *of;
  size_t n_read, n_frames;
  ins_planar planar;
  ins_planar_weights weights;
  float *sums; /* [n_frames,R] */
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
  p->n_read = request->n_read;
  p->n_frames = request->n_read + r->n_taps - 1;
  shape.kernels = request->kernels;
  shape.n_frames = p->n_frames;
  shape.n_sums = r->rank;
  shape.gradient = request->gradient;
  status = ins_planar_create(&shape, arena, &p->planar);
  if (status == INS_OK) status = ins_planar_weights_create(&p->planar, arena, &p->weights);
  if (status == INS_OK)
    status = ins_arena_take(arena, p->n_frames * r->rank, sizeof(float), &p->sums);
  if (status == INS_OK)
    status = ins_arena_take(arena, request->n_slots, sizeof *p->slots, &p->slots);
  for (size_t s = 0; s < request->n_slots && status == INS_OK; s++)
    status = ins_arena_take(arena, p->n_read, sizeof(float), &p->slots[s].slope);
  if (status != INS_OK) return status;
  ins_planar_clear(&p->planar, &p->weights, r->rank);
  for (size_t q = 0; q < r->rank; q++)
    ins_planar_set(&p->planar, &p->weights, q,
                   r->space + q * r->shape.n_channels * p->planar.n_pixels);
  return status;
}

static void select_neurons(void *state, size_t which, const int64_t *neurons, size_t n) {
  (void)neurons;
  const plan *p = state;
  p->slots[which].n = n;
}

static void forward(void *state, size_t which, const ins_features *features, float *out) {
  const plan *p = state;
  const slot *s = &p->slots[which];
  const readout *r = p->of;
  ins_planar_forward(&p->planar, &p->weights, &features->maps, p->sums);
  for (size_t t = 0; t < p->n_read; t++) {
    double u = 0;
    for (size_t q = 0; q < r->rank; q++)
      for (size_t k = 0; k < r->n_taps; k++)
        u += (double)r->time[q * r->n_taps + k] * (double)p->sums[(t + k) * r->rank + q];
    s->slope[t] = (float)response_slope(r, u);
    for (size_t i = 0; i < s->n; i++) out[t * s->n + i] = (float)response(r, u);
  }
}

static void backward(void *state, size_t which, const float *dr, const ins_features *dfeatures) {
  const plan *p = state;
  const slot *s = &p->slots[which];
  const readout *r = p->of;
  memset(p->sums, 0, p->n_frames * r->rank * sizeof *p->sums);
  for (size_t t = 0; t < p->n_read; t++) {
    float g = 0;
    for (size_t i = 0; i < s->n; i++) g += dr[t * s->n + i];
    g *= s->slope[t];
    for (size_t q = 0; q < r->rank; q++)
      for (size_t k = 0; k < r->n_taps; k++)
        p->sums[(t + k) * r->rank + q] += g * r->time[q * r->n_taps + k];
  }
  ins_planar_backward(&p->planar, &p->weights, p->sums, &dfeatures->maps);
}

/* ---- reference ------------------------------------------------------------------------------ */

/* u [T'], to be zeroed before; y [T'] of one rank is scratch. */
static void reference_filter(const readout *r, const ins_planar_shape *shape, const double *x,
                             double *y, double *u) {
  for (size_t q = 0; q < r->rank; q++) {
    const float *time = r->time + q * r->n_taps;
    ins_planar_reference(shape, r->space + q * shape->n_channels * shape->patch.h * shape->patch.w,
                         x, y);
    for (size_t t = 0; t + r->n_taps <= shape->n_frames; t++)
      for (size_t k = 0; k < r->n_taps; k++) u[t] += (double)time[k] * y[t + k];
  }
}

static void reference_filter_backward(const readout *r, const ins_planar_shape *shape,
                                      const double *du, double *dy, double *dx) {
  for (size_t q = 0; q < r->rank; q++) {
    const float *time = r->time + q * r->n_taps;
    memset(dy, 0, shape->n_frames * sizeof *dy);
    for (size_t t = 0; t + r->n_taps <= shape->n_frames; t++)
      for (size_t k = 0; k < r->n_taps; k++) dy[t + k] += du[t] * (double)time[k];
    ins_planar_reference_backward(
        shape, r->space + q * shape->n_channels * shape->patch.h * shape->patch.w, dy, dx);
  }
}

static ins_status reference(const void *state, ins_extent map, const int64_t *neurons, size_t n,
                            const double *features, double *out, const double *dr,
                            double *dfeatures) {
  (void)neurons;
  const readout *r = state;
  const size_t n_t = (size_t)map.t;
  ins_planar_shape shape = r->shape;
  double *u = NULL, *y = NULL;
  shape.n_frames = n_t;
  ins_status status = ins_alloc(n_t, sizeof *u, &u);
  if (status == INS_OK) status = ins_alloc(n_t, sizeof *y, &y);
  if (status != INS_OK) goto done;
  reference_filter(r, &shape, features, y, u);
  for (size_t t = 0; t + r->n_taps <= n_t; t++) {
    double g = 0;
    for (size_t i = 0; i < n; i++) {
      out[t * n + i] = response(r, u[t]);
      if (dr) g += dr[t * n + i];
    }
    u[t] = g * response_slope(r, u[t]);
  }
  if (dr) {
    memset(dfeatures, 0, shape.n_channels * n_t * shape.map_h * shape.map_w * sizeof *dfeatures);
    reference_filter_backward(r, &shape, u, y, dfeatures);
  }
done:
  ins_free(&u);
  ins_free(&y);
  return status;
}

const ins_readout_ops ins_readout_single_lnp = {
    .kind = "single_lnp",
    .planar = true,
    .create = create,
    .lag = lag,
    .plan = plan_create,
    .select = select_neurons,
    .forward = forward,
    .backward = backward,
    .mask = mask,
    .reference = reference,
};
