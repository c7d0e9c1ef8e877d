/* SPDX-License-Identifier: MIT */
/* The readout GaussianMaskReadout of openretina/modules/readout/factorized_gaussian.py. */
#include <string.h>

#include "kind.h"
#include "torch_function.h"

/* MultiGaussianMaskReadout has no defaults. */
static const ins_setting multi_settings[] = {
    {.name = "gaussian_mean_scale", .kind = INS_SETTING_REAL},
    {.name = "gaussian_var_scale", .kind = INS_SETTING_REAL},
    {.name = "positive", .kind = INS_SETTING_BOOL},
    {.name = "scale", .kind = INS_SETTING_BOOL | INS_SETTING_HARMLESS, .fallback = "true"},
    {.name = "bias", .kind = INS_SETTING_BOOL | INS_SETTING_HARMLESS, .fallback = "true"},
    {.name = NULL}};

static const ins_setting base_settings[] = {
    {.name = "gaussian_mean_scale", .kind = INS_SETTING_REAL, .fallback = "1"},
    {.name = "gaussian_var_scale", .kind = INS_SETTING_REAL, .fallback = "1"},
    {.name = "positive", .kind = INS_SETTING_BOOL, .fallback = "false"},
    {.name = "scale", .kind = INS_SETTING_BOOL, .fallback = "false"},
    {.name = "bias", .kind = INS_SETTING_BOOL, .fallback = "true"},
    {.name = NULL}};

static const char *const unused[] = {INS_READOUT_UNUSED, "nonlinearity_function", NULL};

/* Without a trained scale or bias the peer keeps both as buffers, which are the model all the same:
 * the bias may hold mean activities. */
static const ins_leaf leaves[] = {{"mask_mean", INS_LEAF_MODEL, "N 2", NULL},
                                  {"mask_log_var", INS_LEAF_MODEL, "N", NULL},
                                  {"features", INS_LEAF_MODEL, "1 C 1 N", NULL},
                                  {"scale_param", INS_LEAF_MODEL, "N", NULL},
                                  {"bias", INS_LEAF_MODEL, "N", NULL},
                                  {"grid", INS_LEAF_IGNORED, NULL, NULL},
                                  {.name = NULL}};
static const ins_leaf *const lists[] = {leaves, NULL};

static ins_status accept(const ins_settings *s) {
  static const ins_setting setting = {
      .name = "nonlinearity_function", .kind = INS_SETTING_FUNCTION, .fallback = "softplus"};
  ins_value *name = NULL;
  if (!ins_setting_find(s, "readout", &setting)) return INS_OK;
  ins_status status = ins_setting_read(s, "readout", &setting, &name);
  if (status == INS_OK && strcmp(name->text, "softplus") != 0)
    status = ins_fail(INS_ERR_UNSUPPORTED,
                      "%s: its readout of Gaussian masks has the nonlinearity %s; only softplus is "
                      "supported there",
                      s->file, name->text);
  ins_value_destroy(&name);
  return status;
}

static const ins_peer_class classes[] = {{"MultiGaussianMaskReadout", multi_settings, unused},
                                         {"GaussianMaskReadout", base_settings, unused},
                                         {.name = NULL}};

const ins_readout_kind ins_kind_gaussian_mask = {.kind = "gaussian_mask",
                                                 .classes = classes,
                                                 .leaves = lists,
                                                 .neurons = "mask_mean",
                                                 .map = "grid",
                                                 .map_channels = -1,
                                                 .map_height = 1,
                                                 .map_width = 2,
                                                 .accept = accept,
                                                 .centre = "mask_mean"};
