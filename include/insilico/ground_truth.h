/* SPDX-License-Identifier: MIT */
/** `builtin:ground_truth`: a retina in core-readout form whose truth is known by construction. */
#ifndef INSILICO_GROUND_TRUTH_H
#define INSILICO_GROUND_TRUTH_H

#include "insilico/model.h"

typedef struct ins_ground_truth_spec {
  size_t n_neurons; /* 0: 64 */
  uint64_t seed;    /* of positions and sizes */
} ins_ground_truth_spec;

/** Makes the source of the built-in retina, truth table included. Pure function of the spec. Local.
 */
ins_status ins_ground_truth_create(const ins_ground_truth_spec *spec,
                                   ins_model_source **out) INS_CHECKED;

#endif
