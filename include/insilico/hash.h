/* SPDX-License-Identifier: MIT */
/** Hashes: SHA-256 names things (models, jobs), XXH3 (64 bits) notices damage (rows). */
#ifndef INSILICO_HASH_H
#define INSILICO_HASH_H

#include "insilico/status.h"

enum { INS_SHA256_HEX = 65 }; /* 64 hexadecimal digits and NUL */

typedef struct ins_xxh {
  void *state;
} ins_xxh;

ins_status ins_sha256(const void *bytes, size_t n, char out[INS_SHA256_HEX]) INS_CHECKED;
ins_status ins_sha256_file(const char *path, char out[INS_SHA256_HEX]) INS_CHECKED;
uint64_t ins_xxh3(const void *bytes, size_t n, uint64_t seed);
/** Streaming form over several pieces; the digest equals ins_xxh3 of their concatenation. */
ins_status ins_xxh_create(ins_xxh *hash) INS_CHECKED;
void ins_xxh_begin(ins_xxh *hash, uint64_t seed);
void ins_xxh_add(ins_xxh *hash, const void *bytes, size_t n);
uint64_t ins_xxh_end(ins_xxh *hash);
void ins_xxh_destroy(ins_xxh *hash);

#endif
