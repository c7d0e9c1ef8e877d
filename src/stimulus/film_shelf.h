/* SPDX-License-Identifier: MIT */
/** Films are shown many times and read once: a process keeps what it read, within a bound, and
 * refuses files that change while it runs. Private to the room. Processes have one thread each:
 * nothing here is locked.
 */
#ifndef INSILICO_STIMULUS_FILM_SHELF_H
#define INSILICO_STIMULUS_FILM_SHELF_H

#include "film.h"

/** Files that one film was read from, as numbers of the process's record of all. */
typedef struct ins_film_files {
  size_t *which;
  size_t n, capacity;
} ins_film_files;

/** Call it before `path`, a file or a folder of PNG files, is read. Size and time of change are
 * recorded when it is the first time in this process; of a folder also the names of its PNG files.
 * @return INS_OK; INS_ERR_IO (it cannot be looked at, or is not as it was the first time);
 * INS_ERR_MISSING (a folder without PNG files); INS_ERR_MEMORY */
ins_status ins_film_files_add(ins_film_files *files, const char *path) INS_CHECKED;
/** All of them are as they were. INS_ERR_IO */
ins_status ins_film_files_check(const ins_film_files *files) INS_CHECKED;
void ins_film_files_clear(ins_film_files *files);

/** The film that was kept as `key`, whose files are still as they were; NULL: none is kept. Give it
 * back by ins_film_close. INS_ERR_IO when a file changed. */
ins_status ins_film_shelf_take(const char *key, const ins_film **out) INS_CHECKED;
/** Keeps a film and the files it is of, both moved from; else as ins_film_shelf_take. When it fails
 * both are the caller's still. */
ins_status ins_film_shelf_add(const char *key, ins_film *film, ins_film_files *files,
                              const ins_film **out) INS_CHECKED;
/** Numbers beyond `bytes` are not kept once they are not in use (those longest unused go first).
 * Returns the bound before, at first 1 GB. */
size_t ins_film_shelf_bound(size_t bytes);

#endif
