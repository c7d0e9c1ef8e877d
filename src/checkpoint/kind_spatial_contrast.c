/* SPDX-License-Identifier: MIT */
/* The readout SpatialContrastReadout of
 * openretina/modules/readout/spatial_contrast_model_readout.py.
 */
#include "kind.h"

static const ins_setting settings[] = {{.name = NULL}};

static const char *const unused[] = {INS_READOUT_UNUSED,
                                     "spatial_filters_dict",
                                     "temporal_filters_dict",
                                     "spatial_filters",
                                     "temporal_filters",
                                     "w_init",
                                     "a_init",
                                     "b_init",
                                     "c_init",
                                     "neuron_chunk_size",
                                     NULL};

/* The filters are buffers, made from the cells' averages; the bias is there for a base class. */
static const ins_leaf leaves[] = {{"spatial_filters", INS_LEAF_MODEL, "N H W", NULL},
                                  {"temporal_filters", INS_LEAF_MODEL, "N ?", NULL},
                                  {"sf_sums", INS_LEAF_MODEL, "N", NULL},
                                  {"w", INS_LEAF_MODEL, "N", NULL},
                                  {"nl_a", INS_LEAF_MODEL, "N", NULL},
                                  {"nl_b", INS_LEAF_MODEL, "N", NULL},
                                  {"nl_c", INS_LEAF_MODEL, "N", NULL},
                                  {"bias", INS_LEAF_IGNORED, NULL, NULL},
                                  {.name = NULL}};
static const ins_leaf *const lists[] = {leaves, NULL};

static ins_status check(const char *file, const ins_value *architecture, const ins_value *state,
                        const char *prefix) {
  size_t n = ins_core_kind_of(architecture)->n_features(architecture);
  (void)state;
  (void)prefix;
  if (n == 1) return INS_OK;
  return ins_fail(INS_ERR_SHAPE, "%s: a spatial contrast readout takes one channel, not %zu", file,
                  n);
}

static const ins_peer_class classes[] = {{"MultiSpatialContrastReadout", settings, unused},
                                         {"SpatialContrastReadout", settings, unused},
                                         {.name = NULL}};

const ins_readout_kind ins_kind_spatial_contrast = {.kind = "spatial_contrast",
                                                    .classes = classes,
                                                    .leaves = lists,
                                                    .neurons = "sf_sums",
                                                    .map = "spatial_filters",
                                                    .map_channels = -1,
                                                    .map_height = 1,
                                                    .map_width = 2,
                                                    .check = check};
