/* SPDX-License-Identifier: MIT */
/** What all analyses by a fitted curve share: which conditions count, the fit, intervals by
 * refitting resampled repeats, p-values by permutation. Private to the room. */
#ifndef INSILICO_TUNING_FITTED_CURVE_H
#define INSILICO_TUNING_FITTED_CURVE_H

#include "insilico/tuning.h"
#include "tuning/fit.h"

enum {
  INS_CURVE_VALUES = 10,    /* values of a curve, at most */
  INS_CURVE_RESAMPLES = 200 /* refits for an interval, at most: two digits of a percentile */
};

/** The conditions that count, x ascending. */
typedef struct ins_curve {
  size_t n, n_distinct; /* n_distinct: different x */
  double *x, *y;        /* [n] finite */
  size_t *condition;    /* [n] their places in the data */
  double low, high;     /* of y */
} ins_curve;

/** Whether condition i of the data counts, and its x on the axis of the fit. */
typedef bool (*ins_curve_takes)(const ins_tuning_data *data, size_t i, double *x);
/** Fits a curve and reads value[n_values] from it: NaN where there is none; valid[k] is false also
 * where the number lies outside of what was tested. p[INS_FIT_PARAMETERS] receives the parameters;
 * `warm`, when not NULL, is such a p to start from (the only start). Curves without conditions
 * never come. */
typedef ins_status (*ins_curve_measure)(const ins_curve *curve, const double *warm, double *p,
                                        double *value, bool *valid);

/** What a permutation test of a curve compares, from the responses y[n] in order of x. */
typedef double (*ins_curve_statistic)(size_t n, const double *y);

/** A kind of curve. */
typedef struct ins_curve_kind {
  ins_curve_takes takes;
  ins_curve_measure measure;
  ins_curve_statistic statistic;
  size_t n_values;
} ins_curve_kind;

/** out[n_values] from the data, in order of `indices`. An index with `interval` has the percentiles
 * of refits to min(n_resamples, INS_CURVE_RESAMPLES) resamples of the repeats, NaN when fewer than
 * half of them gave the value; one with `test` the p of the statistic when trials are permuted over
 * the conditions. Both are NaN where the value is not valid.
 * @return INS_OK; INS_ERR_MEMORY */
ins_status ins_curve_analyse(const ins_tuning_data *data, const ins_curve_kind *kind,
                             const ins_index *indices, ins_measure *out) INS_CHECKED;

/** Variance of y over the conditions: does the response depend on x at all? */
double ins_curve_modulation(size_t n, const double *y);
/** y varies by more than rounding: there is something to fit. */
bool ins_curve_varies(const ins_curve *curve);
/** The smallest x above 0. */
double ins_curve_smallest(const ins_curve *curve);
/** The number of the greatest y; the first when several are equal. */
size_t ins_curve_best(const ins_curve *curve);

#endif
