/* SPDX-License-Identifier: MIT */
#include "insilico/comm.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "insilico/log.h"
#include "insilico/memory.h"

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

/* ---- one copy a node ------------------------------------------------------------------------- */

/* Room for n bytes that all ranks of `node` see; false, on all of them, where that cannot be had.
 */
static bool window_of(MPI_Comm node, size_t n, ins_shared *out) {
  int rank, unit, made, all;
  void *mine;
  MPI_Aint size;
  MPI_Comm_rank(node, &rank);
  MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN);
  made = MPI_Win_allocate_shared(rank == 0 ? (MPI_Aint)(n + 64) : 0, 1, MPI_INFO_NULL, node, &mine,
                                 &out->window) == MPI_SUCCESS;
  MPI_Allreduce(&made, &all, 1, MPI_INT, MPI_MIN, node);
  if (!all) {
    if (made) MPI_Win_free(&out->window);
    return false;
  }
  MPI_Win_shared_query(out->window, 0, &size, &unit, &mine);
  /* Mappings begin with a page, so every rank rounds to the same byte. */
  out->bytes = (char *)mine + (64 - (uintptr_t)mine % 64) % 64;
  out->is_window = true;
  return true;
}

/* Node leaders get the bytes from rank 0, which is one of them; the others wait for theirs. */
static void fill(MPI_Comm comm, MPI_Comm node, const ins_text *text, ins_shared *out) {
  int rank, leader;
  MPI_Comm leaders;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_rank(node, &leader);
  const bool reads = out->is_window ? leader == 0 : true;
  MPI_Comm_split(comm, reads ? 0 : MPI_UNDEFINED, rank, &leaders);
  if (reads) {
    if (rank == 0) memcpy((void *)(uintptr_t)out->bytes, text->data, text->length);
    share_bytes(leaders, (char *)(uintptr_t)out->bytes, out->n);
    MPI_Comm_free(&leaders);
  }
  if (out->is_window) MPI_Win_fence(0, out->window);
}

ins_status ins_share_node(MPI_Comm comm, ins_status status, ins_text *text, ins_shared *out) {
  int rank;
  MPI_Comm node;
  uint64_t length = text->length;
  *out = (ins_shared){0};
  MPI_Comm_rank(comm, &rank);
  if (rank == 0 && status == INS_OK) status = ins_text_ok(text);
  if ((status = ins_agree(comm, rank == 0 ? status : INS_OK)) != INS_OK) return status;
  MPI_Bcast(&length, 1, MPI_UINT64_T, 0, comm);
  out->n = length;
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
  /* All or none: otherwise the two ways of filling would not meet. */
  int shared = window_of(node, length, out), all;
  MPI_Allreduce(&shared, &all, 1, MPI_INT, MPI_MIN, comm);
  if (!all) {
    ins_shared_free(out);
    out->n = length;
    status = ins_alloc(length, 1, &out->own);
    out->bytes = out->own;
  }
  status = ins_agree(comm, status);
  if (status == INS_OK) fill(comm, node, text, out);
  MPI_Comm_free(&node);
  ins_text_free(text);
  if (status != INS_OK) ins_shared_free(out);
  return status;
}

void ins_shared_free(ins_shared *shared) {
  if (shared->is_window) MPI_Win_free(&shared->window);
  ins_free(&shared->own);
  *shared = (ins_shared){0};
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
