/* SPDX-License-Identifier: MIT */
/* Several stages in one file: each keeps its own books, and what one loses the others keep. */
#include "fixture.h"

#include <hdf5.h>
#include <time.h>

typedef struct world {
  char *folder, *path, *fresh;
  fixture_stages small, more_neurons, more_directions;
  ins_value *attributes;
} world;

static int set_up(void **state) {
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->fresh = ins_format("%s/fresh.h5", w->folder);
  w->small = fixture_battery(3, 2);
  w->more_neurons = fixture_battery(5, 2);
  w->more_directions = fixture_battery(3, 4);
  w->attributes = fixture_attributes();
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  fixture_remove(w->folder);
  free(w->path);
  free(w->fresh);
  fixture_stages_clear(&w->small);
  fixture_stages_clear(&w->more_neurons);
  fixture_stages_clear(&w->more_directions);
  ins_value_destroy(&w->attributes);
  free(w);
  return 0;
}

/* Writes what is pending in all stages; ran[k] = how many tasks of stage k that were. */
static void run_the_rest(const char *path, const fixture_stages *s, size_t *ran) {
  ins_store *store;
  OK(ins_store_open(MPI_COMM_SELF, path, s->n, s->layout, &store));
  for (size_t k = 0; k < s->n; k++) {
    size_t n = ins_layout_tasks(s->layout[k]);
    uint8_t *task;
    ran[k] = 0;
    OK(ins_alloc(n, 1, &task));
    OK(ins_store_verify(store, k, 0, n, task));
    for (size_t i = 0; i < n; i++) {
      if (task[i] != INS_TASK_PENDING) continue;
      fixture_write_stage(store, k, s->layout[k], i, 1, SIZE_MAX);
      ran[k]++;
    }
    ins_free(&task);
  }
  fixture_write_q(store, s);
  OK(ins_store_close(&store));
}

static void check_ran(const size_t *ran, size_t fields, size_t bars, size_t flashes, size_t indices,
                      size_t nothing) {
  const size_t expected[] = {fields, bars, flashes, indices, nothing};
  for (size_t k = 0; k < N_STAGES; k++) assert_int_equal(ran[k], expected[k]);
}

static void every_stage_is_counted(void **state) {
  world *w = *state;
  ins_store *store;
  ins_store_summary s;
  static const char *const names[] = {"receptive_field", "moving_bar", "flash", "/", "nothing"};
  const size_t tasks[] = {3, 6, 6, 3, 1};
  OK(ins_store_create(w->path, w->small.n, w->small.layout, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, w->path, w->small.n, w->small.layout, &store));
  fixture_write_stage(store, FIELDS, w->small.layout[FIELDS], 0, 3, SIZE_MAX);
  fixture_write_stage(store, BARS, w->small.layout[BARS], 1, 3, 2);
  OK(ins_store_close(&store));
  for (int verify = 0; verify < 2; verify++) {
    OK(ins_store_summarise(w->path, verify, &s));
    assert_true(s.n_tasks == 19 && s.n_done == 5 && s.n_failed == 1 && s.n_pending == 13);
    assert_int_equal(s.n_stages, N_STAGES);
    for (size_t k = 0; k < N_STAGES; k++) {
      assert_string_equal(s.stages[k].name, names[k]);
      assert_int_equal(s.stages[k].n_tasks, tasks[k]);
    }
    assert_true(s.stages[BARS].n_done == 2 && s.stages[BARS].n_failed == 1);
    assert_true(s.stages[INDICES].n_pending == 3 && s.stages[FIELDS].n_pending == 0);
    assert_string_equal(s.title, "a battery");
    ins_store_summary_clear(&s);
  }
}

static void a_part_of_rows_is_read(void **state) {
  world *w = *state;
  ins_store *store;
  const ins_layout *bars = w->small.layout[BARS];
  const size_t task[] = {1, 2, 5};
  float part[3][2], whole[3][6];
  fixture_write_battery(w->path, &w->small, w->attributes);
  OK(ins_store_open(MPI_COMM_SELF, w->path, w->small.n, w->small.layout, &store));
  OK(ins_store_read(store, BARS, 0, 3, task, 0, 6, whole));
  OK(ins_store_read(store, BARS, 0, 3, task, 3, 2, part));
  for (int k = 0; k < 3; k++) {
    assert_true(whole[k][3] == (float)(fixture_value(bars, task[k]) + 0.003));
    assert_memory_equal(part[k], whole[k] + 3, sizeof part[k]);
  }
  assert_int_equal(ins_store_read(store, BARS, 0, 1, task, 5, 2, part), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_read(store, BARS, 1, 1, task, 0, 1, part), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_read(store, N_STAGES, 0, 1, task, 0, 1, part), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_read(store, INDICES, DSI_Q, 1, task, 0, 1, part), INS_ERR_INTERNAL);
  OK(ins_store_close(&store));
}

static void bytes_do_not_depend_on_the_order_of_writing(void **state) {
  world *w = *state;
  const fixture_stages *s = &w->small;
  ins_store *store;
  fixture_write_battery(w->fresh, s, w->attributes);
  OK(ins_store_create(w->path, s->n, s->layout, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, w->path, s->n, s->layout, &store));
  fixture_write_q(store, s);
  for (size_t k = s->n; k-- > 0;) {
    for (size_t i = ins_layout_tasks(s->layout[k]); i-- > 0;)
      fixture_write_stage(store, k, s->layout[k], i, 1, SIZE_MAX);
    OK(ins_store_sync(store));
  }
  OK(ins_store_close(&store));
  fixture_same(w->fresh, w->path);
}

/* Flips a bit where the row of a task begins. */
static void flip(const char *path, const fixture_stages *s, size_t stage, size_t task) {
  size_t n, at = 0;
  fixture_rows r = fixture_fill(s->layout[stage], 1, &task);
  unsigned char *bytes = fixture_read(path, &n);
  const size_t row = ins_layout_row_bytes(s->layout[stage], 0);
  while (at + row < n && memcmp(bytes + at, r.rows[0], row)) at++;
  assert_true(at + row < n);
  FILE *file = fopen(path, "r+b");
  fseek(file, (long)at, SEEK_SET);
  fputc(bytes[at] ^ 1, file);
  fclose(file);
  free(bytes);
  fixture_free(&r);
}

static void a_flipped_byte_costs_one_task_of_its_stage(void **state) {
  world *w = *state;
  size_t ran[N_STAGES];
  ins_store_summary s;
  fixture_write_battery(w->fresh, &w->small, w->attributes);
  fixture_write_battery(w->path, &w->small, w->attributes);
  flip(w->path, &w->small, FIELDS, 1);
  OK(ins_store_summarise(w->path, true, &s));
  assert_true(s.n_damaged == 1 && s.stages[FIELDS].n_damaged == 1 && s.n_done == 18);
  ins_store_summary_clear(&s);
  run_the_rest(w->path, &w->small, ran);
  check_ran(ran, 1, 0, 0, 0, 0);
  fixture_same(w->fresh, w->path);
}

/* Rows of one stage never pass for those of another, nor for those of the same stage under another
 * name. */
static void stages_have_checksums_of_their_own(void **state) {
  world *w = *state;
  size_t kept, ran[N_STAGES];
  fixture_write_battery(w->path, &w->small, w->attributes);
  free(w->small.layout[FLASHES]->group);
  w->small.layout[FLASHES]->group = strdup("flicker");
  assert_int_equal(
      ins_store_relayout(w->path, w->path, w->small.n, w->small.layout, w->attributes, &kept),
      INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "6 finished tasks"));
  OK(ins_store_relayout(w->fresh, w->path, w->small.n, w->small.layout, w->attributes, &kept));
  assert_int_equal(kept, 3 + 6);
  run_the_rest(w->fresh, &w->small, ran);
  check_ran(ran, 0, 0, 6, 3, 1);
}

static void probing_compares_all_stages(void **state) {
  world *w = *state;
  ins_store_facts facts;
  ins_store *store;
  fixture_write_battery(w->path, &w->small, w->attributes);
  OK(ins_store_probe(w->path, w->small.n, w->small.layout, &facts));
  assert_true(facts.ours && facts.opens && facts.same_axes);
  ins_store_facts_clear(&facts);
  OK(ins_store_probe(w->path, w->small.n - 1, w->small.layout, &facts));
  assert_false(facts.same_axes);
  ins_store_facts_clear(&facts);
  assert_int_equal(ins_store_open(MPI_COMM_SELF, w->path, w->more_directions.n,
                                  w->more_directions.layout, &store),
                   INS_ERR_ARGUMENT);
}

/* ---- laid out anew --------------------------------------------------------------------------- */

static size_t relayout(const world *w, const fixture_stages *s) {
  size_t kept;
  OK(ins_store_relayout(w->path, w->path, s->n, s->layout, w->attributes, &kept));
  return kept;
}

/* Each row depends on its own neuron: those of the old ones stay. */
static void more_neurons_keep_all_rows(void **state) {
  world *w = *state;
  size_t ran[N_STAGES];
  fixture_write_battery(w->path, &w->small, w->attributes);
  fixture_write_battery(w->fresh, &w->more_neurons, w->attributes);
  /* All but the task without axes, which stands behind all neurons. */
  assert_int_equal(relayout(w, &w->more_neurons), 18);
  run_the_rest(w->path, &w->more_neurons, ran);
  check_ran(ran, 2, 4, 4, 2, 1);
  fixture_same(w->fresh, w->path);
}

/* More directions leave what was computed from all of them behind, unless a stage does not read
 * them. */
static void rows_that_may_depend_on_new_ones_are_computed_again(void **state) {
  world *w = *state;
  size_t ran[N_STAGES];
  fixture_write_battery(w->path, &w->small, w->attributes);
  fixture_write_battery(w->fresh, &w->more_directions, w->attributes);
  assert_int_equal(relayout(w, &w->more_directions), 3 + 6 + 6);
  run_the_rest(w->path, &w->more_directions, ran);
  check_ran(ran, 0, 6, 0, 3, 1);
  fixture_same(w->fresh, w->path);
}

static void a_new_stage_leaves_those_before_it(void **state) {
  world *w = *state;
  size_t ran[N_STAGES];
  fixture_stages fewer = {.n = 3};
  fewer.layout[0] = w->small.layout[FIELDS];
  fewer.layout[1] = w->small.layout[BARS];
  fewer.layout[2] = w->small.layout[INDICES];
  ins_store *store;
  OK(ins_store_create(w->path, fewer.n, fewer.layout, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, w->path, fewer.n, fewer.layout, &store));
  for (size_t k = 0; k < fewer.n; k++)
    fixture_write_stage(store, k, fewer.layout[k], 0, ins_layout_tasks(fewer.layout[k]), SIZE_MAX);
  OK(ins_store_close(&store));
  fixture_write_battery(w->fresh, &w->small, w->attributes);
  assert_int_equal(relayout(w, &w->small), 3 + 6);
  run_the_rest(w->path, &w->small, ran);
  check_ran(ran, 0, 0, 6, 3, 1);
  fixture_same(w->fresh, w->path);
}

static void a_stage_that_would_be_lost_stops_it(void **state) {
  world *w = *state;
  size_t kept;
  fixture_write_battery(w->path, &w->small, w->attributes);
  assert_int_equal(
      ins_store_relayout(w->path, w->path, BARS + 1, w->small.layout, w->attributes, &kept),
      INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "10 finished tasks"));
  fixture_write_battery(w->fresh, &w->small, w->attributes);
  fixture_same(w->fresh, w->path);
}

static void a_stage_of_another_shape_is_refused_by_name(void **state) {
  world *w = *state;
  size_t kept;
  fixture_write_battery(w->path, &w->small, w->attributes);
  w->small.layout[BARS]->variables[0].dtype = INS_F64;
  assert_int_equal(
      ins_store_relayout(w->path, w->path, w->small.n, w->small.layout, w->attributes, &kept),
      INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "'response'"));
  assert_non_null(strstr(ins_message(), "stage moving_bar"));
}

/* Overwrites a letter of `words` where they stand for the last time. */
static void damage(const char *path, const char *words) {
  size_t n, at;
  unsigned char *bytes = fixture_read(path, &n);
  for (at = n - strlen(words); at > 0 && memcmp(bytes + at, words, strlen(words)); at--) continue;
  assert_true(at > 0);
  free(bytes);
  FILE *file = fopen(path, "r+b");
  fseek(file, (long)at, SEEK_SET);
  fputc('#', file);
  fclose(file);
}

static void damage_within_a_group_is_found_and_costs_no_row(void **state) {
  world *w = *state;
  ins_store_facts facts;
  size_t ran[N_STAGES];
  /* In the header of a variable, of the group itself, and of its axis. */
  static const char *const places[] = {"um2", "direction_deg", "response_frame"};
  fixture_write_battery(w->fresh, &w->small, w->attributes);
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    fixture_write_battery(w->path, &w->small, w->attributes);
    damage(w->path, places[i]);
    OK(ins_store_probe(w->path, w->small.n, w->small.layout, &facts));
    assert_true(facts.ours && !facts.opens);
    ins_store_facts_clear(&facts);
    assert_int_equal(relayout(w, &w->small), 19);
    run_the_rest(w->path, &w->small, ran);
    check_ran(ran, 0, 0, 0, 0, 0);
    fixture_same(w->fresh, w->path);
  }
}

static void a_file_that_was_cut_short_keeps_whole_rows(void **state) {
  world *w = *state;
  size_t ran[N_STAGES];
  fixture_write_battery(w->fresh, &w->small, w->attributes);
  fixture_write_battery(w->path, &w->small, w->attributes);
  /* In the third of six rows of the flashes; the indices lie behind. */
  hid_t file = H5Fopen(w->path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t dataset = H5Dopen2(file, "flash/response", H5P_DEFAULT);
  off_t offset = (off_t)H5Dget_offset(dataset);
  H5Dclose(dataset);
  H5Fclose(file);
  assert_int_equal(truncate(w->path, offset + 2 * 24 + 1), 0);
  assert_int_equal(relayout(w, &w->small), 19 - 4 - 3);
  run_the_rest(w->path, &w->small, ran);
  check_ran(ran, 0, 0, 4, 3, 0);
  fixture_same(w->fresh, w->path);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void names_that_collide_are_refused_before_anything_is_written(void **state) {
  world *w = *state;
  static const char *const names[] = {"dsi", "neuron", "dsi_q",     "status", "flash",
                                      "a/b", "",       "two words", ".",      "string12"};
  char **group = &w->small.layout[BARS]->group;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    free(*group);
    *group = strdup(names[i]);
    assert_int_equal(ins_store_check(w->small.n, w->small.layout), INS_ERR_ARGUMENT);
    assert_int_equal(ins_store_create(w->path, w->small.n, w->small.layout, NULL),
                     INS_ERR_ARGUMENT);
    assert_non_null(strstr(ins_message(), names[i]));
    assert_int_equal(access(w->path, F_OK), -1);
  }
  free(*group);
  *group = NULL;
  assert_int_equal(ins_store_check(w->small.n, w->small.layout), INS_ERR_INTERNAL);
  *group = strdup("bars");
  OK(ins_store_check(w->small.n, w->small.layout));
}

/* The books of a stage are its own, so its variables may have names that others have. */
static void a_file_may_have_no_stage_in_its_root(void **state) {
  world *w = *state;
  ins_store_summary s;
  ins_store *store;
  ins_layout *one = w->small.layout[BARS];
  OK(ins_store_create(w->path, 1, &one, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &one, &store));
  fixture_write_stage(store, 0, one, 0, 6, SIZE_MAX);
  OK(ins_store_close(&store));
  OK(ins_store_summarise(w->path, true, &s));
  assert_true(s.n_stages == 1 && s.n_done == 6);
  assert_string_equal(s.stages[0].name, "moving_bar");
  ins_store_summary_clear(&s);
}

/* ---- many of them ---------------------------------------------------------------------------- */

static double seconds_since(const struct timespec *from) {
  struct timespec to;
  clock_gettime(CLOCK_MONOTONIC, &to);
  return (double)(to.tv_sec - from->tv_sec) + 1e-9 * (double)(to.tv_nsec - from->tv_nsec);
}

/* As many indices of neurons as a layout holds, one number each. */
static void as_many_variables_as_there_may_be(void **state) {
  world *w = *state;
  enum { NEURONS = 1000 };
  ins_layout *layout;
  ins_store *store;
  char name[16];
  struct stat file;
  struct timespec start;
  uint8_t done[NEURONS];
  OK(ins_layout_create("indices", &layout));
  OK(ins_layout_task_axis(layout, "neuron", NEURONS, NULL, NULL, NULL));
  for (int v = 0; v < INS_MAX_VARIABLES; v++) {
    snprintf(name, sizeof name, "index%d", v);
    fixture_variable(layout, (ins_variable){.name = name, .dtype = INS_F64, .source = "none"});
  }
  clock_gettime(CLOCK_MONOTONIC, &start);
  OK(ins_store_create(w->path, 1, &layout, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &layout, &store));
  double laid_out = seconds_since(&start);
  size_t *task;
  ins_status *status;
  void **rows;
  double *numbers;
  OK(ins_alloc(NEURONS, sizeof *task, &task));
  OK(ins_alloc(NEURONS, sizeof *status, &status));
  OK(ins_alloc(INS_MAX_VARIABLES, sizeof *rows, &rows));
  OK(ins_alloc(NEURONS, sizeof *numbers, &numbers));
  for (size_t k = 0; k < NEURONS; k++) numbers[task[k] = k] = (double)k;
  for (int v = 0; v < INS_MAX_VARIABLES; v++) rows[v] = numbers;
  OK(ins_store_write(store, 0, 50, task, rows, status));
  OK(ins_store_verify(store, 0, 0, NEURONS, done));
  for (size_t k = 0; k < NEURONS; k++)
    assert_int_equal(done[k], k < 50 ? INS_TASK_DONE : INS_TASK_PENDING);
  OK(ins_store_close(&store));
  assert_int_equal(stat(w->path, &file), 0);
  const double told = ins_store_size(1, &layout);
  print_message("laid out and opened in %.2f s, all in %.2f s; %.0f bytes told, %.0f there\n",
                laid_out, seconds_since(&start), told, (double)file.st_size);
  assert_true(told > 0.8 * (double)file.st_size && told < 1.5 * (double)file.st_size);
  ins_free(&task);
  ins_free(&status);
  ins_free(&rows);
  ins_free(&numbers);
  ins_layout_destroy(&layout);
}

static void as_many_stages_as_there_may_be(void **state) {
  world *w = *state;
  enum { STAGES = 64 };
  ins_layout *stages[STAGES];
  ins_store *store;
  uint8_t done[6];
  char name[16];
  for (size_t k = 0; k < STAGES; k++) {
    snprintf(name, sizeof name, "stage%zu", k);
    stages[k] = fixture_responses(name, 3, "direction_deg", 2);
  }
  OK(ins_store_create(w->path, STAGES, stages, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, w->path, STAGES, stages, &store));
  for (size_t k = 0; k < STAGES; k += 3) fixture_write_stage(store, k, stages[k], 0, 6, SIZE_MAX);
  for (size_t k = 0; k < STAGES; k++) {
    OK(ins_store_verify(store, k, 0, 6, done));
    for (int i = 0; i < 6; i++) assert_int_equal(done[i], k % 3 ? INS_TASK_PENDING : INS_TASK_DONE);
  }
  OK(ins_store_close(&store));
  for (size_t k = 0; k < STAGES; k++) ins_layout_destroy(&stages[k]);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(every_stage_is_counted),
      TEST(a_part_of_rows_is_read),
      TEST(bytes_do_not_depend_on_the_order_of_writing),
      TEST(a_flipped_byte_costs_one_task_of_its_stage),
      TEST(stages_have_checksums_of_their_own),
      TEST(probing_compares_all_stages),
      TEST(more_neurons_keep_all_rows),
      TEST(rows_that_may_depend_on_new_ones_are_computed_again),
      TEST(a_new_stage_leaves_those_before_it),
      TEST(a_stage_that_would_be_lost_stops_it),
      TEST(a_stage_of_another_shape_is_refused_by_name),
      TEST(damage_within_a_group_is_found_and_costs_no_row),
      TEST(a_file_that_was_cut_short_keeps_whole_rows),
      TEST(names_that_collide_are_refused_before_anything_is_written),
      TEST(a_file_may_have_no_stage_in_its_root),
      TEST(as_many_variables_as_there_may_be),
      TEST(as_many_stages_as_there_may_be),
  };
  MPI_Init(&argc, &argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
