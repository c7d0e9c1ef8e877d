/* SPDX-License-Identifier: MIT */
/** Element types in HDF5 files. For the rooms that keep arrays in HDF5 by way of `data`. */
#ifndef INSILICO_DATA_H5_TYPES_H
#define INSILICO_DATA_H5_TYPES_H

#include <hdf5.h>

#include "insilico/value.h"

/** A copy of the little-endian HDF5 type of whole numbers, float32 and float64; H5I_INVALID_HID for
 * truth values and half precision, which HDF5 has no name for. H5Tclose it. */
hid_t ins_h5_number_type(ins_dtype dtype);

#endif
