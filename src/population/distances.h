/* SPDX-License-Identifier: MIT */
/** Analysis `distances`: how far apart items are, such as optimised stimuli of neurons and seeds.
 *
 *   euclidean    d_ij = |a_i - a_j|
 *   correlation  d_ij = 1 - r_ij, Pearson's r over features
 *   cosine       d_ij = 1 - a_i . a_j / (|a_i| |a_j|)
 *
 * All three are functions of the products a_i . a_j and of norms. Where items may be shifted
 * against each other the product is the largest over all shifts: C(s)_ij = a_i . (a_j shifted by
 * s), with zeros where nothing is shifted in, and norms stay those of whole items. As C(-s) =
 * C(s)^T, half of the shifts are computed. Private to the files of the analysis. */
#ifndef INSILICO_POPULATION_DISTANCES_H
#define INSILICO_POPULATION_DISTANCES_H

#include "analysis.h"

typedef enum ins_metric {
  INS_METRIC_EUCLIDEAN,
  INS_METRIC_CORRELATION,
  INS_METRIC_COSINE
} ins_metric;

/* ---- shifts (distances_shift.c) ----------------------------------------------------------------
 */
enum { INS_SHIFT_Y, INS_SHIFT_X, INS_SHIFT_FRAME, INS_SHIFT_DIRECTIONS };

/** Shifts along feature axes: each, or its negative. The first is none; then they grow. */
typedef struct ins_shifts {
  int most[INS_SHIFT_DIRECTIONS]; /* pixels or frames, either way */
  int axis[INS_SHIFT_DIRECTIONS]; /* feature axis of each, or -1 */
  int n_axes;
  size_t length[INS_TABLE_MAX_AXES]; /* of feature axes */
  size_t n;                          /* 1: there is nothing to shift */
  int16_t (*shift)[INS_SHIFT_DIRECTIONS];
} ins_shifts;

/** Name of a direction: of the axis that it needs. */
extern const char *const ins_shift_names[INS_SHIFT_DIRECTIONS];
/** INS_ERR_ARGUMENT: the features have no such axis, or a shorter one; too many shifts. */
ins_status ins_shifts_create(const int most[INS_SHIFT_DIRECTIONS], const ins_table *table,
                             ins_shifts *out) INS_CHECKED;
void ins_shifts_clear(ins_shifts *shifts);
/** out = in, [features], shifted by s: what was at p is at p + s. */
void ins_shift_row(const ins_shifts *shifts, const int16_t s[INS_SHIFT_DIRECTIONS], ins_dtype dtype,
                   const void *in, void *out);

/** The lower triangle of best (n x n, of the type of x) = the largest product over all shifts of
 * the column's item, and which [local columns of best][local rows] = the shift it has: k for shift
 * k, -k for its negative. Among shifts that are equal up to rounding the smallest is taken. norm[n]
 * are norms of items. Collective. */
ins_status ins_shifts_best(const ins_shifts *shifts, const ins_work *work, const ins_matrix *x,
                           const double *norm, ins_matrix *best, int32_t *which) INS_CHECKED;
/** m (n x n) = the shift in one direction, from `which`, which tells of the lower triangle; the
 * upper one is its negative. Collective. */
ins_status ins_shifts_component(const ins_shifts *shifts, int direction, const int32_t *which,
                                ins_matrix *m) INS_CHECKED;
/** Bytes on a rank beside x and best. */
double ins_shifts_bytes(const ins_shifts *shifts, int size, int block, ins_dtype dtype, double n,
                        double k);

/* ---- summaries (distances_summary.c) -----------------------------------------------------------
 * From the lower triangle of d; `used`[n] says which items count. Collective; results are the same
 * on every rank. */

/** number[n] = position of the nearest other item, -1 where there is none; its distance, there NaN.
 * Of items that are as near but for rounding it is the first, so that the number of ranks does not
 * decide: those whose product with the item is within 1e-12 (single precision: 2e-6) of the
 * largest, times both norms; norm[n] in the units of d. */
void ins_distances_nearest(const ins_matrix *d, ins_metric metric, const bool *used,
                           const double *norm, double *number, double *distance);
/** Mean over pairs of items of each of n_groups groups of `each` items that follow each other, and
 * over pairs of one item in the group and one in another; NaN where there are none. */
ins_status ins_distances_groups(const ins_matrix *d, const bool *used, size_t n_groups, size_t each,
                                double *within, double *between) INS_CHECKED;

#endif
