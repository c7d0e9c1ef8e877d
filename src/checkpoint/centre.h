/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_CENTRE_H
#define CHECKPOINT_CENTRE_H

#include "insilico/model.h"

/** Moves the masks of all neurons to one place, as openretina's class Center does: `where` is true
 * (the middle), or [y, x], from -1 to 1 along the longer side of the feature map before the masks'
 * own scale. Noted in provenance as center_readout.
 * @return INS_OK; INS_ERR_ARGUMENT (no such place); INS_ERR_UNSUPPORTED (a readout without masks
 * that have a place); INS_ERR_MEMORY */
ins_status ins_centre_readout(ins_model_source *source, const ins_value *where) INS_CHECKED;

#endif
