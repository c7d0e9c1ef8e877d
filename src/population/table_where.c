/* SPDX-License-Identifier: MIT */
/* `where`: which coordinates of an axis are chosen. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "table_parts.h"

static bool is_texts(const ins_table_source_axis *axis) {
  return axis->coordinates && axis->coordinates->kind == INS_LIST;
}

static bool is_integers(const ins_table_source_axis *axis) {
  return !axis->coordinates || ins_table_is_whole(axis->coordinates);
}

static double number_at(const ins_table_source_axis *axis, size_t i) {
  return axis->coordinates ? ins_array_get(&axis->coordinates->array, i) : (double)i;
}

static const char *text_at(const ins_table_source_axis *axis, size_t i) {
  return ins_value_text_or(axis->coordinates->children.items[i], "");
}

char *ins_table_coordinate_text(const ins_table_source_axis *axis, size_t k, char *out,
                                size_t size) {
  const size_t i = axis->index ? axis->index[k] : k;
  if (is_texts(axis))
    snprintf(out, size, "%s", text_at(axis, i));
  else
    snprintf(out, size, "%.10g", number_at(axis, i));
  return out;
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

static void add_coordinates(const ins_table_source_axis *axis, ins_text *out) {
  enum { SHOWN = 8 };
  char one[200];
  const ins_table_source_axis whole = {.coordinates = axis->coordinates};
  for (size_t i = 0; i < axis->length && i < SHOWN; i++)
    ins_text_add(out, "%s%s", i ? ", " : "", ins_table_coordinate_text(&whole, i, one, sizeof one));
  if (axis->length > SHOWN)
    ins_text_add(out, ", ... %s (%zu in all)",
                 ins_table_coordinate_text(&whole, axis->length - 1, one, sizeof one),
                 axis->length);
}

static ins_status refuse(const ins_table_source_axis *axis, const ins_value *wanted,
                         const char *why) {
  ins_text text = {0}, have = {0};
  ins_value_json(wanted, 8, &text);
  add_coordinates(axis, &have);
  ins_status status =
      ins_fail(INS_ERR_ARGUMENT, "where.%s: %s %s; the axis has %s", axis->name,
               text.data ? text.data : "it", why, have.data ? have.data : "nothing");
  ins_text_free(&text);
  ins_text_free(&have);
  return status;
}

/* ---- choosing ---------------------------------------------------------------------------------
 */

static ins_status choose_one(const ins_value *wanted, ins_table_source_axis *axis, size_t i) {
  for (size_t k = 0; k < axis->n; k++)
    if (axis->index[k] == i) return refuse(axis, wanted, "is chosen twice");
  axis->index[axis->n++] = i;
  return INS_OK;
}

/* Coordinates are sums of steps in the file and decimals in a job. */
static bool is_same(double a, double b) {
  return a == b || fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

static ins_status choose_number(const ins_value *wanted, ins_table_source_axis *axis) {
  const double x = ins_value_real_or(wanted, (double)NAN);
  for (size_t i = 0; i < axis->length; i++)
    if (is_integers(axis) ? number_at(axis, i) == x : is_same(number_at(axis, i), x))
      return choose_one(wanted, axis, i);
  return refuse(axis, wanted, "is not there");
}

static ins_status choose_text(const ins_value *wanted, ins_table_source_axis *axis) {
  for (size_t i = 0; i < axis->length; i++)
    if (strcmp(text_at(axis, i), wanted->text) == 0) return choose_one(wanted, axis, i);
  return refuse(axis, wanted, "is not there");
}

/* FROM:END or FROM:END:STEP; step 0: none is given. */
static bool parse_range(const char *text, bool whole, double *from, double *to, int64_t *step) {
  char *end;
  *step = 0;
  *from = whole ? (double)strtoll(text, &end, 10) : strtod(text, &end);
  if (end == text || *end != ':') return false;
  text = end + 1;
  *to = whole ? (double)strtoll(text, &end, 10) : strtod(text, &end);
  if (end == text) return false;
  if (!*end) return true;
  if (*end != ':' || !whole) return false;
  text = end + 1;
  *step = strtoll(text, &end, 10);
  return end != text && !*end && *step > 0;
}

static ins_status choose_range(const ins_value *wanted, ins_table_source_axis *axis) {
  const bool whole = is_integers(axis);
  double from, to;
  int64_t step;
  const size_t before = axis->n;
  ins_status status = INS_OK;
  if (!parse_range(wanted->text, whole, &from, &to, &step))
    return refuse(axis, wanted,
                  whole ? "is no coordinate; give a number, a list of them, or \"0:50\" or "
                          "\"0:50:2\" (end excluded)"
                        : "is no coordinate; give a number, a list of them, or \"0:1.5\" (end "
                          "excluded)");
  for (size_t i = 0; i < axis->length && status == INS_OK; i++) {
    const double x = number_at(axis, i);
    if (x < from || !(x < to) || (step && (int64_t)(x - from) % step)) continue;
    status = choose_one(wanted, axis, i);
  }
  if (status == INS_OK && axis->n == before) return refuse(axis, wanted, "chooses nothing");
  return status;
}

static ins_status choose_element(const ins_value *wanted, ins_table_source_axis *axis) {
  if (ins_value_is_number(wanted) && !is_texts(axis)) return choose_number(wanted, axis);
  if (wanted->kind == INS_TEXT)
    return is_texts(axis) ? choose_text(wanted, axis) : choose_range(wanted, axis);
  return refuse(axis, wanted, is_texts(axis) ? "is no text" : "is no number");
}

ins_status ins_table_source_choose(const ins_value *wanted, ins_table_source_axis *axis,
                                   bool *fixed) {
  *fixed = false;
  axis->n = 0;
  ins_status status = ins_alloc(axis->length, sizeof *axis->index, &axis->index);
  if (status != INS_OK) return status;
  if (!wanted) {
    for (size_t i = 0; i < axis->length; i++) axis->index[i] = i;
    axis->n = axis->length;
    return INS_OK;
  }
  if (wanted->kind != INS_LIST) {
    *fixed = ins_value_is_number(wanted) || (wanted->kind == INS_TEXT && is_texts(axis));
    return choose_element(wanted, axis);
  }
  for (size_t k = 0; k < ins_value_count(wanted) && status == INS_OK; k++)
    status = choose_element(wanted->children.items[k], axis);
  if (status == INS_OK && !axis->n) return refuse(axis, wanted, "chooses nothing");
  return status;
}
