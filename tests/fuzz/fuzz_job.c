/* SPDX-License-Identifier: MIT */
/* Job files: read, validated, written as JSON, packed and unpacked again. */
#include "fuzz.h"
#include "insilico/experiment.h"
#include "insilico/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  ins_job *job = NULL, *again = NULL;
  ins_text json = {0}, packed = {0};
  if (n > 1 << 16) return 0;
  fuzz_file(bytes, n);
  ins_status status = ins_job_load(fuzz_path, NULL, 0, ins_experiments, &job);
  fuzz_expect_message(status);
  if (status == INS_OK) status = ins_job_json(job, &json);
  if (status == INS_OK) status = ins_job_pack(job, &packed);
  if (status == INS_OK)
    status = ins_job_unpack(packed.data, packed.length, ins_experiments, &again);
  if (job && status != INS_OK) abort(); /* what was accepted must travel */
  ins_text_free(&packed);
  ins_text_free(&json);
  ins_job_destroy(&again);
  ins_job_destroy(&job);
  return 0;
}
