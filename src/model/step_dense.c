/* SPDX-License-Identifier: MIT */
#include "conv_layer.h"
#include "kernels/dense.h"
#include "kernels/reference.h"

/* A plain convolution with zero padding. */
typedef struct dense_step {
  ins_layer_info info;
  int groups;
  const float *w; /* [o,i / groups,k,a,b] */
} dense_step;

static ins_size size(const void *weights, ins_size in) {
  const ins_layer_info *info = &((const dense_step *)weights)->info;
  return (ins_size){info->out_channels, in.t + info->pad_t[0] + info->pad_t[1] - info->kernel_t + 1,
                    in.h + info->pad_h[0] + info->pad_h[1] - info->kernel_h + 1,
                    in.w + info->pad_w[0] + info->pad_w[1] - info->kernel_w + 1};
}

static ins_frames needs(const void *weights, long in_t, ins_frames out) {
  return ins_layer_needs(&((const dense_step *)weights)->info, in_t, out);
}

static ins_status plan_create(const void *weights, const ins_step_request *request,
                              ins_arena *arena, void **out) {
  const dense_step *step = weights;
  const ins_conv_shape shape =
      ins_layer_live_shape(&step->info, request->in, request->live_in, request->live_out);
  ins_dense *conv;
  float *memory;
  ins_status status = ins_arena_take(arena, 1, sizeof *conv, &conv);
  if (status == INS_OK)
    status = ins_arena_take(
        arena, ins_dense_floats(&shape, step->groups, request->kernels, request->gradient),
        sizeof *memory, &memory);
  if (status == INS_OK)
    ins_dense_init(conv, &shape, step->groups, request->kernels, request->gradient, step->w,
                   memory);
  *out = conv;
  return status;
}

static void forward(void *plan, size_t slot, const ins_maps *x, const ins_maps *y) {
  (void)slot;
  ins_dense_forward(plan, x->data, x->channel, x->frame, y->data, y->channel, y->frame);
}

static void backward(void *plan, size_t slot, const ins_maps *dy, const ins_maps *dx) {
  (void)slot;
  ins_dense_backward(plan, dy->data, dy->channel, dy->frame, dx->data, dx->channel, dx->frame);
}

/* ---- reference ------------------------------------------------------------------------------ */

/* The tape is the size of the input. */
static ins_status reference(const void *weights, ins_size in, const double *x, double *y,
                            ins_arena *arena, void **tape) {
  ins_size *kept;
  ins_status status = ins_arena_take(arena, 1, sizeof *kept, &kept);
  if (status != INS_OK) return status;
  const dense_step *step = weights;
  const ins_conv_shape shape = ins_layer_shape(&step->info, in);
  *kept = in;
  *tape = kept;
  ins_reference_dense(&shape, step->groups, step->w, x, y);
  return INS_OK;
}

static void reference_backward(const void *weights, void *tape, const double *dy, double *dx) {
  const dense_step *step = weights;
  const ins_conv_shape shape = ins_layer_shape(&step->info, *(const ins_size *)tape);
  ins_reference_dense_backward(&shape, step->groups, step->w, dy, dx);
}

static const ins_step_ops ops = {
    .name = "convolution",
    .size = size,
    .needs = needs,
    .plan = plan_create,
    .forward = forward,
    .backward = backward,
    .tight = true,
    .reference = reference,
    .reference_backward = reference_backward,
};

ins_status ins_chain_add_grouped(ins_builder *b, ins_chain *chain, const ins_layer_info *info,
                                 int groups, const float *w) {
  dense_step *step;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *step, &step);
  if (status != INS_OK) return status;
  *step = (dense_step){*info, groups, w};
  return ins_chain_add(b, chain, &ops, step);
}

ins_status ins_chain_add_dense(ins_builder *b, ins_chain *chain, const ins_layer_info *info,
                               const float *w) {
  return ins_chain_add_grouped(b, chain, info, 1, w);
}
