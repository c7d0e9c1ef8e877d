/* SPDX-License-Identifier: MIT */
/* Decoding with cross-validation: training knows nothing of the samples that are tested. */
#include <math.h>
#include <string.h>

#include "decoding_parts.h"
#include "insilico/agree.h"
#include "insilico/memory.h"
#include "ridge.h"

/* ---- one fold ----------------------------------------------------------------------------------
 */

typedef struct split {
  size_t *train, *test;
  size_t n_train, n_test;
} split;

static ins_status split_create(const ins_decoder *s, size_t fold, split *p) {
  *p = (split){0};
  ins_status status = ins_alloc(s->n_samples, sizeof *p->train, &p->train);
  if (status == INS_OK) status = ins_alloc(s->n_samples, sizeof *p->test, &p->test);
  for (size_t i = 0; status == INS_OK && i < s->n_samples; i++)
    if ((size_t)s->fold[i] == fold)
      p->test[p->n_test++] = i;
    else
      p->train[p->n_train++] = i;
  return status;
}

static void split_clear(split *p) {
  ins_free(&p->train);
  ins_free(&p->test);
}

static void fill_targets(const ins_decoder *s, const size_t *samples, ins_matrix *y) {
  for (size_t j = 0; j < y->local_columns; j++)
    for (size_t i = 0; i < y->local_rows; i++)
      ins_matrix_set(y, i, j,
                     ins_decoder_target(s, samples[ins_matrix_row(y, i)], ins_matrix_column(y, j)));
}

static ins_status train(const ins_decoder *s, const ins_matrix *x, const split *p,
                        ins_ridge **ridge) {
  ins_matrix own = {0}, y = {0};
  ins_status status = ins_matrix_create(x->grid, x->dtype, x->n_rows, p->n_train, &own);
  if (status == INS_OK)
    status = ins_matrix_create(x->grid, x->dtype, p->n_train, ins_decoder_targets(s), &y);
  if (status == INS_OK) status = ins_pick_columns(x, p->train, &own);
  if (status == INS_OK) {
    fill_targets(s, p->train, &y);
    status = ins_ridge_create(&own, &y, ridge);
  }
  ins_matrix_clear(&own);
  ins_matrix_clear(&y);
  return status;
}

/* The lambda with the least error of samples of training that were left out; of those as good but
 * for rounding the largest. */
static ins_status choose(const ins_decoder *s, const ins_ridge *ridge, double *errors,
                         double *lambda) {
  double least = INFINITY;
  for (size_t l = 0; l < s->n_lambdas; l++) {
    ins_status status = ins_ridge_leave_one_out(ridge, s->lambdas[l], &errors[l]);
    if (status != INS_OK) return status;
    least = fmin(least, errors[l]);
  }
  for (size_t l = 0; l < s->n_lambdas; l++)
    if (errors[l] <= least * (1 + 1e-6)) *lambda = s->lambdas[l];
  return INS_OK;
}

/* What one sample is decoded to, of its predicted targets. */
static void decode_sample(const ins_decoder *s, const void *y, ins_dtype dtype, size_t at,
                          double *out) {
  const float *f = (const float *)y + at;
  const double *d = (const double *)y + at;
  const size_t n = ins_decoder_targets(s);
  double best = -INFINITY;
  for (size_t c = 0; c < n; c++) {
    const double v = dtype == INS_F32 ? (double)f[c] : d[c];
    if (!s->identity)
      out[c] = v;
    else if (v > best) {
      best = v;
      out[0] = (double)c;
    }
  }
}

/* Each rank looks at its share of the samples that are tested. */
static ins_status decode_all(const ins_decoder *s, const ins_matrix *y, const split *p,
                             double *decoded) {
  const ins_grid *g = y->grid;
  const size_t width = ins_decoder_width(s), n = ins_decoder_targets(s);
  const ins_share_of share = ins_grid_share(p->n_test, g->size, g->rank);
  void *own = NULL;
  double *all = NULL;
  ins_status status = ins_alloc(share.n * n + 1, ins_dtype_size(y->dtype), &own);
  if (status == INS_OK) status = ins_alloc(p->n_test * width, sizeof *all, &all);
  if ((status = ins_agree(g->comm, status)) == INS_OK)
    status = ins_matrix_take_rows(y, 0, p->n_test, own);
  if (status == INS_OK) {
    for (size_t i = 0; i < share.n; i++)
      decode_sample(s, own, y->dtype, i * n, all + (share.first + i) * width);
    ins_sum_over_ranks(g, all, p->n_test * width);
    for (size_t i = 0; i < p->n_test; i++)
      memcpy(decoded + p->test[i] * width, all + i * width, width * sizeof *all);
  }
  ins_free(&own);
  ins_free(&all);
  return status;
}

static ins_status test(const ins_decoder *s, const ins_matrix *x, const split *p,
                       const ins_ridge *ridge, double lambda, double *decoded) {
  ins_matrix own = {0}, y = {0};
  ins_status status = ins_matrix_create(x->grid, x->dtype, x->n_rows, p->n_test, &own);
  if (status == INS_OK)
    status = ins_matrix_create(x->grid, x->dtype, p->n_test, ins_decoder_targets(s), &y);
  if (status == INS_OK) status = ins_pick_columns(x, p->test, &own);
  if (status == INS_OK) status = ins_ridge_predict(ridge, lambda, &own, &y);
  if (status == INS_OK) status = decode_all(s, &y, p, decoded);
  ins_matrix_clear(&own);
  ins_matrix_clear(&y);
  return status;
}

static ins_status decode_fold(const ins_decoder *s, const ins_matrix *x, size_t fold,
                              double *decoded, double *lambda, double *errors) {
  split p;
  ins_ridge *ridge = NULL;
  ins_status status = ins_agree(x->grid->comm, split_create(s, fold, &p));
  if (status == INS_OK) status = train(s, x, &p, &ridge);
  if (status == INS_OK) status = choose(s, ridge, errors, lambda);
  if (status == INS_OK) status = test(s, x, &p, ridge, *lambda, decoded);
  ins_ridge_destroy(&ridge);
  split_clear(&p);
  return status;
}

ins_status ins_decoder_decode(const ins_decoder *s, const ins_work *work, const ins_matrix *x,
                              double done, double part, double *decoded, double *lambda,
                              double *errors) {
  double *own = NULL;
  ins_status status = ins_agree(x->grid->comm, ins_alloc(s->n_lambdas, sizeof *own, &own));
  for (size_t f = 0; status == INS_OK && f < s->n_folds; f++) {
    double chosen = s->lambdas[s->n_lambdas - 1];
    status = decode_fold(s, x, f, decoded, &chosen, errors ? errors + f * s->n_lambdas : own);
    if (lambda) lambda[f] = chosen;
    if (status == INS_OK)
      status = ins_work_beat(work, done + part * (double)(f + 1) / (double)s->n_folds);
  }
  ins_free(&own);
  return status;
}
