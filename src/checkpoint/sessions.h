/* SPDX-License-Identifier: MIT */
/** The sessions of a model: from the names of a state dict to the list of an architecture. */
#ifndef CHECKPOINT_SESSIONS_H
#define CHECKPOINT_SESSIONS_H

#include "kind.h"

/** List of {name, n_neurons}, sorted by name; of a single cell, `cell`. A session whose entries are
 * those of another one and the scale and offset of openretina's ClonedReadout has clone_of, too.
 * Checked against the n_neurons_dict of `s`.
 * @return INS_OK; INS_ERR_MISSING (a session without neurons); INS_ERR_SHAPE; INS_ERR_UNSUPPORTED
 * (a clone that differs); INS_ERR_MEMORY */
ins_status ins_sessions_read(const ins_settings *s, const ins_readout_kind *kind,
                             const ins_value *state, ins_value **out) INS_CHECKED;

/** The item of that name in a list of sessions, or NULL. */
const ins_value *ins_session_named(const ins_value *sessions, const char *name);

#endif
