/* SPDX-License-Identifier: MIT */
/** Running a job through the framework, as `insilico run` does, from a program that measures. */
#ifndef INSILICO_BENCH_DRIVE_H
#define INSILICO_BENCH_DRIVE_H

#include "insilico/schedule.h"

/** Runs the job from its beginning with the functions of `experiment`, all ranks together,
 * silently. `source`: its model, or NULL. Ends the program where the run fails. */
void drive_run(const ins_job *job, const ins_experiment *experiment, ins_model_source *source,
               ins_run_report *report);

#endif
