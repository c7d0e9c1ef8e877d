/* SPDX-License-Identifier: MIT */
/** Inside of select_expression.h: a tree of operations in one array, and the variables it reads. */
#ifndef INSILICO_APP_SELECT_PARTS_H
#define INSILICO_APP_SELECT_PARTS_H

#include "select_expression.h"

typedef enum ins_operation {
  INS_OP_NUMBER,
  INS_OP_TEXT,
  INS_OP_VARIABLE,
  INS_OP_NEGATE,
  INS_OP_ABS,
  INS_OP_ADD,
  INS_OP_SUBTRACT,
  INS_OP_MULTIPLY,
  INS_OP_DIVIDE,
  INS_OP_LESS,
  INS_OP_LESS_EQUAL,
  INS_OP_GREATER,
  INS_OP_GREATER_EQUAL,
  INS_OP_EQUAL,
  INS_OP_NOT_EQUAL,
  INS_OP_NONZERO,
  INS_OP_NOT,
  INS_OP_AND,
  INS_OP_OR
} ins_operation;

typedef enum ins_sort { INS_SORT_NUMBER, INS_SORT_TEXT, INS_SORT_TRUTH } ins_sort;

typedef struct ins_node {
  ins_operation op;
  ins_sort sort;
  size_t a, b;   /* operands: nodes before this one */
  double number; /* NUMBER */
  char *text;    /* TEXT */
  size_t k;      /* VARIABLE */
  size_t at;     /* where it begins in the text of the condition */
} ins_node;

typedef struct ins_named {
  size_t which; /* column of the table */
  const char *name;
  const ins_column *column, *valid; /* valid: NAME_valid, or NULL */
} ins_named;

struct ins_expression {
  ins_node *nodes;
  size_t n_nodes, nodes_capacity, root;
  ins_named *variables;
  size_t n_variables, variables_capacity;
};

/** Variables by name, with the nearest one for a misspelt name; see ins_expression_parse. */
typedef struct ins_names {
  const ins_columns *columns;
  const char *index; /* named last; NULL: none yet */
  size_t index_length;
} ins_names;

/** The column called name[0..n), or SIZE_MAX. */
size_t ins_names_exact(const ins_columns *columns, const char *name, size_t n);
/** The column that a word of a condition stands for. INS_ERR_ARGUMENT: none. */
ins_status ins_names_find(ins_names *names, const char *word, size_t n, size_t *which) INS_CHECKED;
/** Remembers the index that column `which` belongs to, if any. */
void ins_names_note(ins_names *names, size_t which, ins_column_kind kind);

#endif
