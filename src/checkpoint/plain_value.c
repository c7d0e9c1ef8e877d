/* SPDX-License-Identifier: MIT */
/* Texts, bytes, lists and dictionaries: what every other value is made of. */
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "values.h"

ins_status ins_value_refused(const ins_torch_file *file, const char *what) {
  return ins_fail(INS_ERR_FORMAT, "%s: refused: %s", ins_archive_name(file->archive), what);
}

ins_status ins_value_made(ins_value *value, ins_value **out) {
  *out = value;
  return value ? INS_OK : INS_ERR_MEMORY;
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

/* ---- containers ------------------------------------------------------------------------------ */

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
  if (ins_pk_count(p, dict) > INS_MAX_ENTRIES)
    status = ins_value_refused(file, "a dictionary of over 65536 entries");
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

/* ---- bytes ----------------------------------------------------------------------------------- */

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

ins_status ins_bytes_value(ins_torch_file *file, ins_node node, ins_value **out) {
  const unsigned char *bytes;
  unsigned char *owned;
  bool found;
  size_t n;
  *out = NULL;
  ins_status status = ins_bytes_of(file, node, &bytes, &n, &owned, &found);
  if (status == INS_OK && found) status = ins_archive_spend(file->archive, n);
  if (status == INS_OK && found) status = ins_value_made(ins_value_array(INS_U8, 1, &n), out);
  if (status == INS_OK && found && n) memcpy((*out)->array.data, bytes, n);
  ins_free(&owned);
  return status;
}
