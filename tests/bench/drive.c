/* SPDX-License-Identifier: MIT */
#include "drive.h"

#include "measure.h"

void drive_run(const ins_job *job, const ins_experiment *experiment, ins_model_source *source,
               ins_run_report *report) {
  const ins_kernels *kernels;
  ins_model *model = NULL;
  ins_text json = {0};
  ins_value *attributes = ins_value_map();
  if (!attributes) bench_must(INS_ERR_MEMORY);
  bench_must(ins_job_json(job, &json));
  bench_must(ins_map_take(attributes, "job", ins_value_text(json.data)));
  bench_must(ins_agree_kernels(MPI_COMM_WORLD, NULL, true, &kernels));
  if (source) bench_must(ins_model_create(source, &model));
  const ins_experiment_context context = {
      .job = job, .model = model, .source = source, .kernels = kernels};
  const ins_run_options options = {
      .fresh = true, .quiet = true, .computing_master = -1, .deadline_s = 300};
  bench_must(ins_run(MPI_COMM_WORLD, experiment, &context, attributes, &options, report));
  ins_model_destroy(&model);
  ins_value_destroy(&attributes);
  ins_text_free(&json);
}
