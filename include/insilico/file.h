/* SPDX-License-Identifier: MIT */
/** Files by path: the few things that several rooms need. */
#ifndef INSILICO_FILE_H
#define INSILICO_FILE_H

#include "insilico/status.h"

/** Makes the directories that lead to a file, like mkdir -p.
 * @return INS_OK; INS_ERR_IO naming the directory that cannot be made; INS_ERR_MEMORY */
ins_status ins_file_make_parents(const char *path) INS_CHECKED;

/** Makes an empty file where nothing may be kept: what lies there, a link too, is removed, and what
 * a link led to stays as it is. *fd is open for writing.
 * @return INS_OK; INS_ERR_IO, *fd = -1 */
ins_status ins_file_make_new(const char *path, int *fd) INS_CHECKED;

bool ins_file_exists(const char *path);
/** Do both paths lead to one existing file? */
bool ins_file_same(const char *a, const char *b);

#endif
