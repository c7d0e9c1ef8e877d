/* SPDX-License-Identifier: MIT */
/** Validating a tree against tables and filling in defaults. Private to the room `job`.
 *
 * The resolved tree has all keys, in the order of the tables, so that it does not depend on the
 * order in the file; numbers of REAL keys are reals, of INT keys integers; shorthand is spelt out.
 */
#ifndef INSILICO_JOB_RESOLVE_H
#define INSILICO_JOB_RESOLVE_H

#include "insilico/yaml.h"
#include "job/tables.h"

/** What complaints need besides the values' own places. */
typedef struct ins_check {
  const char *file;           /* named where something is not there at all */
  const ins_key_places *keys; /* or NULL */
} ins_check;

/** The way to a value, from the leaf upwards: names of keys, or indices where name is NULL. */
typedef struct ins_trail {
  const struct ins_trail *up;
  const char *name;
  size_t index;
} ins_trail;

/** A whole job. `what` names it in complaints about unknown keys. */
ins_status ins_resolve_job(const ins_check *check, const ins_tables *tables, const ins_value *tree,
                           const char *what, ins_value **out) INS_CHECKED;
/** The value of one key; given == NULL: its default. `parent` is where a missing key is missing. */
ins_status ins_resolve_key(const ins_check *check, const ins_key *key, const ins_value *given,
                           const ins_value *parent, const ins_trail *trail,
                           ins_value **out) INS_CHECKED;

/** One value of a TEXT, INT, REAL or BOOL key that is not null. */
ins_status ins_resolve_scalar(const ins_key *key, const ins_value *given, const ins_trail *trail,
                              ins_value **out) INS_CHECKED;
/** The values of a key with INS_KEY_MANY or INS_KEY_REFERENCE, not null (many.c): a list, or the
 * text of a reference; one value where the key has not MANY. */
ins_status ins_resolve_many(const ins_key *key, const ins_value *given, const ins_trail *trail,
                            ins_value **out) INS_CHECKED;
/** Gives a value made here (NULL: out of memory) the place of the one it was made from. */
ins_status ins_resolve_placed(ins_value *made, const ins_value *from, ins_value **out) INS_CHECKED;

/* ---- complaints (complain.c): each sets the message and returns its code --------------------- */

/** "optimizer.lr", at most size - 1 bytes. */
char *ins_trail_text(const ins_trail *trail, char *out, size_t size);
/** JSON of a value, shortened for a message. */
char *ins_value_brief(const ins_value *value, char *out, size_t size);
/** What is expected of a key: "a number from 0 to 1". */
char *ins_key_expects(const ins_key *key, char *out, size_t size);
/** Where the key of `item` stands, or failing that the item itself: "job.yaml:3:5: ". */
char *ins_key_position(const ins_check *check, const ins_value *item, char *out, size_t size);

ins_status ins_refuse_value(const ins_key *key, const ins_value *value,
                            const ins_trail *trail) INS_CHECKED;
ins_status ins_refuse_kind(const ins_key *key, const ins_value *value, const char *name,
                           const ins_trail *trail) INS_CHECKED;
ins_status ins_refuse_missing(const ins_check *check, const ins_key *key, const ins_value *parent,
                              const ins_trail *trail) INS_CHECKED;
/** `what` has no key `name`, whose nearest is looked for in tables. */
ins_status ins_refuse_unknown(const char *place, const char *what, const char *name,
                              const ins_tables *tables) INS_CHECKED;

#endif
