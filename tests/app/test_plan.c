/* SPDX-License-Identifier: MIT */
/* How many ranks a job is worth, and how long they take. */
#include <math.h>

#include "app/plan_estimate.h"
#include "cmocka_all.h"

static ins_forecast a_plan; /* of several kilobytes */

static void has_stage(size_t n_batches, double batch_seconds) {
  const size_t k = a_plan.stages.n++;
  a_plan.stage[k] = (ins_estimate){.n_tasks = 10 * n_batches,
                                   .n_batches = n_batches,
                                   .seconds = batch_seconds * (double)n_batches};
}

static int empty_plan(void **state) {
  (void)state;
  a_plan = (ins_forecast){0};
  return 0;
}

static void close_to(double value, double expected) {
  if (fabs(value - expected) > 1e-9 * fabs(expected))
    fail_msg("%.17g is not %.17g", value, expected);
}

static void a_rank_is_worth_twenty_batches(void **state) {
  (void)state;
  has_stage(1000, 10);
  assert_int_equal(ins_forecast_ranks(&a_plan), 50);
  a_plan.stage[0].n_batches = 999; /* none has fewer */
  a_plan.stage[0].seconds = 9990;
  assert_int_equal(ins_forecast_ranks(&a_plan), 49);
  a_plan.stage[0].n_batches = 3;
  a_plan.stage[0].seconds = 3e5;
  assert_int_equal(ins_forecast_ranks(&a_plan), 1);
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
      assert_int_equal(ins_forecast_ranks(&a_plan), expected ? expected : 1);
    }
}

static void a_rank_is_worth_a_minute_of_work(void **state) {
  (void)state;
  has_stage(100000, 0.0015); /* 150 s */
  assert_int_equal(ins_forecast_ranks(&a_plan), 2);
  a_plan.stage[0].seconds = 59;
  assert_int_equal(ins_forecast_ranks(&a_plan), 1);
}

/* R is where the time of a batch of each stage is a twentieth of what R ranks have to do. */
static void stages_count_by_the_time_that_they_take(void **state) {
  (void)state;
  has_stage(4000, 10);
  assert_int_equal(ins_forecast_ranks(&a_plan), 200);
  has_stage(4000, 10);
  assert_int_equal(ins_forecast_ranks(&a_plan), 200);
  has_stage(10, 1); /* hardly adds to either */
  assert_int_equal(ins_forecast_ranks(&a_plan), 190);
  has_stage(1, 1979); /* for this one all wait */
  assert_int_equal(ins_forecast_ranks(&a_plan), 2);
  assert_int_equal(ins_forecast_stage_ranks(&a_plan, 0), 200);
  assert_int_equal(ins_forecast_stage_ranks(&a_plan, 3), 1);
}

static void time_is_that_of_the_rank_with_the_most_batches(void **state) {
  (void)state;
  has_stage(10, 7);
  has_stage(2, 100);
  close_to(ins_forecast_seconds(&a_plan, 1), 270);
  close_to(ins_forecast_seconds(&a_plan, 2), 5 * 7 + 100);
  close_to(ins_forecast_seconds(&a_plan, 3), 4 * 7 + 100);
  close_to(ins_forecast_seconds(&a_plan, 10), 7 + 100);
  close_to(ins_forecast_seconds(&a_plan, 1000), 7 + 100);
}

static void what_is_done_does_not_count(void **state) {
  (void)state;
  has_stage(1000, 10);
  has_stage(100, 50);
  close_to(ins_forecast_seconds_left(&a_plan, 1), 15000);
  assert_int_equal(ins_forecast_ranks_left(&a_plan), ins_forecast_ranks(&a_plan));
  a_plan.done[0] = 10000;
  close_to(ins_forecast_seconds_left(&a_plan, 1), 5000);
  close_to(ins_forecast_seconds_left(&a_plan, 3), 34 * 50);
  assert_int_equal(ins_forecast_ranks_left(&a_plan), 5); /* the second stage alone */
  a_plan.done[1] = 500;
  assert_int_equal(ins_forecast_ranks_left(&a_plan), 2);
  a_plan.done[1] = 1000;
  assert_int_equal(ins_forecast_ranks_left(&a_plan), 1);
  assert_true(ins_forecast_seconds_left(&a_plan, 1) == 0);
  assert_int_equal(ins_forecast_ranks(&a_plan), 12);
}

/* ---- what all ranks compute together ---- */

/* Stage k takes so much on one rank, of which each of many has its share; and what they all have,
 * or what takes its time however many they are. */
static struct { double shared_bytes, own_bytes, shared_seconds, files_seconds; } takes[2];
static double node_bytes, rank_bytes;

static void needs(void *state, size_t stage, int size, double *bytes, double *seconds) {
  (void)state;
  *bytes = takes[stage].shared_bytes / size + takes[stage].own_bytes;
  *seconds = takes[stage].shared_seconds / size + takes[stage].files_seconds;
}

static double limit(void *state, int per_node) {
  (void)state;
  return rank_bytes > 0 ? rank_bytes : node_bytes / per_node;
}

static const ins_collective together = {.needs = needs, .limit = limit};

static void stage_together(double shared_bytes, double own_bytes, double shared_seconds,
                           double files_seconds) {
  const size_t k = a_plan.stages.n;
  has_stage(1, shared_seconds + files_seconds);
  a_plan.stage[k].n_tasks = 1;
  takes[k].shared_bytes = shared_bytes;
  takes[k].own_bytes = own_bytes;
  takes[k].shared_seconds = shared_seconds;
  takes[k].files_seconds = files_seconds;
  a_plan.together = &together;
  node_bytes = 256e9;
  rank_bytes = 0;
}

static void what_all_ranks_compute_together_is_shared_within_a_task(void **state) {
  (void)state;
  stage_together(1e9, 0, 3600, 0);
  stage_together(1e9, 0, 1200, 0);
  assert_int_equal(ins_forecast_ranks(&a_plan), 80);
  assert_int_equal(ins_forecast_stage_ranks(&a_plan, 1), 20);
  close_to(ins_forecast_seconds(&a_plan, 80), 60);
  a_plan.done[0] = 1;
  assert_int_equal(ins_forecast_ranks_left(&a_plan), 20);
  close_to(ins_forecast_seconds_left(&a_plan, 20), 60);
}

static void files_take_their_time_and_are_no_reason_for_more_ranks(void **state) {
  (void)state;
  stage_together(1e9, 0, 600, 3000);
  assert_int_equal(ins_forecast_ranks(&a_plan), 10);
  close_to(ins_forecast_seconds(&a_plan, 10), 3060);
}

static void they_form_a_grid_of_similar_sides(void **state) {
  (void)state;
  stage_together(1e9, 0, 127 * 60, 0);
  assert_int_equal(ins_forecast_ranks(&a_plan), 126); /* 9 x 14 */
  takes[0].shared_seconds = 7 * 60;
  assert_int_equal(ins_forecast_ranks(&a_plan), 6);
  rank_bytes = 1e9 / 66.5; /* 67 and 71 are prime, 68 is 4 x 17, 69 3 x 23 */
  assert_int_equal(ins_forecast_ranks(&a_plan), 70);
  a_plan.together = NULL; /* those that compute apart form none */
  a_plan.stage[0] = (ins_estimate){.n_tasks = 5000, .n_batches = 5000, .seconds = 127 * 60};
  assert_int_equal(ins_forecast_ranks(&a_plan), 127);
}

static void memory_is_that_of_a_rank_of_so_many_in_the_largest_stage(void **state) {
  (void)state;
  stage_together(42e9, 0.3e9, 600, 0);
  stage_together(1e9, 2e9, 600, 0);
  close_to(ins_forecast_bytes(&a_plan, 1), 42.3e9);
  close_to(ins_forecast_bytes(&a_plan, 20), 2.4e9);
  close_to(ins_forecast_bytes(&a_plan, 100), 2.01e9);
  a_plan.done[0] = 1; /* a run asks for all of it */
  close_to(ins_forecast_bytes(&a_plan, 1), 42.3e9);
}

static void there_are_so_many_that_each_has_the_memory_for_its_part(void **state) {
  (void)state;
  stage_together(40e9, 0.5e9, 120, 0);
  assert_int_equal(ins_forecast_ranks(&a_plan), 2);
  assert_false(ins_forecast_is_large(&a_plan));
  assert_int_equal(ins_forecast_nodes(&a_plan, 2), 1);
  node_bytes = 10.5e9; /* one of four on each of four */
  assert_int_equal(ins_forecast_ranks(&a_plan), 4);
  assert_true(ins_forecast_is_large(&a_plan));
  assert_int_equal(ins_forecast_nodes(&a_plan, 4), 4);
  assert_int_equal(ins_forecast_nodes(&a_plan, 16), 6); /* 3 GB each, 3 on a node */
  node_bytes = 0.4e9;                                   /* never: what time alone would have */
  assert_int_equal(ins_forecast_ranks(&a_plan), 2);
  assert_int_equal(ins_forecast_nodes(&a_plan, 100), 0);
  rank_bytes = 2.5e9; /* as the job says, wherever they are */
  assert_int_equal(ins_forecast_ranks(&a_plan), 20);
  assert_int_equal(ins_forecast_nodes(&a_plan, 20), 1);
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
      cmocka_unit_test_setup(files_take_their_time_and_are_no_reason_for_more_ranks, empty_plan),
      cmocka_unit_test_setup(they_form_a_grid_of_similar_sides, empty_plan),
      cmocka_unit_test_setup(memory_is_that_of_a_rank_of_so_many_in_the_largest_stage, empty_plan),
      cmocka_unit_test_setup(there_are_so_many_that_each_has_the_memory_for_its_part, empty_plan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
