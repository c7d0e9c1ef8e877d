/* SPDX-License-Identifier: MIT */
/* Keys that take several values, or what is measured during the run in place of a number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "job/resolve.h"
#include "job/series.h"

enum { MOST_VALUES = 10000, LONGEST_NAME = 128 };

static bool is_number_key(const ins_key *key) {
  return key->type == INS_KEY_INT || key->type == INS_KEY_REAL;
}

/* The key of one value: what a complaint about it expects. It has SHAPES so that nobody is told to
 * sweep it. */
static ins_key single(const ins_key *key) {
  ins_key one = *key;
  one.flags = INS_KEY_SHAPES;
  return one;
}

static ins_status refuse(const ins_value *value, const ins_trail *trail, const char *why) {
  char place[512], path[200], brief[80];
  return ins_fail(INS_ERR_ARGUMENT, "%s%s: %s %s", ins_value_place(value, place, sizeof place),
                  ins_trail_text(trail, path, sizeof path),
                  ins_value_brief(value, brief, sizeof brief), why);
}

/* ---- distinct values ----------------------------------------------------------------------------
 */

typedef struct ranked {
  const ins_value *value;
  size_t place; /* in the list */
} ranked;

static int by_value(const ins_value *a, const ins_value *b) {
  if (a->kind == INS_TEXT) return strcmp(a->text, b->text);
  double x = ins_value_real_or(a, 0), y = ins_value_real_or(b, 0);
  if (a->kind == INS_REAL) return (x > y) - (x < y);
  return (a->integer > b->integer) - (a->integer < b->integer);
}

static int by_value_and_place(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  int order = by_value(x->value, y->value);
  return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* Values of one kind, as resolving leaves them: conditions that are the same would be one. */
static ins_status check_distinct(const ins_value *list, const ins_trail *trail) {
  const size_t n = list->children.n;
  const ins_value *twice = NULL;
  ranked *order;
  char place[512], path[200], brief[80];
  ins_status status = ins_alloc(n, sizeof *order, &order);
  if (status != INS_OK) return status;
  size_t first = n;
  for (size_t i = 0; i < n; i++) order[i] = (ranked){list->children.items[i], i};
  qsort(order, n, sizeof *order, by_value_and_place);
  for (size_t i = 1; i < n; i++) {
    if (by_value(order[i - 1].value, order[i].value) != 0 || order[i].place >= first) continue;
    first = order[i].place;
    twice = order[i].value;
  }
  ins_free(&order);
  if (!twice) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "%s%s: %s is there twice; keep one",
                  ins_value_place(twice, place, sizeof place),
                  ins_trail_text(trail, path, sizeof path),
                  ins_value_brief(twice, brief, sizeof brief));
}

/* ---- values -------------------------------------------------------------------------------------
 */

static ins_status take(const ins_key *one, const ins_value *given, const ins_trail *trail,
                       ins_value *list) {
  ins_value *made = NULL;
  if (list->children.n >= MOST_VALUES) {
    char why[80];
    snprintf(why, sizeof why, "is one too many; at most %d values are possible", MOST_VALUES);
    return refuse(given, trail, why);
  }
  ins_status status = given->kind == INS_NULL ? ins_refuse_value(one, given, trail)
                                              : ins_resolve_scalar(one, given, trail, &made);
  return status == INS_OK ? ins_list_take(list, made) : status;
}

/* A series, or what is left of one whose commas parted a list. *series = NULL: neither. */
static ins_status series_of(const ins_key *key, const ins_value *given, const ins_trail *trail,
                            ins_value **series) {
  *series = NULL;
  if (given->kind != INS_TEXT || !is_number_key(key)) return INS_OK;
  ins_status status = ins_series_values(given->text, given, series);
  if (status != INS_OK || *series || !ins_series_begins(given->text)) return status;
  return refuse(given, trail,
                strchr(given->text, ')') ? "goes on after its bracket; one series is one text"
                                         : "is cut at its comma; put it in quotes within [ ]");
}

/* One item of a list, or the only one: a value or a series. */
static ins_status take_item(const ins_key *key, const ins_value *given, const ins_trail *trail,
                            ins_value *list) {
  const ins_key one = single(key);
  ins_value *series = NULL;
  ins_status status = series_of(key, given, trail, &series);
  if (status != INS_OK) return status;
  if (!series) return take(&one, given, trail, list);
  for (size_t i = 0; status == INS_OK && i < series->children.n; i++)
    status = take(&one, series->children.items[i], trail, list);
  ins_value_destroy(&series);
  return status;
}

static bool is_reference(const ins_key *key, const ins_value *given) {
  double factor;
  char name[LONGEST_NAME];
  return key->flags & INS_KEY_REFERENCE && ins_reference_parse(given, &factor, name, sizeof name);
}

/* "direction_deg[3]": the third item after the first, counted as list elements are. */
static ins_status take_items(const ins_key *key, const ins_value *given, const ins_trail *trail,
                             ins_value *list) {
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < given->children.n; i++) {
    char name[100];
    const ins_value *item = given->children.items[i];
    snprintf(name, sizeof name, "%.70s[%zu]", trail->name ? trail->name : key->name, i);
    ins_trail here = {trail->up, name, 0};
    if (is_reference(key, item))
      return refuse(item, &here, "is measured in each neuron; it stands alone, not in a list");
    status = take_item(key, item, &here, list);
  }
  return status;
}

/* ---- keys ---------------------------------------------------------------------------------------
 */

/* A reference is told from a slip of the pen by its form alone: whether there is such a quantity is
 * known to whoever measures it. */
static ins_status reference(const ins_key *key, const ins_value *given, const ins_trail *trail,
                            ins_value **out) {
  if (!is_reference(key, given)) return ins_refuse_value(key, given, trail);
  *out = ins_value_copy(given);
  return *out ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory while checking the job");
}

static ins_status several(const ins_key *key, const ins_value *given, const ins_trail *trail,
                          ins_value **out) {
  ins_status status = ins_resolve_placed(ins_value_list(), given, out);
  if (status == INS_OK)
    status = given->kind == INS_LIST ? take_items(key, given, trail, *out)
                                     : take_item(key, given, trail, *out);
  if (status == INS_OK) status = check_distinct(*out, trail);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

ins_status ins_resolve_many(const ins_key *key, const ins_value *given, const ins_trail *trail,
                            ins_value **out) {
  const bool many = key->flags & INS_KEY_MANY, text = given->kind == INS_TEXT;
  *out = NULL;
  if (text && key->flags & INS_KEY_REFERENCE && !ins_series_begins(given->text))
    return reference(key, given, trail, out);
  if (!many) return ins_resolve_scalar(key, given, trail, out);
  /* What is no value at all is told all that could stand here, a wrong value only its limits. */
  bool one = is_number_key(key)
                 ? ins_value_is_number(given) || (text && ins_series_begins(given->text))
                 : text && given->text[0];
  if (!one && (given->kind != INS_LIST || given->children.n == 0))
    return ins_refuse_value(key, given, trail);
  return several(key, given, trail, out);
}
