/* SPDX-License-Identifier: MIT */
#include "analysis_fixture.h"
#include "insilico/random.h"
#include "population/ridge.h"

static analysis_test decode(const analysis_data *d, const char *yaml) {
  return analysis_run(d, &ins_decoding, ins_decoding_keys, yaml);
}

static double normal(uint64_t seed, int64_t stream, size_t i) {
  float x;
  const ins_stream s = ins_stream_at(seed, "test", &stream, 1);
  ins_stream_normal(&s, i, 1, &x);
  return (double)x;
}

/* ---- ridge regression in loops ------------------------------------------------------------------
 */

enum { MOST = 40, TARGETS = 2 };

/* x = a^-1 b, a [n][n] symmetric positive definite (lost), b [n][TARGETS] (becomes x). */
static void solve(size_t n, double (*a)[MOST], double (*b)[TARGETS]) {
  for (size_t i = 0; i < n; i++)
    for (size_t r = i + 1; r < n; r++) {
      const double f = a[r][i] / a[i][i];
      for (size_t c = i; c < n; c++) a[r][c] -= f * a[i][c];
      for (int t = 0; t < TARGETS; t++) b[r][t] -= f * b[i][t];
    }
  for (size_t i = n; i-- > 0;)
    for (int t = 0; t < TARGETS; t++) {
      for (size_t c = i + 1; c < n; c++) b[i][t] -= a[i][c] * b[c][t];
      b[i][t] /= a[i][i];
    }
}

/* Weights and intercept of the normal equations (Z Z^T + penalty) W = Z (y - mean y), Z centred
 * over samples without `left_out`, and what they predict for x. */
static void normal_equations(size_t n, size_t samples, const double (*z)[MOST],
                             const double (*y)[TARGETS], double penalty, size_t left_out,
                             const double *x, double *out) {
  static double a[MOST][MOST], w[MOST][TARGETS];
  double centre[MOST] = {0}, b[TARGETS] = {0}, m = 0;
  for (size_t s = 0; s < samples; s++) m += s != left_out;
  for (size_t s = 0; s < samples; s++) {
    if (s == left_out) continue;
    for (size_t i = 0; i < n; i++) centre[i] += z[i][s] / m;
    for (int t = 0; t < TARGETS; t++) b[t] += y[s][t] / m;
  }
  memset(a, 0, sizeof a);
  memset(w, 0, sizeof w);
  for (size_t i = 0; i < n; i++) {
    a[i][i] = penalty;
    for (size_t s = 0; s < samples; s++) {
      if (s == left_out) continue;
      for (size_t j = 0; j < n; j++) a[i][j] += (z[i][s] - centre[i]) * (z[j][s] - centre[j]);
      for (int t = 0; t < TARGETS; t++) w[i][t] += (z[i][s] - centre[i]) * (y[s][t] - b[t]);
    }
  }
  solve(n, a, w);
  for (int t = 0; t < TARGETS; t++) {
    out[t] = b[t];
    for (size_t i = 0; i < n; i++) out[t] += w[i][t] * (x[i] - centre[i]);
  }
}

typedef struct problem {
  size_t n, samples, tested;
  double x[MOST][MOST], y[MOST][TARGETS], new_x[MOST][MOST]; /* [neuron][sample] */
  double mean[MOST], scale[MOST], penalty;
} problem;

static void make_problem(size_t n, size_t samples, size_t tested, double lambda, problem *p) {
  *p = (problem){.n = n, .samples = samples, .tested = tested};
  double all = 0;
  for (size_t i = 0; i < n; i++) {
    for (size_t s = 0; s < samples; s++)
      p->x[i][s] = i == 1 ? 4 : 3 + normal(1, (int64_t)i, s) * (double)(1 + i % 4); /* 1: silent */
    for (size_t s = 0; s < tested; s++)
      p->new_x[i][s] = i == 1 ? 4 : 3 + normal(2, (int64_t)i, s) * (double)(1 + i % 4);
    for (size_t s = 0; s < samples; s++) p->mean[i] += p->x[i][s] / (double)samples;
    double square = 0;
    for (size_t s = 0; s < samples; s++)
      square += (p->x[i][s] - p->mean[i]) * (p->x[i][s] - p->mean[i]) / (double)samples;
    p->scale[i] = i == 1 ? 0 : 1 / sqrt(square);
    all += i == 1 ? 0 : (double)samples;
  }
  for (size_t s = 0; s < samples; s++)
    for (int t = 0; t < TARGETS; t++)
      p->y[s][t] = p->x[0][s] - 0.3 * p->x[2][s] * t + 0.5 * normal(3, t, s);
  p->penalty = lambda * all / (double)(n - 1 < samples ? n - 1 : samples);
}

static void standardise(const problem *p, double (*z)[MOST], size_t samples) {
  for (size_t i = 0; i < p->n; i++)
    for (size_t s = 0; s < samples; s++) z[i][s] = (z[i][s] - p->mean[i]) * p->scale[i];
}

static void compare_ridge(size_t n, size_t samples, ins_dtype dtype, double tolerance) {
  static problem p;
  const double lambda = 0.07;
  ins_grid *grid;
  ins_matrix x, y, new_x, predicted;
  ins_ridge *ridge;
  double error, plain_error = 0, out[TARGETS], *box = calloc(MOST * TARGETS, sizeof *box);
  make_problem(n, samples, 5, lambda, &p);
  OK(ins_grid_create(MPI_COMM_WORLD, 3, &grid));
  OK(ins_matrix_create(grid, dtype, n, samples, &x));
  OK(ins_matrix_create(grid, dtype, samples, TARGETS, &y));
  OK(ins_matrix_create(grid, dtype, n, p.tested, &new_x));
  OK(ins_matrix_create(grid, dtype, p.tested, TARGETS, &predicted));
  for (size_t i = 0; i < n; i++) ins_matrix_scatter(&x, i, 1, 0, samples, p.x[i]);
  for (size_t i = 0; i < n; i++) ins_matrix_scatter(&new_x, i, 1, 0, p.tested, p.new_x[i]);
  ins_matrix_scatter(&y, 0, samples, 0, TARGETS, p.y[0]);
  OK(ins_ridge_create(&x, &y, &ridge));
  assert_true(ridge->dual == (samples < n));
  OK(ins_ridge_leave_one_out(ridge, lambda, &error));
  OK(ins_ridge_predict(ridge, lambda, &new_x, &predicted));
  OK(ins_matrix_gather(&predicted, 0, p.tested, 0, TARGETS, box));
  standardise(&p, p.x, samples);
  standardise(&p, p.new_x, p.tested);
  for (size_t s = 0; s < p.tested; s++) {
    double column[MOST];
    for (size_t i = 0; i < n; i++) column[i] = p.new_x[i][s];
    normal_equations(n, samples, p.x, p.y, p.penalty, SIZE_MAX, column, out);
    for (int t = 0; t < TARGETS; t++)
      assert_true(fabs(box[s * TARGETS + (size_t)t] - out[t]) < tolerance);
  }
  for (size_t s = 0; s < samples; s++) {
    double column[MOST];
    for (size_t i = 0; i < n; i++) column[i] = p.x[i][s];
    normal_equations(n, samples, p.x, p.y, p.penalty, s, column, out);
    for (int t = 0; t < TARGETS; t++)
      plain_error += (out[t] - p.y[s][t]) * (out[t] - p.y[s][t]) / (double)samples / TARGETS;
  }
  assert_true(fabs(error - plain_error) < tolerance * plain_error);
  free(box);
  ins_ridge_destroy(&ridge);
  ins_matrix_clear(&y);
  ins_matrix_clear(&new_x);
  ins_matrix_clear(&predicted);
  ins_grid_destroy(&grid);
}

static void ridge_with_more_samples_agrees_with_normal_equations(void **state) {
  (void)state;
  compare_ridge(9, 31, INS_F64, 1e-10);
  compare_ridge(9, 31, INS_F32, 2e-4);
}

static void ridge_with_more_neurons_agrees_with_normal_equations(void **state) {
  (void)state;
  compare_ridge(37, 14, INS_F64, 1e-10);
  compare_ridge(37, 14, INS_F32, 2e-4);
}

/* The sum of 20000 times 0.1 is off by more digits than one number has: the neuron must not pass
 * for one that varies, or a sample that differs is predicted to be anywhere. */
static void a_neuron_that_is_constant_in_training_has_no_weight(void **state) {
  enum { SAMPLES = 20000 };
  ins_grid *grid;
  ins_matrix x, y, tested, predicted;
  ins_ridge *ridge;
  double *row = calloc(SAMPLES, sizeof *row), at[] = {0.3, 7}, out;
  (void)state;
  OK(ins_grid_create(MPI_COMM_WORLD, 64, &grid));
  OK(ins_matrix_create(grid, INS_F64, 2, SAMPLES, &x));
  OK(ins_matrix_create(grid, INS_F64, SAMPLES, 1, &y));
  OK(ins_matrix_create(grid, INS_F64, 2, 1, &tested));
  OK(ins_matrix_create(grid, INS_F64, 1, 1, &predicted));
  for (size_t i = 0; i < SAMPLES; i++) row[i] = normal(8, 0, i);
  ins_matrix_scatter(&x, 0, 1, 0, SAMPLES, row);
  ins_matrix_scatter(&y, 0, SAMPLES, 0, 1, row);
  for (size_t i = 0; i < SAMPLES; i++) row[i] = 0.1;
  ins_matrix_scatter(&x, 1, 1, 0, SAMPLES, row);
  ins_matrix_scatter(&tested, 0, 2, 0, 1, at);
  OK(ins_ridge_create(&x, &y, &ridge));
  assert_true(ridge->scale[1] == 0);
  OK(ins_ridge_predict(ridge, 1e-9, &tested, &predicted));
  OK(ins_matrix_gather(&predicted, 0, 1, 0, 1, &out));
  assert_true(fabs(out - 0.3) < 1e-6);
  free(row);
  ins_ridge_destroy(&ridge);
  ins_matrix_clear(&y);
  ins_matrix_clear(&tested);
  ins_matrix_clear(&predicted);
  ins_grid_destroy(&grid);
}

/* Single precision has steps of 1/16 at a million: what varies by a half is no rounding. */
static void a_neuron_with_a_high_baseline_has_weight(void **state) {
  enum { SAMPLES = 60 };
  ins_grid *grid;
  ins_matrix x, y;
  ins_ridge *ridge;
  double row[SAMPLES], z[SAMPLES];
  (void)state;
  for (size_t i = 0; i < SAMPLES; i++) row[i] = 1e6 + (z[i] = 0.5 * normal(9, 0, i));
  OK(ins_grid_create(MPI_COMM_WORLD, 4, &grid));
  OK(ins_matrix_create(grid, INS_F32, 1, SAMPLES, &x));
  OK(ins_matrix_create(grid, INS_F32, SAMPLES, 1, &y));
  ins_matrix_scatter(&x, 0, 1, 0, SAMPLES, row);
  ins_matrix_scatter(&y, 0, SAMPLES, 0, 1, z);
  OK(ins_ridge_create(&x, &y, &ridge));
  assert_true(fabs(1 / ridge->scale[0] - 0.5) < 0.15);
  ins_ridge_destroy(&ridge);
  ins_matrix_clear(&y);
  ins_grid_destroy(&grid);
}

/* ---- decoding -----------------------------------------------------------------------------------
 */

static analysis_data responses(const double *x, size_t n, size_t k, size_t r) {
  return (analysis_data){.n_item_axes = 1,
                         .n_axes = r ? 3 : 2,
                         .axes = {"neuron", "stimulus", "repeat"},
                         .lengths = {n, k, r},
                         .values = x,
                         .seed = 4};
}

/* Neurons with preferred angles around the circle of k stimuli, and noise. */
static double *tuned(size_t n, size_t k, size_t r, double noise) {
  const size_t trials = r ? r : 1;
  double *x = calloc(n * k * trials, sizeof *x);
  for (size_t i = 0; i < n * k * trials; i++) {
    const size_t neuron = i / trials / k, stimulus = i / trials % k;
    const double angle = 2 * M_PI * ((double)stimulus / (double)k - (double)neuron / (double)n);
    x[i] = 3 * exp(1.5 * (cos(angle) - 1)) + noise * normal(6, 0, i);
  }
  return x;
}

static double number(const analysis_test *t, const char *name) {
  double *x = analysis_read(t, name), first = x[0];
  free(x);
  return first;
}

/* Many neurons fit any labels of few trials: what leaks would show as accuracy above chance, whose
 * standard deviation of 100 trials is 0.043. */
static void pure_noise_is_decoded_at_chance(void **state) {
  (void)state;
  enum { N = 150, K = 4, R = 25 };
  double *x = calloc(N * K * R, sizeof *x);
  for (size_t i = 0; i < N * K * R; i++) x[i] = normal(7, 0, i);
  const analysis_data d = responses(x, N, K, R);
  analysis_test t = decode(&d, "folds: 5");
  assert_true(number(&t, "chance") == 0.25);
  assert_true(fabs(number(&t, "accuracy") - 0.25) < 0.15);
  analysis_clear(&t);
  t = decode(&d, "target: stimulus, folds: 5");
  assert_true(number(&t, "r_squared") < 0.1);
  assert_true(fabs(number(&t, "correlation")) < 0.3);
  analysis_clear(&t);
  free(x);
}

static void which_stimulus_it_was_is_decoded(void **state) {
  (void)state;
  enum { N = 30, K = 6, R = 5 };
  double *x = tuned(N, K, R, 0.3);
  const analysis_data d = responses(x, N, K, R);
  analysis_test t = decode(&d, "precision: double");
  double *confusion = analysis_read(&t, "confusion"), *decoded = analysis_read(&t, "decoded"),
         *fold = analysis_read(&t, "fold_accuracy"), *lambda = analysis_read(&t, "chosen_lambda"),
         *error = analysis_read(&t, "training_error");
  double right = 0, folds = 0;
  size_t counted[K * K] = {0};
  for (size_t i = 0; i < K * R; i++) counted[i % K * K + (size_t)decoded[i]]++;
  for (size_t i = 0; i < K * K; i++) assert_int_equal(confusion[i], counted[i]);
  for (size_t k = 0; k < K; k++) right += confusion[k * K + k] / (K * R);
  for (size_t f = 0; f < R; f++) folds += fold[f] / R;
  assert_true(fabs(number(&t, "accuracy") - right) < 1e-12 && fabs(folds - right) < 1e-12);
  assert_true(right > 0.9);
  for (size_t f = 0; f < R; f++) { /* the chosen penalty is the one of least error in training */
    size_t best = 0;
    for (size_t l = 1; l < 8; l++)
      if (!(error[f * 8 + l] >= error[f * 8 + best])) best = l;
    assert_true(fabs(log10(lambda[f]) - ((double)best - 4)) < 1e-6);
  }
  free(confusion);
  free(decoded);
  free(fold);
  free(lambda);
  free(error);
  free(x);
  analysis_clear(&t);
}

static void a_planted_angle_is_decoded_around_the_circle(void **state) {
  (void)state;
  enum { N = 40, K = 16, R = 6 };
  double *x = tuned(N, K, R, 0.2);
  const analysis_data d = responses(x, N, K, R);
  analysis_test t = decode(&d, "target: stimulus, circular: 16");
  double *decoded = analysis_read(&t, "decoded"), *at = analysis_read(&t, "mean_absolute_error_at");
  double error = 0, mean_at = 0;
  for (size_t i = 0; i < K * R; i++) {
    assert_true(decoded[i] >= 0 && decoded[i] <= 16);
    error += fabs(remainder(decoded[i] - (double)(i % K), 16)) / (K * R);
  }
  for (size_t k = 0; k < K; k++) mean_at += at[k] / K;
  assert_true(error < 0.5);
  assert_true(fabs(number(&t, "mean_absolute_error") - error) < 1e-9);
  assert_true(fabs(mean_at - error) < 1e-9);
  assert_true(number(&t, "r_squared") > 0.9 && number(&t, "correlation") > 0.9);
  analysis_clear(&t);
  t = decode(&d, "target: stimulus"); /* across the gap a line cannot go */
  assert_true(number(&t, "mean_absolute_error") > 2 * error);
  analysis_clear(&t);
  free(decoded);
  free(at);
  free(x);
}

/* Without repeats, whole conditions are left out. */
static void without_repeats_conditions_that_were_never_seen_are_decoded(void **state) {
  (void)state;
  enum { N = 25, K = 24 };
  double *x = tuned(N, K, 0, 0.05);
  const analysis_data d = responses(x, N, K, 0);
  analysis_test t = decode(&d, "target: stimulus, circular: 24"), u;
  assert_true(number(&t, "r_squared") > 0.9);
  assert_int_equal(ins_layout_row(t.layout, analysis_find(&t, "chosen_lambda")), 10);
  assert_int_equal(analysis_declare(&d, &ins_decoding, ins_decoding_keys, NULL, &u),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "repeats"));
  analysis_clear(&t);
  analysis_clear(&u);
  free(x);
}

static void more_neurons_decode_better(void **state) {
  (void)state;
  enum { N = 32, K = 8, R = 4 };
  double *x = tuned(N + 2, K, R, 0.8);
  memset(x + 5 * K * R, 0, K * R * sizeof *x); /* silent */
  x[9 * K * R] = NAN;
  const analysis_data d = responses(x, N + 2, K, R);
  analysis_test t = decode(&d, "neurons_curve: [2, 8, 32, 33], draws: 3");
  double *curve = analysis_read(&t, "curve_accuracy"), *flag = analysis_read(&t, "flag");
  assert_int_equal(flag[5], INS_ITEM_SILENT);
  assert_int_equal(flag[9], INS_ITEM_MISSING);
  assert_true(curve[0] + curve[1] + curve[2] < curve[3] + curve[4] + curve[5]);
  assert_true(curve[3] + curve[4] + curve[5] < curve[6] + curve[7] + curve[8]);
  for (size_t i = 0; i < 3; i++) {
    assert_true(fabs(curve[6 + i] - number(&t, "accuracy")) < 1e-12); /* all that vary */
    assert_true(isnan(curve[9 + i]));
  }
  free(curve);
  free(flag);
  analysis_clear(&t);
  t = decode(&d, "target: stimulus, circular: 8, neurons_curve: [4, 32], draws: 2");
  double *error = analysis_read(&t, "curve_mean_absolute_error");
  assert_true(error[0] + error[1] > error[2] + error[3]);
  free(error);
  analysis_clear(&t);
  free(x);
}

static void silent_neurons_have_no_influence(void **state) {
  (void)state;
  enum { N = 9, K = 5, R = 4 };
  double *x = tuned(N, K, R, 0.5), *more = calloc(2 * N * K * R, sizeof *more);
  for (size_t n = 0; n < N; n++)
    memcpy(more + (2 * n + 1) * K * R, x + n * K * R, K * R * sizeof *x);
  for (size_t i = 0; i < 2 * N * K * R; i++)
    if (i / (K * R) % 2 == 0) more[i] = 7;
  const analysis_data few = responses(x, N, K, R), many = responses(more, 2 * N, K, R);
  analysis_test t = decode(&few, "target: stimulus, precision: double"), /* 15 samples: primal */
      u = decode(&many, "target: stimulus, precision: double");          /* dual */
  double *a = analysis_read(&t, "decoded"), *b = analysis_read(&u, "decoded");
  for (size_t i = 0; i < K * R; i++) assert_true(fabs(a[i] - b[i]) < 1e-9);
  free(a);
  free(b);
  free(x);
  free(more);
  analysis_clear(&t);
  analysis_clear(&u);
}

static void nothing_but_silence_decodes_the_mean(void **state) {
  (void)state;
  enum { N = 3, K = 4, R = 3 };
  double *x = calloc(N * K * R, sizeof *x);
  const analysis_data d = responses(x, N, K, R);
  analysis_test t = decode(&d, "target: stimulus");
  double *decoded = analysis_read(&t, "decoded");
  for (size_t i = 0; i < K * R; i++) assert_true(fabs(decoded[i] - 1.5) < 1e-6);
  assert_true(number(&t, "correlation") == 0 && fabs(number(&t, "r_squared")) < 1e-9);
  free(decoded);
  free(x);
  analysis_clear(&t);
}

static void refuse(const analysis_data *d, const char *yaml, const char *says) {
  analysis_test t;
  assert_int_equal(analysis_declare(d, &ins_decoding, ins_decoding_keys, yaml, &t),
                   INS_ERR_ARGUMENT);
  if (!strstr(ins_message(), says)) fail_msg("%s", ins_message());
  analysis_clear(&t);
}

static void what_cannot_be_decoded_is_refused(void **state) {
  (void)state;
  double *x = tuned(4, 5, 3, 1);
  const analysis_data d = responses(x, 4, 5, 3);
  refuse(&d, "folds: 4", "4 folds of 3 repeats");
  refuse(&d, "target: contrast", "no axis contrast");
  refuse(&d, "neurons_curve: [2, 5]", "5 neurons are more than the 4");
  refuse(&d, "target: stimulus, circular: 4", "once around");
  free(x);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ridge_with_more_samples_agrees_with_normal_equations),
      cmocka_unit_test(ridge_with_more_neurons_agrees_with_normal_equations),
      cmocka_unit_test(a_neuron_that_is_constant_in_training_has_no_weight),
      cmocka_unit_test(a_neuron_with_a_high_baseline_has_weight),
      cmocka_unit_test(pure_noise_is_decoded_at_chance),
      cmocka_unit_test(which_stimulus_it_was_is_decoded),
      cmocka_unit_test(a_planted_angle_is_decoded_around_the_circle),
      cmocka_unit_test(without_repeats_conditions_that_were_never_seen_are_decoded),
      cmocka_unit_test(more_neurons_decode_better),
      cmocka_unit_test(silent_neurons_have_no_influence),
      cmocka_unit_test(nothing_but_silence_decodes_the_mean),
      cmocka_unit_test(what_cannot_be_decoded_is_refused),
  };
  return analysis_main(argc, argv, tests);
}
