/* SPDX-License-Identifier: MIT */
/** An open results file. Private to the files that open, write and read it. */
#ifndef INSILICO_STORE_OPEN_FILE_H
#define INSILICO_STORE_OPEN_FILE_H

#include "insilico/store.h"
#include "parts.h"
#include "rows.h"

typedef struct dataset {
  hid_t id, space, type;
  int rank;
  hsize_t dims[INS_STORE_MAX_RANK];
  size_t size; /* of an element */
} dataset;

typedef struct stage {
  const ins_layout *layout;
  dataset status, error, checksum, *variable; /* [n_variables]; constants stay closed */
  ins_rows rows;
} stage;

struct ins_store {
  MPI_Comm comm;
  char *path;
  hid_t file;
  size_t n;
  stage *stages; /* [n] */
  ins_xxh hash;
};

#endif
