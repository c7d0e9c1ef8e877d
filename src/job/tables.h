/* SPDX-License-Identifier: MIT */
/** Finding keys in tables by dotted path, and setting values in a tree that is not validated yet.
 *
 * Private to the room `job`. What a path means depends on the kinds chosen in the tree and on
 * shorthand (a name for {kind: NAME}, a scalar for a group's first child), so both walk tables and
 * tree together.
 */
#ifndef INSILICO_JOB_TABLES_H
#define INSILICO_JOB_TABLES_H

#include "insilico/keys.h"

/** The keys of a map: one table, or a common one and one on top that may redeclare its keys. Either
 * may be NULL. `with_kind`: the map of a CHOICE, which has `kind` as well. */
typedef struct ins_tables {
  const ins_key *common, *own;
  bool with_kind;
} ins_tables;

/** The key called name[0..n), or NULL. */
const ins_key *ins_tables_find(const ins_tables *tables, const char *name, size_t n);
/** Names of all keys, `kind` first, *n of them; ins_free the array, not the names. */
ins_status ins_tables_names(const ins_tables *tables, const char ***names, size_t *n) INS_CHECKED;

/** The kind chosen by `value` (NAME or {kind: NAME}), else by the fallback of `key`; NULL when
 * neither names a variant. */
const ins_variant *ins_choice_variant(const ins_key *key, const ins_value *value);
ins_tables ins_choice_tables(const ins_variant *variant);

/** What a dotted path leads to. */
typedef struct ins_found {
  const ins_key *key;   /* NULL: no such key */
  bool kind;            /* the `kind` of the CHOICE `key` */
  bool element;         /* an element of the CHOICES `key` */
  bool inside;          /* within a value that tables do not describe (FREE, BOUNDS, RANGE) */
  unsigned flags;       /* of the key, and SHAPES and AXIS of the groups around it */
  size_t start, length; /* when unknown: the offending part of the path ... */
  ins_tables tables;    /* ... and what there is instead */
} ins_found;

ins_found ins_key_at(const ins_tables *tables, const ins_value *tree, const char *path);

/** How ins_tree_put treats what is there. */
typedef enum ins_put { INS_PUT_SET, INS_PUT_ADD } ins_put;

/** Sets the value at `path`, making maps (or the default list of CHOICES) on the way and spelling
 * shorthand out. ADD refuses a key that is there, and appends to a list at its length. Takes
 * `item`, whose place the new maps get. INS_ERR_ARGUMENT when the way is barred; what it names
 * unknown keys is not checked here. */
ins_status ins_tree_put(const ins_tables *tables, ins_value *tree, const char *path,
                        ins_value *item, ins_put put) INS_CHECKED;
/** Removes what is at `path` of the tree as it is written; false when nothing is. */
bool ins_tree_remove(ins_value *tree, const char *path);

/** The child that a value stands for where a GROUP is written in short; NULL: it is none. */
const ins_key *ins_shorthand_of(const ins_key *key, const ins_value *given);

#endif
