/* SPDX-License-Identifier: MIT */
/** Entries of a state dict: which names there are, what becomes of each, which shape it must have.
 */
#ifndef CHECKPOINT_LEAF_H
#define CHECKPOINT_LEAF_H

#include "insilico/value.h"

typedef enum ins_role {
  INS_LEAF_MODEL,    /* a parameter, which must be there */
  INS_LEAF_OPTIONAL, /* a parameter where it is there */
  INS_LEAF_SPEED,    /* the logarithm of a speed: a parameter unless it is 0, or not there */
  INS_LEAF_IGNORED   /* a buffer that is not the model */
} ins_role;

typedef struct ins_leaf {
  const char *name; /* '#' stands for a layer's number, '*' for a name without a dot */
  ins_role role;
  const char *shape; /* "1 C 1 N": numbers, letters (see ins_dims), '?' for any; "i N": integers */
  const char *when;  /* settings that must hold: "bias !scale convolution=full"; NULL: always */
} ins_leaf;

/** What the letters of a shape stand for; 0: any number. Used are N neurons; C, H, W features, rows
 * and columns of the core's output, P = H*W; of a layer O, I its channels out and in, L, S its
 * kernels, K the number of its sines; others where they are set. */
typedef struct ins_dims {
  size_t of[128];
} ins_dims;

/** What follows `prefix` in a name; NULL when it does not start so. */
const char *ins_name_after(const char *name, const char *prefix);

/** The leaf that `name` is, whatever its conditions; *layer is the number that '#' stands for.
 * `settings` (or NULL: all) are those of the core or readout: leaves whose conditions do not hold
 * are passed over. NULL when there is none. */
const ins_leaf *ins_leaf_find(const ins_leaf *const *lists, const char *name,
                              const ins_value *settings, size_t *layer);
bool ins_leaf_holds(const ins_leaf *leaf, const ins_value *settings);

/** INS_OK; INS_ERR_SHAPE, INS_ERR_UNSUPPORTED (another type), naming the entry. */
ins_status ins_leaf_check(const char *file, const char *name, const ins_leaf *leaf,
                          const ins_value *value, const ins_dims *dims) INS_CHECKED;

#endif
