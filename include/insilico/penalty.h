/* SPDX-License-Identifier: MIT */
/** Penalties on stimuli: differentiable terms added to the loss. */
#ifndef INSILICO_PENALTY_H
#define INSILICO_PENALTY_H

#include "insilico/stimulus.h"

extern const ins_variant ins_penalties[];

typedef struct ins_penalty ins_penalty;

/** Makes one penalty from validated settings {kind, ...} for stimuli of a shape. Local. */
ins_status ins_penalty_create(const ins_value *settings, const ins_shape *shape,
                              ins_penalty **out) INS_CHECKED;
void ins_penalty_destroy(ins_penalty **penalty);
/** Returns the penalty of x [C,T,H,W] and adds its gradient to dx. */
double ins_penalty_add(const ins_penalty *penalty, const float *x, float *dx);

#endif
