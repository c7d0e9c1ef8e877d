/* SPDX-License-Identifier: MIT */
#include "tuning/log_gaussian.h"

/* In the order of log_gaussian.h. */
static const ins_index indices[] = {
    {.name = "preferred_spatial_frequency_cpmm",
     .units = "1/mm",
     .long_name = "spatial frequency with the greatest response; valid where responses fall on "
                  "both sides of it",
     .source = "f0 of R(f) = b + A exp(-(log2(f/f0))^2 / (2 s^2)), least squares (log-Gaussian: "
               "Priebe, Lisberger & Movshon 2006); with 3 or 4 frequencies the top of a parabola "
               "in log2 f; p: permutation of trials over frequencies, variance of the mean "
               "responses",
     .interval = true,
     .test = true},
    {.name = "spatial_frequency_bandwidth_octaves",
     .units = "octave",
     .long_name = "full width of the spatial frequency tuning at half height above its baseline",
     .source = "2 s sqrt(2 ln 2) of the log-Gaussian (De Valois, Albrecht & Thorell 1982: full "
               "width at half height in octaves)",
     .interval = true},
    {.name = "spatial_frequency_fit_r2",
     .units = "1",
     .long_name = "share of the variance over spatial frequencies that the log-Gaussian explains",
     .source = "1 - SS(residuals) / SS(about the mean)"},
    {.name = "spatial_frequency_low_cutoff_cpmm",
     .units = "1/mm",
     .long_name = "lower spatial frequency at which the fit is at half of its greatest tested "
                  "height above baseline; valid where it was tested",
     .source = "2^(log2 f0 - sqrt(d^2 + 2 s^2 ln 2)), d: octaves from f0 to the nearest tested "
               "frequency, 0 when f0 lies inside",
     .interval = true},
    {.name = "spatial_frequency_high_cutoff_cpmm",
     .units = "1/mm",
     .long_name = "upper spatial frequency at which the fit is at half of its greatest tested "
                  "height above baseline; valid where it was tested",
     .source = "2^(log2 f0 + sqrt(d^2 + 2 s^2 ln 2)), d: octaves from f0 to the nearest tested "
               "frequency, 0 when f0 lies inside",
     .interval = true},
    {.name = "spatial_frequency_low_pass_index",
     .units = "1",
     .long_name = "response to the lowest spatial frequency over the greatest: 1 low-pass, near 0 "
                  "band-pass",
     .source = "R(lowest f) / max R, as measured",
     .interval = true},
};

static ins_status run(const ins_tuning_data *data, ins_measure *out) {
  static const ins_curve_kind kind = {ins_log_takes, ins_log_gaussian_measure, ins_curve_modulation,
                                      INS_LOG_VALUES};
  return ins_curve_analyse(data, &kind, indices, out);
}

const ins_analysis ins_spatial_frequency_analysis = {
    .name = "spatial_frequency",
    .doc = "preferred spatial frequency, bandwidth and cut-offs, by a log-Gaussian fit; needs five "
           "frequencies above 0",
    .indices = indices,
    .n_indices = sizeof indices / sizeof *indices,
    .run = run,
};
