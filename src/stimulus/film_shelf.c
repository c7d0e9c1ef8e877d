/* SPDX-License-Identifier: MIT */
#include "film_shelf.h"

#include <stdlib.h>
#include <string.h>

#include "insilico/hash.h"
#include "insilico/memory.h"

typedef struct kept {
  ins_film film; /* what callers hold */
  ins_film_files files;
  char *key;
  uint64_t hash; /* of the key */
  size_t bytes, users;
  uint64_t last_use; /* shelf.clock then */
} kept;

/* For as long as the process runs. */
static struct {
  kept **all;
  size_t n, capacity, bytes, bound;
  uint64_t clock;
} shelf = {.bound = (size_t)1 << 30};

static void discard(size_t i) {
  kept *k = shelf.all[i];
  shelf.bytes -= k->bytes;
  shelf.all[i] = shelf.all[--shelf.n];
  ins_film_clear(&k->film);
  ins_film_files_clear(&k->files);
  free(k->key);
  ins_free(&k);
}

/* Until the bound holds, or all that is left is in use. */
static void tidy(void) {
  while (shelf.bytes > shelf.bound) {
    size_t oldest = shelf.n;
    for (size_t i = 0; i < shelf.n; i++)
      if (!shelf.all[i]->users &&
          (oldest == shelf.n || shelf.all[i]->last_use < shelf.all[oldest]->last_use))
        oldest = i;
    if (oldest == shelf.n) return;
    discard(oldest);
  }
}

static const ins_film *lend(kept *k) {
  k->users++;
  k->last_use = ++shelf.clock;
  return &k->film;
}

ins_status ins_film_shelf_take(const char *key, const ins_film **out) {
  const uint64_t hash = ins_xxh3(key, strlen(key), 0);
  *out = NULL;
  for (size_t i = 0; i < shelf.n; i++) {
    kept *k = shelf.all[i];
    if (k->hash != hash || strcmp(k->key, key) != 0) continue;
    ins_status status = ins_film_files_check(&k->files);
    if (status == INS_OK) *out = lend(k);
    return status;
  }
  return INS_OK;
}

ins_status ins_film_shelf_add(const char *key, ins_film *film, ins_film_files *files,
                              const ins_film **out) {
  kept *k = NULL;
  *out = NULL;
  ins_status status = ins_grow(&shelf.all, &shelf.capacity, shelf.n + 1, sizeof *shelf.all);
  if (status == INS_OK) status = ins_alloc(1, sizeof *k, &k);
  if (status != INS_OK) return status;
  k->key = strdup(key);
  if (!k->key) {
    ins_free(&k);
    return ins_fail(INS_ERR_MEMORY, "out of memory while keeping a film");
  }
  k->hash = ins_xxh3(key, strlen(key), 0);
  k->film = *film;
  k->files = *files;
  k->bytes = film->n_channels * film->n_frames * film->height * film->width * sizeof *film->x +
             files->capacity * sizeof *files->which + sizeof *k + strlen(key);
  *film = (ins_film){0};
  *files = (ins_film_files){0};
  shelf.all[shelf.n++] = k;
  shelf.bytes += k->bytes;
  *out = lend(k);
  tidy();
  return INS_OK;
}

void ins_film_close(const ins_film **film) {
  for (size_t i = 0; *film && i < shelf.n; i++)
    if (&shelf.all[i]->film == *film) {
      shelf.all[i]->users--;
      break;
    }
  *film = NULL;
  tidy();
}

size_t ins_film_shelf_bound(size_t bytes) {
  const size_t before = shelf.bound;
  shelf.bound = bytes;
  tidy();
  return before;
}
