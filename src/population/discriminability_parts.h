/* SPDX-License-Identifier: MIT */
/** What the files of the analysis `discriminability` share. */
#ifndef INSILICO_POPULATION_DISCRIMINABILITY_PARTS_H
#define INSILICO_POPULATION_DISCRIMINABILITY_PARTS_H

#include "conditions.h"

/** Flags of items beyond INS_ITEM_FLAGS: responses are the same in all trials. */
enum { INS_ITEM_NOISELESS = 3 };

typedef struct ins_dprime {
  const ins_table *table;
  ins_dtype precision;
  /* All pairs of n_conditions features, features[0..n); or the pairs first[p], second[p]. */
  bool all_pairs;
  size_t n_conditions, n_pairs;
  size_t *features, *first, *second;
  double shrinkage;   /* NaN: estimated */
  double gain, floor; /* without trials */
  size_t n_trials;    /* of each condition; 0: Poisson noise is known */
  double freedom;     /* degrees of freedom of the noise: features * (trials - 1) */
  int v_flag, v_sd, v_shrinkage, v_used, v_d, v_shuffled, v_corrected, v_shuffled_corrected;
  bool corrected, shuffled_corrected; /* are there */
} ins_dprime;

/** Noise of the neurons in units of each one's standard deviation, pooled over conditions and
 * trials. */
typedef struct ins_noise_covariance {
  size_t n_used;
  bool dual;       /* fewer trials than neurons: e holds them all */
  double *scale;   /* [n_items]: 1 / standard deviation; 0 for items without weight */
  double fourth;   /* mean over trials of |x|^4, x: residuals that have the covariance of noise */
  ins_matrix e;    /* [n_items, trials * features] standardised residuals: where dual */
  ins_matrix gram; /* lower triangle: of e^T e, or correlations [n_items, n_items] */
  double shrinkage;
} ins_noise_covariance;

/** Reads all trials: `mean` is that of each condition (as read), flag and weight as of
 * ins_conditions_mean; flags of noiseless items are set, and sd[n_items]. Collective. */
ins_status ins_noise_covariance_create(const ins_dprime *s, const ins_work *work,
                                       const ins_matrix *mean, int8_t *flag, double *weight,
                                       double *sd, ins_noise_covariance *out) INS_CHECKED;
void ins_noise_covariance_clear(ins_noise_covariance *c);
/** z = ((1 - shrinkage) C + shrinkage 1)^-1 x, C the correlations of noise. `gram` is kept where
 * `keep` says so, else it is lost. INS_ERR_NUMERIC: not positive definite. Collective. */
ins_status ins_noise_covariance_solve(ins_noise_covariance *c, const ins_dprime *s,
                                      double shrinkage, bool keep, const ins_matrix *x,
                                      ins_matrix *z) INS_CHECKED;

ins_status ins_dprime_run(void *state, const ins_work *work) INS_CHECKED;

#endif
