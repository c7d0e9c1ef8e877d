/* SPDX-License-Identifier: MIT */
/** One model in one file, of whatever format. Local. */
#ifndef CHECKPOINT_OPEN_FILE_H
#define CHECKPOINT_OPEN_FILE_H

#include "insilico/model.h"
#include "lightning.h"

/** Tells the format by the first bytes and reads the file. Errors as of ins_model_open. */
ins_status ins_open_file(const char *path, const ins_beside *beside,
                         ins_model_source **out) INS_CHECKED;

#endif
