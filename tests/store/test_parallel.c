/* SPDX-License-Identifier: MIT */
/* Several ranks write one file; the bytes must be those that one rank writes. */
#include "fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "insilico/journal.h"

static int n_ranks, rank;
static char *folder;

static char *shared(const char *name) {
  return ins_format("%s/%s", folder, name);
}

/* The reference, written by rank 0 alone; everybody waits for it. */
static void write_alone(const char *path, ins_layout *layout, const ins_value *attributes) {
  if (rank == 0) {
    ins_store *store;
    OK(ins_store_create(path, 1, &layout, attributes));
    OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
    fixture_write_range(store, layout, 0, ins_layout_tasks(layout), 5);
    fixture_write_summaries(store, layout);
    OK(ins_store_close(&store));
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

/* Deals of `deal` tasks go round the ranks, forwards or backwards, only those of `done` that are
 * pending. */
static void write_together(const char *path, ins_layout *layout, size_t deal, int backwards,
                           const uint8_t *done) {
  ins_store *store;
  size_t n = ins_layout_tasks(layout), n_deals = (n + deal - 1) / deal;
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
  for (size_t i = 0; i < n_deals; i++) {
    size_t d = backwards ? n_deals - 1 - i : i;
    if (d % (size_t)n_ranks != (size_t)rank) continue;
    for (size_t k = d * deal; k < n && k < (d + 1) * deal; k++)
      if (!done) {
        size_t length = n - k < deal ? n - k : deal;
        fixture_write_range(store, layout, k, length, 5);
        k += length - 1;
      } else if (done[k] == INS_TASK_PENDING) {
        fixture_write_range(store, layout, k, 1, 5);
      }
  }
  if (rank == n_ranks - 1) fixture_write_summaries(store, layout);
  OK(ins_store_close(&store));
}

static void create(const char *path, ins_layout *layout, const ins_value *attributes) {
  if (rank == 0) OK(ins_store_create(path, 1, &layout, attributes));
  MPI_Barrier(MPI_COMM_WORLD);
}

static void compare(const char *a, const char *b) {
  if (rank == 0) fixture_same(a, b);
  MPI_Barrier(MPI_COMM_WORLD);
}

static void bytes_do_not_depend_on_ranks_and_deals(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  ins_value *attributes = fixture_attributes();
  char *alone = shared("alone.h5"), *together = shared("together.h5");
  write_alone(alone, layout, attributes);
  for (size_t deal = 1; deal <= 7; deal += 2)
    for (int backwards = 0; backwards < 2; backwards++) {
      create(together, layout, attributes);
      write_together(together, layout, deal, backwards, NULL);
      compare(alone, together);
    }
  free(alone);
  free(together);
  ins_value_destroy(&attributes);
  ins_layout_destroy(&layout);
}

static void bytes_do_not_depend_on_what_was_cut_off_and_resumed(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  ins_value *attributes = fixture_attributes();
  char *alone = shared("alone.h5"), *together = shared("resumed.h5");
  uint8_t done[64];
  ins_store *store;
  write_alone(alone, layout, attributes);
  create(together, layout, attributes);
  /* Each rank writes some rows, some of them with other failures than later. */
  OK(ins_store_open(MPI_COMM_WORLD, together, 1, &layout, &store));
  fixture_write_range(store, layout, (size_t)rank * 7, 4, (size_t)rank * 7 + 1);
  OK(ins_store_close(&store));
  OK(ins_store_open(MPI_COMM_WORLD, together, 1, &layout, &store));
  OK(ins_store_verify(store, 0, 0, 24, done));
  OK(ins_store_close(&store));
  for (size_t k = 0; k < 24; k++) {
    bool written = k / 7 < (size_t)n_ranks && k % 7 < 4;
    assert_int_equal(done[k], !written     ? INS_TASK_PENDING
                              : k % 7 == 1 ? INS_TASK_FAILED
                                           : INS_TASK_DONE);
    if (done[k] == INS_TASK_FAILED || k == 5)
      done[k] = INS_TASK_PENDING; /* failed tasks are run again */
  }
  write_together(together, layout, 3, 0, done);
  compare(alone, together);
  free(alone);
  free(together);
  ins_value_destroy(&attributes);
  ins_layout_destroy(&layout);
}

/* All ranks get the same answer, and none waits for the others. */
static void failing_to_open_is_shared(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  ins_store *store;
  char *path = shared("none.h5");
  ins_status status = ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store);
  assert_int_equal(status, INS_ERR_IO);
  assert_non_null(strstr(ins_message(), "none.h5"));
  assert_null(store);
  if (rank == 0) {
    FILE *file = fopen(path, "w");
    fputs("\211HDF\r\n\032\n and nothing else", file);
    fclose(file);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  assert_int_equal(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store), INS_ERR_FORMAT);
  assert_non_null(strstr(ins_message(), "none.h5"));
  free(path);
  ins_layout_destroy(&layout);
}

/* A folder of its own in the same place, as /tmp is on every node; undone by leave. */
static int enter_other_node(void) {
  int before = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (before >= 0 && unshare(CLONE_NEWNS) == 0 &&
      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
      mount("node", folder, "tmpfs", 0, "size=4m") == 0)
    return before;
  if (before >= 0) close(before);
  return -1;
}

static void leave_other_node(int before) {
  umount(folder);
  assert_int_equal(setns(before, CLONE_NEWNS), 0);
  close(before);
}

static void put(const char *path, const void *bytes, size_t n) {
  FILE *file = fopen(path, "wb");
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  fclose(file);
}

static void opening_is_refused_to_all(const char *path, ins_layout *layout) {
  ins_store *store;
  char host[MPI_MAX_PROCESSOR_NAME];
  int length;
  MPI_Get_processor_name(host, &length);
  assert_int_equal(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store), INS_ERR_IO);
  assert_null(store);
  assert_non_null(strstr(ins_message(), "does not see the results file that rank 0"));
  assert_non_null(strstr(ins_message(), host));
}

static void a_folder_that_nodes_do_not_share_is_refused(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  ins_store *store;
  ins_lock *lock = NULL;
  char *path = shared("unshared.h5"), *beside = shared("unshared.lock");
  static const char other[] = "host b, process 1, run 00112233445566778899aabbccddeeff\n";
  const bool apart = n_ranks > 1 && rank == n_ranks - 1;
  int before = -1, missing;
  if (rank == 0) OK(ins_lock_take(path, 0, &lock));
  create(path, layout, NULL);
  size_t n;
  unsigned char *bytes = fixture_read(path, &n);
  if (apart) before = enter_other_node();
  missing = apart && before < 0;
  MPI_Allreduce(MPI_IN_PLACE, &missing, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (missing) print_message("a name space of mounts is not allowed here\n");
  for (int what = 0; what < 2 && n_ranks > 1 && !missing; what++) {
    /* The same bytes, as a run before left them there; and with the lock of another run. */
    if (apart) put(path, bytes, n);
    if (apart && what == 1) put(beside, other, sizeof other - 1);
    opening_is_refused_to_all(path, layout);
  }
  if (before >= 0) leave_other_node(before);
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
  OK(ins_store_close(&store));
  ins_lock_release(&lock);
  free(bytes);
  free(path);
  free(beside);
  ins_layout_destroy(&layout);
  if (missing) skip();
}

static void rows_of_others_can_be_read_after_a_barrier(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  ins_store *store;
  char *path = shared("others.h5");
  double response[24];
  size_t task[24];
  create(path, layout, NULL);
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
  for (size_t k = 0; k < 24; k++) {
    task[k] = k;
    if (k % (size_t)n_ranks == (size_t)rank) fixture_write_range(store, layout, k, 1, SIZE_MAX);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  fixture_read_rows(store, layout, RESPONSE, 24, task, response);
  for (size_t k = 0; k < 24; k++) assert_true(response[k] == fixture_value(layout, k) + RESPONSE);
  OK(ins_store_close(&store));
  free(path);
  ins_layout_destroy(&layout);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_do_not_depend_on_ranks_and_deals),
      cmocka_unit_test(bytes_do_not_depend_on_what_was_cut_off_and_resumed),
      cmocka_unit_test(failing_to_open_is_shared),
      cmocka_unit_test(a_folder_that_nodes_do_not_share_is_refused),
      cmocka_unit_test(rows_of_others_can_be_read_after_a_barrier),
  };
  char name[4096] = "";
  int failed, all;
  MPI_Init(&argc, &argv);
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0) {
    folder = fixture_folder();
    snprintf(name, sizeof name, "%s", folder);
  }
  MPI_Bcast(name, sizeof name, MPI_CHAR, 0, MPI_COMM_WORLD);
  if (rank) folder = strdup(name);
  failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Allreduce(&failed, &all, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (rank == 0)
    fixture_remove(folder);
  else
    free(folder);
  MPI_Finalize();
  return all;
}
