/* SPDX-License-Identifier: MIT */
/* Stages that build on each other: fields of neurons, responses to bars where the fields are, and
 * indices of neurons from the responses. What is stopped, killed, damaged, failed or extended in
 * any of them ends up as the bytes of an undisturbed run.
 *
 * test_schedule.stages run FOLDER OUTPUT: the job alone, for kill_stages.sh;
 * TROUBLE=kill:STAGE:TASK kills the rank that computes that task. */
#include <hdf5.h>
#include <signal.h>

#include "harness.h"
#include "insilico/journal.h"

enum { FIELDS, BARS, INDICES, FRAMES = 4, MAX_NEURONS = 1000 };

static const ins_key staged_keys[] = {
    {.name = "neurons", .type = INS_KEY_INT, .fallback = "20", .flags = INS_KEY_AXIS, .max = 1000},
    {.name = "directions", .type = INS_KEY_INT, .fallback = "4", .flags = INS_KEY_AXIS, .max = 100},
    {.name = "group", .type = INS_KEY_TEXT, .fallback = "bars"},
    {0},
};

/** What goes wrong, and where: not a matter of the job, so that it can be mended. */
static struct trouble {
  ins_status (*what)(void);
  int64_t stage, task, begin; /* -1: nowhere */
  size_t computed[3];         /* tasks of each stage that this rank computed */
  size_t begun[3];
} trouble = {.stage = -1, .task = -1, .begin = -1};

static ins_status fail_task(void) {
  return ins_fail(INS_ERR_NUMERIC, "no finite response");
}

static ins_status stop_run(void) {
  raise(SIGUSR1);
  return INS_OK;
}

static ins_status kill_rank(void) {
  raise(SIGKILL);
  return INS_OK;
}

/** centre = 3 * neuron; response[t] = centre + direction + t / 8; index = mean of frames 1 and 2
 * over directions; share = index / sum of all indices. */
typedef struct staged {
  const ins_experiment_context *context;
  ins_layout *layout[3];
  size_t n, n_directions;
  int centre, response, index, share;
  const ins_results *results;
  double *centres; /* read when the bars begin */
} staged;

static size_t setting(const staged *s, const char *key) {
  return (size_t)ins_value_int_or(ins_map_get(s->context->job->settings, key), 0);
}

static ins_value *numbers(size_t n) {
  ins_value *list = ins_value_array(INS_I64, 1, &n);
  for (size_t i = 0; i < n; i++) ((int64_t *)list->array.data)[i] = (int64_t)i;
  return list;
}

static ins_status declare_fields(staged *s, ins_layout *layout) {
  ins_variable centre = {.name = "centre", .dtype = INS_F64};
  ins_status status = ins_layout_task_axis(layout, "neuron", s->n, numbers(s->n), NULL, NULL);
  layout->batch = 2;
  return status == INS_OK ? ins_layout_variable(layout, &centre, &s->centre) : status;
}

static ins_status declare_bars(staged *s, ins_layout *layout) {
  int frame;
  ins_status status = ins_layout_task_axis(layout, "neuron", s->n, numbers(s->n), NULL, NULL);
  if (status == INS_OK)
    status = ins_layout_task_axis(layout, "direction", s->n_directions, numbers(s->n_directions),
                                  NULL, NULL);
  if (status == INS_OK) status = ins_layout_axis(layout, "frame", FRAMES, NULL, NULL, NULL, &frame);
  ins_variable response = {.name = "response", .dtype = INS_F32, .n_axes = 1, .axes = {frame}};
  layout->batch = 3;
  return status == INS_OK ? ins_layout_variable(layout, &response, &s->response) : status;
}

static ins_status declare_indices(staged *s, ins_layout *layout) {
  ins_variable index = {.name = "index", .dtype = INS_F64, .summed = true};
  ins_variable share = {
      .name = "share", .scope = INS_SUMMARY, .dtype = INS_F64, .n_axes = 1, .axes = {0}};
  ins_status status = ins_layout_task_axis(layout, "neuron", s->n, numbers(s->n), NULL, NULL);
  layout->reduced = 0;
  if (status == INS_OK) status = ins_layout_variable(layout, &index, &s->index);
  return status == INS_OK ? ins_layout_variable(layout, &share, &s->share) : status;
}

static void teardown(void **state) {
  staged *s = *state;
  if (s) ins_free(&s->centres);
  free(s);
  *state = NULL;
}

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  staged *s = *state = calloc(1, sizeof *s);
  *stages = (ins_stages){0};
  s->context = context;
  s->n = setting(s, "neurons");
  s->n_directions = setting(s, "directions");
  const char *bars = ins_value_text_or(ins_map_get(context->job->settings, "group"), "");
  ins_status status = ins_layout_create_in("fields", NULL, &s->layout[FIELDS]);
  if (status == INS_OK) status = ins_layout_create_in(bars, NULL, &s->layout[BARS]);
  if (status == INS_OK) status = ins_layout_create("Stages", &s->layout[INDICES]);
  if (status == INS_OK) status = declare_fields(s, s->layout[FIELDS]);
  if (status == INS_OK) status = declare_bars(s, s->layout[BARS]);
  if (status == INS_OK) status = declare_indices(s, s->layout[INDICES]);
  memcpy(stages->layout, s->layout, sizeof s->layout);
  stages->n = 3;
  return status;
}

static bool last_rank(void) {
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return rank == size - 1;
}

static ins_status begin(void *state, size_t stage, const ins_results *results) {
  staged *s = state;
  size_t task[MAX_NEURONS];
  double later;
  s->results = results;
  trouble.begun[stage]++;
  if (trouble.begin == (int64_t)stage && last_rank()) raise(SIGUSR1);
  /* The rows of a stage that is not done are nobody's business. */
  if (results->read(results->self, stage, 0, 1, (size_t[]){0}, 0, 1, &later) != INS_ERR_INTERNAL)
    return ins_fail(INS_ERR_INTERNAL, "stage %zu can be read before it is done", stage);
  if (stage != BARS) return INS_OK;
  for (size_t k = 0; k < s->n; k++) task[k] = k;
  ins_status status = ins_alloc(s->n, sizeof *s->centres, &s->centres);
  if (status != INS_OK) return status;
  return results->read(results->self, FIELDS, s->centre, s->n, task, 0, 1, s->centres);
}

static ins_status compute_index(const staged *s, size_t neuron, double *out) {
  size_t task[100];
  float part[100][2];
  for (size_t d = 0; d < s->n_directions; d++) task[d] = neuron * s->n_directions + d;
  ins_status status =
      s->results->read(s->results->self, BARS, s->response, s->n_directions, task, 1, 2, part);
  *out = 0;
  for (size_t d = 0; d < s->n_directions; d++) *out += (double)(part[d][0] + part[d][1]) / 2;
  return status;
}

static ins_status compute_task(const staged *s, const ins_batch *batch, size_t k) {
  size_t task = batch->task[k], neuron = batch->stage == BARS ? task / s->n_directions : task;
  if (batch->stage == FIELDS) ((double *)batch->rows[s->centre])[k] = 3.0 * (double)neuron;
  for (int t = 0; t < FRAMES && batch->stage == BARS; t++)
    ((float *)batch->rows[s->response])[k * FRAMES + (size_t)t] =
        (float)(s->centres[neuron] + (double)(task % s->n_directions) + t / 8.0);
  if (batch->stage == INDICES) {
    ins_status status = compute_index(s, neuron, (double *)batch->rows[s->index] + k);
    if (status != INS_OK) return status;
  }
  bool here = trouble.stage == (int64_t)batch->stage && trouble.task == (int64_t)task;
  return here ? trouble.what() : INS_OK;
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  for (size_t k = 0; k < batch->n; k++) {
    if (ins_pulse_beat(pulse) != INS_OK) return INS_ERR_STOPPED;
    batch->status[k] = compute_task(state, batch, k);
    if (batch->status[k] != INS_OK) strcpy(batch->message[k], ins_message());
    trouble.computed[batch->stage]++;
  }
  return INS_OK;
}

static ins_status finish(void *state, const ins_group *group) {
  const staged *s = state;
  const double *index = group->rows[s->index];
  double sum = 0, *share = group->summary[s->share];
  assert_int_equal(group->stage, INDICES);
  for (size_t i = 0; i < group->n; i++) sum += group->done[i] ? index[i] : 0;
  for (size_t i = 0; i < group->n; i++) share[i] = index[i] / sum;
  return INS_OK;
}

static const ins_experiment staged_ops = {
    .setup = setup, .begin = begin, .compute = compute, .finish = finish, .teardown = teardown};
static const ins_variant registry[2] = {{"staged", "for tests", staged_keys, &staged_ops}, {0}};

/* ---- tests ----------------------------------------------------------------------------------- */

/* Tasks of each stage that all ranks computed since this was asked last. */
static void check_computed(size_t fields, size_t bars, size_t indices) {
  unsigned long long mine[3], all[3];
  for (int k = 0; k < 3; k++) {
    mine[k] = trouble.computed[k];
    trouble.computed[k] = 0;
  }
  MPI_Allreduce(mine, all, 3, MPI_UNSIGNED_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
  assert_int_equal(all[FIELDS], fields);
  assert_int_equal(all[BARS], bars);
  assert_int_equal(all[INDICES], indices);
}

static void no_trouble(void) {
  trouble = (struct trouble){.stage = -1, .task = -1, .begin = -1};
}

static int begin_test(void **state) {
  no_trouble();
  return make_folder(state);
}

/* The reference, whole.h5. */
static void run_whole(const char *settings) {
  ins_run_report report;
  const char *name = output;
  output = "whole.h5";
  if (run(settings, true, &report) != INS_OK) fail_msg("%s", ins_message());
  output = name;
  for (int k = 0; k < 3; k++) trouble.computed[k] = 0;
}

static void stages_run_in_order_and_read_each_other(void **state) {
  (void)state;
  ins_run_report report;
  ins_store_summary summary;
  run_whole("neurons: 20\n");
  for (int k = 0; k < 3; k++) assert_int_equal(trouble.begun[k], 1);
  assert_int_equal(run("neurons: 20\n", true, &report), INS_OK);
  check_computed(20, 80, 20);
  if (first_rank()) assert_true(report.n_tasks == 120 && report.n_done == 120 && !report.n_kept);
  same_files("whole.h5", "r.h5");
  assert_int_equal(run("neurons: 20\n", false, &report), INS_OK);
  check_computed(0, 0, 0);
  if (!first_rank()) return;
  assert_true(report.n_done == 0 && report.n_kept == 120 && report.n_pending == 0);
  char path[128];
  snprintf(path, sizeof path, "%s/r.h5", folder);
  assert_int_equal(ins_store_summarise(path, true, &summary), INS_OK);
  assert_true(summary.n_done == 120 && summary.n_stages == 3);
  assert_string_equal(summary.stages[INDICES].name, "/");
  ins_store_summary_clear(&summary);
}

/* index = sum over directions of 3 * neuron + direction + 3/16; read back from the file. */
static void what_is_computed_from_rows_of_others_is_right(void **state) {
  (void)state;
  ins_run_report report;
  ins_store *store;
  staged s = {0};
  void *self;
  ins_stages stages;
  char path[128];
  double index[20], expected[20], sum = 0;
  size_t task[20];
  assert_int_equal(run("neurons: 20\n", true, &report), INS_OK);
  ins_job *job = load("neurons: 20\n");
  ins_experiment_context context = {.job = job};
  assert_int_equal(setup(&context, &self, &stages), INS_OK);
  s = *(staged *)self;
  snprintf(path, sizeof path, "%s/r.h5", folder);
  assert_int_equal(ins_store_open(MPI_COMM_WORLD, path, stages.n, stages.layout, &store), INS_OK);
  for (size_t k = 0; k < 20; k++) {
    task[k] = k;
    expected[k] = 4 * (3.0 * (double)k + 3.0 / 16) + 6;
    sum += expected[k];
  }
  assert_int_equal(ins_store_read(store, INDICES, s.index, 20, task, 0, 1, index), INS_OK);
  for (size_t k = 0; k < 20; k++) assert_true(index[k] == expected[k]);
  assert_int_equal(ins_store_close(&store), INS_OK);
  teardown(&self);
  ins_stages_clear(&stages);
  ins_job_destroy(&job);
  if (!first_rank()) return;
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t dataset = H5Dopen2(file, "share", H5P_DEFAULT);
  double share[20];
  assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, share) >= 0);
  H5Dclose(dataset);
  H5Fclose(file);
  for (size_t k = 0; k < 20; k++) assert_true(share[k] == expected[k] / sum);
}

static void a_stop_in_any_stage_is_gone_on_with(void **state) {
  (void)state;
  ins_run_report report;
  const int64_t tasks[] = {11, 50, 7};
  run_whole("neurons: 20\n");
  for (int stage = 0; stage < 3; stage++) {
    ins_signals_catch();
    no_trouble();
    trouble.what = stop_run;
    trouble.stage = stage;
    trouble.task = tasks[stage];
    assert_int_equal(run("neurons: 20\n", true, &report), INS_ERR_STOPPED);
    for (int later = stage + 1; later < 3; later++) assert_int_equal(trouble.begun[later], 0);
    if (first_rank()) assert_true(report.n_pending > 0 && report.n_failed == 0);
    ins_signals_catch();
    no_trouble();
    assert_int_equal(run("neurons: 20\n", false, &report), INS_OK);
    if (first_rank()) assert_int_equal(report.n_kept + report.n_done, 120);
    same_files("whole.h5", "r.h5");
  }
}

/* Also when the signal comes while a stage begins, on a rank that may get none of its tasks. */
static void a_stop_between_stages_is_noticed(void **state) {
  (void)state;
  ins_run_report report;
  run_whole("neurons: 20\n");
  for (int stage = 1; stage < 3; stage++) {
    ins_signals_catch();
    no_trouble();
    trouble.begin = stage;
    assert_int_equal(run("neurons: 20\n", true, &report), INS_ERR_STOPPED);
    if (first_rank()) assert_true(report.n_pending > 0);
    ins_signals_catch();
    no_trouble();
    assert_int_equal(run("neurons: 20\n", false, &report), INS_OK);
    same_files("whole.h5", "r.h5");
  }
}

static void failed_tasks_end_the_run_before_the_next_stage(void **state) {
  (void)state;
  ins_run_report report;
  run_whole("neurons: 20\n");
  for (int stage = 0; stage < 3; stage++) {
    no_trouble();
    trouble.what = fail_task;
    trouble.stage = stage;
    trouble.task = 5;
    for (int again = 0; again < 2; again++) {
      assert_int_equal(run("neurons: 20\n", !again, &report), INS_ERR_TASKS);
      for (int later = stage + 1; later < 3; later++) assert_int_equal(trouble.begun[later], 0);
      assert_non_null(strstr(ins_message(), stage == FIELDS ? "1 of 20 tasks of stage 'fields'"
                                            : stage == BARS ? "1 of 80 tasks of stage 'bars'"
                                                            : "1 of 20 tasks of stage 'root'"));
      assert_int_equal(stage < 2, strstr(ins_message(), "were not begun") != NULL);
      assert_non_null(strstr(ins_message(), "task 5: no finite response"));
      if (!first_rank()) continue;
      assert_true(report.n_failed == 1 && report.first_failed_task == 5);
      assert_int_equal(report.first_failed_stage, stage);
    }
    no_trouble();
    assert_int_equal(run("neurons: 20\n", false, &report), INS_OK);
    check_computed(stage == FIELDS, stage == FIELDS ? 80 : stage == BARS,
                   stage == INDICES ? 1 : 20);
    same_files("whole.h5", "r.h5");
  }
}

/* Flips a bit of the row of a task: `needle` are bytes that it alone has. */
static void flip(const void *needle, size_t length) {
  size_t n, at = 0;
  char path[128];
  MPI_Barrier(MPI_COMM_WORLD);
  if (first_rank()) {
    char *bytes = contents("r.h5", &n);
    while (at + length < n && memcmp(bytes + at, needle, length)) at++;
    assert_true(at + length < n);
    snprintf(path, sizeof path, "%s/r.h5", folder);
    FILE *file = fopen(path, "r+b");
    fseek(file, (long)at, SEEK_SET);
    fputc(bytes[at] ^ 1, file);
    fclose(file);
    free(bytes);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

static void a_damaged_row_is_computed_again_and_nothing_else(void **state) {
  (void)state;
  ins_run_report report;
  const double centres[] = {39, 42, 45};
  run_whole("neurons: 20\n");
  assert_int_equal(run("neurons: 20\n", true, &report), INS_OK);
  check_computed(20, 80, 20);
  flip(centres, sizeof centres);
  assert_int_equal(run("neurons: 20\n", false, &report), INS_OK);
  check_computed(1, 0, 0);
  same_files("whole.h5", "r.h5");
}

static void all_stages_are_extended(void **state) {
  (void)state;
  ins_run_report report;
  run_whole("neurons: 25\n");
  assert_int_equal(run("neurons: 20\n", true, &report), INS_OK);
  check_computed(20, 80, 20);
  assert_int_equal(run("neurons: 25\n", false, &report), INS_OK);
  check_computed(5, 20, 5);
  same_files("whole.h5", "r.h5");

  /* An index is one of all directions. */
  run_whole("neurons: 25\ndirections: 6\n");
  assert_int_equal(run("neurons: 25\ndirections: 6\n", false, &report), INS_OK);
  check_computed(0, 50, 25);
  same_files("whole.h5", "r.h5");
}

static void names_that_collide_are_refused(void **state) {
  (void)state;
  static const char *const names[] = {"share", "neuron", "fields", "status"};
  char settings[64], path[128];
  ins_run_report report;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(settings, sizeof settings, "group: %s\n", names[i]);
    assert_int_equal(run(settings, true, &report), INS_ERR_ARGUMENT);
    assert_non_null(strstr(ins_message(), names[i]));
  }
  snprintf(path, sizeof path, "%s/r.h5", folder);
  assert_int_equal(access(path, F_OK), -1);
}

static void the_journal_tells_stages_apart(void **state) {
  (void)state;
  ins_run_report report;
  ins_value *events;
  char path[128];
  size_t batches[3] = {0}, failures = 0;
  trouble = (struct trouble){.what = fail_task, .stage = BARS, .task = 33, .begin = -1};
  assert_int_equal(run("neurons: 20\n", true, &report), INS_ERR_TASKS);
  no_trouble();
  assert_int_equal(run("neurons: 20\n", false, &report), INS_OK);
  if (!first_rank()) return;
  snprintf(path, sizeof path, "%s/r.h5", folder);
  assert_int_equal(ins_journal_read(path, 10000, &events), INS_OK);
  for (size_t i = 0; i < ins_value_count(events); i++) {
    const ins_value *e = events->children.items[i];
    const char *event = ins_value_text_or(ins_map_get(e, "event"), "");
    const char *stage = ins_value_text_or(ins_map_get(e, "stage"), "");
    if (!strcmp(event, "batch"))
      batches[!strcmp(stage, "fields") ? FIELDS
              : !strcmp(stage, "bars") ? BARS
                                       : INDICES] +=
          (size_t)ins_value_int_or(ins_map_get(e, "n"), 0);
    if (strcmp(event, "failure")) continue;
    failures++;
    assert_string_equal(stage, "bars");
    assert_int_equal(ins_value_int_or(ins_map_get(e, "task"), -1), 33);
  }
  assert_true(failures == 1 && batches[FIELDS] == 10 && batches[BARS] == 28);
  assert_int_equal(batches[INDICES], 20);
  ins_value_destroy(&events);
}

/* ---- one run, for scripts -------------------------------------------------------------------- */

static int run_alone(char **argv) {
  ins_run_report report;
  const char *words = getenv("TROUBLE");
  long stage, task;
  if (words && sscanf(words, "kill:%ld:%ld", &stage, &task) == 2)
    trouble = (struct trouble){.what = kill_rank, .stage = stage, .task = task, .begin = -1};
  snprintf(folder, sizeof folder, "%s", argv[2]);
  output = argv[3];
  ins_status status = run("neurons: 40\n", false, &report);
  if (status != INS_OK) fprintf(stderr, "%s\n", ins_message());
  MPI_Finalize();
  return ins_status_exit(status);
}

int main(int argc, char **argv) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_test, remove_folder)
  const struct CMUnitTest tests[] = {
      TEST(stages_run_in_order_and_read_each_other),
      TEST(what_is_computed_from_rows_of_others_is_right),
      TEST(a_stop_in_any_stage_is_gone_on_with),
      TEST(a_stop_between_stages_is_noticed),
      TEST(failed_tasks_end_the_run_before_the_next_stage),
      TEST(a_damaged_row_is_computed_again_and_nothing_else),
      TEST(all_stages_are_extended),
      TEST(names_that_collide_are_refused),
      TEST(the_journal_tells_stages_apart),
  };
  MPI_Init(NULL, NULL);
  if (argc == 4 && !strcmp(argv[1], "run")) return run_alone(argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
