/* SPDX-License-Identifier: MIT */
/* Analysis `signal_correlation`: how it is computed. */
#include "signal_correlation.h"

#include <float.h>
#include <math.h>

#include "insilico/agree.h"
#include "insilico/memory.h"

/* ---- numbers of each item ----------------------------------------------------------------------
 */

/* What is known of each item [n_items], the same on every rank. Within the computation responses
 * are measured from `origin` in steps of `step`, so that neither a high baseline nor the units
 * cost digits of single precision. */
typedef struct items {
  double *origin, *step;
  double *mean, *variance; /* over features, of mean responses */
  double *noise, *signal;  /* variances */
  double *sum, *squares;   /* scratch */
  int8_t *flag, *of_repeat;
  size_t *n_silent; /* repeats in which all responses are the same */
} items;

static void items_clear(items *t) {
  double **all[] = {&t->origin, &t->step,   &t->mean, &t->variance,
                    &t->noise,  &t->signal, &t->sum,  &t->squares};
  for (size_t a = 0; a < sizeof all / sizeof *all; a++) ins_free(all[a]);
  ins_free(&t->flag);
  ins_free(&t->of_repeat);
  ins_free(&t->n_silent);
}

static ins_status items_create(size_t n, items *t) {
  double **all[] = {&t->origin, &t->step,   &t->mean, &t->variance,
                    &t->noise,  &t->signal, &t->sum,  &t->squares};
  ins_status status = INS_OK;
  for (size_t a = 0; a < sizeof all / sizeof *all && status == INS_OK; a++)
    status = ins_alloc(n, sizeof(double), all[a]);
  if (status == INS_OK) status = ins_alloc(n, 1, &t->flag);
  if (status == INS_OK) status = ins_alloc(n, 1, &t->of_repeat);
  if (status == INS_OK) status = ins_alloc(n, sizeof *t->n_silent, &t->n_silent);
  for (size_t i = 0; i < n && status == INS_OK; i++) t->step[i] = 1;
  return status;
}

/* Mean over features of each row and the sum of squares around it: two passes, in double. */
static ins_status row_moments(const ins_matrix *m, double *mean, double *squares, double *scratch) {
  ins_status status = ins_matrix_row_sums(m, NULL, mean, NULL);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < m->n_rows; i++) mean[i] /= (double)m->n_columns;
  status = ins_matrix_row_sums(m, mean, scratch, squares);
  for (size_t i = 0; i < m->n_rows && status == INS_OK; i++)
    if (!isfinite(squares[i]))
      return ins_fail(
          INS_ERR_NUMERIC,
          "responses of item %zu, of mean %g, are too large to be squared; leave it out "
          "by `where`, or bring responses to one scale by `normalize` of data",
          i, mean[i]);
  return status;
}

/* ---- a run -------------------------------------------------------------------------------------
 */

typedef struct job {
  const ins_correlation *s;
  const ins_work *work;
  size_t n, k, r; /* items, features, repeats */
  items t;
  ins_matrix mean, x;    /* [n, k]: mean responses; responses of one repeat */
  ins_matrix c, e, more; /* [n, n]: correlation; sum of noise; what one repeat adds to it */
} job;

static void job_clear(job *j) {
  ins_matrix *all[] = {&j->mean, &j->x, &j->c, &j->e, &j->more};
  for (size_t a = 0; a < sizeof all / sizeof *all; a++) ins_matrix_clear(all[a]);
  items_clear(&j->t);
}

/* Units for the computation, from the first repeat: its mean, and its spread where it has any. */
static ins_status choose_units(job *j) {
  items *t = &j->t;
  ins_status status = row_moments(&j->mean, t->origin, t->squares, t->sum);
  for (size_t i = 0; i < j->n && status == INS_OK; i++) {
    const double spread = sqrt(t->squares[i] / (double)j->k);
    t->step[i] = spread > 0 && !t->n_silent[i] ? spread : 1;
  }
  return status;
}

static void to_units(const job *j, ins_matrix *m, double *scratch) {
  for (size_t i = 0; i < j->n; i++) scratch[i] = 1 / j->t.step[i];
  ins_matrix_scale_rows(m, j->t.origin, scratch);
}

static ins_status read_repeat(job *j, int repeat, ins_matrix *m) {
  items *t = &j->t;
  ins_status status = ins_table_read(j->s->table, j->work->grid, repeat, m, t->of_repeat);
  for (size_t i = 0; i < j->n && status == INS_OK; i++) {
    if (t->of_repeat[i] == INS_ITEM_MISSING) t->flag[i] = INS_ITEM_MISSING;
    if (t->of_repeat[i] == INS_ITEM_SILENT) t->n_silent[i]++;
  }
  return status;
}

/* x becomes its difference from the mean of the repeats before it, which takes it in. */
static void step_mean(ins_matrix *x, ins_matrix *mean, double n_before) {
  for (size_t j = 0; j < x->local_columns; j++)
    for (size_t i = 0; i < x->local_rows; i++) {
      const double m = ins_matrix_get(mean, i, j), off = ins_matrix_get(x, i, j) - m;
      ins_matrix_set(x, i, j, off);
      ins_matrix_set(mean, i, j, m + off / (n_before + 1));
    }
}

static void add(ins_matrix *to, const ins_matrix *m) {
  for (size_t j = 0; j < m->local_columns; j++)
    for (size_t i = 0; i < m->local_rows; i++)
      ins_matrix_set(to, i, j, ins_matrix_get(to, i, j) + ins_matrix_get(m, i, j));
}

/* Welford's (1962) update of mean and covariance: every response is read once, and differences are
 * taken before products, so that strong signals do not drown the noise in rounding. */
static ins_status add_repeat(job *j, size_t repeat) {
  const double n_before = (double)repeat, weight = n_before / (n_before + 1);
  ins_status status = read_repeat(j, (int)repeat, &j->x);
  if (status != INS_OK) return status;
  to_units(j, &j->x, j->t.sum);
  step_mean(&j->x, &j->mean, n_before);
  status = ins_matrix_row_sums(&j->x, NULL, j->t.sum, j->t.squares);
  if (status == INS_OK) status = ins_matrix_gram(weight, &j->x, false, &j->more);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < j->n; i++) j->t.noise[i] += weight * j->t.squares[i];
  add(&j->e, &j->more);
  return ins_work_beat(j->work, (double)(repeat + 1) / (double)(j->r + 2));
}

static ins_status read_repeats(job *j) {
  const ins_grid *g = j->work->grid;
  ins_status status = ins_matrix_create(g, j->s->dtype, j->n, j->k, &j->x);
  if (status == INS_OK) status = ins_matrix_create(g, j->s->dtype, j->n, j->n, &j->e);
  if (status == INS_OK) status = ins_matrix_create(g, j->s->dtype, j->n, j->n, &j->more);
  if (status == INS_OK) status = read_repeat(j, 0, &j->mean);
  if (status == INS_OK) status = choose_units(j);
  if (status != INS_OK) return status;
  to_units(j, &j->mean, j->t.sum);
  for (size_t repeat = 1; repeat < j->r && status == INS_OK; repeat++)
    status = add_repeat(j, repeat);
  ins_matrix_clear(&j->x);
  ins_matrix_clear(&j->more);
  return status;
}

/* Variances of items and which of them have any; the sums of squares are in `squares`. */
static void judge_items(job *j) {
  items *t = &j->t;
  const double n_means = (double)(j->k > 1 ? j->k - 1 : 1);
  const double n_noise = (double)j->k * (double)(j->r - 1), n_reads = (double)(j->r ? j->r : 1);
  /* What rounding makes of means that are the same for all stimuli, in units of the noise. */
  const double rounding = 16 * (j->s->dtype == INS_F32 ? FLT_EPSILON : DBL_EPSILON);
  for (size_t i = 0; i < j->n; i++) {
    const bool missing = t->flag[i] == INS_ITEM_MISSING;
    t->noise[i] = j->r && !missing ? t->noise[i] / n_noise : 0;
    t->variance[i] = t->squares[i] / n_means;
    const bool flat =
        (double)t->n_silent[i] == n_reads || !(t->variance[i] > rounding * rounding * t->noise[i]);
    if (flat || missing) t->variance[i] = 0;
    t->signal[i] = j->r ? t->variance[i] - t->noise[i] / (double)j->r : t->variance[i];
    if (missing) continue;
    if (flat && !(t->noise[i] > 0))
      t->flag[i] = INS_ITEM_SILENT;
    else if (j->r && !(t->signal[i] > 0))
      t->flag[i] = INS_ITEM_NO_SIGNAL;
  }
}

/* Mean responses with mean 0 and norm 1 over features, then all their products. */
static ins_status correlate(job *j) {
  items *t = &j->t;
  ins_status status = row_moments(&j->mean, t->mean, t->squares, t->sum);
  if (status != INS_OK) return status;
  judge_items(j);
  for (size_t i = 0; i < j->n; i++) t->sum[i] = t->variance[i] > 0 ? 1 / sqrt(t->squares[i]) : 0;
  ins_matrix_scale_rows(&j->mean, t->mean, t->sum);
  status = ins_matrix_create(j->work->grid, j->s->dtype, j->n, j->n, &j->c);
  if (status == INS_OK) status = ins_matrix_gram(1, &j->mean, false, &j->c);
  ins_matrix_clear(&j->mean);
  return status;
}

/* ---- matrices of pairs -------------------------------------------------------------------------
 * Each from its lower triangle. */

/* Correlations as they should be: 1 on the diagonal and nothing beyond 1 by rounding; 0 where
 * there is no variance. */
static void make_total(job *j) {
  const double *variance = j->t.variance;
  for (size_t b = 0; b < j->c.local_columns; b++)
    for (size_t a = 0; a < j->c.local_rows; a++) {
      const size_t i = ins_matrix_row(&j->c, a), i2 = ins_matrix_column(&j->c, b);
      const double r = i == i2 ? 1 : fmin(1, fmax(-1, ins_matrix_get(&j->c, a, b)));
      ins_matrix_set(&j->c, a, b, variance[i] > 0 && variance[i2] > 0 ? r : 0);
    }
}

/* c, so far the correlation of means, becomes the correlation of signals. */
static void make_signal(job *j) {
  const items *t = &j->t;
  const double to_mean = 1 / ((double)j->k * (double)(j->r - 1) * (double)j->r);
  for (size_t b = 0; b < j->c.local_columns; b++)
    for (size_t a = 0; a < j->c.local_rows; a++) {
      const size_t i = ins_matrix_row(&j->c, a), i2 = ins_matrix_column(&j->c, b);
      double r = 0;
      if (t->flag[i] == INS_ITEM_USED && t->flag[i2] == INS_ITEM_USED) {
        const double means = ins_matrix_get(&j->c, a, b) * sqrt(t->variance[i] * t->variance[i2]);
        const double noise = ins_matrix_get(&j->e, a, b) * to_mean;
        r = i == i2 ? 1 : (means - noise) / sqrt(t->signal[i] * t->signal[i2]);
      }
      ins_matrix_set(&j->c, a, b, r);
    }
}

/* e, so far sums of products, becomes the correlation of the noise. */
static void make_noise(job *j) {
  const double *noise = j->t.noise;
  const double n = (double)j->k * (double)(j->r - 1);
  for (size_t b = 0; b < j->e.local_columns; b++)
    for (size_t a = 0; a < j->e.local_rows; a++) {
      const size_t i = ins_matrix_row(&j->e, a), i2 = ins_matrix_column(&j->e, b);
      double r = 0;
      if (noise[i] > 0 && noise[i2] > 0)
        r = ins_matrix_get(&j->e, a, b) / n / sqrt(noise[i] * noise[i2]);
      ins_matrix_set(&j->e, a, b, i == i2 && r != 0 ? 1 : fmin(1, fmax(-1, r)));
    }
}

/* ---- groups ------------------------------------------------------------------------------------
 */

/* sum and pairs [n_groups, n_groups] over this process's pairs of used items; `variance`: only
 * those that have some. */
static void sum_groups(const job *j, const ins_matrix *m, const double *variance, double *sum,
                       double *pairs) {
  const int32_t *group = j->s->group;
  const int8_t *flag = j->t.flag;
  for (size_t b = 0; b < m->local_columns; b++)
    for (size_t a = 0; a < m->local_rows; a++) {
      const size_t i = ins_matrix_row(m, a), i2 = ins_matrix_column(m, b);
      if (i <= i2 || group[i] < 0 || group[i2] < 0 || flag[i] != INS_ITEM_USED ||
          flag[i2] != INS_ITEM_USED || !(variance[i] > 0 && variance[i2] > 0))
        continue;
      const size_t g = (size_t)(group[i] < group[i2] ? group[i] : group[i2]);
      const size_t g2 = (size_t)(group[i] < group[i2] ? group[i2] : group[i]);
      sum[g * j->s->n_groups + g2] += ins_matrix_get(m, a, b);
      pairs[g * j->s->n_groups + g2]++;
    }
}

static void sums_to_means(size_t n, double *sum, double *pairs) {
  for (size_t g = 0; g < n; g++)
    for (size_t g2 = g; g2 < n; g2++) {
      const double count = pairs[g * n + g2], mean = count > 0 ? sum[g * n + g2] / count : NAN;
      sum[g * n + g2] = sum[g2 * n + g] = mean;
      pairs[g2 * n + g] = count;
    }
}

/* Writes the means over groups of a matrix; also, where there is one, the variable `v_pairs`. */
static ins_status write_groups(const job *j, const ins_matrix *m, const double *variance,
                               int variable, const int *v_pairs) {
  const size_t n = j->s->n_groups, both = 2 * n * n;
  double *sum = NULL;
  if (!j->s->group) return INS_OK;
  ins_status status = ins_agree(j->work->grid->comm, ins_alloc(both, sizeof *sum, &sum));
  if (status != INS_OK) goto done;
  sum_groups(j, m, variance, sum, sum + n * n);
  MPI_Allreduce(MPI_IN_PLACE, sum, (int)both, MPI_DOUBLE, MPI_SUM, j->work->grid->comm);
  sums_to_means(n, sum, sum + n * n);
  status = ins_work_write_numbers(j->work, variable, sum);
  if (status == INS_OK && v_pairs) status = ins_work_write_numbers(j->work, *v_pairs, sum + n * n);
done:
  ins_free(&sum);
  return status;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

/* 0 where there is nothing: of missing and silent items. */
static double ratio(double a, double whole) {
  return whole > 0 ? a / whole : 0;
}

static ins_status write_noisy_items(job *j) {
  items *t = &j->t;
  const ins_correlation *s = j->s;
  for (size_t i = 0; i < j->n; i++) t->sum[i] = ratio(t->signal[i], t->signal[i] + t->noise[i]);
  ins_status status = ins_work_write_numbers(j->work, s->v_reliability, t->sum);
  for (size_t i = 0; i < j->n; i++) t->sum[i] = ratio(t->signal[i], t->variance[i]);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v_explainable, t->sum);
  for (size_t i = 0; i < j->n; i++) t->sum[i] = t->signal[i] * t->step[i] * t->step[i];
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v_signal_variance, t->sum);
  for (size_t i = 0; i < j->n; i++) t->sum[i] = t->noise[i] * t->step[i] * t->step[i];
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v_noise_variance, t->sum);
  return status;
}

static ins_status write_items(job *j) {
  items *t = &j->t;
  const ins_correlation *s = j->s;
  for (size_t i = 0; i < j->n; i++)
    t->sum[i] = t->flag[i] == INS_ITEM_MISSING ? 0 : t->origin[i] + t->mean[i] * t->step[i];
  ins_status status = ins_work_write_numbers(j->work, s->v_mean, t->sum);
  for (size_t i = 0; i < j->n; i++) t->sum[i] = sqrt(t->variance[i]) * t->step[i];
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v_sd, t->sum);
  if (status == INS_OK) status = ins_work_write(j->work, s->v_flag, t->flag);
  if (status == INS_OK && s->noisy) status = write_noisy_items(j);
  return status;
}

static ins_status write_noisy(job *j) {
  const ins_correlation *s = j->s;
  make_signal(j);
  ins_status status = write_groups(j, &j->c, j->t.signal, s->signal.groups, NULL);
  if (status == INS_OK) status = ins_work_write_symmetric(j->work, s->signal.matrix, &j->c);
  if (status != INS_OK) return status;
  make_noise(j);
  status = write_groups(j, &j->e, j->t.noise, s->noise.groups, NULL);
  if (status == INS_OK) status = ins_work_write_symmetric(j->work, s->noise.matrix, &j->e);
  return status;
}

ins_status ins_correlation_run(void *state, const ins_work *work) {
  const ins_correlation *s = state;
  job j = {.s = s,
           .work = work,
           .n = s->table->n_items,
           .k = s->table->n_features,
           .r = s->noisy ? s->table->n_repeats : 0};
  ins_status status = ins_agree(work->grid->comm, items_create(j.n, &j.t));
  if (status == INS_OK) status = ins_matrix_create(work->grid, s->dtype, j.n, j.k, &j.mean);
  if (status == INS_OK)
    status = s->noisy ? read_repeats(&j) : read_repeat(&j, INS_MEAN_OF_REPEATS, &j.mean);
  if (status == INS_OK) status = ins_work_beat(work, s->noisy ? 0.7 : 0.3);
  if (status == INS_OK) status = correlate(&j);
  if (status == INS_OK) status = ins_work_beat(work, 0.8);
  if (status != INS_OK) goto done;
  make_total(&j);
  status = write_groups(&j, &j.c, j.t.variance, s->total.groups, &s->v_pairs);
  if (status == INS_OK) status = ins_work_write_symmetric(work, s->total.matrix, &j.c);
  if (status == INS_OK) status = write_items(&j);
  if (status == INS_OK && s->noisy) status = write_noisy(&j);
done:
  job_clear(&j);
  return status;
}
