/* SPDX-License-Identifier: MIT */
#include "job/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "job/series.h"

enum { MOST_VALUES = 10000 }; /* of one sweep: each is compared with all others */

/* ---- the keys -----------------------------------------------------------------------------------
 */

static ins_status refuse_key(const char *place, const char *key, const char *why) {
  return ins_fail(INS_ERR_ARGUMENT, "%s%s cannot be swept: %s", place, key, why);
}

static ins_status refuse_unknown(const char *place, const char *key, const ins_found *found) {
  char what[300], name[100];
  int before = found->start ? (int)found->start - 1 : 0;
  snprintf(what, sizeof what, "sweep of %.120s: %.*s", key, before ? before : 8,
           before ? key : "this job");
  snprintf(name, sizeof name, "%.*s", (int)found->length, key + found->start);
  return ins_refuse_unknown(place, what, name, &found->tables);
}

/* Only what is one scalar and means the same for every task can be an axis of the results. */
static ins_status check_key(const char *place, const char *key, const ins_found *found) {
  char why[300];
  if (!found->key) return refuse_unknown(place, key, found);
  if (found->flags & INS_KEY_AXIS)
    return refuse_key(place, key, "it is an axis of the results already; list its values instead");
  if (found->key->flags & INS_KEY_MANY && !found->inside)
    return refuse_key(place, key, "the key itself takes several values; list them there");
  if (found->flags & INS_KEY_SHAPES)
    return refuse_key(place, key, "a job has one value of it; run one job for each");
  if (found->kind) return INS_OK;
  ins_key_type type = found->key->type;
  if (type == INS_KEY_GROUP) {
    snprintf(why, sizeof why, "it is a group of keys; name one of them, such as %s.%s", key,
             found->key->children && found->key->children[0].name ? found->key->children[0].name
                                                                  : "KEY");
    return refuse_key(place, key, why);
  }
  if (found->inside || found->element || (type > INS_KEY_TEXT && type != INS_KEY_CHOICE))
    return refuse_key(place, key, "only single numbers, texts, truth values and kinds can");
  return INS_OK;
}

/* `a` and `a.b` cannot be set apart from each other. */
static bool overlap(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  size_t shorter = n < m ? n : m;
  return strncmp(a, b, shorter) == 0 && (n == m || (n < m ? b : a)[shorter] == '.');
}

static ins_status check_overlaps(const char *place, const ins_value *sweep, size_t k) {
  for (size_t i = 0; i < k; i++)
    if (overlap(sweep->children.keys[i], sweep->children.keys[k]))
      return ins_fail(INS_ERR_ARGUMENT,
                      "%ssweeps of %s and %s set the same thing; keep one of them", place,
                      sweep->children.keys[i], sweep->children.keys[k]);
  return INS_OK;
}

/* ---- the values ---------------------------------------------------------------------------------
 */

/* A value as the key wants it: reals for REAL keys, known names for kinds. */
static ins_status check_value(const ins_check *check, const char *key, const ins_found *found,
                              const ins_value *given, ins_value **out) {
  char place[512], brief[80];
  ins_trail trail = {NULL, key, 0};
  *out = NULL;
  if (given->kind == INS_NULL || given->kind == INS_LIST || given->kind == INS_MAP)
    return ins_fail(
        INS_ERR_ARGUMENT,
        "%ssweep of %s: %s is no value of an axis; only numbers, texts and truth values are",
        ins_value_place(given, place, sizeof place), key,
        ins_value_brief(given, brief, sizeof brief));
  if (!found->kind && found->key->type != INS_KEY_CHOICE)
    return ins_resolve_key(check, found->key, given, NULL, &trail, out);
  if (given->kind != INS_TEXT) return ins_refuse_value(found->key, given, &trail);
  if (!ins_variant_find(found->key->variants, given->text))
    return ins_refuse_kind(found->key, given, given->text, &trail);
  *out = ins_value_copy(given);
  return *out ? INS_OK : INS_ERR_MEMORY;
}

static ins_status check_new(const ins_value *values, const ins_value *value, const char *key,
                            const ins_value *given) {
  char place[512], brief[80];
  for (size_t i = 0; i < values->children.n; i++)
    if (ins_value_equal(values->children.items[i], value))
      return ins_fail(INS_ERR_ARGUMENT, "%ssweep of %s: %s is there twice; keep one",
                      ins_value_place(given, place, sizeof place), key,
                      ins_value_brief(value, brief, sizeof brief));
  return INS_OK;
}

static ins_status check_values(const ins_check *check, const char *key, const ins_found *found,
                               const ins_value *given, ins_value *values) {
  for (size_t i = 0; i < given->children.n; i++) {
    const ins_value *item = given->children.items[i];
    ins_value *value = NULL;
    ins_status status = check_value(check, key, found, item, &value);
    if (status == INS_OK) status = check_new(values, value, key, item);
    if (status != INS_OK) {
      ins_value_destroy(&value);
      return status;
    }
    status = ins_list_take(values, value);
    if (status != INS_OK) return status;
  }
  return INS_OK;
}

/* ---- the map ------------------------------------------------------------------------------------
 */

/* Replaces a series by its list; what is no list then is refused. */
static ins_status spell_out(const ins_check *check, const char *key, ins_value **slot) {
  char place[512], brief[80];
  ins_value *list = NULL;
  if ((*slot)->kind == INS_TEXT) {
    ins_status status = ins_series_values((*slot)->text, *slot, &list);
    if (status != INS_OK) return status;
  }
  if (list) {
    list->line = (*slot)->line;
    list->column = (*slot)->column;
    list->origin = (*slot)->origin;
    (*slot)->origin = NULL;
    ins_value_destroy(slot);
    *slot = list;
  }
  size_t n = (*slot)->kind == INS_LIST ? (*slot)->children.n : 0;
  if (n >= 1 && n <= MOST_VALUES) return INS_OK;
  ins_key_position(check, *slot, place, sizeof place);
  if (n > MOST_VALUES)
    return ins_fail(INS_ERR_ARGUMENT, "%ssweep of %s has %zu values; at most %d are possible",
                    place, key, n, MOST_VALUES);
  ins_value_brief(*slot, brief, sizeof brief);
  if ((*slot)->kind == INS_MAP)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%ssweep of %s is %s; write its keys joined by dots, `%s.KEY: [...]`", place,
                    key, brief, key);
  /* The commas of a bare range within { } part the map. */
  bool cut = ins_series_begins(ins_value_text_or(*slot, ""));
  return ins_fail(INS_ERR_ARGUMENT, "%ssweep of %s is %s; expected a list such as [1, 10] or %s",
                  place, key, brief,
                  cut ? "'range(1,11,3)', within { } in quotes" : "range(1,11,3)");
}

static ins_status put_first(const ins_check *check, const ins_tables *tables, ins_value *sweep,
                            size_t k, ins_value *document) {
  char place[512];
  const char *key = sweep->children.keys[k];
  ins_status status = spell_out(check, key, &sweep->children.items[k]);
  if (status != INS_OK) return status;
  const ins_value *values = sweep->children.items[k];
  ins_key_position(check, values, place, sizeof place);
  status = check_overlaps(place, sweep, k);
  if (status != INS_OK) return status;
  if (overlap(key, "sweep") || !*key) return refuse_key(place, key, "it names no setting");
  return ins_tree_put(tables, document, key, ins_value_copy(values->children.items[0]),
                      INS_PUT_SET);
}

static ins_status take_one(const ins_check *check, const ins_tables *tables, const ins_value *sweep,
                           size_t k, const ins_value *document, ins_sweep *out) {
  char place[512];
  const char *key = sweep->children.keys[k];
  const ins_value *values = sweep->children.items[k];
  ins_key_position(check, values, place, sizeof place);
  ins_found found = ins_key_at(tables, document, key);
  ins_status status = check_key(place, key, &found);
  if (status != INS_OK) return status;
  out->key = strdup(key);
  out->values = ins_value_list();
  if (!out->key || !out->values)
    return ins_fail(INS_ERR_MEMORY, "out of memory while reading sweeps");
  return check_values(check, key, &found, values, out->values);
}

ins_status ins_sweeps_take(const ins_check *check, const ins_tables *tables, ins_value *document,
                           ins_sweep **sweeps, size_t *n) {
  char place[512];
  ins_value *sweep = (ins_value *)ins_map_get(document, "sweep");
  size_t count = ins_value_count(sweep);
  *n = 0;
  ins_status status = ins_alloc(count, sizeof **sweeps, sweeps);
  if (status != INS_OK || !sweep) return status;
  if (sweep->kind != INS_MAP && sweep->kind != INS_NULL)
    return ins_fail(INS_ERR_ARGUMENT, "%ssweep: expected a map such as {optimizer.lr: [1, 10]}",
                    ins_value_place(sweep, place, sizeof place));
  /* All first values are put before any key is looked up, because a swept kind decides on other
   * keys. */
  for (size_t k = 0; status == INS_OK && k < count; k++)
    status = put_first(check, tables, sweep, k, document);
  for (size_t k = 0; status == INS_OK && k < count; k++) {
    ++*n;
    status = take_one(check, tables, sweep, k, document, &(*sweeps)[k]);
  }
  if (status == INS_OK) ins_map_remove(document, "sweep");
  return status;
}

ins_status ins_sweep_put(const ins_tables *tables, const ins_sweep *sweep, size_t k,
                         ins_value *document) {
  return ins_tree_put(tables, document, sweep->key,
                      ins_value_copy(sweep->values->children.items[k]), INS_PUT_SET);
}

ins_status ins_sweeps_try_kinds(const ins_check *check, const ins_tables *tables,
                                const ins_sweep *sweeps, size_t n, ins_value *document) {
  ins_status status = INS_OK;
  for (size_t s = 0; status == INS_OK && s < n; s++) {
    ins_found found = ins_key_at(tables, document, sweeps[s].key);
    if (!found.key || (!found.kind && found.key->type != INS_KEY_CHOICE)) continue;
    for (size_t k = ins_value_count(sweeps[s].values); status == INS_OK && k-- > 0;) {
      ins_value *settings = NULL; /* ends with k = 0, which the document is to keep */
      status = ins_sweep_put(tables, &sweeps[s], k, document);
      if (status == INS_OK)
        status = ins_resolve_job(check, tables, document, "this job", &settings);
      ins_value_destroy(&settings);
    }
  }
  return status;
}

void ins_sweeps_free(ins_sweep **sweeps, size_t n) {
  for (size_t i = 0; i < n; i++) {
    free((*sweeps)[i].key);
    ins_value_destroy(&(*sweeps)[i].values);
  }
  ins_free(sweeps);
}
