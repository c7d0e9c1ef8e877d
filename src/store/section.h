/* SPDX-License-Identifier: MIT */
/** A stage while its part of a results file is being made: its group, and its axes as dimension
 * scales in it. Private to the files that lay out. */
#ifndef INSILICO_STORE_SECTION_H
#define INSILICO_STORE_SECTION_H

#include "parts.h"

enum {
  /* Links and attributes stay in object headers, which carry checksums that are looked at when an
   * object is opened. In separate heaps, where HDF5 puts more than eight of them, damage is found
   * only in the middle of going through them, and HDF5 1.10 then frees what it never allocated. */
  INS_STORE_MAX_IN_HEADER = 8192
};

/** A dataset along a dimension, as scales list them (attribute REFERENCE_LIST). */
typedef struct ins_attached {
  hobj_ref_t dataset;
  int dimension;
} ins_attached;

/** A dimension scale, open, and what lies along it. */
typedef struct dimension {
  hid_t id;
  size_t n, capacity;
  ins_attached *attached; /* [n] */
} dimension;

typedef struct section {
  const char *path; /* of the file */
  const ins_layout *layout;
  uint64_t seed;
  hid_t group;
  int first; /* number of its first dimension: netCDF counts through the whole file */
  dimension axis[INS_MAX_AXES];
  int n_lengths; /* distinct lengths of texts, each a dimension */
  size_t *length;
  dimension *text_axis;
} section;

/** How many links the stage makes, and their mean length. */
void section_links(const section *s, size_t *n, size_t *length);

/** Plans a stage whose dimensions are numbered from `first`; nothing is made in the file yet. */
ins_status section_create(const char *path, const ins_layout *layout, int first,
                          section *out) INS_CHECKED;
/** How many dimensions that are. */
int section_dimensions(const section *s);
/** Closes what is open. */
void section_clear(section *s);

/** Makes the group in `file` (the root is there already), and the axes in it. */
ins_status section_make_group(section *s, hid_t file) INS_CHECKED;
ins_status section_make_axes(section *s) INS_CHECKED;
/** A dataset over `axes` of the layout, and over texts of `width` (0: of numbers). `fill` may be
 * NULL. Negative on failure. */
hid_t section_make_dataset(section *s, const char *name, hid_t type, int n, const int *axes,
                           size_t width, const void *fill, H5D_fill_time_t when);

/** Tells the axes what lies along them, once all datasets are made. */
ins_status section_finish_axes(section *s) INS_CHECKED;

/** Longest text, at least 1: a dimension of length 0 would be unlimited to netCDF. */
size_t section_text_width(const ins_value *list);
/** Padded texts in one block, as fixed-width rows. */
bool section_write_texts(hid_t dataset, const ins_value *list, size_t width);

#endif
