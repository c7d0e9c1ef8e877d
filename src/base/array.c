/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "insilico/value.h"

static const struct {
  size_t size;
  const char *name;
} dtypes[] = {
    [INS_U8] = {1, "uint8"},    [INS_I8] = {1, "int8"},       [INS_I16] = {2, "int16"},
    [INS_I32] = {4, "int32"},   [INS_I64] = {8, "int64"},     [INS_U64] = {8, "uint64"},
    [INS_F16] = {2, "float16"}, [INS_BF16] = {2, "bfloat16"}, [INS_F32] = {4, "float32"},
    [INS_F64] = {8, "float64"}, [INS_BOOL8] = {1, "bool"},
};

size_t ins_dtype_size(ins_dtype dtype) {
  return dtypes[dtype].size;
}

const char *ins_dtype_name(ins_dtype dtype) {
  return dtypes[dtype].name;
}

size_t ins_array_count(const ins_array *array) {
  size_t n = 1;
  for (int d = 0; d < array->n_dims; d++) n *= array->shape[d];
  return n;
}

static float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits; subnormals are fraction * 2^-24. */
static double half_to_double(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 0x1fu,
           fraction = h & 0x3ffu;
  if (exponent == 0) return (sign ? -1.0 : 1.0) * fraction * 0x1p-24;
  if (exponent == 31) return (double)from_bits(sign | 0x7f800000u | fraction << 13);
  return (double)from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

double ins_array_get(const ins_array *array, size_t i) {
  const unsigned char *p = (const unsigned char *)array->data + i * ins_dtype_size(array->dtype);
  union {
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    int64_t i64;
    uint64_t u64;
    float f32;
    double f64;
  } u;
  memcpy(&u, p, ins_dtype_size(array->dtype));
  switch (array->dtype) {
  case INS_U8:
    return *p;
  case INS_I8:
    return (int8_t)*p;
  case INS_BOOL8:
    return *p != 0;
  case INS_I16:
    return u.i16;
  case INS_I32:
    return u.i32;
  case INS_I64:
    return (double)u.i64;
  case INS_U64:
    return (double)u.u64;
  case INS_F16:
    return half_to_double(u.u16);
  case INS_BF16:
    return (double)from_bits((uint32_t)u.u16 << 16);
  case INS_F32:
    return (double)u.f32;
  case INS_F64:
    return u.f64;
  }
  return 0;
}

void ins_array_to_f32(const ins_array *array, float *out) {
  size_t n = ins_array_count(array);
  if (array->dtype == INS_F32) {
    if (n) memcpy(out, array->data, n * sizeof *out);
    return;
  }
  for (size_t i = 0; i < n; i++) out[i] = (float)ins_array_get(array, i);
}
