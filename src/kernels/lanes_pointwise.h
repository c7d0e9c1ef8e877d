/* SPDX-License-Identifier: MIT */
/** Work on single pixels: the activation, changes of layout. */
#ifndef INSILICO_LANES_POINTWISE_H
#define INSILICO_LANES_POINTWISE_H

#include "lanes_vector.h"

/** exp(r) - 1 for x = n ln(2) + r, |r| <= ln(2)/2 (coefficients of the Taylor series: at this width
 * the first term left out is below 3e-9 of r). *n is n above some multiple of 512. */
INLINE vf exponential_part(vf x, vi *n) {
  const vf magic = splat(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
  vf shifted = x * 1.44269504f + magic;
  vf whole = shifted - magic;
  vf r = x - whole * 0.693145752f; /* the upper bits of ln 2: the product is exact */
  r -= whole * 1.42860677e-6f;
  vf p = r * 1.98412698e-4f + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  *n = (vi)shifted;
  return p * (r * r) + r;
}

/** *e = exp(x) and *m = exp(x) - 1, both to a relative 2e-7, for x <= 0. */
INLINE void exponential(vf x, vf *e, vf *m) {
  x = choose(x < -87.0f, splat(-87.0f), x); /* exp(-87) is the smallest normal power; NaN stays */
  vi n;
  vf p = exponential_part(x, &n);
  vf power = (vf)((n << 23) + 0x3f800000); /* 2^n */
  *e = power * p + power;
  *m = power * p + (power - 1.0f);
}

/** Stores n pixels (one a vector) of the first n_channels channels of a block, one channel a row.
 */
INLINE void store_planar(vf *pixels, int n, int n_channels, float *to, size_t channel) {
  transpose(pixels);
  for (int c = 0; c < VL && c < n_channels; c++, to += channel) {
    if (n == VL) {
      store_unaligned(to, pixels[c]);
    } else {
      for (int p = 0; p < n; p++) to[p] = pixels[c][p];
    }
  }
}

static void activate(const ins_activate *j) {
  const vf scale = load(j->scale), shift = load(j->shift);
  for (int p0 = 0; p0 < j->n; p0 += VL) {
    const int n = least(VL, j->n - p0);
    vf act[VL];
    for (int p = 0; p < n; p++) {
      vf y = load(j->y + (p0 + p) * VL) * scale + shift, e, m;
      vi negative = (vi)y >> 31; /* the sign, in all bits */
      exponential((vf)(negative & (vi)y), &e, &m);
      act[p] = (vf)(~negative & (vi)y) + m; /* one of the two is 0 */
      if (j->act) store(j->act + (p0 + p) * VL, act[p]);
      if (j->slope) store(j->slope + (p0 + p) * VL, scale * e);
    }
    if (!j->planar) continue;
    for (int p = n; p < VL; p++) act[p] = (vf){0};
    store_planar(act, n, j->n_channels, j->planar + p0, j->planar_channel);
  }
}

static void multiply(float *out, const float *a, const float *b, size_t n) {
  for (size_t i = 0; i < n * VL; i += VL) store(out + i, load(a + i) * load(b + i));
}

static void to_planar(int n_pixels, int n_channels, const float *a, const float *b, float *planar,
                      size_t planar_channel) {
  for (int p0 = 0; p0 < n_pixels; p0 += VL) {
    const int n = least(VL, n_pixels - p0);
    vf rows[VL];
    for (int p = 0; p < VL; p++) rows[p] = p < n ? load(a + (p0 + p) * VL) : (vf){0};
    if (b) {
      for (int p = 0; p < n; p++) rows[p] *= load(b + (p0 + p) * VL);
    }
    store_planar(rows, n, n_channels, planar + p0, planar_channel);
  }
}

static void to_lanes(int n_pixels, int n_channels, const float *planar, size_t planar_channel,
                     float *a) {
  const int most_channels = least(VL, n_channels);
  for (int p0 = 0; p0 < n_pixels; p0 += VL) {
    const int n = least(VL, n_pixels - p0);
    vf rows[VL];
    for (int c = 0; c < VL; c++) rows[c] = (vf){0};
    for (int c = 0; c < most_channels; c++) {
      const float *from = planar + (size_t)c * planar_channel + p0;
      if (n == VL) {
        rows[c] = load_unaligned(from);
      } else {
        for (int p = 0; p < n; p++) rows[c][p] = from[p];
      }
    }
    transpose(rows);
    for (int p = 0; p < n; p++) store(a + (p0 + p) * VL, rows[p]);
  }
}

#endif
