/* SPDX-License-Identifier: MIT */
#include "tuning/log_gaussian.h"

static const ins_index indices[] = {
    {.name = "preferred_speed_um_s",
     .units = "um/s",
     .long_name =
         "speed with the greatest response; valid where responses fall on both sides of it",
     .source = "v0 of R(v) = b + A exp(-(log2(v/v0))^2 / (2 s^2)), least squares (log-Gaussian: "
               "Nover, Anderson & DeAngelis 2005, without their speed offset); with 3 or 4 speeds "
               "the top of a parabola in log2 v; p: permutation of trials over speeds, variance of "
               "the mean responses",
     .interval = true,
     .test = true},
    {.name = "speed_bandwidth_octaves",
     .units = "octave",
     .long_name = "full width of the speed tuning at half height above its baseline",
     .source = "2 s sqrt(2 ln 2) of the log-Gaussian (Nover, Anderson & DeAngelis 2005)",
     .interval = true},
    {.name = "speed_fit_r2",
     .units = "1",
     .long_name = "share of the variance over speeds that the log-Gaussian explains",
     .source = "1 - SS(residuals) / SS(about the mean)"},
};

static ins_status run(const ins_tuning_data *data, ins_measure *out) {
  static const ins_curve_kind kind = {ins_log_takes, ins_log_gaussian_measure, ins_curve_modulation,
                                      sizeof indices / sizeof *indices};
  return ins_curve_analyse(data, &kind, indices, out);
}

const ins_analysis ins_speed_analysis = {
    .name = "speed",
    .doc = "preferred speed and bandwidth, by a log-Gaussian fit; needs five speeds above 0",
    .indices = indices,
    .n_indices = sizeof indices / sizeof *indices,
    .run = run,
};
