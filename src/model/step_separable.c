/* SPDX-License-Identifier: MIT */
#include "conv_layer.h"

#include <string.h>

#include "kernels/reference.h"
#include "kernels/separable.h"

/* A run of layers of openretina's STSeparableBatchConv3d with norm and ELU, in one step: between
 * them the gradient stays in lanes. */

typedef struct separable_layer {
  ins_layer_info info;
  ins_separable_weights of;
} separable_layer;

typedef struct separable_step {
  int n_layers;
  separable_layer *layers;
  bool ended; /* no layer may follow within this step */
} separable_step;

/* One layer, for the frames that are read of it. */
typedef struct plan_layer {
  ins_separable conv;
  float *scale, *shift; /* [block][lane] */
  ins_maps x;           /* planar input; of the first layer it is given */
  float *slope;         /* [slot][slope_floats] */
  size_t slope_floats;
  float *g, *dy; /* gradient of the activation in lanes (NULL where it is given), and what conv
                    reads */
} plan_layer;

typedef struct plan {
  int n_layers;
  plan_layer *layers;
} plan;

/* ---- geometry ------------------------------------------------------------------------------- */

static ins_size after(const ins_layer_info *layer, ins_size in) {
  return (ins_size){layer->out_channels,
                    in.t + layer->pad_t[0] + layer->pad_t[1] - layer->kernel_t + 1,
                    in.h + layer->pad_h[0] + layer->pad_h[1] - layer->kernel_h + 1,
                    in.w + layer->pad_w[0] + layer->pad_w[1] - layer->kernel_w + 1};
}

/* Of what goes into layer n. */
static ins_size size_at(const separable_step *step, ins_size in, int n) {
  for (int l = 0; l < n; l++) {
    if (in.t < 1 || in.h < 1 || in.w < 1) return (ins_size){0, 0, 0, 0};
    in = after(&step->layers[l].info, in);
  }
  return in;
}

static ins_size size(const void *weights, ins_size in) {
  const separable_step *step = weights;
  return size_at(step, in, step->n_layers);
}

ins_frames ins_layer_needs(const ins_layer_info *layer, long in_t, ins_frames out) {
  long first = out.first - layer->pad_t[0],
       end = out.first + out.n + layer->kernel_t - 1 - layer->pad_t[0];
  if (first < 0) first = 0;
  if (end > in_t) end = in_t;
  if (out.n < 1 || end <= first) return (ins_frames){0, 0};
  return (ins_frames){first, end - first};
}

/* Frames of what goes into layer n that the step's output frames depend on. */
static ins_frames needs_at(const separable_step *step, long in_t, int n, ins_frames out) {
  const ins_size in = {1, in_t, 1L << 30, 1L << 30};
  for (int l = step->n_layers; l-- > n;)
    out = ins_layer_needs(&step->layers[l].info, size_at(step, in, l).t, out);
  return out;
}

static ins_frames needs(const void *weights, long in_t, ins_frames out) {
  return needs_at(weights, in_t, 0, out);
}

ins_conv_shape ins_layer_shape(const ins_layer_info *layer, ins_size in) {
  const ins_size out = after(layer, in);
  return (ins_conv_shape){layer->in_channels, layer->out_channels, layer->kernel_t, layer->kernel_h,
                          layer->kernel_w,    layer->pad_t[0],     layer->pad_h[0], layer->pad_w[0],
                          (int)in.t,          (int)in.h,           (int)in.w,       (int)out.t,
                          (int)out.h,         (int)out.w};
}

ins_conv_shape ins_layer_live_shape(const ins_layer_info *layer, ins_size in, ins_frames live_in,
                                    ins_frames live_out) {
  ins_conv_shape shape = ins_layer_shape(layer, in);
  shape.in_t = (int)live_in.n;
  shape.out_t = (int)live_out.n;
  shape.shift_t = (int)(layer->pad_t[0] + live_in.first - live_out.first);
  return shape;
}

/* ---- making --------------------------------------------------------------------------------- */

static ins_status pad_to_lanes(ins_arena *arena, const float *from, int n, int n_blocks, int lanes,
                               float **out) {
  ins_status status = ins_arena_take(arena, (size_t)(n_blocks * lanes), sizeof **out, out);
  if (status == INS_OK) memcpy(*out, from, (size_t)n * sizeof **out);
  return status;
}

/* `given`: the gradient of the activation comes in lanes from outside. */
static ins_status plan_gradient(ins_arena *arena, size_t n_slots, bool given, plan_layer *layer) {
  const ins_separable *conv = &layer->conv;
  ins_status status =
      ins_arena_take(arena, n_slots * layer->slope_floats, sizeof(float), &layer->slope);
  if (status == INS_OK && !given)
    status = ins_arena_take(arena, layer->slope_floats, sizeof(float), &layer->g);
  layer->dy = layer->g;
  if (status == INS_OK && conv->lanes_are_inputs)
    status = ins_arena_take(arena, ins_separable_dy_floats(conv), sizeof(float), &layer->dy);
  return status;
}

static ins_status plan_layer_create(const ins_separable_weights *weights,
                                    const ins_conv_shape *shape, const ins_step_request *request,
                                    bool last, ins_arena *arena, plan_layer *layer) {
  const ins_kernels *kernels = request->kernels;
  float *memory;
  ins_status status = ins_arena_take(arena, ins_separable_floats(shape, kernels, request->gradient),
                                     sizeof *memory, &memory);
  if (status != INS_OK) return status;
  ins_separable_init(&layer->conv, shape, kernels, request->gradient, weights->wt, weights->ws,
                     memory);
  const int blocks = layer->conv.out_blocks, lanes = kernels->lanes;
  layer->slope_floats = (size_t)blocks * (size_t)shape->out_t * (size_t)shape->out_h *
                        (size_t)shape->out_w * (size_t)lanes;
  status = pad_to_lanes(arena, weights->scale, shape->out_channels, blocks, lanes, &layer->scale);
  if (status == INS_OK)
    status = pad_to_lanes(arena, weights->shift, shape->out_channels, blocks, lanes, &layer->shift);
  if (status == INS_OK && request->gradient)
    status = plan_gradient(arena, request->n_slots, last && request->lanes, layer);
  return status;
}

/* The planar input of a layer: all its live frames, one channel after the other. */
static ins_status plan_input(ins_arena *arena, const ins_conv_shape *shape, ins_maps *x) {
  x->frame = ins_frame_stride((size_t)shape->in_h * (size_t)shape->in_w + INS_TILE_PIXELS);
  x->channel = x->frame * (size_t)shape->in_t;
  return ins_arena_take(arena, x->channel * (size_t)shape->in_channels, sizeof *x->data, &x->data);
}

static ins_status plan_create(const void *weights, const ins_step_request *request,
                              ins_arena *arena, void **out) {
  const separable_step *step = weights;
  plan *p;
  ins_status status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status == INS_OK)
    status = ins_arena_take(arena, (size_t)step->n_layers, sizeof *p->layers, &p->layers);
  if (status != INS_OK) return status;
  *out = p;
  p->n_layers = step->n_layers;
  for (int l = 0; l < step->n_layers && status == INS_OK; l++) {
    const separable_layer *layer = &step->layers[l];
    const ins_frames in =
        l ? needs_at(step, request->in.t, l, request->live_out) : request->live_in;
    const ins_frames to = needs_at(step, request->in.t, l + 1, request->live_out);
    const ins_conv_shape shape =
        ins_layer_live_shape(&layer->info, size_at(step, request->in, l), in, to);
    if (l > 0) status = plan_input(arena, &shape, &p->layers[l].x);
    if (status == INS_OK)
      status = plan_layer_create(&layer->of, &shape, request, l + 1 == step->n_layers, arena,
                                 &p->layers[l]);
  }
  return status;
}

/* ---- running -------------------------------------------------------------------------------- */

static float *slope_of(const plan_layer *layer, size_t slot) {
  return layer->slope ? layer->slope + slot * layer->slope_floats : NULL;
}

/* Lanes, or planar y. */
static void run_forward(const plan *p, size_t slot, const ins_maps *x, const ins_maps *y,
                        float *lanes) {
  for (int l = 0; l < p->n_layers; l++) {
    const plan_layer *layer = &p->layers[l];
    const ins_maps *in = l ? &layer->x : x, *out = l + 1 < p->n_layers ? &layer[1].x : y;
    ins_activation to = {
        .scale = layer->scale, .shift = layer->shift, .slope = slope_of(layer, slot)};
    if (out) {
      to.planar = out->data;
      to.planar_channel = out->channel;
      to.planar_frame = out->frame;
    } else {
      to.lanes = lanes;
    }
    ins_separable_forward(&layer->conv, in->data, in->channel, in->frame, &to);
  }
}

static void forward(void *state, size_t slot, const ins_maps *x, const ins_maps *y) {
  run_forward(state, slot, x, y, NULL);
}

static void forward_lanes(void *state, size_t slot, const ins_maps *x, float *y) {
  run_forward(state, slot, x, NULL, y);
}

static void backward_lanes(void *state, size_t slot, float *g, const ins_maps *dx) {
  const plan *p = state;
  int l = p->n_layers - 1;
  const plan_layer *layer = &p->layers[l];
  float *dy = layer->conv.lanes_are_inputs ? layer->dy : g; /* else it is made in place */
  ins_separable_set_dy(&layer->conv, g, slope_of(layer, slot), dy);
  for (; l > 0; l--, layer--) {
    const plan_layer *below = layer - 1;
    ins_separable_backward_lanes(&layer->conv, dy, slope_of(below, slot), below->g);
    if (below->dy != below->g) ins_separable_set_dy(&below->conv, below->g, NULL, below->dy);
    dy = below->dy;
  }
  ins_separable_backward_planar(&layer->conv, dy, dx->data, dx->channel, dx->frame);
}

static void backward(void *state, size_t slot, const ins_maps *dy, const ins_maps *dx) {
  const plan *p = state;
  const plan_layer *last = &p->layers[p->n_layers - 1];
  const ins_kernels *kernels = last->conv.kernels;
  const ins_conv_shape *s = &last->conv.shape;
  const size_t pixels = (size_t)s->out_h * (size_t)s->out_w;
  float *g = last->g;
  for (int c = 0; c < s->out_channels; c += kernels->lanes) {
    const int left = s->out_channels - c, n = left < kernels->lanes ? left : kernels->lanes;
    for (int t = 0; t < s->out_t; t++, g += pixels * (size_t)kernels->lanes)
      kernels->to_lanes((int)pixels, n, dy->data + (size_t)c * dy->channel + (size_t)t * dy->frame,
                        dy->channel, g);
  }
  backward_lanes(state, slot, last->g, dx);
}

/* ---- reference ------------------------------------------------------------------------------ */

/* What each layer got and what it gave before its nonlinearity. */
typedef struct tape {
  ins_size *in;         /* [n_layers + 1] */
  double **x, **before; /* x[0] is the step's input, x[n_layers] its output */
  double **gradient;    /* of x but the first */
  double *plane;
} tape;

static size_t count(ins_size s) {
  return (size_t)s.c * (size_t)s.t * (size_t)s.h * (size_t)s.w;
}

static ins_status make_tape(const separable_step *step, ins_size in, ins_arena *arena, tape **out) {
  tape *t;
  const size_t n = (size_t)step->n_layers;
  ins_status status = ins_arena_take(arena, 1, sizeof *t, &t);
  if (status == INS_OK) status = ins_arena_take(arena, n + 1, sizeof *t->in, &t->in);
  if (status == INS_OK) status = ins_arena_take(arena, n + 1, sizeof *t->x, (void *)&t->x);
  if (status == INS_OK)
    status = ins_arena_take(arena, n + 1, sizeof *t->before, (void *)&t->before);
  if (status == INS_OK)
    status = ins_arena_take(arena, n + 1, sizeof *t->gradient, (void *)&t->gradient);
  size_t largest = 0;
  for (size_t l = 0; status == INS_OK && l <= n; l++) {
    t->in[l] = size_at(step, in, (int)l);
    const size_t total = count(t->in[l]), plane = (size_t)(t->in[l].h * t->in[l].w);
    if (plane > largest) largest = plane;
    if (l == 0) continue;
    if (l < n) status = ins_arena_take(arena, total, sizeof(double), &t->x[l]);
    if (status == INS_OK) status = ins_arena_take(arena, total, sizeof(double), &t->before[l]);
    if (status == INS_OK) status = ins_arena_take(arena, total, sizeof(double), &t->gradient[l]);
  }
  if (status == INS_OK) status = ins_arena_take(arena, largest, sizeof(double), &t->plane);
  *out = t;
  return status;
}

static ins_status reference(const void *weights, ins_size in, const double *x, double *y,
                            ins_arena *arena, void **out) {
  const separable_step *step = weights;
  tape *t;
  ins_status status = make_tape(step, in, arena, &t);
  if (status != INS_OK) return status;
  *out = t;
  t->x[0] = (double *)(uintptr_t)x; /* read only */
  t->x[step->n_layers] = y;
  for (int l = 0; l < step->n_layers; l++) {
    const ins_separable_weights *layer = &step->layers[l].of;
    const ins_conv_shape shape = ins_layer_shape(&step->layers[l].info, t->in[l]);
    const size_t total = count(t->in[l + 1]), channel = total / (size_t)t->in[l + 1].c;
    double *before = t->before[l + 1];
    ins_reference_separable(&shape, layer->wt, layer->ws, t->x[l], t->plane, before);
    for (size_t k = 0; k < total; k++) {
      const size_t c = k / channel;
      before[k] = (double)layer->scale[c] * before[k] + (double)layer->shift[c];
      t->x[l + 1][k] = ins_reference_elu(before[k]);
    }
  }
  return INS_OK;
}

static void reference_backward(const void *weights, void *tape_of_run, const double *dy,
                               double *dx) {
  const separable_step *step = weights;
  const tape *t = tape_of_run;
  const int n = step->n_layers;
  memcpy(t->gradient[n], dy, count(t->in[n]) * sizeof *dy);
  for (int l = n - 1; l >= 0; l--) {
    const ins_separable_weights *layer = &step->layers[l].of;
    const ins_conv_shape shape = ins_layer_shape(&step->layers[l].info, t->in[l]);
    const size_t total = count(t->in[l + 1]), channel = total / (size_t)t->in[l + 1].c;
    double *g = t->gradient[l + 1];
    for (size_t k = 0; k < total; k++)
      g[k] *= ins_reference_elu_slope(t->before[l + 1][k]) * (double)layer->scale[k / channel];
    ins_reference_separable_backward(&shape, layer->wt, layer->ws, g, t->plane,
                                     l ? t->gradient[l] : dx);
  }
}

static const ins_step_ops ops = {
    .name = "custom_separable",
    .size = size,
    .needs = needs,
    .plan = plan_create,
    .forward = forward,
    .backward = backward,
    .forward_lanes = forward_lanes,
    .backward_lanes = backward_lanes,
    .tight = true,
    .reference = reference,
    .reference_backward = reference_backward,
};

/* ---- building ------------------------------------------------------------------------------- */

static ins_status append(ins_builder *b, separable_step *step, const ins_layer_info *info,
                         const ins_separable_weights *weights) {
  const size_t n = (size_t)step->n_layers;
  if ((n & (n - 1)) == 0) { /* room for 1, 2, 4, ... layers */
    separable_layer *layers;
    ins_status status = ins_arena_take(b->arena, n ? 2 * n : 1, sizeof *layers, &layers);
    if (status != INS_OK) return status;
    if (n) memcpy(layers, step->layers, n * sizeof *layers);
    step->layers = layers;
  }
  step->layers[step->n_layers++] = (separable_layer){*info, *weights};
  return INS_OK;
}

ins_status ins_chain_add_separable(ins_builder *b, ins_chain *chain, const ins_layer_info *info,
                                   const ins_separable_weights *weights, bool ends) {
  const ins_step *last = chain->n_steps ? &chain->steps[chain->n_steps - 1] : NULL;
  separable_step *step = NULL;
  ins_status status = INS_OK;
  if (last && last->ops == &ops) step = (separable_step *)(uintptr_t)last->weights;
  if (!step || step->ended) {
    status = ins_arena_take(b->arena, 1, sizeof *step, &step);
    if (status == INS_OK) status = ins_chain_add(b, chain, &ops, step);
  }
  if (status == INS_OK) status = append(b, step, info, weights);
  if (status == INS_OK) step->ended = ends;
  return status;
}
