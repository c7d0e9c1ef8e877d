/* SPDX-License-Identifier: MIT */
/** The vector type of the instruction set that this translation unit is compiled for. */
#ifndef INSILICO_LANES_VECTOR_H
#define INSILICO_LANES_VECTOR_H

#include "kernels_table.h"

#if defined(__AVX512F__)
enum { VL = 16 };
#elif defined(__AVX__)
enum { VL = 8 };
#else
enum { VL = 4 };
#endif

typedef float vf __attribute__((vector_size(VL * 4)));
typedef int vi __attribute__((vector_size(VL * 4)));
typedef float vf_unaligned __attribute__((vector_size(VL * 4), aligned(4), may_alias));

/* Tiles are functions of constant sizes that must be inlined and unrolled, so that their
 * accumulators are registers. */
#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL    _Pragma("clang loop unroll(full)")
#define NO_UNROLL _Pragma("clang loop unroll(disable)")
#else
#define UNROLL    _Pragma("GCC unroll 16")
#define NO_UNROLL _Pragma("GCC unroll 1")
#endif

INLINE vf splat(float x) {
  return x - (vf){0};
} /* x - 0 is x for every x, also for -0 */
INLINE vf load(const float *p) {
  return *(const vf *)(const void *)p;
}
INLINE vf load_unaligned(const float *p) {
  return *(const vf_unaligned *)(const void *)p;
}
INLINE void store(float *p, vf v) {
  *(vf *)(void *)p = v;
}
INLINE void store_unaligned(float *p, vf v) {
  *(vf_unaligned *)(void *)p = v;
}

/** yes where `where` (from a comparison of vectors) is true, else no. */
INLINE vf choose(vi where, vf yes, vf no) {
  return (vf)((where & (vi)yes) | (~where & (vi)no));
}

INLINE int least(int a, int b) {
  return a < b ? a : b;
}
INLINE int most(int a, int b) {
  return a > b ? a : b;
}

/** Keeps a loaded vector in a register: compilers otherwise load it again for each of its few uses,
 * and loads are as scarce as multiply-adds. */
INLINE vf held(vf v) {
#if defined(__AVX512F__)
  __asm__("" : "+v"(v));
#elif defined(__x86_64__)
  __asm__("" : "+x"(v));
#elif defined(__aarch64__)
  __asm__("" : "+w"(v));
#endif
  return v;
}

/** The next part when `n` are to be split into as few parts of at most `limit` as possible, evenly.
 */
INLINE int even_part(int n, int limit) {
  int parts = (n + limit - 1) / limit;
  return (n + parts - 1) / parts;
}

/** Swaps the off-diagonal 2x2 blocks of size s between rows a and b (one step of a transposition).
 */
INLINE void exchange(vf *a, vf *b, const int s) {
#if defined(__clang__)
  vf first, second; /* element by element: it finds the two shuffles itself */
  UNROLL for (int l = 0; l < VL; l++) {
    first[l] = l & s ? (*b)[l - s] : (*a)[l];
    second[l] = l & s ? (*b)[l] : (*a)[l + s];
  }
#else
  vi low, high;
  UNROLL for (int l = 0; l < VL; l++) {
    low[l] = l & s ? VL + l - s : l;
    high[l] = l & s ? VL + l : l + s;
  }
  vf first = __builtin_shuffle(*a, *b, low), second = __builtin_shuffle(*a, *b, high);
#endif
  *a = first;
  *b = second;
}

INLINE void transpose_step(vf *rows, const int s) {
  UNROLL for (int r = 0; r < VL; r++) {
    if (!(r & s)) exchange(&rows[r], &rows[r + s], s);
  }
}

/** Transposes VL vectors. */
INLINE void transpose(vf *rows) {
  transpose_step(rows, 1);
  transpose_step(rows, 2);
  if (VL > 4) transpose_step(rows, VL > 4 ? 4 : 1);
  if (VL > 8) transpose_step(rows, VL > 8 ? 8 : 1);
}

INLINE void sum_step(vf *rows, const int s) {
  UNROLL for (int r = 0; r < VL; r++) {
    if (!(r & (2 * s - 1))) {
      exchange(&rows[r], &rows[r + s], s);
      rows[r] += rows[r + s];
    }
  }
}

/** Lane r of the result is the sum over the lanes of rows[r]; destroys rows. */
INLINE vf sum_each(vf *rows) {
  sum_step(rows, 1);
  sum_step(rows, 2);
  if (VL > 4) sum_step(rows, VL > 4 ? 4 : 1);
  if (VL > 8) sum_step(rows, VL > 8 ? 8 : 1);
  return rows[0];
}

#endif
