/* SPDX-License-Identifier: MIT */
#include "insilico/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "download.h"
#include "hold.h"
#include "insilico/text.h"
#include "target.h"
#include "url.h"

/* SCHEME:// with a scheme of letters; no path that anybody means has that form. */
static bool has_scheme(const char *name) {
  size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
  return n > 0 && strncmp(name + n, "://", 3) == 0;
}

static bool has_our_scheme(const char *name) {
  return !strncasecmp(name, "https://", 8) || !strncasecmp(name, "http://", 7) ||
         !strncasecmp(name, "hf://", 5);
}

bool ins_fetch_is_remote(const char *name) {
  return fetch_known_find(name) || has_scheme(name);
}

static ins_status not_in_cache(const fetch_target *target, const fetch_place *place) {
  return ins_fail(INS_ERR_MISSING,
                  "%.300s: is not in the cache, and working offline; fetch it where there is a "
                  "network and put it at %s",
                  target->url, place->path);
}

/* Folders are made, the lock is taken, and whoever had it may have brought the file. */
static ins_status fetch_to(const fetch_target *target, const char *sha256,
                           const ins_fetch_options *options) {
  fetch_place place = {.dir = -1};
  fetch_hold hold = {.fd = -1};
  bool found = false;
  ins_status status = fetch_place_open(options->cache, target->where, true, &place);
  if (status == INS_OK) status = fetch_hold_take(&place, options, &hold);
  if (status == INS_OK) status = fetch_place_look(&place, &found);
  if (status == INS_OK && found) status = fetch_check_cached(&place, sha256, options);
  if (status == INS_OK && !found) status = fetch_download(target->url, &place, sha256, options);
  fetch_hold_release(&hold);
  fetch_place_close(&place);
  return status;
}

static ins_status resolve_url(const char *url, const char *sha256, const ins_fetch_options *options,
                              char **path) {
  fetch_target target;
  fetch_place place = {.dir = -1};
  bool found = false, offline = options->offline || fetch_environment_on("INSILICO_OFFLINE");
  ins_status status = fetch_target_create(url, &target);
  /* A cache that cannot be written is still one to read from. */
  if (status == INS_OK) status = fetch_place_open(options->cache, target.where, false, &place);
  if (status == INS_OK) status = fetch_place_look(&place, &found);
  if (status == INS_OK && found) status = fetch_check_cached(&place, sha256, options);
  if (status == INS_OK && !found)
    status = offline ? not_in_cache(&target, &place) : fetch_to(&target, sha256, options);
  if (status == INS_OK) {
    *path = place.path;
    place.path = NULL;
  }
  fetch_place_close(&place);
  fetch_target_clear(&target);
  return status;
}

/* All files of a model, and the folder that they are in. */
static ins_status resolve_folder(const ins_known_model *model, const ins_fetch_options *options,
                                 char **path) {
  char *file = NULL;
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && model->files[i]; i++) {
    char *url = ins_format("%s%s", model->url, model->files[i]);
    free(file);
    file = NULL;
    status = url ? resolve_url(url, NULL, options, &file) : INS_ERR_MEMORY;
    free(url);
  }
  if (status != INS_OK) return ins_within(status, "%s", model->name);
  *strrchr(file, '/') = '\0';
  *path = file;
  return INS_OK;
}

static ins_status resolve_known(const ins_known_model *model, const char *sha256,
                                const ins_fetch_options *options, char **path) {
  if (!model->files)
    return ins_within(resolve_url(model->url, sha256, options, path), "%s", model->name);
  if (!sha256) return resolve_folder(model, options, path);
  return ins_fail(INS_ERR_ARGUMENT, "%s: is a folder of several files, which have no one SHA-256",
                  model->name);
}

ins_status ins_fetch_resolve(const char *name, const ins_fetch_options *options, char **path) {
  static const ins_fetch_options defaults;
  char hash[INS_SHA256_HEX];
  const ins_known_model *model = fetch_known_find(name);
  *path = NULL;
  if (!options) options = &defaults;
  const char *sha256 = options->sha256 ? hash : NULL;
  if (sha256 && !fetch_read_sha256(options->sha256, strlen(options->sha256), hash))
    return ins_fail(INS_ERR_ARGUMENT, "'%.100s' is no SHA-256: it has 64 hexadecimal digits",
                    options->sha256);
  if (model) return resolve_known(model, sha256, options, path);
  if (has_our_scheme(name)) return resolve_url(name, sha256, options, path);
  if (has_scheme(name))
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%.300s: only https:// and hf:// can be fetched; download it yourself and give "
                    "its path",
                    name);
  *path = ins_format("%s", name);
  return *path ? INS_OK : INS_ERR_MEMORY;
}
