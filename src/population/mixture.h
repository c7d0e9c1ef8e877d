/* SPDX-License-Identifier: MIT */
/** Gaussian mixtures: p(x) = sum_j w_j N(x; m_j, C_j), fitted by expectation maximisation
 * (Dempster, Laird & Rubin 1977). Serial, deterministic. Private to the room.
 */
#ifndef INSILICO_POPULATION_MIXTURE_H
#define INSILICO_POPULATION_MIXTURE_H

#include "insilico/status.h"

typedef enum ins_covariance {
  INS_COVARIANCE_FULL,      /* a covariance matrix for each component */
  INS_COVARIANCE_DIAGONAL,  /* variances of its own for each component */
  INS_COVARIANCE_SPHERICAL, /* one variance for each component */
  INS_COVARIANCE_TIED       /* one covariance matrix for all */
} ins_covariance;

/** A mixture of k components in d dimensions; points into one array of ins_mixture_size numbers, so
 * that it can be sent as it is. */
typedef struct ins_mixture {
  size_t k, d;
  double *weight;     /* [k] sum 1 */
  double *mean;       /* [k,d] */
  double *covariance; /* [k,d,d] of every kind as whole matrices, regularised */
} ins_mixture;

size_t ins_mixture_size(size_t k, size_t d);
/** Borrows `numbers` [ins_mixture_size(k, d)]. */
ins_mixture ins_mixture_in(double *numbers, size_t k, size_t d);

/** Numbers that are free in a mixture: k - 1 weights, k d means, and covariances: k d (d + 1) / 2
 * full, k d diagonal, k spherical, d (d + 1) / 2 tied. */
double ins_mixture_freedom(ins_covariance kind, size_t k, size_t d);
/** Bayesian information criterion (Schwarz 1978), -2 log L + freedom log n: the less, the better.
 */
double ins_mixture_bic(ins_covariance kind, size_t k, size_t d, size_t n, double log_likelihood);

typedef struct ins_mixture_options {
  ins_covariance kind;
  /* Added to every variance, so that none can vanish: this times the mean variance of the
   * coordinates of x (or 1 where all points are the same). */
  double regularization;
  size_t max_iterations;
  double tolerance; /* of the log-likelihood of a point: less change ends a fit */
} ins_mixture_options;

typedef struct ins_mixture_fit {
  double log_likelihood; /* of all points, under the mixture as it is left */
  size_t n_iterations;
  bool converged;
} ins_mixture_fit;

/** Means, shares and covariances of groups of points: what a fit begins with.
 * @param label  [n] in [0, k); a component without points gets weight 0, and is left so
 * @return INS_OK; INS_ERR_NUMERIC as ins_mixture_fit_to; INS_ERR_MEMORY */
ins_status ins_mixture_of_labels(const double *x, size_t n, size_t d, const int32_t *label,
                                 const ins_mixture_options *options, ins_mixture *m) INS_CHECKED;

/** Expectation maximisation from m, in place. With p_ij = w_j N(x_i; m_j, C_j) / p(x_i) and N_j =
 * sum_i p_ij, an iteration is w_j = N_j / n, m_j = sum_i p_ij x_i / N_j, C_j = sum_i p_ij (x_i -
 * m_j)(x_i - m_j)^T / N_j + r 1, of which diagonal and spherical ones keep the diagonal and its
 * mean; a tied one is sum_j w_j C_j. Densities are added as logarithms.
 *
 * log N = a + b x + sum c_uv x_u x_v is linear in the products of coordinates, so that both halves
 * of an iteration are products of matrices. Around the mean of x this loses no more than d / r of
 * double precision; r below 1e-9 is better avoided.
 * @param x     [n,d]
 * @return INS_OK; INS_ERR_NUMERIC: points that are not finite, a covariance without a Cholesky
 *         factor (named, with what to do); INS_ERR_MEMORY */
ins_status ins_mixture_fit_to(const double *x, size_t n, size_t d,
                              const ins_mixture_options *options, ins_mixture *m,
                              ins_mixture_fit *out) INS_CHECKED;

/** label[i] = the component most probable for point i, the first of equals; probability[i] (may be
 * NULL) = p_ij of it. *log_likelihood of all points (may be NULL). */
ins_status ins_mixture_assign(const double *x, size_t n, const ins_mixture *m, int32_t *label,
                              double *probability, double *log_likelihood) INS_CHECKED;

#endif
