/* SPDX-License-Identifier: MIT */
/* Analysis `components`: how it is computed. */
#include <math.h>
#include <string.h>

#include "components.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

/* ---- a run -------------------------------------------------------------------------------------
 */

typedef struct job {
  const ins_component_analysis *s;
  const ins_work *work;
  size_t n, m;     /* items, features */
  int8_t *flag;    /* [n] what the data say */
  int8_t *out;     /* [n] items that have no part */
  size_t *used;    /* [n] those that have one */
  double *numbers; /* [n_values], at least [2 * n_components] */
  ins_matrix x;
  ins_pca pca;
} job;

static void job_clear(job *j) {
  ins_matrix_clear(&j->x);
  ins_pca_clear(&j->pca);
  ins_free(&j->flag);
  ins_free(&j->out);
  ins_free(&j->used);
  ins_free(&j->numbers);
}

static ins_status job_create(const ins_component_analysis *s, const ins_work *work, job *j) {
  *j = (job){.s = s, .work = work, .n = s->table->n_items, .m = s->table->n_features};
  ins_status status = ins_alloc(j->n, 1, &j->flag);
  if (status == INS_OK) status = ins_alloc(j->n, 1, &j->out);
  if (status == INS_OK) status = ins_alloc(j->n, sizeof *j->used, &j->used);
  if (status == INS_OK)
    status = ins_alloc(s->n_values + 2 * s->n_components, sizeof *j->numbers, &j->numbers);
  return ins_agree(work->grid->comm, status);
}

static ins_status make_matrix(const job *j, ins_matrix *x) {
  return ins_matrix_create(j->work->grid, j->s->dtype, j->n, j->m, x);
}

static ins_pca_options options_of(const job *j, size_t n_components) {
  return (ins_pca_options){.samples = j->s->samples,
                           .scaled = j->s->scaled,
                           .n_components = n_components,
                           .flag = j->out};
}

static void choose_items(job *j) {
  size_t n_used = 0;
  for (size_t i = 0; i < j->n; i++) {
    j->out[i] = j->flag[i] == INS_ITEM_SILENT ? !j->s->with_silent : j->flag[i] != INS_ITEM_USED;
    if (!j->out[i]) j->used[n_used++] = i;
  }
}

/* ---- components of the mean --------------------------------------------------------------------
 */

static ins_status decompose(job *j) {
  const ins_component_analysis *s = j->s;
  ins_status status = make_matrix(j, &j->x);
  if (status == INS_OK)
    status = ins_table_read(s->table, j->work->grid, INS_MEAN_OF_REPEATS, &j->x, j->flag);
  if (status == INS_OK) status = ins_work_beat(j->work, 0.1);
  if (status != INS_OK) return status;
  choose_items(j);
  const ins_pca_options options = options_of(j, s->n_span);
  status = ins_pca_create(&j->x, &options, &j->pca);
  ins_matrix_clear(&j->x);
  if (status == INS_OK) status = ins_pca_check_units(&j->pca);
  return status == INS_OK ? ins_work_beat(j->work, 0.5) : status;
}

static ins_status write_whole(const job *j, int variable, size_t number) {
  const int64_t n = (int64_t)number;
  return ins_work_write(j->work, variable, &n);
}

static ins_status write_spectrum(job *j) {
  const ins_components_variables *v = &j->s->v;
  const ins_pca *p = &j->pca;
  const size_t k = j->s->n_components;
  const double square = p->unit * p->unit;
  double *ratio = j->numbers, *cumulative = j->numbers + k, *variance = j->numbers + 2 * k;
  for (size_t c = 0; c < p->n_values; c++) variance[c] = p->values[c] * square;
  for (size_t c = 0; c < k; c++) {
    ratio[c] = p->total > 0 ? p->values[c] / p->total : 0;
    cumulative[c] = ratio[c] + (c ? cumulative[c - 1] : 0);
  }
  ins_status status = ins_work_write(j->work, v->flag, j->flag);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, v->eigenvalue, variance);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, v->ratio, ratio);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, v->cumulative, cumulative);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, v->mean, p->mean);
  if (status == INS_OK) status = write_whole(j, v->n_used, p->n_used);
  if (status == INS_OK) status = write_whole(j, v->rank, p->rank);
  return status;
}

/* The leading ones of those that were computed, times `unit`. */
static ins_status write_vectors(const job *j, int variable, const ins_matrix *of, double unit,
                                bool transposed) {
  ins_matrix leading = {0};
  ins_status status = ins_pca_first(of, j->s->n_components, &leading);
  for (size_t c = 0; status == INS_OK && c < leading.local_columns; c++)
    for (size_t r = 0; r < leading.local_rows; r++)
      ins_matrix_set(&leading, r, c, ins_matrix_get(&leading, r, c) * unit);
  if (status == INS_OK)
    status = transposed ? ins_work_write_transposed(j->work, variable, &leading)
                        : ins_work_write_matrix(j->work, variable, &leading);
  ins_matrix_clear(&leading);
  return status;
}

static ins_status write_number(const job *j, int variable, double x) {
  return ins_work_write_numbers(j->work, variable, &x);
}

static ins_status write_dimensionality(const job *j) {
  const ins_components_variables *v = &j->s->v;
  const ins_spread naive = ins_spread_naive(&j->pca.sums),
                   corrected = ins_spread_unbiased(&j->pca.sums),
                   both = {corrected.trace_squared - j->pca.diagonal,
                           corrected.squares_trace - j->pca.diagonal};
  ins_status status = write_number(j, v->participation, ins_participation(naive));
  if (status == INS_OK) status = write_number(j, v->corrected, ins_participation(corrected));
  if (status == INS_OK) status = write_number(j, v->both, ins_participation(both));
  return status;
}

static ins_status write_intervals(job *j) {
  const ins_components_variables *v = &j->s->v;
  ins_components_intervals intervals = {.ratio = j->numbers};
  ins_status status = ins_components_bootstrap(j->s, j->work, &j->pca, j->used, &intervals);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, v->ratio_interval, j->numbers);
  if (status == INS_OK)
    status = ins_work_write_numbers(j->work, v->participation_interval, intervals.participation);
  if (status == INS_OK)
    status = ins_work_write_numbers(j->work, v->corrected_interval, intervals.corrected);
  return status;
}

/* ---- halves of the repeats ---------------------------------------------------------------------
 */

static void add(const ins_matrix *more, ins_matrix *to) {
  for (size_t c = 0; c < to->local_columns; c++)
    for (size_t r = 0; r < to->local_rows; r++)
      ins_matrix_set(to, r, c, ins_matrix_get(to, r, c) + ins_matrix_get(more, r, c));
}

/* Mean of repeats `first`, first + 2, ... */
static ins_status read_half(const job *j, size_t first, ins_matrix *mean) {
  const ins_table *table = j->s->table;
  ins_matrix one = {0};
  double *part = NULL;
  size_t n = 0;
  ins_status status = make_matrix(j, mean);
  if (status == INS_OK && first + 2 < table->n_repeats) status = make_matrix(j, &one);
  for (size_t r = first; r < table->n_repeats && status == INS_OK; r += 2, n++) {
    status = ins_table_read(table, j->work->grid, (int)r, n ? &one : mean, NULL);
    if (status == INS_OK && n) add(&one, mean);
  }
  ins_matrix_clear(&one);
  if (status == INS_OK && n > 1)
    status = ins_agree(j->work->grid->comm, ins_alloc(j->n, sizeof *part, &part));
  if (status == INS_OK && n > 1) {
    for (size_t i = 0; i < j->n; i++) part[i] = 1 / (double)n;
    ins_matrix_scale_rows(mean, NULL, part);
  }
  ins_free(&part);
  return status;
}

static ins_status write_shared(job *j, const ins_pca *of_a, const ins_pca *of_b,
                               const ins_matrix *a, const ins_matrix *b) {
  const ins_components_variables *v = &j->s->v;
  const size_t k = j->s->n_components;
  double *shared = j->numbers, *ratio = j->numbers + k, total;
  ins_cross_sums sums;
  ins_status status = ins_pca_shared(of_a, a, b, shared, &total);
  if (status == INS_OK) status = ins_pca_cross(a, b, of_a, of_b, &sums);
  if (status != INS_OK) return status;
  for (size_t c = 0; c < k; c++) {
    ratio[c] = total > 0 ? shared[c] / total : 0;
    shared[c] *= of_a->unit * of_b->unit;
  }
  total *= of_a->unit * of_b->unit;
  status = ins_work_write_numbers(j->work, v->shared, shared);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, v->shared_ratio, ratio);
  if (status == INS_OK) status = write_number(j, v->shared_total, total);
  if (status == INS_OK)
    status = write_number(j, v->shared_participation, ins_participation(ins_spread_shared(&sums)));
  return status;
}

static ins_status compare_halves(job *j) {
  const ins_pca_options options = options_of(j, j->s->n_components);
  ins_matrix a = {0}, b = {0};
  ins_pca of_a = {0}, of_b = {0};
  ins_status status = read_half(j, 0, &a);
  if (status == INS_OK) status = read_half(j, 1, &b);
  if (status == INS_OK) status = ins_work_beat(j->work, 0.9);
  if (status == INS_OK) status = ins_pca_create(&a, &options, &of_a);
  if (status == INS_OK) status = ins_pca_prepare(&b, &options, &of_b);
  if (status == INS_OK) status = write_shared(j, &of_a, &of_b, &a, &b);
  ins_pca_clear(&of_a);
  ins_pca_clear(&of_b);
  ins_matrix_clear(&a);
  ins_matrix_clear(&b);
  return status;
}

ins_status ins_components_run(void *state, const ins_work *work) {
  const ins_component_analysis *s = state;
  job j;
  ins_status status = job_create(s, work, &j);
  if (status == INS_OK) status = decompose(&j);
  if (status == INS_OK) status = write_spectrum(&j);
  if (status == INS_OK) status = write_vectors(&j, s->v.scores, &j.pca.scores, j.pca.unit, false);
  if (status == INS_OK && s->v.loadings >= 0)
    status = write_vectors(&j, s->v.loadings, &j.pca.loadings, 1, true);
  if (status == INS_OK) status = write_dimensionality(&j);
  if (status == INS_OK && s->n_resamples) status = write_intervals(&j);
  ins_pca_clear(&j.pca);
  if (status == INS_OK && s->halves) status = compare_halves(&j);
  job_clear(&j);
  return status;
}
