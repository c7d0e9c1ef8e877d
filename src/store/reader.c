/* SPDX-License-Identifier: MIT */
/* A variable of a results file, open on all ranks: one looks where it lies and tells the others,
 * each reads for itself by MPI-IO. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"
#include "io.h"
#include "reader_open.h"
#include "shared.h"

/* ---- opening -----------------------------------------------------------------------------------
 */

static ins_status changed(const char *path) {
  return ins_fail(INS_ERR_FORMAT, "%s: has changed meanwhile; run again", path);
}

static const char *text_of(const ins_value *map, const char *key) {
  return ins_value_text_or(ins_map_get(map, key), "");
}

/* Is it the shape that was described? Names and coordinates of axes follow from the job. */
static bool is_as_described(const ins_extent *extent, const ins_value *description) {
  const ins_value *axes = ins_map_get(description, "axes");
  bool same = ins_value_count(axes) == (size_t)extent->n_dims &&
              !strcmp(text_of(description, "dtype"), ins_dtype_name(extent->dtype));
  for (int d = 0; d < extent->n_dims && same; d++)
    same = ins_value_int_or(ins_map_get(axes->children.items[d], "length"), -1) ==
           (int64_t)extent->dims[d];
  return same;
}

/* On one rank. */
static ins_status look_up(ins_reader *reader, const ins_value *description) {
  char identity[INS_SHA256_HEX];
  size_t n_done;
  ins_source source;
  const char *group = text_of(description, "group");
  char *name = ins_format("%s/%s", group, text_of(description, "variable"));
  if (!name) return INS_ERR_MEMORY;
  ins_status status = ins_source_open(reader->path, name, &source);
  free(name);
  if (status == INS_ERR_ARGUMENT) return changed(reader->path); /* it was there before */
  if (status != INS_OK) return status;
  status = ins_source_identify(&source, identity, &n_done);
  if (status == INS_OK && (strcmp(identity, text_of(description, "identity")) != 0 ||
                           !is_as_described(ins_source_extent(&source), description)))
    status = changed(reader->path);
  if (status == INS_OK) {
    reader->extent = *ins_source_extent(&source);
    reader->rows = source.rows;
    source.rows = (ins_rows){.fd = -1};
  }
  ins_source_close(&source);
  return status;
}

static ins_status reader_new(MPI_Comm comm, const ins_value *description, ins_reader **out) {
  ins_status status = ins_alloc(1, sizeof **out, out);
  if (status != INS_OK) return status;
  const char *group = text_of(description, "group");
  **out = (ins_reader){.comm = comm, .file = MPI_FILE_NULL, .rows = {.fd = -1}};
  (*out)->path = strdup(text_of(description, "path"));
  (*out)->stage = strdup(ins_source_stage(group));
  if ((*out)->path && (*out)->stage) return INS_OK;
  return ins_fail(INS_ERR_MEMORY, "out of memory opening results");
}

/* Each rank for itself, as results are written: one that cannot read keeps nobody waiting. */
static ins_status open_alone(ins_reader *reader) {
  MPI_Info info = ins_io_info();
  errno = 0;
  int code = MPI_File_open(MPI_COMM_SELF, reader->path, MPI_MODE_RDONLY, info, &reader->file);
  MPI_Info_free(&info);
  if (code == MPI_SUCCESS) return INS_OK;
  reader->file = MPI_FILE_NULL;
  return ins_io_fail(reader->path, "cannot be opened", code);
}

ins_status ins_reader_open(MPI_Comm comm, const ins_value *description, ins_reader **out) {
  int rank;
  ins_reader *reader = NULL;
  *out = NULL;
  MPI_Comm_rank(comm, &rank);
  ins_status status = ins_agree(comm, reader_new(comm, description, &reader));
  if (status == INS_OK) status = ins_agree(comm, ins_shared_check(comm, reader->path));
  if (status == INS_OK) status = ins_agree(comm, rank == 0 ? look_up(reader, description) : INS_OK);
  if (status == INS_OK) {
    MPI_Bcast(&reader->extent, sizeof reader->extent, MPI_BYTE, 0, comm);
    status = ins_agree(comm, ins_rows_tell(comm, reader->path, &reader->rows));
  }
  if (status == INS_OK) status = ins_agree(comm, open_alone(reader));
  if (status == INS_OK)
    *out = reader;
  else
    ins_reader_close(&reader);
  return status;
}

void ins_reader_close(ins_reader **reader) {
  if (!reader || !*reader) return;
  if ((*reader)->file != MPI_FILE_NULL) MPI_File_close(&(*reader)->file);
  ins_rows_close(&(*reader)->rows);
  free((*reader)->path);
  free((*reader)->stage);
  ins_free(reader);
}

/* ---- verifying ---------------------------------------------------------------------------------
 */

/* Of tasks [first, first + n): rows that their status says are written, and that are not whole. */
static ins_status count_damaged(const ins_rows *rows, size_t first, size_t n, size_t *out) {
  enum { STEP = 1 << 16 };
  uint8_t *state = NULL, *said = NULL;
  ins_status status = ins_alloc(STEP, 1, &state);
  if (status == INS_OK) status = ins_alloc(STEP, 1, &said);
  for (size_t at = 0; at < n && status == INS_OK; at += STEP) {
    const size_t k = n - at < STEP ? n - at : STEP;
    if (!ins_rows_read(rows, rows->status.offset + first + at, k, said)) memset(said, 1, k);
    status = ins_rows_verify(rows, first + at, k, state, NULL);
    for (size_t i = 0; i < k && status == INS_OK; i++)
      *out += said[i] != INS_TASK_PENDING && state[i] == INS_TASK_PENDING;
  }
  ins_free(&state);
  ins_free(&said);
  return status;
}

ins_status ins_reader_verify(ins_reader *reader) {
  int rank, size;
  size_t damaged = 0;
  MPI_Comm_rank(reader->comm, &rank);
  MPI_Comm_size(reader->comm, &size);
  const size_t n = reader->rows.n_tasks, share = (n + (size_t)size - 1) / (size_t)size;
  const size_t first = share * (size_t)rank < n ? share * (size_t)rank : n;
  ins_status status =
      count_damaged(&reader->rows, first, n - first < share ? n - first : share, &damaged);
  status = ins_agree(reader->comm, status);
  if (status != INS_OK) return status;
  uint64_t mine = damaged, all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_UINT64_T, MPI_SUM, reader->comm);
  if (!all) return INS_OK;
  return ins_fail(INS_ERR_FORMAT,
                  "%s: %llu of %zu rows of stage %s are not what was written (their checksums do "
                  "not hold); run its job again, which computes them anew",
                  reader->path, (unsigned long long)all, n, reader->stage);
}
