/* SPDX-License-Identifier: MIT */
/* One function an instruction, or a family of them. The instructions and their arguments are those
 * that Python's pickletools documents. */
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "pickle_machine.h"

/* ---- the stack ------------------------------------------------------------------------------- */

static ins_status op_mark(ins_machine *m, unsigned char code) {
  (void)code;
  ins_status status = ins_machine_spend(m, INS_MARK_COST);
  if (status == INS_OK)
    status = ins_grow(&m->marks, &m->marks_capacity, m->n_marks + 1, sizeof *m->marks);
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
    status = ins_machine_starved(m, "a frame reaches beyond the end of the data");
  return status;
}

static ins_status op_nothing(ins_machine *m, unsigned char code) {
  (void)m;
  (void)code;
  return INS_OK;
}

/* ---- containers ------------------------------------------------------------------------------ */

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
  if (kind == PK_DICT && n % 2)
    return ins_machine_broken(m, "a dictionary has a key without a value");
  ins_pickle_node *node = ins_pk(m->out, *out);
  status = ins_machine_spend(m, INS_BLOCK_COST + n * sizeof *node->list.items);
  if (status == INS_OK)
    status = ins_grow(&node->list.items, &node->list.capacity, n, sizeof *node->list.items);
  if (status != INS_OK) return status;
  memcpy(node->list.items, m->stack + first, n * sizeof *node->list.items);
  node->list.n = n;
  m->n_stack = first;
  return INS_OK;
}

static ins_status op_group(ins_machine *m, unsigned char code) {
  ins_node_kind kind = code == 'l'   ? PK_LIST
                       : code == 't' ? PK_TUPLE
                       : code == 'd' ? PK_DICT
                                     : PK_SET;
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

/* The container that items for `target` go to: itself, or the one kept for an object; 0: nowhere.
 */
static ins_status container_of(ins_machine *m, ins_node target, ins_node_kind kind, ins_node *out) {
  ins_node_kind own = ins_pk_kind(m->out, target);
  ins_status status = INS_OK;
  *out = target;
  if (own == kind || (kind == PK_LIST && own == PK_SET)) return INS_OK;
  if (own != PK_CALL) {
    *out = 0;
    if (ins_machine_tolerates(m)) return INS_OK;
    return ins_machine_broken(m, "it puts items into something that holds none");
  }
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
  for (size_t i = first; status == INS_OK && into && i < end; i++)
    status = ins_machine_append(m, into, m->stack[i]);
  return status;
}

static ins_status op_append(ins_machine *m, unsigned char code) {
  size_t n = code == 's' ? 2 : 1, floor = m->n_marks ? m->marks[m->n_marks - 1] : 0;
  if (m->n_stack - floor < n + 1)
    return ins_machine_broken(m, "it takes a value where there is none");
  return fill(m, m->n_stack - n, code == 's' ? PK_DICT : PK_LIST);
}

static ins_status op_appends(ins_machine *m, unsigned char code) {
  size_t first;
  ins_status status = ins_machine_unmark(m, &first);
  return status == INS_OK ? fill(m, first, code == 'u' ? PK_DICT : PK_LIST) : status;
}

/* ---- the memo -------------------------------------------------------------------------------- */

static ins_status memo_index(ins_machine *m, unsigned char code, uint64_t *out) {
  char text[64], *end;
  const char *line;
  size_t n;
  if (code == 'q' || code == 'h') return ins_machine_number(m, 1, out);
  if (code == 'r' || code == 'j') return ins_machine_number(m, 4, out);
  ins_status status = ins_machine_number_line(m, text, &line, &n);
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

/* ---- names and calls: nothing is ever looked up or called ------------------------------------ */

static ins_status push_global(ins_machine *m, ins_node module, ins_node name) {
  ins_pickle_node *node;
  if ((ins_pk_kind(m->out, module) != PK_TEXT || ins_pk_kind(m->out, name) != PK_TEXT) &&
      !ins_machine_tolerates(m))
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
  if (kind != PK_GLOBAL && kind != PK_CALL && !ins_machine_tolerates(m))
    return ins_machine_broken(m, "it calls something that is no function and no class");
  kind = ins_pk_kind(m->out, args);
  if (kind != PK_TUPLE && kind != PK_LIST && !ins_machine_tolerates(m))
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
  if (code == 0x92)
    status = ins_machine_pop(m, &keywords); /* NEWOBJ_EX; keywords say nothing to us */
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
  if (ins_pk_kind(m->out, object) != PK_CALL && ins_machine_tolerates(m)) return INS_OK;
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
    ['('] = op_mark,
    ['0'] = op_pop,
    ['1'] = op_pop_mark,
    ['2'] = op_dup,
    ['.'] = op_stop,
    [0x80] = op_proto,
    [0x95] = op_frame,
    [0x98] = op_nothing,
    ['N'] = ins_op_none,
    [0x88] = ins_op_bool,
    [0x89] = ins_op_bool,
    ['K'] = ins_op_small_int,
    ['M'] = ins_op_small_int,
    ['J'] = ins_op_small_int,
    ['G'] = ins_op_float,
    ['F'] = ins_op_float_line,
    ['I'] = ins_op_int_line,
    ['L'] = ins_op_int_line,
    [0x8a] = ins_op_long,
    [0x8b] = ins_op_long,
    ['T'] = ins_op_counted,
    ['U'] = ins_op_counted,
    ['X'] = ins_op_counted,
    [0x8c] = ins_op_counted,
    [0x8d] = ins_op_counted,
    ['B'] = ins_op_counted,
    ['C'] = ins_op_counted,
    [0x8e] = ins_op_counted,
    [0x96] = ins_op_counted,
    ['V'] = ins_op_unicode_line,
    ['S'] = ins_op_string_line,
    [']'] = op_empty,
    [')'] = op_empty,
    ['}'] = op_empty,
    [0x8f] = op_empty,
    ['l'] = op_group,
    ['t'] = op_group,
    ['d'] = op_group,
    [0x91] = op_group,
    [0x85] = op_short_tuple,
    [0x86] = op_short_tuple,
    [0x87] = op_short_tuple,
    ['a'] = op_append,
    ['s'] = op_append,
    ['e'] = op_appends,
    ['u'] = op_appends,
    [0x90] = op_appends,
    ['p'] = op_put,
    ['q'] = op_put,
    ['r'] = op_put,
    [0x94] = op_put,
    ['g'] = op_get,
    ['h'] = op_get,
    ['j'] = op_get,
    ['c'] = op_global,
    [0x93] = op_stack_global,
    [0x82] = op_extension,
    [0x83] = op_extension,
    [0x84] = op_extension,
    ['R'] = op_call,
    [0x81] = op_call,
    [0x92] = op_call,
    ['i'] = op_instance,
    ['o'] = op_instance,
    ['b'] = op_build,
    ['P'] = op_persistent,
    ['Q'] = op_persistent,
    [0x97] = op_buffer,
};
