/* SPDX-License-Identifier: MIT */
/* Reads part of a source: a range of its items by a range of its features, whatever the order of
 * axes in the file.
 *
 * A range of items is cut into boxes: a range of each axis (of chosen coordinates, by place). Each
 * is cut further where chosen coordinates are far apart in the file, and where it is larger than
 * the scratch memory. What is left is read as one box of the file. */
#include <string.h>

#include "table_parts.h"

enum { BOXES = 2 * INS_TABLE_MAX_AXES + 1 };
/* Bytes between two wanted ones that are rather read than skipped: a few pages. */
static const size_t skip = 16384;

typedef struct range {
  size_t first, n;
} range;

typedef struct box {
  range along[INS_TABLE_MAX_AXES];
} box;

typedef struct reading {
  const ins_table_source *source;
  ins_reader *reader;
  ins_dtype dtype; /* of the scratch memory */
  void *scratch;
  double *at;                           /* the window's */
  ptrdiff_t origin;                     /* in it, of item 0 and feature 0; may lie outside */
  ptrdiff_t stride[INS_TABLE_MAX_AXES]; /* in memory, of chosen coordinates of each axis */
} reading;

/* ---- ranges of items and features -------------------------------------------------------------
 */

typedef struct cut {
  int n_axes;
  size_t length[INS_TABLE_MAX_AXES];
  box current, *out;
  int n;
} cut;

/* Cuts [first, first + n), counted over axes a and behind it, last axis fastest. */
static void cut_range(cut *c, int a, size_t first, size_t n) {
  size_t inner = 1;
  if (a == c->n_axes) {
    c->out[c->n++] = c->current;
    return;
  }
  for (int b = a + 1; b < c->n_axes; b++) inner *= c->length[b];
  const size_t head = first % inner ? inner - first % inner : 0;
  if (head) {
    const size_t part = head < n ? head : n;
    c->current.along[a] = (range){first / inner, 1};
    cut_range(c, a + 1, first % inner, part);
    first += part;
    n -= part;
  }
  if (n >= inner) {
    c->current.along[a] = (range){first / inner, n / inner};
    cut_range(c, a + 1, 0, inner);
    first += n / inner * inner;
    n %= inner;
  }
  if (n) {
    c->current.along[a] = (range){first / inner, 1};
    cut_range(c, a + 1, 0, n);
  }
}

static int cut_axes(const ins_table_source *s, int n_axes, const int *axes, size_t first, size_t n,
                    box *out) {
  cut c = {.n_axes = n_axes, .out = out};
  for (int a = 0; a < n_axes; a++) c.length[a] = s->axes[axes[a]].n;
  if (n) cut_range(&c, 0, first, n);
  return c.n;
}

/* ---- one box of the file ----------------------------------------------------------------------
 */

static size_t hull(const ins_table_source_axis *axis, range r) {
  return axis->index[r.first + r.n - 1] - axis->index[r.first] + 1;
}

/* Adds what was read, axis by axis: x [hull of axis d][hulls behind it]. */
static void add(const reading *j, const box *b, int d, size_t inner, size_t x, ptrdiff_t out) {
  const size_t *index = j->source->axes[d].index;
  const range r = b->along[d];
  const size_t end = r.first + r.n, start = index[r.first];
  const ptrdiff_t stride = j->stride[d];
  if (d + 1 < j->source->n_axes) {
    const size_t next = inner / hull(&j->source->axes[d + 1], b->along[d + 1]);
    for (size_t k = r.first; k < end; k++)
      add(j, b, d + 1, next, x + (index[k] - start) * inner, out + (ptrdiff_t)k * stride);
  } else if (j->dtype == INS_F32) {
    const float *from = (const float *)j->scratch + x;
    for (size_t k = r.first; k < end; k++)
      j->at[out + (ptrdiff_t)k * stride] += (double)from[index[k] - start];
  } else {
    const double *from = (const double *)j->scratch + x;
    for (size_t k = r.first; k < end; k++)
      j->at[out + (ptrdiff_t)k * stride] += from[index[k] - start];
  }
}

static ins_status read_box(reading *j, const box *b) {
  const ins_table_source *s = j->source;
  size_t first[INS_TABLE_MAX_AXES], count[INS_TABLE_MAX_AXES], total = 1;
  int longest = -1;
  for (int d = 0; d < s->n_axes; d++) {
    first[d] = s->axes[d].index[b->along[d].first];
    count[d] = hull(&s->axes[d], b->along[d]);
    total *= count[d];
    if (longest < 0 && b->along[d].n > 1) longest = d;
  }
  if (total > INS_SCRATCH && longest >= 0) {
    /* The slowest axis is halved, so that sums are formed in one order however large the box is. */
    box half = *b;
    const range whole = b->along[longest];
    half.along[longest].n = whole.n / 2;
    ins_status status = read_box(j, &half);
    half.along[longest] = (range){whole.first + whole.n / 2, whole.n - whole.n / 2};
    return status == INS_OK ? read_box(j, &half) : status;
  }
  ins_status status = ins_reader_read(j->reader, first, count, j->dtype, j->scratch);
  if (status == INS_OK) add(j, b, 0, total / count[0], 0, j->origin);
  return status;
}

/* How many of the chosen coordinates from place `first` on are read together. */
static size_t run_length(const reading *j, const box *b, int d, range r) {
  const ins_table_source_axis *axis = &j->source->axes[d];
  size_t inner = ins_dtype_size(j->dtype), n = 1;
  for (int e = d + 1; e < j->source->n_axes; e++) inner *= b->along[e].n;
  for (; n < r.n; n++) {
    const size_t here = axis->index[r.first + n - 1], next = axis->index[r.first + n];
    if (next <= here || (next - here - 1) * inner > skip) break;
  }
  return n;
}

/* Cuts the box along axes d and behind it where coordinates are far apart. `whole` is not cut. */
static ins_status read_runs(reading *j, const box *whole, box *b, int d) {
  if (d == j->source->n_axes) return read_box(j, b);
  range rest = whole->along[d];
  ins_status status = INS_OK;
  while (rest.n && status == INS_OK) {
    const size_t n = run_length(j, whole, d, rest);
    b->along[d] = (range){rest.first, n};
    status = read_runs(j, whole, b, d + 1);
    rest = (range){rest.first + n, rest.n - n};
  }
  return status;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

size_t ins_table_source_terms(const ins_table_source *s, int repeat) {
  size_t terms = 1;
  for (int d = 0; d < s->n_axes; d++) {
    const bool summed = s->axes[d].role == INS_ROLE_MEAN ||
                        (s->axes[d].role == INS_ROLE_REPEAT && repeat == INS_ALL_REPEATS);
    if (summed) terms *= s->axes[d].n;
  }
  return terms;
}

static void set_strides(const ins_table_source *s, const ins_table_window *w, reading *j) {
  size_t step = w->item_stride;
  for (int r = s->n_rows - 1; r >= 0; r--) {
    j->stride[s->rows[r]] = (ptrdiff_t)step;
    step *= s->axes[s->rows[r]].n;
  }
  step = w->feature_stride;
  for (int c = s->n_columns - 1; c >= 0; c--) {
    j->stride[s->columns[c]] = (ptrdiff_t)step;
    step *= s->axes[s->columns[c]].n;
  }
}

/* The part of [first, first + n) that lies in [from, from + total), counted from `from`. */
static range overlap(size_t first, size_t n, size_t from, size_t total) {
  const size_t begin = first > from ? first : from;
  const size_t end = first + n < from + total ? first + n : from + total;
  return begin < end ? (range){begin - from, end - begin} : (range){0, 0};
}

ins_status ins_table_source_read(const ins_table_source *s, ins_reader *reader, int repeat,
                                 const ins_table_window *w, double *scratch) {
  const char *dtype = ins_value_text_or(ins_map_get(s->description, "dtype"), "");
  const range items = overlap(w->item, w->n_items, s->first_item, s->n_items);
  const range features = overlap(w->feature, w->n_features, s->first_feature, s->n_features);
  box rows[BOXES], columns[BOXES], whole, part;
  reading j = {.source = s,
               .reader = reader,
               .dtype = strcmp(dtype, "float32") == 0 ? INS_F32 : INS_F64,
               .scratch = scratch,
               .at = w->at};
  j.origin = ((ptrdiff_t)s->first_item - (ptrdiff_t)w->item) * (ptrdiff_t)w->item_stride +
             ((ptrdiff_t)s->first_feature - (ptrdiff_t)w->feature) * (ptrdiff_t)w->feature_stride;
  set_strides(s, w, &j);
  const int n_rows = cut_axes(s, s->n_rows, s->rows, items.first, items.n, rows);
  const int n_columns = cut_axes(s, s->n_columns, s->columns, features.first, features.n, columns);
  for (int d = 0; d < s->n_axes; d++) {
    const bool one = s->axes[d].role == INS_ROLE_REPEAT && repeat != INS_ALL_REPEATS;
    whole.along[d] = one ? (range){(size_t)repeat, 1} : (range){0, s->axes[d].n};
  }
  ins_status status = INS_OK;
  for (int r = 0; r < n_rows; r++)
    for (int c = 0; c < n_columns && status == INS_OK; c++) {
      for (int k = 0; k < s->n_rows; k++) whole.along[s->rows[k]] = rows[r].along[k];
      for (int k = 0; k < s->n_columns; k++) whole.along[s->columns[k]] = columns[c].along[k];
      status = read_runs(&j, &whole, &part, 0);
    }
  return status;
}
