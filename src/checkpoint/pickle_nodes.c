/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "pickle.h"

ins_node_kind ins_pk_kind(const ins_pickle *pickle, ins_node node) {
  return (ins_node_kind)pickle->nodes[node].kind;
}

size_t ins_pk_count(const ins_pickle *pickle, ins_node node) {
  ins_node_kind kind = ins_pk_kind(pickle, node);
  if (kind == PK_DICT) return ins_pk(pickle, node)->list.n / 2;
  return kind == PK_LIST || kind == PK_TUPLE || kind == PK_SET ? ins_pk(pickle, node)->list.n : 0;
}

ins_node ins_pk_item(const ins_pickle *pickle, ins_node node, size_t i) {
  if (ins_pk_kind(pickle, node) == PK_DICT || i >= ins_pk_count(pickle, node)) return 0;
  return ins_pk(pickle, node)->list.items[i];
}

ins_node ins_pk_get(const ins_pickle *pickle, ins_node node, const char *key) {
  const ins_pickle_node *dict = ins_pk(pickle, node);
  if (dict->kind == PK_CALL) dict = ins_pk(pickle, dict->call.dict);
  if (dict->kind != PK_DICT) return 0;
  for (size_t i = dict->list.n / 2; i > 0;
       i--) /* from the end: a later entry replaced an earlier one */
    if (ins_pk_text_is(pickle, dict->list.items[2 * i - 2], key))
      return dict->list.items[2 * i - 1];
  return 0;
}

bool ins_pk_text_is(const ins_pickle *pickle, ins_node node, const char *text) {
  const ins_pickle_node *n = ins_pk(pickle, node);
  return n->kind == PK_TEXT && n->text.n == strlen(text) &&
         (n->text.n == 0 || memcmp(n->text.bytes, text, n->text.n) == 0);
}

bool ins_pk_global_is(const ins_pickle *pickle, ins_node node, const char *module,
                      const char *name) {
  const ins_pickle_node *n = ins_pk(pickle, node);
  return n->kind == PK_GLOBAL && ins_pk_text_is(pickle, n->global.name, name) &&
         ins_pk_text_is(pickle, n->global.module, module);
}

bool ins_pk_call_is(const ins_pickle *pickle, ins_node node, const char *module, const char *name) {
  const ins_pickle_node *n = ins_pk(pickle, node);
  return n->kind == PK_CALL && ins_pk_global_is(pickle, n->call.callable, module, name);
}

static const char *text_of(const ins_pickle *pickle, ins_node node, int *n) {
  const ins_pickle_node *text = ins_pk(pickle, node);
  *n = 0;
  if (text->kind != PK_TEXT) return "";
  *n = text->text.n > 200 ? 200 : (int)text->text.n;
  return text->text.bytes;
}

char *ins_pk_name(const ins_pickle *pickle, ins_node node, char *out, size_t size) {
  const ins_pickle_node *n = ins_pk(pickle, node);
  int n_module, n_name;
  if (n->kind == PK_CALL) n = ins_pk(pickle, n->call.callable);
  if (n->kind != PK_GLOBAL) {
    snprintf(out, size, "object");
    return out;
  }
  const char *module = text_of(pickle, n->global.module, &n_module);
  const char *name = text_of(pickle, n->global.name, &n_name);
  snprintf(out, size, "%.*s.%.*s", n_module, module, n_name, name);
  for (char *p = out; *p; p++) /* a stranger's text: keep it on one line */
    if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
  return out;
}

bool ins_pk_size(const ins_pickle *pickle, ins_node node, size_t *out) {
  const ins_pickle_node *n = ins_pk(pickle, node);
  if (n->kind != PK_INT || n->integer < 0) return false;
  *out = (size_t)n->integer;
  return true;
}
