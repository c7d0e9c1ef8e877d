/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "insilico/array_file.h"
#include "insilico/checkpoint.h"

void bench_must(ins_status status) {
  if (status == INS_OK) return;
  fprintf(stderr, "bench: %s\n", ins_message());
  exit(ins_status_exit(status));
}

double bench_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(double *v, size_t n) {
  qsort(v, n, sizeof *v, by_size);
  return v[n / 2];
}

ins_model *bench_model(const char *path) {
  ins_model_source *source;
  ins_model *model;
  bench_must(ins_model_open(path, NULL, &source));
  bench_must(ins_model_create(source, &model));
  ins_model_source_destroy(&source);
  return model;
}

ins_value *bench_array(const char *path) {
  ins_value *read, *x;
  bench_must(ins_array_read(path, &read));
  x = ins_value_array(INS_F32, read->array.n_dims, read->array.shape);
  if (!x) bench_must(INS_ERR_MEMORY);
  ins_array_to_f32(&read->array, x->array.data);
  ins_value_destroy(&read);
  return x;
}
