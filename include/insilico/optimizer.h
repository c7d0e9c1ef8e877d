/* SPDX-License-Identifier: MIT */
/** Optimisers: first-order steps that descend a loss, with PyTorch's definitions and names. */
#ifndef INSILICO_OPTIMIZER_H
#define INSILICO_OPTIMIZER_H

#include "insilico/keys.h"

extern const ins_variant ins_optimizers[];

typedef struct ins_optimizer ins_optimizer;

/** Makes an optimiser of n numbers from validated settings {kind, lr, ...}. Local. */
ins_status ins_optimizer_create(const ins_value *settings, size_t n,
                                ins_optimizer **out) INS_CHECKED;
void ins_optimizer_destroy(ins_optimizer **optimizer);
/** Forgets all past steps. */
void ins_optimizer_reset(ins_optimizer *optimizer);
/** One step: x [n] changes against gradient g [n] of the loss; g may be overwritten. */
void ins_optimizer_step(ins_optimizer *optimizer, float *x, float *g);

#endif
