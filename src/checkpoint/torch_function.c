/* SPDX-License-Identifier: MIT */
#include "torch_function.h"

#include <stdio.h>
#include <string.h>

/* "<module.name>", the text of a pickled reference, or the name as it is. */
static const char *unwrapped(const char *text, char *out, size_t size) {
  size_t n = strlen(text);
  bool wrapped = n > 2 && text[0] == '<' && text[n - 1] == '>';
  if (n >= size) return NULL;
  snprintf(out, size, "%.*s", (int)(wrapped ? n - 2 : n), text + wrapped);
  return out;
}

static bool ends(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* No key beyond these, so that an argument is never overlooked. */
static bool only(const ins_value *map, const char *const *keys) {
  for (size_t i = 0; i < map->children.n; i++) {
    const char *const *key = keys;
    while (*key && strcmp(*key, map->children.keys[i]) != 0) key++;
    if (!*key) return false;
  }
  return true;
}

/* Pickle writes builtins of torch as getattr(torch._C._VariableFunctions, "exp"). */
static const char *of_attribute(const ins_value *map, char *out, size_t size) {
  const ins_value *arguments = ins_map_get(map, "__args__");
  const char *class = ins_value_text_or(ins_map_get(map, "__class__"), "");
  if (ins_value_count(arguments) != 2 || !ends(class, "getattr")) return NULL;
  const char *name = ins_value_text_or(arguments->children.items[1], NULL);
  const char *owner = ins_value_text_or(arguments->children.items[0], "");
  if (!name || !strstr(owner, "torch.")) return NULL;
  snprintf(out, size, "torch.%s", name);
  return out;
}

const char *ins_reference_of(const ins_value *value, char *out, size_t size) {
  static const char *const keys[] = {"_target_", "_partial_", "_convert_", "_recursive_",
                                     "path",     "_args_",    NULL};
  if (!value) return NULL;
  if (value->kind == INS_TEXT) return unwrapped(value->text, out, size);
  if (value->kind != INS_MAP) return NULL;
  const char *target = ins_value_text_or(ins_map_get(value, "_target_"), NULL);
  const char *path = ins_value_text_or(ins_map_get(value, "path"), NULL);
  if (!target) return of_attribute(value, out, size);
  if (!only(value, keys) || ins_value_count(ins_map_get(value, "_args_"))) return NULL;
  if (strncmp(target, "hydra.utils.get_", 16) == 0) return path ? unwrapped(path, out, size) : NULL;
  return path ? NULL : unwrapped(target, out, size);
}

bool ins_torch_function(const ins_value *value, char out[INS_FUNCTION_NAME]) {
  char full[256];
  const char *name = ins_reference_of(value, full, sizeof full);
  if (!name) return false;
  const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
  size_t n = strlen(last);
  if (dot && strncmp(name, "torch.", 6) != 0) return false;
  if (n == 0 || n >= INS_FUNCTION_NAME ||
      strspn(last, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != n)
    return false;
  memcpy(out, last, n + 1);
  return true;
}
