/* SPDX-License-Identifier: MIT */
/** Memory that is taken piece by piece and freed all at once: a model's weights, a plan's buffers.
 */
#ifndef INSILICO_ARENA_H
#define INSILICO_ARENA_H

#include "insilico/memory.h"

typedef struct ins_arena { /* zero-initialise */
  void **blocks;
  size_t n, capacity, bytes;
} ins_arena;

/** As ins_alloc (zeroed, aligned), freed with the arena. */
ins_status ins_arena_take(ins_arena *arena, size_t n, size_t size, void *out) INS_CHECKED;
void ins_arena_free(ins_arena *arena);

#endif
