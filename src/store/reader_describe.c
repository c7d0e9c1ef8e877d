/* SPDX-License-Identifier: MIT */
/* What a results file says of a variable: axes, coordinates, labels, and how far its tasks are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coordinates.h"
#include "insilico/memory.h"
#include "insilico/reader.h"
#include "reader_source.h"

static ins_status put_text(ins_value *map, const char *key, const char *text) {
  return ins_map_take(map, key, ins_value_text(text));
}

static ins_status put_count(ins_value *map, const char *key, size_t n) {
  return ins_map_take(map, key, ins_value_int((int64_t)n));
}

/* A text attribute, "" where there is none. */
static ins_status copy_text(hid_t object, const char *name, ins_value *map) {
  ins_value *value = NULL;
  ins_status status = object >= 0 ? ins_h5_get_value(object, name, &value) : INS_OK;
  if (status == INS_OK) status = put_text(map, name, ins_value_text_or(value, ""));
  ins_value_destroy(&value);
  return status;
}

/* Numbers or texts along one axis; NULL for an axis that is only a length. */
static ins_status read_values(const ins_source *s, const ins_members *members, size_t i,
                              ins_value **out) {
  size_t length;
  ins_status status = ins_coordinates_read(members->group, members->items[i].name, &length, out);
  return status == INS_OK ? INS_OK : ins_within(status, "%s: damaged", s->path);
}

/* ---- axes --------------------------------------------------------------------------------------
 */

static bool are_coordinates(const ins_value *value) {
  return value->kind == INS_LIST || (value->kind == INS_ARRAY && (value->array.dtype == INS_I64 ||
                                                                  value->array.dtype == INS_F64));
}

static ins_status describe_axis(const ins_source *s, size_t axis, ins_value *axes) {
  const struct ins_member *m = &s->members.items[axis];
  ins_value *map = ins_value_map(), *coordinates = NULL;
  hid_t scale = H5Dopen2(s->members.group, m->name, H5P_DEFAULT);
  ins_status status = map ? put_text(map, "name", m->name) : INS_ERR_MEMORY;
  if (status == INS_OK) status = copy_text(scale, "units", map);
  if (status == INS_OK) status = copy_text(scale, "long_name", map);
  if (status == INS_OK) status = put_count(map, "length", m->extent.dims[0]);
  if (status == INS_OK) status = read_values(s, &s->members, axis, &coordinates);
  if (status == INS_OK && coordinates && !are_coordinates(coordinates))
    status = ins_fail(INS_ERR_FORMAT, "%s: damaged: axis %s is of a type that axes do not have",
                      s->path, m->name);
  if (status == INS_OK && coordinates) {
    status = ins_map_take(map, "coordinates", coordinates);
    coordinates = NULL;
  }
  ins_value_destroy(&coordinates);
  if (scale >= 0) H5Dclose(scale);
  if (status == INS_OK) return ins_list_take(axes, map);
  ins_value_destroy(&map);
  return status;
}

static ins_status describe_axes(const ins_source *s, const size_t *axis, ins_value *out) {
  ins_value *axes = ins_value_list();
  ins_status status = axes ? INS_OK : INS_ERR_MEMORY;
  for (int d = 0; d < ins_source_extent(s)->n_dims && status == INS_OK; d++)
    status = describe_axis(s, axis[d], axes);
  if (status == INS_OK) return ins_map_take(out, "axes", axes);
  ins_value_destroy(&axes);
  return status;
}

/* ---- labels ------------------------------------------------------------------------------------
 */

/* A group whose variables may be labels. */
typedef struct shelf {
  const ins_source *source;
  const ins_members *members;
  const ins_rows *rows;
  size_t n_open;      /* tasks of the rows that are not done */
  int n;              /* axes of the variable */
  const size_t *axis; /* [n]: numbers among the members; members->n: the group has no such axis */
  uint64_t left;      /* bytes that labels may still take: datasets of ours do not overlap */
  ins_value *labels;
} shelf;

static bool is_of_tasks(const ins_rows *rows, const char *name) {
  for (int v = 0; v < rows->n; v++)
    if (!strncmp(rows->place[v].name, name, sizeof rows->place[v].name - 1)) return true;
  return false;
}

/* Which of the variable's axes member i lies along, if it does and has no other; else -1. */
static int label_axis(const shelf *sh, size_t i) {
  const struct ins_member *m = &sh->members->items[i];
  size_t axis[INS_STORE_MAX_RANK + 1];
  if (!m->whole || m->extent.is_axis || m->extent.n_dims != 1 + m->extent.texts) return -1;
  if (!m->extent.texts && !ins_members_is_data(sh->members, i)) return -1;
  if (!ins_members_axes(sh->members, i, axis)) return -1;
  for (int d = 0; d < sh->n; d++)
    if (sh->axis[d] == axis[0]) return d;
  return -1;
}

/* Rows of tasks that are not done are undefined. *state: [length], NULL where all values count;
 * *none: no value does, because they are all of one task. */
static ins_status task_states(const shelf *sh, size_t i, uint8_t **state, bool *none) {
  const ins_rows *rows = sh->rows;
  const size_t length = sh->members->items[i].extent.dims[0];
  uint8_t only = INS_TASK_PENDING;
  *state = NULL;
  *none = false;
  if (!is_of_tasks(rows, sh->members->items[i].name)) return INS_OK;
  const bool each = rows->n_tasks == length;
  ins_status status = each ? ins_alloc(length, 1, state) : INS_OK;
  if (status != INS_OK) return status;
  if (!each && rows->n_tasks != 1) {
    *none = true;
  } else if (!ins_rows_read(rows, rows->status.offset, rows->n_tasks, each ? *state : &only)) {
    ins_free(state);
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: status cannot be read", sh->source->path);
  } else {
    *none = !each && only != INS_TASK_DONE;
  }
  return INS_OK;
}

static bool is_missing(const ins_extent *extent, const ins_array *array, size_t i,
                       const uint8_t *state) {
  uint8_t fill[8];
  const size_t size = ins_dtype_size(array->dtype);
  if (state && state[i] != INS_TASK_DONE) return true;
  if (!extent->fills) return false;
  ins_h5_fill(array->dtype, fill);
  return !memcmp((const char *)array->data + i * size, fill, size);
}

/* Missing numbers become NaN; so do not whole ones that are all there. */
static ins_status mark_missing(const ins_extent *extent, const uint8_t *state, ins_value **values) {
  const ins_array *from = &(*values)->array;
  const size_t n = ins_array_count(from);
  const bool real = from->dtype == INS_F32 || from->dtype == INS_F64;
  size_t first = 0;
  while (first < n && !is_missing(extent, from, first, state)) first++;
  if (first == n || (real && !state)) return INS_OK;
  ins_value *array = ins_value_array(INS_F64, 1, &n);
  if (!array) return INS_ERR_MEMORY;
  for (size_t i = 0; i < n; i++)
    ((double *)array->array.data)[i] =
        is_missing(extent, from, i, state) ? (double)NAN : ins_array_get(from, i);
  ins_value_destroy(values);
  *values = array;
  return INS_OK;
}

static void blank_texts(const uint8_t *state, ins_value *list) {
  for (size_t i = 0; i < ins_value_count(list) && state; i++)
    if (state[i] != INS_TASK_DONE && list->children.items[i]->text)
      list->children.items[i]->text[0] = '\0';
}

/* Constants are there from the start; all else comes of tasks. */
static size_t n_open_of(const shelf *sh, size_t i) {
  const struct ins_member *m = &sh->members->items[i];
  return m->extent.fills || is_of_tasks(sh->rows, m->name) ? sh->n_open : 0;
}

static ins_status take_label(shelf *sh, size_t i, int axis, ins_value **values) {
  const struct ins_member *m = &sh->members->items[i];
  ins_value *map = ins_value_map(), *taken = *values;
  hid_t dataset = H5Dopen2(sh->members->group, m->name, H5P_DEFAULT);
  *values = NULL;
  ins_status status = map ? put_text(map, "name", m->name) : INS_ERR_MEMORY;
  if (status == INS_OK) status = copy_text(dataset, "long_name", map);
  if (status == INS_OK) status = put_count(map, "axis", (size_t)axis);
  if (status == INS_OK) status = put_count(map, "n_open", n_open_of(sh, i));
  if (dataset >= 0) H5Dclose(dataset);
  if (status == INS_OK) {
    status = ins_map_take(map, "values", taken);
    taken = NULL;
  }
  ins_value_destroy(&taken);
  if (status == INS_OK) return ins_list_take(sh->labels, map);
  ins_value_destroy(&map);
  return status;
}

static ins_status add_label(shelf *sh, size_t i, int axis) {
  const ins_extent *extent = &sh->members->items[i].extent;
  const uint64_t bytes = (uint64_t)extent->count * ins_dtype_size(extent->dtype);
  uint8_t *state;
  bool none;
  ins_value *values = NULL;
  if (bytes > sh->left)
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: its variables are larger than the file",
                    sh->source->path);
  sh->left -= bytes;
  ins_status status = task_states(sh, i, &state, &none);
  if (status != INS_OK || none) return status;
  status = read_values(sh->source, sh->members, i, &values);
  if (status == INS_OK && !values)
    status = ins_fail(INS_ERR_FORMAT, "%s: damaged: %s cannot be read", sh->source->path,
                      sh->members->items[i].name);
  if (status == INS_OK && values->kind == INS_ARRAY) status = mark_missing(extent, state, &values);
  if (status == INS_OK && values->kind == INS_LIST) blank_texts(state, values);
  if (status == INS_OK) status = take_label(sh, i, axis, &values);
  ins_value_destroy(&values);
  ins_free(&state);
  return status;
}

static bool has_label(const ins_value *labels, const char *name) {
  for (size_t k = 0; k < ins_value_count(labels); k++)
    if (!strcmp(ins_value_text_or(ins_map_get(labels->children.items[k], "name"), ""), name))
      return true;
  return false;
}

/* Without `skipped`, the number of the variable itself among the members. */
static ins_status add_labels(shelf *sh, size_t skipped) {
  ins_status status = INS_OK;
  for (size_t i = 0; i < sh->members->n && status == INS_OK; i++) {
    const int axis = i == skipped ? -1 : label_axis(sh, i);
    if (axis >= 0 && !has_label(sh->labels, sh->members->items[i].name))
      status = add_label(sh, i, axis);
  }
  return status;
}

/* The root's axis of this name and these coordinates, or root->n. */
static ins_status same_axis(const ins_source *s, const ins_members *root, const ins_value *axis,
                            size_t *out) {
  const ins_value *mine = ins_map_get(axis, "coordinates");
  ins_value *theirs = NULL;
  size_t i = ins_members_find(root, ins_value_text_or(ins_map_get(axis, "name"), ""));
  *out = root->n;
  if (!mine || i == root->n || !root->items[i].whole || !root->items[i].extent.is_axis)
    return INS_OK;
  ins_status status = read_values(s, root, i, &theirs);
  if (status == INS_OK && theirs && ins_value_equal(mine, theirs)) *out = i;
  ins_value_destroy(&theirs);
  return status;
}

static ins_status count_open(const ins_source *s, const ins_rows *rows, size_t *n_open) {
  uint8_t state[4096];
  *n_open = 0;
  for (size_t at = 0; at < rows->n_tasks; at += sizeof state) {
    const size_t n = rows->n_tasks - at < sizeof state ? rows->n_tasks - at : sizeof state;
    if (!ins_rows_read(rows, rows->status.offset + at, n, state))
      return ins_fail(INS_ERR_FORMAT, "%s: damaged: status cannot be read", s->path);
    for (size_t i = 0; i < n; i++) *n_open += state[i] != INS_TASK_DONE;
  }
  return INS_OK;
}

/* What later stages found out about the same neurons lies in the root. */
static ins_status add_root_labels(shelf *sh, const ins_value *axes) {
  const ins_source *s = sh->source;
  size_t axis[INS_STORE_MAX_RANK + 1];
  ins_members root;
  ins_rows rows = {.fd = -1};
  ins_status status = ins_members_read(s->file, s->path, "", &root);
  if (status != INS_OK) return status;
  for (int d = 0; d < sh->n && status == INS_OK; d++)
    status = same_axis(s, &root, axes->children.items[d], &axis[d]);
  if (status == INS_OK) status = ins_rows_open(s->file, NULL, s->path, &rows);
  if (status == INS_OK) status = count_open(s, &rows, &sh->n_open);
  if (status == INS_OK) {
    sh->members = &root;
    sh->rows = &rows;
    sh->axis = axis;
    status = add_labels(sh, root.n);
  }
  ins_rows_close(&rows);
  ins_members_clear(&root);
  return status;
}

static bool has_root(const ins_value *stages) {
  for (size_t k = 0; k < ins_value_count(stages); k++)
    if (!strcmp(stages->children.items[k]->text, "/")) return true;
  return false;
}

static ins_status describe_labels(const ins_source *s, const size_t *axis, ins_value *out) {
  hsize_t bytes = 0;
  shelf sh = {.source = s,
              .members = &s->members,
              .rows = &s->rows,
              .n = ins_source_extent(s)->n_dims,
              .axis = axis,
              .labels = ins_value_list()};
  ins_status status = sh.labels ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK && H5Fget_filesize(s->file, &bytes) < 0)
    status = ins_h5_fail(s->path, "its size cannot be told");
  sh.left = bytes;
  if (status == INS_OK) status = count_open(s, &s->rows, &sh.n_open);
  if (status == INS_OK) status = add_labels(&sh, s->variable);
  if (status == INS_OK && s->group[0] && has_root(s->stages))
    status = add_root_labels(&sh, ins_map_get(out, "axes"));
  if (status == INS_OK) return ins_map_take(out, "labels", sh.labels);
  ins_value_destroy(&sh.labels);
  return status;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static ins_status describe_stage(const ins_source *s, ins_value *out) {
  char identity[INS_SHA256_HEX];
  size_t n_done;
  ins_status status = ins_source_identify(s, identity, &n_done);
  if (status == INS_OK) status = copy_text(s->file, "title", out);
  if (status == INS_OK) status = copy_text(s->file, "experiment", out);
  if (status == INS_OK) status = put_text(out, "identity", identity);
  if (status == INS_OK) status = put_count(out, "n_tasks", s->rows.n_tasks);
  if (status == INS_OK) status = put_count(out, "n_done", n_done);
  return status;
}

static ins_status describe_variable(const ins_source *s, ins_value *out) {
  hid_t dataset = H5Dopen2(s->members.group, s->name, H5P_DEFAULT);
  ins_status status = put_text(out, "path", s->path);
  if (status == INS_OK) status = put_text(out, "group", s->group);
  if (status == INS_OK) status = put_text(out, "variable", s->name);
  if (status == INS_OK) status = copy_text(dataset, "units", out);
  if (status == INS_OK) status = copy_text(dataset, "long_name", out);
  if (status == INS_OK)
    status = put_text(out, "dtype", ins_dtype_name(ins_source_extent(s)->dtype));
  if (dataset >= 0) H5Dclose(dataset);
  return status;
}

ins_status ins_reader_describe(const char *path, const char *variable, ins_value **out) {
  ins_source source;
  size_t axis[INS_STORE_MAX_RANK + 1];
  *out = NULL;
  ins_status status = ins_source_open(path, variable, &source);
  if (status != INS_OK) return status;
  if (!ins_members_axes(&source.members, source.variable, axis))
    status = ins_fail(INS_ERR_FORMAT, "%s: damaged: the axes of %s cannot be read", path, variable);
  if (status == INS_OK) {
    *out = ins_value_map();
    status = *out ? describe_variable(&source, *out) : INS_ERR_MEMORY;
  }
  if (status == INS_OK) status = describe_stage(&source, *out);
  if (status == INS_OK) status = describe_axes(&source, axis, *out);
  if (status == INS_OK) status = describe_labels(&source, axis, *out);
  if (status != INS_OK) ins_value_destroy(out);
  ins_source_close(&source);
  return status;
}
