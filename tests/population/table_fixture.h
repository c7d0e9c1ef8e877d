/* SPDX-License-Identifier: MIT */
/** Results files with planted numbers, in both orders of axes, and entries of `data` about them.
 *
 *   write_first(path, n, neurons)   neuron is the slowest axis
 *     bar/response    float32 [neuron, direction_deg 4, response_frame 5]; neuron 12 is silent, 21
 *                     misses a number
 *     flash/response  float32 [neuron, contrast 2, repeat 3, response_frame 2]
 *     dsi, osi        float64 [neuron]; dsi of neuron 7 is missing
 *     group_assignment, cell_type, session, truth_x [neuron]
 *   write_last(path, n, neurons)    neuron is the fastest
 *     trace           float64 [seed 3, direction_deg 4, response_frame 5, neuron]; neuron 12 is
 *                     silent at a number whose sums are rounded
 */
#ifndef INSILICO_TESTS_TABLE_FIXTURE_H
#define INSILICO_TESTS_TABLE_FIXTURE_H

#include <math.h>
#include <mpi.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "insilico/memory.h"
#include "insilico/population.h"
#include "population/table.h"
#include "settings.h"

#define OK(call)                                                                                   \
  do {                                                                                             \
    ins_status status_of_call = (call);                                                            \
    if (status_of_call != INS_OK) fail_msg("%s: %s", #call, ins_message());                        \
  } while (0)

enum { N = 7, DIRECTIONS = 4, FRAMES = 5, CONTRASTS = 2, REPEATS = 3, FLASH_FRAMES = 2, SEEDS = 3 };
enum { SILENT = 12, INCOMPLETE = 21 };
static const int64_t neurons[N] = {3, 1, 7, 12, 20, 21, 30}, seeds[SEEDS] = {5, 6, 9};
static const double directions[] = {0, 90, 180, 270}, frames[] = {0, 0.05, 0.1, 0.15, 0.2},
                    contrasts[] = {0.5, 1};

/* ---- planted numbers --------------------------------------------------------------------------
 */

/** In [0, 4), a function of coordinates. */
static inline double planted(int what, int64_t neuron, size_t a, size_t b, size_t c) {
  const double x = sin(12.9898 * (double)(neuron + 1) + 78.233 * (double)(a + 3) +
                       37.719 * (double)(b + 5) + 9.131 * (double)(c + 7) + what) *
                   43758.5453;
  return 4 * (x - floor(x));
}

static inline double bar(int64_t neuron, size_t direction, size_t frame) {
  if (neuron == SILENT) return 0.5;
  if (neuron == INCOMPLETE && direction == 1 && frame == 2) return NAN;
  return (double)(float)planted(1, neuron, direction, frame, 0);
}

static inline double flash(int64_t neuron, size_t contrast, size_t repeat, size_t frame) {
  return (double)(float)planted(2, neuron, contrast, repeat, frame);
}

static inline double dsi(int64_t neuron) {
  return neuron == 7 ? NAN : planted(3, neuron, 0, 0, 0);
}

static inline double osi(int64_t neuron) {
  return planted(4, neuron, 0, 0, 0);
}

static inline double trace(size_t seed, size_t direction, size_t frame, int64_t neuron) {
  return neuron == SILENT ? 0.1 : planted(5, neuron, seed, direction, frame);
}

/* ---- files ------------------------------------------------------------------------------------
 */

static inline ins_value *ints_of(size_t n, const int64_t *from) {
  ins_value *array = ins_value_array(INS_I64, 1, &n);
  memcpy(array->array.data, from, n * sizeof *from);
  return array;
}

static inline ins_value *reals_of(size_t n, const double *from) {
  ins_value *array = ins_value_array(INS_F64, 1, &n);
  memcpy(array->array.data, from, n * sizeof *from);
  return array;
}

static inline void add_variable(ins_layout *layout, ins_variable variable) {
  int index;
  OK(ins_layout_variable(layout, &variable, &index));
}

static inline ins_layout *neurons_first(const char *group, size_t n, const int64_t *numbers) {
  ins_layout *layout;
  OK(ins_layout_create_in(group, "numbers of a test", &layout));
  OK(ins_layout_task_axis(layout, "neuron", n, ints_of(n, numbers), NULL, "number of the neuron"));
  return layout;
}

static inline ins_layout *bar_layout(size_t n, const int64_t *numbers) {
  int frame;
  ins_layout *layout = neurons_first("bar", n, numbers);
  OK(ins_layout_task_axis(layout, "direction_deg", DIRECTIONS, reals_of(DIRECTIONS, directions),
                          "degree", NULL));
  OK(ins_layout_axis(layout, "response_frame", FRAMES, reals_of(FRAMES, frames), "s", NULL,
                     &frame));
  add_variable(layout,
               (ins_variable){.name = "response", .dtype = INS_F32, .n_axes = 1, .axes = {frame}});
  return layout;
}

static inline ins_layout *flash_layout(size_t n, const int64_t *numbers) {
  int repeat, frame;
  const int64_t counted[] = {0, 1, 2};
  ins_layout *layout = neurons_first("flash", n, numbers);
  OK(ins_layout_task_axis(layout, "contrast", CONTRASTS, reals_of(CONTRASTS, contrasts), NULL,
                          NULL));
  OK(ins_layout_axis(layout, "repeat", REPEATS, ints_of(REPEATS, counted), NULL, NULL, &repeat));
  OK(ins_layout_axis(layout, "response_frame", FLASH_FRAMES, NULL, NULL, NULL, &frame));
  add_variable(
      layout,
      (ins_variable){.name = "response", .dtype = INS_F32, .n_axes = 2, .axes = {repeat, frame}});
  return layout;
}

static inline int32_t group_of(int64_t neuron) {
  return neuron % 2 ? 31 : 5;
}

static inline const char *type_of(int64_t neuron) {
  return neuron < 10 ? "ON" : neuron < 20 ? "OFF" : "ON-OFF";
}

static inline void add_identities(ins_layout *layout, int axis, size_t n, const int64_t *numbers) {
  ins_value *groups = ins_value_array(INS_I32, 1, &n), *x = ins_value_array(INS_F64, 1, &n);
  ins_value *types = ins_value_list(), *sessions = ins_value_list();
  for (size_t i = 0; i < n; i++) {
    ((int32_t *)groups->array.data)[i] = group_of(numbers[i]);
    ((double *)x->array.data)[i] = 0.5 * (double)numbers[i];
    OK(ins_list_take(types, ins_value_text(type_of(numbers[i]))));
    OK(ins_list_take(sessions, ins_value_text("day 1")));
  }
  const ins_variable of_each = {.scope = INS_CONSTANT, .n_axes = 1, .axes = {axis}};
  ins_variable v = of_each;
  v.name = "group_assignment", v.dtype = INS_I32, v.data = groups;
  add_variable(layout, v);
  v.name = "cell_type", v.dtype = INS_U8, v.data = types;
  add_variable(layout, v);
  v.name = "session", v.data = sessions;
  add_variable(layout, v);
  v.name = "truth_x", v.dtype = INS_F64, v.data = x;
  add_variable(layout, v);
}

static inline ins_layout *index_layout(size_t n, const int64_t *numbers) {
  ins_layout *layout = neurons_first(NULL, n, numbers);
  add_variable(layout, (ins_variable){.name = "dsi", .dtype = INS_F64});
  add_variable(layout, (ins_variable){.name = "osi", .dtype = INS_F64});
  add_identities(layout, 0, n, numbers);
  return layout;
}

/** Lays out and opens a file with the attributes that results have. */
static inline ins_store *begin_file(const char *path, size_t n, ins_layout *const *stages) {
  ins_store *store;
  ins_value *attributes = ins_value_map();
  OK(ins_map_take(attributes, "experiment", ins_value_text("response")));
  OK(ins_map_take(attributes, "job_sha256", ins_value_text("0123")));
  OK(ins_map_take(attributes, "model_sha256", ins_value_text("4567")));
  OK(ins_store_create(path, n, stages, attributes));
  OK(ins_store_open(MPI_COMM_SELF, path, n, stages, &store));
  ins_value_destroy(&attributes);
  return store;
}

static inline void put_row(ins_store *store, size_t stage, size_t task, void *first, void *second) {
  void *rows[INS_MAX_VARIABLES] = {first, second};
  const ins_status done = INS_OK;
  OK(ins_store_write(store, stage, 1, &task, rows, &done));
}

/** One process. `n_done` of the tasks of the stage bar are done. */
static inline void write_part_of_first(const char *path, size_t n, const int64_t *numbers,
                                       size_t n_done) {
  ins_layout *stages[] = {bar_layout(n, numbers), flash_layout(n, numbers),
                          index_layout(n, numbers)};
  ins_store *store = begin_file(path, 3, stages);
  for (size_t i = 0; i < n; i++) {
    double row[2] = {dsi(numbers[i]), osi(numbers[i])};
    put_row(store, 2, i, &row[0], &row[1]);
    for (size_t d = 0; d < DIRECTIONS && i * DIRECTIONS + d < n_done; d++) {
      float x[FRAMES];
      for (size_t t = 0; t < FRAMES; t++) x[t] = (float)bar(numbers[i], d, t);
      put_row(store, 0, i * DIRECTIONS + d, x, NULL);
    }
    for (size_t c = 0; c < CONTRASTS; c++) {
      float x[REPEATS * FLASH_FRAMES];
      for (size_t k = 0; k < REPEATS * FLASH_FRAMES; k++)
        x[k] = (float)flash(numbers[i], c, k / FLASH_FRAMES, k % FLASH_FRAMES);
      put_row(store, 1, i * CONTRASTS + c, x, NULL);
    }
  }
  OK(ins_store_close(&store));
  for (int k = 0; k < 3; k++) ins_layout_destroy(&stages[k]);
}

static inline void write_first(const char *path, size_t n, const int64_t *numbers) {
  write_part_of_first(path, n, numbers, n * DIRECTIONS);
}

static inline void write_last(const char *path, size_t n, const int64_t *numbers) {
  int frame, neuron;
  ins_layout *layout;
  OK(ins_layout_create("numbers of a test", &layout));
  OK(ins_layout_task_axis(layout, "seed", SEEDS, ints_of(SEEDS, seeds), NULL, NULL));
  OK(ins_layout_task_axis(layout, "direction_deg", DIRECTIONS, reals_of(DIRECTIONS, directions),
                          "degree", NULL));
  OK(ins_layout_axis(layout, "response_frame", FRAMES, reals_of(FRAMES, frames), "s", NULL,
                     &frame));
  OK(ins_layout_axis(layout, "neuron", n, ints_of(n, numbers), NULL, NULL, &neuron));
  add_variable(
      layout,
      (ins_variable){.name = "trace", .dtype = INS_F64, .n_axes = 2, .axes = {frame, neuron}});
  add_identities(layout, neuron, n, numbers);
  ins_store *store = begin_file(path, 1, &layout);
  double *row = malloc(FRAMES * n * sizeof *row);
  for (size_t task = 0; task < SEEDS * DIRECTIONS; task++) {
    for (size_t k = 0; k < FRAMES * n; k++)
      row[k] = trace(task / DIRECTIONS, task % DIRECTIONS, k / n, numbers[k % n]);
    put_row(store, 0, task, row, NULL);
  }
  free(row);
  OK(ins_store_close(&store));
  ins_layout_destroy(&layout);
}

/* ---- tables -----------------------------------------------------------------------------------
 */

/** An entry of `data` with what was found for it. */
typedef struct table_test {
  ins_value *settings, *sources;
  ins_table *table;
} table_test;

static inline void table_clear(table_test *t) {
  ins_table_destroy(&t->table);
  ins_value_destroy(&t->settings);
  ins_value_destroy(&t->sources);
}

/** A job that is nothing but its entries of data, "{kind: results, ...}" each. */
static inline ins_status find_sources(size_t n, const char *const *yaml, ins_value **settings,
                                      ins_value **sources) {
  ins_value *data = ins_value_list();
  *settings = ins_value_map();
  for (size_t k = 0; k < n; k++) OK(ins_list_take(data, settings_of(ins_table_kinds, yaml[k])));
  OK(ins_map_take(*settings, "data", data));
  ins_job job = {.settings = *settings};
  return ins_population_sources(&job, sources);
}

/** As far as it goes; to be cleared in any case. */
static inline ins_status table_try(const char *yaml, uint64_t seed, table_test *t) {
  *t = (table_test){0};
  ins_status status = find_sources(1, &yaml, &t->settings, &t->sources);
  if (status != INS_OK) return status;
  return ins_table_create(ins_map_get(t->settings, "data")->children.items[0],
                          t->sources->children.items[0], seed, &t->table);
}

static inline table_test table_of(const char *yaml) {
  table_test t;
  if (table_try(yaml, 7, &t) != INS_OK) fail_msg("%s: %s", yaml, ins_message());
  return t;
}

#endif
