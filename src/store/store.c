/* SPDX-License-Identifier: MIT */
#include "insilico/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "insilico/agree.h"
#include "insilico/fault.h"
#include "insilico/memory.h"
#include "io.h"
#include "open_file.h"
#include "shared.h"

/* ---- creating ---- */

ins_status ins_store_create(const char *path, size_t n_stages, ins_layout *const *stages,
                            const ins_value *attributes) {
  ins_status status = ins_store_refuse_stranger(path);
  if (status != INS_OK) return status;
  char *part = ins_format("%s.part", path);
  if (!part) return INS_ERR_MEMORY;
  status = ins_store_lay_out(part, n_stages, stages, attributes);
  if (status == INS_OK) status = ins_store_publish(part, path);
  ins_h5_silent();
  free(part);
  return status;
}

/* ---- opening and closing ---- */

/* Before HDF5 opens it: whether the file is ours to write, said in our words. */
static ins_status inspect(const char *path, size_t n_stages, ins_layout *const *stages,
                          bool compare) {
  ins_store_facts facts;
  if (ins_fault("store.open", -1)) return ins_fail(INS_ERR_IO, "%s: cannot be opened", path);
  int fd;
  ins_status status = ins_own_file_open(path, O_RDWR, &fd);
  if (status != INS_OK) return status;
  close(fd);
  if (!compare) return INS_OK;
  status = ins_store_probe(path, n_stages, stages, &facts);
  if (status != INS_OK) return status;
  if (!facts.opens)
    status = ins_fail(INS_ERR_FORMAT, "%s: is not a whole results file", path);
  else if (!facts.same_axes)
    status =
        ins_fail(INS_ERR_ARGUMENT, "%s: its axes or variables are not those of this job", path);
  ins_store_facts_clear(&facts);
  return status;
}

/* Each rank for itself: rows are independent, and nothing else changes once the file is laid out.
 * Together with others, a rank whose write failed would wait for them at the end, and they for it.
 */
static ins_status open_alone(ins_store *store) {
  MPI_Info info = ins_io_info();
  errno = 0;
  int code = MPI_File_open(MPI_COMM_SELF, store->path, MPI_MODE_RDWR, info, &store->file);
  MPI_Info_free(&info);
  if (code == MPI_SUCCESS) return INS_OK;
  store->file = MPI_FILE_NULL;
  return ins_io_fail(store->path, "cannot be opened for writing", code);
}

/* The system tells only here what it could not bring to the disk. Some file systems have nothing to
 * sync. */
static ins_status sync_rows(const ins_store *store) {
  const int fd = store->n ? store->stages[0].rows.fd : -1;
  if (fd < 0 || !fsync(fd) || errno == EINVAL || errno == ENOTSUP) return INS_OK;
  return ins_fail(INS_ERR_IO, "%s: cannot be synced: %s; make room and run the job again",
                  store->path, strerror(errno));
}

/* Rows can be written to a file that has no name any more. */
static ins_status check_there(const ins_store *store) {
  struct stat ours, named;
  const int fd = store->n ? store->stages[0].rows.fd : -1;
  if (fd < 0 || fstat(fd, &ours)) return INS_OK;
  if (!stat(store->path, &named) && ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
    return INS_OK;
  return ins_fail(
      INS_ERR_IO,
      "%s: vanished during the run (deleted, moved, replaced or unmounted); run the job "
      "again",
      store->path);
}

/* Local. Closes what is open; the file itself last. */
static ins_status shut(ins_store *store) {
  ins_status status = INS_OK;
  int code = MPI_SUCCESS;
  errno = 0;
  if (store->file != MPI_FILE_NULL) code = MPI_File_sync(store->file);
  if (code != MPI_SUCCESS) status = ins_io_fail(store->path, "cannot be synced", code);
  errno = 0;
  code = store->file != MPI_FILE_NULL ? MPI_File_close(&store->file) : MPI_SUCCESS;
  if (code != MPI_SUCCESS && status == INS_OK)
    status = ins_io_fail(store->path, "cannot be closed", code);
  if (status == INS_OK) status = sync_rows(store);
  if (status == INS_OK) status = check_there(store);
  for (size_t k = 0; k < store->n; k++) ins_rows_close(&store->stages[k].rows);
  if (store->hash.state) ins_xxh_destroy(&store->hash);
  return status;
}

static void store_free(ins_store *store) {
  for (size_t k = 0; k < store->n; k++) ins_free(&store->stages[k].offset);
  ins_free(&store->stages);
  free(store->path);
  free(store);
}

/* Lets go of a store, whatever comes of it; `first`, if it is a failure, stays the one to tell. */
static void abandon(ins_store *store, ins_status first) {
  char message[INS_MESSAGE_MAX];
  snprintf(message, sizeof message, "%s", ins_message());
  ins_status ignored = shut(store);
  if (first != INS_OK) ignored = ins_fail(first, "%s", message);
  (void)ignored;
  store_free(store);
}

static ins_status store_new(const char *path, size_t n_stages, ins_layout *const *stages,
                            ins_store **out) {
  ins_store *store = *out = calloc(1, sizeof *store);
  if (store) store->file = MPI_FILE_NULL;
  if (store) store->path = strdup(path);
  if (!store || !store->path) return ins_fail(INS_ERR_MEMORY, "out of memory opening %s", path);
  ins_status status = ins_alloc(n_stages, sizeof *store->stages, &store->stages);
  for (size_t k = 0; k < n_stages && status == INS_OK; k++) {
    stage *s = &store->stages[store->n++];
    const size_t n_variables = (size_t)stages[k]->n_variables;
    *s = (stage){.layout = stages[k], .rows = {.fd = -1}};
    status = ins_alloc(n_variables, sizeof *s->offset, &s->offset);
  }
  return status;
}

ins_status ins_store_open(MPI_Comm comm, const char *path, size_t n_stages,
                          ins_layout *const *stages, ins_store **out) {
  int rank;
  ins_store *store;
  *out = NULL;
  ins_h5_quiet();
  MPI_Comm_rank(comm, &rank);
  ins_status status = store_new(path, n_stages, stages, &store);
  ins_status shared = ins_shared_check(comm, path);
  if (status == INS_OK) status = shared;
  if (status == INS_OK) status = inspect(path, n_stages, stages, rank == 0);
  status = ins_agree(comm, status);
  if (status != INS_OK) goto failed;

  store->comm = comm;
  status = ins_store_find(store, comm);
  if (status == INS_OK) {
    status = ins_xxh_create(&store->hash);
    if (status == INS_OK) status = open_alone(store);
    status = ins_agree(comm, status);
  }
  if (status == INS_OK) {
    *out = store;
    ins_shared_warn(comm, path);
    ins_h5_silent();
    return INS_OK;
  }
failed:
  if (store) abandon(store, status);
  ins_h5_silent();
  return status;
}

ins_status ins_store_sync(ins_store *store) {
  ins_status status = INS_OK;
  errno = 0;
  int code = MPI_File_sync(store->file);
  if (code != MPI_SUCCESS) status = ins_io_fail(store->path, "cannot be synced", code);
  if (status == INS_OK && ins_fault("store.sync", -1))
    status = ins_fail(INS_ERR_IO, "%s: cannot be synced", store->path);
  if (status == INS_OK) status = sync_rows(store);
  status = ins_agree(store->comm, status);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < store->n && status == INS_OK; k++)
    status = ins_rows_reopen(&store->stages[k].rows);
  return ins_agree(store->comm, status);
}

ins_status ins_store_close(ins_store **store) {
  if (!store || !*store) return INS_OK;
  ins_store *s = *store;
  *store = NULL;
  ins_status status = shut(s);
  if (status == INS_OK && ins_fault("store.close", -1))
    status = ins_fail(INS_ERR_IO, "%s: cannot be closed", s->path);
  status = ins_agree(s->comm, status);
  store_free(s);
  return status;
}

void ins_store_abandon(ins_store **store) {
  if (!store || !*store) return;
  abandon(*store, INS_OK);
  *store = NULL;
}
