/* SPDX-License-Identifier: MIT */
#include "analysis_fixture.h"

static analysis_test fisher(const analysis_data *d, const char *yaml) {
  return analysis_run(d, &ins_fisher_information, ins_fisher_information_keys, yaml);
}

/* Modified Bessel function of order 1, by its series. */
static double bessel_1(double x) {
  double term = x / 2, sum = 0;
  for (int k = 0; k < 60; k++) {
    sum += term;
    term *= x * x / 4 / (k + 1) / (k + 2);
  }
  return sum;
}

enum { N = 5, K = 180 };
static const double kappa[N] = {0.5, 1, 2, 3, 4}, peak[N] = {3, 10, 20, 5, 8};

static double *von_mises(void) {
  double *x = calloc(N * K, sizeof *x);
  for (int n = 0; n < N; n++)
    for (int k = 0; k < K; k++)
      x[n * K + k] = peak[n] * exp(kappa[n] * (cos(2 * M_PI * k / K - n) - 1));
  return x;
}

/* f'^2 / f = A k^2 sin^2 exp(k (cos - 1)), whose mean around the circle is A k exp(-k) I_1(k). */
static void von_mises_tuning_has_the_information_of_the_integral(void **state) {
  (void)state;
  double *x = von_mises();
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 2,
                           .axes = {"neuron", "direction"},
                           .lengths = {N, K},
                           .values = x};
  analysis_test t = fisher(&d, "period: 180, gain: 2, floor: 1e-9, precision: double");
  double *of = analysis_read(&t, "information_of"), *all = analysis_read(&t, "information"),
         *bound = analysis_read(&t, "cramer_rao_bound");
  const double step = 2 * M_PI / K; /* radians of one unit of the axis */
  for (int n = 0; n < N; n++) {
    const double truth = 2 * peak[n] * kappa[n] * exp(-kappa[n]) * bessel_1(kappa[n]) * step * step;
    /* The parabola's slope is off by h^2 f''' / 6. */
    assert_true(fabs(of[n] / truth - 1) < 1e-2);
  }
  for (int k = 0; k < K; k++) {
    double truth = 0;
    for (int n = 0; n < N; n++) {
      const double s = sin(2 * M_PI * k / K - n);
      truth += 2 * kappa[n] * kappa[n] * s * s * x[n * K + k] * step * step;
    }
    assert_true(fabs(all[k] / truth - 1) < 1e-2);
    assert_true(fabs(bound[k] * sqrt(all[k]) - 1) < 1e-9);
  }
  free(of);
  free(all);
  free(bound);
  free(x);
  analysis_clear(&t);
}

/* A parabola is its own interpolation: exact at the ends and on any grid. */
static void slopes_of_parabolas_are_exact_on_uneven_grids(void **state) {
  (void)state;
  double x[3 * 12];
  const double a[3] = {4, 1, 9}, b[3] = {0.5, 1, -0.2}, c[3] = {0.1, 0.3, 0.05};
  for (int n = 0; n < 3; n++)
    for (int k = 0; k < 12; k++) x[n * 12 + k] = a[n] + b[n] * k + c[n] * k * k;
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 2,
                           .axes = {"neuron", "contrast"},
                           .lengths = {3, 12},
                           .values = x,
                           .more = "where: {contrast: [0, 1, 4, 5, 9, 11]}"};
  const int at[6] = {0, 1, 4, 5, 9, 11};
  analysis_test t = fisher(&d, "along: contrast, precision: double");
  double *all = analysis_read(&t, "information");
  for (int i = 0; i < 6; i++) {
    double truth = 0;
    for (int n = 0; n < 3; n++) {
      const double slope = b[n] + 2 * c[n] * at[i];
      truth += slope * slope / x[n * 12 + at[i]];
    }
    assert_true(fabs(all[i] - truth) < 1e-9 * truth);
  }
  free(all);
  analysis_clear(&t);
}

/* Features [phase, direction, size]: the parameter is the middle one. */
static void other_axes_of_features_stay_and_groups_add_up(void **state) {
  (void)state;
  enum { P = 2, D = 6, S = 3, M = 4 };
  double x[M * P * D * S];
  for (int i = 0; i < M * P * D * S; i++) x[i] = 2 + sin(i * 1.7) + 0.5 * cos(i * 0.9);
  const char *const cell[M] = {"on", "off", "on", "sustained"};
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 4,
                           .axes = {"neuron", "phase", "direction", "size"},
                           .lengths = {M, P, D, S},
                           .values = x,
                           .labels = {{.name = "cell_type", .texts = cell}},
                           .more = "labels: [cell_type]"};
  analysis_test t = fisher(&d, "along: direction, period: 6, labels: cell_type, precision: double");
  double *all = analysis_read(&t, "information"), *of = analysis_read(&t, "information_of"),
         *group = analysis_read(&t, "information_of_group");
  double mean = 0, sum_of = 0;
  for (int p = 0; p < P; p++)
    for (int k = 0; k < D; k++)
      for (int s = 0; s < S; s++) {
        double truth = 0, on = 0;
        const int at = (p * D + k) * S + s;
        for (int n = 0; n < M; n++) {
          const double *f = x + n * P * D * S + p * D * S + s;
          const double slope = (f[(k + 1) % D * S] - f[(k + D - 1) % D * S]) / 2;
          truth += slope * slope / f[k * S];
          if (n == 0 || n == 2) on += slope * slope / f[k * S];
        }
        assert_true(fabs(all[at] - truth) < 1e-9);
        assert_true(fabs(group[1 * P * D * S + at] - on) < 1e-9); /* off, on, sustained */
        mean += truth / (P * D * S);
      }
  for (int n = 0; n < M; n++) sum_of += of[n];
  assert_true(fabs(mean - sum_of) < 1e-9);
  free(all);
  free(of);
  free(group);
  analysis_clear(&t);
}

static void the_floor_says_nothing_and_silent_neurons_are_flagged(void **state) {
  (void)state;
  double x[3 * 8];
  for (int k = 0; k < 8; k++) {
    x[k] = 0;                         /* silent */
    x[8 + k] = k < 4 ? 0.001 * k : 5; /* below the floor, then flat */
    x[16 + k] = k == 0 ? (double)NAN : k;
  }
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 2,
                           .axes = {"neuron", "contrast"},
                           .lengths = {3, 8},
                           .values = x};
  analysis_test t = fisher(&d, "floor: 0.5");
  double *all = analysis_read(&t, "information"), *flag = analysis_read(&t, "flag"),
         *bound = analysis_read(&t, "cramer_rao_bound"), *of = analysis_read(&t, "information_of");
  assert_int_equal(flag[0], INS_ITEM_SILENT);
  assert_int_equal(flag[1], INS_ITEM_USED);
  assert_int_equal(flag[2], INS_ITEM_MISSING);
  assert_true(of[0] == 0 && of[2] == 0);
  for (int k = 0; k < 8; k++) {
    const double slope = k == 3 || k == 4 ? 4.5 / 2 : 0, f = k < 4 ? 0.5 : 5;
    assert_true(fabs(all[k] - slope * slope / f) < 1e-5);
    assert_true(all[k] > 0 ? bound[k] > 0 : isnan(bound[k]));
  }
  free(all);
  free(flag);
  free(bound);
  free(of);
  analysis_clear(&t);
}

static void refuse(const analysis_data *d, const char *yaml, const char *says) {
  analysis_test t;
  assert_int_equal(
      analysis_declare(d, &ins_fisher_information, ins_fisher_information_keys, yaml, &t),
      INS_ERR_ARGUMENT);
  if (!strstr(ins_message(), says)) fail_msg("%s", ins_message());
  analysis_clear(&t);
}

static void what_cannot_be_is_refused_with_what_there_is(void **state) {
  (void)state;
  double x[2 * 3 * 4];
  for (int i = 0; i < 24; i++) x[i] = i;
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 3,
                           .axes = {"neuron", "phase", "direction"},
                           .lengths = {2, 3, 4},
                           .values = x};
  refuse(&d, "gain: 1", "phase, direction");
  refuse(&d, "along: contrast", "no axis contrast");
  refuse(&d, "along: direction, period: 3", "once around");
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(von_mises_tuning_has_the_information_of_the_integral),
      cmocka_unit_test(slopes_of_parabolas_are_exact_on_uneven_grids),
      cmocka_unit_test(other_axes_of_features_stay_and_groups_add_up),
      cmocka_unit_test(the_floor_says_nothing_and_silent_neurons_are_flagged),
      cmocka_unit_test(what_cannot_be_is_refused_with_what_there_is),
  };
  return analysis_main(argc, argv, tests);
}
