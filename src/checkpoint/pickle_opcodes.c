/* SPDX-License-Identifier: MIT */
/* One function an instruction, or a family of them. The instructions and their arguments are those that
 * Python's pickletools documents. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "pickle_machine.h"

/* ---- the stack ---------------------------------------------------------------------------------- */

static ins_status op_mark(ins_machine *m, unsigned char code) {
  (void)code;
  ins_status status = ins_grow(&m->marks, &m->marks_capacity, m->n_marks + 1, sizeof *m->marks);
  if (status == INS_OK) m->marks[m->n_marks++] = m->n_stack;
  return status;
}

static ins_status op_pop_mark(ins_machine *m, unsigned char code) {
  size_t first;
  (void)code;
  ins_status status = ins_machine_unmark(m, &first);
  if (status == INS_OK) m->n_stack = first;
  return status;
}

/* POP removes a mark when that is what lies on top. */
static ins_status op_pop(ins_machine *m, unsigned char code) {
  ins_node node;
  if (m->n_marks && m->marks[m->n_marks - 1] == m->n_stack) return op_pop_mark(m, code);
  return ins_machine_pop(m, &node);
}

static ins_status op_dup(ins_machine *m, unsigned char code) {
  ins_node node;
  (void)code;
  ins_status status = ins_machine_top(m, &node);
  return status == INS_OK ? ins_machine_push(m, node) : status;
}

static ins_status op_stop(ins_machine *m, unsigned char code) {
  (void)code;
  m->stopped = true;
  ins_status status = ins_machine_pop(m, &m->out->root);
  if (status == INS_OK && m->n_marks)
    status = ins_machine_broken(m, "it ends inside a group that is still open");
  return status;
}

static ins_status op_proto(ins_machine *m, unsigned char code) {
  uint64_t protocol;
  (void)code;
  ins_status status = ins_machine_number(m, 1, &protocol);
  if (status == INS_OK && protocol > 5)
    status = ins_machine_broken(m, "its protocol is newer than 5, the newest known");
  return status;
}

/* Frames only help readers to read ahead. */
static ins_status op_frame(ins_machine *m, unsigned char code) {
  uint64_t length;
  (void)code;
  ins_status status = ins_machine_number(m, 8, &length);
  if (status == INS_OK && length > m->n - m->at)
    status = ins_machine_broken(m, "a frame reaches beyond the end of the data");
  return status;
}

static ins_status op_nothing(ins_machine *m, unsigned char code) {
  (void)m;
  (void)code;
  return INS_OK;
}

/* ---- plain values ------------------------------------------------------------------------------- */

static ins_status push_int(ins_machine *m, int64_t x) {
  ins_pickle_node *node;
  ins_status status = ins_machine_push_new(m, PK_INT, &node);
  if (status == INS_OK) node->integer = x;
  return status;
}

static ins_status push_bool(ins_machine *m, bool x) {
  ins_pickle_node *node;
  ins_status status = ins_machine_push_new(m, PK_BOOL, &node);
  if (status == INS_OK) node->boolean = x;
  return status;
}

static ins_status push_real(ins_machine *m, double x) {
  ins_pickle_node *node;
  ins_status status = ins_machine_push_new(m, PK_REAL, &node);
  if (status == INS_OK) node->real = x;
  return status;
}

static ins_status op_none(ins_machine *m, unsigned char code) {
  ins_pickle_node *node;
  (void)code;
  return ins_machine_push_new(m, PK_NONE, &node);
}

static ins_status op_bool(ins_machine *m, unsigned char code) { return push_bool(m, code == 0x88); }

static ins_status op_small_int(ins_machine *m, unsigned char code) {
  uint64_t x;
  ins_status status = ins_machine_number(m, code == 'K' ? 1 : code == 'M' ? 2 : 4, &x);
  if (status != INS_OK) return status;
  return push_int(m, code == 'J' ? (int32_t)(uint32_t)x : (int64_t)x);
}

static ins_status op_float(ins_machine *m, unsigned char code) {
  const unsigned char *p = NULL;
  uint64_t bits = 0;
  double x;
  (void)code;
  ins_status status = ins_machine_bytes(m, 8, &p);
  if (status != INS_OK) return status;
  for (int i = 0; i < 8; i++) bits = bits << 8 | p[i];
  memcpy(&x, &bits, sizeof x);
  return push_real(m, x);
}

/* A line as a NUL-terminated number. */
static ins_status number_line(ins_machine *m, char out[64], const char **line, size_t *n) {
  ins_status status = ins_machine_line(m, line, n);
  if (status != INS_OK) return status;
  size_t kept = *n < 63 ? *n : 63;
  memcpy(out, *line, kept);
  out[kept] = '\0';
  return INS_OK;
}

static ins_status op_float_line(ins_machine *m, unsigned char code) {
  char text[64], *end;
  const char *line;
  size_t n;
  (void)code;
  ins_status status = number_line(m, text, &line, &n);
  if (status != INS_OK) return status;
  double x = strtod(text, &end);
  if (end == text || *end) return ins_machine_broken(m, "a number cannot be read");
  return push_real(m, x);
}

/* INT and LONG of protocol 0; "00" and "01" are its false and true. */
static ins_status op_int_line(ins_machine *m, unsigned char code) {
  char text[64], *end;
  const char *line;
  size_t n;
  ins_status status = number_line(m, text, &line, &n);
  if (status != INS_OK) return status;
  if (code == 'I' && (strcmp(text, "00") == 0 || strcmp(text, "01") == 0))
    return push_bool(m, text[1] == '1');
  if (code == 'L' && n > 0 && line[n - 1] == 'L') n--;
  if (n == 0 || n > 4300) return ins_machine_broken(m, "a number cannot be read");
  if (n < sizeof text) text[n] = '\0';
  errno = 0;
  long long x = strtoll(text, &end, 10);
  if (n >= sizeof text || errno == ERANGE) return ins_machine_push_text(m, PK_BIG_INT, line, n);
  if (end == text || *end) return ins_machine_broken(m, "a number cannot be read");
  return push_int(m, x);
}

/* LONG1 and LONG4: two's complement, little-endian. */
static ins_status op_long(ins_machine *m, unsigned char code) {
  uint64_t n, bits;
  const unsigned char *p = NULL;
  ins_status status = ins_machine_number(m, code == 0x8a ? 1 : 4, &n);
  if (status == INS_OK) status = ins_machine_bytes(m, (size_t)n, &p);
  if (status != INS_OK) return status;
  if (n > 8) return ins_machine_push_text(m, PK_BIG_INT, p, (size_t)n);
  bits = n && p[n - 1] & 0x80 ? UINT64_MAX : 0;
  for (size_t i = (size_t)n; i > 0; i--) bits = bits << 8 | p[i - 1];
  return push_int(m, (int64_t)bits);
}

/* ---- texts and bytes ---------------------------------------------------------------------------- */

typedef struct counted {
  unsigned char code;
  uint8_t size; /* of the length that stands before the bytes */
  uint8_t kind;
} counted;

/* STRING of protocols 1 and 2 is what Python 2 called text: torch reads it as text too. */
static const counted counteds[] = {
    {'T', 4, PK_TEXT},   {'U', 1, PK_TEXT},  {'X', 4, PK_TEXT},  {0x8c, 1, PK_TEXT}, {0x8d, 8, PK_TEXT},
    {'B', 4, PK_BYTES}, {'C', 1, PK_BYTES}, {0x8e, 8, PK_BYTES}, {0x96, 8, PK_BYTES},
};

static ins_status op_counted(ins_machine *m, unsigned char code) {
  const counted *c = counteds;
  const unsigned char *p = NULL;
  uint64_t n;
  while (c->code != code) c++;
  ins_status status = ins_machine_number(m, c->size, &n);
  if (status == INS_OK && n > m->n) status = ins_machine_broken(m, "a text is longer than the file");
  if (status == INS_OK) status = ins_machine_bytes(m, (size_t)n, &p);
  return status == INS_OK ? ins_machine_push_text(m, c->kind, p, (size_t)n) : status;
}

static int hex_digits(const char *p, const char *end, int n, uint32_t *out) {
  *out = 0;
  for (int i = 0; i < n; i++) {
    if (p + i >= end) return 0;
    char c = p[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return 0;
    *out = *out << 4 | (uint32_t)digit;
  }
  return n;
}

static size_t utf8(uint32_t c, char *out) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  out[0] = (char)(0xf0 | (c >> 18 & 7));
  out[1] = (char)(0x80 | (c >> 12 & 0x3f));
  out[2] = (char)(0x80 | (c >> 6 & 0x3f));
  out[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}

/* UNICODE of protocol 0: Latin-1 with \uXXXX and \UXXXXXXXX. */
static ins_status op_unicode_line(ins_machine *m, unsigned char code) {
  const char *line;
  char *text;
  size_t n, length = 0;
  (void)code;
  ins_status status = ins_machine_line(m, &line, &n);
  if (status == INS_OK) status = ins_machine_keep(m, 2 * n + 4, &text);
  if (status != INS_OK) return status;
  for (const char *p = line, *end = line + n; p < end;) {
    uint32_t c;
    int digits = end - p < 2 || p[0] != '\\' ? 0 : p[1] == 'u' ? 4 : p[1] == 'U' ? 8 : 0;
    if (digits && hex_digits(p + 2, end, digits, &c)) {
      p += 2 + digits;
    } else {
      c = (unsigned char)*p++;
    }
    length += utf8(c, text + length);
  }
  return ins_machine_push_text(m, PK_TEXT, text, length);
}

static char escaped(char c) {
  static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
  const char *found = c ? strchr(from, c) : NULL;
  return found ? to[found - from] : c;
}

/* STRING of protocol 0: a quoted Python literal with escapes. */
static ins_status op_string_line(ins_machine *m, unsigned char code) {
  const char *line;
  char *text;
  size_t n, length = 0;
  (void)code;
  ins_status status = ins_machine_line(m, &line, &n);
  if (status != INS_OK) return status;
  while (n && (line[n - 1] == ' ' || line[n - 1] == '\r')) n--;
  if (n < 2 || (line[0] != '\'' && line[0] != '"') || line[n - 1] != line[0])
    return ins_machine_broken(m, "a text lacks its quotes");
  status = ins_machine_keep(m, n, &text);
  if (status != INS_OK) return status;
  for (const char *p = line + 1, *end = line + n - 1; p < end;) {
    uint32_t c;
    if (*p != '\\' || p + 1 >= end) {
      text[length++] = *p++;
    } else if (p[1] == 'x' && hex_digits(p + 2, end, 2, &c)) {
      text[length++] = (char)c;
      p += 4;
    } else {
      text[length++] = escaped(p[1]);
      p += 2;
    }
  }
  return ins_machine_push_text(m, PK_TEXT, text, length);
}

/* ---- containers --------------------------------------------------------------------------------- */

static ins_status op_empty(ins_machine *m, unsigned char code) {
  ins_pickle_node *node;
  return ins_machine_push_new(m,
                              code == ']'   ? PK_LIST
                              : code == ')' ? PK_TUPLE
                              : code == '}' ? PK_DICT
                                            : PK_SET,
                              &node);
}

/* Replaces the values above `first` by a container of them. */
static ins_status collect(ins_machine *m, size_t first, ins_node_kind kind, ins_node *out) {
  size_t n = m->n_stack - first;
  ins_status status = ins_machine_node(m, kind, out);
  if (status != INS_OK || n == 0) return status;
  if (kind == PK_DICT && n % 2) return ins_machine_broken(m, "a dictionary has a key without a value");
  ins_pickle_node *node = ins_pk(m->out, *out);
  status = ins_grow(&node->list.items, &node->list.capacity, n, sizeof *node->list.items);
  if (status != INS_OK) return status;
  memcpy(node->list.items, m->stack + first, n * sizeof *node->list.items);
  node->list.n = n;
  m->n_stack = first;
  return INS_OK;
}

static ins_status op_group(ins_machine *m, unsigned char code) {
  ins_node_kind kind = code == 'l' ? PK_LIST : code == 't' ? PK_TUPLE : code == 'd' ? PK_DICT : PK_SET;
  ins_node node;
  size_t first;
  ins_status status = ins_machine_unmark(m, &first);
  if (status == INS_OK) status = collect(m, first, kind, &node);
  return status == INS_OK ? ins_machine_push(m, node) : status;
}

static ins_status op_short_tuple(ins_machine *m, unsigned char code) {
  ins_node items[3], node;
  int n = code - 0x84;
  ins_status status = INS_OK;
  for (int i = n - 1; status == INS_OK && i >= 0; i--) status = ins_machine_pop(m, &items[i]);
  if (status == INS_OK) status = ins_machine_node(m, PK_TUPLE, &node);
  for (int i = 0; status == INS_OK && i < n; i++) status = ins_machine_append(m, node, items[i]);
  return status == INS_OK ? ins_machine_push(m, node) : status;
}

/* The container that items for `target` go to: itself, or the one kept for an object. */
static ins_status container_of(ins_machine *m, ins_node target, ins_node_kind kind, ins_node *out) {
  ins_node_kind own = ins_pk_kind(m->out, target);
  ins_status status = INS_OK;
  *out = target;
  if (own == kind || (kind == PK_LIST && own == PK_SET)) return INS_OK;
  if (own != PK_CALL) return ins_machine_broken(m, "it puts items into something that holds none");
  ins_pickle_node *call = ins_pk(m->out, target);
  *out = kind == PK_DICT ? call->call.dict : call->call.list;
  if (*out) return INS_OK;
  status = ins_machine_node(m, kind, out);
  if (status != INS_OK) return status;
  call = ins_pk(m->out, target); /* the nodes may have moved */
  if (kind == PK_DICT)
    call->call.dict = *out;
  else
    call->call.list = *out;
  return INS_OK;
}

/* Moves stack[first..n_stack) into the value below them. */
static ins_status fill(ins_machine *m, size_t first, ins_node_kind kind) {
  ins_node target, into;
  size_t end = m->n_stack;
  if (kind == PK_DICT && (end - first) % 2)
    return ins_machine_broken(m, "a dictionary has a key without a value");
  m->n_stack = first;
  ins_status status = ins_machine_top(m, &target);
  if (status == INS_OK) status = container_of(m, target, kind, &into);
  for (size_t i = first; status == INS_OK && i < end; i++)
    status = ins_machine_append(m, into, m->stack[i]);
  return status;
}

static ins_status op_append(ins_machine *m, unsigned char code) {
  size_t n = code == 's' ? 2 : 1, floor = m->n_marks ? m->marks[m->n_marks - 1] : 0;
  if (m->n_stack - floor < n + 1) return ins_machine_broken(m, "it takes a value where there is none");
  return fill(m, m->n_stack - n, code == 's' ? PK_DICT : PK_LIST);
}

static ins_status op_appends(ins_machine *m, unsigned char code) {
  size_t first;
  ins_status status = ins_machine_unmark(m, &first);
  return status == INS_OK ? fill(m, first, code == 'u' ? PK_DICT : PK_LIST) : status;
}

/* ---- the memo ----------------------------------------------------------------------------------- */

static ins_status memo_index(ins_machine *m, unsigned char code, uint64_t *out) {
  char text[64], *end;
  const char *line;
  size_t n;
  if (code == 'q' || code == 'h') return ins_machine_number(m, 1, out);
  if (code == 'r' || code == 'j') return ins_machine_number(m, 4, out);
  ins_status status = number_line(m, text, &line, &n);
  if (status != INS_OK) return status;
  *out = strtoull(text, &end, 10);
  return end == text || *end ? ins_machine_broken(m, "a memo index cannot be read") : INS_OK;
}

static ins_status op_put(ins_machine *m, unsigned char code) {
  uint64_t index;
  if (code == 0x94) return ins_machine_memoize(m, m->n_memo);
  ins_status status = memo_index(m, code, &index);
  return status == INS_OK ? ins_machine_memoize(m, index) : status;
}

static ins_status op_get(ins_machine *m, unsigned char code) {
  uint64_t index;
  ins_status status = memo_index(m, code, &index);
  if (status != INS_OK) return status;
  if (index >= m->memo_capacity || !m->memo[index])
    return ins_machine_broken(m, "it refers to an object that was not made before");
  return ins_machine_push(m, m->memo[index]);
}

/* ---- names and calls: nothing is ever looked up or called --------------------------------------- */

static ins_status push_global(ins_machine *m, ins_node module, ins_node name) {
  ins_pickle_node *node;
  if (ins_pk_kind(m->out, module) != PK_TEXT || ins_pk_kind(m->out, name) != PK_TEXT)
    return ins_machine_broken(m, "the name of a class is no text");
  ins_status status = ins_machine_push_new(m, PK_GLOBAL, &node);
  if (status != INS_OK) return status;
  node->global.module = module;
  node->global.name = name;
  return INS_OK;
}

static ins_status op_global(ins_machine *m, unsigned char code) {
  ins_node parts[2];
  (void)code;
  for (int i = 0; i < 2; i++) {
    const char *line;
    size_t n;
    ins_status status = ins_machine_line(m, &line, &n);
    if (status == INS_OK) status = ins_machine_node(m, PK_TEXT, &parts[i]);
    if (status != INS_OK) return status;
    ins_pk(m->out, parts[i])->text.bytes = line;
    ins_pk(m->out, parts[i])->text.n = n;
  }
  return push_global(m, parts[0], parts[1]);
}

static ins_status op_stack_global(ins_machine *m, unsigned char code) {
  ins_node module, name;
  (void)code;
  ins_status status = ins_machine_pop(m, &name);
  if (status == INS_OK) status = ins_machine_pop(m, &module);
  return status == INS_OK ? push_global(m, module, name) : status;
}

static ins_status op_extension(ins_machine *m, unsigned char code) {
  (void)code;
  return ins_machine_broken(m, "it uses the extension registry of another program");
}

static ins_status push_call(ins_machine *m, ins_node callable, ins_node args) {
  ins_pickle_node *node;
  ins_node_kind kind = ins_pk_kind(m->out, callable);
  if (kind != PK_GLOBAL && kind != PK_CALL)
    return ins_machine_broken(m, "it calls something that is no function and no class");
  if (ins_pk_kind(m->out, args) != PK_TUPLE && ins_pk_kind(m->out, args) != PK_LIST)
    return ins_machine_broken(m, "the arguments of a call are no tuple");
  ins_status status = ins_machine_push_new(m, PK_CALL, &node);
  if (status != INS_OK) return status;
  node->call.callable = callable;
  node->call.args = args;
  return INS_OK;
}

static ins_status op_call(ins_machine *m, unsigned char code) {
  ins_node callable, args, keywords;
  ins_status status = INS_OK;
  if (code == 0x92) status = ins_machine_pop(m, &keywords); /* NEWOBJ_EX; keywords say nothing to us */
  if (status == INS_OK) status = ins_machine_pop(m, &args);
  if (status == INS_OK) status = ins_machine_pop(m, &callable);
  return status == INS_OK ? push_call(m, callable, args) : status;
}

/* INST names its class in two lines, OBJ on the stack; the arguments follow the mark. */
static ins_status op_instance(ins_machine *m, unsigned char code) {
  ins_node callable = 0, args;
  size_t first;
  ins_status status = INS_OK;
  if (code == 'i') {
    status = op_global(m, code);
    if (status == INS_OK) status = ins_machine_pop(m, &callable);
  }
  if (status == INS_OK) status = ins_machine_unmark(m, &first);
  if (status == INS_OK && code == 'o') {
    if (first >= m->n_stack) return ins_machine_broken(m, "an object has no class");
    callable = m->stack[first++];
  }
  if (status == INS_OK) status = collect(m, first, PK_TUPLE, &args);
  if (status == INS_OK && code == 'o') m->n_stack = first - 1;
  return status == INS_OK ? push_call(m, callable, args) : status;
}

static ins_status op_build(ins_machine *m, unsigned char code) {
  ins_node state, object;
  (void)code;
  ins_status status = ins_machine_pop(m, &state);
  if (status == INS_OK) status = ins_machine_top(m, &object);
  if (status != INS_OK) return status;
  if (ins_pk_kind(m->out, object) != PK_CALL)
    return ins_machine_broken(m, "it gives a state to something that is no object");
  ins_pk(m->out, object)->call.state = state;
  return INS_OK;
}

static ins_status op_persistent(ins_machine *m, unsigned char code) {
  ins_node id;
  ins_pickle_node *node;
  const char *line;
  size_t n;
  ins_status status;
  if (code == 'P') {
    status = ins_machine_line(m, &line, &n);
    if (status == INS_OK) status = ins_machine_push_text(m, PK_TEXT, line, n);
    if (status != INS_OK) return status;
  }
  status = ins_machine_pop(m, &id);
  if (status == INS_OK) status = ins_machine_push_new(m, PK_PERSISTENT, &node);
  if (status == INS_OK) node->persistent = id;
  return status;
}

static ins_status op_buffer(ins_machine *m, unsigned char code) {
  (void)code;
  return ins_machine_broken(m, "it expects data that are not in the file (out-of-band buffers)");
}

ins_opcode *const ins_opcodes[256] = {
    ['('] = op_mark,         ['0'] = op_pop,          ['1'] = op_pop_mark,    ['2'] = op_dup,
    ['.'] = op_stop,         [0x80] = op_proto,       [0x95] = op_frame,      [0x98] = op_nothing,
    ['N'] = op_none,         [0x88] = op_bool,        [0x89] = op_bool,       ['K'] = op_small_int,
    ['M'] = op_small_int,    ['J'] = op_small_int,    ['G'] = op_float,       ['F'] = op_float_line,
    ['I'] = op_int_line,     ['L'] = op_int_line,     [0x8a] = op_long,       [0x8b] = op_long,
    ['T'] = op_counted,      ['U'] = op_counted,      ['X'] = op_counted,     [0x8c] = op_counted,
    [0x8d] = op_counted,     ['B'] = op_counted,      ['C'] = op_counted,     [0x8e] = op_counted,
    [0x96] = op_counted,     ['V'] = op_unicode_line, ['S'] = op_string_line, [']'] = op_empty,
    [')'] = op_empty,        ['}'] = op_empty,        [0x8f] = op_empty,      ['l'] = op_group,
    ['t'] = op_group,        ['d'] = op_group,        [0x91] = op_group,      [0x85] = op_short_tuple,
    [0x86] = op_short_tuple, [0x87] = op_short_tuple, ['a'] = op_append,      ['s'] = op_append,
    ['e'] = op_appends,      ['u'] = op_appends,      [0x90] = op_appends,    ['p'] = op_put,
    ['q'] = op_put,          ['r'] = op_put,          [0x94] = op_put,        ['g'] = op_get,
    ['h'] = op_get,          ['j'] = op_get,          ['c'] = op_global,      [0x93] = op_stack_global,
    [0x82] = op_extension,   [0x83] = op_extension,   [0x84] = op_extension,  ['R'] = op_call,
    [0x81] = op_call,        [0x92] = op_call,        ['i'] = op_instance,    ['o'] = op_instance,
    ['b'] = op_build,        ['P'] = op_persistent,   ['Q'] = op_persistent,  [0x97] = op_buffer,
};
