/* SPDX-License-Identifier: MIT */
/** Nonlinearities of runs of numbers. All are written with exponentials of numbers below 0, which
 * neither overflow nor lose digits to 1 - 1. */
#ifndef INSILICO_LANES_NONLINEAR_H
#define INSILICO_LANES_NONLINEAR_H

#include "lanes_pointwise.h"

INLINE vf negative_of_size(vf x) {
  return (vf)((vi)x | (vi)splat(-0.0f));
} /* -|x| */

/** exp(x) for every x, with its limits: the power of two in two factors, since it may lie beyond
 * the range of a float where their product with exp(r) does not. */
INLINE vf exponential_any(vf x) {
  x = choose(x > 89.0f, splat(89.0f), x);
  x = choose(x < -104.0f, splat(-104.0f), x);
  vi n;
  const vf p = exponential_part(x, &n);
  n = (n << 23) >> 23;
  const vi half = n >> 1;
  const vf first = (vf)((half << 23) + 0x3f800000), second = (vf)(((n - half) << 23) + 0x3f800000);
  return (first * p + first) * second;
}

/** log(1 + e) for e in [0, 1], as 2 artanh(e / (2 + e)): the first term left out is below 2e-9. */
INLINE vf log_one_plus(vf e) {
  const vf s = e / (e + 2.0f), q = s * s;
  vf p = q * (2.0f / 17) + 2.0f / 15;
  p = p * q + 2.0f / 13;
  p = p * q + 2.0f / 11;
  p = p * q + 2.0f / 9;
  p = p * q + 2.0f / 7;
  p = p * q + 2.0f / 5;
  p = p * q + 2.0f / 3;
  return p * q * s + 2.0f * s;
}

/** *s = 1 / (1 + exp(-x)) and *rest = 1 - *s, both with all their digits. */
INLINE void sigmoid_parts(vf x, vf *s, vf *rest) {
  vf e, m;
  exponential(negative_of_size(x), &e, &m);
  const vf large = 1.0f / (1.0f + e), small = e * large;
  *s = choose(x < 0.0f, small, large);
  *rest = choose(x < 0.0f, large, small);
}

INLINE vf clamped_lanes(vf x, float low, float high) { /* NaN stays */
  return choose(x < low, splat(low), choose(x > high, splat(high), x));
}
INLINE vi within_lanes(vf x, float low, float high) {
  return (x > low) & (x < high);
}
INLINE vf size_of(vf x) {
  return choose(x < 0.0f, -x, x);
}

/** x tanh(softplus(x)) by e = exp(-|x|): the tangent is n / (n + 2) with n = e (e + 2) below 0, and
 * above 0 the same divided by e^2 twice. */
INLINE vf mish_lanes(vf x, vf *slope) {
  const vi below = x < 0.0f;
  vf e, m, s, rest;
  exponential(negative_of_size(x), &e, &m);
  sigmoid_parts(x, &s, &rest);
  const vf n = choose(below, e * (e + 2.0f), 1.0f + 2.0f * e);
  const vf left = choose(below, splat(2.0f), 2.0f * e * e); /* 1 - tanh, times what follows */
  const vf whole = n + left, t = n / whole;
  *slope = t + x * s * (left / whole) * (1.0f + t);
  return x * t;
}

INLINE vf nonlinear_vector(const ins_nonlinearity kind, vf x, vf *slope) {
  const vf one = splat(1.0f), zero = (vf){0};
  vf e, m, s, rest;
  switch (kind) {
  case INS_ELU:
  case INS_SELU: {
    const vf scale = splat(kind == INS_SELU ? 1.05070099f : 1.0f);
    const vf alpha = splat(kind == INS_SELU ? 1.75809934f : 1.0f); /* scale times alpha */
    exponential(choose(x > 0.0f, zero, x), &e, &m);
    *slope = choose(x > 0.0f, scale, alpha * e);
    return choose(x > 0.0f, scale * x, alpha * m);
  }
  case INS_RELU:
    *slope = choose(x > 0.0f, one, zero);
    return choose(x < 0.0f, zero, x);
  case INS_LEAKY_RELU:
    *slope = choose(x > 0.0f, one, splat(0.01f));
    return choose(x > 0.0f, x, x * 0.01f);
  case INS_SOFTPLUS:
    exponential(negative_of_size(x), &e, &m);
    sigmoid_parts(x, &s, &rest);
    *slope = choose(x > 20.0f, one, s);
    return choose(x > 20.0f, x, choose(x < 0.0f, zero, x) + log_one_plus(e));
  case INS_SIGMOID:
    sigmoid_parts(x, &s, &rest);
    *slope = s * rest;
    return s;
  case INS_TANH: {
    exponential(2.0f * negative_of_size(x), &e, &m);
    const vf t = m / (m + 2.0f); /* of -|x| */
    *slope = 4.0f * e / ((1.0f + e) * (1.0f + e));
    return choose(x < 0.0f, t, -t);
  }
  case INS_EXP:
    return *slope = exponential_any(x);
  case INS_SILU:
    sigmoid_parts(x, &s, &rest);
    *slope = s + x * s * rest;
    return x * s;
  case INS_RRELU:
    *slope = choose(x > 0.0f, one, splat(11.0f / 48));
    return choose(x > 0.0f, x, x * (11.0f / 48));
  case INS_RELU6:
    *slope = choose(within_lanes(x, 0, 6), one, zero);
    return clamped_lanes(x, 0, 6);
  case INS_HARDTANH:
    *slope = choose(within_lanes(x, -1, 1), one, zero);
    return clamped_lanes(x, -1, 1);
  case INS_HARDSIGMOID:
    *slope = choose(within_lanes(x, -3, 3), splat(1.0f / 6), zero);
    return clamped_lanes(x + 3.0f, 0, 6) / 6.0f;
  case INS_HARDSWISH:
    *slope = choose(within_lanes(x, -3, 3), x / 3.0f + 0.5f, choose(x > 0.0f, one, zero));
    return x * (clamped_lanes(x + 3.0f, 0, 6) / 6.0f);
  case INS_HARDSHRINK:
    *slope = choose(size_of(x) <= 0.5f, zero, one);
    return choose(size_of(x) <= 0.5f, zero, x);
  case INS_SOFTSHRINK:
    *slope = choose(size_of(x) <= 0.5f, zero, one);
    return x - clamped_lanes(x, -0.5f, 0.5f);
  case INS_SOFTSIGN:
    m = 1.0f / (1.0f + size_of(x));
    *slope = m * m;
    return x / (1.0f + size_of(x));
  case INS_LOGSIGMOID:
    exponential(negative_of_size(x), &e, &m);
    sigmoid_parts(x, &s, slope);
    return choose(x > 0.0f, zero, x) - log_one_plus(e);
  case INS_MISH:
    return mish_lanes(x, slope);
  case INS_ELU1: /* exp(x) below 0 has digits that exp(x) - 1 + 1 loses */
    exponential(choose(x > 0.0f, zero, x), &e, &m);
    *slope = choose(x > 0.0f, one, e);
    return choose(x > 0.0f, x + 1.0f, e);
  default:
    *slope = one;
    return x;
  }
}

INLINE void nonlinear_run(const ins_nonlinearity kind, size_t n, const float *x, float *y,
                          float *slope) {
  vf d;
  size_t i = 0;
  for (; i + VL <= n; i += VL) {
    store_unaligned(y + i, nonlinear_vector(kind, load_unaligned(x + i), &d));
    if (slope) store_unaligned(slope + i, d);
  }
  if (i == n) return;
  vf last = {0};
  for (size_t l = 0; i + l < n; l++) last[l] = x[i + l];
  last = nonlinear_vector(kind, last, &d);
  for (size_t l = 0; i + l < n; l++) {
    y[i + l] = last[l];
    if (slope) slope[i + l] = d[l];
  }
}

/* Rare, and the error function has no short form, nor the difference of x and tanh(x) all its
 * digits: one number after the other, in double. */
static void exact_run(ins_nonlinearity kind, size_t n, const float *x, float *y, float *slope) {
  for (size_t i = 0; i < n; i++) {
    const double z = (double)x[i];
    y[i] = (float)ins_nonlinearity_of(kind, z);
    if (slope) slope[i] = (float)ins_nonlinearity_slope(kind, z);
  }
}

static void nonlinear(ins_nonlinearity kind, size_t n, const float *x, float *y, float *slope) {
  switch (kind) {
  case INS_ELU:
    nonlinear_run(INS_ELU, n, x, y, slope);
    break;
  case INS_RELU:
    nonlinear_run(INS_RELU, n, x, y, slope);
    break;
  case INS_LEAKY_RELU:
    nonlinear_run(INS_LEAKY_RELU, n, x, y, slope);
    break;
  case INS_SOFTPLUS:
    nonlinear_run(INS_SOFTPLUS, n, x, y, slope);
    break;
  case INS_SIGMOID:
    nonlinear_run(INS_SIGMOID, n, x, y, slope);
    break;
  case INS_TANH:
    nonlinear_run(INS_TANH, n, x, y, slope);
    break;
  case INS_EXP:
    nonlinear_run(INS_EXP, n, x, y, slope);
    break;
  case INS_SILU:
    nonlinear_run(INS_SILU, n, x, y, slope);
    break;
  case INS_SELU:
    nonlinear_run(INS_SELU, n, x, y, slope);
    break;
  case INS_RRELU:
    nonlinear_run(INS_RRELU, n, x, y, slope);
    break;
  case INS_RELU6:
    nonlinear_run(INS_RELU6, n, x, y, slope);
    break;
  case INS_HARDTANH:
    nonlinear_run(INS_HARDTANH, n, x, y, slope);
    break;
  case INS_HARDSIGMOID:
    nonlinear_run(INS_HARDSIGMOID, n, x, y, slope);
    break;
  case INS_HARDSWISH:
    nonlinear_run(INS_HARDSWISH, n, x, y, slope);
    break;
  case INS_HARDSHRINK:
    nonlinear_run(INS_HARDSHRINK, n, x, y, slope);
    break;
  case INS_SOFTSHRINK:
    nonlinear_run(INS_SOFTSHRINK, n, x, y, slope);
    break;
  case INS_SOFTSIGN:
    nonlinear_run(INS_SOFTSIGN, n, x, y, slope);
    break;
  case INS_LOGSIGMOID:
    nonlinear_run(INS_LOGSIGMOID, n, x, y, slope);
    break;
  case INS_MISH:
    nonlinear_run(INS_MISH, n, x, y, slope);
    break;
  case INS_GELU:
  case INS_TANHSHRINK:
    exact_run(kind, n, x, y, slope);
    break;
  case INS_ELU1:
    nonlinear_run(INS_ELU1, n, x, y, slope);
    break;
  default:
    nonlinear_run(INS_IDENTITY, n, x, y, slope);
    break;
  }
}

#endif
