/* SPDX-License-Identifier: MIT */
/** Rows of a results file by plain file access: contiguous datasets need no HDF5 to be read, and a
 * file that HDF5 refuses can still be searched for rows whose checksum holds. */
#ifndef INSILICO_STORE_ROWS_H
#define INSILICO_STORE_ROWS_H

#include "h5.h"
#include "insilico/hash.h"
#include "insilico/store.h"

enum { INS_ROWS_SLAB = 8 << 20 }; /* bytes that are read at once, at most; a multiple of a chunk */

/** Where a variable's rows begin. */
typedef struct ins_place {
  char name[128];
  uint64_t offset;
  size_t row_bytes;
} ins_place;

/** Of one stage. */
typedef struct ins_rows {
  char *path;
  int fd;
  size_t n_tasks;
  uint64_t seed;
  size_t chunk; /* bytes of the chunks whose checksums the checksum is over; 0: over all bytes */
  ins_place status, error, checksum;
  int n;            /* PER_TASK variables, in the order that the checksum covers them */
  ins_place *place; /* [n] */
  size_t row_bytes; /* of all of them */
} ins_rows;

/** Finds the rows of the stage in `group` (NULL: the root) of an open HDF5 file and opens PATH
 * (which may be another file of the same layout). INS_ERR_FORMAT unless the books are as wide as
 * they have to be and all rows lie within the HDF5 file; whether they are those that are expected,
 * ins_rows_fit says. */
ins_status ins_rows_open(hid_t file, const char *group, const char *path,
                         ins_rows *out) INS_CHECKED;
/** Are these the rows of this layout: its PER_TASK variables, in their order, each as wide? What a
 * file says of its rows is another's word until this is asked. The number of tasks may differ. */
bool ins_rows_fit(const ins_rows *rows, const ins_layout *layout);
/** Where a dataset of `bytes` begins; 0 for one without elements. False when it is not there or
 * not of that size. */
bool ins_rows_offset(hid_t group, const char *name, size_t bytes, uint64_t *out);
/** Opens PATH anew: other nodes see what has been written and synced once they open a file. */
ins_status ins_rows_reopen(ins_rows *rows) INS_CHECKED;
void ins_rows_close(ins_rows *rows);
/** Collective: what rank 0 has opened at PATH, on all ranks; on failure some ranks may have it, and
 * codes may differ. */
ins_status ins_rows_tell(MPI_Comm comm, const char *path, ins_rows *rows) INS_CHECKED;

/** state[k] of tasks [first, first+n): DONE and FAILED only where the checksum holds; what cannot
 * be read is PENDING. *n_damaged (may be NULL) grows by the rows that claim to be written and are
 * not whole. */
ins_status ins_rows_verify(const ins_rows *rows, size_t first, size_t n, uint8_t *state,
                           size_t *n_damaged) INS_CHECKED;
/** What the status of n tasks (ascending numbers) says, without looking at their rows; values that
 * are none count as PENDING. INS_ERR_IO; INS_ERR_INTERNAL (out of range or order). */
ins_status ins_rows_states(const ins_rows *rows, size_t n, const size_t *task,
                           uint8_t *state) INS_CHECKED;
/** Reads n bytes; false when they are not all there (errno 0: the file ends before). */
bool ins_rows_read(const ins_rows *rows, uint64_t offset, size_t n, void *out);

/** The checksum of a task piece by piece: ins_rows_begin, then ins_rows_add of every variable's row
 * in their order, whole or in pieces that begin at multiples of INS_ROWS_SLAB, then ins_xxh_end. */
void ins_rows_begin(ins_xxh *hash, const ins_rows *rows, size_t task, ins_status code);
void ins_rows_add(ins_xxh *hash, const ins_rows *rows, const void *data, size_t bytes);
/** The checksum of a task whose rows lie in memory, at row[0..n) of the variables. */
uint64_t ins_rows_checksum(ins_xxh *hash, const ins_rows *rows, size_t task, ins_status code,
                           const void *const *row);
/** The same of rows that lie in the file, which is read in pieces of INS_ROWS_SLAB at most into
 * `block`: bounded memory whatever a task leaves behind. False: they cannot be read (errno 0: the
 * file ends before). */
bool ins_rows_hash(const ins_rows *rows, ins_xxh *hash, uint8_t *block, size_t task,
                   ins_status code, uint64_t *out);
/** The same by all ranks, each of which reads a share of the chunks; where rows are not cut into
 * chunks rank 0 reads all. Collective; *out counts on rank 0. All ranks return the same:
 * INS_ERR_IO (one of them cannot read its share); INS_ERR_MEMORY. */
ins_status ins_rows_sum(MPI_Comm comm, const ins_rows *rows, size_t task, ins_status code,
                        uint64_t *out) INS_CHECKED;

#endif
