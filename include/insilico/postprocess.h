/* SPDX-License-Identifier: MIT */
/** Postprocessors: what is done to a stimulus after every step of the optimiser. */
#ifndef INSILICO_POSTPROCESS_H
#define INSILICO_POSTPROCESS_H

#include "insilico/stimulus.h"

extern const ins_variant ins_postprocessors[];

typedef struct ins_postprocess ins_postprocess;

/** Makes one postprocessor from validated settings {kind, ...} for stimuli of a shape. Local. */
ins_status ins_postprocess_create(const ins_value *settings, const ins_shape *shape,
                                  ins_postprocess **out) INS_CHECKED;
void ins_postprocess_destroy(ins_postprocess **postprocess);
/** Changes x [C,T,H,W] in place.
 * @return INS_OK; INS_ERR_NUMERIC when it has no finite result (a norm of 0 cannot be scaled) */
ins_status ins_postprocess_apply(ins_postprocess *postprocess, float *x) INS_CHECKED;

#endif
