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

/** Definitions of these values for a frequency: what it is called in names ("spatial_frequency"),
 * its unit there and elsewhere ("cpmm", "1/mm"), what it and several of it are called in texts, and
 * the source of the bandwidth. */
#define INS_LOG_FREQUENCY_INDICES(NAME, SUFFIX, UNITS, TEXT, PLURAL, BANDWIDTH)                    \
  {.name = "preferred_" NAME "_" SUFFIX,                                                           \
   .units = UNITS,                                                                                 \
   .long_name =                                                                                    \
       TEXT " with the greatest response; valid where responses fall on both sides of it",         \
   .source = "f0 of R(f) = b + A exp(-(log2(f/f0))^2 / (2 s^2)), least squares (log-Gaussian: "    \
             "Priebe, Lisberger & Movshon 2006); with 3 or 4 frequencies the top of a parabola "   \
             "in log2 f; p: permutation of trials over frequencies, variance of the mean "         \
             "responses",                                                                          \
   .interval = true,                                                                               \
   .test = true},                                                                                  \
      {.name = NAME "_bandwidth_octaves",                                                          \
       .units = "octave",                                                                          \
       .long_name = "full width of the " TEXT " tuning at half height above its baseline",         \
       .source = BANDWIDTH,                                                                        \
       .interval = true},                                                                          \
      {.name = NAME "_fit_r2",                                                                     \
       .units = "1",                                                                               \
       .long_name = "share of the variance over " PLURAL " that the log-Gaussian explains",        \
       .source = "1 - SS(residuals) / SS(about the mean)"},                                        \
      {.name = NAME "_low_cutoff_" SUFFIX,                                                         \
       .units = UNITS,                                                                             \
       .long_name = "lower " TEXT " at which the fit is at half of its greatest tested height "    \
                    "above baseline; valid where it was tested",                                   \
       .source = "2^(log2 f0 - sqrt(d^2 + 2 s^2 ln 2)), d: octaves from f0 to the nearest tested " \
                 "frequency, 0 when f0 lies inside",                                               \
       .interval = true},                                                                          \
      {.name = NAME "_high_cutoff_" SUFFIX,                                                        \
       .units = UNITS,                                                                             \
       .long_name = "upper " TEXT " at which the fit is at half of its greatest tested height "    \
                    "above baseline; valid where it was tested",                                   \
       .source = "2^(log2 f0 + sqrt(d^2 + 2 s^2 ln 2)), d: octaves from f0 to the nearest tested " \
                 "frequency, 0 when f0 lies inside",                                               \
       .interval = true},                                                                          \
  {                                                                                                \
    .name = NAME "_low_pass_index", .units = "1",                                                  \
    .long_name = "response to the lowest " TEXT " over the greatest: 1 low-pass, near 0 "          \
                 "band-pass",                                                                      \
    .source = "R(lowest f) / max R, as measured", .interval = true                                 \
  }

/** Conditions with x > 0. */
bool ins_log_takes(const ins_tuning_data *data, size_t i, double *x);
/** The values of one curve; an ins_curve_measure. Three or four conditions are too few for the fit:
 * then only the preferred x (the top of the parabola through the best condition and its neighbours)
 * and the low-pass ratio are known. */
ins_status ins_log_gaussian_measure(const ins_curve *curve, const double *warm, double *p,
                                    double *value, bool *valid) INS_CHECKED;

#endif
