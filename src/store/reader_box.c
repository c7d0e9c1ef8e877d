/* SPDX-License-Identifier: MIT */
/* Boxes of a variable: each rank reads for itself, in windows of bounded size. */
#include <errno.h>
#include <math.h>

#include "insilico/memory.h"
#include "io.h"
#include "reader_open.h"

/* Runs of elements that lie one after the other are read together, in windows of so many bytes, and
 * so are gaps between them that cost less than another call. */
enum { WINDOW = 4 << 20, GAP = 1 << 15, MOST_RUNS = 4096 };

typedef struct run {
  size_t first, n; /* elements of the variable */
  size_t at;       /* where they go */
} run;

typedef struct window {
  const ins_reader *reader;
  ins_dtype dtype; /* that is asked for */
  void *out;
  size_t first, n; /* elements of the variable that are to be read next */
  size_t n_runs;
  run *runs;            /* [MOST_RUNS], or as many as there are elements */
  unsigned char *bytes; /* [WINDOW], or as many as lie between them */
} window;

static ins_status read_at(const ins_reader *reader, uint64_t offset, size_t n, void *out) {
  for (size_t at = 0; at < n;) {
    MPI_Status state;
    int got = 0;
    errno = 0;
    int code = MPI_File_read_at(reader->file, (MPI_Offset)(offset + at), (char *)out + at,
                                (int)(n - at), MPI_BYTE, &state);
    if (code != MPI_SUCCESS) return ins_io_fail(reader->path, "cannot be read", code);
    MPI_Get_count(&state, MPI_BYTE, &got);
    if (got <= 0) return ins_fail(INS_ERR_IO, "%s: ends too early", reader->path);
    at += (size_t)got;
  }
  return INS_OK;
}

/* A loop for each pair of types. Whole numbers that stand for missing ones become NaN. */
#define LOOP(from, to, is_missing)                                                                 \
  do {                                                                                             \
    const from *x = in;                                                                            \
    to *y = out;                                                                                   \
    for (size_t i = 0; i < n; i++) y[i] = is_missing ? (to)NAN : (to)x[i];                         \
    return;                                                                                        \
  } while (0)
#define WHOLE(from, to)                                                                            \
  do {                                                                                             \
    from fill;                                                                                     \
    ins_h5_fill(extent->dtype, &fill);                                                             \
    LOOP(from, to, (extent->fills) && x[i] == fill);                                               \
  } while (0)
#define DEFINE_CONVERT(to)                                                                         \
  static void convert_to_##to(const ins_extent *extent, size_t n, const void *in, void *out) {     \
    switch (extent->dtype) {                                                                       \
    case INS_F32:                                                                                  \
      LOOP(float, to, false);                                                                      \
    case INS_F64:                                                                                  \
      LOOP(double, to, false);                                                                     \
    case INS_I8:                                                                                   \
      WHOLE(int8_t, to);                                                                           \
    case INS_I16:                                                                                  \
      WHOLE(int16_t, to);                                                                          \
    case INS_I32:                                                                                  \
      WHOLE(int32_t, to);                                                                          \
    case INS_I64:                                                                                  \
      WHOLE(int64_t, to);                                                                          \
    case INS_U64:                                                                                  \
      WHOLE(uint64_t, to);                                                                         \
    default:                                                                                       \
      WHOLE(uint8_t, to);                                                                          \
    }                                                                                              \
  }
DEFINE_CONVERT(float)
DEFINE_CONVERT(double)

static ins_status read_runs(window *w) {
  const ins_extent *extent = &w->reader->extent;
  const size_t size = ins_dtype_size(extent->dtype), wide = ins_dtype_size(w->dtype);
  if (!w->n_runs) return INS_OK;
  ins_status status =
      read_at(w->reader, extent->offset + (uint64_t)w->first * size, w->n * size, w->bytes);
  for (size_t k = 0; k < w->n_runs && status == INS_OK; k++)
    (w->dtype == INS_F32 ? convert_to_float : convert_to_double)(
        extent, w->runs[k].n, w->bytes + (w->runs[k].first - w->first) * size,
        (char *)w->out + w->runs[k].at * wide);
  w->n_runs = 0;
  return status;
}

/* Elements [first, first + n), beyond all runs before, which go to out + at. */
static ins_status add_run(window *w, size_t first, size_t n, size_t at) {
  const size_t size = ins_dtype_size(w->reader->extent.dtype), most = WINDOW / size;
  ins_status status = INS_OK;
  while (n && status == INS_OK) {
    const size_t piece = n < most ? n : most;
    if (w->n_runs && (w->n_runs == MOST_RUNS || first + piece - w->first > most ||
                      (first - w->first - w->n) * size > GAP))
      status = read_runs(w);
    if (status != INS_OK) return status;
    if (!w->n_runs) w->first = first;
    w->runs[w->n_runs++] = (run){first, piece, at};
    w->n = first + piece - w->first;
    first += piece;
    at += piece;
    n -= piece;
  }
  return status;
}

/* Inner axes of which everything is asked for make one run with the next one outside. */
static int inner_axes(const ins_extent *extent, const size_t *count, size_t *length) {
  int d = extent->n_dims;
  *length = 1;
  while (d > 0) {
    d--;
    *length *= count[d];
    if (count[d] != extent->dims[d]) break;
  }
  return d;
}

static ins_status read_box(window *w, const size_t *first, const size_t *count, size_t total) {
  const ins_extent *extent = &w->reader->extent;
  size_t index[INS_STORE_MAX_RANK + 1] = {0}, length;
  const int outer = inner_axes(extent, count, &length);
  ins_status status = INS_OK;
  for (size_t at = 0; at < total && status == INS_OK; at += length) {
    size_t element = 0;
    for (int d = 0; d < extent->n_dims; d++)
      element = element * extent->dims[d] + first[d] + index[d];
    status = add_run(w, element, length, at);
    for (int d = outer - 1; d >= 0; d--) {
      if (++index[d] < count[d]) break;
      index[d] = 0;
    }
  }
  return status == INS_OK ? read_runs(w) : status;
}

static ins_status check_box(const ins_reader *reader, const size_t *first, const size_t *count,
                            ins_dtype dtype) {
  const ins_extent *extent = &reader->extent;
  for (int d = 0; d < extent->n_dims; d++)
    if (first[d] > extent->dims[d] || count[d] > extent->dims[d] - first[d])
      return ins_fail(INS_ERR_INTERNAL, "%s: elements %zu to %zu of axis %d of %zu", reader->path,
                      first[d], first[d] + count[d], d, extent->dims[d]);
  if (dtype != INS_F32 && dtype != INS_F64)
    return ins_fail(INS_ERR_INTERNAL, "%s: cannot be read as %s", reader->path,
                    ins_dtype_name(dtype));
  return INS_OK;
}

/* Elements of the box, and those of the variable from its first to its last. */
static void measure(const ins_extent *extent, const size_t *first, const size_t *count,
                    size_t *total, size_t *span) {
  size_t from = 0, to = 0;
  *total = 1;
  for (int d = 0; d < extent->n_dims; d++) {
    *total *= count[d];
    from = from * extent->dims[d] + first[d];
    to = to * extent->dims[d] + first[d] + count[d] - 1;
  }
  *span = *total ? to - from + 1 : 0;
}

static size_t at_most(size_t n, size_t most) {
  return n < most ? n : most;
}

ins_status ins_reader_read(ins_reader *reader, const size_t *first, const size_t *count,
                           ins_dtype dtype, void *out) {
  window w = {.reader = reader, .dtype = dtype, .out = out};
  const size_t size = ins_dtype_size(reader->extent.dtype);
  size_t total, span;
  ins_status status = check_box(reader, first, count, dtype);
  if (status != INS_OK) return status;
  measure(&reader->extent, first, count, &total, &span);
  status = ins_alloc(at_most(span * size, WINDOW), 1, &w.bytes);
  if (status == INS_OK) status = ins_alloc(at_most(total, MOST_RUNS), sizeof *w.runs, &w.runs);
  if (status == INS_OK) status = read_box(&w, first, count, total);
  ins_free(&w.bytes);
  ins_free(&w.runs);
  return status;
}
