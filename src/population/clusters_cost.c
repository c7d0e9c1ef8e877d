/* SPDX-License-Identifier: MIT */
/* What a search for clusters costs. */
#include <math.h>

#include "clusters_search.h"

/* Distances that a silhouette takes at most, unless that leaves too few points to average over. */
static const double DISTANCES = 4e6;
enum { SUBJECTS = 1000 };

size_t ins_search_subjects(size_t n) {
  const double few = DISTANCES / (double)n;
  return few > SUBJECTS ? (size_t)few : SUBJECTS;
}

static double largest_k(const ins_search_options *o) {
  int64_t most = 1;
  for (size_t i = 0; i < o->n_k; i++)
    if (o->k[i] > most) most = o->k[i];
  return (double)most;
}

double ins_search_bytes(const ins_search_options *o, size_t n, size_t d, int size) {
  const double items = (double)n, n_k = (double)o->n_k, k = largest_k(o), dims = (double)d;
  const double mine = ceil(n_k * (double)o->n_starts / size) * items * 4;
  const double mixtures = o->mixture ? n_k * k * (1 + dims + dims * dims) * 8 : 0;
  const double features = dims * (dims + 3) / 2;
  /* A start: points by coordinates, bounds and distances, a tile of features. */
  const double start = items * ((o->mixture ? 2 : 1) * dims + 5) * 8 + (k + features) * 256 * 8 +
                       2 * k * features * 8;
  return mine + mixtures + start + n_k * items * (o->mixture ? 12 : 4) +
         (double)o->n_starts * items * 4 + k * k * 8;
}

double ins_search_flops(const ins_search_options *o, size_t n, size_t d) {
  /* Measured: numbers of iterations, and that distances take about five times as long as their
   * operations would in a large product of matrices, an exponential as long as twenty. */
  const double lloyd = 25, slow = 5, exponential = 20;
  const double items = (double)n, dims = (double)d, features = dims * (dims + 3) / 2;
  const double distance = 3 * dims * slow, starts = (double)o->n_starts;
  double total = 0;
  for (size_t i = 0; i < o->n_k; i++) {
    /* Components that are too many for the points take longer to settle. */
    const double k = (double)o->k[i], outline = 20 + 3 * k, end = 50 + 10 * k;
    total += starts * items * k * (2 + log(k) + lloyd) * distance;
    if (o->mixture)
      total += (starts * outline + end) * items * k * (4 * features + exponential);
    else
      total += items * fmin(items, (double)ins_search_subjects(n)) * distance;
  }
  return total;
}
