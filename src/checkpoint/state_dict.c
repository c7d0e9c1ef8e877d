/* SPDX-License-Identifier: MIT */
#include "state_dict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

enum { NAME = 512 };

typedef enum role { ROLE_UNKNOWN, ROLE_MODEL, ROLE_IGNORED, ROLE_LOG_SPEED } role;

typedef struct leaf {
  const char *name;
  role role;
} leaf;

static const leaf layer_leaves[] = {
    {"conv.sin_weights", ROLE_MODEL},
    {"conv.cos_weights", ROLE_MODEL},
    {"conv.weight_spatial", ROLE_MODEL},
    {"conv._log_speed_default", ROLE_LOG_SPEED},
    {"norm.weight", ROLE_MODEL},
    {"norm.bias", ROLE_MODEL},
    {"norm.running_mean", ROLE_MODEL},
    {"norm.running_var", ROLE_MODEL},
    {"norm.num_batches_tracked", ROLE_IGNORED},
    {"bias.bias", ROLE_MODEL},
};

static const leaf core_leaves[] = {
    {"color_squashing_layer.channel_weights", ROLE_MODEL},
    {"_input_weights_regularizer_spatial.laplace.filter", ROLE_IGNORED},
    {"_input_weights_regularizer_temporal.laplace.filter", ROLE_IGNORED},
    {"_input_weights_regularizer_temporal.filter", ROLE_IGNORED},
};

/* Without a trained scale or bias the peer keeps both as buffers, which are the model all the same:
 * the bias may hold mean activities. */
static const leaf readout_leaves[] = {
    {"mask_mean", ROLE_MODEL},   {"mask_log_var", ROLE_MODEL}, {"features", ROLE_MODEL},
    {"scale_param", ROLE_MODEL}, {"bias", ROLE_MODEL},         {"bias_param", ROLE_MODEL},
    {"grid", ROLE_IGNORED},
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static role look_up(const leaf *leaves, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(leaves[i].name, name) == 0) return leaves[i].role;
  return ROLE_UNKNOWN;
}

/* What follows `prefix` in a name; NULL when it does not start so. */
static const char *after(const char *name, const char *prefix) {
  size_t n = strlen(prefix);
  return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

/* The session in "readout.SESSION.leaf", whose names hold no dots, and the leaf after it. */
static const char *session_of(const char *name, size_t *length, const char **rest) {
  const char *session = after(name, "readout.");
  if (!session) return NULL;
  *length = strcspn(session, ".");
  if (*length == 0 || !session[*length]) return NULL;
  *rest = session + *length + 1;
  return session;
}

static role role_of(const char *name) {
  const char *rest = after(name, "core.features.layer"), *session;
  size_t length;
  if (rest) {
    size_t digits = strspn(rest, "0123456789");
    if (digits == 0 || digits > 4 || rest[digits] != '.') return ROLE_UNKNOWN;
    return look_up(layer_leaves, COUNT(layer_leaves), rest + digits + 1);
  }
  if ((rest = after(name, "core."))) return look_up(core_leaves, COUNT(core_leaves), rest);
  session = session_of(name, &length, &rest);
  if (session) return look_up(readout_leaves, COUNT(readout_leaves), rest);
  if (after(name, "loss.") || after(name, "evaluation_loss.")) return ROLE_IGNORED;
  return ROLE_UNKNOWN;
}

const char *ins_state_foreign(const ins_value *state) {
  for (size_t i = 0; i < state->children.n; i++)
    if (role_of(state->children.keys[i]) == ROLE_UNKNOWN) return state->children.keys[i];
  return NULL;
}

static ins_status unknown(const char *file, const char *name) {
  const char *dot = strrchr(name, '.');
  int module = dot ? (int)(dot - name) : 0;
  return ins_fail(
      INS_ERR_UNSUPPORTED,
      "%s: parameter '%s' of module '%.*s' is not supported; supported are SimpleCoreWrapper "
      "with custom_separable convolutions and MultiGaussianMaskReadout",
      file, name, module, name);
}

/* exp(0) = 1 changes nothing; any other speed stretches time and stays a parameter. */
static bool is_zero(const ins_value *value) {
  for (size_t i = 0; i < ins_array_count(&value->array); i++)
    if (ins_array_get(&value->array, i) != 0) return false;
  return true;
}

/* Renames in place, so that the order of the parameters stays that of the file. */
static void rename_bias(char *key) {
  const char *rest;
  size_t length;
  if (session_of(key, &length, &rest) && strcmp(rest, "bias_param") == 0)
    key[strlen(key) - strlen("_param")] = '\0';
}

ins_status ins_state_sort(const char *file, ins_value *state, ins_value *ignored) {
  for (size_t i = 0; i < state->children.n;) {
    const char *name = state->children.keys[i];
    const ins_value *value = state->children.items[i];
    role what = role_of(name);
    if (what == ROLE_UNKNOWN) return unknown(file, name);
    if (value->kind != INS_ARRAY)
      return ins_fail(INS_ERR_UNSUPPORTED, "%s: parameter '%s' is no tensor of plain numbers", file,
                      name);
    if (what == ROLE_IGNORED || (what == ROLE_LOG_SPEED && is_zero(value))) {
      ins_status status = ins_list_take(ignored, ins_value_text(name));
      if (status != INS_OK) return status;
      char *copy = strdup(name); /* removing frees the key it is given */
      if (!copy) return ins_fail(INS_ERR_MEMORY, "out of memory while reading %s", file);
      ins_map_remove(state, copy);
      free(copy);
      continue;
    }
    rename_bias(state->children.keys[i++]);
  }
  return INS_OK;
}

/* ---- what shapes tell ------------------------------------------------------------------------ */

static const ins_array *array_at(const ins_value *state, const char *name) {
  const ins_value *value = ins_map_get(state, name);
  return value && value->kind == INS_ARRAY ? &value->array : NULL;
}

size_t ins_state_axis(const ins_value *state, size_t layer, const char *name, int axis) {
  char key[NAME];
  snprintf(key, sizeof key, "core.features.layer%zu.%s", layer, name);
  const ins_array *array = array_at(state, key);
  return array && axis < array->n_dims ? array->shape[axis] : 0;
}

size_t ins_state_layers(const ins_value *state) {
  size_t n = 0;
  for (size_t i = 0; i < state->children.n; i++) {
    const char *rest = after(state->children.keys[i], "core.features.layer");
    size_t layer = rest ? strtoul(rest, NULL, 10) : 0;
    if (rest && layer < 10000 && layer + 1 > n) n = layer + 1;
  }
  return n;
}

typedef struct session {
  const char *name;
  size_t length, n_neurons;
} session;

/* Python sorts names by code point, which for UTF-8 is the order of the bytes. */
static int by_name(const void *a, const void *b) {
  const session *x = a, *y = b;
  size_t n = x->length < y->length ? x->length : y->length;
  int order = memcmp(x->name, y->name, n);
  return order ? order : (x->length > y->length) - (x->length < y->length);
}

static ins_status add_session(ins_value *list, const session *s) {
  ins_value *item = ins_value_map();
  ins_status status = item ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_map_take(item, "name", ins_value_text_n(s->name, s->length));
  if (status == INS_OK)
    status = ins_map_take(item, "n_neurons", ins_value_int((int64_t)s->n_neurons));
  if (status == INS_OK) return ins_list_take(list, item);
  ins_value_destroy(&item);
  return status;
}

ins_status ins_state_sessions(const ins_value *state, ins_value **out) {
  session *sessions;
  size_t n = 0;
  ins_status status = ins_alloc(state->children.n, sizeof *sessions, &sessions);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < state->children.n; i++) {
    const ins_value *value = state->children.items[i];
    const char *rest, *name;
    size_t length;
    name = session_of(state->children.keys[i], &length, &rest);
    if (!name || strcmp(rest, "mask_mean") != 0 || value->kind != INS_ARRAY) continue;
    if (value->array.n_dims > 0) sessions[n++] = (session){name, length, value->array.shape[0]};
  }
  qsort(sessions, n, sizeof *sessions, by_name);
  *out = ins_value_list();
  if (!*out) status = INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < n; i++) status = add_session(*out, &sessions[i]);
  if (status != INS_OK) ins_value_destroy(out);
  ins_free(&sessions);
  return status;
}

bool ins_state_map_size(const ins_value *state, size_t *height, size_t *width) {
  for (size_t i = 0; i < state->children.n; i++) {
    const ins_value *value = state->children.items[i];
    const char *rest;
    size_t length;
    if (!session_of(state->children.keys[i], &length, &rest) || strcmp(rest, "grid") != 0) continue;
    if (value->kind != INS_ARRAY || value->array.n_dims != 4) continue;
    *height = value->array.shape[1];
    *width = value->array.shape[2];
    return true;
  }
  return false;
}

/* ---- is everything there? -------------------------------------------------------------------- */

typedef struct shape {
  int n;
  size_t axis[5];
} shape;

static void print_shape(int n, const size_t *axis, char *out, size_t size) {
  size_t used = (size_t)snprintf(out, size, "[");
  for (int d = 0; d < n && used < size; d++)
    used += (size_t)snprintf(out + used, size - used, "%s%zu", d ? "," : "", axis[d]);
  if (used < size) snprintf(out + used, size - used, "]");
}

static bool is_float(ins_dtype dtype) {
  return dtype == INS_F16 || dtype == INS_BF16 || dtype == INS_F32 || dtype == INS_F64;
}

static ins_status check_one(const char *file, const ins_value *state, const char *name,
                            shape want) {
  char is[120], should[120];
  const ins_array *array = array_at(state, name);
  if (!array)
    return ins_fail(INS_ERR_MISSING,
                    "%s: parameter '%s' is missing; the file is incomplete or its "
                    "architecture is another one",
                    file, name);
  if (!is_float(array->dtype))
    return ins_fail(INS_ERR_UNSUPPORTED, "%s: parameter '%s' holds %s where real numbers belong",
                    file, name, ins_dtype_name(array->dtype));
  bool same = array->n_dims == want.n;
  for (int d = 0; same && d < want.n; d++) same = array->shape[d] == want.axis[d];
  if (same) return INS_OK;
  print_shape(array->n_dims, array->shape, is, sizeof is);
  print_shape(want.n, want.axis, should, sizeof should);
  return ins_fail(INS_ERR_SHAPE,
                  "%s: parameter '%s' has the shape %s, but its architecture asks for %s", file,
                  name, is, should);
}

static size_t at(const ins_value *architecture, const char *path, size_t i) {
  const ins_value *list = ins_value_at(architecture, path);
  return i < ins_value_count(list) ? (size_t)ins_value_int_or(list->children.items[i], 0) : 0;
}

static ins_status check_layer(const char *file, const ins_value *architecture,
                              const ins_value *state, size_t layer) {
  size_t in = at(architecture, "core.channels", layer);
  size_t out = at(architecture, "core.channels", layer + 1);
  size_t k = at(architecture, "core.spatial_kernel_sizes", layer);
  size_t waves = at(architecture, "core.temporal_kernel_sizes", layer) / 3; /* K = L//3 */
  char name[NAME];
  const struct {
    const char *leaf;
    shape want;
  } parts[] = {
      {"conv.sin_weights", {3, {out, in, waves}}},
      {"conv.cos_weights", {3, {out, in, waves}}},
      {"conv.weight_spatial", {5, {out, in, 1, k, k}}},
      {"norm.weight", {1, {out}}},
      {"norm.bias", {1, {out}}},
      {"norm.running_mean", {1, {out}}},
      {"norm.running_var", {1, {out}}},
      {"bias.bias", {5, {1, out, 1, 1, 1}}},
  };
  for (size_t i = 0; i < COUNT(parts); i++) {
    snprintf(name, sizeof name, "core.features.layer%zu.%s", layer, parts[i].leaf);
    ins_status status = check_one(file, state, name, parts[i].want);
    if (status != INS_OK) return status;
  }
  snprintf(name, sizeof name, "core.features.layer%zu.conv._log_speed_default", layer);
  return ins_map_get(state, name) ? check_one(file, state, name, (shape){1, {1}}) : INS_OK;
}

static ins_status check_session(const char *file, const ins_value *state, const char *session_name,
                                size_t n, size_t features) {
  ins_status status = INS_OK;
  const struct {
    const char *leaf;
    shape want;
  } parts[] = {
      {"mask_mean", {2, {n, 2}}},
      {"mask_log_var", {1, {n}}},
      {"features", {4, {1, features, 1, n}}},
      {"scale_param", {1, {n}}},
      {"bias", {1, {n}}},
  };
  for (size_t i = 0; status == INS_OK && i < COUNT(parts); i++) {
    char *name = ins_format("readout.%s.%s", session_name, parts[i].leaf);
    if (!name) return INS_ERR_MEMORY;
    status = check_one(file, state, name, parts[i].want);
    free(name);
  }
  return status;
}

ins_status ins_state_check(const char *file, const ins_value *architecture,
                           const ins_value *state) {
  const ins_value *sessions = ins_map_get(architecture, "sessions");
  size_t n_layers = ins_value_count(ins_value_at(architecture, "core.channels")) - 1;
  size_t squash = ins_value_count(ins_value_at(architecture, "core.color_squashing_weights"));
  ins_status status = INS_OK;
  if (ins_state_layers(state) > n_layers)
    return ins_fail(INS_ERR_SHAPE,
                    "%s: it has parameters of %zu layers, but its architecture has %zu", file,
                    ins_state_layers(state), n_layers);
  for (size_t l = 0; status == INS_OK && l < n_layers; l++)
    status = check_layer(file, architecture, state, l);
  if (status == INS_OK && squash)
    status =
        check_one(file, state, "core.color_squashing_layer.channel_weights", (shape){1, {squash}});
  for (size_t i = 0; status == INS_OK && i < ins_value_count(sessions); i++) {
    const ins_value *s = sessions->children.items[i];
    status = check_session(file, state, ins_map_get(s, "name")->text,
                           (size_t)ins_map_get(s, "n_neurons")->integer,
                           at(architecture, "core.channels", n_layers));
  }
  return status;
}
