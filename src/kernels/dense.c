/* SPDX-License-Identifier: MIT */
#include "dense.h"

#include <string.h>

#include "separable.h" /* ins_frame_stride */

/* A frame of x is copied into a plane with zero margins, so that a tap of the kernel is one offset
 * for all pixels of an output frame, q = h * row + w: pixels of the margin are computed along and
 * left out. A row ends where the next one's margin does its service. Where a wide kernel leaves
 * narrow output rows, that would compute mostly margin; then there is a copy for each column of the
 * kernel, already shifted and of the output's width. */

/* Going backwards to a map much larger than dy, the margin of dy would be most of the work too.
 * Then each place of the kernel is a channel of its own, computed from dy without margins, and
 * these channels are added up where they belong ("spread"). */

typedef struct direction {
  ins_conv_shape
      shape; /* of what is computed; when it is spread, without rows and columns of the kernel */
  bool spread;
  ins_conv_shape places;   /* of the convolution whose transpose is spread */
  int in_group, out_group; /* channels of a group */
  int n_copies, row, n_vectors;
  size_t plane, frame,
      channel; /* strides of the copies: of the kernel's columns, frames, channels */
  size_t y_out;
  size_t *offset; /* [k][a][b] */
  float *w;       /* [group][tile of output channels][i][k][a][b][channel of the tile] */
  float *x, *y;
} direction;

typedef struct state {
  direction forward, backward;
} state;

static size_t area(int a, int b) {
  return (size_t)a * (size_t)b;
}
static int least(int a, int b) {
  return a < b ? a : b;
}
static int most(int a, int b) {
  return a > b ? a : b;
}

static size_t n_taps(const ins_conv_shape *s) {
  return area(s->kernel_t, s->kernel_h) * (size_t)s->kernel_w;
}

/* Carves n floats off `at`, in whole cache lines; with at == NULL it only counts. */
static float *carve(float **at, size_t *total, size_t n) {
  n = (n + 15) / 16 * 16;
  float *mine = *at;
  if (mine) *at += n;
  *total += n;
  return mine;
}

/* ---- layout --------------------------------------------------------------------------------- */

/* Columns of a margined row that hold pixels of x: [first, end). */
static void valid_columns(const ins_conv_shape *s, int *first, int *end) {
  *first = most(0, least(s->pad_w, s->out_w + s->kernel_w - 1));
  *end = most(*first, least(s->out_w + s->kernel_w - 1, s->in_w + s->pad_w));
}

static int vectors_of(size_t n, const ins_kernels *kernels) {
  return (int)((n + (size_t)kernels->lanes - 1) / (size_t)kernels->lanes);
}

static void choose_rows(direction *d, const ins_kernels *kernels) {
  const ins_conv_shape *s = &d->shape;
  const int columns = s->out_w + s->kernel_w - 1, rows = s->out_h + s->kernel_h - 1;
  int first, end;
  valid_columns(s, &first, &end);
  d->n_copies = 1;
  d->row = most(1, most(end, columns - first));
  d->plane = area(rows - 1, d->row) + (size_t)most(columns, d->row);
  d->n_vectors = vectors_of(area(s->out_h - 1, d->row) + (size_t)s->out_w, kernels);
  const int without_margin = vectors_of(area(s->out_h, s->out_w), kernels);
  if (4 * d->n_vectors > 5 * without_margin) {
    d->n_copies = s->kernel_w;
    d->row = s->out_w;
    d->plane = area(rows, s->out_w);
    d->n_vectors = without_margin;
  }
}

static void lay_out(direction *d, const ins_conv_shape *shape, int groups,
                    const ins_kernels *kernels, float **at, size_t *total) {
  memset(d, 0, sizeof *d);
  d->shape = *shape;
  d->in_group = shape->in_channels / groups;
  d->out_group = shape->out_channels / groups;
  choose_rows(d, kernels);
  d->frame = ins_frame_stride((size_t)d->n_copies * d->plane);
  d->channel = (size_t)shape->in_t * d->frame;
  d->y_out = (size_t)d->n_vectors * (size_t)kernels->lanes;
  d->offset = (size_t *)(void *)carve(at, total, n_taps(shape) * sizeof *d->offset / sizeof(float));
  d->w = carve(at, total, area(shape->out_channels, d->in_group) * n_taps(shape));
  d->y = carve(at, total, INS_DENSE_OUT * d->y_out);
  /* Tiles read to the end of their last vector. */
  d->x = carve(at, total, (size_t)shape->in_channels * d->channel + INS_MOST_LANES);
}

/* The convolution that takes dy to dx, seen from dx. */
static ins_conv_shape transposed(const ins_conv_shape *s) {
  return (ins_conv_shape){.in_channels = s->out_channels,
                          .out_channels = s->in_channels,
                          .kernel_t = s->kernel_t,
                          .kernel_h = s->kernel_h,
                          .kernel_w = s->kernel_w,
                          .shift_t = s->kernel_t - 1 - s->shift_t,
                          .pad_h = s->kernel_h - 1 - s->pad_h,
                          .pad_w = s->kernel_w - 1 - s->pad_w,
                          .in_t = s->out_t,
                          .in_h = s->out_h,
                          .in_w = s->out_w,
                          .out_t = s->in_t,
                          .out_h = s->in_h,
                          .out_w = s->in_w};
}

/* The same in time only, with a channel for each place of the kernel. */
static ins_conv_shape spread_shape(const ins_conv_shape *s) {
  ins_conv_shape back = transposed(s);
  back.out_channels *= s->kernel_h * s->kernel_w;
  back.kernel_h = back.kernel_w = 1;
  back.pad_h = back.pad_w = 0;
  back.out_h = s->out_h;
  back.out_w = s->out_w;
  return back;
}

/* Work of one channel of dx, counted in multiply-adds of vectors: that of the margins against that
 * of adding up, a row at a time. */
static bool spreads(const ins_conv_shape *s, int groups, const direction *back,
                    const ins_kernels *kernels) {
  const size_t depth = area(s->out_channels / groups, s->kernel_t);
  const size_t without_margin = (size_t)vectors_of(area(s->out_h, s->out_w), kernels);
  const size_t adding = area(s->out_h, 3 + 2 * vectors_of((size_t)s->out_w, kernels));
  return 6 * (depth * without_margin + adding) < 5 * depth * (size_t)back->n_vectors;
}

static void lay_out_back(direction *d, const ins_conv_shape *s, int groups,
                         const ins_kernels *kernels, float **at, size_t *total) {
  ins_conv_shape back = transposed(s);
  d->shape = back;
  choose_rows(d, kernels);
  const bool spread = s->kernel_h * s->kernel_w > 1 && spreads(s, groups, d, kernels);
  if (spread) back = spread_shape(s);
  lay_out(d, &back, groups, kernels, at, total);
  d->spread = spread;
  d->places = *s;
}

static size_t lay_out_both(state *s, const ins_conv_shape *shape, int groups,
                           const ins_kernels *kernels, bool gradient, float *memory) {
  size_t total = 0;
  carve(&memory, &total, (sizeof *s + sizeof(float) - 1) / sizeof(float));
  lay_out(&s->forward, shape, groups, kernels, &memory, &total);
  if (gradient) lay_out_back(&s->backward, shape, groups, kernels, &memory, &total);
  return total;
}

size_t ins_dense_floats(const ins_conv_shape *shape, int groups, const ins_kernels *kernels,
                        bool gradient) {
  state layout;
  return lay_out_both(&layout, shape, groups, kernels, gradient, NULL);
}

/* ---- packing -------------------------------------------------------------------------------- */

static void fill_offsets(const direction *d) {
  const ins_conv_shape *s = &d->shape;
  size_t *to = d->offset;
  for (int k = 0; k < s->kernel_t; k++) {
    for (int a = 0; a < s->kernel_h; a++) {
      for (int b = 0; b < s->kernel_w; b++)
        *to++ =
            (size_t)k * d->frame + area(a, d->row) + (size_t)b * (d->n_copies > 1 ? d->plane : 1);
    }
  }
}

static int tile_of(const direction *d, int o) {
  return least(INS_DENSE_OUT, d->out_group - o);
}

/* Weights of the forward direction [o][i in group][tap]; going backwards, their taps run backwards
 * and inputs are outputs, or outputs and places. `i` counts within the group. */
static float weight_of(const direction *d, bool flipped, const float *w, int group, int o, int i,
                       size_t tap) {
  const size_t taps = n_taps(&d->shape);
  if (!flipped) return w[(area(group * d->out_group + o, d->in_group) + (size_t)i) * taps + tap];
  const int places = d->spread ? d->places.kernel_h * d->places.kernel_w : 1;
  const size_t pair = area(group * d->in_group + i, d->out_group / places) + (size_t)(o / places);
  return w[(pair * taps + (taps - 1 - tap)) * (size_t)places + (size_t)(o % places)];
}

static void pack_tile(const direction *d, bool flipped, int group, int o, const float *w,
                      float *to) {
  const int n = tile_of(d, o);
  for (int i = 0; i < d->in_group; i++) {
    for (size_t tap = 0; tap < n_taps(&d->shape); tap++) {
      for (int c = 0; c < n; c++) *to++ = weight_of(d, flipped, w, group, o + c, i, tap);
    }
  }
}

static float *tile_weights(const direction *d, int group, int o) {
  return d->w + area(group * d->out_group + o, d->in_group) * n_taps(&d->shape);
}

static void pack(const direction *d, bool flipped, const float *w) {
  fill_offsets(d);
  for (int group = 0; group < d->shape.in_channels / d->in_group; group++) {
    for (int o = 0; o < d->out_group; o += INS_DENSE_OUT)
      pack_tile(d, flipped, group, o, w, tile_weights(d, group, o));
  }
}

void ins_dense_init(ins_dense *out, const ins_conv_shape *shape, int groups,
                    const ins_kernels *kernels, bool gradient, const float *w, float *memory) {
  state *s = (state *)(void *)memory;
  lay_out_both(s, shape, groups, kernels, gradient, memory);
  pack(&s->forward, false, w);
  if (gradient) pack(&s->backward, true, w);
  *out = (ins_dense){.shape = *shape, .groups = groups, .kernels = kernels, .state = s};
}

/* ---- running -------------------------------------------------------------------------------- */

/* Rows are often shorter than it takes to call a function. */
static void copy_row(float *to, const float *from, int n) {
  if (n >= 64) {
    memcpy(to, from, (size_t)n * sizeof *to);
    return;
  }
  for (; n >= 4; n -= 4, to += 4, from += 4) memcpy(to, from, 4 * sizeof *to);
  for (; n > 0; n--) *to++ = *from++;
}

/* Rows of one frame into one copy, whose column 0 is column -pad_w + shift of x; margins stay zero.
 */
static void copy_plane(const direction *d, const float *x, int shift, int columns, float *to) {
  const ins_conv_shape *s = &d->shape;
  const int left = s->pad_w - shift; /* columns of the copy before the first of x */
  const int first = most(0, -left), end = least(s->in_w, columns - left);
  const int h0 = most(0, -s->pad_h), h1 = least(s->in_h, s->out_h + s->kernel_h - 1 - s->pad_h);
  if (end <= first || h1 <= h0) return;
  to += area(h0 + s->pad_h, d->row) + (size_t)(first + left);
  x += area(h0, s->in_w) + (size_t)first;
  if (end - first == s->in_w && d->row == s->in_w) {
    memcpy(to, x, area(h1 - h0, s->in_w) * sizeof *to);
    return;
  }
  for (int h = h0; h < h1; h++, to += d->row, x += s->in_w) copy_row(to, x, end - first);
}

static void copy_frames(const direction *d, const float *x, size_t x_channel, size_t x_frame) {
  const ins_conv_shape *s = &d->shape;
  const int columns = d->n_copies > 1 ? s->out_w : s->out_w + s->kernel_w - 1;
  for (int i = 0; i < s->in_channels; i++) {
    for (int t = 0; t < s->in_t; t++) {
      const float *from = x + (size_t)i * x_channel + (size_t)t * x_frame;
      float *to = d->x + (size_t)i * d->channel + (size_t)t * d->frame;
      for (int b = 0; b < d->n_copies; b++, to += d->plane) copy_plane(d, from, b, columns, to);
    }
  }
}

static void copy_out(const direction *d, const float *from, float *y) {
  const ins_conv_shape *s = &d->shape;
  if (d->row == s->out_w) {
    memcpy(y, from, area(s->out_h, s->out_w) * sizeof *y);
    return;
  }
  for (int h = 0; h < s->out_h; h++, y += s->out_w, from += d->row) copy_row(y, from, s->out_w);
}

/* Adds the part of dy that place [a][b] of the kernel took from dx, to its channel of dx. */
static void add_place(const ins_conv_shape *s, int place, const float *from, float *dx) {
  const int down = place / s->kernel_w - s->pad_h, right = place % s->kernel_w - s->pad_w;
  const int h1 = least(s->out_h, s->in_h - down), w0 = most(0, -right),
            w1 = least(s->out_w, s->in_w - right);
  for (int h = most(0, -down); h < h1; h++) {
    const float *row = from + area(h, s->out_w);
    float *to = dx + (ptrdiff_t)(h + down) * s->in_w + right;
    for (int w = w0; w < w1; w++) to[w] += row[w];
  }
}

static void put_out(const direction *d, int channel, const float *from, float *y,
                    size_t y_channel) {
  if (!d->spread) {
    copy_out(d, from, y + (size_t)channel * y_channel);
    return;
  }
  const ins_conv_shape *s = &d->places;
  const int places = s->kernel_h * s->kernel_w;
  y += (size_t)(channel / places) * y_channel;
  if (channel % places == 0) memset(y, 0, area(s->in_h, s->in_w) * sizeof *y);
  add_place(s, channel % places, from, y);
}

/* The taps k that meet a live frame, for output frame t: [first, end). */
static void live_taps(const ins_conv_shape *s, int t, int *first, int *end) {
  *first = most(0, s->shift_t - t);
  *end = most(*first, least(s->kernel_t, s->in_t + s->shift_t - t));
}

static void run_tile(const direction *d, const ins_kernels *kernels, int group, int o, int t,
                     float *y, size_t y_channel) {
  const ins_conv_shape *s = &d->shape;
  const size_t space = area(s->kernel_h, s->kernel_w);
  const int n = tile_of(d, o);
  int first, end;
  live_taps(s, t, &first, &end);
  const ins_dense_tile job = {.n_out = n,
                              .n_in = first < end ? d->in_group : 0,
                              .n_taps = (end - first) * (int)space,
                              .n_vectors = d->n_vectors,
                              .w = tile_weights(d, group, o) + (size_t)first * space * (size_t)n,
                              .w_in = n_taps(s) * (size_t)n,
                              .x = d->x + area(group, d->in_group) * d->channel +
                                   (first < end ? (size_t)(t + first - s->shift_t) * d->frame : 0),
                              .x_in = d->channel,
                              .offset = d->offset,
                              .y = d->y,
                              .y_out = d->y_out};
  kernels->dense(&job);
  for (int c = 0; c < n; c++)
    put_out(d, group * d->out_group + o + c, d->y + (size_t)c * d->y_out, y, y_channel);
}

static void run(const direction *d, const ins_kernels *kernels, const float *x, size_t x_channel,
                size_t x_frame, float *y, size_t y_channel, size_t y_frame) {
  copy_frames(d, x, x_channel, x_frame);
  for (int t = 0; t < d->shape.out_t; t++) {
    for (int group = 0; group < d->shape.out_channels / d->out_group; group++) {
      for (int o = 0; o < d->out_group; o += INS_DENSE_OUT)
        run_tile(d, kernels, group, o, t, y + (size_t)t * y_frame, y_channel);
    }
  }
}

void ins_dense_forward(const ins_dense *conv, const float *x, size_t x_channel, size_t x_frame,
                       float *y, size_t y_channel, size_t y_frame) {
  const state *s = conv->state;
  run(&s->forward, conv->kernels, x, x_channel, x_frame, y, y_channel, y_frame);
}

void ins_dense_backward(const ins_dense *conv, const float *dy, size_t dy_channel, size_t dy_frame,
                        float *dx, size_t dx_channel, size_t dx_frame) {
  const state *s = conv->state;
  run(&s->backward, conv->kernels, dy, dy_channel, dy_frame, dx, dx_channel, dx_frame);
}
