/* SPDX-License-Identifier: MIT */
/* The core DummyCore of openretina/modules/core/base_core.py: the stimulus itself. */
#include "kind.h"

static ins_status make_cut(const ins_settings *s, const ins_setting *setting,
                           const ins_value *state, const ins_value *architecture, ins_value **out) {
  ins_setting read = *setting;
  (void)state;
  (void)architecture;
  read.kind = INS_SETTING_INT | INS_SETTING_NULLABLE;
  ins_status status = ins_setting_read(s, "core", &read, out);
  if (status != INS_OK || (*out)->kind != INS_NULL) return status;
  ins_value_destroy(out); /* null is Python's slice from the start */
  *out = ins_value_int(0);
  return *out ? INS_OK : INS_ERR_MEMORY;
}

static const ins_setting settings[] = {
    {.name = "cut_first_n_frames", .fallback = "null", .make = make_cut}, {.name = NULL}};

static const ins_leaf *const lists[] = {NULL};

static ins_status check(const char *file, const ins_value *architecture) {
  (void)file;
  (void)architecture;
  return INS_OK;
}

static size_t no_layers(const ins_value *architecture) {
  (void)architecture;
  return 0;
}

static size_t n_features(const ins_value *architecture) {
  return (size_t)ins_architecture_int(architecture, "in_shape", 0);
}

static int64_t length_after(const ins_value *a, int d, int64_t length) {
  return d ? length : length - ins_value_int_or(ins_value_at(a, "core.cut_first_n_frames"), 0);
}

static void dims(const ins_value *architecture, size_t layer, ins_dims *out) {
  (void)architecture;
  (void)layer;
  (void)out;
}

/* It takes any argument and forgets it; those that would matter elsewhere are still refused. */
static const char *const unused[] = {
    "n_neurons_dict",       "channels",         "temporal_kernel_sizes",
    "spatial_kernel_sizes", "input_padding",    "hidden_padding",
    "dropout_rate",         "convolution_type", NULL};

static const ins_peer_class classes[] = {{"DummyCore", settings, unused}, {.name = NULL}};

const ins_core_kind ins_kind_dummy = {.kind = "dummy",
                                      .classes = classes,
                                      .leaves = lists,
                                      .check = check,
                                      .n_layers = no_layers,
                                      .n_features = n_features,
                                      .length = length_after,
                                      .dims = dims};
