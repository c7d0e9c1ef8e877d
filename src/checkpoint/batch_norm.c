/* SPDX-License-Identifier: MIT */
#include "batch_norm.h"

/* Batch norm is affine with both a bias and a scale; with one of them alone, a layer of its own
 * adds that one. The scale of hidden layers lacks the axis of time. The last layer may have no
 * nonlinearity. */
const ins_leaf ins_batch_norm_leaves[] = {
    {"features.layer#.norm.weight", INS_LEAF_MODEL, "O", "batch_norm bias batch_norm_scale"},
    {"features.layer#.norm.bias", INS_LEAF_MODEL, "O", "batch_norm bias batch_norm_scale"},
    {"features.layer#.norm.running_mean", INS_LEAF_MODEL, "O", "batch_norm"},
    {"features.layer#.norm.running_var", INS_LEAF_MODEL, "O", "batch_norm"},
    {"features.layer#.norm.num_batches_tracked", INS_LEAF_IGNORED, NULL, "batch_norm"},
    {"features.layer#.bias.bias", INS_LEAF_MODEL, "1 O 1 1 1", "batch_norm bias !batch_norm_scale"},
    {"features.layer0.scale.scale", INS_LEAF_MODEL, "1 O 1 1 1",
     "batch_norm !bias batch_norm_scale"},
    {"features.layer#.scale.scale", INS_LEAF_MODEL, "1 O 1 1", "batch_norm !bias batch_norm_scale"},
    {"features.layer#.nonlin.weight", INS_LEAF_OPTIONAL, "1", "nonlinearity=PReLU"},
    {.name = NULL}};

const char *const ins_told_batch_norm[] = {"features.layer#.norm.running_mean", NULL};
const char *const ins_told_norm_scale[] = {"features.layer#.norm.weight",
                                           "features.layer#.scale.scale", NULL};
const char *const ins_told_norm_bias[] = {"features.layer#.norm.weight",
                                          "features.layer#.bias.bias", NULL};
