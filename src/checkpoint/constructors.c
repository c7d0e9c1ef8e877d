/* SPDX-License-Identifier: MIT */
/* The classes and functions whose calls are understood: one table, and what it points to. */
#include <string.h>

#include "insilico/memory.h"
#include "values.h"

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
  if (ins_pk_count(p, pairs) > INS_MAX_ENTRIES)
    return ins_value_refused(file, "a dictionary of over 65536 entries");
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
  ins_status status = ins_value_made(ins_value_map(), out);
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
    status = ins_value_made(
        ins_text_value(text.length ? text.data : ".", text.length ? text.length : 1), out);
  ins_text_free(&text);
  return status;
}

static const struct {
  const char *module,
      *name; /* name NULL: every class of the module; module "a." with sub-modules */
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
    {"_codecs", "encode", ins_bytes_value},
    {"builtins", "bytes", ins_bytes_value},
    {"__builtin__", "bytes", ins_bytes_value},
    {"builtins", "bytearray", ins_bytes_value},
    {"__builtin__", "bytearray", ins_bytes_value},
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

ins_constructor *ins_constructor_of(const ins_pickle *p, ins_node call) {
  const ins_pickle_node *global = ins_pk(p, ins_pk(p, call)->call.callable);
  if (global->kind != PK_GLOBAL) return NULL;
  for (size_t i = 0; i < sizeof constructors / sizeof constructors[0]; i++)
    if (module_fits(p, global->global.module, constructors[i].module) &&
        (!constructors[i].name || ins_pk_text_is(p, global->global.name, constructors[i].name)))
      return constructors[i].make;
  return NULL;
}
