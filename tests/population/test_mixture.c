/* SPDX-License-Identifier: MIT */
/* Gaussian mixtures: densities against the plain formula, fits against scikit-learn 1.9, and what a
 * fit must do whatever the points are. */
#include "population/mixture.h"

#include <math.h>

#include "cmocka_all.h"
#include "insilico/random.h"
#include "population/kmeans.h"

#define OK(call) assert_int_equal(call, INS_OK)

enum { N = 60, MOST = 4096 };

/* Exactly the same where `tolerance` is 0. */
static void near(double is, double should, double tolerance) {
  if (!(fabs(is - should) <= tolerance)) fail_msg("%.17g is not %.17g", is, should);
}

static const ins_covariance kinds[] = {INS_COVARIANCE_FULL, INS_COVARIANCE_DIAGONAL,
                                       INS_COVARIANCE_SPHERICAL, INS_COVARIANCE_TIED};

/* Three groups, i mod 3, that overlap: also in test_kmeans.c. */
static void make_points(double *x, int32_t *group) {
  for (int i = 0; i < N; i++) {
    group[i] = i % 3;
    x[2 * i] = 1.5 * group[i] + sin(1.7 * i) + 0.3 * cos(5.1 * i);
    x[2 * i + 1] = 1.2 * (group[i] == 1) + 0.5 * cos(2.3 * i) * sin(0.9 * i) + 0.4 * sin(3.3 * i);
  }
}

static double *normals(size_t n, int64_t which) {
  const ins_stream stream = ins_stream_at(5, "points", &which, 1);
  float *x = malloc(n * sizeof *x);
  double *out = malloc(n * sizeof *out);
  ins_stream_normal(&stream, 0, n, x);
  for (size_t i = 0; i < n; i++) out[i] = (double)x[i];
  free(x);
  return out;
}

static void free_numbers_are_counted(void **state) {
  (void)state;
  near(ins_mixture_freedom(INS_COVARIANCE_FULL, 3, 2), 2 + 6 + 9, 0);
  near(ins_mixture_freedom(INS_COVARIANCE_DIAGONAL, 3, 2), 2 + 6 + 6, 0);
  near(ins_mixture_freedom(INS_COVARIANCE_SPHERICAL, 3, 2), 2 + 6 + 3, 0);
  near(ins_mixture_freedom(INS_COVARIANCE_TIED, 3, 2), 2 + 6 + 3, 0);
  near(ins_mixture_freedom(INS_COVARIANCE_FULL, 1, 10), 65, 0);
  near(ins_mixture_bic(INS_COVARIANCE_TIED, 3, 2, 60, -100), 200 + 11 * log(60), 1e-12);
}

/* log-likelihoods and BICs of GaussianMixture from the same groups, to a tolerance of 1e-13. */
static void fits_are_those_of_scikit_learn(void **state) {
  const double log_likelihood[] = {-149.10911244820218, -149.63084714397723, -154.89016636351198,
                                   -150.30120638534117};
  const double bic[] = {367.8220824541801, 356.58251815906385, 354.81812291146707,
                        345.64020295512546};
  double x[N * 2], numbers[MOST], again;
  int32_t group[N], label[N];
  (void)state;
  make_points(x, group);
  for (size_t c = 0; c < 4; c++) {
    const ins_mixture_options o = {
        .kind = kinds[c], .regularization = 1e-3, .max_iterations = 5000, .tolerance = 1e-13};
    ins_mixture m = ins_mixture_in(numbers, 3, 2);
    ins_mixture_fit fit;
    OK(ins_mixture_of_labels(x, N, 2, group, &o, &m));
    OK(ins_mixture_fit_to(x, N, 2, &o, &m, &fit));
    assert_true(fit.converged);
    near(fit.log_likelihood, log_likelihood[c], 1e-8);
    near(ins_mixture_bic(kinds[c], 3, 2, N, fit.log_likelihood), bic[c], 1e-8);
    OK(ins_mixture_assign(x, N, &m, label, NULL, &again));
    near(again, fit.log_likelihood, 1e-9);
  }
}

/* w N(x; m, C) in two dimensions, by determinant and adjugate. */
static double density(const ins_mixture *m, size_t j, const double *x) {
  const double *c = m->covariance + 4 * j, *mean = m->mean + 2 * j;
  const double det = c[0] * c[3] - c[1] * c[2], u = x[0] - mean[0], v = x[1] - mean[1];
  const double form = (c[3] * u * u - 2 * c[1] * u * v + c[0] * v * v) / det;
  return m->weight[j] * exp(-form / 2) / (2 * M_PI * sqrt(det));
}

static void densities_are_those_of_the_formula(void **state) {
  double numbers[14] = {0.3, 0.7, 1, -1, 2, 0.5, 2, 0.3, 0.3, 0.4, 0.5, -0.6, -0.6, 1.5};
  double x[N * 2], probability[N], found, expected = 0;
  int32_t group[N], label[N];
  const ins_mixture m = ins_mixture_in(numbers, 2, 2);
  (void)state;
  make_points(x, group);
  OK(ins_mixture_assign(x, N, &m, label, probability, &found));
  for (size_t i = 0; i < N; i++) {
    const double a = density(&m, 0, x + 2 * i), b = density(&m, 1, x + 2 * i);
    expected += log(a + b);
    assert_int_equal(label[i], b > a);
    near(probability[i], fmax(a, b) / (a + b), 1e-13);
  }
  near(found, expected, 1e-11);
}

/* Without a ridge every iteration is one of maximum likelihood. */
static void the_likelihood_never_falls(void **state) {
  enum { M = 700, D = 3, K = 5, STEPS = 60 };
  static int32_t label[M];
  double numbers[K * (1 + D + D * D)];
  (void)state;
  double *x = normals(M * D, 1);
  for (size_t i = 0; i < M; i++) label[i] = (int32_t)(i % K);
  for (size_t i = 0; i < M; i++)
    for (size_t a = 0; a < D; a++) x[i * D + a] *= 1 + (double)(i % 3) + 0.3 * label[i];
  for (size_t c = 0; c < 4; c++) {
    const ins_mixture_options o = {.kind = kinds[c], .max_iterations = 1};
    ins_mixture m = ins_mixture_in(numbers, K, D);
    double before = -INFINITY, first = 0;
    OK(ins_mixture_of_labels(x, M, D, label, &o, &m));
    for (int step = 0; step < STEPS; step++) {
      ins_mixture_fit fit;
      OK(ins_mixture_fit_to(x, M, D, &o, &m, &fit));
      assert_true(fit.log_likelihood >= before - 1e-9);
      before = fit.log_likelihood;
      if (!step) first = before;
    }
    assert_true(before > first + 1);
  }
  free(x);
}

static double best_bic(const double *x, size_t n, size_t d, size_t k,
                       const ins_mixture_options *o) {
  int32_t *label = malloc(n * sizeof *label);
  double *center = malloc(k * d * sizeof *center);
  double *numbers = malloc(ins_mixture_size(k, d) * sizeof *numbers), best = -INFINITY;
  for (int64_t start = 0; start < 5; start++) {
    const ins_stream stream = ins_stream_at(1, "start", &start, 1);
    ins_kmeans_fit seeds;
    ins_mixture_fit fit;
    ins_mixture m = ins_mixture_in(numbers, k, d);
    OK(ins_kmeans(x, n, d, k, 1000, &stream, label, center, &seeds));
    OK(ins_mixture_of_labels(x, n, d, label, o, &m));
    OK(ins_mixture_fit_to(x, n, d, o, &m, &fit));
    best = fmax(best, fit.log_likelihood);
  }
  free(label);
  free(center);
  free(numbers);
  return ins_mixture_bic(o->kind, k, d, n, best);
}

/* Four ellipsoids: two cross each other, so that distances alone do not tell them apart. */
static void the_criterion_finds_the_planted_number_of_components(void **state) {
  enum { M = 800, D = 3 };
  const ins_mixture_options o = {.kind = INS_COVARIANCE_FULL,
                                 .regularization = 1e-6,
                                 .max_iterations = 500,
                                 .tolerance = 1e-7};
  double least = INFINITY;
  size_t best = 0;
  (void)state;
  double *x = normals(M * D, 2);
  for (size_t i = 0; i < M; i++) {
    double *p = x + i * D;
    const size_t g = i % 4;
    p[g % 3] *= 8;
    p[2] += g == 2 ? 30 : 0;
    p[0] += g == 3 ? 35 : 0;
  }
  for (size_t k = 1; k <= 7; k++) {
    const double bic = best_bic(x, M, D, k, &o);
    if (bic < least) {
      least = bic;
      best = k;
    }
  }
  assert_int_equal(best, 4);
  free(x);
}

/* In small samples of many dimensions some components have hardly more points than dimensions: the
 * ridge must keep them from being taken for clusters. */
static void one_cloud_is_one_component_even_when_points_are_few(void **state) {
  const ins_mixture_options o = {.kind = INS_COVARIANCE_FULL,
                                 .regularization = 1e-6,
                                 .max_iterations = 500,
                                 .tolerance = 1e-6};
  (void)state;
  for (int64_t which = 20; which < 23; which++) {
    double *x = normals(200 * 5, which);
    const double one = best_bic(x, 200, 5, 1, &o);
    for (size_t k = 2; k <= 12; k++) assert_true(best_bic(x, 200, 5, k, &o) > one);
    free(x);
  }
}

/* Everything is measured around the mean of the points, whatever it is. */
static void a_shift_of_all_points_changes_nothing(void **state) {
  const ins_mixture_options o = {.kind = INS_COVARIANCE_FULL,
                                 .regularization = 1e-6,
                                 .max_iterations = 40,
                                 .tolerance = 1e-12};
  double x[N * 2], numbers[2][MOST];
  int32_t group[N];
  ins_mixture_fit fit[2];
  (void)state;
  make_points(x, group);
  for (int turn = 0; turn < 2; turn++) {
    ins_mixture m = ins_mixture_in(numbers[turn], 3, 2);
    OK(ins_mixture_of_labels(x, N, 2, group, &o, &m));
    OK(ins_mixture_fit_to(x, N, 2, &o, &m, &fit[turn]));
    for (int i = 0; i < 2 * N; i++) x[i] += 4096;
  }
  near(fit[0].log_likelihood, fit[1].log_likelihood, 1e-7);
  near(numbers[0][3] + 4096, numbers[1][3], 1e-8);
}

/* Points that lie on a line, or on each other: the ridge alone is their variance. */
static void duplicates_and_constant_coordinates_have_a_finite_likelihood(void **state) {
  enum { M = 30 };
  double x[M * 2], numbers[MOST];
  int32_t label[M], found[M];
  (void)state;
  for (int i = 0; i < M; i++) {
    label[i] = i % 3;
    x[2 * i] = label[i];
    x[2 * i + 1] = 4;
  }
  for (size_t c = 0; c < 4; c++) {
    const ins_mixture_options o = {
        .kind = kinds[c], .regularization = 1e-4, .max_iterations = 100, .tolerance = 1e-9};
    ins_mixture m = ins_mixture_in(numbers, 3, 2);
    ins_mixture_fit fit;
    OK(ins_mixture_of_labels(x, M, 2, label, &o, &m));
    OK(ins_mixture_fit_to(x, M, 2, &o, &m, &fit));
    assert_true(fit.converged);
    OK(ins_mixture_assign(x, M, &m, found, NULL, NULL));
    assert_memory_equal(found, label, sizeof label);
    /* Three spheres of variance r = 1e-4 (2/3) / 2 that are far from each other: log(1/3) - log(2
     * pi r) for every point. */
    const double r = 1e-4 / 3, each = log(1.0 / 3) - log(2 * M_PI * r);
    near(fit.log_likelihood, M * each, 1e-4 * M);
  }
}

static void all_points_may_be_the_same(void **state) {
  const double x[] = {2, 3, 2, 3, 2, 3};
  const int32_t label[] = {0, 0, 0};
  const ins_mixture_options o = {
      .kind = INS_COVARIANCE_FULL, .regularization = 0.5, .max_iterations = 10};
  double numbers[7];
  ins_mixture m = ins_mixture_in(numbers, 1, 2);
  ins_mixture_fit fit;
  (void)state;
  for (size_t n = 1; n <= 3; n++) {
    OK(ins_mixture_of_labels(x, n, 2, label, &o, &m));
    OK(ins_mixture_fit_to(x, n, 2, &o, &m, &fit));
    near(fit.log_likelihood, -(double)n * log(2 * M_PI * 0.5), 1e-12);
    near(m.mean[1], 3, 0);
  }
}

static void a_component_without_points_stays_without_weight(void **state) {
  const ins_mixture_options o = {
      .kind = INS_COVARIANCE_FULL, .regularization = 1e-6, .max_iterations = 50, .tolerance = 1e-9};
  double x[N * 2], three[MOST], four[MOST];
  int32_t group[N], label[N];
  ins_mixture_fit fit, fit_four;
  (void)state;
  make_points(x, group);
  ins_mixture m = ins_mixture_in(three, 3, 2), m_four = ins_mixture_in(four, 4, 2);
  OK(ins_mixture_of_labels(x, N, 2, group, &o, &m));
  OK(ins_mixture_fit_to(x, N, 2, &o, &m, &fit));
  OK(ins_mixture_of_labels(x, N, 2, group, &o, &m_four));
  OK(ins_mixture_fit_to(x, N, 2, &o, &m_four, &fit_four));
  near(m_four.weight[3], 0, 0);
  near(fit_four.log_likelihood, fit.log_likelihood, 1e-9);
  OK(ins_mixture_assign(x, N, &m_four, label, NULL, NULL));
  for (int i = 0; i < N; i++) assert_in_range(label[i], 0, 2);
}

static void what_has_no_likelihood_is_refused(void **state) {
  const ins_mixture_options o = {.kind = INS_COVARIANCE_FULL, .max_iterations = 10};
  const double line[] = {1, 4, 2, 4, 3, 4}, missing[] = {1, 4, NAN, 4, 3, 4};
  const int32_t label[] = {0, 0, 0};
  double numbers[7];
  ins_mixture m = ins_mixture_in(numbers, 1, 2);
  ins_mixture_fit fit;
  (void)state;
  OK(ins_mixture_of_labels(line, 3, 2, label, &o, &m));
  assert_int_equal(ins_mixture_fit_to(line, 3, 2, &o, &m, &fit), INS_ERR_NUMERIC);
  assert_non_null(strstr(ins_message(), "regularization"));
  assert_int_equal(ins_mixture_of_labels(missing, 3, 2, label, &o, &m), INS_ERR_NUMERIC);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(free_numbers_are_counted),
      cmocka_unit_test(fits_are_those_of_scikit_learn),
      cmocka_unit_test(densities_are_those_of_the_formula),
      cmocka_unit_test(the_likelihood_never_falls),
      cmocka_unit_test(the_criterion_finds_the_planted_number_of_components),
      cmocka_unit_test(one_cloud_is_one_component_even_when_points_are_few),
      cmocka_unit_test(a_shift_of_all_points_changes_nothing),
      cmocka_unit_test(duplicates_and_constant_coordinates_have_a_finite_likelihood),
      cmocka_unit_test(all_points_may_be_the_same),
      cmocka_unit_test(a_component_without_points_stays_without_weight),
      cmocka_unit_test(what_has_no_likelihood_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
