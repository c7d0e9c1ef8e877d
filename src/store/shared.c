/* SPDX-License-Identifier: MIT */
#include "shared.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "insilico/log.h"

enum { PATIENCE_MS = 2000, POLL_MS = 100 };

/* What is known of a file by looking at it. */
typedef struct sight {
  uint64_t size, number; /* number: of its inode */
  char token[INS_TOKEN_MAX];
  char host[MPI_MAX_PROCESSOR_NAME];
} sight;

static bool look(const char *path, sight *out) {
  struct stat file;
  if (stat(path, &file)) return false;
  out->size = (uint64_t)file.st_size;
  out->number = (uint64_t)file.st_ino;
  ins_lock_token(path, out->token);
  return true;
}

/* Tokens tell runs apart whatever numbers a file system gives to files. Only without a lock, as
 * where a file is opened for reading rows back, do the numbers decide. */
static bool same_file(const sight *a, const sight *b) {
  if (a->size != b->size) return false;
  return a->token[0] ? !strcmp(a->token, b->token) : a->number == b->number;
}

/* Opening a folder makes a network file system ask anew what is in it. */
static void refresh_folder(const char *path) {
  char *copy = strdup(path);
  DIR *folder = copy ? opendir(dirname(copy)) : NULL;
  if (folder) closedir(folder);
  free(copy);
}

static bool sees(const char *path, const sight *first, sight *mine) {
  const struct timespec pause = {0, POLL_MS * 1000000L};
  for (int waited = 0;; waited += POLL_MS) {
    if (look(path, mine) && same_file(first, mine)) return true;
    if (waited >= PATIENCE_MS) return false;
    refresh_folder(path);
    nanosleep(&pause, NULL);
  }
}

ins_status ins_shared_check(MPI_Comm comm, const char *path) {
  sight first = {0}, mine = {0};
  int rank, length, there = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Get_processor_name(mine.host, &length);
  if (rank == 0) {
    first = mine;
    there = look(path, &first);
  }
  MPI_Bcast(&there, 1, MPI_INT, 0, comm);
  MPI_Bcast(&first, sizeof first, MPI_BYTE, 0, comm);
  if (rank == 0 || !there || sees(path, &first, &mine)) return INS_OK;
  return ins_fail(
      INS_ERR_IO,
      "%s: host %.64s (rank %d) does not see the results file that rank 0 on %.64s made: "
      "is this folder shared between the nodes? choose an output on a file system that "
      "all nodes share",
      path, mine.host, rank, first.host);
}

/* ---- file systems ------------------------------------------------------------------------------
 */

/* Numbers of <linux/magic.h>, of which not all are in all versions. */
static const struct {
  long type;
  const char *name;
} unsafe[] = {
    {0x6969, "NFS"},           {0x517B, "SMB"},     {(long)0xFF534D42, "SMB"},
    {(long)0xFE534D42, "SMB"}, {0x5346414F, "AFS"}, {0x01021997, "9P"},
};

const char *ins_shared_unsafe(long type) {
  for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
    if ((uint32_t)unsafe[i].type == (uint32_t)type) return unsafe[i].name;
  return NULL;
}

static int count_nodes(MPI_Comm comm) {
  MPI_Comm node;
  int rank, first, n;
  MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &rank);
  MPI_Comm_free(&node);
  first = rank == 0;
  MPI_Allreduce(&first, &n, 1, MPI_INT, MPI_SUM, comm);
  return n;
}

void ins_shared_warn(MPI_Comm comm, const char *path) {
  struct statfs system;
  int rank, size;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  int n = size > 1 ? count_nodes(comm) : 1;
  if (rank != 0 || n < 2 || statfs(path, &system)) return;
  const char *name = ins_shared_unsafe((long)system.f_type);
  if (name)
    ins_log(INS_LOG_WARNING,
            "%s lies on %s and %d nodes write to it: unless it is mounted without caches (noac) or "
            "with locks that work, one node can undo what another wrote next to it; running the "
            "job again finds such rows and computes them anew; better choose an output on a "
            "parallel file system (scratch), or one node",
            path, name, n);
}
