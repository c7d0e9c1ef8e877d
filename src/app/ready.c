/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "insilico/array_file.h"
#include "insilico/checkpoint.h"

void ins_print(const char *label, const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("%-19s ", label);
  vprintf(format, args);
  printf("\n");
  va_end(args);
}

ins_status ins_ready_job(const ins_arguments *arguments, ins_ready *ready) {
  return ins_job_load(arguments->words[0], arguments->words + 1, arguments->n_words - 1,
                      ins_experiments, &ready->job);
}

ins_status ins_ready_source(ins_ready *ready) {
  const ins_value *model = ins_map_get(ready->job->settings, "model");
  char place[512];
  ins_status status =
      ins_model_open(ins_value_text_or(ins_map_get(model, "file"), ""), model, &ready->source);
  return ins_within(status, "%smodel",
                    ins_value_place(ins_map_get(model, "file"), place, sizeof place));
}

ins_status ins_ready_named(const ins_arguments *arguments, const char *name, char **path,
                           ins_model_source **source) {
  (void)arguments;
  *path = strdup(name);
  if (!*path) return ins_fail(INS_ERR_MEMORY, "out of memory while opening %s", name);
  return ins_model_open(*path, NULL, source);
}

static ins_status put(ins_value *map, const char *key, const char *text) {
  return ins_map_take(map, key, ins_value_text(text));
}

/* A stimulus that comes from a file is known by what is in it: type, shape and numbers. */
static ins_status hash_array(const char *path, char hash[INS_SHA256_HEX]) {
  ins_value *array = NULL;
  ins_text packed = {0};
  ins_status status = ins_array_read(path, &array);
  if (status == INS_OK) status = ins_value_pack(array, &packed);
  if (status == INS_OK) status = ins_sha256(packed.data, packed.length, hash);
  ins_text_free(&packed);
  ins_value_destroy(&array);
  return status;
}

static ins_status add_stimulus_hash(const ins_job *job, ins_value *attributes) {
  const char *const keys[] = {"stimulus.file", "stimulus.init.file"};
  char hash[INS_SHA256_HEX];
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    const char *file = ins_value_text_or(ins_value_at(job->settings, keys[i]), NULL);
    if (!file) continue;
    ins_status status = hash_array(file, hash);
    if (status == INS_OK) status = put(attributes, "stimulus_sha256", hash);
    if (status != INS_OK) return ins_within(status, "%s", keys[i]);
  }
  return INS_OK;
}

ins_status ins_ready_attributes(ins_ready *ready, const char *instruction_set) {
  char hash[INS_SHA256_HEX];
  ins_text json = {0};
  /* Built-in models have no file: their name says it all. */
  const char *asked = ins_value_text_or(ins_value_at(ready->job->settings, "model.file"), "");
  const char *name = ins_value_text_or(ins_map_get(ready->source->provenance, "file"), asked);
  ready->attributes = ins_value_map();
  ins_value *a = ready->attributes;
  ins_status status = a ? ins_job_json(ready->job, &json) : INS_ERR_MEMORY;
  if (status == INS_OK) status = put(a, "experiment", ready->job->experiment->name);
  if (status == INS_OK) status = put(a, "job", json.data);
  if (status == INS_OK) status = put(a, "job_sha256", ready->job->hash);
  if (status == INS_OK) status = put(a, "model", name);
  if (status == INS_OK) status = ins_model_source_hash(ready->source, hash);
  if (status == INS_OK) status = put(a, "model_sha256", hash);
  if (status == INS_OK) status = add_stimulus_hash(ready->job, a);
  if (status == INS_OK) status = put(a, "insilico_version", INS_VERSION);
  if (status == INS_OK) status = put(a, "instruction_set", instruction_set);
  ins_text_free(&json);
  return status;
}

ins_status ins_ready_model(ins_ready *ready) {
  return ins_model_create(ready->source, &ready->model);
}

void ins_ready_clear(ins_ready *ready) {
  ins_value_destroy(&ready->attributes);
  ins_model_destroy(&ready->model);
  ins_model_source_destroy(&ready->source);
  ins_job_destroy(&ready->job);
}
