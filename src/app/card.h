/* SPDX-License-Identifier: MIT */
/** The card of a model: what a researcher should know before using it. */
#ifndef INSILICO_APP_CARD_H
#define INSILICO_APP_CARD_H

#include "insilico/model.h"

/** Everything on the card, as data: {model, core, readout, stimulus, units, window, sessions,
 * cell_types, silent_neurons, verified}. `path` is the local file, for what `verify` remembers.
 * Runs the model on a little noise to find neurons that do not answer. */
ins_status ins_card_make(const char *path, const ins_model_source *source, const ins_model *model,
                         ins_value **out) INS_CHECKED;
/** The card on standard output, for people or as JSON. */
void ins_card_print(const ins_value *card, bool json);

#endif
