/* SPDX-License-Identifier: MIT */
#include "kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessions.h"
#include "state_dict.h"
#include "torch_function.h"

extern const ins_core_kind ins_kind_simple, ins_kind_conv_gru, ins_kind_conditioned_gru,
    ins_kind_stacked, ins_kind_dummy, ins_kind_image;
extern const ins_readout_kind ins_kind_gaussian_mask, ins_kind_factorized, ins_kind_point_gaussian,
    ins_kind_lnp, ins_kind_spatial_contrast, ins_kind_spatial_x_feature, ins_kind_single_lnp,
    ins_kind_single_spatial_contrast;

/* A state dict without a name is the first kind that it fits: the stricter ones stand first. */
const ins_core_kind *const ins_core_kinds[] = {&ins_kind_simple,
                                               &ins_kind_dummy,
                                               &ins_kind_stacked,
                                               &ins_kind_conv_gru,
                                               &ins_kind_conditioned_gru,
                                               &ins_kind_image,
                                               NULL};
const ins_readout_kind *const ins_readout_kinds[] = {&ins_kind_gaussian_mask,
                                                     &ins_kind_factorized,
                                                     &ins_kind_point_gaussian,
                                                     &ins_kind_lnp,
                                                     &ins_kind_spatial_contrast,
                                                     &ins_kind_spatial_x_feature,
                                                     &ins_kind_single_lnp,
                                                     &ins_kind_single_spatial_contrast,
                                                     NULL};

const ins_core_kind *ins_core_kind_of(const ins_value *architecture) {
  const char *kind = ins_value_text_or(ins_value_at(architecture, "core.kind"), "");
  for (size_t i = 0; ins_core_kinds[i]; i++)
    if (strcmp(ins_core_kinds[i]->kind, kind) == 0) return ins_core_kinds[i];
  return NULL;
}

const ins_readout_kind *ins_readout_kind_of(const ins_value *architecture) {
  const char *kind = ins_value_text_or(ins_value_at(architecture, "readout.kind"), "");
  for (size_t i = 0; ins_readout_kinds[i]; i++)
    if (strcmp(ins_readout_kinds[i]->kind, kind) == 0) return ins_readout_kinds[i];
  return NULL;
}

size_t ins_prefix_neurons(const ins_value *architecture, const char *prefix) {
  size_t n = strlen(prefix), start = strlen("readout.");
  if (n <= start + 1) return 1;
  char *name = ins_format("%.*s", (int)(n - start - 1), prefix + start);
  const ins_value *session =
      name ? ins_session_named(ins_map_get(architecture, "sessions"), name) : NULL;
  free(name);
  return session ? (size_t)ins_value_int_or(ins_map_get(session, "n_neurons"), 0) : 0;
}

/* ---- for messages ---------------------------------------------------------------------------- */

static void add_names(ins_text *text, const ins_peer_class *classes) {
  ins_text_add(text, "%s%s", text->length ? ", " : "", classes[0].name);
}

const char *ins_kinds_known(char *out, size_t size) {
  ins_text cores = {0}, readouts = {0};
  for (size_t i = 0; ins_core_kinds[i]; i++) add_names(&cores, ins_core_kinds[i]->classes);
  for (size_t i = 0; ins_readout_kinds[i]; i++) add_names(&readouts, ins_readout_kinds[i]->classes);
  snprintf(out, size, "known are the cores %s and the readouts %s", cores.data ? cores.data : "",
           readouts.data ? readouts.data : "");
  ins_text_free(&cores);
  ins_text_free(&readouts);
  return out;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The last part of "a.b.Class". */
static const char *last_part(const char *target) {
  const char *dot = strrchr(target, '.');
  return dot ? dot + 1 : target;
}

static const ins_peer_class *class_named(const ins_peer_class *classes, const char *kind,
                                         const char *name) {
  if (strcmp(kind, name) == 0) return classes;
  for (; classes->name; classes++)
    if (strcmp(last_part(name), classes->name) == 0) return classes;
  return NULL;
}

/* The class or kind that `part` names; *name is NULL when it names none. */
static ins_status find_name(const ins_settings *s, const char *part, char buffer[256],
                            const char **name) {
  const ins_value *settings = ins_map_get(s->map, part);
  const ins_value *target = ins_map_get(settings, "_target_");
  const char *pickled = ins_value_text_or(ins_map_get(settings, "__class__"), NULL);
  *name = NULL;
  if (pickled)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: its %s is a pickled object of class %s, whose settings cannot be read "
                    "without running it; give model.architecture",
                    s->file, part, pickled);
  if (settings && settings->kind == INS_TEXT)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: its %s is the pickled object %.200s, which cannot be read without running "
                    "it; give model.architecture",
                    s->file, part, settings->text);
  *name = ins_value_text_or(target, ins_value_text_or(ins_map_get(settings, "kind"), NULL));
  if (!*name || strcmp(last_part(*name), "MultiReadoutBase") != 0) return INS_OK;
  *name = ins_reference_of(ins_map_get(settings, "base_readout"), buffer, 256);
  if (*name) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: its readout is a MultiReadoutBase whose base_readout names no class",
                  s->file);
}

static ins_status unknown(const ins_settings *s, const char *part, const char *name) {
  char place[256], known[600];
  return ins_fail(INS_ERR_UNSUPPORTED, "%s%s: the %s %s is not known; %s",
                  ins_value_place(ins_map_get(s->map, part), place, sizeof place), s->file, part,
                  name, ins_kinds_known(known, sizeof known));
}

/* ---- state dicts without a name -------------------------------------------------------------- */

/* Every entry below `prefix` is one of the kind's, and those that it always has are there. */
static bool fits(const ins_leaf *const *lists, const ins_value *state, const char *prefix) {
  size_t layer;
  for (size_t i = 0; i < state->children.n; i++) {
    const char *rest = ins_name_after(state->children.keys[i], prefix);
    if (rest && !ins_leaf_find(lists, rest, NULL, &layer)) return false;
  }
  for (; *lists; lists++)
    for (const ins_leaf *leaf = *lists; leaf->name; leaf++) {
      bool always = !leaf->when && (leaf->role == INS_LEAF_MODEL || leaf->role == INS_LEAF_SPEED);
      if (always && !ins_state_has_leaf(state, prefix, leaf->name)) return false;
    }
  return true;
}

static bool readout_fits(const ins_readout_kind *kind, const ins_value *state) {
  char prefix[300];
  if (kind->single) return fits(kind->leaves, state, "");
  return ins_state_first_prefix(state, prefix, sizeof prefix) && fits(kind->leaves, state, prefix);
}

static ins_status nameless(const ins_settings *s, const char *part) {
  return ins_fail(INS_ERR_MISSING,
                  "%s: its parameters do not tell which %s they are of: give %s%s.kind", s->file,
                  part, *s->root ? s->root : "model.architecture.", part);
}

/* ---- choosing -------------------------------------------------------------------------------- */

ins_status ins_core_kind_choose(const ins_settings *s, const ins_value *state,
                                const ins_core_kind **kind, const ins_peer_class **class) {
  char buffer[256];
  const char *name;
  ins_status status = find_name(s, "core", buffer, &name);
  for (size_t i = 0; status == INS_OK && ins_core_kinds[i]; i++) {
    *kind = ins_core_kinds[i];
    *class = name ? class_named((*kind)->classes, (*kind)->kind, name) : (*kind)->classes;
    if (name ? *class != NULL : fits((*kind)->leaves, state, "core.")) return INS_OK;
  }
  if (status != INS_OK) return status;
  return name ? unknown(s, "core", name) : nameless(s, "core");
}

ins_status ins_readout_kind_choose(const ins_settings *s, const ins_value *state,
                                   const ins_readout_kind **kind, const ins_peer_class **class) {
  char buffer[256];
  const char *name;
  ins_status status = find_name(s, "readout", buffer, &name);
  for (size_t i = 0; status == INS_OK && ins_readout_kinds[i]; i++) {
    *kind = ins_readout_kinds[i];
    *class = name ? class_named((*kind)->classes, (*kind)->kind, name) : (*kind)->classes;
    if (name ? *class != NULL : readout_fits(*kind, state)) return INS_OK;
  }
  if (status != INS_OK) return status;
  return name ? unknown(s, "readout", name) : nameless(s, "readout");
}
