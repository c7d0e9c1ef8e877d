/* SPDX-License-Identifier: MIT */
/* k-means finds what was planted and the best that there is, and comes to rest where every point is
 * with its nearest centre. */
#include "population/kmeans.h"

#include <math.h>

#include "cmocka_all.h"
#include "population/agreement.h"

#define OK(call) assert_int_equal(call, INS_OK)

enum { ITERATIONS = 1000 };

/* Exactly the same where `tolerance` is 0. */
static void near(double is, double should, double tolerance) {
  if (!(fabs(is - should) <= tolerance)) fail_msg("%.17g is not %.17g", is, should);
}

static ins_stream stream_of(int64_t start) {
  return ins_stream_at(7, "k-means", &start, 1);
}

static double squared(const double *a, const double *b, size_t d) {
  double sum = 0;
  for (size_t j = 0; j < d; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

static double *normals(size_t n, int64_t which) {
  const ins_stream stream = ins_stream_at(3, "points", &which, 1);
  float *x = malloc(n * sizeof *x);
  double *out = malloc(n * sizeof *out);
  ins_stream_normal(&stream, 0, n, x);
  for (size_t i = 0; i < n; i++) out[i] = (double)x[i];
  free(x);
  return out;
}

/* Groups of different sizes, at least eight standard deviations apart. */
static double *planted(size_t n, size_t d, int32_t *group) {
  double *x = normals(n * d, 1);
  for (size_t i = 0; i < n; i++) {
    /* 8, 4, 2, 1 and 1 of 16 */
    const size_t turn = i * 7 % 16;
    group[i] = turn < 8 ? 0 : turn < 12 ? 1 : turn < 14 ? 2 : turn < 15 ? 3 : 4;
    for (size_t a = 0; a < d; a++)
      x[i * d + a] += (size_t)group[i] % d == a ? 8.0 * (1 + group[i]) : 0;
  }
  return x;
}

static void planted_groups_are_found_from_every_start(void **state) {
  enum { M = 600, D = 4, K = 5 };
  static int32_t group[M], label[M];
  double center[K * D], index;
  int64_t counts[K * K];
  ins_kmeans_fit fit;
  (void)state;
  double *x = planted(M, D, group);
  for (int64_t start = 0; start < 10; start++) {
    const ins_stream stream = stream_of(start);
    OK(ins_kmeans(x, M, D, K, ITERATIONS, &stream, label, center, &fit));
    ins_contingency(label, K, group, K, M, counts);
    OK(ins_adjusted_rand(counts, K, K, &index));
    near(index, 1, 0);
    assert_true(fit.converged);
    assert_int_equal(fit.n_clusters, K);
  }
  free(x);
}

/* Bounds leave out most distances: none of those may have mattered. */
static void it_rests_where_every_point_is_with_its_nearest_centre(void **state) {
  enum { M = 1500, D = 3, K = 12 };
  static int32_t label[M];
  double center[K * D], mean[K * D], inertia;
  size_t size[K];
  ins_kmeans_fit fit;
  (void)state;
  double *x = normals(M * D, 2);
  for (int64_t start = 0; start < 5; start++) {
    const ins_stream stream = stream_of(start);
    OK(ins_kmeans(x, M, D, K, ITERATIONS, &stream, label, center, &fit));
    assert_true(fit.converged && fit.n_iterations > 5);
    inertia = 0;
    memset(mean, 0, sizeof mean);
    memset(size, 0, sizeof size);
    for (size_t i = 0; i < M; i++) {
      const double own = squared(x + i * D, center + label[i] * D, D);
      for (size_t j = 0; j < K; j++)
        assert_true(own <= squared(x + i * D, center + j * D, D) * (1 + 1e-12));
      for (size_t a = 0; a < D; a++) mean[label[i] * D + (int32_t)a] += x[i * D + a];
      size[label[i]]++;
      inertia += own;
    }
    for (size_t j = 0; j < K; j++)
      for (size_t a = 0; a < D; a++)
        near(center[j * D + a], mean[j * D + a] / (double)size[j], 1e-12);
    near(fit.inertia, inertia, 1e-9);
    for (size_t j = 1; j < K; j++) assert_true(size[j] <= size[j - 1]);
  }
  free(x);
}

static double inertia_of(const double *x, size_t n, size_t d, unsigned set) {
  double sum[2][4] = {{0}}, size[2] = {0}, total = 0;
  for (size_t i = 0; i < n; i++) {
    size[set >> i & 1]++;
    for (size_t a = 0; a < d; a++) sum[set >> i & 1][a] += x[i * d + a];
  }
  for (size_t i = 0; i < n; i++)
    for (size_t a = 0; a < d; a++) {
      const double off = x[i * d + a] - sum[set >> i & 1][a] / size[set >> i & 1];
      total += off * off;
    }
  return total;
}

/* One start in three to one in eleven finds it, as often as scikit-learn's. */
static void the_best_start_is_the_best_of_all_partitions(void **state) {
  enum { M = 11, D = 2 };
  int32_t label[M];
  double center[2 * D];
  (void)state;
  for (int64_t which = 10; which < 15; which++) {
    double *x = normals(M * D, which), best = INFINITY, found = INFINITY;
    for (unsigned set = 1; set < 1u << (M - 1); set++) best = fmin(best, inertia_of(x, M, D, set));
    for (int64_t start = 0; start < 200; start++) {
      const ins_stream stream = stream_of(start);
      ins_kmeans_fit fit;
      OK(ins_kmeans(x, M, D, 2, ITERATIONS, &stream, label, center, &fit));
      found = fmin(found, fit.inertia);
    }
    near(found, best, 1e-12);
    free(x);
  }
}

/* The points of test_mixture.c; scikit-learn 1.9, the best of 50 starts. */
static void inertias_and_silhouettes_are_those_of_scikit_learn(void **state) {
  enum { M = 60 };
  const double expected[] = {59.85589517860167, 35.77830619861126, 24.977473377858004};
  int32_t label[M];
  double x[M * 2], center[4 * 2], silhouette;
  (void)state;
  for (int i = 0; i < M; i++) {
    x[2 * i] = 1.5 * (i % 3) + sin(1.7 * i) + 0.3 * cos(5.1 * i);
    x[2 * i + 1] = 1.2 * (i % 3 == 1) + 0.5 * cos(2.3 * i) * sin(0.9 * i) + 0.4 * sin(3.3 * i);
  }
  for (size_t k = 2; k <= 4; k++) {
    double best = INFINITY;
    for (int64_t start = 0; start < 50; start++) {
      const ins_stream stream = stream_of(start);
      ins_kmeans_fit fit;
      OK(ins_kmeans(x, M, 2, k, ITERATIONS, &stream, label, center, &fit));
      best = fmin(best, fit.inertia);
    }
    near(best, expected[k - 2], 1e-10);
  }
  for (int32_t i = 0; i < M; i++) label[i] = i % 3;
  OK(ins_silhouette(x, M, 2, label, 3, M, &silhouette));
  near(silhouette, 0.4116179272752007, 1e-12);
  for (int32_t i = 0; i < M; i++) label[i] = i / 20;
  OK(ins_silhouette(x, M, 2, label, 3, M, &silhouette));
  near(silhouette, -0.05391169093379842, 1e-12);
}

static void the_same_start_gives_the_same_bits(void **state) {
  enum { M = 300, D = 2, K = 9 };
  static int32_t label[2][M];
  double center[2][K * D];
  ins_kmeans_fit fit[2];
  (void)state;
  double *x = normals(M * D, 4);
  for (int turn = 0; turn < 2; turn++) {
    const ins_stream stream = stream_of(5);
    OK(ins_kmeans(x, M, D, K, ITERATIONS, &stream, label[turn], center[turn], &fit[turn]));
  }
  assert_memory_equal(label[0], label[1], sizeof label[0]);
  assert_memory_equal(center[0], center[1], sizeof center[0]);
  const ins_stream other = stream_of(6);
  OK(ins_kmeans(x, M, D, K, ITERATIONS, &other, label[1], center[1], &fit[1]));
  assert_memory_not_equal(label[0], label[1], sizeof label[0]);
  free(x);
}

/* Small whole numbers, many of them equal: all k clusters have points, unless there are fewer
 * different points. */
static void no_cluster_stays_empty_while_points_differ(void **state) {
  enum { M = 14, MOST = 16 };
  int32_t label[M];
  double x[M], center[MOST], draws[M];
  (void)state;
  for (int64_t which = 0; which < 200; which++) {
    const ins_stream points = ins_stream_at(11, "small", &which, 1);
    bool seen[8] = {false};
    size_t n_distinct = 0;
    ins_stream_uniform(&points, 0, M, draws);
    for (size_t i = 0; i < M; i++) {
      x[i] = floor(draws[i] * 8);
      if (!seen[(int)x[i]]) n_distinct++;
      seen[(int)x[i]] = true;
    }
    for (size_t k = 1; k <= MOST; k++) {
      const ins_stream stream = stream_of(which);
      ins_kmeans_fit fit;
      OK(ins_kmeans(x, M, 1, k, ITERATIONS, &stream, label, center, &fit));
      assert_int_equal(fit.n_clusters, k < n_distinct ? k : n_distinct);
      assert_true(fit.converged);
      if (k >= n_distinct) near(fit.inertia, 0, 0);
      for (size_t i = 0; i < M; i++) assert_in_range(label[i], 0, fit.n_clusters - 1);
    }
  }
}

static void one_point_and_a_constant_coordinate_are_no_trouble(void **state) {
  enum { M = 40 };
  const double one[] = {3, -2};
  int32_t label[M], flat_label[M];
  double center[6], x[M], flat[M * 2];
  const ins_stream stream = stream_of(0);
  ins_kmeans_fit fit, flat_fit;
  (void)state;
  OK(ins_kmeans(one, 1, 2, 3, ITERATIONS, &stream, label, center, &fit));
  assert_int_equal(fit.n_clusters, 1);
  assert_int_equal(label[0], 0);
  assert_memory_equal(center, one, sizeof one);
  for (int i = 0; i < M; i++) {
    x[i] = flat[2 * i] = sin(i * i);
    flat[2 * i + 1] = 5;
  }
  OK(ins_kmeans(x, M, 1, 3, ITERATIONS, &stream, label, center, &fit));
  OK(ins_kmeans(flat, M, 2, 3, ITERATIONS, &stream, flat_label, center, &flat_fit));
  assert_memory_equal(label, flat_label, sizeof label);
  near(fit.inertia, flat_fit.inertia, 0);
}

static void points_that_are_no_numbers_are_refused(void **state) {
  const double missing[] = {1, NAN, 3}, far[] = {1e200, -1e200, 3};
  int32_t label[3];
  double center[2];
  const ins_stream stream = stream_of(0);
  ins_kmeans_fit fit;
  (void)state;
  assert_int_equal(ins_kmeans(missing, 3, 1, 2, 9, &stream, label, center, &fit), INS_ERR_NUMERIC);
  assert_int_equal(ins_kmeans(far, 3, 1, 2, 9, &stream, label, center, &fit), INS_ERR_NUMERIC);
}

static void clusters_are_numbered_by_size_then_by_first_point(void **state) {
  int32_t label[] = {3, 1, 1, -1, 0, 0, 3, 1};
  const int32_t expected[] = {1, 0, 0, -1, 2, 2, 1, 0};
  const size_t expected_old[] = {1, 3, 0, 2};
  size_t old_of[4];
  (void)state;
  OK(ins_clusters_order(label, 8, 4, old_of));
  assert_memory_equal(label, expected, sizeof expected);
  assert_memory_equal(old_of, expected_old, sizeof expected_old);
}

/* Of 1, 2 | 5: a = 1, b = 4; a = 1, b = 3; alone: 0. */
static void silhouettes_are_what_the_hand_finds(void **state) {
  const double x[] = {1, 2, 5};
  const int32_t label[] = {0, 0, 1}, together[] = {0, 0, 0};
  double out;
  (void)state;
  OK(ins_silhouette(x, 3, 1, label, 2, 3, &out));
  near(out, (3.0 / 4 + 2.0 / 3) / 3, 1e-15);
  OK(ins_silhouette(x, 3, 1, label, 2, 1, &out)); /* of the middle one alone */
  near(out, 2.0 / 3, 1e-15);
  OK(ins_silhouette(x, 3, 1, together, 2, 3, &out));
  assert_true(isnan(out));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(planted_groups_are_found_from_every_start),
      cmocka_unit_test(it_rests_where_every_point_is_with_its_nearest_centre),
      cmocka_unit_test(the_best_start_is_the_best_of_all_partitions),
      cmocka_unit_test(inertias_and_silhouettes_are_those_of_scikit_learn),
      cmocka_unit_test(the_same_start_gives_the_same_bits),
      cmocka_unit_test(no_cluster_stays_empty_while_points_differ),
      cmocka_unit_test(one_point_and_a_constant_coordinate_are_no_trouble),
      cmocka_unit_test(points_that_are_no_numbers_are_refused),
      cmocka_unit_test(clusters_are_numbered_by_size_then_by_first_point),
      cmocka_unit_test(silhouettes_are_what_the_hand_finds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
