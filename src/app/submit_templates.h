/* SPDX-License-Identifier: MIT */
/** The texts of slurm/, built into the program (CMakeLists.txt). Private to the room. */
#ifndef INSILICO_APP_SUBMIT_TEMPLATES_H
#define INSILICO_APP_SUBMIT_TEMPLATES_H

extern const char ins_template_slurm[];  /* slurm/job.sh */
extern const char ins_template_runner[]; /* slurm/runner.sh: what @RUNNER@ stands for */

#endif
