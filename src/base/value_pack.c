/* SPDX-License-Identifier: MIT */
/* Packed form, depth first: kind (u8), line and column (i32), origin (text), then the contents.
 * Numbers in the byte order of the machine: it only ever travels between ranks of one run. The
 * numbers of an array begin at a multiple of 64 bytes, so that they can be used where they are. */
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/value.h"

enum { MAX_DEPTH = 500, ALIGNMENT = 64 };

typedef struct reader {
  const unsigned char *start, *bytes;
  size_t left;
  int depth;
  bool borrow; /* arrays point into the bytes */
} reader;

static void put(ins_text *out, const void *data, size_t size) {
  ins_text_add_bytes(out, data, size);
}

static void put_size(ins_text *out, size_t n) {
  uint64_t wide = n;
  put(out, &wide, sizeof wide);
}

static void put_text(ins_text *out, const char *s) {
  put_size(out, strlen(s));
  put(out, s, strlen(s));
}

/* Bytes from `at` to the next multiple of ALIGNMENT. */
static size_t padding(size_t at) {
  return (ALIGNMENT - at % ALIGNMENT) % ALIGNMENT;
}

static void pack_array(const ins_array *array, ins_text *out) {
  uint8_t head[2] = {(uint8_t)array->dtype, (uint8_t)array->n_dims};
  put(out, head, sizeof head);
  for (int d = 0; d < array->n_dims; d++) put_size(out, array->shape[d]);
  static const char zeros[ALIGNMENT];
  put(out, zeros, padding(out->length));
  put(out, array->data, ins_array_count(array) * ins_dtype_size(array->dtype));
}

static void pack(const ins_value *value, ins_text *out) {
  uint8_t kind = (uint8_t)value->kind, truth = value->kind == INS_BOOL && value->boolean;
  int32_t place[2] = {value->line, value->column};
  put(out, &kind, 1);
  put(out, place, sizeof place);
  put_text(out, value->origin ? value->origin : "");
  switch (value->kind) {
  case INS_NULL:
    break;
  case INS_BOOL:
    put(out, &truth, 1);
    break;
  case INS_INT:
    put(out, &value->integer, sizeof value->integer);
    break;
  case INS_REAL:
    put(out, &value->real, sizeof value->real);
    break;
  case INS_TEXT:
    put_text(out, value->text);
    break;
  case INS_ARRAY:
    pack_array(&value->array, out);
    break;
  case INS_LIST:
  case INS_MAP:
    put_size(out, value->children.n);
    for (size_t i = 0; i < value->children.n; i++) {
      if (value->kind == INS_MAP) put_text(out, value->children.keys[i]);
      pack(value->children.items[i], out);
    }
  }
}

ins_status ins_value_pack(const ins_value *value, ins_text *out) {
  pack(value, out);
  return ins_text_ok(out);
}

static ins_status damaged(void) {
  return ins_fail(INS_ERR_FORMAT,
                  "packed data are damaged: they end too early or hold a wrong code");
}

static ins_status get(reader *in, void *data, size_t size) {
  if (size > in->left) {
    memset(data, 0, size); /* callers read what they asked for before they look at the status */
    return damaged();
  }
  memcpy(data, in->bytes, size);
  in->bytes += size;
  in->left -= size;
  return INS_OK;
}

/* A count of things that take at least one byte each, so no more than there are bytes. */
static ins_status get_count(reader *in, size_t *n) {
  uint64_t wide;
  ins_status status = get(in, &wide, sizeof wide);
  if (status == INS_OK && wide > in->left) status = damaged();
  *n = status == INS_OK ? (size_t)wide : 0;
  return status;
}

static ins_status get_text(reader *in, char **out) {
  size_t n;
  *out = NULL;
  ins_status status = get_count(in, &n);
  if (status != INS_OK) return status;
  *out = malloc(n + 1);
  if (!*out) return ins_fail(INS_ERR_MEMORY, "out of memory while unpacking a text");
  status = get(in, *out, n);
  (*out)[n] = '\0';
  return status;
}

static ins_status unpack_array(reader *in, ins_value **out) {
  uint8_t head[2];
  size_t shape[INS_MAX_DIMS], bytes;
  ins_status status = get(in, head, sizeof head);
  if (status != INS_OK) return status;
  if (head[0] > INS_BOOL8 || head[1] > INS_MAX_DIMS) return damaged();
  bytes = ins_dtype_size(head[0]);
  for (int d = 0; d < head[1]; d++) {
    uint64_t length;
    if ((status = get(in, &length, sizeof length)) != INS_OK) return status;
    shape[d] = (size_t)length;
    if (__builtin_mul_overflow(bytes, shape[d], &bytes)) return damaged();
  }
  const size_t gap = padding((size_t)(in->bytes - in->start));
  if (gap > in->left || bytes > in->left - gap) return damaged();
  in->bytes += gap;
  in->left -= gap;
  if (!in->borrow) {
    *out = ins_value_array(head[0], head[1], shape);
    return *out ? get(in, (*out)->array.data, bytes) : INS_ERR_MEMORY;
  }
  const size_t none = 0; /* an empty array, whose place is then taken by the packed one */
  *out = ins_value_array(head[0], 1, &none);
  if (!*out) return INS_ERR_MEMORY;
  ins_array *array = &(*out)->array;
  ins_free(&array->data);
  array->n_dims = head[1];
  memcpy(array->shape, shape, (size_t)head[1] * sizeof *shape);
  array->data = (void *)(uintptr_t)in->bytes;
  array->borrowed = true;
  in->bytes += bytes;
  in->left -= bytes;
  return INS_OK;
}

static ins_status unpack(reader *in, ins_value **out);

static ins_status unpack_children(reader *in, ins_value *parent) {
  size_t n;
  ins_status status = get_count(in, &n);
  for (size_t i = 0; status == INS_OK && i < n; i++) {
    char *key = NULL;
    ins_value *item = NULL;
    if (parent->kind == INS_MAP) status = get_text(in, &key);
    if (status == INS_OK) status = unpack(in, &item);
    if (status == INS_OK)
      status = key ? ins_map_take(parent, key, item) : ins_list_take(parent, item);
    free(key);
  }
  return status;
}

static ins_status unpack_contents(reader *in, uint8_t kind, ins_value **out) {
  uint8_t truth;
  int64_t integer;
  double real;
  char *text = NULL;
  ins_status status = INS_OK;
  switch (kind) {
  case INS_NULL:
    *out = ins_value_null();
    break;
  case INS_BOOL:
    status = get(in, &truth, 1);
    if (status == INS_OK) *out = ins_value_bool(truth != 0);
    break;
  case INS_INT:
    status = get(in, &integer, sizeof integer);
    if (status == INS_OK) *out = ins_value_int(integer);
    break;
  case INS_REAL:
    status = get(in, &real, sizeof real);
    if (status == INS_OK) *out = ins_value_real(real);
    break;
  case INS_TEXT:
    status = get_text(in, &text);
    if (status == INS_OK) *out = ins_value_text(text);
    free(text);
    break;
  case INS_ARRAY:
    status = unpack_array(in, out);
    break;
  case INS_LIST:
  case INS_MAP:
    *out = kind == INS_LIST ? ins_value_list() : ins_value_map();
    if (*out) status = unpack_children(in, *out);
    break;
  default:
    status = damaged();
  }
  return status == INS_OK && !*out ? INS_ERR_MEMORY : status;
}

static ins_status unpack(reader *in, ins_value **out) {
  uint8_t kind;
  int32_t place[2];
  char *origin = NULL;
  if (in->depth >= MAX_DEPTH) return damaged();
  in->depth++;
  ins_status status = get(in, &kind, 1);
  if (status == INS_OK) status = get(in, place, sizeof place);
  if (status == INS_OK) status = get_text(in, &origin);
  if (status == INS_OK) status = unpack_contents(in, kind, out);
  if (status == INS_OK) {
    (*out)->line = place[0];
    (*out)->column = place[1];
    if (origin[0]) {
      (*out)->origin = origin;
      origin = NULL;
    }
  } else {
    ins_value_destroy(out);
  }
  free(origin);
  in->depth--;
  return status;
}

static ins_status unpack_all(const void *bytes, size_t n, bool borrow, ins_value **out) {
  reader in = {.start = bytes, .bytes = bytes, .left = n, .borrow = borrow};
  *out = NULL;
  ins_status status = unpack(&in, out);
  if (status == INS_OK && in.left != 0) {
    ins_value_destroy(out);
    status = damaged();
  }
  return status;
}

ins_status ins_value_unpack(const void *bytes, size_t n, ins_value **out) {
  return unpack_all(bytes, n, false, out);
}

ins_status ins_value_unpack_borrowing(const void *bytes, size_t n, ins_value **out) {
  return unpack_all(bytes, n, true, out);
}
