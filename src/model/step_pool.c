/* SPDX-License-Identifier: MIT */
#include "conv_layer.h"

#include <math.h>
#include <string.h>

/* Pooling as torch's: windows side by side, what does not fill a window at the end is left out. */
typedef struct pool_step {
  long kernel[3]; /* frames, rows, columns */
} pool_step;

static ins_size size(const void *weights, ins_size in) {
  const long *kernel = ((const pool_step *)weights)->kernel;
  return (ins_size){in.c, in.t / kernel[0], in.h / kernel[1], in.w / kernel[2]};
}

static ins_frames needs(const void *weights, long in_t, ins_frames out) {
  const long kernel = ((const pool_step *)weights)->kernel[0];
  (void)in_t;
  return (ins_frames){out.first * kernel, out.n * kernel};
}

typedef struct plan {
  long kernel[3];
  ins_size in, out; /* t of live frames */
  size_t skip;      /* live frames of the input before the first window */
  uint8_t *chosen;  /* [slot][c][t][pixel]: which of its window was the greatest; maximum only */
} plan;

static size_t count(ins_size s) {
  return (size_t)s.c * (size_t)s.t * (size_t)s.h * (size_t)s.w;
}

static ins_status plan_create(const void *weights, const ins_step_request *request,
                              ins_arena *arena, void **out) {
  plan *p;
  ins_status status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status != INS_OK) return status;
  *out = p;
  memcpy(p->kernel, ((const pool_step *)weights)->kernel, sizeof p->kernel);
  p->in = request->in;
  p->in.t = request->live_in.n;
  p->out = request->out;
  p->out.t = request->live_out.n;
  p->skip = (size_t)(request->live_out.first * p->kernel[0] - request->live_in.first);
  return INS_OK;
}

/* dx frames, to be filled where windows are. */
static void clear(const plan *p, const ins_maps *dx) {
  for (size_t c = 0; c < (size_t)p->in.c; c++)
    for (size_t t = 0; t < (size_t)p->in.t; t++)
      memset(dx->data + c * dx->channel + t * dx->frame, 0,
             (size_t)(p->in.h * p->in.w) * sizeof *dx->data);
}

/* ---- maximum over 2 x 2 pixels -------------------------------------------------------------- */

static ins_status max_plan(const void *weights, const ins_step_request *request, ins_arena *arena,
                           void **out) {
  ins_status status = plan_create(weights, request, arena, out);
  if (status != INS_OK || !request->gradient) return status;
  plan *p = *out;
  return ins_arena_take(arena, request->n_slots * count(p->out), 1, &p->chosen);
}

/* Of the window's four values, the first greatest (or the last that is not a number, as torch). */
static uint8_t choose(const double v[4]) {
  uint8_t best = 0;
  for (uint8_t k = 1; k < 4; k++)
    if (v[k] > v[best] || isnan(v[k])) best = k;
  return best;
}

static size_t window_at(size_t h, size_t w, size_t width, uint8_t k) {
  return (2 * h + k / 2) * width + 2 * w + k % 2;
}

static void max_forward(void *state, size_t slot, const ins_maps *x, const ins_maps *y) {
  const plan *p = state;
  const size_t width = (size_t)p->in.w, out_h = (size_t)p->out.h, out_w = (size_t)p->out.w;
  uint8_t *chosen = p->chosen ? p->chosen + slot * count(p->out) : NULL;
  for (size_t c = 0; c < (size_t)p->out.c; c++) {
    for (size_t t = 0; t < (size_t)p->out.t; t++) {
      const float *from = x->data + c * x->channel + (p->skip + t) * x->frame;
      float *to = y->data + c * y->channel + t * y->frame;
      for (size_t h = 0; h < out_h; h++) {
        for (size_t w = 0; w < out_w; w++) {
          double v[4];
          for (uint8_t k = 0; k < 4; k++) v[k] = (double)from[window_at(h, w, width, k)];
          const uint8_t k = choose(v);
          *to++ = (float)v[k];
          if (chosen) *chosen++ = k;
        }
      }
    }
  }
}

static void max_backward(void *state, size_t slot, const ins_maps *dy, const ins_maps *dx) {
  const plan *p = state;
  const size_t width = (size_t)p->in.w, out_h = (size_t)p->out.h, out_w = (size_t)p->out.w;
  const uint8_t *chosen = p->chosen + slot * count(p->out);
  clear(p, dx);
  for (size_t c = 0; c < (size_t)p->out.c; c++) {
    for (size_t t = 0; t < (size_t)p->out.t; t++) {
      const float *from = dy->data + c * dy->channel + t * dy->frame;
      float *to = dx->data + c * dx->channel + (p->skip + t) * dx->frame;
      for (size_t h = 0; h < out_h; h++)
        for (size_t w = 0; w < out_w; w++) to[window_at(h, w, width, *chosen++)] = *from++;
    }
  }
}

typedef struct tape {
  ins_size in, out;
  const double *x;
} tape;

static ins_status make_tape(const void *weights, ins_size in, const double *x, ins_arena *arena,
                            tape **out) {
  ins_status status = ins_arena_take(arena, 1, sizeof **out, out);
  if (status == INS_OK) **out = (tape){in, size(weights, in), x};
  return status;
}

/* Where the greatest value of an output element's window stands in x. */
static size_t greatest(const tape *t, size_t element) {
  const size_t out_h = (size_t)t->out.h, out_w = (size_t)t->out.w, width = (size_t)t->in.w;
  const size_t w = element % out_w, h = element / out_w % out_h, plane = element / out_w / out_h;
  const size_t first = plane * (size_t)t->in.h * width;
  double v[4];
  for (uint8_t k = 0; k < 4; k++) v[k] = t->x[first + window_at(h, w, width, k)];
  return first + window_at(h, w, width, choose(v));
}

static ins_status max_reference(const void *weights, ins_size in, const double *x, double *y,
                                ins_arena *arena, void **out) {
  tape *t;
  ins_status status = make_tape(weights, in, x, arena, &t);
  if (status != INS_OK) return status;
  *out = t;
  for (size_t i = 0; i < count(t->out); i++) y[i] = x[greatest(t, i)];
  return INS_OK;
}

static void max_reference_backward(const void *weights, void *tape_of_run, const double *dy,
                                   double *dx) {
  const tape *t = tape_of_run;
  (void)weights;
  memset(dx, 0, count(t->in) * sizeof *dx);
  for (size_t i = 0; i < count(t->out); i++) dx[greatest(t, i)] = dy[i];
}

static const ins_step_ops max_ops = {
    .name = "max_pool",
    .size = size,
    .needs = needs,
    .plan = max_plan,
    .forward = max_forward,
    .backward = max_backward,
    .tight = true,
    .reference = max_reference,
    .reference_backward = max_reference_backward,
};

ins_status ins_chain_add_max_pool(ins_builder *b, ins_chain *chain) {
  static const pool_step step = {{1, 2, 2}};
  return ins_chain_add(b, chain, &max_ops, &step);
}

/* ---- average -------------------------------------------------------------------------------- */

/* Where the window of output pixel (h, w) begins within its frame. */
static size_t corner(const plan *p, size_t h, size_t w) {
  return h * (size_t)(p->kernel[1] * p->in.w) + w * (size_t)p->kernel[2];
}

/* First live input frame of output frame t. */
static size_t first_of(const plan *p, size_t t) {
  return p->skip + t * (size_t)p->kernel[0];
}

static float window_sum(const plan *p, const float *x, size_t x_frame) {
  float sum = 0;
  for (long t = 0; t < p->kernel[0]; t++, x += x_frame)
    for (long h = 0; h < p->kernel[1]; h++)
      for (long w = 0; w < p->kernel[2]; w++) sum += x[h * p->in.w + w];
  return sum;
}

static void window_fill(const plan *p, float value, float *x, size_t x_frame) {
  for (long t = 0; t < p->kernel[0]; t++, x += x_frame)
    for (long h = 0; h < p->kernel[1]; h++)
      for (long w = 0; w < p->kernel[2]; w++) x[h * p->in.w + w] = value;
}

static void mean_forward(void *state, size_t slot, const ins_maps *x, const ins_maps *y) {
  const plan *p = state;
  const float n = (float)(p->kernel[0] * p->kernel[1] * p->kernel[2]);
  (void)slot;
  for (size_t c = 0; c < (size_t)p->out.c; c++) {
    for (size_t t = 0; t < (size_t)p->out.t; t++) {
      const float *from = x->data + c * x->channel + first_of(p, t) * x->frame;
      float *to = y->data + c * y->channel + t * y->frame;
      for (size_t h = 0; h < (size_t)p->out.h; h++)
        for (size_t w = 0; w < (size_t)p->out.w; w++)
          *to++ = window_sum(p, from + corner(p, h, w), x->frame) / n;
    }
  }
}

static void mean_backward(void *state, size_t slot, const ins_maps *dy, const ins_maps *dx) {
  const plan *p = state;
  const float n = (float)(p->kernel[0] * p->kernel[1] * p->kernel[2]);
  (void)slot;
  clear(p, dx);
  for (size_t c = 0; c < (size_t)p->out.c; c++) {
    for (size_t t = 0; t < (size_t)p->out.t; t++) {
      const float *from = dy->data + c * dy->channel + t * dy->frame;
      float *to = dx->data + c * dx->channel + first_of(p, t) * dx->frame;
      for (size_t h = 0; h < (size_t)p->out.h; h++)
        for (size_t w = 0; w < (size_t)p->out.w; w++)
          window_fill(p, *from++ / n, to + corner(p, h, w), dx->frame);
    }
  }
}

/* y gets the means of x, or x an equal share of y. */
static void mean_reference_run(const pool_step *step, const tape *s, double *x, double *y,
                               bool back) {
  const long *kernel = step->kernel;
  const double n = (double)(kernel[0] * kernel[1] * kernel[2]);
  const ins_size used = {s->in.c, s->out.t * kernel[0], s->out.h * kernel[1], s->out.w * kernel[2]};
  for (long c = 0; c < used.c; c++) {
    for (long t = 0; t < used.t; t++) {
      for (long h = 0; h < used.h; h++) {
        for (long w = 0; w < used.w; w++) {
          double *from = &x[((c * s->in.t + t) * s->in.h + h) * s->in.w + w];
          double *to = &y[((c * s->out.t + t / kernel[0]) * s->out.h + h / kernel[1]) * s->out.w +
                          w / kernel[2]];
          if (back)
            *from = *to / n;
          else
            *to += *from / n;
        }
      }
    }
  }
}

static ins_status mean_reference(const void *weights, ins_size in, const double *x, double *y,
                                 ins_arena *arena, void **out) {
  tape *t;
  ins_status status = make_tape(weights, in, x, arena, &t);
  if (status != INS_OK) return status;
  *out = t;
  memset(y, 0, count(t->out) * sizeof *y);
  mean_reference_run(weights, t, (double *)(uintptr_t)x, y, false);
  return INS_OK;
}

static void mean_reference_backward(const void *weights, void *tape_of_run, const double *dy,
                                    double *dx) {
  const tape *t = tape_of_run;
  memset(dx, 0, count(t->in) * sizeof *dx);
  mean_reference_run(weights, t, dx, (double *)(uintptr_t)dy, true);
}

static const ins_step_ops mean_ops = {
    .name = "mean_pool",
    .size = size,
    .needs = needs,
    .plan = plan_create,
    .forward = mean_forward,
    .backward = mean_backward,
    .tight = true,
    .reference = mean_reference,
    .reference_backward = mean_reference_backward,
};

ins_status ins_chain_add_mean_pool(ins_builder *b, ins_chain *chain, const long kernel[3]) {
  pool_step *step;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *step, &step);
  if (status != INS_OK) return status;
  memcpy(step->kernel, kernel, sizeof step->kernel);
  return ins_chain_add(b, chain, &mean_ops, step);
}
