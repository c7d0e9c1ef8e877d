/* SPDX-License-Identifier: MIT */
/* The archive reader: every member of whatever opens is read twice. */
#include "checkpoint/archive.h"
#include "fuzz.h"
#include "insilico/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  ins_archive *archive;
  fuzz_file(bytes, n);
  ins_status status = ins_archive_open(fuzz_path, &archive);
  for (size_t i = 0; status == INS_OK && i < ins_archive_count(archive); i++) {
    unsigned char *member;
    size_t length;
    uint64_t at;
    if (ins_archive_locate(archive, ins_archive_member(archive, i)) != i) abort();
    if (ins_archive_place(archive, i, &at) && at > n) abort();
    status = ins_archive_read_at(archive, i, (size_t)1 << 30, &member, &length);
    if (status == INS_OK && length) {
      volatile unsigned char last = member[length - 1];
      (void)last;
    }
    ins_free(&member);
  }
  /* A file's own control characters stand in its names until ins_model_open makes one line of them.
   */
  if (status == INS_ERR_INTERNAL || status == INS_ERR_MEMORY) abort();
  ins_archive_close(&archive);
  return 0;
}
