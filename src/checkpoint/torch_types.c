/* SPDX-License-Identifier: MIT */
#include "torch_types.h"

#include <string.h>

/* Those without a type of ours (uint16, uint32) are widened as for NumPy. */
static const ins_torch_type types[] = {
    {"FloatStorage", "float32", "<f4", 4},
    {"DoubleStorage", "float64", "<f8", 8},
    {"HalfStorage", "float16", "<f2", 2},
    {"BFloat16Storage", "bfloat16", NULL, 2},
    {"LongStorage", "int64", "<i8", 8},
    {"IntStorage", "int32", "<i4", 4},
    {"ShortStorage", "int16", "<i2", 2},
    {"CharStorage", "int8", "|i1", 1},
    {"ByteStorage", "uint8", "|u1", 1},
    {"BoolStorage", "bool", "|b1", 1},
    {"UInt16Storage", "uint16", "<u2", 2},
    {"UInt32Storage", "uint32", "<u4", 4},
    {"UInt64Storage", "uint64", "<u8", 8},
    {"UntypedStorage", "uint8", "|u1", 1},
    {"ComplexFloatStorage", "complex64", NULL, 8},
    {"ComplexDoubleStorage", "complex128", NULL, 16},
    {"ComplexHalfStorage", "complex32", NULL, 4},
    {"QInt8Storage", "qint8", NULL, 1},
    {"QUInt8Storage", "quint8", NULL, 1},
    {"QInt32Storage", "qint32", NULL, 4},
    {"Float8_e4m3fnStorage", "float8_e4m3fn", NULL, 1},
    {"Float8_e5m2Storage", "float8_e5m2", NULL, 1},
};

static bool is_torch_global(const ins_pickle *p, ins_node node, const char *name) {
  return ins_pk_global_is(p, node, "torch", name) ||
         ins_pk_global_is(p, node, "torch.storage", name) ||
         ins_pk_global_is(p, node, "torch.cuda", name);
}

const ins_torch_type *ins_torch_type_of(const ins_pickle *pickle, ins_node global) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (is_torch_global(pickle, global, types[i].storage) ||
        is_torch_global(pickle, global, types[i].dtype))
      return &types[i];
  return NULL;
}

size_t ins_torch_item_size(const ins_pickle *pickle, ins_node global) {
  const ins_torch_type *type = ins_torch_type_of(pickle, global);
  return type ? type->size : 0;
}

bool ins_torch_element(const ins_torch_type *type, ins_numpy_type *out) {
  if (strcmp(type->dtype, "bfloat16") == 0) {
    *out = (ins_numpy_type){.dtype = INS_BF16, .size = type->size};
    return true;
  }
  return type->numpy && ins_numpy_type_read(type->numpy, strlen(type->numpy), out);
}
