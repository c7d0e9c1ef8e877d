/* SPDX-License-Identifier: MIT */
/* A file laid out anew whose rows are larger than what is copied at once. */
#include "fixture.h"

#include <sys/types.h>

#include "insilico/fault.h"
#include "insilico/memory.h"

enum { LENGTH = 1100001, N_VARIABLES = 3 }; /* 8.4 MiB, 4.2 MiB and 4 bytes */

typedef struct world {
  char *folder, *path, *fresh;
} world;

/* ---- a disk that reads wrongly once ------------------------------------------------------------
 */

static struct disk {
  ino_t file;
  size_t large; /* bytes from which on a read counts */
  int wrong_at; /* number of the read that is wrong; 0: none */
  int n_read;
} disk;

/* In place of the system's, for all of this program: one byte is another one. */
ssize_t pread(int fd, void *out, size_t n, off_t offset) {
  struct stat file;
  const ssize_t got = pread64(fd, out, n, offset);
  if (!disk.wrong_at || got < (ssize_t)disk.large) return got;
  if (fstat(fd, &file) == 0 && file.st_ino == disk.file && ++disk.n_read == disk.wrong_at)
    ((char *)out)[got / 2] ^= 1;
  return got;
}

/* From now on; 0: no more. Returns how many large reads there were since. */
static int read_wrongly(const char *path, int wrong_at) {
  const int n = disk.n_read;
  struct stat file;
  assert_int_equal(stat(path, &file), 0);
  disk = (struct disk){.file = file.st_ino, .large = 100000, .wrong_at = wrong_at};
  return n;
}

static int set_up(void **state) {
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->fresh = ins_format("%s/fresh.h5", w->folder);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  fixture_remove(w->folder);
  free(w->path);
  free(w->fresh);
  free(w);
  return 0;
}

/* Of n neurons, or a single task (n = 0). It reads nothing of other stages. */
static ins_layout *large(const char *group, size_t n, const int64_t *neurons) {
  int x, index;
  ins_layout *layout;
  OK(ins_layout_create_in(group, NULL, &layout));
  if (n) OK(ins_layout_task_axis(layout, "neuron", n, fixture_ints(n, neurons), NULL, NULL));
  OK(ins_layout_axis(layout, "x", LENGTH, NULL, NULL, NULL, &x));
  const ins_variable variables[N_VARIABLES] = {
      {.name = "a", .dtype = INS_F64, .n_axes = 1, .axes = {x}},
      {.name = "b", .dtype = INS_F32, .n_axes = 1, .axes = {x}},
      {.name = "n", .dtype = INS_I32},
  };
  for (size_t v = 0; v < N_VARIABLES; v++) OK(ins_layout_variable(layout, &variables[v], &index));
  layout->unread = UINT64_MAX;
  return layout;
}

/* Numbers of the task depend on its neuron alone. */
static void write_task(ins_store *store, size_t stage, const ins_layout *layout, size_t task,
                       ins_status code) {
  const int64_t neuron =
      layout->n_task_axes ? ((int64_t *)layout->axes[0].coordinates->array.data)[task] : 7;
  double *a;
  float *b;
  int32_t n = (int32_t)neuron;
  OK(ins_alloc(LENGTH, sizeof *a, &a));
  OK(ins_alloc(LENGTH, sizeof *b, &b));
  for (size_t i = 0; i < LENGTH; i++) {
    a[i] = (double)neuron + 0.25 * (double)i;
    b[i] = (float)(LENGTH - i) * (float)neuron;
  }
  OK(ins_store_write(store, stage, 1, &task, (void *[]){a, b, &n}, &code));
  ins_free(&a);
  ins_free(&b);
}

/* Writes what is pending; returns how many tasks that were. */
static size_t run_the_rest(const char *path, size_t n, ins_layout *const *stages) {
  ins_store *store;
  size_t ran = 0;
  OK(ins_store_open(MPI_COMM_SELF, path, n, stages, &store));
  for (size_t k = 0; k < n; k++)
    for (size_t task = 0; task < ins_layout_tasks(stages[k]); task++) {
      uint8_t state;
      OK(ins_store_verify(store, k, task, 1, &state));
      if (state != INS_TASK_PENDING) continue;
      write_task(store, k, stages[k], task, INS_OK);
      ran++;
    }
  OK(ins_store_close(&store));
  return ran;
}

static void arm(const char *fault) {
  setenv("INS_FAULT", fault, 1);
  OK(ins_fault_check());
}

/* Before, between and behind those that are there. A row that failed is pending again. */
static void stages_may_be_added(void **state) {
  world *w = *state;
  size_t n_kept;
  ins_store *store;
  ins_layout *all[] = {large("new", 0, NULL), large("old", 0, NULL), large("newer", 0, NULL),
                       large("failed", 0, NULL), large("last", 0, NULL)};
  ins_layout *few[] = {all[1], all[3]};
  OK(ins_store_create(w->fresh, 5, all, NULL));
  assert_int_equal(run_the_rest(w->fresh, 5, all), 5);
  OK(ins_store_create(w->path, 2, few, NULL));
  OK(ins_store_open(MPI_COMM_SELF, w->path, 2, few, &store));
  write_task(store, 0, few[0], 0, INS_OK);
  write_task(store, 1, few[1], 0, INS_ERR_NUMERIC);
  OK(ins_store_close(&store));

  arm("store.relayout");
  assert_int_equal(ins_store_relayout(w->path, w->path, 5, all, NULL, &n_kept), INS_ERR_IO);
  arm("");
  OK(ins_store_relayout(w->path, w->path, 5, all, NULL, &n_kept));
  assert_int_equal(n_kept, 1);
  assert_int_equal(run_the_rest(w->path, 5, all), 4);
  fixture_same(w->fresh, w->path);
  for (size_t k = 0; k < 5; k++) ins_layout_destroy(&all[k]);
}

static void tasks_go_to_their_new_places(void **state) {
  world *w = *state;
  size_t n_kept;
  ins_layout *few = large(NULL, 2, (int64_t[]){3, 9}), *more = large(NULL, 3, (int64_t[]){9, 4, 3});
  OK(ins_store_create(w->fresh, 1, &more, NULL));
  assert_int_equal(run_the_rest(w->fresh, 1, &more), 3);
  OK(ins_store_create(w->path, 1, &few, NULL));
  assert_int_equal(run_the_rest(w->path, 1, &few), 2);
  OK(ins_store_relayout(w->path, w->path, 1, &more, NULL, &n_kept));
  assert_int_equal(n_kept, 2);
  assert_int_equal(run_the_rest(w->path, 1, &more), 1);
  fixture_same(w->fresh, w->path);
  assert_int_equal(ins_store_relayout(w->path, w->path, 1, &few, NULL, &n_kept), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "no place for 1 finished tasks"));
  fixture_same(w->fresh, w->path);
  ins_layout_destroy(&few);
  ins_layout_destroy(&more);
}

/* Whichever of the reads of a row is wrong, and however often it is read: it is copied as it was
 * written, or left pending. */
static void expect_copied_or_pending(const world *w, ins_layout *layout) {
  size_t n_kept = 0;
  bool over = false;
  OK(ins_store_create(w->fresh, 1, &layout, NULL));
  assert_int_equal(run_the_rest(w->fresh, 1, &layout), 1);
  for (int wrong_at = 1; !over; wrong_at++) {
    read_wrongly(w->fresh, wrong_at);
    OK(ins_store_relayout(w->path, w->fresh, 1, &layout, NULL, &n_kept));
    over = read_wrongly(w->fresh, 0) < wrong_at;
    assert_true(wrong_at > 1 || !n_kept);
    assert_int_equal(run_the_rest(w->path, 1, &layout), 1 - n_kept);
    fixture_same(w->fresh, w->path);
  }
  assert_int_equal(n_kept, 1);
}

static void what_was_read_wrongly_does_not_count(void **state) {
  ins_layout *one = large("one", 0, NULL), *grid = large(NULL, 1, (int64_t[]){3});
  expect_copied_or_pending(*state, one);
  expect_copied_or_pending(*state, grid);
  ins_layout_destroy(&one);
  ins_layout_destroy(&grid);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(stages_may_be_added),
      TEST(tasks_go_to_their_new_places),
      TEST(what_was_read_wrongly_does_not_count),
  };
  MPI_Init(&argc, &argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
