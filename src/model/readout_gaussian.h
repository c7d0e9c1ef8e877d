/* SPDX-License-Identifier: MIT */
/** openretina's Gaussian masks: exp(-d^2 / (2 v)) over the pixels of a feature map, divided by its
 * sum, where d is the distance from the mean on a grid of square pixels whose longer side goes from
 * -1 to 1, and d^2 / v is at most 20. Local.
 */
#ifndef INSILICO_READOUT_GAUSSIAN_H
#define INSILICO_READOUT_GAUSSIAN_H

#include "model_internal.h"

typedef struct ins_gaussian_masks {
  ins_extent map;
  float *mean, *log_var;  /* [N,2] row and column, [N]; scales applied */
  float *grid_h, *grid_w; /* [H], [W] */
} ins_gaussian_masks;

/** Reads mask_mean and mask_log_var of all sessions, and the settings of their scales. */
ins_status ins_gaussian_masks_create(ins_builder *b, const ins_model_info *info, ins_extent map,
                                     ins_gaussian_masks *out) INS_CHECKED;
/** out [h,w] */
void ins_gaussian_mask(const ins_gaussian_masks *masks, size_t neuron, float *out);

#endif
