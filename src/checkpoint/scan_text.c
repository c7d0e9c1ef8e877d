/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <inttypes.h>

#include "scan.h"

enum { MOST = 200, MOST_TEXT = 80, MOST_ITEMS = 8, MOST_LEVELS = 4 };

static void add_node(const ins_pickle *p, ins_node node, int level, ins_text *out);

/* Quoted, everything that is no printable ASCII as \xHH: the reader's terminal obeys nobody else.
 */
static void add_quoted(const char *bytes, size_t n, ins_text *out) {
  ins_text_add(out, "'");
  for (size_t i = 0; i < n && i < MOST_TEXT; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (c == '\'' || c == '\\')
      ins_text_add(out, "\\%c", c);
    else if (c < 0x80 && isprint(c))
      ins_text_add(out, "%c", c);
    else
      ins_text_add(out, "\\x%02x", c);
  }
  ins_text_add(out, n > MOST_TEXT ? "'..." : "'");
}

static void add_items(const ins_pickle *p, ins_node node, int level, ins_text *out) {
  const ins_pickle_node *list = ins_pk(p, node);
  if (!ins_pk_count(p, node)) { /* also of what is no list: a pickle may give a call anything */
    bool list_like = list->kind == PK_LIST || list->kind == PK_TUPLE || list->kind == PK_SET ||
                     list->kind == PK_DICT;
    if (!list_like) ins_text_add(out, "...");
    return;
  }
  for (size_t i = 0; i < list->list.n; i++) {
    bool value = list->kind == PK_DICT && i % 2;
    if (i) ins_text_add(out, value ? ": " : ", ");
    if (i >= MOST_ITEMS || out->length > MOST) {
      ins_text_add(out, "...");
      return;
    }
    add_node(p, list->list.items[i], level, out);
  }
}

static void add_name(const ins_pickle *p, ins_node node, ins_text *out) {
  char name[256];
  ins_text_add(out, "%s", ins_pk_name(p, node, name, sizeof name));
}

static void add_container(const ins_pickle *p, ins_node node, int level, ins_text *out) {
  ins_node_kind kind = ins_pk_kind(p, node);
  const char *ends = kind == PK_LIST ? "[]" : kind == PK_TUPLE ? "()" : "{}";
  ins_text_add(out, "%c", ends[0]);
  add_items(p, node, level + 1, out);
  ins_text_add(out, "%c", ends[1]);
}

static void add_node(const ins_pickle *p, ins_node node, int level, ins_text *out) {
  const ins_pickle_node *n = ins_pk(p, node);
  if (level > MOST_LEVELS || out->length > MOST) {
    ins_text_add(out, "...");
    return;
  }
  switch ((ins_node_kind)n->kind) {
  case PK_NONE:
    ins_text_add(out, "None");
    break;
  case PK_BOOL:
    ins_text_add(out, n->boolean ? "True" : "False");
    break;
  case PK_INT:
    ins_text_add(out, "%" PRId64, n->integer);
    break;
  case PK_REAL:
    ins_text_add(out, "%.17g", n->real);
    break;
  case PK_BIG_INT:
    ins_text_add(out, "(a large integer)");
    break;
  case PK_BYTES:
    ins_text_add(out, "b");
    add_quoted(n->text.bytes, n->text.n, out);
    break;
  case PK_TEXT:
    add_quoted(n->text.bytes, n->text.n, out);
    break;
  case PK_LIST:
  case PK_TUPLE:
  case PK_SET:
  case PK_DICT:
    add_container(p, node, level, out);
    break;
  case PK_GLOBAL:
    add_name(p, node, out);
    break;
  case PK_CALL:
    add_name(p, node, out);
    ins_text_add(out, "(");
    add_items(p, n->call.args, level + 1, out);
    ins_text_add(out, ")");
    break;
  case PK_PERSISTENT:
    ins_text_add(out, "<storage>");
    break;
  }
}

void ins_scan_arguments(const ins_pickle *p, ins_node call, ins_text *out) {
  ins_text_add(out, "(");
  add_items(p, ins_pk(p, call)->call.args, 0, out);
  ins_text_add(out, ")");
}
