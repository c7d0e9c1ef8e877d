/* SPDX-License-Identifier: MIT */
/** A file that is one pickle, as older ensembles keep their data_info. Local. */
#ifndef CHECKPOINT_PICKLE_FILE_H
#define CHECKPOINT_PICKLE_FILE_H

#include "insilico/value.h"

/** Reads a pickle of protocol 0 to 5 as plain values (torch_file.h, ins_torch_value): nothing in it
 * is imported or called. What follows its end is left alone.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT (damaged, naming the byte; too deep, too large);
 * INS_ERR_MEMORY */
ins_status ins_pickle_file_value(const char *path, ins_value **out) INS_CHECKED;

#endif
