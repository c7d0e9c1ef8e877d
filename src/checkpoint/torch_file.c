/* SPDX-License-Identifier: MIT */
#include "torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

enum { MAX_PICKLE = 256 << 20, MAX_KEY = 200 };

/* Optional; files without it are little-endian. */
static ins_status read_byte_order(ins_torch_file *file) {
  unsigned char *bytes = NULL;
  size_t n;
  char *member = ins_format("%sbyteorder", file->top);
  if (!member) return INS_ERR_MEMORY;
  ins_status status = INS_OK;
  if (ins_archive_has(file->archive, member)) {
    status = ins_archive_read(file->archive, member, 64, &bytes, &n);
    file->big_endian = status == INS_OK && n >= 3 && memcmp(bytes, "big", 3) == 0;
  }
  ins_free(&bytes);
  free(member);
  return status;
}

static ins_status run_pickle(ins_torch_file *file, const char *where) {
  ins_pickle_run run = {.most_bytes = ins_archive_objects_left(file->archive)};
  ins_status status =
      ins_pickle_read_some(file->pickle_bytes, file->n_pickle_bytes, where, &run, &file->pickle);
  return status == INS_OK ? ins_archive_spend_objects(file->archive, file->pickle.spent) : status;
}

static ins_status read_pickle(ins_torch_file *file) {
  const char *name = ins_archive_name(file->archive);
  const char *member = ins_archive_find(file->archive, "data.pkl");
  if (!member)
    return ins_fail(INS_ERR_FORMAT,
                    "%s: a ZIP file, but not one of torch: it has no member data.pkl "
                    "(for a model exported with torch.jit or torch.export, save its state_dict)",
                    name);
  file->top = ins_format("%.*s", (int)(strlen(member) - strlen("data.pkl")), member);
  if (!file->top) return INS_ERR_MEMORY;
  char *where = ins_format("%s: damaged: member %s", name, member);
  if (!where) return INS_ERR_MEMORY;
  ins_status status = ins_archive_read(file->archive, member, MAX_PICKLE, &file->pickle_bytes,
                                       &file->n_pickle_bytes);
  if (status == INS_OK) status = run_pickle(file, where);
  free(where);
  return status;
}

static ins_status open_file(const char *path,
                            ins_status (*open_archive)(const char *, ins_archive **),
                            ins_torch_file **out) {
  ins_torch_file *file;
  ins_status status = ins_alloc(1, sizeof *file, &file);
  *out = NULL;
  if (status != INS_OK) return status;
  status = open_archive(path, &file->archive);
  if (status == INS_OK)
    status = ins_alloc(ins_archive_count(file->archive), sizeof *file->storages, &file->storages);
  if (status == INS_OK) status = read_pickle(file);
  if (status == INS_OK) status = read_byte_order(file);
  if (status != INS_OK) ins_torch_close(&file);
  *out = file;
  return status;
}

ins_status ins_torch_open(const char *path, ins_torch_file **out) {
  return open_file(path, ins_archive_open, out);
}

ins_status ins_torch_open_pickle(const char *path, ins_torch_file **out) {
  return open_file(path, ins_archive_open_pickle, out);
}

void ins_torch_close(ins_torch_file **file) {
  ins_torch_file *f = *file;
  if (!f) return;
  for (size_t i = 0; f->storages && i < ins_archive_count(f->archive); i++)
    ins_free(&f->storages[i].bytes);
  ins_free(&f->storages);
  ins_pickle_free(&f->pickle);
  ins_free(&f->pickle_bytes);
  free(f->top);
  ins_archive_close(&f->archive);
  ins_free(file);
}

ins_status ins_torch_storage(ins_torch_file *file, ins_node key, size_t least, ins_storage **out) {
  const ins_pickle_node *text = ins_pk(&file->pickle, key);
  *out = NULL;
  if (text->kind != PK_TEXT || text->text.n > MAX_KEY || text->text.n == 0)
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: a tensor does not name its storage",
                    ins_archive_name(file->archive));
  char *member = ins_format("%sdata/%.*s", file->top, (int)text->text.n, text->text.bytes);
  if (!member) return INS_ERR_MEMORY;
  ins_status status = INS_OK;
  size_t i = ins_archive_locate(file->archive, member);
  if (i == ins_archive_count(file->archive))
    status = ins_fail(INS_ERR_FORMAT, "%s: damaged: member %s is missing",
                      ins_archive_name(file->archive), member);
  ins_storage *storage = status == INS_OK ? &file->storages[i] : NULL;
  if (status == INS_OK && !storage->bytes)
    status = ins_archive_read_at(file->archive, i, SIZE_MAX / 4, &storage->bytes, &storage->n);
  if (status == INS_OK && storage->n < least)
    status = ins_fail(INS_ERR_FORMAT, "%s: damaged: member %s holds %zu bytes where %zu are needed",
                      ins_archive_name(file->archive), member, storage->n, least);
  if (status == INS_OK) *out = storage;
  free(member);
  return status;
}
