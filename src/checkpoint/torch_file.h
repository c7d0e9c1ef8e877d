/* SPDX-License-Identifier: MIT */
/** A file of torch.save: a pickle, and one member a storage, in a ZIP file or as before torch 1.6.
 * Local. */
#ifndef CHECKPOINT_TORCH_FILE_H
#define CHECKPOINT_TORCH_FILE_H

#include "archive.h"
#include "insilico/value.h"
#include "pickle.h"

typedef struct ins_storage {
  unsigned char *bytes; /* NULL: not read, or taken by a tensor that is the whole of it */
  size_t n;
} ins_storage;

typedef struct ins_torch_file {
  ins_archive *archive;
  unsigned char *pickle_bytes;
  size_t n_pickle_bytes;
  ins_pickle pickle;
  char *top; /* what stands before "data.pkl" in the archive: "archive/" */
  bool big_endian;
  ins_storage *storages; /* one for each member of the archive */
  size_t n_values;       /* made so far, against exponentially shared trees */
  int depth;
} ins_torch_file;

/** Opens the file and reads its pickle; storages are read when a tensor is.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT; INS_ERR_MEMORY */
ins_status ins_torch_open(const char *path, ins_torch_file **out) INS_CHECKED;
void ins_torch_close(ins_torch_file **file);
static inline ins_node ins_torch_root(const ins_torch_file *file) {
  return file->pickle.root;
}

/** Opens a file that is one pickle, without storages. Errors as above. */
ins_status ins_torch_open_pickle(const char *path, ins_torch_file **out) INS_CHECKED;

/** The bytes of storage `key`, kept by the file unless the caller takes them; at least `least`. */
ins_status ins_torch_storage(ins_torch_file *file, ins_node key, size_t least,
                             ins_storage **out) INS_CHECKED;

/** Makes a tensor from a call of torch._utils._rebuild_tensor, _v2 or _v3: contiguous, row-major.
 * *out = NULL with INS_OK when its element type has no counterpart here (complex, quantised). */
ins_status ins_torch_tensor(ins_torch_file *file, ins_node call, ins_value **out) INS_CHECKED;

/** What a tensor is, without reading its numbers. */
typedef struct ins_tensor_look {
  const char *dtype; /* "float32", as torch spells it; "unknown" */
  int n_dims;
  size_t shape[INS_MAX_DIMS], n_bytes; /* 0 bytes where the type is unknown */
} ins_tensor_look;
ins_status ins_torch_describe(const ins_torch_file *file, ins_node call,
                              ins_tensor_look *out) INS_CHECKED;

/** The tree below a node as plain values: texts, numbers, lists, maps and arrays. Objects of
 * unknown classes become maps that name their class, or a text like "<module.Class>"; cycles are
 * cut.
 * @return INS_OK; INS_ERR_FORMAT (damaged; nested too deep; too large); INS_ERR_MEMORY */
ins_status ins_torch_value(ins_torch_file *file, ins_node node, ins_value **out) INS_CHECKED;

#endif
