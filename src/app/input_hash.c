/* SPDX-License-Identifier: MIT */
/* Input files by their contents: what results know them by. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app.h"
#include "insilico/array_file.h"
#include "insilico/hash.h"

/* ---- arrays -----------------------------------------------------------------------------------
 */

/* Numbers are known by type, shape and values, however the file keeps them. */
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

/* A file that holds no arrays (a picture) is its bytes; FILE.h5:DATASET is no file by itself. */
static bool is_plain_file(const char *path) {
  static const char npy[] = "\x93NUMPY", hdf5[] = "\x89HDF\r\n\x1a\n";
  char head[8] = {0};
  struct stat about;
  if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) return false;
  FILE *file = fopen(path, "rb");
  if (!file) return false;
  size_t n = fread(head, 1, sizeof head, file);
  fclose(file);
  return !(n >= 6 && memcmp(head, npy, 6) == 0) &&
         !(n == sizeof head && memcmp(head, hdf5, sizeof head) == 0);
}

/* ---- folders ----------------------------------------------------------------------------------
 */

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

/* By bytes: the same order in every locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

/* "NAME\0HASH\n" of a file in a folder; folders within it are not part of it. */
static ins_status add_entry(const char *folder, const char *name, ins_text *listing) {
  char hash[INS_SHA256_HEX];
  struct stat about;
  char *path = ins_format("%s/%s", folder, name);
  if (!path) return INS_ERR_MEMORY;
  ins_status status = INS_OK;
  if (stat(path, &about) != 0)
    status = ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  else if (S_ISREG(about.st_mode)) {
    status = ins_sha256_file(path, hash);
    if (status == INS_OK) {
      ins_text_add_bytes(listing, name, strlen(name) + 1);
      ins_text_add(listing, "%s\n", hash);
      status = ins_text_ok(listing);
    }
  }
  free(path);
  return status;
}

static ins_status hash_folder(const char *path, char hash[INS_SHA256_HEX]) {
  struct dirent **entries = NULL;
  ins_text listing = {0};
  int n = scandir(path, &entries, is_visible, by_name);
  ins_status status = INS_OK;
  if (n < 0)
    status = ins_fail(INS_ERR_IO, "%s: the folder cannot be read: %s", path, strerror(errno));
  for (int i = 0; i < n; i++) {
    if (status == INS_OK) status = add_entry(path, entries[i]->d_name, &listing);
    free(entries[i]);
  }
  free(entries);
  if (status == INS_OK && !listing.length)
    status = ins_fail(INS_ERR_MISSING, "%s: the folder holds no files", path);
  if (status == INS_OK) status = ins_sha256(listing.data, listing.length, hash);
  ins_text_free(&listing);
  return status;
}

static ins_status hash_path(const char *path, char hash[INS_SHA256_HEX]) {
  struct stat about;
  if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) return hash_folder(path, hash);
  return is_plain_file(path) ? ins_sha256_file(path, hash) : hash_array(path, hash);
}

/* ---- keys -------------------------------------------------------------------------------------
 */

/* One path is its own hash, a list that of its hashes, one a line. */
static ins_status hash_value(const ins_value *value, char hash[INS_SHA256_HEX]) {
  ins_text lines = {0};
  ins_status status = INS_OK;
  if (value->kind == INS_TEXT) return hash_path(value->text, hash);
  if (ins_value_count(value) == 1) return hash_value(value->children.items[0], hash);
  for (size_t i = 0; status == INS_OK && i < ins_value_count(value); i++) {
    status = hash_path(ins_value_text_or(value->children.items[i], ""), hash);
    ins_text_add(&lines, "%s\n", hash);
  }
  if (status == INS_OK) status = ins_text_ok(&lines);
  if (status == INS_OK) status = ins_sha256(lines.data, lines.length, hash);
  ins_text_free(&lines);
  return status;
}

/* The one stimulus of a job needs no name; one of several is named by its key. */
static ins_status put_named(ins_value *attributes, const char *key, const char *hash) {
  if (strncmp(key, "stimulus.", 9) == 0) return INS_OK;
  char *name = ins_format("%s_sha256", key);
  ins_status status = name ? ins_map_take(attributes, name, ins_value_text(hash)) : INS_ERR_MEMORY;
  free(name);
  return status;
}

ins_status ins_input_hashes(const ins_job *job, ins_value *attributes) {
  char hash[INS_SHA256_HEX];
  ins_value *inputs = NULL;
  ins_text pairs = {0};
  ins_status status = ins_job_inputs(job, &inputs);
  const size_t n = ins_value_count(inputs);
  for (size_t i = 0; status == INS_OK && i < n; i++) {
    const char *key = inputs->children.keys[i];
    status = ins_within(hash_value(inputs->children.items[i], hash), "%s", key);
    if (status == INS_OK) status = put_named(attributes, key, hash);
    ins_text_add(&pairs, "%s %s\n", key, hash);
    if (status == INS_OK) status = ins_text_ok(&pairs);
  }
  if (status == INS_OK && n > 1) status = ins_sha256(pairs.data, pairs.length, hash);
  if (status == INS_OK && n > 0)
    status = ins_map_take(attributes, "stimulus_sha256", ins_value_text(hash));
  ins_text_free(&pairs);
  ins_value_destroy(&inputs);
  return status;
}
