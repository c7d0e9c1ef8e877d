/* SPDX-License-Identifier: MIT */
/** Counter-based random numbers: a pure function of what they are for, never of who draws them.
 *
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), from
 * Random123. The key is (job seed, stream name); the counter is (coordinate values, element). Rank,
 * time and order do not enter, so a task draws the same numbers alone, in any batch and on any
 * machine.
 */
#ifndef INSILICO_RANDOM_H
#define INSILICO_RANDOM_H

#include "insilico/status.h"

typedef struct ins_stream {
  uint32_t key[2];
  uint64_t coordinate; /* upper half of the counter */
} ins_stream;

/** The stream `name` of `seed` at the coordinates values[0..n): by value (the neuron's number in
 * the model, the seed), not by position in a list. Distinct tuples give independent streams (64-bit
 * hash). */
ins_stream ins_stream_at(uint64_t seed, const char *name, const int64_t *values, size_t n);
/** Four independent 32-bit words of block `block`. */
void ins_stream_words(const ins_stream *stream, uint64_t block, uint32_t out[4]);
/** out[i] uniform in (0,1), i in [first, first+n); element i does not depend on first or n. */
void ins_stream_uniform(const ins_stream *stream, uint64_t first, size_t n, double *out);
/** out[i] standard normal (Box-Muller on two 32-bit words, computed in double). */
void ins_stream_normal(const ins_stream *stream, uint64_t first, size_t n, float *out);

#endif
