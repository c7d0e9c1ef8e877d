/* SPDX-License-Identifier: MIT */
/** Analysis `components`: what its parts share. Private to the room. */
#ifndef INSILICO_POPULATION_COMPONENTS_H
#define INSILICO_POPULATION_COMPONENTS_H

#include "analysis.h"
#include "pca.h"

/** Numbers of variables; those that were not declared are -1. */
typedef struct ins_components_variables {
  int flag, eigenvalue, ratio, cumulative, scores, loadings, mean;
  int n_used, rank, participation, corrected, both;
  int ratio_interval, participation_interval, corrected_interval;
  int shared, shared_ratio, shared_total, shared_participation;
} ins_components_variables;

typedef struct ins_component_analysis {
  const ins_table *table;
  uint64_t seed;
  const char *name;
  ins_dtype dtype;
  ins_side samples, scaled;
  bool with_silent;
  size_t n_components;
  size_t n_values;    /* min(items, features) */
  size_t n_resamples; /* 0: no intervals */
  size_t n_span;      /* components that resamples are computed in; n_components without them */
  double level;
  bool halves; /* two halves of the repeats are compared */
  ins_components_variables v;
} ins_component_analysis;

/** Collective: ins_population_analysis.run. */
ins_status ins_components_run(void *state, const ins_work *work) INS_CHECKED;

/** Intervals of what depends on which samples there were: [n_components][2], [2], [2]. */
typedef struct ins_components_intervals {
  double *ratio, participation[2], corrected[2];
} ins_components_intervals;

/** Bootstrap over samples, which are drawn with replacement as often as there are any. `pca` has
 * n_span components; used[i] = number of the i-th item that has a part. Resamples are dealt to
 * ranks, and each is computed by one. Within the span of the components every number of a resample
 * is computed anew; what varies outside adds to traces as much as it does in the data. The same on
 * every rank. Collective. */
ins_status ins_components_bootstrap(const ins_component_analysis *s, const ins_work *work,
                                    const ins_pca *pca, const size_t *used,
                                    ins_components_intervals *out) INS_CHECKED;
/** Bytes of a rank, operations of all. */
double ins_components_bootstrap_bytes(const ins_component_analysis *s);
double ins_components_bootstrap_flops(const ins_component_analysis *s);

#endif
