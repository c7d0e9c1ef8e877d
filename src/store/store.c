/* SPDX-License-Identifier: MIT */
#include "insilico/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/memory.h"
#include "open_file.h"

/* Every rank leaves with the worst code of all and its message. */
static ins_status agree(MPI_Comm comm, ins_status status) {
  struct {
    int code, rank;
  } mine = {(int)status, 0}, worst;
  char message[INS_MESSAGE_MAX];
  MPI_Comm_rank(comm, &mine.rank);
  MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm);
  if (worst.code == INS_OK) return INS_OK;
  snprintf(message, sizeof message, "%s", ins_message());
  MPI_Bcast(message, sizeof message, MPI_CHAR, worst.rank, comm);
  return ins_fail((ins_status)worst.code, "%s", message);
}

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

static const dataset closed = {H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, 0, {0}, 0};

static ins_status open_dataset(const char *path, hid_t group, const char *name, dataset *d) {
  d->id = H5Dopen2(group, name, H5P_DEFAULT);
  if (d->id >= 0) d->space = H5Dget_space(d->id);
  if (d->id >= 0) d->type = H5Dget_type(d->id);
  d->rank = d->space >= 0 ? H5Sget_simple_extent_ndims(d->space) : -1;
  if (d->id < 0 || d->type < 0 || d->rank < 0 || d->rank > INS_STORE_MAX_RANK ||
      H5Sget_simple_extent_dims(d->space, d->dims, NULL) < 0)
    return ins_within(ins_h5_fail(path, "a variable cannot be opened"), "%s", name);
  d->size = H5Tget_size(d->type);
  return INS_OK;
}

static void close_dataset(dataset *d) {
  if (d->type >= 0) H5Tclose(d->type);
  if (d->space >= 0) H5Sclose(d->space);
  if (d->id >= 0) H5Dclose(d->id);
  *d = closed;
}

static ins_status open_datasets(const char *path, hid_t group, stage *s) {
  const ins_layout *layout = s->layout;
  ins_status status = open_dataset(path, group, "status", &s->status);
  if (status == INS_OK) status = open_dataset(path, group, "error", &s->error);
  if (status == INS_OK) status = open_dataset(path, group, "checksum", &s->checksum);
  for (int v = 0; v < layout->n_variables && status == INS_OK; v++)
    if (layout->variables[v].scope != INS_CONSTANT)
      status = open_dataset(path, group, layout->variables[v].name, &s->variable[v]);
  return status;
}

static ins_status open_stage(ins_store *store, stage *s) {
  hid_t group = ins_store_open_group(store->file, s->layout->group);
  ins_status status = group < 0 ? ins_h5_fail(store->path, "a stage cannot be opened")
                                : open_datasets(store->path, group, s);
  if (group >= 0) H5Gclose(group);
  if (status == INS_OK)
    status = ins_rows_open(store->file, s->layout->group, store->path, &s->rows);
  return s->layout->group ? ins_within(status, "stage %s", s->layout->group) : status;
}

static ins_status open_stages(ins_store *store) {
  ins_status status = ins_xxh_create(&store->hash);
  for (size_t k = 0; k < store->n && status == INS_OK; k++)
    status = open_stage(store, &store->stages[k]);
  return status;
}

/* Seen by one rank alone, before anything collective: HDF5 hangs when only some ranks can open a
 * file. */
static ins_status inspect(const char *path, size_t n_stages, ins_layout *const *stages,
                          bool compare) {
  ins_store_facts facts;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return ins_fail(INS_ERR_IO, "%s: cannot be opened for writing: %s", path, strerror(errno));
  close(fd);
  if (!compare) return INS_OK;
  ins_status status = ins_store_probe(path, n_stages, stages, &facts);
  if (status != INS_OK) return status;
  if (!facts.opens)
    status = ins_fail(INS_ERR_FORMAT, "%s: is not a whole results file", path);
  else if (!facts.same_axes)
    status =
        ins_fail(INS_ERR_ARGUMENT, "%s: its axes or variables are not those of this job", path);
  ins_store_facts_clear(&facts);
  return status;
}

static hid_t open_parallel(MPI_Comm comm, const char *path) {
  ins_h5_quiet();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = H5I_INVALID_HID;
  if (H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL) >= 0 &&
      H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0)
    file = H5Fopen(path, H5F_ACC_RDWR, access);
  H5Pclose(access);
  return file;
}

static void close_stage(stage *s) {
  close_dataset(&s->status);
  close_dataset(&s->error);
  close_dataset(&s->checksum);
  for (int v = 0; v < s->layout->n_variables; v++) close_dataset(&s->variable[v]);
}

/* Collective. Closes what is open; the file itself last. */
static ins_status shut(ins_store *store) {
  ins_status status = INS_OK;
  for (size_t k = 0; k < store->n; k++) close_stage(&store->stages[k]);
  if (store->file >= 0 && H5Fflush(store->file, H5F_SCOPE_GLOBAL) < 0)
    status = ins_h5_fail(store->path, "cannot be synced");
  if (store->file >= 0 && H5Fclose(store->file) < 0 && status == INS_OK)
    status = ins_h5_fail(store->path, "cannot be closed");
  if (store->n && store->stages[0].rows.fd >= 0) fsync(store->stages[0].rows.fd);
  for (size_t k = 0; k < store->n; k++) ins_rows_close(&store->stages[k].rows);
  if (store->hash.state) ins_xxh_destroy(&store->hash);
  return status;
}

static void store_free(ins_store *store) {
  for (size_t k = 0; k < store->n; k++) ins_free(&store->stages[k].variable);
  ins_free(&store->stages);
  free(store->path);
  free(store);
}

static ins_status store_new(const char *path, size_t n_stages, ins_layout *const *stages,
                            ins_store **out) {
  ins_store *store = *out = calloc(1, sizeof *store);
  if (store) store->path = strdup(path);
  if (!store || !store->path) return ins_fail(INS_ERR_MEMORY, "out of memory opening %s", path);
  store->file = H5I_INVALID_HID;
  ins_status status = ins_alloc(n_stages, sizeof *store->stages, &store->stages);
  for (size_t k = 0; k < n_stages && status == INS_OK; k++) {
    stage *s = &store->stages[store->n++];
    const size_t n_variables = (size_t)stages[k]->n_variables;
    *s = (stage){.layout = stages[k],
                 .status = closed,
                 .error = closed,
                 .checksum = closed,
                 .rows = {.fd = -1}};
    status = ins_alloc(n_variables, sizeof *s->variable, &s->variable);
    for (size_t v = 0; v < n_variables && status == INS_OK; v++) s->variable[v] = closed;
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
  if (status == INS_OK) status = inspect(path, n_stages, stages, rank == 0);
  status = agree(comm, status);
  if (status != INS_OK) goto failed;

  MPI_Comm_dup(comm, &store->comm);
  store->file = open_parallel(store->comm, path);
  status = store->file < 0 ? ins_h5_fail(path, "cannot be opened") : INS_OK;
  status = agree(store->comm, status);
  if (status == INS_OK) status = agree(store->comm, open_stages(store));
  if (status == INS_OK) {
    *out = store;
    ins_h5_silent();
    return INS_OK;
  }
  char message[INS_MESSAGE_MAX];
  snprintf(message, sizeof message, "%s", ins_message());
  ins_status shutting = shut(store);
  (void)shutting; /* the first failure is the one to tell */
  MPI_Comm_free(&store->comm);
  status = ins_fail(status, "%s", message);
failed:
  ins_h5_silent();
  if (store) store_free(store);
  return status;
}

ins_status ins_store_sync(ins_store *store) {
  ins_h5_quiet();
  ins_status status = INS_OK;
  if (H5Fflush(store->file, H5F_SCOPE_GLOBAL) < 0)
    status = ins_h5_fail(store->path, "cannot be synced");
  status = agree(store->comm, status);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < store->n && status == INS_OK; k++)
    status = ins_rows_reopen(&store->stages[k].rows);
  return agree(store->comm, status);
}

ins_status ins_store_close(ins_store **store) {
  if (!store || !*store) return INS_OK;
  ins_store *s = *store;
  *store = NULL;
  ins_h5_quiet();
  ins_status status = agree(s->comm, shut(s));
  ins_h5_silent();
  MPI_Comm_free(&s->comm);
  store_free(s);
  return status;
}
