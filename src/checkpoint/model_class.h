/* SPDX-License-Identifier: MIT */
/** The classes of models that openretina writes, told by what they store of their arguments, and
 * the form that all of them take here: {in_shape, hidden_channels, n_neurons_dict, core, readout}.
 */
#ifndef CHECKPOINT_MODEL_CLASS_H
#define CHECKPOINT_MODEL_CLASS_H

#include "insilico/value.h"

typedef struct ins_model_class ins_model_class;

/** The class whose hyper-parameters these are; NULL: no class of openretina's. */
const ins_model_class *ins_model_class_of(const ins_value *hyper_parameters);
/** The legacy function SFB3d_core_SxF3d_readout, whose arguments a configuration file holds. */
extern const ins_model_class ins_model_class_legacy;

/** "openretina.models.core_readout.UnifiedCoreReadout" */
const char *ins_model_class_name(const ins_model_class *class);

/** The arguments in the common form, with the defaults of the class; *out = NULL: they are that
 * already.
 * @return INS_OK; INS_ERR_UNSUPPORTED (an argument that is not known); INS_ERR_MEMORY */
ins_status ins_model_class_settings(const ins_model_class *class, const char *file,
                                    const ins_value *arguments, ins_value **out) INS_CHECKED;

#endif
