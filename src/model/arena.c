/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <string.h>

ins_status ins_arena_take(ins_arena *arena, size_t n, size_t size, void *out) {
  ins_status status =
      ins_grow(&arena->blocks, &arena->capacity, arena->n + 1, sizeof *arena->blocks);
  void *memory = NULL;
  if (status == INS_OK) status = ins_alloc(n, size, &memory);
  if (status == INS_OK) {
    arena->blocks[arena->n++] = memory;
    arena->bytes += n * size;
  }
  memcpy(out, &memory, sizeof memory);
  return status;
}

void ins_arena_free(ins_arena *arena) {
  for (size_t i = 0; i < arena->n; i++) ins_free(&arena->blocks[i]);
  ins_free(&arena->blocks);
  *arena = (ins_arena){0};
}
