/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ensemble.h"
#include "insilico/memory.h"
#include "legacy_folder.h"

/* ---- the list -------------------------------------------------------------------------------- */

static ins_status add(ins_member_files *files, char *path) {
  ins_status status = path ? ins_grow(&files->at, &files->capacity, files->n + 1, sizeof *files->at)
                           : INS_ERR_MEMORY;
  if (status == INS_OK)
    files->at[files->n++] = (ins_member_file){.path = path};
  else
    free(path);
  return status;
}

void ins_member_files_free(ins_member_files *files) {
  for (size_t i = 0; i < files->n; i++) {
    free(files->at[i].path);
    free(files->at[i].config);
    free(files->at[i].data_info);
  }
  ins_free(&files->at);
  *files = (ins_member_files){0};
}

ins_status ins_member_files_of_list(const ins_value *paths, ins_member_files *out) {
  ins_status status = INS_OK;
  *out = (ins_member_files){0};
  if (paths->kind != INS_LIST || paths->children.n == 0)
    return ins_fail(INS_ERR_ARGUMENT, "model.files must be a list of files");
  for (size_t i = 0; status == INS_OK && i < paths->children.n; i++) {
    const char *path = ins_value_text_or(paths->children.items[i], NULL);
    status = path ? add(out, ins_format("%s", path))
                  : ins_fail(INS_ERR_ARGUMENT, "model.files must be a list of files");
  }
  if (status != INS_OK) ins_member_files_free(out);
  return status;
}

/* ---- folders --------------------------------------------------------------------------------- */

static bool ends(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  return n > m && strcmp(name + n - m, end) == 0;
}

static bool is_model(const char *name) {
  static const char *const endings[] = {".ckpt", ".pth", ".pt", ".pth.tar", ".h5"};
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
    if (name[0] != '.' && ends(name, endings[i])) return true;
  return false;
}

static int by_path(const void *a, const void *b) {
  return strcmp(((const ins_member_file *)a)->path, ((const ins_member_file *)b)->path);
}

/* The files in a folder that `wanted` accepts. */
static ins_status list(const char *folder, bool (*wanted)(const char *name),
                       ins_member_files *out) {
  DIR *directory = opendir(folder);
  ins_status status = INS_OK;
  struct dirent *entry;
  *out = (ins_member_files){0};
  if (!directory) return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", folder, strerror(errno));
  while (status == INS_OK && (entry = readdir(directory)))
    if (wanted(entry->d_name)) status = add(out, ins_format("%s/%s", folder, entry->d_name));
  closedir(directory);
  if (status == INS_OK && out->n) qsort(out->at, out->n, sizeof *out->at, by_path);
  if (status != INS_OK) ins_member_files_free(out);
  return status;
}

ins_status ins_member_files_of_folder(const char *folder, ins_member_files *out) {
  ins_status status = list(folder, ins_legacy_is_config, out);
  if (status != INS_OK) return status;
  if (out->n) {
    status = ins_legacy_members(folder, out);
    if (status != INS_OK) ins_member_files_free(out);
    return status;
  }
  status = list(folder, is_model, out);
  if (status == INS_OK && out->n == 0)
    return ins_fail(INS_ERR_MISSING,
                    "%s: a folder without models: neither .ckpt, .pth, .pt or .h5 files nor "
                    "openretina's config_SEED.yaml, state_dict_SEED.pth.tar and "
                    "data_info_SEED.pkl",
                    folder);
  return status;
}
