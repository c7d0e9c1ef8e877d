/* SPDX-License-Identifier: MIT */
/** Tuning on a logarithmic axis: R(x) = b + A exp(-(log2(x/x0))^2 / (2 s^2)), s in octaves. Used
 * for frequencies and speeds (Priebe, Lisberger & Movshon 2006). Private to the room. */
#ifndef INSILICO_TUNING_LOG_GAUSSIAN_H
#define INSILICO_TUNING_LOG_GAUSSIAN_H

#include "tuning/fitted_curve.h"

/** What is read from a curve, in this order. */
enum {
  INS_LOG_PREFERRED, /* x0; valid where it lies among the tested x and the response there is > 0 */
  INS_LOG_BANDWIDTH, /* 2 s sqrt(2 ln 2): octaves at half height above b; valid where one of the two
                        sides was tested */
  INS_LOG_R2,
  INS_LOG_LOW_CUTOFF,  /* where the fit falls to half of its height above b at the best tested x; */
  INS_LOG_HIGH_CUTOFF, /* valid where that was tested */
  INS_LOG_LOW_PASS,    /* response to the lowest x over the greatest, as measured, not fitted */
  INS_LOG_VALUES
};

/** Conditions with x > 0. */
bool ins_log_takes(const ins_tuning_data *data, size_t i, double *x);
/** The values of one curve; an ins_curve_measure. Three or four conditions are too few for the fit:
 * then only the preferred x (the top of the parabola through the best condition and its neighbours)
 * and the low-pass ratio are known. */
ins_status ins_log_gaussian_measure(const ins_curve *curve, const double *warm, double *p,
                                    double *value, bool *valid) INS_CHECKED;

#endif
