/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "insilico/comm.h"
#include "insilico/schedule.h"
#include "insilico/store.h"

/* *level of the path that an existing file was begun with, or -1. Rank 0 only. */
static ins_status level_of_file(const char *output, int *level) {
  ins_store_facts facts = {0};
  ins_status status = ins_store_probe(output, 0, NULL, &facts);
  if (status == INS_OK && facts.opens && facts.instruction_set)
    *level = ins_kernels_level(facts.instruction_set);
  ins_store_facts_clear(&facts);
  return status;
}

ins_status ins_agree_kernels(MPI_Comm comm, const char *output, bool fresh,
                             const ins_kernels **kernels) {
  int rank, common, kept = -1, mine = ins_kernels_level(ins_kernels_name(ins_kernels_best()));
  MPI_Comm_rank(comm, &rank);
  MPI_Allreduce(&mine, &common, 1, MPI_INT, MPI_MIN, comm);
  ins_status status = INS_OK;
  if (rank == 0 && output && !fresh) status = level_of_file(output, &kept);
  if ((status = ins_agree(comm, status)) != INS_OK) return status;
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
