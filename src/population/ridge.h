/* SPDX-License-Identifier: MIT */
/** Ridge regression from all neurons at once, for many penalties from one decomposition. Private to
 * the room.
 *
 * Neurons x[N, n] (columns: samples) are standardised: z[i,s] = (x[i,s] - mean_i) / sd_i, with mean
 * and standard deviation of the n samples of training. Weights and intercept are those that
 * minimise
 *
 *   sum_s |y[s] - b - W^T z[:,s]|^2 + lambda g |W|^2,
 *
 * where g is the mean of the eigenvalues of z^T z that can differ from zero, sum_is z[i,s]^2 /
 * min(n, neurons that vary): so lambda = 1 is a penalty as strong as the data, whatever their
 * number. With the eigenvalues d and vectors of the smaller one of z^T z [n, n] (dual) and z z^T
 * [N, N] (primal) every lambda costs one product of matrices (Hastie, Tibshirani & Friedman 2009,
 * ch. 3.4 and 18.3.5).
 *
 * A neuron that does not vary over the samples of training has no weight.
 */
#ifndef INSILICO_POPULATION_RIDGE_H
#define INSILICO_POPULATION_RIDGE_H

#include "matrix.h"

typedef struct ins_ridge {
  size_t n_neurons, n_samples, n_targets;
  bool dual;
  double *mean, *scale; /* [N]: of z; scale 0 for neurons without weight */
  ins_matrix z;         /* [N, n]: where dual */
  ins_matrix vectors;   /* [n, n] or [N, N] */
  ins_matrix scores;    /* [n, N] = z^T vectors: where primal */
  ins_matrix projected; /* [n or N, p] = (vectors or scores)^T (y - b) */
  ins_matrix y;         /* [n, p], centred: where primal */
  double *d;            /* [n or N], those that are zero but for rounding set to 0 */
  double *intercept;    /* b [p] */
  double unit;          /* g */
} ins_ridge;

/** Takes x[N, n] over (it is cleared, also on failure); y[n, p] is copied. Collective.
 * @return INS_OK; INS_ERR_NUMERIC (no convergence); INS_ERR_MEMORY */
ins_status ins_ridge_create(ins_matrix *x, const ins_matrix *y, ins_ridge **out) INS_CHECKED;
void ins_ridge_destroy(ins_ridge **ridge);

/** Mean over samples of training and targets of the squared error of a sample that is left out: the
 * fit without it, intercept included, in closed form, (y - y') / (1 - h) with h = 1/n + the
 * leverage (Allen 1974; standardisation alone has seen the sample). INFINITY where a sample fits
 * itself alone. Collective; the same on every rank. */
ins_status ins_ridge_leave_one_out(const ins_ridge *ridge, double lambda,
                                   double *error) INS_CHECKED;
/** y[m, p] for samples x[N, m], which are standardised in place. Collective. */
ins_status ins_ridge_predict(const ins_ridge *ridge, double lambda, ins_matrix *x,
                             ins_matrix *y) INS_CHECKED;

/** Bytes a rank needs at most, x and y included, and operations of all ranks together. Local. */
double ins_ridge_bytes(int size, int block, ins_dtype dtype, double n_neurons, double n_samples,
                       double n_targets);
double ins_ridge_flops(double n_neurons, double n_samples, double n_targets, double n_lambdas);

#endif
