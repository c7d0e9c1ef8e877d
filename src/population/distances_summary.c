/* SPDX-License-Identifier: MIT */
/* Analysis `distances`: what a matrix of distances says of each item. */
#include <limits.h>
#include <math.h>

#include "distances.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

/* Products of items are right to this share of the product of their norms, on any number of ranks.
 */
static double rounding(const ins_matrix *d) {
  return d->dtype == INS_F32 ? 2e-6 : 1e-12;
}

/* What a distance is a linear function of products in: its square, where it is Euclidean. */
static double in_products(ins_metric metric, double distance) {
  return metric == INS_METRIC_EUCLIDEAN ? distance * (distance / 2) : distance;
}

/* Runs over pairs of different items that count, of which this process has the distance. */
typedef struct pairs {
  const ins_matrix *d;
  const bool *used;
  size_t a, b; /* local */
  size_t i, j; /* global, i > j */
} pairs;

static bool next(pairs *p) {
  for (; p->b < p->d->local_columns; p->b++, p->a = 0) {
    p->j = ins_matrix_column(p->d, p->b);
    while (p->used[p->j] && p->a < p->d->local_rows) {
      p->i = ins_matrix_row(p->d, p->a++);
      if (p->i > p->j && p->used[p->i]) return true;
    }
  }
  return false;
}

static double found(const pairs *p) {
  return ins_matrix_get(p->d, p->a - 1, p->b);
}

static void least_of_all(const ins_matrix *d, double *x) {
  MPI_Allreduce(MPI_IN_PLACE, x, (int)d->n_rows, MPI_DOUBLE, MPI_MIN, d->grid->comm);
}

static void start(size_t n, double *x) {
  for (size_t i = 0; i < n; i++) x[i] = INFINITY;
}

static void lower(double *x, double to) {
  if (to < *x) *x = to;
}

void ins_distances_nearest(const ins_matrix *d, ins_metric metric, const bool *used,
                           const double *norm, double *number, double *distance) {
  const size_t n = d->n_rows;
  const double slack = rounding(d);
  start(n, distance);
  for (pairs p = {.d = d, .used = used}; next(&p);) {
    lower(&distance[p.i], found(&p));
    lower(&distance[p.j], found(&p));
  }
  least_of_all(d, distance);
  start(n, number);
  for (pairs p = {.d = d, .used = used}; next(&p);) {
    const double x = in_products(metric, found(&p)) - slack * norm[p.i] * norm[p.j];
    if (x <= in_products(metric, distance[p.i])) lower(&number[p.i], (double)p.j);
    if (x <= in_products(metric, distance[p.j])) lower(&number[p.j], (double)p.i);
  }
  least_of_all(d, number);
  start(n, distance);
  for (pairs p = {.d = d, .used = used}; next(&p);) {
    if (number[p.i] == (double)p.j) distance[p.i] = found(&p);
    if (number[p.j] == (double)p.i) distance[p.j] = found(&p);
  }
  least_of_all(d, distance);
  for (size_t i = 0; i < n; i++)
    if (isinf(number[i])) {
      number[i] = -1;
      distance[i] = (double)NAN;
    }
}

ins_status ins_distances_groups(const ins_matrix *d, const bool *used, size_t n_groups, size_t each,
                                double *within, double *between) {
  double(*sum)[4] = NULL; /* within and its pairs, between and its pairs */
  ins_status status = ins_agree(d->grid->comm, ins_alloc(n_groups, sizeof *sum, &sum));
  if (status != INS_OK) goto done;
  for (size_t b = 0; b < d->local_columns; b++)
    for (size_t a = 0; a < d->local_rows; a++) {
      const size_t i = ins_matrix_row(d, a), j = ins_matrix_column(d, b);
      if (i <= j || !used[i] || !used[j]) continue;
      const size_t g[2] = {i / each, j / each};
      const int what = g[0] == g[1] ? 0 : 2;
      for (int k = 0; k < (what ? 2 : 1); k++) {
        sum[g[k]][what] += ins_matrix_get(d, a, b);
        sum[g[k]][what + 1]++;
      }
    }
  for (size_t g = 0; g < n_groups; g += INT_MAX / 64) {
    const size_t n = n_groups - g < INT_MAX / 64 ? n_groups - g : INT_MAX / 64;
    MPI_Allreduce(MPI_IN_PLACE, sum[g], (int)(4 * n), MPI_DOUBLE, MPI_SUM, d->grid->comm);
  }
  for (size_t g = 0; g < n_groups; g++) {
    within[g] = sum[g][1] > 0 ? sum[g][0] / sum[g][1] : (double)NAN;
    between[g] = sum[g][3] > 0 ? sum[g][2] / sum[g][3] : (double)NAN;
  }
done:
  ins_free(&sum);
  return status;
}
