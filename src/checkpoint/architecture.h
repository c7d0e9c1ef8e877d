/* SPDX-License-Identifier: MIT */
/** From what a checkpoint (or a user) says of a model to the architecture of an ins_model_source.
 */
#ifndef CHECKPOINT_ARCHITECTURE_H
#define CHECKPOINT_ARCHITECTURE_H

#include "insilico/value.h"

typedef enum ins_settings_style {
  INS_STYLE_UNIFIED, /* hyper-parameters of UnifiedCoreReadout */
  INS_STYLE_EXAMPLE, /* keyword arguments of ExampleCoreReadout */
  INS_STYLE_GIVEN    /* model.architecture of a job: as ours, or as openretina's configurations */
} ins_settings_style;

typedef struct ins_settings {
  const char *file; /* for messages */
  const ins_value *map;
  ins_settings_style style;
} ins_settings;

/** Which style the hyper-parameters of a checkpoint are.
 * @return INS_OK; INS_ERR_UNSUPPORTED when core or readout is a pickled object or another class */
ins_status ins_settings_recognise(const char *file, const ins_value *hyper_parameters,
                                  ins_settings *out) INS_CHECKED;

/** Builds the architecture that model.h describes: openretina's defaults for absent settings,
 * channels, kernel sizes and sessions checked with (style GIVEN: also taken from) the shapes in
 * `state`, which still holds all entries of the file.
 * @return INS_OK; INS_ERR_MISSING naming the setting to give; INS_ERR_UNSUPPORTED naming module or
 *         setting; INS_ERR_SHAPE; INS_ERR_FORMAT (a setting of the wrong kind); INS_ERR_MEMORY */
ins_status ins_architecture_build(const ins_settings *settings, const ins_value *state,
                                  ins_value **out) INS_CHECKED;

#endif
