/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <math.h>
#include <time.h>

typedef struct world {
  char *folder, *path;
  ins_layout *layout;
  ins_value *attributes;
  size_t n;
} world;

static int set_up(void **state) {
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->layout = fixture_small();
  w->attributes = fixture_attributes();
  w->n = ins_layout_tasks(w->layout);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  fixture_remove(w->folder);
  free(w->path);
  ins_layout_destroy(&w->layout);
  ins_value_destroy(&w->attributes);
  free(w);
  return 0;
}

static char *beside(const world *w, const char *name) {
  return ins_format("%s/%s", w->folder, name);
}

static ins_store *create_and_open(const world *w, const char *path) {
  ins_store *store;
  OK(ins_store_create(path, 1, &w->layout, w->attributes));
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &w->layout, &store));
  return store;
}

/* The reference: all tasks at once, number 5 failed, summaries. */
static void write_reference(const world *w, const char *path) {
  ins_store *store = create_and_open(w, path);
  fixture_write_range(store, w->layout, 0, w->n, 5);
  fixture_write_summaries(store, w->layout);
  OK(ins_store_close(&store));
}

static void a_new_file_has_only_pending_tasks_and_missing_summaries(void **state) {
  world *w = *state;
  uint8_t task[64];
  ins_store_summary summary;
  ins_store *store = create_and_open(w, w->path);
  OK(ins_store_verify(store, 0, 0, w->n, task));
  for (size_t k = 0; k < w->n; k++) assert_int_equal(task[k], INS_TASK_PENDING);
  OK(ins_store_close(&store));
  assert_null(store);

  OK(ins_store_summarise(w->path, true, &summary));
  assert_int_equal(summary.n_tasks, 24);
  assert_int_equal(summary.n_pending, 24);
  assert_int_equal(summary.n_damaged, 0);
  assert_string_equal(summary.title, "a small results file");
  assert_string_equal(summary.experiment, "mei");
  assert_string_equal(summary.model, "sha256:1234 \xc2\xb5");
  assert_int_equal(ins_value_int_or(ins_map_get(summary.attributes, "seed"), 0), -7);
  ins_store_summary_clear(&summary);
  assert_null(summary.title);

  char *part = ins_format("%s.part", w->path);
  assert_int_equal(access(part, F_OK), -1);
  free(part);
}

static void rows_are_read_back_as_written_and_failed_ones_as_missing(void **state) {
  world *w = *state;
  const size_t task[] = {0, 1, 5, 6, 7, 23};
  float mei[6][30];
  int32_t peak[6][2];
  uint8_t done[64];
  ins_store *store = create_and_open(w, w->path);
  fixture_rows r = fixture_fill(w->layout, 6, task);
  const ins_status status[6] = {INS_OK, INS_OK, INS_ERR_NUMERIC, INS_OK, INS_ERR_STOPPED, INS_OK};
  float expected[6][30];
  memcpy(expected, r.rows[MEI], sizeof expected);
  OK(ins_store_write(store, 0, 6, task, r.rows, status));
  OK(ins_store_verify(store, 0, 0, w->n, done));
  for (size_t k = 0; k < w->n; k++)
    assert_int_equal(done[k], k == 0 || k == 1 || k == 6 || k == 23 ? INS_TASK_DONE
                              : k == 5                              ? INS_TASK_FAILED
                                                                    : INS_TASK_PENDING);
  fixture_read_rows(store, w->layout, MEI, 6, task, mei);
  fixture_read_rows(store, w->layout, PEAK, 6, task, peak);
  assert_memory_equal(mei[0], expected[0], sizeof mei[0]);
  assert_memory_equal(mei[3], expected[3], sizeof mei[0]);
  assert_memory_equal(mei[5], expected[5], sizeof mei[0]);
  for (int i = 0; i < 30; i++) assert_true(isnan(mei[2][i]));
  assert_int_equal(peak[2][1], -2147483647);
  assert_int_equal(peak[4][1], 0); /* left out, so as laid out */
  fixture_free(&r);
  OK(ins_store_close(&store));
}

static void bytes_do_not_depend_on_order_or_on_what_was_written_before(void **state) {
  world *w = *state;
  char *backwards = beside(w, "backwards.h5"), *redone = beside(w, "redone.h5");
  write_reference(w, w->path);

  ins_store *store = create_and_open(w, backwards);
  fixture_write_summaries(store, w->layout);
  for (size_t k = w->n; k-- > 0;) fixture_write_range(store, w->layout, k, 1, 5);
  OK(ins_store_close(&store));
  fixture_same(w->path, backwards);

  /* Tasks that failed before, a run that was cut off, summaries of half the tasks, rows written
   * twice. */
  store = create_and_open(w, redone);
  fixture_write_range(store, w->layout, 3, 9, 7);
  fixture_write_summaries(store, w->layout);
  OK(ins_store_close(&store));
  OK(ins_store_open(MPI_COMM_WORLD, redone, 1, &w->layout, &store));
  fixture_write_range(store, w->layout, 1, 23, 5);
  fixture_write_range(store, w->layout, 0, 7, 5);
  fixture_write_summaries(store, w->layout);
  OK(ins_store_close(&store));
  fixture_same(w->path, redone);
  free(backwards);
  free(redone);
}

static void a_flipped_byte_makes_its_task_pending_until_it_is_written_again(void **state) {
  world *w = *state;
  char *good = beside(w, "good.h5");
  uint8_t task[64];
  size_t n, at = 0;
  float needle[30];
  write_reference(w, good);
  write_reference(w, w->path);

  const size_t ten = 10;
  fixture_rows r = fixture_fill(w->layout, 1, &ten);
  memcpy(needle, r.rows[MEI], sizeof needle);
  fixture_free(&r);
  unsigned char *bytes = fixture_read(w->path, &n);
  while (at + sizeof needle < n && memcmp(bytes + at, needle, sizeof needle)) at++;
  assert_true(at + sizeof needle < n);
  FILE *file = fopen(w->path, "r+b");
  fseek(file, (long)at + 17, SEEK_SET);
  fputc(bytes[at + 17] ^ 1, file);
  fclose(file);
  free(bytes);

  ins_store_summary summary;
  OK(ins_store_summarise(w->path, false, &summary));
  assert_int_equal(summary.n_done, 23);
  ins_store_summary_clear(&summary);
  OK(ins_store_summarise(w->path, true, &summary));
  assert_int_equal(summary.n_done, 22);
  assert_int_equal(summary.n_failed, 1);
  assert_int_equal(summary.n_damaged, 1);
  ins_store_summary_clear(&summary);

  ins_store *store;
  OK(ins_store_open(MPI_COMM_WORLD, w->path, 1, &w->layout, &store));
  OK(ins_store_verify(store, 0, 0, w->n, task));
  for (size_t k = 0; k < w->n; k++)
    assert_int_equal(task[k], k == 10  ? INS_TASK_PENDING
                              : k == 5 ? INS_TASK_FAILED
                                       : INS_TASK_DONE);
  fixture_write_range(store, w->layout, 10, 1, SIZE_MAX);
  OK(ins_store_close(&store));
  fixture_same(good, w->path);
  free(good);
}

static void probing_tells_absent_whole_and_other_layouts_apart(void **state) {
  world *w = *state;
  ins_store_facts facts;
  OK(ins_store_probe(w->path, 1, &w->layout, &facts));
  assert_false(facts.exists || facts.ours || facts.opens || facts.same_axes);
  write_reference(w, w->path);
  OK(ins_store_probe(w->path, 1, &w->layout, &facts));
  assert_true(facts.exists && facts.ours && facts.opens && facts.same_axes);
  assert_string_equal(facts.job_json, "{\"experiment\":\"mei\"}");
  assert_string_equal(facts.instruction_set, "avx2");
  assert_int_equal(ins_value_int_or(ins_map_get(facts.attributes, "causal"), 0), 1);
  ins_store_facts_clear(&facts);

  const int64_t seeds[] = {1, 2, 3, 4};
  ins_layout *other = fixture_layout(N_NEURONS, N_SEEDS, seeds);
  OK(ins_store_probe(w->path, 1, &other, &facts));
  assert_true(facts.opens);
  assert_false(facts.same_axes);
  ins_store_facts_clear(&facts);
  ins_store *store;
  assert_int_equal(ins_store_open(MPI_COMM_WORLD, w->path, 1, &other, &store), INS_ERR_ARGUMENT);
  assert_null(store);
  assert_non_null(strstr(ins_message(), "results.h5"));
  ins_layout_destroy(&other);
}

/* Larger than HDF5 takes into an object header: a job with a long list of neurons. */
static void a_very_long_job_is_kept(void **state) {
  world *w = *state;
  enum { LENGTH = 300000 };
  ins_store_facts facts;
  char *job = malloc(LENGTH + 1);
  for (int i = 0; i < LENGTH; i++) job[i] = (char)('0' + i % 10);
  job[LENGTH] = '\0';
  OK(ins_map_take(w->attributes, "job", ins_value_text(job)));
  write_reference(w, w->path);
  OK(ins_store_probe(w->path, 1, &w->layout, &facts));
  assert_true(facts.opens && facts.same_axes);
  assert_string_equal(facts.job_json, job);
  ins_store_facts_clear(&facts);
  free(job);
}

static void the_size_told_beforehand_is_that_of_the_file(void **state) {
  world *w = *state;
  struct stat file;
  write_reference(w, w->path);
  assert_int_equal(stat(w->path, &file), 0);
  double told = ins_store_size(1, &w->layout);
  assert_true(told > 0.9 * (double)file.st_size && told < 1.1 * (double)file.st_size);
  assert_true((double)file.st_blocks * 512 >= (double)file.st_size); /* space is reserved */
}

/* A million tasks of one number each. */
static void a_million_tasks_are_laid_out_and_verified_in_seconds(void **state) {
  world *w = *state;
  ins_layout *layout;
  ins_store *store;
  uint8_t *task;
  const size_t n = 1000000, step = 100000;
  OK(ins_layout_create("many", &layout));
  OK(ins_layout_task_axis(layout, "neuron", 1000, NULL, NULL, NULL));
  OK(ins_layout_task_axis(layout, "seed", 1000, NULL, NULL, NULL));
  fixture_variable(layout, (ins_variable){.name = "response", .dtype = INS_F64});
  OK(ins_alloc(n, 1, &task));
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  OK(ins_store_create(w->path, 1, &layout, NULL));
  OK(ins_store_open(MPI_COMM_WORLD, w->path, 1, &layout, &store));
  for (size_t at = 0; at < n; at += step) {
    size_t *number;
    double *rows[INS_MAX_VARIABLES] = {0};
    ins_status *status;
    OK(ins_alloc(step, sizeof *number, &number));
    OK(ins_alloc(step, sizeof *status, &status));
    OK(ins_alloc(step, sizeof(double), &rows[0]));
    for (size_t k = 0; k < step; k++) rows[0][k] = (double)(number[k] = at + k);
    if (at != 500000) OK(ins_store_write(store, 0, step, number, (void *const *)rows, status));
    ins_free(&number);
    ins_free(&status);
    ins_free(&rows[0]);
  }
  OK(ins_store_verify(store, 0, 0, n, task));
  OK(ins_store_close(&store));
  clock_gettime(CLOCK_MONOTONIC, &to);
  for (size_t k = 0; k < n; k++)
    assert_int_equal(task[k], k / step == 5 ? INS_TASK_PENDING : INS_TASK_DONE);
  /* About half a second on an idle machine; a task at a time would take minutes. */
  assert_true(to.tv_sec - from.tv_sec < 20);
  ins_free(&task);
  ins_layout_destroy(&layout);
}

/* Rows beyond the size of a read are hashed in pieces, to the same sum. */
static void rows_of_many_megabytes_are_verified(void **state) {
  world *w = *state;
  ins_layout *layout;
  ins_store *store;
  int x;
  uint8_t task[3];
  const size_t number[] = {0, 2}, length = 5 << 20;
  const ins_status status[] = {INS_OK, INS_OK};
  void *rows[INS_MAX_VARIABLES] = {0};
  float *data;
  OK(ins_layout_create("large", &layout));
  OK(ins_layout_task_axis(layout, "neuron", 3, NULL, NULL, NULL));
  OK(ins_layout_axis(layout, "x", length, NULL, NULL, NULL, &x));
  fixture_variable(layout,
                   (ins_variable){.name = "movie", .dtype = INS_F32, .n_axes = 1, .axes = {x}});
  OK(ins_alloc(2 * length, sizeof *data, &data));
  for (size_t i = 0; i < 2 * length; i++) data[i] = (float)i;
  rows[0] = data;
  OK(ins_store_create(w->path, 1, &layout, NULL));
  OK(ins_store_open(MPI_COMM_WORLD, w->path, 1, &layout, &store));
  OK(ins_store_write(store, 0, 2, number, rows, status));
  OK(ins_store_verify(store, 0, 0, 3, task));
  assert_int_equal(task[0], INS_TASK_DONE);
  assert_int_equal(task[1], INS_TASK_PENDING);
  assert_int_equal(task[2], INS_TASK_DONE);
  OK(ins_store_close(&store));
  ins_free(&data);
  ins_layout_destroy(&layout);
}

static void a_job_of_one_task_without_axes_has_a_file_too(void **state) {
  world *w = *state;
  ins_layout *layout;
  ins_store *store;
  uint8_t task = 9;
  double response = 4.5, back = 0;
  const size_t number = 0;
  const ins_status status = INS_OK;
  void *rows[INS_MAX_VARIABLES] = {&response};
  OK(ins_layout_create("one", &layout));
  fixture_variable(layout, (ins_variable){.name = "response", .dtype = INS_F64});
  OK(ins_store_create(w->path, 1, &layout, NULL));
  OK(ins_store_open(MPI_COMM_WORLD, w->path, 1, &layout, &store));
  OK(ins_store_write(store, 0, 1, &number, rows, &status));
  OK(ins_store_verify(store, 0, 0, 1, &task));
  assert_int_equal(task, INS_TASK_DONE);
  OK(ins_store_read(store, 0, 0, 1, &number, 0, 1, &back));
  assert_true(back == 4.5);
  OK(ins_store_close(&store));
  ins_layout_destroy(&layout);
}

static void tasks_out_of_range_or_order_are_refused(void **state) {
  world *w = *state;
  ins_store *store = create_and_open(w, w->path);
  const size_t beyond[] = {24}, backwards[] = {3, 2};
  const ins_status status[] = {INS_OK, INS_OK};
  uint8_t task[64];
  fixture_rows r = fixture_fill(w->layout, 2, backwards);
  assert_int_equal(ins_store_write(store, 0, 1, beyond, r.rows, status), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_write(store, 0, 2, backwards, r.rows, status), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_verify(store, 0, 20, 5, task), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_write_summary(store, 0, MEAN, 6, r.rows[MEI]), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_write_summary(store, 0, MEI, 0, r.rows[MEI]), INS_ERR_INTERNAL);
  OK(ins_store_verify(store, 0, 0, w->n, task));
  for (size_t k = 0; k < w->n; k++) assert_int_equal(task[k], INS_TASK_PENDING);
  fixture_free(&r);
  OK(ins_store_close(&store));
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(a_new_file_has_only_pending_tasks_and_missing_summaries),
      TEST(rows_are_read_back_as_written_and_failed_ones_as_missing),
      TEST(bytes_do_not_depend_on_order_or_on_what_was_written_before),
      TEST(a_flipped_byte_makes_its_task_pending_until_it_is_written_again),
      TEST(probing_tells_absent_whole_and_other_layouts_apart),
      TEST(a_very_long_job_is_kept),
      TEST(the_size_told_beforehand_is_that_of_the_file),
      TEST(a_million_tasks_are_laid_out_and_verified_in_seconds),
      TEST(rows_of_many_megabytes_are_verified),
      TEST(a_job_of_one_task_without_axes_has_a_file_too),
      TEST(tasks_out_of_range_or_order_are_refused),
  };
  MPI_Init(&argc, &argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
