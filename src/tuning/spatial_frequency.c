/* SPDX-License-Identifier: MIT */
#include "tuning/log_gaussian.h"

/* In the order of log_gaussian.h. */
static const ins_index indices[] = {
    INS_LOG_FREQUENCY_INDICES(
        "spatial_frequency", "cpmm", "1/mm", "spatial frequency", "spatial frequencies",
        "2 s sqrt(2 ln 2) of the log-Gaussian (De Valois, Albrecht & Thorell 1982: full "
        "width at half height in octaves)"),
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
