/* SPDX-License-Identifier: MIT */
#include "peak.h"

#include <string.h>
#include <time.h>

typedef float v16 __attribute__((vector_size(64)));
typedef float v8 __attribute__((vector_size(32)));
typedef float v4 __attribute__((vector_size(16)));

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static volatile float sink;

/* Twelve chains of dependent multiply-adds keep every unit busy. The values stay near 1. */
#define CHAINS(V)                                                                                  \
  V a0 = {1}, a1 = a0 + 1, a2 = a0 + 2, a3 = a0 + 3, a4 = a0 + 4, a5 = a0 + 5, a6 = a0 + 6,        \
    a7 = a0 + 7, a8 = a0 + 8, a9 = a0 + 9, a10 = a0 + 10, a11 = a0 + 11;                           \
  const V w = a0 * 0 + 0.5f, x = a0 * 0 + 0.5f;                                                    \
  for (long i = 0; i < n; i++) {                                                                   \
    a0 = a0 * w + x, a1 = a1 * w + x, a2 = a2 * w + x, a3 = a3 * w + x, a4 = a4 * w + x;           \
    a5 = a5 * w + x, a6 = a6 * w + x, a7 = a7 * w + x, a8 = a8 * w + x, a9 = a9 * w + x;           \
    a10 = a10 * w + x, a11 = a11 * w + x;                                                          \
  }                                                                                                \
  a0 += a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;                                    \
  sink = a0[0];                                                                                    \
  return (double)n * 12 * 2 * (sizeof(V) / sizeof(float))

static double run_generic(long n) {
  CHAINS(v4);
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static double run_avx2(long n) {
  CHAINS(v8);
}
__attribute__((target("avx512f,fma,prefer-vector-width=512"))) static double run_avx512(long n) {
  CHAINS(v16);
}
#endif

double bench_peak(const char *kernels) {
  double (*run)(long) = run_generic;
#if defined(__x86_64__)
  if (strcmp(kernels, "avx2") == 0) run = run_avx2;
  if (strcmp(kernels, "avx512") == 0) run = run_avx512;
#else
  (void)kernels;
#endif
  double best = 0;
  for (int i = 0; i < 10; i++) {
    const double start = seconds(), operations = run(50000),
                 rate = operations / (seconds() - start);
    if (rate > best) best = rate;
  }
  return best;
}
