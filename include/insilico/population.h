/* SPDX-License-Identifier: MIT */
/** Experiment `population`: questions about all neurons at once, on matrices that no single rank
 * needs to hold (ScaLAPACK). It reads variables of results files and leaves a results file of its
 * own, a group for each analysis.
 *
 * Sums over ranks are formed in an order that depends on their number: results of different numbers
 * of ranks agree to rounding, those of the same number to the byte.
 */
#ifndef INSILICO_POPULATION_H
#define INSILICO_POPULATION_H

#include "insilico/schedule.h"

/** The entry of a registry: keys, and the ops of an ins_experiment with `together`. */
extern const ins_variant ins_population;
/** The kinds of analyses, for `insilico list`. Ends with name == NULL. */
extern const ins_variant ins_population_analyses[];

/** The kinds of `data`, likewise. */
extern const ins_variant ins_table_kinds[];

/** What shows to be wrong with `data` of a population job before anything is run or read for it:
 * names that occur twice, jobs to be run first that cannot be. One process.
 * @return INS_OK; INS_ERR_ARGUMENT; as ins_job_load */
ins_status ins_population_check(const ins_job *job) INS_CHECKED;
/** Looks at the results files that a population job reads: *out becomes
 * ins_experiment_context.sources. One process; every other one gets it by ins_value_pack. Files
 * that a job is to be run for first must be there by now.
 * @return INS_OK; INS_ERR_MISSING (no such file; tasks that are not done: which, and the command to
 *         run); as ins_reader_describe */
ins_status ins_population_sources(const ins_job *job, ins_value **out) INS_CHECKED;

#endif
