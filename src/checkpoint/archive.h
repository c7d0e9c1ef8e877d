/* SPDX-License-Identifier: MIT */
/** The ZIP file around a checkpoint, read with limits.
 *
 * Nothing in the file is believed: members are read as far as their data really go, everything that
 * is unpacked counts against a budget set by the size of the file, and members that lie over one
 * another, reach beyond the file or are encrypted are refused. Local.
 */
#ifndef CHECKPOINT_ARCHIVE_H
#define CHECKPOINT_ARCHIVE_H

#include <stdint.h>

#include "insilico/status.h"

typedef struct ins_archive ins_archive;

ins_status ins_archive_open(const char *path, ins_archive **out) INS_CHECKED;
void ins_archive_close(ins_archive **archive);

/** The name of the file without its directory, for messages. */
const char *ins_archive_name(const ins_archive *archive);
/** The first member whose path ends in "/<suffix>" or is <suffix>; NULL when there is none. */
const char *ins_archive_find(const ins_archive *archive, const char *suffix);
/** True when a member of that path exists. */
bool ins_archive_has(const ins_archive *archive, const char *member);

/** Reads a whole member into *out (ins_free), at most `limit` bytes.
 * @return INS_OK; INS_ERR_FORMAT (missing, damaged, too large), INS_ERR_MEMORY */
ins_status ins_archive_read(ins_archive *archive, const char *member, size_t limit,
                            unsigned char **out, size_t *n) INS_CHECKED;

/** Takes `bytes` from what this file may still unfold into. INS_ERR_FORMAT when nothing is left. */
ins_status ins_archive_spend(ins_archive *archive, size_t bytes) INS_CHECKED;

#endif
