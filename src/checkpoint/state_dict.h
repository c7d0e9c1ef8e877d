/* SPDX-License-Identifier: MIT */
/** What a state dict of openretina's core-readout models holds: names -> parameters, and what their
 * shapes tell. Names are those of SimpleCoreWrapper and MultiGaussianMaskReadout. */
#ifndef CHECKPOINT_STATE_DICT_H
#define CHECKPOINT_STATE_DICT_H

#include "insilico/value.h"

/** Sorts the entries: parameters of the model stay in `state`, buffers that are not the model
 * (regularizer filters, grids, counters, default log speeds of 0) move by name to the list
 * `ignored`, and what older versions called `bias_param` becomes `bias`.
 * @return INS_OK; INS_ERR_UNSUPPORTED naming an entry that is neither; INS_ERR_MEMORY */
ins_status ins_state_sort(const char *file, ins_value *state, ins_value *ignored) INS_CHECKED;

/** The first entry whose name is none of the supported model, or NULL. */
const char *ins_state_foreign(const ins_value *state);

/** Number of layers layer0, layer1, ... */
size_t ins_state_layers(const ins_value *state);
/** Axis `axis` of core.features.layer<l>.<leaf>; 0 when it is not there. */
size_t ins_state_axis(const ins_value *state, size_t layer, const char *leaf, int axis);
/** List of {name, n_neurons}, sorted by name, from the shapes of readout.<name>.mask_mean. */
ins_status ins_state_sessions(const ins_value *state, ins_value **out) INS_CHECKED;
/** Rows and columns of the last feature map, from a readout's grid; false when there is none. */
bool ins_state_map_size(const ins_value *state, size_t *height, size_t *width);

/** Checks that `state` holds every parameter that the architecture needs, in the shape it needs.
 * @return INS_OK; INS_ERR_MISSING, INS_ERR_SHAPE, INS_ERR_UNSUPPORTED, naming the parameter */
ins_status ins_state_check(const char *file, const ins_value *architecture,
                           const ins_value *state) INS_CHECKED;

#endif
