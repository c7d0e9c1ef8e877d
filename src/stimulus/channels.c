/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "insilico/stimulus.h"

char *ins_channel_name(size_t c, size_t n, char *out, size_t size) {
  static const char *const two[] = {"green", "uv"};
  if (n == 1)
    snprintf(out, size, "grey");
  else if (n == 2)
    snprintf(out, size, "%s", two[c]);
  else
    snprintf(out, size, "channel_%zu", c);
  return out;
}

static void set_pair(const ins_value *pair, float bounds[2]) {
  bounds[0] = -INFINITY;
  bounds[1] = INFINITY;
  if (ins_value_count(pair) != 2) return;
  bounds[0] = (float)ins_value_real_or(pair->children.items[0], -(double)INFINITY);
  bounds[1] = (float)ins_value_real_or(pair->children.items[1], (double)INFINITY);
}

/* The channel called `key`, by name or number; n when there is none. */
static size_t find_channel(const char *key, size_t n) {
  char name[32], number[32];
  for (size_t c = 0; c < n; c++) {
    snprintf(number, sizeof number, "%zu", c);
    if (!strcmp(key, ins_channel_name(c, n, name, sizeof name)) || !strcmp(key, number)) return c;
  }
  return n;
}

static ins_status no_channel(const ins_value *value, const char *key, size_t n) {
  char place[256], name[32];
  ins_text names = {0};
  for (size_t c = 0; c < n; c++)
    ins_text_add(&names, "%s%s", c ? ", " : "", ins_channel_name(c, n, name, sizeof name));
  ins_status status = ins_fail(INS_ERR_ARGUMENT, "%sthe model has no channel '%s'; it has %s",
                               ins_value_place(value, place, sizeof place), key, names.data);
  ins_text_free(&names);
  return status;
}

ins_status ins_bounds_parse(const ins_value *value, size_t n_channels, float (*bounds)[2]) {
  for (size_t c = 0; c < n_channels; c++) set_pair(value, bounds[c]);
  if (!value || value->kind != INS_MAP) return INS_OK;
  for (size_t i = 0; i < value->children.n; i++) {
    const char *key = value->children.keys[i];
    size_t c = find_channel(key, n_channels);
    if (c == n_channels) return no_channel(value, key, n_channels);
    set_pair(value->children.items[i], bounds[c]);
  }
  return INS_OK;
}
