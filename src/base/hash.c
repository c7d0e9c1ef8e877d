/* SPDX-License-Identifier: MIT */
#include "insilico/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static ins_status crypto_failed(void) {
  return ins_fail(INS_ERR_INTERNAL, "OpenSSL could not compute a SHA-256 hash");
}

static ins_status finish_sha256(EVP_MD_CTX *context, char out[INS_SHA256_HEX]) {
  unsigned char digest[32];
  if (EVP_DigestFinal_ex(context, digest, NULL) != 1) return crypto_failed();
  for (size_t i = 0; i < sizeof digest; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
  return INS_OK;
}

ins_status ins_sha256(const void *bytes, size_t n, char out[INS_SHA256_HEX]) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  ins_status status = crypto_failed();
  if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
      EVP_DigestUpdate(context, bytes, n) == 1)
    status = finish_sha256(context, out);
  EVP_MD_CTX_free(context);
  return status;
}

ins_status ins_sha256_file(const char *path, char out[INS_SHA256_HEX]) {
  unsigned char block[65536];
  size_t n;
  FILE *file = fopen(path, "rb");
  if (!file) return ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  ins_status status = crypto_failed();
  if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) goto done;
  while ((n = fread(block, 1, sizeof block, file)) > 0)
    if (EVP_DigestUpdate(context, block, n) != 1) goto done;
  status = ferror(file) ? ins_fail(INS_ERR_IO, "%s: reading failed: %s", path, strerror(errno))
                        : finish_sha256(context, out);
done:
  EVP_MD_CTX_free(context);
  fclose(file);
  return status;
}

uint64_t ins_xxh3(const void *bytes, size_t n, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, n, seed);
}

ins_status ins_xxh_create(ins_xxh *hash) {
  hash->state = XXH3_createState();
  if (!hash->state) return ins_fail(INS_ERR_MEMORY, "out of memory while hashing");
  ins_xxh_begin(hash, 0);
  return INS_OK;
}

void ins_xxh_begin(ins_xxh *hash, uint64_t seed) {
  XXH3_64bits_reset_withSeed(hash->state, seed);
}

void ins_xxh_add(ins_xxh *hash, const void *bytes, size_t n) {
  XXH3_64bits_update(hash->state, bytes, n);
}

uint64_t ins_xxh_end(ins_xxh *hash) {
  return XXH3_64bits_digest(hash->state);
}

void ins_xxh_destroy(ins_xxh *hash) {
  XXH3_freeState(hash->state);
  hash->state = NULL;
}
