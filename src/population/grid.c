/* SPDX-License-Identifier: MIT */
#include "grid.h"

#include "insilico/agree.h"
#include "insilico/memory.h"
#include "scalapack.h"

void ins_grid_shape(int size, int *n_rows, int *n_columns) {
  *n_rows = 1;
  for (int r = 1; r * r <= size; r++)
    if (size % r == 0) *n_rows = r;
  *n_columns = size / *n_rows;
}

ins_share_of ins_grid_share(size_t n, int size, int rank) {
  const size_t each = (n + (size_t)size - 1) / (size_t)size, first = each * (size_t)rank;
  if (first >= n) return (ins_share_of){n, 0};
  return (ins_share_of){first, n - first < each ? n - first : each};
}

/* All processes, in the order of their ranks, row by row. */
static ins_status make_context(int handle, int size, int n_rows, int n_columns, int *context) {
  int *map;
  ins_status status = ins_alloc((size_t)size, sizeof *map, &map);
  if (status != INS_OK) return status;
  for (int r = 0; r < n_rows; r++)
    for (int c = 0; c < n_columns; c++) map[c * n_rows + r] = r * n_columns + c;
  *context = handle;
  Cblacs_gridmap(context, map, n_rows, n_rows, n_columns);
  ins_free(&map);
  return INS_OK;
}

ins_status ins_grid_create(MPI_Comm comm, int block, ins_grid **out) {
  ins_grid *g = NULL;
  *out = NULL;
  ins_status status = ins_agree(comm, ins_alloc(1, sizeof *g, &g));
  if (status != INS_OK) {
    ins_free(&g);
    return status;
  }
  *g = (ins_grid){.comm = comm, .block = block, .context = -1, .pile = -1, .line = -1};
  MPI_Comm_rank(comm, &g->rank);
  MPI_Comm_size(comm, &g->size);
  ins_grid_shape(g->size, &g->n_rows, &g->n_columns);
  g->row = g->rank / g->n_columns;
  g->column = g->rank % g->n_columns;
  MPI_Comm_split(comm, g->row, g->rank, &g->row_comm);
  MPI_Comm_split(comm, g->column, g->rank, &g->column_comm);
  g->handle = Csys2blacs_handle(comm);
  status = make_context(g->handle, g->size, g->n_rows, g->n_columns, &g->context);
  if (status == INS_OK) status = make_context(g->handle, g->size, g->size, 1, &g->pile);
  if (status == INS_OK) status = make_context(g->handle, g->size, 1, g->size, &g->line);
  /* Making a context is collective: a rank that failed has kept the others waiting. */
  if (status != INS_OK) ins_fatal(status, "no memory for a map of the ranks", __FILE__, __LINE__);
  *out = g;
  return INS_OK;
}

void ins_grid_destroy(ins_grid **grid) {
  ins_grid *g = *grid;
  if (!g) return;
  Cblacs_gridexit(g->line);
  Cblacs_gridexit(g->pile);
  Cblacs_gridexit(g->context);
  Cfree_blacs_system_handle(g->handle);
  MPI_Comm_free(&g->row_comm);
  MPI_Comm_free(&g->column_comm);
  ins_free(grid);
}

/* ---- how PBLAS multiplies ----------------------------------------------------------------------
 */

int pilaenv_(const int *context, const char *precision);

/* The width of the panels in which PBLAS multiplies, in the place of the library's own function, as
 * its authors ask for. Theirs says 32: a rank passes over the whole result for every 32 columns of
 * the operands and waits for memory. At 256 products of single precision take 0.6 of the time, and
 * more gains nothing (tests/bench/run.sh population). It stands in a file that every program with
 * this room links; a file of its own would be left out, as only the library calls it.
 *
 * Source: L. S. Blackford et al., ScaLAPACK Users' Guide (SIAM, 1997), section 5.4; pilaenv.f. */
__attribute__((visibility("default"))) int pilaenv_(const int *context, const char *precision) {
  (void)context;
  (void)precision;
  return INS_GRID_PANEL;
}
