/* SPDX-License-Identifier: MIT */
/** Overrides from the command line, in the grammar of Hydra: KEY=VALUE, +KEY=VALUE, ++KEY=VALUE,
 * ~KEY, where VALUE is YAML in flow style, A,B,C or a series (series.h). Private to the room `job`.
 */
#ifndef INSILICO_JOB_OVERRIDE_H
#define INSILICO_JOB_OVERRIDE_H

#include "job/resolve.h"

typedef enum ins_override_op {
  INS_OVERRIDE_SET,   /* KEY= and ++KEY= */
  INS_OVERRIDE_ADD,   /* +KEY=: must not be there yet */
  INS_OVERRIDE_DELETE /* ~KEY */
} ins_override_op;

typedef struct ins_override {
  ins_override_op op;
  char *path;
  ins_value *place;  /* its origin says "override 2 (optimizer.lr=abc)" */
  ins_value *values; /* list; more than one, or a series: a sweep unless the key holds a list */
  bool several, done;
} ins_override;

typedef struct ins_overrides {
  ins_override *at;
  size_t n;
} ins_overrides;

/** Takes the texts apart; of several that set one key the last counts. */
ins_status ins_overrides_parse(const char *const *texts, size_t n, ins_overrides *out) INS_CHECKED;
void ins_overrides_free(ins_overrides *overrides);
/** Applies those for `experiment`, on which depends what all other keys are. */
ins_status ins_overrides_choose(ins_overrides *overrides, ins_value *document) INS_CHECKED;
/** Applies the rest: single values in their order, then lists and sweeps (into the map `sweep`). */
ins_status ins_overrides_apply(ins_overrides *overrides, const ins_tables *tables,
                               ins_value *document) INS_CHECKED;

#endif
