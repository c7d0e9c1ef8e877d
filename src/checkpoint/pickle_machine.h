/* SPDX-License-Identifier: MIT */
/** The stack machine behind ins_pickle_read: its state, and what every opcode is built from. */
#ifndef CHECKPOINT_PICKLE_MACHINE_H
#define CHECKPOINT_PICKLE_MACHINE_H

#include "pickle.h"

/* What one thing takes at the most: arrays grow by half and are copied on growing, and every piece
 * of memory is rounded up to 64 bytes and has a little around it. (A Lightning checkpoint of
 * thousands of neurons has some 10^5 nodes.) */
enum {
  INS_NODE_COST = 5 * sizeof(ins_pickle_node) / 2,
  INS_ITEM_COST = 10,
  INS_MARK_COST = 20,
  INS_BLOCK_COST = 224
};

typedef struct ins_machine {
  const unsigned char *bytes;
  size_t n, at, opcode_at;
  const char *where;
  ins_pickle *out;
  ins_node *stack;
  size_t n_stack, stack_capacity;
  size_t *marks; /* heights of the stack */
  size_t n_marks, marks_capacity;
  ins_node *memo; /* 0 where nothing was stored */
  size_t n_memo, memo_capacity;
  bool stopped;
  ins_pickle_run *run;
} ins_machine;

typedef ins_status ins_opcode(ins_machine *m, unsigned char code);

/** The function of each opcode; NULL for bytes that are none. */
extern ins_opcode *const ins_opcodes[256];

/** INS_ERR_FORMAT with the place of the opcode that is being run. */
ins_status ins_machine_broken(const ins_machine *m, const char *what) INS_CHECKED;

/** The same for want of bytes. */
ins_status ins_machine_starved(const ins_machine *m, const char *what) INS_CHECKED;
/** Notes that the instruction does something that data do not need; false: it must be refused. */
bool ins_machine_tolerates(ins_machine *m);
/** Counts `bytes` of memory towards what the graph may take. */
ins_status ins_machine_spend(ins_machine *m, size_t bytes) INS_CHECKED;

/** The next n bytes of the pickle, borrowed. */
ins_status ins_machine_bytes(ins_machine *m, size_t n, const unsigned char **out) INS_CHECKED;
/** A little-endian unsigned number of `size` bytes. */
ins_status ins_machine_number(ins_machine *m, int size, uint64_t *out) INS_CHECKED;
/** A line of text without its end. */
ins_status ins_machine_line(ins_machine *m, const char **out, size_t *n) INS_CHECKED;

ins_status ins_machine_push(ins_machine *m, ins_node node) INS_CHECKED;
/** Pops one value; a mark is not one. */
ins_status ins_machine_pop(ins_machine *m, ins_node *out) INS_CHECKED;
ins_status ins_machine_top(ins_machine *m, ins_node *out) INS_CHECKED;
/** Removes the last mark; the values above it are stack[*first .. n_stack). The caller drops them.
 */
ins_status ins_machine_unmark(ins_machine *m, size_t *first) INS_CHECKED;

/** A new node with everything but its kind zero. */
ins_status ins_machine_node(ins_machine *m, ins_node_kind kind, ins_node *out) INS_CHECKED;
/** A new node, pushed. */
ins_status ins_machine_push_new(ins_machine *m, ins_node_kind kind,
                                ins_pickle_node **out) INS_CHECKED;
ins_status ins_machine_push_text(ins_machine *m, ins_node_kind kind, const void *bytes,
                                 size_t n) INS_CHECKED;
/** Appends to a LIST, TUPLE, SET or DICT node. */
ins_status ins_machine_append(ins_machine *m, ins_node container, ins_node item) INS_CHECKED;
ins_status ins_machine_memoize(ins_machine *m, uint64_t index) INS_CHECKED;
/** Memory for a decoded text, kept by the pickle. */
ins_status ins_machine_keep(ins_machine *m, size_t n, char **out) INS_CHECKED;

/** A line as a NUL-terminated number (cut to 63 characters), and as it is. */
ins_status ins_machine_number_line(ins_machine *m, char out[64], const char **line,
                                   size_t *n) INS_CHECKED;

/* Instructions that push numbers and texts, in pickle_literals.c. */
ins_opcode ins_op_none;
ins_opcode ins_op_bool;
ins_opcode ins_op_small_int;
ins_opcode ins_op_float;
ins_opcode ins_op_float_line;
ins_opcode ins_op_int_line;
ins_opcode ins_op_long;
ins_opcode ins_op_counted;
ins_opcode ins_op_unicode_line;
ins_opcode ins_op_string_line;

#endif
