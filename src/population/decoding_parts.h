/* SPDX-License-Identifier: MIT */
/** What the files of the analysis `decoding` share. */
#ifndef INSILICO_POPULATION_DECODING_PARTS_H
#define INSILICO_POPULATION_DECODING_PARTS_H

#include "conditions.h"

/** How good all decoded samples together are; NaN where a number does not apply. */
typedef struct ins_decoder_score {
  double accuracy;                      /* identity: share of samples */
  double r_squared, error, correlation; /* of a parameter */
} ins_decoder_score;

typedef struct ins_decoder {
  const ins_table *table;
  uint64_t seed;
  const char *name;
  ins_dtype precision;
  bool identity;
  ins_parameter parameter;                  /* the target, unless identity */
  double centre, spread;                    /* of a parameter's values, where it is not circular */
  size_t n_conditions, n_trials, n_samples; /* n_samples = n_conditions * max(n_trials, 1) */
  size_t n_folds;
  int32_t *fold;    /* [n_samples] that a sample is tested in */
  size_t n_lambdas; /* ascending */
  double *lambdas;
  size_t n_sizes, n_draws; /* of the curve; 0: none */
  size_t *sizes;
  int v_flag, v_decoded, v_lambda, v_errors, v_accuracy, v_fold_accuracy, v_chance, v_confusion,
      v_r_squared, v_error, v_correlation, v_error_at, v_curve[2];
} ins_decoder;

/** Columns of targets: a condition each; cosine and sine; or one. */
static inline size_t ins_decoder_targets(const ins_decoder *s) {
  return s->identity ? s->n_conditions : s->parameter.period > 0 ? 2 : 1;
}
/** Numbers that a sample is decoded to: its condition; cosine and sine; or the scaled value. */
static inline size_t ins_decoder_width(const ins_decoder *s) {
  return s->identity ? 1 : ins_decoder_targets(s);
}

/** out = 0..n-1 in an order that is a pure function of seed, `what`, analysis and `number`. */
ins_status ins_decoder_shuffle(const ins_decoder *s, const char *what, size_t number, size_t n,
                               size_t *out) INS_CHECKED;
/** What the analysis runs. */
ins_status ins_decoder_run(void *state, const ins_work *work) INS_CHECKED;

/** Decodes every sample by the fold that it is tested in: decoded[n_samples][width], the same on
 * every rank; lambda[n_folds] and errors[n_folds][n_lambdas] of training may be NULL. x[neurons,
 * n_samples]. Collective. `done` and `part`: of the work, before and of this call. */
ins_status ins_decoder_decode(const ins_decoder *s, const ins_work *work, const ins_matrix *x,
                              double done, double part, double *decoded, double *lambda,
                              double *errors) INS_CHECKED;

/** Target number `c` of sample `sample`, as ridge regression has it. */
double ins_decoder_target(const ins_decoder *s, size_t sample, size_t c);
/** The condition, or value of the parameter, that a sample was decoded to. */
double ins_decoder_value(const ins_decoder *s, const double *decoded, size_t sample);
/** Absolute error of a parameter, around the circle where it is circular. */
double ins_decoder_error(const ins_decoder *s, const double *decoded, size_t sample);
ins_decoder_score ins_decoder_rate(const ins_decoder *s, const double *decoded);

#endif
