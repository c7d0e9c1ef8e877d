/* SPDX-License-Identifier: MIT */
#include "core_simple.h"
#include "kernels/separable.h"

#include <string.h>

/* One layer, for the frames that are read of it. */
typedef struct plan_layer {
  ins_separable conv;
  float *scale, *shift; /* [block][lane] */
  float *x;             /* planar input, strides below */
  size_t x_channel, x_frame;
  float *slope; /* [slot][slope_floats] */
  size_t slope_floats;
  float *g,
      *dy; /* gradient of the activation in lanes (NULL in the last layer), and what conv reads */
} plan_layer;

typedef struct plan {
  int n_layers;
  plan_layer *layers;
  size_t n_channels, n_frames, pixels; /* of the stimulus */
  size_t first, n_live;                /* its frames */
} plan;

/* Frames [first, first + n) of something. */
typedef struct frames {
  long first, n;
} frames;

/* Input frames that the output frames depend on. */
static frames frames_below(const ins_layer_info *layer, frames out, long in_frames) {
  long first = out.first - layer->pad_t[0],
       end = out.first + out.n + layer->kernel_t - 1 - layer->pad_t[0];
  if (first < 0) first = 0;
  if (end > in_frames) end = in_frames;
  if (out.n < 1 || end <= first) return (frames){0, 0};
  return (frames){first, end - first};
}

/* The convolution between live frames. */
static ins_conv_shape live_shape(const ins_layer_info *layer, ins_extent in, frames below,
                                 frames out) {
  ins_conv_shape shape = ins_simple_shape(layer, in);
  shape.in_t = (int)below.n;
  shape.out_t = (int)out.n;
  shape.shift_t = (int)(layer->pad_t[0] + below.first - out.first);
  return shape;
}

/* ---- making --------------------------------------------------------------------------------- */

static ins_status pad_to_lanes(ins_arena *arena, const float *from, int n, int n_blocks, int lanes,
                               float **out) {
  ins_status status = ins_arena_take(arena, (size_t)(n_blocks * lanes), sizeof **out, out);
  if (status == INS_OK) memcpy(*out, from, (size_t)n * sizeof **out);
  return status;
}

static ins_status plan_gradient(ins_arena *arena, size_t n_slots, bool last, plan_layer *layer) {
  const ins_separable *conv = &layer->conv;
  ins_status status =
      ins_arena_take(arena, n_slots * layer->slope_floats, sizeof(float), &layer->slope);
  if (status == INS_OK && !last)
    status = ins_arena_take(arena, layer->slope_floats, sizeof(float), &layer->g);
  layer->dy = layer->g;
  if (status == INS_OK && conv->lanes_are_inputs)
    status = ins_arena_take(arena, ins_separable_dy_floats(conv), sizeof(float), &layer->dy);
  return status;
}

static ins_status plan_layer_create(const ins_simple_layer *weights, const ins_conv_shape *shape,
                                    const ins_core_request *request, bool last, ins_arena *arena,
                                    plan_layer *layer) {
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
    status = plan_gradient(arena, request->n_slots, last, layer);
  return status;
}

/* The planar input of a layer: all its live frames, one channel after the other. */
static ins_status plan_input(ins_arena *arena, const ins_conv_shape *shape, plan_layer *layer) {
  layer->x_frame = ins_frame_stride((size_t)shape->in_h * (size_t)shape->in_w + INS_TILE_PIXELS);
  layer->x_channel = layer->x_frame * (size_t)shape->in_t;
  return ins_arena_take(arena, layer->x_channel * (size_t)shape->in_channels, sizeof *layer->x,
                        &layer->x);
}

/* Sizes of what goes into each layer, and the frames that are read of it; [n_layers] is the core's.
 */
static void find_live(const ins_simple_core *core, const ins_core_request *request, ins_extent *in,
                      frames *live) {
  const int n = core->n_layers;
  in[0] = request->in;
  for (int l = 0; l < n; l++) in[l + 1] = ins_simple_after(&core->info[l], in[l]);
  live[n] = (frames){request->first + core->cut, request->n_read};
  for (int l = n; l-- > 0;) live[l] = frames_below(&core->info[l], live[l + 1], in[l].t);
}

ins_status ins_simple_plan(const void *state, const ins_core_request *request, ins_arena *arena,
                           void **out) {
  const ins_simple_core *core = state;
  ins_extent *in;
  frames *live;
  plan *p;
  const size_t n = (size_t)core->n_layers;
  ins_status status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status == INS_OK) status = ins_arena_take(arena, n, sizeof *p->layers, &p->layers);
  if (status == INS_OK) status = ins_arena_take(arena, n + 1, sizeof *in, &in);
  if (status == INS_OK) status = ins_arena_take(arena, n + 1, sizeof *live, &live);
  if (status != INS_OK) return status;
  find_live(core, request, in, live);
  p->n_layers = core->n_layers;
  p->n_channels = (size_t)core->info[0].in_channels;
  p->n_frames = (size_t)request->in.t;
  p->pixels = (size_t)(request->in.h * request->in.w);
  p->first = (size_t)live[0].first;
  p->n_live = (size_t)live[0].n;
  for (size_t l = 0; l < n && status == INS_OK; l++) {
    const ins_conv_shape shape = live_shape(&core->info[l], in[l], live[l], live[l + 1]);
    status = plan_input(arena, &shape, &p->layers[l]);
    if (status == INS_OK)
      status =
          plan_layer_create(&core->layers[l], &shape, request, l + 1 == n, arena, &p->layers[l]);
  }
  *out = p;
  return status;
}

void ins_simple_live(const void *state, size_t *first, size_t *n) {
  const plan *p = state;
  *first = p->first;
  *n = p->n_live;
}

/* ---- running -------------------------------------------------------------------------------- */

static void copy_live_frames(const plan *p, const float *x) {
  const plan_layer *layer = &p->layers[0];
  for (size_t c = 0; c < p->n_channels; c++) {
    for (size_t t = 0; t < p->n_live; t++)
      memcpy(layer->x + c * layer->x_channel + t * layer->x_frame,
             x + (c * p->n_frames + p->first + t) * p->pixels, p->pixels * sizeof *x);
  }
}

static float *slope_of(const plan_layer *layer, size_t slot) {
  return layer->slope ? layer->slope + slot * layer->slope_floats : NULL;
}

void ins_simple_forward(void *state, size_t slot, const float *x, const ins_features *features) {
  const plan *p = state;
  copy_live_frames(p, x);
  for (int l = 0; l < p->n_layers; l++) {
    const plan_layer *layer = &p->layers[l];
    ins_activation to = {
        .scale = layer->scale, .shift = layer->shift, .slope = slope_of(layer, slot)};
    if (l + 1 == p->n_layers) {
      to.lanes = features->lanes;
    } else {
      to.planar = layer[1].x;
      to.planar_channel = layer[1].x_channel;
      to.planar_frame = layer[1].x_frame;
    }
    ins_separable_forward(&layer->conv, layer->x, layer->x_channel, layer->x_frame, &to);
  }
}

static void clear_dead_frames(const plan *p, float *dx) {
  for (size_t c = 0; c < p->n_channels; c++) {
    float *channel = dx + c * p->n_frames * p->pixels;
    memset(channel, 0, p->first * p->pixels * sizeof *dx);
    memset(channel + (p->first + p->n_live) * p->pixels, 0,
           (p->n_frames - p->first - p->n_live) * p->pixels * sizeof *dx);
  }
}

void ins_simple_backward(void *state, size_t slot, const ins_features *dfeatures, float *dx) {
  const plan *p = state;
  int l = p->n_layers - 1;
  const plan_layer *layer = &p->layers[l];
  float *dy = layer->dy ? layer->dy : dfeatures->lanes; /* without planar dy it is made in place */
  ins_separable_set_dy(&layer->conv, dfeatures->lanes, slope_of(layer, slot), dy);
  for (; l > 0; l--, layer--) {
    const plan_layer *below = layer - 1;
    ins_separable_backward_lanes(&layer->conv, dy, slope_of(below, slot), below->g);
    if (below->dy != below->g) ins_separable_set_dy(&below->conv, below->g, NULL, below->dy);
    dy = below->dy;
  }
  clear_dead_frames(p, dx);
  ins_separable_backward_planar(&layer->conv, dy, dx + p->first * p->pixels,
                                p->n_frames * p->pixels, p->pixels);
}
