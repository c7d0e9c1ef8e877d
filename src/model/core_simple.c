/* SPDX-License-Identifier: MIT */
#include "core_simple.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LAYERS = 64, MOST_KERNEL = 1024, MOST_CHANNELS = 1 << 14, NAME = 96 };

/* ---- padding -------------------------------------------------------------------------------- */

static void pad_same(ins_layer_info *layer) {
  const int kernel[3] = {layer->kernel_t, layer->kernel_h, layer->kernel_w};
  int *const pad[3] = {layer->pad_t, layer->pad_h, layer->pad_w};
  for (int d = 0; d < 3; d++) {
    pad[d][0] = (kernel[d] - 1) / 2;
    pad[d][1] = kernel[d] - 1 - pad[d][0]; /* an even kernel has its extra zero after */
  }
}

static void pad_by(ins_layer_info *layer, const long by[3]) {
  int *const pad[3] = {layer->pad_t, layer->pad_h, layer->pad_w};
  for (int d = 0; d < 3; d++) pad[d][0] = pad[d][1] = (int)by[d];
}

static ins_status read_padding(const ins_builder *b, const char *path, bool fallback,
                               ins_layer_info *layer) {
  const ins_value *value = ins_value_at(b->architecture, path);
  long by[3] = {0, 0, 0};
  ins_status status = INS_OK;
  if (!value || value->kind == INS_BOOL) {
    if (ins_value_bool_or(value, fallback)) {
      pad_same(layer);
      return INS_OK;
    }
  } else if (value->kind == INS_TEXT) {
    if (strcmp(value->text, "same") == 0) {
      pad_same(layer);
      return INS_OK;
    }
    if (strcmp(value->text, "valid") != 0)
      return ins_fail(INS_ERR_FORMAT,
                      "%s of the architecture is '%s', but must be 'same', 'valid', true, "
                      "false, a number, or three numbers",
                      path, value->text);
  } else if (value->kind == INS_LIST) {
    status = ins_builder_ints(b, path, 3, 0, MOST_KERNEL, by);
  } else {
    status = ins_builder_int(b, path, 0, MOST_KERNEL, by);
    by[1] = by[2] = by[0];
  }
  if (status == INS_OK) pad_by(layer, by);
  return status;
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

/* ---- parameters of a layer ------------------------------------------------------------------ */

static const char *named(char out[NAME], int layer, const char *leaf) {
  snprintf(out, NAME, "core.features.layer%d.%s", layer, leaf);
  return out;
}

static ins_status read_stretch(ins_builder *b, int l, float *stretch) {
  char name[NAME];
  float *log_speed;
  const size_t one[1] = {1};
  *stretch = 1;
  if (!ins_builder_has(b, named(name, l, "conv._log_speed_default"))) return INS_OK;
  ins_status status = ins_builder_take(b, name, false, 1, one, &log_speed);
  if (status == INS_OK) *stretch = expf(*log_speed);
  return status;
}

static ins_status read_convolution(ins_builder *b, int l, const ins_layer_info *info,
                                   ins_simple_layer *layer) {
  char name[NAME];
  const size_t o = (size_t)info->out_channels, i = (size_t)info->in_channels;
  const size_t space[5] = {o, i, 1, (size_t)info->kernel_h, (size_t)info->kernel_w};
  size_t time[3];
  float *sines, *cosines, stretch;
  ins_status status = ins_builder_shape(b, named(name, l, "conv.sin_weights"), 3, time);
  if (status != INS_OK) return status;
  time[0] = o;
  time[1] = i; /* the number of sines is read from the weights */
  status = ins_builder_take(b, name, true, 3, time, &sines);
  if (status == INS_OK)
    status = ins_builder_take(b, named(name, l, "conv.cos_weights"), true, 3, time, &cosines);
  if (status == INS_OK)
    status = ins_builder_take(b, named(name, l, "conv.weight_spatial"), true, 5, space, &layer->ws);
  if (status == INS_OK) status = read_stretch(b, l, &stretch);
  if (status == INS_OK)
    status =
        ins_arena_take(b->arena, o * i * (size_t)info->kernel_t, sizeof *layer->wt, &layer->wt);
  if (status == INS_OK)
    temporal_kernels(o * i, info->kernel_t, time[2], stretch, sines, cosines, layer->wt);
  return status;
}

/* Batch norm with its running statistics, and the bias after it: scale * y + shift. */
static ins_status read_scale(ins_builder *b, int l, const ins_layer_info *info,
                             ins_simple_layer *layer) {
  enum { WEIGHT, BIAS, MEAN, VARIANCE, N };
  static const char *const leaves[N] = {"norm.weight", "norm.bias", "norm.running_mean",
                                        "norm.running_var"};
  const double eps = 1e-5; /* of torch's BatchNorm3d */
  char name[NAME];
  const size_t c[1] = {(size_t)info->out_channels}, c3[5] = {1, c[0], 1, 1, 1};
  float *norm[N], *extra;
  ins_status status = INS_OK;
  for (int k = 0; k < N && status == INS_OK; k++)
    status = ins_builder_take(b, named(name, l, leaves[k]), k < MEAN, 1, c, &norm[k]);
  if (status == INS_OK)
    status = ins_builder_take(b, named(name, l, "bias.bias"), true, 5, c3, &extra);
  if (status == INS_OK) status = ins_arena_take(b->arena, c[0], sizeof(float), &layer->scale);
  if (status == INS_OK) status = ins_arena_take(b->arena, c[0], sizeof(float), &layer->shift);
  for (size_t k = 0; k < c[0] && status == INS_OK; k++) {
    const double scale = (double)norm[WEIGHT][k] / sqrt((double)norm[VARIANCE][k] + eps);
    layer->scale[k] = (float)scale;
    layer->shift[k] =
        (float)((double)norm[BIAS][k] - (double)norm[MEAN][k] * scale + (double)extra[k]);
  }
  return status;
}

/* ---- the core ------------------------------------------------------------------------------- */

static ins_status refuse_what_is_not_computed(const ins_builder *b) {
  const char *convolution =
      ins_value_text_or(ins_value_at(b->architecture, "core.convolution"), "custom_separable");
  if (strcmp(convolution, "custom_separable") != 0)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "insilico cannot compute convolutions of type '%s' yet "
                    "(core.convolution)",
                    convolution);
  ins_status status = ins_builder_absent(b, "core.maxpool_every_n_layers", "max pooling");
  if (status == INS_OK)
    status =
        ins_builder_absent(b, "core.downsample_input_kernel_size", "down-sampling of its input");
  if (status == INS_OK)
    status = ins_builder_absent(b, "core.color_squashing_weights", "squashing of colours to grey");
  return status;
}

static ins_status read_geometry(ins_builder *b, ins_simple_core *core) {
  long channels[MOST_LAYERS + 1], time[MOST_LAYERS], space[MOST_LAYERS];
  const size_t n = ins_value_count(ins_value_at(b->architecture, "core.temporal_kernel_sizes"));
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
  if (status == INS_OK && channels[0] != b->in[0])
    status = ins_fail(INS_ERR_SHAPE,
                      "the core takes %ld channels (core.channels), but the stimulus has "
                      "%ld (in_shape)",
                      channels[0], b->in[0]);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof *core->info, &core->info);
  if (status == INS_OK) status = ins_arena_take(b->arena, n, sizeof *core->layers, &core->layers);
  core->n_layers = (int)n;
  for (size_t l = 0; l < n && status == INS_OK; l++) {
    core->info[l] = (ins_layer_info){.in_channels = (int)channels[l],
                                     .out_channels = (int)channels[l + 1],
                                     .kernel_t = (int)time[l],
                                     .kernel_h = (int)space[l],
                                     .kernel_w = (int)space[l]};
    /* openretina's defaults: no padding of the input layer, "same" of the others */
    status =
        read_padding(b, l ? "core.hidden_padding" : "core.input_padding", l > 0, &core->info[l]);
  }
  return status;
}

static ins_status create(ins_builder *b, void **out) {
  ins_simple_core *core;
  ins_status status = refuse_what_is_not_computed(b);
  if (status == INS_OK) status = ins_arena_take(b->arena, 1, sizeof *core, &core);
  if (status == INS_OK) status = read_geometry(b, core);
  if (status == INS_OK)
    status = ins_builder_int(b, "core.cut_first_n_frames", 0, 1 << 20, &core->cut);
  for (int l = 0; status == INS_OK && l < core->n_layers; l++) {
    status = read_convolution(b, l, &core->info[l], &core->layers[l]);
    if (status == INS_OK) status = read_scale(b, l, &core->info[l], &core->layers[l]);
  }
  if (status == INS_OK) *out = core;
  return status;
}

static void describe(const void *state, ins_model_info *info) {
  const ins_simple_core *core = state;
  info->layers = core->info;
  info->n_layers = (size_t)core->n_layers;
  info->n_features = (size_t)core->info[core->n_layers - 1].out_channels;
  info->cut_frames = (size_t)core->cut;
}

ins_extent ins_simple_after(const ins_layer_info *layer, ins_extent in) {
  return (ins_extent){in.t + layer->pad_t[0] + layer->pad_t[1] - layer->kernel_t + 1,
                      in.h + layer->pad_h[0] + layer->pad_h[1] - layer->kernel_h + 1,
                      in.w + layer->pad_w[0] + layer->pad_w[1] - layer->kernel_w + 1};
}

ins_conv_shape ins_simple_shape(const ins_layer_info *layer, ins_extent in) {
  const ins_extent out = ins_simple_after(layer, in);
  return (ins_conv_shape){layer->in_channels, layer->out_channels, layer->kernel_t, layer->kernel_h,
                          layer->kernel_w,    layer->pad_t[0],     layer->pad_h[0], layer->pad_w[0],
                          (int)in.t,          (int)in.h,           (int)in.w,       (int)out.t,
                          (int)out.h,         (int)out.w};
}

static ins_extent extent(const void *state, ins_extent in) {
  const ins_simple_core *core = state;
  for (int l = 0; l < core->n_layers; l++) {
    if (in.t < 1 || in.h < 1 || in.w < 1) return (ins_extent){0, 0, 0};
    in = ins_simple_after(&core->info[l], in);
  }
  in.t -= core->cut;
  return in;
}

static void window(const void *state, size_t frame, long *first, long *last) {
  const ins_simple_core *core = state;
  (void)frame;
  *first = *last = core->cut;
  for (int l = 0; l < core->n_layers; l++) {
    *first -= core->info[l].pad_t[0];
    *last += core->info[l].kernel_t - 1 - core->info[l].pad_t[0];
  }
}

const ins_core_ops ins_core_simple = {
    .kind = "simple",
    .create = create,
    .describe = describe,
    .extent = extent,
    .window = window,
    .plan = ins_simple_plan,
    .live = ins_simple_live,
    .forward = ins_simple_forward,
    .backward = ins_simple_backward,
    .reference = ins_simple_reference,
    .reference_backward = ins_simple_reference_backward,
};
