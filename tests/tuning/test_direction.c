/* SPDX-License-Identifier: MIT */
/** Direction and orientation: planted tuning is found, noise is not. */
#include "cmocka_all.h"

#include "cell.h"
#include "planted.h"

static const ins_analysis *const ANALYSIS = &ins_direction_analysis;

static const ins_measure *run(cell *c, const char *name) {
  assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
  return cell_get(ANALYSIS, c, name);
}

static double value(const cell *c, const char *name) {
  const ins_measure *m = cell_get(ANALYSIS, c, name);
  assert_true(m->valid);
  return m->value;
}

/* peak exp(kappa (cos(x - preferred) - 1)) */
static void von_mises(cell *c, size_t n, double preferred, double kappa, double peak) {
  for (size_t i = 0; i < n; i++) {
    c->y[i] = peak * exp(kappa * (cos(cell_radians(c->x[i] - preferred)) - 1));
  }
}

static double circular_difference(double a, double b, double period) {
  return fabs(remainder(a - b, period));
}

static cell CELL; /* too large for some stacks */

static void preferred_directions_are_found(void **state) {
  (void)state;
  cell *c = &CELL;
  for (double preferred = 1; preferred < 360; preferred += 13.7) {
    cell_directions(c, 12, 5);
    von_mises(c, 12, preferred, 1.5, 20);
    cell_set(c, 1, 12, 0);
    run(c, "dsi");
    assert_true(circular_difference(value(c, "preferred_direction_deg"), preferred, 360) < 0.1);
    assert_true(circular_difference(value(c, "preferred_orientation_deg"), preferred, 180) < 0.6);
    assert_in_range((int)value(c, "preferred_orientation_deg"), 0, 179);
    /* I1(1.5)/I0(1.5) and I2(1.5)/I0(1.5): many directions are nearly the whole circle */
    assert_true(fabs(value(c, "dsi_vector_sum") - 0.59613) < 1e-3);
    assert_true(fabs(value(c, "osi_vector_sum") - 0.20517) < 2e-3);
  }
}

static void cosine_tuning_has_its_analytic_index(void **state) {
  (void)state;
  cell *c = &CELL;
  for (size_t n = 3; n <= 24; n++) {
    cell_directions(c, n, 7);
    for (size_t i = 0; i < n; i++) c->y[i] = 5 * (1 + 0.8 * cos(cell_radians(c->x[i] - 100)));
    cell_set(c, 1, n, 0);
    run(c, "dsi");
    assert_true(fabs(value(c, "dsi_vector_sum") - 0.4) < 1e-12);
    assert_true(fabs(value(c, "preferred_direction_deg") - 100) < 1e-9);
    double width = sqrt(-2 * log(0.4)) * 180 / M_PI;
    assert_true(fabs(value(c, "direction_tuning_width_deg") - width) < 1e-9);
  }
}

static void unequal_directions_count_by_their_bins(void **state) {
  (void)state;
  cell *c = &CELL;
  /* The first direction four times, as 10, 370, 730 and -350: still one bin. */
  const double x[] = {10, 370, 730, -350, 82, 154, 226, 298};
  memcpy(c->x, x, sizeof x);
  for (size_t i = 0; i < 8; i++) c->y[i] = 3 + 2 * cos(cell_radians(x[i] - 40));
  cell_set(c, 1, 8, 0);
  run(c, "dsi");
  assert_true(fabs(value(c, "dsi_vector_sum") - 1.0 / 3) < 1e-9);
  assert_true(fabs(value(c, "preferred_direction_deg") - 40) < 1e-6);
}

static void the_singular_vector_gives_the_min_max_index(void **state) {
  (void)state;
  cell *c = &CELL;
  size_t n = 8, n_frames = 20;
  cell_directions(c, n, 0);
  for (size_t i = 0; i < n; i++) c->y[i] = 4 + 3 * cos(cell_radians(c->x[i] - 90));
  for (size_t k = 0; k < n * n_frames; k++) {
    size_t f = k % n_frames;
    c->traces[k] = 2 + (f < 5 ? 0 : c->y[k / n_frames] * sin(0.2 * (double)(f - 5)));
  }
  cell_set_traces(c, 1, n, 0, n_frames, 30, 0);
  c->data.onset = 5;
  run(c, "dsi");
  /* 0..1: (1 + cos)/2, whose vector sum is 1/2; d = 45 degrees */
  double d = M_PI / 4;
  assert_true(fabs(value(c, "dsi") - 0.5 * (d / 2) / sin(d / 2)) < 1e-9);
  assert_true(fabs(value(c, "dsi_vector_sum") - 3.0 / 8) < 1e-9);
  assert_true(fabs(value(c, "osi")) < 1e-9);
}

static void suppressed_cells_keep_the_sign_of_their_responses(void **state) {
  (void)state;
  cell *c = &CELL;
  size_t n = 12, n_frames = 20;
  cell_directions(c, n, 0);
  /* Suppression by 90 degrees: the response is largest at 270, where the trace changes least. */
  for (size_t i = 0; i < n; i++) c->y[i] = 10 - 4 * (1 + cos(cell_radians(c->x[i] - 90)));
  for (size_t k = 0; k < n * n_frames; k++) {
    c->traces[k] = k % n_frames < 5 ? 10 : c->y[k / n_frames];
  }
  cell_set_traces(c, 1, n, 0, n_frames, 30, 0);
  c->data.onset = 5;
  run(c, "dsi");
  double d = M_PI / 6;
  assert_true(fabs(value(c, "dsi") - 0.5 * (d / 2) / sin(d / 2)) < 1e-9);
  assert_true(fabs(value(c, "preferred_direction_deg") - 270) < 1e-9);
}

/* Grouping a continuous curve into bins shortens its vector; Zar's factor undoes exactly that. */
static void zars_correction_undoes_grouping(void **state) {
  (void)state;
  cell *c = &CELL;
  for (size_t n = 4; n <= 12; n += 2) {
    double width = 360.0 / (double)n, least = INFINITY;
    cell_directions(c, n, 0);
    for (size_t i = 0; i < n; i++) {
      c->y[i] = 0;
      for (int k = 0; k < 1000; k++) {
        double at = c->x[i] - width / 2 + width * (k + 0.5) / 1000;
        c->y[i] += exp(cos(cell_radians(at))) / 1000;
      }
      least = fmin(least, c->y[i]);
    }
    cell_set(c, 1, n, 0);
    run(c, "dsi");
    /* min-max takes the smallest bin off; the continuous curve without it */
    double i0 = 1.2660658777520084, i1 = 0.565159103992485; /* Bessel functions at 1 */
    /* few bins leave the harmonics that look like the first one, of order n - 1 and n + 1 */
    assert_true(fabs(value(c, "dsi") - i1 / (i0 - least)) < (n < 6 ? 0.02 : 1e-3));
  }
}

static void the_opposite_direction_is_interpolated(void **state) {
  (void)state;
  cell *c = &CELL;
  const double x[] = {0, 72, 144, 216, 288}, y[] = {10, 4, 1, 3, 4};
  memcpy(c->x, x, sizeof x);
  memcpy(c->y, y, sizeof y);
  cell_set(c, 1, 5, 0);
  assert_true(fabs(run(c, "dsi_preferred_null")->value - 8.0 / 12) < 1e-12);
}

static void orientation_has_no_direction(void **state) {
  (void)state;
  cell *c = &CELL;
  cell_directions(c, 12, 5);
  for (size_t i = 0; i < 12; i++) c->y[i] = 3 + 2 * cos(2 * cell_radians(c->x[i] - 130));
  cell_set(c, 1, 12, 0);
  run(c, "dsi");
  assert_true(fabs(value(c, "preferred_orientation_deg") - 130) < 1e-9);
  assert_true(fabs(value(c, "osi_vector_sum") - 1.0 / 3) < 1e-12);
  assert_true(value(c, "dsi_vector_sum") < 1e-12);
  assert_false(cell_get(ANALYSIS, c, "preferred_direction_deg")->valid);
  /* Static things need half the circle only, and give the orientation alone. */
  for (size_t i = 0; i < 6; i++) c->y[i] = 3 + 2 * cos(2 * cell_radians(c->x[i] - 130));
  c->data.n = 6;
  assert_int_equal(ins_orientation_analysis.run(&c->data, c->out), INS_OK);
  const ins_measure *m = cell_get(&ins_orientation_analysis, c, "preferred_orientation_deg");
  assert_true(m->valid && fabs(m->value - 130) < 1e-9);
  assert_int_equal(ins_orientation_analysis.n_indices, 3);
}

static void nothing_is_said_of_silent_or_half_seen_cells(void **state) {
  (void)state;
  cell *c = &CELL;
  cell_directions(c, 8, 0);
  memset(c->y, 0, sizeof c->y);
  cell_set(c, 1, 8, 4);
  run(c, "dsi");
  for (size_t i = 0; i < ANALYSIS->n_indices; i++) {
    assert_false(c->out[i].valid);
    assert_true(isnan(c->out[i].value) && isnan(c->out[i].p) && isnan(c->out[i].low));
  }
  for (size_t i = 0; i < 8; i++) c->y[i] = 2;
  c->y[3] = NAN;
  assert_false(run(c, "dsi_vector_sum")->valid);
  /* 0 to 120 degrees do not span the circle of directions, but that of axes */
  for (size_t i = 0; i < 4; i++) {
    c->x[i] = 40 * (double)i;
    c->y[i] = (double)(i + 1);
  }
  cell_set(c, 1, 4, 0);
  assert_false(run(c, "dsi_vector_sum")->valid);
  assert_true(value(c, "osi_vector_sum") > 0);
  cell_set(c, 1, 2, 0);
  assert_false(run(c, "osi_vector_sum")->valid);
  /* a flat profile has no min-max index, but a plain one of 0 */
  cell_directions(c, 8, 0);
  for (size_t i = 0; i < 8; i++) c->y[i] = 2;
  cell_set(c, 1, 8, 0);
  assert_false(run(c, "dsi")->valid);
  assert_true(value(c, "dsi_vector_sum") < 1e-12);
}

static void order_of_conditions_does_not_matter(void **state) {
  (void)state;
  static cell a, b;
  cell_directions(&a, 10, 3);
  von_mises(&a, 10, 77, 1, 6);
  cell_set(&a, 5, 10, 6);
  run(&a, "dsi");
  b = a;
  b.data.x = b.x, b.data.y = b.y, b.data.trials = b.trials;
  for (size_t i = 0; i < 10; i++) {
    size_t j = (i * 7 + 3) % 10;
    b.x[i] = a.x[j];
    b.y[i] = a.y[j];
    memcpy(b.trials + i * 6, a.trials + j * 6, 6 * sizeof *b.trials);
  }
  memset(b.out, 0, sizeof b.out);
  run(&b, "dsi");
  for (size_t i = 0; i < ANALYSIS->n_indices; i++) {
    assert_memory_equal(&a.out[i].value, &b.out[i].value, 4 * sizeof(double));
    assert_int_equal(a.out[i].valid, b.out[i].valid);
  }
}

/* A flat cell's p is uniform: Kolmogorov-Smirnov at 0.001, and few below 0.05. */
static void flat_cells_have_uniform_p(void **state) {
  (void)state;
  enum { N = 300 };
  static const char *const names[] = {"dsi_vector_sum", "osi_vector_sum", "dsi"};
  cell *c = &CELL;
  static double p[3][N], q[N];
  for (uint64_t seed = 0; seed < N; seed++) {
    cell_directions(c, 12, 0);
    for (size_t i = 0; i < 12; i++) c->y[i] = 3;
    cell_set(c, seed, 12, 10);
    c->data.statistics.n_permutations = 200;
    c->data.statistics.n_resamples = 0;
    /* flat but for a breath, so that the min-max index exists */
    c->y[0] += 1e-6;
    run(c, "dsi");
    for (size_t k = 0; k < 3; k++) p[k][seed] = cell_get(ANALYSIS, c, names[k])->p;
  }
  for (size_t k = 0; k < 3; k++) {
    double worst = 0;
    size_t n_significant = 0;
    for (size_t i = 0; i < N; i++) {
      size_t n_below = 0;
      for (size_t j = 0; j < N; j++) n_below += p[k][j] <= p[k][i];
      worst = fmax(worst, fabs((double)n_below / N - p[k][i]));
    }
    assert_true(worst < 1.95 / sqrt(N) + 0.01);
    assert_int_equal(ins_false_discovery(N, p[k], q), INS_OK);
    for (size_t i = 0; i < N; i++) n_significant += q[i] < 0.05;
    assert_true(n_significant <= 3);
  }
}

static void tuned_cells_are_found_and_intervals_hold_the_truth(void **state) {
  (void)state;
  enum { N = 200 };
  cell *c = &CELL;
  size_t n_found = 0, n_held = 0;
  for (uint64_t seed = 0; seed < N; seed++) {
    double preferred = 360.0 * (double)seed / N;
    cell_directions(c, 12, 5);
    von_mises(c, 12, preferred, 1, 8);
    cell_set(c, seed, 12, 10);
    const ins_measure *m = run(c, "preferred_direction_deg");
    assert_true(m->low <= m->high);
    n_held += m->low <= m->value && m->value <= m->high;
    n_found += cell_get(ANALYSIS, c, "dsi_vector_sum")->p < 0.01;
    const ins_measure *width = cell_get(ANALYSIS, c, "direction_tuning_width_deg");
    assert_true(width->low < width->high);
  }
  assert_true(n_found >= N - 2);
  /* 95 %, a percentile bootstrap of 10 repeats holds a little less: 4 SD of a binomial about 93 %
   */
  assert_in_range(n_held, (size_t)(0.86 * N), N - 1);
}

static void without_repeats_there_are_no_tests(void **state) {
  (void)state;
  cell *c = &CELL;
  cell_directions(c, 12, 5);
  von_mises(c, 12, 30, 1, 8);
  cell_set(c, 1, 12, 0);
  run(c, "dsi");
  for (size_t i = 0; i < ANALYSIS->n_indices; i++) {
    assert_true(c->out[i].valid);
    assert_true(isnan(c->out[i].p) && isnan(c->out[i].low) && isnan(c->out[i].high));
  }
  cell_set(c, 1, 12, 5);
  run(c, "dsi");
  for (size_t i = 0; i < ANALYSIS->n_indices; i++) {
    assert_int_equal(!isnan(c->out[i].low), ANALYSIS->indices[i].interval);
    assert_int_equal(!isnan(c->out[i].p), ANALYSIS->indices[i].test);
  }
}

static void nonsense_gives_no_value_or_a_finite_one(void **state) {
  (void)state;
  planted_survives_nonsense(&ins_direction_analysis, 10, 300);
  planted_survives_nonsense(&ins_orientation_analysis, 10, 300);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(preferred_directions_are_found),
      cmocka_unit_test(cosine_tuning_has_its_analytic_index),
      cmocka_unit_test(unequal_directions_count_by_their_bins),
      cmocka_unit_test(the_singular_vector_gives_the_min_max_index),
      cmocka_unit_test(suppressed_cells_keep_the_sign_of_their_responses),
      cmocka_unit_test(zars_correction_undoes_grouping),
      cmocka_unit_test(the_opposite_direction_is_interpolated),
      cmocka_unit_test(orientation_has_no_direction),
      cmocka_unit_test(nothing_is_said_of_silent_or_half_seen_cells),
      cmocka_unit_test(order_of_conditions_does_not_matter),
      cmocka_unit_test(flat_cells_have_uniform_p),
      cmocka_unit_test(tuned_cells_are_found_and_intervals_hold_the_truth),
      cmocka_unit_test(without_repeats_there_are_no_tests),
      cmocka_unit_test(nonsense_gives_no_value_or_a_finite_one),
  };
  return cmocka_run_group_tests_name("tuning.direction", tests, NULL, NULL);
}
