/* SPDX-License-Identifier: MIT */
/** Kernels: pure maths on raw pointers. No allocation, no I/O, no state.
 *
 * The same source is compiled for several instruction sets; a run picks one path for all its ranks,
 * since another path may round differently. ins_kernels_best() is the widest this processor has.
 */
#ifndef INSILICO_KERNELS_H
#define INSILICO_KERNELS_H

#include "insilico/status.h"

typedef struct ins_kernels ins_kernels; /* a table of functions: src/kernels/kernels_table.h */

/** Names from narrow to wide, e.g. "generic", "avx2", "avx512"; ends with NULL. Only what was
 * built. */
const char *const *ins_kernels_names(void);
/** The table called `name`, or NULL when it was not built or this processor cannot run it. */
const ins_kernels *ins_kernels_find(const char *name);
const ins_kernels *ins_kernels_best(void);
const char *ins_kernels_name(const ins_kernels *kernels);
/** Position of a path in ins_kernels_names(): ranks agree on the smallest. -1 when unknown. */
int ins_kernels_level(const char *name);

#endif
