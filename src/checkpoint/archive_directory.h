/* SPDX-License-Identifier: MIT */
/** A look at a ZIP file's central directory before libzip trusts it. Local. */
#ifndef CHECKPOINT_ARCHIVE_DIRECTORY_H
#define CHECKPOINT_ARCHIVE_DIRECTORY_H

#include "insilico/status.h"

/** Checks that the members named by the central directory lie inside the file, before the
 * directory, one after the other without overlapping: overlapping members are how a small file
 * unfolds into a huge one.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT, naming the byte offset; INS_ERR_MEMORY */
ins_status ins_directory_check(const char *path) INS_CHECKED;

#endif
