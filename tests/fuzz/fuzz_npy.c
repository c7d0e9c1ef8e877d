/* SPDX-License-Identifier: MIT */
/* Arrays of NumPy; the reader is chosen by the end of a name, so the file has one. */
#include "fuzz.h"
#include "insilico/array_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static char name[96];
  ins_value *value = NULL;
  fuzz_file(bytes, n);
  if (!name[0]) {
    snprintf(name, sizeof name, "/tmp/insilico_fuzz_%ld.npy", (long)getpid());
    unlink(name);
    if (symlink(fuzz_path, name) != 0) abort();
  }
  ins_status status = ins_array_read(name, &value);
  if (status == INS_ERR_INTERNAL || status == INS_ERR_MEMORY) abort();
  ins_value_destroy(&value);
  return 0;
}
