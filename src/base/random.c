/* SPDX-License-Identifier: MIT */
#include "insilico/random.h"

#include <Random123/philox.h>
#include <math.h>
#include <string.h>

#include "insilico/hash.h"

ins_stream ins_stream_at(uint64_t seed, const char *name, const int64_t *values, size_t n) {
  uint64_t key = ins_xxh3(name, strlen(name), seed);
  ins_stream stream = {.key = {(uint32_t)key, (uint32_t)(key >> 32)},
                       .coordinate = ins_xxh3(values, n * sizeof *values, n)};
  return stream;
}

void ins_stream_words(const ins_stream *stream, uint64_t block, uint32_t out[4]) {
  philox4x32_ctr_t counter = {{(uint32_t)block, (uint32_t)(block >> 32),
                               (uint32_t)stream->coordinate, (uint32_t)(stream->coordinate >> 32)}};
  philox4x32_key_t key = {{stream->key[0], stream->key[1]}};
  philox4x32_ctr_t words = philox4x32(counter, key);
  memcpy(out, words.v, sizeof words.v);
}

/* The middle of one of 2^32 equal cells of (0,1): never 0 or 1. */
static double unit(uint32_t word) {
  return ((double)word + 0.5) * 0x1p-32;
}

void ins_stream_uniform(const ins_stream *stream, uint64_t first, size_t n, double *out) {
  uint32_t words[4];
  for (size_t i = 0; i < n; i++) {
    uint64_t element = first + i;
    if (i == 0 || element % 4 == 0) ins_stream_words(stream, element / 4, words);
    out[i] = unit(words[element % 4]);
  }
}

/* Elements 2k and 2k+1 are the cosine and sine of one Box-Muller pair. */
void ins_stream_normal(const ins_stream *stream, uint64_t first, size_t n, float *out) {
  uint32_t words[4];
  for (size_t i = 0; i < n; i++) {
    uint64_t element = first + i;
    if (i == 0 || element % 4 == 0) ins_stream_words(stream, element / 4, words);
    size_t pair = (element % 4) / 2 * 2;
    double radius = sqrt(-2 * log(unit(words[pair]))), angle = 2 * M_PI * unit(words[pair + 1]);
    out[i] = (float)(radius * (element % 2 ? sin(angle) : cos(angle)));
  }
}
