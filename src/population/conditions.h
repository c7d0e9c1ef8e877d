/* SPDX-License-Identifier: MIT */
/** Features as conditions: values of a parameter along an axis of them, trials beside each other,
 * rows and columns picked out of a distributed matrix. Private to the room. */
#ifndef INSILICO_POPULATION_CONDITIONS_H
#define INSILICO_POPULATION_CONDITIONS_H

#include "analysis.h"

/** An axis of features as a parameter. */
typedef struct ins_parameter {
  int axis;          /* of the features */
  size_t n;          /* values */
  size_t stride;     /* features between neighbours along the axis */
  double *values;    /* [n], as the axis has them */
  size_t *order;     /* [n]: order[0] has the least value */
  double period;     /* of the parameter; 0 when it is not circular */
  const char *units; /* "" when the axis has none */
} ins_parameter;

/** Looks at the axis called `name` (NULL: the only one there is). `period` is a key's value: a
 * number, 0 for none; null: 360 where the units are degrees and the values go all around (the gap
 * across 360 is at most 1.5 times the largest other one). Local.
 * @return INS_OK; INS_ERR_ARGUMENT: no such axis (names those there are), coordinates that are no
 *         distinct numbers, values that are the same modulo the period; INS_ERR_MEMORY */
ins_status ins_parameter_create(const ins_table *table, const char *name, const ins_value *period,
                                ins_parameter *out) INS_CHECKED;
void ins_parameter_clear(ins_parameter *p);
/** Place along the parameter's axis of a feature. */
static inline size_t ins_parameter_index(const ins_parameter *p, size_t feature) {
  return feature / p->stride % p->n;
}
/** b - a; where the parameter is circular, the difference in [-period/2, period/2]. */
double ins_parameter_difference(const ins_parameter *p, double a, double b);

/** Adds an axis that counts, 0 to n - 1, and for each axis of features a constant PREFIX_AXIS along
 * it: the coordinates of features[0..n) (NULL: of all). */
ins_status ins_condition_axis(const ins_table *table, ins_layout *layout, const char *name,
                              const size_t *features, size_t n, int *axis) INS_CHECKED;

/** Adds a copy of an axis, NAME_2, for matrices of conditions by conditions. */
ins_status ins_axis_again(ins_layout *layout, int axis, int *again) INS_CHECKED;

/** m = mean over trials (where there are none, the responses; m is zero before), and
 * weight[n_items] = 1; 0 for items with missing values (flag 2) and for those whose values are the
 * same in all conditions and trials (flag 1). Trials come one at a time: `m` is what lies in
 * memory, and as much again. Collective. */
ins_status ins_conditions_mean(const ins_table *table, const ins_grid *grid, ins_matrix *m,
                               int8_t *flag, double *weight) INS_CHECKED;
/** x[n_items, n_repeats * n_features]: trial r of feature k is column r * n_features + k; where
 * there are no trials, the responses. Flags and weights as of ins_conditions_mean. Collective. */
ins_status ins_conditions_trials(const ins_table *table, const ins_grid *grid, ins_matrix *x,
                                 int8_t *flag, double *weight) INS_CHECKED;

/** Calls visit(self, item, curve[n_features]) on one rank for each item whose weight is above 0, in
 * ascending order on each rank; `curve` is a copy that may be changed. m[n_items, n_features].
 * Collective; takes ins_pick_bytes a rank; goes on as long as the work does. */
typedef void (*ins_curve_visit)(void *self, size_t item, double *curve);
ins_status ins_conditions_visit(const ins_matrix *m, const double *weight, const ins_work *work,
                                ins_curve_visit visit, void *self) INS_CHECKED;

/** to[:, j] = from[:, columns[j]]; to[i, :] = from[rows[i], :]. Lists as long as `to`, the same on
 * every rank. Collective; takes ins_pick_bytes a rank beside the matrices. */
ins_status ins_pick_columns(const ins_matrix *from, const size_t *columns,
                            ins_matrix *to) INS_CHECKED;
ins_status ins_pick_rows(const ins_matrix *from, const size_t *rows, ins_matrix *to) INS_CHECKED;
/** Of n rows of `across` numbers from which columns are picked, or columns from which rows are, on
 * each of `size` ranks at most. Local. */
double ins_pick_bytes(int size, ins_dtype dtype, double n, double across);

/** to += factor * from, of one shape. Local. */
void ins_matrix_add(ins_matrix *to, double factor, const ins_matrix *from);
/** x[0..n) = sum over all ranks. Collective. */
void ins_sum_over_ranks(const ins_grid *grid, double *x, size_t n);

#endif
