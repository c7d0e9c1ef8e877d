/* SPDX-License-Identifier: MIT */
/** How many dimensions data fill: participation ratios, and what they are estimated from. Pure.
 *
 * Samples x_i in R^p, i = 1..n, are drawn independently, with covariance C. The participation ratio
 * is (tr C)^2 / tr(C^2): p when all directions vary alike, 1 when only one does. That of the sample
 * covariance S is too low, as if 1 / PR had 1 / n added, so that it never passes n - 1. (tr C)^2
 * and tr(C^2) have estimates without bias, whatever the distribution: the means, over all i, j, k,
 * l that are distinct, of
 *
 *   |x_i - x_j|^2 / 2 * |x_k - x_l|^2 / 2   and   ((x_i - x_j)'(x_k - x_l))^2 / 4
 *
 * (U-statistics; Chen, Zhang & Zhong 2010, J. Am. Stat. Assoc. 105:810). With samples' mean
 * removed they need only a few sums (Himeno & Yamada 2014, J. Multivar. Anal. 130:27, for equal
 * weights). In a bootstrap sample a sample that was drawn w_i times counts w_i times, but never
 * together with itself: products over distinct i, j, k, l are weighted by w_i w_j w_k w_l. Else a
 * resample would look as if it had fewer dimensions than the data.
 *
 * Where the p variables (neurons, say) are themselves a sample of more, C has a part on its
 * diagonal that others would not have: pairs of variables that are the same are left out as well,
 *
 *   sum over a != b of C_aa C_bb  and of  C_ab^2,
 *
 * estimated as above (the idea of Chun, Canatar, Chung & Lee 2025, "Estimating dimensionality of
 * neural representations from finite samples"). Private to the room. */
#ifndef INSILICO_POPULATION_DIMENSIONALITY_H
#define INSILICO_POPULATION_DIMENSIONALITY_H

#include <stddef.h>

#include "insilico/status.h"

/** Sums over samples with weights w_i >= 0, of which y_i = x_i - (sum w x) / (sum w); q_i =
 * |y_i|^2. M1 = sum w y y', M2 = sum w^2 y y'. All weights 1: s = {n, n, n, n}, q1 = q2 = tr M1 and
 * so on. */
typedef struct ins_spread_sums {
  double s[4];             /* sum w^k, k = 1..4 */
  double q1, q2;           /* sum w q, sum w^2 q */
  double r2;               /* sum w^2 q^2 */
  double m1m1, m1m2, m2m2; /* tr(M1 M1), tr(M1 M2), tr(M2 M2) */
  double v2q2;             /* (sum w^2 y) . (sum w^2 q y) */
} ins_spread_sums;

/** The two numbers that a participation ratio is the quotient of. */
typedef struct ins_spread {
  double trace_squared; /* (tr C)^2 */
  double squares_trace; /* tr(C^2) */
} ins_spread;

/** Of equal weights: n samples, tr M1, tr(M1 M1), sum q^2. */
ins_spread_sums ins_spread_equal(size_t n, double trace, double square, double fourth);
/** Of the sample covariance M1 / (sum w - 1); zeros below two samples. */
ins_spread ins_spread_naive(const ins_spread_sums *sums);
/** Without bias. NaN when fewer than four samples have weight. */
ins_spread ins_spread_unbiased(const ins_spread_sums *sums);
/** What the pairs a = a contribute to both, without bias, from equal weights: squares = sum over
 * variables of (sum over samples y^2)^2, fourth = sum over both of y^4. NaN when n < 4. */
double ins_spread_diagonal(size_t n, double squares, double fourth);
/** Two measurements a_i, b_i of each sample, all of mean 0 over samples: their products. */
typedef struct ins_cross_sums {
  size_t n;
  double aa, bb, ab; /* sum |a_i|^2, |b_i|^2, a_i'b_i */
  double aabb, abab; /* sum |a_i|^2 |b_i|^2, (a_i'b_i)^2 */
  double within;     /* sum over i, j of a_i'a_j b_i'b_j */
  double across;     /* of (a_i'b_j)^2 */
  double crossed;    /* of a_i'b_j a_j'b_i */
} ins_cross_sums;
/** As ins_spread_unbiased, of the covariance of what both measurements share: products of
 * differences have one factor of a and one of b, (a_i - a_j)'(b_i - b_j) / 2 times the same of k,
 * l, and (a_i - a_j)'(a_k - a_l) (b_i - b_j)'(b_k - b_l) / 4, so that noise independent in the two
 * cancels in the mean. NaN when n < 4. */
ins_spread ins_spread_shared(const ins_cross_sums *sums);
/** The quotient; NaN where either is not positive or not known; 0 when both are 0: no variance. */
double ins_participation(ins_spread spread);

/** Fraction `share` in [0,1] of sorted x[n], n >= 1, between neighbours linearly. */
double ins_quantile_sorted(const double *x, size_t n, double share);

/** Interval around an estimate from its resamples, all on a scale on which errors add: quantiles of
 * the resamples, moved so that their mean is the estimate. Resamples differ from the data by noise,
 * which is what is wanted, and by a bias, as the data do from the truth, which is not. Sorts
 * resampled [n]; those that are NaN are left out. NaN when fewer than two are left. */
void ins_spread_interval(double estimate, double *resampled, size_t n, double level, double out[2]);

#endif
