/* SPDX-License-Identifier: MIT */
/* Where everything lies in a file that is opened: found by one rank, known to all. */
#include <stdlib.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"
#include "open_file.h"

/* ---- rank 0 looks ------------------------------------------------------------------------------
 */

static ins_status find_variables(const char *path, hid_t file, stage *s) {
  const ins_layout *layout = s->layout;
  hid_t group = ins_store_open_group(file, layout->group);
  ins_status status = INS_OK;
  for (int v = 0; v < layout->n_variables && status == INS_OK; v++) {
    const ins_variable *variable = &layout->variables[v];
    if (variable->scope == INS_CONSTANT) continue;
    const size_t rows =
        variable->scope == INS_SUMMARY ? ins_layout_groups(layout) : s->rows.n_tasks;
    if (!ins_rows_offset(group, variable->name, rows * ins_layout_row_bytes(layout, v),
                         &s->offset[v]))
      status = ins_fail(INS_ERR_FORMAT, "%s: variable '%s' is not of this job's size", path,
                        variable->name);
  }
  if (group >= 0) H5Gclose(group);
  return status;
}

static ins_status find_stage(const char *path, hid_t file, stage *s) {
  ins_status status = ins_rows_open(file, s->layout->group, path, &s->rows);
  if (status == INS_OK &&
      (!ins_rows_fit(&s->rows, s->layout) || s->rows.n_tasks != ins_layout_tasks(s->layout)))
    status = ins_fail(INS_ERR_FORMAT, "%s: its rows are not of this job's number and sizes", path);
  if (status == INS_OK) status = find_variables(path, file, s);
  return s->layout->group ? ins_within(status, "stage %s", s->layout->group) : status;
}

static ins_status find_all(ins_store *store) {
  hid_t file = ins_h5_open_plain(store->path);
  if (file < 0) return ins_h5_fail(store->path, "cannot be opened");
  ins_status status = INS_OK;
  for (size_t k = 0; k < store->n && status == INS_OK; k++)
    status = find_stage(store->path, file, &store->stages[k]);
  H5Fclose(file);
  return status;
}

/* ---- and tells the others ----------------------------------------------------------------------
 */

/* What of a stage's rows has no pointers. */
typedef struct told {
  uint64_t n_tasks, seed, chunk, row_bytes, n;
  ins_place status, error, checksum;
} told;

ins_status ins_rows_tell(MPI_Comm comm, const char *path, ins_rows *rows) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  told t = {rows->n_tasks,     rows->seed,   rows->chunk, rows->row_bytes,
            (uint64_t)rows->n, rows->status, rows->error, rows->checksum};
  MPI_Bcast(&t, sizeof t, MPI_BYTE, 0, comm);
  ins_status status = INS_OK;
  if (rank) {
    *rows = (ins_rows){.fd = -1,
                       .n_tasks = t.n_tasks,
                       .seed = t.seed,
                       .chunk = t.chunk,
                       .row_bytes = t.row_bytes,
                       .n = (int)t.n,
                       .status = t.status,
                       .error = t.error,
                       .checksum = t.checksum};
    rows->path = strdup(path);
    status = rows->path ? ins_alloc(t.n, sizeof *rows->place, &rows->place)
                        : ins_fail(INS_ERR_MEMORY, "out of memory opening %s", path);
  }
  status = ins_agree(comm, status);
  if (status != INS_OK) return status;
  MPI_Bcast(rows->place, (int)(t.n * sizeof *rows->place), MPI_BYTE, 0, comm);
  return rank ? ins_rows_reopen(rows) : INS_OK;
}

static ins_status tell_stage(const ins_store *store, stage *s, MPI_Comm comm) {
  ins_status status = ins_agree(comm, ins_rows_tell(comm, store->path, &s->rows));
  if (status == INS_OK) MPI_Bcast(s->offset, s->layout->n_variables, MPI_UINT64_T, 0, comm);
  return status;
}

ins_status ins_store_find(ins_store *store, MPI_Comm comm) {
  int rank, size;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  ins_status status = ins_agree(comm, rank == 0 ? find_all(store) : INS_OK);
  for (size_t k = 0; k < store->n && status == INS_OK && size > 1; k++)
    status = tell_stage(store, &store->stages[k], comm);
  return status;
}
