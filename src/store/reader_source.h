/* SPDX-License-Identifier: MIT */
/** A results file of ours as the reader sees it: datasets of a group, what they are and along which
 * axes they lie. Nothing that the file says of itself is relied on before it is looked at. Private
 * to the reader. */
#ifndef INSILICO_STORE_READER_SOURCE_H
#define INSILICO_STORE_READER_SOURCE_H

#include "parts.h"
#include "rows.h"

/** A dataset that has the elements that it claims, in one piece within the file. */
typedef struct ins_extent {
  bool texts; /* rows of letters */
  bool is_axis;
  bool fills; /* has a value that stands for a missing one: that of ins_h5_fill */
  ins_dtype dtype;
  int n_dims;
  size_t dims[INS_STORE_MAX_RANK + 1];
  size_t count; /* elements */
  uint64_t offset;
} ins_extent;

/** Datasets of a group, in the order they were made. Links to elsewhere are none. */
typedef struct ins_members {
  hid_t group;
  size_t n, capacity;
  struct ins_member {
    char *name;
    hobj_ref_t reference;
    bool whole; /* `extent` holds */
    ins_extent extent;
  } * items;
} ins_members;

/** A variable of a file that is open. */
typedef struct ins_source {
  const char *path; /* of whoever opened it */
  hid_t file;
  ins_value *stages; /* names of all */
  char *group;       /* "" for the root */
  char *name;
  ins_members members;
  size_t variable; /* its number among the members */
  ins_rows rows;   /* of its stage */
} ins_source;

/** Opens the file and finds the variable. Errors are those of ins_reader_describe. */
ins_status ins_source_open(const char *path, const char *variable, ins_source *out) INS_CHECKED;
void ins_source_close(ins_source *source);

static inline const ins_extent *ins_source_extent(const ins_source *source) {
  return &source->members.items[source->variable].extent;
}
/** Name of the stage in the file, "" meaning the root. */
static inline const char *ins_source_stage(const char *group) {
  return group[0] ? group : "/";
}

/** Lists the datasets of a group ("" the root). INS_ERR_FORMAT; INS_ERR_MEMORY. */
ins_status ins_members_read(hid_t file, const char *path, const char *group,
                            ins_members *out) INS_CHECKED;
void ins_members_clear(ins_members *members);
/** Number of a member, or members->n. */
size_t ins_members_find(const ins_members *members, const char *name);
/** What a user may ask for: numbers that are no axis and keep no books. */
bool ins_members_is_data(const ins_members *members, size_t i);
/** axis[d] = number of the member that is the axis of dimension d of member i (not that of the
 * letters of a text). False when the file does not say so. */
bool ins_members_axes(const ins_members *members, size_t i, size_t *axis);

/** SHA-256 of what the stage holds, and how many of its tasks are done. INS_ERR_FORMAT. */
ins_status ins_source_identify(const ins_source *source, char identity[INS_SHA256_HEX],
                               size_t *n_done) INS_CHECKED;
/** INS_ERR_ARGUMENT: what is called nearly so, and what there is. */
ins_status ins_source_unknown(const ins_source *source, const char *asked) INS_CHECKED;

#endif
