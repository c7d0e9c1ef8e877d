/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "cmocka_all.h"
#include "insilico/tuning.h"

typedef struct landscape {
  double (*f)(const double *x);
  const double *low, *high, *period; /* what may be asked */
  size_t n, n_calls, fails_at;
} landscape;

static ins_status value(void *context, const double *x, double *out) {
  landscape *l = context;
  for (size_t i = 0; i < l->n; i++) {
    double low = l->period[i] > 0 ? 0 : l->low[i],
           high = l->period[i] > 0 ? l->period[i] : l->high[i];
    assert_true(x[i] >= low && x[i] <= high);
  }
  if (++l->n_calls == l->fails_at) return ins_fail(INS_ERR_STOPPED, "enough");
  *out = l->f(x);
  return INS_OK;
}

static double hill(const double *x) {
  return 3 - (x[0] - 0.3) * (x[0] - 0.3) - 4 * (x[1] + 0.7) * (x[1] + 0.7);
}

static double valley(const double *x) {
  return -100 * pow(x[1] - x[0] * x[0], 2) - (1 - x[0]) * (1 - x[0]);
}

static double slope(const double *x) {
  return x[0] - 2 * x[1];
}

/* Greatest at 350 degrees and a size of 200. */
static double direction_and_size(const double *x) {
  return exp(cos((x[0] - 350) * M_PI / 180)) - pow(log(x[1] / 200), 2);
}

static double pit(const double *x) {
  return x[0] > 0.5 ? NAN : x[0];
}

static double nothing(const double *x) {
  (void)x;
  return NAN;
}

static const double wide_low[] = {-2, -2}, wide_high[] = {2, 2}, straight[] = {0, 0};

static void run(landscape *l, const double *step, size_t n_most, double *x, double *best,
                size_t *n_used) {
  assert_int_equal(
      ins_compass_search(value, l, l->n, l->low, l->high, l->period, step, n_most, x, best, n_used),
      INS_OK);
  assert_int_equal(*n_used, l->n_calls);
  assert_true(*n_used <= n_most);
}

static void the_top_of_a_hill_is_found(void **state) {
  (void)state;
  landscape l = {hill, wide_low, wide_high, straight, 2, 0, 0};
  double x[] = {-1.9, 1.8}, step[] = {0.5, 0.5}, best;
  size_t n_used;
  run(&l, step, 1000, x, &best, &n_used);
  /* The last step is 0.5/64. */
  assert_float_equal(x[0], 0.3, 0.5 / 64);
  assert_float_equal(x[1], -0.7, 0.5 / 64);
  assert_true(best == hill(x));
  assert_true(n_used < 100);
}

/* Along a curved ridge steps of one parameter alone do not lead to the top; the promise is an end
 * that none of the smallest steps improves. */
static void the_end_is_better_than_its_neighbours(void **state) {
  (void)state;
  landscape l = {valley, wide_low, wide_high, straight, 2, 0, 0};
  double x[] = {-1.2, 0.1}, step[] = {0.5, 0.5}, best, first = valley(x);
  size_t n_used;
  run(&l, step, 5000, x, &best, &n_used);
  assert_true(best > first / 10);
  for (int k = 0; k < 4; k++) {
    double near[] = {x[0], x[1]};
    near[k / 2] += k % 2 ? 0.5 / 64 : -0.5 / 64;
    assert_true(valley(near) <= best);
  }
}

static void bounds_are_kept_and_reached(void **state) {
  (void)state;
  landscape l = {slope, wide_low, wide_high, straight, 2, 0, 0};
  double x[] = {5, 0.1}, step[] = {0.3, 0.3}, best;
  size_t n_used;
  run(&l, step, 1000, x, &best, &n_used);
  assert_true(x[0] == 2 && x[1] == -2 && best == 6);
}

static void a_circular_parameter_goes_through_zero(void **state) {
  (void)state;
  const double low[] = {0, 50}, high[] = {0, 600}, period[] = {360, 0};
  landscape l = {direction_and_size, low, high, period, 2, 0, 0};
  double x[] = {40, 500}, step[] = {30, 100}, best;
  size_t n_used;
  run(&l, step, 1000, x, &best, &n_used);
  assert_float_equal(x[0], 350, 30.0 / 64);
  assert_float_equal(x[1], 200, 100.0 / 64);
  x[0] = -30; /* the same as 330 */
  l.n_calls = 0;
  run(&l, step, 1000, x, &best, &n_used);
  assert_float_equal(x[0], 350, 30.0 / 64);
}

static void evaluations_are_counted_and_capped(void **state) {
  (void)state;
  const double step[] = {0.01, 0.01};
  for (size_t n_most = 0; n_most < 40; n_most++) {
    landscape l = {hill, wide_low, wide_high, straight, 2, 0, 0};
    double x[] = {-1.9, 1.8}, start[] = {-1.9, 1.8}, best;
    size_t n_used;
    run(&l, step, n_most, x, &best, &n_used);
    assert_int_equal(n_used, n_most);
    if (n_most == 0)
      assert_true(isnan(best));
    else
      assert_true(best == hill(x) && best >= hill(start));
  }
}

static void what_is_no_number_is_never_the_best(void **state) {
  (void)state;
  landscape l = {pit, wide_low, wide_high, straight, 1, 0, 0};
  double x[] = {1.5}, step[] = {0.5}, best;
  size_t n_used;
  run(&l, step, 1000, x, &best, &n_used);
  /* From the first place nothing but 0.5 - too far for one step, and no number - is in sight. */
  assert_true(isnan(best) || best <= 0.5);
  double inside[] = {-1};
  l.n_calls = 0;
  run(&l, step, 1000, inside, &best, &n_used);
  assert_true(best == 0.5 && inside[0] == 0.5);
  landscape none = {nothing, wide_low, wide_high, straight, 2, 0, 0};
  double anywhere[] = {0, 0}, steps[] = {1, 1};
  run(&none, steps, 1000, anywhere, &best, &n_used);
  assert_true(isnan(best) && anywhere[0] == 0 && anywhere[1] == 0);
}

static void a_failing_evaluation_ends_the_search(void **state) {
  (void)state;
  const double step[] = {0.5, 0.5};
  for (size_t k = 1; k < 10; k++) {
    landscape l = {hill, wide_low, wide_high, straight, 2, 0, k};
    double x[] = {-1.9, 1.8}, best;
    size_t n_used;
    assert_int_equal(ins_compass_search(value, &l, 2, wide_low, wide_high, straight, step, 1000, x,
                                        &best, &n_used),
                     INS_ERR_STOPPED);
    assert_int_equal(n_used, k);
  }
}

static void equal_arguments_give_equal_bits(void **state) {
  (void)state;
  double results[2][3];
  const double step[] = {0.37, 0.21};
  for (int k = 0; k < 2; k++) {
    landscape l = {valley, wide_low, wide_high, straight, 2, 0, 0};
    size_t n_used;
    results[k][0] = -1.3;
    results[k][1] = 0.2;
    run(&l, step, 300, results[k], &results[k][2], &n_used);
  }
  assert_memory_equal(results[0], results[1], sizeof results[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_top_of_a_hill_is_found),
      cmocka_unit_test(the_end_is_better_than_its_neighbours),
      cmocka_unit_test(bounds_are_kept_and_reached),
      cmocka_unit_test(a_circular_parameter_goes_through_zero),
      cmocka_unit_test(evaluations_are_counted_and_capped),
      cmocka_unit_test(what_is_no_number_is_never_the_best),
      cmocka_unit_test(a_failing_evaluation_ends_the_search),
      cmocka_unit_test(equal_arguments_give_equal_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
