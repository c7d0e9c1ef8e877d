/* SPDX-License-Identifier: MIT */
/** The shape of the stimulus, [C,T,H,W], against the core and the readouts' grids. */
#ifndef CHECKPOINT_IN_SHAPE_H
#define CHECKPOINT_IN_SHAPE_H

#include "architecture.h"

/** The in_shape of a bare state dict whose grid tells the size of the feature map.
 * @return INS_OK; INS_ERR_MISSING where it pools or has no grid */
ins_status ins_in_shape_derive(const ins_settings *s, const ins_value *state,
                               const ins_value *architecture, ins_value **out) INS_CHECKED;
/** @return INS_OK; INS_ERR_SHAPE when it is no shape, or not that of core and readouts */
ins_status ins_in_shape_check(const ins_settings *s, const ins_value *state,
                              const ins_value *architecture) INS_CHECKED;

/** Item i of the list of whole numbers at `path`; 0 when there is none. */
int64_t ins_architecture_int(const ins_value *architecture, const char *path, size_t i);

#endif
