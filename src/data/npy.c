/* SPDX-License-Identifier: MIT */
/* NumPy's .npy: "\x93NUMPY", two bytes of version, the length of the header (2 bytes, from version
 * 2 on 4), the header, which is a Python dictionary {'descr': '<f4', 'fortran_order': False,
 * 'shape': (2, 3)}, and the elements. Described in numpy.lib.format. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array_readers.h"
#include "insilico/array_file.h"
#include "insilico/file.h"
#include "insilico/memory.h"
#include "insilico/numpy.h"

enum { MAX_HEADER = 1 << 20, PREFIX = 10, ALIGNMENT = 64 };

typedef struct header {
  ins_numpy_type type;
  bool fortran, has_type, has_order, has_shape;
  int n_dims;
  size_t shape[INS_MAX_DIMS], count;
  size_t begin; /* of the elements in the file */
} header;

static ins_status broken(const char *path, const char *what) {
  return ins_fail(INS_ERR_FORMAT, "%s: damaged .npy file: %s", path, what);
}

/* ---- the header's dictionary ----------------------------------------------------------------- */

static const char *skip(const char *p) {
  return p + strspn(p, " \t\r\n");
}

/* A quoted text without escapes; NULL when there is none. */
static const char *quoted(const char *p, const char **text, size_t *n) {
  char quote = *p;
  if (quote != '\'' && quote != '"') return NULL;
  const char *end = strchr(p + 1, quote);
  if (!end) return NULL;
  *text = p + 1;
  *n = (size_t)(end - p - 1);
  return end + 1;
}

static const char *read_shape(const char *p, header *h) {
  if (*p++ != '(') return NULL;
  h->n_dims = 0;
  h->count = 1;
  for (p = skip(p); *p != ')'; p = skip(p)) {
    char *end;
    if (*p < '0' || *p > '9' || h->n_dims == INS_MAX_DIMS) return NULL;
    errno = 0;
    unsigned long long length = strtoull(p, &end, 10);
    if (errno || length > SIZE_MAX || !ins_mul(h->count, (size_t)length, &h->count)) return NULL;
    h->shape[h->n_dims++] = (size_t)length;
    p = skip(*end == 'L' ? end + 1 : end); /* Python 2 wrote 3L */
    if (*p == ',')
      p++;
    else if (*p != ')')
      return NULL;
  }
  h->has_shape = true;
  return p + 1;
}

static const char *read_order(const char *p, header *h) {
  h->has_order = true;
  h->fortran = strncmp(p, "True", 4) == 0;
  if (h->fortran) return p + 4;
  return strncmp(p, "False", 5) == 0 ? p + 5 : NULL;
}

static ins_status read_entry(const char *path, const char **at, header *h) {
  const char *key, *text, *p = quoted(skip(*at), &key, &(size_t){0});
  size_t n = p ? (size_t)(p - 1 - key) : 0;
  if (p) p = skip(p);
  if (!p || *p++ != ':') return broken(path, "its header is no dictionary");
  p = skip(p);
  if (n == 5 && memcmp(key, "descr", 5) == 0) {
    p = quoted(p, &text, &n);
    if (!p) return ins_fail(INS_ERR_FORMAT, "%s: holds structures, not plain numbers", path);
    if (!ins_numpy_type_read(text, n, &h->type))
      return ins_fail(INS_ERR_FORMAT,
                      "%s: holds elements of type '%.*s', which are no plain real "
                      "numbers; save it as float32",
                      path, n > 40 ? 40 : (int)n, text);
    h->has_type = true;
  } else if (n == 13 && memcmp(key, "fortran_order", 13) == 0) {
    p = read_order(p, h);
  } else if (n == 5 && memcmp(key, "shape", 5) == 0) {
    p = read_shape(p, h);
  } else {
    return broken(path, "its header has an unknown entry");
  }
  if (!p) return broken(path, "its header has an impossible order or shape (at most 8 axes)");
  p = skip(p);
  *at = *p == ',' ? p + 1 : p;
  return INS_OK;
}

static ins_status parse(const char *path, const char *text, header *h) {
  const char *p = skip(text);
  if (*p++ != '{') return broken(path, "its header is no dictionary");
  for (p = skip(p); *p != '}'; p = skip(p)) {
    ins_status status = read_entry(path, &p, h);
    if (status != INS_OK) return status;
  }
  if (!h->has_type || !h->has_order || !h->has_shape)
    return broken(path, "its header lacks descr, fortran_order or shape");
  return INS_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

static ins_status read_header(const char *path, FILE *file, size_t size, header *h) {
  unsigned char prefix[12];
  char *text;
  if (fseek(file, 0, SEEK_SET) != 0 || fread(prefix, 1, PREFIX, file) != PREFIX)
    return broken(path, "it is too short");
  int version = prefix[6];
  if (version < 1 || version > 3) return broken(path, "its version is unknown");
  size_t length = prefix[8] | (size_t)prefix[9] << 8;
  h->begin = PREFIX;
  if (version > 1) {
    if (fread(prefix + PREFIX, 1, 2, file) != 2) return broken(path, "it is too short");
    length |= (size_t)prefix[10] << 16 | (size_t)prefix[11] << 24;
    h->begin += 2;
  }
  if (length > MAX_HEADER || length > size - h->begin)
    return broken(path, "its header reaches beyond the file");
  h->begin += length;
  ins_status status = ins_alloc(length + 1, 1, &text);
  if (status == INS_OK && fread(text, 1, length, file) != length)
    status = broken(path, "it is too short");
  if (status == INS_OK) status = parse(path, text, h);
  ins_free(&text);
  return status;
}

/* *bytes = `count` elements from number `first` of the file on, as they are stored. */
static ins_status read_bytes(const char *path, FILE *file, const header *h, size_t first,
                             size_t count, unsigned char **bytes) {
  const size_t n = count * h->type.size;
  ins_status status = ins_alloc(count, h->type.size, bytes);
  if (status == INS_OK && (fseeko(file, (off_t)(h->begin + first * h->type.size), SEEK_SET) != 0 ||
                           fread(*bytes, 1, n, file) != n))
    status = ins_fail(INS_ERR_IO, "%s: reading failed", path);
  return status;
}

/* Elements in row-major order: of the whole array, or of one item of the first axis. In Fortran
 * order an item's elements are strewn over the file. */
static ins_status read_ordered(const char *path, FILE *file, const header *h, ins_array_part *part,
                               ins_value **out, unsigned char **bytes) {
  size_t stride[INS_MAX_DIMS], shape[INS_MAX_DIMS], count = 1;
  const bool turn = h->fortran && h->n_dims > 1;
  int n_dims = h->n_dims;
  bool is_item;
  unsigned char *strewn = NULL;
  memcpy(shape, h->shape, sizeof shape);
  ins_status status = ins_array_part_cut(path, part, &n_dims, shape, &is_item);
  if (status != INS_OK) return status;
  for (int d = 0; d < n_dims; d++) count *= shape[d];
  if (!turn) {
    status = read_bytes(path, file, h, is_item ? part->item * count : 0, count, bytes);
  } else {
    status = read_bytes(path, file, h, 0, h->count, &strewn);
    if (status == INS_OK) status = ins_alloc(count, h->type.size, bytes);
    ins_fortran_strides(h->n_dims, h->shape, stride);
    if (status == INS_OK)
      ins_strided_copy(strewn + (is_item ? part->item * stride[0] * h->type.size : 0), h->type.size,
                       n_dims, shape, stride + is_item, *bytes);
  }
  ins_free(&strewn);
  if (status != INS_OK) return status;
  *out = ins_value_array(h->type.dtype, n_dims, shape);
  if (!*out) return INS_ERR_MEMORY;
  ins_numpy_copy(&h->type, *bytes, count, (*out)->array.data);
  return INS_OK;
}

ins_status ins_npy_read(const char *path, FILE *file, size_t size, ins_array_part *part,
                        ins_value **out) {
  header h = {0};
  size_t n;
  unsigned char *bytes = NULL;
  ins_status status = read_header(path, file, size, &h);
  if (status != INS_OK) return status;
  if (!ins_mul(h.count, h.type.size, &n) || n > size - h.begin)
    return broken(path, "it ends before the last element; it was cut short");
  status = read_ordered(path, file, &h, part, out, &bytes);
  ins_free(&bytes);
  return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static const char *descriptions[] = {
    [INS_U8] = "|u1",  [INS_I8] = "|i1",  [INS_I16] = "<i2",   [INS_I32] = "<i4",
    [INS_I64] = "<i8", [INS_U64] = "<u8", [INS_F16] = "<f2",   [INS_BF16] = NULL,
    [INS_F32] = "<f4", [INS_F64] = "<f8", [INS_BOOL8] = "|b1",
};

/* Padded with spaces so that the elements begin at a multiple of 64. */
static ins_status make_header(const ins_array *array, ins_text *out) {
  ins_text dictionary = {0};
  ins_text_add(&dictionary, "{'descr': '%s', 'fortran_order': False, 'shape': (",
               descriptions[array->dtype]);
  for (int d = 0; d < array->n_dims; d++)
    ins_text_add(&dictionary, "%s%zu", d ? ", " : "", array->shape[d]);
  ins_text_add(&dictionary, array->n_dims == 1 ? ",), }" : "), }");
  while ((PREFIX + dictionary.length + 1) % ALIGNMENT && !dictionary.failed)
    ins_text_add(&dictionary, " ");
  ins_text_add(&dictionary, "\n");
  ins_status status = ins_text_ok(&dictionary);
  if (status == INS_OK) {
    const unsigned char prefix[PREFIX] = {0x93,
                                          'N',
                                          'U',
                                          'M',
                                          'P',
                                          'Y',
                                          1,
                                          0,
                                          (unsigned char)(dictionary.length & 0xff),
                                          (unsigned char)(dictionary.length >> 8)};
    ins_text_add_bytes(out, prefix, sizeof prefix);
    ins_text_add_bytes(out, dictionary.data, dictionary.length);
    status = ins_text_ok(out);
  }
  ins_text_free(&dictionary);
  return status;
}

static ins_status write_part(const char *part, const ins_text *head, const ins_array *array) {
  size_t n = ins_array_count(array) * ins_dtype_size(array->dtype);
  int fd;
  ins_status status = ins_file_make_new(part, &fd);
  if (status != INS_OK) return status;
  FILE *file = fdopen(fd, "wb");
  if (!file) {
    close(fd);
    return ins_fail(INS_ERR_MEMORY, "%s: cannot be written: %s", part, strerror(errno));
  }
  bool written = fwrite(head->data, 1, head->length, file) == head->length &&
                 fwrite(array->data, 1, n, file) == n && fflush(file) == 0 &&
                 fsync(fileno(file)) == 0;
  int error = errno;
  if (fclose(file) != 0 && written) {
    error = errno;
    written = false;
  }
  return written ? INS_OK : ins_fail(INS_ERR_IO, "%s: writing failed: %s", part, strerror(error));
}

ins_status ins_npy_write(const char *path, const ins_array *array) {
  ins_text head = {0};
  if (!descriptions[array->dtype])
    return ins_fail(INS_ERR_UNSUPPORTED, "%s: NumPy has no type for %s", path,
                    ins_dtype_name(array->dtype));
  char *part = ins_format("%s.part", path);
  if (!part) return INS_ERR_MEMORY;
  ins_status status = make_header(array, &head);
  if (status == INS_OK) status = write_part(part, &head, array);
  if (status == INS_OK && rename(part, path) != 0)
    status = ins_fail(INS_ERR_IO, "%s: cannot be renamed to %s: %s", part, path, strerror(errno));
  if (status != INS_OK) unlink(part);
  ins_text_free(&head);
  free(part);
  return status;
}
