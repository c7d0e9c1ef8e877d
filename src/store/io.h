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
/** Properties for H5Fcreate and H5Fopen: the MPI-IO driver on `comm` with our hints, file format of
 * HDF5 1.8. Negative on failure; to be closed with H5Pclose. */
hid_t ins_io_access(MPI_Comm comm);

#endif
