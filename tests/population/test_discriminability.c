/* SPDX-License-Identifier: MIT */
#include "analysis_fixture.h"
#include "insilico/random.h"

static analysis_test discriminate(const analysis_data *d, const char *yaml) {
  return analysis_run(d, &ins_discriminability, ins_discriminability_keys, yaml);
}

static double normal(uint64_t seed, int64_t stream, size_t i) {
  float x;
  const ins_stream s = ins_stream_at(seed, "test", &stream, 1);
  ins_stream_normal(&s, i, 1, &x);
  return (double)x;
}

/* ---- planted responses [neuron][condition][repeat]
 * ----------------------------------------------- Noise: an own part of standard deviation 1 + n %
 * 3, and one that all share with weight (n % 2 ? 1.5 : 0.5) - so covariance = diag((1 + n % 3)^2) +
 * w w^T. */

static double own_sd(size_t n) {
  return 1 + (double)(n % 3);
}

static double shared(size_t n) {
  return n % 2 ? 1.5 : 0.5;
}

static double signal(size_t n, size_t k) {
  return 5 + 2 * sin(1.3 * (double)n + 0.8 * (double)((n + 1) * (k + 1)));
}

static double *plant(size_t n_items, size_t n_conditions, size_t n_trials, uint64_t seed) {
  double *x = calloc(n_items * n_conditions * n_trials, sizeof *x);
  for (size_t n = 0; n < n_items; n++)
    for (size_t k = 0; k < n_conditions; k++)
      for (size_t r = 0; r < n_trials; r++) {
        const size_t trial = k * n_trials + r;
        x[n * n_conditions * n_trials + trial] = signal(n, k) +
                                                 own_sd(n) * normal(seed, (int64_t)n, trial) +
                                                 shared(n) * normal(seed, -1, trial);
      }
  return x;
}

static analysis_data planted(const double *x, size_t n, size_t k, size_t r) {
  return (analysis_data){.n_item_axes = 1,
                         .n_axes = 3,
                         .axes = {"neuron", "stimulus", "repeat"},
                         .lengths = {n, k, r},
                         .values = x};
}

/* ---- the same in loops
 * --------------------------------------------------------------------------- */

/* out = a^-1 b for symmetric positive a [n][n] (lost). */
static void solve(size_t n, double *a, const double *b, double *out) {
  memcpy(out, b, n * sizeof *b);
  for (size_t i = 0; i < n; i++)
    for (size_t r = i + 1; r < n; r++) {
      const double f = a[r * n + i] / a[i * n + i];
      for (size_t c = i; c < n; c++) a[r * n + c] -= f * a[i * n + c];
      out[r] -= f * out[i];
    }
  for (size_t i = n; i-- > 0;) {
    for (size_t c = i + 1; c < n; c++) out[i] -= a[i * n + c] * out[c];
    out[i] /= a[i * n + i];
  }
}

typedef struct plain {
  size_t n, k, r;
  double *mean, *covariance, shrinkage; /* [n][k], [n][n] */
} plain;

static plain plain_create(const double *x, size_t n, size_t k, size_t r) {
  plain p = {n, k, r, calloc(n * k, 8), calloc(n * n, 8), 0};
  const double freedom = (double)(k * (r - 1));
  double *e = calloc(n * k * r, 8);
  for (size_t i = 0; i < n * k; i++)
    for (size_t t = 0; t < r; t++) p.mean[i] += x[i * r + t] / (double)r;
  for (size_t i = 0; i < n * k * r; i++) e[i] = x[i] - p.mean[i / r];
  for (size_t a = 0; a < n; a++)
    for (size_t b = 0; b < n; b++)
      for (size_t t = 0; t < k * r; t++)
        p.covariance[a * n + b] += e[a * k * r + t] * e[b * k * r + t] / freedom;
  /* Ledoit & Wolf, as their definitions read, of noise in units of standard deviations. */
  double apart = 0, wrong = 0;
  for (size_t a = 0; a < n; a++)
    for (size_t b = 0; b < n; b++) {
      const double sd = sqrt(p.covariance[a * n + a] * p.covariance[b * n + b]),
                   c = p.covariance[a * n + b] / sd;
      apart += (c - (a == b)) * (c - (a == b));
      for (size_t t = 0; t < k * r; t++) {
        const double product =
            e[a * k * r + t] * e[b * k * r + t] / sd * (double)r / (double)(r - 1);
        wrong += (product - c) * (product - c) / (double)(k * r) / freedom;
      }
    }
  p.shrinkage = fmin(wrong / apart, 1);
  free(e);
  return p;
}

static double plain_squared(const plain *p, size_t a, size_t b, double shrinkage) {
  const size_t n = p->n;
  double *s = calloc(n * n, 8), *d = calloc(n, 8), *z = calloc(n, 8), sum = 0;
  for (size_t i = 0; i < n; i++) {
    d[i] = p->mean[i * p->k + a] - p->mean[i * p->k + b];
    for (size_t j = 0; j < n; j++)
      s[i * n + j] = p->covariance[i * n + j] * (i == j ? 1 : 1 - shrinkage);
  }
  solve(n, s, d, z);
  for (size_t i = 0; i < n; i++) sum += d[i] * z[i];
  free(s);
  free(d);
  free(z);
  return sum;
}

static void plain_clear(plain *p) {
  free(p->mean);
  free(p->covariance);
}

/* ---- tests -------------------------------------------------------------------------------------
 */

/* Results are stored in single precision. */
static void assert_close(double a, double b, double relative) {
  if (!(fabs(a - b) <= relative * fmax(1e-3, fabs(b)))) fail_msg("%.9g is not %.9g", a, b);
}

static void compare_with_loops(size_t n, size_t k, size_t r, const char *precision,
                               double tolerance) {
  double *x = plant(n, k, r, 3);
  const analysis_data data = planted(x, n, k, r);
  plain p = plain_create(x, n, k, r);
  analysis_test t = discriminate(&data, precision);
  double *d = analysis_read(&t, "d_prime"), *shuffled = analysis_read(&t, "d_prime_shuffled"),
         *shrinkage = analysis_read(&t, "noise_shrinkage"), *sd = analysis_read(&t, "noise_sd");
  assert_close(shrinkage[0], p.shrinkage, tolerance);
  assert_true(p.shrinkage > 0 && p.shrinkage < 1);
  for (size_t i = 0; i < n; i++) assert_close(sd[i], sqrt(p.covariance[i * n + i]), tolerance);
  for (size_t a = 0; a < k; a++)
    for (size_t b = 0; b < k; b++) {
      assert_close(d[a * k + b], sqrt(plain_squared(&p, a, b, p.shrinkage)), tolerance);
      assert_close(shuffled[a * k + b], sqrt(plain_squared(&p, a, b, 1)), tolerance);
    }
  free(d);
  free(shuffled);
  free(shrinkage);
  free(sd);
  free(x);
  plain_clear(&p);
  analysis_clear(&t);
}

static void more_trials_than_neurons_agree_with_loops(void **state) {
  (void)state;
  compare_with_loops(9, 6, 7, "precision: double", 1e-6);
  compare_with_loops(9, 6, 7, "precision: single", 1e-4);
}

static void more_neurons_than_trials_agree_with_loops(void **state) {
  (void)state;
  compare_with_loops(31, 5, 3, "precision: double", 1e-6);
  compare_with_loops(31, 5, 3, "precision: single", 1e-4);
}

static void fewer_neurons_than_ranks_agree_with_loops(void **state) {
  (void)state;
  compare_with_loops(2, 3, 4, "precision: double", 1e-6);
}

/* Truth: d'^2 = dm^T (D + w w^T)^-1 dm, by the formula of Sherman & Morrison. */
static double true_squared(size_t n, size_t a, size_t b, bool correlated) {
  double dd = 0, dw = 0, ww = 0, independent = 0;
  for (size_t i = 0; i < n; i++) {
    const double m = signal(i, a) - signal(i, b), v = own_sd(i) * own_sd(i), w = shared(i);
    dd += m * m / v;
    dw += m * w / v;
    ww += w * w / v;
    independent += m * m / (v + w * w);
  }
  return correlated ? dd - dw * dw / (1 + ww) : independent;
}

/* Few trials: the plain estimate is far too large, the corrected one is right on average. The mean
 * over these seeds and pairs has a standard error of 6 % (16 % for one seed). */
static void the_bias_of_finite_trials_is_corrected(void **state) {
  (void)state;
  enum { N = 20, K = 24, R = 3, SEEDS = 8, PAIRS = K * (K - 1) / 2 };
  double truth = 0, plain_mean = 0, corrected = 0, shuffled_truth = 0, shuffled = 0;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    double *x = plant(N, K, R, 100 + seed);
    const analysis_data data = planted(x, N, K, R);
    analysis_test t = discriminate(&data, "shrinkage: 0, precision: double");
    double *d = analysis_read(&t, "d_prime"), *c = analysis_read(&t, "d_prime_squared_corrected"),
           *s = analysis_read(&t, "d_prime_shuffled_squared_corrected");
    for (size_t a = 0; a < K; a++)
      for (size_t b = 0; b < a; b++) {
        truth += true_squared(N, a, b, true) / SEEDS / PAIRS;
        shuffled_truth += true_squared(N, a, b, false) / SEEDS / PAIRS;
        plain_mean += d[a * K + b] * d[a * K + b] / SEEDS / PAIRS;
        corrected += c[a * K + b] / SEEDS / PAIRS;
        shuffled += s[a * K + b] / SEEDS / PAIRS;
      }
    free(d);
    free(c);
    free(s);
    free(x);
    analysis_clear(&t);
  }
  print_message("truth %.3f plain %.3f corrected %.3f; shuffled truth %.3f corrected %.3f\n", truth,
                plain_mean, corrected, shuffled_truth, shuffled);
  assert_true(plain_mean > 2 * truth);
  assert_true(fabs(corrected / truth - 1) < 0.15);
  assert_true(fabs(shuffled / shuffled_truth - 1) < 0.15);
}

static void many_trials_find_the_planted_discriminability(void **state) {
  (void)state;
  enum { N = 5, K = 20, R = 60 };
  double *x = plant(N, K, R, 8);
  const analysis_data data = planted(x, N, K, R);
  analysis_test t = discriminate(&data, NULL);
  double *d = analysis_read(&t, "d_prime"), *c = analysis_read(&t, "d_prime_squared_corrected");
  /* The means of 60 trials move d' by sqrt(2 / 60) = 0.18. */
  for (size_t a = 0; a < K; a++)
    for (size_t b = 0; b < a; b++) {
      const double truth = sqrt(true_squared(N, a, b, true));
      assert_true(fabs(d[a * K + b] - truth) < 0.8);
      assert_true(fabs(sqrt(fmax(c[a * K + b], 0)) - truth) < 0.8);
    }
  free(d);
  free(c);
  free(x);
  analysis_clear(&t);
}

/* Neurons that are silent, that have no noise, or that miss a value change nothing. */
static void items_without_use_have_no_influence(void **state) {
  (void)state;
  enum { N = 7, K = 5, R = 6, M = N + 3 };
  double *x = plant(N, K, R, 5), *more = calloc(M * K * R, sizeof *more);
  const size_t at[N] = {0, 2, 3, 5, 6, 7, 9};
  for (size_t i = 0; i < M * K * R; i++)
    more[i] = i / (K * R) == 1     ? 3
              : i / (K * R) == 4   ? (double)(i / R % K) /* the same in all trials */
              : i == 8 * K * R + 4 ? (double)NAN
                                   : (double)(i % 7);
  for (size_t n = 0; n < N; n++) memcpy(more + at[n] * K * R, x + n * K * R, K * R * sizeof *x);
  const analysis_data few = planted(x, N, K, R), many = planted(more, M, K, R);
  analysis_test t = discriminate(&few, "precision: double"),
                u = discriminate(&many, "precision: double");
  const char *names[3] = {"d_prime", "d_prime_shuffled", "d_prime_squared_corrected"};
  for (int v = 0; v < 3; v++) {
    double *a = analysis_read(&t, names[v]), *b = analysis_read(&u, names[v]);
    for (size_t i = 0; i < K * K; i++) assert_close(b[i], a[i], 1e-6);
    free(a);
    free(b);
  }
  double *flag = analysis_read(&u, "flag"), *used = analysis_read(&u, "n_used");
  assert_int_equal(flag[1], INS_ITEM_SILENT);
  assert_int_equal(flag[4], 3);
  assert_int_equal(flag[8], INS_ITEM_MISSING);
  assert_int_equal(flag[0], INS_ITEM_USED);
  assert_int_equal(used[0], N);
  free(flag);
  free(used);
  free(x);
  free(more);
  analysis_clear(&t);
  analysis_clear(&u);
}

/* The last of the neurons is a copy of the first, or a sum of two others. There is no unshrunk
 * inverse then, or one that rounding made on some numbers of ranks: no result may come of that. */
static void check_dependent(bool sum, const char *keys) {
  enum { N = 4, K = 5, R = 6 };
  double *x = plant(N, K, R, 6);
  for (size_t i = 0; i < K * R; i++) x[3 * K * R + i] = x[i] + (sum ? x[K * R + i] : 0);
  const analysis_data data = planted(x, N, K, R);
  analysis_test t = discriminate(&data, keys);
  double *d = analysis_read(&t, "d_prime"), *s = analysis_read(&t, "d_prime_shuffled"),
         *c = analysis_read(&t, "d_prime_squared_corrected");
  for (size_t i = 0; i < K * K; i++) {
    assert_true(isfinite(d[i]) && isfinite(s[i]));
    assert_true(isnan(c[i]));
  }
  free(c);
  free(d);
  free(s);
  free(x);
  analysis_clear(&t);
}

static void neurons_whose_noise_is_that_of_others_do_no_harm(void **state) {
  (void)state;
  for (int sum = 0; sum < 2; sum++) {
    check_dependent(sum, "shrinkage: 0.2, precision: double");
    check_dependent(sum, "shrinkage: 0.2, precision: single");
  }
}

static void pairs_along_an_axis_are_those_of_the_matrix(void **state) {
  (void)state;
  enum { N = 8, P = 2, D = 4, R = 5, K = P * D };
  double *x = plant(N, K, R, 9);
  const analysis_data data = {.n_item_axes = 1,
                              .n_axes = 4,
                              .axes = {"neuron", "direction", "phase", "repeat"},
                              .lengths = {N, D, P, R},
                              .values = x};
  analysis_test t = discriminate(&data, NULL),
                u = discriminate(&data, "along: direction, period: 4"),
                v = discriminate(&data, "along: direction, reference: 2"),
                w = discriminate(&data, "along: direction"),
                c = discriminate(&data, "conditions: [6, 1, 3]");
  double *all = analysis_read(&t, "d_prime"), *steps = analysis_read(&u, "d_prime"),
         *reference = analysis_read(&v, "d_prime"), *open = analysis_read(&w, "d_prime"),
         *chosen = analysis_read(&c, "d_prime");
  for (size_t i = 0; i < D; i++)
    for (size_t p = 0; p < P; p++) {
      assert_close(steps[i * P + p], all[(i * P + p) * K + (i + 1) % D * P + p], 1e-3);
      assert_close(reference[i * P + p], all[(i * P + p) * K + 2 * P + p], 1e-3);
      if (i + 1 < D) assert_close(open[i * P + p], steps[i * P + p], 1e-3);
    }
  assert_int_equal(ins_layout_row(w.layout, analysis_find(&w, "d_prime")), (D - 1) * P);
  const size_t numbers[3] = {6, 1, 3};
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++)
      assert_close(chosen[i * 3 + j], all[numbers[i] * K + numbers[j]], 1e-3);
  free(all);
  free(steps);
  free(reference);
  free(open);
  free(chosen);
  free(x);
  analysis_clear(&t);
  analysis_clear(&u);
  analysis_clear(&v);
  analysis_clear(&w);
  analysis_clear(&c);
}

static void poisson_noise_that_is_known_needs_no_trials(void **state) {
  (void)state;
  enum { N = 13, K = 7 };
  double x[N * K];
  for (size_t n = 0; n < N; n++)
    for (size_t k = 0; k < K; k++) x[n * K + k] = n == 4 ? 0 : 0.2 + 3 * fabs(signal(n, k) - 5);
  const analysis_data data = {.n_item_axes = 1,
                              .n_axes = 2,
                              .axes = {"neuron", "stimulus"},
                              .lengths = {N, K},
                              .values = x};
  analysis_test t = discriminate(&data, "gain: 2.5, floor: 0.5"),
                u = discriminate(&data, "gain: 2.5, floor: 0.5, along: stimulus");
  double *d = analysis_read(&t, "d_prime"), *steps = analysis_read(&u, "d_prime"),
         *flag = analysis_read(&t, "flag");
  for (size_t a = 0; a < K; a++)
    for (size_t b = 0; b < K; b++) {
      double sum = 0;
      for (size_t n = 0; n < N; n++) {
        const double f = fmax(x[n * K + a], 0.5), g = fmax(x[n * K + b], 0.5);
        sum += (f - g) * (f - g) / ((f / 2.5 + g / 2.5) / 2);
      }
      assert_close(d[a * K + b], sqrt(sum), 1e-5);
      if (b == a + 1) assert_close(steps[a], sqrt(sum), 1e-5);
    }
  assert_int_equal(flag[4], INS_ITEM_SILENT);
  free(d);
  free(steps);
  free(flag);
  analysis_clear(&t);
  analysis_clear(&u);
}

/* Units change the noise, also beyond single precision, and not how well conditions are told apart.
 */
static void units_of_the_data_do_not_matter(void **state) {
  enum { N = 4, K = 3, R = 6 };
  const double unit = ldexp(1, 200);
  double x[N * K * R], large[N * K * R];
  (void)state;
  for (size_t i = 0; i < N * K * R; i++) large[i] = unit * (x[i] = 5 + normal(21, 0, i));
  const analysis_data d = planted(x, N, K, R), e = planted(large, N, K, R);
  analysis_test t = discriminate(&d, "precision: double"),
                u = discriminate(&e, "precision: double");
  double *sd = analysis_read(&t, "noise_sd"), *large_sd = analysis_read(&u, "noise_sd"),
         *prime = analysis_read(&t, "d_prime"), *large_prime = analysis_read(&u, "d_prime");
  for (size_t i = 0; i < N; i++) assert_true(fabs(large_sd[i] / unit - sd[i]) < 1e-12 * sd[i]);
  for (size_t i = 0; i < K * K; i++) assert_true(fabs(prime[i] - large_prime[i]) < 1e-6);
  free(sd);
  free(large_sd);
  free(prime);
  free(large_prime);
  analysis_clear(&t);
  analysis_clear(&u);
}

static void refuse(const analysis_data *d, const char *yaml, const char *says) {
  analysis_test t;
  assert_int_equal(analysis_declare(d, &ins_discriminability, ins_discriminability_keys, yaml, &t),
                   INS_ERR_ARGUMENT);
  if (!strstr(ins_message(), says)) fail_msg("%s", ins_message());
  analysis_clear(&t);
}

static void what_cannot_be_told_is_refused(void **state) {
  (void)state;
  double *x = plant(12, 3, 4, 1);
  analysis_data d = planted(x, 12, 3, 4), flat = d, once = d;
  flat.n_axes = 2;
  once.lengths[2] = 1;
  refuse(&flat, NULL, "has no trials");
  refuse(&once, NULL, "one trial");
  refuse(&d, "gain: 1", "without trials");
  refuse(&d, "shrinkage: 0", "no inverse");
  refuse(&d, "max_pairs: 2", "max_pairs");
  refuse(&d, "along: stimulus, reference: 7", "no value of axis stimulus");
  refuse(&d, "reference: 1", "along");
  refuse(&d, "conditions: [0, 9]", "9");
  free(x);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(more_trials_than_neurons_agree_with_loops),
      cmocka_unit_test(more_neurons_than_trials_agree_with_loops),
      cmocka_unit_test(fewer_neurons_than_ranks_agree_with_loops),
      cmocka_unit_test(the_bias_of_finite_trials_is_corrected),
      cmocka_unit_test(many_trials_find_the_planted_discriminability),
      cmocka_unit_test(items_without_use_have_no_influence),
      cmocka_unit_test(units_of_the_data_do_not_matter),
      cmocka_unit_test(neurons_whose_noise_is_that_of_others_do_no_harm),
      cmocka_unit_test(pairs_along_an_axis_are_those_of_the_matrix),
      cmocka_unit_test(poisson_noise_that_is_known_needs_no_trials),
      cmocka_unit_test(what_cannot_be_told_is_refused),
  };
  return analysis_main(argc, argv, tests);
}
