/* SPDX-License-Identifier: MIT */
/* Analysis `decoding`: all neurons, then those of the curve; what is written of it. */
#include <math.h>

#include "decoding_parts.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

/* ---- writing -----------------------------------------------------------------------------------
 */

/* The trials of a true condition one by one: as many as there are decoded the same go to one place.
 */
static void count_row(const ins_decoder *s, const double *decoded, size_t k, ins_matrix *m) {
  for (size_t r = 0; r < s->n_trials; r++) {
    const double at = decoded[r * s->n_conditions + k];
    double n = 0;
    for (size_t q = 0; q < s->n_trials; q++) n += decoded[q * s->n_conditions + k] == at;
    ins_matrix_scatter(m, k, 1, (size_t)at, 1, &n);
  }
}

static ins_status write_confusion(const ins_decoder *s, const ins_work *work,
                                  const double *decoded) {
  ins_matrix m = {0};
  ins_status status = ins_matrix_create(work->grid, INS_F32, s->n_conditions, s->n_conditions, &m);
  for (size_t k = 0; status == INS_OK && k < s->n_conditions; k++) count_row(s, decoded, k, &m);
  if (status == INS_OK) status = ins_work_write_matrix(work, s->v_confusion, &m);
  ins_matrix_clear(&m);
  return status;
}

static ins_status write_identity(const ins_decoder *s, const ins_work *work,
                                 const double *decoded) {
  const double accuracy = ins_decoder_rate(s, decoded).accuracy,
               chance = 1 / (double)s->n_conditions;
  double *of_fold = NULL, *n = NULL;
  ins_status status = ins_alloc(s->n_folds, sizeof *n, &n);
  if (status == INS_OK) status = ins_alloc(s->n_folds, sizeof *of_fold, &of_fold);
  status = ins_agree(work->grid->comm, status);
  if (status != INS_OK) goto done;
  for (size_t i = 0; i < s->n_samples; i++) n[s->fold[i]]++;
  for (size_t i = 0; i < s->n_samples; i++)
    of_fold[s->fold[i]] += (decoded[i] == (double)(i % s->n_conditions)) / n[s->fold[i]];
  status = write_confusion(s, work, decoded);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_accuracy, &accuracy);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_chance, &chance);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_fold_accuracy, of_fold);
done:
  ins_free(&n);
  ins_free(&of_fold);
  return status;
}

static ins_status write_parameter(const ins_decoder *s, const ins_work *work,
                                  const double *decoded) {
  const ins_decoder_score score = ins_decoder_rate(s, decoded);
  const ins_parameter *p = &s->parameter;
  const double each = (double)s->n_samples / (double)p->n;
  double *at = NULL;
  ins_status status = ins_agree(work->grid->comm, ins_alloc(p->n, sizeof *at, &at));
  if (status != INS_OK) goto done;
  for (size_t i = 0; i < s->n_samples; i++)
    at[ins_parameter_index(p, i % s->n_conditions)] += ins_decoder_error(s, decoded, i) / each;
  status = ins_work_write_numbers(work, s->v_r_squared, &score.r_squared);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_error, &score.error);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_correlation, &score.correlation);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_error_at, at);
done:
  ins_free(&at);
  return status;
}

static ins_status write_decoded(const ins_decoder *s, const ins_work *work, const double *decoded) {
  double *value = NULL;
  ins_status status = ins_agree(work->grid->comm, ins_alloc(s->n_samples, sizeof *value, &value));
  if (status != INS_OK) goto done;
  for (size_t i = 0; i < s->n_samples; i++) value[i] = ins_decoder_value(s, decoded, i);
  status = ins_work_write_numbers(work, s->v_decoded, value);
  if (status == INS_OK)
    status = s->identity ? write_identity(s, work, decoded) : write_parameter(s, work, decoded);
done:
  ins_free(&value);
  return status;
}

/* ---- running -----------------------------------------------------------------------------------
 */

typedef struct numbers {
  double *weight, *decoded, *lambda, *errors, *curve[2];
  size_t *order, *used;
  int8_t *flag;
} numbers;

static ins_status numbers_create(const ins_decoder *s, numbers *b) {
  const size_t n = s->table->n_items, curve = s->n_sizes * s->n_draws;
  ins_status status = ins_alloc(n, sizeof *b->weight, &b->weight);
  if (status == INS_OK) status = ins_alloc(2 * s->n_samples, sizeof(double), &b->decoded);
  if (status == INS_OK) status = ins_alloc(s->n_folds, sizeof(double), &b->lambda);
  if (status == INS_OK) status = ins_alloc(s->n_folds * s->n_lambdas, sizeof(double), &b->errors);
  for (int k = 0; k < 2; k++)
    if (status == INS_OK) status = ins_alloc(curve, sizeof(double), &b->curve[k]);
  if (status == INS_OK) status = ins_alloc(n, sizeof *b->order, &b->order);
  if (status == INS_OK) status = ins_alloc(n, sizeof *b->used, &b->used);
  if (status == INS_OK) status = ins_alloc(n, sizeof *b->flag, &b->flag);
  return status;
}

static void numbers_clear(numbers *b) {
  ins_free(&b->weight);
  ins_free(&b->decoded);
  ins_free(&b->lambda);
  ins_free(&b->errors);
  for (int k = 0; k < 2; k++) ins_free(&b->curve[k]);
  ins_free(&b->order);
  ins_free(&b->used);
  ins_free(&b->flag);
}

static ins_status decode_subset(const ins_decoder *s, const ins_work *work, const ins_matrix *x,
                                const size_t *rows, size_t n, double done, double part,
                                double *decoded, ins_decoder_score *score) {
  ins_matrix own = {0};
  ins_status status = ins_matrix_create(x->grid, x->dtype, n, x->n_columns, &own);
  if (status == INS_OK) status = ins_pick_rows(x, rows, &own);
  if (status == INS_OK) status = ins_decoder_decode(s, work, &own, done, part, decoded, NULL, NULL);
  if (status == INS_OK) *score = ins_decoder_rate(s, decoded);
  ins_matrix_clear(&own);
  return status;
}

/* Neurons that vary, in the random order of a draw: its subsets are the first of them. */
static ins_status draw_rows(const ins_decoder *s, size_t draw, numbers *b, size_t *n) {
  ins_status status = ins_decoder_shuffle(s, "neurons", draw, s->table->n_items, b->order);
  *n = 0;
  for (size_t i = 0; status == INS_OK && i < s->table->n_items; i++)
    if (b->weight[b->order[i]] > 0) b->used[(*n)++] = b->order[i];
  return status;
}

static ins_status run_curve(const ins_decoder *s, const ins_work *work, const ins_matrix *x,
                            double done, numbers *b) {
  const size_t total = s->n_sizes * s->n_draws;
  const double part = (1 - done) / (double)total;
  ins_status status = INS_OK;
  for (size_t k = 0; status == INS_OK && k < total; k++) {
    const size_t size = k % s->n_sizes, draw = k / s->n_sizes, at = size * s->n_draws + draw;
    ins_decoder_score score = {NAN, NAN, NAN, NAN};
    size_t n;
    status = ins_agree(work->grid->comm, draw_rows(s, draw, b, &n));
    if (status == INS_OK && n >= s->sizes[size])
      status = decode_subset(s, work, x, b->used, s->sizes[size], done + (double)k * part, part,
                             b->decoded, &score);
    b->curve[0][at] = s->identity ? score.accuracy : score.r_squared;
    b->curve[1][at] = score.error;
  }
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_curve[0], b->curve[0]);
  if (status == INS_OK && !s->identity)
    status = ins_work_write_numbers(work, s->v_curve[1], b->curve[1]);
  return status;
}

ins_status ins_decoder_run(void *state, const ins_work *work) {
  const ins_decoder *s = state;
  const double all = s->n_sizes ? 0.5 : 1;
  numbers b = {0};
  ins_matrix x = {0};
  ins_status status = ins_agree(work->grid->comm, numbers_create(s, &b));
  if (status == INS_OK)
    status = ins_matrix_create(work->grid, s->precision, s->table->n_items, s->n_samples, &x);
  if (status == INS_OK) status = ins_conditions_trials(s->table, work->grid, &x, b.flag, b.weight);
  if (status == INS_OK) {
    ins_matrix_scale_rows(&x, NULL, b.weight);
    status = ins_decoder_decode(s, work, &x, 0, all, b.decoded, b.lambda, b.errors);
  }
  for (size_t i = 0; status == INS_OK && i < s->n_folds * s->n_lambdas; i++)
    if (!isfinite(b.errors[i])) b.errors[i] = NAN;
  if (status == INS_OK) status = ins_work_write(work, s->v_flag, b.flag);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_lambda, b.lambda);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_errors, b.errors);
  if (status == INS_OK) status = write_decoded(s, work, b.decoded);
  if (status == INS_OK && s->n_sizes) status = run_curve(s, work, &x, all, &b);
  ins_matrix_clear(&x);
  numbers_clear(&b);
  return status;
}
