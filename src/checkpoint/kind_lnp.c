/* SPDX-License-Identifier: MIT */
/* The readout LNPReadout of openretina/modules/readout/linear_nonlinear_poison.py. */
#include "kind.h"

static const char *const told_bias[] = {"inner_product_kernel.bias", NULL};

static const ins_setting settings[] = {
    {.name = "nonlinearity", .kind = INS_SETTING_FUNCTION, .fallback = "exp"},
    {.name = "bias",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "false",
     .words = told_bias,
     .make = ins_make_presence_readout},
    {.name = NULL}};

static const ins_leaf leaves[] = {
    {"inner_product_kernel.weight", INS_LEAF_MODEL, "N C 1 H W", NULL},
    {"inner_product_kernel.bias", INS_LEAF_MODEL, "N", "bias"},
    {"_smooth_reg_fn.laplace.filter", INS_LEAF_IGNORED, NULL, NULL},
    {"_smooth_reg_fn.filter", INS_LEAF_IGNORED, NULL, NULL},
    {.name = NULL}};
static const ins_leaf *const lists[] = {leaves, NULL};

static const char *const unused[] = {INS_READOUT_UNUSED,   "smooth_weight",   "sparse_weight",
                                     "smooth_regularizer", "laplace_padding", NULL};

static const ins_peer_class classes[] = {
    {"MultipleLNPReadout", settings, unused}, {"LNPReadout", settings, unused}, {.name = NULL}};

const ins_readout_kind ins_kind_lnp = {.kind = "lnp",
                                       .classes = classes,
                                       .leaves = lists,
                                       .neurons = "inner_product_kernel.weight",
                                       .map = "inner_product_kernel.weight",
                                       .map_channels = 1,
                                       .map_height = 3,
                                       .map_width = 4};
