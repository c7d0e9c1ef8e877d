/* SPDX-License-Identifier: MIT */
/* Field positions: PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3. */
#include "archive_directory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

enum {
  END_SIZE = 22,
  LOCATOR_SIZE = 20,
  END64_SIZE = 56,
  ENTRY_SIZE = 46,
  LOCAL_SIZE = 30,
  MAX_COMMENT = 65535,
  MAX_DIRECTORY = 256 << 20
};

typedef struct directory {
  FILE *file;
  const char *path;
  uint64_t size;                      /* of the file */
  uint64_t offset, length, n_members; /* of the central directory */
} directory;

typedef struct span {
  uint64_t begin, end;
} span;

static uint64_t little(const unsigned char *p, int bytes) {
  uint64_t x = 0;
  for (int i = bytes - 1; i >= 0; i--) x = x << 8 | p[i];
  return x;
}

static ins_status broken(const directory *d, const char *what, uint64_t at) {
  return ins_fail(INS_ERR_FORMAT,
                  "%s: damaged or cut short: %s (byte %llu); fetch or copy it again", d->path, what,
                  (unsigned long long)at);
}

static ins_status read_at(const directory *d, uint64_t at, void *out, size_t n) {
  if (at > d->size || n > d->size - at)
    return broken(d, "its ZIP directory lies beyond its end", at);
  if (fseeko(d->file, (off_t)at, SEEK_SET) != 0 || fread(out, 1, n, d->file) != n)
    return ins_fail(INS_ERR_IO, "%s: reading failed: %s", d->path, strerror(errno));
  return INS_OK;
}

/* Large files keep the true numbers in a second record that a locator before the first one points
 * at. */
static ins_status read_end64(directory *d, uint64_t end_at) {
  unsigned char locator[LOCATOR_SIZE], end[END64_SIZE];
  if (end_at < LOCATOR_SIZE) return INS_OK;
  ins_status status = read_at(d, end_at - LOCATOR_SIZE, locator, sizeof locator);
  if (status != INS_OK || memcmp(locator, "PK\6\7", 4) != 0) return status;
  uint64_t at = little(locator + 8, 8);
  status = read_at(d, at, end, sizeof end);
  if (status != INS_OK) return status;
  if (memcmp(end, "PK\6\6", 4) != 0) return broken(d, "its ZIP64 end record is missing", at);
  d->n_members = little(end + 32, 8);
  d->length = little(end + 40, 8);
  d->offset = little(end + 48, 8);
  return INS_OK;
}

/* The end record stands in the last 22 bytes, or before a comment of at most 64 kB. */
static ins_status find_end(directory *d) {
  unsigned char *tail = NULL;
  size_t n = d->size < END_SIZE + MAX_COMMENT ? (size_t)d->size : END_SIZE + MAX_COMMENT, i;
  if (n < END_SIZE) return broken(d, "it is too short for a ZIP file", d->size);
  ins_status status = ins_alloc(n, 1, &tail);
  if (status == INS_OK) status = read_at(d, d->size - n, tail, n);
  if (status != INS_OK) goto done;
  for (i = n - END_SIZE + 1; i > 0; i--)
    if (memcmp(tail + i - 1, "PK\5\6", 4) == 0) break;
  if (i == 0) {
    status = broken(d, "its ZIP directory, which stands at the end, is missing", d->size);
    goto done;
  }
  d->n_members = little(tail + i - 1 + 10, 2);
  d->length = little(tail + i - 1 + 12, 4);
  d->offset = little(tail + i - 1 + 16, 4);
  status = read_end64(d, d->size - n + i - 1);
done:
  ins_free(&tail);
  return status;
}

/* Size and offset of an entry, from its ZIP64 extra field where the short fields are all ones. */
static void read_sizes(const unsigned char *entry, size_t extra_at, size_t extra_length,
                       uint64_t *stored, uint64_t *offset) {
  bool big_size = little(entry + 24, 4) == UINT32_MAX;
  bool big_stored = little(entry + 20, 4) == UINT32_MAX;
  bool big_offset = little(entry + 42, 4) == UINT32_MAX;
  *stored = little(entry + 20, 4);
  *offset = little(entry + 42, 4);
  for (size_t at = 0; at + 4 <= extra_length;) {
    const unsigned char *field = entry + extra_at + at;
    size_t length = little(field + 2, 2), used = 0;
    if (length > extra_length - at - 4) return;
    if (little(field, 2) == 1) {
      if (big_size) used += 8;
      if (big_stored && used + 8 <= length) {
        *stored = little(field + 4 + used, 8);
        used += 8;
      }
      if (big_offset && used + 8 <= length) *offset = little(field + 4 + used, 8);
      return;
    }
    at += 4 + length;
  }
}

/* The least room a member takes: its header, the name in it, and its data. */
static ins_status span_of(const directory *d, const unsigned char *entry, size_t name, size_t extra,
                          span *out) {
  uint64_t stored, offset;
  read_sizes(entry, ENTRY_SIZE + name, extra, &stored, &offset);
  if (offset > d->offset || LOCAL_SIZE + name > d->offset - offset ||
      stored > d->offset - offset - LOCAL_SIZE - name)
    return broken(d, "a member reaches beyond the data of the file", offset);
  *out = (span){offset, offset + LOCAL_SIZE + name + stored};
  return INS_OK;
}

static int by_begin(const void *a, const void *b) {
  const span *x = a, *y = b;
  return (x->begin > y->begin) - (x->begin < y->begin);
}

static ins_status check_entries(const directory *d, const unsigned char *bytes, span *spans) {
  uint64_t at = 0;
  for (uint64_t i = 0; i < d->n_members; i++) {
    const unsigned char *entry = bytes + at;
    if (d->length - at < ENTRY_SIZE || memcmp(entry, "PK\1\2", 4) != 0)
      return broken(d, "its ZIP directory holds fewer members than it says", d->offset + at);
    size_t name = little(entry + 28, 2), extra = little(entry + 30, 2);
    size_t whole = ENTRY_SIZE + name + extra + (size_t)little(entry + 32, 2);
    if (whole > d->length - at)
      return broken(d, "an entry of its ZIP directory is too long", d->offset + at);
    if (little(entry + 8, 2) & 1)
      return ins_fail(INS_ERR_FORMAT, "%s: its members are encrypted, which no checkpoint is",
                      d->path);
    ins_status status = span_of(d, entry, name, extra, &spans[i]);
    if (status != INS_OK) return status;
    at += whole;
  }
  qsort(spans, d->n_members, sizeof *spans, by_begin);
  for (uint64_t i = 1; i < d->n_members; i++)
    if (spans[i].begin < spans[i - 1].end)
      return broken(d, "two of its members overlap", spans[i].begin);
  return INS_OK;
}

static ins_status check_directory(directory *d) {
  unsigned char *bytes = NULL;
  span *spans = NULL;
  ins_status status = find_end(d);
  if (status != INS_OK) return status;
  if (d->offset > d->size || d->length > d->size - d->offset)
    return broken(d, "its ZIP directory lies beyond its end", d->offset);
  if (d->length > MAX_DIRECTORY || d->n_members > d->length / ENTRY_SIZE)
    return broken(d, "its ZIP directory is of an impossible size", d->offset);
  status = ins_alloc((size_t)d->length, 1, &bytes);
  if (status == INS_OK) status = ins_alloc((size_t)d->n_members, sizeof *spans, &spans);
  if (status == INS_OK) status = read_at(d, d->offset, bytes, (size_t)d->length);
  if (status == INS_OK) status = check_entries(d, bytes, spans);
  ins_free(&spans);
  ins_free(&bytes);
  return status;
}

ins_status ins_directory_check(const char *path) {
  directory d = {.file = fopen(path, "rb"), .path = path};
  if (!d.file) return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  ins_status status = INS_OK;
  off_t size = fseeko(d.file, 0, SEEK_END) == 0 ? ftello(d.file) : -1;
  if (size < 0) status = ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  d.size = size < 0 ? 0 : (uint64_t)size;
  if (status == INS_OK) status = check_directory(&d);
  fclose(d.file);
  return status;
}
