/* SPDX-License-Identifier: MIT */
/** Validated settings from a line of YAML, with all defaults filled in, for tests of what reads
 * them. */
#ifndef INSILICO_TESTS_SETTINGS_H
#define INSILICO_TESTS_SETTINGS_H

#include "cmocka_all.h"
#include "insilico/keys.h"
#include "job/resolve.h"

/** The value of one CHOICE, as `yaml` says, e.g. "{kind: adam, lr: 0.1}". Destroy it. */
static inline ins_value *settings_of(const ins_variant *variants, const char *yaml) {
  const ins_key key = {.name = "setting", .type = INS_KEY_CHOICE, .variants = variants};
  const ins_trail trail = {.name = "setting"};
  const ins_check check = {.file = "test"};
  ins_value *given = NULL, *resolved = NULL;
  if (ins_yaml_parse(yaml, strlen(yaml), NULL, NULL, &given) != INS_OK ||
      ins_resolve_key(&check, &key, given, NULL, &trail, &resolved) != INS_OK)
    fail_msg("%s", ins_message());
  ins_value_destroy(&given);
  return resolved;
}

#endif
