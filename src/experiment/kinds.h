/* SPDX-License-Identifier: MIT */
/** The experiments that registry.c lists: one file each. Private to the room. */
#ifndef INSILICO_EXPERIMENT_KINDS_H
#define INSILICO_EXPERIMENT_KINDS_H

#include "insilico/experiment.h"

extern const ins_key ins_stimulus_optimization_keys[], ins_response_keys[], ins_tuning_keys[];
extern const ins_experiment ins_stimulus_optimization, ins_response, ins_tuning_experiment;
extern const ins_key ins_receptive_field_keys[];
extern const ins_experiment ins_receptive_field;

#endif
