/* SPDX-License-Identifier: MIT */
/** What is called of BLACS, PBLAS and ScaLAPACK, which come without a header for C. Integers are 32
 * bits wide; matrices are in Fortran's order, indices count from 1. Private to the room. */
#ifndef INSILICO_POPULATION_SCALAPACK_H
#define INSILICO_POPULATION_SCALAPACK_H

#include <mpi.h>

int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridmap(int *context, int *map, int leading, int n_rows, int n_columns);
void Cblacs_gridexit(int context);

int numroc_(const int *n, const int *block, const int *process, const int *first, const int *n_of);

#define INS_SCALAPACK(P, T)                                                                        \
  void Cp##P##gemr2d(int m, int n, const T *a, int ia, int ja, const int *da, T *b, int ib,        \
                     int jb, const int *db, int context);                                          \
  void p##P##gemm_(const char *ta, const char *tb, const int *m, const int *n, const int *k,       \
                   const T *alpha, const T *a, const int *ia, const int *ja, const int *da,        \
                   const T *b, const int *ib, const int *jb, const int *db, const T *beta, T *c,   \
                   const int *ic, const int *jc, const int *dc);                                   \
  void p##P##syrk_(const char *uplo, const char *trans, const int *n, const int *k,                \
                   const T *alpha, const T *a, const int *ia, const int *ja, const int *da,        \
                   const T *beta, T *c, const int *ic, const int *jc, const int *dc);              \
  void p##P##tran_(const int *m, const int *n, const T *alpha, const T *a, const int *ia,          \
                   const int *ja, const int *da, const T *beta, T *c, const int *ic,               \
                   const int *jc, const int *dc);                                                  \
  void p##P##syevd_(const char *jobz, const char *uplo, const int *n, T *a, const int *ia,         \
                    const int *ja, const int *da, T *w, T *z, const int *iz, const int *jz,        \
                    const int *dz, T *work, const int *lwork, int *iwork, const int *liwork,       \
                    int *info);                                                                    \
  void p##P##potrf_(const char *uplo, const int *n, T *a, const int *ia, const int *ja,            \
                    const int *da, int *info);                                                     \
  void p##P##potrs_(const char *uplo, const int *n, const int *nrhs, const T *a, const int *ia,    \
                    const int *ja, const int *da, T *b, const int *ib, const int *jb,              \
                    const int *db, int *info);

INS_SCALAPACK(s, float)
INS_SCALAPACK(d, double)
#undef INS_SCALAPACK

#endif
