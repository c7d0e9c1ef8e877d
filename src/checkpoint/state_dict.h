/* SPDX-License-Identifier: MIT */
/** What a state dict holds: names -> parameters, accounted for by the tables of the kinds that an
 * architecture names. */
#ifndef CHECKPOINT_STATE_DICT_H
#define CHECKPOINT_STATE_DICT_H

#include "insilico/value.h"

/** Entries of a cloned readout: its own scale and offset, and what it repeats of another session.
 */
#define INS_CLONE_SOURCE "_source."

/** Renames in place what older versions called otherwise: `bias_param` is today's `bias`. */
void ins_state_modernise(ins_value *state);

/** Sorts the entries: parameters of the model stay in `state`, buffers that are not the model
 * (regularizer filters, grids, counters, log speeds of 0, the repetitions of cloned readouts) move
 * by name to the list `ignored`.
 * @return INS_OK; INS_ERR_UNSUPPORTED naming an entry that is neither; INS_ERR_MEMORY */
ins_status ins_state_sort(const char *file, const ins_value *architecture, ins_value *state,
                          ins_value *ignored) INS_CHECKED;

/** Checks that a sorted `state` holds every parameter that the architecture needs, in the shape it
 * needs, and no other.
 * @return INS_OK; INS_ERR_MISSING, INS_ERR_SHAPE, INS_ERR_UNSUPPORTED, naming the parameter */
ins_status ins_state_check(const char *file, const ins_value *architecture,
                           const ins_value *state) INS_CHECKED;

/** The first entry whose name is none of any kind of core or readout, or NULL. */
const char *ins_state_foreign(const ins_value *state);

/** The session in "readout.SESSION.leaf", whose names hold no dots, and the leaf after it; NULL: it
 * is none. */
const char *ins_state_session(const char *name, size_t *length, const char **leaf);
/** "readout.SESSION." of the first session that is no clone; false when there is none. */
bool ins_state_first_prefix(const ins_value *state, char *out, size_t size);
/** Is there an entry below `prefix` that the pattern of a leaf describes? */
bool ins_state_has_leaf(const ins_value *state, const char *prefix, const char *pattern);

/** Number of layers layer0, layer1, ... */
size_t ins_state_layers(const ins_value *state);
/** Axis `axis` of core.features.layer<l>.<leaf>; 0 when it is not there. */
size_t ins_state_axis(const ins_value *state, size_t layer, const char *leaf, int axis);

#endif
