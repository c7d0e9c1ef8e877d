/* SPDX-License-Identifier: MIT */
/* A results file laid out anew, with the rows of an old one: for longer axes and for damaged files.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinates.h"
#include "insilico/file.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "insilico/store.h"
#include "parts.h"
#include "relayout.h"

typedef struct move {
  const char *path, *old;
  size_t n;        /* stages */
  source *sources; /* [n] */
  size_t n_lost;   /* finished tasks of stages that are no more */
} move;

static ins_status differs(const source *s, const char *what, const char *name) {
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s: its %s '%s' differs from this job's, so its results cannot be gone "
                  "on with; choose another output",
                  s->path, what, name);
}

/* A name that is there but cannot be opened is damage, not another layout; a lack of memory, which
 * `why` tells, is neither. */
static ins_status unreadable(const source *s, ins_status why, hid_t group, const char *what,
                             const char *name) {
  if (why == INS_ERR_MEMORY) return why;
  if (H5Lexists(group, name, H5P_DEFAULT) == 0) return differs(s, what, name);
  return ins_fail(INS_ERR_FORMAT, "%s: %s '%s' is damaged", s->path, what, name);
}

/* Axes within a row must be the same: a row is copied whole or not at all. */
static ins_status compare_own_axis(const source *s, hid_t group, const ins_axis *axis) {
  size_t length, *map = NULL;
  ins_value *old;
  ins_status status = ins_coordinates_read(group, axis->name, &length, &old);
  if (status != INS_OK) return unreadable(s, status, group, "axis", axis->name);
  status = ins_coordinates_match(old, length, axis, &map);
  bool same = status == INS_OK && length == axis->length;
  for (size_t i = 0; same && i < length; i++) same = map[i] == i;
  ins_free(&map);
  ins_value_destroy(&old);
  return status != INS_OK || same ? status : differs(s, "axis", axis->name);
}

static ins_status compare_variable(source *s, hid_t group, int v, const ins_place *place) {
  const ins_variable *variable = &s->layout->variables[v];
  ins_dtype dtype = INS_U8;
  hid_t dataset = H5Dopen2(group, variable->name, H5P_DEFAULT);
  hid_t type = dataset >= 0 ? H5Dget_type(dataset) : H5I_INVALID_HID;
  bool same = type >= 0 && ins_h5_dtype(type, &dtype) &&
              H5Tequal(type, ins_h5_type(variable->dtype)) > 0 &&
              !strcmp(place->name, variable->name) &&
              (!s->rows.n_tasks || place->row_bytes == ins_layout_row_bytes(s->layout, v));
  if (type >= 0) H5Tclose(type);
  if (dataset >= 0) H5Dclose(dataset);
  if (dataset < 0) return unreadable(s, INS_ERR_FORMAT, group, "variable", variable->name);
  if (!same) return differs(s, "variable", variable->name);
  ins_status status = INS_OK;
  for (int i = 0; i < variable->n_axes && status == INS_OK; i++)
    status = compare_own_axis(s, group, &s->layout->axes[variable->axes[i]]);
  return status;
}

static ins_status compare_variables(source *s, hid_t group) {
  int k = 0;
  ins_status status = INS_OK;
  for (int v = 0; v < s->layout->n_variables && status == INS_OK; v++) {
    if (s->layout->variables[v].scope != INS_PER_TASK) continue;
    if (k == s->rows.n) return differs(s, "variable", s->layout->variables[v].name);
    status = compare_variable(s, group, v, &s->rows.place[k++]);
  }
  if (status == INS_OK && k < s->rows.n) return differs(s, "variable", s->rows.place[k].name);
  return status;
}

static ins_status match_task_axes(source *s, hid_t group) {
  ins_status status = INS_OK;
  size_t n = 1;
  for (int i = 0; i < s->layout->n_task_axes && status == INS_OK; i++) {
    ins_value *old;
    status = ins_coordinates_read(group, s->layout->axes[i].name, &s->length[i], &old);
    if (status != INS_OK) return unreadable(s, status, group, "axis", s->layout->axes[i].name);
    status = ins_coordinates_match(old, s->length[i], &s->layout->axes[i], &s->map[i]);
    ins_value_destroy(&old);
    n *= s->length[i];
  }
  if (status == INS_OK && n != s->rows.n_tasks) return differs(s, "grid of", "status");
  return status;
}

/* Has any task axis of a stage that rows with the axes of `reader` do not have become another? What
 * both have, as `neuron`, is matched by coordinates. */
static bool changed_for(const source *read, const ins_layout *reader) {
  for (int i = 0; i < read->layout->n_task_axes; i++) {
    bool shared = false, same = read->map[i] && read->length[i] == read->layout->axes[i].length;
    for (int k = 0; k < reader->n_task_axes; k++)
      shared = shared || !strcmp(reader->axes[k].name, read->layout->axes[i].name);
    for (size_t k = 0; same && k < read->length[i]; k++) same = read->map[i][k] == k;
    if (!same && !shared) return true;
  }
  return false;
}

/* Must the rows of a stage be computed again, because they may depend on an earlier one that is not
 * what it was? Stages before it are open. */
static bool is_outdated(const move *m, const source *s) {
  for (size_t k = 0; k < s->stage; k++) {
    const source *before = &m->sources[k];
    bool read = !(s->layout->unread >> k & 1);
    if (read && (before->absent || before->outdated || changed_for(before, s->layout))) return true;
  }
  return false;
}

/* Old tasks are the new ones. */
static ins_status map_in_place(source *s) {
  ins_status status = INS_OK;
  for (int i = 0; i < s->layout->n_task_axes && status == INS_OK; i++) {
    s->length[i] = s->layout->axes[i].length;
    status = ins_alloc(s->length[i], sizeof *s->map[i], &s->map[i]);
    for (size_t k = 0; k < s->length[i] && status == INS_OK; k++) s->map[i][k] = k;
  }
  return status;
}

/* An old file that does not open is searched where a file of this layout has its rows. Of another
 * layout, or of another job, no checksum can hold: the seed differs. */
static ins_status open_damaged(source *s, const char *fresh) {
  s->searched = true;
  hid_t file = ins_h5_open_plain(fresh);
  if (file < 0) return ins_h5_fail(fresh, "cannot be opened");
  ins_status status = ins_rows_open(file, s->layout->group, s->path, &s->rows);
  H5Fclose(file);
  return status == INS_OK ? map_in_place(s) : status;
}

static void close_source(source *s) {
  ins_rows_close(&s->rows);
  for (int i = 0; i < INS_MAX_TASK_AXES; i++) ins_free(&s->map[i]);
}

/* The seed tells all that decides where rows lie and what they mean. Coordinates need not be read
 * then; they are not covered by any checksum in the file. */
static bool is_same_layout(const source *s, const char *fresh) {
  ins_rows rows = {.fd = -1};
  hid_t file = ins_h5_open_plain(fresh);
  bool same = file >= 0 && ins_rows_open(file, s->layout->group, fresh, &rows) == INS_OK &&
              rows.seed == s->rows.seed;
  ins_rows_close(&rows);
  if (file >= 0) H5Fclose(file);
  return same;
}

static bool fits_in_place(const source *s) {
  return ins_rows_fit(&s->rows, s->layout) && s->rows.n_tasks == ins_layout_tasks(s->layout);
}

/* An old file that opens says itself where its rows are and what they belong to. */
static ins_status open_whole(const move *m, hid_t file, const char *fresh, source *s) {
  const char *name = s->layout->group;
  s->absent = name && H5Lexists(file, name, H5P_DEFAULT) == 0;
  s->outdated = !s->absent && is_outdated(m, s);
  if (s->absent || s->outdated) return INS_OK;
  hid_t group = ins_store_open_group(file, name);
  if (group < 0) return ins_fail(INS_ERR_FORMAT, "%s: stage '%s' is damaged", s->path, name);
  if (!name && H5Lexists(group, "checksum", H5P_DEFAULT) == 0) s->absent = true;
  ins_status status = INS_OK;
  if (!s->absent) status = ins_rows_open(file, name, s->path, &s->rows);
  if (!s->absent && status == INS_OK) {
    if (is_same_layout(s, fresh)) {
      /* The seed is a word of the file's; its rows must be what it stands for. */
      status = fits_in_place(s) ? map_in_place(s) : ins_old_rows_damaged(s);
    } else {
      status = compare_variables(s, group);
      if (status == INS_OK) status = match_task_axes(s, group);
    }
  }
  H5Gclose(group);
  return name ? ins_within(status, "stage %s", name) : status;
}

/* Stages of the old file that the new one has not: what is finished in them would be lost. */
static ins_status count_dropped(move *m, hid_t file) {
  ins_value *names = NULL;
  ins_status status = ins_store_stage_names(file, &names);
  for (size_t i = 0; i < ins_value_count(names) && status == INS_OK; i++) {
    const char *name = names->children.items[i]->text;
    ins_rows rows = {.fd = -1};
    uint8_t *state = NULL;
    bool kept = false;
    for (size_t k = 0; k < m->n; k++)
      kept = kept || !strcmp(name, ins_store_stage_name(m->sources[k].layout));
    if (kept) continue;
    status = ins_rows_open(file, name, m->old, &rows);
    if (status == INS_OK) status = ins_alloc(rows.n_tasks, 1, &state);
    if (status == INS_OK) status = ins_rows_verify(&rows, 0, rows.n_tasks, state, NULL);
    for (size_t k = 0; status == INS_OK && k < rows.n_tasks; k++)
      m->n_lost += state[k] == INS_TASK_DONE;
    ins_free(&state);
    ins_rows_close(&rows);
  }
  ins_value_destroy(&names);
  return status;
}

/* Finds the old rows of all stages; `fresh` is the new file, still empty. */
static ins_status open_sources(move *m, const char *fresh, bool whole) {
  hid_t file = whole ? ins_h5_open_plain(m->old) : H5I_INVALID_HID;
  if (whole && file < 0) return ins_h5_fail(m->old, "cannot be opened");
  ins_status status = whole ? count_dropped(m, file) : INS_OK;
  for (size_t k = 0; k < m->n && status == INS_OK; k++) {
    source *s = &m->sources[k];
    status = whole ? open_whole(m, file, fresh, s) : INS_ERR_FORMAT;
    if (status == INS_ERR_FORMAT) {
      close_source(s);
      status = open_damaged(s, fresh);
    }
  }
  if (file >= 0) H5Fclose(file);
  return status;
}

/* Fills PART, freshly laid out, from the old file. */
static ins_status fill_from(const char *part, ins_layout *const *stages, move *m, bool whole) {
  ins_store *store = NULL;
  size_t n_lost;
  ins_status status = open_sources(m, part, whole);
  if (status == INS_OK) status = ins_store_open(MPI_COMM_SELF, part, m->n, stages, &store);
  for (size_t k = 0; k < m->n && status == INS_OK; k++) {
    source *s = &m->sources[k];
    if (s->outdated)
      ins_log(INS_LOG_INFO, "%s: stage '%s' is computed again: what it depends on has changed",
              m->path, s->layout->group ? s->layout->group : "root");
    else if (!s->absent)
      status = ins_old_rows_copy(s, store);
  }
  ins_status closed = ins_store_close(&store);
  if (status == INS_OK) status = closed;
  n_lost = m->n_lost;
  for (size_t k = 0; k < m->n; k++) n_lost += m->sources[k].n_lost;
  if (status == INS_OK && n_lost && ins_file_same(m->old, m->path))
    return ins_fail(
        INS_ERR_ARGUMENT,
        "%s: this job has no place for %zu finished tasks of it, which would be "
        "lost (it asks for fewer neurons, seeds, values or stimuli than before); choose "
        "another output, or start over with --fresh",
        m->path, n_lost);
  return status;
}

static ins_status move_create(const char *path, const char *old, size_t n,
                              ins_layout *const *stages, move *m) {
  *m = (move){.path = path, .old = old, .n = n};
  ins_status status = ins_alloc(n, sizeof *m->sources, &m->sources);
  for (size_t k = 0; k < n && status == INS_OK; k++)
    m->sources[k] = (source){.path = old, .stage = k, .layout = stages[k], .rows = {.fd = -1}};
  return status;
}

static void move_clear(move *m) {
  for (size_t k = 0; k < m->n && m->sources; k++) close_source(&m->sources[k]);
  ins_free(&m->sources);
}

static size_t count_kept(const move *m) {
  size_t n = 0;
  for (size_t k = 0; k < m->n; k++) n += m->sources[k].n_kept;
  return n;
}

/* Were rows looked for and none found? They may be another job's, or out of reach only today. In a
 * file of which nothing opens, any row tells that it is this job's. */
static bool is_in_vain(const move *m, bool whole) {
  if (!whole) return !count_kept(m);
  for (size_t k = 0; k < m->n; k++)
    if (m->sources[k].searched && !m->sources[k].n_kept) return true;
  return false;
}

/* What is to be replaced, under another name too. Where there are no hard links it has only the
 * other. */
static ins_status keep_aside(const char *path, bool whole) {
  char *aside = ins_format("%s.damaged", path);
  if (!aside) return INS_ERR_MEMORY;
  unlink(aside);
  ins_status status = INS_OK;
  if (link(path, aside) && rename(path, aside))
    status =
        ins_fail(INS_ERR_IO, "%s: is damaged, and cannot be kept as %s: %s; choose another output",
                 path, aside, strerror(errno));
  else
    ins_log(INS_LOG_WARNING,
            "%s: was damaged, and no finished task of %s was found in it: it is now %s", path,
            whole ? "one of its stages" : "this job", aside);
  free(aside);
  return status;
}

/* Lays out and fills PATH.part and puts it in its place. */
static ins_status remake(move *m, ins_layout *const *stages, const ins_value *attributes,
                         bool whole) {
  char *part = ins_format("%s.part", m->path);
  if (!part) return INS_ERR_MEMORY;
  ins_status status = ins_store_lay_out(part, m->n, stages, attributes);
  if (status == INS_OK) status = fill_from(part, stages, m, whole);
  if (status == INS_OK && is_in_vain(m, whole) && ins_file_same(m->old, m->path))
    status = keep_aside(m->path, whole);
  if (status == INS_OK)
    status = ins_store_publish(part, m->path);
  else
    unlink(part);
  free(part);
  return status;
}

ins_status ins_store_relayout(const char *path, const char *old, size_t n_stages,
                              ins_layout *const *stages, const ins_value *attributes,
                              size_t *n_kept) {
  move m;
  ins_store_kind kind;
  char why[INS_MESSAGE_MAX];
  *n_kept = 0;
  ins_h5_quiet();
  ins_status status = ins_store_refuse_stranger(path);
  if (status == INS_OK) status = ins_store_refuse_stranger(old);
  if (status == INS_OK) status = ins_store_look(old, &kind, why);
  if (status != INS_OK) return status;
  if (kind == INS_STORE_ABSENT) return ins_store_create(path, n_stages, stages, attributes);
  if (kind == INS_STORE_DAMAGED)
    ins_log(INS_LOG_WARNING, "%s; it is made anew with the rows that are still whole", why);

  status = move_create(path, old, n_stages, stages, &m);
  if (status == INS_OK) status = remake(&m, stages, attributes, kind == INS_STORE_WHOLE);
  if (status == INS_OK) *n_kept = count_kept(&m);
  move_clear(&m);
  ins_h5_silent();
  return status;
}
