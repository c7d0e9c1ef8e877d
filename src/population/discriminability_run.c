/* SPDX-License-Identifier: MIT */
/* Analysis `discriminability`: d' of pairs of conditions. */
#include <math.h>
#include <string.h>

#include "discriminability_parts.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

/* ---- pairs of columns
 * ----------------------------------------------------------------------------- x: standardised
 * means; z = C^-1 x. Of all pairs, columns are conditions and d'^2 is made of x^T z; of a list,
 * they are the pairs' differences. */

static size_t n_columns(const ins_dprime *s) {
  return s->all_pairs ? s->n_conditions : s->n_pairs;
}

/* What all conditions have in common cancels in differences; taken away it leaves no rounding. */
static ins_status pick_conditions(const ins_dprime *s, const ins_matrix *mean, ins_matrix *x) {
  double *sum = NULL;
  ins_status status = ins_agree(x->grid->comm, ins_alloc(x->n_rows, sizeof *sum, &sum));
  if (status == INS_OK) status = ins_pick_columns(mean, s->features, x);
  if (status == INS_OK) status = ins_matrix_row_sums(x, NULL, sum, NULL);
  if (status == INS_OK) {
    for (size_t i = 0; i < x->n_rows; i++) sum[i] /= (double)x->n_columns;
    ins_matrix_scale_rows(x, sum, NULL);
  }
  ins_free(&sum);
  return status;
}

static ins_status pick_differences(const ins_dprime *s, const ins_matrix *mean, ins_matrix *x) {
  ins_matrix first = {0};
  ins_status status = ins_matrix_create(x->grid, x->dtype, x->n_rows, x->n_columns, &first);
  if (status == INS_OK) status = ins_pick_columns(mean, s->first, &first);
  if (status == INS_OK) status = ins_pick_columns(mean, s->second, x);
  if (status == INS_OK) ins_matrix_add(x, -1, &first);
  ins_matrix_clear(&first);
  return status;
}

/* ---- d' from products
 * ----------------------------------------------------------------------------
 */

/* What is written of d'^2: d', or factor * d'^2 - minus, nothing for a condition and itself. */
typedef struct form {
  bool root;
  double factor, minus;
} form;

static double form_of(const form *f, double squared, bool same) {
  if (same) return 0;
  return f->root ? sqrt(fmax(squared, 0)) : f->factor * squared - f->minus;
}

static ins_status write_list(const ins_dprime *s, const ins_work *work, const ins_matrix *x,
                             ins_matrix *z, const form *f, int variable) {
  double *d = NULL;
  ins_status status = ins_agree(work->grid->comm, ins_alloc(s->n_pairs, sizeof *d, &d));
  if (status != INS_OK) goto done;
  for (size_t j = 0; j < z->local_columns; j++)
    for (size_t i = 0; i < z->local_rows; i++)
      ins_matrix_set(z, i, j, ins_matrix_get(z, i, j) * ins_matrix_get(x, i, j));
  status = ins_matrix_column_sums(z, NULL, d, NULL);
  for (size_t p = 0; p < s->n_pairs; p++) d[p] = form_of(f, d[p], s->first[p] == s->second[p]);
  if (status == INS_OK) status = ins_work_write_numbers(work, variable, d);
done:
  ins_free(&d);
  return status;
}

/* d'^2 of a and b = g_aa + g_bb - 2 g_ab. */
static void form_matrix(const form *f, const double *diagonal, ins_matrix *g) {
  for (size_t j = 0; j < g->local_columns; j++)
    for (size_t i = 0; i < g->local_rows; i++) {
      const size_t a = ins_matrix_row(g, i), b = ins_matrix_column(g, j);
      const double squared = diagonal[a] + diagonal[b] - 2 * ins_matrix_get(g, i, j);
      ins_matrix_set(g, i, j, form_of(f, squared, a == b));
    }
}

static ins_status write_pairs(const ins_dprime *s, const ins_work *work, const ins_matrix *x,
                              const ins_matrix *z, const form *f, int variable) {
  const size_t n = s->n_conditions;
  ins_matrix g = {0};
  double *diagonal = NULL;
  ins_status status = ins_agree(work->grid->comm, ins_alloc(n, sizeof *diagonal, &diagonal));
  if (status == INS_OK) status = ins_matrix_create(work->grid, x->dtype, n, n, &g);
  if (status == INS_OK) status = ins_matrix_multiply(1, x, true, z, false, 0, &g);
  if (status == INS_OK) {
    for (size_t j = 0; j < g.local_columns; j++)
      for (size_t i = 0; i < g.local_rows; i++)
        if (ins_matrix_row(&g, i) == ins_matrix_column(&g, j))
          diagonal[ins_matrix_row(&g, i)] = ins_matrix_get(&g, i, j);
    ins_sum_over_ranks(work->grid, diagonal, n);
    form_matrix(f, diagonal, &g);
    status = ins_work_write_symmetric(work, variable, &g);
  }
  ins_matrix_clear(&g);
  ins_free(&diagonal);
  return status;
}

/* z is lost. */
static ins_status write_products(const ins_dprime *s, const ins_work *work, const ins_matrix *x,
                                 ins_matrix *z, form f, int variable) {
  return s->all_pairs ? write_pairs(s, work, x, z, &f, variable)
                      : write_list(s, work, x, z, &f, variable);
}

/* ---- with trials --------------------------------------------------------------------------------
 */

/* Kanitscheider, Coen-Cagli, Kohn & Pouget 2015, for a covariance of `freedom` degrees of
 * freedom: the mean of the inverse of a sample covariance is too large by freedom / (freedom - n -
 * 1), and the noise of two means of R trials adds 2 n / R. `n`: dimensions that the covariance has,
 * of n_used neurons. */
static form correction(const ins_dprime *s, double n, size_t n_used) {
  return (form){.factor = (s->freedom - n - 1) / s->freedom,
                .minus = 2 * (double)n_used / (double)s->n_trials};
}

/* Where neurons are multiples of each other there is no inverse without shrinkage. */
static ins_status write_missing(const ins_dprime *s, const ins_work *work, int variable) {
  const size_t n = ins_layout_row(work->layout, variable);
  double *d = NULL;
  ins_matrix m = {0};
  ins_status status = INS_OK;
  if (s->all_pairs) {
    status = ins_matrix_create(work->grid, s->precision, s->n_conditions, s->n_conditions, &m);
    if (status == INS_OK) {
      for (size_t j = 0; j < m.local_columns; j++)
        for (size_t i = 0; i < m.local_rows; i++) ins_matrix_set(&m, i, j, NAN);
      status = ins_work_write_matrix(work, variable, &m);
    }
  } else if ((status = ins_agree(work->grid->comm, ins_alloc(n, sizeof *d, &d))) == INS_OK) {
    for (size_t i = 0; i < n; i++) d[i] = NAN;
    status = ins_work_write_numbers(work, variable, d);
  }
  ins_matrix_clear(&m);
  ins_free(&d);
  return status;
}

static ins_status write_corrected(const ins_dprime *s, const ins_work *work, const ins_matrix *x,
                                  ins_noise_covariance *c, ins_matrix *z) {
  const double eps = s->precision == INS_F32 ? 1.2e-7 : 2.2e-16, most = 1e-3 / eps;
  ins_status status = ins_noise_covariance_solve(c, s, 0, true, x, z);
  if (status != INS_OK && status != INS_ERR_NUMERIC) return status;
  /* An inverse that stretches so much is made of rounding. */
  if (status == INS_ERR_NUMERIC ||
      !(ins_matrix_sum_squares(z) <= most * most * ins_matrix_sum_squares(x)))
    return write_missing(s, work, s->v_corrected);
  return write_products(s, work, x, z, correction(s, (double)c->n_used, c->n_used), s->v_corrected);
}

static ins_status write_all(const ins_dprime *s, const ins_work *work, const ins_matrix *x,
                            ins_noise_covariance *c) {
  ins_matrix z = {0};
  ins_status status = ins_matrix_create(x->grid, x->dtype, x->n_rows, x->n_columns, &z);
  if (status == INS_OK) {
    ins_matrix_copy(x, &z);
    status = write_products(s, work, x, &z, (form){.root = true}, s->v_shuffled);
  }
  if (status == INS_OK && s->shuffled_corrected) {
    ins_matrix_copy(x, &z);
    status = write_products(s, work, x, &z, correction(s, 1, c->n_used), s->v_shuffled_corrected);
  }
  if (status == INS_OK) status = ins_work_beat(work, 0.55);
  if (status == INS_OK && s->corrected) status = write_corrected(s, work, x, c, &z);
  if (status == INS_OK) status = ins_work_beat(work, 0.75);
  if (status == INS_OK)
    status =
        ins_within(ins_noise_covariance_solve(c, s, c->shrinkage, false, x, &z),
                   "covariance of noise with shrinkage %g; a larger one would do", c->shrinkage);
  if (status == INS_OK) status = write_products(s, work, x, &z, (form){.root = true}, s->v_d);
  ins_matrix_clear(&z);
  return status;
}

static ins_status run_trials(const ins_dprime *s, const ins_work *work, ins_matrix *mean,
                             int8_t *flag, double *weight, double *sd) {
  ins_noise_covariance c = {0};
  ins_matrix x = {0};
  ins_status status = ins_noise_covariance_create(s, work, mean, flag, weight, sd, &c);
  if (status == INS_OK)
    status = ins_matrix_create(work->grid, s->precision, mean->n_rows, n_columns(s), &x);
  if (status == INS_OK) {
    ins_matrix_scale_rows(mean, NULL, c.scale);
    status = s->all_pairs ? pick_conditions(s, mean, &x) : pick_differences(s, mean, &x);
  }
  ins_matrix_clear(mean);
  const double used = (double)c.n_used;
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_sd, sd);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_shrinkage, &c.shrinkage);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_used, &used);
  if (status == INS_OK) status = write_all(s, work, &x, &c);
  ins_matrix_clear(&x);
  ins_noise_covariance_clear(&c);
  return status;
}

/* ---- noise that is known
 * ------------------------------------------------------------------------- */

typedef struct poisson {
  const ins_dprime *s;
  double *squared; /* of list pairs [n_pairs]; of all, those of i > j at i (i - 1) / 2 + j */
} poisson;

/* The variance of a pair is the mean of the two conditions': (f_a + f_b) / (2 gain). */
static double squared_of(double gain, double a, double b) {
  return 2 * gain * (a - b) * (a - b) / (a + b);
}

static void add_item(void *self, size_t item, double *curve) {
  const poisson *p = self;
  const ins_dprime *s = p->s;
  double *d = p->squared;
  (void)item;
  for (size_t k = 0; k < s->table->n_features; k++) curve[k] = fmax(curve[k], s->floor);
  if (!s->all_pairs) {
    for (size_t k = 0; k < s->n_pairs; k++)
      d[k] += squared_of(s->gain, curve[s->first[k]], curve[s->second[k]]);
    return;
  }
  for (size_t i = 0; i < s->n_conditions; i++)
    for (size_t j = 0; j < i; j++)
      *d++ += squared_of(s->gain, curve[s->features[i]], curve[s->features[j]]);
}

static ins_status write_known(const ins_dprime *s, const ins_work *work, double *squared) {
  if (!s->all_pairs) return ins_work_write_numbers(work, s->v_d, squared);
  ins_matrix m = {0};
  ins_status status = ins_matrix_create(work->grid, INS_F32, s->n_conditions, s->n_conditions, &m);
  for (size_t j = 0; status == INS_OK && j < m.local_columns; j++)
    for (size_t i = 0; i < m.local_rows; i++) {
      const size_t a = ins_matrix_row(&m, i), b = ins_matrix_column(&m, j);
      if (a > b) ins_matrix_set(&m, i, j, squared[a * (a - 1) / 2 + b]);
    }
  if (status == INS_OK) status = ins_work_write_symmetric(work, s->v_d, &m);
  ins_matrix_clear(&m);
  return status;
}

static ins_status run_known(const ins_dprime *s, const ins_work *work, const ins_matrix *mean,
                            const double *weight) {
  poisson p = {.s = s};
  ins_status status =
      ins_agree(work->grid->comm, ins_alloc(s->n_pairs, sizeof(double), &p.squared));
  if (status == INS_OK) status = ins_conditions_visit(mean, weight, work, add_item, &p);
  if (status == INS_OK) {
    ins_sum_over_ranks(work->grid, p.squared, s->n_pairs);
    for (size_t k = 0; k < s->n_pairs; k++) p.squared[k] = sqrt(p.squared[k]);
    status = write_known(s, work, p.squared);
  }
  ins_free(&p.squared);
  return status;
}

ins_status ins_dprime_run(void *state, const ins_work *work) {
  const ins_dprime *s = state;
  const size_t n = s->table->n_items;
  ins_matrix mean = {0};
  int8_t *flag = NULL;
  double *weight = NULL, *sd = NULL;
  ins_status status = ins_alloc(n, sizeof *flag, &flag);
  if (status == INS_OK) status = ins_alloc(n, sizeof *weight, &weight);
  if (status == INS_OK) status = ins_alloc(n, sizeof *sd, &sd);
  status = ins_agree(work->grid->comm, status);
  if (status == INS_OK)
    status = ins_matrix_create(work->grid, s->precision, n, s->table->n_features, &mean);
  if (status == INS_OK) status = ins_conditions_mean(s->table, work->grid, &mean, flag, weight);
  if (status == INS_OK)
    status = s->n_trials ? run_trials(s, work, &mean, flag, weight, sd)
                         : run_known(s, work, &mean, weight);
  if (status == INS_OK) status = ins_work_write(work, s->v_flag, flag);
  ins_matrix_clear(&mean);
  ins_free(&flag);
  ins_free(&weight);
  ins_free(&sd);
  return status;
}
