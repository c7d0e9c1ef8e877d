/* SPDX-License-Identifier: MIT */
#include "pickle_machine.h"

#include <string.h>

#include "insilico/memory.h"

ins_status ins_machine_broken(const ins_machine *m, const char *what) {
  return ins_fail(INS_ERR_FORMAT, "%s: byte %zu of the pickle: %s", m->where, m->opcode_at, what);
}

ins_status ins_machine_starved(const ins_machine *m, const char *what) {
  m->run->starved = true;
  return ins_machine_broken(m, what);
}

bool ins_machine_tolerates(ins_machine *m) {
  if (m->run->tolerant && m->run->odd_at == SIZE_MAX) m->run->odd_at = m->opcode_at;
  return m->run->tolerant;
}

ins_status ins_machine_spend(ins_machine *m, size_t bytes) {
  m->out->spent += bytes;
  if (m->out->spent <= m->run->most_bytes) return INS_OK;
  return ins_machine_broken(m, "it unfolds into far more objects than its size allows for");
}

ins_status ins_machine_bytes(ins_machine *m, size_t n, const unsigned char **out) {
  if (n > m->n - m->at) return ins_machine_starved(m, "the data end in the middle of a value");
  *out = m->bytes + m->at;
  m->at += n;
  return INS_OK;
}

ins_status ins_machine_number(ins_machine *m, int size, uint64_t *out) {
  const unsigned char *p = NULL;
  *out = 0;
  ins_status status = ins_machine_bytes(m, (size_t)size, &p);
  for (int i = size - 1; status == INS_OK && i >= 0; i--) *out = *out << 8 | p[i];
  return status;
}

ins_status ins_machine_line(ins_machine *m, const char **out, size_t *n) {
  const unsigned char *begin = m->bytes + m->at;
  const unsigned char *end = m->n > m->at ? memchr(begin, '\n', m->n - m->at) : NULL;
  if (!end) return ins_machine_starved(m, "a line of text has no end");
  *out = (const char *)begin;
  *n = (size_t)(end - begin);
  m->at += *n + 1;
  return INS_OK;
}

ins_status ins_machine_push(ins_machine *m, ins_node node) {
  ins_status status = ins_machine_spend(m, INS_ITEM_COST);
  if (status == INS_OK)
    status = ins_grow(&m->stack, &m->stack_capacity, m->n_stack + 1, sizeof *m->stack);
  if (status == INS_OK) m->stack[m->n_stack++] = node;
  return status;
}

static size_t floor_of(const ins_machine *m) {
  return m->n_marks ? m->marks[m->n_marks - 1] : 0;
}

ins_status ins_machine_pop(ins_machine *m, ins_node *out) {
  *out = 0;
  if (m->n_stack <= floor_of(m))
    return ins_machine_broken(m, "it takes a value where there is none");
  *out = m->stack[--m->n_stack];
  return INS_OK;
}

ins_status ins_machine_top(ins_machine *m, ins_node *out) {
  ins_status status = ins_machine_pop(m, out);
  if (status == INS_OK) m->n_stack++;
  return status;
}

ins_status ins_machine_unmark(ins_machine *m, size_t *first) {
  *first = 0;
  if (!m->n_marks) return ins_machine_broken(m, "it closes a group that was never opened");
  *first = m->marks[--m->n_marks];
  return INS_OK;
}

ins_status ins_machine_node(ins_machine *m, ins_node_kind kind, ins_node *out) {
  ins_pickle *pickle = m->out;
  *out = 0;
  ins_status status = ins_machine_spend(m, INS_NODE_COST);
  if (status == INS_OK)
    status = ins_grow(&pickle->nodes, &pickle->capacity, pickle->n + 1, sizeof *pickle->nodes);
  if (status != INS_OK) return status;
  *out = (ins_node)pickle->n++;
  memset(&pickle->nodes[*out], 0, sizeof *pickle->nodes);
  pickle->nodes[*out].kind = (uint8_t)kind;
  pickle->nodes[*out].at = (uint32_t)m->opcode_at;
  return INS_OK;
}

ins_status ins_machine_push_new(ins_machine *m, ins_node_kind kind, ins_pickle_node **out) {
  ins_node node;
  *out = NULL;
  ins_status status = ins_machine_node(m, kind, &node);
  if (status == INS_OK) status = ins_machine_push(m, node);
  if (status == INS_OK) *out = ins_pk(m->out, node);
  return status;
}

ins_status ins_machine_push_text(ins_machine *m, ins_node_kind kind, const void *bytes, size_t n) {
  ins_pickle_node *node;
  ins_status status = ins_machine_push_new(m, kind, &node);
  if (status != INS_OK) return status;
  node->text.bytes = bytes;
  node->text.n = n;
  return INS_OK;
}

ins_status ins_machine_append(ins_machine *m, ins_node container, ins_node item) {
  ins_pickle_node *node = ins_pk(m->out, container);
  ins_status status = ins_machine_spend(m, node->list.n ? INS_ITEM_COST : INS_BLOCK_COST);
  if (status == INS_OK)
    status = ins_grow(&node->list.items, &node->list.capacity, node->list.n + 1,
                      sizeof *node->list.items);
  if (status == INS_OK) node->list.items[node->list.n++] = item;
  return status;
}

/* Writers number the memo from 0 upwards, one entry an object, so no index reaches the file's
 * length. */
ins_status ins_machine_memoize(ins_machine *m, uint64_t index) {
  ins_node node;
  ins_status status = ins_machine_top(m, &node);
  if (status != INS_OK) return status;
  if (index >= m->n) return ins_machine_starved(m, "a memo index is larger than the file");
  size_t before = m->memo_capacity;
  status = ins_grow(&m->memo, &m->memo_capacity, (size_t)index + 1, sizeof *m->memo);
  if (status != INS_OK) return status;
  memset(m->memo + before, 0, (m->memo_capacity - before) * sizeof *m->memo);
  m->memo[index] = node;
  m->n_memo++;
  return ins_machine_spend(m, (m->memo_capacity - before) * INS_ITEM_COST);
}

ins_status ins_machine_keep(ins_machine *m, size_t n, char **out) {
  ins_pickle *pickle = m->out;
  ins_status status = ins_machine_spend(m, n + INS_BLOCK_COST);
  if (status == INS_OK)
    status = ins_grow(&pickle->texts, &pickle->texts_capacity, pickle->n_texts + 1,
                      sizeof *pickle->texts);
  if (status == INS_OK) status = ins_alloc(n, 1, out);
  if (status == INS_OK) pickle->texts[pickle->n_texts++] = *out;
  return status;
}

static ins_status run(ins_machine *m) {
  ins_node none;
  ins_status status = ins_machine_node(m, PK_NONE, &none); /* number 0 */
  while (status == INS_OK && !m->stopped) {
    m->opcode_at = m->at;
    if (m->at >= m->n) return ins_machine_starved(m, "the data end before the pickle does");
    unsigned char code = m->bytes[m->at++];
    if (!ins_opcodes[code]) return ins_machine_broken(m, "this is no instruction of a pickle");
    status = ins_opcodes[code](m, code);
  }
  return status;
}

ins_status ins_pickle_read_some(const unsigned char *bytes, size_t n, const char *where,
                                ins_pickle_run *how, ins_pickle *out) {
  ins_machine m = {.bytes = bytes, .n = n, .where = where, .out = out, .run = how};
  *out = (ins_pickle){0};
  how->starved = false;
  how->odd_at = SIZE_MAX;
  /* Places are kept in 32 bits. */
  ins_status status = n <= UINT32_MAX ? run(&m) : ins_machine_broken(&m, "it is too large");
  how->end = m.at;
  if (status != INS_OK) out->root = 0;
  ins_free(&m.stack);
  ins_free(&m.marks);
  ins_free(&m.memo);
  return status;
}

ins_status ins_pickle_read(const unsigned char *bytes, size_t n, const char *where,
                           ins_pickle *out) {
  const size_t spare = (size_t)256 << 20;
  ins_pickle_run how = {.most_bytes = n < SIZE_MAX / 128 ? spare + 64 * n : SIZE_MAX / 2};
  ins_status status = ins_pickle_read_some(bytes, n, where, &how, out);
  if (status != INS_OK) ins_pickle_free(out);
  return status;
}

static bool has_items(const ins_pickle_node *node) {
  return node->kind == PK_LIST || node->kind == PK_TUPLE || node->kind == PK_SET ||
         node->kind == PK_DICT;
}

void ins_pickle_free(ins_pickle *pickle) {
  for (size_t i = 0; i < pickle->n; i++)
    if (has_items(&pickle->nodes[i])) ins_free(&pickle->nodes[i].list.items);
  for (size_t i = 0; i < pickle->n_texts; i++) ins_free(&pickle->texts[i]);
  ins_free(&pickle->texts);
  ins_free(&pickle->nodes);
  *pickle = (ins_pickle){0};
}
