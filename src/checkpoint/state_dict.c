/* SPDX-License-Identifier: MIT */
#include "state_dict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind.h"
#include "sessions.h"

enum { NAME = 512 };

/* ---- names ----------------------------------------------------------------------------------- */

const char *ins_state_session(const char *name, size_t *length, const char **leaf) {
  const char *session = ins_name_after(name, "readout.");
  if (!session) return NULL;
  *length = strcspn(session, ".");
  if (*length == 0 || !session[*length]) return NULL;
  *leaf = session + *length + 1;
  return session;
}

bool ins_state_first_prefix(const ins_value *state, char *out, size_t size) {
  for (size_t i = 0; i < state->children.n; i++) {
    const char *leaf, *name = state->children.keys[i];
    size_t length;
    if (!ins_state_session(name, &length, &leaf)) continue;
    snprintf(out, size, "%.*s", (int)(leaf - name), name);
    char *clone = ins_format("%s" INS_CLONE_SOURCE, out);
    bool is_clone = false;
    for (size_t j = 0; clone && j < state->children.n; j++)
      is_clone |= ins_name_after(state->children.keys[j], clone) != NULL;
    free(clone);
    if (!is_clone) return true;
  }
  return false;
}

bool ins_state_has_leaf(const ins_value *state, const char *prefix, const char *pattern) {
  const ins_leaf one[] = {{pattern, INS_LEAF_MODEL, NULL, NULL}, {.name = NULL}};
  const ins_leaf *const lists[] = {one, NULL};
  size_t layer;
  for (size_t i = 0; i < state->children.n; i++) {
    const char *rest = ins_name_after(state->children.keys[i], prefix);
    if (rest && ins_leaf_find(lists, rest, NULL, &layer)) return true;
  }
  return false;
}

/* The last component alone is another one. */
void ins_state_modernise(ins_value *state) {
  for (size_t i = 0; i < state->children.n; i++) {
    char *key = state->children.keys[i];
    const char *leaf;
    size_t length;
    if (ins_state_session(key, &length, &leaf) && strcmp(leaf, "bias_param") == 0)
      key[strlen(key) - strlen("_param")] = '\0';
  }
}

/* ---- whose is an entry? ---------------------------------------------------------------------- */

static const ins_leaf clone_leaves[] = {
    {"alpha", INS_LEAF_MODEL, "N", NULL}, {"beta", INS_LEAF_MODEL, "N", NULL}, {.name = NULL}};
static const ins_leaf *const clone_lists[] = {clone_leaves, NULL};

static const ins_leaf ignored_leaf = {.name = "", .role = INS_LEAF_IGNORED};

typedef struct place {
  const ins_leaf *leaf;   /* NULL: of another model */
  const ins_leaf *closed; /* the leaf whose conditions do not hold, or NULL */
  size_t layer;
  bool in_core;
  const ins_value *session; /* of the architecture, or NULL */
} place;

static bool of_training(const char *name) {
  return ins_name_after(name, "loss.") || ins_name_after(name, "evaluation_loss.") ||
         ins_name_after(name, "validation_loss.");
}

static void look_up(place *p, const ins_leaf *const *lists, const char *rest,
                    const ins_value *settings) {
  p->leaf = ins_leaf_find(lists, rest, settings, &p->layer);
  if (!p->leaf) p->closed = ins_leaf_find(lists, rest, NULL, &p->layer);
}

static const ins_value *session_at(const ins_value *architecture, const char *name, size_t length) {
  char *copy = ins_format("%.*s", (int)length, name);
  const ins_value *session =
      copy ? ins_session_named(ins_map_get(architecture, "sessions"), copy) : NULL;
  free(copy);
  return session;
}

static place place_of(const ins_value *architecture, const char *name) {
  const ins_core_kind *core = ins_core_kind_of(architecture);
  const ins_readout_kind *readout = ins_readout_kind_of(architecture);
  const ins_value *settings = ins_map_get(architecture, "readout");
  const char *rest = ins_name_after(name, "core."), *session;
  size_t length;
  place p = {.in_core = rest != NULL};
  if (of_training(name)) {
    p.leaf = &ignored_leaf;
  } else if (rest) {
    look_up(&p, core->leaves, rest, ins_map_get(architecture, "core"));
  } else if (readout->single) {
    look_up(&p, readout->leaves, name, settings);
  } else if ((session = ins_state_session(name, &length, &rest))) {
    p.session = session_at(architecture, session, length);
    bool clone = p.session && ins_map_get(p.session, "clone_of");
    if (clone && ins_name_after(rest, INS_CLONE_SOURCE))
      p.leaf = &ignored_leaf;
    else
      look_up(&p, clone ? clone_lists : readout->leaves, rest, settings);
  }
  return p;
}

static bool known_anywhere(const char *name) {
  const char *core = ins_name_after(name, "core."), *rest = NULL;
  size_t length, layer;
  bool in_session = ins_state_session(name, &length, &rest);
  for (size_t i = 0; core && ins_core_kinds[i]; i++)
    if (ins_leaf_find(ins_core_kinds[i]->leaves, core, NULL, &layer)) return true;
  if (in_session && ins_name_after(rest, INS_CLONE_SOURCE)) rest += strlen(INS_CLONE_SOURCE);
  for (size_t i = 0; ins_readout_kinds[i]; i++) {
    const char *below = ins_readout_kinds[i]->single ? name : in_session ? rest : NULL;
    if (below && ins_leaf_find(ins_readout_kinds[i]->leaves, below, NULL, &layer)) return true;
  }
  return of_training(name) ||
         (in_session && ins_leaf_find(clone_lists, rest, NULL, &layer) != NULL);
}

const char *ins_state_foreign(const ins_value *state) {
  for (size_t i = 0; i < state->children.n; i++)
    if (!known_anywhere(state->children.keys[i])) return state->children.keys[i];
  return NULL;
}

/* ---- sorting --------------------------------------------------------------------------------- */

static ins_status unknown(const char *file, const ins_value *architecture, const char *name,
                          const place *p) {
  const char *core = ins_core_kind_of(architecture)->classes[0].name;
  const char *readout = ins_readout_kind_of(architecture)->classes[0].name;
  if (p->closed)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: parameter '%s' belongs to a %s with the settings '%s', but its "
                    "architecture has others (! means without)",
                    file, name, p->in_core ? core : readout, p->closed->when);
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: parameter '%s' is not known: neither the core %s nor the readout %s has it",
                  file, name, core, readout);
}

/* exp(0) = 1 changes nothing; any other speed stretches time and stays a parameter. */
static bool is_zero(const ins_value *value) {
  for (size_t i = 0; i < ins_array_count(&value->array); i++)
    if (ins_array_get(&value->array, i) != 0) return false;
  return true;
}

static ins_status ignore(const char *file, ins_value *state, const char *name, ins_value *ignored) {
  ins_status status = ins_list_take(ignored, ins_value_text(name));
  if (status != INS_OK) return status;
  char *copy = strdup(name); /* removing frees the key it is given */
  if (!copy) return ins_fail(INS_ERR_MEMORY, "out of memory while reading %s", file);
  ins_map_remove(state, copy);
  free(copy);
  return INS_OK;
}

ins_status ins_state_sort(const char *file, const ins_value *architecture, ins_value *state,
                          ins_value *ignored) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < state->children.n;) {
    const char *name = state->children.keys[i];
    const ins_value *value = state->children.items[i];
    place p = place_of(architecture, name);
    if (!p.leaf) return unknown(file, architecture, name, &p);
    if (value->kind != INS_ARRAY)
      return ins_fail(INS_ERR_UNSUPPORTED, "%s: parameter '%s' is no tensor of plain numbers", file,
                      name);
    bool dropped =
        p.leaf->role == INS_LEAF_IGNORED || (p.leaf->role == INS_LEAF_SPEED && is_zero(value));
    if (dropped)
      status = ignore(file, state, name, ignored);
    else
      i++;
  }
  return status;
}

/* ---- what shapes tell ------------------------------------------------------------------------ */

size_t ins_state_axis(const ins_value *state, size_t layer, const char *name, int axis) {
  char key[NAME];
  snprintf(key, sizeof key, "core.features.layer%zu.%s", layer, name);
  const ins_value *value = ins_map_get(state, key);
  if (!value || value->kind != INS_ARRAY || axis >= value->array.n_dims) return 0;
  return value->array.shape[axis];
}

size_t ins_state_layers(const ins_value *state) {
  size_t n = 0;
  for (size_t i = 0; i < state->children.n; i++) {
    const char *rest = ins_name_after(state->children.keys[i], "core.features.layer");
    size_t layer = rest ? strtoul(rest, NULL, 10) : 0;
    if (rest && layer < 10000 && layer + 1 > n) n = layer + 1;
  }
  return n;
}

/* ---- is everything there? -------------------------------------------------------------------- */

static ins_status missing(const char *file, const char *prefix, const char *name) {
  return ins_fail(INS_ERR_MISSING,
                  "%s: parameter '%s%s' is missing; the file is incomplete or its architecture is "
                  "another one",
                  file, prefix, name);
}

/* The leaf's name with a layer's number in place of '#'. */
static void name_of(const ins_leaf *leaf, size_t layer, char out[NAME]) {
  size_t n = strcspn(leaf->name, "#");
  if (leaf->name[n])
    snprintf(out, NAME, "%.*s%zu%s", (int)n, leaf->name, layer, leaf->name + n + 1);
  else
    snprintf(out, NAME, "%s", leaf->name);
}

static ins_status require(const char *file, const ins_value *state, const char *prefix,
                          const ins_leaf *leaf, size_t n_layers) {
  size_t n = strchr(leaf->name, '#') ? n_layers : 1;
  for (size_t l = 0; l < n; l++) {
    char name[NAME];
    name_of(leaf, l, name);
    char *key = ins_format("%s%s", prefix, name);
    if (!key) return INS_ERR_MEMORY;
    bool there = ins_map_get(state, key) != NULL;
    free(key);
    if (!there) return missing(file, prefix, name);
  }
  return INS_OK;
}

static ins_status require_all(const char *file, const ins_value *state, const char *prefix,
                              const ins_leaf *const *lists, const ins_value *settings,
                              size_t n_layers) {
  ins_status status = INS_OK;
  for (; *lists; lists++)
    for (const ins_leaf *leaf = *lists; leaf->name && status == INS_OK; leaf++)
      if (leaf->role == INS_LEAF_MODEL && ins_leaf_holds(leaf, settings))
        status = require(file, state, prefix, leaf, n_layers);
  return status;
}

static ins_status require_readout(const char *file, const ins_value *architecture,
                                  const ins_value *state) {
  const ins_readout_kind *kind = ins_readout_kind_of(architecture);
  const ins_value *sessions = ins_map_get(architecture, "sessions");
  const ins_value *settings = ins_map_get(architecture, "readout");
  ins_status status = INS_OK;
  if (kind->single) return require_all(file, state, "", kind->leaves, settings, 0);
  for (size_t i = 0; status == INS_OK && i < ins_value_count(sessions); i++) {
    const ins_value *session = sessions->children.items[i];
    bool clone = ins_map_get(session, "clone_of") != NULL;
    char *prefix = ins_format("readout.%s.", ins_map_get(session, "name")->text);
    if (!prefix) return INS_ERR_MEMORY;
    status = require_all(file, state, prefix, clone ? clone_lists : kind->leaves, settings, 0);
    free(prefix);
  }
  return status;
}

/* ---- has it the right shapes? ---------------------------------------------------------------- */

static ins_status check_one(const char *file, const ins_value *architecture, const char *name,
                            const ins_value *value) {
  const ins_core_kind *core = ins_core_kind_of(architecture);
  place p = place_of(architecture, name);
  ins_dims dims = {{0}};
  if (!p.leaf || p.leaf->role == INS_LEAF_IGNORED) return unknown(file, architecture, name, &p);
  if (p.in_core && p.layer >= core->n_layers(architecture) && strchr(p.leaf->name, '#'))
    return ins_fail(INS_ERR_SHAPE,
                    "%s: parameter '%s' is of layer %zu, but its architecture has %zu", file, name,
                    p.layer, core->n_layers(architecture));
  core->dims(architecture, p.layer, &dims);
  if (!p.in_core) {
    int64_t height =
        core->length(architecture, 1, ins_architecture_int(architecture, "in_shape", 2));
    int64_t width =
        core->length(architecture, 2, ins_architecture_int(architecture, "in_shape", 3));
    dims.of['N'] = (size_t)ins_value_int_or(ins_map_get(p.session, "n_neurons"), 1);
    dims.of['C'] = core->n_features(architecture);
    dims.of['H'] = (size_t)height;
    dims.of['W'] = (size_t)width;
    dims.of['P'] = (size_t)(height * width);
  }
  return ins_leaf_check(file, name, p.leaf, value, &dims);
}

static ins_status check_readout(const char *file, const ins_value *architecture,
                                const ins_value *state) {
  const ins_readout_kind *kind = ins_readout_kind_of(architecture);
  const ins_value *sessions = ins_map_get(architecture, "sessions");
  ins_status status = INS_OK;
  if (!kind->check) return INS_OK;
  if (kind->single) return kind->check(file, architecture, state, "");
  for (size_t i = 0; status == INS_OK && i < ins_value_count(sessions); i++) {
    const ins_value *session = sessions->children.items[i];
    if (ins_map_get(session, "clone_of")) continue;
    char *prefix = ins_format("readout.%s.", ins_map_get(session, "name")->text);
    if (!prefix) return INS_ERR_MEMORY;
    status = kind->check(file, architecture, state, prefix);
    free(prefix);
  }
  return status;
}

ins_status ins_state_check(const char *file, const ins_value *architecture,
                           const ins_value *state) {
  const ins_core_kind *core = ins_core_kind_of(architecture);
  ins_status status = require_all(file, state, "core.", core->leaves,
                                  ins_map_get(architecture, "core"), core->n_layers(architecture));
  if (status == INS_OK) status = require_readout(file, architecture, state);
  for (size_t i = 0; status == INS_OK && i < state->children.n; i++)
    status = check_one(file, architecture, state->children.keys[i], state->children.items[i]);
  return status == INS_OK ? check_readout(file, architecture, state) : status;
}
