/* SPDX-License-Identifier: MIT */
/** Analysis `signal_correlation`: which neurons respond alike to the stimuli, and, where responses
 * were repeated, which of them share their noise.
 *
 * In letters: N items i, j; K features (conditions) k; R repeats r. x_irk is a response, m_ik its
 * mean over repeats. Without repeats m is the response itself.
 *
 *   correlation         corr over k of m_i, m_j
 *   noise covariance    E_ij = sum over k, r of (x_irk - m_ik) (x_jrk - m_jk) / (K (R - 1))
 *   signal covariance   S_ij = cov over k of m_i, m_j - E_ij / R
 *
 * The covariance of means of R trials holds 1/R of the covariance of the noise; without it what is
 * left is an unbiased estimate of the covariance of the signals, on the diagonal the signal power
 * of Sahani and Linden (2003). Private to its two files. */
#ifndef INSILICO_POPULATION_SIGNAL_CORRELATION_H
#define INSILICO_POPULATION_SIGNAL_CORRELATION_H

#include "analysis.h"

enum { INS_ITEM_NO_SIGNAL = 3 }; /* a flag, after INS_ITEM_MISSING */

/* A matrix of the results, and its means over groups. */
typedef struct ins_correlation_variables {
  int matrix, groups;
} ins_correlation_variables;

typedef struct ins_correlation {
  const ins_table *table;
  ins_dtype dtype;
  bool noisy;     /* there are repeats */
  int32_t *group; /* of each item, -1: none; NULL: no labels are given */
  size_t n_groups;
  ins_correlation_variables total, signal, noise;
  int v_mean, v_sd, v_flag, v_pairs;
  int v_signal_variance, v_noise_variance, v_reliability, v_explainable;
} ins_correlation;

/** ins_population_analysis.run; `state` is an ins_correlation. */
ins_status ins_correlation_run(void *state, const ins_work *work) INS_CHECKED;

#endif
