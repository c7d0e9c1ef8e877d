/* SPDX-License-Identifier: MIT */
/* An open results file: rows are written through parallel HDF5, read and verified by plain file
 * access. */
#include "insilico/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/memory.h"
#include "parts.h"
#include "rows.h"

/* MPI counts bytes in an int, so no single write is larger. */
enum { MAX_WRITE = 1 << 30 };

typedef struct dataset {
  hid_t id, space, type;
  int rank;
  hsize_t dims[INS_STORE_MAX_RANK];
  size_t size; /* of an element */
} dataset;

struct ins_store {
  MPI_Comm comm;
  char *path;
  const ins_layout *layout;
  hid_t file;
  dataset status, error, checksum, variable[INS_MAX_VARIABLES];
  ins_rows rows;
  ins_xxh hash;
};

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

ins_status ins_store_create(const char *path, const ins_layout *layout,
                            const ins_value *attributes) {
  ins_status status = ins_store_refuse_stranger(path);
  if (status != INS_OK) return status;
  char *part = ins_format("%s.part", path);
  if (!part) return INS_ERR_MEMORY;
  status = ins_store_lay_out(part, layout, attributes);
  if (status == INS_OK) status = ins_store_publish(part, path);
  ins_h5_silent();
  free(part);
  return status;
}

/* ---- opening and closing ---- */

static ins_status open_dataset(ins_store *store, const char *name, dataset *d) {
  d->id = H5Dopen2(store->file, name, H5P_DEFAULT);
  if (d->id >= 0) d->space = H5Dget_space(d->id);
  if (d->id >= 0) d->type = H5Dget_type(d->id);
  d->rank = d->space >= 0 ? H5Sget_simple_extent_ndims(d->space) : -1;
  if (d->id < 0 || d->type < 0 || d->rank < 0 || d->rank > INS_STORE_MAX_RANK ||
      H5Sget_simple_extent_dims(d->space, d->dims, NULL) < 0)
    return ins_within(ins_h5_fail(store->path, "a variable cannot be opened"), "%s", name);
  d->size = H5Tget_size(d->type);
  return INS_OK;
}

static void close_dataset(dataset *d) {
  if (d->type >= 0) H5Tclose(d->type);
  if (d->space >= 0) H5Sclose(d->space);
  if (d->id >= 0) H5Dclose(d->id);
  *d = (dataset){H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, 0, {0}, 0};
}

static ins_status open_datasets(ins_store *store) {
  const ins_layout *layout = store->layout;
  ins_status status = open_dataset(store, "status", &store->status);
  if (status == INS_OK) status = open_dataset(store, "error", &store->error);
  if (status == INS_OK) status = open_dataset(store, "checksum", &store->checksum);
  for (int v = 0; v < layout->n_variables && status == INS_OK; v++)
    if (layout->variables[v].scope != INS_CONSTANT)
      status = open_dataset(store, layout->variables[v].name, &store->variable[v]);
  if (status == INS_OK) status = ins_rows_open(store->file, store->path, &store->rows);
  if (status == INS_OK) status = ins_xxh_create(&store->hash);
  return status;
}

/* Seen by one rank alone, before anything collective: HDF5 hangs when only some ranks can open a
 * file. */
static ins_status inspect(const char *path, const ins_layout *layout, bool compare) {
  ins_store_facts facts;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return ins_fail(INS_ERR_IO, "%s: cannot be opened for writing: %s", path, strerror(errno));
  close(fd);
  if (!compare) return INS_OK;
  ins_status status = ins_store_probe(path, layout, &facts);
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

/* Collective. Closes what is open; the file itself last. */
static ins_status shut(ins_store *store) {
  ins_status status = INS_OK;
  close_dataset(&store->status);
  close_dataset(&store->error);
  close_dataset(&store->checksum);
  for (int v = 0; v < INS_MAX_VARIABLES; v++) close_dataset(&store->variable[v]);
  if (store->file >= 0 && H5Fflush(store->file, H5F_SCOPE_GLOBAL) < 0)
    status = ins_h5_fail(store->path, "cannot be synced");
  if (store->file >= 0 && H5Fclose(store->file) < 0 && status == INS_OK)
    status = ins_h5_fail(store->path, "cannot be closed");
  if (store->rows.fd >= 0) fsync(store->rows.fd);
  ins_rows_close(&store->rows);
  if (store->hash.state) ins_xxh_destroy(&store->hash);
  return status;
}

static ins_store *store_new(const char *path, const ins_layout *layout) {
  ins_store *store = calloc(1, sizeof *store);
  if (!store) return NULL;
  store->path = strdup(path);
  store->layout = layout;
  store->file = H5I_INVALID_HID;
  store->rows.fd = -1;
  store->status.id = store->status.space = store->status.type = H5I_INVALID_HID;
  store->error = store->checksum = store->status;
  for (int v = 0; v < INS_MAX_VARIABLES; v++) store->variable[v] = store->status;
  return store;
}

ins_status ins_store_open(MPI_Comm comm, const char *path, const ins_layout *layout,
                          ins_store **out) {
  int rank;
  *out = NULL;
  ins_h5_quiet();
  MPI_Comm_rank(comm, &rank);
  ins_store *store = store_new(path, layout);
  ins_status status = store && store->path
                          ? inspect(path, layout, rank == 0)
                          : ins_fail(INS_ERR_MEMORY, "out of memory opening %s", path);
  status = agree(comm, status);
  if (status != INS_OK) goto failed;

  MPI_Comm_dup(comm, &store->comm);
  store->file = open_parallel(store->comm, path);
  status = store->file < 0 ? ins_h5_fail(path, "cannot be opened") : INS_OK;
  status = agree(store->comm, status);
  if (status == INS_OK) status = agree(store->comm, open_datasets(store));
  if (status == INS_OK) {
    *out = store;
    ins_h5_silent();
    return INS_OK;
  }
  char message[INS_MESSAGE_MAX];
  snprintf(message, sizeof message, "%s", ins_message());
  ins_status closed = shut(store);
  (void)closed; /* the first failure is the one to tell */
  MPI_Comm_free(&store->comm);
  status = ins_fail(status, "%s", message);
failed:
  ins_h5_silent();
  if (store) free(store->path);
  free(store);
  return status;
}

ins_status ins_store_close(ins_store **store) {
  if (!store || !*store) return INS_OK;
  ins_store *s = *store;
  *store = NULL;
  ins_h5_quiet();
  ins_status status = agree(s->comm, shut(s));
  ins_h5_silent();
  MPI_Comm_free(&s->comm);
  free(s->path);
  free(s);
  return status;
}

/* ---- writing ---- */

/* The largest box of the dataset that begins at element `first` and holds at most `n` elements in
 * file order: start and count an axis; returns its elements. Elements in file order are cut into
 * such boxes because HDF5 selects boxes fast and everything else slowly. */
static size_t next_box(const dataset *d, size_t first, size_t n, hsize_t *start, hsize_t *count) {
  size_t block = 1, rest = first;
  int axis = d->rank - 1;
  while (axis > 0 && first % (block * d->dims[axis]) == 0 && n >= block * d->dims[axis])
    block *= d->dims[axis--];
  for (int i = d->rank - 1; i >= 0; i--) {
    start[i] = rest % d->dims[i];
    rest /= d->dims[i];
    count[i] = i > axis ? d->dims[i] : 1;
  }
  hsize_t left = d->dims[axis] - start[axis];
  count[axis] = n / block < left ? n / block : left;
  return count[axis] * block;
}

static bool write_box(const dataset *d, const hsize_t *start, const hsize_t *count, size_t n,
                      const void *data) {
  hsize_t size = n;
  if (!d->rank) return H5Dwrite(d->id, d->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
  hid_t memory = H5Screate_simple(1, &size, NULL);
  bool done = memory >= 0 &&
              H5Sselect_hyperslab(d->space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
              H5Dwrite(d->id, d->type, memory, d->space, H5P_DEFAULT, data) >= 0;
  if (memory >= 0) H5Sclose(memory);
  return done;
}

static ins_status write_elements(ins_store *store, const dataset *d, size_t first, size_t n,
                                 const void *data) {
  hsize_t start[INS_STORE_MAX_RANK], count[INS_STORE_MAX_RANK];
  const char *from = data;
  while (n) {
    size_t most = n * d->size > MAX_WRITE ? MAX_WRITE / d->size : n;
    size_t box = d->rank ? next_box(d, first, most, start, count) : 1;
    if (!write_box(d, start, count, box, from))
      return ins_h5_fail(store->path, "cannot be written (is the disk full?)");
    first += box;
    from += box * d->size;
    n -= box;
  }
  return INS_OK;
}

static void fill_row(ins_dtype dtype, size_t n, void *row) {
  size_t size = ins_dtype_size(dtype);
  for (size_t i = 0; i < n; i++) ins_h5_fill(dtype, (char *)row + i * size);
}

/* What one call writes about each task, beside its rows. */
typedef struct marks {
  int8_t *status, *error;
  uint64_t *checksum;
} marks;

static void mark_task(ins_store *store, size_t k, size_t task, void *const *rows, ins_status code,
                      const marks *m) {
  const void *row[INS_MAX_VARIABLES];
  size_t bytes[INS_MAX_VARIABLES];
  int n = 0;
  for (int v = 0; v < store->layout->n_variables; v++) {
    if (store->layout->variables[v].scope != INS_PER_TASK) continue;
    bytes[n] = ins_layout_row_bytes(store->layout, v);
    char *at = (char *)rows[v] + k * bytes[n];
    if (code != INS_OK)
      fill_row(store->layout->variables[v].dtype, ins_layout_row(store->layout, v), at);
    row[n++] = at;
  }
  m->status[k] = code == INS_OK ? INS_TASK_DONE : INS_TASK_FAILED;
  m->error[k] = (int8_t)code;
  m->checksum[k] = ins_rows_checksum(&store->hash, store->rows.seed, task, code, n, row, bytes);
}

/* n consecutive tasks from task[0]; data first, checksums last. */
static ins_status write_run(ins_store *store, size_t k, size_t n, size_t first, void *const *rows,
                            const marks *m) {
  ins_status status = INS_OK;
  for (int v = 0; v < store->layout->n_variables && status == INS_OK; v++) {
    size_t row = ins_layout_row(store->layout, v);
    if (store->layout->variables[v].scope == INS_PER_TASK && row)
      status = write_elements(store, &store->variable[v], first * row, n * row,
                              (char *)rows[v] + k * ins_layout_row_bytes(store->layout, v));
  }
  if (status == INS_OK) status = write_elements(store, &store->error, first, n, m->error + k);
  if (status == INS_OK) status = write_elements(store, &store->status, first, n, m->status + k);
  if (status == INS_OK) status = write_elements(store, &store->checksum, first, n, m->checksum + k);
  return status;
}

ins_status ins_store_write(ins_store *store, size_t n, const size_t *task, void *const *rows,
                           const ins_status *status) {
  marks m = {0};
  ins_h5_quiet();
  ins_status result = ins_alloc(n, 1, &m.status);
  if (result == INS_OK) result = ins_alloc(n, 1, &m.error);
  if (result == INS_OK) result = ins_alloc(n, sizeof *m.checksum, &m.checksum);
  if (result != INS_OK) goto done;
  for (size_t k = 0; k < n; k++) {
    if (task[k] >= store->rows.n_tasks || (k && task[k] <= task[k - 1])) {
      result =
          ins_fail(INS_ERR_INTERNAL, "%s: task %zu out of range or order", store->path, task[k]);
      goto done;
    }
    if (status[k] != INS_ERR_STOPPED) mark_task(store, k, task[k], rows, status[k], &m);
  }
  for (size_t k = 0, end; k < n && result == INS_OK; k = end) {
    end = k + 1;
    if (status[k] == INS_ERR_STOPPED) continue;
    while (end < n && task[end] == task[end - 1] + 1 && status[end] != INS_ERR_STOPPED) end++;
    result = write_run(store, k, end - k, task[k], rows, &m);
  }
done:
  ins_free(&m.status);
  ins_free(&m.error);
  ins_free(&m.checksum);
  return result;
}

ins_status ins_store_write_summary(ins_store *store, int variable, size_t group, const void *row) {
  size_t n = ins_layout_row(store->layout, variable);
  ins_h5_quiet();
  if (store->layout->variables[variable].scope != INS_SUMMARY ||
      group >= ins_layout_groups(store->layout))
    return ins_fail(INS_ERR_INTERNAL, "%s: no summary %zu of variable %d", store->path, group,
                    variable);
  return n ? write_elements(store, &store->variable[variable], group * n, n, row) : INS_OK;
}

/* ---- reading ---- */

ins_status ins_store_verify(ins_store *store, size_t first, size_t n, uint8_t *state) {
  return ins_rows_verify(&store->rows, first, n, state, NULL);
}

ins_status ins_store_read(ins_store *store, int variable, size_t n, const size_t *task, void *out) {
  const ins_place *place = NULL;
  for (int i = 0; i < store->rows.n; i++)
    if (!strcmp(store->rows.place[i].name, store->layout->variables[variable].name))
      place = &store->rows.place[i];
  if (!place)
    return ins_fail(INS_ERR_INTERNAL, "%s: variable %d has no rows of tasks", store->path,
                    variable);
  for (size_t k = 0, end; k < n; k = end) {
    end = k + 1;
    while (end < n && task[end] == task[end - 1] + 1) end++;
    if (!ins_rows_read(&store->rows, place->offset + (uint64_t)task[k] * place->row_bytes,
                       (end - k) * place->row_bytes, (char *)out + k * place->row_bytes))
      return ins_fail(INS_ERR_IO, "%s: %s of tasks %zu to %zu cannot be read: %s", store->path,
                      place->name, task[k], task[end - 1],
                      errno ? strerror(errno) : "the file ends too early");
  }
  return INS_OK;
}
