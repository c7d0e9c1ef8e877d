/* SPDX-License-Identifier: MIT */
/* How many ranks a job is worth, and how long they take. */
#include <math.h>

#include "app/plan_estimate.h"
#include "cmocka_all.h"

static ins_plan a_plan; /* of several kilobytes */

static void has_stage(size_t n_batches, double batch_seconds) {
  const size_t k = a_plan.stages.n++;
  a_plan.stage[k] = (ins_estimate){.n_tasks = 10 * n_batches,
                                   .n_batches = n_batches,
                                   .seconds = batch_seconds * (double)n_batches};
}

static int empty_plan(void **state) {
  (void)state;
  a_plan = (ins_plan){0};
  return 0;
}

static void close_to(double value, double expected) {
  if (fabs(value - expected) > 1e-9 * fabs(expected))
    fail_msg("%.17g is not %.17g", value, expected);
}

static void a_rank_is_worth_twenty_batches(void **state) {
  (void)state;
  has_stage(1000, 10);
  assert_int_equal(ins_plan_ranks(&a_plan), 50);
  a_plan.stage[0].n_batches = 999; /* none has fewer */
  a_plan.stage[0].seconds = 9990;
  assert_int_equal(ins_plan_ranks(&a_plan), 49);
  a_plan.stage[0].n_batches = 3;
  a_plan.stage[0].seconds = 3e5;
  assert_int_equal(ins_plan_ranks(&a_plan), 1);
}

static void twenty_batches_are_twenty_however_long_they_are(void **state) {
  (void)state;
  has_stage(0, 0);
  for (size_t ranks = 1; ranks < 3000; ranks += 7)
    for (double s = 0.1; s < 1e4; s *= 1.7) {
      a_plan.stage[0] = (ins_estimate){
          .n_tasks = 20 * ranks, .n_batches = 20 * ranks, .seconds = 20 * (double)ranks * s};
      const size_t busy = (size_t)(20 * (double)ranks * s / 60 + 1e-9);
      const size_t expected = busy < ranks ? busy : ranks;
      assert_int_equal(ins_plan_ranks(&a_plan), expected ? expected : 1);
    }
}

static void a_rank_is_worth_a_minute_of_work(void **state) {
  (void)state;
  has_stage(100000, 0.0015); /* 150 s */
  assert_int_equal(ins_plan_ranks(&a_plan), 2);
  a_plan.stage[0].seconds = 59;
  assert_int_equal(ins_plan_ranks(&a_plan), 1);
}

/* R is where the time of a batch of each stage is a twentieth of what R ranks have to do. */
static void stages_count_by_the_time_that_they_take(void **state) {
  (void)state;
  has_stage(4000, 10);
  assert_int_equal(ins_plan_ranks(&a_plan), 200);
  has_stage(4000, 10);
  assert_int_equal(ins_plan_ranks(&a_plan), 200);
  has_stage(10, 1); /* hardly adds to either */
  assert_int_equal(ins_plan_ranks(&a_plan), 190);
  has_stage(1, 1979); /* for this one all wait */
  assert_int_equal(ins_plan_ranks(&a_plan), 2);
  assert_int_equal(ins_plan_stage_ranks(&a_plan, 0), 200);
  assert_int_equal(ins_plan_stage_ranks(&a_plan, 3), 1);
}

static void time_is_that_of_the_rank_with_the_most_batches(void **state) {
  (void)state;
  has_stage(10, 7);
  has_stage(2, 100);
  close_to(ins_plan_seconds(&a_plan, 1), 270);
  close_to(ins_plan_seconds(&a_plan, 2), 5 * 7 + 100);
  close_to(ins_plan_seconds(&a_plan, 3), 4 * 7 + 100);
  close_to(ins_plan_seconds(&a_plan, 10), 7 + 100);
  close_to(ins_plan_seconds(&a_plan, 1000), 7 + 100);
}

static void what_is_done_does_not_count(void **state) {
  (void)state;
  has_stage(1000, 10);
  has_stage(100, 50);
  close_to(ins_plan_seconds_left(&a_plan, 1), 15000);
  assert_int_equal(ins_plan_ranks_left(&a_plan), ins_plan_ranks(&a_plan));
  a_plan.done[0] = 10000;
  close_to(ins_plan_seconds_left(&a_plan, 1), 5000);
  close_to(ins_plan_seconds_left(&a_plan, 3), 34 * 50);
  assert_int_equal(ins_plan_ranks_left(&a_plan), 5); /* the second stage alone */
  a_plan.done[1] = 500;
  assert_int_equal(ins_plan_ranks_left(&a_plan), 2);
  a_plan.done[1] = 1000;
  assert_int_equal(ins_plan_ranks_left(&a_plan), 1);
  assert_true(ins_plan_seconds_left(&a_plan, 1) == 0);
  assert_int_equal(ins_plan_ranks(&a_plan), 12);
}

static void what_all_ranks_compute_together_is_shared_within_a_task(void **state) {
  (void)state;
  has_stage(1, 3600);
  has_stage(1, 1200);
  a_plan.together = true;
  assert_int_equal(ins_plan_ranks(&a_plan), 80);
  close_to(ins_plan_seconds(&a_plan, 80), 60);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_rank_is_worth_twenty_batches, empty_plan),
      cmocka_unit_test_setup(twenty_batches_are_twenty_however_long_they_are, empty_plan),
      cmocka_unit_test_setup(a_rank_is_worth_a_minute_of_work, empty_plan),
      cmocka_unit_test_setup(stages_count_by_the_time_that_they_take, empty_plan),
      cmocka_unit_test_setup(time_is_that_of_the_rank_with_the_most_batches, empty_plan),
      cmocka_unit_test_setup(what_is_done_does_not_count, empty_plan),
      cmocka_unit_test_setup(what_all_ranks_compute_together_is_shared_within_a_task, empty_plan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
