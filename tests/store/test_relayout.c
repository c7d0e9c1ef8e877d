/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <fcntl.h>
#include <hdf5.h>
#include <math.h>

typedef struct world {
  char *folder, *path, *fresh;
  ins_layout *small, *large;
  ins_value *attributes;
} world;

/* The large job has more neurons and more seeds, in another order. */
static int set_up(void **state) {
  static const int64_t more[] = {13, 5, 3, 1, 2, 21};
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->fresh = ins_format("%s/fresh.h5", w->folder);
  w->small = fixture_small();
  w->large = fixture_layout(5, 6, more);
  w->attributes = fixture_attributes();
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  fixture_remove(w->folder);
  free(w->path);
  free(w->fresh);
  ins_layout_destroy(&w->small);
  ins_layout_destroy(&w->large);
  ins_value_destroy(&w->attributes);
  free(w);
  return 0;
}

/* All tasks; failing is a matter of coordinates: neuron 10, seed 3, rate 10. */
static size_t failing(const ins_layout *layout) {
  for (size_t k = 0; k < ins_layout_tasks(layout); k++) {
    size_t index[INS_MAX_TASK_AXES];
    ins_layout_coordinates(layout, k, index);
    if (index[0] == 0 && index[2] == 1 &&
        ins_array_get(&layout->axes[1].coordinates->array, index[1]) == 3)
      return k;
  }
  return SIZE_MAX;
}

static void write_all(const world *w, const char *path, ins_layout *layout) {
  ins_store *store;
  OK(ins_store_create(path, 1, &layout, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
  fixture_write_range(store, layout, 0, ins_layout_tasks(layout), failing(layout));
  fixture_write_summaries(store, layout);
  OK(ins_store_close(&store));
}

/* Runs what is pending, as a resumed run does; returns how many tasks that were. */
static size_t run_the_rest(const char *path, ins_layout *layout) {
  ins_store *store;
  size_t n = ins_layout_tasks(layout), ran = 0;
  uint8_t *task;
  OK(ins_alloc(n, 1, &task));
  OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
  OK(ins_store_verify(store, 0, 0, n, task));
  for (size_t k = 0; k < n; k++) {
    if (task[k] != INS_TASK_PENDING) continue;
    fixture_write_range(store, layout, k, 1, failing(layout));
    ran++;
  }
  fixture_write_summaries(store, layout);
  OK(ins_store_close(&store));
  ins_free(&task);
  return ran;
}

static void cut(const char *path, double keep) {
  struct stat file;
  assert_int_equal(stat(path, &file), 0);
  assert_int_equal(truncate(path, (off_t)(keep * (double)file.st_size)), 0);
}

static void an_extended_file_equals_a_fresh_run_of_the_extended_job(void **state) {
  world *w = *state;
  size_t kept;
  write_all(w, w->path, w->small);
  write_all(w, w->fresh, w->large);
  OK(ins_store_relayout(w->path, w->path, 1, &w->large, w->attributes, &kept));
  assert_int_equal(kept, 24);
  assert_int_equal(run_the_rest(w->path, w->large), 60 - 24);
  fixture_same(w->fresh, w->path);
}

/* All tasks, in a file that opens and does not say what its checksums are of. */
static void write_without_seed(const world *w, const char *path, ins_layout *layout) {
  write_all(w, path, layout);
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(file >= 0 && H5Adelete_by_name(file, "checksum", "seed", H5P_DEFAULT) >= 0);
  H5Fclose(file);
}

/* Such rows are looked for where the new layout has them; of other axes, they are elsewhere. */
static void rows_that_are_not_found_are_kept_aside(void **state) {
  world *w = *state;
  size_t kept;
  char *aside = ins_format("%s.damaged", w->path);
  write_without_seed(w, w->path, w->small);
  write_without_seed(w, w->fresh, w->small);
  OK(ins_store_relayout(w->path, w->path, 1, &w->large, w->attributes, &kept));
  assert_int_equal(kept, 0);
  fixture_same(w->fresh, aside);
  assert_int_equal(remove(aside), 0);

  write_all(w, w->fresh, w->small);
  write_without_seed(w, w->path, w->small);
  OK(ins_store_relayout(w->path, w->path, 1, &w->small, w->attributes, &kept));
  assert_int_equal(kept, 24);
  assert_int_equal(run_the_rest(w->path, w->small), 0);
  fixture_same(w->fresh, w->path);
  assert_int_equal(access(aside, F_OK), -1);
  free(aside);
}

static void pending_and_damaged_tasks_are_not_copied(void **state) {
  world *w = *state;
  size_t kept;
  ins_store *store;
  OK(ins_store_create(w->path, 1, &w->small, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->small, &store));
  fixture_write_range(store, w->small, 3, 10, SIZE_MAX);
  OK(ins_store_close(&store));
  write_all(w, w->fresh, w->large);
  OK(ins_store_relayout(w->path, w->path, 1, &w->large, w->attributes, &kept));
  assert_int_equal(kept, 10);
  /* Task 5 succeeded here and fails in the fresh run. */
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->large, &store));
  fixture_write_range(store, w->large, failing(w->large), 1, failing(w->large));
  OK(ins_store_close(&store));
  run_the_rest(w->path, w->large);
  fixture_same(w->fresh, w->path);
}

static void texts_as_coordinates_are_matched_by_text(void **state) {
  world *w = *state;
  static const char *const before[] = {"green", "UV"}, *const after[] = {"red", "UV", "green"};
  double value[3] = {1, 2, 0};
  void *rows[INS_MAX_VARIABLES] = {value};
  const size_t task[] = {0, 1, 2};
  const ins_status status[2] = {INS_OK, INS_OK};
  uint8_t done[3];
  size_t kept;
  ins_store *store;
  for (int pass = 0; pass < 2; pass++) {
    size_t n = pass ? 3 : 2;
    ins_layout *layout;
    OK(ins_layout_create("texts", &layout));
    OK(ins_layout_task_axis(layout, "channel", n, fixture_texts(n, pass ? after : before), NULL,
                            NULL));
    fixture_variable(layout, (ins_variable){.name = "response", .dtype = INS_F64});
    if (pass)
      OK(ins_store_relayout(w->path, w->path, 1, &layout, NULL, &kept));
    else
      OK(ins_store_create(w->path, 1, &layout, NULL));
    OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &layout, &store));
    if (!pass) {
      OK(ins_store_write(store, 0, 2, task, rows, status));
    } else {
      assert_int_equal(kept, 2);
      OK(ins_store_verify(store, 0, 0, 3, done));
      fixture_read_rows(store, layout, 0, 3, task, value);
      assert_int_equal(done[0], INS_TASK_PENDING);
      assert_true(done[1] == INS_TASK_DONE && value[1] == 2);
      assert_true(done[2] == INS_TASK_DONE && value[2] == 1);
    }
    OK(ins_store_close(&store));
    ins_layout_destroy(&layout);
  }
}

static void finished_tasks_that_would_be_lost_stop_it(void **state) {
  world *w = *state;
  static const int64_t fewer[] = {1, 2};
  size_t kept, n, m;
  write_all(w, w->path, w->small);
  unsigned char *before = fixture_read(w->path, &n), *after;
  ins_layout *less = fixture_layout(N_NEURONS, 2, fewer);
  assert_int_equal(ins_store_relayout(w->path, w->path, 1, &less, w->attributes, &kept),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "11 finished tasks"));
  after = fixture_read(w->path, &m);
  assert_int_equal(n, m);
  assert_memory_equal(before, after, n);
  free(before);
  free(after);

  /* Into another file nothing is lost. */
  OK(ins_store_relayout(w->fresh, w->path, 1, &less, w->attributes, &kept));
  assert_int_equal(kept, 12);
  assert_int_equal(run_the_rest(w->fresh, less), 0);
  ins_layout_destroy(&less);
}

static void rows_of_another_shape_are_refused_by_name(void **state) {
  world *w = *state;
  size_t kept;
  write_all(w, w->path, w->small);
  free(w->large->axes[4].name);
  w->large->axes[4].name = strdup("response_frame");
  assert_int_equal(ins_store_relayout(w->path, w->path, 1, &w->large, w->attributes, &kept),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "'response_frame'"));
  free(w->large->axes[4].name);
  w->large->axes[4].name = strdup("frame");
  w->large->variables[RESPONSE].dtype = INS_F32;
  assert_int_equal(ins_store_relayout(w->path, w->path, 1, &w->large, w->attributes, &kept),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "'response'"));
  char *part = ins_format("%s.part", w->path);
  assert_int_equal(access(part, F_OK), -1);
  free(part);
}

static void a_truncated_file_keeps_the_rows_that_are_left(void **state) {
  world *w = *state;
  ins_store_facts facts;
  ins_store_summary summary;
  size_t kept;
  /* Many seeds, so that rows are most of the file. */
  int64_t seeds[200];
  for (int i = 0; i < 200; i++) seeds[i] = i;
  ins_layout *layout = fixture_layout(N_NEURONS, 200, seeds);
  write_all(w, w->fresh, layout);
  write_all(w, w->path, layout);
  cut(w->path, 0.6);
  assert_int_equal(ins_store_summarise(w->path, true, &summary), INS_ERR_FORMAT);
  OK(ins_store_probe(w->path, 1, &layout, &facts));
  assert_true(facts.exists && facts.ours && !facts.opens);
  ins_store_facts_clear(&facts);
  OK(ins_store_relayout(w->path, w->path, 1, &layout, w->attributes, &kept));
  assert_int_equal(run_the_rest(w->path, layout), 1200 - kept);
  fixture_same(w->fresh, w->path);

  /* A few bytes less cost a few tasks. */
  cut(w->path, 0.9999);
  OK(ins_store_relayout(w->path, w->path, 1, &layout, w->attributes, &kept));
  assert_true(kept >= 1190 && kept < 1200);
  assert_int_equal(run_the_rest(w->path, layout), 1200 - kept);
  fixture_same(w->fresh, w->path);
  ins_layout_destroy(&layout);
}

/* One variable only: what lies before the cut is kept, the rest is run again. */
static void a_file_cut_in_the_middle_of_a_variable_keeps_its_first_rows(void **state) {
  world *w = *state;
  ins_layout *layout;
  ins_store *store;
  int x;
  size_t kept;
  enum { TASKS = 64, X = 4096 };
  float *row;
  size_t task[TASKS];
  ins_status status[TASKS] = {INS_OK};
  uint8_t done[TASKS];
  void *rows[INS_MAX_VARIABLES] = {0};
  OK(ins_layout_create("one variable", &layout));
  OK(ins_layout_task_axis(layout, "neuron", TASKS, NULL, NULL, NULL));
  OK(ins_layout_axis(layout, "x", X, NULL, NULL, NULL, &x));
  fixture_variable(layout,
                   (ins_variable){.name = "movie", .dtype = INS_F32, .n_axes = 1, .axes = {x}});
  OK(ins_alloc(TASKS * X, sizeof *row, &row));
  for (size_t i = 0; i < TASKS * X; i++) row[i] = (float)i;
  for (size_t k = 0; k < TASKS; k++) task[k] = k;
  rows[0] = row;
  OK(ins_store_create(w->path, 1, &layout, NULL));
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &layout, &store));
  OK(ins_store_write(store, 0, TASKS, task, rows, status));
  OK(ins_store_close(&store));
  cut(w->path, 0.5);
  OK(ins_store_relayout(w->path, w->path, 1, &layout, NULL, &kept));
  assert_true(kept > TASKS / 3 && kept <= TASKS / 2);
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &layout, &store));
  OK(ins_store_verify(store, 0, 0, TASKS, done));
  for (size_t k = 0; k < TASKS; k++)
    assert_int_equal(done[k], k < kept ? INS_TASK_DONE : INS_TASK_PENDING);
  OK(ins_store_close(&store));

  /* The same cut file tells another job nothing: its checksums begin with another seed. */
  cut(w->path, 0.5);
  ins_value *attributes = ins_value_map();
  OK(ins_map_take(attributes, "job", ins_value_text("another")));
  OK(ins_store_relayout(w->path, w->path, 1, &layout, attributes, &kept));
  assert_int_equal(kept, 0);
  ins_value_destroy(&attributes);
  ins_free(&row);
  ins_layout_destroy(&layout);
}

/* Overwrites the first occurrence of `words`, which stand in an object header. */
static void damage(const char *path, const char *words) {
  size_t n, at = 0;
  unsigned char *bytes = fixture_read(path, &n);
  while (at + strlen(words) < n && memcmp(bytes + at, words, strlen(words))) at++;
  assert_true(at + strlen(words) < n);
  free(bytes);
  FILE *file = fopen(path, "r+b");
  fseek(file, (long)at, SEEK_SET);
  fputs("#", file);
  fclose(file);
}

static void a_file_with_a_damaged_header_keeps_its_rows(void **state) {
  world *w = *state;
  ins_store_facts facts;
  size_t kept;
  /* In the header of `mei`, of the root, of the axis `seed`'s link, and of the file. */
  static const char *const places[] = {"most exciting input", "layout_hash", "seed", "HDF"};
  write_all(w, w->fresh, w->small);
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    write_all(w, w->path, w->small);
    damage(w->path, places[i]);
    OK(ins_store_probe(w->path, 1, &w->small, &facts));
    assert_true(facts.ours && !facts.opens);
    ins_store_facts_clear(&facts);
    OK(ins_store_relayout(w->path, w->path, 1, &w->small, w->attributes, &kept));
    assert_int_equal(kept, 24);
    run_the_rest(w->path, w->small);
    fixture_same(w->fresh, w->path);
  }
}

static void a_file_that_nothing_tells_to_be_ours_is_left_alone(void **state) {
  world *w = *state;
  ins_store_facts facts;
  size_t kept;
  write_all(w, w->path, w->small);
  int fd = open(w->path, O_RDWR);
  assert_int_equal(pwrite(fd, "no file!", 8, 0), 8);
  close(fd);
  OK(ins_store_probe(w->path, 1, &w->small, &facts));
  assert_true(facts.exists && !facts.ours);
  ins_store_facts_clear(&facts);
  assert_int_equal(ins_store_relayout(w->path, w->path, 1, &w->small, w->attributes, &kept),
                   INS_ERR_ARGUMENT);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(an_extended_file_equals_a_fresh_run_of_the_extended_job),
      TEST(pending_and_damaged_tasks_are_not_copied),
      TEST(texts_as_coordinates_are_matched_by_text),
      TEST(finished_tasks_that_would_be_lost_stop_it),
      TEST(rows_of_another_shape_are_refused_by_name),
      TEST(a_truncated_file_keeps_the_rows_that_are_left),
      TEST(a_file_cut_in_the_middle_of_a_variable_keeps_its_first_rows),
      TEST(a_file_with_a_damaged_header_keeps_its_rows),
      TEST(a_file_that_nothing_tells_to_be_ours_is_left_alone),
      TEST(rows_that_are_not_found_are_kept_aside),
  };
  MPI_Init(&argc, &argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
