/* SPDX-License-Identifier: MIT */
/* Sources beside each other (more features) and below each other (more items): where each lies in
 * the table, and whether they fit. */
#include <stdlib.h>
#include <string.h>

#include "insilico/hash.h"
#include "insilico/memory.h"
#include "table_parts.h"

/* ---- do they fit? -----------------------------------------------------------------------------
 */

/* Are chosen coordinates k of two axes the same? Without coordinates, their numbers are compared.
 */
static bool same_coordinate(const ins_table_source_axis *a, const ins_table_source_axis *b,
                            size_t k) {
  const ins_value *x = a->coordinates, *y = b->coordinates;
  const size_t i = a->index[k], j = b->index[k];
  const bool texts = x && x->kind == INS_LIST;
  if (texts != (y && y->kind == INS_LIST)) return false;
  if (texts)
    return strcmp(ins_value_text_or(x->children.items[i], ""),
                  ins_value_text_or(y->children.items[j], "")) == 0;
  return (x ? ins_array_get(&x->array, i) : (double)i) ==
         (y ? ins_array_get(&y->array, j) : (double)j);
}

static ins_status check_same_axis(const ins_table_source *a, int d, const ins_table_source *b,
                                  int e, const char *advice) {
  const ins_table_source_axis *x = &a->axes[d], *y = &b->axes[e];
  char here[200], there[200];
  if (x->n != y->n)
    return ins_fail(INS_ERR_ARGUMENT, "axis %s has %zu elements in %s, but %zu in %s; %s", x->name,
                    x->n, a->name, y->n, b->name, advice);
  for (size_t k = 0; k < x->n; k++)
    if (!same_coordinate(x, y, k))
      return ins_fail(INS_ERR_ARGUMENT, "axis %s: element %zu is %s in %s, but %s in %s; %s",
                      x->name, k, ins_table_coordinate_text(x, k, here, sizeof here), a->name,
                      ins_table_coordinate_text(y, k, there, sizeof there), b->name, advice);
  return INS_OK;
}

static ins_status check_same_items(const ins_table_source *a, const ins_table_source *b) {
  ins_status status = INS_OK;
  for (int r = 0; r < a->n_rows && status == INS_OK; r++)
    status = check_same_axis(a, a->rows[r], b, b->rows[r],
                             "beside each other they need the same items (choose by where)");
  return status;
}

static ins_status check_same_features(const ins_table_source *a, const ins_table_source *b) {
  static const char advice[] = "below each other they need the same features (choose by where)";
  if (a->n_columns != b->n_columns)
    return ins_fail(INS_ERR_ARGUMENT, "%s has %d axes that make features, %s has %d; %s", a->name,
                    a->n_columns, b->name, b->n_columns, advice);
  ins_status status = INS_OK;
  for (int c = 0; c < a->n_columns && status == INS_OK; c++) {
    const int d = a->columns[c], e = b->columns[c];
    if (strcmp(a->axes[d].name, b->axes[e].name) != 0)
      return ins_fail(INS_ERR_ARGUMENT, "%s has an axis %s where %s has %s; %s", a->name,
                      a->axes[d].name, b->name, b->axes[e].name, advice);
    status = check_same_axis(a, d, b, e, advice);
  }
  return status;
}

static size_t repeats_of(const ins_table_source *s) {
  return s->repeat < 0 ? 0 : s->axes[s->repeat].n;
}

static ins_status check_repeats(const ins_table_source *a, const ins_table_source *b) {
  if (repeats_of(a) == repeats_of(b)) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s has %zu repeats, but %s has %zu; average over them (mean: [%s]) or choose "
                  "the same number by where",
                  a->name, repeats_of(a), b->name, repeats_of(b),
                  a->repeat >= 0 ? a->axes[a->repeat].name : b->axes[b->repeat].name);
}

static ins_status check_fit(const ins_table *table) {
  const struct ins_table_parts *p = table->parts;
  ins_status status = INS_OK;
  for (size_t k = 1; k < p->n_sources && status == INS_OK; k++) {
    const ins_table_source *s = &p->sources[k];
    const size_t v = k % p->n_variables;
    status = check_repeats(&p->sources[0], s);
    if (status == INS_OK && (!p->below || v)) /* the first that stands in the same rows */
      status = check_same_items(&p->sources[p->below ? k - v : 0], s);
    if (status == INS_OK && p->below && k >= p->n_variables)
      status = check_same_features(&p->sources[v], s);
  }
  return status;
}

/* ---- where they lie ---------------------------------------------------------------------------
 */

static void place(ins_table *table) {
  struct ins_table_parts *p = table->parts;
  p->n_blocks = p->below ? p->n_variables : p->n_sources;
  for (size_t k = 0; k < p->n_sources; k++) {
    ins_table_source *s = &p->sources[k];
    if (k < p->n_blocks) {
      p->blocks[k] = (ins_table_block){table->n_features, s->n_features};
      table->n_features += s->n_features;
    }
    s->first_feature = p->blocks[k % p->n_blocks].first;
    if (k % p->n_blocks == 0) {
      s->first_item = table->n_items;
      table->n_items += s->n_items;
    } else {
      s->first_item = p->sources[k - k % p->n_blocks].first_item;
    }
  }
}

/* ---- axes of the table ------------------------------------------------------------------------
 */

static char *text_or_null(const char *text) {
  return text && *text ? ins_format("%s", text) : NULL;
}

static ins_status make_axis(const char *name, const char *units, const char *long_name, size_t n,
                            ins_value *coordinates, ins_axis *out) {
  *out = (ins_axis){.name = ins_format("%s", name),
                    .units = text_or_null(units),
                    .long_name = text_or_null(long_name),
                    .length = n,
                    .coordinates = coordinates};
  return out->name ? INS_OK : INS_ERR_MEMORY;
}

static ins_status copy_axis(const ins_table_source_axis *from, ins_axis *out) {
  const ins_table_pick pick = {from->coordinates, from->n, from->index};
  bool whole = from->n == from->length;
  for (size_t k = 0; k < from->n && whole; k++) whole = from->index[k] == k;
  ins_value *coordinates = NULL;
  /* Chosen elements of an axis that is only a length go by their numbers. */
  ins_status status =
      from->coordinates || !whole ? ins_table_picks_join(1, &pick, &coordinates) : INS_OK;
  if (status != INS_OK) return status;
  return make_axis(from->name, from->units, from->long_name, from->n, coordinates, out);
}

/* Coordinates of all items along row axis r, file below file. NULL: of different types. */
static ins_status coordinates_below(const ins_table *table, int r, ins_value **out) {
  const struct ins_table_parts *p = table->parts;
  const size_t n_files = p->n_sources / p->n_variables;
  ins_table_pick *picks;
  *out = NULL;
  ins_status status = ins_alloc(n_files, sizeof *picks, &picks);
  for (size_t f = 0; f < n_files && status == INS_OK; f++) {
    const ins_table_source *s = &p->sources[f * p->n_variables];
    size_t *places = NULL;
    status = ins_table_source_places(s, r, &places);
    picks[f] = (ins_table_pick){s->axes[s->rows[r]].coordinates, s->n_items, places};
  }
  if (status == INS_OK) status = ins_table_picks_join(n_files, picks, out);
  for (size_t f = 0; picks && f < n_files; f++) {
    size_t *gone = (size_t *)picks[f].index;
    ins_free(&gone);
  }
  ins_free(&picks);
  return status;
}

static int by_number(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static ins_status are_distinct(const ins_value *numbers, bool *distinct) {
  *distinct = numbers->kind == INS_ARRAY;
  if (!*distinct) return INS_OK;
  const size_t n = ins_array_count(&numbers->array);
  double *sorted;
  ins_status status = ins_alloc(n, sizeof *sorted, &sorted);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < n; i++) sorted[i] = ins_array_get(&numbers->array, i);
  qsort(sorted, n, sizeof *sorted, by_number);
  for (size_t i = 1; i < n && *distinct; i++) *distinct = sorted[i] != sorted[i - 1];
  ins_free(&sorted);
  return INS_OK;
}

static ins_status label_files(ins_table *table) {
  const struct ins_table_parts *p = table->parts;
  ins_value *files = ins_value_array(INS_I32, 1, &table->n_items);
  if (!files) return INS_ERR_MEMORY;
  for (size_t k = 0; k < p->n_sources; k += p->n_variables)
    for (size_t i = 0; i < p->sources[k].n_items; i++)
      ((int32_t *)files->array.data)[p->sources[k].first_item + i] = (int32_t)(k / p->n_variables);
  return ins_table_add_label(table, ins_format("file"), "number of its file, in the order of files",
                             0, files);
}

/* Items of several files: their own axis where its coordinates tell them apart (neurons of parts of
 * one model), else an axis `item`, of which file and coordinates are known. */
static ins_status join_items(ins_table *table) {
  const struct ins_table_parts *p = table->parts;
  const ins_table_source *s = &p->sources[0];
  ins_value *coordinates = NULL;
  bool distinct = false;
  table->n_item_axes = 1;
  for (int r = 0; r < s->n_rows; r++) {
    const ins_table_source_axis *axis = &s->axes[s->rows[r]];
    ins_status status = coordinates_below(table, r, &coordinates);
    if (status == INS_OK && !coordinates)
      status = ins_fail(INS_ERR_ARGUMENT,
                        "axis %s has texts in some files and numbers in others; they cannot be "
                        "put below each other",
                        axis->name);
    if (status == INS_OK && s->n_rows == 1) status = are_distinct(coordinates, &distinct);
    if (status != INS_OK) {
      ins_value_destroy(&coordinates);
      return status;
    }
    if (distinct)
      status = make_axis(axis->name, axis->units, axis->long_name, table->n_items, coordinates,
                         &table->item_axes[0]);
    else
      status =
          ins_table_add_label(table, ins_format("%s", axis->name), axis->long_name, 0, coordinates);
    if (status != INS_OK) return status;
  }
  ins_status status = INS_OK;
  if (!distinct)
    status = make_axis("item", NULL, "item, file after file", table->n_items, NULL,
                       &table->item_axes[0]);
  return status == INS_OK ? label_files(table) : status;
}

static ins_status make_axes(ins_table *table) {
  const struct ins_table_parts *p = table->parts;
  const ins_table_source *s = &p->sources[0];
  ins_status status = INS_OK;
  if (p->below && p->n_sources > p->n_variables) {
    status = join_items(table);
  } else {
    for (int r = 0; r < s->n_rows && status == INS_OK; r++)
      status = copy_axis(&s->axes[s->rows[r]], &table->item_axes[table->n_item_axes++]);
  }
  if (p->n_blocks > 1) return status;
  for (int c = 0; c < s->n_columns && status == INS_OK; c++)
    status = copy_axis(&s->axes[s->columns[c]], &table->feature_axes[table->n_feature_axes++]);
  return status;
}

/* ---- coordinates of an item as one number -----------------------------------------------------
 */

static int64_t coordinate_hash(const ins_table_source_axis *axis, size_t k) {
  const ins_value *c = axis->coordinates;
  const size_t i = axis->index[k];
  if (!c) return (int64_t)i;
  if (c->kind == INS_LIST) {
    const char *text = ins_value_text_or(c->children.items[i], "");
    return (int64_t)ins_xxh3(text, strlen(text), 1);
  }
  const double x = ins_array_get(&c->array, i);
  int64_t bits;
  if (ins_table_is_whole(c)) return (int64_t)x;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Are coordinates all that tells items apart, not the file? */
static bool is_known_by_coordinates(const ins_table *table) {
  const ins_table_source *s = &table->parts->sources[0];
  return table->n_item_axes == s->n_rows &&
         strcmp(table->item_axes[0].name, s->axes[s->rows[0]].name) == 0;
}

/* Noise belongs to an item by its coordinates, wherever it stands in the table. */
static ins_status find_streams(ins_table *table) {
  struct ins_table_parts *p = table->parts;
  const bool known = is_known_by_coordinates(table);
  ins_status status = ins_alloc(table->n_items, sizeof *p->stream, &p->stream);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < p->n_sources; k += p->n_blocks) {
    const ins_table_source *s = &p->sources[k];
    for (size_t i = 0; i < s->n_items; i++) {
      int64_t at[INS_TABLE_MAX_AXES + 1] = {known ? 0 : (int64_t)(k / p->n_blocks)};
      size_t rest = i;
      for (int r = s->n_rows - 1; r >= 0; r--) {
        const ins_table_source_axis *axis = &s->axes[s->rows[r]];
        at[r + 1] = coordinate_hash(axis, rest % axis->n);
        rest /= axis->n;
      }
      p->stream[s->first_item + i] = (int64_t)ins_xxh3(at, (size_t)(s->n_rows + 1) * sizeof *at, 0);
    }
  }
  return INS_OK;
}

ins_status ins_table_join(ins_table *table) {
  struct ins_table_parts *p = table->parts;
  ins_status status = check_fit(table);
  if (status == INS_OK) status = ins_alloc(p->n_sources, sizeof *p->blocks, &p->blocks);
  if (status != INS_OK) return status;
  place(table);
  table->n_repeats = p->n_draws ? p->n_draws : repeats_of(&p->sources[0]);
  if (p->n_draws && repeats_of(&p->sources[0]))
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s has %zu repeats of its own, and draws asks for others; leave draws out, or "
                    "average over them (mean: [%s])",
                    p->sources[0].name, repeats_of(&p->sources[0]),
                    p->sources[0].axes[p->sources[0].repeat].name);
  status = make_axes(table);
  return status == INS_OK && p->n_draws ? find_streams(table) : status;
}
