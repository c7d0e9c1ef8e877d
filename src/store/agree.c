/* SPDX-License-Identifier: MIT */
#include "insilico/agree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "insilico/clock.h"
#include "insilico/log.h"

static double patience_s = (double)INFINITY;

void ins_agree_patience(double seconds) {
  patience_s = seconds;
}

/* Others may be minutes away: who waits leaves its core to them. */
static void await(MPI_Request *request) {
  const double start = ins_clock_s();
  int arrived = 0;
  for (unsigned looks = 0; !arrived; looks++) {
    MPI_Test(request, &arrived, MPI_STATUS_IGNORE);
    struct timespec pause = {.tv_nsec = looks < 1000 ? 20000 : 500000};
    if (!arrived && looks >= 200) nanosleep(&pause, NULL);
    if (!arrived && ins_clock_s() - start > patience_s)
      ins_fatal(INS_ERR_LOST, "other ranks do not answer any more; run again to go on", __FILE__,
                __LINE__);
  }
}

ins_status ins_agree(MPI_Comm comm, ins_status status) {
  struct {
    int code, rank;
  } mine = {.code = (int)status}, worst;
  char message[INS_MESSAGE_MAX] = "";
  MPI_Request request;
  MPI_Comm_rank(comm, &mine.rank);
  MPI_Iallreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm, &request);
  await(&request);
  if (worst.code == INS_OK) return INS_OK;
  if (worst.rank == mine.rank) snprintf(message, sizeof message, "%s", ins_message());
  MPI_Bcast(message, sizeof message, MPI_CHAR, worst.rank, comm);
  return ins_fail((ins_status)worst.code, "%s", message);
}

_Noreturn void ins_fatal(ins_status status, const char *what, const char *file, int line) {
  const char *name = strrchr(file, '/');
  ins_log(INS_LOG_ERROR, "cannot go on: %s (%s:%d)", what, name ? name + 1 : file, line);
  MPI_Abort(MPI_COMM_WORLD, ins_status_exit(status));
  abort();
}
