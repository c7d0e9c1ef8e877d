/* SPDX-License-Identifier: MIT */
/** Cores whose output is the channels of several layers, one below the other (core.stack). */
#ifndef INSILICO_STACKING_H
#define INSILICO_STACKING_H

#include "chain.h"

typedef struct ins_stacking {
  size_t *layers; /* [n], in the order of their channels */
  size_t n, n_layers;
  size_t *last_step; /* [n_layers], of each layer */
} ins_stacking;

/** Reads core.stack: null (all layers), a number or a list of them, counted from the last layer
 * where negative. INS_ERR_FORMAT, INS_ERR_MEMORY. */
ins_status ins_stacking_read(ins_builder *b, size_t n_layers, ins_stacking *out) INS_CHECKED;
bool ins_stacking_has(const ins_stacking *stacking, size_t layer);
/** To be called when the steps of `layer` are in the chain. */
void ins_stacking_note(ins_stacking *stacking, size_t layer, const ins_chain *chain);
/** Stacks the outputs, which must be of the same size, as openretina can join no others. Steps
 * above the last one that is stacked are left out: they are parameters of the model that are never
 * run. INS_ERR_SHAPE. */
ins_status ins_stacking_finish(const ins_builder *b, const ins_stacking *stacking,
                               ins_chain *chain) INS_CHECKED;

#endif
