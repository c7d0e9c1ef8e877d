/* SPDX-License-Identifier: MIT */
/** Sweeps: the map `sweep` of a job. Private to the room `job`. */
#ifndef INSILICO_JOB_SWEEP_H
#define INSILICO_JOB_SWEEP_H

#include "insilico/job.h"
#include "job/resolve.h"

/** Takes the map `sweep` out of the document, checks each swept key and value, and leaves the first
 * value of each in the document. On failure *sweeps are those found so far. */
ins_status ins_sweeps_take(const ins_check *check, const ins_tables *tables, ins_value *document,
                           ins_sweep **sweeps, size_t *n) INS_CHECKED;
/** Puts value k of a sweep into the document. */
ins_status ins_sweep_put(const ins_tables *tables, const ins_sweep *sweep, size_t k,
                         ins_value *document) INS_CHECKED;
/** A kind decides which other keys there are, so every swept kind is tried on the whole document.
 */
ins_status ins_sweeps_try_kinds(const ins_check *check, const ins_tables *tables,
                                const ins_sweep *sweeps, size_t n, ins_value *document) INS_CHECKED;
void ins_sweeps_free(ins_sweep **sweeps, size_t n);

#endif
