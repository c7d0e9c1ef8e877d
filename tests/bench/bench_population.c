/* SPDX-License-Identifier: MIT */
/* Products and eigenvectors of matrices of a population's size: by OpenBLAS on one rank (`blas`),
 * or dealt in blocks to all ranks of MPI_COMM_WORLD (`grid`). Prints one line of JSON.
 *
 *   bench_population blas|grid NEURONS STIMULI BLOCK TURNS WHAT...
 *     gram32, gram64  NEURONS x NEURONS from responses to STIMULI, float32 and float64
 *     eigen           eigenvectors of a symmetric STIMULI x STIMULI matrix, float64 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "insilico/memory.h"
#include "measure.h"
#include "population/matrix.h"
#include "population/scalapack.h"
#include "population/speed.h"

void ssyrk_(const char *uplo, const char *trans, const int *n, const int *k, const float *alpha,
            const float *a, const int *lda, const float *beta, float *c, const int *ldc);
void dsyrk_(const char *uplo, const char *trans, const int *n, const int *k, const double *alpha,
            const double *a, const int *lda, const double *beta, double *c, const int *ldc);
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info);

typedef struct task {
  bool serial;
  size_t n, p;
  int turns;
  ins_grid *grid;
} task;

/* The same numbers however they are dealt. */
static double number(size_t row, size_t column) {
  uint64_t x = (uint64_t)row * 0x9E3779B97F4A7C15u + (uint64_t)column * 0xC2B2AE3D27D4EB4Fu;
  x = (x ^ (x >> 29)) * 0xBF58476D1CE4E5B9u;
  return (double)((x ^ (x >> 32)) >> 40) / 16777216.0 - 0.5;
}

static double take_gram_serial(const task *t, ins_dtype dtype) {
  const int n = (int)t->n, p = (int)t->p;
  const double one = 1, zero = 0;
  const float one_f = 1, zero_f = 0;
  void *a, *c;
  bench_must(ins_alloc(t->n * t->p, ins_dtype_size(dtype), &a));
  bench_must(ins_alloc(t->n * t->n, ins_dtype_size(dtype), &c));
  for (size_t j = 0; j < t->p; j++)
    for (size_t i = 0; i < t->n; i++)
      if (dtype == INS_F32)
        ((float *)a)[j * t->n + i] = (float)number(i, j);
      else
        ((double *)a)[j * t->n + i] = number(i, j);
  const double start = bench_seconds();
  if (dtype == INS_F32)
    ssyrk_("L", "N", &n, &p, &one_f, a, &n, &zero_f, c, &n);
  else
    dsyrk_("L", "N", &n, &p, &one, a, &n, &zero, c, &n);
  const double seconds = bench_seconds() - start;
  ins_free(&a);
  ins_free(&c);
  return seconds;
}

static void fill(ins_matrix *m) {
  for (size_t j = 0; j < m->local_columns; j++)
    for (size_t i = 0; i < m->local_rows; i++)
      ins_matrix_set(m, i, j, number(ins_matrix_row(m, i), ins_matrix_column(m, j)));
}

static double since(double start) {
  MPI_Barrier(MPI_COMM_WORLD);
  return bench_seconds() - start;
}

static double take_gram_grid(const task *t, ins_dtype dtype) {
  ins_matrix a, c;
  bench_must(ins_matrix_create(t->grid, dtype, t->n, t->p, &a));
  bench_must(ins_matrix_create(t->grid, dtype, t->n, t->n, &c));
  fill(&a);
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = bench_seconds();
  bench_must(ins_matrix_gram(1, &a, false, &c));
  const double seconds = since(start);
  ins_matrix_clear(&a);
  ins_matrix_clear(&c);
  return seconds;
}

static double symmetric(size_t i, size_t j) {
  return i < j ? number(i, j) : number(j, i);
}

static double take_eigen_serial(const task *t) {
  const int n = (int)t->p, query = -1;
  int info, iwork_size, *iwork, lwork;
  double *a, *w, *work, room;
  bench_must(ins_alloc(t->p * t->p, sizeof *a, &a));
  bench_must(ins_alloc(t->p, sizeof *w, &w));
  for (size_t j = 0; j < t->p; j++)
    for (size_t i = 0; i < t->p; i++) a[j * t->p + i] = symmetric(i, j);
  dsyevd_("V", "L", &n, a, &n, w, &room, &query, &iwork_size, &query, &info);
  lwork = (int)room;
  bench_must(ins_alloc((size_t)lwork, sizeof *work, &work));
  bench_must(ins_alloc((size_t)iwork_size, sizeof *iwork, &iwork));
  const double start = bench_seconds();
  dsyevd_("V", "L", &n, a, &n, w, work, &lwork, iwork, &iwork_size, &info);
  const double seconds = bench_seconds() - start;
  ins_free(&a);
  ins_free(&w);
  ins_free(&work);
  ins_free(&iwork);
  return seconds;
}

static double take_eigen_grid(const task *t) {
  ins_matrix a, v;
  double *w;
  bench_must(ins_matrix_create(t->grid, INS_F64, t->p, t->p, &a));
  bench_must(ins_matrix_create(t->grid, INS_F64, t->p, t->p, &v));
  bench_must(ins_alloc(t->p, sizeof *w, &w));
  for (size_t j = 0; j < a.local_columns; j++)
    for (size_t i = 0; i < a.local_rows; i++)
      ins_matrix_set(&a, i, j, symmetric(ins_matrix_row(&a, i), ins_matrix_column(&a, j)));
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = bench_seconds();
  bench_must(ins_matrix_eigen(&a, w, &v));
  const double seconds = since(start);
  ins_matrix_clear(&a);
  ins_matrix_clear(&v);
  ins_free(&w);
  return seconds;
}

static double take(const task *t, const char *what) {
  if (strcmp(what, "eigen") == 0) return t->serial ? take_eigen_serial(t) : take_eigen_grid(t);
  const ins_dtype dtype = strcmp(what, "gram32") == 0 ? INS_F32 : INS_F64;
  return t->serial ? take_gram_serial(t, dtype) : take_gram_grid(t, dtype);
}

/* The most that this process, and all of them together, have had in memory. */
static double peak_bytes(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double bytes = 1024.0 * (double)usage.ru_maxrss;
  MPI_Allreduce(MPI_IN_PLACE, &bytes, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return bytes;
}

int main(int argc, char **argv) {
  int rank;
  if (argc < 7) {
    fprintf(stderr, "usage: bench_population blas|grid NEURONS STIMULI BLOCK TURNS WHAT...\n");
    return 2;
  }
  MPI_Init(NULL, NULL);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  task t = {.serial = strcmp(argv[1], "blas") == 0,
            .n = strtoul(argv[2], NULL, 10),
            .p = strtoul(argv[3], NULL, 10),
            .turns = atoi(argv[5])};
  ins_speed_one_thread();
  bench_must(ins_grid_create(MPI_COMM_WORLD, atoi(argv[4]), &t.grid));
  if (rank == 0) printf("{");
  for (int k = 6; k < argc; k++) {
    double *seconds;
    bench_must(ins_alloc((size_t)t.turns, sizeof *seconds, &seconds));
    for (int turn = 0; turn < t.turns; turn++) seconds[turn] = take(&t, argv[k]);
    if (rank == 0) printf("\"%s\": %.4f, ", argv[k], bench_median(seconds, (size_t)t.turns));
    ins_free(&seconds);
  }
  const double bytes = peak_bytes();
  if (rank == 0) printf("\"peak_bytes\": %.0f}\n", bytes);
  ins_grid_destroy(&t.grid);
  MPI_Finalize();
  return 0;
}
