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

/** Writes a .npy file (version 1.0) by way of PATH.part and a rename. */
ins_status ins_npy_write(const char *path, const ins_array *array) INS_CHECKED;

#endif
