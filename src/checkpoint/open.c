/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "centre.h"
#include "ensemble.h"
#include "insilico/checkpoint.h"
#include "insilico/ground_truth.h"
#include "open_file.h"

/* ---- builtin:NAME?key=value&key=value -------------------------------------------------------- */

static bool read_number(const char *text, size_t n, uint64_t *out) {
  *out = 0;
  for (size_t i = 0; i < n; i++) {
    if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*out, 10, out) ||
        __builtin_add_overflow(*out, (uint64_t)(text[i] - '0'), out))
      return false;
  }
  return n > 0;
}

static ins_status read_option(const char *name, const char *option, size_t n,
                              ins_ground_truth_spec *spec) {
  const char *equals = memchr(option, '=', n);
  size_t key = equals ? (size_t)(equals - option) : n;
  uint64_t number;
  if (!equals || !read_number(equals + 1, n - key - 1, &number))
    return ins_fail(INS_ERR_ARGUMENT, "%s: '%.*s' is not of the form KEY=NUMBER", name, (int)n,
                    option);
  if (key == 7 && memcmp(option, "neurons", 7) == 0) {
    if (number < 1 || number > 10000000)
      return ins_fail(INS_ERR_ARGUMENT, "%s: neurons must be from 1 to 10000000", name);
    spec->n_neurons = (size_t)number;
  } else if (key == 4 && memcmp(option, "seed", 4) == 0) {
    spec->seed = number;
  } else {
    return ins_fail(INS_ERR_ARGUMENT, "%s: there is no option '%.*s'; there are neurons and seed",
                    name, (int)key, option);
  }
  return INS_OK;
}

static ins_status open_builtin(const char *name, const char *what, ins_model_source **out) {
  static const char only[] = "ground_truth";
  ins_ground_truth_spec spec = {0};
  size_t n = strcspn(what, "?");
  if (n != strlen(only) || memcmp(what, only, n) != 0)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: there is no such built-in model; there is "
                    "builtin:ground_truth?neurons=N&seed=S",
                    name);
  for (const char *option = what + n; *option; option += n) {
    option++; /* ? or & */
    n = strcspn(option, "&");
    ins_status status = read_option(name, option, n, &spec);
    if (status != INS_OK) return status;
  }
  return ins_ground_truth_create(&spec, out);
}

/* ---- options --------------------------------------------------------------------------------- */

/* NULL for what is absent or null. */
static const ins_value *option(const ins_value *options, const char *key) {
  const ins_value *value = ins_map_get(options, key);
  return value && value->kind != INS_NULL ? value : NULL;
}

static ins_status member_option(const ins_value *options, int64_t *out) {
  const ins_value *value = option(options, "member");
  *out = -1;
  if (!value) return INS_OK;
  if (value->kind != INS_INT || value->integer < 0)
    return ins_fail(INS_ERR_ARGUMENT, "model.member must be a whole number from 0");
  *out = value->integer;
  return INS_OK;
}

static bool is_folder(const char *name) {
  struct stat about;
  return stat(name, &about) == 0 && S_ISDIR(about.st_mode);
}

/* ---- opening --------------------------------------------------------------------------------- */

static ins_status open_list(const ins_value *paths, int64_t member, const ins_value *architecture,
                            ins_model_source **out) {
  ins_member_files files;
  ins_status status = ins_member_files_of_list(paths, &files);
  if (status != INS_OK) return status;
  status = ins_ensemble_open(&files, NULL, member, architecture, out);
  ins_member_files_free(&files);
  return status;
}

static ins_status open_folder(const char *name, int64_t member, const ins_value *architecture,
                              ins_model_source **out) {
  ins_member_files files = {0};
  char *folder = strdup(name);
  if (!folder) return ins_fail(INS_ERR_MEMORY, "out of memory while opening %s", name);
  for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--) folder[n - 1] = '\0';
  ins_status status = ins_member_files_of_folder(folder, &files);
  if (status == INS_OK)
    status = ins_ensemble_open(&files, ins_file_name(folder), member, architecture, out);
  ins_member_files_free(&files);
  free(folder);
  return status;
}

static ins_status open_single(const char *name, int64_t member, const ins_value *architecture,
                              ins_model_source **out) {
  static const char builtin[] = "builtin:";
  const ins_beside beside = {.architecture = architecture};
  ins_status status = strncmp(name, builtin, strlen(builtin)) == 0
                          ? open_builtin(name, name + strlen(builtin), out)
                          : ins_open_file(name, &beside, out);
  return status == INS_OK && member >= 0 ? ins_ensemble_pick(*out, member) : status;
}

ins_status ins_model_open(const char *name, const ins_value *options, ins_model_source **out) {
  const ins_value *architecture = option(options, "architecture");
  const ins_value *files = option(options, "files"), *centre = option(options, "center_readout");
  int64_t member;
  *out = NULL;
  ins_status status = member_option(options, &member);
  if (status != INS_OK) return status;
  if (files && name && *name)
    return ins_fail(INS_ERR_ARGUMENT, "model.file and model.files exclude one another");
  if (!files && (!name || !*name))
    return ins_fail(INS_ERR_MISSING, "no model: give model.file or model.files");
  if (files)
    status = open_list(files, member, architecture, out);
  else if (is_folder(name))
    status = open_folder(name, member, architecture, out);
  else
    status = open_single(name, member, architecture, out);
  if (status == INS_OK && centre) status = ins_centre_readout(*out, centre);
  if (status != INS_OK && *out) ins_model_source_destroy(out);
  return status;
}
