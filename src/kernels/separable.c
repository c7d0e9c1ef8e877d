/* SPDX-License-Identifier: MIT */
#include "separable.h"

#include <string.h>

enum {
  NEAR_CACHE_FLOATS = 6144, /* three quarters of a cache of 32 kB */
  FEW_CHANNELS = 8          /* input channels below which most lanes would be idle */
};

static size_t stride_of(size_t n) {
  return (n + 6) / 16 * 16 + 9;
} /* least m >= n with m mod 16 = 9 */

size_t ins_row_stride(size_t n_pixels) {
  return stride_of(n_pixels);
}

size_t ins_frame_stride(size_t n_floats) {
  return 16 * stride_of((n_floats + 15) / 16);
}

int ins_blocks(const ins_kernels *kernels, int n_channels) {
  return (n_channels + kernels->lanes - 1) / kernels->lanes;
}

static size_t area(int a, int b) {
  return (size_t)a * (size_t)b;
}

/* ---- layout --------------------------------------------------------------------------------- */

/* Carves n floats off `at`, in whole cache lines; with at == NULL it only counts. */
static float *carve(float **at, size_t *total, size_t n) {
  n = (n + 15) / 16 * 16;
  float *mine = *at;
  if (mine) *at += n;
  *total += n;
  return mine;
}

static int widest_row(const ins_conv_shape *s) {
  int full = s->out_w + s->kernel_w - 1; /* what one row of dy reaches */
  return full > s->in_w + 2 * s->pad_w ? full : s->in_w + 2 * s->pad_w;
}

/* How many columns of a row are worked on together, and for how many output channels their u is
 * made before the temporal step adds it to d. */
static void choose_parts(ins_separable *c) {
  const ins_conv_shape *s = &c->shape;
  const int lanes = c->kernels->lanes, n_parts = (s->in_w + INS_TILE_PIXELS - 1) / INS_TILE_PIXELS;
  c->part = (s->in_w + n_parts - 1) / n_parts;
  const int d = s->in_t * c->part * lanes, u = s->out_t * c->part * lanes;
  c->group = u > 0 ? (NEAR_CACHE_FLOATS - d) / u : 1;
  if (c->group > s->out_channels) c->group = s->out_channels;
  if (c->group < 1) c->group = 1;
}

static void lay_out_backward(ins_separable *c, float **at, size_t *total) {
  const ins_conv_shape *s = &c->shape;
  const size_t lanes = (size_t)c->kernels->lanes;
  c->u_row = ins_row_stride((size_t)widest_row(s) + INS_TILE_PIXELS) * lanes;
  c->d_row = ins_row_stride((size_t)s->in_w + INS_TILE_PIXELS) * lanes;
  c->group = c->out_blocks;
  if (c->lanes_are_inputs) {
    choose_parts(c);
    c->u_row = ins_row_stride((size_t)c->part + INS_TILE_PIXELS) * lanes;
    c->wt_back = carve(at, total, area(c->in_blocks, s->out_channels) * s->kernel_t * lanes);
    c->ws_back = carve(
        at, total, area(c->in_blocks, s->out_channels) * area(s->kernel_h, s->kernel_w) * lanes);
  }
  c->u = carve(at, total, area(c->group, s->out_t) * c->u_row);
  c->d = carve(at, total, (size_t)s->in_t * c->d_row);
}

/* Sizes, strides and, unless memory is NULL, addresses. Returns the floats needed. */
static size_t lay_out(ins_separable *c, const ins_conv_shape *shape, const ins_kernels *kernels,
                      bool gradient, float *memory) {
  size_t total = 0;
  const ins_conv_shape *s = shape;
  const size_t lanes = (size_t)kernels->lanes;
  memset(c, 0, sizeof *c);
  c->shape = *shape;
  c->kernels = kernels;
  c->in_blocks = ins_blocks(kernels, s->in_channels);
  c->out_blocks = ins_blocks(kernels, s->out_channels);
  c->lanes_are_inputs = s->in_channels >= FEW_CHANNELS;
  const int left = s->kernel_w - 1 - s->pad_w, right = s->in_w + s->pad_w - s->out_w;
  c->dy_left = left > 0 ? left : 0;
  c->dy_row = c->dy_left + s->out_w + (right > 0 ? right : 0);
  c->z_row = ins_row_stride((size_t)widest_row(s)) * lanes;
  c->z_frame = (size_t)s->in_h * c->z_row + 16 * 9;
  c->wt = carve(&memory, &total, area(c->out_blocks, s->in_channels) * s->kernel_t * lanes);
  c->ws = carve(&memory, &total,
                area(c->out_blocks, s->in_channels) * area(s->kernel_h, s->kernel_w) * lanes);
  c->z = carve(&memory, &total, 2 * c->z_frame);
  c->y = carve(&memory, &total, 2 * area(s->out_h, s->out_w) * lanes);
  if (gradient) lay_out_backward(c, &memory, &total);
  return total;
}

size_t ins_separable_floats(const ins_conv_shape *shape, const ins_kernels *kernels,
                            bool gradient) {
  ins_separable layout;
  return lay_out(&layout, shape, kernels, gradient, NULL);
}

/* ---- packing -------------------------------------------------------------------------------- */

/* to[block][other][n][lane] = from[o][i][n], where `lane` runs over o, or over i when
 * lanes_are_inputs. */
static void pack(const ins_separable *c, bool lanes_are_inputs, int n, bool reversed_rows, int row,
                 const float *from, float *to) {
  const int lanes = c->kernels->lanes, n_in = c->shape.in_channels, n_out = c->shape.out_channels;
  for (int o = 0; o < n_out; o++) {
    for (int i = 0; i < n_in; i++) {
      const int mine = lanes_are_inputs ? i : o, other = lanes_are_inputs ? o : i;
      const int n_other = lanes_are_inputs ? n_out : n_in;
      float *block = to + (area(mine / lanes, n_other) + (size_t)other) * area(n, lanes);
      for (int k = 0; k < n; k++) {
        const int k_to = reversed_rows ? k - k % row + row - 1 - k % row : k;
        block[area(k_to, lanes) + (size_t)(mine % lanes)] =
            from[(area(o, n_in) + (size_t)i) * (size_t)n + (size_t)k];
      }
    }
  }
}

void ins_separable_init(ins_separable *out, const ins_conv_shape *shape, const ins_kernels *kernels,
                        bool gradient, const float *wt, const float *ws, float *memory) {
  lay_out(out, shape, kernels, gradient, memory);
  const int n_space = shape->kernel_h * shape->kernel_w;
  pack(out, false, shape->kernel_t, false, 1, wt, out->wt);
  pack(out, false, n_space, false, 1, ws, out->ws);
  if (out->wt_back) {
    pack(out, true, shape->kernel_t, false, 1, wt, out->wt_back);
    pack(out, true, n_space, true, shape->kernel_w, ws, out->ws_back);
  }
}

/* ---- forward -------------------------------------------------------------------------------- */

/* y of one block of output channels and n_frames frames from t, all input channels. */
static void forward_block(const ins_separable *c, const float *x, size_t x_channel, size_t x_frame,
                          int block, int t, int n_frames) {
  const ins_conv_shape *s = &c->shape;
  const size_t lanes = (size_t)c->kernels->lanes, plane = area(s->out_h, s->out_w) * lanes;
  for (int i = 0; i < s->in_channels; i++) {
    const size_t pair = area(block, s->in_channels) + (size_t)i;
    ins_temporal temporal = {.n_frames = n_frames,
                             .start = t - s->shift_t,
                             .in_t = s->in_t,
                             .kernel_t = s->kernel_t,
                             .height = s->in_h,
                             .width = s->in_w,
                             .x = x + (size_t)i * x_channel,
                             .x_frame = x_frame,
                             .wt = c->wt + pair * (size_t)s->kernel_t * lanes,
                             .z = c->z + (size_t)s->pad_w * lanes,
                             .z_frame = c->z_frame,
                             .z_row = c->z_row};
    c->kernels->temporal(&temporal);
    ins_spatial spatial = {.kernel_h = s->kernel_h,
                           .kernel_w = s->kernel_w,
                           .pad_h = s->pad_h,
                           .in_h = s->in_h,
                           .out_h = s->out_h,
                           .out_w = s->out_w,
                           .accumulate = i > 0,
                           .ws = c->ws + pair * area(s->kernel_h, s->kernel_w) * lanes,
                           .z_row = c->z_row};
    for (int f = 0; f < n_frames; f++) {
      spatial.z = c->z + (size_t)f * c->z_frame;
      spatial.y = c->y + (size_t)f * plane;
      c->kernels->spatial(&spatial);
    }
  }
}

static void activate_block(const ins_separable *c, const ins_activation *a, int block, int t,
                           const float *y) {
  const ins_conv_shape *s = &c->shape;
  const int lanes = c->kernels->lanes, left = s->out_channels - block * lanes;
  const size_t pixels = area(s->out_h, s->out_w);
  const size_t frame = (area(block, s->out_t) + (size_t)t) * pixels * (size_t)lanes;
  ins_activate job = {.n = s->out_h * s->out_w,
                      .n_channels = left < lanes ? left : lanes,
                      .y = y,
                      .scale = a->scale + block * lanes,
                      .shift = a->shift + block * lanes,
                      .planar_channel = a->planar_channel};
  if (a->lanes) job.act = a->lanes + frame;
  if (a->slope) job.slope = a->slope + frame;
  if (a->planar)
    job.planar = a->planar + area(block, lanes) * a->planar_channel + (size_t)t * a->planar_frame;
  c->kernels->activate(&job);
}

void ins_separable_forward(const ins_separable *c, const float *x, size_t x_channel, size_t x_frame,
                           const ins_activation *activation) {
  const ins_conv_shape *s = &c->shape;
  const size_t plane = area(s->out_h, s->out_w) * (size_t)c->kernels->lanes;
  for (int block = 0; block < c->out_blocks; block++) {
    for (int t = 0; t < s->out_t; t += 2) {
      const int n_frames = t + 1 < s->out_t ? 2 : 1;
      forward_block(c, x, x_channel, x_frame, block, t, n_frames);
      for (int f = 0; f < n_frames; f++)
        activate_block(c, activation, block, t + f, c->y + (size_t)f * plane);
    }
  }
}

/* ---- backward ------------------------------------------------------------------------------- */

size_t ins_separable_dy_floats(const ins_separable *c) {
  const ins_conv_shape *s = &c->shape;
  if (c->lanes_are_inputs)
    return area(s->out_channels, s->out_t) * area(s->out_h, c->dy_row) + INS_TILE_PIXELS;
  return area(c->out_blocks, s->out_t) * area(s->out_h, s->out_w) * (size_t)c->kernels->lanes;
}

void ins_separable_set_dy(const ins_separable *c, const float *g, const float *slope, float *dy) {
  const ins_conv_shape *s = &c->shape;
  const int lanes = c->kernels->lanes;
  const size_t vectors = area(c->out_blocks, s->out_t) * area(s->out_h, s->out_w);
  if (!c->lanes_are_inputs) {
    if (slope)
      c->kernels->multiply(dy, g, slope, vectors);
    else if (g != dy)
      memcpy(dy, g, vectors * (size_t)lanes * sizeof *dy);
    return;
  }
  const size_t dy_frame = area(s->out_h, c->dy_row), row = area(s->out_w, lanes);
  for (int block = 0; block < c->out_blocks; block++) {
    const int left = s->out_channels - block * lanes;
    for (int t = 0; t < s->out_t; t++) {
      for (int h = 0; h < s->out_h; h++) {
        const size_t from =
            ((area(block, s->out_t) + (size_t)t) * (size_t)s->out_h + (size_t)h) * row;
        float *to = dy + area(block * lanes, s->out_t) * dy_frame + (size_t)t * dy_frame +
                    area(h, c->dy_row) + (size_t)c->dy_left;
        c->kernels->to_planar(s->out_w, left < lanes ? left : lanes, g + from,
                              slope ? slope + from : NULL, to, (size_t)s->out_t * dy_frame);
      }
    }
  }
}

/* Input row h of input channel i, lanes = output channels: dx rows, planar. */
static void backward_row_summed(const ins_separable *c, const float *dy, int i, int h, float *dx,
                                size_t dx_frame) {
  const ins_conv_shape *s = &c->shape;
  const size_t lanes = (size_t)c->kernels->lanes, dy_frame = area(s->out_h, s->out_w) * lanes;
  const size_t space = area(s->kernel_h, s->kernel_w) * lanes;
  for (int block = 0; block < c->out_blocks; block++) {
    ins_spread spread = {.n_frames = s->out_t,
                         .row = h + s->pad_h,
                         .kernel_h = s->kernel_h,
                         .kernel_w = s->kernel_w,
                         .out_h = s->out_h,
                         .out_w = s->out_w,
                         .ws = c->ws + (area(block, s->in_channels) + (size_t)i) * space,
                         .dy = dy + area(block, s->out_t) * dy_frame,
                         .dy_frame = dy_frame,
                         .u = c->u + area(block, s->out_t) * c->u_row,
                         .u_frame = c->u_row};
    c->kernels->spread(&spread);
  }
  const size_t time = (size_t)s->kernel_t * lanes;
  ins_gather_time gather = {.n_groups = c->out_blocks,
                            .kernel_t = s->kernel_t,
                            .shift_t = s->shift_t,
                            .in_t = s->in_t,
                            .out_t = s->out_t,
                            .width = s->in_w,
                            .wt = c->wt + (size_t)i * time,
                            .wt_group = (size_t)s->in_channels * time,
                            .u = c->u + (size_t)s->pad_w * lanes,
                            .u_group = (size_t)s->out_t * c->u_row,
                            .u_frame = c->u_row,
                            .d = dx,
                            .d_frame = dx_frame};
  c->kernels->gather_time_sum(&gather);
}

/* Columns [column, column + width) of input row h of one block of input channels, lanes = input
 * channels: into c->d [t][column][lane]. */
static void backward_part_lanes(const ins_separable *c, const float *dy, int block, int h,
                                int column, int width) {
  const ins_conv_shape *s = &c->shape;
  const size_t lanes = (size_t)c->kernels->lanes, dy_frame = area(s->out_h, c->dy_row);
  const size_t space = area(s->kernel_h, s->kernel_w) * lanes, time = (size_t)s->kernel_t * lanes;
  /* of dy, under tap 0 of our first column */
  const int first = column + s->pad_w - (s->kernel_w - 1) + c->dy_left;
  for (int o = 0; o < s->out_channels; o += c->group) {
    const int n = s->out_channels - o < c->group ? s->out_channels - o : c->group;
    const size_t pair = area(block, s->out_channels) + (size_t)o;
    for (int g = 0; g < n; g++) {
      ins_gather gather = {.n_frames = s->out_t,
                           .row = h + s->pad_h,
                           .kernel_h = s->kernel_h,
                           .kernel_w = s->kernel_w,
                           .out_h = s->out_h,
                           .width = width,
                           .first_valid = c->dy_left - first,
                           .end_valid = c->dy_left + s->out_w - first,
                           .ws = c->ws_back + (pair + (size_t)g) * space,
                           .dy = dy + area(o + g, s->out_t) * dy_frame + first,
                           .dy_frame = dy_frame,
                           .dy_row = (size_t)c->dy_row,
                           .u = c->u + area(g, s->out_t) * c->u_row,
                           .u_frame = c->u_row};
      c->kernels->gather(&gather);
    }
    ins_gather_time in_time = {.n_groups = n,
                               .kernel_t = s->kernel_t,
                               .shift_t = s->shift_t,
                               .in_t = s->in_t,
                               .out_t = s->out_t,
                               .width = width,
                               .wt = c->wt_back + pair * time,
                               .wt_group = time,
                               .u = c->u,
                               .u_group = (size_t)s->out_t * c->u_row,
                               .u_frame = c->u_row,
                               .d = c->d + area(column, c->kernels->lanes),
                               .d_frame = c->d_row,
                               .accumulate = o > 0};
    c->kernels->gather_time(&in_time);
  }
}

/* In parts small enough for the nearest cache to keep d and u from one output channel to the next.
 */
static void backward_row_lanes(const ins_separable *c, const float *dy, int block, int h) {
  for (int column = 0; column < c->shape.in_w; column += c->part) {
    const int left = c->shape.in_w - column;
    backward_part_lanes(c, dy, block, h, column, left < c->part ? left : c->part);
  }
}

static int channels_of(const ins_separable *c, int block) {
  const int left = c->shape.in_channels - block * c->kernels->lanes;
  return left < c->kernels->lanes ? left : c->kernels->lanes;
}

void ins_separable_backward_planar(const ins_separable *c, const float *dy, float *dx,
                                   size_t dx_channel, size_t dx_frame) {
  const ins_conv_shape *s = &c->shape;
  if (!c->lanes_are_inputs) {
    for (int i = 0; i < s->in_channels; i++) {
      for (int h = 0; h < s->in_h; h++)
        backward_row_summed(c, dy, i, h, dx + (size_t)i * dx_channel + area(h, s->in_w), dx_frame);
    }
    return;
  }
  for (int block = 0; block < c->in_blocks; block++) {
    float *to = dx + area(block, c->kernels->lanes) * dx_channel;
    for (int h = 0; h < s->in_h; h++, to += s->in_w) {
      backward_row_lanes(c, dy, block, h);
      for (int t = 0; t < s->in_t; t++)
        c->kernels->to_planar(s->in_w, channels_of(c, block), c->d + (size_t)t * c->d_row, NULL,
                              to + (size_t)t * dx_frame, dx_channel);
    }
  }
}

/* Few input channels of a hidden layer: their planar rows, spread over the lanes of dx. */
static void backward_lanes_summed(const ins_separable *c, const float *dy, float *dx) {
  const ins_conv_shape *s = &c->shape;
  const size_t lanes = (size_t)c->kernels->lanes;
  for (int i = 0; i < s->in_channels; i++) {
    const size_t block = (size_t)i / lanes * (size_t)s->in_t;
    for (int h = 0; h < s->in_h; h++) {
      backward_row_summed(c, dy, i, h, c->d, c->d_row);
      for (int t = 0; t < s->in_t; t++) {
        float *to =
            dx + (((block + (size_t)t) * (size_t)s->in_h + (size_t)h) * (size_t)s->in_w) * lanes +
            (size_t)i % lanes;
        for (int w = 0; w < s->in_w; w++)
          to[(size_t)w * lanes] = c->d[(size_t)t * c->d_row + (size_t)w];
      }
    }
  }
}

static void finish_row(const ins_separable *c, size_t at, const float *d, const float *slope,
                       float *dx) {
  if (slope)
    c->kernels->multiply(dx + at, d, slope + at, (size_t)c->shape.in_w);
  else
    memcpy(dx + at, d, area(c->shape.in_w, c->kernels->lanes) * sizeof *dx);
}

void ins_separable_backward_lanes(const ins_separable *c, const float *dy, const float *slope,
                                  float *dx) {
  const ins_conv_shape *s = &c->shape;
  const size_t row = area(s->in_w, c->kernels->lanes), frame = (size_t)s->in_h * row;
  if (!c->lanes_are_inputs) {
    backward_lanes_summed(c, dy, dx);
    if (slope)
      c->kernels->multiply(dx, dx, slope, area(c->in_blocks, s->in_t) * area(s->in_h, s->in_w));
  } else {
    for (int block = 0; block < c->in_blocks; block++) {
      for (int h = 0; h < s->in_h; h++) {
        backward_row_lanes(c, dy, block, h);
        for (int t = 0; t < s->in_t; t++)
          finish_row(c, (area(block, s->in_t) + (size_t)t) * frame + (size_t)h * row,
                     c->d + (size_t)t * c->d_row, slope, dx);
      }
    }
  }
}
