/* SPDX-License-Identifier: MIT */
/* Going on without ranks that were lost: user-level failure mitigation (Bland et al. 2013,
 * "Post-failure recovery of MPI communication capability"). Open MPI has it from version 5 on, when
 * it is started with
 * `--with-ft ulfm`; of version 4 its functions are missing, so they are weak here: one program
 * works with both. */
#include <stdlib.h>

#include "insilico/comm.h"
#include "insilico/log.h"

#ifdef OPEN_MPI
extern int MPIX_Comm_revoke(MPI_Comm comm) __attribute__((weak));
extern int MPIX_Comm_shrink(MPI_Comm comm, MPI_Comm *smaller) __attribute__((weak));
extern int MPIX_Comm_agree(MPI_Comm comm, int *flag) __attribute__((weak));

/* From Open MPI 5's mpi.h and mpi-ext.h. */
enum { PROCESS_FAILED = 75, PROCESS_FAILED_PENDING = 76, REVOKED = 77, FAULT_TOLERANCE_KEY = 12 };

static bool is_on(void) {
  int *value, found = 0;
  if (!MPIX_Comm_revoke || !MPIX_Comm_shrink || !MPIX_Comm_agree) return false;
  return MPI_Comm_get_attr(MPI_COMM_WORLD, FAULT_TOLERANCE_KEY, (void *)&value, &found) ==
             MPI_SUCCESS &&
         found && *value;
}
#endif

static bool lost_some;

bool ins_comm_survives(void) {
#ifdef OPEN_MPI
  static int known = -1;
  if (known < 0) known = is_on();
  return known;
#else
  return false;
#endif
}

bool ins_comm_is_loss(int code) {
#ifdef OPEN_MPI
  int class = MPI_SUCCESS;
  if (code == MPI_SUCCESS || !ins_comm_survives()) return false;
  MPI_Error_class(code, &class);
  return class == PROCESS_FAILED || class == PROCESS_FAILED_PENDING || class == REVOKED;
#else
  return (void)code, false;
#endif
}

/* Whoever notices a loss calls everybody out of what they wait for; then all agree on it. */
bool ins_comm_all_there(MPI_Comm comm, bool lost) {
#ifdef OPEN_MPI
  int fine = !lost;
  if (!ins_comm_survives()) return true;
  if (lost) MPIX_Comm_revoke(comm);
  return MPIX_Comm_agree(comm, &fine) == MPI_SUCCESS && fine;
#else
  return (void)comm, !lost;
#endif
}

ins_status ins_comm_shrink(MPI_Comm *comm) {
#ifdef OPEN_MPI
  MPI_Comm smaller;
  int before, after, rank;
  if (!ins_comm_survives()) return ins_fail(INS_ERR_LOST, "ranks were lost");
  lost_some = true;
  MPI_Comm_size(*comm, &before);
  if (MPIX_Comm_shrink(*comm, &smaller) != MPI_SUCCESS)
    return ins_fail(INS_ERR_LOST, "ranks were lost, and the others do not find each other");
  MPI_Comm_free(comm);
  *comm = smaller;
  ins_comm_guard(smaller);
  MPI_Comm_size(smaller, &after);
  MPI_Comm_rank(smaller, &rank);
  if (rank == 0)
    ins_log(INS_LOG_WARNING, "%d of %d ranks were lost; the run goes on without them",
            before - after, before);
  return INS_OK;
#else
  (void)comm;
  return ins_fail(INS_ERR_LOST, "ranks were lost");
#endif
}

/* After a loss MPI_Finalize may wait for the dead; everything is written and closed by now. */
void ins_comm_finish(int status) {
  int initialised, finalised;
  MPI_Initialized(&initialised);
  MPI_Finalized(&finalised);
  if (!initialised || finalised) return;
  if (lost_some) _Exit(status);
  MPI_Finalize();
}
