/* SPDX-License-Identifier: MIT */
/* Models of one cell: SingleCellSeparatedLNP of openretina/models/linear_nonlinear.py and
 * SingleCellSpatialContrast of openretina/models/spatial_contrast.py. Their parameters have no
 * prefix. */
#include <string.h>

#include "kind.h"

/* ---- where the patch lies -------------------------------------------------------------------- */

static const char *const patch_leaves[] = {"space_conv.weight", "spatial_filter"};

/* Height and width of the patch that the filter covers: its last two axes. */
static bool patch_of(const ins_value *state, int64_t size[2]) {
  for (size_t i = 0; i < 2; i++) {
    const ins_value *value = ins_map_get(state, patch_leaves[i]);
    if (!value || value->kind != INS_ARRAY || value->array.n_dims < 2) continue;
    int n = value->array.n_dims;
    size[0] = (int64_t)value->array.shape[n - 2];
    size[1] = (int64_t)value->array.shape[n - 1];
    return true;
  }
  return false;
}

/* `crop`: null, or [top, left]. */
static ins_status make_crop(const ins_settings *s, const ins_setting *setting,
                            const ins_value *state, const ins_value *architecture,
                            ins_value **out) {
  ins_setting read = *setting;
  (void)state;
  (void)architecture;
  read.kind = INS_SETTING_INTS | INS_SETTING_NULLABLE | INS_SETTING_HARMLESS;
  return ins_setting_read(s, "readout", &read, out);
}

/* Openretina cuts the patch out around a centre that no file keeps. */
static ins_status check_crop(const char *file, const ins_value *a, const ins_value *state,
                             const char *prefix) {
  const ins_value *crop = ins_value_at(a, "readout.crop");
  int64_t patch[2] = {0, 0}, in[2];
  (void)prefix;
  if (!patch_of(state, patch)) return INS_OK;
  for (size_t d = 0; d < 2; d++) in[d] = ins_architecture_int(a, "in_shape", d + 2);
  if (crop->kind == INS_NULL) {
    if (patch[0] == in[0] && patch[1] == in[1]) return INS_OK;
    return ins_fail(INS_ERR_MISSING,
                    "%s: its spatial filter covers %lld x %lld of %lld x %lld pixels, and the file "
                    "does not say which: give model.architecture.readout.crop as [top, left]",
                    file, (long long)patch[0], (long long)patch[1], (long long)in[0],
                    (long long)in[1]);
  }
  for (size_t d = 0; d < 2; d++) {
    int64_t first = ins_architecture_int(a, "readout.crop", d);
    if (crop->children.n != 2 || first < 0 || first + patch[d] > in[d])
      return ins_fail(
          INS_ERR_SHAPE,
          "%s: readout.crop must be [top, left] such that %lld x %lld pixels lie within "
          "%lld x %lld",
          file, (long long)patch[0], (long long)patch[1], (long long)in[0], (long long)in[1]);
  }
  return INS_OK;
}

/* ---- SingleCellSeparatedLNP ------------------------------------------------------------------ */

static ins_status make_nonlinearity(const ins_settings *s, const ins_setting *setting,
                                    const ins_value *state, const ins_value *architecture,
                                    ins_value **out) {
  ins_setting read = *setting;
  (void)architecture;
  read.kind = INS_SETTING_FUNCTION;
  bool parametrized = ins_map_get(state, "nonlinearity.w") != NULL;
  if (parametrized && !ins_setting_find(s, "readout", setting)) {
    *out = ins_value_text("parametrized_softplus");
    return *out ? INS_OK : INS_ERR_MEMORY;
  }
  return ins_setting_read(s, "readout", &read, out);
}

static const ins_setting lnp_settings[] = {
    {.name = "nonlinearity", .fallback = "exp", .make = make_nonlinearity},
    {.name = "normalize_weights", .kind = INS_SETTING_BOOL, .fallback = "true"},
    {.name = "crop",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .fallback = "null",
     .make = make_crop},
    {.name = NULL}};

static const ins_leaf lnp_leaves[] = {
    {"space_conv.weight", INS_LEAF_MODEL, "? C 1 ? ?", NULL},
    {"time_conv.weight", INS_LEAF_MODEL, "1 ? ? 1 1", NULL},
    {"nonlinearity.b", INS_LEAF_MODEL, "", "nonlinearity=parametrized_softplus"},
    {"nonlinearity.w", INS_LEAF_MODEL, "", "nonlinearity=parametrized_softplus"},
    {"nonlinearity.a", INS_LEAF_OPTIONAL, "", "nonlinearity=parametrized_softplus"},
    {"_smooth_reg_fn_spat.laplace.filter", INS_LEAF_IGNORED, NULL, NULL},
    {"_smooth_reg_fn_spat.filter", INS_LEAF_IGNORED, NULL, NULL},
    {"_smooth_reg_fn_temp.laplace.filter", INS_LEAF_IGNORED, NULL, NULL},
    {"_smooth_reg_fn_temp.filter", INS_LEAF_IGNORED, NULL, NULL},
    {.name = NULL}};
static const ins_leaf *const lnp_lists[] = {lnp_leaves, NULL};

static ins_status check_lnp(const char *file, const ins_value *a, const ins_value *state,
                            const char *prefix) {
  const ins_array *space = &ins_map_get(state, "space_conv.weight")->array;
  const ins_array *time = &ins_map_get(state, "time_conv.weight")->array;
  if (space->shape[0] != time->shape[1])
    return ins_fail(INS_ERR_SHAPE,
                    "%s: space_conv.weight has %zu filters, but time_conv.weight takes %zu", file,
                    space->shape[0], time->shape[1]);
  return check_crop(file, a, state, prefix);
}

static const char *const lnp_unused[] = {
    INS_READOUT_UNUSED,        "rf_location",        "spat_kernel_size",        "rank",
    "smooth_weight_spat",      "smooth_weight_temp", "smooth_regularizer_spat", "sparse_weight",
    "smooth_regularizer_temp", "smooth_regularizer", "laplace_padding",         NULL};

static const ins_peer_class lnp_classes[] = {{"SingleCellSeparatedLNP", lnp_settings, lnp_unused},
                                             {.name = NULL}};

const ins_readout_kind ins_kind_single_lnp = {.kind = "single_lnp",
                                              .classes = lnp_classes,
                                              .leaves = lnp_lists,
                                              .single = true,
                                              .check = check_lnp};

/* ---- SingleCellSpatialContrast --------------------------------------------------------------- */

static const ins_setting contrast_settings[] = {{.name = "crop",
                                                 .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
                                                 .fallback = "null",
                                                 .make = make_crop},
                                                {.name = NULL}};

static const ins_leaf contrast_leaves[] = {{"spatial_filter", INS_LEAF_MODEL, "? ?", NULL},
                                           {"temporal_filter", INS_LEAF_MODEL, "?", NULL},
                                           {"spatial_filter_sum", INS_LEAF_MODEL, "", NULL},
                                           {"w", INS_LEAF_MODEL, "", NULL},
                                           {"nl_a", INS_LEAF_MODEL, "", NULL},
                                           {"nl_b", INS_LEAF_MODEL, "", NULL},
                                           {"nl_c", INS_LEAF_MODEL, "", NULL},
                                           {.name = NULL}};
static const ins_leaf *const contrast_lists[] = {contrast_leaves, NULL};

static ins_status check_contrast(const char *file, const ins_value *a, const ins_value *state,
                                 const char *prefix) {
  int64_t channels = ins_architecture_int(a, "in_shape", 0);
  if (channels != 1)
    return ins_fail(INS_ERR_SHAPE, "%s: a spatial contrast model takes one channel, not %lld", file,
                    (long long)channels);
  return check_crop(file, a, state, prefix);
}

static const char *const contrast_unused[] = {INS_READOUT_UNUSED, NULL};

static const ins_peer_class contrast_classes[] = {
    {"SingleCellSpatialContrast", contrast_settings, contrast_unused}, {.name = NULL}};

const ins_readout_kind ins_kind_single_spatial_contrast = {.kind = "single_spatial_contrast",
                                                           .classes = contrast_classes,
                                                           .leaves = contrast_lists,
                                                           .single = true,
                                                           .check = check_contrast};
