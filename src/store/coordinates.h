/* SPDX-License-Identifier: MIT */
/** Axes of a file compared with axes of a layout, by the values of their coordinates. */
#ifndef INSILICO_STORE_COORDINATES_H
#define INSILICO_STORE_COORDINATES_H

#include "h5.h"
#include "insilico/layout.h"

/** Length and coordinates (NULL: none) of an axis in an open file. INS_ERR_FORMAT when it is not
 * there, INS_ERR_MEMORY. */
ins_status ins_coordinates_read(hid_t file, const char *name, size_t *length,
                                ins_value **out) INS_CHECKED;

/** map[i] = the index on `axis` of the coordinate number i of `old`, or SIZE_MAX; ins_alloc'd
 * [length]. Without coordinates on both sides positions count; with them on one side only nothing
 * matches. */
ins_status ins_coordinates_match(const ins_value *old, size_t length, const ins_axis *axis,
                                 size_t **map) INS_CHECKED;

#endif
