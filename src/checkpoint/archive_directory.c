/* SPDX-License-Identifier: MIT */
/* Field positions: PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3. */
#include <stdlib.h>
#include <string.h>

#include "archive_members.h"
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
  const ins_blob *blob;
  uint64_t offset, length, n_members; /* of the central directory */
} directory;

static uint64_t little(const unsigned char *p, int bytes) {
  uint64_t x = 0;
  for (int i = bytes - 1; i >= 0; i--) x = x << 8 | p[i];
  return x;
}

static ins_status broken(const directory *d, const char *what, uint64_t at) {
  return ins_fail(INS_ERR_FORMAT,
                  "%s: damaged or cut short: %s (byte %llu); fetch or copy it again", d->blob->path,
                  what, (unsigned long long)at);
}

static ins_status read_at(const directory *d, uint64_t at, void *out, size_t n) {
  if (at > d->blob->size || n > d->blob->size - at)
    return broken(d, "its ZIP directory lies beyond its end", at);
  return ins_blob_read(d->blob, at, out, n);
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
  size_t n = d->blob->size < END_SIZE + MAX_COMMENT ? (size_t)d->blob->size
                                                    : END_SIZE + MAX_COMMENT,
         i;
  if (n < END_SIZE) return broken(d, "it is too short for a ZIP file", d->blob->size);
  ins_status status = ins_alloc(n, 1, &tail);
  if (status == INS_OK) status = read_at(d, d->blob->size - n, tail, n);
  if (status != INS_OK) goto done;
  for (i = n - END_SIZE + 1; i > 0; i--)
    if (memcmp(tail + i - 1, "PK\5\6", 4) == 0) break;
  if (i == 0) {
    status = broken(d, "its ZIP directory, which stands at the end, is missing", d->blob->size);
    goto done;
  }
  d->n_members = little(tail + i - 1 + 10, 2);
  d->length = little(tail + i - 1 + 12, 4);
  d->offset = little(tail + i - 1 + 16, 4);
  status = read_end64(d, d->blob->size - n + i - 1);
done:
  ins_free(&tail);
  return status;
}

/* Sizes and offset of an entry, from its ZIP64 extra field where the short fields are all ones. */
static void read_sizes(const unsigned char *entry, size_t extra_at, size_t extra_length,
                       ins_member *m) {
  struct {
    int at;
    uint64_t *out;
  } fields[] = {{24, &m->size}, {20, &m->stored}, {42, &m->begin}};
  for (int k = 0; k < 3; k++) *fields[k].out = little(entry + fields[k].at, 4);
  for (size_t at = 0; at + 4 <= extra_length;) {
    const unsigned char *field = entry + extra_at + at;
    size_t length = little(field + 2, 2), used = 0;
    if (length > extra_length - at - 4) return;
    at += 4 + length;
    if (little(field, 2) != 1) continue;
    for (int k = 0; k < 3; k++)
      if (*fields[k].out == UINT32_MAX && used + 8 <= length) {
        *fields[k].out = little(field + 4 + used, 8);
        used += 8;
      }
    return;
  }
}

/* The least room a member takes: its header, the name in it, and its data. */
static ins_status read_entry(const directory *d, const unsigned char *entry, size_t name,
                             size_t extra, ins_member *m) {
  read_sizes(entry, ENTRY_SIZE + name, extra, m);
  m->method = (uint16_t)little(entry + 10, 2);
  m->crc = (uint32_t)little(entry + 16, 4);
  m->has_header = true;
  if (little(entry + 8, 2) & 1)
    return ins_fail(INS_ERR_FORMAT, "%s: its members are encrypted, which no checkpoint is",
                    d->blob->path);
  if (name == 0 || memchr(entry + ENTRY_SIZE, 0, name))
    return broken(d, "a member has no proper name", m->begin);
  if (m->begin > d->offset || LOCAL_SIZE + name > d->offset - m->begin ||
      m->stored > d->offset - m->begin - LOCAL_SIZE - name)
    return broken(d, "a member reaches beyond the data of the file", m->begin);
  m->end = m->begin + LOCAL_SIZE + name + m->stored;
  return INS_OK;
}

static int by_begin(const void *a, const void *b) {
  const ins_member *x = *(const ins_member *const *)a, *y = *(const ins_member *const *)b;
  return (x->begin > y->begin) - (x->begin < y->begin);
}

/* No member may begin before the one before it ends. From here on all up to the next one is its
 * own, since the header before its data may be longer than the directory tells. */
static ins_status check_order(const directory *d, ins_members *members) {
  ins_member **sorted = NULL;
  ins_status status = ins_alloc(members->n, sizeof *sorted, &sorted);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < members->n; i++) sorted[i] = &members->list[i];
  qsort(sorted, members->n, sizeof *sorted, by_begin);
  for (size_t i = 0; status == INS_OK && i < members->n; i++) {
    uint64_t next = i + 1 < members->n ? sorted[i + 1]->begin : d->offset;
    if (next < sorted[i]->end) status = broken(d, "two of its members overlap", next);
    sorted[i]->end = next;
  }
  ins_free(&sorted);
  return status;
}

/* Each name is ended where it stands, by a zero over what follows it. */
static void end_names(ins_members *members) {
  for (size_t i = members->n; i-- > 0;) {
    unsigned char *name = (unsigned char *)members->list[i].name;
    name[little(name - ENTRY_SIZE + 28, 2)] = 0;
  }
}

static ins_status read_entries(const directory *d, ins_members *members) {
  size_t at = 0;
  for (size_t i = 0; i < d->n_members; i++) {
    const unsigned char *entry = members->names + at;
    if (d->length - at < ENTRY_SIZE || memcmp(entry, "PK\1\2", 4) != 0)
      return broken(d, "its ZIP directory holds fewer members than it says", d->offset + at);
    size_t name = little(entry + 28, 2), extra = little(entry + 30, 2);
    size_t whole = ENTRY_SIZE + name + extra + (size_t)little(entry + 32, 2);
    if (whole > d->length - at)
      return broken(d, "an entry of its ZIP directory is too long", d->offset + at);
    ins_status status = read_entry(d, entry, name, extra, &members->list[i]);
    if (status != INS_OK) return status;
    members->list[i].name = (const char *)entry + ENTRY_SIZE;
    at += whole;
  }
  members->n = (size_t)d->n_members;
  end_names(members);
  return check_order(d, members);
}

ins_status ins_directory_read(const ins_blob *blob, ins_members *out) {
  directory d = {.blob = blob};
  ins_status status = find_end(&d);
  if (status != INS_OK) return status;
  if (d.offset > blob->size || d.length > blob->size - d.offset)
    return broken(&d, "its ZIP directory lies beyond its end", d.offset);
  if (d.length > MAX_DIRECTORY || d.n_members > d.length / ENTRY_SIZE)
    return broken(&d, "its ZIP directory is of an impossible size", d.offset);
  status = ins_alloc((size_t)d.length + 1, 1, &out->names);
  if (status == INS_OK)
    status = ins_grow(&out->list, &out->capacity, (size_t)d.n_members, sizeof *out->list);
  if (status == INS_OK) status = read_at(&d, d.offset, out->names, (size_t)d.length);
  if (status == INS_OK) status = read_entries(&d, out);
  if (status == INS_OK) status = ins_members_sort(out, blob->path);
  return status;
}
