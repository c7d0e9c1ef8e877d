/* SPDX-License-Identifier: MIT */
#include "job/resolve.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "insilico/memory.h"
#include "job/series.h"

enum { DEEPEST = 8 }; /* lists of kinds within each other */

static ins_status given_value(const ins_check *check, const ins_key *key, const ins_value *given,
                              const ins_trail *trail, ins_value **out);

/* ---- scalars ------------------------------------------------------------------------------------
 */

static ins_status out_of_memory(void) {
  return ins_fail(INS_ERR_MEMORY, "out of memory while checking the job");
}

ins_status ins_resolve_placed(ins_value *made, const ins_value *from, ins_value **out) {
  *out = made;
  if (!made) return out_of_memory();
  made->line = from->line;
  made->column = from->column;
  if (from->origin && !(made->origin = strdup(from->origin))) {
    ins_value_destroy(out);
    return out_of_memory();
  }
  return INS_OK;
}

static ins_status copied(const ins_value *given, ins_value **out) {
  *out = ins_value_copy(given);
  return *out ? INS_OK : out_of_memory();
}

static bool within(const ins_key *key, double x) {
  if (key->min == 0 && key->max == 0) return true;
  return x >= key->min && x <= key->max;
}

static ins_status whole(const ins_key *key, const ins_value *given, const ins_trail *trail,
                        ins_value **out) {
  const double exact =
      9007199254740992.0; /* 2^53: beyond it a real no longer is one whole number */
  if (!ins_value_is_number(given)) return ins_refuse_value(key, given, trail);
  if (given->kind == INS_REAL && !(fabs(given->real) <= exact && given->real == trunc(given->real)))
    return ins_refuse_value(key, given, trail);
  int64_t i = ins_value_int_or(given, 0);
  if (!within(key, (double)i)) return ins_refuse_value(key, given, trail);
  return ins_resolve_placed(ins_value_int(i), given, out);
}

static ins_status real(const ins_key *key, const ins_value *given, const ins_trail *trail,
                       ins_value **out) {
  double x = ins_value_real_or(given, NAN);
  if (isnan(x) || !within(key, x)) return ins_refuse_value(key, given, trail);
  return ins_resolve_placed(ins_value_real(x == 0 ? 0.0 : x), given,
                            out); /* no negative zero: equal is equal */
}

/* Any text; or one of the names, where there are some. */
static ins_status text(const ins_key *key, const ins_value *given, const ins_trail *trail,
                       ins_value **out) {
  if (given->kind != INS_TEXT || !given->text[0]) return ins_refuse_value(key, given, trail);
  if (key->variants && !ins_variant_find(key->variants, given->text))
    return ins_refuse_kind(key, given, given->text, trail);
  return copied(given, out);
}

ins_status ins_resolve_scalar(const ins_key *key, const ins_value *given, const ins_trail *trail,
                              ins_value **out) {
  *out = NULL;
  switch (key->type) {
  case INS_KEY_INT:
    return whole(key, given, trail, out);
  case INS_KEY_REAL:
    return real(key, given, trail, out);
  case INS_KEY_TEXT:
    return text(key, given, trail, out);
  default:
    return given->kind == INS_BOOL ? copied(given, out) : ins_refuse_value(key, given, trail);
  }
}

/* ---- ranges and bounds --------------------------------------------------------------------------
 */

static ins_status resolve_map(const ins_check *check, const ins_tables *tables,
                              const ins_value *given, const char *what, const ins_trail *trail,
                              ins_value *map);

static ins_status range(const ins_check *check, const ins_key *key, const ins_value *given,
                        const ins_trail *trail, ins_value **out) {
  char path[200];
  int64_t *numbers;
  size_t n;
  if (given->kind == INS_MAP && key->children) {
    ins_key group = *key;
    group.type = INS_KEY_GROUP;
    return given_value(check, &group, given, trail, out);
  }
  if (given->kind != INS_INT && given->kind != INS_TEXT && given->kind != INS_LIST)
    return ins_refuse_value(key, given, trail);
  if (strcmp(ins_value_text_or(given, ""), "all") == 0) return copied(given, out);
  ins_status status =
      ins_range_parse(given, SIZE_MAX, ins_trail_text(trail, path, sizeof path), &numbers, &n);
  if (status != INS_OK) return status;
  ins_free(&numbers);
  return copied(given, out);
}

static ins_status texts(const ins_key *key, const ins_value *given, const ins_trail *trail,
                        ins_value **out) {
  bool fits = given->kind == INS_LIST && given->children.n > 0;
  for (size_t i = 0; fits && i < given->children.n; i++)
    fits = ins_value_text_or(given->children.items[i], "")[0] != '\0';
  return fits ? copied(given, out) : ins_refuse_value(key, given, trail);
}

/* [low, high], both numbers or null, low not above high */
static ins_status interval(const ins_key *key, const ins_value *given, const ins_trail *trail,
                           ins_value **out) {
  double end[2] = {-INFINITY, INFINITY};
  if (given->kind != INS_LIST || given->children.n != 2) return ins_refuse_value(key, given, trail);
  ins_status status = ins_resolve_placed(ins_value_list(), given, out);
  for (size_t i = 0; status == INS_OK && i < 2; i++) {
    const ins_value *item = given->children.items[i];
    ins_value *made = NULL;
    if (item->kind != INS_NULL) end[i] = ins_value_real_or(item, NAN);
    if (isnan(end[i]) || (i == 1 && end[0] > end[1]))
      status = ins_refuse_value(key, given, trail);
    else
      status = ins_resolve_placed(
          item->kind == INS_NULL ? ins_value_null() : ins_value_real(end[i]), item, &made);
    if (status == INS_OK) status = ins_list_take(*out, made);
  }
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

static ins_status bounds(const ins_key *key, const ins_value *given, const ins_trail *trail,
                         ins_value **out) {
  if (given->kind == INS_LIST) return interval(key, given, trail, out);
  if (given->kind != INS_MAP || given->children.n == 0) return ins_refuse_value(key, given, trail);
  ins_status status = ins_resolve_placed(ins_value_map(), given, out);
  for (size_t i = 0; status == INS_OK && i < given->children.n; i++) {
    ins_trail channel = {trail, given->children.keys[i], 0};
    ins_value *made = NULL;
    status = interval(key, given->children.items[i], &channel, &made);
    if (status == INS_OK) status = ins_map_take(*out, given->children.keys[i], made);
  }
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

/* ---- maps ---------------------------------------------------------------------------------------
 */

/* Is there a series without quotes, whose commas parted the map? Then that is what is wrong. */
static const ins_value *parted_series(const ins_value *map, const char **key) {
  for (size_t i = 0; i < ins_value_count(map); i++) {
    const char *s = ins_value_text_or(map->children.items[i], "");
    *key = map->children.keys[i];
    if (ins_series_begins(s) && !strchr(s, ')')) return map->children.items[i];
  }
  return NULL;
}

static ins_status check_known(const ins_check *check, const ins_tables *tables,
                              const ins_value *given, const char *what) {
  char place[512];
  const char *key;
  for (size_t i = 0; i < ins_value_count(given); i++) {
    const char *name = given->children.keys[i];
    if (tables->with_kind && strcmp(name, "kind") == 0) continue;
    if (ins_tables_find(tables, name, strlen(name))) continue;
    const ins_value *parted = parted_series(given, &key);
    if (parted)
      return ins_fail(INS_ERR_ARGUMENT,
                      "%s%.60s: %.60s... is cut at its comma; put it in quotes within { }",
                      ins_value_place(parted, place, sizeof place), key, parted->text);
    ins_key_position(check, given->children.items[i], place, sizeof place);
    return ins_refuse_unknown(place, what, name, tables);
  }
  return INS_OK;
}

/* Adds every key of the tables to `map`, in their order, from `given` or by default. A `given` that
 * is no map has no keys, but still says where they are missing. */
static ins_status resolve_map(const ins_check *check, const ins_tables *tables,
                              const ins_value *given, const char *what, const ins_trail *trail,
                              ins_value *map) {
  const char **names;
  size_t n;
  ins_status status = check_known(check, tables, given, what);
  if (status != INS_OK) return status;
  status = ins_tables_names(tables, &names, &n);
  if (status != INS_OK) return status;
  for (size_t i = tables->with_kind; status == INS_OK && i < n; i++) {
    ins_trail here = {trail, names[i], 0};
    const ins_key *key = ins_tables_find(tables, names[i], strlen(names[i]));
    ins_value *made = NULL;
    status = ins_resolve_key(check, key, ins_map_get(given, names[i]), given, &here, &made);
    if (status == INS_OK) status = ins_map_take(map, names[i], made);
  }
  ins_free(&names);
  return status;
}

static ins_status group(const ins_check *check, const ins_key *key, const ins_value *given,
                        const ins_trail *trail, ins_value **out) {
  char what[200];
  ins_tables tables = {.own = key->children};
  ins_value *spelt = NULL;
  ins_status status = INS_OK;
  const ins_key *short_for = ins_shorthand_of(key, given);
  if (short_for) {
    status = ins_resolve_placed(ins_value_map(), given, &spelt);
    if (status == INS_OK) status = ins_map_take(spelt, short_for->name, ins_value_copy(given));
    given = spelt;
  } else if (given->kind != INS_MAP) {
    return ins_refuse_value(key, given, trail);
  }
  if (status == INS_OK) status = ins_resolve_placed(ins_value_map(), given, out);
  if (status == INS_OK)
    status =
        resolve_map(check, &tables, given, ins_trail_text(trail, what, sizeof what), trail, *out);
  if (status != INS_OK) ins_value_destroy(out);
  ins_value_destroy(&spelt);
  return status;
}

/* ---- choices ------------------------------------------------------------------------------------
 */

/* A map without `kind` stands on the default: its kind, and its entries where the map has none. */
static ins_status on_default(const ins_key *key, const ins_value *given, ins_value **merged) {
  ins_value *fallback = NULL;
  ins_status status = INS_OK;
  *merged = NULL;
  if (!key->fallback || given->kind != INS_MAP || ins_map_get(given, "kind")) return INS_OK;
  status = ins_yaml_parse(key->fallback, strlen(key->fallback), NULL, NULL, &fallback);
  if (status != INS_OK || !fallback) return status;
  if (fallback->kind == INS_TEXT || fallback->kind == INS_MAP) {
    *merged = ins_value_copy(given);
    status = *merged ? INS_OK : out_of_memory();
  }
  if (status == INS_OK && fallback->kind == INS_TEXT)
    status = ins_map_take(*merged, "kind", ins_value_copy(fallback));
  for (size_t i = 0; status == INS_OK && fallback->kind == INS_MAP && i < fallback->children.n; i++)
    if (!ins_map_get(given, fallback->children.keys[i]))
      status = ins_map_take(*merged, fallback->children.keys[i],
                            ins_value_copy(fallback->children.items[i]));
  ins_value_destroy(&fallback);
  if (status != INS_OK) ins_value_destroy(merged);
  return status;
}

static ins_status variant_map(const ins_check *check, const ins_variant *variant,
                              const ins_value *given, const ins_value *kind, const ins_trail *trail,
                              ins_value **out) {
  char what[300], path[200];
  ins_tables tables = ins_choice_tables(variant);
  ins_value *name = NULL;
  snprintf(what, sizeof what, "%s of kind %s", ins_trail_text(trail, path, sizeof path),
           variant->name);
  ins_status status = ins_resolve_placed(ins_value_map(), given, out);
  if (status == INS_OK) status = ins_resolve_placed(ins_value_text(variant->name), kind, &name);
  if (status == INS_OK) status = ins_map_take(*out, "kind", name);
  if (status == INS_OK) status = resolve_map(check, &tables, given, what, trail, *out);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

static ins_status choice(const ins_check *check, const ins_key *key, const ins_value *given,
                         const ins_trail *trail, ins_value **out) {
  ins_value *merged = NULL;
  if (given->kind != INS_MAP && given->kind != INS_TEXT) return ins_refuse_value(key, given, trail);
  ins_status status = on_default(key, given, &merged);
  if (status != INS_OK) return status;
  /* The copy has lost the keys' places, so it is only used where it adds something. */
  const ins_value *used = merged ? merged : given;
  const ins_value *kind = used->kind == INS_MAP ? ins_map_get(used, "kind") : used;
  const char *name = ins_value_text_or(kind, NULL);
  const ins_variant *variant = name ? ins_variant_find(key->variants, name) : NULL;
  if (variant && merged) {
    ins_tables tables = ins_choice_tables(variant);
    char what[300], path[200];
    snprintf(what, sizeof what, "%s of kind %s", ins_trail_text(trail, path, sizeof path), name);
    status = check_known(check, &tables, given, what);
  }
  if (status == INS_OK && variant) status = variant_map(check, variant, used, kind, trail, out);
  if (!variant && kind && !name)
    status = ins_refuse_value(key, kind, trail);
  else if (!variant)
    status = ins_refuse_kind(key, kind ? kind : given, name, trail);
  ins_value_destroy(&merged);
  return status;
}

/* Lists that this one lies within: a kind may have lists of its own kind within itself. */
static size_t depth_of(const ins_trail *trail) {
  size_t depth = 0;
  for (; trail; trail = trail->up) depth += !trail->name;
  return depth;
}

static ins_status refuse_depth(const ins_value *given, const ins_trail *trail) {
  char place[512], path[200];
  return ins_fail(INS_ERR_ARGUMENT, "%s%s is nested too deep: at most %d lists of kinds in another",
                  ins_value_place(given, place, sizeof place),
                  ins_trail_text(trail, path, sizeof path), DEEPEST);
}

/* One alone stands for a list of one. */
static ins_status choices(const ins_check *check, const ins_key *key, const ins_value *given,
                          const ins_trail *trail, ins_value **out) {
  bool one = given->kind == INS_MAP || given->kind == INS_TEXT;
  if (!one && given->kind != INS_LIST) return ins_refuse_value(key, given, trail);
  if (depth_of(trail) >= DEEPEST) return refuse_depth(given, trail);
  ins_key element = *key;
  element.type = INS_KEY_CHOICE;
  element.fallback = NULL; /* the default is that of the list */
  element.flags = 0;
  ins_status status = ins_resolve_placed(ins_value_list(), given, out);
  for (size_t i = 0; status == INS_OK && i < (one ? 1 : given->children.n); i++) {
    ins_trail here = {trail, NULL, i};
    ins_value *made = NULL;
    status = choice(check, &element, one ? given : given->children.items[i], &here, &made);
    if (status == INS_OK) status = ins_list_take(*out, made);
  }
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

/* ---- keys ---------------------------------------------------------------------------------------
 */

static ins_status given_value(const ins_check *check, const ins_key *key, const ins_value *given,
                              const ins_trail *trail, ins_value **out) {
  bool null = given->kind == INS_NULL;
  if (null && (key->flags & INS_KEY_NULLABLE)) return copied(given, out);
  if (null && key->type != INS_KEY_FREE) return ins_refuse_value(key, given, trail);
  if (key->flags & (INS_KEY_MANY | INS_KEY_REFERENCE))
    return ins_resolve_many(key, given, trail, out);
  switch (key->type) {
  case INS_KEY_INT:
  case INS_KEY_REAL:
  case INS_KEY_BOOL:
  case INS_KEY_TEXT:
    return ins_resolve_scalar(key, given, trail, out);
  case INS_KEY_TEXTS:
    return texts(key, given, trail, out);
  case INS_KEY_RANGE:
    return range(check, key, given, trail, out);
  case INS_KEY_BOUNDS:
    return bounds(key, given, trail, out);
  case INS_KEY_GROUP:
    return group(check, key, given, trail, out);
  case INS_KEY_CHOICE:
    return choice(check, key, given, trail, out);
  case INS_KEY_CHOICES:
    return choices(check, key, given, trail, out);
  case INS_KEY_FREE:
    return copied(given, out);
  }
  return ins_fail(INS_ERR_INTERNAL, "key %s is of no known type", key->name);
}

static bool is_simple(const char *s) {
  return !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")];
}

static ins_status fallback_value(const ins_check *check, const ins_key *key, const ins_trail *trail,
                                 ins_value **out) {
  char path[200];
  ins_value *fallback = NULL;
  ins_status status = INS_OK;
  if (is_simple(key->fallback)) /* most are, and jobs are resolved often */
    fallback = ins_yaml_scalar(key->fallback, strlen(key->fallback));
  else
    status = ins_yaml_parse(key->fallback, strlen(key->fallback), NULL, NULL, &fallback);
  if (status == INS_OK && !fallback) status = out_of_memory();
  if (status == INS_OK) status = given_value(check, key, fallback, trail, out);
  ins_value_destroy(&fallback);
  return ins_within(status == INS_ERR_ARGUMENT ? INS_ERR_INTERNAL : status, "the default of %s",
                    ins_trail_text(trail, path, sizeof path));
}

ins_status ins_resolve_key(const ins_check *check, const ins_key *key, const ins_value *given,
                           const ins_value *parent, const ins_trail *trail, ins_value **out) {
  *out = NULL;
  if (given) return given_value(check, key, given, trail, out);
  if (key->flags & INS_KEY_REQUIRED) return ins_refuse_missing(check, key, parent, trail);
  if (key->fallback) return fallback_value(check, key, trail, out);
  if (key->type == INS_KEY_GROUP && !(key->flags & INS_KEY_NULLABLE)) {
    ins_value *empty = ins_value_map();
    ins_status status = empty ? group(check, key, empty, trail, out) : out_of_memory();
    ins_value_destroy(&empty);
    return status;
  }
  *out = key->type == INS_KEY_CHOICES ? ins_value_list() : ins_value_null();
  return *out ? INS_OK : out_of_memory();
}

ins_status ins_resolve_job(const ins_check *check, const ins_tables *tables, const ins_value *tree,
                           const char *what, ins_value **out) {
  ins_status status = ins_resolve_placed(ins_value_map(), tree, out);
  if (status == INS_OK) status = resolve_map(check, tables, tree, what, NULL, *out);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}
