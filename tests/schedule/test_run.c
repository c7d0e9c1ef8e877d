/* SPDX-License-Identifier: MIT */
/* The framework with a synthetic experiment: what happens when tasks, ranks or set-up fail. Each
 * test ends, on every rank, or CTest's timeout says that something hangs. */
#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include "harness.h"

/** `value` = 3 * task + seed, after `delay` spins; what goes wrong is told by the job. */
typedef struct synthetic {
  const ins_experiment_context *context;
  ins_layout *layout;
  int rank, v_value, v_sum;
} synthetic;

static const ins_key synthetic_keys[] = {
    {.name = "tasks", .type = INS_KEY_INT, .fallback = "40", .flags = INS_KEY_AXIS, .max = 1e6},
    {.name = "fail_every", .type = INS_KEY_INT, .flags = INS_KEY_NULLABLE, .max = 1e6},
    {.name = "rank_error_at", .type = INS_KEY_INT, .flags = INS_KEY_NULLABLE, .max = 1e6},
    {.name = "setup_error_on", .type = INS_KEY_INT, .flags = INS_KEY_NULLABLE, .max = 1e6},
    {.name = "stand_still_at", .type = INS_KEY_INT, .flags = INS_KEY_NULLABLE, .max = 1e6},
    {.name = "forget_from", .type = INS_KEY_INT, .flags = INS_KEY_NULLABLE, .max = 1e6},
    {.name = "stop_at", .type = INS_KEY_INT, .flags = INS_KEY_NULLABLE, .max = 1e6},
    {0},
};

static int64_t setting(const ins_experiment_context *context, const char *key) {
  return ins_value_int_or(ins_map_get(context->job->settings, key), -1);
}

static ins_status declare(synthetic *s) {
  size_t n = (size_t)setting(s->context, "tasks");
  ins_value *numbers = ins_value_array(INS_I64, 1, &n);
  for (size_t i = 0; i < n; i++) ((int64_t *)numbers->array.data)[i] = (int64_t)i;
  ins_variable value = {.name = "value", .scope = INS_PER_TASK, .dtype = INS_F64, .summed = true};
  ins_variable sum = {.name = "sum", .scope = INS_SUMMARY, .dtype = INS_F64};
  ins_status status = ins_layout_task_axis(s->layout, "task", n, numbers, NULL, "task");
  if (status == INS_OK) status = ins_layout_variable(s->layout, &value, &s->v_value);
  s->layout->reduced = 0;
  if (status == INS_OK) status = ins_layout_variable(s->layout, &sum, &s->v_sum);
  s->layout->batch = 3;
  return status;
}

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  synthetic *s = calloc(1, sizeof *s);
  *state = s;
  s->context = context;
  MPI_Comm_rank(MPI_COMM_WORLD, &s->rank);
  if (setting(context, "setup_error_on") == s->rank)
    return ins_fail(INS_ERR_SHAPE, "set-up failed on rank %d", s->rank);
  ins_status status = ins_layout_create("Synthetic", &s->layout);
  *stages = (ins_stages){.n = s->layout ? 1 : 0, .layout = {s->layout}};
  return status == INS_OK ? declare(s) : status;
}

/* Whatever made tasks fail is mended: trying them again succeeds. */
static bool mended;

/* SIGSTOP, and SIGCONT from outside after three seconds. */
static void stand_still(void) {
  char command[80];
  snprintf(command, sizeof command, "(sleep 3; kill -CONT %ld) &", (long)getpid());
  if (system(command) == 0) raise(SIGSTOP);
}

/* The first rank to come to this task, if it is not rank 0, which computes too. */
static bool is_mine_to_stand_still(const synthetic *s) {
  char path[128];
  if (s->rank == 0) return false;
  snprintf(path, sizeof path, "%s/stood", folder);
  const int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  synthetic *s = state;
  int64_t every = setting(s->context, "fail_every");
  for (size_t k = 0; k < batch->n; k++) {
    int64_t task = (int64_t)batch->task[k];
    if (setting(s->context, "rank_error_at") == task)
      return ins_fail(INS_ERR_MEMORY, "no memory for task %d", (int)task);
    if (setting(s->context, "stop_at") == task) raise(SIGUSR1);
    if (ins_pulse_beat(pulse) != INS_OK) return INS_ERR_STOPPED;
    const int64_t forget = setting(s->context, "forget_from");
    if (forget >= 0 && task >= forget) return INS_OK;
    const int64_t still = setting(s->context, "stand_still_at");
    if (still >= 0) nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    if (still >= 0 && task >= still && is_mine_to_stand_still(s)) {
      stand_still();
      batch->status[k] = ins_fail(INS_ERR_MEMORY, "it fails on this rank alone");
      continue;
    }
    ((double *)batch->rows[s->v_value])[k] = (double)(3 * task);
    batch->status[k] = INS_OK;
    if (every > 0 && task % every == 0 && !mended) {
      batch->status[k] = ins_fail(INS_ERR_NUMERIC, "task %d is one of those", (int)task);
      strcpy(batch->message[k], ins_message());
    }
  }
  return INS_OK;
}

static ins_status finish(void *state, const ins_group *group) {
  synthetic *s = state;
  double sum = 0;
  for (size_t i = 0; i < group->n; i++)
    if (group->done[i]) sum += ((const double *)group->rows[s->v_value])[i];
  *(double *)group->summary[s->v_sum] = sum;
  return INS_OK;
}

static void teardown(void **state) {
  free(*state);
  *state = NULL;
}

static const ins_experiment synthetic_ops = {
    .setup = setup, .compute = compute, .finish = finish, .teardown = teardown};
static const ins_variant registry[2] = {{"synthetic", "for tests", synthetic_keys, &synthetic_ops},
                                        {0}};

/* ---- tests ----------------------------------------------------------------------------------- */

static void all_tasks_are_computed_once_and_kept(void **state) {
  (void)state;
  ins_run_report report;
  assert_int_equal(run("tasks: 40\n", true, &report), INS_OK);
  if (first_rank()) assert_true(report.n_done == 40 && report.n_kept == 0 && report.n_pending == 0);
  assert_int_equal(run("tasks: 40\n", false, &report), INS_OK);
  if (first_rank()) assert_true(report.n_done == 0 && report.n_kept == 40);
  assert_int_equal(run("tasks: 50\n", false, &report), INS_OK);
  if (first_rank()) assert_true(report.n_done == 10 && report.n_kept == 40);
}

static void failed_tasks_are_counted_and_tried_again(void **state) {
  (void)state;
  ins_run_report report;
  for (int again = 0; again < 2; again++) {
    assert_int_equal(run("tasks: 40\nfail_every: 7\n", !again, &report), INS_ERR_TASKS);
    if (!first_rank()) continue;
    assert_int_equal(report.n_failed, 6);
    assert_int_equal(report.n_done, again ? 0 : 34);
    assert_non_null(strstr(report.first_failure, "is one of those"));
  }
}

/* Also their summaries: what other ranks remember of the first try must not count. */
static void failed_tasks_that_succeed_later_leave_no_trace(void **state) {
  (void)state;
  ins_run_report report;
  mended = false;
  assert_int_equal(run("tasks: 40\nfail_every: 7\n", true, &report), INS_ERR_TASKS);
  mended = true;
  assert_int_equal(run("tasks: 40\nfail_every: 7\n", false, &report), INS_OK);
  output = "whole.h5";
  assert_int_equal(run("tasks: 40\nfail_every: 7\n", true, &report), INS_OK);
  output = "r.h5";
  mended = false;
  same_files("r.h5", "whole.h5");
}

static void a_rank_that_cannot_go_on_ends_the_run_everywhere(void **state) {
  (void)state;
  ins_run_report report;
  assert_int_equal(run("tasks: 400\nrank_error_at: 200\n", true, &report), INS_ERR_MEMORY);
  assert_non_null(strstr(ins_message(), "no memory for task 200"));
}

static void a_set_up_that_fails_on_one_rank_fails_on_all(void **state) {
  (void)state;
  ins_run_report report;
  int size;
  char settings[64];
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  snprintf(settings, sizeof settings, "setup_error_on: %d\n", size - 1);
  assert_int_equal(run(settings, true, &report), INS_ERR_SHAPE);
  assert_non_null(strstr(ins_message(), "set-up failed on rank"));
}

/* A single rank that gets a signal takes all others with it, and nothing that was finished is lost.
 */
static void a_signal_to_one_rank_stops_all_in_order(void **state) {
  (void)state;
  ins_run_report report;
  ins_signals_catch();
  assert_int_equal(run("tasks: 3000\nstop_at: 20\n", true, &report), INS_ERR_STOPPED);
  if (first_rank()) {
    assert_true(report.n_done > 0 && report.n_pending > 0);
    assert_int_equal(report.n_done + report.n_pending, 3000);
  }
}

/* It comes back with a task that failed, which others have finished meanwhile. */
static void a_rank_that_stood_still_undoes_nothing(void **state) {
  (void)state;
  ins_run_report report;
  int size;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (size < 2 || size > 6) return; /* alone nobody notices; a foreman's crew is played in time */
  deadline_s = 1;
  assert_int_equal(run("tasks: 90\nstand_still_at: 20\n", true, &report), INS_OK);
  deadline_s = 300;
  if (first_rank()) assert_true(report.n_done == 90 && report.n_failed == 0);
  output = "whole.h5"; /* somebody stood still already */
  assert_int_equal(run("tasks: 90\nstand_still_at: 20\n", true, &report), INS_OK);
  output = "r.h5";
  same_files("r.h5", "whole.h5");
}

static void a_task_without_an_answer_is_not_done(void **state) {
  (void)state;
  ins_run_report report;
  assert_int_equal(run("tasks: 40\nforget_from: 20\n", true, &report), INS_ERR_INTERNAL);
  assert_non_null(strstr(ins_message(), "gave no status to task"));
}

/* What it holds cannot be read any more, but its rows may be somebody's month of work. */
static void a_damaged_file_without_rows_of_this_job_is_kept_aside(void **state) {
  (void)state;
  ins_run_report report;
  char path[128];
  assert_int_equal(run("tasks: 40\n", true, &report), INS_OK);
  snprintf(path, sizeof path, "%s/r.h5", folder);
  if (first_rank()) {
    const int fd = open(path, O_RDWR);
    assert_true(pwrite(fd, "damage", 6, 60) == 6);
    close(fd);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  assert_int_equal(run("tasks: 40\nfail_every: 7\n", false, &report), INS_ERR_TASKS);
  strcat(path, ".damaged");
  if (first_rank()) assert_int_equal(access(path, F_OK), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(all_tasks_are_computed_once_and_kept, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(failed_tasks_are_counted_and_tried_again, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(failed_tasks_that_succeed_later_leave_no_trace, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(a_rank_that_cannot_go_on_ends_the_run_everywhere, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(a_set_up_that_fails_on_one_rank_fails_on_all, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(a_rank_that_stood_still_undoes_nothing, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(a_task_without_an_answer_is_not_done, make_folder,
                                      remove_folder),
      cmocka_unit_test_setup_teardown(a_damaged_file_without_rows_of_this_job_is_kept_aside,
                                      make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(a_signal_to_one_rank_stops_all_in_order, make_folder,
                                      remove_folder),
  };
  MPI_Init(NULL, NULL);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
