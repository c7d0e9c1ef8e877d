/* SPDX-License-Identifier: MIT */
/* A results file laid out anew, with the rows of an old one: for longer axes and for damaged files.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinates.h"
#include "insilico/file.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "insilico/store.h"
#include "parts.h"
#include "rows.h"

enum { BUFFER = 8 << 20, MAX_STEP = 1 << 14 };

/* Old rows and where they belong. */
typedef struct source {
  const char *path;
  const ins_layout *layout; /* the new one */
  ins_rows rows;
  size_t length[INS_MAX_TASK_AXES]; /* of the old task axes */
  size_t *map[INS_MAX_TASK_AXES];   /* old index -> new index */
  size_t n_lost;                    /* finished tasks that the new layout has no place for */
} source;

static ins_status differs(const source *s, const char *what, const char *name) {
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s: its %s '%s' differs from this job's, so its results cannot be gone "
                  "on with; choose another output",
                  s->path, what, name);
}

/* A name that is there but cannot be opened is damage, not another layout. */
static ins_status unreadable(const source *s, hid_t file, const char *what, const char *name) {
  if (H5Lexists(file, name, H5P_DEFAULT) == 0) return differs(s, what, name);
  return ins_fail(INS_ERR_FORMAT, "%s: %s '%s' is damaged", s->path, what, name);
}

/* Axes within a row must be the same: a row is copied whole or not at all. */
static ins_status compare_own_axis(source *s, hid_t file, const ins_axis *axis) {
  size_t length, *map = NULL;
  ins_value *old;
  ins_status status = ins_coordinates_read(file, axis->name, &length, &old);
  if (status != INS_OK) return unreadable(s, file, "axis", axis->name);
  status = ins_coordinates_match(old, length, axis, &map);
  bool same = status == INS_OK && length == axis->length;
  for (size_t i = 0; same && i < length; i++) same = map[i] == i;
  ins_free(&map);
  ins_value_destroy(&old);
  return status != INS_OK || same ? status : differs(s, "axis", axis->name);
}

static ins_status compare_variable(source *s, hid_t file, int v, const ins_place *place) {
  const ins_variable *variable = &s->layout->variables[v];
  ins_dtype dtype = INS_U8;
  hid_t dataset = H5Dopen2(file, variable->name, H5P_DEFAULT);
  hid_t type = dataset >= 0 ? H5Dget_type(dataset) : H5I_INVALID_HID;
  bool same = type >= 0 && ins_h5_dtype(type, &dtype) &&
              H5Tequal(type, ins_h5_type(variable->dtype)) > 0 &&
              !strcmp(place->name, variable->name) &&
              (!s->rows.n_tasks || place->row_bytes == ins_layout_row_bytes(s->layout, v));
  if (type >= 0) H5Tclose(type);
  if (dataset >= 0) H5Dclose(dataset);
  if (dataset < 0) return unreadable(s, file, "variable", variable->name);
  if (!same) return differs(s, "variable", variable->name);
  ins_status status = INS_OK;
  for (int i = 0; i < variable->n_axes && status == INS_OK; i++)
    status = compare_own_axis(s, file, &s->layout->axes[variable->axes[i]]);
  return status;
}

static ins_status compare_variables(source *s, hid_t file) {
  int k = 0;
  ins_status status = INS_OK;
  for (int v = 0; v < s->layout->n_variables && status == INS_OK; v++) {
    if (s->layout->variables[v].scope != INS_PER_TASK) continue;
    if (k == s->rows.n) return differs(s, "variable", s->layout->variables[v].name);
    status = compare_variable(s, file, v, &s->rows.place[k++]);
  }
  if (status == INS_OK && k < s->rows.n) return differs(s, "variable", s->rows.place[k].name);
  return status;
}

static ins_status match_task_axes(source *s, hid_t file) {
  ins_status status = INS_OK;
  size_t n = 1;
  for (int i = 0; i < s->layout->n_task_axes && status == INS_OK; i++) {
    ins_value *old;
    status = ins_coordinates_read(file, s->layout->axes[i].name, &s->length[i], &old);
    if (status != INS_OK) return unreadable(s, file, "axis", s->layout->axes[i].name);
    status = ins_coordinates_match(old, s->length[i], &s->layout->axes[i], &s->map[i]);
    ins_value_destroy(&old);
    n *= s->length[i];
  }
  if (status == INS_OK && n != s->rows.n_tasks) return differs(s, "grid of", "status");
  return status;
}

/* An old file that opens says itself where its rows are and what they belong to. */
static ins_status open_whole(source *s) {
  hid_t file = ins_h5_open_plain(s->path);
  if (file < 0) return ins_h5_fail(s->path, "cannot be opened");
  ins_status status = ins_rows_open(file, s->path, &s->rows);
  if (status == INS_OK) status = compare_variables(s, file);
  if (status == INS_OK) status = match_task_axes(s, file);
  H5Fclose(file);
  return status;
}

/* One that does not is searched where a file of this layout has its rows. Of another layout, or of
 * another job, no checksum can hold: the seed differs. */
static ins_status open_damaged(source *s, const char *fresh) {
  hid_t file = ins_h5_open_plain(fresh);
  if (file < 0) return ins_h5_fail(fresh, "cannot be opened");
  ins_status status = ins_rows_open(file, s->path, &s->rows);
  H5Fclose(file);
  for (int i = 0; i < s->layout->n_task_axes && status == INS_OK; i++) {
    s->length[i] = s->layout->axes[i].length;
    status = ins_alloc(s->length[i], sizeof *s->map[i], &s->map[i]);
    for (size_t k = 0; k < s->length[i] && status == INS_OK; k++) s->map[i][k] = k;
  }
  return status;
}

static void close_source(source *s) {
  ins_rows_close(&s->rows);
  for (int i = 0; i < INS_MAX_TASK_AXES; i++) ins_free(&s->map[i]);
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
  size_t *task;
  ins_status *status;
  void *rows[INS_MAX_VARIABLES]; /* by number in the layout */
} load;

static ins_status make_load(const source *s, load *l) {
  size_t row = s->rows.row_bytes ? s->rows.row_bytes : 1;
  *l = (load){.capacity = BUFFER / row ? BUFFER / row : 1};
  if (l->capacity > MAX_STEP) l->capacity = MAX_STEP;
  ins_status status = ins_alloc(l->capacity, 1, &l->state);
  if (status == INS_OK) status = ins_alloc(l->capacity, 1, &l->error);
  if (status == INS_OK) status = ins_alloc(l->capacity, sizeof *l->task, &l->task);
  if (status == INS_OK) status = ins_alloc(l->capacity, sizeof *l->status, &l->status);
  for (int v = 0; v < s->layout->n_variables && status == INS_OK; v++)
    if (s->layout->variables[v].scope == INS_PER_TASK)
      status = ins_alloc(l->capacity, ins_layout_row_bytes(s->layout, v), &l->rows[v]);
  return status;
}

static void free_load(load *l) {
  ins_free(&l->state);
  ins_free(&l->error);
  ins_free(&l->task);
  ins_free(&l->status);
  for (int v = 0; v < INS_MAX_VARIABLES; v++) ins_free(&l->rows[v]);
}

static bool read_load(const source *s, load *l, size_t first, size_t n) {
  int k = 0;
  if (!ins_rows_read(&s->rows, s->rows.error.offset + first, n, l->error)) return false;
  for (int v = 0; v < s->layout->n_variables; v++) {
    if (s->layout->variables[v].scope != INS_PER_TASK) continue;
    const ins_place *place = &s->rows.place[k++];
    if (!ins_rows_read(&s->rows, place->offset + (uint64_t)first * place->row_bytes,
                       n * place->row_bytes, l->rows[v]))
      return false;
  }
  return true;
}

/* Rows [from, from+n) of the load, whose new numbers ascend. */
static ins_status write_load(const source *s, ins_store *store, const load *l, size_t from,
                             size_t n) {
  void *rows[INS_MAX_VARIABLES] = {0};
  for (int v = 0; v < s->layout->n_variables; v++)
    if (l->rows[v]) rows[v] = (char *)l->rows[v] + from * ins_layout_row_bytes(s->layout, v);
  return ins_store_write(store, n, l->task + from, rows, l->status + from);
}

/* Moves old tasks [first, first+n), all verified. */
static ins_status copy_run(source *s, ins_store *store, load *l, size_t first, size_t n,
                           size_t *n_kept) {
  ins_status status = INS_OK;
  if (!read_load(s, l, first, n)) return INS_OK; /* readable a moment ago: left pending */
  for (size_t k = 0; k < n; k++) {
    l->task[k] = new_task(s, first + k);
    l->status[k] = (ins_status)l->error[k];
    if (l->task[k] == SIZE_MAX && l->status[k] == INS_OK) s->n_lost++;
  }
  for (size_t k = 0, end; k < n && status == INS_OK; k = end) {
    end = k + 1;
    if (l->task[k] == SIZE_MAX) continue;
    while (end < n && l->task[end] != SIZE_MAX && l->task[end] > l->task[end - 1]) end++;
    status = write_load(s, store, l, k, end - k);
    *n_kept += end - k;
  }
  return status;
}

static ins_status copy_rows(source *s, ins_store *store, size_t *n_kept) {
  load l;
  ins_status status = make_load(s, &l);
  for (size_t at = 0; at < s->rows.n_tasks && status == INS_OK; at += l.capacity) {
    size_t n = s->rows.n_tasks - at < l.capacity ? s->rows.n_tasks - at : l.capacity;
    status = ins_rows_verify(&s->rows, at, n, l.state, NULL);
    for (size_t k = 0, end; k < n && status == INS_OK; k = end) {
      end = k + 1;
      if (l.state[k] == INS_TASK_PENDING) continue;
      while (end < n && l.state[end] != INS_TASK_PENDING) end++;
      status = copy_run(s, store, &l, at + k, end - k, n_kept);
    }
  }
  free_load(&l);
  return status;
}

/* Fills PART, freshly laid out, from the old file. */
static ins_status fill_from(const char *part, const char *path, source *s, bool whole,
                            size_t *n_kept) {
  ins_store *store = NULL;
  ins_status status = whole ? open_whole(s) : INS_ERR_FORMAT;
  if (status == INS_ERR_FORMAT) {
    close_source(s);
    status = open_damaged(s, part);
  }
  if (status == INS_OK) status = ins_store_open(MPI_COMM_SELF, part, s->layout, &store);
  if (status == INS_OK) status = copy_rows(s, store, n_kept);
  ins_status closed = ins_store_close(&store);
  if (status == INS_OK) status = closed;
  if (status == INS_OK && s->n_lost && ins_file_same(s->path, path))
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: this job has no place for %zu finished tasks of it, which would be "
                    "lost (it asks for fewer neurons, seeds or swept values than before); choose "
                    "another output, or start over "
                    "with --fresh",
                    path, s->n_lost);
  return status;
}

ins_status ins_store_relayout(const char *path, const char *old, const ins_layout *layout,
                              const ins_value *attributes, size_t *n_kept) {
  source s = {.path = old, .layout = layout, .rows = {.fd = -1}};
  ins_store_kind kind;
  char why[INS_MESSAGE_MAX];
  *n_kept = 0;
  ins_h5_quiet();
  ins_status status = ins_store_refuse_stranger(path);
  if (status == INS_OK) status = ins_store_refuse_stranger(old);
  if (status == INS_OK) status = ins_store_look(old, &kind, why);
  if (status != INS_OK) return status;
  if (kind == INS_STORE_ABSENT) return ins_store_create(path, layout, attributes);
  if (kind == INS_STORE_DAMAGED)
    ins_log(INS_LOG_WARNING, "%s; it is made anew with the rows that are still whole", why);

  char *part = ins_format("%s.part", path);
  if (!part) return INS_ERR_MEMORY;
  status = ins_store_lay_out(part, layout, attributes);
  if (status == INS_OK) status = fill_from(part, path, &s, kind == INS_STORE_WHOLE, n_kept);
  close_source(&s);
  if (status == INS_OK)
    status = ins_store_publish(part, path);
  else
    unlink(part);
  if (status != INS_OK) *n_kept = 0;
  ins_h5_silent();
  free(part);
  return status;
}
