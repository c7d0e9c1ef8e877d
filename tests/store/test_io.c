/* SPDX-License-Identifier: MIT */
/* What MPI-IO is told about files, and what of it shows in their bytes. */
#include "fixture.h"

#include "store/io.h"
#include "store/open_file.h"

typedef struct world {
  char *folder, *path, *other;
  ins_layout *layout;
} world;

static int set_up(void **state) {
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->other = ins_format("%s/other.h5", w->folder);
  w->layout = fixture_small();
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  OK(ins_store_set_io(NULL));
  fixture_remove(w->folder);
  free(w->path);
  free(w->other);
  ins_layout_destroy(&w->layout);
  free(w);
  return 0;
}

static ins_value *settings(int64_t stripes, int64_t size, int64_t alignment) {
  ins_value *io = ins_value_map(), *hints = ins_value_map();
  OK(ins_map_take(hints, "romio_no_indep_rw", ins_value_bool(false)));
  OK(ins_map_take(hints, "cb_nodes", ins_value_int(3)));
  OK(ins_map_take(hints, "romio_ds_write", ins_value_text("automatic")));
  OK(ins_map_take(io, "stripe_count", stripes ? ins_value_int(stripes) : ins_value_null()));
  OK(ins_map_take(io, "stripe_size", size ? ins_value_int(size) : ins_value_null()));
  OK(ins_map_take(io, "alignment", ins_value_int(alignment)));
  OK(ins_map_take(io, "hints", hints));
  return io;
}

static void use(int64_t stripes, int64_t size, int64_t alignment) {
  ins_value *io = settings(stripes, size, alignment);
  OK(ins_store_set_io(io));
  ins_value_destroy(&io);
}

static void says(MPI_Info info, const char *key, const char *value) {
  char said[MPI_MAX_INFO_VAL + 1] = "";
  int there;
  MPI_Info_get(info, key, MPI_MAX_INFO_VAL, said, &there);
  if (!value) {
    assert_false(there);
    return;
  }
  assert_true(there);
  assert_string_equal(said, value);
}

static MPI_Info told(hid_t access) {
  MPI_Comm comm;
  MPI_Info info;
  assert_true(access >= 0);
  assert_true(H5Pget_fapl_mpio(access, &comm, &info) >= 0);
  MPI_Comm_free(&comm);
  return info;
}

static void rows_are_written_without_buffering_and_sieving(void **state) {
  (void)state;
  hid_t access = ins_io_access();
  MPI_Info info = told(access);
  says(info, "romio_cb_write", "disable");
  says(info, "romio_ds_write", "disable");
  says(info, "striping_factor", NULL);
  says(info, "striping_unit", NULL);
  MPI_Info_free(&info);
  H5Pclose(access);
}

static void settings_arrive_at_the_open_file(void **state) {
  world *w = *state;
  ins_store *store;
  use(8, 4 << 20, 4096);
  OK(ins_store_create(w->path, 1, &w->layout, NULL));
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->layout, &store));
  MPI_Info info;
  MPI_File_get_info(store->file, &info);
  says(info, "romio_cb_write", "disable");
  says(info, "striping_factor", "8");
  says(info, "striping_unit", "4194304");
  says(info, "cb_nodes", "3");
  says(info, "romio_no_indep_rw", "false");
  says(info, "romio_ds_write", "automatic"); /* the job has the last word */
  MPI_Info_free(&info);
  OK(ins_store_close(&store));
}

static void write_all(const world *w, const char *path) {
  ins_store *store;
  ins_layout *layout = w->layout;
  OK(ins_store_create(path, 1, &layout, NULL));
  OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
  fixture_write_range(store, layout, 0, ins_layout_tasks(layout), 3);
  fixture_write_summaries(store, layout);
  OK(ins_store_close(&store));
}

static void ways_of_access_leave_the_bytes_alone(void **state) {
  world *w = *state;
  write_all(w, w->path);
  use(8, 1 << 20, 4096);
  write_all(w, w->other);
  fixture_same(w->path, w->other);
}

static void large_variables_begin_at_multiples_of_the_alignment(void **state) {
  world *w = *state;
  bool intact;
  size_t kept;
  static const int64_t alignments[] = {1, 512, 2048};
  for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
    use(0, 0, alignments[i]);
    write_all(w, w->path);
    hid_t file = H5Fopen(w->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t mei = H5Dopen2(file, "mei", H5P_DEFAULT); /* 2880 bytes */
    assert_int_equal(H5Dget_offset(mei) % (haddr_t)alignments[i], 0);
    H5Dclose(mei);
    H5Fclose(file);
    OK(ins_store_intact(w->path, 1, &w->layout, NULL, &intact));
    assert_true(intact);
  }
  /* Gone on with by a job of another alignment, the file becomes what that would have made. */
  use(0, 0, 1024);
  write_all(w, w->other);
  OK(ins_store_intact(w->path, 1, &w->layout, NULL, &intact));
  assert_false(intact);
  OK(ins_store_relayout(w->path, w->path, 1, &w->layout, NULL, &kept));
  assert_int_equal(kept, 24);
  ins_store *store;
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->layout, &store));
  fixture_write_summaries(store, w->layout);
  OK(ins_store_close(&store));
  fixture_same(w->other, w->path);
}

static void hints_that_mpi_cannot_be_told_are_refused(void **state) {
  (void)state;
  char longest[MPI_MAX_INFO_VAL + 2];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  ins_value *wrong[] = {ins_value_list(), ins_value_real(0.5), ins_value_text(longest),
                        ins_value_text("")};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    ins_value *io = ins_value_map(), *hints = ins_value_map();
    OK(ins_map_take(hints, "cb_nodes", wrong[i]));
    OK(ins_map_take(io, "hints", hints));
    assert_int_equal(ins_store_set_io(io), INS_ERR_ARGUMENT);
    assert_non_null(strstr(ins_message(), "io.hints.cb_nodes"));
    ins_value_destroy(&io);
  }
  ins_value *io = ins_value_map();
  OK(ins_map_take(io, "hints", ins_value_text("cb_nodes=3")));
  assert_int_equal(ins_store_set_io(io), INS_ERR_ARGUMENT);
  ins_value_destroy(&io);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(rows_are_written_without_buffering_and_sieving),
      TEST(settings_arrive_at_the_open_file),
      TEST(ways_of_access_leave_the_bytes_alone),
      TEST(large_variables_begin_at_multiples_of_the_alignment),
      TEST(hints_that_mpi_cannot_be_told_are_refused),
  };
  MPI_Init(&argc, &argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
