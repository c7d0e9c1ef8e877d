/* SPDX-License-Identifier: MIT */
/** Conditions on the variables of neurons: "dsi > 0.5 & dsi_q < 0.01". Private to the room.
 *
 * Knows nothing of files: variables come from a table that finds them by name. A condition is made
 * of comparisons (< <= > >= == !=, also chained: 0.2 < dsi < 0.5) joined by & | ! (and, or, not,
 * &&, ||, ~); numbers are combined by + - * / abs() ( ). Comparisons bind tighter than !, that
 * tighter than &, that tighter than |, as in pandas' query.
 */
#ifndef INSILICO_APP_SELECT_EXPRESSION_H
#define INSILICO_APP_SELECT_EXPRESSION_H

#include "insilico/value.h"

typedef enum ins_column_kind {
  INS_COLUMN_REAL,
  INS_COLUMN_WHOLE, /* whole numbers; also a condition: true where not 0 */
  INS_COLUMN_TEXT
} ins_column_kind;

/** A variable: one value a row. */
typedef struct ins_column {
  ins_column_kind kind;
  double *numbers; /* [n], NaN where missing; NULL for texts */
  char **texts;    /* [n]; NULL for numbers */
} ins_column;

/** The variables there are. `load` fills column `which`, which then stays as it is and outlives the
 * expression; called again, it finds it filled. */
typedef struct ins_columns {
  const char *const *names;
  size_t n_names;
  ins_status (*load)(void *self, size_t which, const ins_column **out);
  void *self;
} ins_columns;

typedef struct ins_expression ins_expression;

/** Reads a condition. NAME counts as missing where NAME_valid is there and 0. Where no variable is
 * called so, q, p, valid, low and high are those of the index named last before them: a variable of
 * reals, or one with NAME_valid.
 * @return INS_OK; INS_ERR_ARGUMENT (names the character and what was expected there, or the nearest
 * name of a variable); errors of `load`; INS_ERR_MEMORY */
ins_status ins_expression_parse(const char *text, const ins_columns *columns,
                                ins_expression **out) INS_CHECKED;
void ins_expression_destroy(ins_expression **expression);

/** Does row fulfil it? A comparison with a missing number is false. */
bool ins_expression_holds(const ins_expression *expression, size_t row);

/** The variables it names, in the order they are first named; names as in the table ("dsi_q"). */
size_t ins_expression_variables(const ins_expression *expression);
const char *ins_expression_name(const ins_expression *expression, size_t k);
/** Variable k in a row: a number (NaN where missing or not valid), and its text where it is one. */
double ins_expression_number(const ins_expression *expression, size_t k, size_t row);
const char *ins_expression_text(const ins_expression *expression, size_t k, size_t row);

#endif
