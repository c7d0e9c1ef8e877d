/* SPDX-License-Identifier: MIT */
/** A small results file with everything that a large one has: numbered, swept and text axes, an
 * axis without coordinates, rows of several types, summaries, constants. Values are functions of
 * coordinates. */
#ifndef INSILICO_TESTS_STORE_FIXTURE_H
#define INSILICO_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "insilico/memory.h"
#include "insilico/store.h"

#define OK(call)                                                                                   \
  do {                                                                                             \
    ins_status status_of_call = (call);                                                            \
    if (status_of_call != INS_OK) fail_msg("%s: %s", #call, ins_message());                        \
  } while (0)

enum { MEI, RESPONSE, OUTCOME, PEAK, MEAN, SPREAD, STIM_MEAN, CELL_TYPE, GAIN };
enum { N_NEURONS = 3, N_SEEDS = 4, N_RATES = 2 };

static inline ins_value *fixture_ints(size_t n, const int64_t *from) {
  ins_value *array = ins_value_array(INS_I64, 1, &n);
  if (n) memcpy(array->array.data, from, n * sizeof *from);
  return array;
}

static inline ins_value *fixture_reals(size_t n, const double *from) {
  ins_value *array = ins_value_array(INS_F64, 1, &n);
  memcpy(array->array.data, from, n * sizeof *from);
  return array;
}

static inline ins_value *fixture_texts(size_t n, const char *const *from) {
  ins_value *list = ins_value_list();
  for (size_t i = 0; i < n; i++) OK(ins_list_take(list, ins_value_text(from[i])));
  return list;
}

static inline void fixture_variable(ins_layout *layout, ins_variable variable) {
  int index;
  OK(ins_layout_variable(layout, &variable, &index));
}

/** Neurons 10, 20, 30; seeds as given; learning rates 0.1 and 10. */
static inline ins_layout *fixture_layout(size_t n_neurons, size_t n_seeds, const int64_t *seeds) {
  static const int64_t neurons[] = {10, 20, 30, 40, 50};
  static const double rates[] = {0.1, 10}, frames[] = {0, 0.05, 0.1, 0.15, 0.2};
  static const char *const channels[] = {"green", "UV"}, *const types[] = {"ON \xce\xb1", "OFF", "",
                                                                           "a", "b"};
  ins_layout *layout;
  int channel, frame, y;
  OK(ins_layout_create("a small results file", &layout));
  OK(ins_layout_task_axis(layout, "neuron", n_neurons, fixture_ints(n_neurons, neurons), NULL,
                          "number of the neuron in the model"));
  OK(ins_layout_task_axis(layout, "seed", n_seeds, fixture_ints(n_seeds, seeds), NULL, NULL));
  OK(ins_layout_task_axis(layout, "optimizer.lr", N_RATES, fixture_reals(N_RATES, rates), NULL,
                          "learning rate"));
  OK(ins_layout_axis(layout, "channel", 2, fixture_texts(2, channels), NULL, NULL, &channel));
  OK(ins_layout_axis(layout, "frame", 5, fixture_reals(5, frames), "s", "time in the stimulus",
                     &frame));
  OK(ins_layout_axis(layout, "y", 3, NULL, NULL, NULL, &y));
  layout->reduced = 1;
  fixture_variable(layout, (ins_variable){.name = "mei",
                                          .units = "1",
                                          .long_name = "most exciting input",
                                          .source = "gradient ascent",
                                          .dtype = INS_F32,
                                          .n_axes = 3,
                                          .axes = {channel, frame, y}});
  fixture_variable(layout,
                   (ins_variable){.name = "response", .dtype = INS_F64, .long_name = "response"});
  fixture_variable(layout, (ins_variable){.name = "outcome",
                                          .dtype = INS_I8,
                                          .flags = "0 converged, 1 patience, 2 out of iterations"});
  fixture_variable(
      layout,
      (ins_variable){.name = "peak_frame", .dtype = INS_I32, .n_axes = 1, .axes = {channel}});
  fixture_variable(layout, (ins_variable){.name = "mean_mei",
                                          .scope = INS_SUMMARY,
                                          .dtype = INS_F32,
                                          .n_axes = 2,
                                          .axes = {frame, y}});
  fixture_variable(layout,
                   (ins_variable){.name = "n_good", .scope = INS_SUMMARY, .dtype = INS_I32});
  static const double means[] = {37.4, 36.1};
  fixture_variable(layout, (ins_variable){.name = "stim_mean",
                                          .scope = INS_CONSTANT,
                                          .dtype = INS_F64,
                                          .n_axes = 1,
                                          .axes = {channel},
                                          .data = fixture_reals(2, means)});
  fixture_variable(layout, (ins_variable){.name = "cell_type",
                                          .scope = INS_CONSTANT,
                                          .dtype = INS_U8,
                                          .n_axes = 1,
                                          .axes = {0},
                                          .data = fixture_texts(n_neurons, types)});
  ins_value *gain = ins_value_array(INS_F32, 0, NULL);
  *(float *)gain->array.data = 2.5f;
  fixture_variable(
      layout,
      (ins_variable){.name = "gain", .scope = INS_CONSTANT, .dtype = INS_F32, .data = gain});
  return layout;
}

static const int64_t fixture_seeds[] = {1, 2, 3, 5, 8, 13};

static inline ins_layout *fixture_small(void) {
  return fixture_layout(N_NEURONS, N_SEEDS, fixture_seeds);
}

static inline ins_value *fixture_attributes(void) {
  ins_value *map = ins_value_map();
  OK(ins_map_take(map, "experiment", ins_value_text("mei")));
  OK(ins_map_take(map, "model", ins_value_text("sha256:1234 \xc2\xb5")));
  OK(ins_map_take(map, "job", ins_value_text("{\"experiment\":\"mei\"}")));
  OK(ins_map_take(map, "instruction_set", ins_value_text("avx2")));
  OK(ins_map_take(map, "seed", ins_value_int(-7)));
  OK(ins_map_take(map, "dt_s", ins_value_real(0.05)));
  OK(ins_map_take(map, "causal", ins_value_bool(true)));
  OK(ins_map_take(map, "nothing", ins_value_null()));
  return map;
}

/** Buffers for the rows of n tasks, and rows that depend on the coordinates of the task alone. */
typedef struct fixture_rows {
  void *rows[INS_MAX_VARIABLES];
} fixture_rows;

static inline void fixture_free(fixture_rows *r) {
  for (int v = 0; v < INS_MAX_VARIABLES; v++) ins_free(&r->rows[v]);
}

static inline double fixture_value(const ins_layout *layout, size_t task) {
  size_t index[INS_MAX_TASK_AXES];
  double value = 0;
  ins_layout_coordinates(layout, task, index);
  for (int i = 0; i < layout->n_task_axes; i++)
    value = 37 * value + ins_array_get(&layout->axes[i].coordinates->array, index[i]);
  return value;
}

static inline fixture_rows fixture_fill(const ins_layout *layout, size_t n, const size_t *task) {
  fixture_rows r = {{0}};
  for (int v = 0; v < layout->n_variables; v++) {
    size_t row = ins_layout_row(layout, v);
    if (layout->variables[v].scope != INS_PER_TASK) continue;
    OK(ins_alloc(n * row, ins_dtype_size(layout->variables[v].dtype), &r.rows[v]));
    for (size_t i = 0; i < n * row; i++) {
      double x = fixture_value(layout, task[i / row]) + 0.001 * (double)(i % row) + v;
      switch (layout->variables[v].dtype) {
      case INS_F32:
        ((float *)r.rows[v])[i] = (float)x;
        break;
      case INS_F64:
        ((double *)r.rows[v])[i] = x;
        break;
      case INS_I32:
        ((int32_t *)r.rows[v])[i] = (int32_t)x;
        break;
      default:
        ((int8_t *)r.rows[v])[i] = (int8_t)((int)fixture_value(layout, task[i / row]) % 3);
      }
    }
  }
  return r;
}

static inline void fixture_read_rows(ins_store *store, const ins_layout *layout, int variable,
                                     size_t n, const size_t *task, void *out) {
  OK(ins_store_read(store, 0, variable, n, task, 0, ins_layout_row(layout, variable), out));
}

/** Writes tasks task[0..n) of a stage, failing number `failed` (SIZE_MAX: none). */
static inline void fixture_write(ins_store *store, size_t stage, const ins_layout *layout, size_t n,
                                 const size_t *task, size_t failed) {
  fixture_rows r = fixture_fill(layout, n, task);
  ins_status *status;
  OK(ins_alloc(n, sizeof *status, &status));
  for (size_t k = 0; k < n; k++) status[k] = task[k] == failed ? INS_ERR_NUMERIC : INS_OK;
  OK(ins_store_write(store, stage, n, task, r.rows, status));
  ins_free(&status);
  fixture_free(&r);
}

static inline void fixture_write_stage(ins_store *store, size_t stage, const ins_layout *layout,
                                       size_t first, size_t n, size_t failed) {
  size_t *task;
  OK(ins_alloc(n, sizeof *task, &task));
  for (size_t k = 0; k < n; k++) task[k] = first + k;
  fixture_write(store, stage, layout, n, task, failed);
  ins_free(&task);
}

static inline void fixture_write_range(ins_store *store, const ins_layout *layout, size_t first,
                                       size_t n, size_t failed) {
  fixture_write_stage(store, 0, layout, first, n, failed);
}

static inline void fixture_write_summaries(ins_store *store, const ins_layout *layout) {
  for (size_t g = 0; g < ins_layout_groups(layout); g++) {
    float mean[15];
    int32_t n = (int32_t)g;
    for (int i = 0; i < 15; i++) mean[i] = (float)g + (float)i / 16;
    OK(ins_store_write_summary(store, 0, MEAN, g, mean));
    OK(ins_store_write_summary(store, 0, SPREAD, g, &n));
  }
}

/* ---- several stages ---- */

/** Stages one after the other: fields of neurons, responses to bars and to flashes, indices of
 * neurons in the root, and one task without axes and variables. */
enum { FIELDS, BARS, FLASHES, INDICES, NOTHING, N_STAGES };
enum { DSI, DSI_VALID, DSI_Q }; /* variables of INDICES */
typedef struct fixture_stages {
  size_t n;
  ins_layout *layout[N_STAGES];
} fixture_stages;

static inline ins_layout *fixture_neurons(const char *group, const char *title, size_t n) {
  static const int64_t neurons[] = {10, 20, 30, 40, 50};
  ins_layout *layout;
  OK(ins_layout_create_in(group, title, &layout));
  OK(ins_layout_task_axis(layout, "neuron", n, fixture_ints(n, neurons), NULL,
                          "number of the neuron in the model"));
  return layout;
}

static inline ins_layout *fixture_fields(size_t n_neurons) {
  static const char *const channels[] = {"green", "UV"}, *const types[] = {"ON", "OFF", "?", "",
                                                                           "x"};
  int channel, y;
  ins_layout *layout = fixture_neurons("receptive_field", NULL, n_neurons);
  OK(ins_layout_axis(layout, "channel", 2, fixture_texts(2, channels), NULL, NULL, &channel));
  OK(ins_layout_axis(layout, "y", 3, NULL, NULL, NULL, &y));
  fixture_variable(
      layout,
      (ins_variable){
          .name = "spatial", .units = "1", .dtype = INS_F32, .n_axes = 2, .axes = {channel, y}});
  fixture_variable(layout, (ins_variable){.name = "area", .units = "um2", .dtype = INS_F64});
  fixture_variable(layout, (ins_variable){.name = "cell_type",
                                          .scope = INS_CONSTANT,
                                          .dtype = INS_U8,
                                          .n_axes = 1,
                                          .axes = {0},
                                          .data = fixture_texts(n_neurons, types)});
  return layout;
}

static inline ins_layout *fixture_responses(const char *group, size_t n_neurons, const char *axis,
                                            size_t n_values) {
  static const double values[] = {0, 90, 180, 270}, times[] = {0, 0.1, 0.2, 0.3, 0.4, 0.5};
  int frame;
  ins_layout *layout = fixture_neurons(group, NULL, n_neurons);
  OK(ins_layout_task_axis(layout, axis, n_values, fixture_reals(n_values, values), "degree", NULL));
  OK(ins_layout_axis(layout, "response_frame", 6, fixture_reals(6, times), "s", NULL, &frame));
  fixture_variable(
      layout, (ins_variable){.name = "response", .dtype = INS_F32, .n_axes = 1, .axes = {frame}});
  return layout;
}

static inline ins_layout *fixture_indices(size_t n_neurons) {
  ins_layout *layout = fixture_neurons(NULL, "a battery", n_neurons);
  layout->reduced = 0;
  fixture_variable(layout, (ins_variable){.name = "dsi", .dtype = INS_F64, .summed = true});
  fixture_variable(
      layout, (ins_variable){.name = "dsi_valid", .dtype = INS_I8, .flags = "0 no, 1 yes, 2 ?"});
  fixture_variable(
      layout,
      (ins_variable){
          .name = "dsi_q", .scope = INS_SUMMARY, .dtype = INS_F64, .n_axes = 1, .axes = {0}});
  return layout;
}

/** Flashes do not depend on bars; indices depend on everything. */
static inline fixture_stages fixture_battery(size_t n_neurons, size_t n_directions) {
  fixture_stages s = {.n = N_STAGES};
  s.layout[FIELDS] = fixture_fields(n_neurons);
  s.layout[BARS] = fixture_responses("moving_bar", n_neurons, "direction_deg", n_directions);
  s.layout[FLASHES] = fixture_responses("flash", n_neurons, "contrast", 2);
  s.layout[FLASHES]->unread = (uint64_t)1 << BARS;
  s.layout[INDICES] = fixture_indices(n_neurons);
  OK(ins_layout_create_in("nothing", NULL, &s.layout[NOTHING]));
  return s;
}

static inline void fixture_stages_clear(fixture_stages *s) {
  for (size_t k = 0; k < s->n; k++) ins_layout_destroy(&s->layout[k]);
}

/** The q-values of all neurons, as if computed from the rows of DSI. */
static inline void fixture_write_q(ins_store *store, const fixture_stages *s) {
  double q[5];
  for (size_t i = 0; i < s->layout[INDICES]->axes[0].length; i++) q[i] = 0.25 * (double)i;
  OK(ins_store_write_summary(store, INDICES, DSI_Q, 0, q));
}

static inline void fixture_write_battery(const char *path, const fixture_stages *s,
                                         const ins_value *attributes) {
  ins_store *store;
  OK(ins_store_create(path, s->n, s->layout, attributes));
  OK(ins_store_open(MPI_COMM_SELF, path, s->n, s->layout, &store));
  for (size_t k = 0; k < s->n; k++)
    fixture_write_stage(store, k, s->layout[k], 0, ins_layout_tasks(s->layout[k]), SIZE_MAX);
  fixture_write_q(store, s);
  OK(ins_store_close(&store));
}

/* ---- files ---- */

static inline char *fixture_folder(void) {
  const char *base = getenv("TMPDIR");
  char *folder = ins_format("%s/insilico-store-XXXXXX", base ? base : "/tmp");
  assert_non_null(mkdtemp(folder));
  return folder;
}

static inline void fixture_remove(char *folder) {
  char command[4096];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (system(command)) fprintf(stderr, "%s could not be removed\n", folder);
  free(folder);
}

static inline unsigned char *fixture_read(const char *path, size_t *n) {
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be opened", path);
  fseek(file, 0, SEEK_END);
  *n = (size_t)ftell(file);
  rewind(file);
  unsigned char *bytes = malloc(*n + 1);
  assert_int_equal(fread(bytes, 1, *n, file), *n);
  fclose(file);
  return bytes;
}

static inline void fixture_same(const char *a, const char *b) {
  size_t n, m, at = 0;
  unsigned char *x = fixture_read(a, &n), *y = fixture_read(b, &m);
  if (n != m) fail_msg("%s has %zu bytes, %s has %zu", a, n, b, m);
  while (at < n && x[at] == y[at]) at++;
  if (at < n) fail_msg("%s and %s differ at byte %zu of %zu", a, b, at, n);
  free(x);
  free(y);
}

#endif
