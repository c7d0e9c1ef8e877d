/* SPDX-License-Identifier: MIT */
/** What the optimised kernels are tested against: the formulas as plain loops in double precision.
 */
#ifndef INSILICO_REFERENCE_H
#define INSILICO_REFERENCE_H

#include "kernels_table.h"

/** y[o,t,h,w] of ins_conv_shape, over all frames (shift_t = zeros before the first frame).
 * x [i,in_t,in_h,in_w], wt [o,i,k], ws [o,i,a,b], y [o,out_t,out_h,out_w] (overwritten), plane
 * [in_h,in_w] (scratch). */
void ins_reference_separable(const ins_conv_shape *shape, const float *wt, const float *ws,
                             const double *x, double *plane, double *y);
/** dx[i,t,h,w] = sum over y of dy * d y / d x. */
void ins_reference_separable_backward(const ins_conv_shape *shape, const float *wt, const float *ws,
                                      const double *dy, double *plane, double *dx);

/** The same with w [o, i / groups, k, a, b]: any paddings, y over all frames. */
void ins_reference_dense(const ins_conv_shape *shape, int groups, const float *w, const double *x,
                         double *y);
void ins_reference_dense_backward(const ins_conv_shape *shape, int groups, const float *w,
                                  const double *dy, double *dx);

double ins_reference_elu(double x);
double ins_reference_elu_slope(double x);
/** log(1 + exp(x)), and x itself above 20, as torch's. */
double ins_reference_softplus(double x);
double ins_reference_softplus_slope(double x);

#endif
