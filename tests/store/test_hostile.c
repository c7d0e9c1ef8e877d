/* SPDX-License-Identifier: MIT */
/* Results files that somebody else has made look like ours: their seed is that of the job and their
 * checksums hold, but their rows are of other sizes. Nothing may be read beyond what there is room
 * for, which the sanitizers watch; the end is that of a fresh run. */
#include "fixture.h"

#include "store/h5.h"
#include "store/parts.h"
#include "store/rows.h"

typedef struct world {
  char *folder, *path, *fresh;
  ins_layout *layout;
  ins_value *attributes;
} world;

static void write_all(const world *w, const char *path) {
  ins_layout *layout = w->layout;
  ins_store *store;
  OK(ins_store_create(path, 1, &layout, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
  fixture_write_range(store, layout, 0, ins_layout_tasks(layout), SIZE_MAX);
  fixture_write_summaries(store, layout);
  OK(ins_store_close(&store));
}

static int set_up(void **state) {
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->fresh = ins_format("%s/fresh.h5", w->folder);
  w->layout = fixture_small();
  w->attributes = fixture_attributes();
  write_all(w, w->path);
  write_all(w, w->fresh);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  fixture_remove(w->folder);
  free(w->path);
  free(w->fresh);
  ins_layout_destroy(&w->layout);
  ins_value_destroy(&w->attributes);
  free(w);
  return 0;
}

/* ---- making them ---- */

static hid_t change(const world *w) {
  ins_h5_quiet();
  hid_t file = H5Fopen(w->path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

/* Puts another dataset of this name and type in place, over n elements, full of ones. */
static void replace(hid_t file, const char *name, hid_t type, hsize_t n) {
  hid_t space = H5Screate_simple(1, &n, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
  const uint64_t one = 1;
  assert_true(H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY) >= 0);
  assert_true(H5Pset_fill_value(plist, H5T_NATIVE_UINT64, &one) >= 0);
  assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  assert_true(dataset >= 0);
  H5Dclose(dataset);
  H5Pclose(plist);
  H5Sclose(space);
}

static void cover(hid_t file, const char *names) {
  hid_t dataset = H5Dopen2(file, "checksum", H5P_DEFAULT);
  assert_true(H5Adelete(dataset, "covers") >= 0);
  assert_true(ins_h5_put_text(dataset, "covers", names));
  H5Dclose(dataset);
}

/* Makes the checksums hold for what the file now says that its rows are. */
static void sign(const world *w, hid_t file) {
  ins_rows rows;
  ins_xxh hash;
  FILE *out = fopen(w->path, "r+b");
  OK(ins_rows_open(file, NULL, w->path, &rows));
  OK(ins_xxh_create(&hash));
  const size_t n = (size_t)rows.n;
  const void **row;
  OK(ins_alloc(n, sizeof *row, &row));
  uint8_t *block = malloc(rows.row_bytes + 1);
  for (size_t task = 0; task < rows.n_tasks; task++) {
    uint8_t *at = block;
    for (size_t v = 0; v < n; v++) {
      const size_t bytes = rows.place[v].row_bytes;
      row[v] = at;
      assert_true(ins_rows_read(&rows, rows.place[v].offset + task * bytes, bytes, at));
      at += bytes;
    }
    uint64_t sum = ins_rows_checksum(&hash, &rows, task, INS_OK, row);
    fseek(out, (long)(rows.checksum.offset + task * sizeof sum), SEEK_SET);
    assert_int_equal(fwrite(&sum, sizeof sum, 1, out), 1);
  }
  fclose(out);
  free(block);
  ins_free(&row);
  ins_xxh_destroy(&hash);
  ins_rows_close(&rows);
}

/* ---- and taking them up ---- */

static size_t run_the_rest(const world *w) {
  ins_store *store;
  ins_layout *layout = w->layout;
  size_t n = ins_layout_tasks(layout), ran = 0;
  uint8_t *state;
  OK(ins_alloc(n, 1, &state));
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &layout, &store));
  OK(ins_store_verify(store, 0, 0, n, state));
  for (size_t k = 0; k < n; k++) {
    if (state[k] != INS_TASK_PENDING) continue;
    fixture_write_range(store, layout, k, 1, SIZE_MAX);
    ran++;
  }
  fixture_write_summaries(store, layout);
  OK(ins_store_close(&store));
  ins_free(&state);
  return ran;
}

/* Such a file is not opened for rows, is counted without harm, and ends as a fresh one: of rows at
 * other places than the job's none is kept. */
static void expect_harmless(const world *w) {
  ins_layout *layout = w->layout;
  ins_store_summary summary;
  ins_store *store;
  bool intact;
  size_t kept;
  assert_int_equal(ins_store_open(MPI_COMM_SELF, w->path, 1, &layout, &store), INS_ERR_FORMAT);
  assert_null(store);
  if (ins_store_summarise(w->path, true, &summary) == INS_OK) {
    assert_int_equal(summary.n_tasks, summary.n_done + summary.n_failed + summary.n_pending);
    ins_store_summary_clear(&summary);
  }
  OK(ins_store_intact(w->path, 1, &layout, w->attributes, &intact));
  assert_false(intact);
  OK(ins_store_relayout(w->path, w->path, 1, &layout, w->attributes, &kept));
  assert_int_equal(run_the_rest(w), ins_layout_tasks(layout) - kept);
  fixture_same(w->fresh, w->path);
}

static void rows_wider_than_the_jobs_do_no_harm(void **state) {
  world *w = *state;
  hid_t file = change(w);
  replace(file, "mei", H5T_IEEE_F32LE, (hsize_t)64 * 30 * ins_layout_tasks(w->layout));
  H5Fclose(file);
  file = ins_h5_open_plain(w->path);
  sign(w, file);
  H5Fclose(file);
  expect_harmless(w);
}

static void fewer_more_and_repeated_variables_do_no_harm(void **state) {
  world *w = *state;
  static const char *const covers[] = {" ",
                                       "mei",
                                       "mei response outcome",
                                       "response mei",
                                       "mei response outcome peak_frame outcome",
                                       "mei mei mei mei",
                                       "mei response outcome peak"};
  for (size_t i = 0; i < sizeof covers / sizeof covers[0]; i++) {
    hid_t file = change(w);
    cover(file, covers[i]);
    H5Fclose(file);
    if (i != 6) {
      file = ins_h5_open_plain(w->path);
      sign(w, file);
      H5Fclose(file);
    }
    expect_harmless(w);
  }
}

static void books_of_other_sizes_do_no_harm(void **state) {
  world *w = *state;
  const hsize_t n = ins_layout_tasks(w->layout);
  static const char *const names[] = {"status", "status", "error", "error", "status", "status"};
  const hid_t types[] = {H5T_STD_I8LE,  H5T_STD_I32LE, H5T_STD_I8LE,
                         H5T_STD_I64LE, H5T_STD_I8LE,  H5T_STD_I8LE};
  const hsize_t lengths[] = {1000 * n, n, n / 2, n, 0, n / 2};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    hid_t file = change(w);
    replace(file, names[i], types[i], lengths[i]);
    H5Fclose(file);
    expect_harmless(w);
  }
}

/* All of it fits together, but there are more tasks than the job has. */
static void more_tasks_than_the_job_has_do_no_harm(void **state) {
  world *w = *state;
  const hsize_t n = 2 * ins_layout_tasks(w->layout);
  hid_t file = change(w);
  replace(file, "status", H5T_STD_I8LE, n);
  replace(file, "error", H5T_STD_I8LE, n);
  replace(file, "mei", H5T_IEEE_F32LE, 30 * n);
  replace(file, "response", H5T_IEEE_F64LE, n);
  replace(file, "outcome", H5T_STD_I8LE, n);
  replace(file, "peak_frame", H5T_STD_I32LE, 2 * n);
  H5Fclose(file);
  expect_harmless(w);
}

/* Summaries are written where the file says they are. */
static void summaries_of_another_size_are_not_written(void **state) {
  world *w = *state;
  hid_t file = change(w);
  replace(file, "mean_mei", H5T_IEEE_F32LE, 1);
  H5Fclose(file);
  expect_harmless(w);
}

/* Checksums are over chunks of one size or over all bytes. */
static void chunks_of_another_size_do_no_harm(void **state) {
  world *w = *state;
  const int64_t sizes[] = {0, 1, -1, 4096, (int64_t)1 << 32, INT64_MIN};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    hid_t file = change(w), dataset = H5Dopen2(file, "checksum", H5P_DEFAULT);
    assert_true(ins_h5_put_numbers(dataset, "chunk", INS_I64, 1, &sizes[i]));
    H5Dclose(dataset);
    H5Fclose(file);
    expect_harmless(w);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(rows_wider_than_the_jobs_do_no_harm),
      TEST(fewer_more_and_repeated_variables_do_no_harm),
      TEST(books_of_other_sizes_do_no_harm),
      TEST(more_tasks_than_the_job_has_do_no_harm),
      TEST(summaries_of_another_size_are_not_written),
      TEST(chunks_of_another_size_do_no_harm),
  };
  MPI_Init(&argc, &argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
