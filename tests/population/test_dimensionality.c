/* SPDX-License-Identifier: MIT */
/* Participation ratios: sums against loops over all distinct samples, closed forms, planted
 * dimensions. */
#include <math.h>

#include "cmocka_all.h"
#include "insilico/random.h"
#include "population/dimensionality.h"

static void near(double is, double should, double tolerance, const char *what) {
  if (!(fabs(is - should) <= tolerance)) fail_msg("%s is %.15g, not %.15g", what, is, should);
}

static void normal(int64_t which, size_t n, double *out) {
  const ins_stream stream = ins_stream_at(3, "test_dimensionality", &which, 1);
  float x[4];
  for (size_t i = 0; i < n; i += 4) {
    ins_stream_normal(&stream, i, 4, x);
    for (size_t j = i; j < n && j < i + 4; j++) out[j] = (double)x[j - i];
  }
}

static double dot(size_t p, const double *a, const double *b) {
  double sum = 0;
  for (size_t k = 0; k < p; k++) sum += a[k] * b[k];
  return sum;
}

/* (a_i - a_j)'(b_k - b_l) */
static double differences(size_t p, const double *a, const double *b, size_t i, size_t j, size_t k,
                          size_t l) {
  double sum = 0;
  for (size_t q = 0; q < p; q++)
    sum += (a[i * p + q] - a[j * p + q]) * (b[k * p + q] - b[l * p + q]);
  return sum;
}

/* The definition: weighted means over distinct i, j, k, l. Equal measurements: one alone. */
static ins_spread by_loops(size_t n, size_t p, const double *a, const double *b, const double *w) {
  ins_spread sum = {0};
  double all = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      for (size_t k = 0; k < n; k++)
        for (size_t l = 0; l < n; l++) {
          if (i == j || i == k || i == l || j == k || j == l || k == l) continue;
          const double weight = w[i] * w[j] * w[k] * w[l];
          all += weight;
          sum.trace_squared +=
              weight * differences(p, a, b, i, j, i, j) * differences(p, a, b, k, l, k, l) / 4;
          sum.squares_trace +=
              weight * differences(p, a, a, i, j, k, l) * differences(p, b, b, i, j, k, l) / 4;
        }
  return (ins_spread){sum.trace_squared / all, sum.squares_trace / all};
}

/* Removes the weighted mean. */
static void centre(size_t n, size_t p, const double *w, double *x) {
  for (size_t q = 0; q < p; q++) {
    double mean = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
      mean += w[i] * x[i * p + q];
      all += w[i];
    }
    for (size_t i = 0; i < n; i++) x[i * p + q] -= mean / all;
  }
}

/* The sums, without using that matrices are symmetric; centres x. */
static ins_spread_sums sums_of(size_t n, size_t p, const double *w, double *x) {
  ins_spread_sums t = {0};
  double v2[64] = {0}, v2q[64] = {0};
  centre(n, p, w, x);
  for (size_t i = 0; i < n; i++) {
    const double q = dot(p, x + i * p, x + i * p);
    for (int k = 0; k < 4; k++) t.s[k] += pow(w[i], k + 1);
    t.q1 += w[i] * q;
    t.q2 += w[i] * w[i] * q;
    t.r2 += w[i] * w[i] * q * q;
    for (size_t c = 0; c < p; c++) {
      v2[c] += w[i] * w[i] * x[i * p + c];
      v2q[c] += w[i] * w[i] * q * x[i * p + c];
    }
    for (size_t j = 0; j < n; j++) {
      const double g = dot(p, x + i * p, x + j * p);
      t.m1m1 += w[i] * w[j] * g * g;
      t.m1m2 += w[i] * w[j] * w[j] * g * g;
      t.m2m2 += w[i] * w[i] * w[j] * w[j] * g * g;
    }
  }
  t.v2q2 = dot(p, v2, v2q);
  return t;
}

static ins_cross_sums cross_of(size_t n, size_t p, double *a, double *b) {
  ins_cross_sums t = {.n = n};
  double ones[64] = {0};
  for (size_t i = 0; i < n; i++) ones[i] = 1;
  centre(n, p, ones, a);
  centre(n, p, ones, b);
  for (size_t i = 0; i < n; i++) {
    const double *x = a + i * p, *y = b + i * p;
    t.aa += dot(p, x, x);
    t.bb += dot(p, y, y);
    t.ab += dot(p, x, y);
    t.aabb += dot(p, x, x) * dot(p, y, y);
    t.abab += dot(p, x, y) * dot(p, x, y);
    for (size_t j = 0; j < n; j++) {
      const double *u = a + j * p, *v = b + j * p;
      t.within += dot(p, x, u) * dot(p, y, v);
      t.across += dot(p, x, v) * dot(p, x, v);
      t.crossed += dot(p, x, v) * dot(p, u, y);
    }
  }
  return t;
}

/* ---- against the definition --------------------------------------------------------------------
 */

static void sums_give_the_means_over_distinct_samples(void **state) {
  (void)state;
  enum { N = 9, P = 3 };
  const double weights[4][N] = {{1, 1, 1, 1, 1, 1, 1, 1, 1},
                                {2, 0, 1, 1, 3, 0, 1, 1, 0},
                                {0, 0, 4, 2, 1, 0, 2, 0, 0},
                                {1, 1, 1, 1, 0, 0, 0, 0, 0}};
  for (int64_t c = 0; c < 4; c++) {
    double x[N * P];
    normal(c, N * P, x);
    for (size_t i = 0; i < N * P; i++) x[i] += 5; /* a mean that must not matter */
    const ins_spread should = by_loops(N, P, x, x, weights[c]);
    const ins_spread_sums t = sums_of(N, P, weights[c], x);
    const ins_spread is = ins_spread_unbiased(&t);
    near(is.trace_squared, should.trace_squared, 1e-11 * t.q1 * t.q1, "(tr C)^2");
    near(is.squares_trace, should.squares_trace, 1e-11 * t.q1 * t.q1, "tr C^2");
  }
}

static void equal_weights_need_only_three_sums(void **state) {
  (void)state;
  enum { N = 7, P = 4 };
  double x[N * P], ones[N] = {1, 1, 1, 1, 1, 1, 1};
  normal(10, N * P, x);
  const ins_spread_sums t = sums_of(N, P, ones, x), u = ins_spread_equal(N, t.q1, t.m1m1, t.r2);
  const ins_spread a = ins_spread_unbiased(&t), b = ins_spread_unbiased(&u);
  near(a.trace_squared, b.trace_squared, 1e-12 * b.trace_squared, "(tr C)^2");
  near(a.squares_trace, b.squares_trace, 1e-12 * b.trace_squared, "tr C^2");
}

static void what_two_measurements_share_is_their_mean_over_distinct_samples(void **state) {
  (void)state;
  enum { N = 8, P = 3 };
  double a[N * P], b[N * P], noise[N * P], ones[N] = {1, 1, 1, 1, 1, 1, 1, 1};
  normal(11, N * P, a);
  normal(12, N * P, noise);
  for (size_t i = 0; i < N * P; i++) b[i] = a[i] + 0.7 * noise[i] - 3;
  const ins_spread should = by_loops(N, P, a, b, ones);
  const ins_cross_sums t = cross_of(N, P, a, b);
  const ins_spread is = ins_spread_shared(&t);
  near(is.trace_squared, should.trace_squared, 1e-11 * t.aa * t.bb, "(tr C)^2");
  near(is.squares_trace, should.squares_trace, 1e-11 * t.aa * t.bb, "tr C^2");
}

static void variables_with_themselves_are_variables_alone(void **state) {
  (void)state;
  enum { N = 8, P = 3 };
  double x[N * P], one[N], ones[N] = {1, 1, 1, 1, 1, 1, 1, 1}, should = 0, squares = 0, fourth = 0;
  normal(13, N * P, x);
  centre(N, P, ones, x);
  for (size_t a = 0; a < P; a++) {
    double square = 0;
    for (size_t i = 0; i < N; i++) {
      one[i] = x[i * P + a];
      square += one[i] * one[i];
      fourth += pow(one[i], 4);
    }
    squares += square * square;
    const ins_spread s = by_loops(N, 1, one, one, ones);
    near(s.trace_squared, s.squares_trace, 1e-12, "of one variable, tr C^2");
    should += s.trace_squared;
  }
  near(ins_spread_diagonal(N, squares, fourth), should, 1e-12, "the diagonal");
}

/* ---- closed forms ------------------------------------------------------------------------------
 */

static void ratios_of_known_spectra(void **state) {
  (void)state;
  /* n samples at +-e_k sqrt((n - 1) / 2): S = 1 in 5 dimensions. */
  const ins_spread_sums equal = ins_spread_equal(10, 9 * 5, 81 * 5, 10 * 4.5 * 4.5);
  const ins_spread_sums one = ins_spread_equal(10, 9, 81, 0);
  const ins_spread_sums falling = ins_spread_equal(10, 9 * (2 + 1 + 1), 81 * (4 + 1 + 1), 0);
  near(ins_participation(ins_spread_naive(&equal)), 5, 1e-12, "PR");
  near(ins_participation(ins_spread_naive(&one)), 1, 1e-12, "PR");
  near(ins_participation(ins_spread_naive(&falling)), 16. / 6, 1e-12, "PR");
}

static void data_without_variance_or_with_few_samples_have_no_ratio(void **state) {
  (void)state;
  const ins_spread_sums none = ins_spread_equal(10, 0, 0, 0), three = ins_spread_equal(3, 2, 3, 4),
                        single = ins_spread_equal(1, 0, 0, 0);
  near(ins_participation(ins_spread_naive(&none)), 0, 0, "PR of nothing");
  near(ins_participation(ins_spread_unbiased(&none)), 0, 0, "PR of nothing");
  near(ins_participation(ins_spread_naive(&single)), 0, 0, "PR of one sample");
  assert_true(isnan(ins_participation(ins_spread_unbiased(&three))));
  assert_true(isnan(ins_spread_diagonal(3, 1, 1)));
  assert_true(isnan(ins_participation((ins_spread){1, -1})));
  /* A resample of three samples, drawn ten times. */
  const double w[5] = {4, 0, 3, 3, 0};
  double x[10];
  normal(14, 10, x);
  const ins_spread_sums t = sums_of(5, 2, w, x);
  assert_true(isnan(ins_spread_unbiased(&t).squares_trace));
}

/* ---- planted dimensions ------------------------------------------------------------------------
 */

/* Mean of estimates over data sets, and its standard error. */
typedef struct tally {
  double n, sum, squares;
} tally;

static void count(tally *t, double x) {
  t->n++;
  t->sum += x;
  t->squares += x * x;
}

static double mean_of(const tally *t) {
  return t->sum / t->n;
}

static void unbiased(const tally *t, double truth, const char *what) {
  const double error = sqrt((t->squares / t->n - pow(mean_of(t), 2)) / t->n);
  near(mean_of(t), truth, 4 * error, what);
  assert_true(error < 0.1 * fabs(truth)); /* else it says nothing */
}

/* Variances 1 and 1/4 in 60 dimensions, 20 samples that are not normal: x^2 sign(x). */
static void samples_that_are_too_few_are_corrected_for(void **state) {
  (void)state;
  enum { N = 20, P = 60, SETS = 300 };
  tally trace = {0}, square = {0}, naive = {0};
  double x[N * P], ones[N], c1 = 0, c2 = 0;
  for (size_t i = 0; i < N; i++) ones[i] = 1;
  for (size_t q = 0; q < P; q++) {
    const double variance = 3 * (q < 30 ? 1 : 0.25);
    c1 += variance;
    c2 += variance * variance;
  }
  for (int64_t set = 0; set < SETS; set++) {
    normal(1000 + set, N * P, x);
    for (size_t i = 0; i < N; i++)
      for (size_t q = 0; q < P; q++) x[i * P + q] *= fabs(x[i * P + q]) * (q < 30 ? 1 : 0.5);
    const ins_spread_sums t = sums_of(N, P, ones, x);
    const ins_spread c = ins_spread_unbiased(&t);
    count(&trace, c.trace_squared);
    count(&square, c.squares_trace);
    count(&naive, ins_participation(ins_spread_naive(&t)));
  }
  const double truth = c1 * c1 / c2;
  unbiased(&trace, c1 * c1, "mean of (tr C)^2");
  unbiased(&square, c2, "mean of tr C^2");
  near(mean_of(&trace) / mean_of(&square), truth, 0.1 * truth, "corrected PR");
  assert_true(mean_of(&naive) < 0.4 * truth);
}

/* 10 dimensions, seen by 15 variables in 20 samples: both are samples of more. */
static void variables_that_are_too_few_are_corrected_for(void **state) {
  (void)state;
  enum { N = 20, P = 15, D = 10, SETS = 1500 };
  tally trace = {0}, square = {0}, naive = {0}, half = {0};
  double z[N * D], g[P * D], x[N * P], ones[N];
  for (size_t i = 0; i < N; i++) ones[i] = 1;
  for (int64_t set = 0; set < SETS; set++) {
    double squares = 0, fourth = 0;
    normal(10000 + 2 * set, N * D, z);
    normal(10001 + 2 * set, P * D, g);
    for (size_t i = 0; i < N; i++)
      for (size_t a = 0; a < P; a++) x[i * P + a] = dot(D, z + i * D, g + a * D);
    const ins_spread_sums t = sums_of(N, P, ones, x);
    for (size_t a = 0; a < P; a++) {
      double v = 0;
      for (size_t i = 0; i < N; i++) {
        v += x[i * P + a] * x[i * P + a];
        fourth += pow(x[i * P + a], 4);
      }
      squares += v * v;
    }
    const ins_spread c = ins_spread_unbiased(&t);
    const double diagonal = ins_spread_diagonal(N, squares, fourth);
    count(&trace, c.trace_squared - diagonal);
    count(&square, c.squares_trace - diagonal);
    count(&naive, ins_participation(ins_spread_naive(&t)));
    count(&half, ins_participation(c));
  }
  /* Pairs of variables: each has covariance g_a'g_b, squared D on average; variance D. */
  unbiased(&trace, P * (P - 1) * D * D, "mean of the sum of C_aa C_bb");
  unbiased(&square, P * (P - 1) * D, "mean of the sum of C_ab^2");
  near(mean_of(&trace) / mean_of(&square), D, 0.4, "PR corrected for both");
  assert_true(mean_of(&naive) < 0.55 * D);
  assert_true(mean_of(&half) < 0.75 * D);
}

/* 4 dimensions in noise of 40 with as much variance. */
static void noise_is_left_out_by_two_measurements(void **state) {
  (void)state;
  enum { N = 30, P = 40, D = 4, SETS = 300 };
  tally trace = {0}, square = {0}, naive = {0};
  double s[N * D], a[N * P], b[N * P], ones[N];
  for (size_t i = 0; i < N; i++) ones[i] = 1;
  for (int64_t set = 0; set < SETS; set++) {
    normal(20000 + 3 * set, N * D, s);
    normal(20001 + 3 * set, N * P, a);
    normal(20002 + 3 * set, N * P, b);
    for (size_t i = 0; i < N; i++)
      for (size_t q = 0; q < P; q++) {
        const double signal = q < D ? 3 * s[i * D + q] : 0;
        a[i * P + q] += signal;
        b[i * P + q] += signal;
      }
    const ins_cross_sums t = cross_of(N, P, a, b);
    const ins_spread_sums alone = sums_of(N, P, ones, a);
    const ins_spread c = ins_spread_shared(&t);
    count(&trace, c.trace_squared);
    count(&square, c.squares_trace);
    count(&naive, ins_participation(ins_spread_unbiased(&alone)));
  }
  unbiased(&trace, pow(9 * D, 2), "mean of (tr C)^2");
  unbiased(&square, 81 * D, "mean of tr C^2");
  assert_true(mean_of(&naive) > 2 * D);
}

/* ---- resamples ---------------------------------------------------------------------------------
 */

/* Bootstrap samples as they are have fewer dimensions than the data; with samples never paired with
 * themselves they have as many on average. */
static void resamples_have_the_dimensions_of_the_data_on_average(void **state) {
  (void)state;
  enum { N = 15, P = 40, RESAMPLES = 3000 };
  double x[N * P], y[N * P], w[N], uniform[N], ones[N];
  tally trace = {0}, square = {0}, naive = {0};
  normal(30, N * P, x);
  for (size_t i = 0; i < N; i++) ones[i] = 1;
  const ins_spread_sums t = sums_of(N, P, ones, x);
  const ins_spread data = ins_spread_unbiased(&t);
  for (int64_t r = 0; r < RESAMPLES; r++) {
    const ins_stream stream = ins_stream_at(1, "resamples", &r, 1);
    ins_stream_uniform(&stream, 0, N, uniform);
    memset(w, 0, sizeof w);
    for (size_t i = 0; i < N; i++) w[(size_t)(uniform[i] * N)]++;
    memcpy(y, x, sizeof x);
    const ins_spread_sums u = sums_of(N, P, w, y);
    const ins_spread c = ins_spread_unbiased(&u);
    if (isnan(c.trace_squared)) continue;
    count(&trace, c.trace_squared);
    count(&square, c.squares_trace);
    count(&naive, ins_participation(ins_spread_naive(&u)));
  }
  near(mean_of(&trace), data.trace_squared, 0.02 * data.trace_squared, "(tr C)^2 of resamples");
  near(mean_of(&square), data.squares_trace, 0.1 * data.squares_trace, "tr C^2 of resamples");
  assert_true(mean_of(&naive) < 0.8 * ins_participation(ins_spread_naive(&t)));
}

static void intervals_are_quantiles_around_the_estimate(void **state) {
  (void)state;
  double x[101], ends[2];
  for (size_t i = 0; i < 101; i++) x[i] = 100 - (double)(i * 37 % 101);
  ins_spread_interval(7, x, 101, 0.9, ends);
  near(ends[0], 7 - 45, 1e-12, "lower end");
  near(ends[1], 7 + 45, 1e-12, "upper end");
  double few[3] = {(double)NAN, 4, (double)NAN};
  ins_spread_interval(7, few, 3, 0.9, ends);
  assert_true(isnan(ends[0]) && isnan(ends[1]));
  double two[3] = {3, (double)NAN, 5};
  ins_spread_interval(4, two, 3, 1, ends);
  near(ends[0], 3, 0, "lower end");
  near(ends[1], 5, 0, "upper end");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_give_the_means_over_distinct_samples),
      cmocka_unit_test(equal_weights_need_only_three_sums),
      cmocka_unit_test(what_two_measurements_share_is_their_mean_over_distinct_samples),
      cmocka_unit_test(variables_with_themselves_are_variables_alone),
      cmocka_unit_test(ratios_of_known_spectra),
      cmocka_unit_test(data_without_variance_or_with_few_samples_have_no_ratio),
      cmocka_unit_test(samples_that_are_too_few_are_corrected_for),
      cmocka_unit_test(variables_that_are_too_few_are_corrected_for),
      cmocka_unit_test(noise_is_left_out_by_two_measurements),
      cmocka_unit_test(resamples_have_the_dimensions_of_the_data_on_average),
      cmocka_unit_test(intervals_are_quantiles_around_the_estimate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
