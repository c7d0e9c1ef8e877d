/* SPDX-License-Identifier: MIT */
/** Least squares within bounds: Levenberg-Marquardt (cminpack's lmder) on parameters that a smooth
 * map keeps inside, from several starts. Private to the room. */
#ifndef INSILICO_TUNING_FIT_H
#define INSILICO_TUNING_FIT_H

#include "insilico/status.h"

enum { INS_FIT_PARAMETERS = 8 }; /* at most */

/** The curve f[m] at parameters p[n], and its derivatives: jacobian[m,n] = df[i]/dp[j]. Either may
 * be NULL: not wanted. */
typedef void (*ins_fit_curve)(const void *context, const double *p, double *f, double *jacobian);

typedef struct ins_fit {
  ins_fit_curve curve;
  const void *context;
  size_t m, n;              /* points, parameters */
  const double *y;          /* [m] finite */
  const double *low, *high; /* [n] finite, low < high */
} ins_fit;

typedef struct ins_fitted {
  double p[INS_FIT_PARAMETERS];
  /** [n,n] s^2 (J^T J)^-1 with s^2 = SS / (m - n). NaN where m <= n or J has not full rank. */
  double covariance[INS_FIT_PARAMETERS * INS_FIT_PARAMETERS];
  double ss;       /* sum of squares of the residuals */
  double r2;       /* 1 - ss / SS about the mean; NaN when y does not vary */
  bool converged;  /* the best start came to rest, at finite numbers */
  bool at_bound;   /* a parameter lies within 1e-6 of its range from a bound */
  size_t n_curves; /* evaluations, of all starts together */
} ins_fitted;

/** The best of fits from starts[n_starts,n] (moved inside the bounds where they are not): the
 * smallest sum of squares, the earlier start when equal. At most 200 evaluations a start. Fewer
 * points than parameters or a curve that is not finite: not converged, p of the first start.
 * @return INS_OK; INS_ERR_MEMORY */
ins_status ins_fit_run(const ins_fit *fit, size_t n_starts, const double *starts,
                       ins_fitted *out) INS_CHECKED;

#endif
