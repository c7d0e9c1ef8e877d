/* SPDX-License-Identifier: MIT */
#include "leaf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ins_name_after(const char *name, const char *prefix) {
  size_t n = strlen(prefix);
  return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool matches(const char *pattern, const char *name, size_t *layer) {
  for (; *pattern; pattern++) {
    if (*pattern == '#') {
      size_t digits = strspn(name, "0123456789");
      if (digits == 0 || digits > 4) return false;
      *layer = strtoul(name, NULL, 10);
      name += digits;
    } else if (*pattern == '*') {
      size_t n = strcspn(name, ".");
      if (n == 0) return false;
      name += n;
    } else if (*pattern != *name++) {
      return false;
    }
  }
  return !*name;
}

/* "key", "!key" or "key=word" of settings that are there; true, numbers, lists and maps hold. */
static bool holds(const char *word, size_t n, const ins_value *settings) {
  char key[64];
  bool want = *word != '!';
  word += !want;
  n -= !want;
  const char *equals = memchr(word, '=', n);
  snprintf(key, sizeof key, "%.*s", (int)(equals ? equals - word : (long)n), word);
  const ins_value *value = ins_value_at(settings, key);
  bool is = value && value->kind != INS_NULL;
  if (is && equals) {
    size_t rest = n - (size_t)(equals + 1 - word);
    is = value->kind == INS_TEXT && strlen(value->text) == rest &&
         memcmp(value->text, equals + 1, rest) == 0;
  } else if (is && value->kind == INS_BOOL) {
    is = value->boolean;
  }
  return is == want;
}

bool ins_leaf_holds(const ins_leaf *leaf, const ins_value *settings) {
  const char *word = leaf->when;
  while (word && *word) {
    size_t n = strcspn(word, " ");
    if (!holds(word, n, settings)) return false;
    word += n + strspn(word + n, " ");
  }
  return true;
}

const ins_leaf *ins_leaf_find(const ins_leaf *const *lists, const char *name,
                              const ins_value *settings, size_t *layer) {
  for (; *lists; lists++)
    for (const ins_leaf *leaf = *lists; leaf->name; leaf++) {
      *layer = 0;
      if (matches(leaf->name, name, layer) && (!settings || ins_leaf_holds(leaf, settings)))
        return leaf;
    }
  return NULL;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

typedef struct shape {
  int n;
  size_t axis[INS_MAX_DIMS]; /* 0: any */
} shape;

static shape shape_of(const char *text, const ins_dims *dims) {
  shape out = {0};
  while (*text && out.n < INS_MAX_DIMS) {
    size_t size = 0;
    if (isdigit((unsigned char)*text))
      size = strtoul(text, NULL, 10);
    else if (*text != '?')
      size = dims->of[(unsigned char)*text & 127];
    out.axis[out.n++] = size;
    text += strcspn(text, " ");
    text += strspn(text, " ");
  }
  return out;
}

/* "[1,5,?,3]"; with `any`, an axis of 0 is one that may have any length. */
static void print_shape(int n, const size_t *axis, bool any, char *out, size_t size) {
  size_t used = (size_t)snprintf(out, size, "[");
  for (int d = 0; d < n && used < size; d++) {
    const char *comma = d ? "," : "";
    used += any && axis[d] == 0
                ? (size_t)snprintf(out + used, size - used, "%s?", comma)
                : (size_t)snprintf(out + used, size - used, "%s%zu", comma, axis[d]);
  }
  if (used < size) snprintf(out + used, size - used, "]");
}

static bool is_real(ins_dtype dtype) {
  return dtype == INS_F16 || dtype == INS_BF16 || dtype == INS_F32 || dtype == INS_F64;
}

static ins_status check_type(const char *file, const char *name, const ins_value *value,
                             bool whole) {
  if (value->kind != INS_ARRAY)
    return ins_fail(INS_ERR_UNSUPPORTED, "%s: parameter '%s' is no tensor of plain numbers", file,
                    name);
  ins_dtype dtype = value->array.dtype;
  bool right = whole ? !is_real(dtype) && dtype != INS_BOOL8 : is_real(dtype);
  if (right) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED, "%s: parameter '%s' holds %s where %s numbers belong", file,
                  name, ins_dtype_name(dtype), whole ? "whole" : "real");
}

ins_status ins_leaf_check(const char *file, const char *name, const ins_leaf *leaf,
                          const ins_value *value, const ins_dims *dims) {
  char is[200], should[200];
  bool whole = leaf->shape && ins_name_after(leaf->shape, "i ");
  ins_status status = check_type(file, name, value, whole);
  if (status != INS_OK || !leaf->shape) return status;
  const ins_array *array = &value->array;
  const shape want = shape_of(leaf->shape + (whole ? 2 : 0), dims);
  bool same = array->n_dims == want.n;
  for (int d = 0; same && d < want.n; d++)
    same = want.axis[d] == 0 || array->shape[d] == want.axis[d];
  if (same) return INS_OK;
  print_shape(array->n_dims, array->shape, false, is, sizeof is);
  print_shape(want.n, want.axis, true, should, sizeof should);
  return ins_fail(INS_ERR_SHAPE,
                  "%s: parameter '%s' has the shape %s, but its architecture asks for %s", file,
                  name, is, should);
}
