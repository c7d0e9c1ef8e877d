/* SPDX-License-Identifier: MIT */
#include "job/override.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "job/series.h"

/* ---- taking apart -------------------------------------------------------------------------------
 */

static ins_status refuse(const ins_override *override, const char *why) {
  char place[512];
  return ins_fail(INS_ERR_ARGUMENT, "%s%s", ins_value_place(override->place, place, sizeof place),
                  why);
}

static ins_value *make_place(const char *text, size_t k) {
  ins_value *place = ins_value_null();
  bool cut = strlen(text) > 100;
  if (!place) return NULL;
  place->origin =
      ins_format("override %zu (%.*s%s)", k + 1, cut ? 97 : 100, text, cut ? "..." : "");
  if (!place->origin) ins_value_destroy(&place);
  return place;
}

static ins_override_op read_op(const char **text) {
  if (strncmp(*text, "++", 2) == 0) {
    *text += 2;
    return INS_OVERRIDE_SET;
  }
  ins_override_op op = **text == '+'   ? INS_OVERRIDE_ADD
                       : **text == '~' ? INS_OVERRIDE_DELETE
                                       : INS_OVERRIDE_SET;
  *text += op != INS_OVERRIDE_SET;
  return op;
}

/* Words joined by single dots. */
static bool is_path(const char *s) {
  if (!*s || strpbrk(s, " \t\n[]{},\"'")) return false;
  return *s != '.' && s[strlen(s) - 1] != '.' && !strstr(s, "..");
}

/* VALUE as a list of what its commas part: it is read as the inside of a YAML list. */
static ins_status read_values(ins_override *override, const char *text) {
  size_t n = strlen(text);
  while (n && (text[n - 1] == ' ' || text[n - 1] == '\n')) n--;
  while (n && *text == ' ') text++, n--;
  if (n == 0) return refuse(override, "no value after '='; write null for none, '' for empty text");
  if (text[n - 1] == ',') return refuse(override, "a value is missing after the last comma");
  char *copy = strndup(text, n), *list = NULL;
  ins_status status =
      copy ? ins_series_values(copy, override->place, &override->values) : INS_ERR_MEMORY;
  override->several = override->values != NULL;
  if (status == INS_OK && !override->values) {
    list = ins_format("[%s]", copy);
    status =
        list ? ins_yaml_parse(list, strlen(list), override->place->origin, NULL, &override->values)
             : INS_ERR_MEMORY;
  }
  if (status == INS_OK && (!override->values || override->values->kind != INS_LIST))
    status = refuse(override, "no value can be read after '='");
  if (status == INS_OK && override->values->children.n == 0)
    status = refuse(override, "no value after '='; write null for none, '' for empty text");
  if (status == INS_OK && override->values->children.n > 1) override->several = true;
  free(copy);
  free(list);
  return status;
}

static ins_status read_override(const char *text, size_t k, ins_override *out) {
  out->place = make_place(text, k);
  if (!out->place) return INS_ERR_MEMORY;
  out->op = read_op(&text);
  size_t n = strcspn(text, "=");
  bool value = text[n] == '=';
  const char *after = text + n + value;
  while (n && text[n - 1] == ' ') n--;
  out->path = strndup(text, n);
  if (!out->path) return ins_fail(INS_ERR_MEMORY, "out of memory while reading an override");
  if (out->op == INS_OVERRIDE_DELETE && value)
    return refuse(out, "~KEY deletes a key and takes no value; leave out the '=' and what follows");
  if (out->op != INS_OVERRIDE_DELETE && !value)
    return refuse(out, "expected KEY=VALUE, +KEY=VALUE or ~KEY");
  if (!is_path(out->path))
    return refuse(out, "expected a key such as optimizer.lr or postprocess.0.norm before the '='");
  return value ? read_values(out, after) : INS_OK;
}

ins_status ins_overrides_parse(const char *const *texts, size_t n, ins_overrides *out) {
  *out = (ins_overrides){0};
  ins_status status = ins_alloc(n, sizeof *out->at, &out->at);
  for (size_t i = 0; status == INS_OK && i < n; i++, out->n++)
    status = read_override(texts[i], i, &out->at[i]);
  for (size_t i = 0; status == INS_OK && i < n; i++)
    for (size_t j = i + 1; j < n; j++)
      if (out->at[j].op == INS_OVERRIDE_SET && out->at[i].op != INS_OVERRIDE_DELETE &&
          strcmp(out->at[i].path, out->at[j].path) == 0)
        out->at[i].done = true;
  if (status != INS_OK) {
    out->n = n; /* the one that failed holds memory too; later ones are all zero */
    ins_overrides_free(out);
  }
  return status;
}

void ins_overrides_free(ins_overrides *overrides) {
  for (size_t i = 0; i < overrides->n; i++) {
    free(overrides->at[i].path);
    ins_value_destroy(&overrides->at[i].place);
    ins_value_destroy(&overrides->at[i].values);
  }
  ins_free(&overrides->at);
  overrides->n = 0;
}

/* ---- applying -----------------------------------------------------------------------------------
 */

/* "optimizer.lr" of "sweep.optimizer.lr": such a path names an entry of the map `sweep`. */
static const char *swept_key(const char *path) {
  return strncmp(path, "sweep.", 6) == 0 ? path + 6 : NULL;
}

static ins_value *sweep_map(const ins_value *document) {
  return (ins_value *)ins_map_get(document, "sweep");
}

static ins_status set_sweep(const ins_override *override, const char *key, ins_value *document,
                            ins_value *values) {
  ins_value *sweep = sweep_map(document);
  ins_status status = INS_OK;
  if (!sweep || sweep->kind == INS_NULL) {
    status = ins_map_take(document, "sweep", ins_value_map());
    sweep = sweep_map(document);
  }
  if (status == INS_OK && sweep->kind == INS_MAP) return ins_map_take(sweep, key, values);
  ins_value_destroy(&values);
  if (status != INS_OK) return status;
  return refuse(override, "`sweep` of the job file is no map, so nothing can be added to it");
}

static ins_status delete_key(const ins_override *override, ins_value *document) {
  ins_value *sweep = sweep_map(document);
  const char *swept = swept_key(override->path);
  bool map = sweep && sweep->kind == INS_MAP, removed = false;
  if (map) removed = ins_map_remove(sweep, swept ? swept : override->path);
  if (!swept) removed |= ins_tree_remove(document, override->path);
  return removed ? INS_OK
                 : refuse(override, "the job file does not set this key: nothing to delete");
}

static ins_status set_one(const ins_override *override, const ins_tables *tables,
                          ins_value *document) {
  const char *swept = swept_key(override->path);
  ins_value *item = ins_value_copy(override->values->children.items[0]);
  if (!item) return INS_ERR_MEMORY;
  if (swept) return set_sweep(override, swept, document, item);
  ins_value *sweep = sweep_map(document);
  if (sweep && sweep->kind == INS_MAP) ins_map_remove(sweep, override->path);
  return ins_tree_put(tables, document, override->path, item,
                      override->op == INS_OVERRIDE_ADD ? INS_PUT_ADD : INS_PUT_SET);
}

/* Keys whose value is a list by nature, so that a list for them is no sweep. */
static bool holds_list(const ins_found *found) {
  if (!found->key || found->kind || found->element) return false;
  if (found->inside || found->flags & INS_KEY_AXIS || found->key->flags & INS_KEY_MANY) return true;
  ins_key_type type = found->key->type;
  return type == INS_KEY_RANGE || type == INS_KEY_BOUNDS || type == INS_KEY_CHOICES ||
         type == INS_KEY_FREE;
}

static ins_status set_several(const ins_override *override, const ins_tables *tables,
                              ins_value *document) {
  const char *swept = swept_key(override->path);
  ins_found found = ins_key_at(tables, document, override->path);
  ins_value *list = ins_value_copy(override->values);
  if (!list) return INS_ERR_MEMORY;
  if (swept || !holds_list(&found))
    return set_sweep(override, swept ? swept : override->path, document, list);
  return ins_tree_put(tables, document, override->path, list,
                      override->op == INS_OVERRIDE_ADD ? INS_PUT_ADD : INS_PUT_SET);
}

ins_status ins_overrides_choose(ins_overrides *overrides, ins_value *document) {
  ins_tables none = {0};
  for (size_t i = 0; i < overrides->n; i++) {
    ins_override *override = &overrides->at[i];
    if (override->done || strcmp(override->path, "experiment") != 0) continue;
    if (override->several)
      return refuse(override, "the experiment cannot be swept; run one job for each");
    ins_status status = override->op == INS_OVERRIDE_DELETE ? delete_key(override, document)
                                                            : set_one(override, &none, document);
    if (status != INS_OK) return status;
    override->done = true;
  }
  return INS_OK;
}

ins_status ins_overrides_apply(ins_overrides *overrides, const ins_tables *tables,
                               ins_value *document) {
  for (int several = 0; several < 2; several++) {
    for (size_t i = 0; i < overrides->n; i++) {
      const ins_override *override = &overrides->at[i];
      ins_status status = INS_OK;
      if (override->done || override->several != (several == 1)) continue;
      if (override->op == INS_OVERRIDE_DELETE)
        status = delete_key(override, document);
      else if (several)
        status = set_several(override, tables, document);
      else
        status = set_one(override, tables, document);
      if (status != INS_OK) return status;
    }
  }
  return INS_OK;
}
