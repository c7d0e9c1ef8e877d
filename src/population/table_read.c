/* SPDX-License-Identifier: MIT */
/* Reads a table into a distributed matrix: panel by panel, each rank its share of the panel.
 *
 * A panel is of whole rows where items are slow in the files, of whole columns where they are fast,
 * so that what a rank reads lies together in them. */
#include <math.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"
#include "table_parts.h"

enum { NOISE_FREE = -2, PANEL = 8 << 20 }; /* elements of a panel on a rank at most: 64 MiB */

typedef struct reading {
  const ins_table *table;
  ins_reader **readers; /* [n_sources] */
  int repeat;           /* or INS_MEAN_OF_REPEATS, NOISE_FREE */
  ins_matrix *m;
  int8_t *missing; /* [n_items] of what this rank has read */
  double *panel, *scratch;
  bool by_rows;
} reading;

/* ---- panels -----------------------------------------------------------------------------------
 */

/* Do panels of rows lie together in the file? By the slowest axis that has more than one element:
 * items do where it makes items; else features do where the fastest makes items. */
static bool is_slow_in_items(const ins_table_source *s) {
  ins_table_role slowest = INS_ROLE_ROW, fastest = INS_ROLE_FEATURE;
  bool any = false;
  for (int d = 0; d < s->n_axes; d++) {
    const ins_table_role role = s->axes[d].role;
    if (s->axes[d].n < 2 || (role != INS_ROLE_ROW && role != INS_ROLE_FEATURE)) continue;
    if (!any) slowest = role;
    fastest = role;
    any = true;
  }
  return slowest == INS_ROLE_ROW || fastest == INS_ROLE_FEATURE;
}

static bool is_by_rows(const ins_table *table) {
  double by_rows = 0, by_columns = 0;
  for (size_t k = 0; k < table->parts->n_sources; k++) {
    const ins_table_source *s = &table->parts->sources[k];
    const double n = (double)s->n_items * (double)s->n_features;
    *(is_slow_in_items(s) ? &by_rows : &by_columns) += n;
  }
  return by_rows >= by_columns;
}

static ins_table_window window_of(const reading *r, size_t first, ins_share_of share) {
  ins_table_window w = {.at = r->panel, .n_items = r->m->n_rows, .n_features = r->m->n_columns};
  if (r->by_rows) {
    w.item = first + share.first;
    w.n_items = share.n;
    w.item_stride = r->m->n_columns;
    w.feature_stride = 1;
  } else {
    w.feature = first + share.first;
    w.n_features = share.n;
    w.feature_stride = r->m->n_rows;
    w.item_stride = 1;
  }
  return w;
}

/* ---- values -----------------------------------------------------------------------------------
 */

/* Features [f, f + n) of item i of the window with noise: of one draw, or the mean over all.
 * Element by element, so that it does not matter who draws them. */
static void add_noise_to(const reading *r, const ins_table_window *w, size_t i, size_t f,
                         size_t n) {
  const struct ins_table_parts *p = r->table->parts;
  const bool all = r->repeat == INS_MEAN_OF_REPEATS;
  const size_t first = all ? 0 : (size_t)r->repeat, end = all ? p->n_draws : first + 1;
  double *x = w->at + i * w->item_stride + f * w->feature_stride, *free_of_noise = r->scratch;
  for (size_t k = 0; k < n; k++) {
    free_of_noise[k] = x[k * w->feature_stride];
    x[k * w->feature_stride] = isfinite(free_of_noise[k]) ? 0 : free_of_noise[k];
  }
  for (size_t draw = first; draw < end; draw++) {
    const int64_t at[] = {p->stream[w->item + i], (int64_t)draw};
    const ins_stream stream = ins_stream_at(p->seed, "population.noise", at, 2);
    for (size_t k = 0; k < n; k++)
      if (isfinite(free_of_noise[k]))
        x[k * w->feature_stride] +=
            ins_noise_at(&p->noise, &stream, w->feature + f + k, (float)free_of_noise[k]) /
            (double)(end - first);
  }
}

static void add_noise(const reading *r, const ins_table_window *w) {
  for (size_t i = 0; i < w->n_items; i++)
    for (size_t f = 0; f < w->n_features; f += INS_SCRATCH)
      add_noise_to(r, w, i, f, w->n_features - f < INS_SCRATCH ? w->n_features - f : INS_SCRATCH);
}

static void divide_by_terms(const reading *r, const ins_table_window *w,
                            const ins_table_source *s) {
  const double terms = (double)ins_table_source_terms(
      s, r->repeat == INS_MEAN_OF_REPEATS ? INS_ALL_REPEATS : r->repeat);
  if (terms == 1) return;
  for (size_t i = 0; i < w->n_items; i++) {
    const size_t item = w->item + i;
    if (item < s->first_item || item >= s->first_item + s->n_items) continue;
    for (size_t f = 0; f < w->n_features; f++) {
      const size_t feature = w->feature + f;
      if (feature < s->first_feature || feature >= s->first_feature + s->n_features) continue;
      w->at[i * w->item_stride + f * w->feature_stride] /= terms;
    }
  }
}

/* What is not finite becomes 0, also what is too large for the type of the matrix, to which the
 * panel is turned in place. */
static void finish_panel(const reading *r, const ins_table_window *w) {
  float *narrow = (float *)r->panel;
  const bool single = r->m->dtype == INS_F32;
  for (size_t k = 0; k < w->n_items * w->n_features; k++) {
    double x = r->panel[k];
    if (!isfinite(single ? (double)(float)x : x)) {
      const size_t item = r->by_rows ? w->item + k / r->m->n_columns : w->item + k % r->m->n_rows;
      r->missing[item] = 1;
      x = 0;
    }
    if (single)
      narrow[k] = (float)x;
    else
      r->panel[k] = x;
  }
}

static ins_status fill_panel(const reading *r, const ins_table_window *w) {
  const struct ins_table_parts *p = r->table->parts;
  const int repeat = r->repeat == INS_MEAN_OF_REPEATS ? INS_ALL_REPEATS : r->repeat;
  memset(r->panel, 0, w->n_items * w->n_features * sizeof *r->panel);
  if (!w->n_items || !w->n_features) return INS_OK;
  for (size_t k = 0; k < p->n_sources; k++) {
    ins_status status = ins_table_source_read(&p->sources[k], r->readers[k], repeat, w, r->scratch);
    if (status != INS_OK) return ins_within(status, "%s", p->sources[k].name);
    divide_by_terms(r, w, &p->sources[k]);
  }
  if (p->n_draws && r->repeat != NOISE_FREE) add_noise(r, w);
  finish_panel(r, w);
  return INS_OK;
}

static ins_status read_panels(reading *r) {
  const ins_grid *g = r->m->grid;
  const size_t n_lines = r->by_rows ? r->m->n_rows : r->m->n_columns;
  const size_t length = r->by_rows ? r->m->n_columns : r->m->n_rows;
  const size_t each = ins_matrix_lines(n_lines, length, PANEL, g->size),
               step = each * (size_t)g->size;
  ins_status status = ins_alloc(each * length, sizeof *r->panel, &r->panel);
  if (status == INS_OK) status = ins_alloc(INS_SCRATCH, sizeof *r->scratch, &r->scratch);
  status = ins_agree(g->comm, status);
  for (size_t first = 0; first < n_lines && status == INS_OK; first += step) {
    const size_t n = n_lines - first < step ? n_lines - first : step;
    const ins_table_window w = window_of(r, first, ins_grid_share(n, g->size, g->rank));
    status = ins_agree(g->comm, fill_panel(r, &w));
    if (status != INS_OK) break;
    status = r->by_rows ? ins_matrix_put_rows(r->m, first, n, r->panel)
                        : ins_matrix_put_columns(r->m, first, n, r->panel);
  }
  ins_free(&r->panel);
  ins_free(&r->scratch);
  return status;
}

/* Values of a repeat, and which items miss any; the same on every rank. */
static ins_status read_values(reading *r, int repeat) {
  r->repeat = repeat;
  memset(r->missing, 0, r->table->n_items);
  ins_status status = read_panels(r);
  if (status == INS_OK)
    MPI_Allreduce(MPI_IN_PLACE, r->missing, (int)r->table->n_items, MPI_INT8_T, MPI_MAX,
                  r->m->grid->comm);
  return status;
}

/* ---- flags ------------------------------------------------------------------------------------
 */

/* Items whose values are all equal, in the matrix as it is. Of the rows of this process, which the
 * processes beside it know as well; then of all. */
static ins_status find_silent(const ins_matrix *m, int8_t *silent) {
  double *least, *greatest = NULL;
  ins_status status = ins_alloc(m->local_rows, sizeof *least, &least);
  if (status == INS_OK) status = ins_alloc(m->local_rows, sizeof *greatest, &greatest);
  status = ins_agree(m->grid->comm, status);
  if (status != INS_OK) goto done;
  for (size_t i = 0; i < m->local_rows; i++) {
    least[i] = INFINITY;
    greatest[i] = -INFINITY;
  }
  for (size_t j = 0; j < m->local_columns; j++)
    for (size_t i = 0; i < m->local_rows; i++) {
      const double x = ins_matrix_get(m, i, j);
      if (x < least[i]) least[i] = x;
      if (x > greatest[i]) greatest[i] = x;
    }
  MPI_Allreduce(MPI_IN_PLACE, least, (int)m->local_rows, MPI_DOUBLE, MPI_MIN, m->grid->row_comm);
  MPI_Allreduce(MPI_IN_PLACE, greatest, (int)m->local_rows, MPI_DOUBLE, MPI_MAX, m->grid->row_comm);
  memset(silent, 0, m->n_rows);
  for (size_t i = 0; i < m->local_rows; i++) silent[ins_matrix_row(m, i)] = least[i] == greatest[i];
  MPI_Allreduce(MPI_IN_PLACE, silent, (int)m->n_rows, MPI_INT8_T, MPI_MAX, m->grid->comm);
done:
  ins_free(&least);
  ins_free(&greatest);
  return status;
}

static ins_status set_flags(const ins_matrix *m, const int8_t *missing, int8_t *flag) {
  ins_status status = find_silent(m, flag);
  for (size_t i = 0; i < m->n_rows && status == INS_OK; i++)
    flag[i] = missing[i] ? INS_ITEM_MISSING : flag[i] ? INS_ITEM_SILENT : INS_ITEM_USED;
  return status;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void close_readers(const struct ins_table_parts *p, ins_reader **readers) {
  for (size_t k = 0; k < p->n_sources; k++) ins_reader_close(&readers[k]);
}

static ins_status open_readers(MPI_Comm comm, const struct ins_table_parts *p,
                               ins_reader **readers) {
  ins_status status = INS_OK;
  for (size_t k = 0; k < p->n_sources && status == INS_OK; k++)
    status = ins_within(ins_reader_open(comm, p->sources[k].description, &readers[k]), "%s",
                        p->sources[k].name);
  return status;
}

/* Is k the first source in its stage? Rows of a stage have one checksum each, for all variables. */
static bool is_first_of_stage(const struct ins_table_parts *p, size_t k) {
  for (size_t e = 0; e < k; e++)
    if (strcmp(p->sources[e].path, p->sources[k].path) == 0 &&
        strcmp(p->sources[e].group, p->sources[k].group) == 0)
      return false;
  return true;
}

/* Once in the life of a table. */
static ins_status verify(struct ins_table_parts *p, ins_reader **readers) {
  ins_status status = INS_OK;
  if (!p->verify || p->verified) return INS_OK;
  for (size_t k = 0; k < p->n_sources && status == INS_OK; k++)
    if (is_first_of_stage(p, k))
      status = ins_within(ins_reader_verify(readers[k]), "%s", p->sources[k].name);
  p->verified = status == INS_OK;
  return status;
}

/* Trials are shifted and scaled alike: by the mean over them, or by what they were drawn from. */
static ins_status read_normalized(reading *r, int repeat) {
  const ins_table *table = r->table;
  const int base = table->parts->n_draws ? NOISE_FREE : INS_MEAN_OF_REPEATS;
  ins_status status = INS_OK;
  if (!table->n_repeats) repeat = base;
  if (!ins_table_normalization_asked(table)) return read_values(r, repeat);
  if (repeat == base || !ins_table_normalization_fits(table, r->m)) {
    status = read_values(r, base);
    if (status == INS_OK) status = ins_table_normalization_find(table, r->m, r->missing);
    if (status != INS_OK || repeat == base) return status;
  }
  status = read_values(r, repeat);
  if (status == INS_OK) ins_table_normalization_apply(table, r->m);
  return status;
}

static ins_status check_request(const ins_table *table, int repeat, const ins_matrix *m) {
  if (m->n_rows == table->n_items && m->n_columns == table->n_features &&
      (repeat == INS_MEAN_OF_REPEATS || (repeat >= 0 && (size_t)repeat < table->n_repeats) ||
       (!table->n_repeats && repeat == 0)))
    return INS_OK;
  return ins_fail(INS_ERR_INTERNAL,
                  "repeat %d of data '%s' (%zu items, %zu features, %zu repeats) was to be read "
                  "into a matrix of %zu x %zu",
                  repeat, table->name, table->n_items, table->n_features, table->n_repeats,
                  m->n_rows, m->n_columns);
}

ins_status ins_table_read(const ins_table *table, const ins_grid *grid, int repeat, ins_matrix *m,
                          int8_t *flag) {
  struct ins_table_parts *p = table->parts;
  reading r = {.table = table, .m = m, .by_rows = is_by_rows(table)};
  ins_status status = check_request(table, repeat, m);
  if (status == INS_OK) status = ins_alloc(p->n_sources, sizeof *r.readers, &r.readers);
  if (status == INS_OK) status = ins_alloc(table->n_items, 1, &r.missing);
  status = ins_agree(grid->comm, status);
  if (status == INS_OK) status = open_readers(grid->comm, p, r.readers);
  if (status == INS_OK) status = verify(p, r.readers);
  if (status == INS_OK) status = read_normalized(&r, repeat);
  if (status == INS_OK && flag) status = set_flags(m, r.missing, flag);
  if (r.readers) close_readers(p, r.readers);
  ins_free(&r.readers);
  ins_free(&r.missing);
  return status;
}

/* Beside the panel and what moves it, for all that is read: what a box of the file is read into,
 * and its part as the file has it. */
static const double BOX_BYTES = 8.0 * INS_SCRATCH + (4 << 20);
/* Before: rows are verified in pieces. */
static const double VERIFY_BYTES = 8 << 20;

double ins_table_read_bytes(const ins_table *table, int size, ins_dtype dtype) {
  const bool by_rows = is_by_rows(table);
  const size_t n_lines = by_rows ? table->n_items : table->n_features;
  const size_t length = by_rows ? table->n_features : table->n_items;
  const double share = (double)length * (double)ins_matrix_lines(n_lines, length, PANEL, size);
  const double rows = 8 * (double)table->n_items, columns = 8 * (double)table->n_features;
  const double kept = 6 * rows * (double)table->parts->n_blocks;
  return fmax(VERIFY_BYTES, 8 * share + ins_matrix_move_bytes(size, dtype, share) + BOX_BYTES) +
         (ins_table_normalization_asked(table) ? kept : 2 * rows) +
         (table->parts->balance ? 2 * columns : 0);
}
