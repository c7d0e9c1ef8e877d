/* SPDX-License-Identifier: MIT */
/* May results of one job be gone on with by another? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/job.h"
#include "job/resolve.h"

typedef struct comparison {
  const ins_job *job;
  ins_tables tables;
} comparison;

static bool is_list(const ins_value *value) {
  return value && value->kind == INS_LIST;
}

static ins_status refuse(const comparison *c, const char *key, const ins_value *old,
                         const ins_value *new) {
  char place[512], was[100], is[100];
  const ins_value *source = ins_value_at(c->job->settings, key);
  ins_value_place(source, place, sizeof place);
  if (!place[0]) snprintf(place, sizeof place, "%.400s: ", c->job->path);
  snprintf(is, sizeof is, "not set");
  snprintf(was, sizeof was, "none");
  if (new) ins_value_brief(new, is, sizeof is);
  if (old) ins_value_brief(old, was, sizeof was);
  /* Long lists that differ behind what is shown of them. */
  if (is_list(old) && is_list(new) && strcmp(was, is) == 0)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s%s has %zu entries, but the results there were made with %zu; choose "
                    "another output, or start over with --fresh",
                    place, key, new->children.n, old->children.n);
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s%s is %s, but the results there were made with %s; choose another output, or "
                  "start over with --fresh",
                  place, key, is, was);
}

/* What may differ: coordinates of axes, the first value of a swept key that stands in the settings,
 * and what is not recorded but was once. */
static bool may_differ(const comparison *c, const char *path) {
  /* How a model is named says nothing of what it is: results know it by its own hash. */
  static const char *const names[] = {"model.file",   "model.files",          "model.member",
                                      "model.sha256", "model.center_readout", "model.architecture"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], path) == 0) return true;
  for (size_t s = 0; s < c->job->n_sweeps; s++) {
    const char *key = c->job->sweeps[s].key;
    size_t n = strlen(key);
    if (strcmp(key, path) == 0) return true;
    /* `optimizer` swept by its kinds: its kind is what was swept */
    if (strncmp(key, path, n) == 0 && strcmp(path + n, ".kind") == 0) return true;
  }
  ins_found found = ins_key_at(&c->tables, c->job->settings, path);
  return found.key && (found.flags & (INS_KEY_AXIS | INS_KEY_UNRECORDED));
}

static ins_status compare(const comparison *c, const ins_trail *trail, const ins_value *old,
                          const ins_value *new);

static ins_status compare_maps(const comparison *c, const ins_trail *trail, const ins_value *old,
                               const ins_value *new) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < new->children.n; i++) {
    ins_trail here = {trail, new->children.keys[i], 0};
    if (!trail && strcmp(here.name, "sweep") == 0) continue;
    status = compare(c, &here, ins_map_get(old, here.name), new->children.items[i]);
  }
  for (size_t i = 0; status == INS_OK && i < old->children.n; i++) {
    ins_trail here = {trail, old->children.keys[i], 0};
    if (!ins_map_get(new, here.name)) status = compare(c, &here, old->children.items[i], NULL);
  }
  return status;
}

/* ---- entries that are stages of their own ------------------------------------------------------
 */

static bool grows(const comparison *c, const char *path) {
  ins_found found = ins_key_at(&c->tables, c->job->settings, path);
  return found.key && (found.flags & INS_KEY_GROWS);
}

static const char *entry_name(const ins_value *entry) {
  return ins_value_text_or(ins_map_get(entry, "name"),
                           ins_value_text_or(ins_map_get(entry, "kind"), ""));
}

/* Position of the entry with that name; the number of entries where there is none. */
static size_t find_entry(const ins_value *list, const char *name) {
  size_t k = 0;
  while (k < ins_value_count(list) && strcmp(entry_name(list->children.items[k]), name) != 0) k++;
  return k;
}

static ins_status refuse_entry(const comparison *c, const char *key, const char *name,
                               const char *what) {
  char place[512];
  ins_value_place(ins_value_at(c->job->settings, key), place, sizeof place);
  if (!place[0]) snprintf(place, sizeof place, "%.400s: ", c->job->path);
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s'%.100s' of %s, whose results are there, %s; choose another output, or start "
                  "over with --fresh",
                  place, name, key, what);
}

/* Known by their names. What was there stays as it is, and in its order: an entry may refer to the
 * first one before it that has something. */
static ins_status compare_entries(const comparison *c, const ins_trail *trail, const char *key,
                                  const ins_value *old, const ins_value *new) {
  size_t next = 0;
  for (size_t i = 0; i < old->children.n; i++) {
    const ins_value *was = old->children.items[i];
    const char *name = entry_name(was);
    const ins_trail here = {trail, NULL, find_entry(new, name)};
    if (here.index == new->children.n) return refuse_entry(c, key, name, "is no longer listed");
    if (here.index < next) return refuse_entry(c, key, name, "has moved ahead of others");
    next = here.index + 1;
    ins_status status = compare(c, &here, was, new->children.items[here.index]);
    if (status != INS_OK) return ins_within(status, "'%.100s' of %s", name, key);
  }
  return INS_OK;
}

static ins_status compare(const comparison *c, const ins_trail *trail, const ins_value *old,
                          const ins_value *new) {
  char path[512];
  ins_trail_text(trail, path, sizeof path);
  if (ins_value_equal(old, new) || may_differ(c, path)) return INS_OK;
  if (!old || !new || old->kind != new->kind) return refuse(c, path, old, new);
  if (new->kind == INS_MAP) return compare_maps(c, trail, old, new);
  if (new->kind == INS_LIST && grows(c, path)) return compare_entries(c, trail, path, old, new);
  if (new->kind != INS_LIST || new->children.n != old->children.n) return refuse(c, path, old, new);
  for (size_t i = 0; i < new->children.n; i++) {
    ins_trail here = {trail, NULL, i};
    ins_status status = compare(c, &here, old->children.items[i], new->children.items[i]);
    if (status != INS_OK) return status;
  }
  return INS_OK;
}

/* Swept keys are axes of the file: which they are and their order is its shape. */
static ins_status compare_sweeps(const ins_value *old, const ins_value *new) {
  size_t n = ins_value_count(old), m = ins_value_count(new);
  for (size_t i = 0; i < n || i < m; i++) {
    const char *was = i < n ? old->children.keys[i] : "none";
    const char *is = i < m ? new->children.keys[i] : "none";
    if (strcmp(was, is) == 0) continue;
    return ins_fail(
        INS_ERR_ARGUMENT,
        "swept key %zu is %s, but in the results there it is %s; choose another output, "
        "or start over with --fresh",
        i + 1, is, was);
  }
  return INS_OK;
}

static ins_status read_json(const char *json, const char *what, ins_value **out) {
  ins_status status = ins_yaml_parse(json, strlen(json), what, NULL, out);
  if (status == INS_OK && *out && (*out)->kind == INS_MAP) return INS_OK;
  if (status == INS_OK) status = ins_fail(INS_ERR_FORMAT, "%s: is no job", what);
  ins_value_destroy(out);
  return status == INS_ERR_ARGUMENT ? INS_ERR_FORMAT : status;
}

/* "stimuli.2.file": the third stimulus of the old list is some number of the new one. */
ins_status ins_job_renumber(const ins_job *job, const char *old_json, const char *key, char **now) {
  const size_t n = strcspn(key, ".");
  char *end = NULL, *list = ins_format("%.*s", (int)n, key);
  ins_value *old = NULL;
  *now = NULL;
  ins_status status = list ? read_json(old_json, "the job recorded in the results", &old)
                           : ins_fail(INS_ERR_MEMORY, "out of memory for the name of an input");
  const size_t i = status == INS_OK && key[n] ? strtoul(key + n + 1, &end, 10) : 0;
  const ins_value *was = status == INS_OK ? ins_map_get(old, list) : NULL;
  const ins_value *is = status == INS_OK ? ins_map_get(job->settings, list) : NULL;
  const comparison c = {
      job, {.common = ins_job_common_keys_of(job->experiment), .own = job->experiment->keys}};
  if (end && end > key + n + 1 && i < ins_value_count(was) && grows(&c, list)) {
    const size_t k = find_entry(is, entry_name(was->children.items[i]));
    *now = k < ins_value_count(is) ? ins_format("%s.%zu%s", list, k, end) : NULL;
  }
  ins_value_destroy(&old);
  free(list);
  return status;
}

ins_status ins_job_continues(const ins_job *job, const char *old_json) {
  comparison c = {
      job, {.common = ins_job_common_keys_of(job->experiment), .own = job->experiment->keys}};
  ins_text json = {0};
  ins_value *old = NULL, *new = NULL;
  ins_status status = read_json(old_json, "the job recorded in the results", &old);
  if (status == INS_OK) status = ins_job_json(job, &json);
  if (status == INS_OK) status = read_json(json.data, "this job", &new);
  ins_trail experiment = {NULL, "experiment", 0};
  if (status == INS_OK)
    status =
        compare(&c, &experiment, ins_map_get(old, "experiment"), ins_map_get(new, "experiment"));
  if (status == INS_OK)
    status = compare_sweeps(ins_map_get(old, "sweep"), ins_map_get(new, "sweep"));
  if (status == INS_OK) status = compare_maps(&c, NULL, old, new);
  ins_value_destroy(&old);
  ins_value_destroy(&new);
  ins_text_free(&json);
  return status;
}
