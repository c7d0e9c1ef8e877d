/* SPDX-License-Identifier: MIT */
#include "insilico/comm.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "insilico/log.h"

ins_status ins_agree(MPI_Comm comm, ins_status status) {
  struct {
    int code, rank;
  } mine = {.code = (int)status}, worst;
  char message[INS_MESSAGE_MAX] = "";
  MPI_Comm_rank(comm, &mine.rank);
  MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm);
  if (worst.code == INS_OK) return INS_OK;
  if (worst.rank == mine.rank) strcpy(message, ins_message());
  MPI_Bcast(message, sizeof message, MPI_CHAR, worst.rank, comm);
  return ins_fail((ins_status)worst.code, "%s", message);
}

/* MPI counts are ints: long texts go in pieces. */
static void share_bytes(MPI_Comm comm, char *data, uint64_t length) {
  const uint64_t piece = (uint64_t)1 << 30;
  for (uint64_t at = 0; at < length; at += piece) {
    uint64_t n = length - at < piece ? length - at : piece;
    MPI_Bcast(data + at, (int)n, MPI_CHAR, 0, comm);
  }
}

ins_status ins_share(MPI_Comm comm, ins_status status, ins_text *text) {
  int rank;
  uint64_t length = text->length;
  MPI_Comm_rank(comm, &rank);
  if (rank == 0 && status == INS_OK) status = ins_text_ok(text);
  if ((status = ins_agree(comm, rank == 0 ? status : INS_OK)) != INS_OK) return status;
  MPI_Bcast(&length, 1, MPI_UINT64_T, 0, comm);
  if (rank != 0) {
    *text = (ins_text){.data = malloc(length + 1), .length = length, .capacity = length + 1};
    if (text->data)
      text->data[length] = '\0';
    else
      status = ins_fail(INS_ERR_MEMORY, "out of memory: %llu bytes from rank 0",
                        (unsigned long long)length);
  }
  if ((status = ins_agree(comm, status)) != INS_OK) return status;
  share_bytes(comm, text->data, length);
  return INS_OK;
}

_Noreturn void ins_fatal(const char *what, const char *file, int line) {
  ins_log(INS_LOG_ERROR, "cannot go on: %s (%s:%d)", what, file, line);
  MPI_Abort(MPI_COMM_WORLD, ins_status_exit(INS_ERR_INTERNAL));
  abort();
}

void ins_die_with_launcher(void) {
  /* Started by hand the parent is a shell, which may be left with the run in the background. */
  if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMIX_RANK") && !getenv("PMI_RANK")) return;
  pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* The parent may have died before the request was in place. */
  if (getppid() != parent) raise(SIGKILL);
}
