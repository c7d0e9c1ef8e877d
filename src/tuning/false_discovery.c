/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "insilico/memory.h"
#include "insilico/tuning.h"

typedef struct test {
  double p;
  size_t place;
} test;

/* By p, equal ones by place, so that the order is one and only one. */
static int compare(const void *a, const void *b) {
  const test *x = a, *y = b;
  if (x->p != y->p) return x->p < y->p ? -1 : 1;
  return x->place < y->place ? -1 : x->place > y->place;
}

ins_status ins_false_discovery(size_t n, const double *p, double *q) {
  test *tests = NULL;
  size_t m = 0;
  ins_status status = ins_alloc(n, sizeof *tests, &tests);
  if (status) return status;
  for (size_t i = 0; i < n; i++) {
    q[i] = NAN;
    if (!isnan(p[i])) tests[m++] = (test){p[i], i};
  }
  qsort(tests, m, sizeof *tests, compare);
  double least = 1; /* q never falls as p rises */
  for (size_t k = m; k-- > 0;) {
    least = fmin(least, tests[k].p * (double)m / (double)(k + 1));
    q[tests[k].place] = least;
  }
  ins_free(&tests);
  return INS_OK;
}
