/* SPDX-License-Identifier: MIT */
#include "ensemble.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "legacy_folder.h"
#include "open_file.h"
#include "settings.h"

/* ---- do the members fit? --------------------------------------------------------------------- */

static bool same_sessions(const ins_value *a, const ins_value *b) {
  const ins_value *x = ins_map_get(a, "sessions"), *y = ins_map_get(b, "sessions");
  size_t n = ins_value_count(x);
  bool same = n == ins_value_count(y);
  for (size_t i = 0; same && i < n; i++) {
    const ins_value *p = x->children.items[i], *q = y->children.items[i];
    same = ins_value_equal(ins_map_get(p, "name"), ins_map_get(q, "name")) &&
           ins_value_equal(ins_map_get(p, "n_neurons"), ins_map_get(q, "n_neurons"));
  }
  return same;
}

static ins_status check_member(const ins_model_source *first, const ins_model_source *other,
                               const char *path) {
  const ins_value *a = first->architecture, *b = other->architecture;
  const char *combine = ins_value_text_or(ins_map_get(b, "combine"), "");
  if (strcmp(combine, "mean") == 0)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: is itself an ensemble and cannot be a member of one; move it elsewhere",
                    path);
  if (!same_sessions(a, b))
    return ins_fail(INS_ERR_SHAPE,
                    "%s: has other sessions or numbers of neurons than the first member of the "
                    "ensemble",
                    path);
  for (size_t d = 0; d < 4; d++)
    if (d != 1 && ins_architecture_int(a, "in_shape", d) != ins_architecture_int(b, "in_shape", d))
      return ins_fail(INS_ERR_SHAPE,
                      "%s: takes stimuli of other channels, height or width than the first member "
                      "of the ensemble",
                      path);
  return INS_OK;
}

/* ---- putting them together ------------------------------------------------------------------- */

/* Moves what has `from` before its name into `to`, with `prefix` in that place. */
static ins_status move_parameters(ins_value *from_map, const char *from, const char *prefix,
                                  ins_value *to) {
  size_t n = strlen(from);
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < from_map->children.n; i++) {
    const char *name = from_map->children.keys[i];
    if (strncmp(name, from, n) != 0) continue;
    char *key = ins_format("%s%s", prefix, name + n);
    if (!key) return INS_ERR_MEMORY;
    ins_value *item = from_map->children.items[i];
    from_map->children.items[i] = NULL;
    status = ins_map_take(to, key, item);
    free(key);
  }
  return status;
}

static ins_status give(ins_value *list, ins_value **item) {
  ins_value *taken = *item;
  *item = NULL;
  return ins_list_take(list, taken);
}

static ins_status add_member(ins_model_source *member, size_t k, ins_value *members,
                             ins_value *provenance, ins_value *parameters) {
  char prefix[40];
  snprintf(prefix, sizeof prefix, "members.%zu.", k);
  ins_status status = move_parameters(member->parameters, "", prefix, parameters);
  if (status == INS_OK) status = give(members, &member->architecture);
  if (status == INS_OK) status = give(provenance, &member->provenance);
  return status;
}

static ins_status start_architecture(const ins_value *first, ins_value *a) {
  ins_status status = ins_map_take(a, "in_shape", ins_value_copy(ins_map_get(first, "in_shape")));
  if (status == INS_OK) status = ins_map_take(a, "combine", ins_value_text("mean"));
  if (status == INS_OK) status = ins_map_take(a, "members", ins_value_list());
  if (status == INS_OK)
    status = ins_map_take(a, "sessions", ins_value_copy(ins_map_get(first, "sessions")));
  return status;
}

static ins_status start_provenance(const ins_member_files *files, const char *name,
                                   ins_value *map) {
  ins_text text = {0};
  ins_status status = ins_map_take(map, "format", ins_value_text("ensemble"));
  for (size_t i = 0; !name && i < files->n; i++)
    ins_text_add(&text, "%s%s", i ? " + " : "", ins_file_name(files->at[i].path));
  if (status == INS_OK)
    status = ins_map_take(map, "file", ins_value_text(name ? name : text.data ? text.data : ""));
  if (status == INS_OK) status = ins_map_take(map, "members", ins_value_list());
  ins_text_free(&text);
  return status;
}

static ins_status combine(const ins_member_files *files, const char *name,
                          ins_model_source **members, ins_model_source *out) {
  out->architecture = ins_value_map();
  out->parameters = ins_value_map();
  out->provenance = ins_value_map();
  if (!out->architecture || !out->parameters || !out->provenance) return INS_ERR_MEMORY;
  ins_status status = start_architecture(members[0]->architecture, out->architecture);
  if (status == INS_OK) status = start_provenance(files, name, out->provenance);
  if (status != INS_OK) return status;
  ins_value *list = (ins_value *)ins_map_get(out->architecture, "members");
  ins_value *origins = (ins_value *)ins_map_get(out->provenance, "members");
  out->data_info = members[0]->data_info;
  members[0]->data_info = NULL;
  for (size_t k = 0; status == INS_OK && k < files->n; k++)
    status = add_member(members[k], k, list, origins, out->parameters);
  return status;
}

/* ---- opening --------------------------------------------------------------------------------- */

static ins_status open_member(const ins_member_file *file, const ins_value *architecture,
                              ins_model_source **out) {
  const ins_beside beside = {.architecture = architecture};
  if (file->config) return ins_legacy_open(file, out);
  return ins_open_file(file->path, &beside, out);
}

static ins_status no_member(int64_t k, size_t n) {
  return ins_fail(INS_ERR_ARGUMENT,
                  "model.member is %" PRId64 ", but the ensemble has %zu members, counted from 0",
                  k, n);
}

static ins_status open_one(const ins_member_files *files, int64_t k, const ins_value *architecture,
                           ins_model_source **out) {
  if ((size_t)k >= files->n) return no_member(k, files->n);
  ins_status status = open_member(&files->at[k], architecture, out);
  if (status != INS_OK) return status;
  status = ins_map_take((*out)->provenance, "member", ins_value_int(k));
  if (status != INS_OK) ins_model_source_destroy(out);
  return status;
}

ins_status ins_ensemble_open(const ins_member_files *files, const char *name, int64_t k,
                             const ins_value *architecture, ins_model_source **out) {
  ins_model_source **members = NULL, *whole = NULL;
  *out = NULL;
  if (k >= 0) return open_one(files, k, architecture, out);
  if (files->n == 1) return open_member(&files->at[0], architecture, out);
  ins_status status = ins_alloc(files->n, sizeof *members, &members);
  for (size_t i = 0; status == INS_OK && i < files->n; i++) {
    status = open_member(&files->at[i], architecture, &members[i]);
    if (status == INS_OK) status = check_member(members[0], members[i], files->at[i].path);
  }
  if (status == INS_OK) status = ins_alloc(1, sizeof *whole, &whole);
  if (status == INS_OK) status = combine(files, name, members, whole);
  if (status == INS_OK) {
    *out = whole;
    whole = NULL;
  }
  if (whole) ins_model_source_destroy(&whole);
  for (size_t i = 0; members && i < files->n; i++)
    if (members[i]) ins_model_source_destroy(&members[i]);
  ins_free(&members);
  return status;
}

/* ---- one of them ----------------------------------------------------------------------------- */

static ins_status pick_provenance(const ins_model_source *source, int64_t k, ins_value **out) {
  const ins_value *origins = ins_map_get(source->provenance, "members");
  bool known = (size_t)k < ins_value_count(origins) && origins->kind == INS_LIST;
  *out = ins_value_copy(known ? origins->children.items[k] : source->provenance);
  return *out ? ins_map_take(*out, "member", ins_value_int(k)) : INS_ERR_MEMORY;
}

ins_status ins_ensemble_pick(ins_model_source *source, int64_t k) {
  const ins_value *members = ins_map_get(source->architecture, "members");
  const char *how = ins_value_text_or(ins_map_get(source->architecture, "combine"), "");
  ins_value *architecture = NULL, *provenance = NULL, *parameters = NULL;
  char prefix[40];
  if (strcmp(how, "mean") != 0 || !members)
    return ins_fail(INS_ERR_ARGUMENT, "model.member is %" PRId64 ", but the model is no ensemble",
                    k);
  if ((size_t)k >= members->children.n) return no_member(k, members->children.n);
  snprintf(prefix, sizeof prefix, "members.%" PRId64 ".", k);
  ins_status status = pick_provenance(source, k, &provenance);
  architecture = ins_value_copy(members->children.items[k]);
  parameters = ins_value_map();
  if (status == INS_OK && (!architecture || !parameters)) status = INS_ERR_MEMORY;
  if (status == INS_OK) status = move_parameters(source->parameters, prefix, "", parameters);
  if (status == INS_OK) {
    ins_value *old[] = {source->architecture, source->provenance, source->parameters};
    source->architecture = architecture;
    source->provenance = provenance;
    source->parameters = parameters;
    for (size_t i = 0; i < 3; i++) ins_value_destroy(&old[i]);
    return INS_OK;
  }
  ins_value_destroy(&architecture);
  ins_value_destroy(&provenance);
  ins_value_destroy(&parameters);
  return status;
}
