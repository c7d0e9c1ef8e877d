/* SPDX-License-Identifier: MIT */
/* Checksums of rows: of rows in memory, in a file, and in a file that all ranks read. The value
 * depends on the rows and on whether their stage is cut into chunks, never on who reads what. */
#include <errno.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"
#include "parts.h"
#include "rows.h"

_Static_assert(INS_ROWS_SLAB % INS_STORE_CHUNK == 0, "no chunk lies across two slabs");

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

void ins_rows_begin(ins_xxh *hash, const ins_rows *rows, size_t task, ins_status code) {
  int64_t number = (int64_t)task;
  int32_t error = (int32_t)code;
  ins_xxh_begin(hash, rows->seed);
  ins_xxh_add(hash, &number, sizeof number);
  ins_xxh_add(hash, &error, sizeof error);
}

void ins_rows_add(ins_xxh *hash, const ins_rows *rows, const void *data, size_t bytes) {
  const uint8_t *byte = data;
  if (!rows->chunk) ins_xxh_add(hash, data, bytes);
  for (size_t at = 0; rows->chunk && at < bytes; at += rows->chunk) {
    const uint64_t sum = ins_xxh3(byte + at, least(bytes - at, rows->chunk), rows->seed);
    ins_xxh_add(hash, &sum, sizeof sum);
  }
}

uint64_t ins_rows_checksum(ins_xxh *hash, const ins_rows *rows, size_t task, ins_status code,
                           const void *const *row) {
  ins_rows_begin(hash, rows, task, code);
  for (int v = 0; v < rows->n; v++) ins_rows_add(hash, rows, row[v], rows->place[v].row_bytes);
  return ins_xxh_end(hash);
}

bool ins_rows_hash(const ins_rows *rows, ins_xxh *hash, uint8_t *block, size_t task,
                   ins_status code, uint64_t *out) {
  ins_rows_begin(hash, rows, task, code);
  for (int v = 0; v < rows->n; v++) {
    const size_t bytes = rows->place[v].row_bytes;
    const uint64_t offset = rows->place[v].offset + (uint64_t)task * bytes;
    for (size_t at = 0; at < bytes; at += INS_ROWS_SLAB) {
      const size_t n = least(bytes - at, INS_ROWS_SLAB);
      if (!ins_rows_read(rows, offset + at, n, block)) return false;
      ins_rows_add(hash, rows, block, n);
    }
  }
  *out = ins_xxh_end(hash);
  return true;
}

static ins_status unreadable(const ins_rows *rows, size_t task) {
  return ins_fail(INS_ERR_IO, "%s: task %zu cannot be read: %s", rows->path, task,
                  errno ? strerror(errno) : "the file ends too early");
}

/* ---- all ranks ---------------------------------------------------------------------------------
 */

static size_t chunks_of(const ins_rows *rows, int v) {
  const size_t bytes = rows->place[v].row_bytes;
  return bytes / rows->chunk + (bytes % rows->chunk != 0);
}

static size_t count_chunks(const ins_rows *rows) {
  size_t n = 0;
  for (int v = 0; v < rows->n && rows->chunk; v++) n += chunks_of(rows, v);
  return n;
}

/* The first chunk of a rank; that of rank `size` is the end. Shares lie one behind the other, so
 * that each rank reads from the front to the back. */
static size_t first_chunk(size_t n, int rank, int size) {
  return n / (size_t)size * (size_t)rank + least(n % (size_t)size, (size_t)rank);
}

/* Chunk k, counted through all variables. */
static bool hash_chunk(const ins_rows *rows, size_t task, size_t k, uint8_t *block, uint64_t *out) {
  int v = 0;
  for (; k >= chunks_of(rows, v); v++) k -= chunks_of(rows, v);
  const size_t bytes = rows->place[v].row_bytes, at = k * rows->chunk;
  const size_t n = least(bytes - at, rows->chunk);
  if (!ins_rows_read(rows, rows->place[v].offset + (uint64_t)task * bytes + at, n, block))
    return false;
  *out = ins_xxh3(block, n, rows->seed);
  return true;
}

static ins_status hash_share(const ins_rows *rows, size_t task, size_t first, size_t n,
                             uint64_t *sum) {
  uint8_t *block = NULL;
  ins_status status = ins_alloc(least(rows->row_bytes, rows->chunk), 1, &block);
  for (size_t k = 0; k < n && status == INS_OK; k++)
    if (!hash_chunk(rows, task, first + k, block, &sum[k])) status = unreadable(rows, task);
  ins_free(&block);
  return status;
}

/* What rank 0 needs to put shares together. */
typedef struct shares {
  ins_xxh hash;
  uint64_t *sum;      /* [n chunks] */
  int *count, *first; /* [size] */
} shares;

static ins_status make_shares(size_t n, int size, shares *s) {
  ins_status status = ins_xxh_create(&s->hash);
  if (status == INS_OK) status = ins_alloc(n, sizeof *s->sum, &s->sum);
  if (status == INS_OK) status = ins_alloc((size_t)size, sizeof *s->count, &s->count);
  if (status == INS_OK) status = ins_alloc((size_t)size, sizeof *s->first, &s->first);
  for (int r = 0; r < size && status == INS_OK; r++) {
    s->first[r] = (int)first_chunk(n, r, size);
    s->count[r] = (int)(first_chunk(n, r + 1, size) - first_chunk(n, r, size));
  }
  return status;
}

static void free_shares(shares *s) {
  if (s->hash.state) ins_xxh_destroy(&s->hash);
  ins_free(&s->sum);
  ins_free(&s->count);
  ins_free(&s->first);
}

static ins_status sum_chunks(MPI_Comm comm, const ins_rows *rows, size_t task, ins_status code,
                             uint64_t *out) {
  int rank, size;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  const size_t n = count_chunks(rows), first = first_chunk(n, rank, size);
  const size_t mine = first_chunk(n, rank + 1, size) - first;
  shares all = {0};
  uint64_t *sum = NULL;
  ins_status status = ins_alloc(mine, sizeof *sum, &sum);
  if (status == INS_OK && rank == 0) status = make_shares(n, size, &all);
  if (status == INS_OK) status = hash_share(rows, task, first, mine, sum);
  status = ins_agree(comm, status);
  if (status != INS_OK) goto done;
  MPI_Gatherv(sum, (int)mine, MPI_UINT64_T, all.sum, all.count, all.first, MPI_UINT64_T, 0, comm);
  if (rank == 0) {
    ins_rows_begin(&all.hash, rows, task, code);
    ins_xxh_add(&all.hash, all.sum, n * sizeof *all.sum);
    *out = ins_xxh_end(&all.hash);
  }
done:
  free_shares(&all);
  ins_free(&sum);
  return status;
}

/* Without chunks nothing can be dealt. */
static ins_status sum_alone(const ins_rows *rows, size_t task, ins_status code, uint64_t *out) {
  ins_xxh hash = {0};
  uint8_t *block = NULL;
  ins_status status = ins_alloc(least(rows->row_bytes, INS_ROWS_SLAB), 1, &block);
  if (status == INS_OK) status = ins_xxh_create(&hash);
  if (status == INS_OK && !ins_rows_hash(rows, &hash, block, task, code, out))
    status = unreadable(rows, task);
  if (hash.state) ins_xxh_destroy(&hash);
  ins_free(&block);
  return status;
}

ins_status ins_rows_sum(MPI_Comm comm, const ins_rows *rows, size_t task, ins_status code,
                        uint64_t *out) {
  int rank;
  MPI_Comm_rank(comm, &rank);
  if (rows->chunk) return sum_chunks(comm, rows, task, code, out);
  return ins_agree(comm, rank == 0 ? sum_alone(rows, task, code, out) : INS_OK);
}
