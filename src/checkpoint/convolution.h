/* SPDX-License-Identifier: MIT */
/** What the cores that are made of convolutions share: openretina's four types of convolution,
 * their entries in a state dict, channels and kernels, and how a layer changes lengths. */
#ifndef CHECKPOINT_CONVOLUTION_H
#define CHECKPOINT_CONVOLUTION_H

#include "leaf.h"
#include "settings.h"

/** features.layer#.conv. ... of every type of convolution. */
extern const ins_leaf ins_convolution_leaves[];
/** The filters of the cores' regularizers, and log speeds that nobody asks for. */
extern const ins_leaf ins_regularizer_leaves[];

/** The four types, ended by NULL. */
extern const char *const ins_convolution_types[];

/** `convolution`: of a job that does not name it, the one that the weights are. */
ins_setting_maker ins_make_convolution;
/** `channels`, from in_shape and hidden_channels, from core.channels, or from the weights. */
ins_setting_maker ins_make_channels;
/** `temporal_kernel_sizes` and `spatial_kernel_sizes`, one a layer: a single number stands for all;
 * of a job that leaves them out, from the weights where these tell them. The maker for
 * SimpleCoreWrapper takes lists only. */
ins_setting_maker ins_make_kernels;
ins_setting_maker ins_make_kernel_list;
/** nn.Module's names of functions, "ELU". */
ins_setting_maker ins_make_nonlinearity;

/** Lists as long as there are layers, and sizes with which one can compute. */
ins_status ins_convolutions_check(const char *file, const ins_value *architecture) INS_CHECKED;
size_t ins_convolutions_layers(const ins_value *architecture);
size_t ins_convolutions_last_channel(const ins_value *architecture);
/** Letters O, I, L, S, K of a layer. */
void ins_convolutions_dims(const ins_value *architecture, size_t layer, ins_dims *out);

enum { INS_PAD_SAME = -1 };
/** Length of axis d after layer `layer`, padded by `pad` on either side or INS_PAD_SAME. */
int64_t ins_convolution_length(const ins_value *architecture, size_t layer, int d, int64_t pad,
                               int64_t length);

#endif
