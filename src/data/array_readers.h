/* SPDX-License-Identifier: MIT */
/** The formats behind ins_array_read. */
#ifndef DATA_ARRAY_READERS_H
#define DATA_ARRAY_READERS_H

#include <stdio.h>

#include "insilico/value.h"

/** Reads an open .npy file of `size` bytes; `path` for messages. */
ins_status ins_npy_read(const char *path, FILE *file, size_t size, ins_value **out) INS_CHECKED;

/** Reads dataset `name` (NULL: the only one) of an HDF5 file. */
ins_status ins_h5_array_read(const char *path, const char *name, ins_value **out) INS_CHECKED;

#endif
