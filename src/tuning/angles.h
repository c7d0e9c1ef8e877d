/* SPDX-License-Identifier: MIT */
/** Vector sums of responses to directions or to axes. Private to the room. */
#ifndef INSILICO_TUNING_ANGLES_H
#define INSILICO_TUNING_ANGLES_H

#include "insilico/status.h"

/** Angles x[n] in degrees on a circle of 360 (directions, fold 1) or of 180 (axes, fold 2).
 *
 * An angle counts by the part of the circle that is nearer to it than to any other (its bin), so
 * that directions need not be equally spaced; equal angles share their bin. */
typedef struct ins_angles {
  size_t n;
  int fold;
  bool spans;            /* at least three different angles, and no gap of half a circle */
  double correction;     /* (d/2) / sin(d/2), d the mean width of a bin on the (doubled) circle */
  double *weight;        /* [n] share of the circle, sum 1 */
  double *cosine, *sine; /* [n] weight * cos(fold x), weight * sin(fold x) */
} ins_angles;

ins_status ins_angles_create(size_t n, const double *x_deg, int fold, ins_angles *out) INS_CHECKED;
void ins_angles_destroy(ins_angles *angles);

/** The sum over w r e^{i fold x}: its length, its angle in degrees in [0, 360/fold), and the length
 * divided by the sum over w r. NaN index when that sum is not positive. */
typedef struct ins_vector {
  double length, angle_deg, index;
} ins_vector;
ins_vector ins_angles_sum(const ins_angles *angles, const double *r);
/** Squared length alone, for permutations. */
double ins_angles_square(const ins_angles *angles, const double *r);

#endif
