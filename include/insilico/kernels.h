/* SPDX-License-Identifier: MIT */
/** Kernels: pure maths on raw pointers. No allocation, no I/O, no state.
 *
 * The same source is compiled for several instruction sets; a run picks one path for all its ranks,
 * since another path may round differently. ins_kernels_best() is the widest this processor has.
 *
 * The environment variable INSILICO_KERNELS, the name of a path, is a cap: a process that has it
 * behaves as if its processor had no wider one. So a run can be kept to what all nodes of a cluster
 * have, and a mixed cluster can be tried on one machine.
 */
#ifndef INSILICO_KERNELS_H
#define INSILICO_KERNELS_H

#include "insilico/status.h"

typedef struct ins_kernels ins_kernels; /* a table of functions: src/kernels/kernels_table.h */

/** Names from narrow to wide, e.g. "generic", "avx2", "avx512"; ends with NULL. Only what was
 * built. */
const char *const *ins_kernels_names(void);
/** Does INSILICO_KERNELS name a path that was built, if it is set? (One that is none caps nothing.)
 * @return INS_OK; INS_ERR_ARGUMENT with the name */
ins_status ins_kernels_check(void) INS_CHECKED;
/** The table called `name`, or NULL when it was not built or this processor cannot run it (or may
 * not, by INSILICO_KERNELS). */
const ins_kernels *ins_kernels_find(const char *name);
const ins_kernels *ins_kernels_best(void);
const char *ins_kernels_name(const ins_kernels *kernels);
/** Position of a path in ins_kernels_names(): ranks agree on the smallest. -1 when unknown. */
int ins_kernels_level(const char *name);

#endif
