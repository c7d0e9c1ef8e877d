/* SPDX-License-Identifier: MIT */
/* Principal components against LAPACK on one process, and resamples computed one by one, on any
 * number of ranks. */
#include "analysis_fixture.h"
#include "insilico/random.h"
#include "population/components.h"
#include "population/lapack.h"

static void near(double is, double should, double tolerance, const char *what) {
  if (isnan(should) ? !isnan(is) : !(is == should || fabs(is - should) <= tolerance))
    fail_msg("%s is %.15g, not %.15g", what, is, should);
}

static double *zeros(size_t n) {
  return calloc(n + 1, sizeof(double));
}

static double *normal(int64_t which, size_t n) {
  const ins_stream stream = ins_stream_at(4, "test_components", &which, 1);
  double *out = zeros(n);
  float x[4];
  for (size_t i = 0; i < n; i += 4) {
    ins_stream_normal(&stream, i, 4, x);
    for (size_t j = i; j < n && j < i + 4; j++) out[j] = (double)x[j - i];
  }
  return out;
}

/* Variances that fall, and a mean. */
static double *responses(int64_t which, size_t n, size_t m) {
  double *x = normal(which, n * m);
  for (size_t i = 0; i < n; i++)
    for (size_t f = 0; f < m; f++)
      x[i * m + f] = 3 + sin((double)f) + x[i * m + f] / (1 + (double)f);
  return x;
}

static analysis_data table_of(size_t n, size_t m, const double *x) {
  return (analysis_data){.n_item_axes = 1,
                         .n_axes = 2,
                         .axes = {"neuron", "stimulus"},
                         .lengths = {n, m},
                         .values = x,
                         .seed = 7};
}

static analysis_test run(const analysis_data *d, const char *settings) {
  return analysis_run(d, &ins_components, ins_components_keys, settings);
}

static double scalar(const analysis_test *t, const char *name) {
  double *x = analysis_read(t, name), out = x[0];
  free(x);
  return out;
}

/* ---- the reference -----------------------------------------------------------------------------
 */

typedef struct truth {
  size_t n, m, k;   /* items, features, min of both */
  double *x;        /* [n][m] scaled and centred */
  double *mean;     /* removed */
  double *values;   /* [k] */
  double *scores;   /* [n][k] */
  double *loadings; /* [k][m] */
  double total;
} truth;

static void truth_clear(truth *t) {
  free(t->x);
  free(t->mean);
  free(t->values);
  free(t->scores);
  free(t->loadings);
}

/* Removes means of columns (rows), and divides by standard deviations. */
static void standardise(truth *t, bool columns, bool scaled, double *mean) {
  const size_t lines = columns ? t->m : t->n, across = columns ? t->n : t->m;
  for (size_t l = 0; l < lines; l++) {
    double sum = 0, square = 0;
    for (size_t c = 0; c < across; c++) sum += t->x[columns ? c * t->m + l : l * t->m + c];
    for (size_t c = 0; c < across; c++) {
      double *v = &t->x[columns ? c * t->m + l : l * t->m + c];
      *v -= sum / (double)across;
      square += *v * *v;
    }
    const double sd = sqrt(square / (double)across);
    for (size_t c = 0; c < across; c++)
      if (scaled) t->x[columns ? c * t->m + l : l * t->m + c] /= sd;
    if (mean) mean[l] = sum / (double)across;
  }
}

/* Eigenvectors of the symmetric a [n][n], ascending, as rows. */
static void eigenvectors(size_t side, double *a, double *w) {
  const int n = (int)side, lwork = 1 + 6 * n + 2 * n * n, liwork = 3 + 5 * n;
  int info = 0, *iwork = calloc((size_t)liwork, sizeof *iwork);
  double *work = zeros((size_t)lwork);
  dsyevd_("V", "L", &n, a, &n, w, work, &lwork, iwork, &liwork, &info);
  assert_int_equal(info, 0);
  free(work);
  free(iwork);
}

/* By the covariance of features, whatever the shape; the largest loading of each is positive. */
static truth truth_of(size_t n, size_t m, const double *x, ins_side samples, ins_side scaled) {
  truth t = {.n = n, .m = m, .k = n < m ? n : m, .x = zeros(n * m), .mean = zeros(n + m)};
  const bool of_items = samples == INS_OF_ITEMS;
  const double d = (double)(of_items ? n : m) - 1;
  double *c = zeros(m * m), *w = zeros(m);
  memcpy(t.x, x, n * m * sizeof *x);
  if (scaled == samples) standardise(&t, !of_items, true, NULL);
  standardise(&t, of_items, scaled != INS_OF_NEITHER && scaled != samples, t.mean);
  for (size_t a = 0; a < m; a++)
    for (size_t b = 0; b < m; b++)
      for (size_t i = 0; i < n; i++) c[a * m + b] += t.x[i * m + a] * t.x[i * m + b] / d;
  for (size_t a = 0; a < m; a++) t.total += c[a * m + a];
  eigenvectors(m, c, w);
  t.values = zeros(t.k);
  t.scores = zeros(n * t.k);
  t.loadings = zeros(t.k * m);
  for (size_t k = 0; k < t.k; k++) {
    const double *v = c + (m - 1 - k) * m;
    size_t largest = 0;
    t.values[k] = w[m - 1 - k];
    for (size_t f = 0; f < m; f++)
      if (fabs(v[f]) > fabs(v[largest])) largest = f;
    for (size_t f = 0; f < m; f++) t.loadings[k * m + f] = v[largest] < 0 ? -v[f] : v[f];
    for (size_t i = 0; i < n; i++)
      for (size_t f = 0; f < m; f++)
        t.scores[i * t.k + k] += t.x[i * m + f] * t.loadings[k * m + f];
  }
  free(c);
  free(w);
  return t;
}

/* How far eigenvector c may turn: rounding as a share of the distance to the next eigenvalue. */
static double turn(const truth *t, size_t c, double tolerance) {
  double gap = c + 1 < t->k ? t->values[c] - t->values[c + 1] : t->values[c];
  if (c) gap = fmin(gap, t->values[c - 1] - t->values[c]);
  return 0.1 * tolerance * t->values[0] / gap;
}

/* The leading k components; `tolerance` relative to the largest number of each kind. */
static void check(const analysis_test *t, const truth *should, size_t k, double tolerance) {
  double *values = analysis_read(t, "eigenvalue"), *scores = analysis_read(t, "scores"),
         *loadings = analysis_read(t, "loadings"), *mean = analysis_read(t, "mean"),
         *ratio = analysis_read(t, "explained_variance_ratio"),
         *cumulative = analysis_read(t, "cumulative_variance_ratio"), sum = 0;
  const double unit = sqrt(should->values[0] * (double)(should->n + should->m));
  for (size_t c = 0; c < should->k; c++)
    near(values[c], fmax(should->values[c], 0), tolerance * should->values[0], "eigenvalue");
  for (size_t c = 0; c < k; c++) {
    near(ratio[c], should->values[c] / should->total, tolerance, "explained_variance_ratio");
    near(cumulative[c], sum += should->values[c] / should->total, 2 * tolerance, "cumulative");
    const double angle = fmax(turn(should, c, tolerance), 0.1 * tolerance);
    for (size_t f = 0; f < should->m; f++)
      near(loadings[c * should->m + f], should->loadings[c * should->m + f], angle, "loading");
    for (size_t i = 0; i < should->n; i++)
      near(scores[i * k + c], should->scores[i * should->k + c], angle * unit, "score");
  }
  for (size_t f = 0; f < ins_layout_row(t->layout, analysis_find(t, "mean")); f++)
    near(mean[f], should->mean[f], tolerance * 10, "mean");
  free(values);
  free(scores);
  free(loadings);
  free(mean);
  free(ratio);
  free(cumulative);
}

/* ---- components --------------------------------------------------------------------------------
 */

static const char *const names[] = {"items", "features", "none"};

static void check_shape(size_t n, size_t m, const char *precision, double tolerance) {
  double *x = responses(1, n, m);
  const analysis_data d = table_of(n, m, x);
  for (ins_side samples = INS_OF_ITEMS; samples <= INS_OF_FEATURES; samples++)
    for (ins_side scaled = INS_OF_ITEMS; scaled <= INS_OF_NEITHER; scaled++) {
      char *settings =
          ins_format("components: 5, samples: %s, scale: %s, precision: %s, resamples: "
                     "0",
                     names[samples], names[scaled], precision);
      analysis_test t = run(&d, settings);
      truth should = truth_of(n, m, x, samples, scaled);
      check(&t, &should, 5, tolerance);
      near(scalar(&t, "n_used"), (double)n, 0, "n_used");
      truth_clear(&should);
      analysis_clear(&t);
      free(settings);
    }
  free(x);
}

static void tall_matrices_in_double_are_what_lapack_says(void **state) {
  (void)state;
  check_shape(29, 11, "double", 1e-9);
}

static void wide_matrices_in_double_are_what_lapack_says(void **state) {
  (void)state;
  check_shape(11, 29, "double", 1e-9);
}

static void matrices_in_single_are_what_lapack_says(void **state) {
  (void)state;
  check_shape(29, 11, "single", 1e-5);
  check_shape(11, 29, "single", 1e-5);
}

/* Items without values make a wide matrix tall, and have no part. */
static void wide_and_tall_matrices_give_the_same_answer(void **state) {
  (void)state;
  enum { N = 11, M = 29, MORE = 40 };
  double *x = responses(1, N, M), *more = zeros(MORE * M);
  for (size_t i = 0; i < MORE; i++)
    for (size_t f = 0; f < M; f++)
      more[i * M + f] = i < N ? x[i * M + f] : f == i % M ? (double)NAN : 4.0;
  const analysis_data wide = table_of(N, M, x), tall = table_of(MORE, M, more);
  for (ins_side samples = INS_OF_ITEMS; samples <= INS_OF_FEATURES; samples++) {
    char *settings = ins_format("components: 9, samples: %s", names[samples]);
    analysis_test a = run(&wide, settings), b = run(&tall, settings);
    const char *const same[] = {"scores",
                                "loadings",
                                "explained_variance_ratio",
                                "participation_ratio",
                                "participation_ratio_corrected",
                                "participation_ratio_corrected_both",
                                "participation_ratio_interval",
                                "participation_ratio_corrected_interval",
                                "explained_variance_ratio_interval",
                                "n_used",
                                "n_components_used"};
    for (size_t v = 0; v < sizeof same / sizeof *same; v++) {
      double *p = analysis_read(&a, same[v]), *q = analysis_read(&b, same[v]);
      const size_t n = ins_layout_row(a.layout, analysis_find(&a, same[v]));
      /* Scores of the items beyond are 0. */
      for (size_t i = 0; i < ins_layout_row(b.layout, analysis_find(&b, same[v])); i++)
        near(q[i], i < n ? p[i] : 0, 1e-8 * fmax(1, fabs(q[i])), same[v]);
      free(p);
      free(q);
    }
    analysis_clear(&a);
    analysis_clear(&b);
    free(settings);
  }
  free(x);
  free(more);
}

static void signs_of_loadings_do_not_depend_on_those_of_the_data(void **state) {
  (void)state;
  enum { N = 13, M = 8, K = 4 };
  double *x = responses(2, N, M), *negative = zeros(N * M);
  for (size_t i = 0; i < N * M; i++) negative[i] = -x[i];
  const analysis_data plus = table_of(N, M, x), minus = table_of(N, M, negative);
  analysis_test a = run(&plus, "components: 4, resamples: 0"),
                b = run(&minus, "components: 4, resamples: 0");
  double *p = analysis_read(&a, "scores"), *q = analysis_read(&b, "scores"),
         *u = analysis_read(&a, "loadings"), *v = analysis_read(&b, "loadings");
  for (size_t i = 0; i < N * K; i++) near(q[i], -p[i], 1e-10, "score");
  for (size_t i = 0; i < K * M; i++) near(v[i], u[i], 1e-10, "loading");
  for (size_t c = 0; c < K; c++) {
    double least = 0, most = 0;
    for (size_t f = 0; f < M; f++) {
      least = fmin(least, u[c * M + f]);
      most = fmax(most, u[c * M + f]);
    }
    assert_true(most >= -least);
  }
  free(p);
  free(q);
  free(u);
  free(v);
  analysis_clear(&a);
  analysis_clear(&b);
  free(x);
  free(negative);
}

/* 12 items at +-1 on each of 6 axes, of which 3 are twice as long: two eigenvalues, 3 times each.
 */
static void repeated_eigenvalues_have_the_right_subspaces(void **state) {
  (void)state;
  enum { N = 12, M = 6 };
  double *x = zeros(N * M);
  for (size_t i = 0; i < N; i++) x[i * M + i / 2] = (i % 2 ? -1 : 1) * (i < 6 ? 2 : 1);
  const analysis_data d = table_of(N, M, x);
  analysis_test t = run(&d, "components: 6, resamples: 0");
  double *values = analysis_read(&t, "eigenvalue"), *v = analysis_read(&t, "loadings");
  for (size_t c = 0; c < M; c++) near(values[c], c < 3 ? 8. / 11 : 2. / 11, 1e-14, "eigenvalue");
  for (size_t f = 0; f < M; f++)
    for (size_t g = 0; g < M; g++) {
      double first = 0, second = 0;
      for (size_t c = 0; c < M; c++) *(c < 3 ? &first : &second) += v[c * M + f] * v[c * M + g];
      near(first, f == g && f < 3, 1e-13, "projection on the first");
      near(second, f == g && f >= 3, 1e-13, "projection on the second");
    }
  near(scalar(&t, "participation_ratio"), 15. * 15 / (3 * 16 + 3), 1e-12, "participation_ratio");
  free(values);
  free(v);
  analysis_clear(&t);
  free(x);
}

static void check_zero(const analysis_test *t, const char *name, size_t n, size_t k, size_t rank) {
  double *x = analysis_read(t, name);
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < k; c++) {
      const double v = strcmp(name, "loadings") == 0 ? x[c * n + i] : x[i * k + c];
      assert_true(c < rank ? isfinite(v) : v == 0);
    }
  free(x);
}

/* 3 patterns in 17 items and 8 features, or 8 items and 17 features. */
static void components_beyond_the_rank_are_zero(void **state) {
  (void)state;
  for (int wide = 0; wide < 2; wide++)
    for (int single = 0; single < 2; single++) {
      const size_t n = wide ? 8 : 17, m = wide ? 17 : 8;
      double *a = normal(5, n * 3), *b = normal(6, m * 3), *x = zeros(n * m);
      for (size_t i = 0; i < n; i++)
        for (size_t f = 0; f < m; f++)
          for (size_t c = 0; c < 3; c++) x[i * m + f] += a[i * 3 + c] * b[f * 3 + c];
      const analysis_data d = table_of(n, m, x);
      analysis_test t = run(&d, single ? "precision: single" : "precision: double");
      near(scalar(&t, "n_components_used"), 3, 0, "n_components_used");
      check_zero(&t, "eigenvalue", 1, 8, 3);
      check_zero(&t, "scores", n, 8, 3);
      check_zero(&t, "loadings", m, 8, 3);
      check_zero(&t, "explained_variance_ratio", 1, 8, 3);
      check_zero(&t, "explained_variance_ratio_interval", 1, 16, 16);
      double *loadings = analysis_read(&t, "loadings");
      for (size_t c = 0; c < 3; c++) {
        double length = 0;
        for (size_t f = 0; f < m; f++) length += pow(loadings[c * m + f], 2);
        near(length, 1, single ? 1e-5 : 1e-13, "length of loadings");
      }
      free(loadings);
      analysis_clear(&t);
      free(a);
      free(b);
      free(x);
    }
}

/* The same as if they were not there; kept, silent ones count as items at their value. */
static void silent_items_and_those_with_missing_values_are_left_out(void **state) {
  (void)state;
  enum { N = 19, M = 7, USED = N - 3 };
  double *x = responses(7, N, M), *used = zeros(N * M), *flag, *scores, *kept;
  size_t n = 0;
  for (size_t f = 0; f < M; f++) {
    x[4 * M + f] = 0.1;
    x[11 * M + f] = 0;
  }
  x[15 * M + 3] = INFINITY;
  for (size_t i = 0; i < N; i++)
    if (i != 4 && i != 11 && i != 15) memcpy(used + n++ * M, x + i * M, M * sizeof *x);
  const analysis_data d = table_of(N, M, x), without = table_of(USED, M, used);
  analysis_test t = run(&d, "components: 4"), u = run(&without, "components: 4"),
                k = run(&d, "components: 4, exclude_flagged: false, resamples: 0");
  flag = analysis_read(&t, "flag");
  scores = analysis_read(&t, "scores");
  kept = analysis_read(&u, "scores");
  n = 0;
  for (size_t i = 0; i < N; i++) {
    const int why = i == 4 || i == 11 ? INS_ITEM_SILENT : i == 15 ? INS_ITEM_MISSING : 0;
    assert_int_equal((int)flag[i], why);
    for (size_t c = 0; c < 4; c++)
      near(scores[i * 4 + c], why ? 0 : kept[n * 4 + c], 1e-11, "score");
    n += !why;
  }
  free(flag);
  free(scores);
  free(kept);
  near(scalar(&t, "n_used"), USED, 0, "n_used");
  near(scalar(&k, "n_used"), N - 1, 0, "n_used");
  const char *const same[] = {"participation_ratio", "participation_ratio_corrected",
                              "participation_ratio_corrected_both", "eigenvalue",
                              "participation_ratio_corrected_interval"};
  for (size_t v = 0; v < sizeof same / sizeof *same; v++)
    near(scalar(&t, same[v]), scalar(&u, same[v]), 1e-9, same[v]);
  analysis_clear(&t);
  analysis_clear(&u);
  analysis_clear(&k);
  free(x);
  free(used);
}

static void check_nothing(size_t n, size_t m, const double *x, const char *settings) {
  const analysis_data d = table_of(n, m, x);
  analysis_test t = run(&d, settings);
  const size_t k = n < m ? n : m;
  check_zero(&t, "eigenvalue", 1, k, 0);
  check_zero(&t, "scores", n, k, 0);
  check_zero(&t, "loadings", m, k, 0);
  check_zero(&t, "cumulative_variance_ratio", 1, k, 0);
  near(scalar(&t, "n_components_used"), 0, 0, "n_components_used");
  near(scalar(&t, "participation_ratio"), 0, 0, "participation_ratio");
  analysis_clear(&t);
}

static void one_item_one_feature_or_nothing_that_varies_give_zeros(void **state) {
  (void)state;
  double *x = responses(8, 9, 9);
  const double same[12] = {0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3};
  const double none[12] = {0};
  check_nothing(1, 9, x, "samples: items");
  check_nothing(9, 1, x, "samples: items"); /* one value does not vary: silent */
  check_nothing(9, 1, x, "samples: features, exclude_flagged: false");
  check_nothing(1, 1, x, NULL);
  check_nothing(4, 3, same, NULL); /* each item varies, but all are the same */
  check_nothing(4, 3, same, "precision: single, scale: features");
  check_nothing(4, 3, none, NULL);
  check_nothing(4, 3, none, "samples: features, scale: items, exclude_flagged: false");
  free(x);
}

static void fewer_items_than_ranks_will_do(void **state) {
  (void)state;
  double *x = responses(9, 3, 7);
  const analysis_data d = table_of(3, 7, x);
  analysis_test t = run(&d, "components: 2");
  truth should = truth_of(3, 7, x, INS_OF_ITEMS, INS_OF_NEITHER);
  check(&t, &should, 2, 1e-9);
  assert_true(isnan(scalar(&t, "participation_ratio_corrected"))); /* of 3 samples: not known */
  truth_clear(&should);
  analysis_clear(&t);
  free(x);
}

/* As pictures: component, then the axes of features. */
static void loadings_and_mean_keep_the_axes_of_features(void **state) {
  (void)state;
  double *x = responses(10, 6, 24);
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 4,
                           .axes = {"neuron", "frame", "height", "width"},
                           .lengths = {6, 2, 3, 4},
                           .values = x};
  analysis_test t = run(&d, "components: 3, resamples: 0");
  const char *const axes[] = {"component", "frame", "height", "width"};
  const ins_variable *loadings = &t.layout->variables[analysis_find(&t, "loadings")],
                     *mean = &t.layout->variables[analysis_find(&t, "mean")];
  assert_int_equal(loadings->n_axes, 4);
  assert_int_equal(mean->n_axes, 3);
  for (int a = 0; a < 4; a++) {
    assert_string_equal(t.layout->axes[loadings->axes[a]].name, axes[a]);
    if (a) assert_string_equal(t.layout->axes[mean->axes[a - 1]].name, axes[a]);
  }
  truth should = truth_of(6, 24, x, INS_OF_ITEMS, INS_OF_NEITHER);
  check(&t, &should, 3, 1e-9);
  assert_int_equal(ins_layout_find(t.layout, "participation_ratio_interval"), -1);
  truth_clear(&should);
  analysis_clear(&t);
  t = run(&d, "components: 3, loadings: false, samples: features, resamples: 0");
  assert_int_equal(ins_layout_find(t.layout, "loadings"), -1);
  analysis_clear(&t);
  free(x);
}

/* ---- dimensionality ----------------------------------------------------------------------------
 */

/* Mean over distinct samples i, j, k, l of what two columns a, b of x [n][m] say: C_aa C_bb,
 * C_ab^2.
 */
static void pair_of_columns(size_t n, size_t m, const double *x, size_t a, size_t b, double *aabb,
                            double *abab) {
  double all = 0;
  *aabb = *abab = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      for (size_t k = 0; k < n; k++)
        for (size_t l = 0; l < n; l++) {
          if (i == j || i == k || i == l || j == k || j == l || k == l) continue;
          const double ija = x[i * m + a] - x[j * m + a], ijb = x[i * m + b] - x[j * m + b],
                       klb = x[k * m + b] - x[l * m + b], kla = x[k * m + a] - x[l * m + a];
          all++;
          *aabb += ija * ija * klb * klb / 4;
          *abab += ija * kla * ijb * klb / 4;
        }
  *aabb /= all;
  *abab /= all;
}

static void check_ratios(const analysis_test *t, size_t n, size_t m, const double *x) {
  double all[2] = {0}, off[2] = {0};
  for (size_t a = 0; a < m; a++)
    for (size_t b = 0; b < m; b++) {
      double one, two;
      pair_of_columns(n, m, x, a, b, &one, &two);
      all[0] += one;
      all[1] += two;
      if (a != b) {
        off[0] += one;
        off[1] += two;
      }
    }
  near(scalar(t, "participation_ratio_corrected"), all[0] / all[1], 1e-9, "corrected");
  near(scalar(t, "participation_ratio_corrected_both"),
       off[0] > 0 && off[1] > 0 ? off[0] / off[1] : (double)NAN, 1e-8, "corrected for both");
}

static void participation_ratios_are_means_over_distinct_samples_and_variables(void **state) {
  (void)state;
  enum { N = 9, M = 6 };
  double *x = responses(11, N, M), *turned = zeros(N * M);
  for (size_t i = 0; i < N; i++)
    for (size_t f = 0; f < M; f++) turned[f * N + i] = x[i * M + f] += 2 * x[i * M];
  const analysis_data d = table_of(N, M, x);
  analysis_test t = run(&d, "resamples: 0"), u = run(&d, "samples: features, resamples: 0");
  check_ratios(&t, N, M, x);
  check_ratios(&u, M, N, turned);
  analysis_clear(&t);
  analysis_clear(&u);
  free(x);
  free(turned);
}

/* ---- resamples ---------------------------------------------------------------------------------
 */

enum { RESAMPLES = 50 };

/* The resample as a matrix of its own, with LAPACK: shares of variance [k], and 1 / PR. */
static void resample(size_t n, size_t m, const double *x, int64_t r, size_t k, double *out) {
  const ins_stream stream = ins_stream_at(7, "components bootstrap", &r, 1);
  double *uniform = zeros(n), *drawn = zeros(n * m), square = 0;
  ins_stream_uniform(&stream, 0, n, uniform);
  for (size_t i = 0; i < n; i++)
    memcpy(drawn + i * m, x + (size_t)(uniform[i] * (double)n) * m, m * sizeof *x);
  truth t = truth_of(n, m, drawn, INS_OF_ITEMS, INS_OF_NEITHER);
  for (size_t c = 0; c < t.k; c++) square += t.values[c] * t.values[c];
  for (size_t c = 0; c < k; c++) out[c] = t.values[c] / t.total;
  out[k] = square / (t.total * t.total);
  truth_clear(&t);
  free(uniform);
  free(drawn);
}

static void intervals_are_those_of_resamples_computed_one_by_one(void **state) {
  (void)state;
  enum { N = 16, M = 6, K = 3 };
  double *x = responses(12, N, M), left[RESAMPLES][K + 1], column[RESAMPLES], ends[2], square = 0;
  const analysis_data d = table_of(N, M, x);
  analysis_test t = run(&d, "components: 3, resamples: 50, level: 0.8");
  truth should = truth_of(N, M, x, INS_OF_ITEMS, INS_OF_NEITHER);
  double *ratio = analysis_read(&t, "explained_variance_ratio_interval"),
         *participation = analysis_read(&t, "participation_ratio_interval");
  for (int64_t r = 0; r < RESAMPLES; r++) resample(N, M, x, r, K, left[r]);
  for (size_t c = 0; c < K; c++) {
    for (size_t r = 0; r < RESAMPLES; r++) column[r] = left[r][c];
    ins_spread_interval(should.values[c] / should.total, column, RESAMPLES, 0.8, ends);
    near(ratio[2 * c], fmax(ends[0], 0), 1e-10, "lower end");
    near(ratio[2 * c + 1], fmin(ends[1], 1), 1e-10, "upper end");
  }
  for (size_t c = 0; c < M; c++) square += should.values[c] * should.values[c];
  for (size_t r = 0; r < RESAMPLES; r++) column[r] = left[r][K];
  ins_spread_interval(square / (should.total * should.total), column, RESAMPLES, 0.8, ends);
  near(participation[0], 1 / ends[1], 1e-10, "lower end");
  near(participation[1], 1 / ends[0], 1e-10, "upper end");
  free(ratio);
  free(participation);
  truth_clear(&should);
  analysis_clear(&t);
  free(x);
}

/* The same data once as items, once as features: the bootstrap draws from samples either way. */
static void samples_are_drawn_whichever_side_they_are(void **state) {
  (void)state;
  enum { N = 14, M = 6 };
  double *x = responses(13, N, M), *turned = zeros(N * M);
  for (size_t i = 0; i < N; i++)
    for (size_t f = 0; f < M; f++) turned[f * N + i] = x[i * M + f];
  const analysis_data d = table_of(N, M, x), e = table_of(M, N, turned);
  analysis_test t = run(&d, "samples: items, components: 4"),
                u = run(&e, "samples: features, components: 4");
  const char *const same[] = {"eigenvalue", "explained_variance_ratio_interval",
                              "participation_ratio_interval",
                              "participation_ratio_corrected_interval", "mean"};
  for (size_t v = 0; v < sizeof same / sizeof *same; v++) {
    double *p = analysis_read(&t, same[v]), *q = analysis_read(&u, same[v]);
    for (size_t i = 0; i < ins_layout_row(t.layout, analysis_find(&t, same[v])); i++)
      near(q[i], p[i], 1e-9 * fmax(1, fabs(p[i])), same[v]);
    free(p);
    free(q);
  }
  analysis_clear(&t);
  analysis_clear(&u);
  free(x);
  free(turned);
}

/* One component is asked for, so that resamples are computed in 10 dimensions of 30. */
static void a_span_of_the_leading_components_is_enough(void **state) {
  (void)state;
  enum { N = 60, M = 30 };
  double *x = responses(14, N, M);
  const analysis_data d = table_of(N, M, x);
  analysis_test part = run(&d, "components: 1"), whole = run(&d, "components: 3");
  const char *const same[] = {"participation_ratio_interval",
                              "participation_ratio_corrected_interval",
                              "explained_variance_ratio_interval"};
  for (size_t v = 0; v < 3; v++) {
    double *p = analysis_read(&part, same[v]), *q = analysis_read(&whole, same[v]);
    for (size_t e = 0; e < 2; e++) {
      assert_true(p[e] != q[e]);
      near(p[e], q[e], 0.02 * (q[1] - q[0]), same[v]);
    }
    free(p);
    free(q);
  }
  analysis_clear(&part);
  analysis_clear(&whole);
  free(x);
}

/* 8 equal dimensions of 40 samples in 80 data sets: the interval of the corrected ratio at level
 * 0.9 holds the truth in most of them. */
static void intervals_hold_planted_dimensions(void **state) {
  (void)state;
  enum { N = 40, M = 8, SETS = 80 };
  const ins_component_analysis s = {
      .seed = 1, .n_components = 2, .n_resamples = 100, .n_span = M, .level = 0.9};
  ins_grid *grid;
  ins_matrix m;
  size_t used[N], held = 0, naive = 0;
  double ratio[4];
  OK(ins_grid_create(MPI_COMM_WORLD, 4, &grid));
  const ins_work work = {.grid = grid};
  for (size_t i = 0; i < N; i++) used[i] = i;
  for (int64_t set = 0; set < SETS; set++) {
    double *x = normal(100 + set, N * M);
    ins_components_intervals intervals = {.ratio = ratio};
    const ins_pca_options options = {.scaled = INS_OF_NEITHER, .n_components = M};
    ins_pca pca;
    OK(ins_matrix_create(grid, INS_F64, N, M, &m));
    ins_matrix_scatter(&m, 0, N, 0, M, x);
    OK(ins_pca_create(&m, &options, &pca));
    OK(ins_components_bootstrap(&s, &work, &pca, used, &intervals));
    held += intervals.corrected[0] <= M && intervals.corrected[1] >= M;
    naive += intervals.participation[0] <= M && intervals.participation[1] >= M;
    ins_pca_clear(&pca);
    ins_matrix_clear(&m);
    free(x);
  }
  assert_true(held >= 0.8 * SETS);
  assert_true(naive < 0.2 * SETS); /* that of the sample is about 7.3, and no interval mends it */
  ins_grid_destroy(&grid);
}

/* ---- repeats -----------------------------------------------------------------------------------
 */

static void check_repeats(size_t n, size_t m, ins_side samples) {
  enum { R = 5, K = 4 };
  double *signal = responses(15, n, m), *x = normal(16, n * m * R), *a = zeros(n * m),
         *b = zeros(n * m), *mean = zeros(n * m), total = 0;
  for (size_t i = 0; i < n * m; i++)
    for (size_t r = 0; r < R; r++) {
      x[i * R + r] = signal[i] + 0.5 * x[i * R + r];
      (r % 2 ? b : a)[i] += x[i * R + r] / (r % 2 ? 2 : 3);
      mean[i] += x[i * R + r] / R;
    }
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 3,
                           .axes = {"neuron", "stimulus", "repeat"},
                           .lengths = {n, m, R},
                           .values = x,
                           .more = "repeats: repeat"};
  char *settings = ins_format("components: 4, samples: %s, resamples: 0", names[samples]);
  analysis_test t = run(&d, settings);
  truth of_mean = truth_of(n, m, mean, samples, INS_OF_NEITHER),
        of_a = truth_of(n, m, a, samples, INS_OF_NEITHER),
        of_b = truth_of(n, m, b, samples, INS_OF_NEITHER);
  check(&t, &of_mean, K, 1e-9);
  const double each = (double)(samples == INS_OF_ITEMS ? n : m) - 1;
  double *shared = analysis_read(&t, "shared_variance"),
         *ratio = analysis_read(&t, "shared_variance_ratio");
  for (size_t i = 0; i < n * m; i++) total += of_a.x[i] * of_b.x[i] / each;
  near(scalar(&t, "shared_variance_total"), total, 1e-10, "shared_variance_total");
  for (size_t c = 0; c < K; c++) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
      for (size_t f = 0; f < m; f++)
        sum += of_a.scores[i * of_a.k + c] * of_b.x[i * m + f] * of_a.loadings[c * m + f] / each;
    near(shared[c], sum, 1e-10, "shared_variance");
    near(ratio[c], sum / total, 1e-9, "shared_variance_ratio");
  }
  /* From matrices of samples by samples. */
  const bool items = samples == INS_OF_ITEMS;
  const size_t count = items ? n : m, p = items ? m : n;
  ins_cross_sums sums = {.n = count};
  for (size_t i = 0; i < count; i++)
    for (size_t j = 0; j < count; j++) {
      double aa = 0, bb = 0, ab = 0, ba = 0;
      for (size_t q = 0; q < p; q++) {
        const size_t at = items ? i * m + q : q * m + i, other = items ? j * m + q : q * m + j;
        aa += of_a.x[at] * of_a.x[other];
        bb += of_b.x[at] * of_b.x[other];
        ab += of_a.x[at] * of_b.x[other];
        ba += of_b.x[at] * of_a.x[other];
      }
      sums.within += aa * bb;
      sums.across += ab * ab;
      sums.crossed += ab * ba;
      if (i == j) {
        sums.aa += aa;
        sums.bb += bb;
        sums.ab += ab;
        sums.aabb += aa * bb;
        sums.abab += ab * ab;
      }
    }
  near(scalar(&t, "participation_ratio_shared"), ins_participation(ins_spread_shared(&sums)), 1e-8,
       "participation_ratio_shared");
  free(shared);
  free(ratio);
  truth_clear(&of_mean);
  truth_clear(&of_a);
  truth_clear(&of_b);
  analysis_clear(&t);
  free(settings);
  free(signal);
  free(x);
  free(a);
  free(b);
  free(mean);
}

static void what_halves_of_the_repeats_share_is_what_loops_say(void **state) {
  (void)state;
  check_repeats(17, 9, INS_OF_ITEMS);
  check_repeats(9, 17, INS_OF_ITEMS);
  check_repeats(17, 9, INS_OF_FEATURES);
  check_repeats(9, 17, INS_OF_FEATURES);
}

/* ---- settings and cost -------------------------------------------------------------------------
 */

static void more_components_than_there_are_are_those_there_are(void **state) {
  (void)state;
  double *x = responses(17, 5, 3);
  const analysis_data d = table_of(5, 3, x);
  analysis_test t = run(&d, "components: 20, resamples: 10");
  assert_int_equal(ins_layout_row(t.layout, analysis_find(&t, "explained_variance_ratio")), 3);
  near(scalar(&t, "n_components_used"), 3, 0, "n_components_used");
  analysis_clear(&t);
  free(x);
}

/* Units of the data change units of the results, not what is found. Squares of the numbers are
 * beyond single precision here, fourth powers beyond double. */
static void check_units(const char *precision, double unit) {
  enum { N = 9, M = 6, R = 2, K = 4 };
  double *signal = responses(31, N, M), *plain = normal(34, N * M * R), *x = zeros(N * M * R);
  for (size_t i = 0; i < N * M * R; i++) {
    plain[i] = (double)(float)(signal[i / R] + 0.1 * plain[i]);
    x[i] = unit * plain[i];
  }
  analysis_data d = {.n_item_axes = 1,
                     .n_axes = 3,
                     .axes = {"neuron", "stimulus", "repeat"},
                     .lengths = {N, M, R},
                     .values = x,
                     .more = "repeats: repeat"};
  char *settings = ins_format("components: 4, resamples: 20, precision: %s", precision);
  analysis_test t = run(&d, settings);
  d.values = plain;
  analysis_test should = run(&d, settings);
  const struct {
    const char *name;
    size_t n;
    double unit;
  } all[] = {{"eigenvalue", M, unit * unit},
             {"explained_variance_ratio", K, 1},
             {"scores", N * K, unit},
             {"loadings", K * M, 1},
             {"mean", M, unit},
             {"participation_ratio", 1, 1},
             {"participation_ratio_corrected", 1, 1},
             {"explained_variance_ratio_interval", 2 * K, 1},
             {"participation_ratio_interval", 2, 1},
             {"shared_variance", K, unit * unit},
             {"shared_variance_ratio", K, 1},
             {"shared_variance_total", 1, unit * unit},
             {"participation_ratio_shared", 1, 1}};
  for (size_t v = 0; v < sizeof all / sizeof *all; v++) {
    double *is = analysis_read(&t, all[v].name), *was = analysis_read(&should, all[v].name);
    for (size_t i = 0; i < all[v].n; i++) {
      if (isnan(is[i])) fail_msg("%s is missing", all[v].name);
      near(is[i] / all[v].unit, was[i], 1e-12 * fmax(1, fabs(was[i])), all[v].name);
    }
    free(is);
    free(was);
  }
  analysis_clear(&t);
  analysis_clear(&should);
  free(settings);
  free(signal);
  free(x);
  free(plain);
}

static void units_of_the_data_do_not_matter(void **state) {
  (void)state;
  check_units("single", ldexp(1, 66));
  check_units("single", ldexp(1, -100));
  check_units("double", ldexp(1, 332));
  check_units("double", ldexp(1, -332));
}

static void variances_beyond_all_numbers_are_refused(void **state) {
  enum { N = 5, M = 4 };
  double *x = responses(32, N, M);
  (void)state;
  for (size_t i = 0; i < N * M; i++) x[i] *= 1e200;
  const analysis_data d = table_of(N, M, x);
  analysis_test t;
  OK(analysis_declare(&d, &ins_components, ins_components_keys, NULL, &t));
  if (analysis_rank == 0) OK(ins_store_create(t.path, 1, &t.layout, NULL));
  MPI_Barrier(MPI_COMM_WORLD);
  OK(ins_store_open(MPI_COMM_WORLD, t.path, 1, &t.layout, &t.store));
  const ins_work work = {.grid = t.grid, .store = t.store, .layout = t.layout};
  assert_int_equal(ins_components.run(t.state, &work), INS_ERR_NUMERIC);
  assert_non_null(strstr(ins_message(), "no number can hold"));
  analysis_clear(&t);
  /* z-scores have no units. */
  t = run(&d, "scale: features, resamples: 0");
  near(scalar(&t, "n_used"), N, 0, "n_used");
  assert_true(scalar(&t, "participation_ratio") > 1);
  analysis_clear(&t);
  free(x);
}

/* The sum of 5000 times 0.1 is off by more digits than one number has. */
static void a_constant_feature_of_many_items_has_no_z_scores(void **state) {
  enum { N = 5000, M = 3 };
  double *x = normal(33, N * M);
  (void)state;
  for (size_t i = 0; i < N; i++) x[i * M + 1] = 0.1;
  analysis_data d = table_of(N, M, x);
  d.block = 64;
  analysis_test t = run(&d, "scale: features, resamples: 0");
  double *values = analysis_read(&t, "eigenvalue");
  near(scalar(&t, "n_components_used"), 2, 0, "n_components_used");
  near(values[0] + values[1], 2. * N / (N - 1), 1e-9, "variance of two z-scores");
  near(values[2], 0, 0, "variance of what is constant");
  free(values);
  analysis_clear(&t);
  free(x);
}

/* Single precision has steps of 1/16 at a million. Features that vary by one are no rounding. */
static void a_high_baseline_costs_digits_but_no_features(void **state) {
  enum { N = 40, M = 5 };
  double *x = normal(35, N * M);
  (void)state;
  for (size_t i = 0; i < N * M; i++) x[i] = 1e6 + x[i] / 2;
  const analysis_data d = table_of(N, M, x);
  analysis_test t = run(&d, "precision: single, resamples: 0"), should = run(&d, "resamples: 0");
  double *is = analysis_read(&t, "eigenvalue"), *was = analysis_read(&should, "eigenvalue");
  near(scalar(&t, "n_components_used"), M, 0, "n_components_used");
  for (size_t k = 0; k < M; k++) near(is[k], was[k], 0.1 * was[k], "eigenvalue");
  free(is);
  free(was);
  analysis_clear(&t);
  analysis_clear(&should);
  free(x);
}

static void cost_grows_with_the_data_and_falls_with_ranks(void **state) {
  (void)state;
  double *x = responses(18, 40, 30);
  const analysis_data d = table_of(40, 30, x);
  analysis_test t;
  ins_needs one, four, plain;
  OK(analysis_declare(&d, &ins_components, ins_components_keys, "components: 2", &t));
  ins_components.needs(t.state, 1, 4, &one);
  ins_components.needs(t.state, 4, 4, &four);
  /* The matrix, Gram matrix and eigenvectors and their workspace of twice that, in double. */
  assert_true(one.bytes > 8. * (40 * 30 + 4 * 30 * 30));
  assert_true(four.bytes < one.bytes);
  assert_true(one.flops > 40. * 30 * 30 && one.flops == four.flops);
  analysis_clear(&t);
  OK(analysis_declare(&d, &ins_components, ins_components_keys, "components: 2, resamples: 0", &t));
  ins_components.needs(t.state, 1, 4, &plain);
  assert_true(plain.flops < one.flops);
  analysis_clear(&t);
  free(x);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tall_matrices_in_double_are_what_lapack_says),
      cmocka_unit_test(wide_matrices_in_double_are_what_lapack_says),
      cmocka_unit_test(matrices_in_single_are_what_lapack_says),
      cmocka_unit_test(wide_and_tall_matrices_give_the_same_answer),
      cmocka_unit_test(signs_of_loadings_do_not_depend_on_those_of_the_data),
      cmocka_unit_test(repeated_eigenvalues_have_the_right_subspaces),
      cmocka_unit_test(components_beyond_the_rank_are_zero),
      cmocka_unit_test(silent_items_and_those_with_missing_values_are_left_out),
      cmocka_unit_test(one_item_one_feature_or_nothing_that_varies_give_zeros),
      cmocka_unit_test(fewer_items_than_ranks_will_do),
      cmocka_unit_test(loadings_and_mean_keep_the_axes_of_features),
      cmocka_unit_test(participation_ratios_are_means_over_distinct_samples_and_variables),
      cmocka_unit_test(intervals_are_those_of_resamples_computed_one_by_one),
      cmocka_unit_test(samples_are_drawn_whichever_side_they_are),
      cmocka_unit_test(a_span_of_the_leading_components_is_enough),
      cmocka_unit_test(intervals_hold_planted_dimensions),
      cmocka_unit_test(what_halves_of_the_repeats_share_is_what_loops_say),
      cmocka_unit_test(more_components_than_there_are_are_those_there_are),
      cmocka_unit_test(units_of_the_data_do_not_matter),
      cmocka_unit_test(variances_beyond_all_numbers_are_refused),
      cmocka_unit_test(a_constant_feature_of_many_items_has_no_z_scores),
      cmocka_unit_test(a_high_baseline_costs_digits_but_no_features),
      cmocka_unit_test(cost_grows_with_the_data_and_falls_with_ranks),
  };
  return analysis_main(argc, argv, tests);
}
