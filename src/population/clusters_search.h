/* SPDX-License-Identifier: MIT */
/** Which clustering of points is best: many starts for each of several numbers of clusters, shared
 * out over ranks. Every rank has all points; a start depends on nothing but its number, so that the
 * outcome does not depend on the number of ranks. A mixture starts from k-means: of the points as
 * they are, and in every second start with all coordinates scaled to variance 1. Private to the
 * room.
 */
#ifndef INSILICO_POPULATION_CLUSTERS_SEARCH_H
#define INSILICO_POPULATION_CLUSTERS_SEARCH_H

#include "analysis.h"
#include "mixture.h"

typedef struct ins_search_options {
  bool mixture; /* else k-means */
  ins_mixture_options em;
  size_t max_iterations; /* of k-means, also where it is what a mixture starts from */
  size_t n_starts, n_k;
  const int64_t *k; /* [n_k] numbers of clusters, at least 1 */
  uint64_t seed;
  const char *stream; /* name of the random numbers; start s of k has the coordinates (k, s) */
} ins_search_options;

/** What came out, the same on every rank. A number of clusters that no start could make, because
 * there are fewer distinct points or a covariance is singular, has NaN and labels of -1. */
typedef struct ins_search {
  size_t n;
  int32_t *label;         /* [n_k,n] of the best start of each k, ordered by ins_clusters_order */
  double *probability;    /* [n_k,n] of mixtures: that a point is of its cluster; else NULL */
  double *log_likelihood; /* [n_k] of mixtures */
  double *bic;            /* [n_k] likewise */
  double *inertia;        /* [n_k] of k-means */
  double *silhouette;     /* [n_k] likewise */
  double *stability;      /* [n_k] mean adjusted Rand index of all pairs of starts */
  double *converged;      /* [n_k] 1: the best start came to rest; 0: it ran into the limit */
  int best; /* index of the best k: least BIC, largest silhouette; -1: there is none */
} ins_search;

/** Points x [n,d], n at least 1, the same on every rank. Collective.
 * @return INS_OK; INS_ERR_STOPPED; INS_ERR_MEMORY; INS_ERR_NUMERIC as ins_kmeans; on failure `out`
 * is empty */
ins_status ins_search_clusters(const ins_work *work, const double *x, size_t n, size_t d,
                               const ins_search_options *options, ins_search *out) INS_CHECKED;
void ins_search_clear(ins_search *search);

/** How many of n points silhouettes are averaged over: all of them where they are few. */
size_t ins_search_subjects(size_t n);
/** What a rank of `size` needs at most, and operations of all ranks; d coordinates. */
double ins_search_bytes(const ins_search_options *options, size_t n, size_t d, int size);
double ins_search_flops(const ins_search_options *options, size_t n, size_t d);

#endif
