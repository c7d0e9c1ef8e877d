/* SPDX-License-Identifier: MIT */
/* Settings that show in which entries a state dict has. */
#include "settings.h"
#include "state_dict.h"

static ins_status make(const ins_settings *s, const char *part, const char *prefix,
                       const ins_setting *setting, const ins_value *state, ins_value **out) {
  ins_setting read = *setting;
  bool there = false;
  read.kind = INS_SETTING_TRUTH;
  if (!s->given || ins_setting_find(s, part, setting)) return ins_setting_read(s, part, &read, out);
  for (const char *const *leaf = setting->words; *leaf && !there; leaf++)
    there = ins_state_has_leaf(state, prefix, *leaf);
  *out = ins_value_bool(there);
  return *out ? INS_OK : INS_ERR_MEMORY;
}

ins_status ins_make_presence_core(const ins_settings *s, const ins_setting *setting,
                                  const ins_value *state, const ins_value *architecture,
                                  ins_value **out) {
  (void)architecture;
  return make(s, "core", "core.", setting, state, out);
}

ins_status ins_make_presence_readout(const ins_settings *s, const ins_setting *setting,
                                     const ins_value *state, const ins_value *architecture,
                                     ins_value **out) {
  char prefix[300] = "readout.";
  (void)architecture;
  (void)ins_state_first_prefix(state, prefix, sizeof prefix);
  return make(s, "readout", prefix, setting, state, out);
}
