/* SPDX-License-Identifier: MIT */
/* A condition in one row. */
#include <math.h>
#include <string.h>

#include "insilico/memory.h"
#include "select_parts.h"

static double variable(const ins_named *v, size_t row) {
  if (!v->column->numbers) return NAN;
  if (v->valid && !(v->valid->numbers[row] != 0)) return NAN; /* a missing flag is NaN: not 0 */
  return v->column->numbers[row];
}

static double number(const ins_expression *e, size_t at, size_t row) {
  const ins_node *node = &e->nodes[at];
  switch (node->op) {
  case INS_OP_NUMBER:
    return node->number;
  case INS_OP_VARIABLE:
    return variable(&e->variables[node->k], row);
  case INS_OP_NEGATE:
    return -number(e, node->a, row);
  case INS_OP_ABS:
    return fabs(number(e, node->a, row));
  case INS_OP_ADD:
    return number(e, node->a, row) + number(e, node->b, row);
  case INS_OP_SUBTRACT:
    return number(e, node->a, row) - number(e, node->b, row);
  case INS_OP_MULTIPLY:
    return number(e, node->a, row) * number(e, node->b, row);
  default:
    return number(e, node->a, row) / number(e, node->b, row);
  }
}

static const char *text(const ins_expression *e, size_t at, size_t row) {
  const ins_node *node = &e->nodes[at];
  return node->op == INS_OP_TEXT ? node->text : e->variables[node->k].column->texts[row];
}

static bool same_text(const ins_expression *e, const ins_node *node, size_t row) {
  return strcmp(text(e, node->a, row), text(e, node->b, row)) == 0;
}

static bool compare(ins_operation op, double x, double y) {
  switch (op) {
  case INS_OP_LESS:
    return x < y;
  case INS_OP_LESS_EQUAL:
    return x <= y;
  case INS_OP_GREATER:
    return x > y;
  case INS_OP_GREATER_EQUAL:
    return x >= y;
  case INS_OP_EQUAL:
    return x == y;
  default:
    return x < y || x > y; /* unlike x != y, false where one is missing */
  }
}

static bool truth(const ins_expression *e, size_t at, size_t row) {
  const ins_node *node = &e->nodes[at];
  switch (node->op) {
  case INS_OP_AND:
    return truth(e, node->a, row) && truth(e, node->b, row);
  case INS_OP_OR:
    return truth(e, node->a, row) || truth(e, node->b, row);
  case INS_OP_NOT:
    return !truth(e, node->a, row);
  case INS_OP_NONZERO:
    return compare(INS_OP_NOT_EQUAL, number(e, node->a, row), 0);
  default:
    break;
  }
  if (e->nodes[node->a].sort == INS_SORT_TEXT)
    return same_text(e, node, row) == (node->op == INS_OP_EQUAL);
  return compare(node->op, number(e, node->a, row), number(e, node->b, row));
}

bool ins_expression_holds(const ins_expression *expression, size_t row) {
  return truth(expression, expression->root, row);
}

size_t ins_expression_variables(const ins_expression *expression) {
  return expression->n_variables;
}

const char *ins_expression_name(const ins_expression *expression, size_t k) {
  return expression->variables[k].name;
}

double ins_expression_number(const ins_expression *expression, size_t k, size_t row) {
  return variable(&expression->variables[k], row);
}

const char *ins_expression_text(const ins_expression *expression, size_t k, size_t row) {
  char *const *texts = expression->variables[k].column->texts;
  return texts ? texts[row] : NULL;
}
