/* SPDX-License-Identifier: MIT */
/** What varies from run to run: the journal beside a results file, and the lock on it. Rank 0 only.
 */
#ifndef INSILICO_JOURNAL_H
#define INSILICO_JOURNAL_H

#include "insilico/value.h"

typedef struct ins_journal ins_journal;

/** Opens RESULTS' journal (NAME.journal.jsonl for NAME.h5) for appending. */
ins_status ins_journal_open(const char *results, ins_journal **out) INS_CHECKED;
/** Appends one line {"time": ISO 8601, "event": EVENT, ...fields}; takes `fields` (a map or NULL).
 * Losing the journal loses no result: a failed write is a warning, said once. */
void ins_journal_write(ins_journal *journal, const char *event, ins_value *fields);
void ins_journal_close(ins_journal **journal);
/** The last `most` events of a journal, oldest first, as a list of maps; damaged lines are skipped.
 */
ins_status ins_journal_read(const char *results, size_t most, ins_value **out) INS_CHECKED;

typedef struct ins_lock ins_lock;
/** Holds flock on NAME.lock, waiting up to `seconds` for it. INS_ERR_LOCKED names the holder (host,
 * pid). A file system without locks: a warning, and the run goes on. */
ins_status ins_lock_take(const char *results, double seconds, ins_lock **out) INS_CHECKED;
void ins_lock_release(ins_lock **lock);
/** Is a run writing these results now? Does not disturb it. */
bool ins_lock_held(const char *results);

/** DIR/NAME.suffix for DIR/NAME.h5 (or .nc, .hdf5): the files beside a results file. Free the
 * result. */
char *ins_beside(const char *results, const char *suffix);

#endif
