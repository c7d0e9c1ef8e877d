/* SPDX-License-Identifier: MIT */
/** The forward steps of a separable convolution. */
#ifndef INSILICO_LANES_FORWARD_H
#define INSILICO_LANES_FORWARD_H

#include "lanes_vector.h"

/* Widest tiles: their accumulators, the weights and an operand fit into 32 (16) registers. */
#if defined(__AVX512F__)
enum { WIDE = 8, TAPS = 6, WIDE_TIME = 8 };
#else
enum { WIDE = 8, TAPS = 5, WIDE_TIME = 6 };
#endif

/** acc[p] += sum over `rows` rows and C columns c of w[c] * z[p + c]: every operand is loaded once
 * a row and used for all pixels it reaches. With `broadcast`, z holds single numbers instead of
 * vectors. */
INLINE void correlate(const int P, const int C, const bool broadcast, int rows, const float *w,
                      ptrdiff_t w_row, const float *z, ptrdiff_t z_row, vf *acc) {
  for (int r = 0; r < rows; r++, w += w_row, z += z_row) {
    vf tap[TAPS];
    UNROLL for (int c = 0; c < C; c++) tap[c] = load(w + c * VL);
    UNROLL for (int q = 0; q < P + C - 1; q++) {
      vf v = broadcast ? splat(z[q]) : load(z + q * VL);
      UNROLL for (int c = 0; c < C; c++) {
        if (q >= c && q - c < P) acc[q - c] += tap[c] * v;
      }
    }
  }
}

/** The same for any number of columns, in parts of at most TAPS. */
INLINE void correlate_all(const int P, const bool broadcast, int rows, int columns, const float *w,
                          ptrdiff_t w_row, const float *z, ptrdiff_t z_row, vf *acc) {
  const ptrdiff_t step = broadcast ? 1 : VL;
  while (columns > 0) {
    int part = even_part(columns, TAPS);
    switch (part) {
    case 1:
      correlate(P, 1, broadcast, rows, w, w_row, z, z_row, acc);
      break;
    case 2:
      correlate(P, 2, broadcast, rows, w, w_row, z, z_row, acc);
      break;
    case 3:
      correlate(P, 3, broadcast, rows, w, w_row, z, z_row, acc);
      break;
    case 4:
      correlate(P, 4, broadcast, rows, w, w_row, z, z_row, acc);
      break;
    case 5:
      correlate(P, 5, broadcast, rows, w, w_row, z, z_row, acc);
      break;
    default:
      correlate(P, TAPS, broadcast, rows, w, w_row, z, z_row, acc);
      break;
    }
    columns -= part;
    w += part * VL;
    z += part * step;
  }
}

/* ---- time ----------------------------------------------------------------------------------- */

/** One tile of P pixels of two consecutive frames: a frame of x serves both. */
INLINE void temporal_pair(const int P, const ins_temporal *j, const float *x, float *z) {
  const int first = most(0, j->start), end = least(j->in_t, j->start + j->kernel_t);
  const int both = most(0, j->start + 1);
  const int last = least(j->in_t, j->start + 1 + j->kernel_t);
  const float *w =
      j->wt - (ptrdiff_t)j->start * VL; /* the weight of frame s is w[s] for the first frame */
  vf a[WIDE_TIME], b[WIDE_TIME];
  UNROLL for (int p = 0; p < P; p++) a[p] = b[p] = (vf){0};
  int s = first;
  for (; s < least(both, end); s++) {
    UNROLL for (int p = 0; p < P; p++) a[p] += load(w + s * VL) * splat(x[s * j->x_frame + p]);
  }
  const float *frame = x + both * j->x_frame;
  const float *tap = w + both * VL;
  for (s = both; s < end; s++, frame += j->x_frame, tap += VL) {
    vf now = load(tap), before = load(tap - VL);
    UNROLL for (int p = 0; p < P; p++) {
      vf v = splat(frame[p]);
      a[p] += now * v;
      b[p] += before * v;
    }
  }
  for (s = most(both, end); s < last; s++) {
    UNROLL for (int p = 0; p < P; p++) b[p] +=
        load(w + (s - 1) * VL) * splat(x[s * j->x_frame + p]);
  }
  UNROLL for (int p = 0; p < P; p++) {
    store(z + p * VL, a[p]);
    store(z + j->z_frame + p * VL, b[p]);
  }
}

INLINE void temporal_single(const int P, const ins_temporal *j, const float *x, float *z) {
  const int first = most(0, j->start), end = least(j->in_t, j->start + j->kernel_t);
  vf a[WIDE_TIME];
  UNROLL for (int p = 0; p < P; p++) a[p] = (vf){0};
  for (int s = first; s < end; s++) {
    vf now = load(j->wt + (s - j->start) * VL);
    UNROLL for (int p = 0; p < P; p++) a[p] += now * splat(x[s * j->x_frame + p]);
  }
  UNROLL for (int p = 0; p < P; p++) store(z + p * VL, a[p]);
}

INLINE void temporal_tile(const int P, const ins_temporal *j, const float *x, float *z) {
  if (j->n_frames == 2)
    temporal_pair(P, j, x, z);
  else
    temporal_single(P, j, x, z);
}

static void temporal(const ins_temporal *j) {
  for (int h = 0; h < j->height; h++) {
    for (int p = 0, part; p < j->width; p += part) {
      part = even_part(j->width - p, WIDE_TIME);
      const float *x = j->x + h * j->width + p;
      float *z = j->z + h * j->z_row + p * VL;
      switch (part) {
      case 1:
        temporal_tile(1, j, x, z);
        break;
      case 2:
        temporal_tile(2, j, x, z);
        break;
      case 3:
        temporal_tile(3, j, x, z);
        break;
      case 4:
        temporal_tile(4, j, x, z);
        break;
      case 5:
        temporal_tile(5, j, x, z);
        break;
      case 6:
        temporal_tile(6, j, x, z);
        break;
#if defined(__AVX512F__)
      case 7:
        temporal_tile(7, j, x, z);
        break;
      default:
        temporal_tile(8, j, x, z);
        break;
#endif
      }
    }
  }
}

/* ---- space ---------------------------------------------------------------------------------- */

/** A column of output tiles P pixels wide: going down, the rows of z are still in the nearest
 * cache. */
INLINE void spatial_column(const int P, const ins_spatial *j, int column) {
  for (int h = 0; h < j->out_h; h++) {
    const int first = most(0, j->pad_h - h), end = least(j->kernel_h, j->in_h + j->pad_h - h);
    float *y = j->y + ((ptrdiff_t)h * j->out_w + column) * VL;
    vf acc[WIDE];
    UNROLL for (int p = 0; p < P; p++) acc[p] = j->accumulate ? load(y + p * VL) : (vf){0};
    correlate_all(P, false, end - first, j->kernel_w, j->ws + (ptrdiff_t)first * j->kernel_w * VL,
                  j->kernel_w * VL,
                  j->z + (h + first - j->pad_h) * (ptrdiff_t)j->z_row + column * VL,
                  (ptrdiff_t)j->z_row, acc);
    UNROLL for (int p = 0; p < P; p++) store(y + p * VL, acc[p]);
  }
}

static void spatial(const ins_spatial *j) {
  for (int p = 0, part; p < j->out_w; p += part) {
    part = even_part(j->out_w - p, WIDE);
    switch (part) {
    case 1:
      spatial_column(1, j, p);
      break;
    case 2:
      spatial_column(2, j, p);
      break;
    case 3:
      spatial_column(3, j, p);
      break;
    case 4:
      spatial_column(4, j, p);
      break;
    case 5:
      spatial_column(5, j, p);
      break;
    case 6:
      spatial_column(6, j, p);
      break;
    case 7:
      spatial_column(7, j, p);
      break;
    default:
      spatial_column(8, j, p);
      break;
    }
  }
}

#endif
