/* SPDX-License-Identifier: MIT */
#include "sessions.h"

#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "state_dict.h"

typedef struct session {
  const char *name;
  size_t length, n_neurons, place; /* place: in the order of the file */
  bool clone;
} session;

typedef struct sessions {
  session *at;
  size_t n, capacity;
} sessions;

const ins_value *ins_session_named(const ins_value *list, const char *name) {
  for (size_t i = 0; i < ins_value_count(list); i++)
    if (strcmp(ins_map_get(list->children.items[i], "name")->text, name) == 0)
      return list->children.items[i];
  return NULL;
}

/* ---- from the names of the state dict -------------------------------------------------------- */

static ins_status find_or_add(sessions *all, const char *name, size_t length, session **out) {
  for (size_t i = 0; i < all->n; i++)
    if (all->at[i].length == length && memcmp(all->at[i].name, name, length) == 0) {
      *out = &all->at[i];
      return INS_OK;
    }
  ins_status status = ins_grow(&all->at, &all->capacity, all->n + 1, sizeof *all->at);
  if (status != INS_OK) return status;
  *out = &all->at[all->n];
  **out = (session){.name = name, .length = length, .place = all->n++};
  return INS_OK;
}

static size_t axis_of(const ins_value *value, int axis) {
  return value->kind == INS_ARRAY && axis < value->array.n_dims ? value->array.shape[axis] : 0;
}

static ins_status collect(const ins_readout_kind *kind, const ins_value *state, sessions *all) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < state->children.n; i++) {
    const ins_value *value = state->children.items[i];
    const char *leaf, *name;
    size_t length;
    session *s;
    name = ins_state_session(state->children.keys[i], &length, &leaf);
    if (!name) continue;
    status = find_or_add(all, name, length, &s);
    if (status != INS_OK) break;
    if (ins_name_after(leaf, INS_CLONE_SOURCE)) s->clone = true;
    if (strcmp(leaf, kind->neurons) == 0) s->n_neurons = axis_of(value, kind->axis);
    if (s->n_neurons == 0 && strcmp(leaf, "alpha") == 0) s->n_neurons = axis_of(value, 0);
  }
  return status;
}

/* Python sorts names by code point, which for UTF-8 is the order of the bytes. */
static int by_name(const void *a, const void *b) {
  const session *x = a, *y = b;
  size_t n = x->length < y->length ? x->length : y->length;
  int order = memcmp(x->name, y->name, n);
  return order ? order : (x->length > y->length) - (x->length < y->length);
}

/* openretina clones the first session into the later ones. */
static const session *original_of(const sessions *all) {
  const session *first = NULL;
  for (size_t i = 0; i < all->n; i++)
    if (!all->at[i].clone && (!first || all->at[i].place < first->place)) first = &all->at[i];
  return first;
}

/* A clone that was changed after it was made would be another readout. */
static ins_status check_clone(const char *file, const ins_value *state, const session *original,
                              const session *clone) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < state->children.n; i++) {
    const char *leaf, *key = state->children.keys[i];
    size_t length;
    const char *name = ins_state_session(key, &length, &leaf);
    const char *rest = name ? ins_name_after(leaf, INS_CLONE_SOURCE) : NULL;
    if (!rest || length != clone->length || memcmp(name, clone->name, length) != 0) continue;
    char *twin = ins_format("readout.%.*s.%s", (int)original->length, original->name, rest);
    if (!twin) return INS_ERR_MEMORY;
    if (!ins_value_equal(ins_map_get(state, twin), state->children.items[i]))
      status = ins_fail(INS_ERR_UNSUPPORTED,
                        "%s: parameter '%s' of a cloned readout is not that of '%s', which it "
                        "repeats",
                        file, key, twin);
    free(twin);
  }
  return status;
}

static ins_status add(ins_value *list, const session *s, const session *original) {
  ins_value *item = ins_value_map();
  ins_status status = item ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_map_take(item, "name", ins_value_text_n(s->name, s->length));
  if (status == INS_OK)
    status = ins_map_take(item, "n_neurons", ins_value_int((int64_t)s->n_neurons));
  if (status == INS_OK && s->clone)
    status = ins_map_take(item, "clone_of", ins_value_text_n(original->name, original->length));
  if (status == INS_OK) return ins_list_take(list, item);
  ins_value_destroy(&item);
  return status;
}

static ins_status make_list(const ins_settings *s, const ins_readout_kind *kind,
                            const ins_value *state, sessions *all, ins_value *list) {
  const session *original;
  ins_status status = INS_OK;
  if (all->n) qsort(all->at, all->n, sizeof *all->at, by_name);
  original = original_of(all);
  for (size_t i = 0; status == INS_OK && i < all->n; i++) {
    const session *one = &all->at[i];
    if (one->n_neurons == 0)
      return ins_fail(INS_ERR_MISSING,
                      "%s: parameter 'readout.%.*s.%s' is missing, or is of no neurons", s->file,
                      (int)one->length, one->name, one->clone ? "alpha" : kind->neurons);
    if (one->clone && (!original || original->n_neurons != one->n_neurons))
      return ins_fail(INS_ERR_SHAPE,
                      "%s: session '%.*s' clones the readout of another session, but there is none "
                      "with its number of neurons",
                      s->file, (int)one->length, one->name);
    if (one->clone) status = check_clone(s->file, state, original, one);
    if (status == INS_OK) status = add(list, one, original);
  }
  return status;
}

/* ---- against what the file states ------------------------------------------------------------ */

/* The numbers of neurons that the file states must be those of the weights, session by session. */
static ins_status check_stated(const ins_settings *s, const ins_readout_kind *kind,
                               const ins_value *list) {
  const ins_value *stated = ins_map_get(s->map, "n_neurons_dict");
  if (list->children.n == 0)
    return ins_fail(INS_ERR_MISSING,
                    "%s: parameter 'readout.SESSION.%s' is missing: it has no readout", s->file,
                    kind->neurons);
  if (!stated || stated->kind != INS_MAP) return INS_OK;
  for (size_t i = 0; i < stated->children.n; i++) {
    const char *name = stated->children.keys[i];
    int64_t neurons = ins_value_int_or(stated->children.items[i], -1);
    const ins_value *found = ins_session_named(list, name);
    if (!found)
      return ins_fail(INS_ERR_MISSING,
                      "%s: parameter 'readout.%s.%s' is missing, but n_neurons_dict names this "
                      "session",
                      s->file, name, kind->neurons);
    int64_t in_weights = ins_map_get(found, "n_neurons")->integer;
    if (neurons != in_weights)
      return ins_fail(INS_ERR_SHAPE,
                      "%s: session '%s' has %lld neurons in n_neurons_dict but %lld in its weights",
                      s->file, name, (long long)neurons, (long long)in_weights);
  }
  if (stated->children.n != list->children.n)
    return ins_fail(INS_ERR_SHAPE,
                    "%s: it has weights of %zu sessions, but n_neurons_dict names %zu", s->file,
                    list->children.n, stated->children.n);
  return INS_OK;
}

ins_status ins_sessions_read(const ins_settings *s, const ins_readout_kind *kind,
                             const ins_value *state, ins_value **out) {
  const session cell = {.name = "cell", .length = 4, .n_neurons = 1};
  sessions all = {0};
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK && kind->single) return add(*out, &cell, NULL);
  if (status == INS_OK) status = collect(kind, state, &all);
  if (status == INS_OK) status = make_list(s, kind, state, &all, *out);
  if (status == INS_OK) status = check_stated(s, kind, *out);
  if (status != INS_OK) ins_value_destroy(out);
  ins_free(&all.at);
  return status;
}
