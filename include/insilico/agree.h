/* SPDX-License-Identifier: MIT */
/** Ranks agreeing with each other, or ending together. */
#ifndef INSILICO_AGREE_H
#define INSILICO_AGREE_H

#include <mpi.h>

#include "insilico/status.h"

/** Every rank brings its status and leaves with the worst of them and that rank's message, so that
 * nobody goes on alone or waits for one who left. Collective. A rank that waits for others sleeps
 * in between; when it has waited for ins_agree_patience all ranks end. */
ins_status ins_agree(MPI_Comm comm, ins_status status) INS_CHECKED;
/** How long to wait for others, in seconds; infinite to begin with. */
void ins_agree_patience(double seconds);

/** This rank cannot go on: logs why and where, and ends all ranks with the exit status that
 * `status` stands for. The only caller of MPI_Abort. Does not return. */
_Noreturn void ins_fatal(ins_status status, const char *what, const char *file, int line);

#endif
