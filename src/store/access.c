/* SPDX-License-Identifier: MIT */
/* Rows of an open results file: written by MPI-IO at the places where HDF5 has its contiguous
 * datasets, read and verified by plain file access. */
#include <errno.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/fault.h"
#include "insilico/memory.h"
#include "io.h"
#include "open_file.h"

/* MPI counts bytes in an int, so no single write is larger. */
enum { MAX_WRITE = 1 << 30 };

static ins_status write_at(ins_store *store, uint64_t offset, size_t n, const void *data) {
  for (size_t at = 0; at < n;) {
    MPI_Status state;
    int piece = n - at < MAX_WRITE ? (int)(n - at) : MAX_WRITE, wrote = 0;
    errno = 0;
    int code = MPI_File_write_at(store->file, (MPI_Offset)(offset + at), (const char *)data + at,
                                 piece, MPI_BYTE, &state);
    if (code == MPI_SUCCESS) MPI_Get_count(&state, MPI_BYTE, &wrote);
    if (wrote <= 0) return ins_io_fail(store->path, "cannot be written (is the disk full?)", code);
    at += (size_t)wrote;
  }
  return INS_OK;
}

/* Of a place: rows of n tasks from `first` on. */
static ins_status write_books(ins_store *store, const ins_place *place, size_t first, size_t n,
                              const void *data) {
  return write_at(store, place->offset + first * place->row_bytes, n * place->row_bytes, data);
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
} marks;

static ins_status marks_create(const stage *s, size_t n, marks *m) {
  const size_t n_variables = (size_t)s->layout->n_variables;
  *m = (marks){0};
  ins_status status = ins_alloc(n, 1, &m->status);
  if (status == INS_OK) status = ins_alloc(n, 1, &m->error);
  if (status == INS_OK) status = ins_alloc(n, sizeof *m->checksum, &m->checksum);
  if (status == INS_OK) status = ins_alloc(n_variables, sizeof *m->row, &m->row);
  return status;
}

static void marks_clear(marks *m) {
  ins_free(&m->status);
  ins_free(&m->error);
  ins_free(&m->checksum);
  ins_free(&m->row);
}

static void mark_task(ins_xxh *hash, const stage *s, size_t k, size_t task, void *const *rows,
                      ins_status code, marks *m) {
  int n = 0;
  for (int v = 0; v < s->layout->n_variables; v++) {
    if (s->layout->variables[v].scope != INS_PER_TASK) continue;
    char *at = (char *)rows[v] + k * ins_layout_row_bytes(s->layout, v);
    if (code != INS_OK) fill_row(s->layout->variables[v].dtype, ins_layout_row(s->layout, v), at);
    m->row[n++] = at;
  }
  m->status[k] = code == INS_OK ? INS_TASK_DONE : INS_TASK_FAILED;
  m->error[k] = (int8_t)code;
  m->checksum[k] = ins_rows_checksum(hash, &s->rows, task, code, m->row);
}

/* Does writing one of the tasks [first, first + n) fail here on purpose? */
static ins_status fault_at(const ins_store *store, const char *site, size_t first, size_t n) {
  for (size_t task = first; task < first + n; task++)
    if (ins_fault(site, (long)task))
      return ins_fail(INS_ERR_IO, "%s: task %zu cannot be written (is the disk full?)", store->path,
                      task);
  return INS_OK;
}

/* What keeps the books of n consecutive tasks; the checksum last, so that without it nothing
 * counts.
 */
static ins_status write_marks(ins_store *store, const ins_rows *rows, size_t first, size_t n,
                              const int8_t *error, const int8_t *state, const uint64_t *checksum) {
  ins_status status = write_books(store, &rows->error, first, n, error);
  if (status == INS_OK) status = fault_at(store, "store.write.status", first, n);
  if (status == INS_OK) status = write_books(store, &rows->status, first, n, state);
  if (status == INS_OK) status = fault_at(store, "store.write.checksum", first, n);
  if (status == INS_OK) status = write_books(store, &rows->checksum, first, n, checksum);
  return status;
}

/* n consecutive tasks, the first of them `first`, number k of those that are written; data first,
 * checksums last. */
static ins_status write_run(ins_store *store, const stage *s, size_t k, size_t n, size_t first,
                            void *const *rows, const marks *m) {
  const int n_variables = s->layout->n_variables;
  ins_status status = n_variables ? INS_OK : fault_at(store, "store.write", first, n);
  for (int v = 0; v < n_variables && status == INS_OK; v++) {
    size_t bytes = ins_layout_row_bytes(s->layout, v);
    if (s->layout->variables[v].scope == INS_PER_TASK)
      status = write_at(store, s->offset[v] + first * bytes, n * bytes,
                        (const char *)rows[v] + k * bytes);
    /* Once the first variable is there: what is left then is half a row. */
    if (v == 0 && status == INS_OK) status = fault_at(store, "store.write", first, n);
  }
  if (status != INS_OK) return status;
  return write_marks(store, &s->rows, first, n, m->error + k, m->status + k, m->checksum + k);
}

static ins_status no_stage(const ins_store *store, size_t number) {
  return ins_fail(INS_ERR_INTERNAL, "%s: there is no stage %zu", store->path, number);
}

ins_status ins_store_write(ins_store *store, size_t number, size_t n, const size_t *task,
                           void *const *rows, const ins_status *status) {
  marks m;
  if (number >= store->n) return no_stage(store, number);
  const stage *s = &store->stages[number];
  ins_status result = marks_create(s, n, &m);
  if (result != INS_OK) goto done;
  for (size_t k = 0; k < n; k++) {
    if (task[k] >= s->rows.n_tasks || (k && task[k] <= task[k - 1])) {
      result =
          ins_fail(INS_ERR_INTERNAL, "%s: task %zu out of range or order", store->path, task[k]);
      goto done;
    }
    if (status[k] != INS_ERR_STOPPED) mark_task(&store->hash, s, k, task[k], rows, status[k], &m);
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

/* Places are in the order of PER_TASK variables. */
static const ins_place *place_of(const stage *s, int variable) {
  int k = 0;
  if (!is_variable(s, variable) || s->layout->variables[variable].scope != INS_PER_TASK)
    return NULL;
  for (int v = 0; v < variable; v++) k += s->layout->variables[v].scope == INS_PER_TASK;
  return &s->rows.place[k];
}

static ins_status no_place(const ins_store *store, int variable) {
  return ins_fail(INS_ERR_INTERNAL, "%s: variable %d has no rows of tasks", store->path, variable);
}

/* Are elements [first, first + count) of a row of task `task` there? */
static ins_status check_part(const ins_store *store, const stage *s, int variable,
                             const ins_place *place, size_t task, size_t first, size_t count) {
  const size_t row = ins_layout_row(s->layout, variable);
  if (first > row || count > row - first)
    return ins_fail(INS_ERR_INTERNAL, "%s: %s: elements %zu to %zu of %zu", store->path,
                    place->name, first, first + count, row);
  if (task >= s->rows.n_tasks)
    return ins_fail(INS_ERR_INTERNAL, "%s: %s: task %zu of %zu", store->path, place->name, task,
                    s->rows.n_tasks);
  return INS_OK;
}

/* ---- rows that no rank holds -------------------------------------------------------------------
 */

ins_status ins_store_write_part(ins_store *store, size_t number, int variable, size_t task,
                                size_t first, size_t count, const void *data) {
  if (number >= store->n) return no_stage(store, number);
  const stage *s = &store->stages[number];
  const ins_place *place = place_of(s, variable);
  if (!place) return no_place(store, variable);
  const size_t size = ins_dtype_size(s->layout->variables[variable].dtype);
  ins_status status = check_part(store, s, variable, place, task, first, count);
  if (status != INS_OK) return status;
  return write_at(store, place->offset + (uint64_t)task * place->row_bytes + first * size,
                  count * size, data);
}

static ins_status check_task(const ins_store *store, size_t number, size_t task) {
  if (number >= store->n) return no_stage(store, number);
  const size_t n = store->stages[number].rows.n_tasks;
  if (task < n) return INS_OK;
  return ins_fail(INS_ERR_INTERNAL, "%s: task %zu of %zu", store->path, task, n);
}

ins_status ins_store_unseal(ins_store *store, size_t number, size_t task) {
  const int8_t error = INS_OK, pending = INS_TASK_PENDING;
  const uint64_t sum = 0;
  int rank;
  ins_status status = check_task(store, number, task);
  if (status != INS_OK) return status;
  MPI_Comm_rank(store->comm, &rank);
  if (rank == 0)
    status = write_marks(store, &store->stages[number].rows, task, 1, &error, &pending, &sum);
  return ins_agree(store->comm, status);
}

ins_status ins_store_seal(ins_store *store, size_t number, size_t task) {
  const int8_t error = INS_OK, done = INS_TASK_DONE;
  uint64_t sum = 0;
  int rank;
  ins_status status = check_task(store, number, task);
  if (status != INS_OK) return status;
  const stage *s = &store->stages[number];
  MPI_Comm_rank(store->comm, &rank);
  status = ins_agree(store->comm, rank == 0 ? fault_at(store, "store.write", task, 1) : INS_OK);
  if (status == INS_OK) status = ins_rows_sum(store->comm, &s->rows, task, INS_OK, &sum);
  if (status != INS_OK) return status;
  if (rank == 0) status = write_marks(store, &s->rows, task, 1, &error, &done, &sum);
  return ins_agree(store->comm, status);
}

ins_status ins_store_write_summary(ins_store *store, size_t number, int variable, size_t group,
                                   const void *row) {
  if (number >= store->n) return no_stage(store, number);
  const stage *s = &store->stages[number];
  if (!is_variable(s, variable) || s->layout->variables[variable].scope != INS_SUMMARY ||
      group >= ins_layout_groups(s->layout))
    return ins_fail(INS_ERR_INTERNAL, "%s: no summary %zu of variable %d", store->path, group,
                    variable);
  if (ins_fault("store.write.summary", -1))
    return ins_fail(INS_ERR_IO, "%s: a summary cannot be written (is the disk full?)", store->path);
  size_t bytes = ins_layout_row_bytes(s->layout, variable);
  return write_at(store, s->offset[variable] + group * bytes, bytes, row);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

ins_status ins_store_verify(ins_store *store, size_t number, size_t first, size_t n,
                            uint8_t *state) {
  if (number >= store->n) return no_stage(store, number);
  return ins_rows_verify(&store->stages[number].rows, first, n, state, NULL);
}

ins_status ins_store_states(ins_store *store, size_t number, size_t n, const size_t *task,
                            uint8_t *state) {
  if (number >= store->n) return no_stage(store, number);
  return ins_rows_states(&store->stages[number].rows, n, task, state);
}

static bool fault_among(size_t k, size_t end, const size_t *task) {
  for (errno = 0; k < end; k++)
    if (ins_fault("store.read", (long)task[k])) return true;
  return false;
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
  if (!place) return no_place(store, variable);
  const size_t row = ins_layout_row(s->layout, variable);
  const size_t size = ins_dtype_size(s->layout->variables[variable].dtype), piece = count * size;
  for (size_t k = 0, end; k < n; k = end) {
    ins_status status = check_part(store, s, variable, place, task[k], first, count);
    if (status != INS_OK) return status;
    end = k + 1;
    while (count == row && end < n && task[end] == task[end - 1] + 1 && task[end] < s->rows.n_tasks)
      end++;
    if (fault_among(k, end, task) ||
        !ins_rows_read(&s->rows,
                       place->offset + (uint64_t)task[k] * place->row_bytes + first * size,
                       (end - k) * piece, (char *)out + k * piece))
      return unreadable(store, place, task[k], task[end - 1]);
  }
  return INS_OK;
}
