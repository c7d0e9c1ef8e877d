/* SPDX-License-Identifier: MIT */
/** A file of torch.save in its ZIP form: a pickle, and one member a storage. Local. */
#ifndef CHECKPOINT_TORCH_FILE_H
#define CHECKPOINT_TORCH_FILE_H

#include "archive.h"
#include "insilico/value.h"
#include "pickle.h"

typedef struct ins_storage {
  char *member;
  unsigned char *bytes;
  size_t n;
} ins_storage;

typedef struct ins_torch_file {
  ins_archive *archive;
  unsigned char *pickle_bytes;
  size_t n_pickle_bytes;
  ins_pickle pickle;
  char *top; /* what stands before "data.pkl" in the archive: "archive/" */
  bool big_endian;
  ins_storage *storages; /* read so far */
  size_t n_storages, storages_capacity;
  size_t n_values; /* made so far, against exponentially shared trees */
  int depth;
} ins_torch_file;

/** Opens the file and reads its pickle; storages are read when a tensor is.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT; INS_ERR_MEMORY */
ins_status ins_torch_open(const char *path, ins_torch_file **out) INS_CHECKED;
void ins_torch_close(ins_torch_file **file);
static inline ins_node ins_torch_root(const ins_torch_file *file) {
  return file->pickle.root;
}

/** The bytes of storage `key`, kept by the file; at least `least` of them. */
ins_status ins_torch_storage(ins_torch_file *file, ins_node key, size_t least,
                             const unsigned char **out, size_t *n) INS_CHECKED;

/** Makes a tensor from a call of torch._utils._rebuild_tensor, _v2 or _v3: contiguous, row-major.
 * *out = NULL with INS_OK when its element type has no counterpart here (complex, quantised). */
ins_status ins_torch_tensor(ins_torch_file *file, ins_node call, ins_value **out) INS_CHECKED;

/** The tree below a node as plain values: texts, numbers, lists, maps and arrays. Objects of
 * unknown classes become maps that name their class, or a text like "<module.Class>"; cycles are
 * cut.
 * @return INS_OK; INS_ERR_FORMAT (damaged; nested too deep; too large); INS_ERR_MEMORY */
ins_status ins_torch_value(ins_torch_file *file, ins_node node, ins_value **out) INS_CHECKED;

#endif
