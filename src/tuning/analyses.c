/* SPDX-License-Identifier: MIT */
#include "insilico/tuning.h"

const ins_analysis *const ins_analyses[] = {
    &ins_direction_analysis,
    &ins_orientation_analysis,
    &ins_contrast_analysis,
    &ins_spatial_frequency_analysis,
    &ins_temporal_frequency_analysis,
    &ins_area_analysis,
    &ins_speed_analysis,
    &ins_color_analysis,
    &ins_step_analysis,
    &ins_chirp_analysis,
    &ins_response_analysis,
    NULL,
};
