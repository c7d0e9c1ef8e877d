/* SPDX-License-Identifier: MIT */
/* YAML text as values, with and without the places of keys. */
#include "fuzz.h"
#include "insilico/memory.h"
#include "insilico/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  ins_key_places keys = {0};
  ins_value *value = NULL;
  ins_text text = {0};
  if (n > 1 << 16) return 0;
  ins_status status = ins_yaml_parse((const char *)bytes, n, "fuzz", &keys, &value);
  fuzz_expect_message(status);
  if (status == INS_OK && value) ins_value_json(value, 16, &text);
  ins_text_free(&text);
  ins_value_destroy(&value);
  ins_free(&keys.at);
  return 0;
}
