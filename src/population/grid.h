/* SPDX-License-Identifier: MIT */
/** Processes as a grid, over which matrices are dealt in blocks (BLACS). Private to the room. */
#ifndef INSILICO_POPULATION_GRID_H
#define INSILICO_POPULATION_GRID_H

#include <mpi.h>

#include "insilico/status.h"

typedef struct ins_grid {
  MPI_Comm comm;
  int rank, size;
  int block; /* side of a block of a matrix */
  int n_rows,
      n_columns;   /* of processes: as square as may be, n_rows <= n_columns, all of them used */
  int row, column; /* of this process */
  int handle;      /* of the communicator, to BLACS */
  int context;     /* BLACS context of the grid */
  int pile, line;  /* contexts of the same processes as size x 1 and 1 x size, in order of ranks */
  MPI_Comm row_comm, column_comm; /* processes of this one's row, and of its column */
} ins_grid;

enum { INS_GRID_PANEL = 256 }; /* columns of operands that PBLAS multiplies at a time */

/** The shape of the grid that `size` ranks make. */
void ins_grid_shape(int size, int *n_rows, int *n_columns);
/** Collective. `comm` is borrowed. */
ins_status ins_grid_create(MPI_Comm comm, int block, ins_grid **out) INS_CHECKED;
void ins_grid_destroy(ins_grid **grid);

/** Contiguous share of n things of rank `rank` of `size`: the first of each rank is rank *
 * ceil(n / size), as in a distribution of one block a process. */
typedef struct ins_share_of {
  size_t first, n;
} ins_share_of;
ins_share_of ins_grid_share(size_t n, int size, int rank);

#endif
