/* SPDX-License-Identifier: MIT */
/** An open results file. Private to the files that open, write and read it. */
#ifndef INSILICO_STORE_OPEN_FILE_H
#define INSILICO_STORE_OPEN_FILE_H

#include "insilico/store.h"
#include "parts.h"
#include "rows.h"

typedef struct stage {
  const ins_layout *layout;
  ins_rows rows;
  uint64_t *offset; /* [n_variables]: where the variable begins in the file; constants: 0 */
} stage;

struct ins_store {
  MPI_Comm comm; /* the caller's */
  char *path;
  MPI_File file; /* of this rank alone */
  size_t n;
  stage *stages; /* [n] */
  ins_xxh hash;
};

/** Collective. Finds where everything lies: rank 0 looks, and tells the others, so that a file that
 * many ranks open is read by one. All ranks return the same. */
ins_status ins_store_find(ins_store *store, MPI_Comm comm) INS_CHECKED;

#endif
