/* SPDX-License-Identifier: MIT */
/** What is collected while the pickles of a file are looked at. Private to scan*.c. Local. */
#ifndef CHECKPOINT_SCAN_H
#define CHECKPOINT_SCAN_H

#include "insilico/value.h"
#include "pickle.h"
#include "scan_names.h"

/** Names beyond these are judged, but not listed. */
enum { INS_SCAN_NAMES = 4096 };

typedef struct ins_seen {
  char *name;
  ins_verdict verdict;
  size_t calls;
  const char *by;     /* "pickle", "_target_" */
  char *pickle;       /* where it was seen first */
  uint64_t first_at;  /* byte */
  ins_text arguments; /* of the first call of a dangerous name */
} ins_seen;

typedef struct ins_scan {
  ins_seen *seen;
  size_t n, capacity;
  size_t *table; /* by hash of the name: its number + 1 */
  bool more;     /* there were more names than are listed */
  ins_verdict verdict;
  ins_value *pickles;
} ins_scan;

/** Where a pickle stands: its member or "", and the byte that its own byte 0 is called. */
typedef struct ins_scan_place {
  const char *pickle;
  uint64_t at;
} ins_scan_place;

ins_status ins_scan_begin(ins_scan *scan) INS_CHECKED;
void ins_scan_end(ins_scan *scan);

/** Follows one pickle and notes what it names and calls; *end is how far it was read.
 * @return INS_OK also for a broken pickle, then *whole is false; INS_ERR_MEMORY */
ins_status ins_scan_pickle(ins_scan *scan, const unsigned char *bytes, size_t n,
                           ins_scan_place place, size_t *end, bool *whole) INS_CHECKED;
/** Pickles one after the other, until one is broken, all bytes are used, or there were `most`. */
ins_status ins_scan_pickles(ins_scan *scan, const unsigned char *bytes, size_t n,
                            ins_scan_place place, size_t most) INS_CHECKED;
/** The array of a .npy file, whose objects are a pickle. */
ins_status ins_scan_npy(ins_scan *scan, const unsigned char *bytes, size_t n,
                        ins_scan_place place) INS_CHECKED;
/** Raises the verdict of the file. */
void ins_scan_worse(ins_scan *scan, ins_verdict verdict);
/** {format, verdict, imports, pickles}; the pickles are taken from the scan. */
ins_status ins_scan_answer(ins_scan *scan, const char *format, ins_value **out) INS_CHECKED;

/** The arguments of a call as Python would write them: printable, at most some 200 characters. */
void ins_scan_arguments(const ins_pickle *pickle, ins_node call, ins_text *out);

#endif
