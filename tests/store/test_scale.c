/* SPDX-License-Identifier: MIT */
/* A million tasks: what is kept in memory does not grow with them. Given a number of tasks' rows,
 * the program tells times as well. */
#include "fixture.h"

#include <sys/resource.h>

#include "insilico/clock.h"
#include "store/parts.h"

/* AddressSanitizer keeps what is freed, 256 MB of it. */
#ifdef __SANITIZE_ADDRESS__
enum { ALLOWED_KB = 320 << 10 };
#else
enum { ALLOWED_KB = 32 << 10 };
#endif
enum { SIDE = 1000, PIECE = 20000 };

static char *folder;
static double begun;

/* Peak of the memory of this process, in kB. */
static long peak(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

static void told(const char *what) {
  print_message("%-36s %7.3f s, peak %ld kB\n", what, ins_clock_s() - begun, peak());
  begun = ins_clock_s();
}

static ins_layout *make_layout(size_t side) {
  ins_layout *layout;
  int y;
  int64_t *numbers;
  OK(ins_alloc(side, sizeof *numbers, &numbers));
  for (size_t i = 0; i < side; i++) numbers[i] = (int64_t)i;
  OK(ins_layout_create("many tasks", &layout));
  OK(ins_layout_task_axis(layout, "neuron", side, fixture_ints(side, numbers), NULL, NULL));
  OK(ins_layout_task_axis(layout, "seed", side, fixture_ints(side, numbers), NULL, NULL));
  OK(ins_layout_axis(layout, "y", 8, NULL, NULL, NULL, &y));
  layout->reduced = 1;
  fixture_variable(layout,
                   (ins_variable){.name = "mei", .dtype = INS_F32, .n_axes = 1, .axes = {y}});
  fixture_variable(layout, (ins_variable){.name = "response", .dtype = INS_F64});
  fixture_variable(layout, (ins_variable){.name = "outcome", .dtype = INS_I8});
  fixture_variable(
      layout,
      (ins_variable){
          .name = "mean_mei", .scope = INS_SUMMARY, .dtype = INS_F32, .n_axes = 1, .axes = {y}});
  ins_free(&numbers);
  return layout;
}

/* Books of `n` tasks from `first` on, in pieces as the master asks for them. */
static size_t count(ins_store *store, size_t n, bool verify) {
  static uint8_t state[PIECE];
  static size_t task[PIECE];
  size_t done = 0;
  for (size_t at = 0; at < n; at += PIECE) {
    size_t m = n - at < PIECE ? n - at : PIECE;
    for (size_t k = 0; k < m; k++) task[k] = at + k;
    if (verify)
      OK(ins_store_verify(store, 0, at, m, state));
    else
      OK(ins_store_states(store, 0, m, task, state));
    for (size_t k = 0; k < m; k++) done += state[k] == INS_TASK_DONE;
  }
  return done;
}

static void write_rows(ins_store *store, const ins_layout *layout, size_t n) {
  for (size_t at = 0; at < n; at += PIECE)
    fixture_write_range(store, layout, at, n - at < PIECE ? n - at : PIECE, SIZE_MAX);
}

static void go_through(const char *path, size_t side, size_t n) {
  ins_store *store;
  ins_store_summary summary;
  bool intact;
  ins_layout *layout = make_layout(side);
  const size_t n_tasks = side * side;
  begun = ins_clock_s();
  OK(ins_store_create(path, 1, &layout, NULL));
  told("made");
  OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
  told("opened");
  assert_int_equal(count(store, n_tasks, true), 0);
  told("verified, all pending");
  write_rows(store, layout, n);
  told("rows written");
  assert_int_equal(count(store, n_tasks, true), n);
  told("verified, rows written");
  assert_int_equal(count(store, n_tasks, false), n);
  told("states read");
  OK(ins_store_close(&store));
  told("closed");
  OK(ins_store_intact(path, 1, &layout, NULL, &intact));
  assert_true(intact);
  told("compared with what it should be");
  OK(ins_store_summarise(path, true, &summary));
  assert_int_equal(summary.n_done, n);
  assert_int_equal(summary.n_tasks, n_tasks);
  ins_store_summary_clear(&summary);
  told("summarised");
  ins_layout_destroy(&layout);
}

static size_t n_rows = 100000;

static void memory_does_not_grow_with_tasks(void **state) {
  (void)state;
  char *small = ins_format("%s/small.h5", folder), *large = ins_format("%s/large.h5", folder);
  go_through(small, 150, 150 * 150); /* buffers that any number of tasks needs */
  long before = peak();
  go_through(large, SIDE, n_rows);
  if (peak() - before > ALLOWED_KB)
    fail_msg("a million tasks took %ld kB more than 22500", peak() - before);
  free(small);
  free(large);
}

/* What runs write is not written to what a file is compared with. */
static void what_a_file_is_compared_with_does_not_grow_with_tasks(void **state) {
  (void)state;
  ins_layout *layout = make_layout(SIDE);
  ins_region *regions;
  struct stat twin;
  size_t n;
  int fd;
  OK(ins_store_twin(1, &layout, NULL, &fd, &regions, &n));
  assert_int_equal(fstat(fd, &twin), 0);
  assert_true(twin.st_size > SIDE * SIDE * 50L);
  if (twin.st_blocks * 512L > 1 << 20)
    fail_msg("it takes %ld kB for a million tasks", (long)twin.st_blocks / 2);
  close(fd);
  ins_free(&regions);
  ins_layout_destroy(&layout);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_does_not_grow_with_tasks),
      cmocka_unit_test(what_a_file_is_compared_with_does_not_grow_with_tasks),
  };
  MPI_Init(&argc, &argv);
  if (argc > 1) n_rows = strtoul(argv[1], NULL, 10);
  folder = fixture_folder();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  fixture_remove(folder);
  MPI_Finalize();
  return failed;
}
