/* SPDX-License-Identifier: MIT */
/* What a results file meets in the world: full disks, folders in its place, files of others. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "insilico/fault.h"
#include "store/open_file.h"

typedef struct world {
  char *folder, *path, *part;
  ins_layout *layout;
} world;

static int set_up(void **state) {
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->part = ins_format("%s.part", w->path);
  w->layout = fixture_small();
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  fixture_remove(w->folder);
  free(w->path);
  free(w->part);
  ins_layout_destroy(&w->layout);
  free(w);
  return 0;
}

static bool exists(const char *path) {
  return access(path, F_OK) == 0;
}

static void refuses_to_touch(const world *w, const char *path) {
  size_t kept, n, m;
  ins_store_facts facts;
  ins_store_summary summary;
  ins_store *store;
  unsigned char *before = fixture_read(path, &n), *after;
  OK(ins_store_probe(path, 1, &w->layout, &facts));
  assert_true(facts.exists && !facts.ours && !facts.opens);
  assert_int_equal(ins_store_create(path, 1, &w->layout, NULL), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), path));
  assert_int_equal(ins_store_relayout(path, path, 1, &w->layout, NULL, &kept), INS_ERR_ARGUMENT);
  assert_int_equal(ins_store_open(MPI_COMM_SELF, path, 1, &w->layout, &store), INS_ERR_FORMAT);
  assert_int_equal(ins_store_summarise(path, false, &summary), INS_ERR_ARGUMENT);
  after = fixture_read(path, &m);
  assert_int_equal(n, m);
  assert_memory_equal(before, after, n);
  free(before);
  free(after);
}

static void files_of_others_are_never_overwritten(void **state) {
  world *w = *state;
  FILE *file = fopen(w->path, "w");
  fputs("my only copy of a poem that mentions insilico results 1\n", file);
  fclose(file);
  refuses_to_touch(w, w->path);
  remove(w->path);
  hid_t other = H5Fcreate(w->path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(other);
  refuses_to_touch(w, w->path);
  assert_non_null(strstr(ins_message(), "another program"));
  file = fopen(w->path, "w");
  fclose(file);
  refuses_to_touch(w, w->path);
}

static void a_folder_in_its_place_is_said(void **state) {
  world *w = *state;
  assert_int_equal(ins_store_create(w->folder, 1, &w->layout, NULL), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "is a folder"));
  assert_int_equal(mkdir(w->part, 0777), 0);
  assert_int_equal(ins_store_create(w->path, 1, &w->layout, NULL), INS_ERR_IO);
  assert_non_null(strstr(ins_message(), strerror(EISDIR)));
  assert_false(exists(w->path));
}

static void folders_that_are_none_or_missing_are_said(void **state) {
  world *w = *state;
  char *within = ins_format("%s/inner.h5", w->path);
  assert_int_equal(ins_store_create(within, 1, &w->layout, NULL), INS_ERR_IO);
  assert_non_null(strstr(ins_message(), strerror(ENOENT)));
  FILE *file = fopen(w->path, "w");
  fclose(file);
  assert_int_equal(ins_store_create(within, 1, &w->layout, NULL), INS_ERR_IO);
  assert_non_null(strstr(ins_message(), strerror(ENOTDIR)));
  ins_store *store;
  assert_int_equal(ins_store_open(MPI_COMM_SELF, within, 1, &w->layout, &store), INS_ERR_IO);
  ins_store_summary summary;
  assert_int_equal(ins_store_summarise("/nowhere/at/all.h5", false, &summary), INS_ERR_IO);
  free(within);
}

/* A file system of 256 kB in a name space of our own; false where we may not make one. */
static bool mount_tiny(const char *folder) {
  return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount("tiny", folder, "tmpfs", 0, "size=256k") == 0;
}

static void a_full_disk_is_known_before_the_run(void **state) {
  world *w = *state;
  int64_t seeds[1000];
  for (int i = 0; i < 1000; i++) seeds[i] = i;
  if (!mount_tiny(w->folder)) {
    print_message("making a file system is not allowed here\n");
    skip();
  }
  ins_layout *large = fixture_layout(N_NEURONS, 1000, seeds);
  assert_int_equal(ins_store_create(w->path, 1, &large, NULL), INS_ERR_IO);
  assert_non_null(strstr(ins_message(), "262 kB free"));
  assert_non_null(strstr(ins_message(), "the results need 9"));
  assert_false(exists(w->part));
  assert_false(exists(w->path));

  /* Space that was free when it was asked for and is not any more. */
  int fd = open(w->path, O_RDWR | O_CREAT | O_EXCL, 0666);
  assert_int_equal(ftruncate(fd, 1 << 20), 0);
  assert_int_equal(ins_store_reserve(w->path, fd), INS_ERR_IO);
  close(fd);
  remove(w->path);

  /* A relayout that does not fit leaves the old file as it was. */
  size_t kept;
  ins_store_summary summary;
  OK(ins_store_create(w->path, 1, &w->layout, NULL));
  assert_int_equal(ins_store_relayout(w->path, w->path, 1, &large, NULL, &kept), INS_ERR_IO);
  OK(ins_store_summarise(w->path, true, &summary));
  assert_int_equal(summary.n_tasks, 24);
  ins_store_summary_clear(&summary);

  /* All of it is reserved: a disk that fills up meanwhile does not stop the run. */
  FILE *filler = fopen(w->part, "w");
  for (int i = 0; i < 1 << 20; i++) fputc(i, filler);
  fclose(filler);
  ins_store *store;
  uint8_t done[64];
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->layout, &store));
  fixture_write_range(store, w->layout, 0, 24, SIZE_MAX);
  fixture_write_summaries(store, w->layout);
  OK(ins_store_verify(store, 0, 0, 24, done));
  for (int k = 0; k < 24; k++) assert_int_equal(done[k], INS_TASK_DONE);
  OK(ins_store_close(&store));
  ins_layout_destroy(&large);
  umount(w->folder);
}

static void a_write_that_fails_is_told_and_leaves_the_task_pending(void **state) {
  world *w = *state;
  ins_store *store;
  uint8_t done[64];
  struct rlimit before, small;
  const size_t task[] = {1};
  const ins_status status[] = {INS_OK};
  OK(ins_store_create(w->path, 1, &w->layout, NULL));
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->layout, &store));
  fixture_rows r = fixture_fill(w->layout, 1, task);
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  small = (struct rlimit){1024, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  ins_status written = ins_store_write(store, 0, 1, task, r.rows, status);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_int_equal(written, INS_ERR_IO);
  assert_non_null(strstr(ins_message(), w->path));
  assert_non_null(strstr(ins_message(), "cannot be written"));
  OK(ins_store_verify(store, 0, 0, 24, done));
  assert_int_equal(done[1], INS_TASK_PENDING);
  OK(ins_store_write(store, 0, 1, task, r.rows, status));
  OK(ins_store_verify(store, 0, 0, 24, done));
  assert_int_equal(done[1], INS_TASK_DONE);
  OK(ins_store_close(&store));
  fixture_free(&r);
}

static void provoke(const char *fault) {
  if (fault)
    setenv("INS_FAULT", fault, 1);
  else
    unsetenv("INS_FAULT");
  OK(ins_fault_check());
}

static void write_all(const char *path, ins_layout *layout) {
  ins_store *store;
  OK(ins_store_create(path, 1, &layout, NULL));
  OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
  fixture_write_range(store, layout, 0, ins_layout_tasks(layout), SIZE_MAX);
  fixture_write_summaries(store, layout);
  OK(ins_store_close(&store));
}

/* Between data and status, and between status and checksum, a row is not there yet. */
static void a_row_is_there_once_its_checksum_is(void **state) {
  world *w = *state;
  static const char *const faults[] = {"store.write:5", "store.write.status:5",
                                       "store.write.checksum:5"};
  char *whole = ins_format("%s/whole.h5", w->folder);
  size_t tasks[24];
  uint8_t done[24], said[24];
  ins_status status[24] = {INS_OK};
  for (size_t k = 0; k < 24; k++) tasks[k] = k;
  write_all(whole, w->layout);
  for (size_t i = 0; i < 3; i++) {
    ins_store *store;
    fixture_rows r = fixture_fill(w->layout, 4, tasks + 4);
    OK(ins_store_create(w->path, 1, &w->layout, NULL));
    OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->layout, &store));
    provoke(faults[i]);
    assert_int_equal(ins_store_write(store, 0, 4, tasks + 4, r.rows, status), INS_ERR_IO);
    assert_non_null(strstr(ins_message(), "task 5"));
    OK(ins_store_verify(store, 0, 0, 24, done));
    OK(ins_store_states(store, 0, 24, tasks, said));
    for (size_t k = 0; k < 24; k++) {
      assert_int_equal(done[k], INS_TASK_PENDING);
      assert_int_equal(said[k], i == 2 && k >= 4 && k < 8 ? INS_TASK_DONE : INS_TASK_PENDING);
    }
    provoke(NULL);
    fixture_write_range(store, w->layout, 0, 24, SIZE_MAX);
    fixture_write_summaries(store, w->layout);
    OK(ins_store_close(&store));
    fixture_same(whole, w->path);
    fixture_free(&r);
  }
  free(whole);
}

/* Each site fails in order, and nothing is left that would be in the way of the next try. */
static void whatever_fails_is_told_and_can_be_tried_again(void **state) {
  world *w = *state;
  ins_store *store;
  float mean[15] = {0};
  size_t task = 3, kept;
  double response;
  uint8_t done[24];
  static const char *const making[] = {"store.lay_out", "store.reserve", "store.publish"};
  for (size_t i = 0; i < 3; i++) {
    provoke(making[i]);
    assert_int_equal(ins_store_create(w->path, 1, &w->layout, NULL), INS_ERR_IO);
    assert_false(exists(w->path) || exists(w->part));
  }
  provoke("store.open");
  OK(ins_store_create(w->path, 1, &w->layout, NULL));
  assert_int_equal(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->layout, &store), INS_ERR_IO);
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->layout, &store));
  fixture_write_range(store, w->layout, 0, 24, SIZE_MAX);
  provoke("store.write.summary store.read:3 store.sync store.close");
  assert_int_equal(ins_store_write_summary(store, 0, MEAN, 0, mean), INS_ERR_IO);
  OK(ins_store_write_summary(store, 0, MEAN, 0, mean));
  assert_int_equal(ins_store_read(store, 0, RESPONSE, 1, &task, 0, 1, &response), INS_ERR_IO);
  OK(ins_store_read(store, 0, RESPONSE, 1, &task, 0, 1, &response));
  assert_int_equal(ins_store_sync(store), INS_ERR_IO);
  OK(ins_store_sync(store));
  provoke("store.verify:7 store.close");
  OK(ins_store_verify(store, 0, 0, 24, done));
  for (size_t k = 0; k < 24; k++)
    assert_int_equal(done[k], k == 7 ? INS_TASK_PENDING : INS_TASK_DONE);
  assert_int_equal(ins_store_close(&store), INS_ERR_IO);
  assert_null(store);
  provoke("store.relayout");
  assert_int_equal(ins_store_relayout(w->path, w->path, 1, &w->layout, NULL, &kept), INS_ERR_IO);
  assert_false(exists(w->part));
  OK(ins_store_relayout(w->path, w->path, 1, &w->layout, NULL, &kept));
  assert_int_equal(kept, 24);
  provoke("store.reread:7"); /* it was whole when it was verified */
  OK(ins_store_relayout(w->path, w->path, 1, &w->layout, NULL, &kept));
  assert_int_equal(kept, 23);
  provoke(NULL);
}

static void states_are_what_the_file_says(void **state) {
  world *w = *state;
  ins_store *store;
  uint8_t said[24];
  const size_t all[] = {0, 1, 2, 3, 7, 8, 23}, none[] = {24}, backwards[] = {4, 3},
               twice[] = {4, 4};
  OK(ins_store_create(w->path, 1, &w->layout, NULL));
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->layout, &store));
  fixture_write_range(store, w->layout, 1, 2, 2);
  fixture_write_range(store, w->layout, 8, 16, SIZE_MAX);
  OK(ins_store_states(store, 0, 7, all, said));
  const uint8_t expected[] = {0, 1, 2, 0, 0, 1, 1};
  assert_memory_equal(said, expected, 7);
  OK(ins_store_states(store, 0, 0, NULL, NULL));
  assert_int_equal(ins_store_states(store, 0, 1, none, said), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_states(store, 0, 2, backwards, said), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_states(store, 0, 2, twice, said), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_states(store, 1, 1, all, said), INS_ERR_INTERNAL);

  /* A value that is no state, as damage leaves it. */
  const int8_t strange = 77;
  int fd = open(w->path, O_RDWR);
  assert_int_equal(pwrite(fd, &strange, 1, (off_t)store->stages[0].rows.status.offset + 8), 1);
  close(fd);
  OK(ins_store_states(store, 0, 7, all, said));
  assert_int_equal(said[5], INS_TASK_PENDING);
  OK(ins_store_close(&store));
}

static void what_a_killed_run_left_behind_is_no_hindrance(void **state) {
  world *w = *state;
  FILE *file = fopen(w->part, "w");
  fputs("half a file", file);
  fclose(file);
  ins_store_facts facts;
  OK(ins_store_probe(w->path, 1, &w->layout, &facts));
  assert_false(facts.exists);
  OK(ins_store_create(w->path, 1, &w->layout, NULL));
  assert_false(exists(w->part));
}

static void names_that_the_file_cannot_hold_are_refused(void **state) {
  world *w = *state;
  static const char *const names[] = {"a/b", "status", "two words", "", "neuron"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    ins_layout *layout = fixture_small();
    ins_variable *last = &layout->variables[RESPONSE];
    const char *proper = last->name;
    last->name = names[i];
    assert_int_equal(ins_store_create(w->path, 1, &layout, NULL), INS_ERR_INTERNAL);
    last->name = proper;
    ins_layout_destroy(&layout);
  }
  assert_false(exists(w->path));
  assert_false(exists(w->part));
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(files_of_others_are_never_overwritten),
      TEST(a_folder_in_its_place_is_said),
      TEST(folders_that_are_none_or_missing_are_said),
      TEST(a_full_disk_is_known_before_the_run),
      TEST(a_write_that_fails_is_told_and_leaves_the_task_pending),
      TEST(a_row_is_there_once_its_checksum_is),
      TEST(whatever_fails_is_told_and_can_be_tried_again),
      TEST(states_are_what_the_file_says),
      TEST(what_a_killed_run_left_behind_is_no_hindrance),
      TEST(names_that_the_file_cannot_hold_are_refused),
  };
  MPI_Init(&argc, &argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
