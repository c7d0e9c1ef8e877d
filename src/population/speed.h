/* SPDX-License-Identifier: MIT */
/** How fast matrices are multiplied here. Private to the room. */
#ifndef INSILICO_POPULATION_SPEED_H
#define INSILICO_POPULATION_SPEED_H

/** One thread a rank, unless OPENBLAS_NUM_THREADS or OMP_NUM_THREADS says otherwise: ranks are one
 * a core. */
void ins_speed_one_thread(void);
/** Seconds that `flops` operations in double take on `size` ranks, from a product that is timed
 * here at the first call. */
double ins_speed_seconds(double flops, int size);

#endif
