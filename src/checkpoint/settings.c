/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "torch_function.h"

/* ---- finding --------------------------------------------------------------------------------- */

static const ins_value *part_of(const ins_settings *s, const char *part) {
  return *part ? ins_value_at(s->map, part) : s->map;
}

const ins_value *ins_setting_find(const ins_settings *s, const char *part,
                                  const ins_setting *setting) {
  const ins_value *map = part_of(s, part);
  const ins_value *value = setting->peer ? ins_map_get(map, setting->peer) : NULL;
  if (!value && (s->given || !setting->peer)) value = ins_map_get(map, setting->name);
  bool unset = value && value->kind == INS_TEXT && strcmp(value->text, "???") == 0;
  return unset ? NULL : value;
}

bool ins_setting_is_given(const ins_settings *s, const char *path) {
  const ins_value *value = ins_value_at(s->map, path);
  return value && value->kind != INS_NULL &&
         !(value->kind == INS_TEXT && strcmp(value->text, "???") == 0);
}

/* "core.input_padding", by the name that the file uses. */
static const char *name_of(const ins_settings *s, const char *part, const ins_setting *setting,
                           char out[160]) {
  const char *name = setting->peer && !s->given ? setting->peer : setting->name;
  snprintf(out, 160, "%s%s%s%s", s->root, part, *part ? "." : "", name);
  return out;
}

/* ---- complaints ------------------------------------------------------------------------------ */

typedef struct reading {
  const ins_settings *s;
  const char *part;
  const ins_setting *setting;
  const ins_value *value;
} reading;

static ins_status wrong(const reading *r, const char *what) {
  char place[256], name[160];
  return ins_fail(INS_ERR_FORMAT, "%s%s: the setting %s must be %s",
                  ins_value_place(r->value, place, sizeof place), r->s->file,
                  name_of(r->s, r->part, r->setting, name), what);
}

static ins_status missing(const reading *r) {
  char name[160];
  name_of(r->s, r->part, r->setting, name);
  if (r->s->given)
    return ins_fail(INS_ERR_MISSING, "%s: give %s, which its weights do not tell", r->s->file,
                    name);
  return ins_fail(INS_ERR_MISSING,
                  "%s: its hyper_parameters lack the setting %s; give model.architecture",
                  r->s->file, name);
}

/* ---- kinds of values ------------------------------------------------------------------------- */

/* A whole number, whether it was written 5 or 5.0, within what sizes can be. */
static bool whole(const ins_value *value, int64_t *out) {
  if (!value || !ins_value_is_number(value)) return false;
  double x = ins_value_real_or(value, 0);
  if (!(fabs(x) <= 1 << 24) || x != floor(x)) return false;
  *out = (int64_t)x;
  return true;
}

static ins_status made(ins_value *value, ins_value **out) {
  *out = value;
  return value ? INS_OK : INS_ERR_MEMORY;
}

static ins_status read_ints(const reading *r, ins_value **out) {
  static const char what[] = "a list of whole numbers";
  if (r->value->kind != INS_LIST) return wrong(r, what);
  ins_status status = made(ins_value_list(), out);
  for (size_t i = 0; status == INS_OK && i < r->value->children.n; i++) {
    int64_t x;
    status = whole(r->value->children.items[i], &x) ? ins_list_take(*out, ins_value_int(x))
                                                    : wrong(r, what);
  }
  return status;
}

static ins_status read_reals(const reading *r, ins_value **out) {
  static const char what[] = "a list of numbers";
  if (r->value->kind != INS_LIST) return wrong(r, what);
  ins_status status = made(ins_value_list(), out);
  for (size_t i = 0; status == INS_OK && i < r->value->children.n; i++) {
    const ins_value *item = r->value->children.items[i];
    status = ins_value_is_number(item)
                 ? ins_list_take(*out, ins_value_real(ins_value_real_or(item, 0)))
                 : wrong(r, what);
  }
  return status;
}

static ins_status read_padding(const reading *r, ins_value **out) {
  static const char what[] = "false, true, \"same\", a number, or [time, height, width]";
  const ins_value *value = r->value;
  int64_t x;
  if (value->kind == INS_LIST) {
    ins_status status = read_ints(r, out);
    if (status == INS_OK && (*out)->children.n != 3) status = wrong(r, what);
    for (size_t d = 0; status == INS_OK && d < 3; d++)
      if ((*out)->children.items[d]->integer < 0) status = wrong(r, what);
    return status;
  }
  if (value->kind == INS_BOOL) return made(ins_value_bool(value->boolean), out);
  if (value->kind == INS_TEXT && strcmp(value->text, "same") == 0)
    return made(ins_value_text("same"), out);
  if (value->kind == INS_TEXT && strcmp(value->text, "valid") == 0)
    return made(ins_value_bool(false), out); /* torch's other word */
  if (whole(value, &x) && x >= 0) return made(ins_value_int(x), out);
  return wrong(r, what);
}

static bool truth(const ins_value *value) {
  if (ins_value_is_number(value)) return ins_value_real_or(value, 0) != 0;
  if (value->kind == INS_TEXT) return value->text[0] != '\0';
  return value->kind == INS_BOOL ? value->boolean : ins_value_count(value) > 0;
}

static ins_status read_word(const reading *r, ins_value **out) {
  const char *const *words = r->setting->words;
  ins_text list = {0};
  const char *word = ins_value_text_or(r->value, "");
  for (; *words && strcmp(*words, word) != 0; words++)
    ins_text_add(&list, "%s%s", list.length ? ", " : "", *words);
  ins_status status =
      *words ? made(ins_value_text(word), out) : wrong(r, list.data ? list.data : "another word");
  ins_text_free(&list);
  return status;
}

static ins_status read_function(const reading *r, ins_value **out) {
  char name[INS_FUNCTION_NAME], setting[160];
  if (ins_torch_function(r->value, name)) return made(ins_value_text(name), out);
  ins_text json = {0};
  ins_value_json(r->value, 8, &json);
  ins_status status = ins_fail(INS_ERR_UNSUPPORTED,
                               "%s: the setting %s is %.200s, which is no plain function of torch",
                               r->s->file, name_of(r->s, r->part, r->setting, setting),
                               json.data ? json.data : "another function");
  ins_text_free(&json);
  return status;
}

static ins_status read_kind(const reading *r, ins_value **out) {
  int64_t x;
  switch (r->setting->kind & INS_SETTING_KINDS) {
  case INS_SETTING_INT:
    if (!whole(r->value, &x) || x < 0) return wrong(r, "a whole number from 0");
    return made(ins_value_int(x), out);
  case INS_SETTING_REAL:
    if (!ins_value_is_number(r->value) || !isfinite(ins_value_real_or(r->value, 0)))
      return wrong(r, "a number");
    return made(ins_value_real(ins_value_real_or(r->value, 0)), out);
  case INS_SETTING_BOOL:
    if (r->value->kind != INS_BOOL) return wrong(r, "true or false");
    return made(ins_value_bool(r->value->boolean), out);
  case INS_SETTING_TRUTH:
    return made(ins_value_bool(truth(r->value)), out);
  case INS_SETTING_INTS:
    return read_ints(r, out);
  case INS_SETTING_REALS:
    return read_reals(r, out);
  case INS_SETTING_WORD:
    return read_word(r, out);
  case INS_SETTING_FUNCTION:
    return read_function(r, out);
  default:
    return read_padding(r, out);
  }
}

static ins_value *fallback_of(const ins_setting *setting) {
  const char *text = setting->fallback;
  int kind = setting->kind & INS_SETTING_KINDS;
  if (strcmp(text, "null") == 0) return ins_value_null();
  if (kind == INS_SETTING_WORD || kind == INS_SETTING_FUNCTION) return ins_value_text(text);
  if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
    return ins_value_bool(text[0] == 't');
  if (kind == INS_SETTING_REAL) return ins_value_real(strtod(text, NULL));
  return ins_value_int(strtol(text, NULL, 10));
}

/* ---- reading --------------------------------------------------------------------------------- */

ins_status ins_setting_read(const ins_settings *s, const char *part, const ins_setting *setting,
                            ins_value **out) {
  const ins_value *value = ins_setting_find(s, part, setting);
  const reading r = {s, part, setting, value};
  *out = NULL;
  if (!value) {
    bool granted = !s->given || setting->kind & INS_SETTING_HARMLESS;
    if (!setting->fallback || !granted) return missing(&r);
    return made(fallback_of(setting), out);
  }
  if (value->kind == INS_NULL && setting->kind & INS_SETTING_NULLABLE)
    return made(ins_value_null(), out);
  ins_status status = read_kind(&r, out);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

ins_status ins_settings_read(const ins_settings *s, const char *part, const ins_setting *settings,
                             const ins_value *state, ins_value *architecture) {
  ins_status status = INS_OK;
  for (; status == INS_OK && settings->name; settings++) {
    ins_value *value = NULL;
    char path[96];
    status = (settings->kind & INS_SETTING_KINDS) == INS_SETTING_MADE
                 ? settings->make(s, settings, state, architecture, &value)
                 : ins_setting_read(s, part, settings, &value);
    snprintf(path, sizeof path, "%s.%s", part, settings->name);
    if (status == INS_OK && value)
      status = ins_value_set(architecture, path, value);
    else
      ins_value_destroy(&value);
  }
  return status;
}

/* ---- settings that would change the model and are not known ---------------------------------- */

/* Strengths of regularization play no part once a model is trained. */
static bool only_for_training(const char *key) {
  size_t n = strlen(key);
  return strncmp(key, "gamma", 5) == 0 || key[0] == '_' ||
         (n > 4 && strcmp(key + n - 4, "_reg") == 0);
}

static bool known(const char *key, const ins_setting *settings, const char *const *unused) {
  for (; settings->name; settings++)
    if (strcmp(settings->name, key) == 0 || (settings->peer && strcmp(settings->peer, key) == 0))
      return true;
  while (*unused && strcmp(*unused, key) != 0) unused++;
  return *unused || only_for_training(key) || strcmp(key, "kind") == 0;
}

ins_status ins_settings_check_keys(const ins_settings *s, const char *part,
                                   const ins_setting *settings, const char *const *unused) {
  const ins_value *map = part_of(s, part);
  if (!map || map->kind != INS_MAP) return INS_OK;
  for (size_t i = 0; i < map->children.n; i++) {
    if (map->children.items[i]->kind == INS_NULL) continue;
    if (known(map->children.keys[i], settings, unused)) continue;
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: the setting %s%s.%s is not known, and the model may depend on it", s->file,
                    s->root, part, map->children.keys[i]);
  }
  return INS_OK;
}

int64_t ins_architecture_int(const ins_value *a, const char *path, size_t i) {
  const ins_value *list = ins_value_at(a, path);
  if (!list || list->kind != INS_LIST || i >= list->children.n) return 0;
  return ins_value_int_or(list->children.items[i], 0);
}
