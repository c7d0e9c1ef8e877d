/* SPDX-License-Identifier: MIT */
/** The backward steps of a separable convolution: the transposes of those in lanes_forward.h. */
#ifndef INSILICO_LANES_BACKWARD_H
#define INSILICO_LANES_BACKWARD_H

#include "lanes_forward.h"

/* ---- space, lanes = output channels --------------------------------------------------------- */

#if defined(__AVX512F__)
enum { WIDE_SPREAD = 8 };
#else
enum { WIDE_SPREAD = 6 };
#endif

/** acc[p + c] += sum over `rows` rows of w[c] * dy[p], p < P, c < C; rows of w run backwards. */
INLINE void spread_rows(const int P, const int C, int rows, const float *w, ptrdiff_t w_row,
                        const float *dy, ptrdiff_t dy_row, vf *acc) {
  for (int r = 0; r < rows; r++, w -= w_row, dy += dy_row) {
    vf tap[TAPS];
    UNROLL for (int c = 0; c < C; c++) tap[c] = load(w + c * VL);
    UNROLL for (int p = 0; p < P; p++) {
      vf v = load(dy + p * VL);
      UNROLL for (int c = 0; c < C; c++) acc[p + c] += tap[c] * v;
    }
  }
}

INLINE void spread_part(const int P, const int C, int rows, const float *w, ptrdiff_t w_row,
                        const float *dy, ptrdiff_t dy_row, float *u) {
  vf acc[WIDE_SPREAD + TAPS];
  UNROLL for (int q = 0; q < P + C - 1; q++) acc[q] = load(u + q * VL);
  spread_rows(P, C, rows, w, w_row, dy, dy_row, acc);
  UNROLL for (int q = 0; q < P + C - 1; q++) store(u + q * VL, acc[q]);
}

/** P columns of dy reach P + kernel_w - 1 columns of u. */
INLINE void spread_tile(const int P, int rows, int columns, const float *w, ptrdiff_t w_row,
                        const float *dy, ptrdiff_t dy_row, float *u) {
  while (columns > 0) {
    int part = even_part(columns, TAPS);
    switch (part) {
    case 1:
      spread_part(P, 1, rows, w, w_row, dy, dy_row, u);
      break;
    case 2:
      spread_part(P, 2, rows, w, w_row, dy, dy_row, u);
      break;
    case 3:
      spread_part(P, 3, rows, w, w_row, dy, dy_row, u);
      break;
    case 4:
      spread_part(P, 4, rows, w, w_row, dy, dy_row, u);
      break;
    case 5:
      spread_part(P, 5, rows, w, w_row, dy, dy_row, u);
      break;
    default:
      spread_part(P, TAPS, rows, w, w_row, dy, dy_row, u);
      break;
    }
    columns -= part;
    w += part * VL;
    u += part * VL;
  }
}

static void spread(const ins_spread *j) {
  const int first = most(0, j->row - j->kernel_h + 1), end = least(j->out_h, j->row + 1);
  const ptrdiff_t w_row = (ptrdiff_t)j->kernel_w * VL, dy_row = (ptrdiff_t)j->out_w * VL;
  for (int t = 0; t < j->n_frames; t++) {
    float *u = j->u + t * j->u_frame;
    for (int q = 0; q < j->out_w + j->kernel_w - 1; q++) store(u + q * VL, (vf){0});
    if (end <= first) continue;
    const float *w = j->ws + (j->row - first) * w_row;
    const float *dy = j->dy + t * j->dy_frame + first * dy_row;
    for (int p = 0, part; p < j->out_w; p += part) {
      part = even_part(j->out_w - p, WIDE_SPREAD);
      const float *from = dy + p * VL;
      float *to = u + p * VL;
      switch (part) {
      case 1:
        spread_tile(1, end - first, j->kernel_w, w, w_row, from, dy_row, to);
        break;
      case 2:
        spread_tile(2, end - first, j->kernel_w, w, w_row, from, dy_row, to);
        break;
      case 3:
        spread_tile(3, end - first, j->kernel_w, w, w_row, from, dy_row, to);
        break;
      case 4:
        spread_tile(4, end - first, j->kernel_w, w, w_row, from, dy_row, to);
        break;
      case 5:
        spread_tile(5, end - first, j->kernel_w, w, w_row, from, dy_row, to);
        break;
      case 6:
        spread_tile(6, end - first, j->kernel_w, w, w_row, from, dy_row, to);
        break;
#if defined(__AVX512F__)
      case 7:
        spread_tile(7, end - first, j->kernel_w, w, w_row, from, dy_row, to);
        break;
      default:
        spread_tile(8, end - first, j->kernel_w, w, w_row, from, dy_row, to);
        break;
#endif
      }
    }
  }
}

/* ---- space, lanes = input channels ---------------------------------------------------------- */

/** A column of tiles over all frames. Taps that meet nothing but margin are left out. */
INLINE void gather_column(const int P, const ins_gather *j, int column) {
  const int first = most(0, j->row - j->kernel_h + 1), end = least(j->out_h, j->row + 1);
  const int tap = most(0, j->first_valid - column - P + 1);
  const int taps = least(j->kernel_w, j->end_valid - column) - tap;
  const ptrdiff_t w_row = (ptrdiff_t)j->kernel_w * VL;
  const float *w = j->ws + (j->row - first) * w_row + tap * VL;
  for (int t = 0; t < j->n_frames; t++) {
    vf acc[WIDE];
    UNROLL for (int p = 0; p < P; p++) acc[p] = (vf){0};
    const float *dy = j->dy + t * j->dy_frame + first * (ptrdiff_t)j->dy_row + column + tap;
    correlate_all(P, true, end - first, taps, w, -w_row, dy, (ptrdiff_t)j->dy_row, acc);
    float *u = j->u + t * j->u_frame + column * VL;
    UNROLL for (int p = 0; p < P; p++) store(u + p * VL, acc[p]);
  }
}

static void gather(const ins_gather *j) {
  for (int p = 0, part; p < j->width; p += part) {
    part = even_part(j->width - p, WIDE);
    switch (part) {
    case 1:
      gather_column(1, j, p);
      break;
    case 2:
      gather_column(2, j, p);
      break;
    case 3:
      gather_column(3, j, p);
      break;
    case 4:
      gather_column(4, j, p);
      break;
    case 5:
      gather_column(5, j, p);
      break;
    case 6:
      gather_column(6, j, p);
      break;
    case 7:
      gather_column(7, j, p);
      break;
    default:
      gather_column(8, j, p);
      break;
    }
  }
}

/* ---- time ----------------------------------------------------------------------------------- */

/* Pixels of a tile of two frames. */
#if defined(__AVX512F__)
enum { WIDE_BACK = 8 };
#else
enum { WIDE_BACK = 6 };
#endif
enum {
  WIDE_SUM = VL == 4 ? 4 : VL / 2
}; /* summed over lanes, two frames are whole vectors of sums */

/** Adds to two consecutive frames s, s + 1 of P pixels what all frames of u contribute. */
INLINE void gather_time_pair(const int P, const ins_gather_time *j, int s, const float *u,
                             const float *w, vf *a, vf *b) {
  const int c = s + j->shift_t; /* frame t of u has tap c - t for s and c + 1 - t for s + 1 */
  const int first = most(0, c - j->kernel_t + 1), end = most(0, least(j->out_t, c + 1));
  const int both = most(0, c - j->kernel_t + 2), last = least(j->out_t, c + 2);
  if (first < least(both, end)) { /* at most one frame has a tap for s alone */
    const vf tap = load(w + (ptrdiff_t)(c - first) * VL);
    UNROLL for (int p = 0; p < P; p++) a[p] += tap * load(u + (size_t)first * j->u_frame + p * VL);
  }
  const float *frame = u + (size_t)both * j->u_frame;
  const float *tap = w + (ptrdiff_t)(c - both) * VL;
  NO_UNROLL for (int t = both; t < end; t++) {
    const vf now = load(tap), next = load(tap + VL);
    UNROLL for (int p = 0; p < P; p++) {
      const vf v = held(load(frame + p * VL));
      a[p] += now * v;
      b[p] += next * v;
    }
    frame += j->u_frame;
    tap -= VL;
  }
  if (most(both, end) < last) { /* and at most one for s + 1 alone */
    const int t = last - 1;
    const vf only = load(w + (ptrdiff_t)(c + 1 - t) * VL);
    UNROLL for (int p = 0; p < P; p++) b[p] += only * load(u + (size_t)t * j->u_frame + p * VL);
  }
}

/** A tile of P columns, for all frames. */
INLINE void gather_time_column(const int P, const ins_gather_time *j, int column) {
  for (int s = 0; s < j->in_t; s += 2) {
    float *d = j->d + s * j->d_frame + column * VL;
    float *next = s + 1 < j->in_t ? d + j->d_frame : NULL;
    vf a[WIDE_BACK], b[WIDE_BACK];
    UNROLL for (int p = 0; p < P; p++) {
      a[p] = j->accumulate ? load(d + p * VL) : (vf){0};
      b[p] = j->accumulate && next ? load(next + p * VL) : (vf){0};
    }
    for (int g = 0; g < j->n_groups; g++)
      gather_time_pair(P, j, s, j->u + g * j->u_group + column * VL, j->wt + g * j->wt_group, a, b);
    UNROLL for (int p = 0; p < P; p++) store(d + p * VL, a[p]);
    if (next) {
      UNROLL for (int p = 0; p < P; p++) store(next + p * VL, b[p]);
    }
  }
}

static void gather_time(const ins_gather_time *j) {
  for (int p = 0, part; p < j->width; p += part) {
    part = even_part(j->width - p, WIDE_BACK);
    switch (part) {
    case 1:
      gather_time_column(1, j, p);
      break;
    case 2:
      gather_time_column(2, j, p);
      break;
    case 3:
      gather_time_column(3, j, p);
      break;
    case 4:
      gather_time_column(4, j, p);
      break;
    case 5:
      gather_time_column(5, j, p);
      break;
    case 6:
      gather_time_column(6, j, p);
      break;
#if defined(__AVX512F__)
    case 7:
      gather_time_column(7, j, p);
      break;
    default:
      gather_time_column(8, j, p);
      break;
#endif
    }
  }
}

static void gather_time_sum(const ins_gather_time *j) {
  for (int column = 0; column < j->width; column += WIDE_SUM) {
    const int n = least(WIDE_SUM, j->width - column);
    for (int s = 0; s < j->in_t; s += 2) {
      vf sums[2 * WIDE_SUM];
      UNROLL for (int p = 0; p < 2 * WIDE_SUM; p++) sums[p] = (vf){0};
      for (int g = 0; g < j->n_groups; g++)
        gather_time_pair(WIDE_SUM, j, s, j->u + g * j->u_group + column * VL,
                         j->wt + g * j->wt_group, sums, sums + WIDE_SUM);
      float out[2 * WIDE_SUM] __attribute__((aligned(VL * 4)));
      UNROLL for (int p = 0; p < 2 * WIDE_SUM; p += VL) store(out + p, sum_each(sums + p));
      float *d = j->d + s * j->d_frame + column;
      for (int p = 0; p < n; p++) d[p] = out[p];
      if (s + 1 < j->in_t) {
        for (int p = 0; p < n; p++) d[j->d_frame + p] = out[WIDE_SUM + p];
      }
    }
  }
}

#endif
