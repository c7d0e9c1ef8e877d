/* SPDX-License-Identifier: MIT */
/** What a model's numbers stand for: frames a second, micrometres a pixel.
 *
 * Files say so themselves (openretina's data_info), and some are wrong or say it in a way that
 * cannot be computed with. A job's model.units has the last word; a table of what is known of
 * published files corrects or doubts them; what is missing or doubtful is refused where it is
 * needed, and never guessed.
 */
#ifndef INSILICO_UNITS_H
#define INSILICO_UNITS_H

#include "insilico/model.h"

typedef struct ins_unit {
  double value;       /* above 0; NaN when it is not known */
  const char *source; /* where it is from: "model.units of the job", "data_info of the model file",
                         "errata of published files"; NULL when it is not known */
  char doubt[200];    /* why it must not be relied upon; "" when there is no doubt */
} ins_unit;

typedef struct ins_units {
  ins_unit stimulus_rate_hz, response_rate_hz, pixel_size_um;
} ins_units;

/** Reads the units of a model. `overrides` is a job's model.units {stimulus_rate_hz,
 * response_rate_hz, retina_pixel_size_um}, or NULL; a null or absent key overrides nothing. The
 * errata go by the name of the file that the model came from, also after it was converted. Never
 * fails: what cannot be understood is a doubt. Local. */
void ins_units_read(const ins_model_source *source, const ins_value *overrides, ins_units *out);

/** *out = the stimulus's frames a second, or micrometres a pixel.
 * @return INS_OK; INS_ERR_MISSING when it is not known or in doubt: says why, and to give
 * model.units.KEY */
ins_status ins_units_need_rate(const ins_units *units, double *out) INS_CHECKED;
ins_status ins_units_need_pixel(const ins_units *units, double *out) INS_CHECKED;

/** Mean and standard deviation with which stimuli were normalised (data_info's stim_mean and
 * stim_std); 0 and 1 where the file has none, NaN, or a deviation that is not above 0. */
void ins_units_normalisation(const ins_model_source *source, double *mean, double *sd);

#endif
