/* SPDX-License-Identifier: MIT */
/** Lightning checkpoints and torch state dicts of core-readout models. Local. */
#ifndef CHECKPOINT_LIGHTNING_H
#define CHECKPOINT_LIGHTNING_H

#include "insilico/model.h"

/** Reads a ZIP file of torch.save. `architecture` (or NULL) is what a user gives for a state dict
 * that does not hold its own. Errors as of ins_model_open. */
ins_status ins_lightning_read(const char *path, const ins_value *architecture,
                              ins_model_source **out) INS_CHECKED;

#endif
