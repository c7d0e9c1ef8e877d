/* SPDX-License-Identifier: MIT */
#include "job/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/yaml.h"

static const ins_key *find_in(const ins_key *table, const char *name, size_t n) {
  for (const ins_key *key = table; key && key->name; key++)
    if (strncmp(key->name, name, n) == 0 && !key->name[n]) return key;
  return NULL;
}

const ins_key *ins_tables_find(const ins_tables *tables, const char *name, size_t n) {
  const ins_key *key = find_in(tables->own, name, n);
  return key ? key : find_in(tables->common, name, n);
}

static size_t table_length(const ins_key *table) {
  size_t n = 0;
  while (table && table[n].name) n++;
  return n;
}

ins_status ins_tables_names(const ins_tables *tables, const char ***names, size_t *n) {
  size_t most = 1 + table_length(tables->common) + table_length(tables->own);
  ins_status status = ins_alloc(most, sizeof **names, names);
  *n = 0;
  if (status != INS_OK) return status;
  if (tables->with_kind) (*names)[(*n)++] = "kind";
  for (const ins_key *key = tables->common; key && key->name; key++) (*names)[(*n)++] = key->name;
  for (const ins_key *key = tables->own; key && key->name; key++)
    if (!find_in(tables->common, key->name, strlen(key->name))) (*names)[(*n)++] = key->name;
  return INS_OK;
}

/* ---- kinds --------------------------------------------------------------------------------------
 */

static const char *kind_name(const ins_value *value) {
  if (value && value->kind == INS_MAP) value = ins_map_get(value, "kind");
  return ins_value_text_or(value, NULL);
}

const ins_variant *ins_choice_variant(const ins_key *key, const ins_value *value) {
  const char *name = kind_name(value);
  if (name) return ins_variant_find(key->variants, name);
  if (!key->fallback || key->type != INS_KEY_CHOICE) return NULL;
  ins_value *fallback;
  if (ins_yaml_parse(key->fallback, strlen(key->fallback), NULL, NULL, &fallback) != INS_OK)
    return NULL;
  name = kind_name(fallback);
  const ins_variant *variant = name ? ins_variant_find(key->variants, name) : NULL;
  ins_value_destroy(&fallback);
  return variant;
}

ins_tables ins_choice_tables(const ins_variant *variant) {
  return (ins_tables){.own = variant ? variant->keys : NULL, .with_kind = true};
}

/* ---- looking up ---------------------------------------------------------------------------------
 */

static const ins_value *child_at(const ins_value *value, const char *name, size_t n) {
  for (size_t i = 0; value && value->kind == INS_MAP && i < value->children.n; i++)
    if (strncmp(value->children.keys[i], name, n) == 0 && !value->children.keys[i][n])
      return value->children.items[i];
  return NULL;
}

/* A decimal index without leading zeros, so that one element has one name. */
static bool read_index(const char *s, size_t n, size_t *index) {
  if (n == 0 || n > 6 || (n > 1 && s[0] == '0')) return false;
  *index = 0;
  for (size_t i = 0; i < n; i++) {
    if (s[i] < '0' || s[i] > '9') return false;
    *index = *index * 10 + (size_t)(s[i] - '0');
  }
  return true;
}

static ins_found unknown(const ins_tables *tables, size_t start, size_t length) {
  return (ins_found){.tables = *tables, .start = start, .length = length};
}

/* Goes on behind the key `found->key`, whose part of the path ended at `end`. *node follows in the
 * tree, *tables become those of the map reached. False: `found` is the answer. */
static bool descend(ins_found *found, const char *path, size_t *end, const ins_value **node,
                    ins_tables *tables) {
  const ins_key *key = found->key;
  if (!path[*end]) return false;
  if (key->type == INS_KEY_GROUP) {
    *tables = (ins_tables){.own = key->children};
    return true;
  }
  if (key->type == INS_KEY_CHOICES) {
    size_t start = *end + 1, n = strcspn(path + start, "."), i;
    if (!read_index(path + start, n, &i)) {
      *found = unknown(&(ins_tables){0}, start, n);
      return false;
    }
    *node = *node && (*node)->kind == INS_LIST && i < (*node)->children.n
                ? (*node)->children.items[i]
                : NULL;
    *end = start + n;
    found->element = true;
    if (!path[*end]) return false;
  }
  if (key->type != INS_KEY_CHOICE && key->type != INS_KEY_CHOICES) {
    found->inside = true;
    return false;
  }
  if (strcmp(path + *end, ".kind") == 0) {
    found->kind = true;
    found->element = false;
    return false;
  }
  *tables = ins_choice_tables(ins_choice_variant(key, *node));
  return true;
}

ins_found ins_key_at(const ins_tables *tables, const ins_value *tree, const char *path) {
  ins_tables here = *tables;
  unsigned inherited = 0;
  for (size_t start = 0;;) {
    size_t n = strcspn(path + start, "."), end = start + n;
    const ins_key *key = ins_tables_find(&here, path + start, n);
    if (!key) return unknown(&here, start, n);
    ins_found found = {.key = key, .flags = key->flags | inherited};
    tree = child_at(tree, path + start, n);
    if (!descend(&found, path, &end, &tree, &here)) return found;
    /* What a choice's kind does to shapes says nothing about the keys of the kind. */
    inherited = found.flags & INS_KEY_AXIS;
    if (key->type == INS_KEY_GROUP) inherited |= found.flags & INS_KEY_SHAPES;
    start = end + 1;
  }
}

/* ---- setting ------------------------------------------------------------------------------------
 */

static void copy_place(ins_value *to, const ins_value *from) {
  to->line = from->line;
  to->column = from->column;
  if (from->origin && !to->origin) to->origin = strdup(from->origin);
}

static bool is_scalar(const ins_value *value) {
  return value->kind != INS_LIST && value->kind != INS_MAP && value->kind != INS_ARRAY;
}

const ins_key *ins_shorthand_of(const ins_key *key, const ins_value *given) {
  if (key->type != INS_KEY_GROUP || !(key->flags & INS_KEY_SHORTHAND)) return NULL;
  if (given->kind != INS_LIST) return is_scalar(given) ? &key->children[0] : NULL;
  for (const ins_key *child = key->children; child->name; child++)
    if (child->type == INS_KEY_TEXTS) return child;
  return NULL;
}

/* Replaces *slot by the map {name: *slot}, or by the list [*slot] when there is no name. */
static ins_status wrap(ins_value **slot, const char *name) {
  ins_value *around = name ? ins_value_map() : ins_value_list();
  if (!around) return INS_ERR_MEMORY;
  copy_place(around, *slot);
  ins_value *inner = *slot;
  *slot = around;
  return name ? ins_map_take(around, name, inner) : ins_list_take(around, inner);
}

/* The list of CHOICES as it stands when nobody wrote it. */
static ins_status default_list(const ins_key *key, ins_value **out) {
  *out = NULL;
  ins_status status = INS_OK;
  if (key->fallback) status = ins_yaml_parse(key->fallback, strlen(key->fallback), NULL, NULL, out);
  if (status != INS_OK || (*out && (*out)->kind == INS_LIST)) return status;
  ins_value_destroy(out);
  *out = ins_value_list();
  return *out ? INS_OK : INS_ERR_MEMORY;
}

/* Makes *slot something that can be descended into, as `key` (NULL: unknown) describes it. */
static ins_status open_slot(const ins_key *key, ins_value **slot, const ins_value *item) {
  const ins_key *short_for = key && (*slot)->kind != INS_NULL ? ins_shorthand_of(key, *slot) : NULL;
  if (short_for) return wrap(slot, short_for->name);
  if (key && key->type == INS_KEY_CHOICE && (*slot)->kind == INS_TEXT) return wrap(slot, "kind");
  if (key && key->type == INS_KEY_CHOICES &&
      ((*slot)->kind == INS_TEXT || (*slot)->kind == INS_MAP))
    return wrap(slot, NULL);
  if ((*slot)->kind != INS_NULL) return INS_OK;
  ins_value *opened = NULL;
  if (key && key->type == INS_KEY_CHOICES) {
    ins_status status = default_list(key, &opened);
    if (status != INS_OK) return status;
  } else {
    opened = ins_value_map();
  }
  if (!opened) return INS_ERR_MEMORY;
  copy_place(opened, item);
  ins_value_destroy(slot);
  *slot = opened;
  return INS_OK;
}

typedef struct putting {
  const char *path; /* all of it, for complaints */
  ins_value *item;  /* NULL once it has found its place */
  ins_put how;
} putting;

static ins_status barred(const putting *put, const char *rest, const char *why) {
  char place[512];
  int n = (int)(rest - put->path);
  return ins_fail(INS_ERR_ARGUMENT, "%s%s cannot be set: %.*s %s",
                  ins_value_place(put->item, place, sizeof place), put->path, n > 0 ? n - 1 : 7,
                  n > 0 ? put->path : "the job", why);
}

static ins_status put_in(const ins_tables *tables, ins_value *node, const char *rest, putting *put);

/* An index into the list `node`; `key` are the CHOICES it belongs to, or NULL. */
static ins_status put_in_list(const ins_key *key, ins_value *node, const char *rest, putting *put) {
  size_t n = strcspn(rest, "."), i;
  char why[300];
  bool number = read_index(rest, n, &i);
  if (number && !rest[n] && put->how == INS_PUT_ADD && i == node->children.n) {
    ins_value *item = put->item;
    put->item = NULL;
    return ins_list_take(node, item);
  }
  if (!number || i >= node->children.n) {
    size_t count = node->children.n;
    snprintf(why, sizeof why, "is a list of %zu%s; +%.*s%zu=... adds one", count,
             count ? ", counted from 0" : "", (int)(rest - put->path), put->path, count);
    return barred(put, rest, why);
  }
  ins_value **slot = &node->children.items[i];
  if (!rest[n] && put->how == INS_PUT_ADD)
    return barred(put, rest, "has that element already; leave out the +");
  if (!rest[n]) {
    ins_value_destroy(slot);
    *slot = put->item;
    put->item = NULL;
    return INS_OK;
  }
  ins_key one = key ? *key : (ins_key){.type = INS_KEY_FREE};
  if (key) one.type = INS_KEY_CHOICE;
  ins_status status = open_slot(&one, slot, put->item);
  if (status != INS_OK) return status;
  ins_tables tables = ins_choice_tables(key ? ins_choice_variant(key, *slot) : NULL);
  return put_in(&tables, *slot, rest + n + 1, put);
}

/* The item of `map` called name[0..n), made as null when it is not there. */
static ins_status slot_of(ins_value *map, const char *name, size_t n, ins_value ***slot) {
  *slot = NULL;
  for (size_t i = 0; i < map->children.n; i++)
    if (strncmp(map->children.keys[i], name, n) == 0 && !map->children.keys[i][n])
      *slot = &map->children.items[i];
  if (*slot) return INS_OK;
  char *key = strndup(name, n);
  if (!key) return ins_fail(INS_ERR_MEMORY, "out of memory while applying an override");
  ins_status status = ins_map_take(map, key, ins_value_null());
  free(key);
  if (status == INS_OK) *slot = &map->children.items[map->children.n - 1];
  return status;
}

static ins_status put_in_map(const ins_tables *tables, ins_value *map, const char *rest,
                             putting *put) {
  size_t n = strcspn(rest, ".");
  const ins_key *key = ins_tables_find(tables, rest, n);
  if (!rest[n]) {
    if (put->how == INS_PUT_ADD && ins_map_get(map, rest))
      return barred(put, rest + n + 1, "is there already; leave out the + to change it");
    ins_value *item = put->item;
    put->item = NULL;
    return ins_map_take(map, rest, item);
  }
  ins_value **slot = NULL;
  ins_status status = slot_of(map, rest, n, &slot);
  if (status == INS_OK) status = open_slot(key, slot, put->item);
  if (status != INS_OK) return status;
  if ((*slot)->kind == INS_LIST)
    return put_in_list(key && key->type == INS_KEY_CHOICES ? key : NULL, *slot, rest + n + 1, put);
  ins_tables inner = {0};
  if (key && key->type == INS_KEY_GROUP) inner.own = key->children;
  if (key && key->type == INS_KEY_CHOICE) inner = ins_choice_tables(ins_choice_variant(key, *slot));
  return put_in(&inner, *slot, rest + n + 1, put);
}

static ins_status put_in(const ins_tables *tables, ins_value *node, const char *rest,
                         putting *put) {
  if (node->kind == INS_LIST) return put_in_list(NULL, node, rest, put);
  if (node->kind == INS_MAP) return put_in_map(tables, node, rest, put);
  return barred(put, rest, "is no map");
}

ins_status ins_tree_put(const ins_tables *tables, ins_value *tree, const char *path,
                        ins_value *item, ins_put how) {
  if (!item) return ins_fail(INS_ERR_MEMORY, "out of memory while setting %s", path);
  putting put = {path, item, how};
  ins_status status = put_in(tables, tree, path, &put);
  ins_value_destroy(&put.item);
  return status;
}

static bool remove_from(ins_value *node, const char *name) {
  size_t i;
  if (node->kind == INS_MAP) return ins_map_remove(node, name);
  if (node->kind != INS_LIST || !read_index(name, strlen(name), &i) || i >= node->children.n)
    return false;
  ins_value_destroy(&node->children.items[i]);
  size_t after = --node->children.n - i;
  memmove(&node->children.items[i], &node->children.items[i + 1], after * sizeof(ins_value *));
  return true;
}

bool ins_tree_remove(ins_value *tree, const char *path) {
  ins_value *node = tree;
  for (size_t n; path[n = strcspn(path, ".")]; path += n + 1) {
    size_t i;
    if (node->kind == INS_LIST && read_index(path, n, &i) && i < node->children.n)
      node = node->children.items[i];
    else
      node = (ins_value *)child_at(node, path, n);
    if (!node) return false;
  }
  return remove_from(node, path);
}
