/* SPDX-License-Identifier: MIT */
/* Conditions are read by recursive descent, one function a level of precedence. */
#include "select_expression.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "select_parts.h"

enum { DEEPEST = 100, MOST_NODES = 4000, LONGEST_NUMBER = 63 };

typedef struct parser {
  const char *text, *s; /* the condition, and where reading is: never before a blank */
  int depth;
  ins_names names;
  ins_expression *out;
} parser;

static ins_status condition(parser *p, size_t *node);

/* ---- complaints -------------------------------------------------------------------------------
 */

/* "WHY, at character 7 of 'dsi >> 0.5'" */
static ins_status refuse(const parser *p, const char *at, const char *why) {
  return ins_fail(INS_ERR_ARGUMENT, "%s, at character %zu of '%.200s'", why,
                  (size_t)(at - p->text) + 1, p->text);
}

static ins_status refuse_here(const parser *p, const char *expected) {
  char why[160];
  int shown = (unsigned char)*p->s < 0x80 ? 1 : 0;
  if (!*p->s)
    return ins_fail(INS_ERR_ARGUMENT, "expected %s at the end of '%.200s'", expected, p->text);
  snprintf(why, sizeof why, "expected %s, found '%.*s'", expected, shown, p->s);
  return refuse(p, p->s, shown ? why : "this letter belongs into quotes");
}

/* ---- words ------------------------------------------------------------------------------------
 */

static void skip_blanks(parser *p) {
  while (isspace((unsigned char)*p->s)) p->s++;
}

static size_t word_length(const char *s) {
  size_t n = 0;
  if (!isalpha((unsigned char)*s) && *s != '_') return 0;
  while (isalnum((unsigned char)s[n]) || s[n] == '_' ||
         (s[n] == '.' && isalpha((unsigned char)s[n + 1])))
    n++;
  return n;
}

/* Takes one of the given signs; words ("and") end where a word does. */
static bool take(parser *p, const char *const *signs) {
  for (; *signs; signs++) {
    size_t n = strlen(*signs);
    if (strncmp(p->s, *signs, n) != 0) continue;
    if (isalpha((unsigned char)**signs) && word_length(p->s) != n) continue;
    p->s += n;
    skip_blanks(p);
    return true;
  }
  return false;
}
#define TAKE(p, ...) take(p, (const char *const[]){__VA_ARGS__, NULL})

/* ---- nodes ------------------------------------------------------------------------------------
 */

static ins_status add(parser *p, const ins_node *node, size_t *index) {
  ins_expression *e = p->out;
  if (e->n_nodes >= MOST_NODES) return refuse(p, p->s, "the condition is too long");
  ins_status status = ins_grow(&e->nodes, &e->nodes_capacity, e->n_nodes + 1, sizeof *e->nodes);
  if (status != INS_OK) return status;
  *index = e->n_nodes;
  e->nodes[e->n_nodes++] = *node;
  return INS_OK;
}

static ins_status join(parser *p, ins_operation op, ins_sort sort, size_t a, size_t b,
                       size_t *index) {
  ins_node node = {.op = op, .sort = sort, .a = a, .b = b, .at = p->out->nodes[a].at};
  return add(p, &node, index);
}

static const ins_node *node_at(const parser *p, size_t index) {
  return &p->out->nodes[index];
}

/* ---- what a place asks for --------------------------------------------------------------------
 */

static ins_status want_number(parser *p, size_t node) {
  const ins_node *n = node_at(p, node);
  if (n->sort == INS_SORT_NUMBER) return INS_OK;
  return refuse(p, p->text + n->at,
                n->sort == INS_SORT_TEXT
                    ? "a text is no number; it can only be compared by == and !="
                    : "a comparison is no number; join comparisons by &, | and !");
}

/* A condition; a whole number, such as a flag, is one too. */
static ins_status want_truth(parser *p, size_t *node) {
  const ins_node *n = node_at(p, *node);
  if (n->sort == INS_SORT_TRUTH) return INS_OK;
  if (n->op == INS_OP_VARIABLE && p->out->variables[n->k].column->kind == INS_COLUMN_WHOLE)
    return join(p, INS_OP_NONZERO, INS_SORT_TRUTH, *node, 0, node);
  if (n->sort == INS_SORT_TEXT)
    return refuse(p, p->text + n->at, "a text is no condition; compare it by == or !=");
  return refuse(p, p->text + n->at, "a number is no condition; compare it, as in dsi > 0.5");
}

/* ---- values -----------------------------------------------------------------------------------
 */

static ins_status read_number(parser *p, size_t *node) {
  char digits[LONGEST_NUMBER + 1];
  const char *start = p->s;
  size_t n = strspn(start, "0123456789.");
  if ((start[n] == 'e' || start[n] == 'E') && n) {
    size_t sign = start[n + 1] == '+' || start[n + 1] == '-';
    size_t exponent = strspn(start + n + 1 + sign, "0123456789");
    if (exponent) n += 1 + sign + exponent;
  }
  char *end = digits;
  if (n <= LONGEST_NUMBER) {
    memcpy(digits, start, n);
    digits[n] = '\0';
    ins_node value = {.op = INS_OP_NUMBER, .number = strtod(digits, &end)};
    value.at = (size_t)(start - p->text);
    if (end == digits + n && !isalnum((unsigned char)start[n]) && start[n] != '_') {
      p->s = start + n;
      skip_blanks(p);
      return add(p, &value, node);
    }
  }
  return refuse(p, start, "this is no number");
}

static ins_status read_text(parser *p, size_t *node) {
  const char *start = p->s, *end = strchr(start + 1, *start);
  if (!end) return refuse(p, start, "the closing quote is missing");
  ins_node value = {.op = INS_OP_TEXT, .sort = INS_SORT_TEXT, .at = (size_t)(start - p->text)};
  value.text = strndup(start + 1, (size_t)(end - start - 1));
  if (!value.text) return ins_fail(INS_ERR_MEMORY, "out of memory while reading a condition");
  ins_status status = add(p, &value, node);
  if (status != INS_OK) {
    free(value.text);
    return status;
  }
  p->s = end + 1;
  skip_blanks(p);
  return INS_OK;
}

/* The variable that is column `which` of the table. */
static ins_status variable_of(parser *p, size_t which, size_t *k) {
  ins_expression *e = p->out;
  const ins_columns *columns = p->names.columns;
  for (*k = 0; *k < e->n_variables; ++*k)
    if (e->variables[*k].which == which) return INS_OK;
  ins_named named = {.which = which, .name = columns->names[which]};
  ins_status status = columns->load(columns->self, which, &named.column);
  char *flag = ins_format("%s_valid", named.name);
  if (!flag) status = INS_ERR_MEMORY;
  size_t valid = flag ? ins_names_exact(columns, flag, strlen(flag)) : SIZE_MAX;
  free(flag);
  if (status == INS_OK && valid != SIZE_MAX)
    status = columns->load(columns->self, valid, &named.valid);
  if (status == INS_OK && named.valid && !named.valid->numbers) named.valid = NULL;
  if (status == INS_OK)
    status =
        ins_grow(&e->variables, &e->variables_capacity, e->n_variables + 1, sizeof *e->variables);
  if (status == INS_OK) e->variables[e->n_variables++] = named;
  return status;
}

static ins_status read_name(parser *p, size_t *node) {
  const char *start = p->s;
  size_t n = word_length(start), which;
  ins_status status = ins_names_find(&p->names, start, n, &which);
  ins_node value = {.op = INS_OP_VARIABLE, .at = (size_t)(start - p->text)};
  if (status == INS_OK) status = variable_of(p, which, &value.k);
  if (status != INS_OK) return status;
  ins_column_kind kind = p->out->variables[value.k].column->kind;
  if (kind == INS_COLUMN_TEXT) value.sort = INS_SORT_TEXT;
  ins_names_note(&p->names, which, kind);
  p->s = start + n;
  skip_blanks(p);
  return add(p, &value, node);
}

/* abs( ... ), behind its bracket */
static ins_status read_abs(parser *p, size_t *node) {
  size_t inner;
  ins_status status = condition(p, &inner);
  if (status == INS_OK && !TAKE(p, ")")) return refuse_here(p, "')'");
  if (status == INS_OK) status = want_number(p, inner);
  return status == INS_OK ? join(p, INS_OP_ABS, INS_SORT_NUMBER, inner, 0, node) : status;
}

static ins_status value(parser *p, size_t *node) {
  if (TAKE(p, "(")) {
    ins_status status = condition(p, node);
    if (status == INS_OK && !TAKE(p, ")")) return refuse_here(p, "')'");
    return status;
  }
  if (isdigit((unsigned char)*p->s) || *p->s == '.') return read_number(p, node);
  if (*p->s == '\'' || *p->s == '"') return read_text(p, node);
  const char *start = p->s;
  if (TAKE(p, "abs")) {
    if (TAKE(p, "(")) return read_abs(p, node);
    p->s = start;
  }
  if (word_length(p->s) == 0) return refuse_here(p, "a number, a variable or '('");
  return read_name(p, node);
}

/* ---- operations, the tightest first -----------------------------------------------------------
 */

static ins_status signed_value(parser *p, size_t *node) {
  const char *start = p->s;
  bool minus = TAKE(p, "-");
  if (!minus && !TAKE(p, "+")) return value(p, node);
  if (++p->depth > DEEPEST) return refuse(p, p->s, "the condition is nested too deep");
  ins_status status = signed_value(p, node);
  p->depth--;
  if (status == INS_OK) status = want_number(p, *node);
  if (status == INS_OK && minus) status = join(p, INS_OP_NEGATE, INS_SORT_NUMBER, *node, 0, node);
  if (status == INS_OK) p->out->nodes[*node].at = (size_t)(start - p->text);
  return status;
}

/* A row of operands of one level of arithmetic, from the left. */
static ins_status arithmetic(parser *p, const char *first, const char *second,
                             ins_operation first_op, ins_status (*operand)(parser *, size_t *),
                             size_t *node) {
  ins_status status = operand(p, node);
  while (status == INS_OK) {
    bool is_first = TAKE(p, first);
    if (!is_first && !TAKE(p, second)) return INS_OK;
    size_t right;
    status = want_number(p, *node);
    if (status == INS_OK) status = operand(p, &right);
    if (status == INS_OK) status = want_number(p, right);
    if (status == INS_OK)
      status = join(p, is_first ? first_op : first_op + 1, INS_SORT_NUMBER, *node, right, node);
  }
  return status;
}

static ins_status product(parser *p, size_t *node) {
  return arithmetic(p, "*", "/", INS_OP_MULTIPLY, signed_value, node);
}

static ins_status sum(parser *p, size_t *node) {
  return arithmetic(p, "+", "-", INS_OP_ADD, product, node);
}

static bool take_comparison(parser *p, ins_operation *op) {
  static const struct {
    const char *sign;
    ins_operation op;
  } signs[] = {{"<=", INS_OP_LESS_EQUAL}, {">=", INS_OP_GREATER_EQUAL}, {"==", INS_OP_EQUAL},
               {"!=", INS_OP_NOT_EQUAL},  {"<", INS_OP_LESS},           {">", INS_OP_GREATER}};
  for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
    if (!TAKE(p, signs[i].sign)) continue;
    *op = signs[i].op;
    return true;
  }
  return false;
}

/* One comparison of two values that can be compared. */
static ins_status compare(parser *p, ins_operation op, size_t a, size_t b, size_t *node) {
  const ins_node *left = node_at(p, a), *right = node_at(p, b);
  if (left->sort == INS_SORT_TEXT && right->sort == INS_SORT_TEXT) {
    if (op != INS_OP_EQUAL && op != INS_OP_NOT_EQUAL)
      return refuse(p, p->text + right->at, "texts are only compared by == and !=");
    return join(p, op, INS_SORT_TRUTH, a, b, node);
  }
  if (left->sort == INS_SORT_TEXT && right->op == INS_OP_NUMBER)
    return refuse(p, p->text + right->at, "a text is compared with a text: write it in quotes");
  ins_status status = want_number(p, a);
  if (status == INS_OK) status = want_number(p, b);
  return status == INS_OK ? join(p, op, INS_SORT_TRUTH, a, b, node) : status;
}

/* a < b, or a < b < c, which is a < b & b < c */
static ins_status comparison(parser *p, size_t *node) {
  ins_operation op;
  size_t left, right, pair, whole = SIZE_MAX;
  ins_status status = sum(p, &left);
  while (status == INS_OK && take_comparison(p, &op)) {
    status = sum(p, &right);
    if (status == INS_OK) status = compare(p, op, left, right, &pair);
    if (status == INS_OK && whole == SIZE_MAX)
      whole = pair;
    else if (status == INS_OK)
      status = join(p, INS_OP_AND, INS_SORT_TRUTH, whole, pair, &whole);
    left = right;
  }
  if (status == INS_OK && *p->s == '=')
    return refuse(p, p->s, "a comparison for equality is written ==");
  *node = whole == SIZE_MAX ? left : whole;
  return status;
}

static ins_status negation(parser *p, size_t *node) {
  const char *start = p->s;
  if (p->s[0] == '!' && p->s[1] == '=') return refuse_here(p, "a value before '!='");
  if (!TAKE(p, "!", "~", "not")) return comparison(p, node);
  if (++p->depth > DEEPEST) return refuse(p, p->s, "the condition is nested too deep");
  ins_status status = negation(p, node);
  p->depth--;
  if (status == INS_OK) status = want_truth(p, node);
  if (status == INS_OK) status = join(p, INS_OP_NOT, INS_SORT_TRUTH, *node, 0, node);
  if (status == INS_OK) p->out->nodes[*node].at = (size_t)(start - p->text);
  return status;
}

static ins_status both(parser *p, size_t *node) {
  size_t right;
  ins_status status = negation(p, node);
  while (status == INS_OK && TAKE(p, "&&", "&", "and")) {
    status = want_truth(p, node);
    if (status == INS_OK) status = negation(p, &right);
    if (status == INS_OK) status = want_truth(p, &right);
    if (status == INS_OK) status = join(p, INS_OP_AND, INS_SORT_TRUTH, *node, right, node);
  }
  return status;
}

static ins_status condition(parser *p, size_t *node) {
  size_t right;
  if (++p->depth > DEEPEST) return refuse(p, p->s, "the condition is nested too deep");
  ins_status status = both(p, node);
  while (status == INS_OK && TAKE(p, "||", "|", "or")) {
    status = want_truth(p, node);
    if (status == INS_OK) status = both(p, &right);
    if (status == INS_OK) status = want_truth(p, &right);
    if (status == INS_OK) status = join(p, INS_OP_OR, INS_SORT_TRUTH, *node, right, node);
  }
  p->depth--;
  return status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

ins_status ins_expression_parse(const char *text, const ins_columns *columns,
                                ins_expression **out) {
  parser p = {.text = text, .s = text, .names = {.columns = columns}};
  ins_status status = ins_alloc(1, sizeof **out, out);
  if (status != INS_OK) return status;
  p.out = *out;
  skip_blanks(&p);
  status = *p.s ? condition(&p, &p.out->root)
                : ins_fail(INS_ERR_ARGUMENT, "the condition is empty; write one such as dsi > 0.5");
  if (status == INS_OK && *p.s) status = refuse_here(&p, "a comparison, & or |");
  if (status == INS_OK) status = want_truth(&p, &p.out->root);
  if (status != INS_OK) ins_expression_destroy(out);
  return status;
}

void ins_expression_destroy(ins_expression **expression) {
  ins_expression *e = *expression;
  if (!e) return;
  for (size_t i = 0; i < e->n_nodes; i++) free(e->nodes[i].text);
  ins_free(&e->nodes);
  ins_free(&e->variables);
  ins_free(expression);
}
