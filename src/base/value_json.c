/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/value.h"

/* The shortest of %.15g to %.17g that reads back as the same number, marked as a real. */
static void add_real(double x, ins_text *out) {
  char digits[40];
  if (isnan(x)) {
    ins_text_add(out, "\"NaN\"");
    return;
  }
  if (isinf(x)) {
    ins_text_add(out, x > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    return;
  }
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, x);
    if (strtod(digits, NULL) == x) break;
  }
  ins_text_add(out, "%s%s", digits, strpbrk(digits, ".e") ? "" : ".0");
}

static void add_element(const ins_array *array, size_t i, ins_text *out) {
  switch (array->dtype) {
  case INS_BOOL8:
    ins_text_add(out, ins_array_get(array, i) != 0 ? "true" : "false");
    break;
  case INS_F16:
  case INS_BF16:
  case INS_F32:
  case INS_F64:
    add_real(ins_array_get(array, i), out);
    break;
  case INS_U64:
    ins_text_add(out, "%llu", ((unsigned long long *)array->data)[i]);
    break;
  case INS_I64:
    ins_text_add(out, "%lld", ((long long *)array->data)[i]);
    break;
  default:
    ins_text_add(out, "%.0f", ins_array_get(array, i));
  }
}

static void add_nested(const ins_array *array, int dim, size_t *next, ins_text *out) {
  if (dim == array->n_dims) {
    add_element(array, (*next)++, out);
    return;
  }
  ins_text_add(out, "[");
  for (size_t i = 0; i < array->shape[dim]; i++) {
    if (i) ins_text_add(out, ",");
    add_nested(array, dim + 1, next, out);
  }
  ins_text_add(out, "]");
}

static void add_array(const ins_array *array, size_t max_array, ins_text *out) {
  size_t next = 0;
  if (ins_array_count(array) <= max_array) {
    add_nested(array, 0, &next, out);
    return;
  }
  ins_text_add(out, "{\"dtype\":\"%s\",\"shape\":[", ins_dtype_name(array->dtype));
  for (int d = 0; d < array->n_dims; d++) ins_text_add(out, "%s%zu", d ? "," : "", array->shape[d]);
  ins_text_add(out, "]}");
}

void ins_value_json(const ins_value *value, size_t max_array, ins_text *out) {
  if (!value) {
    ins_text_add(out, "null");
    return;
  }
  bool map = value->kind == INS_MAP;
  switch (value->kind) {
  case INS_NULL:
    ins_text_add(out, "null");
    return;
  case INS_BOOL:
    ins_text_add(out, value->boolean ? "true" : "false");
    return;
  case INS_INT:
    ins_text_add(out, "%lld", (long long)value->integer);
    return;
  case INS_REAL:
    add_real(value->real, out);
    return;
  case INS_TEXT:
    ins_text_add_json(out, value->text);
    return;
  case INS_ARRAY:
    add_array(&value->array, max_array, out);
    return;
  case INS_LIST:
  case INS_MAP:
    break;
  }
  ins_text_add(out, map ? "{" : "[");
  for (size_t i = 0; i < value->children.n; i++) {
    if (i) ins_text_add(out, ",");
    if (map) {
      ins_text_add_json(out, value->children.keys[i]);
      ins_text_add(out, ":");
    }
    ins_value_json(value->children.items[i], max_array, out);
  }
  ins_text_add(out, map ? "}" : "]");
}
