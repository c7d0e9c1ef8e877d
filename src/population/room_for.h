/* SPDX-License-Identifier: MIT */
/** Memory: what a rank may take here, and how many ranks would do. Private to the room. */
#ifndef INSILICO_POPULATION_ROOM_FOR_H
#define INSILICO_POPULATION_ROOM_FOR_H

#include <mpi.h>

#include "insilico/status.h"

/** Bytes that are free on this node, as the kernel and the control group of the process say. Local.
 */
double ins_memory_free(void);
/** Bytes that each of `here` ranks on this node may take: `limit`, or, where that is NaN, what is
 * free shared by them, less a tenth. Local. */
double ins_memory_share(double limit, int here);
/** Bytes that each rank may take, the same on every rank: the least ins_memory_share of all nodes.
 * *per_node: ranks of the node that has
 * most. Collective. */
double ins_memory_per_rank(MPI_Comm comm, double limit, int *per_node);
/** The least number of ranks, at least `size`, of which each takes no more than `bytes` by `needs`;
 * 0: none up to a million would do. Local. */
int ins_memory_ranks(double (*needs)(const void *self, int size), const void *self, int size,
                     double bytes);

#endif
