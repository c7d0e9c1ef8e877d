/* SPDX-License-Identifier: MIT */
#include "insilico/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "job/inputs.h"
#include "job/override.h"
#include "job/sweep.h"

static ins_tables tables_of(const ins_job *job) {
  return (ins_tables){.common = ins_job_common_keys_of(job->experiment),
                      .own = job->experiment->keys};
}

/* ---- the experiment -----------------------------------------------------------------------------
 */

static const ins_key *experiment_key(void) {
  const ins_key *key = ins_job_common_keys;
  while (strcmp(key->name, "experiment") != 0) key++;
  return key;
}

static ins_status refuse_no_experiment(const char *path, const ins_variant *experiments) {
  ins_text names = {0};
  for (const ins_variant *e = experiments; e->name; e++)
    ins_text_add(&names, "%s%s", e == experiments ? "" : ", ", e->name);
  ins_status status =
      ins_fail(INS_ERR_ARGUMENT, "%s: experiment is missing; add `experiment: NAME`, one of %.600s",
               path, names.data ? names.data : "");
  ins_text_free(&names);
  return status;
}

static ins_status choose_experiment(ins_job *job, const ins_variant *experiments) {
  ins_trail trail = {NULL, "experiment", 0};
  const ins_value *name = ins_map_get(job->document, "experiment");
  if (!name || name->kind == INS_NULL) return refuse_no_experiment(job->path, experiments);
  if (name->kind != INS_TEXT) return ins_refuse_value(experiment_key(), name, &trail);
  job->experiment = ins_variant_find(experiments, name->text);
  if (job->experiment) return INS_OK;
  ins_key key = *experiment_key();
  key.variants = experiments;
  return ins_refuse_kind(&key, name, name->text, &trail);
}

/* ---- loading ------------------------------------------------------------------------------------
 */

static ins_status read_document(const char *path, ins_key_places *keys, ins_value **document) {
  char place[512];
  ins_status status = ins_yaml_read(path, keys, document);
  if (status != INS_OK) return status;
  if (!*document)
    return ins_fail(INS_ERR_ARGUMENT, "%s: is empty; a job begins with `experiment: NAME`", path);
  if ((*document)->kind == INS_MAP) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "%sexpected lines of `key: value`, such as `experiment: NAME`",
                  ins_value_place(*document, place, sizeof place));
}

ins_status ins_job_experiment(const char *path, const char *const *overrides, size_t n_overrides,
                              char **name) {
  ins_overrides parsed;
  ins_value *document = NULL;
  ins_key_places keys = {0};
  *name = NULL;
  ins_status status = ins_overrides_parse(overrides, n_overrides, &parsed);
  if (status != INS_OK) return status;
  status = read_document(path, &keys, &document);
  if (status == INS_OK) status = ins_overrides_choose(&parsed, document);
  const char *text = ins_value_text_or(ins_map_get(document, "experiment"), NULL);
  if (status == INS_OK && text && !(*name = strdup(text)))
    status = ins_fail(INS_ERR_MEMORY, "out of memory while reading a job");
  ins_value_destroy(&document);
  ins_overrides_free(&parsed);
  ins_free(&keys.at);
  return status;
}

static ins_status name_job(ins_job *job) {
  ins_text json = {0};
  ins_status status = ins_job_json(job, &json);
  if (status == INS_OK) status = ins_sha256(json.data, json.length, job->hash);
  ins_text_free(&json);
  return status;
}

static bool is_given(const ins_value *value) {
  return value && value->kind != INS_NULL;
}

static ins_status check_model(const ins_job *job) {
  char place[512];
  if (ins_job_common_keys_of(job->experiment) != ins_job_common_keys) return INS_OK;
  const ins_value *given = ins_map_get(job->document, "model");
  const ins_value *model = ins_map_get(job->settings, "model");
  const bool file = is_given(ins_map_get(model, "file")),
             files = is_given(ins_map_get(model, "files"));
  if (file != files) return INS_OK;
  ins_value_place(given, place, sizeof place);
  if (file)
    return ins_fail(INS_ERR_ARGUMENT, "%smodel has both file and files; leave one out", place);
  return ins_fail(INS_ERR_ARGUMENT,
                  "%smodel.file is missing; add `model.file: ...`, or `model.files: [...]` for an "
                  "ensemble",
                  place);
}

static ins_status load(ins_job *job, ins_overrides *overrides, const ins_variant *experiments) {
  char what[200];
  ins_key_places keys = {0};
  ins_check check = {job->path, &keys};
  ins_status status = read_document(job->path, &keys, &job->document);
  if (status == INS_OK) status = ins_overrides_choose(overrides, job->document);
  if (status == INS_OK) status = choose_experiment(job, experiments);
  if (status != INS_OK) goto done;
  ins_tables tables = tables_of(job);
  snprintf(what, sizeof what, "this job (experiment %s)", job->experiment->name);
  status = ins_overrides_apply(overrides, &tables, job->document);
  if (status == INS_OK)
    status = ins_sweeps_take(&check, &tables, job->document, &job->sweeps, &job->n_sweeps);
  if (status == INS_OK)
    status = ins_resolve_job(&check, &tables, job->document, what, &job->settings);
  if (status == INS_OK)
    status = ins_sweeps_try_kinds(&check, &tables, job->sweeps, job->n_sweeps, job->document);
  if (status == INS_OK) ins_map_remove(job->settings, "sweep");
  if (status == INS_OK) status = check_model(job);
  if (status == INS_OK) status = name_job(job);
done:
  ins_free(&keys.at);
  return status;
}

ins_status ins_job_load(const char *path, const char *const *overrides, size_t n_overrides,
                        const ins_variant *experiments, ins_job **out) {
  ins_overrides parsed;
  ins_job *job;
  *out = NULL;
  ins_status status = ins_alloc(1, sizeof *job, &job);
  if (status != INS_OK) return status;
  job->path = strdup(path);
  status = job->path ? ins_overrides_parse(overrides, n_overrides, &parsed)
                     : ins_fail(INS_ERR_MEMORY, "out of memory while reading a job");
  if (status == INS_OK) {
    status = load(job, &parsed, experiments);
    ins_overrides_free(&parsed);
  }
  if (status == INS_OK)
    *out = job;
  else
    ins_job_destroy(&job);
  return status;
}

void ins_job_destroy(ins_job **job) {
  ins_job *j = *job;
  if (!j) return;
  ins_value_destroy(&j->settings);
  ins_value_destroy(&j->document);
  ins_sweeps_free(&j->sweeps, j->n_sweeps);
  free(j->path);
  ins_free(job);
}

/* ---- reading ------------------------------------------------------------------------------------
 */

ins_status ins_job_at(const ins_job *job, const size_t *index, ins_value **settings) {
  ins_tables tables = tables_of(job);
  ins_check check = {.file = job->path};
  ins_value *document = ins_value_copy(job->document);
  ins_status status = document ? INS_OK : INS_ERR_MEMORY;
  *settings = NULL;
  for (size_t s = 0; status == INS_OK && s < job->n_sweeps; s++)
    status = index[s] < ins_value_count(job->sweeps[s].values)
                 ? ins_sweep_put(&tables, &job->sweeps[s], index[s], document)
                 : ins_fail(INS_ERR_INTERNAL, "sweep of %s has no value %zu", job->sweeps[s].key,
                            index[s]);
  if (status == INS_OK) status = ins_resolve_job(&check, &tables, document, "this job", settings);
  if (status == INS_OK) ins_map_remove(*settings, "sweep");
  ins_value_destroy(&document);
  return status;
}

static ins_status sweeps_to_map(const ins_job *job, ins_value **out) {
  *out = ins_value_map();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t s = 0; status == INS_OK && s < job->n_sweeps; s++)
    status = ins_map_take(*out, job->sweeps[s].key, ins_value_copy(job->sweeps[s].values));
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

static void strip(const ins_key *keys, ins_value *map) {
  for (const ins_key *key = keys; key && key->name && map; key++) {
    if (key->flags & INS_KEY_UNRECORDED)
      ins_map_remove(map, key->name);
    else if (key->type == INS_KEY_GROUP)
      strip(key->children, (ins_value *)ins_map_get(map, key->name));
  }
}

/* Nothing that leaves the results as they are. An alignment shows in their bytes where it is not
 * the usual one. */
static void keep_recorded(const ins_job *job, ins_value *tree) {
  char usual[24];
  const ins_tables tables = tables_of(job);
  snprintf(usual, sizeof usual, "%lld",
           (long long)ins_value_int_or(ins_value_at(tree, "io.alignment"), 0));
  ins_map_remove(tree, "output");
  strip(tables.common, tree);
  strip(tables.own, tree);
  if (strcmp(usual, INS_JOB_ALIGNMENT) == 0) ins_map_remove(tree, "io");
}

ins_status ins_job_json(const ins_job *job, ins_text *out) {
  ins_value *sweeps = NULL, *tree = ins_value_copy(job->settings);
  ins_status status = tree ? sweeps_to_map(job, &sweeps) : INS_ERR_MEMORY;
  if (status == INS_OK) {
    keep_recorded(job, tree);
    status = ins_inputs_hide(job, tree);
  }
  if (status == INS_OK) {
    status = ins_map_take(tree, "sweep", sweeps);
    sweeps = NULL;
  }
  if (status == INS_OK) {
    ins_value_json(tree, SIZE_MAX, out);
    status = ins_text_ok(out);
  }
  ins_value_destroy(&sweeps);
  ins_value_destroy(&tree);
  return status;
}

/* ---- between ranks ------------------------------------------------------------------------------
 */

ins_status ins_job_pack(const ins_job *job, ins_text *out) {
  ins_value *sweeps = NULL, *tree = ins_value_map();
  ins_status status = tree ? sweeps_to_map(job, &sweeps) : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_map_take(tree, "sweeps", sweeps);
  if (status == INS_OK) status = ins_map_take(tree, "settings", ins_value_copy(job->settings));
  if (status == INS_OK) status = ins_map_take(tree, "document", ins_value_copy(job->document));
  if (status == INS_OK) status = ins_map_take(tree, "path", ins_value_text(job->path));
  if (status == INS_OK)
    status = ins_map_take(tree, "experiment", ins_value_text(job->experiment->name));
  if (status == INS_OK) status = ins_value_pack(tree, out);
  ins_value_destroy(&tree);
  return status;
}

static ins_status unpack_sweeps(const ins_value *map, ins_job *job) {
  size_t n = ins_value_count(map);
  ins_status status = ins_alloc(n, sizeof *job->sweeps, &job->sweeps);
  if (status != INS_OK) return status;
  for (job->n_sweeps = 0; job->n_sweeps < n; job->n_sweeps++) {
    const ins_value *values = map->children.items[job->n_sweeps];
    ins_sweep *sweep = &job->sweeps[job->n_sweeps];
    if (values->kind != INS_LIST) return ins_fail(INS_ERR_FORMAT, "a packed job is damaged");
    sweep->key = strdup(map->children.keys[job->n_sweeps]);
    sweep->values = ins_value_copy(values);
    if (sweep->key && sweep->values) continue;
    job->n_sweeps++;
    return ins_fail(INS_ERR_MEMORY, "out of memory while unpacking a job");
  }
  return INS_OK;
}

static ins_status unpack(const ins_value *tree, const ins_variant *experiments, ins_job *job) {
  const ins_value *settings = ins_map_get(tree, "settings"), *sweeps = ins_map_get(tree, "sweeps");
  const ins_value *document = ins_map_get(tree, "document");
  const char *path = ins_value_text_or(ins_map_get(tree, "path"), NULL);
  const char *name = ins_value_text_or(ins_map_get(tree, "experiment"), NULL);
  if (!settings || settings->kind != INS_MAP || !document || document->kind != INS_MAP || !sweeps ||
      sweeps->kind != INS_MAP || !path || !name)
    return ins_fail(INS_ERR_FORMAT, "a packed job is damaged");
  job->experiment = ins_variant_find(experiments, name);
  if (!job->experiment)
    return ins_fail(INS_ERR_MISSING,
                    "experiment %s is not known here; do all ranks run the same program?", name);
  job->path = strdup(path);
  job->settings = ins_value_copy(settings);
  job->document = ins_value_copy(document);
  if (!job->path || !job->settings || !job->document)
    return ins_fail(INS_ERR_MEMORY, "out of memory while unpacking a job");
  ins_status status = unpack_sweeps(sweeps, job);
  return status == INS_OK ? name_job(job) : status;
}

ins_status ins_job_unpack(const void *bytes, size_t n, const ins_variant *experiments,
                          ins_job **out) {
  ins_value *tree = NULL;
  ins_job *job = NULL;
  *out = NULL;
  ins_status status = ins_value_unpack(bytes, n, &tree);
  if (status == INS_OK) status = ins_alloc(1, sizeof *job, &job);
  if (status == INS_OK) status = unpack(tree, experiments, job);
  if (status == INS_OK)
    *out = job;
  else
    ins_job_destroy(&job);
  ins_value_destroy(&tree);
  return status;
}
