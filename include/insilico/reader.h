/* SPDX-License-Identifier: MIT */
/** Reading results files in parallel: one variable of a finished stage, with its axes.
 *
 * What a file says about itself is another's word: sizes are looked at before anything is read, and
 * the rows' checksums tell whether what is read is what a run has written.
 */
#ifndef INSILICO_READER_H
#define INSILICO_READER_H

#include <mpi.h>

#include "insilico/value.h"

/** What the results file at PATH says of `variable` ("NAME", or "GROUP/NAME" of a job of several
 * stages). One process, no MPI; only metadata, coordinates, labels and the books are read. *out is
 * a map (to be sent between ranks by ins_value_pack):
 *   path, group ("" for the root), variable (NAME alone), units, long_name   texts ("" where there
 *                           is none)
 *   title, experiment       texts, of the file
 *   identity                text, SHA-256 (hex) over what the stage holds: the attributes job_sha256
 *                           and model_sha256 of the file, the stage's name, and the variables status
 *                           and checksum: the same rows, the same identity, wherever the file lies
 *   dtype                   text, as ins_dtype_name
 *   n_tasks, n_done         integers, of the stage, by `status`
 *   axes                    list, in the order of the file, of maps {name, units, long_name, length,
 *                           coordinates (array int64 or float64, or list of texts; left out where
 *                           the axis has none)}
 *   labels                  list of maps {name, long_name, axis (its number in `axes`), n_open (tasks
 *                           that its values come of and that are not done; 0 for constants), values
 *                           (array or list of texts)}: constants and summaries of the group, and
 *                           variables of finished tasks, that lie along exactly that one axis of the
 *                           variable: session, group_assignment, truth_*, indices of tuning, ...
 *                           Of a variable in a group also those of the root along axes that have
 *                           the same name and coordinates there; the group's own come first in the
 *                           list, and hide namesakes. Arrays are of the type in the file; where
 *                           values are missing (fill values, tasks that are not done) float64 with
 *                           NaN; missing texts are "". Rows are not verified: ins_reader_verify
 *                           covers those of the variable's own stage
 * @return INS_OK; INS_ERR_IO (cannot be opened); INS_ERR_FORMAT (no results file of ours, damaged);
 *         INS_ERR_ARGUMENT (no such variable: names near it, those there are; texts or books,
 *         which are no data); INS_ERR_MEMORY */
ins_status ins_reader_describe(const char *path, const char *variable, ins_value **out) INS_CHECKED;

typedef struct ins_reader ins_reader;

/** Opens the variable of a description. Collective over comm (also on failure: all ranks return the
 * same); the file's metadata is read by one rank. INS_ERR_FORMAT when what lies there now is not
 * what was described (other shape, other identity: "changed meanwhile; run again"); INS_ERR_IO */
ins_status ins_reader_open(MPI_Comm comm, const ins_value *description, ins_reader **out) INS_CHECKED;
/** Recomputes the checksums of all rows of the stage, each rank a share. Collective. INS_ERR_FORMAT:
 * some do not hold: how many, and what to do. */
ins_status ins_reader_verify(ins_reader *reader) INS_CHECKED;
/** Reads the box of elements [first[d], first[d] + count[d]) of all axes, row-major, as float32 or
 * float64 (`dtype`), into out. Fill values of integers become NaN. Local. Bounded memory beside
 * `out`. */
ins_status ins_reader_read(ins_reader *reader, const size_t *first, const size_t *count,
                           ins_dtype dtype, void *out) INS_CHECKED;
/** Local. */
void ins_reader_close(ins_reader **reader);

#endif
