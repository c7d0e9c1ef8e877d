/* SPDX-License-Identifier: MIT */
#include "reference.h"

#include <math.h>
#include <string.h>

static size_t x_plane(const ins_conv_shape *s) {
  return (size_t)s->in_h * (size_t)s->in_w;
}
static size_t y_plane(const ins_conv_shape *s) {
  return (size_t)s->out_h * (size_t)s->out_w;
}

/* y[h,w] += sum_{a,b} ws[a,b] z[h+a-pad, w+b-pad], or transposed z[...] += ws[a,b] y[h,w]. */
static void space(const ins_conv_shape *s, const float *ws, double *z, double *y, bool transposed) {
  for (int h = 0; h < s->out_h; h++) {
    for (int w = 0; w < s->out_w; w++) {
      for (int a = 0; a < s->kernel_h; a++) {
        for (int b = 0; b < s->kernel_w; b++) {
          const int row = h + a - s->pad_h, column = w + b - s->pad_w;
          if (row < 0 || row >= s->in_h || column < 0 || column >= s->in_w) continue;
          const double weight = (double)ws[a * s->kernel_w + b];
          double *from = &z[row * s->in_w + column], *to = &y[h * s->out_w + w];
          if (transposed)
            *from += weight * *to;
          else
            *to += weight * *from;
        }
      }
    }
  }
}

/* z[p] += sum_k wt[k] x[t + k - shift, p], or transposed x[...] += wt[k] z[p]. */
static void time_at(const ins_conv_shape *s, const float *wt, int t, double *x, double *z,
                    bool transposed) {
  const size_t plane = x_plane(s);
  for (int k = 0; k < s->kernel_t; k++) {
    const int frame = t + k - s->shift_t;
    if (frame < 0 || frame >= s->in_t) continue;
    double *at = x + (size_t)frame * plane;
    for (size_t p = 0; p < plane; p++) {
      if (transposed)
        at[p] += (double)wt[k] * z[p];
      else
        z[p] += (double)wt[k] * at[p];
    }
  }
}

static void run(const ins_conv_shape *s, const float *wt, const float *ws, double *x, double *y,
                double *z, bool transposed) {
  const size_t pairs = (size_t)s->out_channels * (size_t)s->in_channels;
  for (size_t pair = 0; pair < pairs; pair++) {
    const size_t o = pair / (size_t)s->in_channels, i = pair % (size_t)s->in_channels;
    const float *time = wt + pair * (size_t)s->kernel_t;
    const float *plane = ws + pair * (size_t)(s->kernel_h * s->kernel_w);
    double *from = x + i * (size_t)s->in_t * x_plane(s),
           *to = y + o * (size_t)s->out_t * y_plane(s);
    for (int t = 0; t < s->out_t; t++, to += y_plane(s)) {
      memset(z, 0, x_plane(s) * sizeof *z);
      if (!transposed) time_at(s, time, t, from, z, false);
      space(s, plane, z, to, transposed);
      if (transposed) time_at(s, time, t, from, z, true);
    }
  }
}

void ins_reference_separable(const ins_conv_shape *shape, const float *wt, const float *ws,
                             const double *x, double *plane, double *y) {
  memset(y, 0, (size_t)shape->out_channels * (size_t)shape->out_t * y_plane(shape) * sizeof *y);
  run(shape, wt, ws, (double *)(uintptr_t)x, y, plane, false);
}

void ins_reference_separable_backward(const ins_conv_shape *shape, const float *wt, const float *ws,
                                      const double *dy, double *plane, double *dx) {
  memset(dx, 0, (size_t)shape->in_channels * (size_t)shape->in_t * x_plane(shape) * sizeof *dx);
  run(shape, wt, ws, dx, (double *)(uintptr_t)dy, plane, true);
}

/* y += one tap's weight times x, over all frames of one pair of channels; or transposed. */
static void dense_tap(const ins_conv_shape *s, double weight, int k, int a, int b, double *x,
                      double *y, bool transposed) {
  for (int t = 0; t < s->out_t; t++) {
    const int frame = t + k - s->shift_t;
    if (frame < 0 || frame >= s->in_t) continue;
    for (int h = 0; h < s->out_h; h++) {
      const int row = h + a - s->pad_h;
      if (row < 0 || row >= s->in_h) continue;
      double *from = x + (size_t)frame * x_plane(s) + (size_t)row * (size_t)s->in_w;
      double *to = y + (size_t)t * y_plane(s) + (size_t)h * (size_t)s->out_w;
      for (int w = 0; w < s->out_w; w++) {
        const int column = w + b - s->pad_w;
        if (column < 0 || column >= s->in_w) continue;
        if (transposed)
          from[column] += weight * to[w];
        else
          to[w] += weight * from[column];
      }
    }
  }
}

static void dense(const ins_conv_shape *s, int groups, const float *w, double *x, double *y,
                  bool transposed) {
  const int in_group = s->in_channels / groups, out_group = s->out_channels / groups;
  for (int o = 0; o < s->out_channels; o++) {
    double *to = y + (size_t)o * (size_t)s->out_t * y_plane(s);
    for (int i = 0; i < in_group; i++) {
      double *from = x + (size_t)(o / out_group * in_group + i) * (size_t)s->in_t * x_plane(s);
      for (int k = 0; k < s->kernel_t; k++) {
        for (int a = 0; a < s->kernel_h; a++) {
          for (int b = 0; b < s->kernel_w; b++)
            dense_tap(s, (double)*w++, k, a, b, from, to, transposed);
        }
      }
    }
  }
}

void ins_reference_dense(const ins_conv_shape *shape, int groups, const float *w, const double *x,
                         double *y) {
  memset(y, 0, (size_t)shape->out_channels * (size_t)shape->out_t * y_plane(shape) * sizeof *y);
  dense(shape, groups, w, (double *)(uintptr_t)x, y, false);
}

void ins_reference_dense_backward(const ins_conv_shape *shape, int groups, const float *w,
                                  const double *dy, double *dx) {
  memset(dx, 0, (size_t)shape->in_channels * (size_t)shape->in_t * x_plane(shape) * sizeof *dx);
  dense(shape, groups, w, dx, (double *)(uintptr_t)dy, true);
}

double ins_reference_elu(double x) {
  return x > 0 ? x : expm1(x);
}
double ins_reference_elu_slope(double x) {
  return x > 0 ? 1 : exp(x);
}
double ins_reference_softplus(double x) {
  return x > 20 ? x : log1p(exp(x));
}
double ins_reference_softplus_slope(double x) {
  return x > 20 ? 1 : 1 / (1 + exp(-x));
}
