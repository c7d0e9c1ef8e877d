/* SPDX-License-Identifier: MIT */
/* Files as they were when this process read them first: numbers of a file before and after a change
 * must not stand side by side in one file of results. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "film_shelf.h"
#include "insilico/hash.h"
#include "insilico/image_file.h"
#include "insilico/memory.h"

typedef struct record {
  char *path;
  uint64_t hash; /* of the path: movies may be folders of many thousand files */
  off_t size;
  struct timespec changed;
  bool folder;
  uint64_t listing; /* of a folder: hash of the names in it */
} record;

/* For as long as the process runs. */
static struct {
  record *all;
  size_t n, capacity;
} seen;

static ins_status look(const char *path, struct stat *about) {
  if (stat(path, about) == 0) return INS_OK;
  return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
}

static ins_status hash_listing(const char *folder, uint64_t *out) {
  ins_value *paths = NULL;
  ins_status status = ins_png_list(folder, &paths);
  *out = 0;
  for (size_t i = 0; status == INS_OK && i < ins_value_count(paths); i++) {
    const char *path = paths->children.items[i]->text;
    *out = ins_xxh3(path, strlen(path), *out + i);
  }
  ins_value_destroy(&paths);
  return status;
}

static bool same_stat(const record *r, const struct stat *about) {
  return r->folder == S_ISDIR(about->st_mode) && r->size == about->st_size &&
         r->changed.tv_sec == about->st_mtim.tv_sec && r->changed.tv_nsec == about->st_mtim.tv_nsec;
}

/* A folder also changes when anything else is written into it, results for example. */
static ins_status check(record *r) {
  struct stat about;
  uint64_t listing = 0;
  ins_status status = look(r->path, &about);
  if (status != INS_OK || same_stat(r, &about)) return status;
  if (r->folder && S_ISDIR(about.st_mode)) {
    status = hash_listing(r->path, &listing);
    if (status != INS_OK) return status;
    if (listing == r->listing) {
      r->size = about.st_size;
      r->changed = about.st_mtim;
      return INS_OK;
    }
  }
  return ins_fail(
      INS_ERR_IO,
      "%s: has changed since this run read it first; files of stimuli must stay as they "
      "are while a run goes on: put it back, or run the job anew",
      r->path);
}

static ins_status append(const char *path, uint64_t hash) {
  struct stat about;
  ins_status status = look(path, &about);
  if (status == INS_OK) status = ins_grow(&seen.all, &seen.capacity, seen.n + 1, sizeof *seen.all);
  if (status != INS_OK) return status;
  record *r = &seen.all[seen.n];
  *r = (record){.hash = hash,
                .size = about.st_size,
                .changed = about.st_mtim,
                .folder = S_ISDIR(about.st_mode)};
  if (r->folder) status = hash_listing(path, &r->listing);
  if (status != INS_OK) return status;
  r->path = strdup(path);
  if (!r->path) return ins_fail(INS_ERR_MEMORY, "out of memory while reading %s", path);
  seen.n++;
  return INS_OK;
}

static ins_status find_or_append(const char *path, size_t *out) {
  const uint64_t hash = ins_xxh3(path, strlen(path), 0);
  for (size_t i = 0; i < seen.n; i++)
    if (seen.all[i].hash == hash && strcmp(seen.all[i].path, path) == 0) {
      *out = i;
      return check(&seen.all[i]);
    }
  *out = seen.n;
  return append(path, hash);
}

ins_status ins_film_files_add(ins_film_files *files, const char *path) {
  ins_status status = ins_grow(&files->which, &files->capacity, files->n + 1, sizeof *files->which);
  if (status == INS_OK) status = find_or_append(path, &files->which[files->n]);
  if (status == INS_OK) files->n++;
  return status;
}

ins_status ins_film_files_check(const ins_film_files *files) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < files->n; i++)
    status = check(&seen.all[files->which[i]]);
  return status;
}

void ins_film_files_clear(ins_film_files *files) {
  ins_free(&files->which);
  *files = (ins_film_files){0};
}
