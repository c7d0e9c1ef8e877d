/* SPDX-License-Identifier: MIT */
/** Paths of input files among the settings of a job. Private to the room `job`. */
#ifndef INSILICO_JOB_INPUTS_H
#define INSILICO_JOB_INPUTS_H

#include "insilico/job.h"

/** Replaces every path in `settings`, a copy of the job's, by "(by contents)": the same file may
 * lie elsewhere in the next run, and its hash stands in the results instead. */
ins_status ins_inputs_hide(const ins_job *job, ins_value *settings) INS_CHECKED;

#endif
