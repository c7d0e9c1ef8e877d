/* SPDX-License-Identifier: MIT */
/** The first singular pair of a matrix: the product of two vectors that comes closest to it. */
#ifndef INSILICO_TUNING_FIRST_COMPONENT_H
#define INSILICO_TUNING_FIRST_COMPONENT_H

#include "insilico/status.h"

/** a[i,j] ~ value * left[i] * right[j]: first singular value and vectors of a [rows,columns].
 *
 * left and right have length 1; their common sign is such that the element of `right` with the
 * largest magnitude (the first of several) is positive. Of equal singular values the answer is one
 * of the pairs, always the same. Equal arguments give equal bits.
 * @param[out] left, right  [rows], [columns]; zeros when `a` is zero or has non-finite elements
 * @param[out] value        >= 0
 * @param[out] explained    value^2 / sum a^2, NaN when that is 0 or not finite; may be NULL
 * @return INS_OK; INS_ERR_MEMORY. Local. */
ins_status ins_first_component(size_t rows, size_t columns, const double *a, double *left,
                               double *value, double *right, double *explained) INS_CHECKED;

#endif
