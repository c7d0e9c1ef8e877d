/* SPDX-License-Identifier: MIT */
/* The readout SpatialXFeature3d of openretina/legacy/models.py. */
#include "kind.h"

static const char *const told_masks[] = {"mask_log_var", NULL};
static const char *const told_scale[] = {"scale", NULL};
static const char *const told_bias[] = {"bias", NULL};

static const ins_setting settings[] = {
    {.name = "gaussian_masks",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "false",
     .words = told_masks,
     .make = ins_make_presence_readout},
    {.name = "gaussian_mean_scale", .kind = INS_SETTING_REAL, .fallback = "1"},
    {.name = "gaussian_var_scale", .kind = INS_SETTING_REAL, .fallback = "1"},
    {.name = "positive", .kind = INS_SETTING_BOOL, .fallback = "false"},
    {.name = "scale",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "false",
     .words = told_scale,
     .make = ins_make_presence_readout},
    {.name = "bias",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "true",
     .words = told_bias,
     .make = ins_make_presence_readout},
    {.name = "nonlinearity", .kind = INS_SETTING_BOOL, .fallback = "true"},
    {.name = NULL}};

static const char *const unused[] = {INS_READOUT_UNUSED, "initialize_from_roi_masks", "roi_masks",
                                     "roi_mask", NULL};

/* Masks that began as Gaussians around the recorded cells keep where they began. */
static const ins_leaf leaves[] = {{"mask_mean", INS_LEAF_MODEL, "N 2", "gaussian_masks"},
                                  {"mask_log_var", INS_LEAF_MODEL, "N", "gaussian_masks"},
                                  {"masks", INS_LEAF_MODEL, "H W N", "!gaussian_masks"},
                                  {"features", INS_LEAF_MODEL, "1 C 1 N", NULL},
                                  {"scale", INS_LEAF_MODEL, "N", "scale"},
                                  {"bias", INS_LEAF_MODEL, "N", "bias"},
                                  {"grid", INS_LEAF_IGNORED, NULL, NULL},
                                  {"mask_mean", INS_LEAF_IGNORED, NULL, "!gaussian_masks"},
                                  {"mask_var", INS_LEAF_IGNORED, NULL, "!gaussian_masks"},
                                  {.name = NULL}};
static const ins_leaf *const lists[] = {leaves, NULL};

static const ins_peer_class classes[] = {{"SpatialXFeature3dReadout", settings, unused},
                                         {"SpatialXFeature3d", settings, unused},
                                         {.name = NULL}};

const ins_readout_kind ins_kind_spatial_x_feature = {.kind = "spatial_x_feature",
                                                     .classes = classes,
                                                     .leaves = lists,
                                                     .neurons = "features",
                                                     .axis = 3,
                                                     .map = "grid",
                                                     .map_channels = -1,
                                                     .map_height = 1,
                                                     .map_width = 2,
                                                     .centre = "mask_mean"};
