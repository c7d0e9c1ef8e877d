/* SPDX-License-Identifier: MIT */
/* Distances of stimuli against plain loops, and shifts against all of them and planted ones. */
#include "analysis_fixture.h"
#include "insilico/random.h"

static void normal(uint64_t seed, size_t n, double *out) {
  const ins_stream stream = ins_stream_at(seed, "test_distances", NULL, 0);
  float x;
  for (size_t i = 0; i < n; i++) {
    ins_stream_normal(&stream, i, 1, &x);
    out[i] = (double)x;
  }
}

static double dot(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static void near(double is, double should, double tolerance, const char *what, size_t i) {
  if (isnan(should) ? !isnan(is) : !(fabs(is - should) <= tolerance))
    fail_msg("%s[%zu] is %.9g, not %.9g", what, i, is, should);
}

static analysis_test run(const analysis_data *d, const char *settings) {
  return analysis_run(d, &ins_distances, ins_distances_keys, settings);
}

static void check(const analysis_test *t, const char *name, size_t n, const double *should,
                  double tolerance) {
  double *is = analysis_read(t, name);
  assert_int_equal(ins_layout_row(t->layout, analysis_find(t, name)), n);
  for (size_t i = 0; i < n; i++) near(is[i], should[i], tolerance, name, i);
  free(is);
}

/* ---- metrics ---- */

enum { EUCLIDEAN, CORRELATION, COSINE, N_METRICS };
static const char *const metric_names[] = {"euclidean", "correlation", "cosine"};

/* The definition, for rows with something to compare. */
static double distance(int metric, const double *a, const double *b, size_t k) {
  double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0, square = 0;
  for (size_t i = 0; i < k && metric == CORRELATION; i++) {
    ma += a[i] / (double)k;
    mb += b[i] / (double)k;
  }
  for (size_t i = 0; i < k; i++) {
    square += (a[i] - b[i]) * (a[i] - b[i]);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
    ab += (a[i] - ma) * (b[i] - mb);
  }
  return metric == EUCLIDEAN ? sqrt(square) : 1 - ab / sqrt(aa * bb);
}

enum { N = 13, K = 29, SILENT = 4, MISSING = 9 };

static void make_items(double *x) {
  normal(1, (size_t)N * K, x);
  for (size_t k = 0; k < K; k++) {
    x[5 * K + k] += 2 * x[11 * K + k];
    x[SILENT * K + k] = 0.3;
  }
  x[MISSING * K + 7] = NAN;
}

static double expected(int metric, const double *x, size_t i, size_t j) {
  if (i == MISSING || j == MISSING) return NAN;
  if (metric != EUCLIDEAN && (i == SILENT || j == SILENT)) return 1;
  return i == j ? 0 : distance(metric, x + i * K, x + j * K, K);
}

static void check_nearest(const analysis_test *t, int metric, const double *should) {
  double *number = analysis_read(t, "nearest"), *far = analysis_read(t, "nearest_distance");
  for (size_t i = 0; i < N; i++) {
    size_t best = N;
    for (size_t j = 0; j < N; j++) {
      const bool counts = j != i && j != MISSING && (metric == EUCLIDEAN || j != SILENT);
      if (counts && (best == N || should[i * N + j] < should[i * N + best])) best = j;
    }
    if (i == MISSING || (metric != EUCLIDEAN && i == SILENT)) best = N;
    near(number[i], best == N ? -1 : (double)best, 0, "nearest", i);
    near(far[i], best == N ? (double)NAN : should[i * N + best], 1e-5, "nearest_distance", i);
  }
  free(number);
  free(far);
}

static void metrics_are_as_by_plain_loops(const char *precision, double tolerance) {
  double x[N * K], should[N * N], flag[N] = {0};
  make_items(x);
  flag[SILENT] = INS_ITEM_SILENT;
  flag[MISSING] = INS_ITEM_MISSING;
  const analysis_data d = {
      .n_item_axes = 1, .n_axes = 2, .axes = {"neuron", "pixel"}, .lengths = {N, K}, .values = x};
  for (int metric = 0; metric < N_METRICS; metric++) {
    char settings[100];
    snprintf(settings, sizeof settings, "metric: %s%s", metric_names[metric], precision);
    analysis_test t = run(&d, settings);
    for (size_t i = 0; i < N; i++)
      for (size_t j = 0; j < N; j++) should[i * N + j] = expected(metric, x, i, j);
    check(&t, "distance", (size_t)N * N, should, tolerance);
    check(&t, "flag", N, flag, 0);
    check_nearest(&t, metric, should);
    assert_true(ins_layout_find(t.layout, "best_shift_x") < 0);
    analysis_clear(&t);
  }
}

static void in_double_metrics_are_what_plain_loops_say(void **state) {
  (void)state;
  metrics_are_as_by_plain_loops("", 1e-12);
}

static void in_single_metrics_are_what_plain_loops_say(void **state) {
  (void)state;
  metrics_are_as_by_plain_loops(", precision: single", 2e-6);
}

/* Pairs of stimuli that differ by a share of their norm, on a background; all in some unit. */
static void pairs_have_the_right_distance(double share, double background, double unit,
                                          const char *settings) {
  enum { n = 4, k = 400 };
  double x[n * k], noise[2 * k];
  normal(3, k, x);
  normal(4, k, x + 2 * k);
  normal(5, 2 * k, noise);
  for (size_t i = 0; i < k; i++) {
    x[i] += background;
    x[2 * k + i] += background;
    x[k + i] = x[i] + share * noise[i];
    x[3 * k + i] = x[2 * k + i] + share * noise[k + i];
  }
  for (size_t i = 0; i < n * k; i++) x[i] *= unit;
  const analysis_data d = {
      .n_item_axes = 1, .n_axes = 2, .axes = {"neuron", "pixel"}, .lengths = {n, k}, .values = x};
  analysis_test t = run(&d, settings);
  double *is = analysis_read(&t, "distance");
  for (size_t p = 0; p < n; p += 2) {
    const double should = distance(EUCLIDEAN, x + p * k, x + (p + 1) * k, k);
    near(is[p * n + p + 1] / should, 1, 0.01, "distance of near duplicates", p);
    near(is[(p + 1) * n + p] / should, 1, 0.01, "distance of near duplicates", p);
    assert_true(is[p * n + p] == 0);
  }
  free(is);
  analysis_clear(&t);
}

static void near_duplicates_have_the_right_distance(void **state) {
  (void)state;
  pairs_have_the_right_distance(1e-4, 0, 1, NULL);
  pairs_have_the_right_distance(1e-4, 100, 1, NULL);
}

/* Squares of what all have in common are 1e8 times that of the differences: more than single
 * precision has digits. */
static void what_all_items_have_in_common_does_not_cost_digits(void **state) {
  (void)state;
  pairs_have_the_right_distance(1e-2, 100, 1, "precision: single");
}

/* Squares of these are no numbers of single precision. */
static void units_do_not_matter(void **state) {
  (void)state;
  pairs_have_the_right_distance(1e-2, 0, 1e25, "precision: single");
  pairs_have_the_right_distance(1e-2, 0, 1e-30, "precision: single");
}

static void values_whose_squares_are_no_numbers_are_refused(void **state) {
  const double x[] = {1, 2, 1e160, 3};
  const analysis_data d = {
      .n_item_axes = 1, .n_axes = 2, .axes = {"neuron", "pixel"}, .lengths = {2, 2}, .values = x};
  analysis_test t;
  (void)state;
  OK(analysis_declare(&d, &ins_distances, ins_distances_keys, "", &t));
  if (analysis_rank == 0) OK(ins_store_create(t.path, 1, &t.layout, NULL));
  MPI_Barrier(MPI_COMM_WORLD);
  OK(ins_store_open(MPI_COMM_WORLD, t.path, 1, &t.layout, &t.store));
  const ins_work work = {.grid = t.grid, .store = t.store, .layout = t.layout};
  assert_int_equal(ins_distances.run(t.state, &work), INS_ERR_NUMERIC);
  assert_non_null(strstr(ins_message(), "so large"));
  analysis_clear(&t);
}

enum { KINDS = 4, COPIES = 41, PIXELS = 330 };

/* Items of a few kinds, those of a kind are the same but for the last digit. The last item differs
 * from its kind by more than that. */
static void items_but_for_rounding(double rounding, double *x) {
  static double pattern[(KINDS + 1) * PIXELS], digit[COPIES * PIXELS];
  normal(31, (size_t)(KINDS + 1) * PIXELS, pattern);
  normal(32, (size_t)COPIES * PIXELS, digit);
  for (size_t i = 0; i < COPIES; i++)
    for (size_t f = 0; f < PIXELS; f++)
      x[i * PIXELS + f] =
          (2 + pattern[i % KINDS * PIXELS + f]) * (1 + rounding * digit[i * PIXELS + f]) +
          (i == COPIES - 1 ? 0.02 * pattern[KINDS * PIXELS + f] : 0);
}

static void of_items_that_coincide_the_first_is_nearest(void **state) {
  (void)state;
  static double x[COPIES * PIXELS];
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 2,
                           .axes = {"neuron", "pixel"},
                           .lengths = {COPIES, PIXELS},
                           .values = x};
  for (int metric = 0; metric < N_METRICS; metric++)
    for (int single = 0; single < 2; single++) {
      char settings[100];
      items_but_for_rounding(single ? 1e-7 : 2e-16, x);
      snprintf(settings, sizeof settings, "metric: %s%s", metric_names[metric],
               single ? ", precision: single" : "");
      analysis_test t = run(&d, settings);
      double *nearest = analysis_read(&t, "nearest"), *far = analysis_read(&t, "nearest_distance"),
             *all = analysis_read(&t, "distance");
      for (size_t i = 0; i < COPIES; i++) {
        near(nearest[i], i < KINDS ? (double)(i + KINDS) : (double)(i % KINDS), 0, "nearest", i);
        near(far[i], all[i * COPIES + (size_t)nearest[i]], 1e-15, "nearest_distance", i);
      }
      free(nearest);
      free(far);
      free(all);
      analysis_clear(&t);
    }
}

/* The second is a little nearer to the third than the first is: by 1e-5 of the norm, in double. */
static void items_that_nearly_coincide_are_told_apart(void **state) {
  (void)state;
  enum { n = 3, k = 100 };
  double x[n * k];
  const double two[] = {1, 2, 1};
  normal(33, (size_t)n * k, x);
  for (size_t f = 0; f < k; f++) {
    x[k + f] = x[2 * k + f] + 1e-5 * x[f];
    x[f] = x[2 * k + f] + 3e-5 * x[f];
  }
  const analysis_data d = {
      .n_item_axes = 1, .n_axes = 2, .axes = {"neuron", "pixel"}, .lengths = {n, k}, .values = x};
  analysis_test t = run(&d, "shift: {x: 0}");
  check(&t, "nearest", n, two, 0);
  analysis_clear(&t);
}

static void fewer_items_than_ranks_are_enough(void **state) {
  (void)state;
  const double x[] = {0, 3, 0, 0, 0, 4}, two[] = {0, 5, 5, 0}, one[] = {1, 0};
  for (size_t n = 1; n <= 2; n++) {
    const analysis_data d = {.n_item_axes = 1,
                             .n_axes = 2,
                             .axes = {"neuron", "x"},
                             .lengths = {n, 3},
                             .values = x,
                             .block = 1};
    const double nobody[] = {-1}, nothing[] = {NAN};
    analysis_test t = run(&d, "shift: {x: 0}");
    check(&t, "distance", n * n, two, 1e-14);
    check(&t, "nearest", n, n == 2 ? one : nobody, 0);
    if (n == 1) check(&t, "nearest_distance", 1, nothing, 0);
    analysis_clear(&t);
  }
}

/* ---- items of several axes ---- */

static void stimuli_of_one_neuron_and_of_others_are_averaged_apart(void **state) {
  (void)state;
  enum { neurons = 3, seeds = 4, n = neurons * seeds, k = 6 };
  double x[n * k], within[neurons] = {0}, between[neurons] = {0}, w[neurons] = {0},
                   b[neurons] = {0};
  normal(8, (size_t)n * k, x);
  for (size_t i = 0; i < k; i++) x[6 * k + i] = NAN; /* a stimulus of neuron 1 */
  const analysis_data d = {.n_item_axes = 2,
                           .n_axes = 3,
                           .axes = {"neuron", "seed", "pixel"},
                           .lengths = {neurons, seeds, k},
                           .values = x};
  analysis_test t = run(&d, NULL);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const size_t g = i / seeds;
      if (i == 6 || j == 6 || i == j) continue;
      (g == j / seeds ? within : between)[g] += distance(EUCLIDEAN, x + i * k, x + j * k, k);
      (g == j / seeds ? w : b)[g]++;
    }
  for (size_t g = 0; g < neurons; g++) {
    within[g] /= w[g];
    between[g] /= b[g];
  }
  check(&t, "distance_within", neurons, within, 1e-12);
  check(&t, "distance_between", neurons, between, 1e-12);
  assert_int_equal(ins_layout_row(t.layout, analysis_find(&t, "distance")), n * n);
  analysis_clear(&t);
}

/* ---- shifts ---- */

enum { C = 2, T = 5, H = 4, W = 6, F = C * T * H * W };

static analysis_data movies(size_t n, const double *x) {
  return (analysis_data){.n_item_axes = 1,
                         .n_axes = 5,
                         .axes = {"neuron", "channel", "frame", "y", "x"},
                         .lengths = {n, C, T, H, W},
                         .values = x};
}

/* out(p) = in(p - s), 0 where that is outside. */
static void shift(const double *in, int y, int x, int frame, double *out) {
  for (int c = 0; c < C; c++)
    for (int t = 0; t < T; t++)
      for (int h = 0; h < H; h++)
        for (int w = 0; w < W; w++) {
          const int t0 = t - frame, h0 = h - y, w0 = w - x;
          const bool inside = t0 >= 0 && t0 < T && h0 >= 0 && h0 < H && w0 >= 0 && w0 < W;
          out[((c * T + t) * H + h) * W + w] = inside ? in[((c * T + t0) * H + h0) * W + w0] : 0;
        }
}

typedef struct best {
  double product;
  int y, x, frame;
} best;

/* Over all shifts, in the plainest way. */
static best search(const double *a, const double *b, int most_y, int most_x, int most_frame) {
  double shifted[F];
  best found = {.product = -INFINITY};
  for (int y = -most_y; y <= most_y; y++)
    for (int x = -most_x; x <= most_x; x++)
      for (int f = -most_frame; f <= most_frame; f++) {
        shift(b, y, x, f, shifted);
        const double product = dot(a, shifted, F);
        if (product > found.product) found = (best){product, y, x, f};
      }
  return found;
}

/* Rows as the metric compares them. */
static void prepare(int metric, size_t n, const double *x, double *out) {
  for (size_t i = 0; i < n; i++) {
    double mean = 0, square = 0;
    for (size_t k = 0; k < F && metric == CORRELATION; k++) mean += x[i * F + k] / F;
    for (size_t k = 0; k < F; k++) square += (x[i * F + k] - mean) * (x[i * F + k] - mean);
    for (size_t k = 0; k < F; k++)
      out[i * F + k] = (x[i * F + k] - mean) / (metric == EUCLIDEAN ? 1 : sqrt(square));
  }
}

static void every_shift_is_tried(const char *precision, double tolerance) {
  enum { n = 7 };
  static double x[n * F], z[n * F];
  double d[n * n], y[n * n], w[n * n], f[n * n];
  normal(12, (size_t)n * F, x);
  for (size_t k = 0; k < (size_t)n * F; k++) x[k] += 0.2;
  const analysis_data data = movies(n, x);
  for (int metric = 0; metric < N_METRICS; metric++) {
    char settings[160];
    snprintf(settings, sizeof settings, "metric: %s, shift: {y: 1, x: 2, frames: 2}%s",
             metric_names[metric], precision);
    analysis_test t = run(&data, settings);
    prepare(metric, n, x, z);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        const double *a = z + i * F, *b = z + j * F;
        const best s = i == j ? (best){dot(a, a, F), 0, 0, 0} : search(a, b, 1, 2, 2);
        d[i * n + j] =
            metric == EUCLIDEAN ? sqrt(dot(a, a, F) + dot(b, b, F) - 2 * s.product) : 1 - s.product;
        y[i * n + j] = s.y;
        w[i * n + j] = s.x;
        f[i * n + j] = s.frame;
        if (i == j) d[i * n + j] = 0;
      }
    check(&t, "distance", n * n, d, tolerance);
    check(&t, "best_shift_y", n * n, y, 0);
    check(&t, "best_shift_x", n * n, w, 0);
    check(&t, "best_shift_frame", n * n, f, 0);
    analysis_clear(&t);
  }
}

static void the_best_of_all_shifts_is_found(void **state) {
  (void)state;
  every_shift_is_tried("", 1e-12);
}

static void the_best_of_all_shifts_is_found_in_single(void **state) {
  (void)state;
  every_shift_is_tried(", precision: single", 2e-5);
}

/* A blob in the middle, so that nothing is lost, and the same elsewhere: at its shift the distance
 * is 0. */
static void planted_shifts_are_recovered(void **state) {
  (void)state;
  static const int at[][3] = {{0, 0, 0}, {1, -2, 0}, {-1, 1, 1}, {0, 2, -2}, {1, 0, 2}};
  enum { n = sizeof at / sizeof *at };
  static double x[n * F];
  double blob[C * 2 * 2], d[n * n] = {0}, y[n * n] = {0}, w[n * n] = {0}, f[n * n] = {0};
  normal(15, C * 2 * 2, blob);
  memset(x, 0, sizeof x);
  for (int c = 0; c < C; c++)
    for (int h = 1; h < 3; h++)
      for (int v = 2; v < 4; v++)
        x[((c * T + 2) * H + h) * W + v] = blob[(c * 2 + h - 1) * 2 + v - 2];
  for (size_t i = 1; i < n; i++) shift(x, at[i][0], at[i][1], at[i][2], x + i * F);
  const analysis_data data = movies(n, x);
  analysis_test t = run(&data, "metric: cosine, shift: {y: 2, x: 4, frames: 4}");
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      y[i * n + j] = at[i][0] - at[j][0];
      w[i * n + j] = at[i][1] - at[j][1];
      f[i * n + j] = at[i][2] - at[j][2];
    }
  check(&t, "distance", n * n, d, 1e-14);
  check(&t, "best_shift_y", n * n, y, 0);
  check(&t, "best_shift_x", n * n, w, 0);
  check(&t, "best_shift_frame", n * n, f, 0);
  analysis_clear(&t);
}

/* Against the first: the second fits as well one to the left as to the right, the third two to the
 * right or one to the left. A silent one fits nowhere. */
static void of_shifts_that_are_equally_good_the_smallest_is_taken(void **state) {
  (void)state;
  enum { n = 4, k = 6 };
  const double x[n * k] = {0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0};
  const analysis_data d = {
      .n_item_axes = 1, .n_axes = 2, .axes = {"neuron", "x"}, .lengths = {n, k}, .values = x};
  analysis_test t = run(&d, "metric: cosine, shift: {x: 2}");
  double *s = analysis_read(&t, "best_shift_x"), *far = analysis_read(&t, "distance");
  assert_true(fabs(s[1]) == 1);
  assert_true(s[2] == -1);
  near(far[1], 1 - sqrt(0.5), 1e-14, "distance", 1);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      assert_true(s[i * n + j] == -s[j * n + i]);
      if (i == 3 || j == 3) assert_true(s[i * n + j] == 0 && far[i * n + j] == 1);
    }
  assert_true(ins_layout_find(t.layout, "best_shift_y") < 0);
  free(s);
  free(far);
  analysis_clear(&t);
}

/* Each pattern is once in one item and twice in the next, 7 to the left and 9 to the right: the
 * same products, but summed up at other places. */
static void rounding_does_not_decide_between_shifts(void **state) {
  (void)state;
  enum { patterns = 8, n = 2 * patterns, k = 40, length = 7 };
  double x[n * k] = {0}, pattern[patterns * length];
  normal(21, (size_t)patterns * length, pattern);
  for (size_t p = 0; p < patterns; p++)
    for (size_t i = 0; i < length; i++) {
      const double value = pattern[p * length + i];
      x[2 * p * k + 10 + i] = value;
      x[(2 * p + 1) * k + 3 + i] = x[(2 * p + 1) * k + 19 + i] = value;
    }
  const analysis_data d = {
      .n_item_axes = 1, .n_axes = 2, .axes = {"neuron", "x"}, .lengths = {n, k}, .values = x};
  for (int single = 0; single < 2; single++) {
    analysis_test t = run(&d, single ? "shift: {x: 12}, precision: single" : "shift: {x: 12}");
    double *s = analysis_read(&t, "best_shift_x");
    for (size_t p = 0; p < patterns; p++) {
      assert_true(s[2 * p * n + 2 * p + 1] == 7);
      assert_true(s[(2 * p + 1) * n + 2 * p] == -7);
    }
    free(s);
    analysis_clear(&t);
  }
}

static void shifts_that_cannot_be_are_refused(void **state) {
  (void)state;
  static double x[2 * F];
  analysis_test t;
  normal(18, 2 * F, x);
  analysis_data data = movies(2, x);
  assert_int_equal(analysis_declare(&data, &ins_distances, ins_distances_keys, "shift: {y: 4}", &t),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "at most 3"));
  analysis_clear(&t);
  data.axes[4] = "azimuth";
  assert_int_equal(analysis_declare(&data, &ins_distances, ins_distances_keys, "shift: {x: 1}", &t),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "channel, frame, y, azimuth"));
  analysis_clear(&t);
}

static void shifting_needs_more_memory_and_work(void **state) {
  (void)state;
  enum { n = 1500 };
  static double x[n * F];
  ins_needs still, moved;
  analysis_test t;
  const analysis_data data = movies(n, x);
  OK(analysis_declare(&data, &ins_distances, ins_distances_keys, "", &t));
  t.analysis->needs(t.state, 1, 4, &still);
  analysis_clear(&t);
  OK(analysis_declare(&data, &ins_distances, ins_distances_keys, "shift: {y: 1, frames: 1}", &t));
  t.analysis->needs(t.state, 1, 4, &moved);
  analysis_clear(&t);
  assert_true(still.flops == (double)n * n * F && moved.flops == 9 * still.flops);
  assert_true(still.bytes >= 8.0 * (n * F + n * n) && moved.bytes > still.bytes);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_double_metrics_are_what_plain_loops_say),
      cmocka_unit_test(in_single_metrics_are_what_plain_loops_say),
      cmocka_unit_test(near_duplicates_have_the_right_distance),
      cmocka_unit_test(what_all_items_have_in_common_does_not_cost_digits),
      cmocka_unit_test(units_do_not_matter),
      cmocka_unit_test(values_whose_squares_are_no_numbers_are_refused),
      cmocka_unit_test(of_items_that_coincide_the_first_is_nearest),
      cmocka_unit_test(items_that_nearly_coincide_are_told_apart),
      cmocka_unit_test(fewer_items_than_ranks_are_enough),
      cmocka_unit_test(stimuli_of_one_neuron_and_of_others_are_averaged_apart),
      cmocka_unit_test(the_best_of_all_shifts_is_found),
      cmocka_unit_test(the_best_of_all_shifts_is_found_in_single),
      cmocka_unit_test(planted_shifts_are_recovered),
      cmocka_unit_test(of_shifts_that_are_equally_good_the_smallest_is_taken),
      cmocka_unit_test(rounding_does_not_decide_between_shifts),
      cmocka_unit_test(shifts_that_cannot_be_are_refused),
      cmocka_unit_test(shifting_needs_more_memory_and_work),
  };
  return analysis_main(argc, argv, tests);
}
