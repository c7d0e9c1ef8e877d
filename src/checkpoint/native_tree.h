/* SPDX-License-Identifier: MIT */
/** Trees of values as HDF5 groups and datasets; docs/model-file.md describes the form. Local. */
#ifndef CHECKPOINT_NATIVE_TREE_H
#define CHECKPOINT_NATIVE_TREE_H

#include <hdf5.h>

#include "insilico/value.h"

/** Writes `value` below `parent` as `name` (any text; '/' and '%' are escaped).
 * @return INS_OK; INS_ERR_IO; INS_ERR_UNSUPPORTED (nested too deep); INS_ERR_MEMORY */
ins_status ins_tree_write(hid_t parent, const char *name, const ins_value *value) INS_CHECKED;

/** Reads what ins_tree_write wrote. `file_size` bounds every array; links out of the file, external
 * and virtual storage are refused.
 * @return INS_OK; INS_ERR_FORMAT naming the object; INS_ERR_MEMORY */
ins_status ins_tree_read(hid_t parent, const char *name, size_t file_size,
                         ins_value **out) INS_CHECKED;

/** Our element types as HDF5 types, to be closed with H5Tclose. */
hid_t ins_tree_type(ins_dtype dtype);
/** Text of `size` bytes and its end. */
hid_t ins_tree_text_type(size_t size);

#endif
