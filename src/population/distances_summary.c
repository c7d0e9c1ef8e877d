/* SPDX-License-Identifier: MIT */
/* Analysis `distances`: what a matrix of distances says of each item. */
#include <limits.h>
#include <math.h>

#include "distances.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

/* As MPI_DOUBLE_INT has it. */
typedef struct neighbour {
  double distance;
  int number;
} neighbour;

static void take_nearer(neighbour *best, double distance, size_t number) {
  if (distance < best->distance || (distance == best->distance && (int)number < best->number))
    *best = (neighbour){distance, (int)number};
}

ins_status ins_distances_nearest(const ins_matrix *d, const bool *used, double *number,
                                 double *distance) {
  const size_t n = d->n_rows;
  neighbour *best = NULL;
  ins_status status = ins_agree(d->grid->comm, ins_alloc(n, sizeof *best, &best));
  if (status != INS_OK) goto done;
  for (size_t i = 0; i < n; i++) best[i] = (neighbour){INFINITY, INT_MAX};
  for (size_t b = 0; b < d->local_columns; b++)
    for (size_t a = 0; a < d->local_rows; a++) {
      const size_t i = ins_matrix_row(d, a), j = ins_matrix_column(d, b);
      if (i <= j || !used[i] || !used[j]) continue;
      take_nearer(&best[i], ins_matrix_get(d, a, b), j);
      take_nearer(&best[j], ins_matrix_get(d, a, b), i);
    }
  MPI_Allreduce(MPI_IN_PLACE, best, (int)n, MPI_DOUBLE_INT, MPI_MINLOC, d->grid->comm);
  for (size_t i = 0; i < n; i++) {
    const bool any = best[i].number != INT_MAX;
    number[i] = any ? best[i].number : -1;
    distance[i] = any ? best[i].distance : (double)NAN;
  }
done:
  ins_free(&best);
  return status;
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
