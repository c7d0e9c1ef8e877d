/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "insilico/comm.h"
#include "insilico/schedule.h"
#include "insilico/store.h"

/* Level of the path that an existing file was begun with, or -1. Rank 0 only. */
static int level_of_file(const char *output) {
  ins_store_facts facts = {0};
  int level = -1;
  if (ins_store_probe(output, 0, NULL, &facts) == INS_OK && facts.opens && facts.instruction_set)
    level = ins_kernels_level(facts.instruction_set);
  ins_store_facts_clear(&facts);
  return level;
}

ins_status ins_agree_kernels(MPI_Comm comm, const char *output, bool fresh,
                             const ins_kernels **kernels) {
  int rank, common, kept = -1, mine = ins_kernels_level(ins_kernels_name(ins_kernels_best()));
  MPI_Comm_rank(comm, &rank);
  MPI_Allreduce(&mine, &common, 1, MPI_INT, MPI_MIN, comm);
  if (rank == 0 && output && !fresh) kept = level_of_file(output);
  MPI_Bcast(&kept, 1, MPI_INT, 0, comm);
  if (kept > common)
    return ins_fail(
        INS_ERR_ARGUMENT,
        "%s was begun with instruction set '%s', which not all of these processors have "
        "('%s' they have); run on nodes like before, or start over with --fresh",
        output, ins_kernels_names()[kept], ins_kernels_names()[common]);
  *kernels = ins_kernels_find(ins_kernels_names()[kept >= 0 ? kept : common]);
  if (!*kernels) return ins_fail(INS_ERR_INTERNAL, "no compute kernels for this processor");
  return INS_OK;
}
