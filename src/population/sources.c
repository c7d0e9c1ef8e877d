/* SPDX-License-Identifier: MIT */
/* Looks at the results files of a job before anything is made of them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/memory.h"
#include "insilico/population.h"
#include "insilico/reader.h"
#include "table_parts.h"

static bool is_given(const ins_value *settings, const char *key) {
  const ins_value *value = ins_map_get(settings, key);
  return value && value->kind != INS_NULL;
}

/* One of two keys, not both. */
static ins_status check_either(const ins_value *settings, const char *one, const char *many) {
  const bool first = is_given(settings, one), second = is_given(settings, many);
  if (first != second) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, first ? "give %s or %s, not both" : "%s (or %s) is missing",
                  one, many);
}

/* ---- files that are there ---------------------------------------------------------------------
 */

static ins_status check_done(const ins_value *description, const char *path, const char *job) {
  const int64_t n = ins_value_int_or(ins_map_get(description, "n_tasks"), 0);
  const int64_t done = ins_value_int_or(ins_map_get(description, "n_done"), 0);
  const char *group = ins_value_text_or(ins_map_get(description, "group"), "");
  if (done >= n) return INS_OK;
  return ins_fail(INS_ERR_MISSING,
                  "%s: %lld of %lld tasks%s%s are not done; run its job again%s%s first", path,
                  (long long)(n - done), (long long)n, *group ? " of stage " : "", group,
                  job ? ": insilico run " : "", job ? job : "");
}

static ins_status describe(const char *path, const char *variable, const char *job,
                           ins_value *list) {
  ins_value *description = NULL;
  if (access(path, F_OK) != 0)
    return ins_fail(INS_ERR_MISSING, "%s is not there; run its job%s%s first", path,
                    job ? ": insilico run " : "", job ? job : "");
  ins_status status = ins_reader_describe(path, variable, &description);
  if (status == INS_OK) status = check_done(description, path, job);
  if (status == INS_OK) return ins_list_take(list, description);
  ins_value_destroy(&description);
  return status;
}

/* All variables of one file. */
static ins_status describe_file(const ins_value *settings, const char *path, const char *job,
                                ins_value *list) {
  const size_t n = ins_table_text_count(settings, "variable", "variables");
  ins_status status = INS_OK;
  for (size_t v = 0; v < n && status == INS_OK; v++)
    status = describe(path, ins_table_text(settings, "variable", "variables", v), job, list);
  return status;
}

static ins_status describe_files(const ins_value *settings, ins_value *list) {
  const size_t n = ins_table_text_count(settings, "file", "files");
  ins_status status = INS_OK;
  for (size_t f = 0; f < n && status == INS_OK; f++)
    status = describe_file(settings, ins_table_text(settings, "file", "files", f), NULL, list);
  return status;
}

/* ---- files that a job leaves ------------------------------------------------------------------
 */

static const char *job_of(const ins_value *settings) {
  return ins_value_text_or(ins_map_get(settings, "job"), "");
}

static ins_status overrides_of(const ins_value *settings, const char ***out, size_t *n) {
  const ins_value *overrides = ins_map_get(settings, "overrides");
  *n = ins_value_count(overrides);
  ins_status status = ins_alloc(*n, sizeof **out, out);
  for (size_t i = 0; i < *n && status == INS_OK; i++)
    (*out)[i] = ins_value_text_or(overrides->children.items[i], "");
  return status;
}

static ins_status load_job(const ins_value *settings, ins_job **job) {
  const char **texts;
  size_t n;
  ins_status status = overrides_of(settings, &texts, &n);
  if (status == INS_OK) status = ins_job_load(job_of(settings), texts, n, ins_experiments, job);
  ins_free(&texts);
  return status;
}

/* A job that is run first is one of a model: a population might be run for itself, or for another
 * that waits for it; a plug-in, without having been allowed by name. */
static ins_status check_job(const ins_value *settings) {
  ins_job *job = NULL;
  char *experiment = NULL;
  const char **texts;
  size_t n;
  ins_status status = overrides_of(settings, &texts, &n);
  if (status == INS_OK) status = ins_job_experiment(job_of(settings), texts, n, &experiment);
  ins_free(&texts);
  const bool population = experiment && strcmp(experiment, ins_population.name) == 0;
  if (population || (experiment && strncmp(experiment, "plugin:", 7) == 0))
    status = ins_fail(INS_ERR_ARGUMENT,
                      "%s is the job of a %s, which is not run from here; run it by itself, and "
                      "read its results: {kind: results, file: ...}",
                      job_of(settings), population ? "population" : "plug-in");
  free(experiment);
  if (status == INS_OK) status = load_job(settings, &job);
  ins_job_destroy(&job);
  return status;
}

static ins_status describe_run(const ins_value *settings, ins_value *list) {
  ins_job *job = NULL;
  ins_status status = load_job(settings, &job);
  if (status == INS_OK) {
    const char *output = ins_value_text_or(ins_map_get(job->settings, "output"), "");
    status = describe_file(settings, output, job->path, list);
  }
  ins_job_destroy(&job);
  return status;
}

/* ---- entries ----------------------------------------------------------------------------------
 */

static const char *name_of(const ins_value *settings) {
  return ins_value_text_or(ins_map_get(settings, "name"), "data");
}

static bool is_run(const ins_value *settings) {
  return strcmp(ins_value_text_or(ins_map_get(settings, "kind"), "results"), "run") == 0;
}

static ins_status check_name(const ins_value *data, size_t k) {
  const char *name = name_of(data->children.items[k]);
  for (size_t i = 0; i < k; i++)
    if (strcmp(name_of(data->children.items[i]), name) == 0)
      return ins_fail(INS_ERR_ARGUMENT, "data.%zu is called '%s' too; give it another `name`", i,
                      name);
  return INS_OK;
}

static ins_status check_entry(const ins_value *data, size_t k) {
  const ins_value *entry = data->children.items[k];
  ins_status status = check_name(data, k);
  if (status == INS_OK) status = check_either(entry, "variable", "variables");
  if (status != INS_OK) return status;
  return is_run(entry) ? check_job(entry) : check_either(entry, "file", "files");
}

static ins_status in_entry(ins_status status, const ins_value *data, size_t k) {
  char place[512];
  return ins_within(status, "%sdata.%zu",
                    ins_value_place(data->children.items[k], place, sizeof place), k);
}

ins_status ins_population_check(const ins_job *job) {
  const ins_value *data = ins_map_get(job->settings, "data");
  ins_status status = INS_OK;
  for (size_t k = 0; k < ins_value_count(data) && status == INS_OK; k++)
    status = in_entry(check_entry(data, k), data, k);
  return status;
}

static ins_status describe_entry(const ins_value *settings, ins_value *list) {
  return is_run(settings) ? describe_run(settings, list) : describe_files(settings, list);
}

/* ---- labels -----------------------------------------------------------------------------------
 */

/* Copied beside the items of entry k, or named by an analysis of it; one that names no data has the
 * first. */
static bool is_used(const ins_value *settings, size_t k, const char *label) {
  const ins_value *entry = ins_map_get(settings, "data")->children.items[k];
  const ins_value *analyses = ins_map_get(settings, "analyses");
  if (ins_table_texts_have(ins_map_get(entry, "labels"), label)) return true;
  for (size_t i = 0; i < ins_value_count(analyses); i++) {
    const ins_value *analysis = analyses->children.items[i];
    const char *data = ins_value_text_or(ins_map_get(analysis, "data"), NULL);
    const char *groups = ins_value_text_or(ins_map_get(analysis, "labels"), "");
    if ((data ? strcmp(data, name_of(entry)) == 0 : k == 0) && strcmp(groups, label) == 0)
      return true;
  }
  return false;
}

/* A label of another stage than the variable's, some of whose tasks are not done: it would say
 * something else once they are, and nothing of the variable would have changed. */
static ins_status check_label(const ins_value *settings, size_t k, const ins_value *description,
                              const ins_value *label) {
  const char *name = ins_value_text_or(ins_map_get(label, "name"), "");
  const int64_t n = ins_value_int_or(ins_map_get(label, "n_open"), 0);
  const ins_value *entry = ins_map_get(settings, "data")->children.items[k];
  const char *job = is_run(entry) ? job_of(entry) : NULL;
  if (n == 0 || !is_used(settings, k, name)) return INS_OK;
  return ins_fail(INS_ERR_MISSING,
                  "%s: %lld tasks that the label '%s' comes of are not done; run its job "
                  "again%s%s first, or leave the label out",
                  ins_value_text_or(ins_map_get(description, "path"), ""), (long long)n, name,
                  job ? ": insilico run " : "", job ? job : "");
}

static ins_status check_labels(const ins_value *settings, size_t k, const ins_value *list) {
  ins_status status = INS_OK;
  for (size_t i = 0; i < ins_value_count(list) && status == INS_OK; i++) {
    const ins_value *description = list->children.items[i];
    const ins_value *labels = ins_map_get(description, "labels");
    for (size_t l = 0; l < ins_value_count(labels) && status == INS_OK; l++)
      status = check_label(settings, k, description, labels->children.items[l]);
  }
  return status;
}

ins_status ins_population_sources(const ins_job *job, ins_value **out) {
  const ins_value *data = ins_map_get(job->settings, "data");
  *out = NULL;
  ins_status status = ins_population_check(job);
  if (status == INS_OK && !(*out = ins_value_list())) status = INS_ERR_MEMORY;
  for (size_t k = 0; k < ins_value_count(data) && status == INS_OK; k++) {
    ins_value *list = ins_value_list();
    status = list ? describe_entry(data->children.items[k], list) : INS_ERR_MEMORY;
    if (status == INS_OK) status = check_labels(job->settings, k, list);
    status = in_entry(status, data, k);
    if (status == INS_OK)
      status = ins_list_take(*out, list);
    else
      ins_value_destroy(&list);
  }
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}
