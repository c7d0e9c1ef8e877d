/* SPDX-License-Identifier: MIT */
/** Settings as data: each part of the program declares the keys it reads in a table.
 *
 * `job` validates a file against such tables without knowing what they are for, fills in defaults,
 * complains with file, line, column and the nearest valid key, and `insilico list` prints them.
 * They live in `base` because objectives, optimisers and experiments all declare theirs.
 */
#ifndef INSILICO_KEYS_H
#define INSILICO_KEYS_H

#include "insilico/value.h"

typedef enum ins_key_type {
  INS_KEY_INT,  /* whole number within [min, max] */
  INS_KEY_REAL, /* number within [min, max] */
  INS_KEY_BOOL,
  INS_KEY_TEXT,   /* any text; with `variants`: one of their names */
  INS_KEY_TEXTS,  /* a list of texts, at least one */
  INS_KEY_RANGE,  /* whole numbers: 5, [1, 4, 9], "0:50" (end excluded), "0:50:5", ["0:9", 20] or
                     "all"; or a map with the keys of `children`, where it has some */
  INS_KEY_BOUNDS, /* {CHANNEL: [low, high]}, ends may be null; or one [low, high] for all channels
                   */
  INS_KEY_GROUP,  /* a map with the keys of `children` */
  INS_KEY_CHOICE, /* a map {kind: NAME, ...} or just NAME; keys of the variant NAME of `variants` */
  INS_KEY_CHOICES, /* a list of the former */
  INS_KEY_FREE     /* any tree, not looked into */
} ins_key_type;

typedef enum ins_key_flags {
  INS_KEY_REQUIRED = 1,
  INS_KEY_NULLABLE =
      2, /* null is a value (it means "none"), and the default when there is no other */
  INS_KEY_SHAPES = 4,     /* changes the shape of results: cannot be swept */
  INS_KEY_AXIS = 8,       /* lists the coordinates of an axis: may grow when a job is run again */
  INS_KEY_SHORTHAND = 16, /* GROUP: a scalar stands for the map {FIRST CHILD: scalar}, and a list
                             for that of the first child of type TEXTS */
  INS_KEY_CONTENTS = 32,  /* TEXT, TEXTS: paths; results know files by contents, not by name */
  INS_KEY_MANY = 64,      /* INT, REAL, TEXT: one value or several, all as the key allows. Numbers
                             also as "range(a,b,step)" (end excluded), "linspace(a,b,n)",
                             "geomspace(a,b,n)" (ends included). Once validated: always a list of
                             distinct values, at least one; null stays null. Cannot be swept */
  INS_KEY_REFERENCE =
      128,             /* REAL: may be a text "NAME" or "FACTOR * NAME" instead, which stands for a
                          number of each neuron that is measured during the run; stays text */
  INS_KEY_GROWS = 256, /* CHOICES: each entry makes a stage of the results, called by its `name`, or
                          else its kind; more of them may come in when a job is run again */
  INS_KEY_UNRECORDED = 512 /* leaves results as they are: no part of what they say of their job, and
                              may change when it is run again. Of a job, or a group in it */
} ins_key_flags;

typedef struct ins_key ins_key;

/** One entry of a registry: what `kind: NAME` stands for. The array ends with name == NULL. */
typedef struct ins_variant {
  const char *name;
  const char *doc;
  const ins_key *keys; /* may be NULL: no keys besides `kind` */
  const void *ops;     /* the operations table of the room that owns the registry */
} ins_variant;

/** One key. A table ends with name == NULL. */
struct ins_key {
  const char *name;
  ins_key_type type;
  const char *fallback; /* the default, as YAML text; NULL: none */
  unsigned flags;
  double min, max; /* INT, REAL; both 0: unlimited. Bounds are allowed values */
  const char *units;
  const char *doc;
  const ins_key *children;     /* GROUP, RANGE */
  const ins_variant *variants; /* CHOICE, CHOICES, TEXT */
};

/** The entry called `name`, or NULL. */
const ins_variant *ins_variant_find(const ins_variant *variants, const char *name);

/** Whole numbers of a validated RANGE: *out = ins_alloc'd [*n], in the order written, "all" =
 * 0..total-1. Numbers outside [0, total) and repeated ones: INS_ERR_ARGUMENT, naming them and the
 * place. total == SIZE_MAX means unlimited, and then "all" is refused. */
ins_status ins_range_parse(const ins_value *value, size_t total, const char *what, int64_t **out,
                           size_t *n) INS_CHECKED;

/** What the value of an INS_KEY_REFERENCE key stands for, where it is a text "NAME" or "FACTOR *
 * NAME": FACTOR a positive number (1 when left out), NAME of lower-case letters, digits and
 * underscores, or "STIMULUS.NAME" with one dot. False, and nothing is set, for any other value
 * (NULL is one), and for a name that does not fit into name[size]. */
bool ins_reference_parse(const ins_value *value, double *factor, char *name, size_t size);

#endif
