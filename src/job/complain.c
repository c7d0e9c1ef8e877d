/* SPDX-License-Identifier: MIT */
/* What complaints say: place, what is wrong, what was expected. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "job/resolve.h"

enum { LONGEST_LIST = 360 }; /* of valid names; longer ones are left to `insilico list` */

char *ins_trail_text(const ins_trail *trail, char *out, size_t size) {
  out[0] = '\0';
  if (!trail) return out;
  if (trail->up) ins_trail_text(trail->up, out, size);
  size_t n = strlen(out);
  const char *dot = n ? "." : "";
  if (trail->name)
    snprintf(out + n, size - n, "%s%s", dot, trail->name);
  else
    snprintf(out + n, size - n, "%s%zu", dot, trail->index);
  return out;
}

/* Reals as people write them: 10, not 1e+01. */
static void add_real(double x, ins_text *out) {
  char digits[40];
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, x);
    if (strtod(digits, NULL) == x) break;
  }
  ins_text_add(out, "%s", digits);
}

char *ins_value_brief(const ins_value *value, char *out, size_t size) {
  ins_text json = {0};
  if (value->kind == INS_REAL)
    add_real(value->real, &json);
  else
    ins_value_json(value, 16, &json);
  bool cut = json.length >= size;
  snprintf(out, size, "%s", json.data ? json.data : "?");
  /* Cut before a byte that continues a character, and say so. */
  if (cut) {
    size_t end = size - 4;
    while (end > 0 && ((unsigned char)out[end] & 0xc0) == 0x80) end--;
    strcpy(out + end, "...");
  }
  ins_text_free(&json);
  return out;
}

char *ins_key_position(const ins_check *check, const ins_value *item, char *out, size_t size) {
  for (size_t i = 0; check->keys && item && item->line && i < check->keys->n; i++) {
    const ins_key_place *place = &check->keys->at[i];
    if (place->item != item || !item->origin) continue;
    snprintf(out, size, "%s:%d:%d: ", item->origin, place->line, place->column);
    return out;
  }
  return ins_value_place(item, out, size);
}

/* ---- expectations -------------------------------------------------------------------------------
 */

/* Limits so far out that they only mean "none". */
static bool is_limit(const ins_key *key, double x) {
  return isfinite(x) && fabs(x) < (key->type == INS_KEY_INT ? 9e15 : 1e300);
}

static void expect_number(const ins_key *key, ins_text *out) {
  bool limited = key->min != 0 || key->max != 0;
  bool low = limited && is_limit(key, key->min), high = limited && is_limit(key, key->max);
  bool positive = low && key->min > 0 && key->min < 1e-300; /* the least number that is not zero */
  ins_text_add(out, key->type == INS_KEY_INT ? "a whole number" : "a number");
  if (positive && high)
    ins_text_add(out, " above 0, at most %.15g", key->max);
  else if (positive)
    ins_text_add(out, " above 0");
  else if (low && high)
    ins_text_add(out, " from %.15g to %.15g", key->min, key->max);
  else if (low)
    ins_text_add(out, " of at least %.15g", key->min);
  else if (high)
    ins_text_add(out, " of at most %.15g", key->max);
  if (key->units) ins_text_add(out, " (%s)", key->units);
}

static void add_names(const char *const *names, size_t n, ins_text *out) {
  size_t start = out->length;
  for (size_t i = 0; i < n && out->length - start < LONGEST_LIST; i++)
    ins_text_add(out, "%s%s", i ? ", " : "", names[i]);
  if (out->length - start >= LONGEST_LIST) ins_text_add(out, ", ...");
}

static ins_status variant_names(const ins_variant *variants, const char ***names, size_t *n) {
  for (*n = 0; variants && variants[*n].name;) ++*n;
  ins_status status = ins_alloc(*n, sizeof **names, names);
  for (size_t i = 0; status == INS_OK && i < *n; i++) (*names)[i] = variants[i].name;
  return status;
}

static void expect_names(const ins_key *key, ins_text *out) {
  const char **names;
  size_t n;
  ins_tables tables = {.own = key->children};
  bool group = key->type == INS_KEY_GROUP;
  ins_status status =
      group ? ins_tables_names(&tables, &names, &n) : variant_names(key->variants, &names, &n);
  if (status != INS_OK) return;
  add_names(names, n, out);
  ins_free(&names);
}

static void expect_group(const ins_key *key, ins_text *out) {
  char inner[200];
  if (key->flags & INS_KEY_SHORTHAND)
    ins_text_add(out, "%s, or ", ins_key_expects(&key->children[0], inner, sizeof inner));
  ins_text_add(out, "a map with some of the keys ");
  expect_names(key, out);
}

static void expect(const ins_key *key, ins_text *out) {
  switch (key->type) {
  case INS_KEY_INT:
  case INS_KEY_REAL:
    expect_number(key, out);
    return;
  case INS_KEY_BOOL:
    ins_text_add(out, "true or false");
    return;
  case INS_KEY_TEXT:
    if (!key->variants) {
      ins_text_add(out, "text (in quotes if it looks like a number)");
      return;
    }
    ins_text_add(out, "one of ");
    expect_names(key, out);
    return;
  case INS_KEY_TEXTS:
    ins_text_add(out, "a list of texts");
    return;
  case INS_KEY_RANGE:
    ins_text_add(out, "whole numbers: 5, [1, 4, 9], \"0:50\" (end excluded), \"0:50:5\" or all");
    return;
  case INS_KEY_BOUNDS:
    ins_text_add(out, "[low, high] or {CHANNEL: [low, high], ...}, where null leaves an end open");
    return;
  case INS_KEY_GROUP:
    expect_group(key, out);
    return;
  case INS_KEY_CHOICE:
    ins_text_add(out, "a kind or {kind: KIND, ...}; kinds: ");
    expect_names(key, out);
    return;
  case INS_KEY_CHOICES:
    ins_text_add(out, "a list of kinds or {kind: KIND, ...}; kinds: ");
    expect_names(key, out);
    return;
  case INS_KEY_FREE:
    ins_text_add(out, "anything");
    return;
  }
}

static void expect_more(const ins_key *key, ins_text *out) {
  if (key->flags & INS_KEY_MANY)
    ins_text_add(out,
                 key->type == INS_KEY_TEXT
                     ? ", or a list of such"
                     : ", several in a list, 'range(START,STOP,STEP)', 'linspace(START,STOP,N)' "
                       "or 'geomspace(START,STOP,N)'");
  if (key->flags & INS_KEY_REFERENCE)
    ins_text_add(out, "; or what is measured in each neuron, such as sigma_um or 2 * sigma_um");
}

char *ins_key_expects(const ins_key *key, char *out, size_t size) {
  ins_text text = {0};
  expect(key, &text);
  expect_more(key, &text);
  if (key->flags & INS_KEY_NULLABLE) ins_text_add(&text, "; null for none");
  snprintf(out, size, "%s", text.data ? text.data : "");
  ins_text_free(&text);
  return out;
}

/* ---- refusals -----------------------------------------------------------------------------------
 */

/* May it be swept, for somebody who wrote a list? */
static bool takes_sweep(const ins_key *key) {
  if (key->flags & (INS_KEY_MANY | INS_KEY_SHAPES)) return false;
  return key->type <= INS_KEY_TEXT || key->type == INS_KEY_CHOICE;
}

ins_status ins_refuse_value(const ins_key *key, const ins_value *value, const ins_trail *trail) {
  char place[512], path[200], brief[80], expected[500], hint[450] = "";
  ins_trail_text(trail, path, sizeof path);
  if (value->kind == INS_NULL)
    snprintf(hint, sizeof hint, ", or leave the key out");
  else if (value->kind == INS_LIST && takes_sweep(key))
    snprintf(hint, sizeof hint, " (to sweep it: `sweep: {%s: [...]}` or %s=a,b)", path, path);
  return ins_fail(
      INS_ERR_ARGUMENT, "%s%s is %s; expected %s%s", ins_value_place(value, place, sizeof place),
      path, value->kind == INS_NULL ? "empty (null)" : ins_value_brief(value, brief, sizeof brief),
      ins_key_expects(key, expected, sizeof expected), hint);
}

/* "; did you mean 'x'? WHAT: a, b, c" */
static void add_advice(const char *what, const char *name, const char *const *names, size_t n,
                       ins_text *out) {
  const char *nearest = ins_text_nearest(name, names, n);
  if (nearest)
    ins_text_add(out, "; did you mean '%s'? %s: ", nearest, what);
  else
    ins_text_add(out, "; %s: ", what);
  if (n)
    add_names(names, n, out);
  else
    ins_text_add(out, "none");
}

ins_status ins_refuse_kind(const ins_key *key, const ins_value *value, const char *name,
                           const ins_trail *trail) {
  char place[512], path[200];
  const char **names;
  size_t n;
  ins_text advice = {0};
  ins_trail_text(trail, path, sizeof path);
  ins_status status = variant_names(key->variants, &names, &n);
  if (status != INS_OK) return status;
  if (name)
    add_advice("known kinds", name, names, n, &advice);
  else
    add_names(names, n, &advice);
  ins_value_place(value, place, sizeof place);
  if (name)
    status = ins_fail(INS_ERR_ARGUMENT, "%s%s: there is no kind '%.60s'%s", place, path, name,
                      advice.data ? advice.data : "");
  else
    status = ins_fail(INS_ERR_ARGUMENT, "%s%s has no kind; add `kind: NAME`, one of %s", place,
                      path, advice.data ? advice.data : "");
  ins_text_free(&advice);
  ins_free(&names);
  return status;
}

ins_status ins_refuse_missing(const ins_check *check, const ins_key *key, const ins_value *parent,
                              const ins_trail *trail) {
  char place[512] = "", path[200], expected[400];
  if (trail->up) ins_value_place(parent, place, sizeof place);
  if (!place[0] && check->file) snprintf(place, sizeof place, "%.400s: ", check->file);
  return ins_fail(INS_ERR_ARGUMENT, "%s%s is missing%s%s; add `%s: ...`, %s", place,
                  ins_trail_text(trail, path, sizeof path), key->doc ? ": " : "",
                  key->doc ? key->doc : "", path, ins_key_expects(key, expected, sizeof expected));
}

ins_status ins_refuse_unknown(const char *place, const char *what, const char *name,
                              const ins_tables *tables) {
  const char **names;
  size_t n;
  ins_text advice = {0};
  ins_status status = ins_tables_names(tables, &names, &n);
  if (status != INS_OK) return status;
  /* {lr:10} is one key "lr:10" to YAML. */
  if (strchr(name, ':')) ins_text_add(&advice, " (is a space missing after its colon?)");
  add_advice("valid keys", name, names, n, &advice);
  status = ins_fail(INS_ERR_ARGUMENT, "%s%s has no key '%.60s'%s", place, what, name,
                    advice.data ? advice.data : "");
  ins_text_free(&advice);
  ins_free(&names);
  return status;
}
