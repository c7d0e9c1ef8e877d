/* SPDX-License-Identifier: MIT */
/* torch before 1.6 wrote, one after the other: the pickles of a magic number, of 1001, of a map
 * that describes the machine, of the object, and of the list of its storages' keys; then for each
 * key a count of elements (8 bytes) and the elements. Both are little-endian whatever the machine
 * was. (torch/serialization.py, _legacy_load.) How large an element is, only the object's pickle
 * tells: by the first mention of the key. */
#include <stdlib.h>
#include <string.h>

#include "archive_members.h"
#include "insilico/memory.h"
#include "pickle.h"
#include "torch_types.h"

enum { FIRST_READ = 1 << 20, MAX_PICKLES = 256 << 20, MAX_KEY = 200 };

static const unsigned char magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                      0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

/* The start of the file as far as pickles have been looked for, and where the next one begins. */
typedef struct head {
  const ins_blob *blob;
  unsigned char *bytes;
  size_t n, at;
} head;

typedef struct mention {
  const ins_pickle_node *key;
  size_t order, item; /* bytes of an element */
} mention;

bool ins_stream_starts(const unsigned char *bytes, size_t n) {
  /* Behind the mark of protocols 2 to 5; a frame may stand before it. */
  if (n < 2 || bytes[0] != 0x80) return false;
  size_t at = n > 11 && bytes[2] == 0x95 ? 11 : 2;
  return n >= at + sizeof magic && memcmp(bytes + at, magic, sizeof magic) == 0;
}

static ins_status broken(const ins_blob *blob, const char *what, uint64_t at) {
  return ins_fail(INS_ERR_FORMAT,
                  "%s: damaged or cut short: %s (byte %llu); fetch or copy it again", blob->path,
                  what, (unsigned long long)at);
}

/* Reads the first n bytes anew. */
static ins_status read_head(head *h, size_t n) {
  ins_free(&h->bytes);
  ins_status status = ins_room(n, &h->bytes);
  if (status == INS_OK) status = ins_blob_read(h->blob, 0, h->bytes, n);
  h->n = n;
  return status;
}

/* Runs the next pickle. Where it ends only it knows: for want of bytes more of the file is read,
 * twice as many each time. */
static ins_status next_pickle(head *h, ins_pickle *out) {
  const size_t spare = (size_t)256 << 20;
  size_t most = h->blob->size < MAX_PICKLES ? (size_t)h->blob->size : MAX_PICKLES;
  for (;;) {
    ins_pickle_run run = {.most_bytes = spare + 64 * most};
    ins_status status =
        ins_pickle_read_some(h->bytes + h->at, h->n - h->at, h->blob->path, &run, out);
    if (status == INS_OK) {
      h->at += run.end;
      return INS_OK;
    }
    ins_pickle_free(out);
    if (!run.starved || h->n >= most) return status;
    status = read_head(h, h->n < most / 2 ? 2 * h->n : most);
    if (status != INS_OK) return status;
  }
}

static int compare_keys(const ins_pickle_node *a, const ins_pickle_node *b) {
  size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
  int order = n ? memcmp(a->text.bytes, b->text.bytes, n) : 0;
  return order ? order : (a->text.n > b->text.n) - (a->text.n < b->text.n);
}

static int by_key(const void *a, const void *b) {
  const mention *x = a, *y = b;
  int order = compare_keys(x->key, y->key);
  return order ? order : (x->order > y->order) - (x->order < y->order);
}

static const ins_pickle_node *key_of(const ins_pickle *p, ins_node node) {
  const ins_pickle_node *key = ins_pk(p, node);
  return key->kind == PK_TEXT && key->text.n > 0 && key->text.n <= MAX_KEY ? key : NULL;
}

/* Every ('storage', class, key, location, count, view) in the order of the pickle, sorted by key.
 */
static ins_status find_mentions(const ins_pickle *p, mention **out, size_t *n) {
  size_t capacity = 0;
  *n = 0;
  for (size_t i = 1; i < p->n; i++) {
    if (p->nodes[i].kind != PK_PERSISTENT) continue;
    ins_node id = p->nodes[i].persistent;
    const ins_pickle_node *key = key_of(p, ins_pk_item(p, id, 2));
    size_t item = ins_torch_item_size(p, ins_pk_item(p, id, 1));
    if (!key || !item || !ins_pk_text_is(p, ins_pk_item(p, id, 0), "storage")) continue;
    ins_status status = ins_grow(out, &capacity, *n + 1, sizeof **out);
    if (status != INS_OK) return status;
    (*out)[*n] = (mention){key, *n, item};
    ++*n;
  }
  if (*n) qsort(*out, *n, sizeof **out, by_key);
  return INS_OK;
}

/* Bytes of an element of the storage `key`; 0 when the object does not mention it. */
static size_t item_of(const mention *mentions, size_t n, const ins_pickle_node *key) {
  size_t low = 0, high = n;
  while (low < high) { /* the first one of this key */
    size_t middle = low + (high - low) / 2;
    if (compare_keys(mentions[middle].key, key) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low < n && compare_keys(mentions[low].key, key) == 0 ? mentions[low].item : 0;
}

static ins_status add_storage(const ins_blob *blob, ins_members *out, uint64_t *at, size_t item,
                              const char *name) {
  unsigned char count[8];
  uint64_t n = 0, bytes;
  if (blob->size - *at < sizeof count) return broken(blob, "a storage is missing", *at);
  ins_status status = ins_blob_read(blob, *at, count, sizeof count);
  if (status != INS_OK) return status;
  for (int i = 7; i >= 0; i--) n = n << 8 | count[i];
  *at += sizeof count;
  if (__builtin_mul_overflow(n, (uint64_t)item, &bytes) || bytes > blob->size - *at)
    return broken(blob, "a storage reaches beyond the end", *at);
  out->list[out->n++] =
      (ins_member){.name = name, .begin = *at, .end = *at + bytes, .stored = bytes, .size = bytes};
  *at += bytes;
  return INS_OK;
}

/* Members "data/KEY" for the keys in the list, whose names are kept in out->names. */
static ins_status add_storages(const head *h, const ins_pickle *keys, const mention *mentions,
                               size_t n_mentions, ins_members *out) {
  size_t n = ins_pk_count(keys, keys->root), room = sizeof "data.pkl", used = sizeof "data.pkl";
  uint64_t at = h->at;
  if (ins_pk_kind(keys, keys->root) != PK_LIST)
    return broken(h->blob, "the list of its storages is missing", at);
  for (size_t i = 0; i < n; i++) {
    const ins_pickle_node *key = key_of(keys, ins_pk_item(keys, keys->root, i));
    if (!key) return broken(h->blob, "a storage has no proper key", at);
    room += sizeof "data/" + key->text.n;
  }
  ins_status status = ins_alloc(room, 1, &out->names);
  if (status == INS_OK) status = ins_grow(&out->list, &out->capacity, n + 1, sizeof *out->list);
  if (status != INS_OK) return status;
  memcpy(out->names, "data.pkl", sizeof "data.pkl");
  out->list[0].name = (char *)out->names;
  out->n = 1;
  for (size_t i = 0; status == INS_OK && i < n; i++) {
    const ins_pickle_node *key = ins_pk(keys, ins_pk_item(keys, keys->root, i));
    char *name = (char *)out->names + used;
    size_t item = item_of(mentions, n_mentions, key);
    if (!item) return broken(h->blob, "a storage belongs to nothing in the file", at);
    memcpy(name, "data/", 5);
    memcpy(name + 5, key->text.bytes, key->text.n);
    used += sizeof "data/" + key->text.n;
    status = add_storage(h->blob, out, &at, item, name);
  }
  return status;
}

static ins_status check_version(const head *h, const ins_pickle *version) {
  const ins_pickle_node *number = ins_pk(version, version->root);
  if (number->kind == PK_INT && number->integer == 1001) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: a torch file of an unknown version (1001 is known); load it with the torch "
                  "that wrote it and torch.save it with a newer one",
                  h->blob->path);
}

static ins_status read_parts(head *h, ins_members *out) {
  ins_pickle before[3] = {{0}}, object = {0}, keys = {0};
  mention *mentions = NULL;
  size_t n_mentions, begin = 0, end = 0;
  ins_status status = INS_OK;
  for (int i = 0; status == INS_OK && i < 3; i++) status = next_pickle(h, &before[i]);
  if (status == INS_OK) status = check_version(h, &before[1]);
  begin = h->at;
  if (status == INS_OK) status = next_pickle(h, &object);
  end = h->at;
  if (status == INS_OK) status = find_mentions(&object, &mentions, &n_mentions);
  if (status != INS_OK) goto done;
  /* Reading on may move the bytes that texts point into: the mentions are of use only while they
   * stay. So the keys are read first where more bytes are wanted, and the object's pickle once
   * more. */
  const unsigned char *was = h->bytes;
  status = next_pickle(h, &keys);
  if (status == INS_OK && h->bytes != was) {
    size_t after = h->at;
    ins_pickle_free(&object);
    ins_free(&mentions);
    h->at = begin;
    status = next_pickle(h, &object);
    h->at = after;
    if (status == INS_OK) status = find_mentions(&object, &mentions, &n_mentions);
  }
  if (status == INS_OK) status = add_storages(h, &keys, mentions, n_mentions, out);
  if (status == INS_OK) {
    ins_member *pickle = &out->list[0];
    pickle->begin = begin;
    pickle->end = end;
    pickle->stored = pickle->size = end - begin;
    status = ins_members_sort(out, h->blob->path);
  }
done:
  for (int i = 0; i < 3; i++) ins_pickle_free(&before[i]);
  ins_pickle_free(&object);
  ins_pickle_free(&keys);
  ins_free(&mentions);
  return status;
}

ins_status ins_stream_read(const ins_blob *blob, ins_members *out) {
  head h = {.blob = blob};
  ins_status status = read_head(&h, blob->size < FIRST_READ ? (size_t)blob->size : FIRST_READ);
  if (status == INS_OK) status = read_parts(&h, out);
  ins_free(&h.bytes);
  return status;
}
