/* SPDX-License-Identifier: MIT */
/** Analysis `clusters` between its declaration and its run. Private to the room. */
#ifndef INSILICO_POPULATION_CLUSTERS_H
#define INSILICO_POPULATION_CLUSTERS_H

#include "analysis.h"
#include "clusters_search.h"
#include "pca.h"

typedef struct ins_clustering {
  const ins_table *table;
  ins_search_options search;
  int64_t *k;   /* what search.k is */
  char *stream; /* what search.stream is */
  ins_dtype dtype;
  ins_side scaled;
  bool whiten, with_silent;
  size_t n_components, max_k;
  int32_t *group;  /* [n_items] of the label that clusters are compared with; NULL: none */
  size_t n_groups; /* its different values */
  struct {
    int cluster, probability, flag, of_k, log_likelihood, bic, inertia, silhouette, stability,
        converged, best_k, size, mean, variance, rand, information, purity, confusion, rand_best;
  } v;
} ins_clustering;

/** ins_population_analysis.run. */
ins_status ins_clusters_run(void *state, const ins_work *work) INS_CHECKED;

#endif
