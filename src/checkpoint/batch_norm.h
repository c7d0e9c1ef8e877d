/* SPDX-License-Identifier: MIT */
/** The part that ConvGRUCore and the legacy core share: batch norm with or without scale and bias
 * of its own, layers for the one that it lacks, and a nonlinearity. */
#ifndef CHECKPOINT_BATCH_NORM_H
#define CHECKPOINT_BATCH_NORM_H

#include "leaf.h"
#include "settings.h"

/** features.layer#.norm. ..., .bias.bias, .scale.scale, .nonlin.weight under the settings below. */
extern const ins_leaf ins_batch_norm_leaves[];

extern const char *const ins_told_batch_norm[], *const ins_told_norm_scale[],
                                                    *const ins_told_norm_bias[];

/* clang-format off */
/** Rows of a table of settings; the classes differ in the defaults of bias and batch_norm_scale. */
#define INS_BATCH_NORM_SETTINGS(bias_default, scale_default)                                       \
  {.name = "batch_norm", .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS, .fallback = "true",      \
   .words = ins_told_batch_norm, .make = ins_make_presence_core},                                  \
  {.name = "batch_norm_scale", .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,                    \
   .fallback = scale_default, .words = ins_told_norm_scale, .make = ins_make_presence_core},       \
  {.name = "bias", .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS, .fallback = bias_default,      \
   .words = ins_told_norm_bias, .make = ins_make_presence_core},                                   \
  {.name = "final_nonlinearity", .kind = INS_SETTING_TRUTH, .fallback = "true"},                   \
  {.name = "nonlinearity", .fallback = "ELU", .make = ins_make_nonlinearity}
/* clang-format on */

#endif
