/* SPDX-License-Identifier: MIT */
/* One variable of one file: what each of its axes is for. */
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "table_parts.h"

/* ---- settings ---------------------------------------------------------------------------------
 */

static bool is_given(const ins_value *value) {
  return value && value->kind != INS_NULL;
}

size_t ins_table_text_count(const ins_value *settings, const char *one, const char *many) {
  const ins_value *list = ins_map_get(settings, many);
  if (is_given(list)) return ins_value_count(list);
  return is_given(ins_map_get(settings, one)) ? 1 : 0;
}

const char *ins_table_text(const ins_value *settings, const char *one, const char *many, size_t k) {
  const ins_value *list = ins_map_get(settings, many);
  if (is_given(list))
    return k < ins_value_count(list) ? ins_value_text_or(list->children.items[k], NULL) : NULL;
  return k == 0 ? ins_value_text_or(ins_map_get(settings, one), NULL) : NULL;
}

bool ins_table_texts_have(const ins_value *texts, const char *text) {
  for (size_t i = 0; i < ins_value_count(texts); i++)
    if (strcmp(ins_value_text_or(texts->children.items[i], ""), text) == 0) return true;
  return false;
}

/* ---- axes -------------------------------------------------------------------------------------
 */

static int find_axis(const ins_table_source *s, const char *name) {
  for (int d = 0; d < s->n_axes; d++)
    if (strcmp(s->axes[d].name, name) == 0) return d;
  return -1;
}

static void add_axis_names(const ins_table_source *s, ins_text *out) {
  for (int d = 0; d < s->n_axes; d++) ins_text_add(out, "%s%s", d ? ", " : "", s->axes[d].name);
  if (!s->n_axes) ins_text_add(out, "none");
}

static ins_status refuse_axis(const ins_table_source *s, const char *key, const char *name) {
  ins_text names = {0};
  add_axis_names(s, &names);
  ins_status status = ins_fail(INS_ERR_ARGUMENT, "%s: %s has no axis '%s'; it has %s", key, s->name,
                               name, names.data ? names.data : "others");
  ins_text_free(&names);
  return status;
}

static ins_status read_axis(const ins_value *from, const char *source,
                            ins_table_source_axis *axis) {
  const ins_value *coordinates = ins_map_get(from, "coordinates");
  axis->name = ins_value_text_or(ins_map_get(from, "name"), "");
  axis->units = ins_value_text_or(ins_map_get(from, "units"), "");
  axis->long_name = ins_value_text_or(ins_map_get(from, "long_name"), "");
  axis->length = (size_t)ins_value_int_or(ins_map_get(from, "length"), 0);
  axis->coordinates = is_given(coordinates) ? coordinates : NULL;
  const size_t n = !axis->coordinates                    ? axis->length
                   : axis->coordinates->kind == INS_LIST ? ins_value_count(axis->coordinates)
                                                         : ins_array_count(&coordinates->array);
  if (!axis->length || n != axis->length)
    return ins_fail(INS_ERR_FORMAT, "%s: axis %s has %zu elements, but %zu coordinates", source,
                    axis->name, axis->length, n);
  return INS_OK;
}

static ins_status read_axes(const ins_value *description, ins_table_source *s) {
  const ins_value *axes = ins_map_get(description, "axes");
  const size_t n = ins_value_count(axes);
  if (n > INS_TABLE_MAX_AXES)
    return ins_fail(INS_ERR_UNSUPPORTED, "%s has %zu axes; %d are possible", s->name, n,
                    INS_TABLE_MAX_AXES);
  ins_status status = INS_OK;
  for (; s->n_axes < (int)n && status == INS_OK; s->n_axes++)
    status = read_axis(axes->children.items[s->n_axes], s->name, &s->axes[s->n_axes]);
  return status;
}

/* ---- what they are for ------------------------------------------------------------------------
 */

static ins_status check_rows(const ins_value *rows, const ins_table_source *s) {
  for (size_t i = 0; i < ins_value_count(rows); i++) {
    const char *name = ins_value_text_or(rows->children.items[i], "");
    const int d = find_axis(s, name);
    if (d < 0) return refuse_axis(s, "rows", name);
    if (s->axes[d].role == INS_ROLE_FIXED)
      return ins_fail(INS_ERR_ARGUMENT,
                      "rows: where chooses one %s alone, so that it is no axis any more; leave it "
                      "out of rows, or write a list: [VALUE]",
                      name);
  }
  return INS_OK;
}

/* An axis can be for one thing only. */
static ins_status check_claims(const ins_value *settings, const ins_table_source_axis *axis,
                               const char *repeats) {
  const bool row = ins_table_texts_have(ins_map_get(settings, "rows"), axis->name);
  const bool mean = ins_table_texts_have(ins_map_get(settings, "mean"), axis->name);
  const bool trial = repeats && strcmp(repeats, axis->name) == 0;
  if (row + mean + trial < 2) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "axis %s is named in both %s and %s; it can be one of them",
                  axis->name, row ? "rows" : "mean", row && mean ? "mean" : "repeats");
}

static ins_table_role role_of(const ins_value *settings, const char *name, const char *repeats) {
  if (ins_table_texts_have(ins_map_get(settings, "rows"), name)) return INS_ROLE_ROW;
  if (ins_table_texts_have(ins_map_get(settings, "mean"), name)) return INS_ROLE_MEAN;
  return strcmp(name, repeats ? repeats : "repeat") == 0 ? INS_ROLE_REPEAT : INS_ROLE_FEATURE;
}

static ins_status choose(const ins_value *settings, ins_table_source *s) {
  const ins_value *where = ins_map_get(settings, "where");
  const char *repeats = ins_value_text_or(ins_map_get(settings, "repeats"), NULL);
  if (is_given(where) && where->kind != INS_MAP)
    return ins_fail(INS_ERR_ARGUMENT, "where: expected {AXIS: VALUE, ...}");
  ins_status status = INS_OK;
  for (int d = 0; d < s->n_axes && status == INS_OK; d++) {
    ins_table_source_axis *axis = &s->axes[d];
    bool fixed;
    status = check_claims(settings, axis, repeats);
    if (status == INS_OK)
      status = ins_table_source_choose(ins_map_get(where, axis->name), axis, &fixed);
    if (status != INS_OK) break;
    axis->role = fixed ? INS_ROLE_FIXED : role_of(settings, axis->name, repeats);
    if (axis->role == INS_ROLE_REPEAT) s->repeat = d;
  }
  return status;
}

static ins_status count(size_t n, size_t *product, const ins_table_source *s) {
  if (ins_mul(*product, n, product)) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED, "%s has more elements than can be counted", s->name);
}

static ins_status arrange(const ins_value *rows, ins_table_source *s) {
  ins_status status = INS_OK;
  s->n_items = s->n_features = 1;
  for (size_t i = 0; i < ins_value_count(rows) && status == INS_OK; i++) {
    const int d = find_axis(s, ins_value_text_or(rows->children.items[i], ""));
    s->rows[s->n_rows++] = d;
    status = count(s->axes[d].n, &s->n_items, s);
  }
  for (int d = 0; d < s->n_axes && status == INS_OK; d++) {
    if (s->axes[d].role != INS_ROLE_FEATURE) continue;
    s->columns[s->n_columns++] = d;
    status = count(s->axes[d].n, &s->n_features, s);
  }
  return status;
}

static ins_status check_twice(const ins_value *rows) {
  for (size_t i = 0; i < ins_value_count(rows); i++)
    for (size_t k = 0; k < i; k++)
      if (ins_value_equal(rows->children.items[i], rows->children.items[k]))
        return ins_fail(INS_ERR_ARGUMENT, "rows: %s is there twice",
                        ins_value_text_or(rows->children.items[i], ""));
  return INS_OK;
}

ins_status ins_table_source_create(const ins_value *settings, const ins_value *description,
                                   ins_table_source *s) {
  const ins_value *rows = ins_map_get(settings, "rows");
  s->description = description;
  s->path = ins_value_text_or(ins_map_get(description, "path"), "");
  s->group = ins_value_text_or(ins_map_get(description, "group"), "");
  s->variable = ins_value_text_or(ins_map_get(description, "variable"), "");
  s->repeat = -1;
  const char *name = strrchr(s->variable, '/');
  name = name ? name + 1 : s->variable;
  s->name = *s->group ? ins_format("%s: %s/%s", s->path, s->group, name)
                      : ins_format("%s: %s", s->path, name);
  ins_status status = s->name ? read_axes(description, s) : INS_ERR_MEMORY;
  if (status == INS_OK) status = check_twice(rows);
  if (status == INS_OK) status = choose(settings, s);
  if (status == INS_OK) status = check_rows(rows, s);
  return status == INS_OK ? arrange(rows, s) : status;
}

void ins_table_source_clear(ins_table_source *s) {
  for (int d = 0; d < s->n_axes; d++) ins_free(&s->axes[d].index);
  free(s->name);
  *s = (ins_table_source){0};
}

ins_status ins_table_source_places(const ins_table_source *s, int r, size_t **out) {
  size_t inner = 1;
  for (int q = r + 1; q < s->n_rows; q++) inner *= s->axes[s->rows[q]].n;
  const ins_table_source_axis *axis = &s->axes[s->rows[r]];
  ins_status status = ins_alloc(s->n_items, sizeof **out, out);
  for (size_t i = 0; i < s->n_items && status == INS_OK; i++)
    (*out)[i] = axis->index[i / inner % axis->n];
  return status;
}

/* ---- names that nobody has --------------------------------------------------------------------
 */

static ins_status check_name(const char *key, const char *name, size_t n,
                             const ins_table_source *sources) {
  for (size_t k = 0; k < n; k++)
    if (find_axis(&sources[k], name) >= 0) return INS_OK;
  return refuse_axis(&sources[0], key, name);
}

ins_status ins_table_sources_check_names(const ins_value *settings, size_t n,
                                         const ins_table_source *sources) {
  const ins_value *where = ins_map_get(settings, "where"), *mean = ins_map_get(settings, "mean");
  const char *repeats = ins_value_text_or(ins_map_get(settings, "repeats"), NULL);
  ins_status status = INS_OK;
  for (size_t i = 0; i < ins_value_count(where) && status == INS_OK; i++)
    status = check_name("where", where->children.keys[i], n, sources);
  for (size_t i = 0; i < ins_value_count(mean) && status == INS_OK; i++)
    status = check_name("mean", ins_value_text_or(mean->children.items[i], ""), n, sources);
  if (status == INS_OK && repeats) status = check_name("repeats", repeats, n, sources);
  return status;
}
