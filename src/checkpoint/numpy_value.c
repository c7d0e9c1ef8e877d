/* SPDX-License-Identifier: MIT */
/* Arrays and scalars as numpy pickles them: _reconstruct(class, (0,), b'b') with the state
 * (version, shape, dtype, is_fortran, data), scalar(dtype, data), and of protocol 5
 * _frombuffer(data, dtype, shape, order). A dtype is dtype('f4', align, copy) with the state
 * (version, byte order, ...). */
#include <stdio.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/numpy.h"
#include "values.h"

typedef struct array_node {
  char dtype[24]; /* "<f4" */
  int n_dims;
  size_t shape[INS_MAX_DIMS], stride[INS_MAX_DIMS], count; /* strides in elements */
  bool fortran;
  ins_node data;
} array_node;

static ins_status broken(const ins_torch_file *file, const char *what) {
  return ins_fail(INS_ERR_FORMAT, "%s: damaged: a numpy array %s", ins_archive_name(file->archive),
                  what);
}

/* Writes the text of a dtype; false for structures and what has no text. */
static bool read_dtype(const ins_pickle *p, ins_node node, char out[24]) {
  const ins_pickle_node *call = ins_pk(p, node);
  if (!ins_pk_call_is(p, node, "numpy", "dtype")) return false;
  const ins_pickle_node *name = ins_pk(p, ins_pk_item(p, call->call.args, 0));
  const ins_pickle_node *order = ins_pk(p, ins_pk_item(p, call->call.state, 1));
  if (name->kind != PK_TEXT || name->text.n == 0 || name->text.n > 16) return false;
  char first = order->kind == PK_TEXT && order->text.n == 1 ? order->text.bytes[0] : '|';
  snprintf(out, 24, "%c%.*s", first, (int)name->text.n, name->text.bytes);
  return true;
}

static void set_strides(array_node *a) {
  size_t n = 1;
  if (a->fortran) {
    ins_fortran_strides(a->n_dims, a->shape, a->stride);
    return;
  }
  for (int d = a->n_dims - 1; d >= 0; d--) {
    a->stride[d] = n;
    n *= a->shape[d] ? a->shape[d] : 1;
  }
}

static ins_status make_numbers(ins_torch_file *file, const array_node *a,
                               const ins_numpy_type *type, const unsigned char *bytes, size_t n,
                               ins_value **out) {
  size_t needed, total;
  unsigned char *turned = NULL;
  if (!ins_mul(a->count, type->size, &needed) ||
      !ins_mul(a->count, ins_dtype_size(type->dtype), &total) || needed != n)
    return broken(file, "has another number of bytes than its shape asks for");
  ins_status status = ins_archive_spend(file->archive, total);
  if (status != INS_OK) return status;
  if (a->fortran && a->n_dims > 1) {
    status = ins_alloc(n, 1, &turned);
    if (status != INS_OK) return status;
    ins_strided_copy(bytes, type->size, a->n_dims, a->shape, a->stride, turned);
    bytes = turned;
  }
  *out = ins_value_array(type->dtype, a->n_dims, a->shape);
  if (*out) ins_numpy_copy(type, bytes, a->count, (*out)->array.data);
  ins_free(&turned);
  return *out ? INS_OK : INS_ERR_MEMORY;
}

/* ---- arrays of texts and of objects: nested lists -------------------------------------------- */

typedef struct nest {
  ins_torch_file *file;
  const array_node *array;
  const unsigned char *bytes; /* texts */
  size_t width;               /* of a text: characters (U) or bytes (S) */
  char kind;                  /* 'U', 'S', 'O' */
  bool swap;
} nest;

static uint32_t character(const unsigned char *p, bool swap) {
  return swap ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
              : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void add_utf8(ins_text *text, uint32_t c) {
  unsigned char out[4];
  size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char head[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = n; i-- > 1; c >>= 6) out[i] = (unsigned char)(0x80 | (c & 0x3f));
  out[0] = n == 1 ? (unsigned char)c : (unsigned char)(head[n] | (c & 0x1f));
  ins_text_add_bytes(text, out, n);
}

/* Texts are padded with zeros to the width of the longest. */
static ins_value *text_element(const nest *nested, size_t i) {
  ins_text text = {0};
  const unsigned char *p = nested->bytes + i * nested->width * (nested->kind == 'U' ? 4 : 1);
  size_t n = nested->width;
  if (nested->kind == 'S') {
    while (n && p[n - 1] == 0) n--;
    return ins_text_value((const char *)p, n);
  }
  while (n && character(p + 4 * (n - 1), nested->swap) == 0) n--;
  for (size_t k = 0; k < n; k++) add_utf8(&text, character(p + 4 * k, nested->swap));
  ins_value *value = ins_text_ok(&text) == INS_OK ? ins_text_value(text.data, text.length) : NULL;
  ins_text_free(&text);
  return value;
}

static ins_status make_nested(const nest *nested, int d, size_t at, ins_value **out) {
  const array_node *a = nested->array;
  const ins_pickle *p = &nested->file->pickle;
  *out = NULL;
  if (d == a->n_dims) {
    if (nested->kind == 'O') return ins_torch_value(nested->file, ins_pk_item(p, a->data, at), out);
    ins_status spent = ins_archive_spend_objects(nested->file->archive, INS_VALUE_COST);
    if (spent != INS_OK) return spent;
    *out = text_element(nested, at);
    return *out ? INS_OK : INS_ERR_MEMORY;
  }
  ins_status status = ins_archive_spend_objects(nested->file->archive, INS_VALUE_COST);
  if (status != INS_OK) return status;
  ins_value *list = ins_value_list();
  status = list ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < a->shape[d]; i++) {
    ins_value *item;
    status = make_nested(nested, d + 1, at + i * a->stride[d], &item);
    if (status == INS_OK) status = ins_list_take(list, item);
  }
  if (status != INS_OK) ins_value_destroy(&list);
  *out = list;
  return status;
}

/* Lists inside lists can be many where a later axis has length 0: count what will be made. */
static bool nested_lists_bounded(const array_node *a) {
  size_t n = 1;
  for (int d = 0; d < a->n_dims; d++)
    if (!ins_mul(n, a->shape[d], &n) || n > 1 << 20) return false;
  return true;
}

static bool read_width(const array_node *a, size_t *width) {
  *width = 0;
  for (const char *digit = a->dtype + 2; *digit; digit++) {
    if (*digit < '0' || *digit > '9' || *width > 1 << 24) return false;
    *width = *width * 10 + (size_t)(*digit - '0');
  }
  return true;
}

static ins_status make_objects(ins_torch_file *file, const array_node *a, ins_value **out) {
  nest nested = {.file = file, .array = a, .kind = 'O'};
  if (ins_pk_count(&file->pickle, a->data) != a->count)
    return broken(file, "of objects has another number of them than its shape asks for");
  if (!nested_lists_bounded(a)) return broken(file, "of objects is too large");
  return make_nested(&nested, 0, 0, out);
}

static ins_status make_texts(ins_torch_file *file, const array_node *a, const unsigned char *bytes,
                             size_t n, ins_value **out) {
  nest nested = {.file = file, .array = a, .bytes = bytes, .kind = a->dtype[1]};
  size_t total;
  nested.swap = a->dtype[0] == '>';
  if (!read_width(a, &nested.width) || !nested_lists_bounded(a) ||
      !ins_mul(a->count, nested.width * (nested.kind == 'U' ? 4 : 1), &total) || total != n)
    return broken(file, "of texts has another number of bytes than its shape asks for");
  ins_status status = ins_archive_spend(file->archive, n);
  return status == INS_OK ? make_nested(&nested, 0, 0, out) : status;
}

/* ---- the three constructors ------------------------------------------------------------------ */

/* *out stays NULL for element types that have no counterpart. */
static ins_status make_array(ins_torch_file *file, array_node *a, ins_value **out) {
  const unsigned char *bytes;
  unsigned char *owned;
  ins_numpy_type type;
  size_t n;
  bool found;
  set_strides(a);
  if (a->dtype[1] == 'O') return make_objects(file, a, out);
  ins_status status = ins_bytes_of(file, a->data, &bytes, &n, &owned, &found);
  if (status == INS_OK && !found)
    status = broken(file, "has no data");
  else if (status == INS_OK && ins_numpy_type_read(a->dtype, strlen(a->dtype), &type))
    status = make_numbers(file, a, &type, bytes, n, out);
  else if (status == INS_OK && (a->dtype[1] == 'U' || a->dtype[1] == 'S'))
    status = make_texts(file, a, bytes, n, out);
  ins_free(&owned);
  return status;
}

ins_status ins_numpy_reconstruct(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_node state = ins_pk(p, call)->call.state;
  size_t n = ins_pk_count(p, state), skip = n == 5 ? 1 : 0; /* old files have no version */
  array_node a = {0};
  *out = NULL;
  if (n != 4 && n != 5) return INS_OK;
  ins_node fortran = ins_pk_item(p, state, skip + 2);
  a.fortran = (ins_pk_kind(p, fortran) == PK_BOOL && ins_pk(p, fortran)->boolean) ||
              (ins_pk_kind(p, fortran) == PK_INT && ins_pk(p, fortran)->integer);
  a.data = ins_pk_item(p, state, skip + 3);
  if (!ins_shape_of(p, ins_pk_item(p, state, skip), &a.n_dims, a.shape, &a.count))
    return broken(file, "has an impossible shape, or more than 8 axes");
  if (!read_dtype(p, ins_pk_item(p, state, skip + 1), a.dtype)) return INS_OK;
  return make_array(file, &a, out);
}

ins_status ins_numpy_frombuffer(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_node args = ins_pk(p, call)->call.args;
  array_node a = {.data = ins_pk_item(p, args, 0)};
  *out = NULL;
  if (!ins_shape_of(p, ins_pk_item(p, args, 2), &a.n_dims, a.shape, &a.count))
    return broken(file, "has an impossible shape, or more than 8 axes");
  a.fortran = ins_pk_text_is(p, ins_pk_item(p, args, 3), "F");
  if (!read_dtype(p, ins_pk_item(p, args, 1), a.dtype)) return INS_OK;
  return make_array(file, &a, out);
}

/* A numpy number is a number; unsigned ones beyond our integers stay arrays without axes. */
static ins_value *plain_number(const ins_value *array) {
  const ins_array *a = &array->array;
  double x = ins_array_get(a, 0);
  int64_t i = 0;
  switch (a->dtype) {
  case INS_BOOL8:
    return ins_value_bool(x != 0);
  case INS_F16:
  case INS_BF16:
  case INS_F32:
  case INS_F64:
    return ins_value_real(x);
  case INS_I64:
    memcpy(&i, a->data, sizeof i);
    return ins_value_int(i);
  case INS_U64:
    memcpy(&i, a->data, sizeof i);
    return i < 0 ? ins_value_copy(array) : ins_value_int(i);
  default:
    return ins_value_int((int64_t)x);
  }
}

ins_status ins_numpy_scalar(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_node args = ins_pk(p, call)->call.args;
  array_node a = {.count = 1, .data = ins_pk_item(p, args, 1)};
  *out = NULL;
  if (!read_dtype(p, ins_pk_item(p, args, 0), a.dtype)) return INS_OK;
  if (a.dtype[1] == 'O') return ins_torch_value(file, a.data, out);
  ins_status status = make_array(file, &a, out);
  if (status != INS_OK || !*out || (*out)->kind != INS_ARRAY) return status;
  ins_value *number = plain_number(*out);
  ins_value_destroy(out);
  *out = number;
  return number ? INS_OK : INS_ERR_MEMORY;
}

ins_status ins_numpy_dtype_name(ins_torch_file *file, ins_node call, ins_value **out) {
  char text[24];
  *out = NULL;
  if (!read_dtype(&file->pickle, call, text)) return INS_OK;
  *out = ins_text_value(text, strlen(text));
  return *out ? INS_OK : INS_ERR_MEMORY;
}
