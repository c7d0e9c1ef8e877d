/* SPDX-License-Identifier: MIT */
/** The shape of the stimulus, [C,T,H,W], against the core and the readouts. */
#ifndef CHECKPOINT_IN_SHAPE_H
#define CHECKPOINT_IN_SHAPE_H

#include "kind.h"

/** The in_shape of a bare state dict whose readout tells the size of the feature map. Of the number
 * of frames it is the least that leaves the core one.
 * @return INS_OK; INS_ERR_MISSING where it pools or the readout does not tell */
ins_status ins_in_shape_derive(const ins_settings *s, const ins_value *state,
                               const ins_value *architecture, ins_value **out) INS_CHECKED;
/** @return INS_OK; INS_ERR_SHAPE when it is no shape, or not that of core and readouts */
ins_status ins_in_shape_check(const ins_settings *s, const ins_value *state,
                              const ins_value *architecture) INS_CHECKED;

#endif
