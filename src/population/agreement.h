/* SPDX-License-Identifier: MIT */
/** How far two ways to put the same items into groups agree, whatever the groups are called.
 * Serial. Private to the room.
 *
 * Everything starts from a table of counts [n_a, n_b]: items in group a of one and in group b of
 * the other.
 */
#ifndef INSILICO_POPULATION_AGREEMENT_H
#define INSILICO_POPULATION_AGREEMENT_H

#include "insilico/status.h"

/** counts [n_a, n_b] of items i with a[i] in [0, n_a) and b[i] in [0, n_b); others are left out. */
void ins_contingency(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, size_t n,
                     int64_t *counts);

/** Adjusted Rand index (Hubert & Arabie 1985): pairs of items that are together in both, as (index
 * - expected) / (maximum - expected): 1 for the same groups, 0 on average for random ones of the
 * same sizes. 1 where both are one group, or both have every item alone; NaN without items. */
ins_status ins_adjusted_rand(const int64_t *counts, size_t n_a, size_t n_b,
                             double *out) INS_CHECKED;

/** Adjusted mutual information (Vinh, Epps & Bailey 2010), (I - E[I]) / ((H_a + H_b) / 2 - E[I]),
 * with the expectation over random groups of the same sizes. 1 where both are one group, or both
 * have every item alone; NaN without items. */
ins_status ins_adjusted_information(const int64_t *counts, size_t n_a, size_t n_b,
                                    double *out) INS_CHECKED;

/** Share of items that are in the most frequent b of their a; NaN without items. */
double ins_purity(const int64_t *counts, size_t n_a, size_t n_b);

#endif
