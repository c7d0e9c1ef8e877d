/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core_gru.h"

/* openretina's Scale2DLayer has a scale [1,C,1,1] for maps [B,C,H,W]. Met by a clip [B,C,T,H,W],
 * its C stands over T: frame t is multiplied by number t, and another number of frames than C
 * fails. */

typedef struct frame_scale {
  long n;
  const float *scale; /* [n] */
  const char *layer;
} frame_scale;

typedef struct plan {
  const float *scale;                     /* of the first live frame of y */
  size_t channels, n, n_in, skip, pixels; /* live frames of y, of x; of x before y's */
} plan;

static ins_size size(const void *step, ins_size in) {
  (void)step;
  return in;
}

static ins_frames needs(const void *step, long in_t, ins_frames out) {
  (void)step;
  (void)in_t;
  return out;
}

static ins_status check(const frame_scale *step, long n) {
  if (n == step->n) return INS_OK;
  return ins_fail(
      INS_ERR_SHAPE,
      "openretina scales frames, not channels, in %s: exactly %ld frames must reach it, "
      "not %ld; give a stimulus %ld frames %s",
      step->layer, step->n, n, n < step->n ? step->n - n : n - step->n,
      n < step->n ? "longer" : "shorter");
}

static ins_status plan_create(const void *weights, const ins_step_request *request,
                              ins_arena *arena, void **out) {
  const frame_scale *step = weights;
  plan *p;
  ins_status status = check(step, request->in.t);
  if (status == INS_OK) status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status != INS_OK) return status;
  *p = (plan){.scale = step->scale + request->live_out.first,
              .channels = (size_t)request->in.c,
              .n = (size_t)request->live_out.n,
              .n_in = (size_t)request->live_in.n,
              .skip = (size_t)(request->live_out.first - request->live_in.first),
              .pixels = (size_t)(request->in.h * request->in.w)};
  *out = p;
  return INS_OK;
}

static void multiply(size_t n, float scale, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = scale * x[i];
}

static void forward(void *state, size_t slot, const ins_maps *x, const ins_maps *y) {
  const plan *p = state;
  (void)slot;
  for (size_t c = 0; c < p->channels; c++) {
    for (size_t t = 0; t < p->n; t++)
      multiply(p->pixels, p->scale[t], x->data + c * x->channel + (p->skip + t) * x->frame,
               y->data + c * y->channel + t * y->frame);
  }
}

static void backward(void *state, size_t slot, const ins_maps *dy, const ins_maps *dx) {
  const plan *p = state;
  (void)slot;
  for (size_t c = 0; c < p->channels; c++) {
    for (size_t t = 0; t < p->n_in; t++) {
      float *to = dx->data + c * dx->channel + t * dx->frame;
      if (t < p->skip || t >= p->skip + p->n)
        memset(to, 0, p->pixels * sizeof *to);
      else
        multiply(p->pixels, p->scale[t - p->skip],
                 dy->data + c * dy->channel + (t - p->skip) * dy->frame, to);
    }
  }
}

/* ---- reference ------------------------------------------------------------------------------ */

static void reference_run(const frame_scale *step, ins_size s, const double *x, double *y) {
  const size_t plane = (size_t)s.h * (size_t)s.w, n = (size_t)s.c * (size_t)s.t * plane;
  for (size_t i = 0; i < n; i++) y[i] = (double)step->scale[i / plane % (size_t)s.t] * x[i];
}

/* The tape is the size. */
static ins_status reference(const void *weights, ins_size in, const double *x, double *y,
                            ins_arena *arena, void **tape) {
  ins_size *kept;
  ins_status status = check(weights, in.t);
  if (status == INS_OK) status = ins_arena_take(arena, 1, sizeof *kept, &kept);
  if (status != INS_OK) return status;
  *kept = in;
  *tape = kept;
  reference_run(weights, in, x, y);
  return INS_OK;
}

static void reference_backward(const void *weights, void *tape, const double *dy, double *dx) {
  const ins_size *in = tape;
  reference_run(weights, *in, dy, dx);
}

static const ins_step_ops ops = {
    .name = "frame_scale",
    .size = size,
    .needs = needs,
    .plan = plan_create,
    .forward = forward,
    .backward = backward,
    .tight = true,
    .reference = reference,
    .reference_backward = reference_backward,
};

ins_status ins_chain_add_frame_scale(ins_builder *b, ins_chain *chain, long n, const float *scale,
                                     const char *layer) {
  frame_scale *step;
  char *name;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *step, &step);
  if (status == INS_OK) status = ins_arena_take(b->arena, strlen(layer) + 1, 1, &name);
  if (status != INS_OK) return status;
  memcpy(name, layer, strlen(layer) + 1);
  *step = (frame_scale){n, scale, name};
  return ins_chain_add(b, chain, &ops, step);
}
