/* SPDX-License-Identifier: MIT */
#include "data/h5_types.h"

hid_t ins_h5_number_type(ins_dtype dtype) {
  switch (dtype) {
  case INS_U8:
    return H5Tcopy(H5T_STD_U8LE);
  case INS_I8:
    return H5Tcopy(H5T_STD_I8LE);
  case INS_I16:
    return H5Tcopy(H5T_STD_I16LE);
  case INS_I32:
    return H5Tcopy(H5T_STD_I32LE);
  case INS_I64:
    return H5Tcopy(H5T_STD_I64LE);
  case INS_U64:
    return H5Tcopy(H5T_STD_U64LE);
  case INS_F32:
    return H5Tcopy(H5T_IEEE_F32LE);
  case INS_F64:
    return H5Tcopy(H5T_IEEE_F64LE);
  case INS_F16:
  case INS_BF16:
  case INS_BOOL8:
    break;
  }
  return H5I_INVALID_HID;
}
