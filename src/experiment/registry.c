/* SPDX-License-Identifier: MIT */
#include "kinds.h"

const ins_variant ins_experiments[] = {
    {"stimulus_optimization",
     "most exciting (or silencing) stimuli of neurons x seeds x swept parameters, by gradient",
     ins_stimulus_optimization_keys, &ins_stimulus_optimization},
    {"response", "present stimuli from a file and keep the responses of all neurons",
     ins_response_keys, &ins_response},
    {"receptive_field", "find where each neuron looks, its size, polarity, colour and time course",
     ins_receptive_field_keys, &ins_receptive_field},
    {"tuning", "tuning of all neurons to a battery of stimuli: curves, indices, statistics",
     ins_tuning_keys, &ins_tuning_experiment},
    {0},
};

void ins_stages_clear(ins_stages *stages) {
  for (size_t k = 0; k < stages->n; k++) ins_layout_destroy(&stages->layout[k]);
  *stages = (ins_stages){0};
}
