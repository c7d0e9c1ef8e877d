/* SPDX-License-Identifier: MIT */
/** How files are made and opened: alignment, and what MPI-IO is told. */
#ifndef INSILICO_STORE_IO_H
#define INSILICO_STORE_IO_H

#include <mpi.h>

#include "h5.h"

/** Datasets of this many bytes or more begin at multiples of it. */
size_t ins_io_alignment(void);
/** Must MPI-IO make the file, because it can be striped only then? */
bool ins_io_striped(void);
/** Properties for H5Fcreate: the MPI-IO driver on this rank alone with our hints, file format of
 * HDF5 1.8. Negative on failure; to be closed with H5Pclose. */
hid_t ins_io_access(void);
/** INS_ERR_IO "PATH: WHAT: why", after a call of MPI-IO that gave `code`. */
ins_status ins_io_fail(const char *path, const char *what, int code) INS_CHECKED;
/** The hints themselves; to be freed with MPI_Info_free. */
MPI_Info ins_io_info(void);

#endif
