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
  if (status == INS_OK)
    status = ins_pickle_read(file->pickle_bytes, file->n_pickle_bytes, where, &file->pickle);
  free(where);
  return status;
}

ins_status ins_torch_open(const char *path, ins_torch_file **out) {
  ins_torch_file *file;
  ins_status status = ins_alloc(1, sizeof *file, &file);
  *out = NULL;
  if (status != INS_OK) return status;
  status = ins_archive_open(path, &file->archive);
  if (status == INS_OK) status = read_pickle(file);
  if (status == INS_OK) status = read_byte_order(file);
  if (status != INS_OK) ins_torch_close(&file);
  *out = file;
  return status;
}

void ins_torch_close(ins_torch_file **file) {
  ins_torch_file *f = *file;
  if (!f) return;
  for (size_t i = 0; i < f->n_storages; i++) {
    free(f->storages[i].member);
    ins_free(&f->storages[i].bytes);
  }
  ins_free(&f->storages);
  ins_pickle_free(&f->pickle);
  ins_free(&f->pickle_bytes);
  free(f->top);
  ins_archive_close(&f->archive);
  ins_free(file);
}

static const ins_storage *find_storage(const ins_torch_file *file, const char *member) {
  for (size_t i = 0; i < file->n_storages; i++)
    if (strcmp(file->storages[i].member, member) == 0) return &file->storages[i];
  return NULL;
}

static ins_status read_storage(ins_torch_file *file, const char *member, const ins_storage **out) {
  ins_storage *s;
  ins_status status = ins_grow(&file->storages, &file->storages_capacity, file->n_storages + 1,
                               sizeof *file->storages);
  if (status != INS_OK) return status;
  s = &file->storages[file->n_storages];
  *s = (ins_storage){.member = strdup(member)};
  if (!s->member) return ins_fail(INS_ERR_MEMORY, "out of memory while reading %s", member);
  status = ins_archive_read(file->archive, member, SIZE_MAX / 4, &s->bytes, &s->n);
  if (status != INS_OK)
    free(s->member);
  else
    file->n_storages++;
  *out = s;
  return status;
}

ins_status ins_torch_storage(ins_torch_file *file, ins_node key, size_t least,
                             const unsigned char **out, size_t *n) {
  const ins_pickle_node *text = ins_pk(&file->pickle, key);
  if (text->kind != PK_TEXT || text->text.n > MAX_KEY || text->text.n == 0)
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: a tensor does not name its storage",
                    ins_archive_name(file->archive));
  char *member = ins_format("%sdata/%.*s", file->top, (int)text->text.n, text->text.bytes);
  if (!member) return INS_ERR_MEMORY;
  const ins_storage *storage = find_storage(file, member);
  ins_status status = storage ? INS_OK : read_storage(file, member, &storage);
  if (status == INS_OK && storage->n < least)
    status = ins_fail(INS_ERR_FORMAT, "%s: damaged: member %s holds %zu bytes where %zu are needed",
                      ins_archive_name(file->archive), member, storage->n, least);
  if (status == INS_OK) {
    *out = storage->bytes;
    *n = storage->n;
  }
  free(member);
  return status;
}
