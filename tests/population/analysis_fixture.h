/* SPDX-License-Identifier: MIT */
/** One analysis on numbers from memory, without a job: lays out a source file, reads it as a table,
 * runs the analysis on all ranks and reads back what it wrote.
 *
 *   analysis_data data = {.n_item_axes = 1, .n_axes = 2, .axes = {"neuron", "stimulus"},
 *                         .lengths = {5, 40}, .values = x};
 *   analysis_test t = analysis_run(&data, &ins_distances, ins_distances_keys, "metric: cosine");
 *   double *d = analysis_read(&t, "distance");
 *
 * Every call is collective, with the same arguments on every rank; analysis_main runs the tests.
 */
#ifndef INSILICO_TESTS_ANALYSIS_FIXTURE_H
#define INSILICO_TESTS_ANALYSIS_FIXTURE_H

#include <math.h>
#include <mpi.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "insilico/memory.h"
#include "insilico/reader.h"
#include "insilico/store.h"
#include "population/analysis.h"
#include "settings.h"

#define OK(call)                                                                                   \
  do {                                                                                             \
    ins_status status_of_call = (call);                                                            \
    if (status_of_call != INS_OK) fail_msg("%s: %s", #call, ins_message());                        \
  } while (0)

/** Where the files of this run of the program are; the same on every rank. */
static char analysis_folder[4096];
static int analysis_rank, analysis_ranks;

/** Known of each item: along item axis `axis`. */
typedef struct analysis_label {
  const char *name;
  int axis;
  const int64_t *numbers;   /* or */
  const char *const *texts; /* or */
  const double *reals;
} analysis_label;

/** A variable `response` [axes], of double: first the axes of items, then all others. */
typedef struct analysis_data {
  int n_item_axes, n_axes;
  const char *axes[INS_MAX_DIMS];
  size_t lengths[INS_MAX_DIMS];
  const double *values; /* row-major */
  analysis_label labels[4];
  const char *more; /* keys of the entry of data besides kind, file, variable and rows: "repeats:
                       repeat, normalize: zscore" */
  int block;        /* of matrices; 0: 4, so that small ones lie on several ranks too */
  uint64_t seed;
} analysis_data;

typedef struct analysis_test {
  ins_value *data_settings, *settings, *sources;
  ins_table *table;
  ins_grid *grid;
  ins_layout *layout;
  const ins_population_analysis *analysis;
  void *state;
  ins_store *store;
  char path[4200];
} analysis_test;

/* ---- the source --------------------------------------------------------------------------------
 */
static inline ins_value *analysis_numbers(size_t n) {
  ins_value *array = ins_value_array(INS_I64, 1, &n);
  for (size_t i = 0; i < n; i++) ((int64_t *)array->array.data)[i] = (int64_t)i;
  return array;
}

static inline void analysis_add_label(ins_layout *layout, const analysis_label *label) {
  const size_t n = layout->axes[label->axis].length;
  ins_variable v = {.name = label->name,
                    .scope = INS_CONSTANT,
                    .dtype = label->texts   ? INS_U8
                             : label->reals ? INS_F64
                                            : INS_I64,
                    .n_axes = 1,
                    .axes = {label->axis}};
  int index;
  if (label->texts) {
    v.data = ins_value_list();
    for (size_t i = 0; i < n; i++) OK(ins_list_take(v.data, ins_value_text(label->texts[i])));
  } else {
    v.data = ins_value_array(v.dtype, 1, &n);
    memcpy(v.data->array.data, label->reals ? (const void *)label->reals : label->numbers, n * 8);
  }
  OK(ins_layout_variable(layout, &v, &index));
}

/** Rank 0 alone. */
static inline void analysis_write_source(const char *path, const analysis_data *d) {
  ins_layout *layout;
  ins_store *store;
  ins_variable v = {.name = "response", .dtype = INS_F64, .n_axes = d->n_axes - d->n_item_axes};
  int index;
  OK(ins_layout_create("numbers of a test", &layout));
  for (int k = 0; k < d->n_axes; k++)
    if (k < d->n_item_axes)
      OK(ins_layout_task_axis(layout, d->axes[k], d->lengths[k], analysis_numbers(d->lengths[k]),
                              NULL, NULL));
    else
      OK(ins_layout_axis(layout, d->axes[k], d->lengths[k], analysis_numbers(d->lengths[k]), NULL,
                         NULL, &v.axes[k - d->n_item_axes]));
  OK(ins_layout_variable(layout, &v, &index));
  for (int k = 0; k < 4 && d->labels[k].name; k++) analysis_add_label(layout, &d->labels[k]);
  ins_value *attributes = ins_value_map();
  OK(ins_map_take(attributes, "experiment", ins_value_text("response")));
  OK(ins_map_take(attributes, "job_sha256", ins_value_text("0123")));
  OK(ins_store_create(path, 1, &layout, attributes));
  OK(ins_store_open(MPI_COMM_SELF, path, 1, &layout, &store));
  const size_t row = ins_layout_row(layout, index);
  const ins_status done = INS_OK;
  void *rows[8] = {0};
  for (size_t task = 0; task < ins_layout_tasks(layout); task++) {
    OK(ins_alloc(row, sizeof(double), &rows[index]));
    memcpy(rows[index], d->values + task * row, row * sizeof(double));
    OK(ins_store_write(store, 0, 1, &task, rows, &done));
    ins_free(&rows[index]);
  }
  OK(ins_store_close(&store));
  ins_value_destroy(&attributes);
  ins_layout_destroy(&layout);
}

/** The entry of `data`, and what is known of its file: as ins_population_sources has it. */
static inline void analysis_describe(const char *path, const analysis_data *d, analysis_test *t) {
  ins_text yaml = {0};
  ins_value *description;
  ins_text_add(&yaml, "{kind: results, name: test, file: '%s', variable: response, rows: [", path);
  for (int k = 0; k < d->n_item_axes; k++) ins_text_add(&yaml, "%s%s", k ? ", " : "", d->axes[k]);
  ins_text_add(&yaml, "]%s%s}", d->more ? ", " : "", d->more ? d->more : "");
  t->data_settings = settings_of(ins_table_kinds, yaml.data);
  ins_text_free(&yaml);
  OK(ins_reader_describe(path, "response", &description));
  t->sources = ins_value_list();
  OK(ins_list_take(t->sources, description));
}

/** Validated settings of an analysis, from the keys between the braces of "{kind: it, ...}". */
static inline ins_value *analysis_settings(const ins_key *keys, const char *yaml) {
  const ins_variant variants[] = {{.name = "it", .keys = keys}, {0}};
  char *text = ins_format("{kind: it%s%s}", yaml ? ", " : "", yaml ? yaml : "");
  ins_value *settings = settings_of(variants, text);
  free(text);
  return settings;
}

/* ---- the analysis ------------------------------------------------------------------------------
 */
static inline void analysis_clear(analysis_test *t) {
  if (t->store) OK(ins_store_close(&t->store));
  if (t->state) t->analysis->teardown(&t->state);
  ins_layout_destroy(&t->layout);
  ins_table_destroy(&t->table);
  ins_grid_destroy(&t->grid);
  ins_value_destroy(&t->settings);
  ins_value_destroy(&t->data_settings);
  ins_value_destroy(&t->sources);
}

/** Up to `declare`, whose status is returned (with ins_message); to be cleared in any case. */
static inline ins_status analysis_declare(const analysis_data *d,
                                          const ins_population_analysis *analysis,
                                          const ins_key *keys, const char *yaml, analysis_test *t) {
  static int n_files;
  char source[4200];
  *t = (analysis_test){.analysis = analysis};
  snprintf(source, sizeof source, "%s/source-%d.h5", analysis_folder, n_files);
  snprintf(t->path, sizeof t->path, "%s/results-%d.h5", analysis_folder, n_files++);
  if (analysis_rank == 0) analysis_write_source(source, d);
  MPI_Barrier(MPI_COMM_WORLD);
  analysis_describe(source, d, t);
  t->settings = analysis_settings(keys, yaml);
  OK(ins_grid_create(MPI_COMM_WORLD, d->block ? d->block : 4, &t->grid));
  OK(ins_layout_create_in("analysis", "an analysis", &t->layout));
  OK(ins_table_create(t->data_settings, t->sources, d->seed, &t->table));
  const ins_analysis_context context = {
      .settings = t->settings, .table = t->table, .seed = d->seed, .name = "analysis"};
  return analysis->declare(&context, t->layout, &t->state);
}

/** All of it: what it wrote can be read, and its row is whole. */
static inline analysis_test analysis_run(const analysis_data *d,
                                         const ins_population_analysis *analysis,
                                         const ins_key *keys, const char *yaml) {
  analysis_test t;
  uint8_t done;
  OK(analysis_declare(d, analysis, keys, yaml, &t));
  if (analysis_rank == 0) OK(ins_store_create(t.path, 1, &t.layout, NULL));
  MPI_Barrier(MPI_COMM_WORLD);
  OK(ins_store_open(MPI_COMM_WORLD, t.path, 1, &t.layout, &t.store));
  const ins_work work = {.grid = t.grid, .store = t.store, .layout = t.layout};
  OK(analysis->run(t.state, &work));
  OK(ins_store_sync(t.store));
  OK(ins_store_seal(t.store, 0, 0));
  OK(ins_store_sync(t.store));
  OK(ins_store_verify(t.store, 0, 0, 1, &done));
  assert_int_equal(done, INS_TASK_DONE);
  return t;
}

/** The number of a variable of the results; fails where there is none. */
static inline int analysis_find(const analysis_test *t, const char *name) {
  const int v = ins_layout_find(t->layout, name);
  if (v < 0) fail_msg("there is no variable %s", name);
  return v;
}

/** All of a variable as numbers, row-major; free() it. */
static inline double *analysis_read(const analysis_test *t, const char *name) {
  const int v = analysis_find(t, name);
  const size_t n = ins_layout_row(t->layout, v), task = 0;
  ins_value *raw = ins_value_array(t->layout->variables[v].dtype, 1, &n);
  double *out = calloc(n + 1, sizeof *out);
  OK(ins_store_read(t->store, 0, v, 1, &task, 0, n, raw->array.data));
  for (size_t i = 0; i < n; i++) out[i] = ins_array_get(&raw->array, i);
  ins_value_destroy(&raw);
  return out;
}

/* ---- the program -------------------------------------------------------------------------------
 */
static inline int analysis_start(int *argc, char ***argv) {
  MPI_Init(argc, argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &analysis_rank);
  MPI_Comm_size(MPI_COMM_WORLD, &analysis_ranks);
  if (analysis_rank == 0) {
    const char *base = getenv("TMPDIR");
    snprintf(analysis_folder, sizeof analysis_folder, "%s/insilico-analysis-XXXXXX",
             base ? base : "/tmp");
    if (!mkdtemp(analysis_folder)) MPI_Abort(MPI_COMM_WORLD, 1);
  }
  MPI_Bcast(analysis_folder, sizeof analysis_folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  return 0;
}

static inline int analysis_end(int failed) {
  char command[4200];
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  snprintf(command, sizeof command, "rm -rf '%s'", analysis_folder);
  if (analysis_rank == 0 && system(command)) fprintf(stderr, "%s stays\n", analysis_folder);
  MPI_Finalize();
  return failed;
}

/** What main does with its tests. */
#define analysis_main(argc, argv, tests)                                                           \
  (analysis_start(&(argc), &(argv)), analysis_end(cmocka_run_group_tests(tests, NULL, NULL)))

#endif
