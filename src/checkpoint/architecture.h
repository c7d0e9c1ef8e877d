/* SPDX-License-Identifier: MIT */
/** From what a checkpoint (or a user) says of a model to the architecture of an ins_model_source.
 */
#ifndef CHECKPOINT_ARCHITECTURE_H
#define CHECKPOINT_ARCHITECTURE_H

#include "insilico/text.h"
#include "settings.h"

/** Builds the architecture that docs/model-file.md describes: openretina's defaults for absent
 * settings; channels, kernel sizes and sessions checked with (of a job: also taken from) the shapes
 * in `state`, which still holds all entries of the file.
 * @return INS_OK; INS_ERR_MISSING naming the setting to give; INS_ERR_UNSUPPORTED naming class or
 *         setting; INS_ERR_SHAPE; INS_ERR_FORMAT (a setting of the wrong kind); INS_ERR_MEMORY */
ins_status ins_architecture_build(const ins_settings *settings, const ins_value *state,
                                  ins_value **out) INS_CHECKED;

/** Writes what a user must say of a state dict without settings: "core.input_padding,
 * readout.positive and ...".
 * @return INS_OK; INS_ERR_MISSING when the names tell no kind of core or readout; INS_ERR_MEMORY */
ins_status ins_architecture_asks(const char *file, const ins_value *state,
                                 ins_text *out) INS_CHECKED;

/** Accounts for every entry of `state` and checks it, as of state_dict.h; then what only the
 * weights tell becomes part of the architecture. */
ins_status ins_architecture_fit(const char *file, ins_value *state, ins_value *ignored,
                                ins_value **architecture) INS_CHECKED;

#endif
