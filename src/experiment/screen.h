/* SPDX-License-Identifier: MIT */
/** What stimuli are shown on: a model's pixels, frames and numbers, and the range of numbers that
 * it was trained on. Private to the room; `insilico stimulus show` uses it too.
 */
#ifndef INSILICO_EXPERIMENT_SCREEN_H
#define INSILICO_EXPERIMENT_SCREEN_H

#include "insilico/generator.h"
#include "insilico/model.h"

/** Keys of a job's group `intensity`: what contrast means in the model's numbers.
 *   grey      the model's number of contrast 0: one number, a list of one for each channel, or
 *             {CHANNEL: number} (others: 0)
 *   contrast  what contrast 1 adds to it, likewise (others: as null). null: twice the mean
 *             luminance, which is mean / SD of the normalisation (ins_units_normalisation) in the
 *             model's numbers; 1 where the model says none
 *   range     the numbers that the model was trained on; null: known for some (ins_screen_range) */
extern const ins_key ins_intensity_keys[];

/** The screen of a model. `settings` are a job's: `model.units` and `intensity` are looked at; NULL
 * or without them: defaults. Units that are not known or in doubt are NaN. `still`: an output frame
 * answers a single stimulus frame.
 * @return INS_OK; INS_ERR_ARGUMENT (intensity does not fit the model's channels: place and names);
 * INS_ERR_UNSUPPORTED (more channels than INS_MAX_CHANNELS) */
ins_status ins_screen_of(const ins_model *model, const ins_model_source *source,
                         const ins_value *settings, ins_screen *out) INS_CHECKED;

/** Adds to the message of a failure INS_ERR_MISSING why the model's units are in doubt, where they
 * are; returns `status`. */
ins_status ins_screen_explain(ins_status status, const ins_model_source *source,
                              const ins_value *settings) INS_CHECKED;

/** The numbers a model was trained on: those of `intensity.range`; else for mouse models of two
 * channels those of the movies of Höfling et al. (2024), green -0.654..6.269, UV -0.913..6.269;
 * else infinite.
 * @param[out] bounds [C][2]; @return INS_OK; INS_ERR_ARGUMENT for a channel that does not exist */
ins_status ins_screen_range(const ins_model *model, const ins_model_source *source,
                            const ins_value *settings, float (*bounds)[2]) INS_CHECKED;

#endif
