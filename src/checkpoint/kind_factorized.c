/* SPDX-License-Identifier: MIT */
/* The readout FactorizedReadout of openretina/modules/readout/factorized.py. */
#include "kind.h"

static const char *const mask_words[] = {"abs", NULL};
static const char *const weight_words[] = {"abs", "norm", "absnorm", NULL};

static const ins_setting settings[] = {
    {.name = "mask_constraint",
     .kind = INS_SETTING_WORD | INS_SETTING_NULLABLE,
     .fallback = "null",
     .words = mask_words},
    {.name = "weights_constraint",
     .kind = INS_SETTING_WORD | INS_SETTING_NULLABLE,
     .fallback = "null",
     .words = weight_words},
    {.name = "bias", .peer = "readout_bias", .kind = INS_SETTING_BOOL, .fallback = "false"},
    {.name = NULL}};

static const char *const unused[] = {INS_READOUT_UNUSED, "init_mask", "init_weights",
                                     "init_scales",      "mask_size", NULL};

/* A bias that is not trained is a buffer, which the peer does not add. */
static const ins_leaf leaves[] = {
    {"mask_weights", INS_LEAF_MODEL, "P N", NULL},
    {"feature_weights", INS_LEAF_MODEL, "C N", NULL},
    {"bias", INS_LEAF_MODEL, "N", "bias"},
    {"bias", INS_LEAF_IGNORED, NULL, "!bias"},
    {"_input_weights_regularizer_spatial.laplace.filter", INS_LEAF_IGNORED, NULL, NULL},
    {.name = NULL}};
static const ins_leaf *const lists[] = {leaves, NULL};

/* KlindtReadoutWrapper3D is an older name. */
static const ins_peer_class classes[] = {{"MultiFactorizedReadout", settings, unused},
                                         {"FactorizedReadout", settings, unused},
                                         {"KlindtReadoutWrapper3D", settings, unused},
                                         {.name = NULL}};

const ins_readout_kind ins_kind_factorized = {.kind = "factorized",
                                              .classes = classes,
                                              .leaves = lists,
                                              .neurons = "mask_weights",
                                              .axis = 1};
