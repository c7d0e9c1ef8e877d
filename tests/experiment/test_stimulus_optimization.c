/* SPDX-License-Identifier: MIT */
#include "golden.h"
#include "serial_run.h"

#define MODEL "model: " INS_TEST_DATA "/golden/trained/model.ckpt\n"
#define JOB                                                                                        \
  "experiment: stimulus_optimization\noutput: x.h5\n" MODEL                                        \
  "stimulus: {frames: 45, init: {std: 0.1, postprocess: true}}\n"                                  \
  "objective: {kind: increase, reduce: {kind: slice_mean, start: 5, length: 5}}\n"                 \
  "optimizer: {kind: sgd, lr: 10}\nstop: {max_iterations: 8}\n"                                    \
  "postprocess: [{kind: norm_clip, norm: 5, range: [-0.6, 6]}]\n"

/* The same (neuron, seed, rate) in grids of other sizes, orders and batches: the same bits. */
static void a_task_does_not_depend_on_its_grid(void **state) {
  (void)state;
  serial_run one = serial_run_job(JOB "neurons: 7\nseeds: 3\nsweep: {optimizer.lr: [10]}\n");
  serial_run many = serial_run_job(JOB "neurons: [9, 7, 30]\nseeds: [5, 3]\n"
                                       "sweep: {optimizer.lr: [1, 10, 100]}\n");
  const size_t index[] = {1, 1, 1};
  size_t task = ins_layout_task(many.layout, index);
  for (int v = 0; v < one.layout->n_variables; v++) {
    const ins_variable *variable = &one.layout->variables[v];
    if (variable->scope != INS_PER_TASK) continue;
    assert_memory_equal(one.rows[v], serial_row(&many, variable->name, task),
                        ins_layout_row_bytes(one.layout, v));
  }
  serial_clear(&one);
  serial_clear(&many);
}

static void learning_rates_are_compared_from_equal_starts(void **state) {
  (void)state;
  serial_run r = serial_run_job(JOB "neurons: 7\nseeds: \"0:2\"\nsweep: {optimizer.lr: [1, 10]}\n");
  const float *a = serial_row(&r, "objective_trace", 0), *b = serial_row(&r, "objective_trace", 1);
  const float *other_seed = serial_row(&r, "objective_trace", 2);
  assert_true(a[0] == b[0]);
  assert_true(a[7] != b[7]);
  assert_true(a[0] != other_seed[0]);
  serial_clear(&r);
}

static void the_best_stimulus_is_at_least_as_good_as_all_others(void **state) {
  (void)state;
  serial_run r =
      serial_run_job(JOB "neurons: [7, 30]\nseeds: \"0:2\"\nsweep: {optimizer.lr: [300]}\n");
  for (size_t k = 0; k < r.n_tasks; k++) {
    float best = *(float *)serial_row(&r, "objective", k);
    const float *trace = serial_row(&r, "objective_trace", k);
    for (int i = 0; i < 8; i++) assert_true(best >= trace[i]);
    assert_true(best >= *(float *)serial_row(&r, "objective_last", k));
    assert_int_equal(*(int32_t *)serial_row(&r, "n_iterations", k), 8);
    assert_true(r.merit[k] == (double)best || fabs(r.merit[k] - (double)best) < 1e-6);
  }
  serial_clear(&r);
}

static void a_start_from_a_file_is_that_file(void **state) {
  (void)state;
  serial_run r = serial_run_job(
      "experiment: stimulus_optimization\noutput: x.h5\n" MODEL "neurons: 7\n"
      "stimulus: {frames: 50, init: {file: " INS_TEST_DATA
      "/golden/trained/initial_7.npy, postprocess: true}}\n"
      "objective: {kind: increase, reduce: {kind: slice_mean, start: 10, length: 10}}\n"
      "optimizer: {kind: sgd, lr: 10}\nstop: {max_iterations: 10}\n"
      "postprocess: [{kind: norm_clip, norm: 5, range: {green: [-0.654, 6.269], uv: [-0.913, "
      "6.269]}}]\n");
  ins_value *final = golden("trained/notebook_7_final.npy");
  const float *last = serial_row(&r, "last_stimulus", 0);
  assert_true(correlation(last, golden_data(final), ins_array_count(&final->array)) > 0.9999);
  ins_value_destroy(&final);
  serial_clear(&r);
}

/* A start of zeros cannot be scaled to a norm: each task fails with the reason, the batch goes on.
 */
static void a_failing_task_says_why_and_the_others_go_on(void **state) {
  (void)state;
  serial_run r =
      serial_run_job(JOB "neurons: [7, 8]\nseeds: 0\nsweep: {stimulus.init.std: [0.0, 0.1]}\n");
  for (size_t k = 0; k < 4; k += 2) {
    assert_int_equal(r.status[k], INS_ERR_NUMERIC);
    assert_non_null(strstr(r.message[k], "norm_clip"));
    assert_int_equal(r.status[k + 1], INS_OK);
  }
  serial_clear(&r);
}

static bool stop_at_once(void *context) {
  (void)context;
  return false;
}

static void a_stop_leaves_unfinished_tasks_pending(void **state) {
  (void)state;
  serial_run r;
  ins_pulse pulse = {stop_at_once, NULL};
  MUST(serial_setup(&r, JOB "neurons: [7, 8]\n"));
  serial_buffers(&r);
  assert_int_equal(serial_batch(&r, 0, 2, &pulse), INS_ERR_STOPPED);
  assert_int_equal(r.status[0], INS_ERR_STOPPED);
  assert_int_equal(r.status[1], INS_ERR_STOPPED);
  serial_clear(&r);
}

static ins_status summary_of(serial_run *r, const bool *done, double *out) {
  const void *rows[INS_MAX_VARIABLES] = {0};
  void *summary[INS_MAX_VARIABLES] = {0};
  double values[INS_MAX_VARIABLES];
  int64_t seed = 0;
  for (int v = 0; v < r->layout->n_variables; v++) {
    rows[v] = r->rows[v];
    if (r->layout->variables[v].scope == INS_SUMMARY) summary[v] = &values[v];
  }
  summary[ins_layout_find(r->layout, "best_seed")] = &seed;
  ins_group group = {.n = 3, .done = done, .rows = rows, .summary = summary};
  ins_status status = r->experiment->finish(r->state, &group);
  out[0] = values[ins_layout_find(r->layout, "objective_mean")];
  out[1] = values[ins_layout_find(r->layout, "objective_sd")];
  out[2] = values[ins_layout_find(r->layout, "stimulus_similarity")];
  out[3] = (double)seed;
  return status;
}

static void seeds_are_summed_up_without_failed_ones(void **state) {
  (void)state;
  serial_run r = serial_run_job(JOB "neurons: 7\nseeds: [4, 5, 6]\n");
  const float *objective = serial_row(&r, "objective", 0);
  const bool all[] = {true, true, true}, two[] = {true, false, true}, one[] = {false, true, false};
  double out[4], mean = ((double)objective[0] + (double)objective[2]) / 2;
  MUST(summary_of(&r, all, out));
  assert_true(out[2] > 0.05 && out[2] < 1);
  MUST(summary_of(&r, two, out));
  assert_true(fabs(out[0] - mean) < 1e-12);
  assert_true(fabs(out[1] - fabs((double)objective[0] - (double)objective[2]) / sqrt(2)) < 1e-12);
  assert_true(out[3] == (objective[0] >= objective[2] ? 4 : 6));
  MUST(summary_of(&r, one, out));
  assert_true(out[0] == (double)objective[1] && isnan(out[1]) && isnan(out[2]) && out[3] == 5);
  serial_clear(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_task_does_not_depend_on_its_grid),
      cmocka_unit_test(learning_rates_are_compared_from_equal_starts),
      cmocka_unit_test(the_best_stimulus_is_at_least_as_good_as_all_others),
      cmocka_unit_test(a_start_from_a_file_is_that_file),
      cmocka_unit_test(a_failing_task_says_why_and_the_others_go_on),
      cmocka_unit_test(a_stop_leaves_unfinished_tasks_pending),
      cmocka_unit_test(seeds_are_summed_up_without_failed_ones),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
