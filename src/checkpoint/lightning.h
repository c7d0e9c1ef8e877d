/* SPDX-License-Identifier: MIT */
/** Lightning checkpoints and torch state dicts of openretina's models. Local. */
#ifndef CHECKPOINT_LIGHTNING_H
#define CHECKPOINT_LIGHTNING_H

#include "insilico/model.h"

/** What is known of a file's model beside the file. All may be NULL. */
typedef struct ins_beside {
  const ins_value *architecture; /* given by a user; takes the place of the hyper-parameters */
  const ins_value *settings;     /* in the common form of model_class.h, from another file */
  const char *class;             /* whose settings these are */
  const ins_value *data_info;    /* likewise */
} ins_beside;

/** Reads a file of torch.save. Errors as of ins_model_open. */
ins_status ins_lightning_read(const char *path, const ins_beside *beside,
                              ins_model_source **out) INS_CHECKED;

/** A path's last part. */
const char *ins_file_name(const char *path);

#endif
