/* SPDX-License-Identifier: MIT */
/** A variable that is open. Private to the reader. */
#ifndef INSILICO_STORE_READER_OPEN_H
#define INSILICO_STORE_READER_OPEN_H

#include "insilico/reader.h"
#include "reader_source.h"

struct ins_reader {
  MPI_Comm comm; /* the caller's */
  char *path, *stage;
  MPI_File file; /* of this rank alone */
  ins_extent extent;
  ins_rows rows;
};

#endif
