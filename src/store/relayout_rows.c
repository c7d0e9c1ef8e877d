/* SPDX-License-Identifier: MIT */
/* Old rows on their way to a file laid out anew: many at a time where they are small, in pieces
 * where they are not. */
#include "insilico/fault.h"
#include "insilico/memory.h"
#include "insilico/store.h"
#include "relayout.h"

enum { BUFFER = INS_ROWS_SLAB, MAX_STEP = 1 << 14 };

ins_status ins_old_rows_damaged(const source *s) {
  return ins_fail(INS_ERR_FORMAT, "%s: its variables are not of the sizes that they should have",
                  s->path);
}

/* The new number of an old task, or SIZE_MAX. */
static size_t new_task(const source *s, size_t old) {
  size_t index[INS_MAX_TASK_AXES];
  for (int i = s->layout->n_task_axes - 1; i >= 0; i--) {
    index[i] = s->map[i][old % s->length[i]];
    if (index[i] == SIZE_MAX) return SIZE_MAX;
    old /= s->length[i];
  }
  return ins_layout_task(s->layout, index);
}

/* A step of consecutive old tasks on its way to the new file. */
typedef struct load {
  size_t capacity;
  uint8_t *state;
  int8_t *error;
  uint64_t *checksum;
  size_t *task;
  ins_status *status;
  void **rows;          /* [n_variables]; of variables without rows of tasks NULL */
  void **part;          /* [n_variables]: where in them a piece begins */
  const void **covered; /* [rows.n]: what a checksum is of, of one task */
  ins_xxh hash;
} load;

static ins_status make_load(const source *s, load *l) {
  const size_t n_variables = (size_t)s->layout->n_variables;
  size_t row = s->rows.row_bytes ? s->rows.row_bytes : 1;
  *l = (load){.capacity = BUFFER / row ? BUFFER / row : 1};
  if (!ins_rows_fit(&s->rows, s->layout)) return ins_old_rows_damaged(s);
  if (l->capacity > MAX_STEP) l->capacity = MAX_STEP;
  ins_status status = ins_alloc(l->capacity, 1, &l->state);
  if (status == INS_OK) status = ins_alloc(l->capacity, 1, &l->error);
  if (status == INS_OK) status = ins_alloc(l->capacity, sizeof *l->checksum, &l->checksum);
  if (status == INS_OK) status = ins_alloc(l->capacity, sizeof *l->task, &l->task);
  if (status == INS_OK) status = ins_alloc(l->capacity, sizeof *l->status, &l->status);
  if (status == INS_OK) status = ins_alloc(n_variables, sizeof *l->rows, &l->rows);
  if (status == INS_OK) status = ins_alloc(n_variables, sizeof *l->part, &l->part);
  if (status == INS_OK) status = ins_alloc((size_t)s->rows.n, sizeof *l->covered, &l->covered);
  if (status == INS_OK) status = ins_xxh_create(&l->hash);
  for (int v = 0; v < s->layout->n_variables && status == INS_OK; v++)
    if (s->layout->variables[v].scope == INS_PER_TASK)
      status = ins_alloc(l->capacity, ins_layout_row_bytes(s->layout, v), &l->rows[v]);
  return status;
}

static void free_load(const source *s, load *l) {
  ins_free(&l->state);
  ins_free(&l->error);
  ins_free(&l->checksum);
  ins_free(&l->task);
  ins_free(&l->status);
  for (int v = 0; v < s->layout->n_variables && l->rows; v++) ins_free(&l->rows[v]);
  ins_free(&l->rows);
  ins_free(&l->part);
  ins_free(&l->covered);
  if (l->hash.state) ins_xxh_destroy(&l->hash);
}

static bool read_load(const source *s, load *l, size_t first, size_t n) {
  int k = 0;
  const size_t width = sizeof *l->checksum;
  if (!ins_rows_read(&s->rows, s->rows.error.offset + first, n, l->error) ||
      !ins_rows_read(&s->rows, s->rows.checksum.offset + (uint64_t)first * width, n * width,
                     l->checksum))
    return false;
  for (int v = 0; v < s->layout->n_variables; v++) {
    if (s->layout->variables[v].scope != INS_PER_TASK) continue;
    const ins_place *place = &s->rows.place[k++];
    if (!ins_rows_read(&s->rows, place->offset + (uint64_t)first * place->row_bytes,
                       n * place->row_bytes, l->rows[v]))
      return false;
  }
  return true;
}

/* Is row k of the load, which begins with old task `first`, what was verified a moment ago? What is
 * copied gets a checksum of its own. */
static bool is_as_verified(const source *s, load *l, size_t first, size_t k) {
  int n = 0;
  for (int v = 0; v < s->layout->n_variables; v++)
    if (l->rows[v]) l->covered[n++] = (char *)l->rows[v] + k * ins_layout_row_bytes(s->layout, v);
  const uint64_t sum =
      ins_rows_checksum(&l->hash, &s->rows, first + k, (ins_status)l->error[k], l->covered);
  return sum == l->checksum[k] && !ins_fault("store.reread", (long)(first + k));
}

/* Rows [from, from+n) of the load, whose new numbers ascend. */
static ins_status write_load(const source *s, ins_store *store, const load *l, size_t from,
                             size_t n) {
  for (int v = 0; v < s->layout->n_variables; v++)
    if (l->rows[v]) l->part[v] = (char *)l->rows[v] + from * ins_layout_row_bytes(s->layout, v);
  return ins_store_write(store, s->stage, n, l->task + from, l->part, l->status + from);
}

static ins_status not_copied(const source *s) {
  return ins_fail(INS_ERR_IO, "%s: its rows cannot be copied", s->path);
}

/* Moves old tasks [first, first+n), all verified. */
static ins_status copy_run(source *s, ins_store *store, load *l, size_t first, size_t n) {
  ins_status status = INS_OK;
  if (ins_fault("store.relayout", -1)) return not_copied(s);
  if (!read_load(s, l, first, n)) return INS_OK; /* readable a moment ago: left pending */
  for (size_t k = 0; k < n; k++) {
    l->task[k] = new_task(s, first + k);
    l->status[k] = (ins_status)l->error[k];
    if (l->task[k] == SIZE_MAX && l->status[k] == INS_OK) s->n_lost++;
    if (!is_as_verified(s, l, first, k)) l->task[k] = SIZE_MAX;
  }
  for (size_t k = 0, end; k < n && status == INS_OK; k = end) {
    end = k + 1;
    if (l->task[k] == SIZE_MAX) continue;
    while (end < n && l->task[end] != SIZE_MAX && l->task[end] > l->task[end - 1]) end++;
    status = write_load(s, store, l, k, end - k);
    s->n_kept += end - k;
  }
  return status;
}

/* ---- rows that are too large for that ---------------------------------------------------------
 */

/* Of the stage, one row after the other. */
typedef struct porter {
  source *s;
  ins_store *store;
  void *piece;  /* [BUFFER] */
  ins_xxh hash; /* of the row, as it was read */
} porter;

/* A variable's row of an old task, piece by piece. */
static ins_status copy_pieces(porter *p, int v, const ins_place *place, size_t old, size_t task,
                              bool *readable) {
  const source *s = p->s;
  const size_t size = ins_dtype_size(s->layout->variables[v].dtype), step = BUFFER / size,
               row = ins_layout_row(s->layout, v);
  const uint64_t begin = place->offset + (uint64_t)old * place->row_bytes;
  ins_status status = INS_OK;
  for (size_t at = 0; at < row && status == INS_OK; at += step) {
    const size_t n = row - at < step ? row - at : step;
    *readable = ins_rows_read(&s->rows, begin + (uint64_t)at * size, n * size, p->piece);
    if (!*readable) break;
    ins_rows_add(&p->hash, &s->rows, p->piece, n * size);
    status = ins_store_write_part(p->store, s->stage, v, task, at, n, p->piece);
  }
  return status;
}

/* Is what was read, all of it, what the checksum of the old task is of? */
static bool is_whole(porter *p, size_t old) {
  const ins_rows *rows = &p->s->rows;
  const uint64_t sum = ins_xxh_end(&p->hash);
  uint64_t told;
  return ins_rows_read(rows, rows->checksum.offset + (uint64_t)old * sizeof told, sizeof told,
                       &told) &&
         told == sum && !ins_fault("store.verify", (long)old);
}

/* Read once: it is hashed on its way, so that what counts as done is what was verified. A row that
 * is not whole was copied for nothing and is left pending. */
static ins_status copy_large_row(porter *p, size_t old, size_t task) {
  source *s = p->s;
  ins_status status = INS_OK;
  bool readable = true;
  int k = 0;
  if (ins_fault("store.relayout", -1)) return not_copied(s);
  ins_rows_begin(&p->hash, &s->rows, old, INS_OK);
  for (int v = 0; v < s->layout->n_variables && status == INS_OK && readable; v++)
    if (s->layout->variables[v].scope == INS_PER_TASK)
      status = copy_pieces(p, v, &s->rows.place[k++], old, task, &readable);
  if (status != INS_OK || !readable || !is_whole(p, old)) return status;
  status = ins_store_sync(p->store);
  if (status == INS_OK) status = ins_store_seal(p->store, s->stage, task);
  s->n_kept += status == INS_OK;
  return status;
}

/* A finished task without a place, unless it only claims to be finished. */
static ins_status count_lost(source *s, size_t old) {
  uint8_t state;
  ins_status status = ins_rows_verify(&s->rows, old, 1, &state, NULL);
  s->n_lost += status == INS_OK && state == INS_TASK_DONE;
  return status;
}

/* Failed tasks have nothing worth the copying and are tried again anyway: they become pending. */
static ins_status copy_large_rows(source *s, ins_store *store) {
  porter p = {.s = s, .store = store};
  if (!ins_rows_fit(&s->rows, s->layout)) return ins_old_rows_damaged(s);
  ins_status status = ins_alloc(BUFFER, 1, &p.piece);
  if (status == INS_OK) status = ins_xxh_create(&p.hash);
  for (size_t old = 0; old < s->rows.n_tasks && status == INS_OK; old++) {
    uint8_t state;
    if (!ins_rows_read(&s->rows, s->rows.status.offset + old, 1, &state)) continue;
    if (state != INS_TASK_DONE) continue;
    const size_t task = new_task(s, old);
    status = task == SIZE_MAX ? count_lost(s, old) : copy_large_row(&p, old, task);
  }
  if (p.hash.state) ins_xxh_destroy(&p.hash);
  ins_free(&p.piece);
  return status;
}

ins_status ins_old_rows_copy(source *s, ins_store *store) {
  load l;
  if (s->rows.row_bytes > BUFFER) return copy_large_rows(s, store);
  ins_status status = make_load(s, &l);
  for (size_t at = 0; at < s->rows.n_tasks && status == INS_OK; at += l.capacity) {
    size_t n = s->rows.n_tasks - at < l.capacity ? s->rows.n_tasks - at : l.capacity;
    status = ins_rows_verify(&s->rows, at, n, l.state, NULL);
    for (size_t k = 0, end; k < n && status == INS_OK; k = end) {
      end = k + 1;
      if (l.state[k] == INS_TASK_PENDING) continue;
      while (end < n && l.state[end] != INS_TASK_PENDING) end++;
      status = copy_run(s, store, &l, at + k, end - k);
    }
  }
  free_load(s, &l);
  return status;
}
