/* SPDX-License-Identifier: MIT */
#ifndef INSILICO_BENCH_PEAK_H
#define INSILICO_BENCH_PEAK_H

/** Floating-point operations a second that this core reaches now with nothing but fused
 * multiply-adds on registers, for the instruction set called `kernels` ("generic", "avx2",
 * "avx512"). Takes about 2 ms. */
double bench_peak(const char *kernels);

#endif
