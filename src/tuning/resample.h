/* SPDX-License-Identifier: MIT */
/** Permutations and bootstrap resamples of trials, p-values and intervals. Private to the room.
 *
 * Trials are values[n][R] of n conditions, numbered i * R + r. A permutation or a resample is a
 * list of such numbers, so that several quantities of the same trials share it.
 */
#ifndef INSILICO_TUNING_RESAMPLE_H
#define INSILICO_TUNING_RESAMPLE_H

#include "insilico/tuning.h"

/** Whole numbers from a stream, one after the other. */
typedef struct ins_draws {
  ins_stream stream;
  uint64_t block;
  uint32_t words[4];
  unsigned n_used; /* halves of words, of 8 */
} ins_draws;

/** What numbers are for; each purpose has blocks of the stream to itself. */
typedef enum ins_purpose {
  INS_FOR_PERMUTATIONS,
  INS_FOR_RESAMPLES,
  INS_FOR_SIGNS,
} ins_purpose;

ins_draws ins_draws_begin(const ins_stream *stream, ins_purpose purpose);
/** Uniform in [0, below), below >= 1, without bias (Lemire 2019). */
uint32_t ins_draw_below(ins_draws *draws, uint32_t below);
/** order[0..n): every permutation equally likely (Fisher & Yates 1938; Durstenfeld 1964). On entry
 * any permutation of 0..n-1. */
void ins_draw_permutation(ins_draws *draws, size_t n, uint32_t *order);
/** picks[n,R]: for each condition R of its own trials, with replacement (Efron 1979). */
void ins_draw_resample(ins_draws *draws, size_t n, size_t n_trials, uint32_t *picks);
/** means[i] = mean over r of values[picks[i,r]]; picks NULL: of values[i,r]. */
void ins_group_means(size_t n, size_t n_trials, const double *values, const uint32_t *picks,
                     double *means);

/** p of a test in which `count` of n random answers were at least as large as the real one (Phipson
 * & Smyth 2010). */
double ins_p_value(size_t count, size_t n);
/** Is a random answer at least as large as the real one? Equal but for rounding counts. */
bool ins_reaches(double random, double real);
/** Percentile interval of values[n], which are put into another order; NaN among them are left
 * out. NaN when fewer than half are numbers. */
void ins_interval(size_t n, double *values, double level, double *low, double *high);
/** The same on a circle: of the differences to `centre`, taken within half a period. Both ends are
 * unwrapped around `centre`: low may be below 0 and high above the period. */
void ins_circular_interval(size_t n, double *values, double centre, double period, double level,
                           double *low, double *high);

/** All finite (and at least one). */
bool ins_all_finite(size_t n, const double *values);
double ins_mean_of(size_t n, const double *values);
/** Place of the largest, the first of several. */
size_t ins_place_of_largest(size_t n, const double *values);
/** A measure with nothing known: NaN, not valid. */
ins_measure ins_unknown(void);
ins_measure ins_known(double value); /* valid when finite */

#endif
