/* SPDX-License-Identifier: MIT */
/* A checksum should not take longer than reading what it checks. Where the processor multiplies
 * without carries, 64 bytes a step are folded into 16, whose remainder by the polynomial is that of
 * all before (Gopal et al. 2009, "Fast CRC computation for generic polynomials using PCLMULQDQ");
 * elsewhere, and for what remains, 16 bytes a step: table[k][b] is the checksum's change by byte b
 * that k bytes follow (Kounavis and Berry 2005, "slicing"). */
#include <string.h>

#include "archive_members.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

void ins_crc_begin(ins_crc *crc) {
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t x = b;
    for (int bit = 0; bit < 8; bit++) x = x & 1 ? x >> 1 ^ 0xedb88320u : x >> 1;
    crc->table[0][b] = x;
  }
  for (uint32_t b = 0; b < 256; b++)
    for (int k = 1; k < 16; k++) {
      uint32_t x = crc->table[k - 1][b];
      crc->table[k][b] = x >> 8 ^ crc->table[0][x & 0xff];
    }
}

static uint32_t four(const uint32_t (*table)[256], uint32_t word) {
  return table[3][word & 0xff] ^ table[2][word >> 8 & 0xff] ^ table[1][word >> 16 & 0xff] ^
         table[0][word >> 24];
}

/* The checksum's state after n more bytes. */
static uint32_t advance(const ins_crc *crc, uint32_t x, const unsigned char *p, size_t n) {
  uint32_t words[4];
  for (; n >= 16; p += 16, n -= 16) {
    memcpy(words, p, sizeof words); /* little-endian, as all machines this is built for */
    x = four(crc->table + 12, words[0] ^ x) ^ four(crc->table + 8, words[1]) ^
        four(crc->table + 4, words[2]) ^ four(crc->table, words[3]);
  }
  for (; n; p++, n--) x = x >> 8 ^ crc->table[0][(x ^ *p) & 0xff];
  return x;
}

#ifdef __x86_64__
/* The 16 bytes of x moved on by as many as the factors stand for, and the 16 there added. */
__attribute__((target("pclmul"))) static __m128i fold(__m128i x, __m128i factors, __m128i next) {
  __m128i low = _mm_clmulepi64_si128(x, factors, 0x00);
  __m128i high = _mm_clmulepi64_si128(x, factors, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

static __m128i sixteen(const unsigned char *p) {
  return _mm_loadu_si128((const __m128i *)p);
}

/* The same as advance() for n >= 64; *used of the bytes, a multiple of 16. The factors are powers
 * of x modulo the polynomial, for 64 and for 16 bytes (the paper's k1 to k4). */
__attribute__((target("pclmul"))) static uint32_t advance_folding(const ins_crc *crc, uint32_t x,
                                                                  const unsigned char *p, size_t n,
                                                                  size_t *used) {
  const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  unsigned char folded[16];
  __m128i part[4];
  size_t at = 64;
  for (int k = 0; k < 4; k++) part[k] = sixteen(p + 16 * k);
  part[0] = _mm_xor_si128(part[0], _mm_cvtsi32_si128((int)x));
  for (; at + 64 <= n; at += 64)
    for (int k = 0; k < 4; k++) part[k] = fold(part[k], by_64, sixteen(p + at + 16 * k));
  for (int k = 1; k < 4; k++) part[0] = fold(part[0], by_16, part[k]);
  for (; at + 16 <= n; at += 16) part[0] = fold(part[0], by_16, sixteen(p + at));
  _mm_storeu_si128((__m128i *)folded, part[0]);
  *used = at;
  return advance(crc, 0, folded, sizeof folded);
}
#endif

uint32_t ins_crc_of(const ins_crc *crc, const void *bytes, size_t n) {
  uint32_t x = 0xffffffffu;
  size_t used = 0;
#ifdef __x86_64__
  if (n >= 64 && __builtin_cpu_supports("pclmul")) x = advance_folding(crc, x, bytes, n, &used);
#endif
  return ~advance(crc, x, (const unsigned char *)bytes + used, n - used);
}
