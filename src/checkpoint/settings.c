/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const ins_value *find(const ins_settings *s, const char *path, const char *example) {
  if (s->style == INS_STYLE_EXAMPLE) return example ? ins_map_get(s->map, example) : NULL;
  return ins_value_at(s->map, path);
}

bool ins_setting_is_given(const ins_settings *s, const char *path, const char *example) {
  const ins_value *value = find(s, path, example);
  return value && value->kind != INS_NULL;
}

const char *ins_setting_text(const ins_settings *s, const char *path, const char *example) {
  return ins_value_text_or(find(s, path, example), NULL);
}

static ins_status wrong(const ins_settings *s, const ins_setting *setting, const ins_value *value,
                        const char *what) {
  char place[256];
  const char *name = s->style == INS_STYLE_EXAMPLE ? setting->example : setting->path;
  const char *root = s->style == INS_STYLE_GIVEN ? "model.architecture." : "";
  return ins_fail(INS_ERR_FORMAT, "%s%s: the setting %s%s must be %s",
                  ins_value_place(value, place, sizeof place), s->file, root, name, what);
}

static ins_status missing(const ins_settings *s, const ins_setting *setting) {
  if (s->style == INS_STYLE_GIVEN)
    return ins_fail(INS_ERR_MISSING,
                    "%s: a state dict without its architecture: give "
                    "model.architecture.%s",
                    s->file, setting->path);
  return ins_fail(INS_ERR_MISSING,
                  "%s: its hyper_parameters lack the setting %s; give "
                  "model.architecture",
                  s->file, s->style == INS_STYLE_EXAMPLE ? setting->example : setting->path);
}

/* A whole number, whether it was written 5 or 5.0, within what sizes can be. */
static bool whole(const ins_value *value, int64_t *out) {
  if (!value || !ins_value_is_number(value)) return false;
  double x = ins_value_real_or(value, 0);
  if (!(fabs(x) <= 1 << 24) || x != floor(x)) return false;
  *out = (int64_t)x;
  return true;
}

static ins_status read_ints(const ins_settings *s, const ins_setting *setting,
                            const ins_value *value, ins_value **out) {
  if (value->kind != INS_LIST) return wrong(s, setting, value, "a list of whole numbers");
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < value->children.n; i++) {
    int64_t x;
    status = whole(value->children.items[i], &x)
                 ? ins_list_take(*out, ins_value_int(x))
                 : wrong(s, setting, value, "a list of whole numbers");
  }
  return status;
}

static ins_status read_reals(const ins_settings *s, const ins_setting *setting,
                             const ins_value *value, ins_value **out) {
  if (value->kind != INS_LIST) return wrong(s, setting, value, "a list of numbers");
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < value->children.n; i++) {
    const ins_value *item = value->children.items[i];
    status = ins_value_is_number(item)
                 ? ins_list_take(*out, ins_value_real(ins_value_real_or(item, 0)))
                 : wrong(s, setting, value, "a list of numbers");
  }
  return status;
}

static ins_status read_padding(const ins_settings *s, const ins_setting *setting,
                               const ins_value *value, ins_value **out) {
  static const char what[] = "false, true, \"same\", a number, or [time, height, width]";
  int64_t x;
  ins_status status = INS_OK;
  if (value->kind == INS_LIST) {
    status = read_ints(s, setting, value, out);
    if (status == INS_OK && (*out)->children.n != 3) status = wrong(s, setting, value, what);
    for (size_t d = 0; status == INS_OK && d < 3; d++)
      if ((*out)->children.items[d]->integer < 0) status = wrong(s, setting, value, what);
    return status;
  }
  if (value->kind == INS_BOOL)
    *out = ins_value_bool(value->boolean);
  else if (value->kind == INS_TEXT && strcmp(value->text, "same") == 0)
    *out = ins_value_text("same");
  else if (value->kind == INS_TEXT && strcmp(value->text, "valid") == 0)
    *out = ins_value_bool(false); /* torch's other word */
  else if (whole(value, &x) && x >= 0)
    *out = ins_value_int(x);
  else
    return wrong(s, setting, value, what);
  return *out ? INS_OK : INS_ERR_MEMORY;
}

static ins_status read_kind(const ins_settings *s, const ins_setting *setting,
                            const ins_value *value, ins_value **out) {
  int64_t x;
  switch (setting->kind & INS_SETTING_KINDS) {
  case INS_SETTING_INT:
    if (!whole(value, &x) || x < 0) return wrong(s, setting, value, "a whole number from 0");
    *out = ins_value_int(x);
    return *out ? INS_OK : INS_ERR_MEMORY;
  case INS_SETTING_REAL:
    if (!ins_value_is_number(value) || !isfinite(ins_value_real_or(value, 0)))
      return wrong(s, setting, value, "a number");
    *out = ins_value_real(ins_value_real_or(value, 0));
    return *out ? INS_OK : INS_ERR_MEMORY;
  case INS_SETTING_BOOL:
    if (value->kind != INS_BOOL) return wrong(s, setting, value, "true or false");
    *out = ins_value_bool(value->boolean);
    return *out ? INS_OK : INS_ERR_MEMORY;
  case INS_SETTING_INTS:
    return read_ints(s, setting, value, out);
  case INS_SETTING_REALS:
    return read_reals(s, setting, value, out);
  default:
    return read_padding(s, setting, value, out);
  }
}

static ins_value *fallback_of(const ins_setting *setting) {
  const char *text = setting->fallback;
  if (strcmp(text, "null") == 0) return ins_value_null();
  if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
    return ins_value_bool(text[0] == 't');
  if ((setting->kind & INS_SETTING_KINDS) == INS_SETTING_REAL)
    return ins_value_real(strtod(text, NULL));
  return ins_value_int(strtol(text, NULL, 10));
}

ins_status ins_setting_read(const ins_settings *s, const ins_setting *setting, ins_value **out) {
  const ins_value *value = find(s, setting->path, setting->example);
  bool unset = value && value->kind == INS_TEXT && strcmp(value->text, "???") == 0; /* OmegaConf */
  *out = NULL;
  if (!value || unset) {
    if (!setting->fallback) return missing(s, setting);
    *out = fallback_of(setting);
    return *out ? INS_OK : INS_ERR_MEMORY;
  }
  if (value->kind == INS_NULL && setting->kind & INS_SETTING_NULLABLE) {
    *out = ins_value_null();
    return *out ? INS_OK : INS_ERR_MEMORY;
  }
  ins_status status = read_kind(s, setting, value, out);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}
