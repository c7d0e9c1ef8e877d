/* SPDX-License-Identifier: MIT */
#include "lots.h"

#include <string.h>

#include "insilico/memory.h"

static bool continues(const lot *last, const lot *more) {
  return last->first + last->n == more->first && last->origin == more->origin &&
         last->check == more->check;
}

/* Room for one more at the end: first what was taken from the front is used again. */
static ins_status make_room(lots *queue) {
  if (queue->begin + queue->n < queue->capacity) return INS_OK;
  if (queue->begin > queue->n) {
    memmove(queue->at, queue->at + queue->begin, queue->n * sizeof *queue->at);
    queue->begin = 0;
    return INS_OK;
  }
  return ins_grow(&queue->at, &queue->capacity, queue->begin + queue->n + 1, sizeof *queue->at);
}

ins_status lots_add(lots *queue, lot more) {
  if (more.n <= 0) return INS_OK;
  lot *last = queue->n ? &queue->at[queue->begin + queue->n - 1] : NULL;
  if (last && continues(last, &more)) {
    last->n += more.n;
  } else {
    ins_status status = make_room(queue);
    if (status != INS_OK) return status;
    queue->at[queue->begin + queue->n++] = more;
  }
  queue->n_batches += more.n;
  return INS_OK;
}

ins_status lots_put_back(lots *queue, lot again) {
  if (again.n <= 0) return INS_OK;
  if (!queue->begin) {
    ins_status status = ins_grow(&queue->at, &queue->capacity, queue->n + 1, sizeof *queue->at);
    if (status != INS_OK) return status;
    memmove(queue->at + 1, queue->at, queue->n * sizeof *queue->at);
    queue->begin = 1;
  }
  queue->at[--queue->begin] = again;
  queue->n++;
  queue->n_batches += again.n;
  return INS_OK;
}

bool lots_take(lots *queue, int64_t most, lot *out) {
  if (!queue->n || most <= 0) return false;
  lot *front = &queue->at[queue->begin];
  *out = *front;
  if (out->n > most) out->n = most;
  front->first += out->n;
  front->n -= out->n;
  queue->n_batches -= out->n;
  if (front->n) return true;
  queue->n--;
  queue->begin = queue->n ? queue->begin + 1 : 0;
  return true;
}

void lots_check(lots *queue) {
  for (size_t i = 0; i < queue->n; i++) queue->at[queue->begin + i].check = true;
}

void lots_clear(lots *queue) {
  ins_free(&queue->at);
  *queue = (lots){0};
}
