/* SPDX-License-Identifier: MIT */
/** HDF5 as the store uses it: quiet, with its own words for what went wrong; attributes from and to
 * values.
 *
 * Small writers return false on failure, so that a chain of them reads well; the caller turns the
 * end of the chain into one ins_h5_fail().
 */
#ifndef INSILICO_STORE_H5_H
#define INSILICO_STORE_H5_H

#include <hdf5.h>

#include "insilico/value.h"

/** HDF5 prints its error stack unless told not to; everything in this room calls this first. Its
 * words are remembered instead. */
void ins_h5_quiet(void);
/** Neither printed nor remembered. What this room is left with: HDF5 holds on to something of every
 * damaged object it met, and says so at the end of the program unless it is silent. */
void ins_h5_silent(void);
/** INS_ERR_IO "PATH: WHAT: what HDF5 said about its last failure". */
ins_status ins_h5_fail(const char *path, const char *what) INS_CHECKED;

/** The type of `dtype` in files, little-endian; a predefined type, not to be closed. Negative:
 * none. */
hid_t ins_h5_type(ins_dtype dtype);
/** The reverse, for types of any byte order; false when there is none. */
bool ins_h5_dtype(hid_t type, ins_dtype *out);
/** The number that stands for "no value" in files: NaN, or netCDF's own fill value for integers. */
void ins_h5_fill(ins_dtype dtype, void *out);

/** Opens a file for reading only, with plain file access and no locks, so that a run that writes it
 * is not disturbed. Negative on failure. */
hid_t ins_h5_open_plain(const char *path);

bool ins_h5_put_text(hid_t object, const char *name, const char *text);
/** n numbers as a list attribute; scalar when n == 0 (one number). */
bool ins_h5_put_numbers(hid_t object, const char *name, ins_dtype dtype, size_t n,
                        const void *data);
/** Text, numbers and truth values as they are, trees as JSON text, null not at all. */
bool ins_h5_put_value(hid_t object, const char *name, const ins_value *value);

/** *out = the attribute as text, number or array; NULL when it is missing, of another kind or cannot
 * be read.
 * @return INS_OK; INS_ERR_MEMORY, which is not to be taken for a damaged file */
ins_status ins_h5_get_value(hid_t object, const char *name, ins_value **out) INS_CHECKED;
/** All attributes that ins_h5_get_value understands, in the order of their making. */
ins_status ins_h5_get_all(hid_t object, ins_value **out) INS_CHECKED;

#endif
