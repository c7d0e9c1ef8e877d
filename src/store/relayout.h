/* SPDX-License-Identifier: MIT */
/** What the files share that lay a results file out anew: relayout.c finds the old rows of each
 * stage, relayout_rows.c copies them. */
#ifndef INSILICO_STORE_RELAYOUT_H
#define INSILICO_STORE_RELAYOUT_H

#include "parts.h"
#include "rows.h"

/** Old rows of a stage and where they belong. */
typedef struct source {
  const char *path;
  size_t stage;
  const ins_layout *layout; /* the new one */
  ins_rows rows;
  size_t length[INS_MAX_TASK_AXES]; /* of the old task axes */
  size_t *map[INS_MAX_TASK_AXES];   /* old index -> new index */
  bool absent;                      /* the old file has no such stage */
  bool outdated;                    /* its rows may depend on what is different now */
  bool searched;                    /* the old file does not lead to its rows */
  size_t n_kept;                    /* tasks copied */
  size_t n_lost;                    /* finished tasks that the new layout has no place for */
} source;

/** INS_ERR_FORMAT: the rows are not of the sizes that the layout has. */
ins_status ins_old_rows_damaged(const source *s) INS_CHECKED;
/** Copies every row whose checksum holds to its place in `store`, which has all stages of the new
 * file; s->n_kept and s->n_lost grow. Memory is bounded, however large rows are; failed tasks with
 * rows of more than 8 MiB become pending. Local.
 * @return INS_OK; INS_ERR_FORMAT; INS_ERR_IO (cannot be written); INS_ERR_MEMORY */
ins_status ins_old_rows_copy(source *s, ins_store *store) INS_CHECKED;

#endif
