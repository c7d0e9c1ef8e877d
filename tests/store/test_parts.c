/* SPDX-License-Identifier: MIT */
/* Rows that no rank holds: written in parts by all ranks, and sealed by all. And stages of one
 * task, which have no task axes: their books are single numbers.
 *
 * With PATH as its argument: writes such a file for other programs to read. */
#include "fixture.h"

#include <hdf5.h>

#include "insilico/fault.h"
#include "insilico/hash.h"

enum { MATRIX, MEAN_OF, COUNT, TOTAL, KIND, ROOT_N };
enum { N_ITEMS = 37, N_FEATURES = 5 };

static int n_ranks, rank;
static char *folder;

static char *shared(const char *name) {
  return ins_format("%s/%s", folder, name);
}

/* ---- a stage of one task -----------------------------------------------------------------------
 */

static ins_layout *analysis(const char *group, size_t n_items) {
  static const char *const kinds[] = {"ON", "OFF"};
  int64_t neurons[64];
  int item, again, feature, kind, index;
  ins_layout *layout;
  for (size_t i = 0; i < n_items; i++) neurons[i] = 3 * (int64_t)i;
  OK(ins_layout_create_in(group, "an analysis of all neurons", &layout));
  OK(ins_layout_axis(layout, "neuron", n_items, fixture_ints(n_items, neurons), NULL, NULL, &item));
  OK(ins_layout_axis(layout, "neuron_2", n_items, fixture_ints(n_items, neurons), NULL, NULL,
                     &again));
  OK(ins_layout_axis(layout, "feature", N_FEATURES, NULL, NULL, NULL, &feature));
  OK(ins_layout_axis(layout, "kind", 2, fixture_texts(2, kinds), NULL, NULL, &kind));
  const ins_variable variables[] = {
      {.name = "matrix", .dtype = INS_F32, .n_axes = 2, .axes = {item, again}},
      {.name = "mean_of", .dtype = INS_F64, .n_axes = 1, .axes = {feature}},
      {.name = "count", .dtype = INS_I32, .n_axes = 1, .axes = {kind}},
      {.name = "total", .dtype = INS_F64},
  };
  for (size_t v = 0; v < sizeof variables / sizeof *variables; v++)
    OK(ins_layout_variable(layout, &variables[v], &index));
  return layout;
}

/* Element i of a variable. */
static double element(int variable, size_t i) {
  return variable == COUNT ? (double)(7 * i) : 0.25 * (double)i - 3.0 * variable;
}

static void fill(const ins_layout *layout, int v, void *out) {
  for (size_t i = 0; i < ins_layout_row(layout, v); i++) {
    const double x = element(v, i);
    if (layout->variables[v].dtype == INS_F32) ((float *)out)[i] = (float)x;
    if (layout->variables[v].dtype == INS_F64) ((double *)out)[i] = x;
    if (layout->variables[v].dtype == INS_I32) ((int32_t *)out)[i] = (int32_t)x;
  }
}

static void *row_of(const ins_layout *layout, int v) {
  void *row;
  OK(ins_alloc(ins_layout_row(layout, v), 8, &row));
  fill(layout, v, row);
  return row;
}

/* ---- writing it --------------------------------------------------------------------------------
 */

static void create(const char *path, size_t n, ins_layout *const *stages) {
  if (rank == 0) OK(ins_store_create(path, n, stages, NULL));
  MPI_Barrier(MPI_COMM_WORLD);
}

/* Every variable at once, by one rank. */
static void write_whole(ins_store *store, size_t stage, const ins_layout *layout) {
  static const ins_status fine = INS_OK;
  static const size_t task = 0;
  void *rows[INS_MAX_VARIABLES] = {0};
  for (int v = 0; v < layout->n_variables; v++) rows[v] = row_of(layout, v);
  OK(ins_store_write(store, stage, 1, &task, rows, &fine));
  for (int v = 0; v < layout->n_variables; v++) ins_free(&rows[v]);
}

/* Pieces of `piece` elements go round the ranks. */
static void write_parts(ins_store *store, size_t stage, const ins_layout *layout, size_t piece) {
  for (int v = 0; v < layout->n_variables; v++) {
    const size_t n = ins_layout_row(layout, v), size = ins_dtype_size(layout->variables[v].dtype);
    char *row = row_of(layout, v);
    for (size_t at = 0, k = 0; at < n; at += piece, k++)
      if ((int)(k % (size_t)n_ranks) == rank)
        OK(ins_store_write_part(store, stage, v, 0, at, n - at < piece ? n - at : piece,
                                row + at * size));
    ins_free(&row);
  }
}

static ins_status seal(ins_store *store, size_t stage) {
  OK(ins_store_sync(store));
  return ins_store_seal(store, stage, 0);
}

/* The same on every rank, and nobody writes before all know. */
static uint8_t state_of(ins_store *store, size_t stage) {
  uint8_t state = 99;
  OK(ins_store_sync(store));
  OK(ins_store_verify(store, stage, 0, 1, &state));
  MPI_Barrier(MPI_COMM_WORLD);
  return state;
}

static void compare(const char *a, const char *b) {
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) fixture_same(a, b);
  MPI_Barrier(MPI_COMM_WORLD);
}

static void write_alone(const char *path, size_t n, ins_layout *const *stages) {
  ins_store *store;
  create(path, n, stages);
  if (rank == 0) {
    OK(ins_store_open(MPI_COMM_SELF, path, n, stages, &store));
    for (size_t k = 0; k < n; k++) write_whole(store, k, stages[k]);
    OK(ins_store_close(&store));
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

/* ---- parts -------------------------------------------------------------------------------------
 */

static void parts_give_the_bytes_of_whole_rows(void **state) {
  (void)state;
  ins_layout *stages[] = {analysis("one", N_ITEMS), analysis(NULL, 3)};
  char *whole = shared("whole.h5"), *parts = shared("parts.h5");
  const size_t pieces[] = {1, 7, 64, 100000};
  write_alone(whole, 2, stages);
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    ins_store *store;
    create(parts, 2, stages);
    OK(ins_store_open(MPI_COMM_WORLD, parts, 2, stages, &store));
    for (size_t k = 0; k < 2; k++) {
      write_parts(store, k, stages[k], pieces[i]);
      assert_int_equal(state_of(store, k), INS_TASK_PENDING);
      OK(seal(store, k));
      assert_int_equal(state_of(store, k), INS_TASK_DONE);
    }
    OK(ins_store_close(&store));
    compare(whole, parts);
  }
  free(whole);
  free(parts);
  ins_layout_destroy(&stages[0]);
  ins_layout_destroy(&stages[1]);
}

/* Tasks of a grid, one of several variables of which is written as others are. */
static void parts_of_one_task_among_many(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  char *whole = shared("whole.h5"), *parts = shared("parts.h5");
  const size_t task = 13, n = ins_layout_row(layout, MEI);
  ins_store *store;
  fixture_rows r = fixture_fill(layout, 1, &task);
  create(whole, 1, &layout);
  if (rank == 0) {
    OK(ins_store_open(MPI_COMM_SELF, whole, 1, &layout, &store));
    fixture_write_range(store, layout, task, 1, SIZE_MAX);
    OK(ins_store_close(&store));
  }
  create(parts, 1, &layout);
  OK(ins_store_open(MPI_COMM_WORLD, parts, 1, &layout, &store));
  for (size_t i = (size_t)rank; i < n; i += (size_t)n_ranks)
    OK(ins_store_write_part(store, 0, MEI, task, i, 1, (float *)r.rows[MEI] + i));
  for (int v = RESPONSE; v <= PEAK && rank == 0; v++)
    OK(ins_store_write_part(store, 0, v, task, 0, ins_layout_row(layout, v), r.rows[v]));
  OK(ins_store_sync(store));
  OK(ins_store_seal(store, 0, task));
  OK(ins_store_close(&store));
  compare(whole, parts);
  fixture_free(&r);
  free(whole);
  free(parts);
  ins_layout_destroy(&layout);
}

static void what_is_not_there_cannot_be_written(void **state) {
  (void)state;
  ins_layout *layout = analysis("one", N_ITEMS);
  char *path = shared("parts.h5");
  const double x[8] = {0};
  ins_store *store;
  create(path, 1, &layout);
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
  assert_int_equal(ins_store_write_part(store, 0, MEAN_OF, 0, 1, 5, x), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_write_part(store, 0, MEAN_OF, 0, SIZE_MAX, 2, x), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_write_part(store, 0, MEAN_OF, 1, 0, 1, x), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_write_part(store, 0, ROOT_N, 0, 0, 1, x), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_write_part(store, 1, MEAN_OF, 0, 0, 1, x), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_seal(store, 0, 1), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_seal(store, 1, 0), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_unseal(store, 0, 1), INS_ERR_INTERNAL);
  assert_int_equal(ins_store_unseal(store, 1, 0), INS_ERR_INTERNAL);
  OK(ins_store_write_part(store, 0, MEAN_OF, 0, 5, 0, NULL));
  OK(ins_store_close(&store));
  free(path);
  ins_layout_destroy(&layout);
}

/* ---- rows of many chunks -----------------------------------------------------------------------
 */

enum { SIDE = 1700, CHUNK = 4 << 20 }; /* 11 MiB: three chunks, the last one shorter */

/* Two variables of several chunks each, with a small one between them. */
static ins_layout *large(void) {
  int y, x, index;
  ins_layout *layout;
  OK(ins_layout_create_in("one", NULL, &layout));
  OK(ins_layout_axis(layout, "y", SIDE, NULL, NULL, NULL, &y));
  OK(ins_layout_axis(layout, "x", SIDE, NULL, NULL, NULL, &x));
  const ins_variable variables[] = {
      {.name = "a", .dtype = INS_F32, .n_axes = 2, .axes = {y, x}},
      {.name = "small", .dtype = INS_F32, .n_axes = 1, .axes = {y}},
      {.name = "b", .dtype = INS_F32, .n_axes = 2, .axes = {y, x}},
  };
  for (size_t v = 0; v < sizeof variables / sizeof *variables; v++)
    OK(ins_layout_variable(layout, &variables[v], &index));
  return layout;
}

/* By the ranks of `comm`, each every so-many-th row. */
static void write_large(MPI_Comm comm, const char *path, ins_layout *layout, ins_store **store) {
  int me, n;
  float *row;
  MPI_Comm_rank(comm, &me);
  MPI_Comm_size(comm, &n);
  if (me == 0) OK(ins_store_create(path, 1, &layout, NULL));
  MPI_Barrier(comm);
  OK(ins_alloc(SIDE, sizeof *row, &row));
  OK(ins_store_open(comm, path, 1, &layout, store));
  for (size_t i = (size_t)me; i < SIDE; i += (size_t)n) {
    for (size_t k = 0; k < SIDE; k++) row[k] = (float)(i * SIDE + k);
    OK(ins_store_write_part(*store, 0, 0, 0, i * SIDE, SIDE, row));
    OK(ins_store_write_part(*store, 0, 2, 0, i * SIDE, SIDE, row));
  }
  for (size_t k = 0; k < SIDE; k++) row[k] = (float)k;
  if (me == n - 1) OK(ins_store_write_part(*store, 0, 1, 0, 0, SIDE, row));
  OK(ins_store_sync(*store));
  ins_free(&row);
}

/* The checksum as docs/results-file.md has it, from numbers in memory. */
static uint64_t large_checksum(uint64_t seed) {
  const size_t length[] = {(size_t)SIDE * SIDE, SIDE, (size_t)SIDE * SIDE};
  char all[12 + 8 * 7] = {0}; /* task 0, error 0 */
  size_t at = 12;
  for (int v = 0; v < 3; v++) {
    float *row;
    OK(ins_alloc(length[v], sizeof *row, &row));
    for (size_t i = 0; i < length[v]; i++) row[i] = (float)i;
    const size_t bytes = length[v] * sizeof *row;
    for (size_t k = 0; k < bytes; k += CHUNK, at += 8) {
      const uint64_t sum = ins_xxh3((char *)row + k, bytes - k < CHUNK ? bytes - k : CHUNK, seed);
      assert_true(at + sizeof sum <= sizeof all);
      memcpy(all + at, &sum, sizeof sum);
    }
    ins_free(&row);
  }
  assert_int_equal(at, sizeof all);
  return ins_xxh3(all, sizeof all, seed);
}

static void expect_books(const char *path) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t dataset = H5Dopen2(file, "one/checksum", H5P_DEFAULT);
  hid_t seed = H5Aopen(dataset, "seed", H5P_DEFAULT),
        chunk = H5Aopen(dataset, "chunk", H5P_DEFAULT);
  uint64_t sum, seeded;
  int64_t bytes;
  assert_true(H5Dread(dataset, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &sum) >= 0);
  assert_true(H5Aread(seed, H5T_NATIVE_UINT64, &seeded) >= 0);
  assert_true(H5Aread(chunk, H5T_NATIVE_INT64, &bytes) >= 0);
  assert_int_equal(bytes, CHUNK);
  assert_true(sum == large_checksum(seeded));
  H5Aclose(seed);
  H5Aclose(chunk);
  H5Dclose(dataset);
  H5Fclose(file);
}

/* One rank alone, and all: the checksum is the one that is documented, and every byte the same. */
static void a_large_row_is_sealed_the_same_by_any_number_of_ranks(void **state) {
  (void)state;
  ins_layout *layout = large();
  char *alone = shared("alone.h5"), *all = shared("large.h5");
  ins_store *store;
  if (rank == 0) {
    write_large(MPI_COMM_SELF, alone, layout, &store);
    OK(ins_store_seal(store, 0, 0));
    OK(ins_store_close(&store));
    expect_books(alone);
  }
  write_large(MPI_COMM_WORLD, all, layout, &store);
  OK(ins_store_seal(store, 0, 0));
  assert_int_equal(state_of(store, 0), INS_TASK_DONE);
  OK(ins_store_close(&store));
  compare(alone, all);
  free(alone);
  free(all);
  ins_layout_destroy(&layout);
}

/* A byte of any chunk. */
static void damage_in_a_large_row_is_found(void **state) {
  (void)state;
  static const size_t places[] = {0, CHUNK - 4, CHUNK, 2 * CHUNK, (size_t)SIDE * SIDE * 4 - 4};
  ins_layout *layout = large();
  char *path = shared("large.h5");
  ins_store *store;
  write_large(MPI_COMM_WORLD, path, layout, &store);
  OK(ins_store_seal(store, 0, 0));
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    const float before = (float)(places[i] / 4), other = -1;
    if (rank == 0) OK(ins_store_write_part(store, 0, 2, 0, places[i] / 4, 1, &other));
    assert_int_equal(state_of(store, 0), INS_TASK_PENDING);
    if (rank == 0) OK(ins_store_write_part(store, 0, 2, 0, places[i] / 4, 1, &before));
    assert_int_equal(state_of(store, 0), INS_TASK_DONE);
  }
  OK(ins_store_close(&store));
  free(path);
  ins_layout_destroy(&layout);
}

/* The file is cut short, so that the last of the ranks cannot read its share, and with several
 * ranks it alone. */
static void a_rank_that_cannot_read_ends_all_with_one_message(void **state) {
  (void)state;
  ins_layout *layout = large();
  char *path = shared("cut.h5");
  ins_store *store;
  write_large(MPI_COMM_WORLD, path, layout, &store);
  struct stat file;
  assert_int_equal(stat(path, &file), 0);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) assert_int_equal(truncate(path, file.st_size - 8), 0);
  MPI_Barrier(MPI_COMM_WORLD);
  assert_int_equal(ins_store_seal(store, 0, 0), INS_ERR_IO);
  assert_non_null(strstr(ins_message(), "cut.h5: task 0 cannot be read: the file ends too early"));
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) assert_int_equal(truncate(path, file.st_size), 0);
  MPI_Barrier(MPI_COMM_WORLD);
  assert_int_equal(state_of(store, 0), INS_TASK_PENDING);
  OK(ins_store_close(&store));
  free(path);
  ins_layout_destroy(&layout);
}

static void a_part_that_is_damaged_is_found(void **state) {
  (void)state;
  ins_layout *layout = analysis("one", N_ITEMS);
  char *path = shared("parts.h5");
  ins_store *store;
  ins_store_summary summary;
  create(path, 1, &layout);
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
  write_parts(store, 0, layout, 10);
  OK(seal(store, 0));
  for (int v = 0; v < layout->n_variables; v++) {
    /* The last element of a variable, and back again. */
    const size_t last = ins_layout_row(layout, v) - 1,
                 size = ins_dtype_size(layout->variables[v].dtype);
    char *row = row_of(layout, v);
    const double other = 1e9;
    if (rank == 0) OK(ins_store_write_part(store, 0, v, 0, last, 1, &other));
    assert_int_equal(state_of(store, 0), INS_TASK_PENDING);
    if (rank == 0) OK(ins_store_summarise(path, true, &summary));
    if (rank == 0) assert_int_equal(summary.n_damaged, 1);
    if (rank == 0) ins_store_summary_clear(&summary);
    if (rank == 0) OK(ins_store_write_part(store, 0, v, 0, last, 1, row + last * size));
    assert_int_equal(state_of(store, 0), INS_TASK_DONE);
    ins_free(&row);
  }
  OK(ins_store_close(&store));
  free(path);
  ins_layout_destroy(&layout);
}

/* What `status` says, and `verify` with it. */
static void expect_counts(const char *path, bool verify, size_t n_done, size_t n_damaged) {
  ins_store_summary summary;
  if (rank == 0) {
    OK(ins_store_summarise(path, verify, &summary));
    assert_int_equal(summary.n_done, n_done);
    assert_int_equal(summary.n_damaged, n_damaged);
    assert_int_equal(summary.n_pending, summary.n_tasks - n_done);
    ins_store_summary_clear(&summary);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

/* It still says that it is done, until it is taken back. */
static void a_damaged_task_is_pending_while_it_is_written_again(void **state) {
  (void)state;
  ins_layout *layout = analysis("one", N_ITEMS);
  char *whole = shared("whole.h5"), *path = shared("again.h5");
  const double other = 1e9;
  const size_t task = 0;
  uint8_t says = 99;
  ins_store *store;
  write_alone(whole, 1, &layout);
  create(path, 1, &layout);
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
  OK(ins_store_unseal(store, 0, 0));
  write_parts(store, 0, layout, 10);
  OK(seal(store, 0));
  if (rank == 0) OK(ins_store_write_part(store, 0, TOTAL, 0, 0, 1, &other));
  OK(ins_store_sync(store));
  expect_counts(path, false, 1, 0);
  expect_counts(path, true, 0, 1);
  OK(ins_store_unseal(store, 0, 0));
  OK(ins_store_sync(store));
  OK(ins_store_states(store, 0, 1, &task, &says));
  assert_int_equal(says, INS_TASK_PENDING);
  expect_counts(path, false, 0, 0);
  expect_counts(path, true, 0, 0);
  write_parts(store, 0, layout, 7);
  OK(ins_store_sync(store));
  expect_counts(path, false, 0, 0);
  OK(ins_store_seal(store, 0, 0));
  expect_counts(path, true, 1, 0);
  OK(ins_store_close(&store));
  compare(whole, path);
  free(whole);
  free(path);
  ins_layout_destroy(&layout);
}

/* The others of its stage stay what they are. */
static void one_task_among_many_is_taken_back(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  char *path = shared("taken.h5");
  const size_t n = ins_layout_tasks(layout);
  ins_store *store;
  create(path, 1, &layout);
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
  if (rank == 0) fixture_write_range(store, layout, 0, n, SIZE_MAX);
  OK(ins_store_sync(store));
  expect_counts(path, true, n, 0);
  OK(ins_store_unseal(store, 0, 13));
  OK(ins_store_sync(store));
  expect_counts(path, true, n - 1, 0);
  OK(ins_store_seal(store, 0, 13));
  expect_counts(path, true, n, 0);
  OK(ins_store_close(&store));
  free(path);
  ins_layout_destroy(&layout);
}

/* The books cannot be written: all ranks know. */
static void a_task_that_cannot_be_taken_back_ends_all(void **state) {
  (void)state;
  ins_layout *layout = analysis("one", N_ITEMS);
  char *path = shared("faulty.h5");
  ins_store *store;
  create(path, 1, &layout);
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
  setenv("INS_FAULT", "store.write.status:0", 1);
  OK(ins_fault_check());
  assert_int_equal(ins_store_unseal(store, 0, 0), INS_ERR_IO);
  assert_non_null(strstr(ins_message(), "task 0 cannot be written"));
  setenv("INS_FAULT", "", 1);
  OK(ins_fault_check());
  OK(ins_store_close(&store));
  free(path);
  ins_layout_destroy(&layout);
}

/* Whatever was there when it failed: a run after it gives the same bytes. */
static void sealing_that_fails_leaves_the_task_pending(void **state) {
  (void)state;
  static const char *const sites[] = {"store.write:0", "store.write.status:0",
                                      "store.write.checksum:0"};
  ins_layout *layout = analysis("one", N_ITEMS);
  char *whole = shared("whole.h5"), *path = shared("faulty.h5");
  ins_store *store;
  write_alone(whole, 1, &layout);
  for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
    create(path, 1, &layout);
    OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
    write_parts(store, 0, layout, 3);
    setenv("INS_FAULT", sites[i], 1);
    OK(ins_fault_check());
    const ins_status status = seal(store, 0);
    assert_int_equal(status, INS_ERR_IO);
    assert_non_null(strstr(ins_message(), "task 0 cannot be written"));
    setenv("INS_FAULT", "", 1);
    OK(ins_fault_check());
    assert_int_equal(state_of(store, 0), INS_TASK_PENDING);
    OK(seal(store, 0));
    assert_int_equal(state_of(store, 0), INS_TASK_DONE);
    OK(ins_store_close(&store));
    compare(whole, path);
  }
  free(whole);
  free(path);
  ins_layout_destroy(&layout);
}

/* ---- one task: all through the store -----------------------------------------------------------
 */

static void a_stage_of_one_task_is_counted_and_intact(void **state) {
  (void)state;
  ins_layout *stages[] = {analysis("one", N_ITEMS), analysis("two", 4)};
  char *path = shared("counted.h5");
  ins_store *store;
  ins_store_summary summary;
  ins_store_facts facts;
  bool intact = false;
  create(path, 2, stages);
  OK(ins_store_open(MPI_COMM_WORLD, path, 2, stages, &store));
  write_parts(store, 0, stages[0], 100);
  OK(seal(store, 0));
  OK(ins_store_close(&store));
  if (rank == 0) {
    for (int verify = 0; verify < 2; verify++) {
      OK(ins_store_summarise(path, verify, &summary));
      assert_int_equal(summary.n_tasks, 2);
      assert_int_equal(summary.stages[0].n_done, 1);
      assert_int_equal(summary.stages[1].n_pending, 1);
      assert_int_equal(summary.n_damaged, 0);
      ins_store_summary_clear(&summary);
    }
    OK(ins_store_intact(path, 2, stages, NULL, &intact));
    assert_true(intact);
    OK(ins_store_probe(path, 2, stages, &facts));
    assert_true(facts.opens && facts.same_axes);
    ins_store_facts_clear(&facts);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  free(path);
  ins_layout_destroy(&stages[0]);
  ins_layout_destroy(&stages[1]);
}

static void a_failed_task_without_axes_is_missing_values(void **state) {
  (void)state;
  ins_layout *layout = analysis(NULL, 4);
  char *path = shared("failed.h5");
  const size_t task = 0;
  const ins_status failed = INS_ERR_NUMERIC;
  int32_t count[2];
  double total;
  ins_store *store;
  create(path, 1, &layout);
  OK(ins_store_open(MPI_COMM_WORLD, path, 1, &layout, &store));
  if (rank == 0) {
    void *rows[INS_MAX_VARIABLES] = {0};
    for (int v = 0; v < layout->n_variables; v++) rows[v] = row_of(layout, v);
    OK(ins_store_write(store, 0, 1, &task, rows, &failed));
    for (int v = 0; v < layout->n_variables; v++) ins_free(&rows[v]);
  }
  assert_int_equal(state_of(store, 0), INS_TASK_FAILED);
  OK(ins_store_read(store, 0, COUNT, 1, &task, 0, 2, count));
  OK(ins_store_read(store, 0, TOTAL, 1, &task, 0, 1, &total));
  assert_int_equal(count[1], -2147483647);
  assert_true(total != total);
  OK(ins_store_close(&store));
  free(path);
  ins_layout_destroy(&layout);
}

/* Kept where all is as before; computed anew where an axis of the row has become longer, and where
 * what it was computed from has. */
static void a_stage_of_one_task_is_laid_out_anew(void **state) {
  (void)state;
  char *path = shared("anew.h5"), *fresh = shared("fresh.h5");
  if (rank == 0) {
    size_t n_kept;
    ins_store *store;
    uint8_t done;
    ins_layout *before[] = {fixture_fields(3), analysis("one", N_ITEMS)};
    ins_layout *longer[] = {fixture_fields(4), before[1]};
    ins_layout *wider[] = {before[0], analysis("one", N_ITEMS + 1)};
    OK(ins_store_create(path, 2, before, NULL));
    OK(ins_store_open(MPI_COMM_SELF, path, 2, before, &store));
    fixture_write_stage(store, 0, before[0], 0, 3, SIZE_MAX);
    write_whole(store, 1, before[1]);
    OK(ins_store_close(&store));
    OK(ins_store_relayout(fresh, path, 2, before, NULL, &n_kept));
    assert_int_equal(n_kept, 4);
    fixture_same(path, fresh);
    OK(ins_store_relayout(fresh, path, 2, longer, NULL, &n_kept));
    assert_int_equal(n_kept, 3);
    longer[1]->unread = 1;
    OK(ins_store_relayout(fresh, path, 2, longer, NULL, &n_kept));
    assert_int_equal(n_kept, 4);
    OK(ins_store_open(MPI_COMM_SELF, fresh, 2, longer, &store));
    OK(ins_store_verify(store, 1, 0, 1, &done));
    assert_int_equal(done, INS_TASK_DONE);
    OK(ins_store_close(&store));
    assert_int_equal(ins_store_relayout(fresh, path, 2, wider, NULL, &n_kept), INS_ERR_ARGUMENT);
    assert_non_null(strstr(ins_message(), "matrix"));
    ins_layout_destroy(&before[0]);
    ins_layout_destroy(&before[1]);
    ins_layout_destroy(&longer[0]);
    ins_layout_destroy(&wider[1]);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  free(path);
  free(fresh);
}

/* ---- for other programs ---- */

static void write_example(const char *path) {
  ins_layout *stages[] = {analysis("one", N_ITEMS), analysis(NULL, 3)};
  write_alone(path, 2, stages);
  ins_layout_destroy(&stages[0]);
  ins_layout_destroy(&stages[1]);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_give_the_bytes_of_whole_rows),
      cmocka_unit_test(parts_of_one_task_among_many),
      cmocka_unit_test(what_is_not_there_cannot_be_written),
      cmocka_unit_test(a_large_row_is_sealed_the_same_by_any_number_of_ranks),
      cmocka_unit_test(damage_in_a_large_row_is_found),
      cmocka_unit_test(a_rank_that_cannot_read_ends_all_with_one_message),
      cmocka_unit_test(a_part_that_is_damaged_is_found),
      cmocka_unit_test(a_damaged_task_is_pending_while_it_is_written_again),
      cmocka_unit_test(one_task_among_many_is_taken_back),
      cmocka_unit_test(a_task_that_cannot_be_taken_back_ends_all),
      cmocka_unit_test(sealing_that_fails_leaves_the_task_pending),
      cmocka_unit_test(a_stage_of_one_task_is_counted_and_intact),
      cmocka_unit_test(a_failed_task_without_axes_is_missing_values),
      cmocka_unit_test(a_stage_of_one_task_is_laid_out_anew),
  };
  char name[4096] = "";
  int failed, all;
  MPI_Init(&argc, &argv);
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (argc == 2) {
    write_example(argv[1]);
    MPI_Finalize();
    return 0;
  }
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
