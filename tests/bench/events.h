/* SPDX-License-Identifier: MIT */
/** What will happen, soonest first; what happens at the same time happens in the order it was
 * planned. */
#ifndef INSILICO_BENCH_EVENTS_H
#define INSILICO_BENCH_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct event {
  double at;
  uint64_t order; /* set by events_add */
  int32_t kind, to, from;
  uint32_t note; /* of the caller */
} event;

/** A binary heap. Zero-initialise; events_clear frees. */
typedef struct events {
  event *heap;
  size_t n, capacity;
  uint64_t n_added;
} events;

/** Ends the program where memory ends. */
void events_add(events *e, event what);
bool events_next(events *e, event *out);
void events_clear(events *e);

#endif
