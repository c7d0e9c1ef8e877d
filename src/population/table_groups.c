/* SPDX-License-Identifier: MIT */
/* Labels as numbers and as groups of items. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "table_parts.h"

/* A label, or an axis that makes items. */
static ins_status look_up(const ins_table *table, const char *name, ins_label *out) {
  const ins_label *label = ins_table_label(table, name);
  if (label) {
    *out = *label;
    return INS_OK;
  }
  for (int a = 0; a < table->n_item_axes; a++)
    if (strcmp(table->item_axes[a].name, name) == 0) {
      *out = (ins_label){name, table->item_axes[a].long_name, table->item_axes[a].coordinates, a};
      return INS_OK;
    }
  return ins_table_refuse_label(table, name);
}

/* Which value of the label item i has. */
static size_t value_of(const ins_table *table, const ins_label *label, size_t i) {
  size_t inner = 1;
  for (int a = label->axis + 1; a < table->n_item_axes; a++) inner *= table->item_axes[a].length;
  return i / inner % table->item_axes[label->axis].length;
}

ins_status ins_table_label_numbers(const ins_table *table, const char *name, double *out) {
  ins_label label = {0};
  ins_status status = look_up(table, name, &label);
  if (status != INS_OK) return status;
  if (label.values && label.values->kind == INS_LIST)
    return ins_fail(INS_ERR_ARGUMENT, "label '%s' of data '%s' is text; a number is needed", name,
                    table->name);
  for (size_t i = 0; i < table->n_items; i++) {
    const size_t k = value_of(table, &label, i);
    out[i] = label.values ? ins_array_get(&label.values->array, k) : (double)k;
  }
  return INS_OK;
}

static int compare_numbers(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts n elements and drops repeated ones; returns how many are left. */
static size_t make_distinct(void *base, size_t n, size_t size,
                            int (*compare)(const void *, const void *)) {
  char *at = base;
  size_t left = n ? 1 : 0;
  qsort(base, n, size, compare);
  for (size_t i = 1; i < n; i++)
    if (compare(at + (left - 1) * size, at + i * size) != 0)
      memmove(at + left++ * size, at + i * size, size);
  return left;
}

static ins_status group_numbers(const ins_table *table, const ins_label *label, int32_t *group,
                                ins_value **values) {
  double *x, *sorted = NULL;
  size_t n = 0;
  ins_status status = ins_alloc(table->n_items, sizeof *x, &x);
  if (status == INS_OK) status = ins_alloc(table->n_items, sizeof *sorted, &sorted);
  if (status == INS_OK) status = ins_table_label_numbers(table, label->name, x);
  if (status != INS_OK) goto done;
  for (size_t i = 0; i < table->n_items; i++)
    if (!isnan(x[i])) sorted[n++] = x[i];
  n = make_distinct(sorted, n, sizeof *sorted, compare_numbers);
  for (size_t i = 0; i < table->n_items; i++) {
    const double *found = bsearch(&x[i], sorted, n, sizeof *sorted, compare_numbers);
    group[i] = isnan(x[i]) || !found ? -1 : (int32_t)(found - sorted);
  }
  const bool whole = !label->values || ins_table_is_whole(label->values);
  *values = ins_value_array(whole ? INS_I64 : INS_F64, 1, &n);
  if (!*values) status = INS_ERR_MEMORY;
  for (size_t k = 0; k < n && status == INS_OK; k++)
    if (whole)
      ((int64_t *)(*values)->array.data)[k] = (int64_t)sorted[k];
    else
      ((double *)(*values)->array.data)[k] = sorted[k];
done:
  ins_free(&x);
  ins_free(&sorted);
  return status;
}

static ins_status group_texts(const ins_table *table, const ins_label *label, int32_t *group,
                              ins_value **values) {
  const size_t n_all = ins_value_count(label->values);
  const char **sorted;
  size_t n = 0;
  ins_status status = ins_alloc(n_all, sizeof *sorted, &sorted);
  for (size_t k = 0; k < n_all && status == INS_OK; k++)
    sorted[n++] = ins_value_text_or(label->values->children.items[k], "");
  if (status == INS_OK) n = make_distinct(sorted, n, sizeof *sorted, compare_texts);
  for (size_t i = 0; i < table->n_items && status == INS_OK; i++) {
    const size_t k = value_of(table, label, i);
    const char *text = ins_value_text_or(label->values->children.items[k], "");
    const char **found = bsearch(&text, sorted, n, sizeof *sorted, compare_texts);
    group[i] = found ? (int32_t)(found - sorted) : -1;
  }
  if (status == INS_OK && !(*values = ins_value_list())) status = INS_ERR_MEMORY;
  for (size_t k = 0; k < n && status == INS_OK; k++)
    status = ins_list_take(*values, ins_value_text(sorted[k]));
  ins_free(&sorted);
  if (status != INS_OK) ins_value_destroy(values);
  return status;
}

ins_status ins_table_groups(const ins_table *table, const char *name, int32_t *group,
                            ins_value **values) {
  ins_label label = {0};
  *values = NULL;
  ins_status status = look_up(table, name, &label);
  if (status != INS_OK) return status;
  return label.values && label.values->kind == INS_LIST
             ? group_texts(table, &label, group, values)
             : group_numbers(table, &label, group, values);
}
