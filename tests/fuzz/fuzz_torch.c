/* SPDX-License-Identifier: MIT */
/* Whole checkpoints: opened as a model, made into one, listed, scanned. */
#include "fuzz.h"
#include "insilico/checkpoint.h"
#include "insilico/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  ins_model_source *source = NULL;
  ins_model *model = NULL;
  ins_value *look = NULL, *scan = NULL;
  fuzz_file(bytes, n);
  ins_status status = ins_model_open(fuzz_path, NULL, &source);
  fuzz_expect_message(status);
  if (status == INS_OK) {
    status = ins_model_create(source, &model);
    if (status == INS_ERR_INTERNAL) abort();
  }
  ins_model_destroy(&model);
  ins_model_source_destroy(&source);
  status = ins_checkpoint_look(fuzz_path, &look);
  if (status == INS_ERR_INTERNAL || status == INS_ERR_MEMORY) abort();
  ins_value_destroy(&look);
  status = ins_checkpoint_scan(fuzz_path, &scan);
  if (status == INS_ERR_INTERNAL || status == INS_ERR_MEMORY) abort();
  ins_value_destroy(&scan);
  return 0;
}
