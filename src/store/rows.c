/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/fault.h"
#include "insilico/memory.h"
#include "parts.h"

enum { SLAB = INS_ROWS_SLAB, MAX_SLAB_TASKS = 1 << 16 };

/* A dataset that takes the place it says, all of it within the file: what somebody else may have
 * written decides where and how much is read. */
typedef struct extent {
  uint64_t offset, bytes;
  size_t n; /* elements */
} extent;

static uint64_t file_bytes(hid_t group) {
  hsize_t bytes = 0;
  hid_t file = H5Iget_file_id(group);
  if (file < 0 || H5Fget_filesize(file, &bytes) < 0) bytes = 0;
  if (file >= 0) H5Fclose(file);
  return bytes;
}

static bool locate(hid_t group, const char *name, extent *out) {
  hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
  if (dataset < 0) return false;
  hid_t space = H5Dget_space(dataset);
  hssize_t n = H5Sget_simple_extent_npoints(space);
  haddr_t offset = H5Dget_offset(dataset);
  *out = (extent){offset == HADDR_UNDEF ? 0 : offset, H5Dget_storage_size(dataset), (size_t)n};
  if (space >= 0) H5Sclose(space);
  H5Dclose(dataset);
  if (n < 0 || (offset == HADDR_UNDEF && out->bytes)) return false;
  const uint64_t end = file_bytes(group);
  return !out->bytes || (out->offset <= end && out->bytes <= end - out->offset);
}

static bool locate_rows(hid_t group, const char *name, size_t n_tasks, ins_place *out) {
  extent found;
  if (!locate(group, name, &found)) return false;
  snprintf(out->name, sizeof out->name, "%s", name);
  out->offset = found.offset;
  out->row_bytes = n_tasks ? (size_t)(found.bytes / n_tasks) : 0;
  return n_tasks ? found.bytes % n_tasks == 0 : !found.bytes;
}

/* What keeps the books: one number a task. */
static bool locate_book(hid_t group, const char *name, size_t n_tasks, size_t width,
                        ins_place *out) {
  return locate_rows(group, name, n_tasks, out) && (!n_tasks || out->row_bytes == width);
}

bool ins_rows_offset(hid_t group, const char *name, size_t bytes, uint64_t *out) {
  extent found = {0};
  bool fits = group >= 0 && locate(group, name, &found) && found.bytes == bytes;
  *out = fits ? found.offset : 0;
  return fits;
}

static size_t count_words(const char *text) {
  size_t n = 0;
  for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
    n++;
    text += strcspn(text, " ");
  }
  return n;
}

/* Here and below, *found = it is there and of a right shape; only a lack of memory is an error. */
static ins_status locate_covered(hid_t group, const char *covers, ins_rows *rows, bool *found) {
  const size_t n = count_words(covers);
  char *words = strdup(covers), *rest = NULL;
  *found = n < INT_MAX;
  ins_status status = words ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory for names");
  if (status == INS_OK && *found) status = ins_alloc(n, sizeof *rows->place, &rows->place);
  for (char *word = rows->place ? strtok_r(words, " ", &rest) : NULL; word && *found;
       word = strtok_r(NULL, " ", &rest)) {
    ins_place *place = &rows->place[rows->n++];
    *found = locate_rows(group, word, rows->n_tasks, place) &&
             !__builtin_add_overflow(rows->row_bytes, place->row_bytes, &rows->row_bytes);
  }
  free(words);
  return status;
}

/* Rows are cut into chunks of this size or not at all. */
static bool read_chunk(const ins_value *chunk, size_t *out) {
  *out = chunk ? (size_t)ins_value_int_or(chunk, 0) : 0;
  return !chunk || *out == INS_STORE_CHUNK;
}

/* What the checksums are of, as their dataset says. */
typedef struct terms {
  ins_value *covers, *seed, *chunk;
} terms;

static ins_status read_terms(hid_t group, terms *out) {
  hid_t dataset = H5Dopen2(group, "checksum", H5P_DEFAULT);
  *out = (terms){0};
  if (dataset < 0) return INS_OK;
  ins_status status = ins_h5_get_value(dataset, "covers", &out->covers);
  if (status == INS_OK) status = ins_h5_get_value(dataset, "seed", &out->seed);
  if (status == INS_OK) status = ins_h5_get_value(dataset, "chunk", &out->chunk);
  H5Dclose(dataset);
  return status;
}

static void clear_terms(terms *t) {
  ins_value_destroy(&t->covers);
  ins_value_destroy(&t->seed);
  ins_value_destroy(&t->chunk);
}

static ins_status locate_all(hid_t group, ins_rows *rows, bool *found) {
  terms t;
  extent status = {0};
  ins_status result = read_terms(group, &t);
  *found = t.covers && t.seed && t.covers->kind == INS_TEXT && locate(group, "status", &status);
  if (result == INS_OK && *found) {
    rows->seed = (uint64_t)ins_value_int_or(t.seed, 0);
    rows->n_tasks = status.n;
    *found = read_chunk(t.chunk, &rows->chunk) &&
             locate_book(group, "status", status.n, sizeof(int8_t), &rows->status) &&
             locate_book(group, "error", status.n, sizeof(int8_t), &rows->error) &&
             locate_book(group, "checksum", status.n, sizeof(uint64_t), &rows->checksum);
    if (*found) result = locate_covered(group, t.covers->text, rows, found);
  }
  clear_terms(&t);
  return result;
}

bool ins_rows_fit(const ins_rows *rows, const ins_layout *layout) {
  int k = 0;
  for (int v = 0; v < layout->n_variables; v++) {
    if (layout->variables[v].scope != INS_PER_TASK) continue;
    if (k == rows->n) return false;
    const ins_place *place = &rows->place[k++];
    if (strncmp(place->name, layout->variables[v].name, sizeof place->name - 1) != 0) return false;
    if (rows->n_tasks && place->row_bytes != ins_layout_row_bytes(layout, v)) return false;
  }
  return k == rows->n;
}

ins_status ins_rows_open(hid_t file, const char *group, const char *path, ins_rows *out) {
  *out = (ins_rows){.fd = -1};
  bool found = false;
  hid_t place = ins_store_open_group(file, group);
  ins_status status = place >= 0 ? locate_all(place, out, &found) : INS_OK;
  if (place >= 0) H5Gclose(place);
  if (status == INS_OK && !found)
    status = ins_fail(INS_ERR_FORMAT,
                      "%s: its status, checksum or variables%s%s are missing or of a wrong shape",
                      path, group ? " of " : "", group ? group : "");
  if (status == INS_OK && !(out->path = strdup(path)))
    status = ins_fail(INS_ERR_MEMORY, "out of memory opening %s", path);
  if (status == INS_OK) status = ins_rows_reopen(out);
  if (status != INS_OK) ins_rows_close(out);
  return status;
}

ins_status ins_rows_reopen(ins_rows *rows) {
  if (rows->fd >= 0) close(rows->fd);
  rows->fd = open(rows->path, O_RDONLY | O_CLOEXEC);
  return rows->fd >= 0 ? INS_OK : ins_fail(INS_ERR_IO, "%s: %s", rows->path, strerror(errno));
}

void ins_rows_close(ins_rows *rows) {
  if (rows->path && rows->fd >= 0) close(rows->fd);
  free(rows->path);
  ins_free(&rows->place);
  *rows = (ins_rows){.fd = -1};
}

bool ins_rows_read(const ins_rows *rows, uint64_t offset, size_t n, void *out) {
  return ins_own_file_read(rows->fd, offset, n, out);
}

/* What a slab of tasks is checked with; made once a call. */
typedef struct slab {
  const ins_rows *rows;
  ins_xxh hash;
  size_t first, n, capacity;
  int8_t *status, *error;
  uint64_t *checksum;
  uint8_t **data; /* [rows->n]: [capacity][row] each */
  uint8_t *block;
  const void **row; /* [rows->n] of one task */
} slab;

/* Rows larger than a slab are read as they are hashed. */
static bool hash_task(slab *s, size_t k, ins_status code, uint64_t *out) {
  const ins_rows *rows = s->rows;
  if (rows->row_bytes > SLAB)
    return ins_rows_hash(rows, &s->hash, s->block, s->first + k, code, out);
  for (int v = 0; v < rows->n; v++) s->row[v] = s->data[v] + k * rows->place[v].row_bytes;
  *out = ins_rows_checksum(&s->hash, rows, s->first + k, code, s->row);
  return true;
}

static bool read_place(const slab *s, const ins_place *place, void *out) {
  return ins_rows_read(s->rows, place->offset + (uint64_t)s->first * place->row_bytes,
                       s->n * place->row_bytes, out);
}

/* Room for the rows of a slab, made once there is one to look at. */
static ins_status make_room(slab *s) {
  const ins_rows *rows = s->rows;
  const bool pieces = rows->row_bytes > SLAB;
  const size_t row = rows->row_bytes ? rows->row_bytes : 1, n_places = (size_t)rows->n;
  if (s->block) return INS_OK;
  ins_status status = ins_alloc(n_places, sizeof *s->data, &s->data);
  if (status == INS_OK) status = ins_alloc(n_places, sizeof *s->row, &s->row);
  if (status == INS_OK) status = ins_xxh_create(&s->hash);
  if (status == INS_OK) status = ins_alloc(pieces ? SLAB : s->capacity * row, 1, &s->block);
  for (size_t v = 0, at = 0; status == INS_OK && v < n_places && !pieces; v++) {
    s->data[v] = s->block + at;
    at += s->capacity * rows->place[v].row_bytes;
  }
  return status;
}

/* The books of a slab; of tasks that are all pending, as most are when a run begins, no more than
 * their status. */
static bool read_books(const slab *s, bool *all_pending) {
  size_t k = 0;
  if (!read_place(s, &s->rows->status, s->status)) return false;
  while (k < s->n && s->status[k] == INS_TASK_PENDING) k++;
  *all_pending = k == s->n;
  return *all_pending || (read_place(s, &s->rows->error, s->error) &&
                          read_place(s, &s->rows->checksum, s->checksum));
}

/* Is row k of the slab, whose data are read, what its books say? */
static bool is_whole(slab *s, size_t k) {
  uint64_t sum = 0;
  ins_status code = (ins_status)s->error[k];
  return s->status[k] == (code == INS_OK ? INS_TASK_DONE : INS_TASK_FAILED) &&
         hash_task(s, k, code, &sum) && sum == s->checksum[k] &&
         !ins_fault("store.verify", (long)(s->first + k));
}

/* One row at a time where a slab as a whole cannot be read: beyond the end of a cut file, on a bad
 * sector. */
static ins_status check_slab(slab *s, uint8_t *state, size_t *n_damaged) {
  const ins_rows *rows = s->rows;
  bool all_pending = false;
  memset(state, INS_TASK_PENDING, s->n);
  bool readable = read_books(s, &all_pending);
  if (all_pending) return INS_OK;
  ins_status status = readable ? make_room(s) : INS_OK;
  for (int v = 0; status == INS_OK && v < rows->n && rows->row_bytes <= SLAB && readable; v++)
    readable = read_place(s, &rows->place[v], s->data[v]);
  if (status == INS_OK && !readable && s->n > 1) {
    size_t first = s->first, n = s->n, half = n / 2;
    s->n = half;
    status = check_slab(s, state, n_damaged);
    s->first = first + half;
    s->n = n - half;
    if (status == INS_OK) status = check_slab(s, state + half, n_damaged);
    s->first = first;
    s->n = n;
    return status;
  }
  for (size_t k = 0; k < s->n && status == INS_OK; k++) {
    if (readable && s->status[k] == INS_TASK_PENDING) continue;
    if (readable && is_whole(s, k))
      state[k] = (uint8_t)s->status[k];
    else if (n_damaged && (!readable || s->checksum[k])) /* no checksum yet: being written */
      (*n_damaged)++;
  }
  return status;
}

static ins_status make_slab(const ins_rows *rows, size_t n, slab *s) {
  size_t row = rows->row_bytes ? rows->row_bytes : 1;
  *s = (slab){.rows = rows, .capacity = row > SLAB ? MAX_SLAB_TASKS : SLAB / row};
  if (s->capacity > MAX_SLAB_TASKS) s->capacity = MAX_SLAB_TASKS;
  if (s->capacity > n) s->capacity = n;
  ins_status status = ins_alloc(s->capacity, 1, &s->status);
  if (status == INS_OK) status = ins_alloc(s->capacity, 1, &s->error);
  if (status == INS_OK) status = ins_alloc(s->capacity, sizeof *s->checksum, &s->checksum);
  return status;
}

static void free_slab(slab *s) {
  ins_free(&s->status);
  ins_free(&s->error);
  ins_free(&s->checksum);
  ins_free(&s->block);
  ins_free(&s->data);
  ins_free(&s->row);
  if (s->hash.state) ins_xxh_destroy(&s->hash);
}

ins_status ins_rows_verify(const ins_rows *rows, size_t first, size_t n, uint8_t *state,
                           size_t *n_damaged) {
  slab s;
  if (first > rows->n_tasks || n > rows->n_tasks - first)
    return ins_fail(INS_ERR_INTERNAL, "%s: tasks %zu to %zu of %zu", rows->path, first, first + n,
                    rows->n_tasks);
  if (!n) return INS_OK;
  ins_status status = make_slab(rows, n, &s);
  for (size_t at = 0; at < n && status == INS_OK; at += s.n) {
    s.first = first + at;
    s.n = n - at < s.capacity ? n - at : s.capacity;
    status = check_slab(&s, state + at, n_damaged);
  }
  free_slab(&s);
  return status;
}

ins_status ins_rows_states(const ins_rows *rows, size_t n, const size_t *task, uint8_t *state) {
  enum { WINDOW = 1 << 16, GAP = 1 << 12 };
  uint8_t *window;
  ins_status status = ins_alloc(WINDOW, 1, &window);
  for (size_t k = 0, end; k < n && status == INS_OK; k = end) {
    const size_t first = task[k];
    end = k + 1;
    while (end < n && task[end] > task[end - 1] && task[end] - task[end - 1] <= GAP &&
           task[end] - first < WINDOW)
      end++;
    if (task[end - 1] >= rows->n_tasks || (end < n && task[end] <= task[end - 1]))
      status = ins_fail(INS_ERR_INTERNAL, "%s: task %zu out of range or order", rows->path,
                        task[end - 1]);
    else if (!ins_rows_read(rows, rows->status.offset + first, task[end - 1] - first + 1, window))
      status =
          ins_fail(INS_ERR_IO, "%s: the status of tasks %zu to %zu cannot be read: %s", rows->path,
                   first, task[end - 1], errno ? strerror(errno) : "the file ends too early");
    for (size_t i = k; i < end && status == INS_OK; i++) {
      uint8_t said = window[task[i] - first];
      state[i] = said > INS_TASK_FAILED ? INS_TASK_PENDING : said;
    }
  }
  ins_free(&window);
  return status;
}
