/* SPDX-License-Identifier: MIT */
/** Objectives: one number to increase, from the responses of some neurons; and reducers over time.
 */
#ifndef INSILICO_OBJECTIVE_H
#define INSILICO_OBJECTIVE_H

#include "insilico/keys.h"

/** What `objective.kind` and `objective.reduce.kind` may name. */
extern const ins_variant ins_objectives[];
extern const ins_variant ins_reducers[];

typedef struct ins_objective ins_objective;

/** Makes an objective from validated settings {kind, reduce: {kind, ...}} for responses of n_frames
 * output frames and n_neurons neurons. A slice beyond the response is refused, or with `compat`
 * moved to frame 0 with a warning as openretina does. Local.
 * @return INS_OK; INS_ERR_ARGUMENT; INS_ERR_MEMORY */
ins_status ins_objective_create(const ins_value *settings, size_t n_frames, size_t n_neurons,
                                bool compat, ins_objective **out) INS_CHECKED;
void ins_objective_destroy(ins_objective **objective);

/** Output frames [*first, *first + *n) that the objective reads. */
void ins_objective_window(const ins_objective *objective, size_t *first, size_t *n);

/** Value of the objective for responses r [n,N] of the window, and dr [n,N] = d value / d r (or
 * NULL). */
double ins_objective_evaluate(ins_objective *objective, const float *r, float *dr);

#endif
