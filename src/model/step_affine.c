/* SPDX-License-Identifier: MIT */
#include "conv_layer.h"

#include <string.h>

/* y[c] = f(scale[c] x[c] + shift[c]): norms in their evaluation mode, biases, nonlinearities. */
typedef struct affine_step {
  const float *scale, *shift; /* [c], or both NULL: 1 and 0 */
  ins_nonlinearity f;
  const float *below; /* [1]: in place of f, PReLU with this slope below 0; or NULL */
} affine_step;

typedef struct plan {
  const affine_step *of;
  const ins_kernels *kernels;
  size_t n_channels, n_frames, pixels; /* of the output's live frames */
  size_t n_in, skip;                   /* the input's, and how many come before those */
  float *slope; /* [slot][c][t][pixel]: d y / d x; NULL where it is the scale everywhere */
} plan;

static float scale_of(const affine_step *step, size_t c) {
  return step->scale ? step->scale[c] : 1;
}
static float shift_of(const affine_step *step, size_t c) {
  return step->shift ? step->shift[c] : 0;
}

/* y = z above 0, else a z; slope may be NULL. */
static void prelu(float a, size_t n, float *y, float *slope) {
  for (size_t i = 0; i < n; i++) {
    const float d = y[i] > 0 ? 1 : a;
    y[i] *= d;
    if (slope) slope[i] = d;
  }
}

static double value_at(const affine_step *step, double z) {
  if (step->below) return z > 0 ? z : (double)*step->below * z;
  return ins_nonlinearity_of(step->f, z);
}
static double slope_of(const affine_step *step, double z) {
  if (step->below) return z > 0 ? 1 : (double)*step->below;
  return ins_nonlinearity_slope(step->f, z);
}

static ins_size size(const void *weights, ins_size in) {
  (void)weights;
  return in;
}

static ins_frames needs(const void *weights, long in_t, ins_frames out) {
  (void)weights;
  (void)in_t;
  return out;
}

static ins_status plan_create(const void *weights, const ins_step_request *request,
                              ins_arena *arena, void **out) {
  plan *p;
  ins_status status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status != INS_OK) return status;
  *out = p;
  *p = (plan){.of = weights,
              .kernels = request->kernels,
              .n_channels = (size_t)request->in.c,
              .n_frames = (size_t)request->live_out.n,
              .n_in = (size_t)request->live_in.n,
              .skip = (size_t)(request->live_out.first - request->live_in.first),
              .pixels = (size_t)(request->in.h * request->in.w)};
  if (!request->gradient || (p->of->f == INS_IDENTITY && !p->of->below)) return INS_OK;
  return ins_arena_take(arena, request->n_slots * p->n_channels * p->n_frames * p->pixels,
                        sizeof *p->slope, &p->slope);
}

/* Of channel c, frame t. */
static float *slope_at(const plan *p, size_t slot, size_t c, size_t t) {
  if (!p->slope) return NULL;
  return p->slope + ((slot * p->n_channels + c) * p->n_frames + t) * p->pixels;
}

static void forward(void *state, size_t slot, const ins_maps *x, const ins_maps *y) {
  const plan *p = state;
  for (size_t c = 0; c < p->n_channels; c++) {
    const float scale = scale_of(p->of, c), shift = shift_of(p->of, c);
    for (size_t t = 0; t < p->n_frames; t++) {
      const float *from = x->data + c * x->channel + (p->skip + t) * x->frame;
      float *to = y->data + c * y->channel + t * y->frame, *slope = slope_at(p, slot, c, t);
      for (size_t i = 0; i < p->pixels; i++) to[i] = scale * from[i] + shift;
      if (p->of->below)
        prelu(*p->of->below, p->pixels, to, slope);
      else if (p->of->f != INS_IDENTITY)
        p->kernels->nonlinear(p->of->f, p->pixels, to, to, slope);
      for (size_t i = 0; slope && i < p->pixels; i++) slope[i] *= scale;
    }
  }
}

static void clear(const plan *p, const ins_maps *dx) {
  for (size_t c = 0; c < p->n_channels; c++)
    for (size_t t = 0; t < p->n_in; t++)
      memset(dx->data + c * dx->channel + t * dx->frame, 0, p->pixels * sizeof *dx->data);
}

static void backward(void *state, size_t slot, const ins_maps *dy, const ins_maps *dx) {
  const plan *p = state;
  if (p->n_in > p->n_frames) clear(p, dx);
  for (size_t c = 0; c < p->n_channels; c++) {
    const float scale = scale_of(p->of, c);
    for (size_t t = 0; t < p->n_frames; t++) {
      const float *from = dy->data + c * dy->channel + t * dy->frame;
      const float *slope = slope_at(p, slot, c, t);
      float *to = dx->data + c * dx->channel + (p->skip + t) * dx->frame;
      for (size_t i = 0; i < p->pixels; i++) to[i] = (slope ? slope[i] : scale) * from[i];
    }
  }
}

/* ---- reference ------------------------------------------------------------------------------ */

typedef struct tape {
  size_t n_channels, channel;
  const double *x;
} tape;

static ins_status reference(const void *weights, ins_size in, const double *x, double *y,
                            ins_arena *arena, void **out) {
  const affine_step *step = weights;
  tape *t;
  ins_status status = ins_arena_take(arena, 1, sizeof *t, &t);
  if (status != INS_OK) return status;
  *out = t;
  *t = (tape){(size_t)in.c, (size_t)(in.t * in.h * in.w), x};
  for (size_t c = 0; c < t->n_channels; c++) {
    for (size_t i = c * t->channel; i < (c + 1) * t->channel; i++)
      y[i] = value_at(step, (double)scale_of(step, c) * x[i] + (double)shift_of(step, c));
  }
  return INS_OK;
}

static void reference_backward(const void *weights, void *tape_of_run, const double *dy,
                               double *dx) {
  const affine_step *step = weights;
  const tape *t = tape_of_run;
  for (size_t c = 0; c < t->n_channels; c++) {
    const double scale = (double)scale_of(step, c), shift = (double)shift_of(step, c);
    for (size_t i = c * t->channel; i < (c + 1) * t->channel; i++)
      dx[i] = dy[i] * scale * slope_of(step, scale * t->x[i] + shift);
  }
}

static const ins_step_ops ops = {
    .name = "affine",
    .size = size,
    .needs = needs,
    .plan = plan_create,
    .forward = forward,
    .backward = backward,
    .tight = true,
    .reference = reference,
    .reference_backward = reference_backward,
};

static ins_status add(ins_builder *b, ins_chain *chain, const affine_step *values) {
  affine_step *step;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *step, &step);
  if (status != INS_OK) return status;
  *step = *values;
  return ins_chain_add(b, chain, &ops, step);
}

ins_status ins_chain_add_affine(ins_builder *b, ins_chain *chain, const float *scale,
                                const float *shift, ins_nonlinearity f) {
  if (!scale && !shift && f == INS_IDENTITY) return INS_OK;
  return add(b, chain, &(affine_step){scale, shift, f, NULL});
}

ins_status ins_chain_add_prelu(ins_builder *b, ins_chain *chain, const float *scale,
                               const float *shift, const float *below) {
  return add(b, chain, &(affine_step){scale, shift, INS_IDENTITY, below});
}
