/* SPDX-License-Identifier: MIT */
/* What is known of the items of a table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "table_parts.h"

/* ---- finding them -----------------------------------------------------------------------------
 */

ins_status ins_table_keep(ins_table *table, ins_value *values) {
  struct ins_table_parts *p = table->parts;
  size_t capacity = p->n_values;
  ins_status status =
      values ? ins_grow(&p->values, &capacity, p->n_values + 1, sizeof *p->values) : INS_ERR_MEMORY;
  if (status == INS_OK)
    p->values[p->n_values++] = values;
  else
    ins_value_destroy(&values);
  return status;
}

static ins_status keep_name(ins_table *table, char *name) {
  struct ins_table_parts *p = table->parts;
  size_t capacity = p->n_names;
  ins_status status =
      name ? ins_grow(&p->names, &capacity, p->n_names + 1, sizeof *p->names) : INS_ERR_MEMORY;
  if (status == INS_OK)
    p->names[p->n_names++] = name;
  else
    free(name);
  return status;
}

const ins_label *ins_table_label(const ins_table *table, const char *name) {
  for (int i = 0; i < table->n_labels; i++)
    if (strcmp(table->labels[i].name, name) == 0) return &table->labels[i];
  return NULL;
}

/* What of the neurons experiments write beside their results. */
static bool is_identity(const char *name) {
  static const char *const names[] = {"session", "neuron_in_session", "group_assignment"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return true;
  return strncmp(name, "truth_", 6) == 0;
}

static ins_status put_label(ins_table *table, ins_label label, bool made) {
  struct ins_table_parts *p = table->parts;
  const ins_value *asked = ins_map_get(p->settings, "labels");
  const size_t n = (size_t)table->n_labels;
  size_t capacity = n, room = n;
  const bool copied = made || (ins_value_count(asked) ? ins_table_texts_have(asked, label.name)
                                                      : is_identity(label.name));
  ins_status status = ins_grow(&table->labels, &capacity, n + 1, sizeof *table->labels);
  if (status == INS_OK) status = ins_grow(&p->copied, &room, n + 1, sizeof *p->copied);
  if (status != INS_OK) return status;
  table->labels[n] = label;
  p->copied[n] = copied;
  table->n_labels++;
  return INS_OK;
}

ins_status ins_table_add_label(ins_table *table, char *name, const char *long_name, int axis,
                               ins_value *values) {
  ins_status kept = keep_name(table, name), status = ins_table_keep(table, values);
  if (kept != INS_OK || status != INS_OK) return kept != INS_OK ? kept : status;
  return put_label(table, (ins_label){name, long_name, values, axis}, true);
}

/* The row axis that a label of a source's variable lies along, or -1. */
static int row_of(const ins_table_source *s, const ins_value *label) {
  const int64_t axis = ins_value_int_or(ins_map_get(label, "axis"), -1);
  const ins_value *values = ins_map_get(label, "values");
  for (int r = 0; r < s->n_rows; r++)
    if (s->rows[r] == axis && values) {
      const size_t n =
          values->kind == INS_ARRAY ? ins_array_count(&values->array) : ins_value_count(values);
      return n == s->axes[axis].length ? r : -1;
    }
  return -1;
}

static const ins_value *label_called(const ins_table_source *s, const char *name) {
  const ins_value *labels = ins_map_get(s->description, "labels");
  for (size_t i = 0; i < ins_value_count(labels); i++) {
    const ins_value *label = labels->children.items[i];
    if (strcmp(ins_value_text_or(ins_map_get(label, "name"), ""), name) == 0) return label;
  }
  return NULL;
}

static const char *text_of(const ins_value *label, const char *key) {
  return ins_value_text_or(ins_map_get(label, key), "");
}

/* The label as far as `where` leaves its axis; all of it is borrowed. */
static ins_status add_of_one(ins_table *table, const ins_table_source *s, const ins_value *label,
                             int r) {
  const ins_table_source_axis *axis = &s->axes[s->rows[r]];
  const ins_table_pick pick = {ins_map_get(label, "values"), axis->n, axis->index};
  ins_label made = {text_of(label, "name"), text_of(label, "long_name"), pick.values, r};
  bool whole = axis->n == axis->length;
  for (size_t k = 0; k < axis->n && whole; k++) whole = axis->index[k] == k;
  if (!whole) {
    ins_value *some;
    ins_status status = ins_table_picks_join(1, &pick, &some);
    if (status == INS_OK) status = ins_table_keep(table, some);
    if (status != INS_OK) return status;
    made.values = some;
  }
  return put_label(table, made, false);
}

/* Of files below each other: labels that all of them have, item by item. */
static ins_status add_of_all(ins_table *table, const ins_value *label, size_t variable) {
  const struct ins_table_parts *p = table->parts;
  const size_t n_files = p->n_sources / p->n_variables;
  ins_value *values = NULL;
  ins_table_pick *picks;
  ins_status status = ins_alloc(n_files, sizeof *picks, &picks);
  bool everywhere = true;
  for (size_t f = 0; f < n_files && status == INS_OK && everywhere; f++) {
    const ins_table_source *s = &p->sources[f * p->n_variables + variable];
    const ins_value *here = label_called(s, text_of(label, "name"));
    const int r = here ? row_of(s, here) : -1;
    size_t *places = NULL;
    everywhere = r >= 0;
    if (everywhere) status = ins_table_source_places(s, r, &places);
    picks[f] = (ins_table_pick){ins_map_get(here, "values"), s->n_items, places};
  }
  if (status == INS_OK && everywhere) status = ins_table_picks_join(n_files, picks, &values);
  if (status == INS_OK && values) status = ins_table_keep(table, values);
  if (status == INS_OK && values)
    status = put_label(
        table, (ins_label){text_of(label, "name"), text_of(label, "long_name"), values, 0}, false);
  for (size_t f = 0; picks && f < n_files; f++) {
    size_t *gone = (size_t *)picks[f].index;
    ins_free(&gone);
  }
  ins_free(&picks);
  return status;
}

static ins_status find_of_source(ins_table *table, size_t k) {
  const struct ins_table_parts *p = table->parts;
  const ins_table_source *s = &p->sources[k];
  const bool below = p->below && p->n_sources > p->n_variables;
  const ins_value *labels = ins_map_get(s->description, "labels");
  ins_status status = INS_OK;
  for (size_t i = 0; i < ins_value_count(labels) && status == INS_OK; i++) {
    const ins_value *label = labels->children.items[i];
    const int r = row_of(s, label);
    if (r < 0 || ins_table_label(table, text_of(label, "name"))) continue;
    status = below ? add_of_all(table, label, k) : add_of_one(table, s, label, r);
  }
  return status;
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

ins_status ins_table_refuse_label(const ins_table *table, const char *name) {
  enum { SHOWN = 20 };
  const char **words;
  ins_text list = {0};
  int n = 0;
  ins_status status =
      ins_alloc((size_t)table->n_labels + INS_TABLE_MAX_AXES, sizeof *words, &words);
  if (status != INS_OK) return status;
  for (int a = 0; a < table->n_item_axes; a++) words[n++] = table->item_axes[a].name;
  for (int i = 0; i < table->n_labels; i++) words[n++] = table->labels[i].name;
  for (int i = 0; i < n && i < SHOWN; i++) ins_text_add(&list, "%s%s", i ? ", " : "", words[i]);
  if (n > SHOWN) ins_text_add(&list, ", ... (%d in all)", n);
  const char *near = ins_text_nearest(name, words, (size_t)n);
  status = ins_fail(INS_ERR_ARGUMENT, "data '%s' have no label '%s'%s%s%s; they have %s",
                    table->name, name, near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "", list.data ? list.data : "none");
  ins_text_free(&list);
  ins_free(&words);
  return status;
}

ins_status ins_table_find_labels(ins_table *table) {
  const struct ins_table_parts *p = table->parts;
  const ins_value *asked = ins_map_get(p->settings, "labels");
  const size_t n = p->below ? p->n_variables : p->n_sources; /* the first file stands for all */
  ins_status status = INS_OK;
  for (size_t k = 0; k < n && status == INS_OK; k++) status = find_of_source(table, k);
  for (size_t i = 0; i < ins_value_count(asked) && status == INS_OK; i++) {
    const char *name = ins_value_text_or(asked->children.items[i], "");
    if (!ins_table_label(table, name)) status = ins_table_refuse_label(table, name);
  }
  return status;
}
