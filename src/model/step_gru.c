/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "kernels/dense.h"
#include "step_gru.h"

ins_size ins_gru_size(const void *weights, ins_size in) {
  const ins_gru *gru = &((const gru_step *)weights)->gru;
  const long lost = gru->pad_input ? 0 : gru->input_kernel - 1;
  return (ins_size){gru->channels, in.t, in.h - lost, in.w - lost};
}

static ins_frames needs(const void *weights, long in_t, ins_frames out) {
  (void)weights;
  (void)in_t;
  return (ins_frames){0, out.first + out.n};
}

ins_conv_shape ins_gru_input_shape(const ins_gru *gru, ins_size in, ins_size out, long n) {
  const int k = (int)gru->input_kernel, pad = gru->pad_input ? k / 2 : 0;
  return (ins_conv_shape){.in_channels = (int)gru->in_channels,
                          .out_channels = N_GATES * (int)gru->channels,
                          .kernel_t = 1,
                          .kernel_h = k,
                          .kernel_w = k,
                          .pad_h = pad,
                          .pad_w = pad,
                          .in_t = (int)n,
                          .in_h = (int)in.h,
                          .in_w = (int)in.w,
                          .out_t = (int)n,
                          .out_h = (int)out.h,
                          .out_w = (int)out.w};
}

ins_conv_shape ins_gru_state_shape(const ins_gru *gru, ins_size out, int n_gates) {
  const int k = (int)gru->kernel;
  return (ins_conv_shape){.in_channels = (int)gru->channels,
                          .out_channels = n_gates * (int)gru->channels,
                          .kernel_t = 1,
                          .kernel_h = k,
                          .kernel_w = k,
                          .pad_h = k / 2,
                          .pad_w = k / 2,
                          .in_t = 1,
                          .in_h = (int)out.h,
                          .in_w = (int)out.w,
                          .out_t = 1,
                          .out_h = (int)out.h,
                          .out_w = (int)out.w};
}

/* ---- plan ----------------------------------------------------------------------------------- */

typedef struct gru_plan {
  const gru_step *step;
  const ins_kernels *kernels;
  ins_dense input, gates, candidate;
  ins_frames read; /* frames of y */
  size_t n, n_in;  /* frames that are run; of x */
  size_t in_plane, plane;
  size_t group;            /* floats of one gate of one group in a block */
  size_t block, state;     /* floats of a frame's gates, of its state */
  bool kept;               /* each slot has its own */
  float *blocks, *states;  /* [slot][t][...] */
  float *sums;             /* of gates over the state, or their gradients [two gates] */
  float *reset_state;      /* reset * state, or its gradient */
  float *dblocks, *dstate; /* [t][block]; [state] */
} gru_plan;

static ins_status take_dense(ins_arena *arena, const ins_conv_shape *shape, long groups,
                             const ins_step_request *request, const float *w, ins_dense *out) {
  float *memory;
  ins_status status = ins_arena_take(
      arena, ins_dense_floats(shape, (int)groups, request->kernels, request->gradient),
      sizeof *memory, &memory);
  if (status == INS_OK)
    ins_dense_init(out, shape, (int)groups, request->kernels, request->gradient, w, memory);
  return status;
}

static ins_status take_convolutions(gru_plan *p, const ins_step_request *request,
                                    ins_arena *arena) {
  const ins_gru *gru = &p->step->gru;
  const ins_conv_shape input = ins_gru_input_shape(gru, request->in, request->out, (long)p->n),
                       gates = ins_gru_state_shape(gru, request->out, 2),
                       candidate = ins_gru_state_shape(gru, request->out, 1);
  ins_status status = take_dense(arena, &input, gru->groups, request, p->step->w_input, &p->input);
  if (status == INS_OK)
    status = take_dense(arena, &gates, gru->groups, request, p->step->w_gates, &p->gates);
  if (status == INS_OK)
    status =
        take_dense(arena, &candidate, gru->groups, request, p->step->w_candidate, &p->candidate);
  return status;
}

static ins_status plan_create(const void *weights, const ins_step_request *request,
                              ins_arena *arena, void **out) {
  const gru_step *step = weights;
  gru_plan *p;
  ins_status status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status != INS_OK) return status;
  *p = (gru_plan){.step = step,
                  .kernels = request->kernels,
                  .read = request->live_out,
                  .n = (size_t)(request->live_out.first + request->live_out.n),
                  .n_in = (size_t)request->live_in.n,
                  .in_plane = (size_t)request->in.h * (size_t)request->in.w,
                  .plane = (size_t)request->out.h * (size_t)request->out.w,
                  .kept = request->gradient};
  p->state = (size_t)step->gru.channels * p->plane;
  p->block = N_GATES * p->state;
  p->group = p->state / (size_t)step->gru.groups;
  const size_t n_kept = p->kept ? request->n_slots : 1;
  status = take_convolutions(p, request, arena);
  if (status == INS_OK)
    status = ins_arena_take(arena, n_kept * p->n * p->block, sizeof(float), &p->blocks);
  if (status == INS_OK)
    status = ins_arena_take(arena, n_kept * p->n * p->state, sizeof(float), &p->states);
  if (status == INS_OK) status = ins_arena_take(arena, 2 * p->state, sizeof(float), &p->sums);
  if (status == INS_OK) status = ins_arena_take(arena, p->state, sizeof(float), &p->reset_state);
  if (status == INS_OK && p->kept)
    status = ins_arena_take(arena, p->n * p->block, sizeof(float), &p->dblocks);
  if (status == INS_OK && p->kept)
    status = ins_arena_take(arena, p->state, sizeof(float), &p->dstate);
  *out = p;
  return status;
}

/* ---- forward -------------------------------------------------------------------------------- */

static void add(size_t n, float *to, const float *more) {
  for (size_t i = 0; i < n; i++) to[i] += more[i];
}

static void add_bias(const gru_plan *p, float *block) {
  const size_t n = N_GATES * (size_t)p->step->gru.channels;
  for (size_t c = 0; c < n; c++, block += p->plane) {
    for (size_t i = 0; i < p->plane; i++) block[i] += p->step->bias[c];
  }
}

/* Update and reset gates of one group, and reset * state. */
static void open_gates(const gru_plan *p, float *gates, const float *sums, const float *before,
                       float *reset_state) {
  if (before) add(2 * p->group, gates, sums);
  p->kernels->nonlinear(INS_SIGMOID, 2 * p->group, gates, gates, NULL);
  const float *reset = gates + RESET * p->group;
  for (size_t i = 0; before && i < p->group; i++) reset_state[i] = reset[i] * before[i];
}

/* The candidate of one group, and the new state. */
static void renew_state(const gru_plan *p, float *gates, const float *sums, const float *before,
                        float *state) {
  const float *update = gates + UPDATE * p->group;
  float *candidate = gates + CANDIDATE * p->group;
  if (before) add(p->group, candidate, sums);
  p->kernels->nonlinear(INS_TANH, p->group, candidate, candidate, NULL);
  for (size_t i = 0; i < p->group; i++) {
    const float old = before ? before[i] * (1 - update[i]) : 0;
    state[i] = old + candidate[i] * update[i];
  }
}

/* One frame, from the state before it (NULL: the first frame). */
static void forward_frame(const gru_plan *p, float *block, const float *before, float *state) {
  const size_t n_groups = (size_t)p->step->gru.groups, plane = p->plane;
  add_bias(p, block);
  if (before) ins_dense_forward(&p->gates, before, plane, 0, p->sums, plane, 0);
  for (size_t g = 0; g < n_groups; g++) {
    const size_t at = g * p->group;
    open_gates(p, block + N_GATES * at, p->sums + 2 * at, before ? before + at : NULL,
               p->reset_state + at);
  }
  if (before) ins_dense_forward(&p->candidate, p->reset_state, plane, 0, p->sums, plane, 0);
  for (size_t g = 0; g < n_groups; g++) {
    const size_t at = g * p->group;
    renew_state(p, block + N_GATES * at, p->sums + at, before ? before + at : NULL, state + at);
  }
}

static void forward(void *plan, size_t slot, const ins_maps *x, const ins_maps *y) {
  const gru_plan *p = plan;
  if (!p->kept) slot = 0;
  float *block = p->blocks + slot * p->n * p->block, *state = p->states + slot * p->n * p->state;
  ins_dense_forward(&p->input, x->data, x->channel, x->frame, block, p->plane, p->block);
  for (size_t t = 0; t < p->n; t++, block += p->block, state += p->state) {
    forward_frame(p, block, t ? state - p->state : NULL, state);
    if (t < (size_t)p->read.first) continue;
    float *to = y->data + (t - (size_t)p->read.first) * y->frame;
    for (size_t c = 0; c < (size_t)p->step->gru.channels; c++)
      memcpy(to + c * y->channel, state + c * p->plane, p->plane * sizeof *to);
  }
}

/* ---- backward ------------------------------------------------------------------------------- */

/* Gradients of one group's update gate and candidate (before their nonlinearities) from that of the
 * state, which becomes that of the state before. */
static void close_state(const gru_plan *p, const float *gates, const float *before, float *dgates,
                        float *dstate) {
  const float *update = gates + UPDATE * p->group, *candidate = gates + CANDIDATE * p->group;
  float *dupdate = dgates + UPDATE * p->group, *dcandidate = dgates + CANDIDATE * p->group;
  for (size_t i = 0; i < p->group; i++) {
    const float u = update[i], c = candidate[i], d = dstate[i];
    const float old = before ? before[i] : 0;
    dupdate[i] = d * (c - old) * (u * (1 - u));
    dcandidate[i] = d * u * (1 - c * c);
    dstate[i] = d * (1 - u);
  }
}

/* The same of the reset gate, from the gradient of reset * state. */
static void close_reset(const gru_plan *p, const float *gates, const float *before,
                        const float *dreset_state, float *dgates, float *dstate) {
  const float *reset = gates + RESET * p->group;
  float *dreset = dgates + RESET * p->group;
  for (size_t i = 0; i < p->group; i++) {
    const float r = reset[i], d = dreset_state[i];
    dreset[i] = d * before[i] * (r * (1 - r));
    dstate[i] += d * r;
  }
}

/* Copies n floats of every group of a block to or from a smaller array of its own. */
static void gather(const gru_plan *p, const float *block, size_t n, float *to) {
  for (size_t g = 0; g < (size_t)p->step->gru.groups; g++)
    memcpy(to + g * n, block + g * N_GATES * p->group, n * sizeof *to);
}

/* One frame: dstate, the gradient of its state, becomes that of the state before. */
static void backward_frame(const gru_plan *p, const float *block, const float *before,
                           float *dblock) {
  const size_t n_groups = (size_t)p->step->gru.groups, plane = p->plane;
  for (size_t g = 0; g < n_groups; g++) {
    const size_t at = g * p->group;
    close_state(p, block + N_GATES * at, before ? before + at : NULL, dblock + N_GATES * at,
                p->dstate + at);
  }
  if (!before) { /* no state came through the reset gate */
    for (size_t g = 0; g < n_groups; g++)
      memset(dblock + (N_GATES * g + RESET) * p->group, 0, p->group * sizeof *dblock);
    return;
  }
  gather(p, dblock + CANDIDATE * p->group, p->group, p->sums);
  ins_dense_backward(&p->candidate, p->sums, plane, 0, p->reset_state, plane, 0);
  for (size_t g = 0; g < n_groups; g++) {
    const size_t at = g * p->group;
    close_reset(p, block + N_GATES * at, before + at, p->reset_state + at, dblock + N_GATES * at,
                p->dstate + at);
  }
  gather(p, dblock, 2 * p->group, p->sums);
  ins_dense_backward(&p->gates, p->sums, plane, 0, p->reset_state, plane, 0);
  add(p->state, p->dstate, p->reset_state);
}

static void add_read(const gru_plan *p, const float *dy, size_t dy_channel) {
  for (size_t c = 0; c < (size_t)p->step->gru.channels; c++)
    add(p->plane, p->dstate + c * p->plane, dy + c * dy_channel);
}

static void backward(void *plan, size_t slot, const ins_maps *dy, const ins_maps *dx) {
  const gru_plan *p = plan;
  const float *blocks = p->blocks + slot * p->n * p->block,
              *states = p->states + slot * p->n * p->state;
  memset(p->dstate, 0, p->state * sizeof *p->dstate);
  for (size_t t = p->n; t-- > 0;) {
    if (t >= (size_t)p->read.first)
      add_read(p, dy->data + (t - (size_t)p->read.first) * dy->frame, dy->channel);
    backward_frame(p, blocks + t * p->block, t ? states + (t - 1) * p->state : NULL,
                   p->dblocks + t * p->block);
  }
  ins_dense_backward(&p->input, p->dblocks, p->plane, p->block, dx->data, dx->channel, dx->frame);
  for (size_t t = p->n; t < p->n_in; t++) { /* frames that come after all that are read */
    for (size_t c = 0; c < (size_t)p->step->gru.in_channels; c++)
      memset(dx->data + c * dx->channel + t * dx->frame, 0, p->in_plane * sizeof *dx->data);
  }
}

static const ins_step_ops ops = {
    .name = "conv_gru",
    .size = ins_gru_size,
    .needs = needs,
    .plan = plan_create,
    .forward = forward,
    .backward = backward,
    .tight = true,
    .reference = ins_gru_reference,
    .reference_backward = ins_gru_reference_backward,
};

/* ---- parameters ----------------------------------------------------------------------------- */

static ins_status check(const ins_gru *gru) {
  if (gru->kernel % 2 == 0)
    return ins_fail(INS_ERR_SHAPE,
                    "the recurrent kernel of the GRU (core.gru.rec_kern) is %ld wide; it must be "
                    "odd, or the state would grow from frame to frame",
                    gru->kernel);
  if (gru->pad_input && gru->input_kernel % 2 == 0)
    return ins_fail(INS_ERR_SHAPE,
                    "the input kernel of the GRU (core.gru.input_kern) is %ld wide; with "
                    "core.gru.pad_input it must be odd, or input and state would differ in size",
                    gru->input_kernel);
  if (gru->in_channels % gru->groups || gru->channels % gru->groups)
    return ins_fail(INS_ERR_SHAPE,
                    "core.gru.groups is %ld, which does not divide both the %ld channels that "
                    "reach the GRU and its own %ld",
                    gru->groups, gru->in_channels, gru->channels);
  return INS_OK;
}

/* Weight and bias of one of the six convolutions, to its places among n_gates gates; biases add up.
 */
static ins_status take_gate(ins_builder *b, gru_step *step, const char *gate, size_t index,
                            bool of_input, size_t n_gates, float *w) {
  static const size_t first[] = {UPDATE, RESET, CANDIDATE};
  const ins_gru *gru = &step->gru;
  const size_t channels = (size_t)gru->channels,
               kernel = (size_t)(of_input ? gru->input_kernel : gru->kernel);
  const size_t shape[4] = {channels,
                           (size_t)((of_input ? gru->in_channels : gru->channels) / gru->groups),
                           kernel, kernel};
  const size_t n = shape[1] * kernel * kernel;
  char name[128];
  float *weight, *bias;
  snprintf(name, sizeof name, "core.features.gru.gru.%s_gate_%s.weight", gate,
           of_input ? "input" : "hidden");
  ins_status status = ins_builder_take(b, name, true, 4, shape, &weight);
  memcpy(strrchr(name, '.'), ".bias", sizeof ".bias");
  if (status == INS_OK) status = ins_builder_take(b, name, true, 1, shape, &bias);
  for (size_t c = 0; c < channels && status == INS_OK; c++) {
    memcpy(w + ins_gru_place(gru, n_gates, n_gates > 1 ? index : 0, c) * n, weight + c * n,
           n * sizeof *w);
    step->bias[ins_gru_place(gru, N_GATES, first[index], c)] += bias[c];
  }
  return status;
}

static ins_status take_weights(ins_builder *b, gru_step *step) {
  static const char *const names[] = {[UPDATE] = "update", [RESET] = "reset", [CANDIDATE] = "out"};
  const ins_gru *gru = &step->gru;
  const size_t channels = (size_t)gru->channels,
               over_x = channels * (size_t)(gru->in_channels / gru->groups) *
                        (size_t)(gru->input_kernel * gru->input_kernel),
               over_state = channels * (size_t)(gru->channels / gru->groups) *
                            (size_t)(gru->kernel * gru->kernel);
  ins_status status = ins_arena_take(b->arena, N_GATES * over_x, sizeof(float), &step->w_input);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, 2 * over_state, sizeof(float), &step->w_gates);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, over_state, sizeof(float), &step->w_candidate);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, N_GATES * channels, sizeof(float), &step->bias);
  for (size_t gate = 0; gate < N_GATES && status == INS_OK; gate++) {
    status = take_gate(b, step, names[gate], gate, true, N_GATES, step->w_input);
    if (status != INS_OK) break;
    if (gate == CANDIDATE)
      status = take_gate(b, step, names[gate], gate, false, 1, step->w_candidate);
    else
      status = take_gate(b, step, names[gate], gate, false, 2, step->w_gates);
  }
  return status;
}

ins_status ins_chain_add_gru(ins_builder *b, ins_chain *chain, const ins_gru *gru) {
  gru_step *step;
  ins_status status = check(gru);
  if (status == INS_OK) status = ins_arena_take(b->arena, 1, sizeof *step, &step);
  if (status != INS_OK) return status;
  step->gru = *gru;
  status = take_weights(b, step);
  return status == INS_OK ? ins_chain_add(b, chain, &ops, step) : status;
}
