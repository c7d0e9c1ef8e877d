/* SPDX-License-Identifier: MIT */
#include "insilico/memory.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static ins_status allocate(size_t n, size_t size, void **out) {
  size_t bytes;
  *out = NULL;
  if (!ins_mul(n, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
    return ins_fail(INS_ERR_MEMORY, "%zu items of %zu bytes are more than can be addressed", n,
                    size);
  size_t rounded = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
  *out = aligned_alloc(ALIGNMENT, rounded);
  if (!*out) return ins_fail(INS_ERR_MEMORY, "out of memory: %zu bytes were asked for", bytes);
  memset(*out, 0, rounded);
  return INS_OK;
}

ins_status ins_alloc(size_t n, size_t size, void *out) {
  void *memory;
  ins_status status = allocate(n, size, &memory);
  memcpy(out, &memory, sizeof memory); /* `out` is the address of any kind of pointer */
  return status;
}

ins_status ins_grow(void *array, size_t *capacity, size_t n, size_t size) {
  if (n <= *capacity) return INS_OK;
  void *old, *grown;
  memcpy(&old, array, sizeof old);
  size_t wanted = *capacity < 8 ? 8 : *capacity + *capacity / 2;
  if (wanted < n) wanted = n;
  ins_status status = allocate(wanted, size, &grown);
  if (status != INS_OK) return status;
  if (old) memcpy(grown, old, *capacity * size);
  free(old);
  memcpy(array, &grown, sizeof grown);
  *capacity = wanted;
  return INS_OK;
}

void ins_free(void *pointer) {
  void *memory;
  memcpy(&memory, pointer, sizeof memory);
  free(memory);
  memory = NULL;
  memcpy(pointer, &memory, sizeof memory);
}
