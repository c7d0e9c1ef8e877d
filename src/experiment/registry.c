/* SPDX-License-Identifier: MIT */
#include "kinds.h"

const ins_variant ins_experiments[] = {
    {"stimulus_optimization",
     "most exciting (or silencing) stimuli of neurons x seeds x swept parameters, by gradient",
     ins_stimulus_optimization_keys, &ins_stimulus_optimization},
    {"response", "present stimuli from a file and keep the responses of all neurons",
     ins_response_keys, &ins_response},
    {0},
};
