/* SPDX-License-Identifier: MIT */
/** Every instruction set of this processor, and random numbers for kernels. */
#ifndef INSILICO_TESTS_KERNELS_PATHS_H
#define INSILICO_TESTS_KERNELS_PATHS_H

#include "cmocka_all.h"
#include "insilico/memory.h"
#include "insilico/random.h"
#include "kernels/kernels_table.h"

/** Calls test(kernels, arg) for every instruction set that runs here; their number. */
static inline int for_each_path(void (*test)(const ins_kernels *kernels, void *arg), void *arg) {
  int n = 0;
  for (const char *const *name = ins_kernels_names(); *name; name++) {
    const ins_kernels *kernels = ins_kernels_find(*name);
    if (!kernels) continue;
    test(kernels, arg);
    n++;
  }
  assert_true(n > 0);
  return n;
}

/** n zeroed items, or the test fails. */
static inline void *zeros(size_t n, size_t size) {
  void *memory;
  if (ins_alloc(n, size, &memory) != INS_OK) fail_msg("%s", ins_message());
  return memory;
}

static inline void normal(uint64_t seed, size_t n, float *out) {
  const ins_stream stream = ins_stream_at(seed, "test", NULL, 0);
  ins_stream_normal(&stream, 0, n, out);
}

/** A pseudo-random integer of [low, high], the `which`th of a seed. */
static inline int pick(uint64_t seed, uint64_t which, int low, int high) {
  const ins_stream stream = ins_stream_at(seed, "pick", NULL, 0);
  uint32_t words[4];
  ins_stream_words(&stream, which, words);
  return low + (int)(words[0] % (uint32_t)(high - low + 1));
}

#endif
