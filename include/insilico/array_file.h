/* SPDX-License-Identifier: MIT */
/** Arrays in files: NumPy .npy (versions 1 to 3) and datasets of HDF5 files. Local. */
#ifndef INSILICO_ARRAY_FILE_H
#define INSILICO_ARRAY_FILE_H

#include "insilico/value.h"

/** Reads one array of numbers: FILE.npy, or FILE.h5:DATASET (without :DATASET the file must hold
 * exactly one dataset). Fortran order and big-endian files are turned into row-major little-endian.
 * Sizes are checked against the file before anything is allocated.
 * @return INS_OK; INS_ERR_IO (cannot be read), INS_ERR_FORMAT (damaged, object or structured
 * dtype), INS_ERR_MISSING (no such dataset: the message lists what there is), INS_ERR_MEMORY */
ins_status ins_array_read(const char *path, ins_value **out) INS_CHECKED;

/** Reads one of several arrays that a file holds as one: of an array with n_dims axes only number
 * `item` of the first axis, as an array without that axis; an array with any other number of axes
 * is read whole. *n_items: length of that axis; 1 of a whole array. Nothing but the item is read
 * and allocated, unless a .npy file is in Fortran order.
 * @return as ins_array_read; INS_ERR_ARGUMENT when item >= *n_items */
ins_status ins_array_read_item(const char *path, int n_dims, size_t item, size_t *n_items,
                               ins_value **out) INS_CHECKED;

/** *out = FILE of "FILE:DATASET", or PATH itself: what ins_array_read opens. free() it.
 * @return INS_OK; INS_ERR_IO (there is no such file); INS_ERR_MEMORY */
ins_status ins_array_file(const char *path, char **out) INS_CHECKED;

/** Writes a .npy file (version 1.0) by way of PATH.part and a rename. */
ins_status ins_npy_write(const char *path, const ins_array *array) INS_CHECKED;

#endif
