/* SPDX-License-Identifier: MIT */
/** Work to be dealt, as runs of consecutive batches: a job that was never begun is one run, however
 * many tasks it has, and a resumed one has as many as there are holes in its results. */
#ifndef INSILICO_SCHEDULE_LOTS_H
#define INSILICO_SCHEDULE_LOTS_H

#include "insilico/status.h"

/** Batches [first, first + n) of a stage. */
typedef struct lot {
  int64_t first, n;
  int64_t origin; /* of a foreman's: the deal that it came with */
  bool check;     /* some of its tasks may have results: look before computing */
} lot;

/** A queue of lots. Zero-initialise. */
typedef struct lots {
  lot *at; /* [begin, begin + n) are in use */
  size_t begin, n, capacity;
  int64_t n_batches; /* of all */
} lots;

/** Adds at the end; a lot that continues the last one makes it longer. */
ins_status lots_add(lots *queue, lot more) INS_CHECKED;
/** Puts at the front what comes next. */
ins_status lots_put_back(lots *queue, lot again) INS_CHECKED;
/** Takes at most `most` batches from the front, of one lot; false: there is none. */
bool lots_take(lots *queue, int64_t most, lot *out);
/** Some tasks of all of them may have results. */
void lots_check(lots *queue);
void lots_clear(lots *queue);

#endif
