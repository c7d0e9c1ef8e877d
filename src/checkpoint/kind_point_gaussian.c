/* SPDX-License-Identifier: MIT */
/* The readout PointGaussianReadout of openretina/modules/readout/gaussian.py. */
#include <stdlib.h>

#include "kind.h"
#include "state_dict.h"

static const char *const gauss_types[] = {"full", "uncorrelated", "isotropic", NULL};

static const char *const told_bias[] = {"bias", NULL};

/* A tanh at the end of a predictor of points has no weights that would show it; without a predictor
 * it plays no part. */
static ins_status make_final_tanh(const ins_settings *s, const ins_setting *setting,
                                  const ins_value *state, const ins_value *architecture,
                                  ins_value **out) {
  static const ins_setting read = {
      .name = "final_tanh", .kind = INS_SETTING_BOOL, .fallback = "false"};
  char prefix[300];
  (void)architecture;
  *out = NULL;
  if (!ins_state_first_prefix(state, prefix, sizeof prefix) ||
      !ins_state_has_leaf(state, prefix, setting->words[0]))
    return INS_OK;
  return ins_setting_read(s, "readout.grid_mean_predictor", &read, out);
}

static const char *const predicted[] = {"source_grid", NULL};

static const ins_setting settings[] = {
    {.name = "bias",
     .kind = INS_SETTING_MADE | INS_SETTING_HARMLESS,
     .words = told_bias,
     .make = ins_make_presence_readout},
    {.name = "align_corners", .kind = INS_SETTING_BOOL, .fallback = "true"},
    {.name = "gauss_type",
     .kind = INS_SETTING_WORD | INS_SETTING_HARMLESS,
     .fallback = "full",
     .words = gauss_types},
    {.name = "nonlinearity",
     .peer = "nonlinearity_function",
     .kind = INS_SETTING_FUNCTION,
     .fallback = "softplus"},
    {.name = "grid_mean_predictor.final_tanh", .words = predicted, .make = make_final_tanh},
    {.name = NULL}};

/* Whether features and points are shared or predicted shows in the weights, all but the tanh. */
static const char *const unused[] = {INS_READOUT_UNUSED,
                                     "init_mu_range",
                                     "init_sigma_range",
                                     "batch_sample",
                                     "grid_mean_predictor",
                                     "shared_features",
                                     "shared_grid",
                                     "init_grid",
                                     "source_grid",
                                     "reg_avg",
                                     NULL};

/* A trained model looks at the mean of the Gaussian: its width plays no part. */
static const ins_leaf leaves[] = {{"_mu", INS_LEAF_OPTIONAL, "1 ? 1 2", NULL},
                                  {"_features", INS_LEAF_MODEL, "1 C 1 ?", NULL},
                                  {"bias", INS_LEAF_MODEL, "N", "bias"},
                                  {"sigma", INS_LEAF_IGNORED, NULL, NULL},
                                  {"scales", INS_LEAF_OPTIONAL, "1 1 1 N", NULL},
                                  {"feature_sharing_index", INS_LEAF_OPTIONAL, "i N", NULL},
                                  {"grid_sharing_index", INS_LEAF_OPTIONAL, "i N", NULL},
                                  {"mu_transform.weight", INS_LEAF_OPTIONAL, "2 2", NULL},
                                  {"mu_transform.bias", INS_LEAF_OPTIONAL, "2", NULL},
                                  {"mu_transform.#.weight", INS_LEAF_OPTIONAL, "? ?", NULL},
                                  {"mu_transform.#.bias", INS_LEAF_OPTIONAL, "?", NULL},
                                  {"source_grid", INS_LEAF_OPTIONAL, "N ?", NULL},
                                  {.name = NULL}};
static const ins_leaf *const lists[] = {leaves, NULL};

/* ---- sharing --------------------------------------------------------------------------------- */

static const ins_array *leaf(const ins_value *state, const char *prefix, const char *name) {
  char *key = ins_format("%s%s", prefix, name);
  const ins_value *value = key ? ins_map_get(state, key) : NULL;
  free(key);
  return value && value->kind == INS_ARRAY ? &value->array : NULL;
}

/* `what` has one column a neuron, or `index` says which column each neuron shares. */
static ins_status check_sharing(const char *file, const char *prefix, const char *what,
                                size_t columns, const ins_array *index, size_t n) {
  if (!index && columns != n)
    return ins_fail(INS_ERR_SHAPE,
                    "%s: parameter '%s%s' is for %zu neurons, but the session has %zu", file,
                    prefix, what, columns, n);
  for (size_t i = 0; index && i < n; i++) {
    double k = ins_array_get(index, i);
    if (!(k >= 0 && k < (double)columns))
      return ins_fail(INS_ERR_FORMAT, "%s: damaged: neuron %zu of '%s%s' shares number %.0f of %zu",
                      file, i, prefix, what, k, columns);
  }
  return INS_OK;
}

static ins_status lacks(const char *file, const char *prefix, const char *name) {
  return ins_fail(INS_ERR_MISSING,
                  "%s: parameter '%s%s' is missing; the file is incomplete or its architecture is "
                  "another one",
                  file, prefix, name);
}

static ins_status check(const char *file, const ins_value *architecture, const ins_value *state,
                        const char *prefix) {
  const ins_array *mu = leaf(state, prefix, "_mu"), *features = leaf(state, prefix, "_features");
  const ins_array *scales = leaf(state, prefix, "scales");
  const ins_array *feature_index = leaf(state, prefix, "feature_sharing_index");
  const ins_array *grid_index = leaf(state, prefix, "grid_sharing_index");
  const ins_array *source = leaf(state, prefix, "source_grid");
  size_t n = ins_prefix_neurons(architecture, prefix);
  if (!mu && !source) return lacks(file, prefix, "_mu");
  if (source && !leaf(state, prefix, "mu_transform.0.weight"))
    return lacks(file, prefix, "mu_transform.0.weight");
  if (feature_index && !scales) return lacks(file, prefix, "scales");
  if (scales && !feature_index) return lacks(file, prefix, "feature_sharing_index");
  ins_status status =
      check_sharing(file, prefix, "_features", features->shape[3], feature_index, n);
  if (status == INS_OK && mu)
    status = check_sharing(file, prefix, "_mu", mu->shape[1], grid_index, n);
  return status;
}

static const ins_peer_class classes[] = {{"MultiSampledGaussianReadout", settings, unused},
                                         {.name = NULL}};

const ins_readout_kind ins_kind_point_gaussian = {.kind = "point_gaussian",
                                                  .classes = classes,
                                                  .leaves = lists,
                                                  .neurons = "sigma",
                                                  .axis = 1,
                                                  .check = check};
