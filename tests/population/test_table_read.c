/* SPDX-License-Identifier: MIT */
/* Tables read by all ranks into distributed matrices, against plain loops over planted numbers. */
#include <stdlib.h>

#include "table_fixture.h"

static char folder[64];
static int rank;
enum { N_GRIDS = 3 };
static const int blocks[N_GRIDS] = {2, 3, 64};
static ins_grid *grids[N_GRIDS];
enum { MOST = 512 };

/** What a table is expected to hold, not normalised: [n_items][n_features]. */
typedef struct expected {
  size_t n_items, n_features;
  double x[MOST];
} expected;

static double *whole(const ins_matrix *m) {
  double *x = malloc(m->n_rows * m->n_columns * sizeof *x);
  OK(ins_matrix_gather(m, 0, m->n_rows, 0, m->n_columns, x));
  return x;
}

/* All of a table; free() it. */
static double *read_all(const ins_grid *grid, const ins_table *table, ins_dtype dtype, int repeat,
                        int8_t *flag) {
  ins_matrix m;
  OK(ins_matrix_create(grid, dtype, table->n_items, table->n_features, &m));
  OK(ins_table_read(table, grid, repeat, &m, flag));
  double *x = whole(&m);
  ins_matrix_clear(&m);
  return x;
}

static double *read_double(const ins_table *table, int repeat, int8_t *flag) {
  return read_all(grids[0], table, INS_F64, repeat, flag);
}

static void check_close(const double *x, const double *y, size_t n, double tolerance) {
  for (size_t k = 0; k < n; k++)
    if (!(fabs(x[k] - y[k]) <= tolerance))
      fail_msg("element %zu of %zu is %.17g, expected %.17g", k, n, x[k], y[k]);
}

/* Numbers that are not finite are expected to be read as 0. */
static void check_read(const char *yaml, int repeat, const expected *e) {
  table_test t = table_of(yaml);
  assert_int_equal(t.table->n_items, e->n_items);
  assert_int_equal(t.table->n_features, e->n_features);
  double *plain = malloc(MOST * sizeof *plain);
  for (size_t k = 0; k < e->n_items * e->n_features; k++)
    plain[k] = isfinite(e->x[k]) ? e->x[k] : 0;
  for (int g = 0; g < N_GRIDS; g++) {
    double *x = read_all(grids[g], t.table, g == 1 ? INS_F32 : INS_F64, repeat, NULL);
    check_close(x, plain, e->n_items * e->n_features, g == 1 ? 3e-7 : 2e-15);
    free(x);
  }
  free(plain);
  table_clear(&t);
}

static expected bars(void) {
  expected e = {N, DIRECTIONS * FRAMES, {0}};
  for (size_t i = 0; i < N; i++)
    for (size_t f = 0; f < e.n_features; f++)
      e.x[i * e.n_features + f] = bar(neurons[i], f / FRAMES, f % FRAMES);
  return e;
}

/* ---- orders of axes ---- */

static void neurons_that_are_slow_in_the_file_become_rows(void **state) {
  (void)state;
  const expected e = bars();
  check_read("{kind: results, file: first.h5, variable: bar/response}", 0, &e);
}

static void neurons_that_are_fast_in_the_file_become_rows(void **state) {
  (void)state;
  expected e = {N, SEEDS * DIRECTIONS * FRAMES, {0}};
  for (size_t i = 0; i < N; i++)
    for (size_t f = 0; f < e.n_features; f++)
      e.x[i * e.n_features + f] =
          trace(f / (DIRECTIONS * FRAMES), f / FRAMES % DIRECTIONS, f % FRAMES, neurons[i]);
  check_read("{kind: results, file: last.h5, variable: trace}", 0, &e);
}

static void items_are_combinations_in_the_order_of_rows(void **state) {
  (void)state;
  expected e = {N * SEEDS, DIRECTIONS * FRAMES, {0}};
  for (size_t i = 0; i < e.n_items; i++)
    for (size_t f = 0; f < e.n_features; f++)
      e.x[i * e.n_features + f] = trace(i % SEEDS, f / FRAMES, f % FRAMES, neurons[i / SEEDS]);
  check_read("{kind: results, file: last.h5, variable: trace, rows: [neuron, seed]}", 0, &e);
  for (size_t i = 0; i < e.n_items; i++)
    for (size_t f = 0; f < e.n_features; f++)
      e.x[i * e.n_features + f] = trace(i / N, f / FRAMES, f % FRAMES, neurons[i % N]);
  check_read("{kind: results, file: last.h5, variable: trace, rows: [seed, neuron]}", 0, &e);
}

static void items_may_be_in_the_middle_of_the_file(void **state) {
  (void)state;
  expected e = {DIRECTIONS, SEEDS * FRAMES * N, {0}};
  for (size_t i = 0; i < DIRECTIONS; i++)
    for (size_t f = 0; f < e.n_features; f++)
      e.x[i * e.n_features + f] = trace(f / (FRAMES * N), i, f / N % FRAMES, neurons[f % N]);
  check_read("{kind: results, file: last.h5, variable: trace, rows: [direction_deg]}", 0, &e);
}

static void a_variable_without_features_is_one_column(void **state) {
  (void)state;
  expected e = {N, 1, {0}};
  for (size_t i = 0; i < N; i++) e.x[i] = osi(neurons[i]);
  check_read("{kind: results, file: first.h5, variable: osi}", 0, &e);
}

/* ---- means, repeats, where ---- */

static void means_are_taken_while_reading(void **state) {
  (void)state;
  expected e = {N, DIRECTIONS, {0}};
  for (size_t i = 0; i < N; i++)
    for (size_t d = 0; d < DIRECTIONS; d++) {
      for (size_t k = 0; k < SEEDS * FRAMES; k++)
        e.x[i * DIRECTIONS + d] += trace(k / FRAMES, d, k % FRAMES, neurons[i]);
      e.x[i * DIRECTIONS + d] /= SEEDS * FRAMES;
    }
  check_read("{kind: results, file: last.h5, variable: trace, mean: [response_frame, seed]}", 0,
             &e);
}

static void repeats_are_read_one_by_one_or_as_their_mean(void **state) {
  (void)state;
  expected mean = {N, CONTRASTS * FLASH_FRAMES, {0}};
  for (size_t r = 0; r < REPEATS; r++) {
    expected e = mean;
    for (size_t i = 0; i < N; i++)
      for (size_t f = 0; f < e.n_features; f++) {
        const size_t k = i * e.n_features + f;
        e.x[k] = flash(neurons[i], f / FLASH_FRAMES, r, f % FLASH_FRAMES);
        mean.x[k] += e.x[k] / REPEATS;
      }
    check_read("{kind: results, file: first.h5, variable: flash/response}", (int)r, &e);
  }
  check_read("{kind: results, file: first.h5, variable: flash/response}", INS_MEAN_OF_REPEATS,
             &mean);
}

static void where_chooses_what_is_read(void **state) {
  (void)state;
  static const int64_t some[] = {20, 3, 30};
  static const size_t from[] = {3, 0};
  expected e = {3, 2 * 2, {0}};
  for (size_t i = 0; i < 3; i++)
    for (size_t f = 0; f < 4; f++) e.x[i * 4 + f] = bar(some[i], from[f / 2], f % 2 ? 4 : 1);
  check_read("{kind: results, file: first.h5, variable: bar/response, where: {neuron: [20, 3, 30], "
             "direction_deg: [270, 0], response_frame: [0.05, 0.2]}}",
             0, &e);
  for (size_t i = 0; i < 3; i++)
    for (size_t f = 0; f < 4; f++) {
      e.x[i * 4 + f] = 0;
      for (size_t s = 0; s < SEEDS; s += 2) e.x[i * 4 + f] += trace(s, f, 2, some[i]) / 2;
    }
  check_read("{kind: results, file: last.h5, variable: trace, where: {neuron: [20, 3, 30], "
             "response_frame: 0.1, seed: [5, 9]}, mean: [seed]}",
             0, &e);
}

/* ---- several ---- */

static void variables_stand_beside_each_other(void **state) {
  (void)state;
  expected e = {N, 1 + DIRECTIONS + 1, {0}};
  for (size_t i = 0; i < N; i++) {
    e.x[i * 6] = dsi(neurons[i]);
    for (size_t d = 0; d < DIRECTIONS; d++) e.x[i * 6 + 1 + d] = bar(neurons[i], d, 4);
    e.x[i * 6 + 5] = osi(neurons[i]);
  }
  check_read("{kind: results, file: first.h5, variables: [dsi, bar/response, osi], where: "
             "{response_frame: 0.2}}",
             0, &e);
}

static void files_of_both_orders_stand_beside_each_other(void **state) {
  (void)state;
  /* Both have a variable called trace: that of the second has neuron before the others. */
  expected e = {N, 2 * SEEDS * DIRECTIONS, {0}};
  for (size_t i = 0; i < N; i++)
    for (size_t f = 0; f < e.n_features; f++)
      e.x[i * e.n_features + f] = trace(f / DIRECTIONS % SEEDS, f % DIRECTIONS, 1, neurons[i]);
  check_read("{kind: results, files: [last.h5, turned.h5], variable: trace, where: "
             "{response_frame: 0.05}}",
             0, &e);
}

static void files_stand_below_each_other(void **state) {
  (void)state;
  expected e = {N + 2, DIRECTIONS * FRAMES + 1, {0}};
  for (size_t i = 0; i < N + 2; i++) {
    const int64_t neuron = i < N ? neurons[i] : (int64_t)(40 + i - N);
    for (size_t f = 0; f < DIRECTIONS * FRAMES; f++)
      e.x[i * e.n_features + f] = bar(neuron, f / FRAMES, f % FRAMES);
    e.x[i * e.n_features + DIRECTIONS * FRAMES] = osi(neuron);
  }
  check_read("{kind: results, files: [first.h5, others.h5], join: items, variables: "
             "[bar/response, osi]}",
             0, &e);
}

/* ---- flags, normalisation ---- */

static void silent_and_incomplete_items_are_flagged(void **state) {
  (void)state;
  static const char *const normalize[] = {"none", "zscore", "unit", "peak"};
  int8_t flag[N];
  for (int k = 0; k < 4; k++) {
    char *yaml = ins_format(
        "{kind: results, file: first.h5, variable: bar/response, normalize: %s}", normalize[k]);
    table_test t = table_of(yaml);
    double *x = read_double(t.table, 0, flag);
    for (size_t i = 0; i < N; i++)
      assert_int_equal(flag[i], neurons[i] == SILENT       ? INS_ITEM_SILENT
                                : neurons[i] == INCOMPLETE ? INS_ITEM_MISSING
                                                           : INS_ITEM_USED);
    for (size_t j = 0; j < DIRECTIONS * FRAMES; j++) {
      if (k == 1) assert_true(x[3 * DIRECTIONS * FRAMES + j] == 0);
      if (k > 0) assert_true(x[5 * DIRECTIONS * FRAMES + j] == 0);
    }
    free(x);
    table_clear(&t);
    free(yaml);
  }
}

static void silent_items_do_not_become_rounding_errors(void **state) {
  (void)state;
  int8_t flag[N];
  table_test t = table_of("{kind: results, file: last.h5, variable: trace, normalize: zscore}");
  double *x = read_double(t.table, 0, flag);
  for (size_t i = 0; i < N; i++)
    assert_int_equal(flag[i], neurons[i] == SILENT ? INS_ITEM_SILENT : INS_ITEM_USED);
  for (size_t f = 0; f < t.table->n_features; f++) assert_true(x[3 * t.table->n_features + f] == 0);
  free(x);
  table_clear(&t);
}

/* By another way than the program: sums of squares minus the square of the sum. */
static void normalize_plainly(int kind, double *x, size_t n) {
  double sum = 0, squares = 0, peak = 0;
  for (size_t k = 0; k < n; k++) {
    sum += x[k];
    squares += x[k] * x[k];
    peak = fmax(peak, fabs(x[k]));
  }
  const double mean = sum / (double)n, sd = sqrt(squares / (double)n - mean * mean);
  for (size_t k = 0; k < n; k++)
    x[k] = kind == 1 ? (x[k] - mean) / sd : kind == 2 ? x[k] / sqrt(squares) : x[k] / peak;
}

static void items_are_normalised_within_each_variable(void **state) {
  (void)state;
  static const char *const normalize[] = {"none", "zscore", "unit", "peak"};
  enum { A = DIRECTIONS * FRAMES, B = CONTRASTS, WIDTH = A + B + 1 };
  static const size_t some[] = {0, 1, 4, 6}; /* complete and not silent */
  for (int kind = 1; kind < 4; kind++) {
    char *yaml = ins_format("{kind: results, file: first.h5, variables: [bar/response, "
                            "flash/response, osi], where: {repeat: 1, neuron: [3, 1, 20, 30]}, "
                            "normalize: %s}",
                            normalize[kind]);
    table_test t = table_of(yaml);
    const size_t width = t.table->n_features;
    assert_int_equal(width, A + B * FLASH_FRAMES + 1);
    double *x = read_double(t.table, 0, NULL);
    for (size_t i = 0; i < 4; i++) {
      double a[A], b[B * FLASH_FRAMES];
      const int64_t neuron = neurons[some[i]];
      for (size_t f = 0; f < A; f++) a[f] = bar(neuron, f / FRAMES, f % FRAMES);
      for (size_t f = 0; f < B * FLASH_FRAMES; f++)
        b[f] = flash(neuron, f / FLASH_FRAMES, 1, f % FLASH_FRAMES);
      normalize_plainly(kind, a, A);
      normalize_plainly(kind, b, B * FLASH_FRAMES);
      check_close(x + i * width, a, A, 1e-12);
      check_close(x + i * width + A, b, B * FLASH_FRAMES, 1e-12);
      assert_true(x[i * width + width - 1] == osi(neuron)); /* a feature alone stays */
    }
    free(x);
    table_clear(&t);
    free(yaml);
  }
}

static void repeats_are_normalised_alike(void **state) {
  (void)state;
  enum { F = CONTRASTS * FLASH_FRAMES };
  table_test t = table_of("{kind: results, file: first.h5, variable: flash/response, normalize: "
                          "zscore}");
  double *x = read_double(t.table, 2, NULL),
         *mean = read_double(t.table, INS_MEAN_OF_REPEATS, NULL);
  for (size_t i = 0; i < N; i++) {
    double average[F] = {0}, m = 0, v = 0;
    for (size_t f = 0; f < F; f++) {
      for (size_t r = 0; r < REPEATS; r++)
        average[f] += flash(neurons[i], f / FLASH_FRAMES, r, f % FLASH_FRAMES) / REPEATS;
      m += average[f] / F;
    }
    for (size_t f = 0; f < F; f++) v += (average[f] - m) * (average[f] - m) / F;
    for (size_t f = 0; f < F; f++) {
      const double trial = flash(neurons[i], f / FLASH_FRAMES, 2, f % FLASH_FRAMES);
      assert_true(fabs(x[i * F + f] - (trial - m) / sqrt(v)) < 1e-12);
      assert_true(fabs(mean[i * F + f] - (average[f] - m) / sqrt(v)) < 1e-12);
    }
  }
  free(x);
  free(mean);
  table_clear(&t);
}

static void balanced_variables_have_the_same_total_variance(void **state) {
  (void)state;
  table_test t =
      table_of("{kind: results, file: first.h5, variables: [osi, bar/response], balance: "
               "true, where: {neuron: [3, 1, 7, 20, 30]}}");
  table_test raw =
      table_of("{kind: results, file: first.h5, variables: [osi, bar/response], where: "
               "{neuron: [3, 1, 7, 20, 30]}}");
  const size_t width = t.table->n_features, n = 5;
  double *x = read_double(t.table, 0, NULL), *y = read_double(raw.table, 0, NULL);
  double total[2] = {0};
  for (size_t f = 0; f < width; f++) {
    double mean = 0;
    for (size_t i = 0; i < n; i++) mean += x[i * width + f] / (double)n;
    for (size_t i = 0; i < n; i++)
      total[f > 0] += (x[i * width + f] - mean) * (x[i * width + f] - mean) / (double)(n - 1);
    for (size_t i = 0; i < n; i++) /* one factor a variable */
      assert_true(fabs(x[i * width + f] / y[i * width + f] - x[f > 0] / y[f > 0]) < 1e-12);
  }
  assert_true(fabs(total[0] - 1) < 1e-12 && fabs(total[1] - 1) < 1e-12);
  free(x);
  free(y);
  table_clear(&t);
  table_clear(&raw);
}

/* ---- noise ---- */

#define DRAWN                                                                                      \
  "{kind: results, file: first.h5, variable: bar/response, draws: 40, noise: {kind: poisson, "     \
  "gain: 2}"

static void draws_are_the_same_on_any_number_of_ranks(void **state) {
  (void)state;
  table_test t = table_of(DRAWN "}");
  const size_t n = t.table->n_items * t.table->n_features;
  ins_grid *self;
  OK(ins_grid_create(MPI_COMM_SELF, 5, &self));
  for (int repeat = INS_MEAN_OF_REPEATS; repeat < 2; repeat++) {
    double *alone = read_all(self, t.table, INS_F64, repeat, NULL);
    double *together = read_double(t.table, repeat, NULL);
    check_close(together, alone, n, 0);
    free(alone);
    free(together);
  }
  ins_grid_destroy(&self);
  table_clear(&t);
}

static void draws_differ_and_scatter_around_what_they_are_drawn_from(void **state) {
  (void)state;
  table_test t = table_of(DRAWN "}");
  const expected e = bars();
  const size_t n = e.n_items * e.n_features;
  double *first = read_double(t.table, 0, NULL), *second = read_double(t.table, 1, NULL);
  double *mean = read_double(t.table, INS_MEAN_OF_REPEATS, NULL), sum = 0;
  size_t same = 0, counted = 0;
  assert_int_equal(t.table->n_repeats, 40);
  for (size_t k = 0; k < n; k++) {
    if (!isfinite(e.x[k])) continue;
    same += first[k] == second[k];
    counted++;
    assert_true(2 * first[k] == floor(2 * first[k])); /* counts, divided by the gain */
    /* The mean of 40 counts of mean g x has variance x / (40 g): 6 standard deviations. */
    const double z = (mean[k] - e.x[k]) / sqrt((e.x[k] + 0.05) / 80);
    assert_true(fabs(z) < 6);
    sum += z * z;
  }
  assert_true(same < counted / 2);
  assert_true(sum / (double)counted > 0.5 && sum / (double)counted < 1.5);
  free(first);
  free(second);
  free(mean);
  table_clear(&t);
}

static void draws_belong_to_a_neuron_wherever_it_stands(void **state) {
  (void)state;
  table_test all = table_of(DRAWN "}"), some = table_of(DRAWN ", where: {neuron: [30, 7]}}");
  const size_t width = all.table->n_features;
  double *x = read_double(all.table, 3, NULL), *y = read_double(some.table, 3, NULL);
  check_close(y, x + 6 * width, width, 0);
  check_close(y + width, x + 2 * width, width, 0);
  free(x);
  free(y);
  table_clear(&all);
  table_clear(&some);
}

/* ---- many panels, damage ---- */

enum { LONG = 2200000, FEW = 4 };

static double far(size_t item, size_t feature) {
  return (double)((item * 1000003 + feature * 7919) % 8388593);
}

/* A variable of one task, [item, feature] or [feature, item], larger than a panel of one rank. */
static void write_long(const char *path, bool item_first) {
  int item, feature;
  ins_layout *layout;
  OK(ins_layout_create("numbers of a test", &layout));
  OK(ins_layout_axis(layout, "item", FEW, NULL, NULL, NULL, &item));
  OK(ins_layout_axis(layout, "feature", LONG, NULL, NULL, NULL, &feature));
  add_variable(layout,
               (ins_variable){.name = "x",
                              .dtype = INS_F32,
                              .n_axes = 2,
                              .axes = {item_first ? item : feature, item_first ? feature : item}});
  float *x = malloc((size_t)FEW * LONG * sizeof *x);
  for (size_t i = 0; i < FEW; i++)
    for (size_t f = 0; f < LONG; f++) x[item_first ? i * LONG + f : f * FEW + i] = (float)far(i, f);
  ins_store *store = begin_file(path, 1, &layout);
  put_row(store, 0, 0, x, NULL);
  OK(ins_store_close(&store));
  free(x);
  ins_layout_destroy(&layout);
}

/* Feature f is number first + f * step in the file. */
static void check_long(const char *yaml, size_t n_items, const size_t *items, size_t first,
                       size_t step) {
  ins_matrix m;
  table_test t = table_of(yaml);
  assert_int_equal(t.table->n_items, n_items);
  OK(ins_matrix_create(grids[2], INS_F32, n_items, t.table->n_features, &m));
  OK(ins_table_read(t.table, grids[2], 0, &m, NULL));
  for (size_t j = 0; j < m.local_columns; j++)
    for (size_t i = 0; i < m.local_rows; i++) {
      const size_t item = ins_matrix_row(&m, i), feature = ins_matrix_column(&m, j);
      if (ins_matrix_get(&m, i, j) != far(items[item], first + feature * step))
        fail_msg("item %zu, feature %zu is %g", item, feature, ins_matrix_get(&m, i, j));
    }
  ins_matrix_clear(&m);
  table_clear(&t);
}

static void tables_larger_than_a_panel_are_read_in_several(void **state) {
  (void)state;
  if (rank == 0) write_long("wide.h5", true);
  if (rank == 0) write_long("tall.h5", false);
  MPI_Barrier(MPI_COMM_WORLD);
  static const size_t all[FEW] = {0, 1, 2, 3}, some[2] = {3, 0};
  check_long("{kind: results, file: wide.h5, variable: x, rows: [item]}", FEW, all, 0, 1);
  check_long("{kind: results, file: tall.h5, variable: x, rows: [item]}", FEW, all, 0, 1);
  /* Chosen ones that are pages apart are read one by one. */
  check_long("{kind: results, file: wide.h5, variable: x, rows: [item], where: {item: [3, 0], "
             "feature: '7:2200000:5000'}}",
             2, some, 7, 5000);
}

/* Of whole rows three fit into a panel of one rank; on four ranks each has one. They are there as
 * read, in the other order, and on their way out and in, and perhaps in a message. */
static void reading_takes_what_shares_of_a_panel_take(void **state) {
  (void)state;
  const double row = 8.0 * LONG, fixed = 48 << 20;
  table_test t = table_of("{kind: results, file: wide.h5, variable: x, rows: [item]}");
  const double one = ins_table_read_bytes(t.table, 1, INS_F64),
               four = ins_table_read_bytes(t.table, 4, INS_F64),
               single = ins_table_read_bytes(t.table, 4, INS_F32);
  assert_true(one >= 4 * 3 * row && one <= 4 * 3 * row + fixed);
  assert_true(four >= 4 * row && four <= 5 * row + fixed);
  assert_true(single >= 2.5 * row && single < four);
  table_clear(&t);
}

/* Changes one byte of the last float of bar/response. */
static void damage(const char *path) {
  const float last = (float)bar(30, 3, 4);
  size_t n;
  FILE *file = fopen(path, "r+b");
  fseek(file, 0, SEEK_END);
  n = (size_t)ftell(file);
  unsigned char *bytes = malloc(n), changed;
  rewind(file);
  assert_int_equal(fread(bytes, 1, n, file), n);
  size_t at = n;
  for (size_t k = 0; k + sizeof last <= n; k++)
    if (memcmp(bytes + k, &last, sizeof last) == 0) at = k;
  assert_true(at < n);
  changed = bytes[at] ^ 1;
  fseek(file, (long)at, SEEK_SET);
  fwrite(&changed, 1, 1, file);
  fclose(file);
  free(bytes);
}

static void damaged_rows_are_refused_unless_not_verified(void **state) {
  (void)state;
  ins_matrix m;
  if (rank == 0) {
    write_first("damaged.h5", N, neurons);
    damage("damaged.h5");
  }
  MPI_Barrier(MPI_COMM_WORLD);
  for (int verify = 0; verify < 2; verify++) {
    char *yaml = ins_format("{kind: results, file: damaged.h5, variable: bar/response, verify: %s}",
                            verify ? "true" : "false");
    table_test t = table_of(yaml);
    OK(ins_matrix_create(grids[0], INS_F64, t.table->n_items, t.table->n_features, &m));
    assert_int_equal(ins_table_read(t.table, grids[0], 0, &m, NULL),
                     verify ? INS_ERR_FORMAT : INS_OK);
    ins_matrix_clear(&m);
    table_clear(&t);
    free(yaml);
  }
}

/* ---- files ---- */

/* As write_last, with neuron before the frames: [seed, neuron, direction_deg, response_frame]. */
static void write_turned(const char *path) {
  int direction, frame;
  ins_layout *layout;
  OK(ins_layout_create("numbers of a test", &layout));
  OK(ins_layout_task_axis(layout, "seed", SEEDS, ints_of(SEEDS, seeds), NULL, NULL));
  OK(ins_layout_task_axis(layout, "neuron", N, ints_of(N, neurons), NULL, NULL));
  OK(ins_layout_axis(layout, "direction_deg", DIRECTIONS, reals_of(DIRECTIONS, directions), NULL,
                     NULL, &direction));
  OK(ins_layout_axis(layout, "response_frame", FRAMES, reals_of(FRAMES, frames), NULL, NULL,
                     &frame));
  add_variable(
      layout,
      (ins_variable){.name = "trace", .dtype = INS_F64, .n_axes = 2, .axes = {direction, frame}});
  ins_store *store = begin_file(path, 1, &layout);
  for (size_t task = 0; task < SEEDS * N; task++) {
    double row[DIRECTIONS * FRAMES];
    for (size_t k = 0; k < DIRECTIONS * FRAMES; k++)
      row[k] = trace(task / N, k / FRAMES, k % FRAMES, neurons[task % N]);
    put_row(store, 0, task, row, NULL);
  }
  OK(ins_store_close(&store));
  ins_layout_destroy(&layout);
}

static void enter(void) {
  static const int64_t others[] = {40, 41};
  snprintf(folder, sizeof folder, "/tmp/insilico-table-XXXXXX");
  if (rank == 0 && !mkdtemp(folder)) abort();
  MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  if (chdir(folder)) abort();
  if (rank == 0) {
    write_first("first.h5", N, neurons);
    write_first("others.h5", 2, others);
    write_last("last.h5", N, neurons);
    write_turned("turned.h5");
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  enter();
  for (int g = 0; g < N_GRIDS; g++)
    if (ins_grid_create(MPI_COMM_WORLD, blocks[g], &grids[g]) != INS_OK) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(neurons_that_are_slow_in_the_file_become_rows),
      cmocka_unit_test(neurons_that_are_fast_in_the_file_become_rows),
      cmocka_unit_test(items_are_combinations_in_the_order_of_rows),
      cmocka_unit_test(items_may_be_in_the_middle_of_the_file),
      cmocka_unit_test(a_variable_without_features_is_one_column),
      cmocka_unit_test(means_are_taken_while_reading),
      cmocka_unit_test(repeats_are_read_one_by_one_or_as_their_mean),
      cmocka_unit_test(where_chooses_what_is_read),
      cmocka_unit_test(variables_stand_beside_each_other),
      cmocka_unit_test(files_of_both_orders_stand_beside_each_other),
      cmocka_unit_test(files_stand_below_each_other),
      cmocka_unit_test(silent_and_incomplete_items_are_flagged),
      cmocka_unit_test(silent_items_do_not_become_rounding_errors),
      cmocka_unit_test(items_are_normalised_within_each_variable),
      cmocka_unit_test(repeats_are_normalised_alike),
      cmocka_unit_test(balanced_variables_have_the_same_total_variance),
      cmocka_unit_test(draws_are_the_same_on_any_number_of_ranks),
      cmocka_unit_test(draws_differ_and_scatter_around_what_they_are_drawn_from),
      cmocka_unit_test(draws_belong_to_a_neuron_wherever_it_stands),
      cmocka_unit_test(tables_larger_than_a_panel_are_read_in_several),
      cmocka_unit_test(reading_takes_what_shares_of_a_panel_take),
      cmocka_unit_test(damaged_rows_are_refused_unless_not_verified),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int g = 0; g < N_GRIDS; g++) ins_grid_destroy(&grids[g]);
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  char command[100];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (rank == 0 && (chdir("/") || system(command))) fprintf(stderr, "%s stays\n", folder);
  MPI_Finalize();
  return failed;
}
