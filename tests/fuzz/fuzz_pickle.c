/* SPDX-License-Identifier: MIT */
/* The pickle machine, the plain values of what it made, and the scan of the same bytes. */
#include "checkpoint/pickle_file.h"
#include "fuzz.h"
#include "insilico/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  ins_value *value = NULL, *scan = NULL;
  fuzz_file(bytes, n);
  ins_status status = ins_pickle_file_value(fuzz_path, &value);
  if (status == INS_OK) {
    ins_text text = {0};
    ins_value_json(value, 16, &text);
    ins_text_free(&text);
  }
  if (status == INS_ERR_INTERNAL || status == INS_ERR_MEMORY) abort();
  ins_value_destroy(&value);
  status = ins_checkpoint_scan(fuzz_path, &scan);
  if (status == INS_ERR_INTERNAL || status == INS_ERR_MEMORY) abort();
  if (status == INS_OK && !ins_map_get(scan, "verdict")) abort();
  ins_value_destroy(&scan);
  return 0;
}
