/* SPDX-License-Identifier: MIT */
#include "insilico/numpy.h"

#include <string.h>

/* Unsigned 16 and 32 bit integers are not among our types: they become the next wider one. */
static const struct {
  char kind;
  size_t size;
  ins_dtype dtype;
} types[] = {
    {'f', 2, INS_F16}, {'f', 4, INS_F32}, {'f', 8, INS_F64}, {'i', 1, INS_I8},
    {'i', 2, INS_I16}, {'i', 4, INS_I32}, {'i', 8, INS_I64}, {'u', 1, INS_U8},
    {'u', 2, INS_I32}, {'u', 4, INS_I64}, {'u', 8, INS_U64}, {'b', 1, INS_BOOL8},
};

bool ins_numpy_type_read(const char *text, size_t n, ins_numpy_type *out) {
  bool big = n > 0 && text[0] == '>';
  if (n > 0 && strchr("<>|=", text[0])) {
    text++;
    n--;
  }
  if (n != 2 || text[1] < '1' || text[1] > '8') return false;
  size_t size = (size_t)(text[1] - '0');
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (types[i].kind == text[0] && types[i].size == size) {
      *out = (ins_numpy_type){types[i].dtype, size, big && size > 1};
      return true;
    }
  return false;
}

static uint64_t load(const unsigned char *p, size_t size, bool swap) {
  uint64_t x = 0;
  for (size_t i = 0; i < size; i++) x |= (uint64_t)p[swap ? size - 1 - i : i] << 8 * i;
  return x;
}

void ins_numpy_copy(const ins_numpy_type *type, const void *from, size_t n, void *to) {
  const unsigned char *p = from;
  unsigned char *q = to;
  size_t wide = ins_dtype_size(type->dtype);
  if (n == 0) return;
  if (!type->swap && wide == type->size) {
    memcpy(to, from, n * wide);
  } else {
    for (size_t i = 0; i < n; i++) {
      uint64_t x = load(p + i * type->size, type->size, type->swap);
      memcpy(q + i * wide, &x, wide); /* little-endian: the low bytes come first */
    }
  }
  /* Any byte but 0 is true; one of our truth values is 0 or 1. */
  if (type->dtype == INS_BOOL8)
    for (size_t i = 0; i < n; i++) q[i] = q[i] != 0;
}

void ins_strided_copy(const void *from, size_t item, int n_dims, const size_t *shape,
                      const size_t *stride, void *to) {
  const unsigned char *p = from;
  unsigned char *q = to;
  size_t index[INS_MAX_DIMS] = {0}, at = 0;
  for (int d = 0; d < n_dims; d++)
    if (shape[d] == 0) return;
  for (;;) {
    memcpy(q, p + at * item, item);
    q += item;
    int d = n_dims - 1;
    while (d >= 0 && ++index[d] == shape[d]) {
      at -= (shape[d] - 1) * stride[d];
      index[d--] = 0;
    }
    if (d < 0) return;
    at += stride[d];
  }
}

void ins_fortran_strides(int n_dims, const size_t *shape, size_t *stride) {
  size_t n = 1;
  for (int d = 0; d < n_dims; d++) {
    stride[d] = n;
    n *= shape[d] ? shape[d] : 1;
  }
}
