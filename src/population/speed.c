/* SPDX-License-Identifier: MIT */
#include "speed.h"

#include <math.h>
#include <stdlib.h>

#include "insilico/clock.h"
#include "insilico/memory.h"

void openblas_set_num_threads(int n);
void dgemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k,
            const double *alpha, const double *a, const int *lda, const double *b, const int *ldb,
            const double *beta, double *c, const int *ldc);

void ins_speed_one_thread(void) {
  if (!getenv("OPENBLAS_NUM_THREADS") && !getenv("OMP_NUM_THREADS")) openblas_set_num_threads(1);
}

/* Operations a second; the best of three, the first of which wakes the library up. */
static double measure(void) {
  enum { N = 512, TURNS = 3 };
  const int n = N;
  const double one = 1, zero = 0;
  double *a, best = INFINITY;
  if (ins_alloc((size_t)3 * N * N, sizeof *a, &a) != INS_OK) return 1e9;
  for (size_t i = 0; i < (size_t)2 * N * N; i++) a[i] = (double)(i % 7);
  ins_speed_one_thread();
  for (int turn = 0; turn < TURNS; turn++) {
    const double start = ins_clock_s();
    dgemm_("N", "N", &n, &n, &n, &one, a, &n, a + (size_t)N * N, &n, &zero, a + (size_t)2 * N * N,
           &n);
    best = fmin(best, ins_clock_s() - start);
  }
  ins_free(&a);
  return 2.0 * N * N * N / fmax(best, 1e-6);
}

double ins_speed_seconds(double flops, int size) {
  static const double efficiency = 0.6; /* of large products in ScaLAPACK, as measured */
  static double rate;
  if (!(rate > 0)) rate = measure();
  return flops / (rate * efficiency * size);
}
