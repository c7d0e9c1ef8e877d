/* SPDX-License-Identifier: MIT */
#include "insilico/comm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "insilico/log.h"
#include "insilico/memory.h"

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

/* Memory that other processes can open, without a name that could be left behind; -1 where there is
 * none. Its pages are there at once: running out of memory shows here, not in the middle of a run.
 */
static int make_segment(size_t n, void **map) {
  const int fd = memfd_create("insilico-model", MFD_CLOEXEC);
  if (fd < 0) return -1;
  if (posix_fallocate(fd, 0, (off_t)n) == 0) {
    *map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (*map != MAP_FAILED) return fd;
  }
  close(fd);
  return -1;
}

static bool open_segment(long pid, int there, size_t n, void **map) {
  char path[64];
  struct stat about;
  snprintf(path, sizeof path, "/proc/%ld/fd/%d", pid, there);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  *map = MAP_FAILED;
  if (fstat(fd, &about) == 0 && (size_t)about.st_size == n)
    *map = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return *map != MAP_FAILED;
}

/* Maps n bytes that all ranks of `node` see, its first one made. Every rank passes every call,
 * whatever fails. */
static bool map_on_node(MPI_Comm node, size_t n, ins_shared *out) {
  int rank, mine = -1, good, all;
  MPI_Comm_rank(node, &rank);
  if (rank == 0) mine = make_segment(n, &out->map);
  long segment[2] = {(long)getpid(), mine};
  MPI_Bcast(segment, 2, MPI_LONG, 0, node);
  good = segment[1] >= 0 && (rank == 0 || open_segment(segment[0], (int)segment[1], n, &out->map));
  out->n = n;
  out->is_mapped = good;
  MPI_Allreduce(&good, &all, 1, MPI_INT, MPI_MIN, node);
  if (mine >= 0) close(mine);
  out->bytes = out->map;
  return all;
}

/* Node leaders get the bytes from rank 0, which is one of them; the others wait for theirs. */
static void fill(MPI_Comm comm, MPI_Comm node, const ins_text *text, ins_shared *out) {
  int rank, leader;
  MPI_Comm leaders;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_rank(node, &leader);
  const bool reads = out->is_mapped ? leader == 0 : true;
  MPI_Comm_split(comm, reads ? 0 : MPI_UNDEFINED, rank, &leaders);
  if (reads) {
    if (rank == 0) memcpy((void *)(uintptr_t)out->bytes, text->data, text->length);
    share_bytes(leaders, (char *)(uintptr_t)out->bytes, out->n);
    MPI_Comm_free(&leaders);
  }
  MPI_Barrier(node);
}

ins_status ins_share_node(MPI_Comm comm, ins_status status, ins_text *text, ins_shared *out) {
  int rank, mapped, all;
  MPI_Comm node;
  uint64_t length = text->length;
  *out = (ins_shared){0};
  MPI_Comm_rank(comm, &rank);
  if (rank == 0 && status == INS_OK) status = ins_text_ok(text);
  if ((status = ins_agree(comm, rank == 0 ? status : INS_OK)) != INS_OK) return status;
  MPI_Bcast(&length, 1, MPI_UINT64_T, 0, comm);
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
  /* All or none: otherwise the two ways of filling would not meet. */
  mapped = map_on_node(node, length, out);
  MPI_Allreduce(&mapped, &all, 1, MPI_INT, MPI_MIN, comm);
  if (!all) {
    ins_shared_free(out);
    status = ins_alloc(length, 1, &out->own);
    out->n = length;
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
  if (shared->is_mapped) munmap(shared->map, shared->n);
  ins_free(&shared->own);
  *shared = (ins_shared){0};
}

/* The list of arguments is MPI's. */
static void mpi_failed(MPI_Comm *comm, int *code, ...) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length;
  (void)comm;
  MPI_Error_string(*code, text, &length);
  const ins_status status =
      ins_fail(INS_ERR_LOST, "MPI failed (%s); all ranks end now, run again to go on", text);
  ins_fatal(status, ins_message(), __FILE__, __LINE__);
}

void ins_comm_guard(MPI_Comm comm) {
  MPI_Errhandler handler;
  MPI_Comm_create_errhandler(mpi_failed, &handler);
  MPI_Comm_set_errhandler(comm, handler);
  MPI_Errhandler_free(&handler);
}

void ins_die_with_launcher(void) {
  /* Started by hand the parent is a shell, which may be left with the run in the background. */
  if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMIX_RANK") && !getenv("PMI_RANK")) return;
  pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* The parent may have died before the request was in place. */
  if (getppid() != parent) raise(SIGKILL);
}
