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

typedef struct stage {
  const ins_layout *layout;
  dataset status, error, checksum, *variable; /* [n_variables]; constants stay closed */
  ins_rows rows;
} stage;

struct ins_store {
  MPI_Comm comm;
  char *path;
  hid_t file;
  size_t n;
  stage *stages; /* [n] */
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
  const void **row; /* [n_variables]: rows of the task that is marked */
  size_t *bytes;
} marks;

static ins_status marks_create(const stage *s, size_t n, marks *m) {
  const size_t n_variables = (size_t)s->layout->n_variables;
  *m = (marks){0};
  ins_status status = ins_alloc(n, 1, &m->status);
  if (status == INS_OK) status = ins_alloc(n, 1, &m->error);
  if (status == INS_OK) status = ins_alloc(n, sizeof *m->checksum, &m->checksum);
  if (status == INS_OK) status = ins_alloc(n_variables, sizeof *m->row, &m->row);
  if (status == INS_OK) status = ins_alloc(n_variables, sizeof *m->bytes, &m->bytes);
  return status;
}

static void marks_clear(marks *m) {
  ins_free(&m->status);
  ins_free(&m->error);
  ins_free(&m->checksum);
  ins_free(&m->row);
  ins_free(&m->bytes);
}

static void mark_task(ins_xxh *hash, const stage *s, size_t k, size_t task, void *const *rows,
                      ins_status code, marks *m) {
  int n = 0;
  for (int v = 0; v < s->layout->n_variables; v++) {
    if (s->layout->variables[v].scope != INS_PER_TASK) continue;
    m->bytes[n] = ins_layout_row_bytes(s->layout, v);
    char *at = (char *)rows[v] + k * m->bytes[n];
    if (code != INS_OK)
      fill_row(s->layout->variables[v].dtype, ins_layout_row(s->layout, v), at);
    m->row[n++] = at;
  }
  m->status[k] = code == INS_OK ? INS_TASK_DONE : INS_TASK_FAILED;
  m->error[k] = (int8_t)code;
  m->checksum[k] = ins_rows_checksum(hash, s->rows.seed, task, code, n, m->row, m->bytes);
}

/* n consecutive tasks from task[0]; data first, checksums last. */
static ins_status write_run(ins_store *store, const stage *s, size_t k, size_t n, size_t first,
                            void *const *rows, const marks *m) {
  ins_status status = INS_OK;
  for (int v = 0; v < s->layout->n_variables && status == INS_OK; v++) {
    size_t row = ins_layout_row(s->layout, v);
    if (s->layout->variables[v].scope == INS_PER_TASK && row)
      status = write_elements(store, &s->variable[v], first * row, n * row,
                              (char *)rows[v] + k * ins_layout_row_bytes(s->layout, v));
  }
  if (status == INS_OK) status = write_elements(store, &s->error, first, n, m->error + k);
  if (status == INS_OK) status = write_elements(store, &s->status, first, n, m->status + k);
  if (status == INS_OK) status = write_elements(store, &s->checksum, first, n, m->checksum + k);
  return status;
}

static ins_status no_stage(const ins_store *store, size_t number) {
  return ins_fail(INS_ERR_INTERNAL, "%s: there is no stage %zu", store->path, number);
}

ins_status ins_store_write(ins_store *store, size_t number, size_t n, const size_t *task,
                           void *const *rows, const ins_status *status) {
  marks m;
  if (number >= store->n) return no_stage(store, number);
  const stage *s = &store->stages[number];
  ins_h5_quiet();
  ins_status result = marks_create(s, n, &m);
  if (result != INS_OK) goto done;
  for (size_t k = 0; k < n; k++) {
    if (task[k] >= s->rows.n_tasks || (k && task[k] <= task[k - 1])) {
      result =
          ins_fail(INS_ERR_INTERNAL, "%s: task %zu out of range or order", store->path, task[k]);
      goto done;
    }
    if (status[k] != INS_ERR_STOPPED)
      mark_task(&store->hash, s, k, task[k], rows, status[k], &m);
  }
  for (size_t k = 0, end; k < n && result == INS_OK; k = end) {
    end = k + 1;
    if (status[k] == INS_ERR_STOPPED) continue;
    while (end < n && task[end] == task[end - 1] + 1 && status[end] != INS_ERR_STOPPED) end++;
    result = write_run(store, s, k, end - k, task[k], rows, &m);
  }
done:
  marks_clear(&m);
  return result;
}

static bool is_variable(const stage *s, int variable) {
  return variable >= 0 && variable < s->layout->n_variables;
}

ins_status ins_store_write_summary(ins_store *store, size_t number, int variable, size_t group,
                                   const void *row) {
  if (number >= store->n) return no_stage(store, number);
  const stage *s = &store->stages[number];
  if (!is_variable(s, variable) || s->layout->variables[variable].scope != INS_SUMMARY ||
      group >= ins_layout_groups(s->layout))
    return ins_fail(INS_ERR_INTERNAL, "%s: no summary %zu of variable %d", store->path, group,
                    variable);
  size_t n = ins_layout_row(s->layout, variable);
  ins_h5_quiet();
  return n ? write_elements(store, &s->variable[variable], group * n, n, row) : INS_OK;
}

/* ---- reading ---- */

ins_status ins_store_verify(ins_store *store, size_t number, size_t first, size_t n,
                            uint8_t *state) {
  if (number >= store->n) return no_stage(store, number);
  return ins_rows_verify(&store->stages[number].rows, first, n, state, NULL);
}

/* Places are in the order of PER_TASK variables. */
static const ins_place *place_of(const stage *s, int variable) {
  int k = 0;
  if (!is_variable(s, variable) || s->layout->variables[variable].scope != INS_PER_TASK)
    return NULL;
  for (int v = 0; v < variable; v++) k += s->layout->variables[v].scope == INS_PER_TASK;
  return &s->rows.place[k];
}

static ins_status unreadable(const ins_store *store, const ins_place *place, size_t from,
                             size_t to) {
  return ins_fail(INS_ERR_IO, "%s: %s of tasks %zu to %zu cannot be read: %s", store->path,
                  place->name, from, to, errno ? strerror(errno) : "the file ends too early");
}

ins_status ins_store_read(ins_store *store, size_t number, int variable, size_t n,
                          const size_t *task, size_t first, size_t count, void *out) {
  if (number >= store->n) return no_stage(store, number);
  const stage *s = &store->stages[number];
  const ins_place *place = place_of(s, variable);
  if (!place)
    return ins_fail(INS_ERR_INTERNAL, "%s: variable %d has no rows of tasks", store->path,
                    variable);
  const size_t row = ins_layout_row(s->layout, variable);
  const size_t size = ins_dtype_size(s->layout->variables[variable].dtype), piece = count * size;
  if (first > row || count > row - first)
    return ins_fail(INS_ERR_INTERNAL, "%s: %s: elements %zu to %zu of %zu", store->path,
                    place->name, first, first + count, row);
  for (size_t k = 0, end; k < n; k = end) {
    if (task[k] >= s->rows.n_tasks)
      return ins_fail(INS_ERR_INTERNAL, "%s: %s: task %zu of %zu", store->path, place->name,
                      task[k], s->rows.n_tasks);
    end = k + 1;
    while (count == row && end < n && task[end] == task[end - 1] + 1 && task[end] < s->rows.n_tasks)
      end++;
    if (!ins_rows_read(&s->rows, place->offset + (uint64_t)task[k] * place->row_bytes + first * size,
                       (end - k) * piece, (char *)out + k * piece))
      return unreadable(store, place, task[k], task[end - 1]);
  }
  return INS_OK;
}
