/* SPDX-License-Identifier: MIT */
/* Signal and noise correlations against plain loops and planted truth. */
#include "analysis_fixture.h"
#include "insilico/random.h"

static void normal(uint64_t seed, size_t n, double *out) {
  const ins_stream stream = ins_stream_at(seed, "test_correlation", NULL, 0);
  float x;
  for (size_t i = 0; i < n; i++) {
    ins_stream_normal(&stream, i, 1, &x);
    out[i] = (double)x;
  }
}

static double *numbers(size_t n) {
  return calloc(n, sizeof(double));
}

static double mean_of(const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  return sum / (double)n;
}

static double covariance(const double *a, const double *b, size_t n) {
  const double ma = mean_of(a, n), mb = mean_of(b, n);
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (a[i] - ma) * (b[i] - mb);
  return sum / (double)(n - 1);
}

static void near(double is, double should, double tolerance, const char *what, size_t i) {
  if (!(fabs(is - should) <= tolerance)) fail_msg("%s[%zu] is %.9g, not %.9g", what, i, is, should);
}

static analysis_data table_of(size_t n, size_t k, size_t r, const double *x) {
  analysis_data d = {.n_item_axes = 1,
                     .n_axes = r ? 3 : 2,
                     .axes = {"neuron", "stimulus", "repeat"},
                     .lengths = {n, k, r},
                     .values = x};
  return d;
}

static analysis_test run(const analysis_data *d, const char *settings) {
  return analysis_run(d, &ins_signal_correlation, ins_signal_correlation_keys, settings);
}

/* A variable of n numbers is `should`. */
static void check(const analysis_test *t, const char *name, size_t n, const double *should,
                  double tolerance) {
  double *is = analysis_read(t, name);
  assert_int_equal(ins_layout_row(t->layout, analysis_find(t, name)), n);
  for (size_t i = 0; i < n; i++)
    if (isnan(should[i]))
      assert_true(isnan(is[i]));
    else
      near(is[i], should[i], tolerance, name, i);
  free(is);
}

/* ---- without noise ---- */

enum { N = 11, K = 37, SILENT = 3, MISSING = 6 };

/* Responses with something in common, one neuron that never changes and one with a hole. */
static double *responses(uint64_t seed) {
  double *x = numbers(N * K), common[K];
  normal(seed, N * K, x);
  normal(seed + 1, K, common);
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < K; k++)
      x[i * K + k] = i == SILENT ? 0.1 : 5 + (double)i * common[k] / 4 + x[i * K + k];
  x[MISSING * K + 20] = NAN;
  return x;
}

static bool counts(size_t i) {
  return i != SILENT && i != MISSING;
}

static void correlation_by_loops(const double *x, double *out) {
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      const double *a = x + i * K, *b = x + j * K;
      out[i * N + j] = counts(i) && counts(j)
                           ? covariance(a, b, K) / sqrt(covariance(a, a, K) * covariance(b, b, K))
                           : 0;
    }
}

static void is_as_by_plain_loops(const char *settings, ins_dtype dtype, double tolerance) {
  double *x = responses(1), r[N * N], mean[N] = {0}, sd[N] = {0}, flag[N] = {0};
  const analysis_data d = table_of(N, K, 0, x);
  analysis_test t = run(&d, settings);
  correlation_by_loops(x, r);
  for (size_t i = 0; i < N; i++)
    if (i != MISSING) {
      mean[i] = mean_of(x + i * K, K);
      sd[i] = i == SILENT ? 0 : sqrt(covariance(x + i * K, x + i * K, K));
    }
  flag[SILENT] = INS_ITEM_SILENT;
  flag[MISSING] = INS_ITEM_MISSING;
  check(&t, "correlation", N * N, r, tolerance);
  check(&t, "mean", N, mean, 10 * tolerance);
  check(&t, "sd", N, sd, 10 * tolerance);
  check(&t, "flag", N, flag, 0);
  assert_int_equal(t.layout->variables[analysis_find(&t, "correlation")].dtype, dtype);
  assert_true(ins_layout_find(t.layout, "noise_correlation") < 0);
  analysis_clear(&t);
  free(x);
}

static void in_double_it_is_what_plain_loops_say(void **state) {
  (void)state;
  is_as_by_plain_loops("precision: double", INS_F64, 1e-13);
}

static void in_single_it_is_what_plain_loops_say(void **state) {
  (void)state;
  is_as_by_plain_loops("", INS_F32, 2e-6);
}

/* A baseline of a million leaves 0.06 of a response in single precision: nothing beyond 1, no NaN.
 * A copy and its negative have the ends of the range. */
static void copies_and_opposites_are_at_the_ends_of_the_range(void **state) {
  (void)state;
  enum { k = 50, n = 4 };
  double x[n * k];
  normal(7, k, x);
  for (size_t i = 0; i < k; i++) {
    x[k + i] = 3 * x[i] + 1;
    x[2 * k + i] = -1e-9 * x[i];
    x[3 * k + i] = 1e6;
  }
  x[3 * k] += 0.0625;
  const analysis_data d = table_of(n, k, 0, x);
  analysis_test t = run(&d, NULL);
  double *r = analysis_read(&t, "correlation");
  near(r[1], 1, 1e-6, "copy", 0);
  near(r[2], -1, 1e-6, "opposite", 0);
  for (size_t i = 0; i < n * n; i++) assert_true(fabs(r[i]) <= 1);
  for (size_t i = 0; i < n; i++) assert_true(r[i * n + i] == 1);
  free(r);
  analysis_clear(&t);
}

static void fewer_items_than_ranks_are_enough(void **state) {
  (void)state;
  const double x[] = {1, 2, 4, 2, 1, 0}, r[] = {1, -0.98198050606196574, -0.98198050606196574, 1};
  for (size_t n = 1; n <= 2; n++) {
    analysis_data d = table_of(n, 3, 0, x);
    d.block = 1;
    analysis_test t = run(&d, "precision: double");
    if (n == 2)
      check(&t, "correlation", 4, r, 1e-14);
    else
      check(&t, "correlation", 1, r, 0);
    analysis_clear(&t);
  }
}

/* ---- with repeats ---- */

enum { R = 3, STEADY = 8, ONE_RESPONSE = 9 };

/* Neuron SILENT always responds the same; STEADY to each stimulus in its way, but without noise;
 * ONE_RESPONSE to all stimuli alike, with three responses in some order. */
static double *trials(void) {
  double *x = numbers(N * K * R), *signal = responses(3), shared[K * R];
  normal(5, N * K * R, x);
  normal(6, K * R, shared);
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < K; k++)
      for (size_t r = 0; r < R; r++) {
        double *one = &x[(i * K + k) * R + r];
        *one = signal[i * K + k] + (*one + shared[k * R + r] * (double)(i % 3)) * 0.8;
        if (i == SILENT) *one = 0.1;
        if (i == STEADY) *one = 0.5 * (double)(k % 5);
        if (i == ONE_RESPONSE) *one = 2 + 0.5 * (double)((k + r) % 3);
      }
  free(signal);
  return x;
}

typedef struct truth {
  double mean[N * K], noise[N * N], total[N * N], signal[N * N];
} truth;

/* From the definitions. */
static truth *truth_by_loops(const double *x) {
  truth *t = calloc(1, sizeof *t);
  for (size_t i = 0; i < N * K; i++) t->mean[i] = mean_of(x + i * R, R);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      for (size_t k = 0; k < K; k++)
        t->noise[i * N + j] += covariance(x + (i * K + k) * R, x + (j * K + k) * R, R) / K;
      t->total[i * N + j] = covariance(t->mean + i * K, t->mean + j * K, K);
      t->signal[i * N + j] = t->total[i * N + j] - t->noise[i * N + j] / R;
    }
  return t;
}

/* c_ij / sqrt(c_ii c_jj), 0 where `skip` has one of them. */
static void normalise(const double *c, const bool *skip, double *out) {
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++)
      out[i * N + j] = skip[i] || skip[j] ? 0 : c[i * N + j] / sqrt(c[i * N + i] * c[j * N + j]);
}

static void check_items(const analysis_test *t, const truth *should, double tolerance) {
  double signal[N] = {0}, noise[N] = {0}, reliability[N] = {0}, explainable[N] = {0}, flag[N] = {0};
  for (size_t i = 0; i < N; i++) {
    if (!counts(i)) continue;
    const size_t ii = i * N + i;
    signal[i] = should->signal[ii];
    noise[i] = should->noise[ii];
    reliability[i] = signal[i] / (signal[i] + noise[i]);
    explainable[i] = i == ONE_RESPONSE ? 0 : signal[i] / should->total[ii];
    if (signal[i] <= 0) flag[i] = 3;
  }
  flag[SILENT] = INS_ITEM_SILENT;
  flag[MISSING] = INS_ITEM_MISSING;
  assert_true(flag[ONE_RESPONSE] == 3 && flag[STEADY] == 0);
  check(t, "flag", N, flag, 0);
  check(t, "signal_variance", N, signal, tolerance);
  check(t, "noise_variance", N, noise, tolerance);
  check(t, "reliability", N, reliability, tolerance);
  check(t, "explainable_variance", N, explainable, tolerance);
}

static void repeats_are_as_by_plain_loops(const char *settings, double tolerance) {
  double *x = trials(), r[N * N];
  truth *should = truth_by_loops(x);
  x[(MISSING * K + 4) * R + 2] = INFINITY; /* one trial is enough to miss it */
  const analysis_data d = table_of(N, K, R, x);
  analysis_test t = run(&d, settings);
  bool skip[N] = {false};
  skip[SILENT] = skip[MISSING] = true;
  check_items(&t, should, tolerance);
  skip[STEADY] = true;
  normalise(should->noise, skip, r);
  check(&t, "noise_correlation", N * N, r, tolerance);
  skip[STEADY] = false;
  skip[ONE_RESPONSE] = true;
  normalise(should->total, skip, r);
  check(&t, "correlation", N * N, r, tolerance);
  normalise(should->signal, skip, r);
  check(&t, "signal_correlation", N * N, r, 10 * tolerance);
  analysis_clear(&t);
  free(should);
  free(x);
}

static void repeats_in_double_are_what_plain_loops_say(void **state) {
  (void)state;
  repeats_are_as_by_plain_loops("precision: double", 1e-12);
}

static void repeats_in_single_are_what_plain_loops_say(void **state) {
  (void)state;
  repeats_are_as_by_plain_loops("", 2e-5);
}

/* Pairs 0-1: signals 0.8, noise 0.9. 2-3: signals 0.8, noise -0.9; 4-5: signals 0, noise 0.9. Two
 * repeats, and noise with twice the variance of the signal. */
static void plant(size_t k, double *x) {
  enum { n = 6, r = 2 };
  static const double signal[] = {0.8, 0.8, 0}, noise[] = {0.9, -0.9, 0.9};
  double *s = numbers(n * k), *e = numbers(n * k * r);
  normal(11, n * k, s);
  normal(12, n * k * r, e);
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < k; c++)
      for (size_t t = 0; t < r; t++) {
        const size_t first = i - i % 2, at = c * r + t;
        const double rs = i % 2 ? signal[i / 2] : 1, rn = i % 2 ? noise[i / 2] : 1;
        const double a = rs * s[first * k + c] + sqrt(1 - rs * rs) * s[i * k + c];
        const double b = rn * e[first * k * r + at] + sqrt(1 - rn * rn) * e[i * k * r + at];
        x[i * k * r + at] = 10 + a + sqrt(2) * b;
      }
  free(s);
  free(e);
}

/* Tolerances are 4 standard errors, measured over 400 experiments like this one: noise that opposes
 * the signals costs most. Without the correction the pairs would have (0.8 + 0.9) / 2 = 0.85, -0.05
 * and 0.45. */
static void planted_correlations_of_signals_and_of_noise_are_told_apart(void **state) {
  (void)state;
  enum { n = 6, k = 20000, r = 2 };
  double *x = numbers((size_t)n * k * r);
  plant(k, x);
  analysis_data d = table_of(n, k, r, x);
  d.block = 32;
  analysis_test t = run(&d, NULL);
  double *signal = analysis_read(&t, "signal_correlation");
  double *noise = analysis_read(&t, "noise_correlation"), *means = analysis_read(&t, "correlation");
  double *share = analysis_read(&t, "reliability");
  static const double s[] = {0.8, 0.8, 0}, e[] = {0.9, -0.9, 0.9}, biased[] = {0.85, -0.05, 0.45};
  static const double tolerance[] = {0.02, 0.1, 0.08};
  for (size_t p = 0; p < 3; p++) {
    const size_t at = 2 * p * n + 2 * p + 1;
    near(signal[at], s[p], tolerance[p], "signal", p);
    near(noise[at], e[p], 0.02, "noise", p);
    near(means[at], biased[p], 0.03, "means", p);
  }
  near(signal[2], 0, 0.1, "signal of a pair without any", 0);
  near(noise[2], 0, 0.05, "noise of a pair without any", 0);
  for (size_t i = 0; i < n; i++) near(share[i], 1.0 / 3, 0.03, "reliability", i);
  free(signal);
  free(noise);
  free(means);
  free(share);
  analysis_clear(&t);
  free(x);
}

/* On average over many small experiments: 4 repeats of 12 stimuli, 400 pairs of neurons whose
 * signals have covariance 0.5 and whose noise has correlation 0.6 and variance 1. What the means
 * have is 0.5 + 0.6 / 4 = 0.65; the standard error of the mean over pairs is about 0.02. */
static void covariance_of_signals_is_not_biased_by_few_repeats(void **state) {
  (void)state;
  enum { pairs = 400, n = 2 * pairs, k = 12, r = 4 };
  double *x = numbers((size_t)n * k * r), *g = numbers((size_t)n * k * (r + 1));
  normal(21, (size_t)n * k * (r + 1), g);
  for (size_t p = 0; p < pairs; p++)
    for (size_t c = 0; c < k; c++) {
      const double *own = g + (p * k + c) * 2 * (r + 1);
      for (size_t t = 0; t < r; t++) {
        const double a = own[2 + 2 * t], b = own[3 + 2 * t];
        x[(2 * p * k + c) * r + t] = own[0] + a;
        x[((2 * p + 1) * k + c) * r + t] = 0.5 * own[0] + sqrt(0.75) * own[1] + 0.6 * a + 0.8 * b;
      }
    }
  analysis_data d = table_of(n, k, r, x);
  d.block = 64;
  analysis_test t = run(&d, "precision: double");
  double *corrected = analysis_read(&t, "signal_correlation");
  double *means = analysis_read(&t, "correlation"), *sd = analysis_read(&t, "sd");
  double *variance = analysis_read(&t, "signal_variance"), *flag = analysis_read(&t, "flag");
  double signal = 0, total = 0, count = 0;
  for (size_t p = 0; p < pairs; p++) {
    const size_t i = 2 * p, j = i + 1;
    if (flag[i] != 0 || flag[j] != 0) continue;
    signal += corrected[i * n + j] * sqrt(variance[i] * variance[j]);
    total += means[i * n + j] * sd[i] * sd[j];
    count++;
  }
  assert_true(count > 390);
  near(signal / count, 0.5, 0.07, "covariance of signals", 0);
  near(total / count, 0.65, 0.07, "covariance of means", 0);
  near(mean_of(variance, n), 1, 0.07, "variance of signals", 0);
  free(corrected);
  free(means);
  free(sd);
  free(variance);
  free(flag);
  analysis_clear(&t);
  free(x);
  free(g);
}

/* Responses a thousand times their spread, in units so small that single precision has no
 * products of them: it must not matter. */
static void baseline_and_units_do_not_cost_digits(void **state) {
  (void)state;
  enum { n = 4, k = 60, r = 4 };
  double x[n * k * r], y[n * k * r];
  normal(31, n * k * r, x);
  for (size_t i = 0; i < n * k * r; i++) {
    x[i] = 0.7 * x[i] + (double)((i / r) % 7);
    y[i] = 1e-24 * (3000 + x[i]);
  }
  const analysis_data d = table_of(n, k, r, x), e = table_of(n, k, r, y);
  analysis_test plain = run(&d, "precision: double"), odd = run(&e, "precision: single");
  static const char *const names[] = {"correlation", "signal_correlation", "noise_correlation"};
  for (size_t v = 0; v < 3; v++) {
    double *should = analysis_read(&plain, names[v]);
    check(&odd, names[v], n * n, should, 1e-3);
    free(should);
  }
  double *should = analysis_read(&plain, "noise_variance"),
         *is = analysis_read(&odd, "noise_variance");
  for (size_t i = 0; i < n; i++) near(is[i] / 1e-48, should[i], 1e-3, "noise_variance", i);
  free(should);
  free(is);
  analysis_clear(&plain);
  analysis_clear(&odd);
}

/* ---- groups ---- */

static void groups_have_the_means_over_their_pairs(void **state) {
  (void)state;
  static const char *const type[N] = {"ON", "OFF", "ON", "ON",  "both", "OFF",
                                      "ON", "OFF", "ON", "OFF", "OFF"};
  double *x = responses(1), r[N * N], sum[9] = {0}, count[9] = {0}, mean[9];
  analysis_data d = table_of(N, K, 0, x);
  d.labels[0] = (analysis_label){.name = "cell_type", .texts = type};
  analysis_test t = run(&d, "precision: double, labels: cell_type");
  correlation_by_loops(x, r);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      const int a = type[i][0] == 'b' ? 2 : type[i][1] == 'N',
                b = type[j][0] == 'b' ? 2 : type[j][1] == 'N';
      if (i == j || !counts(i) || !counts(j)) continue;
      sum[a * 3 + b] += r[i * N + j] / (a == b ? 2 : 1);
      count[a * 3 + b] += a == b ? 0.5 : 1;
    }
  for (size_t g = 0; g < 9; g++) mean[g] = count[g] > 0 ? sum[g] / count[g] : (double)NAN;
  assert_true(isnan(mean[8])); /* there is one neuron of that type */
  check(&t, "group_correlation", 9, mean, 1e-12);
  check(&t, "group_pairs", 9, count, 0);
  const ins_axis *axis =
      &t.layout->axes[t.layout->variables[analysis_find(&t, "group_pairs")].axes[0]];
  assert_string_equal(axis->name, "group");
  assert_string_equal(axis->coordinates->children.items[2]->text, "both");
  analysis_clear(&t);
  free(x);
}

static void groups_of_noisy_items_have_three_means(void **state) {
  (void)state;
  static const int64_t type[] = {4, 9, 4, 9, 4, 9};
  enum { n = 6, k = 500, r = 2 };
  double *x = numbers((size_t)n * k * r), noise[4] = {0}, signal[4] = {0}, pairs[] = {3, 9, 9, 3};
  plant(k, x);
  analysis_data d = table_of(n, k, r, x);
  d.labels[0] = (analysis_label){.name = "cell_type", .numbers = type};
  analysis_test t = run(&d, "precision: double, labels: cell_type");
  double *e = analysis_read(&t, "noise_correlation"), *s = analysis_read(&t, "signal_correlation");
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const size_t at = i % 2 * 2 + j % 2;
      if (i == j) continue;
      noise[at] += e[i * n + j] / (i % 2 == j % 2 ? 6 : 9);
      signal[at] += s[i * n + j] / (i % 2 == j % 2 ? 6 : 9);
    }
  check(&t, "group_pairs", 4, pairs, 0);
  check(&t, "group_noise_correlation", 4, noise, 1e-12);
  check(&t, "group_signal_correlation", 4, signal, 1e-12);
  free(e);
  free(s);
  analysis_clear(&t);
  free(x);
}

static void labels_that_make_no_groups_are_refused(void **state) {
  (void)state;
  enum { n = 1025, k = 2 };
  double *x = numbers(n * k), *depth = numbers(n);
  analysis_test t;
  for (size_t i = 0; i < n; i++) depth[i] = 0.5 * (double)i;
  analysis_data d = table_of(n, k, 0, x);
  d.labels[0] = (analysis_label){.name = "depth", .reals = depth};
  assert_int_equal(analysis_declare(&d, &ins_signal_correlation, ins_signal_correlation_keys,
                                    "labels: depth", &t),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "1025"));
  analysis_clear(&t);
  assert_int_equal(analysis_declare(&d, &ins_signal_correlation, ins_signal_correlation_keys,
                                    "labels: nothing", &t),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "depth"));
  analysis_clear(&t);
  free(x);
  free(depth);
}

static void responses_that_cannot_be_squared_are_refused(void **state) {
  enum { ITEMS = 3, EACH = 4 };
  double x[ITEMS * EACH];
  (void)state;
  for (size_t i = 0; i < ITEMS * EACH; i++)
    x[i] = i / EACH == 1 ? 1e200 * (double)(1 + i % 3) : (double)(i % 3);
  const analysis_data d = table_of(ITEMS, EACH, 0, x);
  analysis_test t;
  OK(analysis_declare(&d, &ins_signal_correlation, ins_signal_correlation_keys, "precision: double",
                      &t));
  if (analysis_rank == 0) OK(ins_store_create(t.path, 1, &t.layout, NULL));
  MPI_Barrier(MPI_COMM_WORLD);
  OK(ins_store_open(MPI_COMM_WORLD, t.path, 1, &t.layout, &t.store));
  const ins_work work = {.grid = t.grid, .store = t.store, .layout = t.layout};
  assert_int_equal(ins_signal_correlation.run(t.state, &work), INS_ERR_NUMERIC);
  assert_non_null(strstr(ins_message(), "item 1"));
  analysis_clear(&t);
}

static void it_needs_its_matrices_and_less_on_more_ranks(void **state) {
  (void)state;
  double *x = responses(1);
  ins_needs one, four;
  analysis_test t;
  const analysis_data d = table_of(N, K, 0, x);
  OK(analysis_declare(&d, &ins_signal_correlation, ins_signal_correlation_keys, "", &t));
  t.analysis->needs(t.state, 1, 4, &one);
  t.analysis->needs(t.state, 4, 4, &four);
  assert_true(one.bytes >= 4 * (N * K + N * N) && four.bytes < one.bytes);
  assert_true(one.flops == (double)N * N * K);
  analysis_clear(&t);
  free(x);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_double_it_is_what_plain_loops_say),
      cmocka_unit_test(in_single_it_is_what_plain_loops_say),
      cmocka_unit_test(copies_and_opposites_are_at_the_ends_of_the_range),
      cmocka_unit_test(fewer_items_than_ranks_are_enough),
      cmocka_unit_test(repeats_in_double_are_what_plain_loops_say),
      cmocka_unit_test(repeats_in_single_are_what_plain_loops_say),
      cmocka_unit_test(planted_correlations_of_signals_and_of_noise_are_told_apart),
      cmocka_unit_test(covariance_of_signals_is_not_biased_by_few_repeats),
      cmocka_unit_test(baseline_and_units_do_not_cost_digits),
      cmocka_unit_test(groups_have_the_means_over_their_pairs),
      cmocka_unit_test(groups_of_noisy_items_have_three_means),
      cmocka_unit_test(labels_that_make_no_groups_are_refused),
      cmocka_unit_test(responses_that_cannot_be_squared_are_refused),
      cmocka_unit_test(it_needs_its_matrices_and_less_on_more_ranks),
  };
  return analysis_main(argc, argv, tests);
}
