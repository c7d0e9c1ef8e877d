/* SPDX-License-Identifier: MIT */
/** Checked allocation: sizes are multiplied without overflow, failures carry a message. */
#ifndef INSILICO_MEMORY_H
#define INSILICO_MEMORY_H

#include "insilico/status.h"

/** *out = zeroed memory for n items of `size` bytes (never NULL on success, also for n = 0),
 * aligned to 64 bytes (a cache line, an AVX-512 register). Free with ins_free.
 * @return INS_OK; INS_ERR_MEMORY, *out = NULL */
ins_status ins_alloc(size_t n, size_t size, void *out) INS_CHECKED;
/** Grows *array (from ins_alloc or NULL) to hold at least n items of `size`; *capacity in items. */
ins_status ins_grow(void *array, size_t *capacity, size_t n, size_t size) INS_CHECKED;
/** Frees *pointer (may be NULL) and sets it to NULL. Takes the address of a pointer. */
void ins_free(void *pointer);
/** a*b into *out; false on overflow. */
static inline bool ins_mul(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}

#endif
