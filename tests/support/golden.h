/* SPDX-License-Identifier: MIT */
/** Arrays of tests/golden, and how far two arrays are apart. */
#ifndef INSILICO_TESTS_GOLDEN_H
#define INSILICO_TESTS_GOLDEN_H

#include <math.h>

#include "cmocka_all.h"
#include "insilico/array_file.h"

/** tests/golden/NAME as float32; destroy it. */
static inline ins_value *golden(const char *name) {
  char path[1024];
  ins_value *read = NULL;
  snprintf(path, sizeof path, INS_TEST_DATA "/golden/%s", name);
  if (ins_array_read(path, &read) != INS_OK) fail_msg("%s", ins_message());
  ins_value *out = ins_value_array(INS_F32, read->array.n_dims, read->array.shape);
  ins_array_to_f32(&read->array, out->array.data);
  ins_value_destroy(&read);
  return out;
}

static inline float *golden_data(const ins_value *value) {
  return value->array.data;
}

/** max |a - b| / max |b|. */
static inline double relative_error(const float *a, const float *b, size_t n) {
  double worst = 0, scale = 0;
  for (size_t i = 0; i < n; i++) {
    worst = fmax(worst, isfinite(a[i]) ? fabs((double)a[i] - (double)b[i]) : (double)INFINITY);
    scale = fmax(scale, fabs((double)b[i]));
  }
  return scale > 0 ? worst / scale : worst;
}

static inline double correlation(const float *a, const float *b, size_t n) {
  double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < n; i++) {
    ma += (double)a[i] / (double)n;
    mb += (double)b[i] / (double)n;
  }
  for (size_t i = 0; i < n; i++) {
    double da = (double)a[i] - ma, db = (double)b[i] - mb;
    aa += da * da;
    bb += db * db;
    ab += da * db;
  }
  return ab / sqrt(aa * bb);
}

#endif
