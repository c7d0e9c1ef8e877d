/* SPDX-License-Identifier: MIT */
/* Variables of results files, described by one process and read by all ranks. */
#include "fixture.h"

#include <math.h>

#include "insilico/reader.h"
#include "store/h5.h"

static int n_ranks, rank;
static char *folder;

static char *shared(const char *name) {
  return ins_format("%s/%s", folder, name);
}

static void barrier(void) {
  MPI_Barrier(MPI_COMM_WORLD);
}

/* ---- files, made by rank 0 ---------------------------------------------------------------------
 */

/* Task 5 failed; the last `n_left` are pending. */
static void write_small(const char *path, ins_layout *layout, size_t n_left) {
  ins_store *store;
  ins_value *attributes = fixture_attributes();
  if (rank == 0) {
    OK(ins_store_create(path, 1, &layout, attributes));
    OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
    fixture_write_range(store, layout, 0, ins_layout_tasks(layout) - n_left, 5);
    fixture_write_summaries(store, layout);
    OK(ins_store_close(&store));
  }
  ins_value_destroy(&attributes);
  barrier();
}

static void write_battery(const char *path, const fixture_stages *s) {
  if (rank == 0) fixture_write_battery(path, s, NULL);
  barrier();
}

/* Changes bytes of a dataset behind the file's back. */
static void damage(const char *path, const char *name, size_t offset, const void *bytes, size_t n) {
  hid_t file = ins_h5_open_plain(path), dataset = H5Dopen2(file, name, H5P_DEFAULT);
  const haddr_t at = H5Dget_offset(dataset);
  H5Dclose(dataset);
  H5Fclose(file);
  FILE *out = fopen(path, "r+b");
  fseek(out, (long)(at + offset), SEEK_SET);
  assert_int_equal(fwrite(bytes, 1, n, out), n);
  fclose(out);
}

/* ---- descriptions ------------------------------------------------------------------------------
 */

static ins_value *describe(const char *path, const char *variable) {
  ins_value *d;
  OK(ins_reader_describe(path, variable, &d));
  return d;
}

static const char *text(const ins_value *map, const char *key) {
  const char *words = ins_value_text_or(ins_map_get(map, key), NULL);
  if (!words) fail_msg("no text %s", key);
  return words;
}

static void expect(const ins_value *map, const char *key, const char *words) {
  assert_string_equal(text(map, key), words);
}

static void expect_number(const ins_value *map, const char *key, int64_t number) {
  assert_int_equal(ins_value_int_or(ins_map_get(map, key), -1), number);
}

static const ins_value *axis_of(const ins_value *d, size_t i) {
  return ins_map_get(d, "axes")->children.items[i];
}

static const ins_value *label_of(const ins_value *d, const char *name) {
  const ins_value *labels = ins_map_get(d, "labels"), *found = NULL;
  for (size_t i = 0; i < ins_value_count(labels); i++)
    if (!strcmp(text(labels->children.items[i], "name"), name)) {
      if (found) fail_msg("label %s occurs twice", name);
      found = labels->children.items[i];
    }
  return found;
}

static double label_number(const ins_value *d, const char *name, size_t i) {
  const ins_value *label = label_of(d, name);
  if (!label) fail_msg("no label %s", name);
  return ins_array_get(&ins_map_get(label, "values")->array, i);
}

static void axes_coordinates_and_words_are_those_of_the_file(void **state) {
  (void)state;
  static const char *const names[] = {"neuron", "seed", "optimizer.lr", "channel", "frame", "y"};
  static const int64_t lengths[] = {3, 4, 2, 2, 5, 3};
  ins_layout *layout = fixture_small();
  char *path = shared("small.h5");
  write_small(path, layout, 2);
  ins_value *d = describe(path, "mei");
  expect(d, "path", path);
  expect(d, "group", "");
  expect(d, "variable", "mei");
  expect(d, "units", "1");
  expect(d, "long_name", "most exciting input");
  expect(d, "dtype", "float32");
  expect(d, "title", "a small results file");
  expect(d, "experiment", "mei");
  assert_int_equal(strlen(text(d, "identity")), 64);
  expect_number(d, "n_tasks", 24);
  expect_number(d, "n_done", 21); /* one failed, two pending */
  assert_int_equal(ins_value_count(ins_map_get(d, "axes")), 6);
  for (size_t i = 0; i < 6; i++) {
    expect(axis_of(d, i), "name", names[i]);
    expect_number(axis_of(d, i), "length", lengths[i]);
    const ins_value *c = ins_map_get(axis_of(d, i), "coordinates");
    if (i == 5)
      assert_null(c);
    else
      assert_true(ins_value_equal(c, layout->axes[i].coordinates));
  }
  expect(axis_of(d, 4), "units", "s");
  expect(axis_of(d, 0), "units", "");
  expect(axis_of(d, 0), "long_name", "number of the neuron in the model");
  ins_value_destroy(&d);
  d = describe(path, "/gain");
  assert_int_equal(ins_value_count(ins_map_get(d, "axes")), 0);
  assert_int_equal(ins_value_count(ins_map_get(d, "labels")), 0);
  ins_value_destroy(&d);
  free(path);
  ins_layout_destroy(&layout);
}

static void descriptions_can_be_sent(void **state) {
  (void)state;
  fixture_stages s = fixture_battery(3, 4);
  char *path = shared("battery.h5");
  ins_text bytes = {0};
  ins_value *copy;
  write_battery(path, &s);
  ins_value *d = describe(path, "receptive_field/spatial");
  OK(ins_value_pack(d, &bytes));
  OK(ins_value_unpack(bytes.data, bytes.length, &copy));
  assert_true(ins_value_equal(d, copy));
  ins_text_free(&bytes);
  ins_value_destroy(&d);
  ins_value_destroy(&copy);
  free(path);
  fixture_stages_clear(&s);
}

/* ---- labels ------------------------------------------------------------------------------------
 */

static void labels_lie_along_one_axis_of_the_variable(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  char *path = shared("small.h5");
  write_small(path, layout, 2);
  ins_value *d = describe(path, "mei");
  /* A text of neurons and a number of channels; nothing over several axes, no scalar. */
  assert_int_equal(ins_value_count(ins_map_get(d, "labels")), 2);
  const ins_value *types = label_of(d, "cell_type"), *means = label_of(d, "stim_mean");
  expect_number(types, "axis", 0);
  expect_number(means, "axis", 3);
  const ins_value *values = ins_map_get(types, "values");
  assert_int_equal(ins_value_count(values), 3);
  assert_string_equal(values->children.items[0]->text, "ON \xce\xb1");
  assert_string_equal(values->children.items[2]->text, "");
  assert_true(label_number(d, "stim_mean", 1) == 36.1);
  ins_value_destroy(&d);
  /* Of a variable without channels. */
  d = describe(path, "response");
  assert_int_equal(ins_value_count(ins_map_get(d, "labels")), 1);
  ins_value_destroy(&d);
  free(path);
  ins_layout_destroy(&layout);
}

static void variables_in_groups_have_their_own_labels_and_those_of_the_root(void **state) {
  (void)state;
  fixture_stages s = fixture_battery(3, 4);
  char *path = shared("battery.h5");
  write_battery(path, &s);
  ins_value *d = describe(path, "receptive_field/spatial");
  expect(d, "group", "receptive_field");
  expect(d, "variable", "spatial");
  expect(d, "title", "a battery");
  expect_number(d, "n_tasks", 3);
  assert_int_equal(ins_value_count(ins_map_get(d, "labels")), 5);
  assert_non_null(label_of(d, "cell_type"));
  for (size_t i = 0; i < 3; i++) {
    const double neuron = 10.0 * (double)(i + 1);
    assert_true(label_number(d, "area", i) == neuron + 1);
    assert_true(label_number(d, "dsi", i) == neuron + DSI);
    assert_true(label_number(d, "dsi_q", i) == 0.25 * (double)i);
    assert_true(label_number(d, "dsi_valid", i) == (double)((int)neuron % 3));
  }
  assert_int_equal(ins_map_get(label_of(d, "dsi_valid"), "values")->array.dtype, INS_I8);
  expect_number(label_of(d, "dsi"), "axis", 0);
  ins_value_destroy(&d);
  /* Only those of its own group and of the root, not of other groups; nor the variable itself. */
  d = describe(path, "moving_bar/response");
  assert_int_equal(ins_value_count(ins_map_get(d, "labels")), 3);
  assert_null(label_of(d, "area"));
  ins_value_destroy(&d);
  d = describe(path, "dsi");
  assert_int_equal(ins_value_count(ins_map_get(d, "labels")), 2);
  assert_null(label_of(d, "dsi"));
  ins_value_destroy(&d);
  free(path);
  fixture_stages_clear(&s);
}

/* A group and the root with a constant of the same name, about other neurons. */
static ins_layout *named(const char *group, int64_t first, double value) {
  const int64_t neurons[] = {first, first + 1};
  const double values[] = {value, value + 1};
  ins_layout *layout;
  OK(ins_layout_create_in(group, NULL, &layout));
  OK(ins_layout_task_axis(layout, "neuron", 2, fixture_ints(2, neurons), NULL, NULL));
  fixture_variable(layout, (ins_variable){.name = "x", .dtype = INS_F32});
  fixture_variable(layout, (ins_variable){.name = "size",
                                          .dtype = INS_F64,
                                          .scope = INS_CONSTANT,
                                          .n_axes = 1,
                                          .axes = {0},
                                          .data = fixture_reals(2, values)});
  if (!group)
    fixture_variable(layout, (ins_variable){.name = "depth",
                                            .dtype = INS_F64,
                                            .scope = INS_CONSTANT,
                                            .n_axes = 1,
                                            .axes = {0},
                                            .data = fixture_reals(2, values)});
  return layout;
}

static void the_roots_labels_are_of_the_same_axis_and_hidden_by_the_groups(void **state) {
  (void)state;
  char *path = shared("named.h5");
  for (int64_t first = 4; first < 6; first++) {
    ins_layout *stages[] = {named("part", 4, 10), named(NULL, first, 20)};
    if (rank == 0) OK(ins_store_create(path, 2, stages, NULL));
    barrier();
    ins_value *d = describe(path, "part/x");
    assert_true(label_number(d, "size", 0) == 10);
    if (first == 4)
      assert_true(label_number(d, "depth", 1) == 21);
    else
      assert_null(label_of(d, "depth"));
    ins_value_destroy(&d);
    barrier();
    ins_layout_destroy(&stages[0]);
    ins_layout_destroy(&stages[1]);
  }
  free(path);
}

static void labels_say_how_many_tasks_they_wait_for(void **state) {
  (void)state;
  fixture_stages s = fixture_battery(4, 2);
  char *path = shared("waiting.h5");
  ins_store *store;
  if (rank == 0) {
    OK(ins_store_create(path, s.n, s.layout, NULL));
    OK(ins_store_open(MPI_COMM_SELF, path, s.n, s.layout, &store));
    fixture_write_stage(store, FIELDS, s.layout[FIELDS], 0, 4, SIZE_MAX);
    fixture_write_stage(store, INDICES, s.layout[INDICES], 0, 2, 1);
    OK(ins_store_close(&store));
  }
  barrier();
  ins_value *d = describe(path, "receptive_field/spatial");
  expect_number(d, "n_done", 4);
  expect_number(label_of(d, "area"), "n_open", 0);
  expect_number(label_of(d, "cell_type"), "n_open", 0);
  expect_number(label_of(d, "dsi"), "n_open", 3); /* one failed, two pending */
  expect_number(label_of(d, "dsi_q"), "n_open", 3);
  char *identity = strdup(text(d, "identity"));
  ins_value_destroy(&d);
  barrier();
  if (rank == 0) {
    OK(ins_store_open(MPI_COMM_SELF, path, s.n, s.layout, &store));
    fixture_write_stage(store, INDICES, s.layout[INDICES], 0, 4, SIZE_MAX);
    fixture_write_q(store, &s);
    OK(ins_store_close(&store));
  }
  barrier();
  d = describe(path, "receptive_field/spatial");
  expect_number(label_of(d, "dsi"), "n_open", 0);
  expect_number(label_of(d, "dsi_q"), "n_open", 0);
  expect(d, "identity", identity); /* the rows of its own stage are what they were */
  free(identity);
  ins_value_destroy(&d);
  free(path);
  fixture_stages_clear(&s);
}

static void labels_of_tasks_that_are_not_done_are_missing(void **state) {
  (void)state;
  fixture_stages s = fixture_battery(4, 2);
  char *path = shared("pending.h5");
  ins_store *store;
  if (rank == 0) {
    OK(ins_store_create(path, s.n, s.layout, NULL));
    OK(ins_store_open(MPI_COMM_SELF, path, s.n, s.layout, &store));
    fixture_write_stage(store, INDICES, s.layout[INDICES], 0, 3, 1);
    OK(ins_store_close(&store));
  }
  barrier();
  ins_value *d = describe(path, "flash/response");
  expect_number(d, "n_tasks", 8);
  expect_number(d, "n_done", 0);
  assert_true(label_number(d, "dsi", 0) == 10);
  assert_true(label_number(d, "dsi_valid", 2) == 0);
  for (size_t i = 1; i < 4; i += 2) { /* failed; pending */
    assert_true(isnan(label_number(d, "dsi", i)));
    assert_true(isnan(label_number(d, "dsi_valid", i)));
  }
  for (size_t i = 0; i < 4; i++) assert_true(isnan(label_number(d, "dsi_q", i)));
  ins_value_destroy(&d);
  free(path);
  fixture_stages_clear(&s);
}

/* ---- boxes -------------------------------------------------------------------------------------
 */

static ins_reader *open_reader(const char *path, const char *variable) {
  ins_reader *reader;
  ins_value *d = describe(path, variable);
  OK(ins_reader_open(MPI_COMM_WORLD, d, &reader));
  ins_value_destroy(&d);
  return reader;
}

/* All of it, by HDF5. */
static double *read_plainly(const char *path, const char *name, int *n_dims, size_t *shape) {
  hsize_t dims[16];
  hid_t file = ins_h5_open_plain(path), dataset = H5Dopen2(file, name, H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset);
  *n_dims = H5Sget_simple_extent_dims(space, dims, NULL);
  double *all = malloc((size_t)H5Sget_simple_extent_npoints(space) * sizeof *all);
  assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0);
  for (int d = 0; d < *n_dims; d++) shape[d] = (size_t)dims[d];
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  return all;
}

static void expect_box(ins_reader *reader, const double *all, int n, const size_t *shape,
                       const size_t *first, const size_t *count) {
  size_t total = 1;
  for (int d = 0; d < n; d++) total *= count[d];
  double *wide = malloc((total + 1) * sizeof *wide);
  float *narrow = malloc((total + 1) * sizeof *narrow);
  wide[total] = narrow[total] = 77;
  OK(ins_reader_read(reader, first, count, INS_F64, wide));
  OK(ins_reader_read(reader, first, count, INS_F32, narrow));
  for (size_t i = 0; i < total; i++) {
    size_t at = 0, rest = i, stride = 1;
    for (int d = n - 1; d >= 0; d--) {
      at += (first[d] + rest % count[d]) * stride;
      rest /= count[d];
      stride *= shape[d];
    }
    if (isnan(all[at])) {
      assert_true(isnan(wide[i]) && isnan(narrow[i]));
    } else {
      assert_true(wide[i] == all[at]);
      assert_true(narrow[i] == (float)all[at]);
    }
  }
  assert_true(wide[total] == 77 && narrow[total] == 77);
  free(wide);
  free(narrow);
}

/* Each rank its own boxes. */
static void boxes_are_what_hdf5_reads(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  char *path = shared("boxes.h5");
  static const char *const names[] = {"mei", "response", "mean_mei", "stim_mean"};
  write_small(path, layout, 0);
  srand((unsigned)rank + 1);
  for (size_t k = 0; k < 4; k++) {
    int n;
    size_t shape[16], first[16], count[16];
    double *all = read_plainly(path, names[k], &n, shape);
    ins_reader *reader = open_reader(path, names[k]);
    OK(ins_reader_verify(reader));
    for (int turn = 0; turn < 200; turn++) {
      for (int d = 0; d < n; d++) {
        first[d] = turn ? (size_t)rand() % shape[d] : 0;
        count[d] = turn ? (size_t)rand() % (shape[d] - first[d] + 1) : shape[d];
        if (turn % 3 == 1 && d) first[d] = 0, count[d] = shape[d];
      }
      expect_box(reader, all, n, shape, first, count);
    }
    count[0] = shape[0] + 1 - first[0];
    assert_int_equal(ins_reader_read(reader, first, count, INS_F64, all), INS_ERR_INTERNAL);
    first[0] = SIZE_MAX;
    assert_int_equal(ins_reader_read(reader, first, count, INS_F64, all), INS_ERR_INTERNAL);
    ins_reader_close(&reader);
    assert_null(reader);
    free(all);
  }
  free(path);
  ins_layout_destroy(&layout);
}

static void whole_numbers_without_a_value_are_read_as_nan(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  char *path = shared("whole.h5");
  double outcome[24];
  float peak[48], gain;
  write_small(path, layout, 0);
  const size_t none[4] = {0}, all[] = {3, 4, 2, 2};
  ins_reader *reader = open_reader(path, "outcome");
  OK(ins_reader_read(reader, none, all, INS_F64, outcome));
  ins_reader_close(&reader);
  reader = open_reader(path, "peak_frame");
  OK(ins_reader_read(reader, none, all, INS_F32, peak));
  ins_reader_close(&reader);
  for (size_t task = 0; task < 24; task++) {
    const double value = fixture_value(layout, task);
    if (task == 5) {
      assert_true(isnan(outcome[task]) && isnan(peak[2 * task]));
    } else {
      assert_true(outcome[task] == (double)((int)value % 3));
      assert_true(peak[2 * task] == (float)(int32_t)(value + PEAK));
    }
  }
  reader = open_reader(path, "gain");
  OK(ins_reader_read(reader, NULL, NULL, INS_F32, &gain));
  assert_true(gain == 2.5f);
  ins_reader_close(&reader);
  free(path);
  ins_layout_destroy(&layout);
}

/* Rows larger than what is read at once, and columns with more between them than is read along. */
static void boxes_larger_than_a_window(void **state) {
  (void)state;
  enum { ROWS = 60, COLUMNS = 30000 };
  int y, x;
  const size_t task = 0, shape[] = {ROWS, COLUMNS};
  const ins_status fine = INS_OK;
  char *path = shared("wide.h5");
  ins_layout *layout;
  ins_store *store;
  double *all;
  OK(ins_layout_create_in("one", NULL, &layout));
  OK(ins_layout_axis(layout, "y", ROWS, NULL, NULL, NULL, &y));
  OK(ins_layout_axis(layout, "x", COLUMNS, NULL, NULL, NULL, &x));
  fixture_variable(layout,
                   (ins_variable){.name = "v", .dtype = INS_F64, .n_axes = 2, .axes = {y, x}});
  OK(ins_alloc((size_t)ROWS * COLUMNS, sizeof *all, &all));
  for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++) all[i] = 0.5 * (double)i;
  if (rank == 0) {
    void *rows[] = {all};
    OK(ins_store_create(path, 1, &layout, NULL));
    OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
    OK(ins_store_write(store, 0, 1, &task, rows, &fine));
    OK(ins_store_close(&store));
  }
  barrier();
  ins_reader *reader = open_reader(path, "one/v");
  OK(ins_reader_verify(reader));
  const size_t boxes[][4] = {
      {0, 0, ROWS, COLUMNS},         {1, 0, ROWS - 1, COLUMNS},    {0, 17, ROWS, 1},
      {3, COLUMNS - 2, ROWS - 3, 2}, {0, 2000, ROWS, COLUMNS / 2}, {0, 0, ROWS, COLUMNS - 1},
      {0, 2, ROWS, COLUMNS - 4000},  {ROWS - 1, COLUMNS - 1, 1, 1}};
  for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++)
    expect_box(reader, all, 2, shape, boxes[i], boxes[i] + 2);
  ins_reader_close(&reader);
  ins_free(&all);
  free(path);
  ins_layout_destroy(&layout);
}

/* ---- whose rows they are -----------------------------------------------------------------------
 */

static void the_identity_is_of_the_rows_and_not_of_the_place(void **state) {
  (void)state;
  fixture_stages s = fixture_battery(3, 4);
  char *path = shared("here.h5"), *moved = shared("there.h5");
  write_battery(path, &s);
  ins_value *a = describe(path, "moving_bar/response"), *b = describe(path, "flash/response");
  assert_string_not_equal(text(a, "identity"), text(b, "identity"));
  ins_value_destroy(&b);
  barrier();
  if (rank == 0) assert_int_equal(rename(path, moved), 0);
  barrier();
  b = describe(moved, "moving_bar/response");
  assert_string_equal(text(a, "identity"), text(b, "identity"));
  ins_value_destroy(&b);
  barrier();
  /* One more row that failed, of this stage; other stages stay what they are. */
  b = describe(moved, "dsi");
  barrier();
  if (rank == 0) {
    ins_store *store;
    OK(ins_store_open(MPI_COMM_SELF, moved, s.n, s.layout, &store));
    fixture_write_stage(store, BARS, s.layout[BARS], 7, 1, 7);
    OK(ins_store_close(&store));
  }
  barrier();
  ins_value *c = describe(moved, "moving_bar/response"), *d = describe(moved, "dsi");
  assert_string_not_equal(text(a, "identity"), text(c, "identity"));
  assert_string_equal(text(b, "identity"), text(d, "identity"));
  expect_number(c, "n_done", 11);
  ins_value_destroy(&a);
  ins_value_destroy(&b);
  ins_value_destroy(&c);
  ins_value_destroy(&d);
  free(path);
  free(moved);
  fixture_stages_clear(&s);
}

static void jobs_and_models_are_part_of_the_identity(void **state) {
  (void)state;
  static const char *const keys[] = {"job_sha256", "model_sha256"};
  ins_layout *layout = fixture_small();
  char *path = shared("job.h5"), seen[3][65];
  for (size_t k = 0; k < 3; k++) {
    ins_value *attributes = ins_value_map();
    if (k) OK(ins_map_take(attributes, keys[k - 1], ins_value_text("another")));
    if (rank == 0) OK(ins_store_create(path, 1, &layout, attributes));
    barrier();
    ins_value *d = describe(path, "mei");
    snprintf(seen[k], sizeof seen[k], "%s", text(d, "identity"));
    for (size_t j = 0; j < k; j++) assert_string_not_equal(seen[j], seen[k]);
    ins_value_destroy(&d);
    ins_value_destroy(&attributes);
    barrier();
  }
  free(path);
  ins_layout_destroy(&layout);
}

static void what_changed_meanwhile_is_not_opened(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  char *path = shared("changed.h5");
  ins_reader *reader;
  write_small(path, layout, 2);
  ins_value *d = describe(path, "mei");
  barrier();
  write_small(path, layout, 1);
  assert_int_equal(ins_reader_open(MPI_COMM_WORLD, d, &reader), INS_ERR_FORMAT);
  assert_non_null(strstr(ins_message(), "changed meanwhile"));
  assert_null(reader);
  ins_value_destroy(&d);
  d = describe(path, "mei");
  OK(ins_reader_open(MPI_COMM_WORLD, d, &reader));
  ins_reader_close(&reader);
  barrier();
  if (rank == 0) unlink(path);
  barrier();
  assert_int_equal(ins_reader_open(MPI_COMM_WORLD, d, &reader), INS_ERR_IO);
  /* Other axes, in the same place and with the same rows. */
  write_small(path, layout, 1);
  OK(ins_map_take((ins_value *)axis_of(d, 3), "length", ins_value_int(3)));
  assert_int_equal(ins_reader_open(MPI_COMM_WORLD, d, &reader), INS_ERR_FORMAT);
  ins_value_destroy(&d);
  free(path);
  ins_layout_destroy(&layout);
}

static void damaged_rows_are_found_by_all_ranks(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  char *path = shared("damaged.h5");
  const float other = 3;
  write_small(path, layout, 2);
  ins_reader *reader = open_reader(path, "response");
  OK(ins_reader_verify(reader)); /* pending and failed ones are no damage */
  ins_reader_close(&reader);
  barrier();
  /* Of another variable than the one that is read: a row is whole or not. */
  if (rank == 0) damage(path, "mei", 4 * (30 * 20 + 11), &other, sizeof other);
  if (rank == 0) damage(path, "mei", 4 * (30 * 2 + 29), &other, sizeof other);
  barrier();
  reader = open_reader(path, "response");
  assert_int_equal(ins_reader_verify(reader), INS_ERR_FORMAT);
  assert_non_null(strstr(ins_message(), " 2 of 24 rows"));
  assert_non_null(strstr(ins_message(), "run its job again"));
  ins_reader_close(&reader);
  free(path);
  ins_layout_destroy(&layout);
}

/* ---- what is not there -------------------------------------------------------------------------
 */

static void refuse(const char *path, const char *variable, ins_status code, const char *words) {
  ins_value *d;
  const ins_status status = ins_reader_describe(path, variable, &d);
  if (status != code || !strstr(ins_message(), words))
    fail_msg("%s: %s: %s", variable, ins_status_name(status), ins_message());
  assert_null(d);
}

static void unknown_variables_are_told_with_their_neighbours(void **state) {
  (void)state;
  fixture_stages s = fixture_battery(3, 4);
  char *path = shared("battery.h5");
  write_battery(path, &s);
  refuse(path, "dsj", INS_ERR_ARGUMENT, "did you mean 'dsi'");
  refuse(path, "response", INS_ERR_ARGUMENT,
         "did you mean 'moving_bar/response', 'flash/response'");
  refuse(path, "moving_bar/dsi", INS_ERR_ARGUMENT, "did you mean 'dsi'");
  refuse(path, "movingbar/response", INS_ERR_ARGUMENT, "'moving_bar/response'");
  refuse(path, "spacial", INS_ERR_ARGUMENT, "did you mean 'receptive_field/spatial'");
  refuse(path, "quite another", INS_ERR_ARGUMENT,
         "(there are: receptive_field/spatial, moving_bar/response, flash/response, ");
  refuse(path, "", INS_ERR_ARGUMENT, "there are");
  refuse(path, "a/b/c", INS_ERR_ARGUMENT, "there are");
  refuse(path, "moving_bar", INS_ERR_ARGUMENT, "there are");
  refuse(path, "status", INS_ERR_ARGUMENT, "keeps the books");
  refuse(path, "flash/checksum", INS_ERR_ARGUMENT, "keeps the books");
  refuse(path, "flash/neuron", INS_ERR_ARGUMENT, "is an axis");
  refuse(path, "receptive_field/cell_type", INS_ERR_ARGUMENT, "holds texts");
  free(path);
  fixture_stages_clear(&s);
}

static void files_that_are_none_of_ours_are_told(void **state) {
  (void)state;
  char *path = shared("stranger.h5"), *missing = shared("missing.h5");
  if (rank == 0) {
    FILE *file = fopen(path, "w");
    fputs("not a results file", file);
    fclose(file);
  }
  barrier();
  refuse(path, "mei", INS_ERR_FORMAT, "stranger.h5");
  refuse(folder, "mei", INS_ERR_FORMAT, "folder");
  refuse(missing, "mei", INS_ERR_IO, "no such file");
  free(path);
  free(missing);
}

/* ---- what others may have written: one rank suffices ---- */

static void replace(hid_t file, const char *name, hid_t type, int rank_of, const hsize_t *dims,
                    H5D_alloc_time_t when, bool chunked) {
  static const hsize_t chunk[] = {1, 1, 1, 1, 1, 1};
  hid_t space = H5Screate_simple(rank_of, dims, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
  assert_true(H5Pset_alloc_time(plist, when) >= 0);
  if (chunked) assert_true(H5Pset_chunk(plist, rank_of, chunk) >= 0);
  assert_true(H5Ldelete(file, name, H5P_DEFAULT) >= 0);
  hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  assert_true(dataset >= 0);
  H5Dclose(dataset);
  H5Pclose(plist);
  H5Sclose(space);
}

static hid_t fresh(const char *path, ins_layout *layout) {
  ins_store *store;
  OK(ins_store_create(path, 1, &layout, NULL));
  OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
  fixture_write_range(store, layout, 0, ins_layout_tasks(layout), 5);
  OK(ins_store_close(&store));
  ins_h5_quiet();
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

static void variables_of_impossible_sizes_are_refused(void **state) {
  (void)state;
  if (rank) return;
  ins_layout *layout = fixture_small();
  char *path = shared("hostile.h5");
  const hsize_t right[] = {3, 4, 2, 2, 5, 3}, huge[] = {1u << 31, 1u << 31, 1u << 31, 2, 5, 3},
                large[] = {3, 4, 2, 2, 5, 1u << 30};
  const struct {
    hid_t type;
    const hsize_t *dims;
    H5D_alloc_time_t when;
    bool chunked;
  } cases[] = {
      {H5T_IEEE_F32LE, right, H5D_ALLOC_TIME_LATE, false}, /* no space */
      {H5T_IEEE_F32LE, right, H5D_ALLOC_TIME_EARLY, true},
      {H5T_IEEE_F32BE, right, H5D_ALLOC_TIME_EARLY, false},
      {H5T_C_S1, huge, H5D_ALLOC_TIME_LATE, true},
      {H5T_IEEE_F32LE, large, H5D_ALLOC_TIME_LATE, false},
      {H5T_STD_REF_OBJ, right, H5D_ALLOC_TIME_EARLY, false},
      {H5T_IEEE_F32LE, right, H5D_ALLOC_TIME_EARLY, false}, /* but along no axes */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    hid_t file = fresh(path, layout);
    replace(file, "mei", cases[i].type, 6, cases[i].dims, cases[i].when, cases[i].chunked);
    H5Fclose(file);
    refuse(path, "mei", INS_ERR_FORMAT, "hostile.h5");
  }
  free(path);
  ins_layout_destroy(&layout);
}

static void axes_and_labels_of_impossible_sizes_are_refused(void **state) {
  (void)state;
  if (rank) return;
  ins_layout *layout = fixture_small();
  char *path = shared("hostile.h5");
  const hsize_t huge[] = {(hsize_t)1 << 40, 1 << 20}, n[] = {3};
  /* Along an axis that is none any more. */
  hid_t file = fresh(path, layout);
  replace(file, "neuron", H5T_STD_I64LE, 1, huge, H5D_ALLOC_TIME_LATE, false);
  H5Fclose(file);
  refuse(path, "mei", INS_ERR_FORMAT, "axes of mei");
  /* What says along which axes it lies is something else. */
  for (int turn = 0; turn < 3; turn++) {
    const int64_t numbers[64] = {0};
    file = fresh(path, layout);
    hid_t dataset = H5Dopen2(file, "mei", H5P_DEFAULT);
    assert_true(H5Adelete(dataset, "DIMENSION_LIST") >= 0);
    if (turn == 1) assert_true(ins_h5_put_numbers(dataset, "DIMENSION_LIST", INS_I64, 64, numbers));
    if (turn == 2) assert_true(ins_h5_put_text(dataset, "DIMENSION_LIST", "neuron"));
    H5Dclose(dataset);
    H5Fclose(file);
    refuse(path, "mei", INS_ERR_FORMAT, "axes of mei");
  }
  /* A label without what it claims is none; a link to elsewhere is not followed. */
  file = fresh(path, layout);
  replace(file, "cell_type", H5T_C_S1, 2, huge, H5D_ALLOC_TIME_LATE, true);
  replace(file, "stim_mean", H5T_IEEE_F64LE, 1, n, H5D_ALLOC_TIME_EARLY, false);
  assert_true(H5Lcreate_external("/dev/zero", "/", file, "far", H5P_DEFAULT, H5P_DEFAULT) >= 0);
  assert_true(H5Lcreate_soft("/mei", file, "soft", H5P_DEFAULT, H5P_DEFAULT) >= 0);
  assert_true(H5Lcreate_hard(file, "/", file, "again", H5P_DEFAULT, H5P_DEFAULT) >= 0);
  H5Fclose(file);
  ins_value *d = describe(path, "mei");
  assert_int_equal(ins_value_count(ins_map_get(d, "labels")), 0);
  ins_value_destroy(&d);
  refuse(path, "soft", INS_ERR_ARGUMENT, "has no variable 'soft'");
  refuse(path, "again/mei", INS_ERR_ARGUMENT, "did you mean 'mei'");
  free(path);
  ins_layout_destroy(&layout);
}

/* ---- all ranks ---- */

static void opening_fails_on_all_ranks_or_none(void **state) {
  (void)state;
  ins_layout *layout = fixture_small();
  char *path = shared("bad.h5");
  ins_reader *reader;
  write_small(path, layout, 0);
  ins_value *d = describe(path, "mei");
  barrier();
  if (rank == 0) assert_int_equal(truncate(path, 4096), 0);
  barrier();
  assert_int_equal(ins_reader_open(MPI_COMM_WORLD, d, &reader), INS_ERR_FORMAT);
  assert_null(reader);
  assert_non_null(strstr(ins_message(), "bad.h5"));
  ins_value_destroy(&d);
  free(path);
  ins_layout_destroy(&layout);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(axes_coordinates_and_words_are_those_of_the_file),
      cmocka_unit_test(descriptions_can_be_sent),
      cmocka_unit_test(labels_lie_along_one_axis_of_the_variable),
      cmocka_unit_test(variables_in_groups_have_their_own_labels_and_those_of_the_root),
      cmocka_unit_test(the_roots_labels_are_of_the_same_axis_and_hidden_by_the_groups),
      cmocka_unit_test(labels_say_how_many_tasks_they_wait_for),
      cmocka_unit_test(labels_of_tasks_that_are_not_done_are_missing),
      cmocka_unit_test(boxes_are_what_hdf5_reads),
      cmocka_unit_test(whole_numbers_without_a_value_are_read_as_nan),
      cmocka_unit_test(boxes_larger_than_a_window),
      cmocka_unit_test(the_identity_is_of_the_rows_and_not_of_the_place),
      cmocka_unit_test(jobs_and_models_are_part_of_the_identity),
      cmocka_unit_test(what_changed_meanwhile_is_not_opened),
      cmocka_unit_test(damaged_rows_are_found_by_all_ranks),
      cmocka_unit_test(unknown_variables_are_told_with_their_neighbours),
      cmocka_unit_test(files_that_are_none_of_ours_are_told),
      cmocka_unit_test(variables_of_impossible_sizes_are_refused),
      cmocka_unit_test(axes_and_labels_of_impossible_sizes_are_refused),
      cmocka_unit_test(opening_fails_on_all_ranks_or_none),
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
