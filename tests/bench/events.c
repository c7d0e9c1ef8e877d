/* SPDX-License-Identifier: MIT */
#include "events.h"

#include "insilico/memory.h"
#include "measure.h"

static bool sooner(const event *a, const event *b) {
  return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void events_add(events *e, event what) {
  bench_must(ins_grow(&e->heap, &e->capacity, e->n + 1, sizeof *e->heap));
  what.order = e->n_added++;
  size_t i = e->n++;
  for (; i > 0 && sooner(&what, &e->heap[(i - 1) / 2]); i = (i - 1) / 2)
    e->heap[i] = e->heap[(i - 1) / 2];
  e->heap[i] = what;
}

bool events_next(events *e, event *out) {
  if (!e->n) return false;
  *out = e->heap[0];
  const event last = e->heap[--e->n];
  size_t i = 0, child;
  while ((child = 2 * i + 1) < e->n) {
    if (child + 1 < e->n && sooner(&e->heap[child + 1], &e->heap[child])) child++;
    if (!sooner(&e->heap[child], &last)) break;
    e->heap[i] = e->heap[child];
    i = child;
  }
  e->heap[i] = last;
  return true;
}

void events_clear(events *e) {
  ins_free(&e->heap);
  *e = (events){0};
}
