/* SPDX-License-Identifier: MIT */
#include "conv_layer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LAYERS = 64, MOST_KERNEL = 1024, MOST_CHANNELS = 1 << 14, NAME = 128 };

/* ---- settings ------------------------------------------------------------------------------- */

static ins_status read_convolution(const ins_builder *b, ins_convolution *out) {
  static const char *const names[] = {[INS_CUSTOM_SEPARABLE] = "custom_separable",
                                      [INS_SEPARABLE] = "separable",
                                      [INS_FULL] = "full",
                                      [INS_TIME_INDEPENDENT] = "time_independent"};
  const char *name =
      ins_value_text_or(ins_value_at(b->architecture, "core.convolution"), "custom_separable");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(name, names[i]) == 0) {
      *out = (ins_convolution)i;
      return INS_OK;
    }
  }
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "insilico knows no convolutions of type '%s' (core.convolution), only "
                  "custom_separable, separable, full and time_independent",
                  name);
}

ins_status ins_conv_layers_read(ins_builder *b, ins_conv_layer **out, size_t *n_layers) {
  long channels[MOST_LAYERS + 1], time[MOST_LAYERS], space[MOST_LAYERS];
  const size_t n = ins_value_count(ins_value_at(b->architecture, "core.temporal_kernel_sizes"));
  ins_convolution convolution = INS_CUSTOM_SEPARABLE;
  ins_conv_layer *layers = NULL;
  if (n < 1 || n > MOST_LAYERS)
    return ins_fail(INS_ERR_FORMAT,
                    "core.temporal_kernel_sizes of the architecture must list 1 to %d "
                    "kernels, one a layer",
                    MOST_LAYERS);
  ins_status status = ins_builder_ints(b, "core.temporal_kernel_sizes", n, 1, MOST_KERNEL, time);
  if (status == INS_OK)
    status = ins_builder_ints(b, "core.spatial_kernel_sizes", n, 1, MOST_KERNEL, space);
  if (status == INS_OK)
    status = ins_builder_ints(b, "core.channels", n + 1, 1, MOST_CHANNELS, channels);
  if (status == INS_OK) status = read_convolution(b, &convolution);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof *layers, &layers);
  for (size_t l = 0; l < n && status == INS_OK; l++) {
    layers[l] = (ins_conv_layer){.convolution = convolution,
                                 .in_channels = channels[l],
                                 .out_channels = channels[l + 1],
                                 .kernel_t = time[l],
                                 .kernel_h = space[l],
                                 .kernel_w = space[l]};
    snprintf(layers[l].name, sizeof layers[l].name, "core.features.layer%zu", l);
  }
  *out = layers;
  *n_layers = n;
  return status;
}

ins_status ins_conv_layers_check_channels(const ins_builder *b, long channels) {
  if (channels == b->in[0]) return INS_OK;
  return ins_fail(INS_ERR_SHAPE,
                  "the core takes %ld channels (core.channels), but the stimulus has "
                  "%ld (in_shape)",
                  channels, b->in[0]);
}

ins_norm ins_norm_read(const ins_builder *b) {
  const bool norm = ins_value_bool_or(ins_value_at(b->architecture, "core.batch_norm"), true);
  const bool scale =
      ins_value_bool_or(ins_value_at(b->architecture, "core.batch_norm_scale"), true);
  const bool bias = ins_value_bool_or(ins_value_at(b->architecture, "core.bias"), true);
  return (ins_norm){.batch_norm = norm,
                    .affine = norm && bias && scale,
                    .bias = norm && bias && !scale,
                    .scale = norm && scale && !bias};
}

static const char *nonlinearity_name(const ins_builder *b) {
  return ins_value_text_or(ins_value_at(b->architecture, "core.nonlinearity"), "ELU");
}

ins_status ins_nonlinearity_read(const ins_builder *b, ins_nonlinearity *out) {
  const char *name = nonlinearity_name(b);
  *out = INS_LEAKY_RELU;
  if (strcmp(name, "PReLU") == 0 || ins_nonlinearity_find(name, out)) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "insilico cannot compute the nonlinearity '%s' (core.nonlinearity)", name);
}

/* ---- geometry ------------------------------------------------------------------------------- */

static void pad(const ins_padding *padding, int d, int kernel, int out[2]) {
  if (padding->same) {
    out[0] = (kernel - 1) / 2;
    out[1] = kernel - 1 - out[0]; /* an even kernel has its extra zero after */
  } else {
    out[0] = out[1] = (int)padding->by[d];
  }
}

ins_layer_info ins_layer_padded(const ins_padding *padding, long in, long out, long t, long h,
                                long w) {
  ins_layer_info info = {.in_channels = (int)in,
                         .out_channels = (int)out,
                         .kernel_t = (int)t,
                         .kernel_h = (int)h,
                         .kernel_w = (int)w};
  pad(padding, 0, info.kernel_t, info.pad_t);
  pad(padding, 1, info.kernel_h, info.pad_h);
  pad(padding, 2, info.kernel_w, info.pad_w);
  return info;
}

/* ---- lists in the arena --------------------------------------------------------------------- */

/* Room for one more after n items: arrays of 1, 2, 4, ... items, the old one is left behind. */
static ins_status room_for_one(ins_arena *arena, void *items_at, size_t n, size_t size) {
  void *old, *items;
  if (n & (n - 1)) return INS_OK;
  memcpy(&old, items_at, sizeof old);
  ins_status status = ins_arena_take(arena, n ? 2 * n : 1, size, &items);
  if (status != INS_OK) return status;
  if (n) memcpy(items, old, n * size);
  memcpy(items_at, &items, sizeof items);
  return INS_OK;
}

ins_status ins_chain_add(ins_builder *b, ins_chain *chain, const ins_step_ops *ops,
                         const void *weights) {
  ins_status status = room_for_one(b->arena, &chain->steps, chain->n_steps, sizeof *chain->steps);
  if (status == INS_OK) chain->steps[chain->n_steps++] = (ins_step){ops, weights};
  return status;
}

ins_status ins_chain_note(ins_builder *b, ins_chain *chain, const ins_layer_info *info) {
  ins_status status = room_for_one(b->arena, &chain->info, chain->n_layers, sizeof *chain->info);
  if (status == INS_OK) chain->info[chain->n_layers++] = *info;
  return status;
}

/* ---- parameters of a layer ------------------------------------------------------------------ */

static const char *named(char out[NAME], const ins_conv_layer *layer, const char *leaf) {
  snprintf(out, NAME, "%s.%s", layer->name, leaf);
  return out;
}

/* exp(log speed). Where a session's own is named, the default beside it is not used. */
static ins_status read_stretch(ins_builder *b, const ins_conv_layer *layer, float *stretch) {
  char name[NAME];
  float *log_speed = NULL;
  const size_t one[1] = {1};
  ins_status status = INS_OK;
  if (ins_builder_has(b, named(name, layer, "conv._log_speed_default")))
    status = ins_builder_take(b, name, false, 1, one, &log_speed);
  if (status == INS_OK && layer->log_speed)
    status = ins_builder_take(b, layer->log_speed, true, 1, one, &log_speed);
  *stretch = status == INS_OK && log_speed ? expf(*log_speed) : 1;
  return status;
}

static ins_status read_weight(ins_builder *b, const ins_conv_layer *layer, const char *leaf,
                              const ins_layer_info *info, float **w) {
  char name[NAME];
  const size_t shape[5] = {(size_t)info->out_channels, (size_t)info->in_channels,
                           (size_t)info->kernel_t, (size_t)info->kernel_h, (size_t)info->kernel_w};
  return ins_builder_take(b, named(name, layer, leaf), true, 5, shape, w);
}

/* The parameters of what follows a convolution; NULL: not there. */
typedef struct norm_values {
  float *mean, *variance, *weight, *bias, *extra_bias, *extra_scale;
} norm_values;

/* openretina's 2-D scale multiplies frames, not channels, when it meets a clip; with one channel
 * that is the same. */
static ins_status take_scale(ins_builder *b, const ins_conv_layer *layer, float **out) {
  char name[NAME];
  const size_t shape[5] = {1, (size_t)layer->out_channels, 1, 1, 1};
  size_t flat[4];
  named(name, layer, "scale.scale");
  if (ins_builder_shape(b, name, 4, flat) != INS_OK)
    return ins_builder_take(b, name, true, 5, shape, out);
  if (shape[1] == 1) return ins_builder_take(b, name, true, 4, shape, out);
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "the parameter %s has 4 axes, so that openretina scales frames with it in place "
                  "of channels; insilico cannot compute that",
                  name);
}

static ins_status take_norm(ins_builder *b, const ins_conv_layer *layer, norm_values *out) {
  const ins_norm *norm = &layer->norm;
  char name[NAME];
  const size_t c[5] = {1, (size_t)layer->out_channels, 1, 1, 1};
  const struct {
    const char *leaf;
    bool there, trained;
    float **values;
  } items[] = {{"norm.running_mean", norm->batch_norm, false, &out->mean},
               {"norm.running_var", norm->batch_norm, false, &out->variance},
               {"norm.weight", norm->affine, true, &out->weight},
               {"norm.bias", norm->affine, true, &out->bias}};
  ins_status status = INS_OK;
  *out = (norm_values){0};
  for (size_t i = 0; i < sizeof items / sizeof *items && status == INS_OK; i++)
    if (items[i].there)
      status = ins_builder_take(b, named(name, layer, items[i].leaf), items[i].trained, 1, &c[1],
                                items[i].values);
  if (status == INS_OK && norm->bias)
    status = ins_builder_take(b, named(name, layer, "bias.bias"), true, 5, c, &out->extra_bias);
  if (status == INS_OK && norm->scale) status = take_scale(b, layer, &out->extra_scale);
  return status;
}

/* Batch norm with its running statistics, bias and scale after it, `gain` before it, as
 * scale * y + shift. */
static ins_status read_affine(ins_builder *b, const ins_conv_layer *layer, float gain,
                              float **scale, float **shift) {
  const double eps = 1e-5; /* of torch's BatchNorm3d */
  const size_t n = (size_t)layer->out_channels;
  norm_values v;
  ins_status status = take_norm(b, layer, &v);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof **scale, scale);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof **shift, shift);
  for (size_t c = 0; c < n && status == INS_OK; c++) {
    double ratio = v.weight ? (double)v.weight[c] : 1, sum = v.bias ? (double)v.bias[c] : 0;
    if (v.variance) ratio /= sqrt((double)v.variance[c] + eps);
    if (v.mean) sum -= (double)v.mean[c] * ratio;
    if (v.extra_bias) sum += (double)v.extra_bias[c];
    const double last = v.extra_scale ? (double)v.extra_scale[c] : 1;
    (*scale)[c] = (float)((double)gain * ratio * last);
    (*shift)[c] = (float)(sum * last);
  }
  return status;
}

ins_status ins_chain_add_nonlinear(ins_builder *b, ins_chain *chain, const float *scale,
                                   const float *shift, ins_nonlinearity f, const char *weight) {
  const size_t one[1] = {1};
  float *below;
  if (f == INS_IDENTITY || strcmp(nonlinearity_name(b), "PReLU") != 0)
    return ins_chain_add_affine(b, chain, scale, shift, f);
  ins_status status = ins_builder_take(b, weight, true, 1, one, &below);
  return status == INS_OK ? ins_chain_add_prelu(b, chain, scale, shift, below) : status;
}

/* The same as a step of its own, with the nonlinearity. */
static ins_status add_affine(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer,
                             float gain) {
  char weight[NAME];
  float *scale = NULL, *shift = NULL;
  const bool needed = layer->norm.batch_norm || layer->norm.affine || layer->norm.bias ||
                      layer->norm.scale || gain < 1 || gain > 1;
  ins_status status = needed ? read_affine(b, layer, gain, &scale, &shift) : INS_OK;
  if (status == INS_OK)
    status = ins_chain_add_nonlinear(b, chain, scale, shift, layer->nonlinearity,
                                     named(weight, layer, "nonlin.weight"));
  return status;
}

ins_status ins_chain_add_norm(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer) {
  return add_affine(b, chain, layer, 1);
}

/* ---- temporal kernels ----------------------------------------------------------------------- */

/* One tap of the basis, in the float32 steps of openretina's temporal_basis(): the phase is large,
 * and its rounding is visible in the weights. */
typedef struct basis {
  float phase, mask; /* of k = 1; k times it is rounded again */
} basis;

static basis basis_at(int t, int length, float stretch) {
  const float time = (float)(t - length);
  float phase = stretch * time;
  phase *= 2.0f;
  phase *= (float)M_PI;
  phase /= (float)length;
  const float offset = (float)(int)(length * 0.95) / stretch;
  return (basis){phase, 1.0f / (1.0f + expf(-time - offset))};
}

/* wt[o,i,t] = sum_k sin[o,i,k] mask[t] sin(k phase[t]) + cos[o,i,k] mask[t] cos(k phase[t]) */
static void temporal_kernels(size_t pairs, int length, size_t n_k, float stretch,
                             const float *sines, const float *cosines, float *wt) {
  for (int t = 0; t < length; t++) {
    const basis at = basis_at(t, length, stretch);
    for (size_t pair = 0; pair < pairs; pair++) {
      double sum = 0;
      for (size_t k = 0; k < n_k; k++) {
        const float phase = at.phase * (float)k;
        sum += (double)sines[pair * n_k + k] * (double)(at.mask * sinf(phase)) +
               (double)cosines[pair * n_k + k] * (double)(at.mask * cosf(phase));
      }
      wt[pair * (size_t)length + (size_t)t] = (float)sum;
    }
  }
}

/* wt [o,i,k] and ws [o,i,a,b] of a custom_separable convolution. */
static ins_status read_separable(ins_builder *b, const ins_conv_layer *layer,
                                 const ins_layer_info *info, float **wt, float **ws) {
  char name[NAME];
  const size_t o = (size_t)info->out_channels, i = (size_t)info->in_channels;
  ins_layer_info plane = *info;
  size_t time[3];
  float *sines, *cosines, stretch;
  plane.kernel_t = 1;
  ins_status status = ins_builder_shape(b, named(name, layer, "conv.sin_weights"), 3, time);
  if (status != INS_OK) return status;
  time[0] = o;
  time[1] = i; /* the number of sines is read from the weights */
  status = ins_builder_take(b, name, true, 3, time, &sines);
  if (status == INS_OK)
    status = ins_builder_take(b, named(name, layer, "conv.cos_weights"), true, 3, time, &cosines);
  if (status == INS_OK) status = read_weight(b, layer, "conv.weight_spatial", &plane, ws);
  if (status == INS_OK) status = read_stretch(b, layer, &stretch);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, o * i * (size_t)info->kernel_t, sizeof **wt, wt);
  if (status == INS_OK)
    temporal_kernels(o * i, info->kernel_t, time[2], stretch, sines, cosines, *wt);
  return status;
}

/* ---- the layers ----------------------------------------------------------------------------- */

/* w[o,i,k,a,b] = wt[o,i,k] ws[o,i,a,b], as openretina multiplies them. */
static ins_status multiply_out(ins_arena *arena, const ins_layer_info *info, const float *wt,
                               const float *ws, float **w) {
  const size_t pairs = (size_t)info->out_channels * (size_t)info->in_channels;
  const size_t n_t = (size_t)info->kernel_t, n_s = (size_t)(info->kernel_h * info->kernel_w);
  ins_status status = ins_arena_take(arena, pairs * n_t * n_s, sizeof **w, w);
  for (size_t k = 0; k < pairs * n_t && status == INS_OK; k++) {
    for (size_t p = 0; p < n_s; p++) (*w)[k * n_s + p] = wt[k] * ws[k / n_t * n_s + p];
  }
  return status;
}

/* The fast step ends with an ELU; a layer without one is an ordinary convolution. */
static ins_status add_custom_separable(ins_builder *b, ins_chain *chain,
                                       const ins_conv_layer *layer, bool ends) {
  const ins_layer_info info =
      ins_layer_padded(&layer->padding, layer->in_channels, layer->out_channels, layer->kernel_t,
                       layer->kernel_h, layer->kernel_w);
  float *wt, *ws, *w, *scale, *shift;
  ins_status status = read_separable(b, layer, &info, &wt, &ws);
  if (status == INS_OK) status = ins_chain_note(b, chain, &info);
  if (status != INS_OK) return status;
  if (layer->nonlinearity == INS_ELU) {
    status = read_affine(b, layer, 1, &scale, &shift);
    if (status == INS_OK)
      status = ins_chain_add_separable(b, chain, &info,
                                       &(ins_separable_weights){wt, ws, scale, shift}, ends);
    return status;
  }
  status = multiply_out(b->arena, &info, wt, ws, &w);
  if (status == INS_OK) status = ins_chain_add_dense(b, chain, &info, w);
  if (status == INS_OK) status = add_affine(b, chain, layer, 1);
  return status;
}

/* Space, then time across channels; openretina multiplies the result by the stretch. */
static ins_status add_separable(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer) {
  const long out = layer->out_channels;
  const ins_layer_info space = ins_layer_padded(&layer->padding, layer->in_channels, out, 1,
                                                layer->kernel_h, layer->kernel_w);
  const ins_layer_info time = ins_layer_padded(&layer->padding, out, out, layer->kernel_t, 1, 1);
  ins_layer_info both = space;
  float *ws, *wt, stretch;
  both.kernel_t = time.kernel_t;
  for (int side = 0; side < 2; side++) {
    both.pad_t[side] += time.pad_t[side];
    both.pad_h[side] += time.pad_h[side];
    both.pad_w[side] += time.pad_w[side];
  }
  ins_status status = read_weight(b, layer, "conv.space_conv.weight", &space, &ws);
  if (status == INS_OK) status = read_weight(b, layer, "conv.time_conv.weight", &time, &wt);
  if (status == INS_OK) status = read_stretch(b, layer, &stretch);
  if (status == INS_OK) status = ins_chain_note(b, chain, &both);
  if (status == INS_OK) status = ins_chain_add_dense(b, chain, &space, ws);
  if (status == INS_OK) status = ins_chain_add_dense(b, chain, &time, wt);
  if (status == INS_OK) status = add_affine(b, chain, layer, stretch);
  return status;
}

/* Speeds may stand beside the weights, but openretina does not use them here. */
static ins_status add_full(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer) {
  const ins_layer_info info = ins_layer_padded(
      &layer->padding, layer->in_channels, layer->out_channels,
      layer->convolution == INS_FULL ? layer->kernel_t : 1, layer->kernel_h, layer->kernel_w);
  float *w, unused;
  ins_status status = read_weight(b, layer, "conv.conv.weight", &info, &w);
  if (status == INS_OK) status = read_stretch(b, layer, &unused);
  if (status == INS_OK) status = ins_chain_note(b, chain, &info);
  if (status == INS_OK) status = ins_chain_add_dense(b, chain, &info, w);
  if (status == INS_OK) status = add_affine(b, chain, layer, 1);
  return status;
}

ins_status ins_chain_add_layer(ins_builder *b, ins_chain *chain, const ins_conv_layer *layer,
                               bool ends) {
  switch (layer->convolution) {
  case INS_CUSTOM_SEPARABLE:
    return add_custom_separable(b, chain, layer, ends);
  case INS_SEPARABLE:
    return add_separable(b, chain, layer);
  default:
    return add_full(b, chain, layer);
  }
}
