/* SPDX-License-Identifier: MIT */
/** The formats behind ins_array_read. */
#ifndef DATA_ARRAY_READERS_H
#define DATA_ARRAY_READERS_H

#include <stdio.h>

#include "insilico/value.h"

/** What is wanted of an array: of one with n_dims axes number `item` of the first axis, of any
 * other all. n_dims 0: always all. */
typedef struct ins_array_part {
  int n_dims;
  size_t item, n_items; /* the readers set n_items: length of the first axis, 1 of a whole array */
} ins_array_part;

/** Before the elements are read: takes the first axis off the shape when one item is wanted.
 * *is_item: it is. INS_ERR_ARGUMENT when there is no such item. */
ins_status ins_array_part_cut(const char *path, ins_array_part *part, int *n_dims, size_t *shape,
                              bool *is_item) INS_CHECKED;

/** Reads an open .npy file of `size` bytes; `path` for messages. */
ins_status ins_npy_read(const char *path, FILE *file, size_t size, ins_array_part *part,
                        ins_value **out) INS_CHECKED;

/** Reads dataset `name` (NULL: the only one) of an HDF5 file. */
ins_status ins_h5_array_read(const char *path, const char *name, ins_array_part *part,
                             ins_value **out) INS_CHECKED;

#endif
