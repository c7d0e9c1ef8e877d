/* SPDX-License-Identifier: MIT */
/** What is called of BLAS and LAPACK on one process, which come without a header everywhere.
 * Integers are 32 bits wide; matrices are in Fortran's order. Private to the room. */
#ifndef INSILICO_POPULATION_LAPACK_H
#define INSILICO_POPULATION_LAPACK_H

void dsyrk_(const char *uplo, const char *trans, const int *n, const int *k, const double *alpha,
            const double *a, const int *lda, const double *beta, double *c, const int *ldc);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info);

#endif
