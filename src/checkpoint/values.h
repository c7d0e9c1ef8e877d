/* SPDX-License-Identifier: MIT */
/** The constructors that ins_torch_value understands, by family. */
#ifndef CHECKPOINT_VALUES_H
#define CHECKPOINT_VALUES_H

#include "torch_file.h"

/** Turns one CALL node into a value. *out = NULL with INS_OK: not understood after all, so that the
 * node is kept like that of an unknown class. */
typedef ins_status ins_constructor(ins_torch_file *file, ins_node call, ins_value **out);

/** What makes a value of this call; NULL for unknown classes. */
ins_constructor *ins_constructor_of(const ins_pickle *pickle, ins_node call);

/** numpy: arrays, scalars; texts and objects become (nested) lists. */
ins_status ins_numpy_reconstruct(ins_torch_file *file, ins_node call, ins_value **out) INS_CHECKED;
ins_status ins_numpy_scalar(ins_torch_file *file, ins_node call, ins_value **out) INS_CHECKED;
ins_status ins_numpy_frombuffer(ins_torch_file *file, ins_node call, ins_value **out) INS_CHECKED;
ins_status ins_numpy_dtype_name(ins_torch_file *file, ins_node call, ins_value **out) INS_CHECKED;

/** OmegaConf's DictConfig, ListConfig and leaf nodes; "${a.b}" is looked up in the configuration.
 */
ins_status ins_omegaconf_value(ins_torch_file *file, ins_node call, ins_value **out) INS_CHECKED;

/** The bytes of a BYTES node, of a text that Python 2 or protocol 2 wrote in place of them, or of a
 * bytearray. Borrowed, or owned by *owned (ins_free). false: the node holds no bytes. */
ins_status ins_bytes_of(ins_torch_file *file, ins_node node, const unsigned char **out, size_t *n,
                        unsigned char **owned, bool *found) INS_CHECKED;

/** Shape of an array from a tuple; false when it is none or has more than 8 axes. */
bool ins_shape_of(const ins_pickle *pickle, ins_node tuple, int *n_dims, size_t *shape,
                  size_t *count);

/** A text value; a NUL inside, which our texts cannot hold, becomes U+FFFD. */
ins_value *ins_text_value(const char *bytes, size_t n);
/** Adds key -> value of node to a map; keys of other types than text are written as JSON. */
ins_status ins_put_entry(ins_torch_file *file, ins_value *map, ins_node key,
                         ins_node node) INS_CHECKED;
/** A map of a DICT node's entries. */
ins_status ins_dict_value(ins_torch_file *file, ins_node dict, ins_value **out) INS_CHECKED;
/** A list of a LIST, TUPLE or SET node's items. */
ins_status ins_list_value(ins_torch_file *file, ins_node list, ins_value **out) INS_CHECKED;
/** An array of unsigned bytes; *out = NULL with INS_OK when the node holds none. */
ins_status ins_bytes_value(ins_torch_file *file, ins_node node, ins_value **out) INS_CHECKED;

/** What a value takes with its key and its place in a list or map; allocation rounds up. */
enum { INS_VALUE_COST = 448 };
/** Adding to a map takes time in proportion to its size: dictionaries beyond this are refused. */
enum { INS_MAX_ENTRIES = 1 << 16 };
/** INS_ERR_FORMAT for what is no damage but out of all proportion. */
ins_status ins_value_refused(const ins_torch_file *file, const char *what) INS_CHECKED;
/** INS_OK and *out = value, or INS_ERR_MEMORY when a constructor gave NULL. */
ins_status ins_value_made(ins_value *value, ins_value **out) INS_CHECKED;

#endif
