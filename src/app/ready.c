/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "app.h"
#include "insilico/checkpoint.h"
#include "insilico/fetch.h"
#include "insilico/file.h"
#include "insilico/hash.h"
#include "insilico/population.h"
#include "insilico/schedule.h"
#include "insilico/yaml.h"

/* ---- the job ----------------------------------------------------------------------------------
 */

ins_status ins_ready_plugin(const ins_arguments *arguments, const char *name, const char *job,
                            const char *sha256, ins_plugin_file **out) {
  char *path = NULL;
  *out = NULL;
  if (!arguments->allow_plugins)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s%sexperiment '%.300s' is a plug-in: a program that would run with your "
                    "rights; if you trust it, add --allow-plugins",
                    job ? job : "", job ? ": " : "", name);
  ins_status status = ins_plugin_locate(name, job, &path);
  if (status == INS_OK) status = ins_plugin_open(path, sha256, out);
  free(path);
  return status;
}

const ins_variant *ins_app_experiments(void) {
  enum { MOST = 32 };
  static ins_variant all[MOST + 2];
  size_t n = 0;
  if (!all[0].name) {
    for (; ins_experiments[n].name && n < MOST; n++) all[n] = ins_experiments[n];
    all[n] = ins_population;
  }
  return all;
}

const ins_variant *ins_ready_experiments(const ins_ready *ready) {
  return ready->plugin ? ready->plugin->registry : ins_app_experiments();
}

/* The job names the file; what is run and recorded is the experiment in it. */
static ins_status load_plugin_job(const ins_arguments *arguments, ins_ready *ready) {
  const char *const *given = arguments->words + 1;
  const size_t n = arguments->n_words - 1;
  const char **overrides = NULL;
  char *experiment = ins_format("experiment=%s", ready->plugin->name);
  ins_status status = experiment ? ins_alloc(n + 1, sizeof *overrides, &overrides) : INS_ERR_MEMORY;
  if (status == INS_OK) {
    for (size_t i = 0; i < n; i++) overrides[i] = given[i];
    overrides[n] = experiment;
    status =
        ins_job_load(arguments->words[0], overrides, n + 1, ready->plugin->registry, &ready->job);
  }
  ins_free(&overrides);
  free(experiment);
  return status;
}

ins_status ins_ready_job(const ins_arguments *arguments, ins_ready *ready) {
  const char *path = arguments->words[0];
  const char *const *overrides = arguments->words + 1;
  const size_t n = arguments->n_words - 1;
  char *name = NULL;
  ins_status status = ins_job_experiment(path, overrides, n, &name);
  const bool plugin = ins_plugin_path_of(name) != NULL;
  if (status == INS_OK && plugin)
    status = ins_ready_plugin(arguments, name, path, NULL, &ready->plugin);
  if (status == INS_OK)
    status = plugin ? load_plugin_job(arguments, ready)
                    : ins_job_load(path, overrides, n, ins_app_experiments(), &ready->job);
  free(name);
  return status;
}

/* ---- results files that are read --------------------------------------------------------------
 */

bool ins_ready_on_model(const ins_ready *ready) {
  return ins_map_get(ready->job->settings, "model") != NULL;
}

ins_status ins_ready_sources(ins_ready *ready) {
  return ins_population_sources(ready->job, &ready->sources);
}

/* ---- the model --------------------------------------------------------------------------------
 */

static ins_status check_single(const char *path) {
  struct stat about;
  if (strncmp(path, "builtin:", 8) != 0 && (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)))
    return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "%s: sha256 is that of one file, and this is none", path);
}

/* The file that is opened is the one that was asked for. What a model file says of the checkpoint
 * it was made from is no proof. */
static ins_status check_sha256(const char *path, const char *wanted) {
  char is[INS_SHA256_HEX];
  if (!wanted) return INS_OK;
  ins_status status = check_single(path);
  if (status == INS_OK) status = ins_sha256_file(path, is);
  if (status != INS_OK || strcasecmp(is, wanted) == 0) return status;
  return ins_fail(INS_ERR_FORMAT, "%s: its SHA-256 is %s, but %s was asked for", path, is, wanted);
}

/* A name that is misspelt would be taken for a path. */
static ins_status check_there(const char *path) {
  enum { MOST = 64 };
  const char *names[MOST];
  size_t n = 0;
  if (ins_file_exists(path) || strncmp(path, "builtin:", 8) == 0) return INS_OK;
  for (const ins_known_model *known = ins_fetch_known(); known->name && n < MOST; known++)
    names[n++] = known->name;
  const char *near = ins_text_nearest(path, names, n);
  if (!near) return INS_OK; /* opening it says what is wrong */
  return ins_fail(
      INS_ERR_ARGUMENT,
      "'%.200s' is neither a file nor a known model (did you mean '%s'?); insilico list "
      "models names them",
      path, near);
}

/* A model's settings with every name and URL replaced by the local file it stands for. */
static ins_status fetch_into(ins_value **slot, const ins_fetch_options *options) {
  char *path = NULL;
  if ((*slot)->kind != INS_TEXT) return INS_OK;
  ins_status status = ins_fetch_resolve((*slot)->text, options, &path);
  if (status != INS_OK) return status;
  ins_value *local = ins_value_text(path);
  free(path);
  if (!local) return INS_ERR_MEMORY;
  ins_value_destroy(slot);
  *slot = local;
  return INS_OK;
}

static ins_value **slot_of(ins_value *map, const char *key) {
  for (size_t i = 0; i < ins_value_count(map); i++)
    if (strcmp(map->children.keys[i], key) == 0) return &map->children.items[i];
  return NULL;
}

static ins_status fetch_all(ins_value *model, const ins_fetch_options *options) {
  ins_value **file = slot_of(model, "file"), **files = slot_of(model, "files");
  ins_status status = file ? fetch_into(file, options) : INS_OK;
  for (size_t i = 0; status == INS_OK && files && i < ins_value_count(*files); i++)
    status = fetch_into(&(*files)->children.items[i], options);
  return status;
}

ins_status ins_ready_source(ins_ready *ready) {
  if (!ins_ready_on_model(ready)) return ins_ready_sources(ready);
  const ins_value *given = ins_map_get(ready->job->settings, "model");
  char place[512];
  ins_value *model = ins_value_copy(given);
  const ins_fetch_options options = {.sha256 =
                                         ins_value_text_or(ins_map_get(given, "sha256"), NULL),
                                     .verify = true,
                                     .stop = ins_signals_caught};
  ins_status status = model ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK && options.sha256 && ins_value_count(ins_map_get(model, "files")))
    status = ins_fail(INS_ERR_ARGUMENT, "model.sha256 is that of one file: model.file");
  if (status == INS_OK) status = fetch_all(model, &options);
  const char *path = ins_value_text_or(ins_map_get(model, "file"), NULL);
  if (status == INS_OK && path) status = check_there(path);
  if (status == INS_OK) status = check_sha256(path, options.sha256);
  if (status == INS_OK) status = ins_model_open(path, model, &ready->source);
  ins_value_destroy(&model);
  const ins_value *file = ins_map_get(given, "file");
  if (!file || file->kind == INS_NULL) file = ins_map_get(given, "files");
  return ins_within(status, "%smodel", ins_value_place(file, place, sizeof place));
}

/* {architecture: what the file says}, or NULL without a file. The file may also hold a job's
 * section `model`, or its `architecture`. */
static ins_status read_architecture(const char *file, ins_value **settings) {
  ins_value *read = NULL;
  if (!file) return INS_OK;
  ins_status status = ins_yaml_read(file, NULL, &read);
  const ins_value *given = read, *inner;
  if ((inner = ins_map_get(given, "model"))) given = inner;
  if ((inner = ins_map_get(given, "architecture"))) given = inner;
  if (status == INS_OK && (!given || given->kind != INS_MAP))
    status = ins_fail(INS_ERR_ARGUMENT,
                      "%s: holds no settings: `core:` and `readout:` are expected, or a job's "
                      "`model:` around them",
                      file);
  if (status == INS_OK && !(*settings = ins_value_map())) status = INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_map_take(*settings, "architecture", ins_value_copy(given));
  ins_value_destroy(&read);
  return status;
}

ins_status ins_ready_path(const ins_arguments *arguments, const char *name, char **path) {
  const ins_fetch_options options = {.cache = arguments->cache,
                                     .sha256 = arguments->sha256,
                                     .offline = arguments->offline,
                                     .verify = true,
                                     .quiet = arguments->json,
                                     .stop = ins_signals_caught};
  ins_signals_catch();
  ins_status status = ins_fetch_resolve(name, &options, path);
  ins_signals_release(); /* nothing from here on would look at them */
  return status == INS_OK ? check_there(*path) : status;
}

ins_status ins_ready_named(const ins_arguments *arguments, const char *name, char **path,
                           ins_model_source **source) {
  ins_value *settings = NULL;
  *path = NULL;
  *source = NULL;
  ins_status status = read_architecture(arguments->architecture, &settings);
  if (status == INS_OK) status = ins_ready_path(arguments, name, path);
  if (status == INS_OK) status = check_sha256(*path, arguments->sha256);
  if (status == INS_OK) status = ins_model_open(*path, settings, source);
  ins_value_destroy(&settings);
  return status;
}

/* ---- attributes of results --------------------------------------------------------------------
 */

static ins_status put(ins_value *map, const char *key, const char *text) {
  return ins_map_take(map, key, ins_value_text(text));
}

static ins_status put_model(ins_ready *ready) {
  char hash[INS_SHA256_HEX];
  /* Built-in models have no file: their name says it all. */
  const char *asked = ins_value_text_or(ins_value_at(ready->job->settings, "model.file"), "");
  const char *name = ins_value_text_or(ins_map_get(ready->source->provenance, "file"), asked);
  ins_status status = put(ready->attributes, "model", name);
  if (status == INS_OK) status = ins_model_source_hash(ready->source, hash);
  if (status == INS_OK) status = put(ready->attributes, "model_sha256", hash);
  if (status == INS_OK) status = ins_input_hashes(ready->job, ready->attributes);
  return status;
}

static void add_identities(const ins_value *value, ins_text *out) {
  const char *identity = ins_value_text_or(ins_map_get(value, "identity"), NULL);
  if (identity) ins_text_add(out, "%s\n", identity);
  for (size_t i = 0; i < ins_value_count(value); i++) add_identities(value->children.items[i], out);
}

/* Results files that are read are known by what is in them, not by where they lie. */
static ins_status put_sources(ins_ready *ready) {
  char hash[INS_SHA256_HEX];
  ins_text identities = {0};
  add_identities(ready->sources, &identities);
  ins_status status = ins_text_ok(&identities);
  if (status == INS_OK) status = ins_sha256(identities.data, identities.length, hash);
  if (status == INS_OK) status = put(ready->attributes, "data_sha256", hash);
  ins_text_free(&identities);
  return status;
}

ins_status ins_ready_attributes(ins_ready *ready, const char *instruction_set) {
  ins_text json = {0};
  ready->attributes = ins_value_map();
  ins_value *a = ready->attributes;
  ins_status status = a ? ins_job_json(ready->job, &json) : INS_ERR_MEMORY;
  if (status == INS_OK) status = put(a, "experiment", ready->job->experiment->name);
  if (status == INS_OK) status = put(a, "job", json.data);
  if (status == INS_OK) status = put(a, "job_sha256", ready->job->hash);
  if (status == INS_OK) status = ready->source ? put_model(ready) : put_sources(ready);
  if (status == INS_OK && ready->plugin) status = put(a, "plugin_sha256", ready->plugin->sha256);
  if (status == INS_OK) status = put(a, "insilico_version", INS_VERSION);
  if (status == INS_OK) status = put(a, "instruction_set", instruction_set);
  ins_text_free(&json);
  return status;
}

ins_status ins_ready_model(ins_ready *ready) {
  if (!ready->source) return INS_OK;
  return ins_model_create(ready->source, &ready->model);
}

void ins_ready_clear(ins_ready *ready) {
  ins_value_destroy(&ready->attributes);
  ins_value_destroy(&ready->sources);
  ins_model_destroy(&ready->model);
  ins_model_source_destroy(&ready->source);
  ins_job_destroy(&ready->job);
  ins_plugin_close(&ready->plugin);
}
