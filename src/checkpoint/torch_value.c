/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "values.h"

/* Shared objects are copied at each place: a few levels of tenfold sharing would fill any memory. */
enum { MAX_SHARING = 8, MIN_VALUES = 1 << 16 };
enum { MAX_DEPTH = 200, MAX_VALUES = 4 << 20, MAX_ENTRIES = 1 << 16, NAME = 512 };

static ins_status refused(const ins_torch_file *file, const char *what) {
  return ins_fail(INS_ERR_FORMAT, "%s: refused: %s", ins_archive_name(file->archive), what);
}

ins_value *ins_text_value(const char *bytes, size_t n) {
  static const char replacement[] = "\xef\xbf\xbd";
  ins_text text = {0};
  if (n == 0 || !memchr(bytes, 0, n)) return ins_value_text_n(bytes, n);
  for (size_t i = 0; i < n; i++)
    bytes[i] ? ins_text_add_bytes(&text, bytes + i, 1) : ins_text_add_bytes(&text, replacement, 3);
  ins_value *value = ins_text_ok(&text) == INS_OK ? ins_value_text(text.data) : NULL;
  ins_text_free(&text);
  return value;
}

/* INS_OK with the constructor's result, or INS_ERR_MEMORY. */
static ins_status made(ins_value *value, ins_value **out) {
  *out = value;
  return value ? INS_OK : INS_ERR_MEMORY;
}

/* ---- containers --------------------------------------------------------------------------------- */

/* The key of a map entry: a text, or JSON of whatever else Python allows (numbers, tuples). */
static ins_status key_of(ins_torch_file *file, ins_node node, char **out) {
  ins_value *value = NULL;
  ins_text text = {0};
  ins_status status = ins_torch_value(file, node, &value);
  if (status != INS_OK) return status;
  if (value->kind == INS_TEXT)
    ins_text_add(&text, "%s", value->text);
  else
    ins_value_json(value, 64, &text);
  status = ins_text_ok(&text);
  *out = text.data;
  ins_value_destroy(&value);
  return status;
}

ins_status ins_put_entry(ins_torch_file *file, ins_value *map, ins_node key, ins_node node) {
  ins_value *item = NULL;
  char *name = NULL;
  ins_status status = key_of(file, key, &name);
  if (status == INS_OK) status = ins_torch_value(file, node, &item);
  /* 1 and "1" are different keys in Python: keep both. */
  if (status == INS_OK && ins_pk_kind(&file->pickle, key) != PK_TEXT && ins_map_get(map, name)) {
    char *longer = ins_format("%s (not a text)", name);
    free(name);
    name = longer;
    if (!name) status = INS_ERR_MEMORY;
  }
  if (status == INS_OK)
    status = ins_map_take(map, name, item);
  else
    ins_value_destroy(&item);
  free(name);
  return status;
}

ins_status ins_dict_value(ins_torch_file *file, ins_node dict, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_value *map = ins_value_map();
  if (!map) return INS_ERR_MEMORY;
  ins_status status = INS_OK;
  if (ins_pk_count(p, dict) > MAX_ENTRIES) status = refused(file, "a dictionary of over 65536 entries");
  for (size_t i = 0; status == INS_OK && i < ins_pk_count(p, dict); i++) {
    const ins_node *items = ins_pk(p, dict)->list.items;
    status = ins_put_entry(file, map, items[2 * i], items[2 * i + 1]);
  }
  if (status != INS_OK) ins_value_destroy(&map);
  *out = map;
  return status;
}

ins_status ins_list_value(ins_torch_file *file, ins_node list, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_value *values = ins_value_list();
  ins_status status = values ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < ins_pk_count(p, list); i++) {
    ins_value *item = NULL;
    status = ins_torch_value(file, ins_pk_item(p, list, i), &item);
    if (status == INS_OK) status = ins_list_take(values, item);
  }
  if (status != INS_OK) ins_value_destroy(&values);
  *out = values;
  return status;
}

bool ins_shape_of(const ins_pickle *p, ins_node tuple, int *n_dims, size_t *shape, size_t *count) {
  size_t n = ins_pk_count(p, tuple);
  if ((ins_pk_kind(p, tuple) != PK_TUPLE && ins_pk_kind(p, tuple) != PK_LIST) || n > INS_MAX_DIMS)
    return false;
  *n_dims = (int)n;
  *count = 1;
  for (size_t d = 0; d < n; d++)
    if (!ins_pk_size(p, ins_pk_item(p, tuple, d), &shape[d]) || !ins_mul(*count, shape[d], count))
      return false;
  return true;
}

/* ---- bytes -------------------------------------------------------------------------------------- */

/* Protocol 2 has no bytes: it writes _codecs.encode(text, 'latin1'), one character a byte. */
static ins_status decode_latin1(const ins_pickle_node *text, unsigned char **out, size_t *n) {
  const unsigned char *p = (const unsigned char *)text->text.bytes, *end = p + text->text.n;
  ins_status status = ins_alloc(text->text.n, 1, out);
  if (status != INS_OK) return status;
  for (*n = 0; p < end; p++) {
    if (*p >= 0xc2 && *p <= 0xc3 && p + 1 < end) {
      (*out)[(*n)++] = (unsigned char)(*p << 6 | (p[1] & 0x3f));
      p++;
    } else {
      (*out)[(*n)++] = *p;
    }
  }
  return INS_OK;
}

static bool is_builtin(const ins_pickle *p, ins_node call, const char *name) {
  return ins_pk_call_is(p, call, "__builtin__", name) || ins_pk_call_is(p, call, "builtins", name);
}

ins_status ins_bytes_of(ins_torch_file *file, ins_node node, const unsigned char **out, size_t *n,
                        unsigned char **owned, bool *found) {
  const ins_pickle *p = &file->pickle;
  *out = (const unsigned char *)"";
  *n = 0;
  *owned = NULL;
  /* bytearray(b"...") may stand around what holds the bytes. */
  if (is_builtin(p, node, "bytearray")) node = ins_pk_item(p, ins_pk(p, node)->call.args, 0);
  ins_node_kind kind = ins_pk_kind(p, node);
  *found = true;
  if (kind == PK_BYTES || kind == PK_TEXT) {
    *out = (const unsigned char *)ins_pk(p, node)->text.bytes;
    *n = ins_pk(p, node)->text.n;
    return INS_OK;
  }
  ins_node args = kind == PK_CALL ? ins_pk(p, node)->call.args : 0, text = ins_pk_item(p, args, 0);
  if (ins_pk_call_is(p, node, "_codecs", "encode") && ins_pk_kind(p, text) == PK_TEXT) {
    ins_status status = ins_archive_spend(file->archive, ins_pk(p, text)->text.n);
    if (status == INS_OK) status = decode_latin1(ins_pk(p, text), owned, n);
    *out = *owned;
    return status;
  }
  *found = is_builtin(p, node, "bytes") && ins_pk_count(p, args) == 0;
  return INS_OK;
}

static ins_status make_bytes(ins_torch_file *file, ins_node node, ins_value **out) {
  const unsigned char *bytes;
  unsigned char *owned;
  bool found;
  size_t n;
  *out = NULL;
  ins_status status = ins_bytes_of(file, node, &bytes, &n, &owned, &found);
  if (status == INS_OK && found) status = ins_archive_spend(file->archive, n);
  if (status == INS_OK && found) status = made(ins_value_array(INS_U8, 1, &n), out);
  if (status == INS_OK && found && n) memcpy((*out)->array.data, bytes, n);
  ins_free(&owned);
  return status;
}

/* ---- constructors ------------------------------------------------------------------------------- */

static ins_node argument(const ins_torch_file *file, ins_node call, size_t i) {
  return ins_pk_item(&file->pickle, ins_pk(&file->pickle, call)->call.args, i);
}

/* Parameter(tensor) and the like: what counts is the tensor. */
static ins_status make_first_argument(ins_torch_file *file, ins_node call, ins_value **out) {
  return ins_torch_value(file, argument(file, call, 0), out);
}

/* _rebuild_from_type_v2(function, class, arguments, state): a tensor with Python attributes. */
static ins_status make_from_type(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_node function = argument(file, call, 0), args = argument(file, call, 2);
  *out = NULL;
  if (ins_pk_kind(p, function) != PK_GLOBAL || ins_pk_kind(p, args) != PK_TUPLE) return INS_OK;
  /* The node itself becomes the plain call: it stands for the same tensor. */
  ins_pickle_node *node = ins_pk(p, call);
  node->call.callable = function;
  node->call.args = args;
  node->call.state = 0;
  if (!ins_pk_global_is(p, function, "torch._utils", "_rebuild_tensor_v2") &&
      !ins_pk_global_is(p, function, "torch._utils", "_rebuild_tensor_v3"))
    return INS_OK;
  return ins_torch_tensor(file, call, out);
}

/* OrderedDict([(k, v), ...]) of Python 2, or an object whose entries follow. */
static ins_status add_pairs(ins_torch_file *file, ins_value *map, ins_node pairs) {
  const ins_pickle *p = &file->pickle;
  ins_status status = INS_OK;
  if (ins_pk_count(p, pairs) > MAX_ENTRIES) return refused(file, "a dictionary of over 65536 entries");
  for (size_t i = 0; status == INS_OK && i < ins_pk_count(p, pairs); i++) {
    ins_node pair = ins_pk_item(p, pairs, i);
    if (ins_pk_count(p, pair) == 2)
      status = ins_put_entry(file, map, ins_pk_item(p, pair, 0), ins_pk_item(p, pair, 1));
  }
  return status;
}

static ins_status make_dict(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_node first = argument(file, call, 0), items = ins_pk(p, call)->call.dict;
  if (!items && ins_pk_kind(p, first) == PK_DICT) items = first; /* Counter({...}) */
  if (items) return ins_dict_value(file, items, out);
  ins_status status = made(ins_value_map(), out);
  if (status == INS_OK) status = add_pairs(file, *out, first);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

static ins_status make_list(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_node items = ins_pk(p, call)->call.list;
  return ins_list_value(file, items ? items : argument(file, call, 0), out);
}

static ins_status make_path(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_node args = ins_pk(p, call)->call.args;
  ins_text text = {0};
  for (size_t i = 0; i < ins_pk_count(p, args); i++) {
    const ins_pickle_node *part = ins_pk(p, ins_pk_item(p, args, i));
    if (part->kind != PK_TEXT) continue;
    if (text.length && text.data[text.length - 1] != '/') ins_text_add(&text, "/");
    ins_text_add_bytes(&text, part->text.bytes, part->text.n);
  }
  ins_status status = ins_text_ok(&text);
  if (status == INS_OK)
    status = made(ins_text_value(text.length ? text.data : ".", text.length ? text.length : 1), out);
  ins_text_free(&text);
  return status;
}

static const struct {
  const char *module, *name; /* name NULL: every class of the module; module "a." with sub-modules */
  ins_constructor *make;
} constructors[] = {
    {"torch._utils", "_rebuild_tensor", ins_torch_tensor},
    {"torch._utils", "_rebuild_tensor_v2", ins_torch_tensor},
    {"torch._utils", "_rebuild_tensor_v3", ins_torch_tensor},
    {"torch._utils", "_rebuild_parameter", make_first_argument},
    {"torch._utils", "_rebuild_parameter_with_state", make_first_argument},
    {"torch._tensor", "_rebuild_from_type_v2", make_from_type},
    {"torch", "Size", make_list},
    {"torch", "device", make_first_argument},
    {"collections", "OrderedDict", make_dict},
    {"collections", "defaultdict", make_dict},
    {"collections", "Counter", make_dict},
    {"_codecs", "encode", make_bytes},
    {"builtins", "bytes", make_bytes},
    {"__builtin__", "bytes", make_bytes},
    {"builtins", "bytearray", make_bytes},
    {"__builtin__", "bytearray", make_bytes},
    {"builtins", "dict", make_dict},
    {"__builtin__", "dict", make_dict},
    {"builtins", "list", make_list},
    {"__builtin__", "list", make_list},
    {"builtins", "tuple", make_list},
    {"__builtin__", "tuple", make_list},
    {"builtins", "set", make_list},
    {"__builtin__", "set", make_list},
    {"builtins", "frozenset", make_list},
    {"__builtin__", "frozenset", make_list},
    {"numpy.core.multiarray", "_reconstruct", ins_numpy_reconstruct},
    {"numpy._core.multiarray", "_reconstruct", ins_numpy_reconstruct},
    {"numpy.core.multiarray", "scalar", ins_numpy_scalar},
    {"numpy._core.multiarray", "scalar", ins_numpy_scalar},
    {"numpy.core.numeric", "_frombuffer", ins_numpy_frombuffer},
    {"numpy._core.numeric", "_frombuffer", ins_numpy_frombuffer},
    {"numpy", "dtype", ins_numpy_dtype_name},
    {"pathlib", NULL, make_path},
    {"pathlib.", NULL, make_path},
    {"omegaconf.", NULL, ins_omegaconf_value},
};

static bool module_fits(const ins_pickle *p, ins_node module, const char *pattern) {
  const ins_pickle_node *text = ins_pk(p, module);
  size_t n = strlen(pattern);
  if (pattern[n - 1] != '.') return ins_pk_text_is(p, module, pattern);
  return text->kind == PK_TEXT && text->text.n > n && memcmp(text->text.bytes, pattern, n) == 0;
}

static ins_constructor *constructor_of(const ins_pickle *p, ins_node call) {
  const ins_pickle_node *global = ins_pk(p, ins_pk(p, call)->call.callable);
  if (global->kind != PK_GLOBAL) return NULL;
  for (size_t i = 0; i < sizeof constructors / sizeof constructors[0]; i++)
    if (module_fits(p, global->global.module, constructors[i].module) &&
        (!constructors[i].name || ins_pk_text_is(p, global->global.name, constructors[i].name)))
      return constructors[i].make;
  return NULL;
}

/* ---- classes that nothing is known of ----------------------------------------------------------- */

/* OmegaConf's `_parent` and torch's `_metadata` are bookkeeping of the library, not data. */
static ins_status add_state(ins_torch_file *file, ins_value *map, ins_node state) {
  const ins_pickle *p = &file->pickle;
  ins_value *value = NULL;
  if (ins_pk_kind(p, state) != PK_DICT) {
    ins_status status = ins_torch_value(file, state, &value);
    return status == INS_OK ? ins_map_take(map, "__state__", value) : status;
  }
  if (ins_pk_count(p, state) > MAX_ENTRIES) return refused(file, "an object of over 65536 parts");
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
  return made(ins_value_text(text), out);
}

/* ---- any node ----------------------------------------------------------------------------------- */

static ins_status make_global(ins_torch_file *file, ins_node node, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  char name[NAME], text[NAME + 2];
  ins_pk_name(p, node, name, sizeof name);
  bool is_torch = ins_pk_text_is(p, ins_pk(p, node)->global.module, "torch");
  snprintf(text, sizeof text, is_torch ? "%s" : "<%s>", name); /* torch.float32 and the like */
  return made(ins_value_text(text), out);
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
  if (status == INS_OK) status = made(ins_text_value(text.data, text.length), out);
  ins_text_free(&text);
  return status;
}

static ins_status make_call(ins_torch_file *file, ins_node call, ins_value **out) {
  ins_constructor *make = constructor_of(&file->pickle, call);
  ins_status status = INS_OK;
  *out = NULL;
  if (make) status = make(file, call, out);
  return status == INS_OK && !*out ? make_unknown(file, call, out) : status;
}

static ins_status make_value(ins_torch_file *file, ins_node node, ins_value **out) {
  const ins_pickle_node *n = ins_pk(&file->pickle, node);
  switch ((ins_node_kind)n->kind) {
  case PK_NONE: return made(ins_value_null(), out);
  case PK_BOOL: return made(ins_value_bool(n->boolean), out);
  case PK_INT: return made(ins_value_int(n->integer), out);
  case PK_REAL: return made(ins_value_real(n->real), out);
  case PK_TEXT: return made(ins_text_value(n->text.bytes, n->text.n), out);
  case PK_BYTES: return make_bytes(file, node, out);
  case PK_BIG_INT: return make_big_int(n, out);
  case PK_LIST:
  case PK_TUPLE:
  case PK_SET: return ins_list_value(file, node, out);
  case PK_DICT: return ins_dict_value(file, node, out);
  case PK_GLOBAL: return make_global(file, node, out);
  case PK_CALL: return make_call(file, node, out);
  case PK_PERSISTENT: return made(ins_value_text("<storage>"), out);
  }
  return ins_fail(INS_ERR_INTERNAL, "a pickle node of kind %d", n->kind);
}

ins_status ins_torch_value(ins_torch_file *file, ins_node node, ins_value **out) {
  ins_pickle_node *n = ins_pk(&file->pickle, node);
  *out = NULL;
  if (n->visiting) return made(ins_value_text("<cycle>"), out);
  if (file->depth >= MAX_DEPTH) return refused(file, "its data are nested more than 200 levels deep");
  if (file->n_values >= MAX_VALUES ||
      file->n_values >= MIN_VALUES + MAX_SHARING * file->pickle.n)
    return refused(file, "its objects refer to one another so often that they unfold without end");
  /* A shared long text is copied each time it is met. */
  if (n->kind == PK_TEXT && n->text.n > 4096) {
    ins_status status = ins_archive_spend(file->archive, n->text.n);
    if (status != INS_OK) return status;
  }
  file->n_values++;
  file->depth++;
  n->visiting = node != 0;
  ins_status status = make_value(file, node, out);
  n->visiting = false;
  file->depth--;
  return status;
}
