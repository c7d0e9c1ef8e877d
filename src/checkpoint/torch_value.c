/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "values.h"

/* Shared objects are copied at each place: a few levels of tenfold sharing could fill memory. */
enum { MAX_SHARING = 8, MIN_VALUES = 1 << 16 };
enum { MAX_DEPTH = 200, NAME = 512 };

/* ---- classes that nothing is known of -------------------------------------------------------- */

/* OmegaConf's `_parent` and torch's `_metadata` are bookkeeping of the library, not data. */
static ins_status add_state(ins_torch_file *file, ins_value *map, ins_node state) {
  const ins_pickle *p = &file->pickle;
  ins_value *value = NULL;
  if (ins_pk_kind(p, state) != PK_DICT) {
    ins_status status = ins_torch_value(file, state, &value);
    return status == INS_OK ? ins_map_take(map, "__state__", value) : status;
  }
  if (ins_pk_count(p, state) > INS_MAX_ENTRIES)
    return ins_value_refused(file, "an object of over 65536 parts");
  for (size_t i = 0; i < ins_pk_count(p, state); i++) {
    ins_node key = ins_pk(p, state)->list.items[2 * i];
    if (ins_pk_text_is(p, key, "_parent") || ins_pk_text_is(p, key, "_metadata")) continue;
    ins_status status = ins_put_entry(file, map, key, ins_pk(p, state)->list.items[2 * i + 1]);
    if (status != INS_OK) return status;
  }
  return INS_OK;
}

/* An object with contents is kept as a map that names its class. */
static ins_status make_unknown_map(ins_torch_file *file, ins_node call, const char *name,
                                   ins_value **out) {
  const ins_pickle_node *c = ins_pk(&file->pickle, call);
  ins_value *map = ins_value_map(), *part = NULL;
  ins_status status = map ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_map_take(map, "__class__", ins_value_text(name));
  if (status == INS_OK && ins_pk_count(&file->pickle, c->call.args)) {
    status = ins_list_value(file, c->call.args, &part);
    if (status == INS_OK) status = ins_map_take(map, "__args__", part);
  }
  if (status == INS_OK && c->call.list) {
    status = ins_list_value(file, c->call.list, &part);
    if (status == INS_OK) status = ins_map_take(map, "__items__", part);
  }
  if (status == INS_OK && c->call.state) status = add_state(file, map, c->call.state);
  if (status != INS_OK) ins_value_destroy(&map);
  *out = map;
  return status;
}

static ins_status make_unknown(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  const ins_pickle_node *c = ins_pk(p, call);
  char name[NAME], text[NAME + 2];
  ins_pk_name(p, call, name, sizeof name);
  /* A class that was filled like a dictionary (Lightning's AttributeDict) is one. */
  if (c->call.dict && !c->call.list) return ins_dict_value(file, c->call.dict, out);
  if (ins_pk_count(p, c->call.args) || c->call.state || c->call.list)
    return make_unknown_map(file, call, name, out);
  snprintf(text, sizeof text, "<%s>", name);
  return ins_value_made(ins_value_text(text), out);
}

/* ---- any node -------------------------------------------------------------------------------- */

static ins_status make_global(ins_torch_file *file, ins_node node, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  char name[NAME], text[NAME + 2];
  ins_pk_name(p, node, name, sizeof name);
  bool is_torch = ins_pk_text_is(p, ins_pk(p, node)->global.module, "torch");
  snprintf(text, sizeof text, is_torch ? "%s" : "<%s>", name); /* torch.float32 and the like */
  return ins_value_made(ins_value_text(text), out);
}

static ins_status make_big_int(const ins_pickle_node *node, ins_value **out) {
  const unsigned char *bytes = (const unsigned char *)node->text.bytes;
  ins_text text = {0};
  if (node->text.n && (bytes[0] == '-' || (bytes[0] >= '0' && bytes[0] <= '9'))) {
    ins_text_add_bytes(&text, node->text.bytes, node->text.n);
  } else {
    ins_text_add(&text, "0x");
    for (size_t i = node->text.n; i > 0; i--) ins_text_add(&text, "%02x", bytes[i - 1]);
  }
  ins_status status = ins_text_ok(&text);
  if (status == INS_OK) status = ins_value_made(ins_text_value(text.data, text.length), out);
  ins_text_free(&text);
  return status;
}

static ins_status make_call(ins_torch_file *file, ins_node call, ins_value **out) {
  ins_constructor *make = ins_constructor_of(&file->pickle, call);
  ins_status status = INS_OK;
  *out = NULL;
  if (make) status = make(file, call, out);
  return status == INS_OK && !*out ? make_unknown(file, call, out) : status;
}

static ins_status make_value(ins_torch_file *file, ins_node node, ins_value **out) {
  const ins_pickle_node *n = ins_pk(&file->pickle, node);
  switch ((ins_node_kind)n->kind) {
  case PK_NONE:
    return ins_value_made(ins_value_null(), out);
  case PK_BOOL:
    return ins_value_made(ins_value_bool(n->boolean), out);
  case PK_INT:
    return ins_value_made(ins_value_int(n->integer), out);
  case PK_REAL:
    return ins_value_made(ins_value_real(n->real), out);
  case PK_TEXT:
    return ins_value_made(ins_text_value(n->text.bytes, n->text.n), out);
  case PK_BYTES:
    return ins_bytes_value(file, node, out);
  case PK_BIG_INT:
    return make_big_int(n, out);
  case PK_LIST:
  case PK_TUPLE:
  case PK_SET:
    return ins_list_value(file, node, out);
  case PK_DICT:
    return ins_dict_value(file, node, out);
  case PK_GLOBAL:
    return make_global(file, node, out);
  case PK_CALL:
    return make_call(file, node, out);
  case PK_PERSISTENT:
    return ins_value_made(ins_value_text("<storage>"), out);
  }
  return ins_fail(INS_ERR_INTERNAL, "a pickle node of kind %d", n->kind);
}

ins_status ins_torch_value(ins_torch_file *file, ins_node node, ins_value **out) {
  ins_pickle_node *n = ins_pk(&file->pickle, node);
  *out = NULL;
  if (n->visiting) return ins_value_made(ins_value_text("<cycle>"), out);
  if (file->depth >= MAX_DEPTH)
    return ins_value_refused(file, "its data are nested more than 200 levels deep");
  if (file->n_values >= MIN_VALUES + MAX_SHARING * file->pickle.n)
    return ins_value_refused(
        file, "its objects refer to one another so often that they unfold without end");
  size_t name = n->kind == PK_GLOBAL || n->kind == PK_CALL ? NAME : 0;
  ins_status status = ins_archive_spend_objects(file->archive, INS_VALUE_COST + name);
  if (status != INS_OK) return status;
  /* A shared long text is copied each time it is met. */
  if (n->kind == PK_TEXT && n->text.n > 64) {
    status = ins_archive_spend(file->archive, n->text.n);
    if (status != INS_OK) return status;
  }
  file->n_values++;
  file->depth++;
  n->visiting = node != 0;
  status = make_value(file, node, out);
  n->visiting = false;
  file->depth--;
  return status;
}
